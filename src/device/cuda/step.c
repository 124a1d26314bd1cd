/* What a training step does besides its plans, each one kernel: gathering a batch from the resident
 * data set, the seed and step of dropout, the loss with its gradient, and Adadelta. */
#include "cuda.h"

hpac_status hpac_cuda_gather(hpac_device *base, const hpac_gather *gather)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(hpac_kernel_gather(gather, hpac_cuda_compute(device)));
    return HPAC_OK;
}

hpac_status hpac_cuda_set_step(hpac_device *base, uint64_t seed, uint32_t step)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(hpac_kernel_set_step(device->step, seed, step, hpac_cuda_compute(device)));
    return HPAC_OK;
}

hpac_status hpac_cuda_loss(hpac_device *base, const hpac_loss *loss)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(hpac_kernel_loss(loss, hpac_cuda_compute(device)));
    return HPAC_OK;
}

hpac_status hpac_cuda_adadelta(hpac_device *base, const hpac_adadelta *adadelta, void *parameters,
                               const void *gradients, void *square_average, void *delta_average,
                               size_t count, hpac_step_result *result)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(hpac_kernel_adadelta(adadelta, parameters, gradients, square_average, delta_average,
                                  count, result, hpac_cuda_compute(device)));
    return HPAC_OK;
}
