/* Launcher of convert.cuh. */
#include "convert.cuh"

#include "launch.h"

template <typename S, typename T>
static cudaError_t launch_turn(const kernel_tensor *from, T *y, const S *x, cudaStream_t stream)
{
    const uint32_t pixels = (uint32_t)tensor_pixels(from), channels = (uint32_t)from->channels;
    const uint32_t rows = from->nchw ? channels : pixels, columns = from->nchw ? pixels : channels;
    const uint64_t down = divide_up(rows, TILE), across = divide_up(columns, TILE);
    const dim3 threads(TILE, KERNEL_THREADS / TILE);
    convert_tiles<<<(unsigned)(down * across * (uint64_t)from->batch), threads,
                    TILE *(TILE + 1) * sizeof(float), stream>>>(
        y, x, rows, columns, make_divisor(down), make_divisor(across));
    return cudaGetLastError();
}

template <typename S, typename T>
static cudaError_t launch(const kernel_tensor *to, T *y, const kernel_tensor *from, const S *x,
                          cudaStream_t stream)
{
    const uint64_t count = tensor_count(from);
    if (count == 0)
        return cudaSuccess;
    if (has_planes(from) != has_planes(to))
        return launch_turn(from, y, x, stream);
    convert_quads<<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
        y, x, count, is_aligned(x, 4) && is_aligned(y, 4));
    return cudaGetLastError();
}

template <typename S>
static cudaError_t launch_format(const kernel_tensor *to, void *y, const kernel_tensor *from,
                                 const S *x, cudaStream_t stream)
{
    return to->bf16 ? launch(to, (bfloat *)y, from, x, stream)
                    : launch(to, (float *)y, from, x, stream);
}

cudaError_t hpac_kernel_convert(const kernel_tensor *to, void *y, const kernel_tensor *from,
                                const void *x, cudaStream_t stream)
{
    return from->bf16 ? launch_format(to, y, from, (const bfloat *)x, stream)
                      : launch_format(to, y, from, (const float *)x, stream);
}
