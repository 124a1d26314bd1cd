/*
 * Depthwise convolutions, alone or with the ReLU behind them: one kernel for each channel, of up to
 * DEPTHWISE_TAPS rows and columns, any strides, padding and dilation. oneDNN has code of its own
 * for few of these windows, and makes matrix products of the others, tens of times slower.
 *
 * Channels side by side in memory are the lanes of a vector. The gradient of the input is a
 * convolution, too: with strides, one for each remainder of the positions by them. That of the
 * kernel is summed by image, and over the images in double, so that it does not depend on the
 * number of threads.
 */
#include "cpu.h"

#include "base/memory.h"

#include <stdio.h>
#include <sys/param.h>

enum { MAX_STRIDE = 4 };

typedef struct depthwise_plan {
    cpu_plan base;
    size_t group_lanes;          /* channels at a time */
    size_t plane_groups, groups; /* such groups in a plane, in all */
    size_t kernel_rows, kernel_cols;
    depthwise_axis rows, cols;                               /* forward */
    depthwise_axis dx_rows[MAX_STRIDE], dx_cols[MAX_STRIDE]; /* backward, (strides) */
    size_t stride_rows, stride_cols;
    bool frozen, adds;
    size_t bias;                                 /* parameter; SIZE_MAX: none */
    size_t sums_offset, sums_stride, image_sums; /* floats, in the workspace */
} depthwise_plan;

/* ---- axes ---- */

typedef struct axis_window {
    size_t kernel, stride, dilation, pad, in, out;
} axis_window;

static void set_inner(depthwise_axis *axis)
{
    ptrdiff_t low = 0, high = 0, count = (ptrdiff_t)axis->in_count;
    for (size_t i = 0; i < axis->tap_count; i++) {
        low = MIN(low, axis->offset[i]);
        high = MAX(high, axis->offset[i]);
    }
    axis->inner_first = axis->inner_end = axis->count;
    if (high >= count || axis->tap_count == 0)
        return;
    size_t before = (size_t)-low + axis->in_step - 1, behind = (size_t)(count - 1 - high);
    axis->inner_end = MIN(behind / axis->in_step + 1, axis->count);
    axis->inner_first = MIN(before / axis->in_step, axis->inner_end);
}

static void add_tap(depthwise_axis *axis, size_t kernel, ptrdiff_t offset)
{
    axis->kernel[axis->tap_count] = kernel;
    axis->offset[axis->tap_count++] = offset;
}

static depthwise_axis forward_axis(const axis_window *window)
{
    depthwise_axis axis = {
        .count = window->out, .out_step = 1, .in_step = window->stride, .in_count = window->in};
    for (size_t i = 0; i < window->kernel; i++)
        add_tap(&axis, i, (ptrdiff_t)(i * window->dilation) - (ptrdiff_t)window->pad);
    set_inner(&axis);
    return axis;
}

/* Of the positions first, first + stride, ... of dx. Position p has a term of output
 * (p + pad - i dilation) / stride, where that is whole. */
static depthwise_axis backward_axis(const axis_window *window, size_t first)
{
    ptrdiff_t stride = (ptrdiff_t)window->stride;
    depthwise_axis axis = {
        .out_first = first, .out_step = window->stride, .in_step = 1, .in_count = window->out};
    if (first < window->in)
        axis.count = (window->in - first + window->stride - 1) / window->stride;
    for (size_t i = 0; i < window->kernel; i++) {
        ptrdiff_t at = (ptrdiff_t)(first + window->pad) - (ptrdiff_t)(i * window->dilation);
        if (at % stride == 0)
            add_tap(&axis, i, at / stride);
    }
    set_inner(&axis);
    return axis;
}

static void set_axes(depthwise_plan *plan, const hpac_op *op)
{
    const axis_window rows = {op->kernel_rows, op->stride_rows, op->dilation_rows,
                              op->pad_top,     op->in.rows,     op->out.rows};
    const axis_window cols = {op->kernel_cols, op->stride_cols, op->dilation_cols,
                              op->pad_left,    op->in.cols,     op->out.cols};
    plan->rows = forward_axis(&rows);
    plan->cols = forward_axis(&cols);
    for (size_t i = 0; i < op->stride_rows; i++)
        plan->dx_rows[i] = backward_axis(&rows, i);
    for (size_t i = 0; i < op->stride_cols; i++)
        plan->dx_cols[i] = backward_axis(&cols, i);
}

/* ---- jobs ---- */

/* Where the channels of a group are: its first channel, and its first value in an image. */
typedef struct group_range {
    size_t channel, lanes, channels;
} group_range;

static group_range range_of(const depthwise_plan *plan, size_t group)
{
    size_t in_plane = group % plan->plane_groups * plan->group_lanes;
    const cpu_planes planes = hpac_cpu_planes_of(&plan->base.input);
    group_range range = {.channel = group / plan->plane_groups * planes.lanes + in_plane,
                         .lanes = MIN(plan->group_lanes, planes.lanes - in_plane)};
    size_t all = plan->base.input.shape.channels;
    range.channels = range.channel < all ? MIN(range.lanes, all - range.channel) : 0;
    return range;
}

/* The values of a group in an image of the tensor. */
static float *values_of(const cpu_tensor *tensor, const void *values, size_t image, size_t channel)
{
    return (float *)values + image * hpac_cpu_image_count(tensor) +
           hpac_cpu_image_index(tensor, 0, 0, channel);
}

static depthwise_job job_of(const depthwise_plan *plan, const hpac_exec_args *args,
                            group_range range)
{
    const float *bias =
        plan->bias == SIZE_MAX ? NULL : cpu_parameter_at(&plan->base, args->parameters, plan->bias);
    size_t stride = hpac_cpu_planes_of(&plan->base.input).lanes;
    return (depthwise_job){
        .rows = &plan->rows,
        .cols = &plan->cols,
        .kernel = (float *)cpu_parameter_at(&plan->base, args->parameters, KERNEL) + range.channel,
        .bias = cpu_floats_at(bias, range.channel),
        .lanes = range.lanes,
        .channels = range.channels,
        .x_stride = stride,
        .y_stride = stride,
        .y_cols = plan->base.output.shape.cols,
        .kernel_stride = plan->base.input.shape.channels,
        .kernel_cols = plan->kernel_cols,
    };
}

static hpac_status depthwise_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const depthwise_plan *plan = (const depthwise_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
#pragma omp parallel for
    for (size_t i = 0; i < base->input.batch * plan->groups; i++) {
        size_t image = i / plan->groups;
        const group_range range = range_of(plan, i % plan->groups);
        depthwise_job job = job_of(plan, args, range);
        job.x = values_of(&base->input, args->x, image, range.channel);
        job.y = values_of(&base->output, args->y, image, range.channel);
        job.relu = base->relu;
        kernels->depthwise(&job);
    }
    return HPAC_OK;
}

static void compute_dx(const depthwise_plan *plan, const hpac_exec_args *args, size_t image,
                       group_range range)
{
    depthwise_job job = job_of(plan, args, range);
    job.bias = NULL;
    job.x = values_of(&plan->base.output, args->dy, image, range.channel);
    job.y = values_of(&plan->base.input, args->dx, image, range.channel);
    job.y_cols = plan->base.input.shape.cols;
    job.adds = plan->adds;
    for (size_t row = 0; row < plan->stride_rows; row++)
        for (size_t col = 0; col < plan->stride_cols; col++) {
            job.rows = &plan->dx_rows[row];
            job.cols = &plan->dx_cols[col];
            cpu_device_of(&plan->base)->kernels->depthwise(&job);
        }
}

static void compute_sums(const depthwise_plan *plan, const hpac_exec_args *args, size_t image,
                         group_range range)
{
    depthwise_job job = job_of(plan, args, range);
    job.x = values_of(&plan->base.input, args->x, image, range.channel);
    job.dy = values_of(&plan->base.output, args->dy, image, range.channel);
    job.kernel_stride = plan->sums_stride;
    job.sums = (float *)cpu_workspace_at(args, plan->sums_offset) + image * plan->image_sums +
               range.channel;
    cpu_device_of(&plan->base)->kernels->depthwise_gradients(&job);
}

/* Of tap `tap`, or of the bias behind the last one: the sums of all images. */
static void add_images(const depthwise_plan *plan, const hpac_exec_args *args, size_t tap,
                       float *gradient)
{
    const float *sums = cpu_workspace_at(args, plan->sums_offset);
    for (size_t channel = 0; channel < plan->base.input.shape.channels; channel++) {
        double sum = 0;
        for (size_t image = 0; image < plan->base.input.batch; image++)
            sum += (double)sums[image * plan->image_sums + tap * plan->sums_stride + channel];
        gradient[channel] = (float)sum;
    }
}

static hpac_status depthwise_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const depthwise_plan *plan = (const depthwise_plan *)base;
    size_t taps = plan->kernel_rows * plan->kernel_cols;
#pragma omp parallel for
    for (size_t i = 0; i < base->input.batch * plan->groups; i++) {
        const group_range range = range_of(plan, i % plan->groups);
        if (!plan->frozen)
            compute_sums(plan, args, i / plan->groups, range);
        if (args->dx)
            compute_dx(plan, args, i / plan->groups, range);
    }
    if (plan->frozen)
        return HPAC_OK;
    float *kernel = cpu_parameter_at(base, args->gradients, KERNEL);
#pragma omp parallel for
    for (size_t tap = 0; tap < taps; tap++)
        add_images(plan, args, tap, kernel + tap * base->input.shape.channels);
    if (plan->bias != SIZE_MAX)
        add_images(plan, args, taps, cpu_parameter_at(base, args->gradients, plan->bias));
    return HPAC_OK;
}

/* ---- the plan ---- */

static bool is_depthwise(const hpac_plan_request *request)
{
    const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU};
    const hpac_op *op = &request->ops[0];
    return (hpac_plan_is_chain(request, 1, kinds) || hpac_plan_is_chain(request, 2, kinds)) &&
           op->groups > 1 && op->groups == op->in.channels && op->groups == op->out.channels &&
           MAX(op->kernel_rows, op->kernel_cols) <= DEPTHWISE_TAPS &&
           MAX(op->stride_rows, op->stride_cols) <= MAX_STRIDE &&
           request->input_layout != CPU_LAYOUT_NCHW &&
           !(request->plain_output && request->input_layout != HPAC_LAYOUT_PLAIN);
}

static void set_groups(depthwise_plan *plan, const cpu_device *device)
{
    const cpu_planes planes = hpac_cpu_planes_of(&plan->base.input);
    plan->group_lanes = MIN(device->kernels->lanes, planes.lanes);
    plan->plane_groups = (planes.lanes + plan->group_lanes - 1) / plan->group_lanes;
    plan->groups = planes.count * plan->plane_groups;
    plan->sums_stride = planes.count * planes.lanes;
}

/* Keras's kernel is (rows, cols, channels), and so is the plan's. */
static hpac_status add_parameters(depthwise_plan *plan, const hpac_op *op)
{
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc kernel = NULL;
    size_t count = op->kernel_rows * op->kernel_cols * op->out.channels;
    HPAC_TRY(CPU_DESCRIBE(&kernel, dnnl_a, count));
    plan->bias = op->no_bias ? SIZE_MAX : BIAS;
    return hpac_cpu_plan_add_parameters(&plan->base, 0, count, kernel, kernel, NULL,
                                        op->no_bias ? 0 : op->out.channels);
}

hpac_status hpac_cpu_try_depthwise(cpu_device *device, const hpac_plan_request *request,
                                   cpu_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (!is_depthwise(request))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(depthwise_plan), depthwise_forward,
                                 depthwise_backward, result));
    depthwise_plan *plan = (depthwise_plan *)*result;
    hpac_plan *base = &plan->base.base;
    plan->kernel_rows = op->kernel_rows;
    plan->kernel_cols = op->kernel_cols;
    plan->stride_rows = op->stride_rows;
    plan->stride_cols = op->stride_cols;
    plan->frozen = request->frozen;
    plan->adds = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->base.adds = true;
    set_axes(plan, op);
    set_groups(plan, device);
    plan->image_sums = (op->kernel_rows * op->kernel_cols + 1) * plan->sums_stride;
    if (request->training && !request->frozen)
        plan->sums_offset = hpac_plan_reserve(&base->workspace_nbytes,
                                              request->batch * plan->image_sums * sizeof(float));
    base->ignores_x = request->frozen;
    base->ignores_y = !plan->base.relu;
    snprintf(base->algorithm, sizeof base->algorithm, "depthwise");
    return add_parameters(plan, op);
}
