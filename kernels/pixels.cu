/* Launcher of pixels.cuh. */
#include "pixels.cuh"

#include "launch.h"

template <typename S, typename T>
static cudaError_t launch(const kernel_tensor *tensor, T *y, const S *x, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    if (has_planes(tensor))
        pixels_planes<<<blocks_for(count), KERNEL_THREADS, 0, stream>>>(
            y, x, count, make_divisor(tensor_pixels(tensor)),
            make_divisor((uint64_t)tensor->channels));
    else
        pixels_quads<<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
            y, x, count, is_aligned(x, 4) && is_aligned(y, 4));
    return cudaGetLastError();
}

template <typename S>
static cudaError_t launch_format(const kernel_tensor *tensor, void *y, const S *x,
                                 cudaStream_t stream)
{
    return tensor->bf16 ? launch(tensor, (bfloat *)y, x, stream)
                        : launch(tensor, (float *)y, x, stream);
}

cudaError_t hpac_kernel_pixels(const kernel_tensor *tensor, void *y, const void *x,
                               hpac_pixels pixels, cudaStream_t stream)
{
    return pixels == HPAC_PIXELS_UINT8 ? launch_format(tensor, y, (const uint8_t *)x, stream)
                                       : launch_format(tensor, y, (const float *)x, stream);
}
