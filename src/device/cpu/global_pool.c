/* The mean or the maximum of each channel, to a vector or an image of one pixel. An image is cut
 * into runs of up to PLANE_LANES channels of all its pixels. */
#include "cpu.h"

#include "base/memory.h"

#include <string.h>
#include <sys/param.h>

typedef struct global_pool_plan {
    cpu_plan base;
    bool maxima;
    bool adds; /* to dx, instead of writing it */
    size_t runs_per_plane, runs_per_image;
} global_pool_plan;

/* Where a run lies. */
typedef struct image_run {
    pixel_run pixels;
    size_t x;       /* index of its first float in the batch */
    size_t y;       /* index of its first channel in the output */
    size_t y_count; /* its channels there: in a vector without those of the padding */
    size_t argmax;  /* index of its first channel in the state */
} image_run;

static image_run run_at(const global_pool_plan *plan, size_t index)
{
    const cpu_tensor *input = &plan->base.input, *output = &plan->base.output;
    const cpu_planes planes = hpac_cpu_planes_of(input);
    size_t pixels = input->shape.rows * input->shape.cols;
    size_t image = index / plan->runs_per_image, rest = index % plan->runs_per_image;
    size_t plane = rest / plan->runs_per_plane;
    size_t first = rest % plan->runs_per_plane * PLANE_LANES, lanes = planes.lanes - first;
    size_t channel = plane * planes.lanes + first, outputs = hpac_cpu_image_count(output);
    lanes = MIN(lanes, PLANE_LANES);
    return (image_run){
        .pixels = {.count = pixels, .lanes = lanes, .stride = planes.lanes},
        .x = (image * planes.count + plane) * pixels * planes.lanes + first,
        .y = image * outputs + channel,
        .y_count = MIN(lanes, outputs - channel),
        .argmax = image * planes.count * planes.lanes + channel,
    };
}

static hpac_status global_pool_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const global_pool_plan *plan = (const global_pool_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    const float *x = args->x;
    float *y = args->y;
    uint32_t *state = args->training ? args->state : NULL;
#pragma omp parallel for
    for (size_t i = 0; i < base->input.batch * plan->runs_per_image; i++) {
        const image_run run = run_at(plan, i);
        float values[PLANE_LANES];
        uint32_t argmax[PLANE_LANES];
        if (plan->maxima)
            kernels->max_pixels(x + run.x, &run.pixels, values, argmax);
        else
            kernels->sum_pixels(x + run.x, &run.pixels, values);
        for (size_t lane = 0; lane < run.y_count; lane++)
            y[run.y + lane] = values[lane] / (plan->maxima ? 1.0F : (float)run.pixels.count);
        if (plan->maxima && state)
            memcpy(state + run.argmax, argmax, run.pixels.lanes * sizeof *state);
    }
    return HPAC_OK;
}

static void backward_run(const global_pool_plan *plan, const hpac_exec_args *args, size_t index)
{
    const cpu_kernels *kernels = cpu_device_of(&plan->base)->kernels;
    const image_run run = run_at(plan, index);
    const float *dy = (const float *)args->dy + run.y;
    float *dx = (float *)args->dx + run.x;
    float values[PLANE_LANES] = {0};
    for (size_t lane = 0; lane < run.y_count && !plan->maxima; lane++)
        values[lane] = dy[lane] / (float)run.pixels.count;
    if (!plan->maxima || !plan->adds)
        kernels->spread_to_pixels(values, plan->adds, &run.pixels, dx);
    const uint32_t *argmax = plan->maxima ? (const uint32_t *)args->state + run.argmax : NULL;
    for (size_t lane = 0; lane < run.y_count && argmax; lane++)
        dx[argmax[lane] * run.pixels.stride + lane] += dy[lane];
}

static hpac_status global_pool_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const global_pool_plan *plan = (const global_pool_plan *)base;
    if (!args->dx)
        return HPAC_OK;
#pragma omp parallel for
    for (size_t i = 0; i < base->input.batch * plan->runs_per_image; i++)
        backward_run(plan, args, i);
    return HPAC_OK;
}

hpac_status hpac_cpu_try_global_pool(cpu_device *device, const hpac_plan_request *request,
                                     cpu_plan **result)
{
    bool maxima = hpac_plan_is_single(request, HPAC_OP_GLOBAL_MAXPOOL);
    if (!maxima && !hpac_plan_is_single(request, HPAC_OP_GLOBAL_AVGPOOL))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(global_pool_plan), global_pool_forward,
                                 global_pool_backward, result));
    global_pool_plan *plan = (global_pool_plan *)*result;
    const cpu_planes planes = hpac_cpu_planes_of(&plan->base.input);
    plan->maxima = maxima;
    plan->adds = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->runs_per_plane = (planes.lanes + PLANE_LANES - 1) / PLANE_LANES;
    plan->runs_per_image = planes.count * plan->runs_per_plane;
    plan->base.adds = true;
    plan->base.base.ignores_x = plan->base.base.ignores_y = true;
    if (maxima && request->training)
        plan->base.base.state_nbytes =
            request->batch * planes.count * planes.lanes * sizeof(uint32_t);
    return HPAC_OK;
}
