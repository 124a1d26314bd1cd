/*
 * Operations: what devices compute. Shapes are those of one image; a plan adds the batch.
 */
#ifndef HPAC_OP_H
#define HPAC_OP_H

#include <hpac/pixels.h>

#include <stdint.h>

typedef struct hpac_shape {
    int rank; /* 3: (rows, cols, channels); 1: a vector of `channels` values, rows = cols = 1 */
    int rows, cols, channels;
} hpac_shape;

static inline size_t hpac_shape_count(hpac_shape shape)
{
    return (size_t)shape.rows * (size_t)shape.cols * (size_t)shape.channels;
}

typedef enum hpac_op_kind {
    HPAC_OP_PIXELS, /* bytes / 255 -> float, or floats as they are: always the first of a network */
    HPAC_OP_CONV2D, /* y[r][c][k] = bias[k] + sum x[r + i][c + j][m] w[i][j][m][k]; stride 1, valid
                     */
    HPAC_OP_MAXPOOL, /* the largest of each window, stride = window; rows and columns left over
                        drop. Of equals, the first row by row gets the gradient, as in Keras */
    HPAC_OP_DENSE,   /* y[k] = bias[k] + sum x[m] w[m][k] */
    HPAC_OP_RELU,    /* max(x, 0); gradient where y > 0 */
    HPAC_OP_SIGMOID, /* 1 / (1 + exp(-x)), inside a network; the last one belongs to the loss */
    HPAC_OP_DROPOUT, /* training: x / (1 - rate) where kept, else 0; otherwise x */
    HPAC_OP_FLATTEN, /* (rows, cols, channels) -> vector in that order */
} hpac_op_kind;

typedef struct hpac_op {
    hpac_op_kind kind;
    hpac_shape in, out;
    int kernel_rows, kernel_cols; /* conv2d: kernel; maxpool: window */
    float rate;                   /* dropout. Kept where random >= threshold, see below */
    uint32_t stream;              /* dropout: the layer's number, for HPAC_PURPOSE_DROPOUT */
    hpac_pixels pixels;           /* pixels */
} hpac_op;

/* A value is dropped when its Philox number is below this: rate x 2^32, rounded. */
static inline uint32_t hpac_dropout_threshold(float rate)
{
    return (uint32_t)((double)rate * 4294967296.0 + 0.5);
}

/* "conv2d", ...: for tables and messages. No table by enumerators: C++ has none, and the kernels
 * read this header. */
static inline const char *hpac_op_name(hpac_op_kind kind)
{
    switch (kind) {
    case HPAC_OP_PIXELS:
        return "pixels";
    case HPAC_OP_CONV2D:
        return "conv2d";
    case HPAC_OP_MAXPOOL:
        return "maxpool";
    case HPAC_OP_DENSE:
        return "dense";
    case HPAC_OP_RELU:
        return "relu";
    case HPAC_OP_SIGMOID:
        return "sigmoid";
    case HPAC_OP_DROPOUT:
        return "dropout";
    case HPAC_OP_FLATTEN:
        return "flatten";
    }
    return "operation";
}

#endif
