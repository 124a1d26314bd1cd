/* Kernels for the fault tests: each right, or wrong in one way that its last argument chooses. */
#ifndef FAULT_KERNELS_CUH
#define FAULT_KERNELS_CUH

#include "kernels.h"

#ifndef DYN_SHARED
#define DYN_SHARED(type, name) extern __shared__ type name[]
#endif

struct fault_view {
    int count;
    float value;
    float *values;
};

__global__ void fill(fault_view view)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < view.count)
        view.values[i] = view.value;
}

/* to[i] += from[i + shift] */
__global__ void add(float *to, const float *from, int shift, int count)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count)
        to[i] += from[i + shift];
}

__global__ void write_at(float *values, long index)
{
    values[index] = 1.0f;
}

__global__ void not_listed(float *values)
{
    values[0] = 1.0f;
}

/* Turns the values of a block around, through shared memory. */
template <typename T> __global__ void turn(T *values, bool wait)
{
    __shared__ T kept[FAULT_THREADS];
    kept[threadIdx.x] = values[threadIdx.x];
    if (wait)
        __syncthreads();
    values[threadIdx.x] = kept[blockDim.x - 1 - threadIdx.x];
}

/* The sum of a block's values, in each of its places; without the second wait the next round's
 * values overwrite what others have still to read. */
__global__ void sum_rounds(float *values, bool wait)
{
    __shared__ float kept[FAULT_THREADS];
    float sum = 0.0f;
    for (int round = 1; round <= 2; round++) {
        kept[threadIdx.x] = values[threadIdx.x] * (float)round;
        __syncthreads();
        for (unsigned i = 0; i < blockDim.x; i++)
            sum += kept[i];
        if (wait)
            __syncthreads();
    }
    values[threadIdx.x] = sum;
}

__global__ void barriers(float *values, fault_barrier fault)
{
    float value = values[threadIdx.x];
    if (fault == BARRIER_AFTER_RETURN && threadIdx.x > 10)
        return;
    if (fault == BARRIER_IN_BRANCH) {
        if (threadIdx.x < 10)
            __syncthreads();
    } else if (fault == BARRIER_IN_TWO_LINES && threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    values[threadIdx.x] = value + 1.0f;
}

/* The sum of each warp in each of its places. */
__global__ void warp_sums(float *values, fault_warp fault)
{
    const unsigned lane = threadIdx.x % 32, all = 0xffffffffU;
    float sum = values[threadIdx.x];
    if (fault == WARP_LANE_RETURNS && lane == 5)
        return;
    if (fault == WARP_HALF_COMES && lane < 16)
        sum = __shfl_down_sync(all, sum, 1);
    if (fault == WARP_NOT_IN_MASK)
        sum = __shfl_xor_sync(0x0000ffffU, sum, 1);
    if (fault == WARP_SOURCE_NOT_IN_MASK && lane < 16)
        sum = __shfl_sync(0x0000ffffU, sum, 20);
    if (fault == WARP_BARRIER_INSIDE && lane == 0)
        __syncthreads();
    for (int step = 16; step > 0; step /= 2)
        sum += __shfl_xor_sync(all, sum, step);
    const unsigned votes = __ballot_sync(all, sum > 0.0f);
    values[threadIdx.x] = votes == all ? sum : 0.0f;
}

__global__ void shared_index(float *values, unsigned index)
{
    __shared__ float kept[8];
    kept[index] = values[0];
    values[0] = kept[index];
}

__global__ void dynamic_index(float *values, unsigned index)
{
    DYN_SHARED(float, kept);
    kept[index] = values[0];
    values[0] = kept[index] + 1.0f;
}

__global__ void load_four(float *to, const float *from)
{
    *reinterpret_cast<float4 *>(to) = *reinterpret_cast<const float4 *>(from);
}

/* Each block takes the value of the block before it (or, if asked, its own): their order shows. */
__global__ void after_block(float *values, bool own)
{
    if (blockIdx.x > 0 && !own)
        values[blockIdx.x] = values[blockIdx.x - 1];
    else
        values[blockIdx.x] += 1.0f;
}

/* Likewise of threads. */
__global__ void after_thread(float *values, bool own)
{
    if (threadIdx.x > 0 && !own)
        values[threadIdx.x] = values[threadIdx.x - 1];
    else
        values[threadIdx.x] += 1.0f;
}

#endif
