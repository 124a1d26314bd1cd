/* Value by value: activations, rescale, and dropout of whole channels and images. */
#ifndef HPAC_KERNELS_POINTWISE_CUH
#define HPAC_KERNELS_POINTWISE_CUH

#include "philox.cuh"
#include "pieces.cuh"

/* A NaN stays a NaN. gelu: erfc keeps the digits that 1 + erf would lose for x < 0. */
template <hpac_op_kind KIND> __device__ __forceinline__ float curve(float x)
{
    switch (KIND) {
    case HPAC_OP_RELU:
        return relu(x);
    case HPAC_OP_SIGMOID:
        return 1.0F / (1.0F + expf(-x));
    case HPAC_OP_RELU6:
        return x < 0.0F ? 0.0F : x > 6.0F ? 6.0F : x;
    case HPAC_OP_SILU:
        return x / (1.0F + expf(-x));
    case HPAC_OP_GELU:
        return 0.5F * x * erfcf(-0.70710678F * x);
    case HPAC_OP_SOFTPLUS:
        return fmaxf(x, 0.0F) + log1pf(expf(-fabsf(x)));
    default:
        return tanhf(x);
    }
}

/* dy times the derivative, from y, of silu and gelu from x. */
template <hpac_op_kind KIND> __device__ __forceinline__ float curve_gradient(float dy, float from)
{
    switch (KIND) {
    case HPAC_OP_RELU:
        return from > 0.0F ? dy : 0.0F;
    case HPAC_OP_SIGMOID:
        return dy * from * (1.0F - from);
    case HPAC_OP_RELU6:
        return dy * (from > 0.0F && from < 6.0F ? 1.0F : 0.0F);
    case HPAC_OP_SILU: {
        const float sigmoid = 1.0F / (1.0F + expf(-from));
        return dy * (sigmoid * (1.0F + from * (1.0F - sigmoid)));
    }
    case HPAC_OP_GELU:
        return dy *
               (0.5F * erfcf(-0.70710678F * from) + 0.39894228F * from * expf(-0.5F * from * from));
    case HPAC_OP_SOFTPLUS: /* 1 / (1 + exp(-x)) */
        return dy * -expm1f(-from);
    default:
        return dy * (1.0F - from * from);
    }
}

/*
 * y = curve(x): four values per thread; y may be x.
 * Moves 8 bytes per value (bf16: 4): the 9.6 million of 32 x 56 x 56 x 96 values, in an
 * EfficientNetB0 at 224 x 224, 77 MB, at least 23 us on an H100. Bound by memory: about 30
 * instructions for 8 bytes.
 */
template <typename T, hpac_op_kind KIND>
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
        value.v[i] = curve<KIND>(value.v[i]);
    store_part(y + first, value, part, aligned);
}

/*
 * dx = curve_gradient(dy, y or x), or that is added to dx: four values per thread; dx may be dy
 * unless it is added to. Moves 12 bytes per value (bf16: 6), 16 (8) when added: 115 MB, 34 us.
 * Bound by memory.
 */
template <typename T, hpac_op_kind KIND>
__global__ void __launch_bounds__(KERNEL_THREADS)
    activate_backward(T *dx, const T *__restrict__ from, const T *dy, uint64_t count, bool aligned,
                      bool add)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part == 0)
        return;
    const values<4> at = load_part(from + first, part, aligned);
    values<4> value = load_part(dy + first, part, aligned);
#pragma unroll
    for (int i = 0; i < 4; i++)
        value.v[i] = curve_gradient<KIND>(value.v[i], at.v[i]);
    store_gradient_part(dx + first, value, part, aligned, add);
}

/* Of up to four channels. */
struct rescale_work {
    piece_work shape;
    float factor0, factor1, factor2, factor3, offset0, offset1, offset2, offset3;
    bool add;
};

__device__ __forceinline__ float by_channel(uint32_t channel, float value0, float value1,
                                            float value2, float value3)
{
    return channel < 2 ? (channel == 0 ? value0 : value1) : (channel == 2 ? value2 : value3);
}

/*
 * y = x factor + offset, for each channel, or what is added to y: a piece per thread; y may be x.
 * Moves 8 bytes per value (bf16: 4): four channels of 32 x 256 x 256 pixels 67 MB, at least 20 us
 * on an H100. Bound by memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS) rescale(T *y, const T *x, const rescale_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    values<COUNT> value = load<COUNT>(x + at.offset);
#pragma unroll
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t channel = at.channel + (PLANES ? 0 : i);
        value.v[i] = fmaf(
            value.v[i], by_channel(channel, work.factor0, work.factor1, work.factor2, work.factor3),
            by_channel(channel, work.offset0, work.offset1, work.offset2, work.offset3));
    }
    store_gradient(y + at.offset, value, work.add);
}

struct channels_work {
    piece_work shape;
    kernel_dropout dropout;
    bool whole_images, add;
};

/*
 * y = x scale, or 0 in channels or images that are dropped, or what is added to y: a piece per
 * thread; y may be x. The number of a channel is that of its index among (images, channels), of an
 * image its own: one draw per thread.
 * Moves 8 bytes per value (bf16: 4), as dropout does (elements.cuh). Bound by memory.
 */
template <typename T, int COUNT, bool PLANES>
__global__ void __launch_bounds__(KERNEL_THREADS)
    drop_channels(T *y, const T *x, const channels_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.shape.pieces)
        return;
    const piece at = find_piece<COUNT, PLANES>(work.shape, number);
    const bool images = work.whole_images;
    const uint64_t index = images ? at.image : at.image * work.shape.channels + at.channel;
    philox_words words = {};
    if (COUNT == 4 && !PLANES && !images)
        words = draw_block(work.dropout, index / 4);
    else
        words.v[0] = draw_one(work.dropout, index);
    values<COUNT> value = load<COUNT>(x + at.offset);
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        value.v[i] = drop(work.dropout, words.v[PLANES || images ? 0 : i], value.v[i]);
    store_gradient(y + at.offset, value, work.add);
}

#endif
