/* What resize.c and its kernels share. */
#ifndef HPAC_IMAGE_RESIZE_INTERNAL_H
#define HPAC_IMAGE_RESIZE_INTERNAL_H

#include "resize.h"

#include "base/cpu.h"

/* Output rows that are made together, and columns of the first step. */
enum { RESIZE_STRIP = 16, RESIZE_BLOCK = 64 };

/* One axis: output o is the sum over t of weights[o][t] * input[starts[o] + t]. */
typedef struct resize_axis {
    size_t in, out, taps;
    size_t *starts; /* (out) never decreasing; starts[o] + taps <= in */
    float *weights; /* (out, taps) */
} resize_axis;

/* The loops that take the time, compiled for one instruction set. All sets give the same bits. */
typedef struct resize_kernels {
    /* Output rows first .. first + count - 1 (count <= RESIZE_STRIP) of the first step, transposed:
     * `columns` is (in_cols rounded up to RESIZE_BLOCK, RESIZE_STRIP). */
    void (*filter_rows)(const resize_axis *axis, size_t first, size_t count, const uint8_t *in,
                        size_t in_cols, float *columns);
    /* The second step: (in_cols, RESIZE_STRIP) to (out_cols, RESIZE_STRIP). */
    void (*filter_cols)(const resize_axis *axis, const float *columns, float *strip);
    /* (count) values of 0..255 and a rounding error, to bytes or to 0..1. */
    void (*to_u8)(const float *values, size_t count, uint8_t *bytes);
    void (*to_unit)(float *values, size_t count);
} resize_kernels;

extern const resize_kernels resize_all_kernels[HPAC_CPU_PATH_COUNT];

#endif
