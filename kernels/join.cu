/* Launchers of join.cuh. */
#include "join.cuh"

#include "pieces.h"

/* Of `count` addresses, the one with that number, or NULL. */
template <typename T, typename ADDRESS>
static T *pick(ADDRESS *const *addresses, size_t count, size_t number)
{
    return number < count ? (T *)addresses[number] : NULL;
}

cudaError_t hpac_kernel_add(const kernel_tensor *tensor, void *y, const void *const *inputs,
                            size_t input_count, bool relu, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        join_inputs<T> from = {};
        from.first = pick<const T>(inputs, input_count, 0);
        from.second = pick<const T>(inputs, input_count, 1);
        from.third = pick<const T>(inputs, input_count, 2);
        from.fourth = pick<const T>(inputs, input_count, 3);
        add_values<T><<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
            (T *)y, from, count, relu,
            fours_aligned<T>(y, from.first, from.second, from.third, from.fourth));
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_add_backward(const kernel_tensor *tensor, void *const *gradients,
                                     const bool *add, size_t gradient_count, const void *y,
                                     const void *dy, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        join_gradients<T> to = {};
        to.first = pick<T>(gradients, gradient_count, 0);
        to.second = pick<T>(gradients, gradient_count, 1);
        to.third = pick<T>(gradients, gradient_count, 2);
        to.fourth = pick<T>(gradients, gradient_count, 3);
        to.add_first = to.first && add[0];
        to.add_second = to.second && add[1];
        to.add_third = to.third && add[2];
        to.add_fourth = to.fourth && add[3];
        add_values_backward<T><<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
            to, (const T *)y, (const T *)dy, count,
            fours_aligned<T>(y, dy, to.first, to.second, to.third, to.fourth));
        return cudaGetLastError();
    });
}

static multiply_work describe(const kernel_tensor *tensor, bool broadcast, unsigned count)
{
    multiply_work work = {};
    work.shape = describe_pieces(tensor, count);
    work.broadcast = broadcast;
    return work;
}

cudaError_t hpac_kernel_multiply(const kernel_tensor *tensor, bool broadcast, void *y,
                                 const void *x, const void *factor, cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    const auto launch = [=](auto number, auto count, auto planes) {
        using T = decltype(number);
        const multiply_work work = describe(tensor, broadcast, count);
        multiply<T, count, planes><<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
            (T *)y, (const T *)x, (const T *)factor, work);
        return cudaGetLastError();
    };
    return with_pieces(tensor, launch, y, x, factor);
}

/* ---- the gradient of a broadcast factor ---- */

struct factor_grid {
    dim3 threads, blocks;
    uint64_t lines;
    factor_work work;
};

/* As many parts as give each thread 8 pixels, unless other lines keep the GPU busy. */
static factor_grid share_lines(const kernel_tensor *tensor, unsigned count)
{
    const bool planes = has_planes(tensor);
    const uint64_t channels = (uint64_t)tensor->channels;
    factor_grid grid = {};
    grid.lines = (uint64_t)tensor->batch * (planes ? channels : 1);
    grid.work.pixels = (uint32_t)tensor_pixels(tensor);
    grid.work.inner = planes ? 1 : (uint32_t)channels;
    const uint64_t across = divide_up(grid.work.inner, count);
    const unsigned columns = power_of_two(across, 32),
                   down = power_of_two(grid.work.pixels, KERNEL_THREADS / columns);
    const uint64_t groups = divide_up(across, columns);
    grid.work.parts = limit_parts(divide_up(grid.work.pixels, (uint64_t)down * ITEMS_PER_THREAD),
                                  divide_up(4096, grid.lines * groups));
    grid.work.by_parts = make_divisor(grid.work.parts);
    grid.threads = dim3(columns, down);
    grid.blocks = dim3((unsigned)(grid.lines * grid.work.parts), (unsigned)groups);
    return grid;
}

/* With a piece of one value a block has the most columns, and so the fewest rows. */
size_t hpac_kernel_factor_partials_nbytes(const kernel_tensor *tensor)
{
    const factor_grid ones = share_lines(tensor, 1), fours = share_lines(tensor, 4);
    const size_t parts = ones.work.parts > fours.work.parts ? ones.work.parts : fours.work.parts;
    return parts * (size_t)tensor->batch * (size_t)tensor->channels * sizeof(float);
}

template <typename T>
static cudaError_t launch_factor(const kernel_tensor *tensor, T *dfactor, bool add, const T *x,
                                 const T *dy, float *partials, cudaStream_t stream)
{
    const unsigned count =
        !has_planes(tensor) && tensor->channels % 4 == 0 && fours_aligned<T>(x, dy) ? 4 : 1;
    const factor_grid grid = share_lines(tensor, count);
    const uint64_t sums = grid.lines * grid.work.inner;
    const auto kernel = count == 4 ? factor_sums<T, 4> : factor_sums<T, 1>;
    kernel<<<grid.blocks, grid.threads, grid.threads.x * grid.threads.y * count * sizeof(float),
             stream>>>(partials, x, dy, grid.work);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess)
        return error;
    factor_gradient<T><<<blocks_for(sums), KERNEL_THREADS, 0, stream>>>(dfactor, partials,
                                                                        grid.work.parts, sums, add);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_multiply_backward(const kernel_tensor *tensor, bool broadcast, void *dx,
                                          bool add_dx, void *dfactor, bool add_dfactor,
                                          const void *x, const void *factor, const void *dy,
                                          void *partials, cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    if (broadcast && dfactor) {
        const cudaError_t error = with_type(tensor->bf16, [=](auto number) {
            using T = decltype(number);
            return launch_factor<T>(tensor, (T *)dfactor, add_dfactor, (const T *)x, (const T *)dy,
                                    (float *)partials, stream);
        });
        if (error != cudaSuccess || !dx)
            return error;
        dfactor = NULL;
    }
    const auto launch = [=](auto number, auto count, auto planes) {
        using T = decltype(number);
        multiply_work work = describe(tensor, broadcast, count);
        work.add_dx = add_dx;
        work.add_dfactor = add_dfactor;
        multiply_backward<T, count, planes>
            <<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
                (T *)dx, (T *)dfactor, (const T *)x, (const T *)factor, (const T *)dy, work);
        return cudaGetLastError();
    };
    return with_pieces(tensor, launch, dx, dfactor, x, factor, dy);
}

/* ---- concat ---- */

template <typename T>
static cudaError_t launch_copy(T *to, const T *from, copy_work work, uint64_t lines, uint64_t width,
                               uint64_t distance, cudaStream_t stream)
{
    const unsigned count =
        fours_aligned<T>(to, from) && width % 4 == 0 && distance % 4 == 0 ? 4 : 1;
    if (lines * width == 0)
        return cudaSuccess;
    work.width = make_divisor(width / count);
    work.pieces = lines * width / count;
    const auto kernel = count == 4 ? copy_lines<T, 4> : copy_lines<T, 1>;
    kernel<<<blocks_for(work.pieces), KERNEL_THREADS, 0, stream>>>(to, from, work);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_put_channels(const kernel_tensor *whole, void *y, uint32_t first,
                                     uint32_t channels, const void *x, cudaStream_t stream)
{
    const bool planes = has_planes(whole);
    const uint64_t unit = planes ? tensor_pixels(whole) : 1;
    const uint64_t lines = (uint64_t)whole->batch * (planes ? 1 : tensor_pixels(whole));
    copy_work work = {};
    work.to_line = (uint64_t)whole->channels * unit;
    work.from_line = channels * unit;
    return with_type(whole->bf16, [=](auto number) {
        using T = decltype(number);
        return launch_copy((T *)y + first * unit, (const T *)x, work, lines, work.from_line,
                           work.to_line, stream);
    });
}

cudaError_t hpac_kernel_get_channels(const kernel_tensor *whole, void *dx, bool add, uint32_t first,
                                     uint32_t channels, const void *dy, cudaStream_t stream)
{
    const bool planes = has_planes(whole);
    const uint64_t unit = planes ? tensor_pixels(whole) : 1;
    const uint64_t lines = (uint64_t)whole->batch * (planes ? 1 : tensor_pixels(whole));
    copy_work work = {};
    work.to_line = channels * unit;
    work.from_line = (uint64_t)whole->channels * unit;
    work.add = add;
    return with_type(whole->bf16, [=](auto number) {
        using T = decltype(number);
        return launch_copy((T *)dx, (const T *)dy + first * unit, work, lines, work.to_line,
                           work.from_line, stream);
    });
}
