/* Launcher of adadelta.cuh. */
#include "adadelta.cuh"

#include "launch.h"

cudaError_t hpac_kernel_adadelta(const hpac_adadelta *adadelta, float *parameters,
                                 const float *gradients, float *square_average,
                                 float *delta_average, size_t count, hpac_step_result *result,
                                 cudaStream_t stream)
{
    const adadelta_arrays arrays = {
        parameters,
        gradients,
        square_average,
        delta_average,
        count,
        is_aligned(parameters, 4) && is_aligned(gradients, 4) && is_aligned(square_average, 4) &&
            is_aligned(delta_average, 4),
    };
    if (count == 0)
        return cudaSuccess;
    adadelta_step<<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
        arrays, *adadelta, &result->nonfinite);
    return cudaGetLastError();
}
