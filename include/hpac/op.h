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

/* In the order of hpac_op_name. Windows slide by the stride over the image with its padding, of
 * which conv2d reads zeros, and pools nothing: a maximum is that of the pixels inside, and a mean
 * divides by their number; rows and columns that fill no window are dropped. Of equal values in a
 * window the first in row order gets the gradient of maxima. All as in Keras. */
typedef enum hpac_op_kind {
    HPAC_OP_PIXELS, /* bytes / 255, or floats unchanged: the first op of every network */
    /* y[r][c][k] = bias[k] + sum x[r s + i d - top][c s + j d - left][m] w[i][j][m - g][k] over the
     * channels m of the group of k, which begins at channel g */
    HPAC_OP_CONV2D,
    HPAC_OP_MAXPOOL,        /* the maximum of each window */
    HPAC_OP_DENSE,          /* y[k] = bias[k] + sum x[m] w[m][k] */
    HPAC_OP_RELU,           /* max(x, 0); gradient where y > 0 */
    HPAC_OP_SIGMOID,        /* 1 / (1 + exp(-x)); the last one is part of the loss */
    HPAC_OP_DROPOUT,        /* training: x / (1 - rate) or, where dropped, 0; otherwise x */
    HPAC_OP_FLATTEN,        /* (rows, cols, channels) -> vector in that order */
    HPAC_OP_RESHAPE,        /* the values in that order as (rows, cols, channels) */
    HPAC_OP_AVGPOOL,        /* the mean of each window */
    HPAC_OP_GLOBAL_AVGPOOL, /* the mean of each channel; a vector, or (1, 1, channels) */
    HPAC_OP_GLOBAL_MAXPOOL, /* the maximum of each channel; likewise. The first of equals */
    HPAC_OP_ZERO_PAD,       /* zeros around the image */
    HPAC_OP_RESCALE,        /* y[..][k] = x[..][k] factor[k] + offset[k] */
    /* y = gamma (x - mean) / sqrt(variance + epsilon) + beta, for each channel: in training with
     * mean and variance (divided by their number) of the batch's values, of which moving averages
     * are kept, a <- momentum a + (1 - momentum) value; otherwise with those averages. */
    HPAC_OP_BATCH_NORM,
    HPAC_OP_ADD,      /* the sum of all inputs, which have one shape */
    HPAC_OP_MULTIPLY, /* x times the side input, of its shape or (1, 1, channels) */
    HPAC_OP_CONCAT,   /* the channels of all inputs, one input behind the other */
    HPAC_OP_RELU6,    /* min(max(x, 0), 6); gradient where 0 < y < 6 */
    HPAC_OP_SILU,     /* x / (1 + exp(-x)) */
    HPAC_OP_GELU,     /* x (1 + erf(x / sqrt(2))) / 2 */
    HPAC_OP_SOFTPLUS, /* log(1 + exp(x)) */
    HPAC_OP_TANH,
    HPAC_OP_COUNT,
} hpac_op_kind;

#define HPAC_OP_MAX_SIDES 15
#define HPAC_OP_MAX_RESCALED 4 /* channels of rescale */

typedef struct hpac_op {
    hpac_op_kind kind;
    hpac_shape in, out;
    size_t side_count; /* add, multiply, concat: inputs besides the first, in order */
    hpac_shape sides[HPAC_OP_MAX_SIDES];
    size_t kernel_rows, kernel_cols;                 /* conv2d: kernel; pools: window */
    size_t stride_rows, stride_cols;                 /* conv2d, pools */
    size_t dilation_rows, dilation_cols;             /* conv2d; 1: none */
    size_t pad_top, pad_bottom, pad_left, pad_right; /* conv2d, pools, zero_pad */
    size_t groups;           /* conv2d; 1: none. Depthwise: as many as input channels */
    bool no_bias;            /* conv2d, dense */
    bool no_gamma, no_beta;  /* batch_norm: 1 and 0 then */
    float momentum, epsilon; /* batch_norm */
    float factor[HPAC_OP_MAX_RESCALED], offset[HPAC_OP_MAX_RESCALED]; /* rescale */
    float rate;          /* dropout: kept where random >= threshold, see below */
    bool whole_channels; /* dropout: one random number for a channel of an image */
    bool whole_images;   /* dropout, with whole_channels: one for an image instead */
    uint32_t stream;     /* the layer's number; dropout: for HPAC_PURPOSE_DROPOUT */
    hpac_pixels pixels;  /* pixels */
} hpac_op;

/* A value is dropped when its Philox number is below this: rate x 2^32, rounded. */
static inline uint32_t hpac_dropout_threshold(float rate)
{
    return (uint32_t)((double)rate * 4294967296.0 + 0.5);
}

/* "conv2d", ...: for tables and messages. */
static inline const char *hpac_op_name(hpac_op_kind kind)
{
    static const char *const names[HPAC_OP_COUNT] = {"pixels",
                                                     "conv2d",
                                                     "maxpool",
                                                     "dense",
                                                     "relu",
                                                     "sigmoid",
                                                     "dropout",
                                                     "flatten",
                                                     "reshape",
                                                     "avgpool",
                                                     "global_avgpool",
                                                     "global_maxpool",
                                                     "zero_pad",
                                                     "rescale",
                                                     "batch_norm",
                                                     "add",
                                                     "multiply",
                                                     "concat",
                                                     "relu6",
                                                     "silu",
                                                     "gelu",
                                                     "softplus",
                                                     "tanh"};
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
