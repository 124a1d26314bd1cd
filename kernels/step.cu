/* Launchers of step.cuh. */
#include "step.cuh"

#include "launch.h"

cudaError_t hpac_kernel_set_step(hpac_step *step, const hpac_step *value, cudaStream_t stream)
{
    set_step<<<1, 1, 0, stream>>>(step, *value);
    return cudaGetLastError();
}

template <typename PIECE>
static cudaError_t launch_gather(const hpac_gather *gather, cudaStream_t stream)
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
    return (gather->row_nbytes | (uintptr_t)gather->to | (uintptr_t)gather->from) % sizeof(PIECE) ==
           0;
}

cudaError_t hpac_kernel_gather(const hpac_gather *gather, cudaStream_t stream)
{
    if (gather->count == 0 || gather->row_nbytes == 0)
        return cudaSuccess;
    if (fits<uint4>(gather))
        return launch_gather<uint4>(gather, stream);
    return fits<uint32_t>(gather) ? launch_gather<uint32_t>(gather, stream)
                                  : launch_gather<uint8_t>(gather, stream);
}

cudaError_t hpac_kernel_loss(const hpac_loss *loss, cudaStream_t stream)
{
    loss_step<<<1, LOSS_THREADS, 32 * sizeof(double) + sizeof(loss_counts), stream>>>(
        *loss, hpac_loss_is_plain(&loss->formula), make_divisor((uint64_t)loss->classes));
    return cudaGetLastError();
}
