/*
 * Element by element: y = dropout(relu(x + bias)) or parts of it. Max pooling has ReLU and dropout
 * in its own kernel, pointwise.cuh ReLU by itself.
 *
 * Dropout draws four numbers at once, for four neighbors in NHWC order. Which values per thread
 * takes follows from that: four neighbors in memory (NHWC, vectors), or, of planes (NCHW), four
 * channels of four neighboring pixels.
 */
#ifndef HPAC_KERNELS_ELEMENTS_CUH
#define HPAC_KERNELS_ELEMENTS_CUH

#include "philox.cuh"

/* Each part is left out when its pointer is NULL or its flag false. */
struct element_work {
    const float *bias;
    kernel_dropout dropout;
    uint64_t count; /* values of the tensor */
    uint64_t step;  /* of planes: values from one image's first to the next one's */
    uint32_t pixels, channels;
    divisor by_pixels, by_channels; /* by the pieces that a thread takes */
    bool relu;
    bool add;     /* to what is in y */
    bool aligned; /* four neighbors may be moved at once */
};

/* Of a BIASED kernel; the others drop values only. */
template <bool BIASED>
__device__ __forceinline__ float element(const element_work &work, float x, uint32_t channel)
{
    if (BIASED && work.bias)
        x += work.bias[channel];
    return BIASED && work.relu ? relu(x) : x;
}

/*
 * Memory order is NHWC order: four neighbors per thread, one draw.
 * Moves 8 bytes per value from float32 to float32, the bias from the cache: after the dense layer
 * of the improved model (128 x 64 values) 66 kB, the time of a launch; dropout by itself after the
 * pool at batch 128 (15.7 million values) 126 MB, at least 38 us on an H100. Bound by memory: the
 * draw's 80 instructions for 32 bytes take an H100 about half of that time, hidden behind it.
 */
template <typename S, typename T, bool BIASED>
__global__ void __launch_bounds__(KERNEL_THREADS)
    elements_quads(T *y, const S *x, const element_work work)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, work.count);
    if (part == 0)
        return;
    values<4> value = load_part(x + first, part, work.aligned);
    uint32_t channel = BIASED ? divide(first, work.by_channels).remainder : 0;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        value.v[i] = element<BIASED>(work, value.v[i], channel);
        if (BIASED)
            channel = channel + 1 == work.channels ? 0 : channel + 1;
    }
    if (work.dropout.step) {
        const philox_words words = draw_block(work.dropout, first / 4);
#pragma unroll
        for (int i = 0; i < 4; i++)
            value.v[i] = drop(work.dropout, words.v[i], value.v[i]);
    }
    store_gradient_part(y + first, value, part, work.aligned, work.add);
}

/*
 * Planes whose pixels and channels are multiples of four: 4 channels x 4 pixels per thread, four
 * draws, 16 bytes per load. Bytes and bound as above.
 */
template <typename S, typename T, bool BIASED>
__global__ void __launch_bounds__(KERNEL_THREADS)
    elements_tiles(T *y, const S *x, const element_work work)
{
    const uint64_t tile = thread_number();
    if (tile >= work.count / 16)
        return;
    const uint32_t groups = work.channels / 4;
    const divided plane = divide(tile, work.by_pixels),
                  image = divide(plane.quotient, work.by_channels);
    const uint32_t pixel = 4 * plane.remainder;
    const uint64_t offset =
        image.quotient * work.step + (uint64_t)image.remainder * 4 * work.pixels + pixel;
    philox_words words[4];
    if (work.dropout.step)
#pragma unroll
        for (uint32_t i = 0; i < 4; i++)
            words[i] =
                draw_block(work.dropout,
                           (image.quotient * work.pixels + pixel + i) * groups + image.remainder);
#pragma unroll
    for (uint32_t j = 0; j < 4; j++) {
        values<4> value = load<4>(x + offset + (uint64_t)j * work.pixels);
#pragma unroll
        for (uint32_t i = 0; i < 4; i++) {
            value.v[i] = element<BIASED>(work, value.v[i], 4 * image.remainder + j);
            if (work.dropout.step)
                value.v[i] = drop(work.dropout, words[i].v[j], value.v[i]);
        }
        store_gradient(y + offset + (uint64_t)j * work.pixels, value, work.add);
    }
}

/*
 * Planes of any shape: one value per thread in memory order, each with a draw of its own, of which
 * three numbers in four are discarded. For odd shapes; with dropout bound by arithmetic.
 */
template <typename S, typename T, bool BIASED>
__global__ void __launch_bounds__(KERNEL_THREADS)
    elements_singles(T *y, const S *x, const element_work work)
{
    const uint64_t number = thread_number();
    if (number >= work.count)
        return;
    const divided plane = divide(number, work.by_pixels),
                  image = divide(plane.quotient, work.by_channels);
    const uint64_t offset =
        image.quotient * work.step + (uint64_t)image.remainder * work.pixels + plane.remainder;
    const uint64_t index =
        (image.quotient * work.pixels + plane.remainder) * work.channels + image.remainder;
    float value = element<BIASED>(work, widen(x[offset]), image.remainder);
    if (work.dropout.step)
        value = drop(work.dropout, draw_one(work.dropout, index), value);
    store_gradient<1>(y + offset, {{value}}, work.add);
}

#endif
