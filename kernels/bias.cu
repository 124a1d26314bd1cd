/* Launchers of bias.cuh. */
#include "bias.cuh"

#include "launch.h"

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

cudaError_t hpac_kernel_bias_backward(const kernel_tensor *tensor, bool relu,
                                      const kernel_dropout *dropout, void *dz, const void *y,
                                      const void *dy, float *bias_gradient, void *partials,
                                      cudaStream_t stream)
{
    const bool planes = has_planes(tensor);
    bias_work work = {};
    if (dropout)
        work.dropout = *dropout;
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.rows = (uint64_t)tensor->batch * work.pixels;
    work.channels = (uint32_t)tensor->channels;
    work.relu = relu;
    work.step = image_step(tensor);
    return with_type(tensor->bf16, [=](auto number) mutable {
        using T = decltype(number);
        const unsigned count =
            fours_aligned<T>(dz, y, dy) && (planes ? work.pixels : work.channels) % 4 == 0 ? 4 : 1;
        work.by_pixels = make_divisor(work.pixels / (planes ? count : 1));
        const sum_grid grid = planes ? share_planes(work.rows / count, work.channels)
                                     : share_rows(work.rows, work.channels, count);
        auto kernel = count == 4 ? bias_backward_rows<T, 4> : bias_backward_rows<T, 1>;
        if (planes)
            kernel = count == 4 ? bias_backward_planes<T, 4> : bias_backward_planes<T, 1>;
        kernel<<<grid.blocks, grid.threads, grid.shared_nbytes, stream>>>(
            (T *)dz, (const T *)y, (const T *)dy, sums_of(bias_gradient, partials, grid), work);
        return finish_sums(bias_gradient, partials, grid, work.channels, stream);
    });
}
