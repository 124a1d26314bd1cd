/*
 * hpac's own CUDA kernels, as the CUDA device calls them: one function per kernel, which picks the
 * launch configuration and enqueues it on `stream`.
 *
 * All pointers are device addresses. Nothing waits, allocates, or adds floats atomically: the same
 * input gives the same bits. Each returns the launch's error; a kernel's formula, the bytes it
 * moves and what bounds it are documented at its body in the .cuh file.
 */
#ifndef HPAC_KERNELS_H
#define HPAC_KERNELS_H

#include <hpac/device.h>

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An activation in memory: a batch of images, or of vectors (rows = cols = 1). */
typedef struct kernel_tensor {
    int batch, rows, cols, channels;
    bool nchw; /* else NHWC */
    bool bf16; /* else float32 */
} kernel_tensor;

/* Dropout: the Philox number of a value's NHWC index in the batch decides whether it is dropped
 * (random.h). */
typedef struct kernel_dropout {
    const hpac_step *step; /* NULL: no dropout */
    uint32_t stream, threshold;
    float scale; /* 1 / (1 - rate), for values not dropped */
} kernel_dropout;

/* Sets the step of the next dropouts and updates. */
cudaError_t hpac_kernel_set_step(hpac_step *step, const hpac_step *value, cudaStream_t stream);

/* Bytes / 255, or floats as they are, from NHWC to any tensor. */
cudaError_t hpac_kernel_pixels(const kernel_tensor *tensor, void *y, const void *x,
                               hpac_pixels pixels, cudaStream_t stream);

/* `add`, here and below: what is written is added to what is there. */

/* A tensor in another layout or number format, of the same shape: flatten, tests, casts. */
cudaError_t hpac_kernel_convert(const kernel_tensor *to, void *y, const kernel_tensor *from,
                                const void *x, bool add, cudaStream_t stream);

/* max(x, 0) or 1 / (1 + exp(-x)), and back from y. y may be x, and dx dy. */
cudaError_t hpac_kernel_activate(const kernel_tensor *tensor, hpac_op_kind kind, void *y,
                                 const void *x, cudaStream_t stream);
cudaError_t hpac_kernel_activate_backward(const kernel_tensor *tensor, hpac_op_kind kind, void *dx,
                                          const void *y, const void *dy, bool add,
                                          cudaStream_t stream);

/* x or dy to y or dx: times scale, or 0 where dropped. In place is allowed. */
cudaError_t hpac_kernel_dropout(const kernel_tensor *tensor, const kernel_dropout *dropout, void *y,
                                const void *x, bool add, cudaStream_t stream);

/* y = dropout(relu(x + bias)), each part left out when its pointer is NULL or `relu` false. x is
 * float32 in the tensor's layout, y of the tensor's format; in place when that is float32 too. */
cudaError_t hpac_kernel_bias(const kernel_tensor *tensor, const float *bias, bool relu,
                             const kernel_dropout *dropout, void *y, const float *x,
                             cudaStream_t stream);

/* Backward of hpac_kernel_bias: dz = dy x scale where y > 0 (with `relu`; a dropped value is 0 too,
 * so that the mask need not be drawn again), else dropout(dy); dz may be dy, NULL when not wanted
 * (a plain bias). bias_gradient: dz summed over batch and pixels in a fixed order, by `partials` of
 * hpac_kernel_partials_nbytes(); NULL: not wanted. */
cudaError_t hpac_kernel_bias_backward(const kernel_tensor *tensor, bool relu,
                                      const kernel_dropout *dropout, void *dz, const void *y,
                                      const void *dy, float *bias_gradient, void *partials,
                                      cudaStream_t stream);
size_t hpac_kernel_partials_nbytes(const kernel_tensor *tensor);

/* Max pooling, stride = window, with what may come before and after; `before` is the input. */
typedef struct kernel_pool {
    kernel_tensor before;
    int window_rows, window_cols;
    const kernel_dropout *dropout; /* after it; NULL: none */
    bool relu; /* x is a ReLU's output and backward gives the gradient before that ReLU */
} kernel_pool;

/* The max of each window (NaN if there is one), then dropout. argmax: per output the index of the
 * max in its window, row by row, the first of equals; or rows x cols of the window where the
 * gradient is 0: the value was dropped or, with `relu`, is not positive. 1 byte each (4 when the
 * window has 256 values or more), in the output's order; NULL when not wanted. */
cudaError_t hpac_kernel_maxpool(const kernel_pool *pool, void *y, void *argmax, const void *x,
                                cudaStream_t stream);
/* dx of the whole input, including rows and columns outside of complete windows. The argmax
 * contains all that backward needs of x, y and the mask. bias_gradient, partials: as above, of the
 * convolution before the ReLU, with hpac_kernel_partials_nbytes(&pool->before); NULL: not
 * wanted. */
cudaError_t hpac_kernel_maxpool_backward(const kernel_pool *pool, void *dx, const void *argmax,
                                         const void *dy, float *bias_gradient, void *partials,
                                         cudaStream_t stream);
size_t hpac_kernel_argmax_nbytes(const kernel_pool *pool);

/* Pools of any stride and padding: row r of `after` is made of the window_rows rows of `before`
 * from r x stride_rows - pad_top on that are inside, and columns likewise. */
typedef struct kernel_window {
    kernel_tensor before, after;
    int window_rows, window_cols, stride_rows, stride_cols, pad_top, pad_left;
} kernel_window;

/* The max of each window, and the argmax as above. */
cudaError_t hpac_kernel_window_max(const kernel_window *window, void *y, void *argmax,
                                   const void *x, cudaStream_t stream);
cudaError_t hpac_kernel_window_max_backward(const kernel_window *window, void *dx,
                                            const void *argmax, const void *dy, bool add,
                                            cudaStream_t stream);
size_t hpac_kernel_window_argmax_nbytes(const kernel_window *window);
/* The mean of each window: the sum divided by the number of pixels inside. */
cudaError_t hpac_kernel_window_mean(const kernel_window *window, void *y, const void *x,
                                    cudaStream_t stream);
cudaError_t hpac_kernel_window_mean_backward(const kernel_window *window, void *dx, const void *dy,
                                             bool add, cudaStream_t stream);

/* Max and mean of each channel of each image of `tensor`. argmax: the index of the pixel, the first
 * of equals, uint32 (batch, channels); NULL when not wanted. */
cudaError_t hpac_kernel_global_max(const kernel_tensor *tensor, void *y, uint32_t *argmax,
                                   const void *x, cudaStream_t stream);
cudaError_t hpac_kernel_global_max_backward(const kernel_tensor *tensor, void *dx,
                                            const uint32_t *argmax, const void *dy, bool add,
                                            cudaStream_t stream);
cudaError_t hpac_kernel_global_mean(const kernel_tensor *tensor, void *y, const void *x,
                                    cudaStream_t stream);
cudaError_t hpac_kernel_global_mean_backward(const kernel_tensor *tensor, void *dx, const void *dy,
                                             bool add, cudaStream_t stream);

/* y[r][c] = x[r + down][c + right], and 0 outside of x: padding (both negative) and cropping.
 * Tensors of one layout, number format, batch and number of channels. */
cudaError_t hpac_kernel_shift(const kernel_tensor *to, void *y, const kernel_tensor *from,
                              const void *x, int down, int right, bool add, cudaStream_t stream);

/* hpac_loss and hpac_update of device.h; `step` is in device memory. */
cudaError_t hpac_kernel_loss(const hpac_loss *loss, cudaStream_t stream);
cudaError_t hpac_kernel_update(const hpac_update *update, const hpac_step *step,
                               cudaStream_t stream);

cudaError_t hpac_kernel_gather(const hpac_gather *gather, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
