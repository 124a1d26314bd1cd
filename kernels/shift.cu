/* Launcher of shift.cuh. */
#include "shift.cuh"

#include "launch.h"

static shift_work describe(const kernel_tensor *to, const kernel_tensor *from, unsigned count)
{
    shift_work work = {};
    work.planes = tensor_planes(from);
    work.inner = tensor_inner(from);
    work.rows = (uint32_t)from->rows;
    work.cols = (uint32_t)from->cols;
    work.by_inner = make_divisor(work.inner / count);
    work.by_cols = make_divisor((uint64_t)to->cols);
    work.by_rows = make_divisor((uint64_t)to->rows);
    return work;
}

cudaError_t hpac_kernel_shift(const kernel_tensor *to, void *y, const kernel_tensor *from,
                              const void *x, int down, int right, bool add, cudaStream_t stream)
{
    const uint64_t all = tensor_count(to);
    if (all == 0)
        return cudaSuccess;
    return with_type(from->bf16, [=](auto number) {
        using T = decltype(number);
        const unsigned count = tensor_inner(from) % 4 == 0 && fours_aligned<T>(y, x) ? 4 : 1;
        const auto kernel = count == 4 ? shift_image<T, 4> : shift_image<T, 1>;
        shift_work work = describe(to, from, count);
        work.down = down;
        work.right = right;
        work.add = add;
        kernel<<<blocks_for(all / count), KERNEL_THREADS, 0, stream>>>((T *)y, (const T *)x, work);
        return cudaGetLastError();
    });
}
