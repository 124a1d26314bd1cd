/* Adadelta: one launch over parameters, gradients and both accumulators; memory sets the pace. */
#include "cuda.h"

hpac_status hpac_cuda_adadelta(hpac_device *base, const hpac_adadelta *adadelta, void *parameters,
                               const void *gradients, void *square_average, void *delta_average,
                               size_t count, hpac_step_result *result)
{
    const cuda_device *device = (const cuda_device *)base;
    CUDA_TRY(hpac_cuda_use(device));
    CUDA_TRY_RUNTIME(hpac_kernel_adadelta(adadelta, parameters, gradients, square_average,
                                          delta_average, count, result, hpac_cuda_compute(device)));
    return HPAC_OK;
}
