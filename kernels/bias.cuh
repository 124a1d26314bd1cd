/*
 * Backward of y = dropout(relu(x + bias)) (forward: elements.cuh):
 *   dz = dy x scale where y > 0 (with ReLU), else dropout(dy);  db[c] = sum of dz over all but c
 * in one pass over the gradients. Blocks write partial sums, at most MAX_PARTIALS of each channel;
 * how many depends on the shape alone, and so do the bits of db. A small tensor needs one block per
 * channel, and no second kernel.
 */
#ifndef HPAC_KERNELS_BIAS_CUH
#define HPAC_KERNELS_BIAS_CUH

#include "philox.cuh"

struct bias_work {
    kernel_dropout dropout;
    uint64_t rows; /* images x pixels */
    uint64_t step; /* of planes: values from one image's first to the next one's */
    uint32_t pixels, channels;
    divisor by_pixels; /* by the pieces of a plane */
    bool relu;
};

/* dz of one value. With ReLU, y is 0 both where ReLU zeroed and where dropout dropped. */
__device__ __forceinline__ float bias_step(const bias_work &work, float y, float dy, uint64_t index)
{
    if (work.relu)
        return !(y > 0.0F) ? 0.0F : work.dropout.step ? dy * work.dropout.scale : dy;
    return work.dropout.step ? drop(work.dropout, draw_one(work.dropout, index), dy) : dy;
}

/*
 * NHWC and vectors: each thread processes COUNT (1 or 4) adjacent channels of a grid-stride loop
 * over rows; blockIdx.y selects the channels. dz may be dy, or NULL.
 * Moves 12 bytes per value (bf16: 6). After the dense layer of the improved model (128 x 64): 98
 * kB, the time of a launch; after its first convolution at batch 128 (32.5 million values) 390 MB,
 * at least 116 us on an H100. Bound by memory.
 */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    bias_backward_rows(T *dz, const T *__restrict__ y, const T *dy, float *__restrict__ sums,
                       const bias_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = (blockIdx.y * blockDim.x + threadIdx.x) * COUNT;
    const uint64_t step = (uint64_t)gridDim.x * blockDim.y;
    values<COUNT> sum = {};
    uint64_t row = (uint64_t)blockIdx.x * blockDim.y + threadIdx.y;
    for (; channel < work.channels && row < work.rows; row += step) {
        const uint64_t index = row * work.channels + channel;
        values<COUNT> value = load<COUNT>(dy + index), out = {};
        if (work.relu)
            out = load<COUNT>(y + index);
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            value.v[i] = bias_step(work, out.v[i], value.v[i], index + (uint64_t)i);
            sum.v[i] += value.v[i];
        }
        if (dz)
            store(dz + index, value);
    }
    if (!sums)
        return;
    float *to = sums + (uint64_t)blockIdx.x * work.channels + channel;
    write_column_sums(channel < work.channels ? to : NULL, sum, shared);
}

/*
 * Planes: a block processes channel blockIdx.x, a thread COUNT adjacent pixels of a grid-stride
 * loop. Bytes and bound as above.
 */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    bias_backward_planes(T *dz, const T *__restrict__ y, const T *dy, float *__restrict__ sums,
                         const bias_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = blockIdx.x;
    const uint64_t step = (uint64_t)gridDim.y * KERNEL_THREADS;
    uint64_t item = (uint64_t)blockIdx.y * KERNEL_THREADS + threadIdx.x;
    float sum = 0.0F;
    for (; item < work.rows / COUNT; item += step) {
        const divided image = divide(item, work.by_pixels);
        const uint32_t pixel = image.remainder * COUNT;
        const uint64_t offset =
            image.quotient * work.step + (uint64_t)channel * work.pixels + pixel;
        const uint64_t index = (image.quotient * work.pixels + pixel) * work.channels + channel;
        values<COUNT> value = load<COUNT>(dy + offset), out = {};
        if (work.relu)
            out = load<COUNT>(y + offset);
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            value.v[i] = bias_step(work, out.v[i], value.v[i], index + (uint64_t)i * work.channels);
            sum += value.v[i];
        }
        if (dz)
            store(dz + offset, value);
    }
    if (!sums)
        return;
    sum = block_sum<KERNEL_THREADS>(sum, shared);
    if (threadIdx.x == 0)
        sums[(uint64_t)blockIdx.y * work.channels + channel] = sum;
}

/*
 * db[c] = sum of the partial sums of channel c, a block per channel.
 * Moves 4 bytes per partial sum: 131 kB for 32 channels, about 3 us with its launch. Bound by
 * latency.
 */
__global__ void __launch_bounds__(KERNEL_THREADS)
    sum_partials(float *__restrict__ gradient, const float *__restrict__ partials, uint32_t count,
                 uint32_t channels)
{
    DYN_SHARED(float, shared);
    float sum = 0.0F;
    for (uint32_t i = threadIdx.x; i < count; i += KERNEL_THREADS)
        sum += partials[(uint64_t)i * channels + blockIdx.x];
    sum = block_sum<KERNEL_THREADS>(sum, shared);
    if (threadIdx.x == 0)
        gradient[blockIdx.x] = sum;
}

#endif
