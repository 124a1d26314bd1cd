/*
 * Pools whose windows may overlap, leave gaps and reach into the padding, which they do not read:
 * the max with its argmax, and the mean. Backward gathers: a thread adds up, in row order, what the
 * windows around its value give it, so that no two threads write one value.
 *
 * Images are seen as `planes` of rows x cols pixels of `inner` values: NHWC has a plane per image
 * whose pixels are all channels, NCHW a plane per channel. A thread takes COUNT (1 or 4) of them.
 *
 * The stem's 3 x 3 pool with stride 2 of a ResNet at batch 32 (32 x 128 x 128 x 64): forward reads
 * 134 MB, most of it more than once but from the cache, and writes 34 MB and 8 MB of argmax: at
 * least 53 us on an H100; backward the same. All bound by memory.
 */
#ifndef HPAC_KERNELS_WINDOW_CUH
#define HPAC_KERNELS_WINDOW_CUH

#include "maxpool.cuh"

/* x or y in memory, which may be views: values from one image, plane or pixel to the next. */
struct window_image {
    uint32_t rows, cols, pixel_step;
    uint64_t plane_step, image_step;
};

struct window_work {
    uint64_t planes;
    window_image x, y;
    uint32_t inner;
    uint32_t window_rows, window_cols, stride_rows, stride_cols, pad_top, pad_left;
    divisor by_inner, by_cols, by_rows; /* by the pieces that a thread takes */
    divisor by_planes;                  /* of an image */
    bool add;
};

/* The values that a thread takes: of a pixel of y, in backward of x. */
struct window_place {
    uint64_t plane, x, y;       /* x, y: where they would be of the plane's first pixel */
    uint32_t row, col, channel; /* channel: the first of the pixel's `inner` */
};

template <int COUNT>
__device__ __forceinline__ window_place find_place(const window_work &work, uint64_t item)
{
    const divided pixel = divide(item, work.by_inner), row = divide(pixel.quotient, work.by_cols),
                  plane = divide(row.quotient, work.by_rows),
                  image = divide(plane.quotient, work.by_planes);
    const uint32_t channel = pixel.remainder * COUNT;
    return {plane.quotient,
            image.quotient * work.x.image_step + image.remainder * work.x.plane_step + channel,
            image.quotient * work.y.image_step + image.remainder * work.y.plane_step + channel,
            plane.remainder,
            row.remainder,
            channel};
}

/* From `first` up to, not including, `end`. */
struct window_range {
    uint32_t first, end;
};

/* The rows (columns) of an output's window that are inside of x. */
__device__ __forceinline__ window_range inside(uint32_t output, uint32_t window, uint32_t stride,
                                               uint32_t pad, uint32_t length)
{
    const uint32_t start = output * stride, limit = length + pad;
    const uint32_t left = limit > start ? limit - start : 0;
    return {start < pad ? pad - start : 0, left < window ? left : window};
}

__device__ __forceinline__ window_range rows_inside(const window_work &work, uint32_t row)
{
    return inside(row, work.window_rows, work.stride_rows, work.pad_top, work.x.rows);
}

__device__ __forceinline__ window_range cols_inside(const window_work &work, uint32_t col)
{
    return inside(col, work.window_cols, work.stride_cols, work.pad_left, work.x.cols);
}

/* The outputs whose window contains `padded`, a row (column) counted from the padding's start. */
__device__ __forceinline__ window_range windows_of(uint32_t padded, uint32_t window,
                                                   uint32_t stride, uint32_t outputs)
{
    const uint32_t end = padded / stride + 1;
    return {padded < window ? 0 : (padded - window) / stride + 1, end < outputs ? end : outputs};
}

/* Where the thread's values of a pixel of its plane are in x, in y. */
__device__ __forceinline__ uint64_t x_offset(const window_work &work, const window_place &at,
                                             uint32_t row, uint32_t col)
{
    return at.x + ((uint64_t)row * work.x.cols + col) * work.x.pixel_step;
}

__device__ __forceinline__ uint64_t y_offset(const window_work &work, const window_place &at,
                                             uint32_t row, uint32_t col)
{
    return at.y + ((uint64_t)row * work.y.cols + col) * work.y.pixel_step;
}

/* Those of the window's tap i, j. */
__device__ __forceinline__ uint64_t tap_offset(const window_work &work, const window_place &at,
                                               uint32_t i, uint32_t j)
{
    return x_offset(work, at, at.row * work.stride_rows + i - work.pad_top,
                    at.col * work.stride_cols + j - work.pad_left);
}

/* Those of an output in the argmax, which lies alone. */
__device__ __forceinline__ uint64_t argmax_offset(const window_work &work, const window_place &at,
                                                  uint32_t row, uint32_t col)
{
    return ((at.plane * work.y.rows + row) * work.y.cols + col) * work.inner + at.channel;
}

/* The max of each window; argmax may be NULL. */
template <typename T, typename W, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    window_max(T *__restrict__ y, W *__restrict__ argmax, const T *__restrict__ x,
               const window_work work)
{
    const uint64_t item = thread_number();
    const window_place at = find_place<COUNT>(work, item);
    if (at.plane >= work.planes)
        return;
    const window_range rows = rows_inside(work, at.row), cols = cols_inside(work, at.col);
    pool_best best[COUNT];
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        best[k] = {-INFINITY, rows.first * work.window_cols + cols.first};
    for (uint32_t i = rows.first; i < rows.end; i++)
        for (uint32_t j = cols.first; j < cols.end; j++) {
            const values<COUNT> value = load<COUNT>(x + tap_offset(work, at, i, j));
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                consider(&best[k], value.v[k], i * work.window_cols + j);
        }
    values<COUNT> result;
    packed<COUNT, W> indices;
#pragma unroll
    for (int k = 0; k < COUNT; k++) {
        result.v[k] = best[k].value;
        indices.v[k] = (W)best[k].argmax;
    }
    store(y + y_offset(work, at, at.row, at.col), result);
    if (argmax)
        *reinterpret_cast<packed<COUNT, W> *>(argmax + COUNT * item) = indices;
}

/* dx: the dy of the windows whose max it is. */
template <typename T, typename W, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    window_max_backward(T *__restrict__ dx, const W *__restrict__ argmax, const T *__restrict__ dy,
                        const window_work work)
{
    const uint64_t item = thread_number();
    const window_place at = find_place<COUNT>(work, item);
    if (at.plane >= work.planes)
        return;
    const uint32_t row = at.row + work.pad_top, col = at.col + work.pad_left;
    const window_range rows = windows_of(row, work.window_rows, work.stride_rows, work.y.rows),
                       cols = windows_of(col, work.window_cols, work.stride_cols, work.y.cols);
    values<COUNT> sum = {};
    for (uint32_t r = rows.first; r < rows.end; r++)
        for (uint32_t c = cols.first; c < cols.end; c++) {
            const uint32_t tap =
                (row - r * work.stride_rows) * work.window_cols + col - c * work.stride_cols;
            const values<COUNT> gradient = load<COUNT>(dy + y_offset(work, at, r, c));
            const packed<COUNT, W> indices =
                *reinterpret_cast<const packed<COUNT, W> *>(argmax + argmax_offset(work, at, r, c));
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                sum.v[k] += indices.v[k] == tap ? gradient.v[k] : 0.0F;
        }
    store_gradient(dx + x_offset(work, at, at.row, at.col), sum, work.add);
}

/* How many pixels a mean is made of. */
__device__ __forceinline__ float pixels_inside(const window_work &work, uint32_t row, uint32_t col)
{
    const window_range rows = rows_inside(work, row), cols = cols_inside(work, col);
    return (float)((rows.end - rows.first) * (cols.end - cols.first));
}

/* The mean of each window. */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    window_mean(T *__restrict__ y, const T *__restrict__ x, const window_work work)
{
    const uint64_t item = thread_number();
    const window_place at = find_place<COUNT>(work, item);
    if (at.plane >= work.planes)
        return;
    const window_range rows = rows_inside(work, at.row), cols = cols_inside(work, at.col);
    const float pixels = pixels_inside(work, at.row, at.col);
    values<COUNT> sum = {};
    for (uint32_t i = rows.first; i < rows.end; i++)
        for (uint32_t j = cols.first; j < cols.end; j++) {
            const values<COUNT> value = load<COUNT>(x + tap_offset(work, at, i, j));
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                sum.v[k] += value.v[k];
        }
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        sum.v[k] /= pixels;
    store(y + y_offset(work, at, at.row, at.col), sum);
}

/* dx: the dy of all windows around it, each divided by the window's number of pixels. */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    window_mean_backward(T *__restrict__ dx, const T *__restrict__ dy, const window_work work)
{
    const uint64_t item = thread_number();
    const window_place at = find_place<COUNT>(work, item);
    if (at.plane >= work.planes)
        return;
    const window_range rows = windows_of(at.row + work.pad_top, work.window_rows, work.stride_rows,
                                         work.y.rows),
                       cols = windows_of(at.col + work.pad_left, work.window_cols, work.stride_cols,
                                         work.y.cols);
    values<COUNT> sum = {};
    for (uint32_t r = rows.first; r < rows.end; r++)
        for (uint32_t c = cols.first; c < cols.end; c++) {
            const float pixels = pixels_inside(work, r, c);
            const values<COUNT> gradient = load<COUNT>(dy + y_offset(work, at, r, c));
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                sum.v[k] += gradient.v[k] / pixels;
        }
    store_gradient(dx + x_offset(work, at, at.row, at.col), sum, work.add);
}

#endif
