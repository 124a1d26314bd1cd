/* Flatten and reshape, which bring values into plain order (in front of a dense layer flatten costs
 * nothing: dense.c), and zeros around images. */
#include "cpu.h"

#include "base/memory.h"

#include <string.h>

/* Plain order to plain order: only the shape differs. */
static bool is_copy(const cpu_plan *plan)
{
    return !plan->primitives[CPU_FORWARD].primitive;
}

hpac_status hpac_cpu_set_up_reshape(cpu_plan *plan, const hpac_plan_request *request)
{
    cpu_device *device = cpu_device_of(plan);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL;
    (void)request;
    hpac_cpu_plan_set_output(plan, HPAC_LAYOUT_PLAIN);
    plan->base.ignores_x = plan->base.ignores_y = true;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe_as(&plan->input, dnnl_nhwc, &y));
    if (plan->input.layout == HPAC_LAYOUT_PLAIN) {
        plan->base.y_over_x = plan->base.dx_over_dy = true;
        return HPAC_OK;
    }
    HPAC_TRY(
        hpac_cpu_reorder_create(device, device->attributes, x, y, &plan->primitives[CPU_FORWARD]));
    return hpac_cpu_reorder_create(device, device->attributes, y, x,
                                   &plan->primitives[CPU_BACKWARD_DATA]);
}

hpac_status hpac_cpu_reshape_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (!is_copy(plan))
        return hpac_cpu_run_forward(plan, args);
    hpac_cpu_copy(args->y, args->x, hpac_cpu_tensor_count(&plan->output));
    return HPAC_OK;
}

hpac_status hpac_cpu_reshape_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    inside.x = args->dy;
    inside.y = args->dx;
    if (!is_copy(plan))
        return hpac_cpu_run_backward_data(plan, &inside);
    if (args->dx)
        hpac_cpu_copy(args->dx, args->dy, hpac_cpu_tensor_count(&plan->output));
    return HPAC_OK;
}

/* ---- zeros around images ---- */

typedef struct pad_plan {
    cpu_plan base;
    size_t top, left; /* padding */
    bool adds;        /* to dx, instead of writing it */
} pad_plan;

/* A row of one plane (layout.c) in the output, and its part in the input. */
typedef struct pad_row {
    size_t out, count;      /* index of the row in the output, and its floats */
    size_t in, inner_count; /* index in the input, and floats; 0: there is none in this row */
    size_t before;          /* floats of padding before them */
} pad_row;

static size_t row_count(const pad_plan *plan)
{
    const cpu_tensor *output = &plan->base.output;
    return output->batch * hpac_cpu_planes_of(output).count * output->shape.rows;
}

static pad_row row_at(const pad_plan *plan, size_t index)
{
    const hpac_shape *in = &plan->base.input.shape, *out = &plan->base.output.shape;
    size_t lanes = hpac_cpu_planes_of(&plan->base.output).lanes;
    size_t plane = index / out->rows, row = index % out->rows;
    bool inner = row >= plan->top && row < plan->top + in->rows;
    return (pad_row){
        .out = index * out->cols * lanes,
        .count = out->cols * lanes,
        .in = inner ? (plane * in->rows + row - plan->top) * in->cols * lanes : 0,
        .inner_count = inner ? in->cols * lanes : 0,
        .before = plan->left * lanes,
    };
}

static hpac_status pad_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const pad_plan *plan = (const pad_plan *)base;
    size_t rows = row_count(plan);
    const float *x = args->x;
    float *y = args->y;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        const pad_row row = row_at(plan, i);
        size_t end = row.inner_count > 0 ? row.before + row.inner_count : 0;
        memset(y + row.out, 0, (end > 0 ? row.before : 0) * sizeof *y);
        memcpy(y + row.out + row.before, x + row.in, row.inner_count * sizeof *y);
        memset(y + row.out + end, 0, (row.count - end) * sizeof *y);
    }
    return HPAC_OK;
}

static hpac_status pad_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const pad_plan *plan = (const pad_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    size_t rows = row_count(plan);
    const float *dy = args->dy;
    float *dx = args->dx;
    if (!dx)
        return HPAC_OK;
#pragma omp parallel for
    for (size_t i = 0; i < rows; i++) {
        const pad_row row = row_at(plan, i);
        const float *from = dy + row.out + row.before;
        if (plan->adds)
            kernels->add(from, dx + row.in, row.inner_count);
        else
            memcpy(dx + row.in, from, row.inner_count * sizeof *dx);
    }
    return HPAC_OK;
}

hpac_status hpac_cpu_try_zero_pad(cpu_device *device, const hpac_plan_request *request,
                                  cpu_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_ZERO_PAD))
        return HPAC_OK;
    HPAC_TRY(
        hpac_cpu_plan_alloc(device, request, sizeof(pad_plan), pad_forward, pad_backward, result));
    pad_plan *plan = (pad_plan *)*result;
    plan->base.base.ignores_x = plan->base.base.ignores_y = true;
    plan->base.adds = true;
    plan->adds = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->top = request->ops[0].pad_top;
    plan->left = request->ops[0].pad_left;
    return HPAC_OK;
}
