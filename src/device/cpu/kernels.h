/*
 * Loops that the compiler turns into vector code, compiled once for each kind of processor: the
 * bodies are in kernels_body.h and what it includes. None of them makes threads; `count` is any
 * number.
 */
#ifndef HPAC_DEVICE_CPU_KERNELS_H
#define HPAC_DEVICE_CPU_KERNELS_H

#include "stem.h"
#include "winograd.h"

#include <hpac/device.h>

#include "base/cpu.h"

#include <stdbool.h>
#include <stddef.h>

/* Where dropout's numbers come from (random.h), and which values are dropped. */
typedef struct mask_draw {
    uint32_t seed[2];    /* Philox's key */
    uint32_t counter[2]; /* counter words 2 and 3 */
    uint32_t threshold;  /* dropped: number < threshold */
} mask_draw;

/* Masks are drawn in groups of 16 Philox blocks, 64 values. */
enum {
    MASK_GROUP_BITS = 64,
    MASK_GROUP_NBYTES = MASK_GROUP_BITS / 8,
};

/* An update (device.h) of parameters of one range: what it computes with, and where. */
typedef struct update_job {
    hpac_optimizer_kind kind;
    bool nesterov;
    float learning_rate;    /* of the step and the range; of Adam with its correction */
    float rho, epsilon;     /* adadelta; adam */
    float momentum;         /* sgd */
    float beta_1, beta_2;   /* adam */
    float decay;            /* adamw: w <- w - decay w */
    float l2, mean, scale;  /* g <- ((accumulated + g) mean + l2 w) scale */
    float average_momentum; /* of `average` */
    float *w;
    const float *g;
    float *state[HPAC_OPTIMIZER_MAX_STATES]; /* those of the kind */
    float *accumulated, *average;            /* NULL: none; set to 0 */
} update_job;

/* Rows of a dense kernel, w (rows, outputs), whose gradient is computed and applied at once:
 * g[k][m] = sum over images of x[n][k] dy[n][m]. */
typedef struct dense_update_job {
    update_job update;         /* of w: by Adadelta, and nothing but it */
    const float *x;            /* (batch, rows of all), from the first of these rows on */
    const float *dy;           /* (batch, outputs) */
    size_t batch, x_stride;    /* x_stride: floats from one image to the next */
    size_t row_count, outputs; /* outputs: a multiple of DENSE_OUTPUTS_STEP */
} dense_update_job;

enum { DENSE_OUTPUTS_STEP = 16 };

/* Sums of a dense layer: sums[n][m] += over the rows k, x[n][k] w[k][m]. The order of the terms
 * does not depend on the image's position or on the number of images. */
typedef struct dense_forward_job {
    const float *x;        /* (images, rows) */
    const float *w;        /* (rows, width) */
    float *sums;           /* (images, width) */
    size_t images, rows;   /* any number of images */
    size_t x_stride;       /* floats from one image to the next */
    size_t outputs, width; /* of a tile to compute; of w: a multiple of DENSE_OUTPUTS_STEP */
} dense_forward_job;

/* Pixels of an image: `lanes` channels each, up to PLANE_LANES, `stride` floats apart. */
typedef struct pixel_run {
    size_t count, lanes, stride;
} pixel_run;

enum { PLANE_LANES = 64 };

/* What values of one channel share: arrays of a coefficient for each channel, as often as it takes
 * to fill a period (channels.c); value i of a run has those at i mod period. */
typedef enum channel_mask {
    CHANNEL_MASK_NONE,
    CHANNEL_MASK_X, /* ReLU's, by y as computed from x again */
    CHANNEL_MASK_Y, /* ReLU's, by y */
} channel_mask;

typedef struct channel_job {
    const float *x, *side;               /* y = (x - center) scale + shift + side; side NULL: 0 */
    const float *center, *scale, *shift; /* (period) */
    float *y;
    bool relu;    /* y = max(y, 0), a NaN stays one */
    bool streams; /* y goes past the caches, if it is aligned */

    channel_mask mask;                       /* backward: dz is dy where y > 0, else 0; NONE: dy */
    const float *dy;                         /* may be dx or dz */
    const float *slope, *x_slope, *constant; /* (period); dx = slope dz + x_slope (x - center) +
                                                constant; x_slope NULL: slope dz */
    float *dx, *dz, *dside;                  /* dz, dside NULL: not wanted */
    bool adds, adds_side;                    /* to dx, to dside, instead of writing them */

    float *sums[2]; /* (period) */
} channel_job;

typedef enum channel_sum {
    CHANNEL_SUM_VALUES,    /* sums[0]: of x */
    CHANNEL_SUM_MOMENTS,   /* of x - center, and of its square */
    CHANNEL_SUM_GRADIENTS, /* of dz, and of dz (x - center) */
} channel_sum;

/* Where the values of a job are: `runs` runs of `count` floats, each of which begins with the first
 * coefficient. From one to the next are x_step floats of x and dx, y_step of all else. */
typedef struct channel_range {
    size_t period, count, runs, x_step, y_step;
} channel_range;

/* The backward pass of an activation: dx = dy f'(x). */
typedef struct activation_job {
    const float *from; /* x (SiLU, GELU) or y (the others) */
    const float *dy;   /* may be dx */
    float *dx;
    bool adds; /* to dx, instead of writing it */
} activation_job;

/* One dimension of a depthwise convolution, or of the gradient of its input: output m, at position
 * out_first + m out_step, is the sum over the taps of an input at m in_step + offset times a value
 * of the kernel; inputs outside of [0, in_count) are 0. Outputs from inner_first to inner_end have
 * none of them. */
enum { DEPTHWISE_TAPS = 11 };
typedef struct depthwise_axis {
    size_t count, out_first, out_step, in_step, in_count, inner_first, inner_end;
    size_t tap_count, kernel[DEPTHWISE_TAPS]; /* kernel: which row or column of the kernel */
    ptrdiff_t offset[DEPTHWISE_TAPS];
} depthwise_axis;

/* Some channels of an image: of x, y and dy `lanes` lie side by side in each pixel, up to a
 * vector's, of which the first `channels` have a kernel. Of strides floats. */
typedef struct depthwise_job {
    const depthwise_axis *rows, *cols;
    const float *x, *kernel, *bias; /* bias NULL: none */
    float *y;
    size_t lanes, channels;
    size_t x_stride, y_stride, y_cols, kernel_stride, kernel_cols; /* strides: of pixels, of taps */
    bool relu, adds; /* y = max(y, 0); to y, instead of writing it */
    const float *dy; /* for the gradients: as y */
    float *sums;     /* of the kernel's values, then of dy; kernel_stride apart */
} depthwise_job;

/* Channels of pixels from one layout to another: `width` floats of each pixel. */
typedef struct move_job {
    const float *from;
    float *to;
    size_t from_stride, to_stride; /* floats from one pixel to the next */
    size_t width, pixels;
    bool adds; /* to `to`, instead of writing it */
} move_job;

/* Windows that slide over an image, with padding where the image ends. */
typedef struct sliding_window {
    size_t in_rows, in_cols, out_rows, out_cols;
    size_t rows, cols; /* at most 256 taps, counted in row order */
    size_t row_stride, col_stride, pad_top, pad_left;
} sliding_window;

/* An image whose channels are `vectors` whole vectors: of each pixel they lie `vector_step` floats
 * apart, those of the next pixel `pixel_step`. */
typedef struct pool_job {
    const sliding_window *window;
    size_t vectors;
    size_t x_pixel_step, x_vector_step; /* of x, dx */
    size_t y_pixel_step, y_vector_step; /* of y, dy */
    const float *x, *dy;
    float *y, *dx;
    uint8_t *argmax; /* (out_rows, out_cols, channels): taps; NULL: not wanted */
} pool_job;

typedef struct cpu_kernels {
    size_t lanes; /* floats of a vector */
    /* y = bytes / 255 */
    void (*divide_bytes)(const uint8_t *bytes, float *y, size_t count);
    /* y = max(x, 0), a NaN stays one */
    void (*relu)(const float *x, float *y, size_t count);
    /* dx = dy where y > 0, else 0; dx may be dy */
    void (*relu_backward)(const float *y, const float *dy, float *dx, size_t count);
    /* to += from */
    void (*add)(const float *from, float *to, size_t count);
    /* Of each lane the sum over the pixels, in an order that depends on the run alone; and the
     * maximum, with the first pixel that has it. */
    void (*sum_pixels)(const float *x, const pixel_run *run, float *sums);
    void (*max_pixels)(const float *x, const pixel_run *run, float *maxima, uint32_t *argmax);
    /* A row of windows: y, the first maximum in row order, a NaN as one; and a row of dx. */
    void (*max_windows)(const pool_job *job, size_t row);
    void (*max_windows_backward)(const pool_job *job, size_t row);
    /* x = values, or if `adds` x += values, in each pixel */
    void (*spread_to_pixels)(const float *values, bool adds, const pixel_run *run, float *x);
    /* y = the sum of the inputs, of which any may be y; then ReLU */
    void (*sum)(const float *const *inputs, size_t input_count, bool relu, float *y, size_t count);
    /* to = a b, or if `adds` to += a b; `to` may be one of them */
    void (*multiply)(const float *a, const float *b, bool adds, float *to, size_t count);
    void (*move)(const move_job *job);
    void (*depthwise)(const depthwise_job *job);           /* y */
    void (*depthwise_gradients)(const depthwise_job *job); /* sums */
    /* Of relu6, silu, gelu, softplus, tanh; y may be x. */
    void (*activation)(hpac_op_kind kind, const float *x, float *y, size_t count);
    void (*activation_backward)(hpac_op_kind kind, const activation_job *job, size_t count);
    /* Periods are multiples of `lanes`. */
    void (*channel_apply)(const channel_job *job, channel_range range); /* y */
    void (*channel_sums)(const channel_job *job, channel_sum what, channel_range range);
    void (*channel_dside)(const channel_job *job, channel_range range); /* dz and dside */
    void (*channel_dx)(const channel_job *job, channel_range range);
    /* Bits of whole groups, the lowest of the first byte first. */
    void (*draw_mask)(const mask_draw *draw, uint64_t first_group, size_t group_count,
                      uint8_t *bits);
    /* to = from x scale where the value's bit is set, else 0. Value i has bit `first` + i. */
    void (*apply_mask)(const uint8_t *bits, size_t first, float scale, const float *from, float *to,
                       size_t count);
    /* The same on blocks of 16 values, block i from bit `first` + i x `step` on. Reads up to four
     * bytes past the last bit. */
    void (*apply_mask_blocks)(const uint8_t *bits, size_t first, size_t step, float scale,
                              const float *from, float *to, size_t block_count);
    /* Nonzero: a weight or its state is not finite, as after a gradient that is not. */
    uint32_t (*update)(const update_job *job, size_t count);
    /* accumulated += g. Nonzero: a sum is not finite. */
    uint32_t (*accumulate)(const update_job *job, size_t count);
    /* The sum of the squares of the gradients, without `scale`. */
    double (*square_sum)(const update_job *job, size_t count);
    uint32_t (*dense_update)(const dense_update_job *job);
    void (*dense_forward)(const dense_forward_job *job);
    const stem_kernels *stem;         /* NULL: none */
    const winograd_kernels *winograd; /* likewise */
} cpu_kernels;

extern const cpu_kernels hpac_cpu_kernels_avx512, hpac_cpu_kernels_avx2, hpac_cpu_kernels_any;

#endif
