/* Adadelta: one pass over parameters, gradients and both accumulators; memory sets the pace. */
#include "cpu.h"

#include <omp.h>

hpac_status hpac_cpu_adadelta(hpac_device *base, const hpac_adadelta *adadelta, void *parameters,
                              const void *gradients, void *square_average, void *delta_average,
                              size_t count, hpac_step_result *result)
{
    const cpu_device *device = (const cpu_device *)base;
    const size_t grain = 1024;
    size_t grains = (count + grain - 1) / grain;
    uint32_t nonfinite = 0;
#pragma omp parallel num_threads(device->threads) if (grains > 16) reduction(| : nonfinite)
    {
        size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
        size_t begin = grains * thread / threads * grain;
        size_t end = grains * (thread + 1) / threads * grain;
        end = end < count ? end : count;
        if (begin < end)
            nonfinite |= device->kernels->adadelta(
                &(adadelta_job){
                    .adadelta = adadelta,
                    .w = (float *)parameters + begin,
                    .g = (const float *)gradients + begin,
                    .a = (float *)square_average + begin,
                    .u = (float *)delta_average + begin,
                },
                end - begin);
    }
    result->nonfinite |= nonfinite;
    return HPAC_OK;
}
