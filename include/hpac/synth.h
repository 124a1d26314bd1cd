/*
 * Synthetic data in the likeness of the competition's: painted cells in four channels, with labels.
 *
 * Writes into a folder: train/<Id>_<channel>.png, train.csv, test/<Id>_<channel>.png,
 * sample_submission.csv. Everything is a function of the options alone, never of threads.
 */
#ifndef HPAC_SYNTH_H
#define HPAC_SYNTH_H

#include <hpac/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct hpac_synth_options {
    const char *folder;
    int count;      /* training images, >= 1 */
    int test_count; /* test images, >= 0 */
    int size;       /* pixels a side, 64 .. 4096 */
    uint64_t seed;
    bool balance; /* equal class frequencies instead of the real ones */
    int threads;  /* 0: one a core */
    void (*progress)(void *user, int painted,
                     int total); /* from any thread, one at a time; may be NULL */
    void *user;
} hpac_synth_options;

/* Errors: CONFIG for options out of range or a folder that cannot be made, DATA when writing fails.
 */
hpac_status hpac_synth_write(const hpac_synth_options *options);

#endif
