/* Padding with zeros, and its gradient, which crops: an image moved into another size. */
#ifndef HPAC_KERNELS_SHIFT_CUH
#define HPAC_KERNELS_SHIFT_CUH

#include "common.cuh"

struct shift_work {
    uint64_t planes;
    uint32_t inner, rows, cols;         /* of x */
    int32_t down, right;                /* where y begins in x */
    divisor by_inner, by_cols, by_rows; /* of y, by the pieces that a thread takes */
    bool add;
};

/*
 * y[r][c] = x[r + down][c + right], 0 outside of x: COUNT (1 or 4) values of a pixel of y per
 * thread, whose planes are those of window.cuh. Moves the bytes of both: before a convolution of
 * stride 2 (32 x 64 x 64 x 64) 69 MB, at least 21 us on an H100. Bound by memory.
 */
template <typename T, int COUNT>
__global__ void __launch_bounds__(KERNEL_THREADS)
    shift_image(T *__restrict__ y, const T *__restrict__ x, const shift_work work)
{
    const uint64_t item = thread_number();
    const divided pixel = divide(item, work.by_inner), line = divide(pixel.quotient, work.by_cols),
                  plane = divide(line.quotient, work.by_rows);
    if (plane.quotient >= work.planes)
        return;
    /* A negative row or column becomes a large number, outside of x. */
    const uint32_t row = plane.remainder + (uint32_t)work.down,
                   col = line.remainder + (uint32_t)work.right;
    values<COUNT> value = {};
    if (row < work.rows && col < work.cols)
        value =
            load<COUNT>(x + ((plane.quotient * work.rows + row) * work.cols + col) * work.inner +
                        COUNT * pixel.remainder);
    store_gradient(y + COUNT * item, value, work.add);
}

#endif
