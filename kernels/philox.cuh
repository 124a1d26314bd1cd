/*
 * Philox4x32-10 on the device (random.h has the formula), and the dropout drawn with it: masks are
 * the CPU's bit for bit, whatever the layout, since the counter is the value's NHWC index in the
 * batch. Four indices share a block of four numbers: ten rounds of two 32 x 32 -> 64 bit
 * multiplications, about 80 instructions.
 */
#ifndef HPAC_KERNELS_PHILOX_CUH
#define HPAC_KERNELS_PHILOX_CUH

#include "common.cuh"

#include "base/random.h"

struct philox_words {
    uint32_t v[4];
};

__host__ __device__ __forceinline__ philox_words philox4x32(const uint32_t counter[4],
                                                            uint64_t seed)
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        uint64_t even = (uint64_t)0xD2511F53U * c0, odd = (uint64_t)0xCD9E8D57U * c2;
        c0 = (uint32_t)(odd >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)odd;
        c2 = (uint32_t)(even >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)even;
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    return {{c0, c1, c2, c3}};
}

/* The numbers of indices 4 x block ... 4 x block + 3. */
__host__ __device__ __forceinline__ philox_words draw_block(const kernel_dropout &dropout,
                                                            uint64_t block)
{
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), dropout.step->step,
                                 (uint32_t)HPAC_PURPOSE_DROPOUT << 24 | dropout.stream};
    return philox4x32(counter, dropout.step->seed);
}

/* What a number does to its value. */
__device__ __forceinline__ bool is_retained(const kernel_dropout &dropout, uint32_t number)
{
    return number >= dropout.threshold;
}

__device__ __forceinline__ float drop(const kernel_dropout &dropout, uint32_t number, float value)
{
    return is_retained(dropout, number) ? value * dropout.scale : 0.0F;
}

/* The number of one index. */
__host__ __device__ __forceinline__ uint32_t draw_one(const kernel_dropout &dropout, uint64_t index)
{
    const philox_words words = draw_block(dropout, index / 4);
    const uint32_t low = index % 2 ? words.v[1] : words.v[0];
    const uint32_t high = index % 2 ? words.v[3] : words.v[2];
    return index % 4 < 2 ? low : high;
}

#endif
