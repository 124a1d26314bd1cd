/* Launchers of window.cuh. */
#include "window.cuh"

#include "launch.h"

static window_work describe(const kernel_window *window)
{
    window_work work = {};
    work.planes = tensor_planes(&window->before);
    work.inner = tensor_inner(&window->before);
    work.rows = (uint32_t)window->before.rows;
    work.cols = (uint32_t)window->before.cols;
    work.out_rows = (uint32_t)window->after.rows;
    work.out_cols = (uint32_t)window->after.cols;
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
    return share(work, work->out_rows, work->out_cols, count);
}

static unsigned share_inputs(window_work *work, unsigned count)
{
    return share(work, work->rows, work->cols, count);
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
            if (work.inner % 4 == 0 && fours_aligned<T>(y, x) && fours_aligned<W>(argmax)) {
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
            if (work.inner % 4 == 0 && fours_aligned<T>(dx, dy) && fours_aligned<W>(argmax)) {
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
        const bool fours = work.inner % 4 == 0 && fours_aligned<T>(y, x);
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
        const bool fours = work.inner % 4 == 0 && fours_aligned<T>(dx, dy);
        const auto kernel = fours ? window_mean_backward<T, 4> : window_mean_backward<T, 1>;
        work.add = add;
        kernel<<<share_inputs(&work, fours ? 4 : 1), KERNEL_THREADS, 0, stream>>>(
            (T *)dx, (const T *)dy, work);
        return cudaGetLastError();
    });
}
