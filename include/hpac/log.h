/*
 * Log lines: to stderr, and to a file when one is given. The one way in which code below src/cli
 * speaks.
 *
 *     hpac_log_info("skipped %zu images", skipped);
 *
 * Safe to call from any thread. The progress bar of the program is redrawn below log lines through
 * the hook, so that the two never share a line.
 */
#ifndef HPAC_LOG_H
#define HPAC_LOG_H

#include <hpac/status.h>

#include <stdbool.h>

typedef enum hpac_log_level {
    HPAC_LOG_ERROR,
    HPAC_LOG_WARNING,
    HPAC_LOG_INFO,
    HPAC_LOG_DEBUG,
} hpac_log_level;

/* Lines above this level are dropped on stderr (the file gets all but DEBUG). INFO at the start. */
void hpac_log_set_level(hpac_log_level level);

/* Copies all lines, with times, to `path` (appended to) until hpac_log_close_file. Errors: DATA. */
hpac_status hpac_log_open_file(const char *path);
/* Ends the copying; does nothing when there is no file. */
void hpac_log_close_file(void);

/* `before` is called before each line on stderr and `after` after it; both may be NULL. */
void hpac_log_set_hook(void (*before)(void *), void (*after)(void *), void *user);

/* One line; the macros below say it shorter. A newline is added. */
void hpac_log_line(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line for the file alone, when there is one. */
void hpac_log_record(hpac_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define hpac_log_error(...) hpac_log_line(HPAC_LOG_ERROR, __VA_ARGS__)
#define hpac_log_warning(...) hpac_log_line(HPAC_LOG_WARNING, __VA_ARGS__)
#define hpac_log_info(...) hpac_log_line(HPAC_LOG_INFO, __VA_ARGS__)
#define hpac_log_debug(...) hpac_log_line(HPAC_LOG_DEBUG, __VA_ARGS__)

#endif
