/* Operations with several inputs: add, multiply, concat. */
#ifndef HPAC_KERNELS_JOIN_CUH
#define HPAC_KERNELS_JOIN_CUH

#include "pieces.cuh"

/* Of up to four tensors; those that are NULL are left out. */
template <typename T> struct join_inputs {
    const T *first, *second, *third, *fourth;
};

template <typename T> struct join_gradients {
    T *first, *second, *third, *fourth;
    bool add_first, add_second, add_third, add_fourth; /* to what is there */
};

template <typename T>
__device__ __forceinline__ void add_part(values<4> &sum, const T *at, uint64_t first, int part,
                                         bool aligned)
{
    if (!at)
        return;
    const values<4> more = load_part(at + first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        sum.v[i] += more.v[i];
}

/*
 * y = the sum of the inputs, then ReLU if wanted: four values per thread; y may be an input.
 * Moves 4 bytes per value and input, and 4 (bf16: 2): two inputs of 32 x 64 x 64 x 64 values 101
 * MB, at least 30 us on an H100. Bound by memory.
 */
template <typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    add_values(T *y, const join_inputs<T> inputs, uint64_t count, bool relu, bool aligned)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    values<4> sum = load_part(inputs.first + first, part, aligned);
    add_part(sum, inputs.second, first, part, aligned);
    add_part(sum, inputs.third, first, part, aligned);
    add_part(sum, inputs.fourth, first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (relu && sum.v[i] < 0.0F)
            sum.v[i] = 0.0F;
    store_part(y + first, sum, part, aligned);
}

template <typename T>
__device__ __forceinline__ void store_copy(T *at, const values<4> &gradient, uint64_t first,
                                           int part, bool aligned, bool add)
{
    if (at)
        store_gradient_part(at + first, gradient, part, aligned, add);
}

/*
 * The gradient of each input = dy, or dy where y > 0 if there was a ReLU (y, else NULL): four
 * values per thread, the inputs in their order; the last may be dy.
 * Moves 4 bytes per value that is read, written, or added to (bf16: 2); bound as above.
 */
template <typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    add_values_backward(const join_gradients<T> to, const T *y, const T *dy, uint64_t count,
                        bool aligned)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    values<4> gradient = load_part(dy + first, part, aligned), out = {};
    if (y)
        out = load_part(y + first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (y && !(out.v[i] > 0.0F))
            gradient.v[i] = 0.0F;
    store_copy(to.first, gradient, first, part, aligned, to.add_first);
    store_copy(to.second, gradient, first, part, aligned, to.add_second);
    store_copy(to.third, gradient, first, part, aligned, to.add_third);
    store_copy(to.fourth, gradient, first, part, aligned, to.add_fourth);
}

struct multiply_work {
    piece_work shape;
    bool broadcast; /* the factor is (images, 1, 1, channels) */
    bool add_dx, add_dfactor;
};

template <int COUNT, bool PLANES, typename T>
__device__ __forceinline__ values<COUNT> load_factor(const multiply_work &work, const T *factor,
                                                     const piece &at)
{
    if (!work.broadcast)
        return load<COUNT>(factor + at.offset);
    return load_channels<COUNT, PLANES>(factor + at.image * work.shape.channels, at.channel, 1.0F);
}

/*
 * y = x factor: a piece per thread; y may be x.
 * Moves 12 bytes per value (bf16: 6), with a broadcast factor 8: 32 x 56 x 56 x 96 values, in an
 * EfficientNetB0 at 224 x 224, 77 MB, at least 23 us on an H100. Bound by memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS)
    multiply(T *y, const T *x, const T *factor, const multiply_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    const values<COUNT> by = load_factor<COUNT, PLANES>(work, factor, at);
    values<COUNT> value = load<COUNT>(x + at.offset);
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        value.v[i] *= by.v[i];
    store(y + at.offset, value);
}

/*
 * dfactor = dy x (of a factor that is not broadcast), then dx = dy factor: a piece per thread, each
 * left out when it is NULL; dx may be dy. x is NULL where it is not needed, and so is the factor.
 * Moves 20 bytes per value (bf16: 10); with a broadcast factor 8. Bound by memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS)
    multiply_backward(T *dx, T *dfactor, const T *x, const T *factor, const T *dy,
                      const multiply_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    const values<COUNT> gradient = load<COUNT>(dy + at.offset);
    values<COUNT> by = {}, of_factor = {};
    if (dx)
        by = load_factor<COUNT, PLANES>(work, factor, at);
    if (dfactor)
        of_factor = load<COUNT>(x + at.offset);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        of_factor.v[i] *= gradient.v[i];
        by.v[i] *= gradient.v[i];
    }
    if (dfactor)
        store_gradient(dfactor + at.offset, of_factor, work.add_dfactor);
    if (dx)
        store_gradient(dx + at.offset, by, work.add_dx);
}

struct factor_work {
    uint32_t pixels, inner; /* of a line: an image, or a plane, which has one value per pixel */
    uint32_t parts;         /* of a line */
    divisor by_parts;
};

/*
 * The gradient of a broadcast factor, (lines, inner) = the sum of dy x over pixels: a block sums a
 * part of a line; the columns of threads take COUNT neighbors of a pixel, the rows share the
 * pixels. sums: (parts, lines, inner).
 * Reads 8 bytes per value (bf16: 4): 77 MB, 23 us where forward moves as much. Bound by memory.
 */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    factor_sums(float *__restrict__ sums, const T *__restrict__ x, const T *__restrict__ dy,
                const factor_work work)
{
    DYN_SHARED(float, shared);
    const divided block = divide(blockIdx.x, work.by_parts);
    const uint64_t line = block.quotient, lines = gridDim.x / work.parts;
    const uint32_t column = (blockIdx.y * blockDim.x + threadIdx.x) * COUNT;
    const bool inside = column < work.inner;
    values<COUNT> sum = {};
    uint32_t pixel = block.remainder * blockDim.y + threadIdx.y;
    for (; inside && pixel < work.pixels; pixel += work.parts * blockDim.y) {
        const uint64_t offset = (line * work.pixels + pixel) * work.inner + column;
        const values<COUNT> value = load<COUNT>(x + offset), gradient = load<COUNT>(dy + offset);
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            sum.v[i] += value.v[i] * gradient.v[i];
    }
    float *to = sums + (block.remainder * lines + line) * work.inner + column;
    write_column_sums(inside ? to : NULL, sum, shared);
}

/*
 * The parts of a sum, added in their order: a sum per thread.
 * Moves 4 bytes per part and sum: with 8 parts of 32 x 96 sums 98 kB, the time of a launch.
 */
template <typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    factor_gradient(T *dfactor, const float *__restrict__ sums, uint32_t parts, uint64_t count,
                    bool add)
{
    const uint64_t number = thread_number();
    if (number >= count)
        return;
    values<1> sum = {};
    for (uint32_t i = 0; i < parts; i++)
        sum.v[0] += sums[i * count + number];
    store_gradient<1>(dfactor + number, sum, add);
}

struct copy_work {
    uint64_t pieces;
    divisor width;               /* pieces of a line */
    uint64_t to_line, from_line; /* values from one line's first to the next one's */
    bool add;                    /* to what is there */
};

/*
 * Lines of one tensor into or out of longer lines of another, which is concat and its gradient: a
 * line is a pixel's channels, or of planes all of an image. COUNT values per thread.
 * Moves 8 bytes per value (bf16: 4), or 12 when added: the last concat of DenseNet121's first block
 * at batch 32 and 224 x 224 (25.7 million values) 206 MB, at least 61 us on an H100. Bound by
 * memory.
 */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    copy_lines(T *__restrict__ to, const T *__restrict__ from, const copy_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.pieces)
        return;
    const divided line = divide(number, work.width);
    const uint64_t column = (uint64_t)line.remainder * COUNT;
    store_gradient(to + line.quotient * work.to_line + column,
                   load<COUNT>(from + line.quotient * work.from_line + column), work.add);
}

#endif
