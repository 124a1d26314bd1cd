/* The error record of a thread, and lists of problems. */
#include "memory.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Messages grow to whatever they need. A key and not a _Thread_local, because the record of a
 * thread that ends must be freed. */
static pthread_key_t record_key;
static pthread_once_t record_once = PTHREAD_ONCE_INIT;
static bool has_record_key;

/* The message without a record: nothing has failed, or out of memory. */
static _Thread_local const char *no_record = "";

static void make_record_key(void)
{
    has_record_key = pthread_key_create(&record_key, free) == 0;
}

static char *get_record(void)
{
    pthread_once(&record_once, make_record_key);
    return has_record_key ? pthread_getspecific(record_key) : NULL;
}

static char *format_text(const char *format, va_list arguments)
{
    char *text = NULL;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

static void set_record(char *text)
{
    no_record = "out of memory while reporting an error";
    free(get_record());
    if (!has_record_key || pthread_setspecific(record_key, text) != 0)
        free(text); /* it fails only for the first record of a thread, which then has none */
}

hpac_status hpac_fail(hpac_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_record(format_text(format, arguments));
    va_end(arguments);
    return status;
}

hpac_status hpac_fail_memory(size_t nbytes)
{
    return hpac_fail(HPAC_ERR_INTERNAL, "out of memory: cannot allocate %zu bytes", nbytes);
}

hpac_status hpac_fail_within(hpac_status status, const char *format, ...)
{
    if (status == HPAC_OK)
        return status;
    va_list arguments;
    va_start(arguments, format);
    HPAC_AUTO_FREE char *outer = format_text(format, arguments);
    va_end(arguments);
    return outer ? hpac_fail(status, "%s: %s", outer, hpac_error_message()) : status;
}

const char *hpac_error_message(void)
{
    const char *record = get_record();
    return record ? record : no_record;
}

void hpac_problems_add(hpac_problems *problems, const char *format, ...)
{
    problems->count++;
    va_list arguments;
    va_start(arguments, format);
    HPAC_AUTO_FREE char *line = format_text(format, arguments);
    va_end(arguments);
    if (!line)
        return;
    size_t line_length = strlen(line);
    size_t needed = problems->length + line_length + 2; /* newline before, NUL after */
    if (needed > problems->capacity) {
        char *text = realloc(problems->text, 2 * needed);
        if (!text)
            return;
        problems->text = text;
        problems->capacity = 2 * needed;
    }
    problems->text[problems->length] = '\n';
    memcpy(problems->text + problems->length + 1, line, line_length + 1);
    problems->length += line_length + 1;
}

enum { SHOWN_COUNT = 10 };

/* Writes the complete list to a new file below $TMPDIR; its path, malloc'ed, or NULL. */
static char *write_problems(const char *text)
{
    const char *directory = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/hpac-problems-XXXXXX.txt",
                 directory && *directory ? directory : "/tmp") < 0)
        return NULL;
    int descriptor = mkstemps(path, 4);
    FILE *stream = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (stream) {
        fprintf(stream, "%s\n", text + 1); /* + 1: the newline before the first line */
        bool complete = !ferror(stream);
        if (fclose(stream) == 0 && complete)
            return path;
        unlink(path);
    } else if (descriptor >= 0)
        close(descriptor);
    free(path);
    return NULL;
}

/* Cuts the list after the first lines and says where the rest is. */
static void shorten(hpac_problems *problems)
{
    HPAC_AUTO_FREE char *list = write_problems(problems->text);
    size_t count = problems->count;
    char *end = problems->text;
    for (int shown = 0; end && shown <= SHOWN_COUNT; shown++) /* a problem may have several lines */
        end = strchr(end + (shown > 0), '\n');
    if (end) {
        *end = '\0';
        problems->length = (size_t)(end - problems->text);
    }
    hpac_problems_add(problems, "and %zu more (%s%s)", count - SHOWN_COUNT,
                      list ? "all in " : "the complete list could not be written to $TMPDIR",
                      list ? list : "");
    problems->count = count;
}

hpac_status hpac_problems_finish(hpac_problems *problems, hpac_status status, const char *headline,
                                 ...)
{
    if (problems->count == 0)
        return HPAC_OK;
    bool many = problems->text && problems->count > SHOWN_COUNT;
    if (many)
        shorten(problems);
    va_list arguments;
    va_start(arguments, headline);
    HPAC_AUTO_FREE char *head = format_text(headline, arguments);
    va_end(arguments);
    HPAC_AUTO_FREE char *again = NULL;
    if (many && asprintf(&again, "\n%s: %zu problems", head ? head : "", problems->count) < 0)
        again = NULL;
    hpac_fail(status, "%s: %zu problem%s%s%s%s%s", head ? head : "", problems->count,
              problems->count == 1 ? "" : "s", problems->text ? problems->text : "",
              again ? again : "", problems->cause ? "\n" : "",
              problems->cause ? problems->cause : "");
    free(problems->text);
    *problems = (hpac_problems){0};
    return status;
}
