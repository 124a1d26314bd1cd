/*
 * Log lines: warnings and notices of the library, for a callback and for a file if one is open. The
 * library prints in no other way: without a callback it is silent.
 *
 *     static void print(void *user, hpac_log_level level, const char *line)
 *     {
 *         fprintf(user, "%s%s\n", level == HPAC_LOG_INFO ? "" : "warning: ", line);
 *     }
 *     hpac_log_set_callback(print, stderr);
 *
 * Thread-safe. Control characters of data are made printable. Lines that cannot be written are lost
 * without an error.
 */
#ifndef HPAC_LOG_H
#define HPAC_LOG_H

#include <hpac/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hpac_log_level {
    HPAC_LOG_ERROR,
    HPAC_LOG_WARNING,
    HPAC_LOG_INFO,
    HPAC_LOG_DETAIL, /* what few want to see */
} hpac_log_level;

/* `line` has no newline at its end and is valid during the call. */
typedef void hpac_log_callback(void *user, hpac_log_level level, const char *line);

/* The callback for all lines from now on, of the whole process; NULL, the default: none. Called
 * from any thread that uses the library, and from threads of the library, one call at a time. It
 * must return (no longjmp, no C++ exception), and may call functions of status.h and of this
 * header; lines that it logs are in the file alone. Other functions of the library may wait for the
 * call that logged, forever. */
void hpac_log_set_callback(hpac_log_callback *callback, void *user);
/* The most verbose level that the callback gets (the file gets all); INFO by default. */
void hpac_log_set_level(hpac_log_level level);

/* The columns for lines of parts (hpac_log_parts): the callback gets such a line up to the last
 * part that fits. 0, the default: all of it. */
void hpac_log_set_width(size_t columns);

/* Appends all lines, with times, to `path` until hpac_log_close_file. Errors: DATA. */
hpac_status hpac_log_open_file(const char *path);
/* Ends that; without a file it does nothing. */
void hpac_log_close_file(void);

/* Logs one line; see the macros below. */
void hpac_log_line(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a line to the file only, if one is open. */
void hpac_log_record(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An info line of parts, two spaces apart, the important ones first (hpac_log_set_width). */
void hpac_log_parts(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define hpac_log_error(...) hpac_log_line(HPAC_LOG_ERROR, __VA_ARGS__)
#define hpac_log_warning(...) hpac_log_line(HPAC_LOG_WARNING, __VA_ARGS__)
#define hpac_log_info(...) hpac_log_line(HPAC_LOG_INFO, __VA_ARGS__)
#define hpac_log_detail(...) hpac_log_line(HPAC_LOG_DETAIL, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
