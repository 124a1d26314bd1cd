/*
 * Images as the network sees them: the gray images of their channels, from files or from memory,
 * each resized from whatever size it has and interleaved with the others.
 */
#ifndef HPAC_DATA_PREPARER_H
#define HPAC_DATA_PREPARER_H

#include <hpac/labels.h>
#include <hpac/op.h>

#include "image/image.h"

#include <stdatomic.h>

/* What the files of a channel show, in the order of hpac_channel_names. */
extern const hpac_stain hpac_channel_stains[HPAC_MAX_CHANNELS];

typedef struct hpac_preparer_options {
    size_t rows, cols, channels; /* of the prepared images */
    hpac_pixels pixels;
    atomic_uint *remarks; /* kinds of HPAC_REMARK_... that were logged; shared by the preparers of a
                             set of images, each kind being logged once; borrowed */
} hpac_preparer_options;

/* A decoder, and resizers for the sizes met so far. For one thread at a time. */
typedef struct hpac_preparer hpac_preparer;
/* Errors: INTERNAL (memory). */
hpac_status hpac_preparer_create(const hpac_preparer_options *options, hpac_preparer **preparer);
void hpac_preparer_destroy(hpac_preparer *preparer); /* NULL is fine */

/* Writes channel `index` of `prepared`, (rows, cols, channels) bytes or floats in [0, 1], from a
 * PNG file that shows hpac_channel_names[shown]. Errors: DATA, naming the file; INTERNAL (memory).
 */
hpac_status hpac_preparer_read(hpac_preparer *preparer, const char *path, int shown, size_t index,
                               void *prepared);
/* The same from gray bytes, (rows, cols), packed. */
hpac_status hpac_preparer_resize(hpac_preparer *preparer, const uint8_t *gray, size_t rows,
                                 size_t cols, size_t index, void *prepared);

#endif
