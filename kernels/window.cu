/* Launchers of window.cuh. */
#include "window.cuh"

#include "launch.h"

static window_image describe_image(const kernel_tensor *tensor)
{
    window_image image = {};
    image.rows = (uint32_t)tensor->rows;
    image.cols = (uint32_t)tensor->cols;
    image.pixel_step = tensor->nchw ? 1 : (uint32_t)image_channels(tensor);
    image.plane_step = tensor_pixels(tensor);
    image.image_step = image_step(tensor);
    return image;
}

static window_work describe(const kernel_window *window)
{
    const kernel_tensor *before = &window->before;
    window_work work = {};
    work.planes = tensor_planes(before);
    work.by_planes = make_divisor(before->nchw ? (uint64_t)before->channels : 1);
    work.inner = tensor_inner(before);
    work.x = describe_image(before);
    work.y = describe_image(&window->after);
    work.window_rows = (uint32_t)window->window_rows;
    work.window_cols = (uint32_t)window->window_cols;
    work.stride_rows = (uint32_t)window->stride_rows;
    work.stride_cols = (uint32_t)window->stride_cols;
    work.pad_top = (uint32_t)window->pad_top;
    work.pad_left = (uint32_t)window->pad_left;
    return work;
}

/* A thread takes `count` values of a pixel of a tensor of rows x cols; returns the blocks. */
static unsigned share(window_work *work, uint32_t rows, uint32_t cols, unsigned count)
{
    work->by_inner = make_divisor(work->inner / count);
    work->by_cols = make_divisor(cols);
    work->by_rows = make_divisor(rows);
    return blocks_for(work->planes * rows * cols * (work->inner / count));
}

static unsigned share_outputs(window_work *work, unsigned count)
{
    return share(work, work->y.rows, work->y.cols, count);
}

static unsigned share_inputs(window_work *work, unsigned count)
{
    return share(work, work->x.rows, work->x.cols, count);
}

/* Whether a thread may take four values of a pixel: of x or dx, and of y or dy. */
template <typename T> static bool takes_fours(const window_work *work, const void *x, const void *y)
{
    return work->inner % 4 == 0 && fours_aligned<T>(line_address{x, work->x.pixel_step},
                                                    line_address{y, work->y.pixel_step});
}

/* An argmax may also be the window's size. */
static bool has_small_windows(const kernel_window *window)
{
    return (uint64_t)window->window_rows * (uint64_t)window->window_cols < 256;
}

size_t hpac_kernel_window_argmax_nbytes(const kernel_window *window)
{
    return tensor_count(&window->after) *
           (has_small_windows(window) ? sizeof(uint8_t) : sizeof(uint32_t));
}

/* launch(T(), W()): the types of numbers and argmax. */
template <typename LAUNCH> static cudaError_t with_types(const kernel_window *window, LAUNCH launch)
{
    return with_type(window->before.bf16, [=](auto number) {
        return has_small_windows(window) ? launch(number, uint8_t()) : launch(number, uint32_t());
    });
}

cudaError_t hpac_kernel_window_max(const kernel_window *window, void *y, void *argmax,
                                   const void *x, cudaStream_t stream)
{
    if (tensor_count(&window->after) == 0)
        return cudaSuccess;
    return with_types(window, [=](auto number, auto index) {
        using T = decltype(number);
        using W = decltype(index);
        window_work work = describe(window);
        auto kernel = window_max<T, W, 1>;
        unsigned count = 1;
        if constexpr (sizeof(W) == 1)
            if (takes_fours<T>(&work, x, y) && fours_aligned<W>(argmax)) {
                kernel = window_max<T, W, 4>;
                count = 4;
            }
        kernel<<<share_outputs(&work, count), KERNEL_THREADS, 0, stream>>>((T *)y, (W *)argmax,
                                                                           (const T *)x, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_window_max_backward(const kernel_window *window, void *dx,
                                            const void *argmax, const void *dy, bool add,
                                            cudaStream_t stream)
{
    if (tensor_count(&window->before) == 0)
        return cudaSuccess;
    return with_types(window, [=](auto number, auto index) {
        using T = decltype(number);
        using W = decltype(index);
        window_work work = describe(window);
        auto kernel = window_max_backward<T, W, 1>;
        unsigned count = 1;
        work.add = add;
        if constexpr (sizeof(W) == 1)
            if (takes_fours<T>(&work, dx, dy) && fours_aligned<W>(argmax)) {
                kernel = window_max_backward<T, W, 4>;
                count = 4;
            }
        kernel<<<share_inputs(&work, count), KERNEL_THREADS, 0, stream>>>(
            (T *)dx, (const W *)argmax, (const T *)dy, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_window_mean(const kernel_window *window, void *y, const void *x,
                                    cudaStream_t stream)
{
    if (tensor_count(&window->after) == 0)
        return cudaSuccess;
    return with_type(window->before.bf16, [=](auto number) {
        using T = decltype(number);
        window_work work = describe(window);
        const bool fours = takes_fours<T>(&work, x, y);
        const auto kernel = fours ? window_mean<T, 4> : window_mean<T, 1>;
        kernel<<<share_outputs(&work, fours ? 4 : 1), KERNEL_THREADS, 0, stream>>>(
            (T *)y, (const T *)x, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_window_mean_backward(const kernel_window *window, void *dx, const void *dy,
                                             bool add, cudaStream_t stream)
{
    if (tensor_count(&window->before) == 0)
        return cudaSuccess;
    return with_type(window->before.bf16, [=](auto number) {
        using T = decltype(number);
        window_work work = describe(window);
        const bool fours = takes_fours<T>(&work, dx, dy);
        const auto kernel = fours ? window_mean_backward<T, 4> : window_mean_backward<T, 1>;
        work.add = add;
        kernel<<<share_inputs(&work, fours ? 4 : 1), KERNEL_THREADS, 0, stream>>>(
            (T *)dx, (const T *)dy, work);
        return cudaGetLastError();
    });
}
