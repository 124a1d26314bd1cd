/*
 * Convolutions 3x3 of stride 1 by Winograd's F(4x4, 3x3) (Lavin and Gray 2016): a tile of 6 x 6
 * inputs and a kernel are each transformed to 36 points, the products of which are summed over the
 * channels, one matrix product per point, and transformed to a tile of 4 x 4 outputs: 36
 * multiplications for each pair of channels instead of 144.
 *
 * The input's gradient is such a convolution of the output's gradient, with the kernel turned by
 * 180 degrees. The kernel's is the transposed algorithm: input tiles times transformed gradient
 * tiles, summed over all tiles, then transformed to 3 x 3.
 *
 * Float rounding: within 4e-6 of the largest output, where direct sums are within 1e-6.
 *
 * The kernels (winograd_kernels.h) are compiled once for AVX-512 and once for AVX2.
 */
#ifndef HPAC_DEVICE_CPU_WINOGRAD_H
#define HPAC_DEVICE_CPU_WINOGRAD_H

#include <stdbool.h>
#include <stddef.h>

enum {
    WINOGRAD_TAPS = 9,
    WINOGRAD_TILE = 4, /* outputs of a tile in a row or column */
    WINOGRAD_POINTS = 36,
};

/* How the images of a batch lie in memory: steps in floats from one to the next. A block is as many
 * channels as a vector has lanes; channels are a multiple of that. */
typedef struct winograd_images {
    size_t rows, cols, channels;
    size_t pixel_step, block_step, image_step;
} winograd_images;

/* The shape of a convolution from x to y. Arrays of points have their first step. */
typedef struct winograd_shape {
    winograd_images x, y;
    size_t pad_top, pad_left;    /* at most 2 */
    size_t tile_rows, tile_cols; /* of an image of y */
    size_t group;                /* tiles at a time, at most */
} winograd_shape;

/* Tiles of the batch, by a thread. */
typedef struct winograd_range {
    size_t first, end;
    float *scratch; /* (winograd_kernels.scratch_count) */
} winograd_range;

typedef struct winograd_convolution {
    const winograd_shape *shape;
    const float *x;
    const float *points; /* of the kernel */
    const float *bias;   /* NULL: 0 */
    const float *side;   /* added to y, where y is; NULL: 0 */
    bool relu;
    bool adds; /* to y, instead of writing it */
    float *y;
} winograd_convolution;

typedef struct winograd_kernels {
    const char *name;
    size_t lanes;
    size_t (*scratch_count)(const winograd_shape *shape); /* floats per thread */
    /* Floats of a kernel's points, as of their gradient. */
    size_t (*points_count)(const winograd_shape *shape);
    /* The points of a kernel (3, 3, x channels, y channels), for x's channels first..end. */
    void (*transform_kernel)(const winograd_shape *shape, const float *kernel, size_t first,
                             size_t end, float *points);
    /* The order of an output's sums does not depend on the range. */
    void (*convolve)(const winograd_convolution *job, const winograd_range *range);
    /* Adds the range's products to the points of the gradient, and its dy to dbias; NULL: not
     * wanted. */
    void (*add_gradients)(const winograd_shape *shape, const winograd_range *range, const float *x,
                          const float *dy, float *points, float *dbias);
    /* The gradient of a kernel from its points, the sum of `count` arrays, `step` floats apart. */
    void (*transform_gradient)(const winograd_shape *shape, const float *points, size_t count,
                               size_t step, size_t first, size_t end, float *gradient);
} winograd_kernels;

#endif
