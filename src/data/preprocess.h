/*
 * Prepared images as PNG files: what the network sees, for the eye and for other programs.
 *
 *     hpac_preprocess_options options = {.dataset = dataset, .directory = "prepared"};
 *     status = hpac_preprocess_write(&options);
 */
#ifndef HPAC_DATA_PREPROCESS_H
#define HPAC_DATA_PREPROCESS_H

#include "dataset.h"

#include <signal.h>

typedef struct hpac_preprocess_options {
    hpac_dataset *dataset; /* pixels: UINT8 */
    const char *directory; /* gets <Id>_<channel>.png; created if missing */
    bool force;            /* replace files that are there */
    int threads;           /* as in hpac_parallel_for */
    /* Nonzero: finish the rows under way, clean up, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    /* Called after each row, one call at a time, from any thread; may be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
} hpac_preprocess_options;

/* Writes all rows of the data set. All files are checked (hpac_dataset_check) before the first is
 * written; rows with images found corrupt later are all listed at the end, each by its first
 * bad file. On error the files this call added are removed again. Errors: DATA for images, and when
 * the disk is full; CONFIG when the directory is that of the images or cannot be written, or when a
 * file is there already and not `force`; HPAC_INTERRUPTED.
 */
hpac_status hpac_preprocess_write(const hpac_preprocess_options *options);

#endif
