/* Tensors in another layout or number format; pixels are a format, too. */
#ifndef HPAC_KERNELS_CONVERT_CUH
#define HPAC_KERNELS_CONVERT_CUH

#include "common.cuh"

/*
 * y = x, or y += x, in another format and the same order: four values per thread.
 * Moves the bytes of both: 6 MB, at least 1.8 us on an H100, for each million values cast to bf16;
 * the dense kernel of the improved model (7.9 million) 47 MB, 14 us; 128 x 128 x 128 pixels to
 * float32 10.5 MB, 3.1 us. Bound by memory.
 */
template <typename S, typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    convert_quads(T *__restrict__ y, const S *__restrict__ x, uint64_t count, bool aligned,
                  bool add)
{
    const uint64_t first = 4 * thread_number();
    const int part = part_of_four(first, count);
    if (part > 0)
        store_gradient_part(y + first, load_part(x + first, part, aligned), part, aligned, add);
}

/* Side of the tiles that convert_tiles transposes. */
#define TILE 32

/*
 * y (images, columns, rows) = x (images, rows, columns), or += : from NHWC to NCHW (rows: pixels,
 * columns: channels) and back. A block of 32 x 8 threads transposes a tile of 32 x 32 through
 * shared memory, so that reads and writes are coalesced; its rows are one float longer, so that a
 * column lies in 32 different banks. Moves the bytes of both, and is bound by memory, when both
 * sides are much longer than 32; with few channels most of a tile is empty. What the pool of the
 * improved model writes at batch 128 (15.7 million values), where flatten is not part of the dense
 * layer: 126 MB, at least 38 us on an H100. down, across: tiles per image.
 */
template <typename S, typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    convert_tiles(T *__restrict__ y, const S *__restrict__ x, uint32_t rows, uint32_t columns,
                  const divisor down, const divisor across, bool add)
{
    DYN_SHARED(float, tile);
    const divided line = divide(blockIdx.x, across), image = divide(line.quotient, down);
    const uint32_t row = image.remainder * TILE, column = line.remainder * TILE;
    const uint64_t first = image.quotient * rows * columns;
    for (uint32_t i = threadIdx.y; i < TILE; i += blockDim.y)
        if (row + i < rows && column + threadIdx.x < columns)
            tile[i * (TILE + 1) + threadIdx.x] =
                widen(x[first + (uint64_t)(row + i) * columns + column + threadIdx.x]);
    __syncthreads();
    for (uint32_t i = threadIdx.y; i < TILE; i += blockDim.y)
        if (column + i < columns && row + threadIdx.x < rows)
            store_gradient<1>(y + first + (uint64_t)(column + i) * rows + row + threadIdx.x,
                              {{tile[threadIdx.x * (TILE + 1) + i]}}, add);
}

/*
 * Pixels into planes (NCHW with several channels): a value per thread in the order of y. The reads
 * of a warp lie `channels` apart, so that each byte comes into the cache once and is used from it.
 * Moves 1 + 4 bytes per value: four channels at batch 128 are 42 MB, at least 12.5 us on an H100.
 * Bound by memory.
 */
template <typename S, typename T>
__global__ void __launch_bounds__(KERNEL_THREADS)
    pixels_planes(T *__restrict__ y, const S *__restrict__ x, uint64_t count, const divisor pixels,
                  const divisor channels)
{
    const uint64_t offset = thread_number();
    if (offset >= count)
        return;
    const divided plane = divide(offset, pixels), image = divide(plane.quotient, channels);
    const uint64_t index =
        (image.quotient * pixels.value + plane.remainder) * channels.value + image.remainder;
    y[offset] = narrow<T>(widen(x[index]));
}

#endif
