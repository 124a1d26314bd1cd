/*
 * Status codes and the error record.
 *
 * Library functions that can fail return a hpac_status. The message of a failure (file, row, key,
 * expected value) is kept in a record of the calling thread until its next failure:
 *
 *     if (rows < 1)
 *         return hpac_fail(HPAC_ERR_CONFIG, "data.image.rows: %d is not positive", rows);
 *     HPAC_TRY(hpac_labels_read_csv(path, &labels));
 *
 * The values are the exit codes of the program.
 *
 * Pointers that are passed to the library must not be NULL where no comment allows it. Functions
 * that return a status refuse a NULL one with INTERNAL and a message that names function and
 * argument, and values that are out of range, in structs too, with INTERNAL or CONFIG. Functions
 * named fini, destroy and close accept NULL. Other functions that return no status, those of this
 * header, and the operations of a device do not check.
 *
 * Undefined, since it cannot be checked: arrays with fewer elements than their count, a struct that
 * was neither zeroed nor filled by the library, a device, network or inference that the library did
 * not make, and any use of one that was closed or destroyed.
 */
#ifndef HPAC_STATUS_H
#define HPAC_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library: "0.1.0", or of a checkout that is not tagged "0.1.0-12-g1b28549". */
const char *hpac_version(void);

typedef enum hpac_status {
    HPAC_OK = 0,
    HPAC_ERR_INTERNAL = 1,  /* out of memory, or a bug */
    HPAC_ERR_CONFIG = 2,    /* usage or configuration: something the user typed */
    HPAC_ERR_DATA = 3,      /* files: what was read is bad, or writing failed */
    HPAC_ERR_DEVICE = 4,    /* the device or one of its libraries */
    HPAC_ERR_NUMERIC = 5,   /* a loss, gradient or weight that is not finite */
    HPAC_INTERRUPTED = 130, /* by SIGINT, SIGTERM, SIGHUP or SIGUSR1; saved */
} hpac_status;

/* Sets the calling thread's error record and returns `status`, so that a failure is one line. The
 * message may have several lines, without a newline at the end. `status` must not be HPAC_OK. */
hpac_status hpac_fail(hpac_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* hpac_fail(HPAC_ERR_INTERNAL) for an allocation of `nbytes` that failed. */
hpac_status hpac_fail_memory(size_t nbytes);

/* Returns a failure of `expression` from the calling function. */
#define HPAC_TRY(expression)                                                                       \
    do {                                                                                           \
        hpac_status hpac_try_status = (expression);                                                \
        if (hpac_try_status != HPAC_OK)                                                            \
            return hpac_try_status;                                                                \
    } while (0)

/* Prepends "text: " to the record's message and returns `status`: a caller adds context. Does
 * nothing when `status` is HPAC_OK. */
hpac_status hpac_fail_within(hpac_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The message of the calling thread's last failure; "" if there was none. Names of files are in it
 * as they are, control characters included. Valid until the thread's next call of a function of the
 * library. To hand it to another thread, copy it. */
const char *hpac_error_message(void);

/*
 * A list of problems, for checks that report all of them and not just the first:
 *
 *     hpac_problems problems = {0};
 *     for each row: if (bad) hpac_problems_add(&problems, "%s:%zu: empty target", path, row);
 *     return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad rows", path);
 */
typedef struct hpac_problems {
    char *text; /* owned; lines */
    size_t length, capacity;
    size_t count;
    const char *cause; /* borrowed: what may be behind all of them, for the last line; or NULL */
} hpac_problems;

/* Adds one line. An allocation that fails drops the line but still counts it. */
void hpac_problems_add(hpac_problems *problems, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* HPAC_OK if nothing was added; else hpac_fail(status) with the headline, the count and the lines;
 * of more than 10 problems the first 10, the path of a file below $TMPDIR that has all, and, as the
 * first line has scrolled away by then, the headline again. The cause, if any, is the last line.
 * Frees the list either way and leaves it empty. */
hpac_status hpac_problems_finish(hpac_problems *problems, hpac_status status, const char *headline,
                                 ...) __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
