/*
 * How prepared pixels are kept, and how a batch of them lies in a slot.
 *
 * A slot is one block, so that one upload carries a batch: first the targets, (batch, target_count)
 * bytes of 0 or 1, then, at the next multiple of 64, the pixels, (batch, rows, cols, channels). A
 * batch of fewer images fills the first places of both parts.
 */
#ifndef HPAC_PIXELS_H
#define HPAC_PIXELS_H

#include <stddef.h>

typedef enum hpac_pixels {
    HPAC_PIXELS_UINT8,   /* bytes; the device divides by 255 */
    HPAC_PIXELS_FLOAT32, /* floats on 0..1, as the write-up keeps them */
} hpac_pixels;

typedef struct hpac_batch_format {
    int batch_size, target_count;
    int rows, cols, channels;
    hpac_pixels pixels;
} hpac_batch_format;

static inline size_t hpac_pixels_nbytes(hpac_pixels pixels)
{
    return pixels == HPAC_PIXELS_UINT8 ? 1 : sizeof(float);
}

static inline size_t hpac_batch_image_nbytes(const hpac_batch_format *format)
{
    return (size_t)format->rows * (size_t)format->cols * (size_t)format->channels *
           hpac_pixels_nbytes(format->pixels);
}

static inline size_t hpac_batch_pixels_offset_nbytes(const hpac_batch_format *format)
{
    return ((size_t)format->batch_size * (size_t)format->target_count + 63) / 64 * 64;
}

static inline size_t hpac_batch_nbytes(const hpac_batch_format *format)
{
    return hpac_batch_pixels_offset_nbytes(format) +
           (size_t)format->batch_size * hpac_batch_image_nbytes(format);
}

#endif
