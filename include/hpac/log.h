/*
 * Log lines: to stderr, and to a file if one is open. Code below src/cli prints in no other way.
 *
 *     hpac_log_info("skipped %zu images", skipped);
 *
 * Thread-safe. Lines pass through hpac_printable (src/base/printable.h). Lines that cannot be
 * written are lost without an error.
 */
#ifndef HPAC_LOG_H
#define HPAC_LOG_H

#include <hpac/status.h>

typedef enum hpac_log_level {
    HPAC_LOG_ERROR,
    HPAC_LOG_WARNING,
    HPAC_LOG_INFO,
    HPAC_LOG_DETAIL, /* what few want to see on stderr: --verbose */
} hpac_log_level;

/* The most verbose level on stderr (the file gets all); INFO by default. */
void hpac_log_set_level(hpac_log_level level);

/* Appends all lines, with times, to `path` until hpac_log_close_file. Errors: DATA. */
hpac_status hpac_log_open_file(const char *path);
/* Ends that; without a file it does nothing. */
void hpac_log_close_file(void);

/* Called before and after each line on stderr, to redraw a progress bar; both may be NULL. */
void hpac_log_set_hook(void (*before)(void *), void (*after)(void *), void *user);

/* Writes one line and a newline; see the macros below. */
void hpac_log_line(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a line to the file only, if one is open. */
void hpac_log_record(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* An info line of parts, two spaces apart, the important ones first: on stderr it ends before the
 * part that would not fit the terminal's width (80 columns without a terminal). */
void hpac_log_parts(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define hpac_log_error(...) hpac_log_line(HPAC_LOG_ERROR, __VA_ARGS__)
#define hpac_log_warning(...) hpac_log_line(HPAC_LOG_WARNING, __VA_ARGS__)
#define hpac_log_info(...) hpac_log_line(HPAC_LOG_INFO, __VA_ARGS__)
#define hpac_log_detail(...) hpac_log_line(HPAC_LOG_DETAIL, __VA_ARGS__)

#endif
