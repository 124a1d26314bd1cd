/* Launchers of update.cuh. */
#include "update.cuh"

#include "launch.h"

static update_arrays arrays_of(const hpac_update *update, const hpac_step *step)
{
    update_arrays arrays = {};
    arrays.step = step;
    arrays.ranges = (const hpac_update_range *)update->ranges;
    arrays.parameters = (float *)update->parameters;
    arrays.gradients = (const float *)update->gradients;
    arrays.first = (float *)update->state[0];
    arrays.second = (float *)update->state[1];
    arrays.accumulated = (float *)update->accumulated;
    arrays.average = (float *)update->average;
    arrays.count = update->count;
    arrays.range_count = (uint32_t)update->range_count;
    arrays.mean = update->accumulated ? 1.0F / (float)update->accumulate : 1.0F;
    arrays.aligned = fours_aligned<float>(arrays.parameters, arrays.gradients, arrays.first,
                                          arrays.second, arrays.accumulated, arrays.average);
    return arrays;
}

static update_numbers numbers_of(const hpac_optimizer *optimizer)
{
    update_numbers numbers = {};
    numbers.rho = optimizer->rho;
    numbers.epsilon = optimizer->epsilon;
    numbers.momentum = optimizer->momentum;
    numbers.beta_1 = optimizer->beta_1;
    numbers.beta_2 = optimizer->beta_2;
    numbers.nesterov = optimizer->nesterov;
    numbers.decays = optimizer->kind == HPAC_OPTIMIZER_ADAMW;
    return numbers;
}

/* The workspace has the partial sums, then the factor. */
static cudaError_t launch_norm(const hpac_update *update, update_arrays *arrays,
                               cudaStream_t stream)
{
    double *partial = (double *)update->workspace, *scale = partial + NORM_PARTS;
    const uint64_t all = divide_up(arrays->count, 4 * KERNEL_THREADS);
    const uint64_t tiles = divide_up(all, NORM_PARTS), blocks = divide_up(all, tiles);
    square_sums<<<(unsigned)blocks, KERNEL_THREADS, 0, stream>>>(*arrays, partial, tiles);
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess)
        return error;
    clip_scale<<<1, KERNEL_THREADS, 0, stream>>>(scale, partial, (uint32_t)blocks,
                                                 (double)update->clip_norm);
    arrays->scale = scale;
    return cudaGetLastError();
}

template <hpac_optimizer_kind KIND>
static cudaError_t launch_update(const hpac_update *update, const update_arrays &arrays,
                                 cudaStream_t stream)
{
    update_parameters<KIND><<<blocks_for(divide_up(arrays.count, 4)), KERNEL_THREADS, 0, stream>>>(
        arrays, numbers_of(update->optimizer), &update->result->nonfinite);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_update(const hpac_update *update, const hpac_step *step,
                               cudaStream_t stream)
{
    update_arrays arrays = arrays_of(update, step);
    if (arrays.count == 0)
        return cudaSuccess;
    if (update->clip_norm > 0) {
        const cudaError_t error = launch_norm(update, &arrays, stream);
        if (error != cudaSuccess)
            return error;
    }
    switch (update->optimizer->kind) {
    case HPAC_OPTIMIZER_ADADELTA:
        return launch_update<HPAC_OPTIMIZER_ADADELTA>(update, arrays, stream);
    case HPAC_OPTIMIZER_SGD:
        return launch_update<HPAC_OPTIMIZER_SGD>(update, arrays, stream);
    default:
        return launch_update<HPAC_OPTIMIZER_ADAM>(update, arrays, stream);
    }
}
