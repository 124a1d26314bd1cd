/*
 * The fused stem: convolution 3x3, ReLU, convolution 3x3, ReLU, max-pool 2x2 and dropout in one
 * pass over rows that stay in the cache.
 *
 * Forward: the second convolution is Winograd's F(2x2, 3x3) (Lavin and Gray 2016), whose 2x2 output
 * tile is the pooling window: 16 multiplications per window and channel pair instead of 36, and the
 * convolution's output is never written, only the maximum of each window with a code of its argmax.
 *
 * Backward: after the pool at most one of four outputs of a window has a gradient, and none where
 * it was not positive or was dropped. Both gradients of the second convolution go over those alone:
 * at most a quarter of the FLOPs. The first convolution is computed again rather than retained: it
 * is a fiftieth of the work, and its output would be eight times the size of all else.
 *
 * The kernels (stem_kernels.h) are compiled once for AVX-512 and once for AVX2.
 */
#ifndef HPAC_DEVICE_CPU_STEM_H
#define HPAC_DEVICE_CPU_STEM_H

#include <stddef.h>
#include <stdint.h>

typedef struct stem_shape {
    size_t rows, cols, channels;     /* of the image */
    size_t filters1, filters2;       /* multiples of 16 and 32 */
    size_t inner_rows, inner_cols;   /* first convolution's output */
    size_t pooled_rows, pooled_cols; /* of the output */
} stem_shape;

/* Codes of an output, one byte: which of the window's four outputs was the maximum (row x 2 +
 * column; the first of equals), and whether a gradient passes. */
enum {
    STEM_ARGMAX = 3,
    STEM_ALIVE = 4, /* positive and not dropped */
};

/* Weights as Keras lays them out. */
typedef struct stem_weights {
    const float *kernel1, *bias1; /* (3, 3, channels, filters1) */
    const float *kernel2, *bias2; /* (3, 3, filters1, filters2) */
    const float *winograd;        /* (16, filters1, filters2): G kernel2 G' */
    const float *by_filter;       /* (filters2, 9, filters1): kernel2 for backward */
} stem_weights;

/* The partial sums of one thread; kernel2 as (filters2, 9, filters1). */
typedef struct stem_gradients {
    float *kernel1, *bias1, *kernel2, *bias2;
} stem_gradients;

/* One image, forward. */
typedef struct stem_forward {
    const stem_shape *shape;
    const stem_weights *weights;
    const float *x;       /* (rows, cols, channels) */
    float *y;             /* (pooled_rows, pooled_cols, filters2) */
    uint8_t *codes;       /* likewise; NULL: not training */
    const uint32_t *mask; /* one bit per output, 0: dropped; NULL: no dropout */
    float scale;          /* 1 / (1 - rate) */
    float *scratch;       /* (stem_kernels.scratch_count) */
} stem_forward;

/* One image, backward. */
typedef struct stem_backward {
    const stem_shape *shape;
    const stem_weights *weights;
    const stem_gradients *gradients; /* added to */
    const float *x, *dy;
    const uint8_t *codes;
    float scale;
    float *scratch;
} stem_backward;

typedef struct stem_kernels {
    const char *name;
    size_t min_pooled_cols;                           /* narrower images are declined */
    size_t (*scratch_count)(const stem_shape *shape); /* floats per thread */
    void (*forward)(const stem_forward *job);
    void (*backward)(const stem_backward *job);
} stem_kernels;

#endif
