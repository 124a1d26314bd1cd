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

struct piece {
    uint64_t offset, image; /* of its first value */
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
    return result;
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
