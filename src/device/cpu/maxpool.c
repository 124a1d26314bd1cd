/* Max-pooling of images in NHWC, as the first convolution of a network leaves them, into the blocks
 * of channels that the next one wants: one pass instead of a pool and a reorder. All other layouts
 * are oneDNN's (pool.c). */
#include "cpu.h"

#include <stdio.h>

typedef struct maxpool_plan {
    cpu_plan base;
    sliding_window window;
    size_t vectors, y_pixel_step, y_vector_step;
} maxpool_plan;

static pool_job make_job(const maxpool_plan *plan, const hpac_exec_args *args, size_t image)
{
    const cpu_tensor *input = &plan->base.input, *output = &plan->base.output;
    size_t x = image * hpac_cpu_image_count(input), state = image * hpac_cpu_image_count(output);
    size_t y = hpac_cpu_view_offset(output) + image * hpac_cpu_image_step(output);
    uint8_t *argmax = args->training ? args->state : NULL;
    return (pool_job){
        .window = &plan->window,
        .vectors = plan->vectors,
        .x_pixel_step = input->shape.channels,
        .x_vector_step = input->shape.channels / plan->vectors,
        .y_pixel_step = plan->y_pixel_step,
        .y_vector_step = plan->y_vector_step,
        .x = cpu_floats_at(args->x, x),
        .y = cpu_floats_at(args->y, y),
        .dx = cpu_floats_at(args->dx, x),
        .dy = cpu_floats_at(args->dy, y),
        .argmax = argmax ? argmax + state : NULL,
    };
}

static hpac_status maxpool_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const maxpool_plan *plan = (const maxpool_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    size_t rows = base->output.shape.rows;
#pragma omp parallel for
    for (size_t i = 0; i < base->output.batch * rows; i++) {
        const pool_job job = make_job(plan, args, i / rows);
        kernels->max_windows(&job, i % rows);
    }
    return HPAC_OK;
}

static hpac_status maxpool_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const maxpool_plan *plan = (const maxpool_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    size_t rows = base->input.shape.rows;
    if (!args->dx)
        return HPAC_OK;
#pragma omp parallel for
    for (size_t i = 0; i < base->input.batch * rows; i++) {
        const pool_job job = make_job(plan, args, i / rows);
        kernels->max_windows_backward(&job, i % rows);
    }
    return HPAC_OK;
}

/* The layout of blocks of `lanes` channels. */
static bool find_blocks(size_t lanes, hpac_layout *layout)
{
    *layout = lanes == 16 ? CPU_LAYOUT_NCHW16C : CPU_LAYOUT_NCHW8C;
    return lanes == 8 || lanes == 16;
}

static sliding_window window_of(const hpac_op *op)
{
    return (sliding_window){
        .in_rows = op->in.rows,
        .in_cols = op->in.cols,
        .out_rows = op->out.rows,
        .out_cols = op->out.cols,
        .rows = op->kernel_rows,
        .cols = op->kernel_cols,
        .row_stride = op->stride_rows,
        .col_stride = op->stride_cols,
        .pad_top = op->pad_top,
        .pad_left = op->pad_left,
    };
}

hpac_status hpac_cpu_try_maxpool(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **result)
{
    const hpac_op *op = &request->ops[0];
    size_t lanes = device->kernels->lanes;
    hpac_layout blocks;
    if (!hpac_plan_is_single(request, HPAC_OP_MAXPOOL) || request->plain_output ||
        request->input_layout != CPU_LAYOUT_NHWC || !find_blocks(lanes, &blocks) ||
        op->in.channels % lanes != 0 || op->kernel_rows * op->kernel_cols > 256)
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(maxpool_plan), maxpool_forward,
                                 maxpool_backward, result));
    maxpool_plan *plan = (maxpool_plan *)*result;
    hpac_plan *base = &plan->base.base;
    hpac_cpu_plan_set_output(&plan->base, blocks);
    hpac_cpu_plan_take_output_view(&plan->base, request);
    plan->window = window_of(op);
    plan->vectors = op->in.channels / lanes;
    plan->y_pixel_step = lanes;
    plan->y_vector_step = op->out.rows * op->out.cols * lanes;
    base->state_nbytes = request->training ? hpac_cpu_tensor_count(&plan->base.output) : 0;
    base->ignores_x = base->ignores_y = true;
    snprintf(base->algorithm, sizeof base->algorithm, "hpac");
    return HPAC_OK;
}
