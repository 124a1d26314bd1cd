/* Convolutions, alone or with the ReLU behind them, by oneDNN's direct algorithms (Winograd is
 * faster and less exact). */
#include "cpu.h"

#include <stdio.h>
#include <sys/param.h>

typedef struct conv2d_plan {
    cpu_plan base;
    bool relu;
    cpu_tensor source; /* the input as the convolution wants it */
    cpu_primitive forward, backward_weights, backward_data;
    /* Reorders, each only where the two sides differ. */
    cpu_primitive input_to_source, source_to_input, kernel_to_data, gradient_to_kernel;
    size_t source_offset, kernel_offset, gradient_offset; /* pieces of the workspace */
} conv2d_plan;

typedef struct conv2d_descs {
    dnnl_primitive_desc_t forward, hint, backward_weights, backward_data;
} conv2d_descs;

static const dnnl_dims_t unit_strides = {1, 1}, no_padding = {0, 0};

static hpac_status run_reorder(const conv2d_plan *plan, const cpu_primitive *reorder,
                               const hpac_exec_args *args, const void *from, void *to)
{
    return CPU_RUN((cpu_device *)plan->base.base.device, reorder, args->workspace,
                   {DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to});
}

/* The input in the layout of the convolution: as it is, or reordered into the workspace. */
static hpac_status find_source(const conv2d_plan *plan, const hpac_exec_args *args,
                               const void **source)
{
    *source = args->x;
    if (!plan->input_to_source.primitive)
        return HPAC_OK;
    void *reordered = (char *)args->workspace + plan->source_offset;
    *source = reordered;
    return run_reorder(plan, &plan->input_to_source, args, args->x, reordered);
}

static hpac_status conv2d_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const conv2d_plan *plan = (const conv2d_plan *)base;
    const char *parameters = args->parameters;
    const void *source;
    HPAC_TRY(find_source(plan, args, &source));
    return CPU_RUN((cpu_device *)base->base.device, &plan->forward, args->workspace,
                   {DNNL_ARG_SRC, source},
                   {DNNL_ARG_WEIGHTS, parameters + base->base.parameters[0].offset_nbytes},
                   {DNNL_ARG_BIAS, parameters + base->base.parameters[1].offset_nbytes},
                   {DNNL_ARG_DST, args->y});
}

static hpac_status compute_gradients(const conv2d_plan *plan, const hpac_exec_args *args)
{
    const hpac_plan *public = &plan->base.base;
    char *kernel_gradient = (char *)args->gradients + public->parameters[0].offset_nbytes;
    char *bias_gradient = (char *)args->gradients + public->parameters[1].offset_nbytes;
    bool reorder = plan->gradient_to_kernel.primitive != NULL;
    char *written = reorder ? (char *)args->workspace + plan->gradient_offset : kernel_gradient;
    const void *source;
    HPAC_TRY(find_source(plan, args, &source));
    HPAC_TRY(CPU_RUN((cpu_device *)public->device, &plan->backward_weights, args->workspace,
                     {DNNL_ARG_SRC, source}, {DNNL_ARG_DIFF_DST, args->dy},
                     {DNNL_ARG_DIFF_WEIGHTS, written}, {DNNL_ARG_DIFF_BIAS, bias_gradient}));
    return reorder ? run_reorder(plan, &plan->gradient_to_kernel, args, written, kernel_gradient)
                   : HPAC_OK;
}

static hpac_status compute_dx(const conv2d_plan *plan, const hpac_exec_args *args)
{
    const hpac_plan *public = &plan->base.base;
    const void *kernel = (char *)args->parameters + public->parameters[0].offset_nbytes;
    void *written = args->dx;
    if (plan->kernel_to_data.primitive) {
        void *reordered = (char *)args->workspace + plan->kernel_offset;
        HPAC_TRY(run_reorder(plan, &plan->kernel_to_data, args, kernel, reordered));
        kernel = reordered;
    }
    if (plan->source_to_input.primitive)
        written = (char *)args->workspace + plan->source_offset;
    HPAC_TRY(CPU_RUN((cpu_device *)public->device, &plan->backward_data, args->workspace,
                     {DNNL_ARG_DIFF_DST, args->dy}, {DNNL_ARG_WEIGHTS, kernel},
                     {DNNL_ARG_DIFF_SRC, written}));
    if (plan->source_to_input.primitive)
        HPAC_TRY(run_reorder(plan, &plan->source_to_input, args, written, args->dx));
    return HPAC_OK;
}

static hpac_status conv2d_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const conv2d_plan *plan = (const conv2d_plan *)base;
    if (plan->relu)
        hpac_cpu_relu_backward((const cpu_device *)base->base.device, args->y, args->dy, args->dy,
                               hpac_cpu_tensor_count(&base->output));
    HPAC_TRY(compute_gradients(plan, args));
    return args->dx ? compute_dx(plan, args) : HPAC_OK;
}

static void conv2d_fini(cpu_plan *base)
{
    conv2d_plan *plan = (conv2d_plan *)base;
    hpac_cpu_primitive_destroy(&plan->forward);
    hpac_cpu_primitive_destroy(&plan->backward_weights);
    hpac_cpu_primitive_destroy(&plan->backward_data);
    hpac_cpu_primitive_destroy(&plan->input_to_source);
    hpac_cpu_primitive_destroy(&plan->source_to_input);
    hpac_cpu_primitive_destroy(&plan->kernel_to_data);
    hpac_cpu_primitive_destroy(&plan->gradient_to_kernel);
}

/* oneDNN's descriptors of the request. */
typedef struct conv2d_memory {
    dnnl_memory_desc_t source, kernel, bias, output;
} conv2d_memory;

/* In what layouts the convolution may have its input and output. */
typedef struct conv2d_layouts {
    enum {
        INPUT_AS_IS,    /* and the output as oneDNN prefers */
        ONEDNN_PREFERS, /* both */
        GIVEN,          /* both in `layout` */
    } choice;
    hpac_layout layout;
} conv2d_layouts;

static hpac_status describe_activations(const hpac_plan_request *request, const conv2d_plan *plan,
                                        const conv2d_layouts *layouts, conv2d_memory *memory)
{
    const hpac_op *op = &request->ops[0];
    cpu_tensor given_source = plan->base.input, given_output = plan->base.output;
    given_source.layout = given_output.layout = layouts->layout;
    if (layouts->choice == ONEDNN_PREFERS)
        HPAC_TRY(CPU_DESCRIBE(&memory->source, dnnl_format_tag_any, request->batch, op->in.channels,
                              op->in.rows, op->in.cols));
    else
        HPAC_TRY(hpac_cpu_tensor_describe(
            layouts->choice == GIVEN ? &given_source : &plan->base.input, &memory->source));
    if (layouts->choice == GIVEN && !request->plain_output)
        return hpac_cpu_tensor_describe(&given_output, &memory->output);
    return CPU_DESCRIBE(&memory->output, request->plain_output ? dnnl_nhwc : dnnl_format_tag_any,
                        request->batch, op->out.channels, op->out.rows, op->out.cols);
}

static hpac_status describe_parameters(const hpac_op *op, conv2d_memory *memory)
{
    HPAC_TRY(CPU_DESCRIBE(&memory->kernel, dnnl_format_tag_any, op->out.channels, op->in.channels,
                          op->kernel_rows, op->kernel_cols));
    return CPU_DESCRIBE(&memory->bias, dnnl_a, op->out.channels);
}

static hpac_status describe_forward(cpu_device *device, const conv2d_memory *memory, bool relu,
                                    dnnl_primitive_desc_t *desc)
{
    dnnl_convolution_desc_t forward;
    CPU_TRY_DNNL(dnnl_convolution_forward_desc_init(
        &forward, dnnl_forward_training, dnnl_convolution_direct, &memory->source, &memory->kernel,
        &memory->bias, &memory->output, unit_strides, no_padding, no_padding));
    return hpac_cpu_describe(device, &forward, relu, NULL, desc);
}

/* Whether `desc` has activations in layouts that we know; if so, the plan takes them. */
static bool take_layouts(conv2d_plan *plan, const_dnnl_primitive_desc_t desc)
{
    cpu_tensor source = plan->base.input, output = plan->base.output;
    if (!hpac_cpu_tensor_recognize(&source,
                                   dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0)) ||
        !hpac_cpu_tensor_recognize(&output,
                                   dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0)))
        return false;
    plan->source = source;
    hpac_cpu_plan_set_output(&plan->base, output.layout);
    return true;
}

/* The backward passes read and write the activations in the layouts of the forward pass, which the
 * plan has taken; the kernels they may have in layouts of their own. */
static hpac_status describe_backward(cpu_device *device, const hpac_plan_request *request,
                                     const conv2d_plan *plan, conv2d_descs *descs)
{
    conv2d_memory memory;
    dnnl_convolution_desc_t backward;
    HPAC_TRY(describe_parameters(&request->ops[0], &memory));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->source, &memory.source));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.output, &memory.output));
    HPAC_TRY(describe_forward(device, &memory, false, &descs->hint));
    CPU_TRY_DNNL(dnnl_convolution_backward_weights_desc_init(
        &backward, dnnl_convolution_direct, &memory.source, &memory.kernel, &memory.bias,
        &memory.output, unit_strides, no_padding, no_padding));
    HPAC_TRY(hpac_cpu_describe(device, &backward, false, descs->hint, &descs->backward_weights));
    if (!request->input_gradient)
        return HPAC_OK;
    CPU_TRY_DNNL(dnnl_convolution_backward_data_desc_init(
        &backward, dnnl_convolution_direct, &memory.source, &memory.kernel, &memory.output,
        unit_strides, no_padding, no_padding));
    return hpac_cpu_describe(device, &backward, false, descs->hint, &descs->backward_data);
}

static void destroy_descs(conv2d_descs *descs)
{
    dnnl_primitive_desc_destroy(descs->forward);
    dnnl_primitive_desc_destroy(descs->hint);
    dnnl_primitive_desc_destroy(descs->backward_weights);
    dnnl_primitive_desc_destroy(descs->backward_data);
    *descs = (conv2d_descs){0};
}

/* All passes in these layouts; descs->forward is NULL where there is no such convolution. */
static hpac_status describe_passes(cpu_device *device, const hpac_plan_request *request,
                                   conv2d_plan *plan, const conv2d_layouts *layouts,
                                   conv2d_descs *descs)
{
    conv2d_memory memory;
    HPAC_TRY(describe_activations(request, plan, layouts, &memory));
    HPAC_TRY(describe_parameters(&request->ops[0], &memory));
    HPAC_TRY(describe_forward(device, &memory, plan->relu, &descs->forward));
    if (descs->forward && !take_layouts(plan, descs->forward))
        destroy_descs(descs);
    return descs->forward && request->training ? describe_backward(device, request, plan, descs)
                                               : HPAC_OK;
}

/* How fast the slowest of the passes is; MISSING when one is not to be had. */
static cpu_speed speed_of(const hpac_plan_request *request, const conv2d_descs *descs)
{
    cpu_speed slowest = hpac_cpu_speed(descs->forward);
    if (request->training)
        slowest = MIN(slowest, hpac_cpu_speed(descs->backward_weights));
    if (request->training && request->input_gradient)
        slowest = MIN(slowest, hpac_cpu_speed(descs->backward_data));
    return slowest;
}

/* The layouts in which all passes are fast, the cheapest first: a forward pass may be fast in a
 * layout whose backward pass is plain loops, hundreds of times slower (oneDNN 2.6 with AVX-512 and
 * 4 or 8 input channels). Matrix products take any number of channels, pixel by pixel. */
static hpac_status choose_passes(cpu_device *device, const hpac_plan_request *request,
                                 conv2d_plan *plan, conv2d_descs *chosen)
{
    static const conv2d_layouts candidates[] = {
        {.choice = INPUT_AS_IS},
        {.choice = ONEDNN_PREFERS},
        {.choice = GIVEN, .layout = CPU_LAYOUT_NCHW8C},
        {.choice = GIVEN, .layout = CPU_LAYOUT_NCHW},
    };
    cpu_speed best = CPU_SPEED_MISSING;
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates && best < CPU_SPEED_DIRECT; i++) {
        conv2d_descs descs = {0};
        hpac_status status = describe_passes(device, request, plan, &candidates[i], &descs);
        cpu_speed speed = speed_of(request, &descs);
        if (status != HPAC_OK || speed <= best) {
            destroy_descs(&descs);
        } else {
            destroy_descs(chosen);
            *chosen = descs;
            best = speed;
        }
        if (status != HPAC_OK)
            return status;
    }
    if (best == CPU_SPEED_MISSING || !take_layouts(plan, chosen->forward))
        return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no convolution for this shape");
    return HPAC_OK;
}

/* A reorder where the two sides differ. */
static hpac_status bridge(cpu_device *device, const dnnl_memory_desc_t *from,
                          const dnnl_memory_desc_t *to, cpu_primitive *reorder)
{
    return dnnl_memory_desc_equal(from, to) ? HPAC_OK
                                            : hpac_cpu_reorder_create(device, from, to, reorder);
}

static hpac_status make_reorders(cpu_device *device, conv2d_plan *plan, const conv2d_descs *descs)
{
    const dnnl_memory_desc_t *kernel =
        dnnl_primitive_desc_query_md(descs->forward, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t input, source;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.input, &input));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->source, &source));
    HPAC_TRY(bridge(device, &input, &source, &plan->input_to_source));
    if (!descs->backward_weights)
        return HPAC_OK;
    HPAC_TRY(
        bridge(device,
               dnnl_primitive_desc_query_md(descs->backward_weights, dnnl_query_diff_weights_md, 0),
               kernel, &plan->gradient_to_kernel));
    if (!descs->backward_data)
        return HPAC_OK;
    HPAC_TRY(bridge(device, &source, &input, &plan->source_to_input));
    return bridge(device, kernel,
                  dnnl_primitive_desc_query_md(descs->backward_data, dnnl_query_weights_md, 0),
                  &plan->kernel_to_data);
}

/* The scratchpad first, then the destinations of the reorders. */
static void plan_workspace(conv2d_plan *plan, const conv2d_descs *descs)
{
    size_t *total = &plan->base.base.workspace_nbytes;
    const cpu_primitive *users[] = {
        &plan->forward,         &plan->backward_weights, &plan->backward_data,
        &plan->input_to_source, &plan->source_to_input,  &plan->gradient_to_kernel,
        &plan->kernel_to_data,
    };
    size_t scratch_nbytes = 0;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        if (users[i]->scratch_nbytes > scratch_nbytes)
            scratch_nbytes = users[i]->scratch_nbytes;
    (void)hpac_plan_reserve(total, scratch_nbytes);
    if (plan->input_to_source.primitive)
        plan->source_offset = hpac_plan_reserve(total, hpac_cpu_tensor_nbytes(&plan->source));
    if (plan->gradient_to_kernel.primitive)
        plan->gradient_offset =
            hpac_plan_reserve(total, dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(
                                         descs->backward_weights, dnnl_query_diff_weights_md, 0)));
    if (plan->kernel_to_data.primitive)
        plan->kernel_offset =
            hpac_plan_reserve(total, dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(
                                         descs->backward_data, dnnl_query_weights_md, 0)));
}

static hpac_status add_parameters(conv2d_plan *plan, const hpac_op *op, const conv2d_descs *descs)
{
    cpu_parameter kernel = {
        .stored = *dnnl_primitive_desc_query_md(descs->forward, dnnl_query_weights_md, 0)};
    cpu_parameter bias = {
        .stored = *dnnl_primitive_desc_query_md(descs->forward, dnnl_query_weights_md, 1)};
    bias.keras = bias.stored;
    HPAC_TRY(CPU_DESCRIBE(&kernel.keras, dnnl_hwio, op->out.channels, op->in.channels,
                          op->kernel_rows, op->kernel_cols));
    size_t count = op->kernel_rows * op->kernel_cols * op->in.channels * op->out.channels;
    hpac_cpu_plan_add_parameter(&plan->base, &(hpac_parameter){.count = count}, &kernel);
    hpac_cpu_plan_add_parameter(
        &plan->base, &(hpac_parameter){.is_bias = true, .count = op->out.channels}, &bias);
    return HPAC_OK;
}

static hpac_status make_conv2d(cpu_device *device, const hpac_plan_request *request,
                               conv2d_plan *plan, conv2d_descs *descs)
{
    hpac_plan *public = &plan->base.base;
    HPAC_TRY(choose_passes(device, request, plan, descs));
    HPAC_TRY(hpac_cpu_primitive_create(device, descs->forward, &plan->forward));
    if (descs->backward_weights)
        HPAC_TRY(
            hpac_cpu_primitive_create(device, descs->backward_weights, &plan->backward_weights));
    if (descs->backward_data)
        HPAC_TRY(hpac_cpu_primitive_create(device, descs->backward_data, &plan->backward_data));
    HPAC_TRY(make_reorders(device, plan, descs));
    HPAC_TRY(add_parameters(plan, &request->ops[0], descs));
    plan_workspace(plan, descs);
    snprintf(public->algorithm, sizeof public->algorithm, "%s%s / %s / %s",
             plan->input_to_source.primitive ? "reorder " : "",
             hpac_cpu_implementation(descs->forward),
             hpac_cpu_implementation(descs->backward_weights),
             hpac_cpu_implementation(descs->backward_data));
    return HPAC_OK;
}

hpac_status hpac_cpu_try_conv2d(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **result)
{
    bool relu = hpac_plan_is_chain(request, 2, (hpac_op_kind[]){HPAC_OP_CONV2D, HPAC_OP_RELU});
    if (!relu && !hpac_plan_is_single(request, HPAC_OP_CONV2D))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(conv2d_plan), result));
    conv2d_plan *plan = (conv2d_plan *)*result;
    plan->base.forward = conv2d_forward;
    plan->base.backward = conv2d_backward;
    plan->base.fini = conv2d_fini;
    plan->relu = relu;
    conv2d_descs descs = {0};
    hpac_status status = make_conv2d(device, request, plan, &descs);
    destroy_descs(&descs);
    return status;
}
