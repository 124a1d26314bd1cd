/* Launchers of maxpool.cuh. */
#include "maxpool.cuh"

#include "sums.h"

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

/* A thread takes so many columns of y and so many channels. */
static void set_pieces(pool_work *work, uint32_t cols, uint32_t channels)
{
    work->by_rows = make_divisor(work->out_rows);
    work->by_cols = make_divisor(work->out_cols / cols);
    work->by_channels = make_divisor(work->channels / channels);
}

template <typename T>
static cudaError_t launch(pool_work work, T *y, void *argmax, const T *x, cudaStream_t stream)
{
    const uint64_t count = output_count(work);
    const bool fours = is_aligned(y, 4) && is_aligned(x, 4) && work.channels % 4 == 0 &&
                       has_small_windows(work) && is_aligned((uint32_t *)argmax, 1);
    uint8_t *bytes = (uint8_t *)argmax;
    const bool quads = fours && !work.nchw;
    const bool tiles = fours && work.nchw && is_square(work) && work.cols % 4 == 0;
    if (count == 0)
        return cudaSuccess;
    set_pieces(&work, tiles ? 2 : 1, quads || tiles ? 4 : 1);
    if (quads && is_square(work))
        maxpool_quads<T, true>
            <<<blocks_for(count / 4), KERNEL_THREADS, 0, stream>>>(y, bytes, x, work);
    else if (quads)
        maxpool_quads<T, false>
            <<<blocks_for(count / 4), KERNEL_THREADS, 0, stream>>>(y, bytes, x, work);
    else if (tiles)
        maxpool_tiles<T><<<blocks_for(count / 8), KERNEL_THREADS, 0, stream>>>(y, bytes, x, work);
    else if (has_small_windows(work))
        maxpool_singles<T, uint8_t>
            <<<blocks_for(count), KERNEL_THREADS, 0, stream>>>(y, bytes, x, work);
    else
        maxpool_singles<T, uint32_t>
            <<<blocks_for(count), KERNEL_THREADS, 0, stream>>>(y, (uint32_t *)argmax, x, work);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_maxpool(const kernel_pool *pool, void *y, void *argmax, const void *x,
                                cudaStream_t stream)
{
    const pool_work work = describe(pool);
    return pool->before.bf16 ? launch(work, (bfloat *)y, argmax, (const bfloat *)x, stream)
                             : launch(work, (float *)y, argmax, (const float *)x, stream);
}

/* The addresses of one backward call. */
template <typename T> struct pool_addresses {
    T *dx;
    const void *argmax;
    const T *dy;
    float *gradient, *partials;
};

/* Windows of all images, partial ones included; a thread takes `cols` columns of x. */
static uint64_t set_windows(pool_work *work, uint32_t cols)
{
    work->by_rows = make_divisor(divide_up(work->rows, work->window_rows));
    work->by_cols = make_divisor(divide_up(work->cols, cols));
    return (uint64_t)work->batch * work->by_rows.value * work->by_cols.value;
}

template <typename T, typename W, int COUNT>
static cudaError_t launch_rows(pool_work work, const pool_addresses<T> &at, cudaStream_t stream)
{
    const uint64_t windows = set_windows(&work, work.window_cols);
    const row_grid grid = share_rows(windows, work.channels, COUNT);
    maxpool_backward_rows<T, W, COUNT><<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
        at.dx, (const W *)at.argmax, at.dy, sums_of(at.gradient, at.partials, grid.blocks.x), work);
    return finish_sums(at.gradient, at.partials, grid.blocks.x, work.channels, stream);
}

template <typename T, typename W, bool SQUARE>
static cudaError_t launch_planes(pool_work work, const pool_addresses<T> &at, cudaStream_t stream)
{
    const uint64_t items = set_windows(&work, SQUARE ? 4 : work.window_cols);
    const row_grid grid = share_planes(items, work.channels);
    maxpool_backward_planes<T, W, SQUARE>
        <<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            at.dx, (const W *)at.argmax, at.dy, sums_of(at.gradient, at.partials, grid.blocks.y),
            work);
    return finish_sums(at.gradient, at.partials, grid.blocks.y, work.channels, stream);
}

template <typename T>
static cudaError_t launch_backward(const pool_work &work, const pool_addresses<T> &at,
                                   cudaStream_t stream)
{
    const bool aligned =
        is_aligned(at.dx, 4) && is_aligned(at.dy, 4) && is_aligned((const uint32_t *)at.argmax, 1);
    const bool small = has_small_windows(work);
    if (work.nchw && small && aligned && is_square(work) && work.cols % 4 == 0)
        return launch_planes<T, uint8_t, true>(work, at, stream);
    if (work.nchw)
        return small ? launch_planes<T, uint8_t, false>(work, at, stream)
                     : launch_planes<T, uint32_t, false>(work, at, stream);
    if (small && aligned && work.channels % 4 == 0)
        return launch_rows<T, uint8_t, 4>(work, at, stream);
    return small ? launch_rows<T, uint8_t, 1>(work, at, stream)
                 : launch_rows<T, uint32_t, 1>(work, at, stream);
}

cudaError_t hpac_kernel_maxpool_backward(const kernel_pool *pool, void *dx, const void *argmax,
                                         const void *dy, float *bias_gradient, void *partials,
                                         cudaStream_t stream)
{
    const pool_work work = describe(pool);
    if (pool->before.bf16)
        return launch_backward<bfloat>(
            work, {(bfloat *)dx, argmax, (const bfloat *)dy, bias_gradient, (float *)partials},
            stream);
    return launch_backward<float>(
        work, {(float *)dx, argmax, (const float *)dy, bias_gradient, (float *)partials}, stream);
}
