/* Launchers of convert.cuh. */
#include "convert.cuh"

#include "launch.h"

template <typename S, typename T>
static cudaError_t launch_quads(T *y, const S *x, uint64_t count, bool add, cudaStream_t stream)
{
    convert_quads<<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
        y, x, count, fours_aligned<S>(x) && fours_aligned<T>(y), add);
    return cudaGetLastError();
}

template <typename S, typename T>
static cudaError_t launch_turn(const kernel_tensor *from, T *y, const S *x, bool add,
                               cudaStream_t stream)
{
    const uint32_t pixels = (uint32_t)tensor_pixels(from), channels = (uint32_t)from->channels;
    const uint32_t rows = from->nchw ? channels : pixels, columns = from->nchw ? pixels : channels;
    const uint64_t down = divide_up(rows, TILE), across = divide_up(columns, TILE);
    const dim3 threads(TILE, KERNEL_THREADS / TILE);
    convert_tiles<<<(unsigned)(down * across * (uint64_t)from->batch), threads,
                    TILE *(TILE + 1) * sizeof(float), stream>>>(
        y, x, rows, columns, make_divisor(down), make_divisor(across), add);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_convert(const kernel_tensor *to, void *y, const kernel_tensor *from,
                                const void *x, bool add, cudaStream_t stream)
{
    const uint64_t count = tensor_count(from);
    if (count == 0)
        return cudaSuccess;
    return with_type(from->bf16, [=](auto source) {
        return with_type(to->bf16, [=](auto target) {
            const auto *values = (const decltype(source) *)x;
            auto *converted = (decltype(target) *)y;
            return has_planes(from) != has_planes(to)
                       ? launch_turn(from, converted, values, add, stream)
                       : launch_quads(converted, values, count, add, stream);
        });
    });
}

template <typename S, typename T>
static cudaError_t launch_pixels(const kernel_tensor *tensor, T *y, const S *x, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    if (!has_planes(tensor))
        return launch_quads(y, x, count, false, stream);
    pixels_planes<<<blocks_for(count), KERNEL_THREADS, 0, stream>>>(
        y, x, count, make_divisor(tensor_pixels(tensor)), make_divisor((uint64_t)tensor->channels));
    return cudaGetLastError();
}

cudaError_t hpac_kernel_pixels(const kernel_tensor *tensor, void *y, const void *x,
                               hpac_pixels pixels, cudaStream_t stream)
{
    return with_type(tensor->bf16, [=](auto number) {
        auto *values = (decltype(number) *)y;
        return pixels == HPAC_PIXELS_UINT8
                   ? launch_pixels(tensor, values, (const uint8_t *)x, stream)
                   : launch_pixels(tensor, values, (const float *)x, stream);
    });
}
