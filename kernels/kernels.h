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

/* An activation in memory: a batch of images, or of vectors (rows = cols = 1). One that is a view,
 * some channels of a wider image, has the address of its first value. Functions that take views say
 * so. */
typedef struct kernel_tensor {
    int batch, rows, cols, channels;
    bool nchw;         /* else NHWC */
    bool bf16;         /* else float32 */
    int wide_channels; /* of the image it is a view of; 0: it lies alone */
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

/* x or dy to y or dx: times scale, or 0 where dropped. In place is allowed. */
cudaError_t hpac_kernel_dropout(const kernel_tensor *tensor, const kernel_dropout *dropout, void *y,
                                const void *x, bool add, cudaStream_t stream);

/* y = dropout(relu(x + bias)), each part left out when its pointer is NULL or `relu` false. x is
 * float32 in the tensor's layout, y of the tensor's format; in place when that is float32 too. Both
 * may be equal views in NCHW. */
cudaError_t hpac_kernel_bias(const kernel_tensor *tensor, const float *bias, bool relu,
                             const kernel_dropout *dropout, void *y, const float *x,
                             cudaStream_t stream);

/* Backward of hpac_kernel_bias: dz = dy x scale where y > 0 (with `relu`; a dropped value is 0 too,
 * so that the mask need not be drawn again), else dropout(dy); dz may be dy, NULL when not wanted
 * (a plain bias). All three may be equal views in NCHW. bias_gradient: dz summed over batch and
 * pixels in a fixed order, by `partials` of hpac_kernel_partials_nbytes(); NULL: not wanted. */
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
 * from r x stride_rows - pad_top on that are inside, and columns likewise. Both may be views; the
 * argmax lies alone. */
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

/* ---- norm.cu: batch normalization of `tensor`, with the ReLU behind it ---- */

typedef struct kernel_norm {
    kernel_tensor tensor;          /* x and dx, which may be views */
    int y_channels, side_channels; /* wide_channels of y and dy, of the side and dside */
    const float *gamma, *beta;     /* (channels); NULL: 1 and 0 */
    float *mean, *inverse; /* (channels): what normalizes; inverse = 1 / sqrt(variance + eps) */
    bool relu;
} kernel_norm;

size_t hpac_kernel_norm_partials_nbytes(const kernel_tensor *tensor);
/* Sets mean and inverse: by the batch x, of which the moving averages are kept, or x NULL: by the
 * moving averages. */
cudaError_t hpac_kernel_norm_statistics(const kernel_norm *norm, float *moving_mean,
                                        float *moving_variance, float momentum, float epsilon,
                                        const void *x, void *partials, cudaStream_t stream);
/* y = relu((x - mean) gamma inverse + beta + side), without a side that is NULL. y may be x. */
cudaError_t hpac_kernel_normalize(const kernel_norm *norm, void *y, const void *x, const void *side,
                                  cudaStream_t stream);
/* With dz = dy where ReLU let it pass, which y shows, or x if y is NULL: dbeta = sum dz, dgamma =
 * sum dz (x - mean) inverse, and the means of both, (2, channels). Each may be NULL. */
cudaError_t hpac_kernel_norm_gradients(const kernel_norm *norm, float *dgamma, float *dbeta,
                                       float *means, const void *x, const void *y, const void *dy,
                                       void *partials, cudaStream_t stream);
/* dside = dz, then dx, each NULL when not wanted. means NULL: mean and inverse are constants. x is
 * not read without means and ReLU, or with y, and may be NULL then. dx may be dy. */
cudaError_t hpac_kernel_normalize_backward(const kernel_norm *norm, const float *means, void *dx,
                                           bool add_dx, void *dside, bool add_dside, const void *x,
                                           const void *y, const void *dy, cudaStream_t stream);

/* ---- join.cu: operations with several inputs ---- */

#define HPAC_KERNEL_MAX_SUMMANDS 4

/* y = relu(the sum of 1 to HPAC_KERNEL_MAX_SUMMANDS inputs). y may be an input. */
cudaError_t hpac_kernel_add(const kernel_tensor *tensor, void *y, const void *const *inputs,
                            size_t input_count, bool relu, cudaStream_t stream);
/* Each gradient = dy, or dy where y > 0 if y is not NULL, in their order; NULL: not wanted. The
 * last may be dy. */
cudaError_t hpac_kernel_add_backward(const kernel_tensor *tensor, void *const *gradients,
                                     const bool *add, size_t gradient_count, const void *y,
                                     const void *dy, cudaStream_t stream);

/* y = x factor; the factor has the tensor's shape, or if `broadcast` (batch, 1, 1, channels). y may
 * be x. */
cudaError_t hpac_kernel_multiply(const kernel_tensor *tensor, bool broadcast, void *y,
                                 const void *x, const void *factor, cudaStream_t stream);
/* dfactor, then dx, each NULL when not wanted; dx may be dy. partials: if `broadcast`, of
 * hpac_kernel_factor_partials_nbytes(). */
cudaError_t hpac_kernel_multiply_backward(const kernel_tensor *tensor, bool broadcast, void *dx,
                                          bool add_dx, void *dfactor, bool add_dfactor,
                                          const void *x, const void *factor, const void *dy,
                                          void *partials, cudaStream_t stream);
size_t hpac_kernel_factor_partials_nbytes(const kernel_tensor *tensor);

/* Channels `first` .. of y = x, a tensor of `channels` channels in the layout of `whole`; and dx =
 * those of dy. */
cudaError_t hpac_kernel_put_channels(const kernel_tensor *whole, void *y, uint32_t first,
                                     uint32_t channels, const void *x, cudaStream_t stream);
cudaError_t hpac_kernel_get_channels(const kernel_tensor *whole, void *dx, bool add, uint32_t first,
                                     uint32_t channels, const void *dy, cudaStream_t stream);

/* ---- pointwise.cu ---- */

/* relu, sigmoid, relu6, silu, gelu, softplus, tanh; backward from y, of silu and gelu from x. y may
 * be x, and dx dy. */
cudaError_t hpac_kernel_activate(const kernel_tensor *tensor, hpac_op_kind kind, void *y,
                                 const void *x, cudaStream_t stream);
cudaError_t hpac_kernel_activate_backward(const kernel_tensor *tensor, hpac_op_kind kind, void *dx,
                                          const void *from, const void *dy, bool add,
                                          cudaStream_t stream);
/* y = x factor + offset for each of up to 4 channels; offset NULL: 0. y may be x. */
cudaError_t hpac_kernel_rescale(const kernel_tensor *tensor, const float factor[4],
                                const float offset[4], void *y, bool add, const void *x,
                                cudaStream_t stream);
/* Dropout with one random number for a channel of an image, or for an image. y may be x. */
cudaError_t hpac_kernel_drop_channels(const kernel_tensor *tensor, const kernel_dropout *dropout,
                                      bool whole_images, void *y, bool add, const void *x,
                                      cudaStream_t stream);

/* hpac_loss and hpac_update of device.h; `step` is in device memory. */
cudaError_t hpac_kernel_loss(const hpac_loss *loss, cudaStream_t stream);
cudaError_t hpac_kernel_update(const hpac_update *update, const hpac_step *step,
                               cudaStream_t stream);

cudaError_t hpac_kernel_gather(const hpac_gather *gather, cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
