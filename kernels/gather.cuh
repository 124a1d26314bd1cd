/* Rows picked from a table that stays in the GPU's memory: batches of a resident data set. */
#ifndef HPAC_KERNELS_GATHER_CUH
#define HPAC_KERNELS_GATHER_CUH

#include "common.cuh"

/* The offset of a piece of a row; a table may have more than 2^32 pieces. */
__host__ __device__ __forceinline__ uint64_t gather_offset(uint32_t row, const divisor &row_pieces,
                                                           uint32_t piece)
{
    return (uint64_t)row * row_pieces.value + piece;
}

/*
 * to[i] = from[rows[i]], one piece per thread (16 bytes, 4 or 1, by the alignment of the rows).
 * Reads and writes each byte once: 4.2 MB for 128 images of 128 x 128 bytes, at least 1.3 us on an
 * H100. Bound by the launch.
 */
template <typename PIECE>
__global__ void __launch_bounds__(KERNEL_THREADS)
    gather_rows(PIECE *__restrict__ to, const PIECE *__restrict__ from,
                const uint32_t *__restrict__ rows, uint64_t count, const divisor row_pieces)
{
    const uint64_t item = thread_number();
    const divided row = divide(item, row_pieces);
    if (row.quotient < count)
        to[item] = from[gather_offset(rows[row.quotient], row_pieces, row.remainder)];
}

#endif
