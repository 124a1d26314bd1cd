/* Dense layers, alone or with Flatten before and ReLU behind, by oneDNN's inner product.
 *
 * Flatten costs nothing: an image is taken as a vector in the order in which it lies in memory,
 * and the rows of the kernel are put in that order when they are written (parameter.c).
 *
 * With the update asked for, the gradient of the kernel is never written: a tile of it stays in
 * registers and goes through Adadelta at once. For the network of the reference notebooks, that is
 * 31 MB less to keep, and to write and read again in each step. */
#include "cpu.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

typedef struct dense_plan {
    cpu_plan base;
    bool relu;
    size_t op; /* which of the run is the dense one */
    cpu_primitive forward, backward_weights, backward_data;
    hpac_adadelta adadelta;      /* of plans that update */
    size_t bias_gradient_offset; /* theirs, in the workspace */
    size_t width;                /* of plans without training: outputs, in whole vectors */
} dense_plan;

typedef struct dense_descs {
    dnnl_primitive_desc_t forward, hint, backward_weights, backward_data;
} dense_descs;

typedef struct dense_memory {
    dnnl_memory_desc_t source, kernel, bias, output;
} dense_memory;

static hpac_status dense_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    const char *parameters = args->parameters;
    return CPU_RUN((cpu_device *)base->base.device, &plan->forward, args->workspace,
                   {DNNL_ARG_SRC, args->x},
                   {DNNL_ARG_WEIGHTS, parameters + base->base.parameters[0].offset_nbytes},
                   {DNNL_ARG_BIAS, parameters + base->base.parameters[1].offset_nbytes},
                   {DNNL_ARG_DST, args->y});
}

/* ---- without training ----
 *
 * The kernels of oneDNN sum an image's terms in an order that depends on the batch size and on the
 * image's position. A prediction must not, so these sums are our own: chunks of rows in order, for
 * every image alike. The work is cut into tiles of images and outputs; a thread takes some of them
 * through all chunks, so that a chunk of the kernel stays in its cache. */

enum {
    FORWARD_IMAGES = 24, /* of a tile: whole register tiles of every kernel */
    FORWARD_OUTPUTS = 64,
    FORWARD_ROWS = 256, /* of a chunk: 64 KiB of the kernel */
};

typedef struct forward_context {
    const dense_plan *plan;
    const hpac_exec_args *args;
} forward_context;

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void forward_tile(const forward_context *context, size_t tile, size_t first_row, size_t rows)
{
    const dense_plan *plan = context->plan;
    const cpu_device *device = (const cpu_device *)plan->base.base.device;
    size_t batch = (size_t)plan->base.input.batch, stride = hpac_cpu_image_count(&plan->base.input);
    size_t image_tiles = (batch + FORWARD_IMAGES - 1) / FORWARD_IMAGES;
    size_t image = tile % image_tiles * FORWARD_IMAGES,
           output = tile / image_tiles * FORWARD_OUTPUTS;
    const char *parameters = context->args->parameters;
    const float *w = (const float *)(parameters + plan->base.base.parameters[0].offset_nbytes);
    const dense_forward_job job = {
        .x = (const float *)context->args->x + image * stride + first_row,
        .w = w + first_row * plan->width + output,
        .sums = (float *)context->args->workspace + image * plan->width + output,
        .images = min_size(FORWARD_IMAGES, batch - image),
        .rows = rows,
        .x_stride = stride,
        .outputs = min_size(FORWARD_OUTPUTS, plan->width - output),
        .width = plan->width,
    };
    device->kernels->dense_forward(&job);
}

static void forward_tiles(const void *user, size_t begin, size_t end)
{
    const forward_context *context = user;
    size_t rows = hpac_cpu_image_count(&context->plan->base.input);
    for (size_t row = 0; row < rows; row += FORWARD_ROWS)
        for (size_t tile = begin; tile < end; tile++)
            forward_tile(context, tile, row, min_size(FORWARD_ROWS, rows - row));
}

static hpac_status dense_predict(cpu_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    size_t batch = (size_t)base->input.batch, outputs = (size_t)base->output.shape.channels;
    size_t tiles = (batch + FORWARD_IMAGES - 1) / FORWARD_IMAGES *
                   ((plan->width + FORWARD_OUTPUTS - 1) / FORWARD_OUTPUTS);
    float *sums = args->workspace, *y = args->y;
    const char *parameters = args->parameters;
    const float *bias = (const float *)(parameters + base->base.parameters[1].offset_nbytes);
    memset(sums, 0, batch * plan->width * sizeof *sums);
    hpac_cpu_for_pieces(tiles, 1, forward_tiles, &(forward_context){plan, args});
    for (size_t n = 0; n < batch; n++)
        for (size_t m = 0; m < outputs; m++) {
            float sum = sums[n * plan->width + m] + bias[m];
            y[n * outputs + m] = plan->relu && sum < 0.0F ? 0.0F : sum;
        }
    return HPAC_OK;
}

/* ---- training ---- */

static hpac_status compute_gradients(const dense_plan *plan, const hpac_exec_args *args)
{
    const hpac_plan *public = &plan->base.base;
    char *gradients = args->gradients;
    return CPU_RUN((cpu_device *)public->device, &plan->backward_weights, args->workspace,
                   {DNNL_ARG_SRC, args->x}, {DNNL_ARG_DIFF_DST, args->dy},
                   {DNNL_ARG_DIFF_WEIGHTS, gradients + public->parameters[0].offset_nbytes},
                   {DNNL_ARG_DIFF_BIAS, gradients + public->parameters[1].offset_nbytes});
}

/* The piece of rows `begin` to `end` of the kernel. */
static dense_update_job kernel_piece(const dense_plan *plan, const hpac_exec_args *args,
                                     size_t begin, size_t end)
{
    const cpu_tensor *input = &plan->base.input, *output = &plan->base.output;
    size_t outputs = output->shape.channels;
    size_t offset = plan->base.base.parameters[0].offset_nbytes / sizeof(float) + begin * outputs;
    float *w = args->parameters, *a = args->square_average, *u = args->delta_average;
    return (dense_update_job){
        .adadelta = &plan->adadelta,
        .x = (const float *)args->x + begin,
        .dy = args->dy,
        .w = w + offset,
        .a = a + offset,
        .u = u + offset,
        .batch = input->batch,
        .x_stride = hpac_cpu_image_count(input),
        .row_count = end - begin,
        .outputs = outputs,
    };
}

static void update_kernel(const dense_plan *plan, const hpac_exec_args *args)
{
    const cpu_device *device = (const cpu_device *)plan->base.base.device;
    const size_t grain = 96; /* whole tiles of every kind of processor */
    size_t rows = hpac_cpu_image_count(&plan->base.input);
    size_t grains = (rows + grain - 1) / grain;
    uint32_t nonfinite = 0;
#pragma omp parallel num_threads(device->threads) if (grains > 1) reduction(| : nonfinite)
    {
        size_t threads = (size_t)omp_get_num_threads(), thread = (size_t)omp_get_thread_num();
        size_t begin = grains * thread / threads * grain;
        size_t end = grains * (thread + 1) / threads * grain;
        dense_update_job job = kernel_piece(plan, args, begin, end < rows ? end : rows);
        nonfinite |= device->kernels->dense_update(&job);
    }
    args->result->nonfinite |= nonfinite;
}

static void update_bias(const dense_plan *plan, const hpac_exec_args *args)
{
    const cpu_device *device = (const cpu_device *)plan->base.base.device;
    const float *dy = args->dy;
    float *w = args->parameters, *a = args->square_average, *u = args->delta_average;
    float *workspace = args->workspace;
    float *gradient = workspace + plan->bias_gradient_offset / sizeof(float);
    size_t batch = plan->base.output.batch;
    size_t outputs = plan->base.output.shape.channels;
    size_t offset = plan->base.base.parameters[1].offset_nbytes / sizeof(float);
    memset(gradient, 0, outputs * sizeof *gradient);
    for (size_t i = 0; i < batch * outputs; i++)
        gradient[i % outputs] += dy[i];
    adadelta_job job = {
        .adadelta = &plan->adadelta,
        .w = w + offset,
        .g = gradient,
        .a = a + offset,
        .u = u + offset,
    };
    args->result->nonfinite |= device->kernels->adadelta(&job, outputs);
}

static hpac_status dense_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    cpu_device *device = (cpu_device *)base->base.device;
    if (plan->relu)
        hpac_cpu_relu_backward(device, args->y, args->dy, args->dy,
                               hpac_cpu_tensor_count(&base->output));
    if (args->dx) /* first: an update changes the kernel */
        HPAC_TRY(CPU_RUN(
            device, &plan->backward_data, args->workspace, {DNNL_ARG_DIFF_DST, args->dy},
            {DNNL_ARG_WEIGHTS, (char *)args->parameters + base->base.parameters[0].offset_nbytes},
            {DNNL_ARG_DIFF_SRC, args->dx}));
    if (!base->base.updates_parameters)
        return compute_gradients(plan, args);
    update_kernel(plan, args);
    update_bias(plan, args);
    return HPAC_OK;
}

static void dense_fini(cpu_plan *base)
{
    dense_plan *plan = (dense_plan *)base;
    hpac_cpu_primitive_destroy(&plan->forward);
    hpac_cpu_primitive_destroy(&plan->backward_weights);
    hpac_cpu_primitive_destroy(&plan->backward_data);
}

static void destroy_descs(dense_descs *descs)
{
    dnnl_primitive_desc_destroy(descs->forward);
    dnnl_primitive_desc_destroy(descs->hint);
    dnnl_primitive_desc_destroy(descs->backward_weights);
    dnnl_primitive_desc_destroy(descs->backward_data);
    *descs = (dense_descs){0};
}

static hpac_status describe_memory(const dense_plan *plan, dnnl_format_tag_t kernel_tag,
                                   dense_memory *memory)
{
    size_t batch = plan->base.input.batch, columns = plan->base.output.shape.channels;
    size_t rows = hpac_cpu_image_count(&plan->base.input);
    HPAC_TRY(CPU_DESCRIBE(&memory->source, dnnl_ab, batch, rows));
    HPAC_TRY(CPU_DESCRIBE(&memory->kernel, kernel_tag, columns, rows));
    HPAC_TRY(CPU_DESCRIBE(&memory->bias, dnnl_a, columns));
    return CPU_DESCRIBE(&memory->output, dnnl_ab, batch, columns);
}

/* The three passes on one layout of the kernel; if the forward pass may choose, on its choice. */
static hpac_status describe_passes(cpu_device *device, const dense_plan *plan,
                                   dnnl_format_tag_t kernel_tag, dense_descs *descs)
{
    dense_memory memory;
    dnnl_inner_product_desc_t pass;
    HPAC_TRY(describe_memory(plan, kernel_tag, &memory));
    CPU_TRY_DNNL(dnnl_inner_product_forward_desc_init(&pass, dnnl_forward_training, &memory.source,
                                                      &memory.kernel, &memory.bias,
                                                      &memory.output));
    HPAC_TRY(hpac_cpu_describe(device, &pass, plan->relu, NULL, &descs->forward));
    if (!descs->forward)
        return HPAC_OK;
    memory.kernel = *dnnl_primitive_desc_query_md(descs->forward, dnnl_query_weights_md, 0);
    CPU_TRY_DNNL(dnnl_inner_product_forward_desc_init(&pass, dnnl_forward_training, &memory.source,
                                                      &memory.kernel, &memory.bias,
                                                      &memory.output));
    HPAC_TRY(hpac_cpu_describe(device, &pass, false, NULL, &descs->hint));
    CPU_TRY_DNNL(dnnl_inner_product_backward_weights_desc_init(
        &pass, &memory.source, &memory.kernel, &memory.bias, &memory.output));
    HPAC_TRY(hpac_cpu_describe(device, &pass, false, descs->hint, &descs->backward_weights));
    CPU_TRY_DNNL(dnnl_inner_product_backward_data_desc_init(&pass, &memory.source, &memory.kernel,
                                                            &memory.output));
    return hpac_cpu_describe(device, &pass, false, descs->hint, &descs->backward_data);
}

static bool is_usable(const dense_descs *descs)
{
    const dnnl_primitive_desc_t all[] = {descs->forward, descs->backward_weights,
                                         descs->backward_data};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!all[i] || strstr(hpac_cpu_implementation(all[i]), "ref"))
            return false;
    return true;
}

/* Layouts of the kernel, best first: one must serve all three passes. */
static const dnnl_format_tag_t kernel_tags[] = {dnnl_ba, dnnl_ab, dnnl_format_tag_any};

static hpac_status choose_passes(cpu_device *device, const dense_plan *plan, dense_descs *descs)
{
    for (size_t i = 0; i < sizeof kernel_tags / sizeof *kernel_tags; i++) {
        HPAC_TRY(describe_passes(device, plan, kernel_tags[i], descs));
        if (is_usable(descs))
            return HPAC_OK;
        destroy_descs(descs);
    }
    return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no inner product for this shape");
}

static hpac_status add_parameters(dense_plan *plan, const dnnl_memory_desc_t *stored)
{
    const hpac_shape *in = &plan->base.input.shape, *out = &plan->base.output.shape;
    dense_memory keras;
    HPAC_TRY(describe_memory(plan, dnnl_ba, &keras)); /* (in, out): the outputs lie side by side */
    cpu_parameter kernel = {
        .keras = keras.kernel,
        .stored = *stored,
        .rows = plan->base.input.layout == HPAC_LAYOUT_PLAIN ? NULL : &plan->base.input,
    };
    cpu_parameter bias = {.keras = keras.bias, .stored = keras.bias};
    size_t columns = out->channels;
    hpac_cpu_plan_add_parameter(
        &plan->base, &(hpac_parameter){.op = plan->op, .count = hpac_shape_count(*in) * columns},
        &kernel);
    hpac_cpu_plan_add_parameter(
        &plan->base, &(hpac_parameter){.op = plan->op, .is_bias = true, .count = columns}, &bias);
    return HPAC_OK;
}

/* Takes the update over where the kernels can: rows of outputs side by side, in whole vectors. */
static void take_update(const hpac_plan_request *request, dense_plan *plan)
{
    const dnnl_memory_desc_t *stored = &plan->base.parameters[0].stored;
    dnnl_memory_desc_t rows;
    if (!request->update || stored->dims[0] % DENSE_OUTPUTS_STEP != 0 ||
        dnnl_memory_desc_init_by_tag(&rows, 2, stored->dims, dnnl_f32, dnnl_ba) != dnnl_success ||
        !dnnl_memory_desc_equal(&rows, stored))
        return;
    plan->base.base.updates_parameters = true;
    plan->adadelta = *request->update;
    plan->bias_gradient_offset = hpac_plan_reserve(&plan->base.base.workspace_nbytes,
                                                   (size_t)stored->dims[0] * sizeof(float));
}

static hpac_status make_primitives(cpu_device *device, const hpac_plan_request *request,
                                   dense_plan *plan, const dense_descs *descs)
{
    HPAC_TRY(hpac_cpu_primitive_create(device, descs->forward, &plan->forward));
    if (request->input_gradient)
        HPAC_TRY(hpac_cpu_primitive_create(device, descs->backward_data, &plan->backward_data));
    return hpac_cpu_primitive_create(device, descs->backward_weights, &plan->backward_weights);
}

static hpac_status make_dense(cpu_device *device, const hpac_plan_request *request,
                              dense_plan *plan, dense_descs *descs)
{
    hpac_plan *public = &plan->base.base;
    const cpu_primitive *users[] = {&plan->forward, &plan->backward_weights, &plan->backward_data};
    size_t scratch_nbytes = 0;
    HPAC_TRY(choose_passes(device, plan, descs));
    HPAC_TRY(make_primitives(device, request, plan, descs));
    for (size_t i = 0; i < sizeof users / sizeof *users; i++)
        if (users[i]->scratch_nbytes > scratch_nbytes)
            scratch_nbytes = users[i]->scratch_nbytes;
    (void)hpac_plan_reserve(&public->workspace_nbytes, scratch_nbytes);
    HPAC_TRY(add_parameters(
        plan, dnnl_primitive_desc_query_md(descs->forward, dnnl_query_weights_md, 0)));
    take_update(request, plan);
    snprintf(public->algorithm, sizeof public->algorithm, "%s / %s / %s",
             hpac_cpu_implementation(descs->forward),
             public->updates_parameters ? "gradient and update in registers"
                                        : hpac_cpu_implementation(descs->backward_weights),
             request->input_gradient ? hpac_cpu_implementation(descs->backward_data) : "");
    return HPAC_OK;
}

/* A plan without training: rows of the kernel padded to whole vectors, sums in the workspace. */
static hpac_status make_prediction(dense_plan *plan)
{
    hpac_plan *public = &plan->base.base;
    size_t outputs = (size_t)plan->base.output.shape.channels;
    plan->width = (outputs + DENSE_OUTPUTS_STEP - 1) / DENSE_OUTPUTS_STEP * DENSE_OUTPUTS_STEP;
    const dnnl_dims_t dims = {(dnnl_dim_t)outputs,
                              (dnnl_dim_t)hpac_cpu_image_count(&plan->base.input)};
    const dnnl_dims_t strides = {1, (dnnl_dim_t)plan->width};
    dnnl_memory_desc_t stored;
    CPU_TRY_DNNL(dnnl_memory_desc_init_by_strides(&stored, 2, dims, dnnl_f32, strides));
    HPAC_TRY(add_parameters(plan, &stored));
    (void)hpac_plan_reserve(&public->workspace_nbytes,
                            (size_t)plan->base.input.batch * plan->width * sizeof(float));
    plan->base.forward = dense_predict;
    snprintf(public->algorithm, sizeof public->algorithm, "sums in one order");
    return HPAC_OK;
}

/* [flatten] dense [relu] */
static bool is_dense_run(const hpac_plan_request *request, bool *flatten, bool *relu)
{
    const hpac_op_kind kinds[] = {HPAC_OP_FLATTEN, HPAC_OP_DENSE, HPAC_OP_RELU};
    *flatten = request->ops[0].kind == HPAC_OP_FLATTEN;
    size_t rest = request->op_count - (*flatten ? 1 : 0);
    *relu = rest == 2;
    return (rest == 1 || rest == 2) &&
           hpac_plan_is_chain(request, request->op_count, kinds + (*flatten ? 0 : 1));
}

hpac_status hpac_cpu_try_dense(cpu_device *device, const hpac_plan_request *request,
                               cpu_plan **result)
{
    bool flatten, relu;
    if (!is_dense_run(request, &flatten, &relu))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(dense_plan), result));
    dense_plan *plan = (dense_plan *)*result;
    plan->base.forward = dense_forward;
    plan->base.backward = dense_backward;
    plan->base.fini = dense_fini;
    plan->relu = relu;
    plan->op = flatten ? 1 : 0;
    if (!request->training)
        return make_prediction(plan);
    dense_descs descs = {0};
    hpac_status status = make_dense(device, request, plan, &descs);
    destroy_descs(&descs);
    return status;
}
