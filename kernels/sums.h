/* How sums over a tensor's channels are distributed over blocks, for bias.cu and maxpool.cu. Host
 * code. */
#ifndef HPAC_KERNELS_SUMS_H
#define HPAC_KERNELS_SUMS_H

#include "launch.h"

/* Per channel; more cost more in the second kernel than they save in the first. */
#define MAX_PARTIALS 1024
/* A thread takes at least so many items before there are more blocks. */
#define ITEMS_PER_THREAD 8

/* Blocks of (columns, rows) of threads. */
struct row_grid {
    dim3 threads, blocks; /* blocks.x: partial sums of a channel */
    size_t shared_nbytes;
};

static inline row_grid share_rows(uint64_t rows, uint32_t channels, unsigned count)
{
    const uint64_t across = divide_up(channels, count);
    const unsigned columns = power_of_two(across, 32), down = KERNEL_THREADS / columns;
    const uint64_t blocks = divide_up(rows ? rows : 1, (uint64_t)down * ITEMS_PER_THREAD);
    row_grid grid;
    grid.threads = dim3(columns, down);
    grid.blocks = dim3((unsigned)(blocks < MAX_PARTIALS ? blocks : MAX_PARTIALS),
                       (unsigned)divide_up(across, columns));
    grid.shared_nbytes = KERNEL_THREADS * count * sizeof(float);
    return grid;
}

/* Blocks of one channel: blocks.x is the channel, blocks.y partial sums of it. About 4096 blocks
 * are several per resident block on the largest GPUs. */
static inline row_grid share_planes(uint64_t items, uint32_t channels)
{
    const uint64_t enough = divide_up(4096, channels);
    const uint64_t most = enough < MAX_PARTIALS ? enough : MAX_PARTIALS;
    const uint64_t blocks = divide_up(items ? items : 1, KERNEL_THREADS * ITEMS_PER_THREAD);
    row_grid grid;
    grid.threads = dim3(KERNEL_THREADS);
    grid.blocks = dim3(channels, (unsigned)(blocks < most ? blocks : most));
    grid.shared_nbytes = KERNEL_THREADS / 32 * sizeof(float);
    return grid;
}

/* Adds `count` partial sums per channel: bias.cu. */
cudaError_t hpac_kernel_sum_partials(float *gradient, const float *partials, unsigned count,
                                     unsigned channels, cudaStream_t stream);

/* Where blocks leave their sums: in the gradient itself if there is one block per channel. NULL
 * gradient: no sums are wanted. */
static inline float *sums_of(float *gradient, float *partials, unsigned blocks)
{
    return gradient && blocks > 1 ? partials : gradient;
}

/* After the launch that leaves them: its error, or the second kernel that adds partial sums. */
static inline cudaError_t finish_sums(float *gradient, const float *partials, unsigned blocks,
                                      unsigned channels, cudaStream_t stream)
{
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess || !gradient || blocks == 1)
        return error;
    return hpac_kernel_sum_partials(gradient, partials, blocks, channels, stream);
}

#endif
