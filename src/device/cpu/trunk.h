/*
 * The fused trunk: convolution 3x3, ReLU, convolution 3x3, ReLU, max-pool 2x2 and dropout in one
 * pass over rows that stay in the cache.
 *
 * Forward: the second convolution is Winograd's F(2x2, 3x3) (Lavin and Gray 2016), whose 2x2 output
 * tile is the pooling window: 16 multiplications a window and channel pair instead of 36, and the
 * convolution's output is never written, only the largest of each window with a code of which it
 * was.
 *
 * Backward: after the pool at most one of four outputs of a window has a gradient, and none where
 * it was not positive or was dropped. Both gradients of the second convolution go over those alone:
 * at most a quarter of the FLOPs. The first convolution is computed again rather than kept: it is a
 * fiftieth of the work, and its output would be eight times the size of all else.
 *
 * The kernels (trunk_kernels.h) are compiled once for AVX-512 and once for AVX2.
 */
#ifndef HPAC_DEVICE_CPU_TRUNK_H
#define HPAC_DEVICE_CPU_TRUNK_H

#include <stddef.h>
#include <stdint.h>

typedef struct trunk_shape {
    int rows, cols, channels;     /* of the image */
    int filters1, filters2;       /* multiples of 16 and 32 */
    int inner_rows, inner_cols;   /* first convolution's output */
    int pooled_rows, pooled_cols; /* of the output */
} trunk_shape;

/* Codes of an output, one byte: which of the window's four outputs was the largest (row x 2 +
 * column; the first of equals), and whether a gradient passes. */
enum {
    TRUNK_WINNER = 3,
    TRUNK_ALIVE = 4, /* positive and kept by dropout */
};

/* Weights as Keras lays them out. */
typedef struct trunk_weights {
    const float *kernel1, *bias1; /* (3, 3, channels, filters1) */
    const float *kernel2, *bias2; /* (3, 3, filters1, filters2) */
    const float *winograd;        /* (16, filters1, filters2): G kernel2 G' */
    const float *by_filter;       /* (filters2, 9, filters1): kernel2 for backward */
} trunk_weights;

/* Where one thread adds up gradients; kernel2 as (filters2, 9, filters1). */
typedef struct trunk_gradients {
    float *kernel1, *bias1, *kernel2, *bias2;
} trunk_gradients;

/* One image on its way forward. */
typedef struct trunk_forward {
    const trunk_shape *shape;
    const trunk_weights *weights;
    const float *x;       /* (rows, cols, channels) */
    float *y;             /* (pooled_rows, pooled_cols, filters2) */
    uint8_t *codes;       /* the same places; NULL: not training */
    const uint32_t *kept; /* a bit a place, set: kept by dropout; NULL: no dropout */
    float scale;          /* of what is kept */
    float *scratch;       /* (trunk_kernels.scratch_count) */
} trunk_forward;

/* One image on its way back. */
typedef struct trunk_backward {
    const trunk_shape *shape;
    const trunk_weights *weights;
    const trunk_gradients *gradients; /* added to */
    const float *x, *dy;
    const uint8_t *codes;
    float scale;
    float *scratch;
} trunk_backward;

typedef struct trunk_kernels {
    const char *name;
    int smallest_pooled_cols;                          /* narrower images are declined */
    size_t (*scratch_count)(const trunk_shape *shape); /* floats a thread needs */
    void (*forward)(const trunk_forward *job);
    void (*backward)(const trunk_backward *job);
} trunk_kernels;

extern const trunk_kernels hpac_trunk_avx512, hpac_trunk_avx2;

#endif
