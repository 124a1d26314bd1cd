/* Dense layers, alone or with Flatten before and ReLU behind, by oneDNN's inner product.
 *
 * Flatten costs nothing: an image is taken as a vector in the order in which it lies in memory,
 * and the rows of the kernel are put in that order when they are written (layout.c).
 *
 * With the update asked for, the gradient of the kernel is never written: a tile of it stays in
 * registers and goes through Adadelta at once. For the network of the reference notebooks, that is
 * 31 MB less to write and read again in each step. */
#include "cpu.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/param.h>

typedef struct dense_plan {
    cpu_plan base;
    hpac_optimizer optimizer;    /* of plans that update: Adadelta */
    size_t bias_gradient_offset; /* theirs, in the workspace */
    size_t width;                /* of plans without training: outputs, in whole vectors */
    size_t sums_offset;          /* theirs, in the workspace: (batch, width) */
} dense_plan;

/* ---- without training ----
 *
 * The kernels of oneDNN sum an image's terms in an order that depends on the batch size and on the
 * image's position. A prediction must not, so these sums are our own: chunks of rows in order, for
 * every image alike. The work is cut into tiles of images and outputs; a thread takes some of them
 * through all chunks, so that a chunk of the kernel stays in its cache. */

enum {
    TILE_IMAGES = 24, /* whole register tiles of every kernel */
    TILE_OUTPUTS = 64,
    CHUNK_ROWS = 256, /* 64 KiB of the kernel */
};

static size_t tile_count(size_t count, size_t tile)
{
    return (count + tile - 1) / tile;
}

static void predict_tile(const dense_plan *plan, const hpac_exec_args *args, size_t tile,
                         size_t first_row)
{
    size_t batch = plan->base.input.batch, rows = hpac_cpu_image_count(&plan->base.input);
    size_t image_tiles = tile_count(batch, TILE_IMAGES);
    size_t image = tile % image_tiles * TILE_IMAGES, output = tile / image_tiles * TILE_OUTPUTS;
    const float *x = args->x, *w = cpu_parameter_at(&plan->base, args->parameters, KERNEL);
    float *sums = cpu_workspace_at(args, plan->sums_offset);
    cpu_device_of(&plan->base)
        ->kernels->dense_forward(&(dense_forward_job){
            .x = x + image * rows + first_row,
            .w = w + first_row * plan->width + output,
            .sums = sums + image * plan->width + output,
            .images = MIN(TILE_IMAGES, batch - image),
            .rows = MIN(CHUNK_ROWS, rows - first_row),
            .x_stride = rows,
            .outputs = MIN(TILE_OUTPUTS, plan->width - output),
            .width = plan->width,
        });
}

static hpac_status dense_predict(cpu_plan *base, const hpac_exec_args *args)
{
    const dense_plan *plan = (const dense_plan *)base;
    size_t batch = base->input.batch, outputs = base->output.shape.channels;
    size_t rows = hpac_cpu_image_count(&base->input);
    size_t tiles = tile_count(batch, TILE_IMAGES) * tile_count(plan->width, TILE_OUTPUTS);
    float *sums = cpu_workspace_at(args, plan->sums_offset), *y = args->y;
    const float *bias =
        base->base.parameter_count > BIAS ? cpu_parameter_at(base, args->parameters, BIAS) : NULL;
    memset(sums, 0, batch * plan->width * sizeof *sums);
#pragma omp parallel if (tiles > 1)
    for (size_t row = 0; row < rows; row += CHUNK_ROWS) {
#pragma omp for schedule(static) nowait /* the same tiles in every chunk */
        for (size_t tile = 0; tile < tiles; tile++)
            predict_tile(plan, args, tile, row);
    }
    for (size_t n = 0; n < batch; n++)
        for (size_t m = 0; m < outputs; m++) {
            float sum = sums[n * plan->width + m] + (bias ? bias[m] : 0.0F);
            y[n * outputs + m] = base->relu && sum < 0.0F ? 0.0F : sum;
        }
    return HPAC_OK;
}

/* The update of a parameter from `first` on. */
static update_job make_update(const dense_plan *plan, const hpac_exec_args *args, size_t parameter,
                              size_t first)
{
    const hpac_update_range range = {.learning_rate_factor = 1};
    update_job job;
    hpac_cpu_update_job(cpu_device_of(&plan->base), &plan->optimizer, &range, &job);
    job.w = (float *)cpu_parameter_at(&plan->base, args->parameters, parameter) + first;
    for (size_t i = 0; i < HPAC_OPTIMIZER_MAX_STATES; i++)
        job.state[i] =
            (float *)cpu_parameter_at(&plan->base, args->optimizer_state[i], parameter) + first;
    return job;
}

static void update_kernel(const dense_plan *plan, const hpac_exec_args *args)
{
    enum { GRAIN = 96 }; /* rows: whole tiles of every kind of processor */
    const cpu_kernels *kernels = cpu_device_of(&plan->base)->kernels;
    size_t rows = hpac_cpu_image_count(&plan->base.input);
    size_t outputs = plan->base.output.shape.channels;
    const float *x = args->x;
    uint32_t nonfinite = 0;
#pragma omp parallel for reduction(| : nonfinite) if (rows > GRAIN)
    for (size_t row = 0; row < rows; row += GRAIN)
        nonfinite |= kernels->dense_update(&(dense_update_job){
            .update = make_update(plan, args, KERNEL, row * outputs),
            .x = x + row,
            .dy = args->dy,
            .batch = plan->base.input.batch,
            .x_stride = rows,
            .row_count = MIN(GRAIN, rows - row),
            .outputs = outputs,
        });
    args->result->nonfinite |= nonfinite;
}

static void update_bias(const dense_plan *plan, const hpac_exec_args *args)
{
    const float *dy = args->dy;
    float *gradient = cpu_workspace_at(args, plan->bias_gradient_offset);
    size_t outputs = plan->base.output.shape.channels;
    memset(gradient, 0, outputs * sizeof *gradient);
    for (size_t i = 0; i < plan->base.output.batch * outputs; i++)
        gradient[i % outputs] += dy[i];
    update_job job = make_update(plan, args, BIAS, 0);
    job.g = gradient;
    args->result->nonfinite |= cpu_device_of(&plan->base)->kernels->update(&job, outputs);
}

static hpac_status dense_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const cpu_primitive *weights = &base->primitives[CPU_BACKWARD_WEIGHTS];
    HPAC_TRY(hpac_cpu_run_backward_data(base, args)); /* first: an update changes the kernel */
    if (!base->base.updates_parameters)               /* frozen: no such pass */
        return weights->primitive ? hpac_cpu_run(base, weights, args, NULL) : HPAC_OK;
    update_kernel((const dense_plan *)base, args);
    if (base->base.parameter_count > BIAS)
        update_bias((const dense_plan *)base, args);
    return HPAC_OK;
}

/* Which of the ops is the dense layer. */
static size_t dense_index(const hpac_plan_request *request)
{
    return request->ops[0].kind == HPAC_OP_FLATTEN ? 1 : 0;
}

static const hpac_op *dense_of(const hpac_plan_request *request)
{
    return &request->ops[dense_index(request)];
}

/* The passes on one layout of the kernel; if the forward pass may choose, on its choice. */
static hpac_status describe_passes(cpu_device *device, const hpac_plan_request *request,
                                   const cpu_plan *plan, dnnl_format_tag_t kernel_tag,
                                   cpu_passes *passes)
{
    size_t batch = plan->input.batch, rows = hpac_cpu_image_count(&plan->input);
    size_t outputs = plan->output.shape.channels;
    const_dnnl_primitive_attr_t attributes =
        plan->relu ? device->relu_attributes : device->attributes;
    dnnl_primitive_desc_t *descs = passes->descs;
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL, kernel = NULL, bias = NULL;
    HPAC_TRY(CPU_DESCRIBE(&x, dnnl_ab, batch, rows));
    HPAC_TRY(CPU_DESCRIBE(&kernel, kernel_tag, outputs, rows));
    if (!dense_of(request)->no_bias)
        HPAC_TRY(CPU_DESCRIBE(&bias, dnnl_a, outputs));
    HPAC_TRY(CPU_DESCRIBE(&y, dnnl_ab, batch, outputs));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_inner_product_forward_primitive_desc_create(
        &descs[CPU_FORWARD], device->engine, dnnl_forward_training, x, kernel, bias, y,
        attributes)));
    if (!descs[CPU_FORWARD])
        return HPAC_OK;
    const_cpu_desc chosen = hpac_cpu_pass_memory(passes, CPU_FORWARD, dnnl_query_weights_md, 0);
    if (!request->frozen)
        HPAC_TRY(hpac_cpu_check_pass(dnnl_inner_product_backward_weights_primitive_desc_create(
            &descs[CPU_BACKWARD_WEIGHTS], device->engine, x, chosen, bias, y, descs[CPU_FORWARD],
            device->attributes)));
    if (!request->input_gradient)
        return HPAC_OK;
    return hpac_cpu_check_pass(dnnl_inner_product_backward_data_primitive_desc_create(
        &descs[CPU_BACKWARD_DATA], device->engine, x, chosen, y, descs[CPU_FORWARD],
        device->attributes));
}

/* The best layout of the kernel that serves all passes. */
static hpac_status choose_passes(cpu_device *device, const hpac_plan_request *request,
                                 const cpu_plan *plan, cpu_passes *passes)
{
    static const dnnl_format_tag_t kernel_tags[] = {dnnl_ba, dnnl_ab, dnnl_format_tag_any};
    for (size_t i = 0; i < sizeof kernel_tags / sizeof *kernel_tags; i++) {
        hpac_cpu_passes_fini(passes);
        HPAC_TRY(describe_passes(device, request, plan, kernel_tags[i], passes));
        if (hpac_cpu_slowest_pass(request, passes) > CPU_SPEED_LOOPS)
            return HPAC_OK;
    }
    return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no inner product for this shape");
}

static hpac_status add_parameters(cpu_plan *plan, const hpac_plan_request *request,
                                  const_cpu_desc stored)
{
    size_t outputs = plan->output.shape.channels;
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc keras = NULL;
    /* Keras's (in, out): the outputs lie side by side */
    HPAC_TRY(CPU_DESCRIBE(&keras, dnnl_ba, outputs, hpac_cpu_image_count(&plan->input)));
    return hpac_cpu_plan_add_parameters(
        plan, dense_index(request), hpac_shape_count(plan->input.shape) * outputs, keras, stored,
        plan->input.layout == HPAC_LAYOUT_PLAIN ? NULL : &plan->input,
        dense_of(request)->no_bias ? 0 : outputs);
}

/* Takes the update over where the kernels can: rows of outputs side by side, in whole vectors. */
static void take_update(const hpac_plan_request *request, dense_plan *plan, cpu_passes *passes)
{
    const cpu_parameter *kernel = &plan->base.parameters[KERNEL];
    size_t outputs = plan->base.output.shape.channels;
    if (!request->update || request->frozen || request->update->kind != HPAC_OPTIMIZER_ADADELTA ||
        outputs % DENSE_OUTPUTS_STEP != 0 || !dnnl_memory_desc_equal(kernel->keras, kernel->stored))
        return;
    dnnl_primitive_desc_destroy(passes->descs[CPU_BACKWARD_WEIGHTS]);
    passes->descs[CPU_BACKWARD_WEIGHTS] = NULL;
    plan->base.base.updates_parameters = true;
    plan->optimizer = *request->update;
    plan->bias_gradient_offset =
        hpac_plan_reserve(&plan->base.base.workspace_nbytes, outputs * sizeof(float));
}

static hpac_status make_training(cpu_device *device, const hpac_plan_request *request,
                                 dense_plan *plan)
{
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    hpac_plan *public = &plan->base.base;
    HPAC_TRY(choose_passes(device, request, &plan->base, &passes));
    HPAC_TRY(add_parameters(&plan->base, request,
                            hpac_cpu_pass_memory(&passes, CPU_FORWARD, dnnl_query_weights_md, 0)));
    take_update(request, plan, &passes);
    HPAC_TRY(hpac_cpu_plan_add_passes(&plan->base, &passes));
    size_t used = strlen(public->algorithm);
    if (public->updates_parameters)
        snprintf(public->algorithm + used, sizeof public->algorithm - used,
                 " / gradient and update in registers");
    return HPAC_OK;
}

/* A plan without training: rows of the kernel padded to whole vectors, sums in the workspace. */
static hpac_status make_prediction(const hpac_plan_request *request, dense_plan *plan)
{
    hpac_plan *public = &plan->base.base;
    size_t outputs = plan->base.output.shape.channels;
    plan->width = tile_count(outputs, DENSE_OUTPUTS_STEP) * DENSE_OUTPUTS_STEP;
    const dnnl_dims_t dims = {(dnnl_dim_t)outputs,
                              (dnnl_dim_t)hpac_cpu_image_count(&plan->base.input)};
    const dnnl_dims_t strides = {1, (dnnl_dim_t)plan->width};
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc stored = NULL;
    CPU_TRY_DNNL(dnnl_memory_desc_create_with_strides(&stored, 2, dims, dnnl_f32, strides));
    HPAC_TRY(add_parameters(&plan->base, request, stored));
    plan->sums_offset = hpac_plan_reserve(&public->workspace_nbytes,
                                          plan->base.input.batch * plan->width * sizeof(float));
    plan->base.forward = dense_predict;
    snprintf(public->algorithm, sizeof public->algorithm, "sums in one order");
    return HPAC_OK;
}

hpac_status hpac_cpu_try_dense(cpu_device *device, const hpac_plan_request *request,
                               cpu_plan **result)
{
    /* [flatten] dense [relu] */
    const hpac_op_kind kinds[] = {HPAC_OP_FLATTEN, HPAC_OP_DENSE, HPAC_OP_RELU};
    size_t count = request->op_count, first = request->ops[0].kind == HPAC_OP_FLATTEN ? 0 : 1;
    if (first + count < 2 || first + count > 3 ||
        !hpac_plan_is_chain(request, count, kinds + first))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(dense_plan), hpac_cpu_run_forward,
                                 dense_backward, result));
    dense_plan *plan = (dense_plan *)*result;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = !plan->base.relu;
    return request->training ? make_training(device, request, plan)
                             : make_prediction(request, plan);
}
