/* Conversions: parameters that are cast to bf16, and plans wrapped in conversions. What cuDNN does
 * not have in bf16 is computed in float32; logits that another operation than dense writes become
 * plain; an output that an operation does not write as a view is copied into the wider image. */
#include "cuda.h"

#include <stdio.h>
#include <string.h>

typedef struct converted_plan {
    cuda_plan base;
    cuda_plan *inner;
    bool converts_input;
    size_t x_offset, y_offset, dy_offset, dx_offset; /* workspace, after the inner plan's */
} converted_plan;

static hpac_status convert(const cuda_plan *plan, const kernel_tensor *to, void *y,
                           const kernel_tensor *from, const void *x)
{
    CUDA_TRY(hpac_kernel_convert(to, y, from, x, false, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

hpac_status hpac_cuda_cast(const cuda_plan *plan, void *to, const kernel_tensor *tensor,
                           const void *from)
{
    kernel_tensor cast = *tensor;
    cast.bf16 = !tensor->bf16;
    return convert(plan, &cast, to, tensor, from);
}

hpac_status hpac_cuda_cast_parameters(const cuda_plan *plan, const hpac_exec_args *args)
{
    kernel_tensor slice = {.batch = 1, .rows = 1, .cols = 1};
    if (!plan->input.bf16)
        return HPAC_OK;
    slice.channels = (int)(plan->base.parameters_nbytes / sizeof(float));
    return hpac_cuda_cast(plan, hpac_cuda_at(args->state, plan->cast_offset), &slice,
                          args->parameters);
}

/* What the inner plan wrote, or y and dy for it. */
static hpac_status write_output(const converted_plan *plan, void *to, const void *from)
{
    const kernel_tensor *output = &plan->base.output, whole = hpac_cuda_whole_of(output);
    if (!output->wide_channels)
        return convert(&plan->base, output, to, &plan->inner->output, from);
    CUDA_TRY(hpac_kernel_put_channels(&whole, to, 0, (uint32_t)output->channels, from,
                                      hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

static hpac_status read_output(const converted_plan *plan, void *to, const void *from)
{
    const kernel_tensor *output = &plan->base.output, whole = hpac_cuda_whole_of(output);
    if (!output->wide_channels)
        return convert(&plan->base, &plan->inner->output, to, output, from);
    CUDA_TRY(hpac_kernel_get_channels(&whole, to, false, 0, (uint32_t)output->channels, from,
                                      hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

const void *hpac_cuda_weights(const cuda_plan *plan, const hpac_exec_args *args, size_t parameter)
{
    size_t offset = plan->base.parameters[parameter].offset_nbytes;
    return plan->input.bf16 ? hpac_cuda_at(args->state, plan->cast_offset + offset / 2)
                            : hpac_cuda_at(args->parameters, offset);
}

/* The inner plan's arguments, with its x if it reads it. */
static hpac_status enter(const converted_plan *plan, const hpac_exec_args *args, bool reads_x,
                         hpac_exec_args *inside)
{
    *inside = *args;
    inside->y = hpac_cuda_at(args->workspace, plan->y_offset);
    inside->dy = hpac_cuda_at(args->workspace, plan->dy_offset);
    if (!plan->converts_input)
        return HPAC_OK;
    void *x = hpac_cuda_at(args->workspace, plan->x_offset);
    inside->x = x;
    if (args->dx)
        inside->dx = hpac_cuda_at(args->workspace, plan->dx_offset);
    return !reads_x ? HPAC_OK
                    : convert(&plan->base, &plan->inner->input, x, &plan->base.input, args->x);
}

static hpac_status converted_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const converted_plan *plan = (const converted_plan *)base;
    cuda_plan *inner = plan->inner;
    hpac_exec_args inside;
    HPAC_TRY(enter(plan, args, true, &inside));
    HPAC_TRY(inner->forward(inner, &inside));
    return write_output(plan, args->y, inside.y);
}

static hpac_status converted_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const converted_plan *plan = (const converted_plan *)base;
    cuda_plan *inner = plan->inner;
    hpac_exec_args inside;
    HPAC_TRY(enter(plan, args, !inner->base.ignores_x, &inside));
    if (!inner->base.ignores_y)
        HPAC_TRY(read_output(plan, inside.y, args->y));
    HPAC_TRY(read_output(plan, inside.dy, args->dy));
    HPAC_TRY(inner->backward(inner, &inside));
    if (!plan->converts_input || !args->dx)
        return HPAC_OK;
    CUDA_TRY(hpac_kernel_convert(&base->input, args->dx, &inner->input, inside.dx, base->adds_dx,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

static void converted_fini(cuda_plan *base)
{
    hpac_cuda_plan_release(&((converted_plan *)base)->inner);
}

hpac_status hpac_cuda_wrap(cuda_device *device, const hpac_plan_request *request,
                           cuda_plan **inner_plan, cuda_plan **result)
{
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(converted_plan), converted_forward,
                                  converted_backward, result));
    converted_plan *plan = (converted_plan *)*result;
    cuda_plan *inner = plan->inner = *inner_plan;
    *inner_plan = NULL;
    plan->base.fini = converted_fini;
    plan->converts_input = plan->base.input.bf16 != inner->input.bf16;
    if (plan->converts_input) /* what is converted back is added */
        inner->adds_dx = false;
    hpac_plan *public = &plan->base.base;
    bool views = request->output_view.channels;
    hpac_cuda_plan_set_output(&plan->base, request->plain_output ? HPAC_LAYOUT_PLAIN
                                           : views               ? inner->base.output_layout
                                                                 : public->output_layout);
    plan->base.reads_bytes = inner->reads_bytes;
    public->input_nbytes = plan->converts_input ? public->input_nbytes : inner->base.input_nbytes;
    memcpy(plan->base.side_offsets, inner->side_offsets, sizeof inner->side_offsets);
    size_t x_nbytes = plan->converts_input ? inner->base.input_nbytes : 0;
    size_t y_nbytes = inner->base.output_nbytes, *workspace = &public->workspace_nbytes;
    (void)hpac_plan_reserve(workspace, inner->base.workspace_nbytes);
    plan->x_offset = hpac_plan_reserve(workspace, x_nbytes);
    plan->y_offset = hpac_plan_reserve(workspace, y_nbytes);
    plan->dy_offset = hpac_plan_reserve(workspace, y_nbytes);
    plan->dx_offset = hpac_plan_reserve(workspace, x_nbytes);
    public->state_nbytes = inner->base.state_nbytes;
    public->ignores_x = inner->base.ignores_x;
    public->ignores_y = inner->base.ignores_y;
    public->parameter_count = inner->base.parameter_count;
    public->parameters_nbytes = inner->base.parameters_nbytes;
    public->statistics_nbytes = inner->base.statistics_nbytes;
    memcpy(public->parameters, inner->base.parameters, sizeof public->parameters);
    memcpy(plan->base.parameters, inner->parameters, sizeof plan->base.parameters);
    snprintf(public->algorithm, sizeof public->algorithm, "%s%.140s%s",
             plan->converts_input ? "no bf16, cast to " : "",
             *inner->base.algorithm ? inner->base.algorithm : "own kernel",
             views ? ", copied to its place" : "");
    return HPAC_OK;
}
