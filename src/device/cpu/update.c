/* The update of all parameters: one pass over parameters, gradients and states, and with a norm one
 * over the gradients before it. Memory bandwidth is the limit. */
#include "cpu.h"

#include <math.h>
#include <sys/param.h>

void hpac_cpu_update_job(const cpu_device *device, const hpac_optimizer *optimizer,
                         const hpac_update_range *range, update_job *job)
{
    float learning_rate = device->step.learning_rate * range->learning_rate_factor;
    bool adam = optimizer->kind == HPAC_OPTIMIZER_ADAM || optimizer->kind == HPAC_OPTIMIZER_ADAMW;
    *job = (update_job){
        .kind = optimizer->kind,
        .nesterov = optimizer->nesterov,
        .learning_rate = adam ? learning_rate * device->step.correction : learning_rate,
        .rho = optimizer->rho,
        .epsilon = optimizer->epsilon,
        .momentum = optimizer->momentum,
        .beta_1 = optimizer->beta_1,
        .beta_2 = optimizer->beta_2,
        .decay = learning_rate * range->weight_decay,
        .l2 = range->l2,
        .mean = 1,
        .scale = 1,
        .average_momentum = device->step.average_momentum,
    };
}

static float *at(void *array, size_t first)
{
    return array ? (float *)array + first : NULL;
}

static update_job make_job(const cpu_device *device, const hpac_update *update, size_t range,
                           size_t first, float scale)
{
    update_job job;
    const hpac_update_range *ranges = update->ranges;
    hpac_cpu_update_job(device, update->optimizer, &ranges[range], &job);
    job.mean = update->accumulated ? 1.0F / (float)update->accumulate : 1.0F;
    job.scale = scale;
    job.w = at(update->parameters, first);
    job.g = (const float *)update->gradients + first;
    for (size_t i = 0; i < HPAC_OPTIMIZER_MAX_STATES; i++)
        job.state[i] = at(update->state[i], first);
    job.accumulated = at(update->accumulated, first);
    job.average = at(update->average, first);
    return job;
}

/* The range of a parameter: the last that begins there or before. */
static size_t find_range(const hpac_update *update, size_t parameter)
{
    const hpac_update_range *ranges = update->ranges;
    size_t low = 0, high = update->range_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(ranges[middle].first <= parameter ? &low : &high) = middle;
    }
    return low;
}

typedef enum update_pass { ACCUMULATE, SQUARE_SUM, UPDATE } update_pass;

/* The parameters in [first, end), range by range: adds to the sum of squares and the flag. */
static void run_pass(const cpu_device *device, const hpac_update *update, update_pass pass,
                     size_t first, size_t end, float scale, double *sum, uint32_t *nonfinite)
{
    const hpac_update_range *ranges = update->ranges;
    const cpu_kernels *kernels = device->kernels;
    for (size_t range = find_range(update, first); first < end; range++) {
        size_t last = range + 1 < update->range_count ? MIN(end, ranges[range + 1].first) : end;
        update_job job = make_job(device, update, range, first, scale);
        if (pass == SQUARE_SUM)
            *sum += kernels->square_sum(&job, last - first);
        else
            *nonfinite |=
                (pass == UPDATE ? kernels->update : kernels->accumulate)(&job, last - first);
        first = last;
    }
}

/* What clip_norm makes of the gradient. The sums have one order, whatever the number of threads. */
static float clip_scale(const cpu_device *device, const hpac_update *update)
{
    enum { PARTS = HPAC_UPDATE_WORKSPACE_NBYTES / sizeof(double) - 1 };
    double *partial = update->workspace, sum = 0;
    size_t grain = (update->count / PARTS + 64) / 64 * 64;
    size_t parts = (update->count + grain - 1) / grain;
#pragma omp parallel for num_threads(device->threads)
    for (size_t part = 0; part < parts; part++) {
        uint32_t none = 0;
        partial[part] = 0;
        run_pass(device, update, SQUARE_SUM, part * grain, MIN((part + 1) * grain, update->count),
                 1, &partial[part], &none);
    }
    for (size_t part = 0; part < parts; part++)
        sum += partial[part];
    double norm = sqrt(sum);
    if (!isfinite(norm))
        return NAN;
    return norm > (double)update->clip_norm ? (float)((double)update->clip_norm / norm) : 1.0F;
}

hpac_status hpac_cpu_update(hpac_device *base, const hpac_update *update)
{
    enum { GRAIN = 1024 };
    const cpu_device *device = (const cpu_device *)base;
    bool accumulates = update->accumulated && device->step.accumulates;
    bool clips = update->clip_norm > 0 && !accumulates;
    float scale = clips ? clip_scale(device, update) : 1.0F;
    uint32_t nonfinite = 0;
#pragma omp parallel for num_threads(device->threads)                                              \
    reduction(|                                                                                    \
              : nonfinite) if (update->count > GRAIN)
    for (size_t i = 0; i < update->count; i += GRAIN) {
        double none = 0;
        run_pass(device, update, accumulates ? ACCUMULATE : UPDATE, i,
                 MIN(i + GRAIN, update->count), scale, &none, &nonfinite);
    }
    update->result->nonfinite |= nonfinite;
    return HPAC_OK;
}
