/*
 * Max pooling, stride = window, in backward with the ReLU before it and the dropout after it.
 *
 * Forward stores an argmax per output: the index of the max in its window, or the window's size
 * where the gradient is 0 (dropped, or zeroed by the ReLU). Backward then reads argmax and dy only,
 * and writes each value of dx once. Sums of dz over a channel, the gradient of the bias before the
 * ReLU, come from the same pass: a window has at most one nonzero dz.
 *
 * Improved model at batch 128 (128 x 124 x 124 x 32, 252 MB): forward reads these and writes 63 MB
 * and 16 MB of argmax: 331 MB, at least 99 us on an H100. Backward reads 79 MB and writes 252 MB:
 * the same. With bf16 173 MB, at least 52 us each. All bound by memory.
 */
#ifndef HPAC_KERNELS_MAXPOOL_CUH
#define HPAC_KERNELS_MAXPOOL_CUH

#include "philox.cuh"

struct pool_work {
    kernel_dropout dropout;
    uint32_t batch, rows, cols, channels; /* of x */
    uint32_t out_rows, out_cols;          /* of y */
    uint32_t window_rows, window_cols;
    divisor by_rows, by_cols, by_channels; /* by the pieces that a thread takes */
    bool relu, nchw;
};

/* The first of the largest values seen, or the first NaN; the first value if all are -infinity. */
struct pool_best {
    float value;
    uint32_t argmax; /* index in the window, row by row */
};

__device__ __forceinline__ pool_best nothing_yet()
{
    return {-INFINITY, 0};
}

__device__ __forceinline__ void consider(pool_best *best, float value, uint32_t index)
{
    const bool is_nan = value != value, was_nan = best->value != best->value;
    if (value > best->value || (is_nan && !was_nan)) {
        best->value = value;
        best->argmax = index;
    }
}

/* Turns the best of a window into y, which is returned, and the argmax. */
__device__ __forceinline__ float finish(const pool_work &work, pool_best *best, uint32_t number)
{
    const bool retained = !work.dropout.step || is_retained(work.dropout, number);
    if (!retained || (work.relu && !(best->value > 0.0F)))
        best->argmax = work.window_rows * work.window_cols;
    return !retained ? 0.0F : work.dropout.step ? best->value * work.dropout.scale : best->value;
}

/*
 * NHWC, channels a multiple of four: four channels of one window per thread, one draw, loads of 16
 * bytes (bf16: 8). SQUARE: windows of 2 x 2, whose four loads are all under way at once.
 */
template <typename T, bool SQUARE>
__global__ void __launch_bounds__(KERNEL_THREADS)
    maxpool_quads(T *__restrict__ y, uint8_t *__restrict__ argmax, const T *__restrict__ x,
                  const pool_work work)
{
    const uint64_t item = thread_number();
    const divided window = divide(item, work.by_channels),
                  row = divide(window.quotient, work.by_cols),
                  image = divide(row.quotient, work.by_rows);
    if (image.quotient >= work.batch)
        return;
    const uint32_t down = SQUARE ? 2 : work.window_rows, across = SQUARE ? 2 : work.window_cols;
    const uint64_t pixel =
        (image.quotient * work.rows + (uint64_t)image.remainder * down) * work.cols +
        (uint64_t)row.remainder * across;
    const T *first = x + pixel * work.channels + 4 * window.remainder;
    pool_best best[4] = {nothing_yet(), nothing_yet(), nothing_yet(), nothing_yet()};
    for (uint32_t i = 0; i < down; i++)
        for (uint32_t j = 0; j < across; j++) {
            const values<4> value = load<4>(first + ((uint64_t)i * work.cols + j) * work.channels);
#pragma unroll
            for (int k = 0; k < 4; k++)
                consider(&best[k], value.v[k], i * across + j);
        }
    philox_words words = {};
    if (work.dropout.step)
        words = draw_block(work.dropout, item);
    values<4> result;
#pragma unroll
    for (int k = 0; k < 4; k++)
        result.v[k] = finish(work, &best[k], words.v[k]);
    store(y + 4 * item, result);
    if (argmax)
        *reinterpret_cast<uchar4 *>(argmax + 4 * item) =
            make_uchar4((uint8_t)best[0].argmax, (uint8_t)best[1].argmax, (uint8_t)best[2].argmax,
                        (uint8_t)best[3].argmax);
}

/*
 * Planes, windows of 2 x 2, channels and columns multiples of four: two neighboring windows of
 * four channels per thread, two draws, eight loads of 16 bytes (bf16: 8).
 */
template <typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    maxpool_tiles(T *__restrict__ y, uint8_t *__restrict__ argmax, const T *__restrict__ x,
                  const pool_work work)
{
    const uint32_t groups = work.channels / 4;
    const divided row = divide(thread_number(), work.by_cols),
                  plane = divide(row.quotient, work.by_rows),
                  image = divide(plane.quotient, work.by_channels);
    if (image.quotient >= work.batch)
        return;
    const uint64_t pixel =
        (image.quotient * work.out_rows + plane.remainder) * work.out_cols + 2 * row.remainder;
    philox_words words[2] = {};
    if (work.dropout.step)
#pragma unroll
        for (uint32_t i = 0; i < 2; i++)
            words[i] = draw_block(work.dropout, (pixel + i) * groups + image.remainder);
#pragma unroll
    for (uint32_t k = 0; k < 4; k++) {
        const uint64_t channel = plane.quotient * 4 + k; /* of the batch: image x channels + k */
        const T *first =
            x + (channel * work.rows + 2 * plane.remainder) * work.cols + 4 * row.remainder;
        const values<4> upper = load<4>(first), lower = load<4>(first + work.cols);
        pool_best best[2];
        values<2> result;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            best[i] = {upper.v[2 * i], 0};
            consider(&best[i], upper.v[2 * i + 1], 1);
            consider(&best[i], lower.v[2 * i], 2);
            consider(&best[i], lower.v[2 * i + 1], 3);
            result.v[i] = finish(work, &best[i], words[i].v[k]);
        }
        const uint64_t offset =
            (channel * work.out_rows + plane.remainder) * work.out_cols + 2 * row.remainder;
        store(y + offset, result);
        if (argmax)
            *reinterpret_cast<uchar2 *>(argmax + offset) =
                make_uchar2((uint8_t)best[0].argmax, (uint8_t)best[1].argmax);
    }
}

/* The position of an output or window. */
struct pool_position {
    uint64_t image;
    uint32_t row, col, channel;
};

/* Of the item in memory order. */
__device__ __forceinline__ pool_position locate(const pool_work &work, uint64_t item)
{
    if (work.nchw) {
        const divided row = divide(item, work.by_cols), plane = divide(row.quotient, work.by_rows),
                      image = divide(plane.quotient, work.by_channels);
        return {image.quotient, plane.remainder, row.remainder, image.remainder};
    }
    const divided pixel = divide(item, work.by_channels),
                  row = divide(pixel.quotient, work.by_cols),
                  image = divide(row.quotient, work.by_rows);
    return {image.quotient, image.remainder, row.remainder, pixel.remainder};
}

/* The offset of a value of x. */
__device__ __forceinline__ uint64_t input_offset(const pool_work &work, const pool_position &at,
                                                 uint32_t row, uint32_t col)
{
    if (work.nchw)
        return ((at.image * work.channels + at.channel) * work.rows + row) * work.cols + col;
    return ((at.image * work.rows + row) * work.cols + col) * work.channels + at.channel;
}

/* Any layout, window and number of channels: an output per thread, in memory order, each with a
 * draw of its own. Moves what the others do; with dropout bound by arithmetic. */
template <typename T, typename W>
__global__ void __launch_bounds__(KERNEL_THREADS)
    maxpool_singles(T *__restrict__ y, W *__restrict__ argmax, const T *__restrict__ x,
                    const pool_work work)
{
    const uint64_t item = thread_number();
    const pool_position at = locate(work, item);
    if (at.image >= work.batch)
        return;
    const uint32_t row = at.row * work.window_rows, col = at.col * work.window_cols;
    pool_best best = nothing_yet();
    for (uint32_t i = 0; i < work.window_rows; i++)
        for (uint32_t j = 0; j < work.window_cols; j++)
            consider(&best, widen(x[input_offset(work, at, row + i, col + j)]),
                     i * work.window_cols + j);
    uint32_t number = 0;
    if (work.dropout.step)
        number =
            draw_one(work.dropout, ((at.image * work.out_rows + at.row) * work.out_cols + at.col) *
                                           work.channels +
                                       at.channel);
    y[item] = narrow<T>(finish(work, &best, number));
    if (argmax)
        argmax[item] = (W)best.argmax;
}

/* ---- backward: rows and columns left over count as windows too, in by_rows and by_cols ---- */

/* dz of one output and where in its window it belongs; 0 where no gradient comes back. */
template <int COUNT> struct pool_gradient {
    values<COUNT> dz;
    uint32_t argmax[COUNT];
};

template <int COUNT, typename T, typename W>
__device__ __forceinline__ pool_gradient<COUNT> load_gradient(const pool_work &work, const T *dy,
                                                              const W *argmax)
{
    const packed<COUNT, W> stored = *reinterpret_cast<const packed<COUNT, W> *>(argmax);
    const uint32_t none = work.window_rows * work.window_cols;
    pool_gradient<COUNT> gradient;
    gradient.dz = load<COUNT>(dy);
#pragma unroll
    for (int k = 0; k < COUNT; k++) {
        gradient.argmax[k] = stored.v[k];
        if (gradient.argmax[k] == none)
            gradient.dz.v[k] = 0.0F;
        else if (work.dropout.step)
            gradient.dz.v[k] *= work.dropout.scale;
    }
    return gradient;
}

/* The values of dx at one index of a window. */
template <int COUNT>
__device__ __forceinline__ values<COUNT> scatter(const pool_gradient<COUNT> &gradient,
                                                 uint32_t index)
{
    values<COUNT> result;
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        result.v[k] = gradient.argmax[k] == index ? gradient.dz.v[k] : 0.0F;
    return result;
}

/*
 * NHWC: a thread takes COUNT (1 or 4) adjacent channels of a grid-stride loop over windows; sums,
 * if wanted, as in bias_backward_rows.
 */
template <typename T, typename W, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    maxpool_backward_rows(T *__restrict__ dx, const W *__restrict__ argmax,
                          const T *__restrict__ dy, float *__restrict__ sums, const pool_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = (blockIdx.y * blockDim.x + threadIdx.x) * COUNT;
    const uint64_t windows = (uint64_t)work.batch * work.by_rows.value * work.by_cols.value;
    const uint64_t step = (uint64_t)gridDim.x * blockDim.y;
    values<COUNT> sum = {};
    uint64_t window = (uint64_t)blockIdx.x * blockDim.y + threadIdx.y;
    for (; channel < work.channels && window < windows; window += step) {
        const divided line = divide(window, work.by_cols),
                      image = divide(line.quotient, work.by_rows);
        pool_gradient<COUNT> gradient = {};
        if (image.remainder < work.out_rows && line.remainder < work.out_cols) {
            const uint64_t pixel =
                (image.quotient * work.out_rows + image.remainder) * work.out_cols + line.remainder;
            gradient = load_gradient<COUNT>(work, dy + pixel * work.channels + channel,
                                            argmax + pixel * work.channels + channel);
        }
#pragma unroll
        for (int k = 0; k < COUNT; k++)
            sum.v[k] += gradient.dz.v[k];
        const uint32_t row = image.remainder * work.window_rows,
                       col = line.remainder * work.window_cols;
        for (uint32_t i = 0; i < work.window_rows && row + i < work.rows; i++)
            for (uint32_t j = 0; j < work.window_cols && col + j < work.cols; j++) {
                const uint64_t pixel = (image.quotient * work.rows + row + i) * work.cols + col + j;
                store(dx + pixel * work.channels + channel,
                      scatter(gradient, i * work.window_cols + j));
            }
    }
    if (!sums)
        return;
    float *to = sums + (uint64_t)blockIdx.x * work.channels + channel;
    write_column_sums(channel < work.channels ? to : NULL, sum, shared);
}

/* Two neighboring windows of 2 x 2 of a plane: four values of two rows of dx. */
template <typename T>
__device__ __forceinline__ float write_square(const pool_work &work, T *dx, const uint8_t *argmax,
                                              const T *dy, uint64_t plane, divided line)
{
    const uint32_t row = (uint32_t)line.quotient;
    pool_gradient<2> gradient = {};
    if (row < work.out_rows) {
        const uint64_t offset = (plane * work.out_rows + row) * work.out_cols + 2 * line.remainder;
        gradient = load_gradient<2>(work, dy + offset, argmax + offset);
    }
    const uint64_t first = (plane * work.rows + 2 * row) * work.cols + 4 * line.remainder;
    for (uint32_t i = 0; i < 2 && 2 * row + i < work.rows; i++) {
        const values<2> left = scatter(gradient, 2 * i), right = scatter(gradient, 2 * i + 1);
        const values<4> four = {{left.v[0], right.v[0], left.v[1], right.v[1]}};
        store(dx + first + (uint64_t)i * work.cols, four);
    }
    return gradient.dz.v[0] + gradient.dz.v[1];
}

/* One window of any size of a plane. */
template <typename T, typename W>
__device__ __forceinline__ float write_window(const pool_work &work, T *dx, const W *argmax,
                                              const T *dy, uint64_t plane, divided line)
{
    const uint32_t row = (uint32_t)line.quotient;
    pool_gradient<1> gradient = {};
    if (row < work.out_rows && line.remainder < work.out_cols) {
        const uint64_t offset = (plane * work.out_rows + row) * work.out_cols + line.remainder;
        gradient = load_gradient<1>(work, dy + offset, argmax + offset);
    }
    const uint32_t top = row * work.window_rows, left = line.remainder * work.window_cols;
    for (uint32_t i = 0; i < work.window_rows && top + i < work.rows; i++)
        for (uint32_t j = 0; j < work.window_cols && left + j < work.cols; j++)
            store(dx + (plane * work.rows + top + i) * work.cols + left + j,
                  scatter(gradient, i * work.window_cols + j));
    return gradient.dz.v[0];
}

/*
 * Planes: a block takes channel blockIdx.x; sums as in bias_backward_planes. SQUARE: windows of
 * 2 x 2 and columns a multiple of four, two windows per thread, stores of 16 bytes (bf16: 8); else
 * one window of any size, whose stores leave gaps that the next ones of the warp fill.
 */
template <typename T, typename W, bool SQUARE>
__global__ void __launch_bounds__(KERNEL_THREADS)
    maxpool_backward_planes(T *__restrict__ dx, const W *__restrict__ argmax,
                            const T *__restrict__ dy, float *__restrict__ sums,
                            const pool_work work)
{
    DYN_SHARED(float, shared);
    const uint64_t step = (uint64_t)gridDim.y * KERNEL_THREADS;
    const uint64_t items = (uint64_t)work.batch * work.by_rows.value * work.by_cols.value;
    uint64_t item = (uint64_t)blockIdx.y * KERNEL_THREADS + threadIdx.x;
    float sum = 0.0F;
    for (; item < items; item += step) {
        const divided row = divide(item, work.by_cols), image = divide(row.quotient, work.by_rows);
        const uint64_t plane = image.quotient * work.channels + blockIdx.x;
        const divided line = {image.remainder, row.remainder};
        if constexpr (SQUARE)
            sum += write_square(work, dx, argmax, dy, plane, line);
        else
            sum += write_window(work, dx, argmax, dy, plane, line);
    }
    if (!sums)
        return;
    sum = block_sum<KERNEL_THREADS>(sum, shared);
    if (threadIdx.x == 0)
        sums[(uint64_t)blockIdx.y * work.channels + blockIdx.x] = sum;
}

#endif
