/* Launcher of loss.cuh. */
#include "loss.cuh"

cudaError_t hpac_kernel_loss(const hpac_loss *loss, cudaStream_t stream)
{
    loss_step<<<1, LOSS_THREADS, 32 * sizeof(double) + sizeof(loss_counts), stream>>>(
        *loss, make_divisor((uint64_t)loss->classes));
    return cudaGetLastError();
}
