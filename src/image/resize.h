/*
 * skimage.transform.resize with its defaults, for 8-bit gray images.
 *
 * Along each axis, factor f = in / out: a Gaussian low-pass of sigma max(0, (f - 1) / 2), cut at
 * int(4 sigma + 0.5) taps per side, then linear interpolation at pixel centers, x_in = (x_out +
 * 0.5) f - 0.5; borders mirror without repeating the edge pixel in both (scipy.ndimage's 'mirror').
 * The two steps are linear, so each axis is one banded matrix made once; results equal
 * scikit-image's to 1e-5 on the 0..1 scale.
 */
#ifndef HPAC_IMAGE_RESIZE_H
#define HPAC_IMAGE_RESIZE_H

#include <hpac/status.h>

#include <stdint.h>

/* The matrices of one pair of sizes, and scratch rows. For one thread at a time. */
typedef struct hpac_resizer hpac_resizer;

/* All sizes in 1 .. HPAC_IMAGE_MAX_SIDE (image.h). Errors: INTERNAL (memory), CONFIG (cpu.h). */
hpac_status hpac_resizer_create(size_t in_rows, size_t in_cols, size_t out_rows, size_t out_cols,
                                hpac_resizer **resizer);
void hpac_resizer_destroy(hpac_resizer *resizer); /* NULL is fine */

/* in: (in_rows, in_cols), packed. Writes pixel (r, c) to out[(r * out_cols + c) * out_stride], so
 * that a channel of an interleaved image can be written in place. _f32: on the scale 0..1 (byte /
 * 255). _u8: rounded to the nearest bytes. */
void hpac_resize_f32(hpac_resizer *resizer, const uint8_t *in, float *out, size_t out_stride);
void hpac_resize_u8(hpac_resizer *resizer, const uint8_t *in, uint8_t *out, size_t out_stride);

#endif
