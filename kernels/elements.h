/* Launching of elements.cuh, for bias.cu and dropout.cu. Host code. */
#ifndef HPAC_KERNELS_ELEMENTS_H
#define HPAC_KERNELS_ELEMENTS_H

#include "elements.cuh"
#include "launch.h"

/* `dropout` may be NULL. */
static inline element_work describe_elements(const kernel_tensor *tensor,
                                             const kernel_dropout *dropout)
{
    element_work work = {};
    if (dropout)
        work.dropout = *dropout;
    work.count = tensor_count(tensor);
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.channels = (uint32_t)tensor->channels;
    return work;
}

template <bool BIASED, typename S, typename T>
static inline cudaError_t launch_elements(const kernel_tensor *tensor, element_work work, T *y,
                                          const S *x, cudaStream_t stream)
{
    work.aligned = is_aligned(y, 4) && is_aligned(x, 4);
    if (work.count == 0)
        return cudaSuccess;
    const bool planes = has_planes(tensor);
    const bool tiles = planes && work.pixels % 4 == 0 && work.channels % 4 == 0 && work.aligned;
    work.by_pixels = make_divisor(tiles ? work.pixels / 4 : work.pixels);
    work.by_channels = make_divisor(tiles ? work.channels / 4 : work.channels);
    if (!planes)
        elements_quads<S, T, BIASED>
            <<<blocks_for(divide_up(work.count, 4)), KERNEL_THREADS, 0, stream>>>(y, x, work);
    else if (tiles)
        elements_tiles<S, T, BIASED>
            <<<blocks_for(work.count / 16), KERNEL_THREADS, 0, stream>>>(y, x, work);
    else
        elements_singles<S, T, BIASED>
            <<<blocks_for(work.count), KERNEL_THREADS, 0, stream>>>(y, x, work);
    return cudaGetLastError();
}

#endif
