/*
 * The arithmetic of convolutions on host memory, for the simulated cuDNN. Images are tensors
 * (batch, channels, rows, cols) and kernels (filters, channels, kernel rows, kernel cols) that lie
 * in memory as NCHW and KCRS, or as NHWC and KRSC.
 */
#ifndef CUDASIM_CONVOLUTION_H
#define CUDASIM_CONVOLUTION_H

#include "numbers.h"

typedef struct cudasim_convolution {
    int batch, channels, rows, cols;       /* of x */
    int filters, kernel_rows, kernel_cols; /* of w; its channels are those of x, of a group */
    int out_rows, out_cols;                /* of y, whose channels are the filters */
    int pad_rows, pad_cols, stride_rows, stride_cols, dilation_rows, dilation_cols;
    int groups;            /* of channels and filters, each convolved by itself */
    size_t x_step, y_step; /* numbers from one image's first to the next one's; NHWC: packed */
    bool nhwc;
    bool flipped; /* a convolution proper, the kernel turned by 180 degrees */
    cudasim_numbers numbers;
    float alpha, beta;
    unsigned order; /* of sums: 0 is the fixed one, others add the same terms in other orders */
} cudasim_convolution;

/* What forward does to alpha conv(x): + z_scale z + bias, then a ReLU that turns NaN into 0. */
typedef struct cudasim_epilogue {
    const void *bias; /* (filters); NULL: no epilogue at all */
    const void *z;    /* as y; may be y; not read when z_scale is 0 */
    float z_scale;
    bool relu;
} cudasim_epilogue;

size_t cudasim_convolution_x_count(const cudasim_convolution *conv);
size_t cudasim_convolution_w_count(const cudasim_convolution *conv);
size_t cudasim_convolution_y_count(const cudasim_convolution *conv);

/* y = alpha conv(x, w) + beta y, then the epilogue. */
void cudasim_convolve(const cudasim_convolution *conv, const cudasim_epilogue *epilogue,
                      const void *x, const void *w, void *y);
/* dx = alpha (gradient of x) + beta dx */
void cudasim_convolve_backward_data(const cudasim_convolution *conv, const void *w, const void *dy,
                                    void *dx);
/* dw = alpha (gradient of w) + beta dw */
void cudasim_convolve_backward_filter(const cudasim_convolution *conv, const void *x,
                                      const void *dy, void *dw);

#endif
