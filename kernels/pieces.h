/* What the launchers of kernels by pieces (pieces.cuh) share. Host code. */
#ifndef HPAC_KERNELS_PIECES_H
#define HPAC_KERNELS_PIECES_H

#include "launch.h"
#include "pieces.cuh"

#include <type_traits>

/* Values of a piece: 4 if the innermost dimension and all addresses allow it, else 1. */
template <typename T, typename... ADDRESS>
static inline unsigned piece_count(const kernel_tensor *tensor, ADDRESS... addresses)
{
    const uint64_t inner = has_planes(tensor) ? tensor_pixels(tensor) : (uint64_t)tensor->channels;
    return inner % 4 == 0 && fours_aligned<T>(addresses...) ? 4 : 1;
}

/* The tensor has at least one value. */
static inline piece_work describe_pieces(const kernel_tensor *tensor, unsigned count)
{
    const uint64_t pixels = tensor_pixels(tensor), channels = (uint64_t)tensor->channels;
    const bool planes = has_planes(tensor);
    piece_work work = {};
    work.pieces = tensor_count(tensor) / count;
    work.inner = make_divisor((planes ? pixels : channels) / count);
    work.outer = make_divisor(planes ? channels : pixels);
    work.channels = (uint32_t)channels;
    return work;
}

/* launch(T(), COUNT, PLANES), the latter two as types with a constant. */
template <typename LAUNCH, typename... ADDRESS>
static inline cudaError_t with_pieces(const kernel_tensor *tensor, LAUNCH launch,
                                      ADDRESS... addresses)
{
    return with_type(tensor->bf16, [=](auto number) mutable {
        const unsigned count = piece_count<decltype(number)>(tensor, addresses...);
        const std::integral_constant<unsigned, 1> one;
        const std::integral_constant<unsigned, 4> four;
        if (has_planes(tensor))
            return count == 4 ? launch(number, four, std::true_type())
                              : launch(number, one, std::true_type());
        return count == 4 ? launch(number, four, std::false_type())
                          : launch(number, one, std::false_type());
    });
}

#endif
