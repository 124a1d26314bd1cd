/*
 * Kernels that need a value's channel or image: a thread takes a piece of COUNT neighbors in memory
 * order. Of NHWC tensors and vectors these are COUNT channels of a pixel, of planes (NCHW) COUNT
 * pixels of a channel; COUNT is 4 where that dimension is a multiple of four, else 1, so that there
 * are no tails.
 */
#ifndef HPAC_KERNELS_PIECES_CUH
#define HPAC_KERNELS_PIECES_CUH

#include "common.cuh"

struct piece_work {
    uint64_t pieces;
    divisor inner, outer; /* by channel pieces and pixels; planes: by pixel pieces and channels */
    uint32_t channels;
};

/* A line is what a view has in one piece: a pixel's channels, or of planes all of an image. */
struct piece {
    uint64_t offset, image; /* of its first value; the offset in an image that lies alone */
    uint64_t line, inside;  /* its line, and the offset in that */
    uint32_t channel;
};

template <int COUNT, bool PLANES>
__device__ __forceinline__ piece find_piece(const piece_work &work, uint64_t number)
{
    const divided line = divide(number, work.inner), image = divide(line.quotient, work.outer);
    piece result;
    result.offset = number * COUNT;
    result.image = image.quotient;
    result.channel = PLANES ? image.remainder : line.remainder * COUNT;
    result.line = PLANES ? image.quotient : line.quotient;
    result.inside = line.remainder * (uint64_t)COUNT;
    if (PLANES)
        result.inside += (uint64_t)image.remainder * work.inner.value * COUNT;
    return result;
}

/* Its offset where lines lie `step` values apart. */
__device__ __forceinline__ uint64_t offset_in(const piece &at, uint64_t step)
{
    return at.line * step + at.inside;
}

/* The piece's values of an array with one value per channel; `otherwise` if that is NULL. */
template <int COUNT, bool PLANES, typename T>
__device__ __forceinline__ values<COUNT> load_channels(const T *array, uint32_t channel,
                                                       float otherwise)
{
    if (array && !PLANES)
        return load<COUNT>(array + channel);
    const float value = array ? widen(array[channel]) : otherwise;
    values<COUNT> result;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        result.v[i] = value;
    return result;
}

#endif
