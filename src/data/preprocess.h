/*
 * Prepared images as PNG files: what the network sees, for the eye and for other programs.
 *
 *     hpac_preprocess_options options = {.dataset = dataset, .directory = "prepared"};
 *     status = hpac_preprocess_write(&options);
 */
#ifndef HPAC_DATA_PREPROCESS_H
#define HPAC_DATA_PREPROCESS_H

#include "dataset.h"

typedef struct hpac_preprocess_options {
    hpac_dataset *dataset; /* pixels: UINT8 */
    const char *directory; /* gets <Id>_<channel>.png; created if missing */
    bool force;            /* replace files that are there */
    hpac_dataset_pass pass;
} hpac_preprocess_options;

/* Writes all rows of the data set. All files are checked (hpac_dataset_check) before the first is
 * written; rows with images found corrupt later are all listed at the end, each by its first bad
 * file. On error the files this call added are removed again. Errors: DATA for images, and when the
 * disk is full; CONFIG when the directory is that of the images or cannot be written, or when a
 * file is there already and not `force`; HPAC_INTERRUPTED. */
hpac_status hpac_preprocess_write(const hpac_preprocess_options *options);

#endif
