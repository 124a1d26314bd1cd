/* Convolutions, alone or with the ReLU behind them, by oneDNN's direct algorithms; winograd.c and
 * depthwise.c take windows before. */
#include "cpu.h"

#include "base/memory.h"

#include <stdio.h>
#include <sys/param.h>

typedef struct conv2d_plan {
    cpu_plan base;
    cpu_tensor source; /* the input as the convolution wants it */
    size_t calls;      /* of the primitives in a forward call, each on a part of the batch */
    /* In the workspace: what lies in other layouts than the input and the stored kernel. */
    size_t source_offset, kernel_offset, gradient_offset;
} conv2d_plan;

static bool has(const conv2d_plan *plan, cpu_primitive_index reorder)
{
    return plan->base.primitives[reorder].primitive != NULL;
}

/* A reorder into the workspace or out of it; does nothing if the plan has none. */
static hpac_status reorder(const conv2d_plan *plan, const hpac_exec_args *args,
                           cpu_primitive_index index, const void *from, void *to)
{
    const hpac_exec_args inside = {.x = from, .y = to, .workspace = args->workspace};
    return has(plan, index)
               ? hpac_cpu_run(&plan->base, &plan->base.primitives[index], &inside, NULL)
               : HPAC_OK;
}

/* A call whose input is in the layout of the convolution: as it is, or reordered. */
static hpac_status enter(const conv2d_plan *plan, const hpac_exec_args *args,
                         hpac_exec_args *inside)
{
    void *source = cpu_workspace_at(args, plan->source_offset);
    *inside = *args;
    if (has(plan, CPU_INPUT_TO_SOURCE))
        inside->x = source;
    return reorder(plan, args, CPU_INPUT_TO_SOURCE, args->x, source);
}

static hpac_status conv2d_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const conv2d_plan *plan = (const conv2d_plan *)base;
    hpac_exec_args part = *args, inside;
    for (size_t i = 0; i < plan->calls; i++) {
        part.x = (const char *)args->x + i * (base->base.input_nbytes / plan->calls);
        part.y = (char *)args->y + i * (base->base.output_nbytes / plan->calls);
        HPAC_TRY(enter(plan, &part, &inside));
        HPAC_TRY(hpac_cpu_run_forward(base, &inside));
    }
    return HPAC_OK;
}

static hpac_status compute_gradients(const conv2d_plan *plan, const hpac_exec_args *args)
{
    void *gradient = cpu_parameter_at(&plan->base, args->gradients, KERNEL), *written = gradient;
    hpac_exec_args inside;
    if (has(plan, CPU_GRADIENT_TO_KERNEL))
        written = cpu_workspace_at(args, plan->gradient_offset);
    HPAC_TRY(enter(plan, args, &inside));
    HPAC_TRY(
        hpac_cpu_run(&plan->base, &plan->base.primitives[CPU_BACKWARD_WEIGHTS], &inside, written));
    return reorder(plan, args, CPU_GRADIENT_TO_KERNEL, written, gradient);
}

static hpac_status compute_dx(conv2d_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    if (has(plan, CPU_SOURCE_TO_INPUT))
        inside.dx = cpu_workspace_at(args, plan->source_offset);
    if (has(plan, CPU_KERNEL_TO_DATA)) /* the kernel is the first in the slice */
        inside.parameters = cpu_workspace_at(args, plan->kernel_offset);
    HPAC_TRY(reorder(plan, args, CPU_KERNEL_TO_DATA, args->parameters, inside.parameters));
    HPAC_TRY(hpac_cpu_run_backward_data(&plan->base, &inside));
    return reorder(plan, args, CPU_SOURCE_TO_INPUT, inside.dx, args->dx);
}

static hpac_status conv2d_backward(cpu_plan *base, const hpac_exec_args *args)
{
    if (base->primitives[CPU_BACKWARD_WEIGHTS].primitive)
        HPAC_TRY(compute_gradients((const conv2d_plan *)base, args));
    return args->dx ? compute_dx((conv2d_plan *)base, args) : HPAC_OK;
}

/* ---- the choice of layouts and implementations ---- */

/* How the window slides. */
typedef struct conv2d_window {
    dnnl_dims_t strides, dilations, begin, end; /* dilations: 0 is none; the padding */
} conv2d_window;

static conv2d_window window_of(const hpac_op *op)
{
    return (conv2d_window){
        .strides = {(dnnl_dim_t)op->stride_rows, (dnnl_dim_t)op->stride_cols},
        .dilations = {(dnnl_dim_t)op->dilation_rows - 1, (dnnl_dim_t)op->dilation_cols - 1},
        .begin = {(dnnl_dim_t)op->pad_top, (dnnl_dim_t)op->pad_left},
        .end = {(dnnl_dim_t)op->pad_bottom, (dnnl_dim_t)op->pad_right},
    };
}

/* A kernel in the layout that a pass wants; that of groups has their number in front. */
static hpac_status describe_kernel(const hpac_op *op, cpu_desc *kernel)
{
    size_t groups = op->groups, rows = op->kernel_rows, cols = op->kernel_cols;
    size_t channels = op->in.channels / groups, filters = op->out.channels / groups;
    if (groups == 1)
        return CPU_DESCRIBE(kernel, dnnl_format_tag_any, filters, channels, rows, cols);
    return CPU_DESCRIBE(kernel, dnnl_format_tag_any, groups, filters, channels, rows, cols);
}

/* The same in Keras's order: rows, cols, channels of a group, filters of all groups. */
static hpac_status describe_keras_kernel(const hpac_op *op, cpu_desc *kernel)
{
    size_t groups = op->groups, rows = op->kernel_rows, cols = op->kernel_cols;
    size_t channels = op->in.channels / groups, filters = op->out.channels / groups;
    if (groups == 1)
        return CPU_DESCRIBE(kernel, dnnl_hwio, filters, channels, rows, cols);
    const dnnl_dim_t row = (dnnl_dim_t)(channels * op->out.channels); /* of a pixel */
    const dnnl_dims_t dims = {(dnnl_dim_t)groups, (dnnl_dim_t)filters, (dnnl_dim_t)channels,
                              (dnnl_dim_t)rows, (dnnl_dim_t)cols};
    const dnnl_dims_t strides = {(dnnl_dim_t)filters, 1, (dnnl_dim_t)op->out.channels,
                                 (dnnl_dim_t)cols * row, row};
    CPU_TRY_DNNL(dnnl_memory_desc_create_with_strides(kernel, 5, dims, dnnl_f32, strides));
    return HPAC_OK;
}

/* In what layouts the convolution may have its input and output. */
typedef struct conv2d_layouts {
    dnnl_format_tag_t source; /* dnnl_format_tag_undef: as the input is */
    dnnl_format_tag_t output; /* unless the output must be plain */
} conv2d_layouts;

/* Whether the forward pass has activations in layouts that we know; if so, the plan takes them. */
static bool take_layouts(conv2d_plan *plan, const cpu_passes *passes)
{
    cpu_tensor source = plan->base.input, output = plan->base.output;
    if (!hpac_cpu_tensor_recognize(
            &source, hpac_cpu_pass_memory(passes, CPU_FORWARD, dnnl_query_src_md, 0)) ||
        !hpac_cpu_tensor_recognize(&output,
                                   hpac_cpu_pass_memory(passes, CPU_FORWARD, dnnl_query_dst_md, 0)))
        return false;
    plan->source = source;
    hpac_cpu_plan_set_output(&plan->base, output.layout);
    return true;
}

/* All passes in these layouts; forward is NULL where there is no such convolution. The backward
 * passes have the activations in the layouts of the forward pass, the kernels in their own. */
static hpac_status describe_passes(cpu_device *device, const hpac_plan_request *request,
                                   conv2d_plan *plan, const conv2d_layouts *layouts,
                                   cpu_passes *passes)
{
    const_dnnl_primitive_attr_t attributes =
        plan->base.relu ? device->relu_attributes : device->attributes;
    dnnl_primitive_desc_t *descs = passes->descs;
    const hpac_op *op = &request->ops[0];
    const conv2d_window window = window_of(op);
    const cpu_tensor *input = &plan->base.input, *output = &plan->base.output;
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL, kernel = NULL, bias = NULL;
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc taken_x = NULL, taken_y = NULL;
    HPAC_TRY(layouts->source == dnnl_format_tag_undef
                 ? hpac_cpu_tensor_describe(input, &x)
                 : hpac_cpu_tensor_describe_as(input, layouts->source, &x));
    HPAC_TRY(hpac_cpu_tensor_describe_as(output,
                                         request->plain_output ? dnnl_nhwc : layouts->output, &y));
    HPAC_TRY(describe_kernel(op, &kernel));
    if (!op->no_bias)
        HPAC_TRY(CPU_DESCRIBE(&bias, dnnl_a, op->out.channels));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_convolution_forward_primitive_desc_create(
        &descs[CPU_FORWARD], device->engine, dnnl_forward_training, dnnl_convolution_direct, x,
        kernel, bias, y, window.strides, window.dilations, window.begin, window.end, attributes)));
    if (descs[CPU_FORWARD] && !take_layouts(plan, passes))
        hpac_cpu_passes_fini(passes);
    if (!descs[CPU_FORWARD] || !request->training)
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->source, &taken_x));
    HPAC_TRY(hpac_cpu_tensor_describe(output, &taken_y));
    if (!request->frozen)
        HPAC_TRY(hpac_cpu_check_pass(dnnl_convolution_backward_weights_primitive_desc_create(
            &descs[CPU_BACKWARD_WEIGHTS], device->engine, dnnl_convolution_direct, taken_x, kernel,
            bias, taken_y, window.strides, window.dilations, window.begin, window.end,
            descs[CPU_FORWARD], device->attributes)));
    if (!request->input_gradient)
        return HPAC_OK;
    return hpac_cpu_check_pass(dnnl_convolution_backward_data_primitive_desc_create(
        &descs[CPU_BACKWARD_DATA], device->engine, dnnl_convolution_direct, taken_x, kernel,
        taken_y, window.strides, window.dilations, window.begin, window.end, descs[CPU_FORWARD],
        device->attributes));
}

/* Stride 1 and nothing else: as in networks that were made before the device knew other windows,
 * which keep their layouts and with them their bits. */
static bool is_plain_window(const hpac_op *op)
{
    return op->stride_rows * op->stride_cols * op->dilation_rows * op->dilation_cols * op->groups ==
               1 &&
           op->pad_top + op->pad_bottom + op->pad_left + op->pad_right == 0;
}

/* The layouts in which all passes are fast, the cheapest first: a forward pass may be fast in a
 * layout whose backward pass is plain loops, hundreds of times slower (oneDNN 2.6 with AVX-512 and
 * 4 or 8 input channels). Matrix products take any number of channels, pixel by pixel. */
static hpac_status choose_passes(cpu_device *device, const hpac_plan_request *request,
                                 conv2d_plan *plan, cpu_passes *chosen)
{
    static const conv2d_layouts candidates[] = {
        {dnnl_format_tag_undef, dnnl_format_tag_any},
        {dnnl_format_tag_any, dnnl_format_tag_any},
        {dnnl_nChw8c, dnnl_nChw8c},
        {dnnl_nchw, dnnl_nchw},
        {dnnl_nhwc, dnnl_nhwc}, /* few channels; depthwise kernels larger than 3 x 3 */
    };
    size_t count = sizeof candidates / sizeof *candidates - is_plain_window(&request->ops[0]);
    cpu_speed best = CPU_SPEED_MISSING;
    for (size_t i = 0; i < count && best < CPU_SPEED_DIRECT; i++) {
        HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
        HPAC_TRY(describe_passes(device, request, plan, &candidates[i], &passes));
        cpu_speed speed = hpac_cpu_slowest_pass(request, &passes);
        if (speed <= best)
            continue;
        hpac_cpu_passes_fini(chosen);
        *chosen = passes;
        passes = (cpu_passes){0};
        best = speed;
    }
    if (best == CPU_SPEED_MISSING || !take_layouts(plan, chosen))
        return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no convolution for this shape");
    return HPAC_OK;
}

/* How matrix products are cut into blocks and for threads depends on the batch size, and with it
 * the order of their sums. A prediction must not: such passes take one image at a time. */
static hpac_status choose_for_prediction(cpu_device *device, const hpac_plan_request *request,
                                         conv2d_plan *plan, cpu_passes *chosen)
{
    if (!hpac_cpu_pass_is_gemm(chosen, CPU_FORWARD))
        return HPAC_OK;
    hpac_cpu_passes_fini(chosen);
    plan->base.input.batch = plan->base.output.batch = 1;
    return choose_passes(device, request, plan, chosen);
}

/* The plan's tensors are again those of the whole batch. */
static void set_calls(conv2d_plan *plan, size_t batch)
{
    plan->calls = batch / plan->base.input.batch;
    plan->base.input.batch = plan->base.output.batch = batch;
    hpac_cpu_plan_set_output(&plan->base, plan->base.output.layout);
}

/* A reorder where the two sides differ, and room in the workspace for either; `offset` NULL: there
 * is room already. */
static hpac_status bridge(conv2d_plan *plan, cpu_primitive_index index, const_cpu_desc from,
                          const_cpu_desc to, size_t *offset)
{
    cpu_device *device = cpu_device_of(&plan->base);
    if (dnnl_memory_desc_equal(from, to))
        return HPAC_OK;
    if (offset)
        *offset =
            hpac_plan_reserve(&plan->base.base.workspace_nbytes,
                              MAX(dnnl_memory_desc_get_size(from), dnnl_memory_desc_get_size(to)));
    return hpac_cpu_reorder_create(device, device->attributes, from, to,
                                   &plan->base.primitives[index]);
}

static hpac_status make_reorders(conv2d_plan *plan, const cpu_passes *passes)
{
    const_cpu_desc kernel = hpac_cpu_pass_memory(passes, CPU_FORWARD, dnnl_query_weights_md, 0);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc input = NULL, source = NULL;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.input, &input));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->source, &source));
    HPAC_TRY(bridge(plan, CPU_INPUT_TO_SOURCE, input, source, &plan->source_offset));
    if (passes->descs[CPU_BACKWARD_WEIGHTS])
        HPAC_TRY(bridge(
            plan, CPU_GRADIENT_TO_KERNEL,
            hpac_cpu_pass_memory(passes, CPU_BACKWARD_WEIGHTS, dnnl_query_diff_weights_md, 0),
            kernel, &plan->gradient_offset));
    if (!passes->descs[CPU_BACKWARD_DATA])
        return HPAC_OK;
    HPAC_TRY(bridge(plan, CPU_SOURCE_TO_INPUT, source, input, NULL));
    return bridge(plan, CPU_KERNEL_TO_DATA, kernel,
                  hpac_cpu_pass_memory(passes, CPU_BACKWARD_DATA, dnnl_query_weights_md, 0),
                  &plan->kernel_offset);
}

static hpac_status add_parameters(cpu_plan *plan, const hpac_op *op, const cpu_passes *passes)
{
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc keras = NULL;
    HPAC_TRY(describe_keras_kernel(op, &keras));
    return hpac_cpu_plan_add_parameters(
        plan, 0, dnnl_memory_desc_get_size(keras) / sizeof(float), keras,
        hpac_cpu_pass_memory(passes, CPU_FORWARD, dnnl_query_weights_md, 0), NULL,
        op->no_bias ? 0 : op->out.channels);
}

hpac_status hpac_cpu_try_conv2d(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **result)
{
    const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU};
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    if (!hpac_plan_is_chain(request, 1, kinds) && !hpac_plan_is_chain(request, 2, kinds))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(conv2d_plan), conv2d_forward,
                                 conv2d_backward, result));
    conv2d_plan *plan = (conv2d_plan *)*result;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = !plan->base.relu;
    HPAC_TRY(choose_passes(device, request, plan, &passes));
    if (!request->training)
        HPAC_TRY(choose_for_prediction(device, request, plan, &passes));
    HPAC_TRY(make_reorders(plan, &passes));
    if (has(plan, CPU_INPUT_TO_SOURCE))
        snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "reorder ");
    HPAC_TRY(hpac_cpu_plan_add_passes(&plan->base, &passes));
    set_calls(plan, request->batch);
    return add_parameters(&plan->base, &request->ops[0], &passes);
}
