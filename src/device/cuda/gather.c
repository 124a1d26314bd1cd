/* Gathering: the images and targets of a batch from a data set in the GPU's memory. */
#include "cuda.h"

hpac_status hpac_cuda_gather(hpac_device *base, const hpac_gather *gather)
{
    const cuda_device *device = (const cuda_device *)base;
    CUDA_TRY(hpac_cuda_use(device));
    CUDA_TRY_RUNTIME(hpac_kernel_gather(gather, hpac_cuda_compute(device)));
    return HPAC_OK;
}
