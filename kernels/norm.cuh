/*
 * Batch normalization, with what may follow: y = relu((x - mean) gamma inverse + beta + side), for
 * each channel, inverse = 1 / sqrt(variance + epsilon).
 *
 * Training is three kernels: norm_sums_* reads x and writes partial sums, norm_statistics adds them
 * (double, in the order of the parts), sets mean and inverse and moves the moving averages,
 * normalize writes y. Otherwise norm_statistics takes the moving averages. Backward likewise: with
 * dz the gradient behind ReLU, hat = (x - mean) inverse and N values per channel,
 *   dbeta = sum dz;  dgamma = sum dz hat;
 *   dx = gamma inverse (dz - (dbeta + hat dgamma) / N);  dside = dz
 * where the part in brackets is left out for mean and variance that are not the batch's.
 * How many partial sums there are depends on the shape alone, and so do the bits.
 * Each of x, y and the side, with its gradient, may be a view: lines of pieces have steps.
 */
#ifndef HPAC_KERNELS_NORM_CUH
#define HPAC_KERNELS_NORM_CUH

#include "pieces.cuh"

struct norm_work {
    const float *mean, *inverse; /* (channels) */
    const float *gamma, *beta;   /* (channels); NULL: 1 and 0 */
    const float *means;          /* (2, channels): of dz, and of dz hat; NULL: 0 */
    piece_work shape;
    uint64_t rows;                      /* images x pixels */
    uint64_t x_step, y_step, side_step; /* of lines (pieces.cuh), and of their gradients' */
    uint32_t pixels;
    bool relu;
    bool add_dx, add_dside; /* the gradient is added to what is there */
};

/* What the values of a piece have in common. */
template <int COUNT> struct norm_channel {
    values<COUNT> mean, inverse, gamma, beta;
};

template <int COUNT, bool PLANES>
__device__ __forceinline__ norm_channel<COUNT> load_norm(const norm_work &work, uint32_t channel)
{
    norm_channel<COUNT> result;
    result.mean = load_channels<COUNT, PLANES>(work.mean, channel, 0.0F);
    result.inverse = load_channels<COUNT, PLANES>(work.inverse, channel, 1.0F);
    result.gamma = load_channels<COUNT, PLANES>(work.gamma, channel, 1.0F);
    result.beta = load_channels<COUNT, PLANES>(work.beta, channel, 0.0F);
    return result;
}

/* Backward computes it again to know where ReLU was: the same bits, by a fused operation that is
 * left to no compiler. */
template <int COUNT>
__device__ __forceinline__ float normalized(const norm_channel<COUNT> &channel, int i, float x)
{
    return fmaf(x - channel.mean.v[i], channel.gamma.v[i] * channel.inverse.v[i],
                channel.beta.v[i]);
}

/*
 * y of one piece per thread; may be x, or the side.
 * Moves 8 bytes per value (bf16: 4), with a side 12; statistics come from the cache. 32 x 64 x 64
 * x 64 values, after the first pool of a ResNet18 at 256 x 256: 67 MB, at least 20 us on an H100;
 * the sums before read 34 MB, 10 us. Bound by memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS)
    normalize(T *y, const T *x, const T *side, const norm_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    const norm_channel<COUNT> channel = load_norm<COUNT, PLANES>(work, at.channel);
    values<COUNT> value = load<COUNT>(x + offset_in(at, work.x_step)), more = {};
    if (side)
        more = load<COUNT>(side + offset_in(at, work.side_step));
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        value.v[i] = normalized(channel, i, value.v[i]) + more.v[i];
        if (work.relu && value.v[i] < 0.0F)
            value.v[i] = 0.0F;
    }
    store(y + offset_in(at, work.y_step), value);
}

/* dz of a piece: dy where ReLU let it pass. With a side only y shows that; without, x does. */
template <typename T, int COUNT>
__device__ __forceinline__ values<COUNT>
behind_relu(const norm_work &work, const norm_channel<COUNT> &channel, values<COUNT> x, const T *y,
            const T *dy, uint64_t offset)
{
    values<COUNT> value = load<COUNT>(dy + offset), out = {};
    if (!work.relu)
        return value;
    if (y)
        out = load<COUNT>(y + offset);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const float passed = y ? out.v[i] : normalized(channel, i, x.v[i]);
        value.v[i] = passed > 0.0F ? value.v[i] : 0.0F;
    }
    return value;
}

/*
 * Adds a piece to two sums per channel, side by side. Forward: x - first and its square, `first`
 * being a value of the channel, so that no large mean cancels. BACKWARD: dz and dz hat.
 */
template <typename T, int COUNT, bool BACKWARD>
__device__ __forceinline__ void
add_pair(values<2 * COUNT> &sums, const norm_work &work, const norm_channel<COUNT> &channel,
         const values<COUNT> &first, const T *x, const T *y, const T *dy, const piece &at)
{
    const values<COUNT> value = load<COUNT>(x + offset_in(at, work.x_step));
    values<COUNT> gradient = {};
    if (BACKWARD)
        gradient = behind_relu(work, channel, value, y, dy, offset_in(at, work.y_step));
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const float hat = (value.v[i] - channel.mean.v[i]) * channel.inverse.v[i];
        const float one = BACKWARD ? gradient.v[i] : value.v[i] - first.v[i];
        sums.v[2 * i] += one;
        sums.v[2 * i + 1] += one * (BACKWARD ? hat : one);
    }
}

/*
 * NHWC and vectors: each thread processes COUNT adjacent channels of a grid-stride loop over rows;
 * blockIdx.y selects the channels. sums: (parts, channels, 2).
 * Forward reads 4 bytes per value (bf16: 2), backward 8, with a side and ReLU 12. Bound by memory.
 */
template <typename T, int COUNT, bool BACKWARD>
__global__ void __launch_bounds__(KERNEL_THREADS)
    norm_sums_rows(float *__restrict__ sums, const T *__restrict__ x, const T *__restrict__ y,
                   const T *__restrict__ dy, const norm_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = (blockIdx.y * blockDim.x + threadIdx.x) * COUNT;
    const bool inside = channel < work.shape.channels;
    piece at = {};
    norm_channel<COUNT> norm = {};
    values<COUNT> first = {};
    values<2 *COUNT> sum = {};
    if (inside && BACKWARD)
        norm = load_norm<COUNT, false>(work, channel);
    else if (inside)
        first = load<COUNT>(x + channel);
    at.inside = channel;
    uint64_t row = (uint64_t)blockIdx.x * blockDim.y + threadIdx.y;
    for (; inside && row < work.rows; row += (uint64_t)gridDim.x * blockDim.y) {
        at.line = row;
        add_pair<T, COUNT, BACKWARD>(sum, work, norm, first, x, y, dy, at);
    }
    float *to = sums + ((uint64_t)blockIdx.x * work.shape.channels + channel) * 2;
    write_column_sums(inside ? to : NULL, sum, shared);
}

/* Planes: a block processes channel blockIdx.x, a thread COUNT adjacent pixels of a grid-stride
 * loop. Bytes and bound as above. */
template <typename T, int COUNT, bool BACKWARD>
__global__ void __launch_bounds__(KERNEL_THREADS)
    norm_sums_planes(float *__restrict__ sums, const T *__restrict__ x, const T *__restrict__ y,
                     const T *__restrict__ dy, const norm_work work)
{
    DYN_SHARED(float, shared);
    const uint32_t channel = blockIdx.x;
    const uint64_t plane = (uint64_t)channel * work.pixels;
    piece at = {};
    norm_channel<COUNT> norm = {};
    values<COUNT> first = {};
    values<2 *COUNT> sum = {};
    if (BACKWARD)
        norm = load_norm<COUNT, true>(work, channel);
    else
        first = load_channels<COUNT, true>(x + plane, 0, 0.0F);
    uint64_t item = (uint64_t)blockIdx.y * KERNEL_THREADS + threadIdx.x;
    for (; item < work.rows / COUNT; item += (uint64_t)gridDim.y * KERNEL_THREADS) {
        const divided image = divide(item, work.shape.inner);
        at.line = image.quotient;
        at.inside = plane + (uint64_t)image.remainder * COUNT;
        add_pair<T, COUNT, BACKWARD>(sum, work, norm, first, x, y, dy, at);
    }
    float one = 0.0F, other = 0.0F;
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        one += sum.v[2 * i];
        other += sum.v[2 * i + 1];
    }
    one = block_sum<KERNEL_THREADS>(one, shared);
    other = block_sum<KERNEL_THREADS>(other, shared + KERNEL_THREADS / 32);
    if (threadIdx.x > 0)
        return;
    float *to = sums + ((uint64_t)blockIdx.y * work.shape.channels + channel) * 2;
    to[0] = one;
    to[1] = other;
}

/* The two sums of channel blockIdx.x over all parts; thread 0's. `shared`: 16 doubles. */
__device__ __forceinline__ void sum_pairs(const float *sums, uint32_t parts, double *shared,
                                          double *one, double *other)
{
    double first = 0, second = 0;
    for (uint32_t i = threadIdx.x; i < parts; i += KERNEL_THREADS) {
        const float *at = sums + ((uint64_t)i * gridDim.x + blockIdx.x) * 2;
        first += (double)at[0];
        second += (double)at[1];
    }
    *one = block_sum<KERNEL_THREADS>(first, shared);
    *other = block_sum<KERNEL_THREADS>(second, shared + KERNEL_THREADS / 32);
}

struct norm_averages {
    float *moving_mean, *moving_variance; /* (channels) */
    float *mean, *inverse;                /* (channels), written */
    uint64_t rows;
    uint32_t parts, stride; /* partial sums per channel, 0: the moving averages are taken;
                               values from one channel's first to the next one's */
    float momentum, epsilon;
};

/*
 * Mean and inverse of a channel, a block per channel.
 * Moves 8 bytes per partial sum: at most 8 kB per channel. Bound by latency.
 */
template <typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    norm_statistics(const float *__restrict__ sums, const T *__restrict__ x,
                    const norm_averages work)
{
    DYN_SHARED(double, wide_shared);
    const uint32_t channel = blockIdx.x;
    double mean = 0, square = 0;
    sum_pairs(sums, work.parts, wide_shared, &mean, &square);
    if (threadIdx.x > 0)
        return;
    double variance = (double)work.moving_variance[channel];
    if (work.parts > 0) {
        mean /= (double)work.rows;
        variance = square / (double)work.rows - mean * mean;
        variance = variance < 0 ? 0 : variance;
        mean += (double)widen(x[(uint64_t)channel * work.stride]);
        const double momentum = (double)work.momentum;
        work.moving_mean[channel] =
            (float)(momentum * (double)work.moving_mean[channel] + (1 - momentum) * mean);
        work.moving_variance[channel] =
            (float)(momentum * (double)work.moving_variance[channel] + (1 - momentum) * variance);
    } else {
        mean = (double)work.moving_mean[channel];
    }
    work.mean[channel] = (float)mean;
    work.inverse[channel] = (float)(1 / sqrt(variance + (double)work.epsilon));
}

/* dgamma and dbeta of a channel, and what they add to dx: the means of dz and of dz hat (2,
 * channels). Each may be NULL. A block per channel; bytes and bound as above. */
__global__ void __launch_bounds__(KERNEL_THREADS)
    norm_gradients(float *__restrict__ dgamma, float *__restrict__ dbeta, float *__restrict__ means,
                   const float *__restrict__ sums, uint32_t parts, uint64_t rows)
{
    DYN_SHARED(double, wide_shared);
    const uint32_t channel = blockIdx.x;
    double beta = 0, gamma = 0;
    sum_pairs(sums, parts, wide_shared, &beta, &gamma);
    if (threadIdx.x > 0)
        return;
    if (dgamma)
        dgamma[channel] = (float)gamma;
    if (dbeta)
        dbeta[channel] = (float)beta;
    if (means) {
        means[channel] = (float)(beta / (double)rows);
        means[gridDim.x + channel] = (float)(gamma / (double)rows);
    }
}

/*
 * dside and dx of one piece per thread, in this order, each left out when it is NULL; dx may be dy.
 * x is NULL where it is not needed, y but for a ReLU behind a side.
 * Moves 12 bytes per value (bf16: 6), behind a ReLU with a side 20: for the 8.4 million values
 * above 100 to 170 MB, at least 30 to 50 us, and the sums before two thirds of that. Bound by
 * memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS)
    normalize_backward(T *dx, T *dside, const T *x, const T *y, const T *dy, const norm_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    const norm_channel<COUNT> channel = load_norm<COUNT, PLANES>(work, at.channel);
    values<COUNT> value = {};
    if (x)
        value = load<COUNT>(x + offset_in(at, work.x_step));
    const values<COUNT> gradient =
        behind_relu(work, channel, value, y, dy, offset_in(at, work.y_step));
    if (dside)
        store_gradient(dside + offset_in(at, work.side_step), gradient, work.add_dside);
    if (!dx)
        return;
    const values<COUNT> beta = load_channels<COUNT, PLANES>(work.means, at.channel, 0.0F),
                        gamma = load_channels<COUNT, PLANES>(
                            work.means ? work.means + work.shape.channels : NULL, at.channel, 0.0F);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const float hat = (value.v[i] - channel.mean.v[i]) * channel.inverse.v[i];
        value.v[i] = channel.gamma.v[i] * channel.inverse.v[i] *
                     (gradient.v[i] - (beta.v[i] + hat * gamma.v[i]));
    }
    store_gradient(dx + offset_in(at, work.x_step), value, work.add_dx);
}

#endif
