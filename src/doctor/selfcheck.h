/*
 * Checks a device against a naive double-precision reference: one table of cases for every device,
 * used by the unit tests and by `hpac doctor`.
 *
 *     for (size_t i = 0; i < hpac_selfcheck_count(); i++)
 *         if (hpac_selfcheck_run(device, i, seed, NULL) != HPAC_OK)
 *             printf("%s: %s\n", hpac_selfcheck_name(i), hpac_error_message());
 *
 * A stack of operations is computed forward and backward, each operation by itself and in the
 * longest op chains that the device accepts, on small integers (where the device must be exact,
 * whatever the order of its sums), on random numbers and on very large and very small ones. All
 * outputs are filled with NaN before a call; every call is made twice and must give the same bits.
 */
#ifndef HPAC_DOCTOR_SELFCHECK_H
#define HPAC_DOCTOR_SELFCHECK_H

#include <hpac/device.h>

/* The number of cases. */
size_t hpac_selfcheck_count(void);
/* "conv2d 3 x 5, 3 to 5 channels"; `index` in 0 .. count - 1. */
const char *hpac_selfcheck_name(size_t index);

/* The result of a case. */
typedef struct hpac_selfcheck_reading {
    double error;      /* |value - expected| where its ratio to the tolerance was the max; after a
                          failure that of the wrong value, not finite if that is not */
    double tolerance;  /* the tolerance there */
    double elapsed_ms; /* on the device, of all its calls of the case together */
    size_t declined;   /* how often the device did not compute with the views of the case, which it
                          need not: nothing was checked then */
} hpac_selfcheck_reading;

/* `reading` may be NULL; it is filled in after a failure, too. Errors: NUMERIC with the first wrong
 * value, its index and the expected value; those of the device. */
hpac_status hpac_selfcheck_run(hpac_device *device, size_t index, uint64_t seed,
                               hpac_selfcheck_reading *reading);

#endif
