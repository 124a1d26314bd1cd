/* Launcher of gather.cuh. */
#include "gather.cuh"

#include "launch.h"

template <typename PIECE> static cudaError_t launch(const hpac_gather *gather, cudaStream_t stream)
{
    const uint64_t pieces = gather->row_nbytes / sizeof(PIECE);
    if (pieces > UINT32_MAX)
        return cudaErrorInvalidValue;
    gather_rows<<<blocks_for((uint64_t)gather->count * pieces), KERNEL_THREADS, 0, stream>>>(
        (PIECE *)gather->to, (const PIECE *)gather->from, (const uint32_t *)gather->rows,
        (uint64_t)gather->count, make_divisor(pieces));
    return cudaGetLastError();
}

template <typename PIECE> static bool fits(const hpac_gather *gather)
{
    return gather->row_nbytes % sizeof(PIECE) == 0 && is_aligned((const PIECE *)gather->to, 1) &&
           is_aligned((const PIECE *)gather->from, 1);
}

cudaError_t hpac_kernel_gather(const hpac_gather *gather, cudaStream_t stream)
{
    if (gather->count == 0 || gather->row_nbytes == 0)
        return cudaSuccess;
    if (fits<uint4>(gather))
        return launch<uint4>(gather, stream);
    return fits<uint32_t>(gather) ? launch<uint32_t>(gather, stream)
                                  : launch<uint8_t>(gather, stream);
}
