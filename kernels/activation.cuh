/* ReLU and sigmoid by themselves; a ReLU next to a bias or a pool is part of that kernel. */
#ifndef HPAC_KERNELS_ACTIVATION_CUH
#define HPAC_KERNELS_ACTIVATION_CUH

#include "common.cuh"

/* A NaN stays a NaN. */
__device__ __forceinline__ float relu(float x)
{
    return x < 0.0F ? 0.0F : x;
}

/*
 * y = max(x, 0) or 1 / (1 + exp(-x)): four values per thread, in place if wanted.
 * Moves 8 bytes per value (bf16: 4). ReLU alone behind the first convolution of the improved model
 * at batch 128 (32.5 million values): 260 MB, at least 78 us on an H100. Bound by memory.
 */
template <typename T, bool SIGMOID>
__global__ void __launch_bounds__(KERNEL_THREADS)
    activate(T *y, const T *x, uint64_t count, bool aligned)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    values<4> value = load_part(x + first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        value.v[i] = SIGMOID ? 1.0F / (1.0F + expf(-value.v[i])) : relu(value.v[i]);
    store_part(y + first, value, part, aligned);
}

/*
 * dx = dy where y > 0, or dy y (1 - y): four values per thread; dx may be dy.
 * Moves 12 bytes per value (bf16: 6): 390 MB, 116 us, where forward moves 260. Bound by memory.
 */
template <typename T, bool SIGMOID>
__global__ void __launch_bounds__(KERNEL_THREADS)
    activate_backward(T *dx, const T *__restrict__ y, const T *dy, uint64_t count, bool aligned)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    const values<4> out = load_part(y + first, part, aligned);
    values<4> value = load_part(dy + first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        value.v[i] = SIGMOID           ? value.v[i] * out.v[i] * (1.0F - out.v[i])
                     : out.v[i] > 0.0F ? value.v[i]
                                       : 0.0F;
    store_part(dx + first, value, part, aligned);
}

#endif
