/* Binary cross-entropy, its gradient, the probabilities and the counts: one small kernel. */
#include "cuda.h"

hpac_status hpac_cuda_loss(hpac_device *base, const hpac_loss *loss)
{
    const cuda_device *device = (const cuda_device *)base;
    CUDA_TRY(hpac_cuda_use(device));
    CUDA_TRY_RUNTIME(hpac_kernel_loss(loss, hpac_cuda_compute(device)));
    return HPAC_OK;
}
