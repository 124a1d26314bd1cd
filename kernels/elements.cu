/* Launchers of elements.cuh. */
#include "elements.cuh"

#include "launch.h"

/* The work of a tensor; `dropout` may be NULL. */
static element_work describe(const kernel_tensor *tensor, const kernel_dropout *dropout)
{
    element_work work = {};
    if (dropout)
        work.dropout = *dropout;
    work.count = tensor_count(tensor);
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.channels = (uint32_t)tensor->channels;
    work.step = image_step(tensor);
    return work;
}

template <bool BIASED, typename S, typename T>
static cudaError_t launch(const kernel_tensor *tensor, element_work work, T *y, const S *x,
                          cudaStream_t stream)
{
    if (work.count == 0)
        return cudaSuccess;
    work.aligned = fours_aligned<T>(y) && fours_aligned<S>(x);
    const bool planes = has_planes(tensor);
    const bool tiles = planes && work.pixels % 4 == 0 && work.channels % 4 == 0 && work.aligned;
    work.by_pixels = make_divisor(tiles ? work.pixels / 4 : work.pixels);
    work.by_channels = make_divisor(tiles ? work.channels / 4 : work.channels);
    auto kernel = elements_quads<S, T, BIASED>;
    uint64_t threads = divide_up(work.count, 4);
    if (planes) {
        kernel = tiles ? elements_tiles<S, T, BIASED> : elements_singles<S, T, BIASED>;
        threads = tiles ? work.count / 16 : work.count;
    }
    kernel<<<blocks_for(threads), KERNEL_THREADS, 0, stream>>>(y, x, work);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_dropout(const kernel_tensor *tensor, const kernel_dropout *dropout, void *y,
                                const void *x, bool add, cudaStream_t stream)
{
    element_work work = describe(tensor, dropout);
    work.add = add;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        return launch<false>(tensor, work, (T *)y, (const T *)x, stream);
    });
}

cudaError_t hpac_kernel_bias(const kernel_tensor *tensor, const float *bias, bool relu,
                             const kernel_dropout *dropout, void *y, const float *x,
                             cudaStream_t stream)
{
    element_work work = describe(tensor, dropout);
    work.bias = bias;
    work.relu = relu;
    return with_type(tensor->bf16, [=](auto number) {
        return launch<true>(tensor, work, (decltype(number) *)y, x, stream);
    });
}
