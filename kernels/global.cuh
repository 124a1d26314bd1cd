/*
 * Global pools: max with its argmax, and mean, of each channel of each image. Images are seen as
 * `planes` of pixels of `inner` values (window.cuh).
 *
 * Forward reads the whole tensor once: 32 x 7 x 7 x 2048 values, the end of a ResNet50 at batch 32,
 * are 13 MB, at least 4 us on an H100. Backward writes as much. Bound by memory.
 */
#ifndef HPAC_KERNELS_GLOBAL_CUH
#define HPAC_KERNELS_GLOBAL_CUH

#include "maxpool.cuh"

struct global_work {
    uint64_t planes;
    uint32_t pixels, inner;
    divisor by_inner, by_pixels; /* backward: by the pieces that a thread takes */
    bool add;
};

/* The thread's first value: a block takes a plane, blockIdx.x, and COUNT channels per column of
 * threads; the rows of threads share the pixels. */
template <int COUNT> __device__ __forceinline__ uint32_t first_channel()
{
    return (blockIdx.y * blockDim.x + threadIdx.x) * COUNT;
}

/* The mean of each channel, always added in the same order. */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    global_mean(T *__restrict__ y, const T *__restrict__ x, const global_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = first_channel<COUNT>();
    const T *first = x + (uint64_t)blockIdx.x * work.pixels * work.inner + channel;
    values<COUNT> sum = {};
    if (channel < work.inner)
#pragma unroll 4
        for (uint32_t p = threadIdx.y; p < work.pixels; p += blockDim.y) {
            const values<COUNT> value = load<COUNT>(first + (uint64_t)p * work.inner);
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                sum.v[k] += value.v[k];
        }
    sum = column_sums(sum, shared);
    if (threadIdx.y != 0 || channel >= work.inner)
        return;
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        sum.v[k] /= (float)work.pixels;
    store(y + (uint64_t)blockIdx.x * work.inner + channel, sum);
}

/* The larger of two, or the first of equals; a NaN is larger than all numbers. */
__device__ __forceinline__ void unite(pool_best *best, const pool_best &other)
{
    const bool best_is_nan = best->value != best->value, other_is_nan = other.value != other.value;
    const bool equal = best->value == other.value || (best_is_nan && other_is_nan);
    if (equal ? other.argmax < best->argmax
              : !best_is_nan && (other_is_nan || other.value > best->value))
        *best = other;
}

/* The max of each channel; argmax may be NULL. */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    global_max(T *__restrict__ y, uint32_t *__restrict__ argmax, const T *__restrict__ x,
               const global_work work)
{
    DYN_SHARED(pool_best, candidates);
    const uint32_t channel = first_channel<COUNT>();
    const T *first = x + (uint64_t)blockIdx.x * work.pixels * work.inner + channel;
    pool_best *own = candidates + (threadIdx.y * blockDim.x + threadIdx.x) * COUNT;
    pool_best best[COUNT];
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        best[k] = {-INFINITY, threadIdx.y};
    if (channel < work.inner)
#pragma unroll 4
        for (uint32_t p = threadIdx.y; p < work.pixels; p += blockDim.y) {
            const values<COUNT> value = load<COUNT>(first + (uint64_t)p * work.inner);
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                consider(&best[k], value.v[k], p);
        }
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        own[k] = best[k];
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half)
#pragma unroll
            for (int k = 0; k < COUNT; k++)
                unite(&own[k], own[half * blockDim.x * COUNT + k]);
    }
    if (threadIdx.y != 0 || channel >= work.inner)
        return;
    const uint64_t output = (uint64_t)blockIdx.x * work.inner + channel;
#pragma unroll
    for (int k = 0; k < COUNT; k++) {
        y[output + k] = narrow<T>(own[k].value);
        if (argmax)
            argmax[output + k] = own[k].argmax;
    }
}

/* A thread takes COUNT values of a pixel of dx; MAX: dy where the pixel is the argmax, else
 * dy / pixels everywhere. */
template <typename T, bool MAX, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    global_backward(T *__restrict__ dx, const uint32_t *__restrict__ argmax,
                    const T *__restrict__ dy, const global_work work)
{
    const uint64_t item = thread_number();
    const divided pixel = divide(item, work.by_inner),
                  plane = divide(pixel.quotient, work.by_pixels);
    if (plane.quotient >= work.planes)
        return;
    const uint64_t output = plane.quotient * work.inner + COUNT * pixel.remainder;
    values<COUNT> gradient = load<COUNT>(dy + output);
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        if (MAX)
            gradient.v[k] = argmax[output + k] == plane.remainder ? gradient.v[k] : 0.0F;
        else
            gradient.v[k] /= (float)work.pixels;
    store_gradient(dx + COUNT * item, gradient, work.add);
}

#endif
