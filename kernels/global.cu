/* Launchers of global.cuh. */
#include "global.cuh"

#include "launch.h"

static global_work describe(const kernel_tensor *tensor)
{
    global_work work = {};
    work.planes = tensor_planes(tensor);
    work.pixels = (uint32_t)tensor_pixels(tensor);
    work.inner = tensor_inner(tensor);
    return work;
}

/* Columns of threads take `count` channels each: eight read 128 bytes of float32 side by side. */
static dim3 share_plane(const global_work &work, unsigned count, dim3 *blocks)
{
    const unsigned pieces = work.inner / count, columns = power_of_two(pieces, 8);
    *blocks = dim3((unsigned)work.planes, (unsigned)divide_up(pieces, columns));
    return dim3(columns, power_of_two(work.pixels, KERNEL_THREADS / columns));
}

cudaError_t hpac_kernel_global_mean(const kernel_tensor *tensor, void *y, const void *x,
                                    cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        const global_work work = describe(tensor);
        const unsigned count = work.inner % 4 == 0 && fours_aligned<T>(y, x) ? 4 : 1;
        const auto kernel = count == 4 ? global_mean<T, 4> : global_mean<T, 1>;
        dim3 blocks;
        const dim3 threads = share_plane(work, count, &blocks);
        kernel<<<blocks, threads, threads.x * threads.y * count * sizeof(float), stream>>>(
            (T *)y, (const T *)x, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_global_max(const kernel_tensor *tensor, void *y, uint32_t *argmax,
                                   const void *x, cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        const global_work work = describe(tensor);
        const unsigned count = work.inner % 4 == 0 && fours_aligned<T>(x) ? 4 : 1;
        const auto kernel = count == 4 ? global_max<T, 4> : global_max<T, 1>;
        dim3 blocks;
        const dim3 threads = share_plane(work, count, &blocks);
        kernel<<<blocks, threads, threads.x * threads.y * count * sizeof(pool_best), stream>>>(
            (T *)y, argmax, (const T *)x, work);
        return cudaGetLastError();
    });
}

template <bool MAX>
static cudaError_t launch_backward(const kernel_tensor *tensor, void *dx, const uint32_t *argmax,
                                   const void *dy, bool add, cudaStream_t stream)
{
    const uint64_t all = tensor_count(tensor);
    if (all == 0)
        return cudaSuccess;
    return with_type(tensor->bf16, [=](auto number) {
        using T = decltype(number);
        global_work work = describe(tensor);
        const unsigned count = work.inner % 4 == 0 && fours_aligned<T>(dx, dy) ? 4 : 1;
        const auto kernel = count == 4 ? global_backward<T, MAX, 4> : global_backward<T, MAX, 1>;
        work.by_inner = make_divisor(work.inner / count);
        work.by_pixels = make_divisor(work.pixels);
        work.add = add;
        kernel<<<blocks_for(all / count), KERNEL_THREADS, 0, stream>>>((T *)dx, argmax,
                                                                       (const T *)dy, work);
        return cudaGetLastError();
    });
}

cudaError_t hpac_kernel_global_max_backward(const kernel_tensor *tensor, void *dx,
                                            const uint32_t *argmax, const void *dy, bool add,
                                            cudaStream_t stream)
{
    return launch_backward<true>(tensor, dx, argmax, dy, add, stream);
}

cudaError_t hpac_kernel_global_mean_backward(const kernel_tensor *tensor, void *dx, const void *dy,
                                             bool add, cudaStream_t stream)
{
    return launch_backward<false>(tensor, dx, NULL, dy, add, stream);
}
