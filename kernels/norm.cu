/* Launchers of norm.cuh. */
#include "norm.cuh"

#include "pieces.h"

/* Two sums where bias.cu has one. */
size_t hpac_kernel_norm_partials_nbytes(const kernel_tensor *tensor)
{
    return 2 * hpac_kernel_partials_nbytes(tensor);
}

static norm_work describe(const kernel_norm *norm, unsigned count)
{
    const kernel_tensor *tensor = &norm->tensor;
    norm_work work = {};
    work.mean = norm->mean;
    work.inverse = norm->inverse;
    work.gamma = norm->gamma;
    work.beta = norm->beta;
    work.shape = describe_pieces(tensor, count);
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.rows = (uint64_t)tensor->batch * work.pixels;
    work.relu = norm->relu;
    return work;
}

/* Writes partial sums; *parts of them per channel. */
template <bool BACKWARD, typename T>
static cudaError_t launch_sums(const kernel_norm *norm, float *sums, const T *x, const T *y,
                               const T *dy, unsigned *parts, cudaStream_t stream)
{
    const bool planes = has_planes(&norm->tensor);
    const unsigned count = piece_count<T>(&norm->tensor, x, y, dy);
    const norm_work work = describe(norm, count);
    const sum_grid grid = planes ? share_planes(work.rows / count, work.shape.channels)
                                 : share_rows(work.rows, work.shape.channels, count);
    auto kernel = count == 4 ? norm_sums_rows<T, 4, BACKWARD> : norm_sums_rows<T, 1, BACKWARD>;
    if (planes)
        kernel = count == 4 ? norm_sums_planes<T, 4, BACKWARD> : norm_sums_planes<T, 1, BACKWARD>;
    *parts = grid.parts;
    kernel<<<grid.blocks, grid.threads, 2 * grid.shared_nbytes, stream>>>(sums, x, y, dy, work);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_norm_statistics(const kernel_norm *norm, float *moving_mean,
                                        float *moving_variance, float momentum, float epsilon,
                                        const void *x, void *partials, cudaStream_t stream)
{
    const kernel_tensor *tensor = &norm->tensor;
    norm_averages work = {};
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    work.moving_mean = moving_mean;
    work.moving_variance = moving_variance;
    work.mean = norm->mean;
    work.inverse = norm->inverse;
    work.rows = (uint64_t)tensor->batch * tensor_pixels(tensor);
    work.stride = has_planes(tensor) ? (uint32_t)tensor_pixels(tensor) : 1;
    work.momentum = momentum;
    work.epsilon = epsilon;
    return with_type(tensor->bf16, [=](auto number) mutable {
        using T = decltype(number);
        unsigned parts = 0;
        cudaError_t error = cudaSuccess;
        if (x)
            error = launch_sums<false, T>(norm, (float *)partials, (const T *)x, NULL, NULL, &parts,
                                          stream);
        if (error != cudaSuccess)
            return error;
        work.parts = parts;
        norm_statistics<T>
            <<<(unsigned)tensor->channels, KERNEL_THREADS, KERNEL_THREADS / 16 * sizeof(double),
               stream>>>((const float *)partials, (const T *)x, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_normalize(const kernel_norm *norm, void *y, const void *x, const void *side,
                                  cudaStream_t stream)
{
    if (tensor_count(&norm->tensor) == 0)
        return cudaSuccess;
    return with_pieces(
        &norm->tensor,
        [=](auto number, auto count, auto planes) {
            using T = decltype(number);
            const norm_work work = describe(norm, count);
            normalize<T, count, planes>
                <<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
                    (T *)y, (const T *)x, (const T *)side, work);
            return cudaGetLastError();
        },
        y, x, side);
}

cudaError_t hpac_kernel_norm_gradients(const kernel_norm *norm, float *dgamma, float *dbeta,
                                       float *means, const void *x, const void *y, const void *dy,
                                       void *partials, cudaStream_t stream)
{
    const kernel_tensor *tensor = &norm->tensor;
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        unsigned parts = 0;
        const cudaError_t error = launch_sums<true>(norm, (float *)partials, (const T *)x,
                                                    (const T *)y, (const T *)dy, &parts, stream);
        if (error != cudaSuccess)
            return error;
        norm_gradients<<<(unsigned)tensor->channels, KERNEL_THREADS,
                         KERNEL_THREADS / 16 * sizeof(double), stream>>>(
            dgamma, dbeta, means, (const float *)partials, parts,
            (uint64_t)tensor->batch * tensor_pixels(tensor));
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_normalize_backward(const kernel_norm *norm, const float *means, void *dx,
                                           bool add_dx, void *dside, bool add_dside, const void *x,
                                           const void *y, const void *dy, cudaStream_t stream)
{
    if (tensor_count(&norm->tensor) == 0)
        return cudaSuccess;
    return with_pieces(
        &norm->tensor,
        [=](auto number, auto count, auto planes) {
            using T = decltype(number);
            norm_work work = describe(norm, count);
            work.means = means;
            work.add_dx = add_dx;
            work.add_dside = add_dside;
            normalize_backward<T, count, planes>
                <<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
                    (T *)dx, (T *)dside, (const T *)x, (const T *)y, (const T *)dy, work);
            return cudaGetLastError();
        },
        dx, dside, x, y, dy);
}
