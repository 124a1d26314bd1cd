/* Launchers of elements.cuh with a bias, and of bias.cuh. */
#include "bias.cuh"

#include "elements.h"
#include "sums.h"

cudaError_t hpac_kernel_bias(const kernel_tensor *tensor, const float *bias, bool relu,
                             const kernel_dropout *dropout, void *y, const float *x,
                             cudaStream_t stream)
{
    element_work work = describe_elements(tensor, dropout);
    work.bias = bias;
    work.relu = relu;
    return tensor->bf16 ? launch_elements<true>(tensor, work, (bfloat *)y, x, stream)
                        : launch_elements<true>(tensor, work, (float *)y, x, stream);
}

/* The fewest rows that a block of share_rows goes through are 8 rows of threads x 8. */
size_t hpac_kernel_partials_nbytes(const kernel_tensor *tensor)
{
    const uint64_t rows = (uint64_t)tensor->batch * tensor_pixels(tensor);
    const uint64_t blocks = divide_up(rows, 8 * ITEMS_PER_THREAD);
    return (blocks < MAX_PARTIALS ? blocks : MAX_PARTIALS) * (size_t)tensor->channels *
           sizeof(float);
}

cudaError_t hpac_kernel_sum_partials(float *gradient, const float *partials, unsigned count,
                                     unsigned channels, cudaStream_t stream)
{
    sum_partials<<<channels, KERNEL_THREADS, KERNEL_THREADS / 32 * sizeof(float), stream>>>(
        gradient, partials, count, channels);
    return cudaGetLastError();
}

/* The addresses of one call. */
template <typename T> struct bias_addresses {
    T *dz;
    const T *y, *dy;
    float *gradient, *partials;
    bool aligned; /* four neighbours may be moved at once */
};

template <typename T>
static cudaError_t launch_rows(const bias_work &work, const bias_addresses<T> &at,
                               cudaStream_t stream)
{
    const bool quads = at.aligned && work.channels % 4 == 0;
    const row_grid grid = share_rows(work.rows, work.channels, quads ? 4 : 1);
    float *sums = sums_of(at.gradient, at.partials, grid.blocks.x);
    if (quads)
        bias_backward_rows<T, 4><<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            at.dz, at.y, at.dy, sums, work);
    else
        bias_backward_rows<T, 1><<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            at.dz, at.y, at.dy, sums, work);
    return finish_sums(at.gradient, at.partials, grid.blocks.x, work.channels, stream);
}

template <typename T>
static cudaError_t launch_planes(bias_work work, const bias_addresses<T> &at, cudaStream_t stream)
{
    const bool quads = at.aligned && work.pixels % 4 == 0;
    work.by_pixels = make_divisor(work.pixels / (quads ? 4 : 1));
    const row_grid grid = share_planes(work.rows / (quads ? 4 : 1), work.channels);
    float *sums = sums_of(at.gradient, at.partials, grid.blocks.y);
    if (quads)
        bias_backward_planes<T, 4><<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            at.dz, at.y, at.dy, sums, work);
    else
        bias_backward_planes<T, 1><<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            at.dz, at.y, at.dy, sums, work);
    return finish_sums(at.gradient, at.partials, grid.blocks.y, work.channels, stream);
}

template <typename T>
static cudaError_t launch(const kernel_tensor *tensor, const bias_work &work, bias_addresses<T> at,
                          cudaStream_t stream)
{
    at.aligned = is_aligned(at.dz, 4) && is_aligned(at.y, 4) && is_aligned(at.dy, 4);
    return has_planes(tensor) ? launch_planes(work, at, stream) : launch_rows(work, at, stream);
}

cudaError_t hpac_kernel_bias_backward(const kernel_tensor *tensor, bool relu,
                                      const kernel_dropout *dropout, void *dz, const void *y,
                                      const void *dy, float *bias_gradient, void *partials,
                                      cudaStream_t stream)
{
    bias_work work = {};
    if (dropout)
        work.dropout = *dropout;
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.rows = (uint64_t)tensor->batch * work.pixels;
    work.channels = (uint32_t)tensor->channels;
    work.relu = relu;
    if (tensor->bf16)
        return launch<bfloat>(tensor, work,
                              {(bfloat *)dz, (const bfloat *)y, (const bfloat *)dy, bias_gradient,
                               (float *)partials, false},
                              stream);
    return launch<float>(
        tensor, work,
        {(float *)dz, (const float *)y, (const float *)dy, bias_gradient, (float *)partials, false},
        stream);
}
