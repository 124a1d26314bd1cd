/* Pixels: the bytes or floats of a batch slot -> floats in [0, 1], in the tensor's layout and
 * format. */
#ifndef HPAC_KERNELS_PIXELS_CUH
#define HPAC_KERNELS_PIXELS_CUH

#include "common.cuh"

/* Divided, not multiplied by 1 / 255, so that the values are the CPU's. */
__device__ __forceinline__ float pixel_value(uint8_t byte)
{
    return (float)byte / 255.0F;
}

__device__ __forceinline__ float pixel_value(float value)
{
    return value;
}

/*
 * y = x / 255, memory order on both sides: four values per thread.
 * Moves 1 + 4 bytes per value (bf16: 1 + 2): 128 x 128 x 128 bytes are 10.5 MB, at least 3.1 us on
 * an H100. Bound by memory.
 */
template <typename S, typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    pixels_quads(T *__restrict__ y, const S *__restrict__ x, uint64_t count, bool aligned)
{
    struct alignas(4 * sizeof(S)) packed {
        S v[4];
    };
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    packed read = {};
    if (aligned && part == 4)
        read = *reinterpret_cast<const packed *>(x + first);
    else
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (i < part)
                read.v[i] = x[first + (uint64_t)i];
    values<4> result;
#pragma unroll
    for (int i = 0; i < 4; i++)
        result.v[i] = pixel_value(read.v[i]);
    store_part(y + first, result, part, aligned);
}

/*
 * The same into planes (NCHW with several channels): a value per thread in the order of y. The
 * reads of a warp lie `channels` apart, so that each byte comes into the cache once and is used
 * from it. Moves 1 + 4 bytes per value: four channels at batch 128 are 42 MB, at least 12.5 us on
 * an H100. Bound by memory.
 */
template <typename S, typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    pixels_planes(T *__restrict__ y, const S *__restrict__ x, uint64_t count, const divisor pixels,
                  const divisor channels)
{
    const uint64_t offset = thread_number();
    if (offset >= count)
        return;
    const divided plane = divide(offset, pixels), image = divide(plane.quotient, channels);
    const uint64_t index =
        (image.quotient * pixels.value + plane.remainder) * channels.value + image.remainder;
    y[offset] = narrow<T>(pixel_value(x[index]));
}

#endif
