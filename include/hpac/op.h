/* Operations that devices compute. Shapes are those of one image; a plan adds the batch. */
#ifndef HPAC_OP_H
#define HPAC_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hpac_shape {
    int rank; /* 3: (rows, cols, channels); 1: a vector of `channels` values, rows = cols = 1 */
    size_t rows, cols, channels;
} hpac_shape;

static inline size_t hpac_shape_count(hpac_shape shape)
{
    return shape.rows * shape.cols * shape.channels;
}

/* The arrays of numbers that a layer may have, in Keras's order and by its names. */
typedef enum hpac_role {
    HPAC_KERNEL, /* conv2d (rows, cols, in, out), dense (in, out) */
    HPAC_BIAS,
    HPAC_GAMMA, /* batch_norm: the scale, and the center below it */
    HPAC_BETA,
    HPAC_MOVING_MEAN, /* batch_norm: what forward averages in training and uses otherwise */
    HPAC_MOVING_VARIANCE,
    HPAC_ROLE_COUNT,
} hpac_role;

/* Whether the optimizer changes it. */
static inline bool hpac_role_is_trained(hpac_role role)
{
    return role < HPAC_MOVING_MEAN;
}

/* The number format of prepared pixels. */
typedef enum hpac_pixels {
    HPAC_PIXELS_UINT8,   /* bytes; the device divides by 255 */
    HPAC_PIXELS_FLOAT32, /* floats in [0, 1], as in the reference notebooks */
} hpac_pixels;

/* In the order of hpac_op_name. A convolution has stride 1, a window of maxpool is its stride and
 * incomplete ones are dropped; of equal values in it the first in row order gets the gradient, as
 * in Keras. */
typedef enum hpac_op_kind {
    HPAC_OP_PIXELS,  /* bytes / 255, or floats unchanged: the first op of every network */
    HPAC_OP_CONV2D,  /* y[r][c][k] = bias[k] + sum x[r + i][c + j][m] w[i][j][m][k] */
    HPAC_OP_MAXPOOL, /* the maximum of each window */
    HPAC_OP_DENSE,   /* y[k] = bias[k] + sum x[m] w[m][k] */
    HPAC_OP_RELU,    /* max(x, 0); gradient where y > 0 */
    HPAC_OP_SIGMOID, /* 1 / (1 + exp(-x)); the last one is part of the loss */
    HPAC_OP_DROPOUT, /* training: x / (1 - rate) or, where dropped, 0; otherwise x */
    HPAC_OP_FLATTEN, /* (rows, cols, channels) -> vector in that order */
} hpac_op_kind;

typedef struct hpac_op {
    hpac_op_kind kind;
    hpac_shape in, out;
    size_t kernel_rows, kernel_cols; /* conv2d: kernel; maxpool: window */
    float rate;                      /* dropout: kept where random >= threshold, see below */
    uint32_t stream;                 /* the layer's number; dropout: for HPAC_PURPOSE_DROPOUT */
    hpac_pixels pixels;              /* pixels */
} hpac_op;

/* A value is dropped when its Philox number is below this: rate x 2^32, rounded. */
static inline uint32_t hpac_dropout_threshold(float rate)
{
    return (uint32_t)((double)rate * 4294967296.0 + 0.5);
}

/* "conv2d", ...: for tables and messages. */
static inline const char *hpac_op_name(hpac_op_kind kind)
{
    static const char *const names[] = {"pixels", "conv2d",  "maxpool", "dense",
                                        "relu",   "sigmoid", "dropout", "flatten"};
    return names[kind];
}

/* A batch in a slot: one block, for one upload. First the targets, (batch_size, target_count) bytes
 * of 0 or 1, then, at the next multiple of 64, the pixels, (batch_size, rows, cols, channels). A
 * batch of fewer images fills the first rows of both parts. */
typedef struct hpac_batch_format {
    size_t batch_size, target_count;
    size_t rows, cols, channels;
    hpac_pixels pixels;
} hpac_batch_format;

static inline size_t hpac_batch_image_nbytes(const hpac_batch_format *format)
{
    size_t pixel_nbytes = format->pixels == HPAC_PIXELS_UINT8 ? 1 : sizeof(float);
    return format->rows * format->cols * format->channels * pixel_nbytes;
}

static inline size_t hpac_batch_pixels_offset_nbytes(const hpac_batch_format *format)
{
    return (format->batch_size * format->target_count + 63) / 64 * 64;
}

static inline size_t hpac_batch_nbytes(const hpac_batch_format *format)
{
    return hpac_batch_pixels_offset_nbytes(format) +
           format->batch_size * hpac_batch_image_nbytes(format);
}

#ifdef __cplusplus
}
#endif

#endif
