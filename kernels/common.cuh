/*
 * What the kernels share: bf16, several neighboring values as one load or store, 64-bit division,
 * sums of a block. Kernels are compiled twice: by nvcc for the GPU, and by g++ for the CUDA
 * simulator.
 *
 * Times in the kernels' comments are lower bounds by bytes and bandwidth; none was measured.
 *
 * A tensor's values are numbered in memory order (an "offset") and in NHWC order (an "index");
 * these are the same in NHWC tensors, vectors, and images of one channel.
 */
#ifndef HPAC_KERNELS_COMMON_CUH
#define HPAC_KERNELS_COMMON_CUH

#include "kernels.h"

/* Dynamic shared memory; the CUDA simulator has a definition of its own. */
#ifndef DYN_SHARED
#define DYN_SHARED(type, name) extern __shared__ type name[]
#endif

/* Threads of a block, in all kernels but the loss. */
#define KERNEL_THREADS 256

/* The upper half of a float32. */
struct bfloat {
    uint16_t bits;
};

__device__ __forceinline__ float widen(float value)
{
    return value;
}

__device__ __forceinline__ float widen(bfloat value)
{
    return __uint_as_float((uint32_t)value.bits << 16);
}

/* Of a pixel: divided, not multiplied by 1 / 255, so that the values are the CPU's. */
__device__ __forceinline__ float widen(uint8_t value)
{
    return (float)value / 255.0F;
}

template <typename T> __device__ __forceinline__ T narrow(float value);

template <> __device__ __forceinline__ float narrow<float>(float value)
{
    return value;
}

/* Round to nearest, ties to even; values out of range become infinite. A NaN stays a NaN: its quiet
 * bit is set, since its other bits may all be cut off. */
template <> __device__ __forceinline__ bfloat narrow<bfloat>(float value)
{
    uint32_t bits = __float_as_uint(value);
    bfloat result;
    if ((bits & 0x7fffffffU) > 0x7f800000U)
        result.bits = (uint16_t)(bits >> 16 | 0x40U);
    else
        result.bits = (uint16_t)((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
    return result;
}

/*
 * A number to divide by, made by the launcher: a GPU needs about a hundred instructions to divide
 * 64-bit numbers, and about ten to multiply and shift (Granlund, Montgomery: "Division by invariant
 * integers using multiplication", 1994, figure 4.1), exact for all of them.
 */
struct divisor {
    uint64_t factor;
    uint32_t value;
    uint8_t first_shift, last_shift;
};

/* value >= 1. Host code. */
static inline divisor make_divisor(uint64_t value)
{
    divisor by = {};
    int log = 0;
    while ((uint64_t)1 << log < value)
        log++;
    by.factor = (uint64_t)(((unsigned __int128)(((uint64_t)1 << log) - value) << 64) / value) + 1;
    by.value = (uint32_t)value;
    by.first_shift = log > 0;
    by.last_shift = (uint8_t)(log > 0 ? log - 1 : 0);
    return by;
}

struct divided {
    uint64_t quotient;
    uint32_t remainder;
};

__host__ __device__ __forceinline__ divided divide(uint64_t value, const divisor &by)
{
    const uint64_t high = (uint64_t)((unsigned __int128)by.factor * value >> 64);
    divided result;
    result.quotient = (high + ((value - high) >> by.first_shift)) >> by.last_shift;
    result.remainder = (uint32_t)(value - result.quotient * by.value);
    return result;
}

/* Where gather_rows reads a piece of a row; a table may have more than 2^32 pieces. */
__host__ __device__ __forceinline__ uint64_t gather_offset(uint32_t row, const divisor &row_pieces,
                                                           uint32_t piece)
{
    return (uint64_t)row * row_pieces.value + piece;
}

template <int COUNT> struct values {
    float v[COUNT];
};

/* Moved by one instruction. */
template <int COUNT, typename T> struct alignas(COUNT * sizeof(T)) packed {
    T v[COUNT];
};

/* `at` is aligned to COUNT values. */
template <int COUNT, typename T> __device__ __forceinline__ values<COUNT> load(const T *at)
{
    const packed<COUNT, T> read = *reinterpret_cast<const packed<COUNT, T> *>(at);
    values<COUNT> result;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        result.v[i] = widen(read.v[i]);
    return result;
}

template <int COUNT, typename T> __device__ __forceinline__ void store(T *at, values<COUNT> from)
{
    packed<COUNT, T> written;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        written.v[i] = narrow<T>(from.v[i]);
    *reinterpret_cast<packed<COUNT, T> *>(at) = written;
}

/* The first `count` of four; `aligned`: all four may be moved as one when they are all there. */
template <typename T>
__device__ __forceinline__ values<4> load_part(const T *at, int count, bool aligned)
{
    if (aligned && count == 4)
        return load<4>(at);
    values<4> result;
#pragma unroll
    for (int i = 0; i < 4; i++)
        result.v[i] = i < count ? widen(at[i]) : 0.0F;
    return result;
}

template <typename T>
__device__ __forceinline__ void store_part(T *at, values<4> from, int count, bool aligned)
{
    if (aligned && count == 4) {
        store<4>(at, from);
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (i < count)
            at[i] = narrow<T>(from.v[i]);
}

/* Gradients: what is written, or added to what is there. */
template <int COUNT, typename T>
__device__ __forceinline__ void store_gradient(T *at, values<COUNT> gradient, bool add)
{
    if (add) {
        const values<COUNT> prior = load<COUNT>(at);
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            gradient.v[i] = gradient.v[i] + prior.v[i];
    }
    store(at, gradient);
}

/* Likewise of the first `count` of four. */
template <typename T>
__device__ __forceinline__ void store_gradient_part(T *at, values<4> gradient, int count,
                                                    bool aligned, bool add)
{
    if (add) {
        const values<4> prior = load_part(at, count, aligned);
#pragma unroll
        for (int i = 0; i < 4; i++)
            gradient.v[i] = gradient.v[i] + prior.v[i];
    }
    store_part(at, gradient, count, aligned);
}

/* The number of the thread in a grid of one dimension. */
__device__ __forceinline__ uint64_t thread_number()
{
    return (uint64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

/* How many of the four values from `first` on are there; 0 or less past the end. */
__device__ __forceinline__ int part_of_four(uint64_t first, uint64_t count)
{
    return first >= count ? 0 : count - first >= 4 ? 4 : (int)(count - first);
}

/* ---- sums, always added in the same order ---- */

/* Of one value per thread of a block of THREADS threads in a row; the result is thread 0's.
 * `shared` holds one value per warp. */
template <int THREADS, typename T> __device__ __forceinline__ T block_sum(T value, T *shared)
{
    for (int lanes = 16; lanes > 0; lanes /= 2)
        value += __shfl_down_sync(0xffffffffU, value, lanes);
    if (threadIdx.x % 32 == 0)
        shared[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x < 32) {
        value = threadIdx.x < THREADS / 32 ? shared[threadIdx.x] : 0;
        for (int lanes = THREADS / 64; lanes > 0; lanes /= 2)
            value += __shfl_down_sync(0xffffffffU, value, lanes);
    }
    return value;
}

/* Over the rows of threads of a block, COUNT columns per thread; the result is row 0's. `shared`
 * holds COUNT floats per thread; blockDim.y is a power of two. */
template <int COUNT>
__device__ __forceinline__ values<COUNT> column_sums(values<COUNT> sums, float *shared)
{
    float *own = shared + (threadIdx.y * blockDim.x + threadIdx.x) * COUNT;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        own[i] = sums.v[i];
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half)
#pragma unroll
            for (int i = 0; i < COUNT; i++)
                own[i] += own[half * blockDim.x * COUNT + i];
    }
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        sums.v[i] = own[i];
    return sums;
}

/* Likewise, written from `to` on if it is not NULL. */
template <int COUNT>
__device__ __forceinline__ void write_column_sums(float *to, values<COUNT> sums, float *shared)
{
    sums = column_sums(sums, shared);
    if (threadIdx.y == 0 && to)
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            to[i] = sums.v[i];
}

/* A NaN stays a NaN. */
__device__ __forceinline__ float relu(float x)
{
    return x < 0.0F ? 0.0F : x;
}

#endif
