/* Launchers of norm.cuh. */
#include "norm.cuh"

#include "pieces.h"

/* Two sums where bias.cu has one. */
size_t hpac_kernel_norm_partials_nbytes(const kernel_tensor *tensor)
{
    return 2 * hpac_kernel_partials_nbytes(tensor);
}

static kernel_tensor with_channels(const kernel_norm *norm, int wide_channels)
{
    kernel_tensor tensor = norm->tensor;
    tensor.wide_channels = wide_channels;
    return tensor;
}

/* All of them are planes if one is: a single channel may be a plane of its own, or one of many. */
static kernel_tensor widest_of(const kernel_norm *norm)
{
    int widest = norm->tensor.wide_channels;
    widest = norm->y_channels > widest ? norm->y_channels : widest;
    return with_channels(norm, norm->side_channels > widest ? norm->side_channels : widest);
}

static uint64_t step_of(const kernel_norm *norm, int wide_channels)
{
    const kernel_tensor widest = widest_of(norm), tensor = with_channels(norm, wide_channels);
    return has_planes(&widest) ? image_step(&tensor) : image_channels(&tensor);
}

/* As piece_count has them, of x, y or the side. */
static line_address lines_of(const kernel_norm *norm, const void *first, int wide_channels)
{
    return {first, step_of(norm, wide_channels)};
}

static line_address x_lines(const kernel_norm *norm, const void *x)
{
    return lines_of(norm, x, norm->tensor.wide_channels);
}

static line_address y_lines(const kernel_norm *norm, const void *y)
{
    return lines_of(norm, y, norm->y_channels);
}

static line_address side_lines(const kernel_norm *norm, const void *side)
{
    return lines_of(norm, side, norm->side_channels);
}

static norm_work describe(const kernel_norm *norm, unsigned count)
{
    const kernel_tensor widest = widest_of(norm), *tensor = &widest;
    norm_work work = {};
    work.x_step = step_of(norm, norm->tensor.wide_channels);
    work.y_step = step_of(norm, norm->y_channels);
    work.side_step = step_of(norm, norm->side_channels);
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
    const kernel_tensor tensor = widest_of(norm);
    const bool planes = has_planes(&tensor);
    const unsigned count =
        piece_count<T>(&tensor, x_lines(norm, x), y_lines(norm, y), y_lines(norm, dy));
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
    const kernel_tensor widest = widest_of(norm), *tensor = &widest;
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
    const kernel_tensor tensor = widest_of(norm);
    if (tensor_count(&tensor) == 0)
        return cudaSuccess;
    return with_pieces(
        &tensor,
        [=](auto number, auto count, auto planes) {
            using T = decltype(number);
            const norm_work work = describe(norm, count);
            normalize<T, count, planes>
                <<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
                    (T *)y, (const T *)x, (const T *)side, work);
            return cudaGetLastError();
        },
        y_lines(norm, y), x_lines(norm, x), side_lines(norm, side));
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
    const kernel_tensor tensor = widest_of(norm);
    if (tensor_count(&tensor) == 0)
        return cudaSuccess;
    return with_pieces(
        &tensor,
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
        x_lines(norm, dx), side_lines(norm, dside), x_lines(norm, x), y_lines(norm, y),
        y_lines(norm, dy));
}
