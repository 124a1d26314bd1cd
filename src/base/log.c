/* Log lines to a callback and, with times, to a file. */
#include <hpac/log.h>

#include "memory.h"
#include "printable.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    pthread_mutex_t mutex;
    _Atomic hpac_log_level level;
    _Atomic size_t width; /* columns; 0: lines are not cut */
    FILE *file;
    hpac_log_callback *callback;
    void *user;
    bool in_callback;
} sink = {.mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP, .level = HPAC_LOG_INFO};

static const char *const level_names[] = {"error", "warning", "info", "info"};

void hpac_log_set_level(hpac_log_level level)
{
    sink.level = level;
}

void hpac_log_set_width(size_t columns)
{
    sink.width = columns;
}

/* Replaces the log file; NULL: none. */
static void set_file(FILE *file)
{
    pthread_mutex_lock(&sink.mutex);
    FILE *old = sink.file;
    sink.file = file;
    pthread_mutex_unlock(&sink.mutex);
    if (old)
        fclose(old);
}

hpac_status hpac_log_open_file(const char *path)
{
    HPAC_TRY_GIVEN(path);
    FILE *file = fopen(path, "ae");
    if (!file)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot open for writing: %s", path, strerror(errno));
    setvbuf(file, NULL, _IOLBF, 0);
    set_file(file);
    return HPAC_OK;
}

void hpac_log_close_file(void)
{
    set_file(NULL);
}

void hpac_log_set_callback(hpac_log_callback *callback, void *user)
{
    pthread_mutex_lock(&sink.mutex);
    sink.callback = callback;
    sink.user = user;
    pthread_mutex_unlock(&sink.mutex);
}

static void write_to_file(hpac_log_level level, const char *text)
{
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    fprintf(sink.file, "%s %s %s\n", when, level_names[level], text);
}

/* Ends a line of parts before the one that does not fit. */
static void cut_to_width(char *text, size_t width)
{
    char *end = NULL;
    if (width == 0 || strlen(text) <= width)
        return;
    for (char *gap = text; (gap = strstr(gap, "  ")) && gap <= text + width; gap += 2)
        end = gap;
    if (end)
        *end = '\0';
}

typedef enum log_target { FILE_ONLY, FILE_AND_CALLBACK, PARTS } log_target;

static void write_line(hpac_log_level level, log_target target, const char *format,
                       va_list arguments)
{
    HPAC_AUTO_FREE char *raw = NULL;
    if ((unsigned)level > HPAC_LOG_DETAIL)
        level = HPAC_LOG_DETAIL;
    if (vasprintf(&raw, format, arguments) < 0)
        raw = NULL;
    HPAC_AUTO_FREE char *text = raw ? hpac_printable(raw) : NULL;
    const char *shown = text ? text : "(out of memory while writing a log line)";
    pthread_mutex_lock(&sink.mutex);
    if (sink.file)
        write_to_file(level, shown);
    if (text && target == PARTS)
        cut_to_width(text, sink.width);
    /* What the callback logs itself, or through a function that it calls, is in the file only. */
    if (target != FILE_ONLY && sink.callback && level <= sink.level && !sink.in_callback) {
        sink.in_callback = true;
        sink.callback(sink.user, level, shown);
        sink.in_callback = false;
    }
    pthread_mutex_unlock(&sink.mutex);
}

void hpac_log_line(hpac_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(level, FILE_AND_CALLBACK, format, arguments);
    va_end(arguments);
}

void hpac_log_record(hpac_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(level, FILE_ONLY, format, arguments);
    va_end(arguments);
}

void hpac_log_parts(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_line(HPAC_LOG_INFO, PARTS, format, arguments);
    va_end(arguments);
}
