/* Op chains that cuDNN does not have in bf16, computed in float32 between two casts: what is read
 * is widened into the workspace, what is written is narrowed out of it. */
#include "cuda.h"

#include <stdio.h>
#include <string.h>

typedef struct widened_plan {
    cuda_plan base;
    cuda_plan *inner;                                /* the same chain in float32 */
    size_t x_offset, y_offset, dy_offset, dx_offset; /* workspace, after the inner plan's */
} widened_plan;

static hpac_status convert(const cuda_plan *plan, const kernel_tensor *to, void *y,
                           const kernel_tensor *from, const void *x)
{
    CUDA_TRY(hpac_kernel_convert(to, y, from, x, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

static hpac_exec_args widen_args(const widened_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args wide = *args;
    wide.x = hpac_cuda_at(args->workspace, plan->x_offset);
    wide.y = hpac_cuda_at(args->workspace, plan->y_offset);
    wide.dy = hpac_cuda_at(args->workspace, plan->dy_offset);
    if (args->dx)
        wide.dx = hpac_cuda_at(args->workspace, plan->dx_offset);
    return wide;
}

static hpac_status widened_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const widened_plan *plan = (const widened_plan *)base;
    cuda_plan *inner = plan->inner;
    hpac_exec_args wide = widen_args(plan, args);
    HPAC_TRY(convert(base, &inner->input, (void *)wide.x, &base->input, args->x));
    HPAC_TRY(inner->forward(inner, &wide));
    return convert(base, &base->output, args->y, &inner->output, wide.y);
}

static hpac_status widened_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const widened_plan *plan = (const widened_plan *)base;
    cuda_plan *inner = plan->inner;
    hpac_exec_args wide = widen_args(plan, args);
    HPAC_TRY(convert(base, &inner->input, (void *)wide.x, &base->input, args->x));
    HPAC_TRY(convert(base, &inner->output, wide.y, &base->output, args->y));
    HPAC_TRY(convert(base, &inner->output, wide.dy, &base->output, args->dy));
    HPAC_TRY(inner->backward(inner, &wide));
    return args->dx ? convert(base, &base->input, args->dx, &inner->input, wide.dx) : HPAC_OK;
}

static void widened_fini(cuda_plan *base)
{
    cuda_plan *inner = ((widened_plan *)base)->inner;
    if (inner)
        hpac_cuda_plan_destroy(&inner->base);
}

/* Parameters and state are the inner plan's. */
static void take_over(widened_plan *plan)
{
    const cuda_plan *inner = plan->inner;
    hpac_plan *public = &plan->base.base;
    size_t x_nbytes = hpac_cuda_tensor_nbytes(&inner->input);
    size_t y_nbytes = hpac_cuda_tensor_nbytes(&inner->output);
    public->parameter_count = inner->base.parameter_count;
    public->parameters_nbytes = inner->base.parameters_nbytes;
    memcpy(public->parameters, inner->base.parameters, sizeof public->parameters);
    memcpy(plan->base.parameters, inner->parameters, sizeof plan->base.parameters);
    public->state_nbytes = inner->base.state_nbytes;
    (void)hpac_plan_reserve(&public->workspace_nbytes, inner->base.workspace_nbytes);
    plan->x_offset = hpac_plan_reserve(&public->workspace_nbytes, x_nbytes);
    plan->y_offset = hpac_plan_reserve(&public->workspace_nbytes, y_nbytes);
    plan->dy_offset = hpac_plan_reserve(&public->workspace_nbytes, y_nbytes);
    plan->dx_offset = hpac_plan_reserve(&public->workspace_nbytes, x_nbytes);
    snprintf(public->algorithm, sizeof public->algorithm, "no bf16, cast to %.160s",
             inner->base.algorithm);
}

hpac_status hpac_cuda_widen(cuda_device *device, const hpac_plan_request *request, cuda_try *try,
                            cuda_plan **result)
{
    hpac_plan_request wide = *request;
    wide.input_layout &= ~CUDA_LAYOUT_BF16;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(widened_plan), widened_forward,
                                  widened_backward, result));
    widened_plan *plan = (widened_plan *)*result;
    plan->base.fini = widened_fini;
    HPAC_TRY(try(device, &wide, &plan->inner));
    take_over(plan);
    return HPAC_OK;
}
