/* Adadelta: one pass over parameters, gradients and both accumulators; memory sets the pace. */
#include "cpu.h"

#include <math.h>
#include <omp.h>
#include <string.h>

typedef struct adadelta_arrays {
    float *restrict w;
    const float *restrict g;
    float *restrict a, *restrict u;
} adadelta_arrays;

/* Returns nonzero if a gradient, a weight or an accumulator is not finite. */
CPU_CLONES static uint32_t update(const hpac_adadelta *adadelta, adadelta_arrays arrays,
                                  size_t count)
{
    const float rate = adadelta->learning_rate, rho = adadelta->rho, epsilon = adadelta->epsilon;
    const float rest = 1.0F - rho;
    float *restrict w = arrays.w, *restrict a = arrays.a, *restrict u = arrays.u;
    const float *restrict g = arrays.g;
    uint32_t nonfinite = 0;
    for (size_t i = 0; i < count; i++) {
        float square = rho * a[i] + rest * (g[i] * g[i]);
        float delta = g[i] * (sqrtf(u[i] + epsilon) / sqrtf(square + epsilon));
        float weight = w[i] - rate * delta;
        a[i] = square;
        u[i] = rho * u[i] + rest * (delta * delta);
        w[i] = weight;
        /* A gradient that is not finite makes `square` so; all exponent bits set: not finite. */
        float both = square + weight;
        uint32_t bits;
        memcpy(&bits, &both, sizeof bits);
        nonfinite |= (bits & 0x7f800000U) == 0x7f800000U;
    }
    return nonfinite;
}

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
            nonfinite |= update(adadelta,
                                (adadelta_arrays){
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
