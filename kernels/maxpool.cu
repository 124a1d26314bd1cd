/* Launchers of maxpool.cuh. */
#include "maxpool.cuh"

#include "launch.h"

static pool_work describe(const kernel_pool *pool)
{
    pool_work work = {};
    if (pool->dropout)
        work.dropout = *pool->dropout;
    work.batch = (uint32_t)pool->before.batch;
    work.rows = (uint32_t)pool->before.rows;
    work.cols = (uint32_t)pool->before.cols;
    work.channels = (uint32_t)pool->before.channels;
    work.window_rows = (uint32_t)pool->window_rows;
    work.window_cols = (uint32_t)pool->window_cols;
    work.out_rows = work.rows / work.window_rows;
    work.out_cols = work.cols / work.window_cols;
    work.relu = pool->relu;
    work.nchw = pool->before.nchw || work.channels == 1; /* images of one channel are planes too */
    return work;
}

static uint64_t output_count(const pool_work &work)
{
    return (uint64_t)work.batch * work.out_rows * work.out_cols * work.channels;
}

/* An argmax may also be the window's size. */
static bool has_small_windows(const pool_work &work)
{
    return (uint64_t)work.window_rows * work.window_cols < 256;
}

static bool is_square(const pool_work &work)
{
    return work.window_rows == 2 && work.window_cols == 2;
}

size_t hpac_kernel_argmax_nbytes(const kernel_pool *pool)
{
    const pool_work work = describe(pool);
    return output_count(work) * (has_small_windows(work) ? sizeof(uint8_t) : sizeof(uint32_t));
}

template <typename T, typename W>
static cudaError_t launch(pool_work work, T *y, W *argmax, const T *x, cudaStream_t stream)
{
    const uint64_t count = output_count(work);
    if (count == 0)
        return cudaSuccess;
    auto kernel = maxpool_singles<T, W>;
    uint32_t cols = 1, channels = 1; /* of a thread */
    if constexpr (sizeof(W) == 1) {
        const bool fours =
            fours_aligned<T>(y, x) && fours_aligned<W>(argmax) && work.channels % 4 == 0;
        if (fours && !work.nchw) {
            kernel = is_square(work) ? maxpool_quads<T, true> : maxpool_quads<T, false>;
            channels = 4;
        } else if (fours && is_square(work) && work.cols % 4 == 0) {
            kernel = maxpool_tiles<T>;
            cols = 2, channels = 4;
        }
    }
    work.by_rows = make_divisor(work.out_rows);
    work.by_cols = make_divisor(work.out_cols / cols);
    work.by_channels = make_divisor(work.channels / channels);
    kernel<<<blocks_for(count / (cols * channels)), KERNEL_THREADS, 0, stream>>>(y, argmax, x,
                                                                                 work);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_maxpool(const kernel_pool *pool, void *y, void *argmax, const void *x,
                                cudaStream_t stream)
{
    const pool_work work = describe(pool);
    return with_type(pool->before.bf16, [=](auto number) {
        using T = decltype(number);
        return has_small_windows(work)
                   ? launch(work, (T *)y, (uint8_t *)argmax, (const T *)x, stream)
                   : launch(work, (T *)y, (uint32_t *)argmax, (const T *)x, stream);
    });
}

/* The windows of all images, partial ones included; a thread takes several columns of x. */
template <typename T, typename W>
static cudaError_t launch_backward(pool_work work, T *dx, const W *argmax, const T *dy,
                                   float *gradient, void *partials, cudaStream_t stream)
{
    auto kernel = work.nchw ? maxpool_backward_planes<T, W, false> : maxpool_backward_rows<T, W, 1>;
    uint32_t cols = work.window_cols, channels = 1;
    if constexpr (sizeof(W) == 1) {
        const bool fours = fours_aligned<T>(dx, dy) && fours_aligned<W>(argmax);
        if (fours && work.nchw && is_square(work) && work.cols % 4 == 0) {
            kernel = maxpool_backward_planes<T, W, true>;
            cols = 4;
        } else if (fours && !work.nchw && work.channels % 4 == 0) {
            kernel = maxpool_backward_rows<T, W, 4>;
            channels = 4;
        }
    }
    work.by_rows = make_divisor(divide_up(work.rows, work.window_rows));
    work.by_cols = make_divisor(divide_up(work.cols, cols));
    const uint64_t items = (uint64_t)work.batch * work.by_rows.value * work.by_cols.value;
    const sum_grid grid =
        work.nchw ? share_planes(items, work.channels) : share_rows(items, work.channels, channels);
    kernel<<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
        dx, argmax, dy, sums_of(gradient, partials, grid), work);
    return finish_sums(gradient, partials, grid, work.channels, stream);
}

cudaError_t hpac_kernel_maxpool_backward(const kernel_pool *pool, void *dx, const void *argmax,
                                         const void *dy, float *bias_gradient, void *partials,
                                         cudaStream_t stream)
{
    const pool_work work = describe(pool);
    return with_type(pool->before.bf16, [=](auto number) {
        using T = decltype(number);
        return has_small_windows(work)
                   ? launch_backward(work, (T *)dx, (const uint8_t *)argmax, (const T *)dy,
                                     bias_gradient, partials, stream)
                   : launch_backward(work, (T *)dx, (const uint32_t *)argmax, (const T *)dy,
                                     bias_gradient, partials, stream);
    });
}
