/* Log lines to stderr and, with times, to a file. */
#include <hpac/log.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    pthread_mutex_t mutex;
    hpac_log_level level;
    FILE *file;
    void (*before)(void *);
    void (*after)(void *);
    void *user;
} sink = {.mutex = PTHREAD_MUTEX_INITIALIZER, .level = HPAC_LOG_INFO};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void hpac_log_set_level(hpac_log_level level)
{
    pthread_mutex_lock(&sink.mutex);
    sink.level = level;
    pthread_mutex_unlock(&sink.mutex);
}

hpac_status hpac_log_open_file(const char *path)
{
    FILE *file = fopen(path, "a");
    if (!file)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot be opened for writing: %s", path,
                         strerror(errno));
    setvbuf(file, NULL, _IOLBF, 0);
    pthread_mutex_lock(&sink.mutex);
    FILE *old = sink.file;
    sink.file = file;
    pthread_mutex_unlock(&sink.mutex);
    if (old)
        fclose(old);
    return HPAC_OK;
}

void hpac_log_close_file(void)
{
    pthread_mutex_lock(&sink.mutex);
    if (sink.file)
        fclose(sink.file);
    sink.file = NULL;
    pthread_mutex_unlock(&sink.mutex);
}

void hpac_log_set_hook(void (*before)(void *), void (*after)(void *), void *user)
{
    pthread_mutex_lock(&sink.mutex);
    sink.before = before;
    sink.after = after;
    sink.user = user;
    pthread_mutex_unlock(&sink.mutex);
}

static void write_file_line(hpac_log_level level, const char *format, va_list arguments)
{
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    fprintf(sink.file, "%s %s ", when, level_names[level]);
    vfprintf(sink.file, format, arguments);
    fputc('\n', sink.file);
}

static void write_stderr_line(hpac_log_level level, const char *format, va_list arguments)
{
    if (sink.before)
        sink.before(sink.user);
    if (level <= HPAC_LOG_WARNING)
        fprintf(stderr, "hpac: %s: ", level_names[level]);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    if (sink.after)
        sink.after(sink.user);
}

void hpac_log_line(hpac_log_level level, const char *format, ...)
{
    va_list arguments;
    pthread_mutex_lock(&sink.mutex);
    if (sink.file && level < HPAC_LOG_DEBUG) {
        va_start(arguments, format);
        write_file_line(level, format, arguments);
        va_end(arguments);
    }
    if (level <= sink.level) {
        va_start(arguments, format);
        write_stderr_line(level, format, arguments);
        va_end(arguments);
    }
    pthread_mutex_unlock(&sink.mutex);
}

void hpac_log_record(hpac_log_level level, const char *format, ...)
{
    va_list arguments;
    pthread_mutex_lock(&sink.mutex);
    if (sink.file) {
        va_start(arguments, format);
        write_file_line(level, format, arguments);
        va_end(arguments);
    }
    pthread_mutex_unlock(&sink.mutex);
}
