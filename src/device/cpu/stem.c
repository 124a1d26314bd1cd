/* The fused stem's plan: which op chains it takes, images to threads, gradients of threads to one
 * sum.
 */
#include "stem.h"

#include "cpu.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

typedef struct stem_plan {
    cpu_plan base;
    const stem_kernels *kernels;
    stem_shape shape;
    size_t threads;
    bool drops;
    uint32_t stream, threshold;
    float scale;
    /* Offsets in the state and the workspace. */
    size_t codes_offset; /* state: (batch, pooled_rows, pooled_cols, filters2) bytes */
    size_t mask_offset, winograd_offset, by_filter_offset;
    size_t scratch_offset, scratch_nbytes; /* one per thread */
    size_t partial_offset, partial_nbytes; /* gradients of one thread */
} stem_plan;

enum { KERNEL1, BIAS1, KERNEL2, BIAS2, PARAMETERS };

static size_t parameter_count(const stem_plan *plan, size_t parameter)
{
    return plan->base.base.parameters[parameter].count;
}

static float *parameter_in(const stem_plan *plan, void *slice, size_t parameter)
{
    return (float *)((char *)slice + plan->base.base.parameters[parameter].offset_nbytes);
}

static void *workspace_at(const hpac_exec_args *args, size_t offset)
{
    return (char *)args->workspace + offset;
}

/* ---- weights for this step ---- */

/* G g G' of one 3x3 kernel, (16) of stride `stride`. */
static void transform_kernel(const float g[9], float *to, size_t stride)
{
    float t[4][3];
    for (size_t c = 0; c < 3; c++) {
        t[0][c] = g[c];
        t[1][c] = 0.5F * (g[c] + g[3 + c] + g[6 + c]);
        t[2][c] = 0.5F * (g[c] - g[3 + c] + g[6 + c]);
        t[3][c] = g[6 + c];
    }
    for (size_t r = 0; r < 4; r++) {
        float *row = to + 4 * r * stride;
        row[0] = t[r][0];
        row[stride] = 0.5F * (t[r][0] + t[r][1] + t[r][2]);
        row[2 * stride] = 0.5F * (t[r][0] - t[r][1] + t[r][2]);
        row[3 * stride] = t[r][2];
    }
}

static void make_winograd(const stem_shape *shape, const float *kernel, float *winograd)
{
    size_t pairs = shape->filters1 * shape->filters2;
    for (size_t pair = 0; pair < pairs; pair++) {
        float g[9];
        for (size_t tap = 0; tap < 9; tap++)
            g[tap] = kernel[tap * pairs + pair];
        transform_kernel(g, winograd + pair, pairs);
    }
}

/* (9, filters1, filters2) <-> (filters2, 9, filters1) */
static void make_by_filter(const stem_shape *shape, const float *kernel, float *by_filter)
{
    size_t rows = 9 * shape->filters1, filters2 = shape->filters2;
    for (size_t row = 0; row < rows; row++)
        for (size_t filter = 0; filter < filters2; filter++)
            by_filter[filter * rows + row] = kernel[row * filters2 + filter];
}

static stem_weights make_weights(const stem_plan *plan, const hpac_exec_args *args)
{
    stem_weights weights = {
        .kernel1 = parameter_in(plan, args->parameters, KERNEL1),
        .bias1 = parameter_in(plan, args->parameters, BIAS1),
        .kernel2 = parameter_in(plan, args->parameters, KERNEL2),
        .bias2 = parameter_in(plan, args->parameters, BIAS2),
        .winograd = workspace_at(args, plan->winograd_offset),
        .by_filter = workspace_at(args, plan->by_filter_offset),
    };
    return weights;
}

/* ---- the passes ---- */

static hpac_status stem_pass_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const stem_plan *plan = (const stem_plan *)base;
    bool drops = args->training && plan->drops;
    size_t image = hpac_shape_count(base->input.shape),
           pooled = hpac_shape_count(base->output.shape);
    uint8_t *mask = workspace_at(args, plan->mask_offset);
    if (drops)
        hpac_cpu_draw_mask((const cpu_device *)base->base.device, plan->stream, plan->threshold,
                           base->output.batch * pooled, mask);
    stem_weights weights = make_weights(plan, args);
    make_winograd(&plan->shape, weights.kernel2, workspace_at(args, plan->winograd_offset));
#pragma omp parallel for schedule(static)
    for (size_t n = 0; n < base->input.batch; n++) {
        size_t first = n * pooled;
        stem_forward job = {
            .shape = &plan->shape,
            .weights = &weights,
            .x = (const float *)args->x + n * image,
            .y = (float *)args->y + first,
            .codes = args->training ? (uint8_t *)args->state + plan->codes_offset + first : NULL,
            .kept = drops ? (const uint32_t *)(const void *)mask + first / 32 : NULL,
            .scale = drops ? plan->scale : 1.0F,
            .scratch = workspace_at(args, plan->scratch_offset +
                                              (size_t)omp_get_thread_num() * plan->scratch_nbytes),
        };
        plan->kernels->forward(&job);
    }
    return HPAC_OK;
}

static stem_gradients partial_gradients(const stem_plan *plan, const hpac_exec_args *args,
                                        size_t thread)
{
    float *first = workspace_at(args, plan->partial_offset + thread * plan->partial_nbytes);
    return (stem_gradients){
        .kernel1 = parameter_in(plan, first, KERNEL1),
        .bias1 = parameter_in(plan, first, BIAS1),
        .kernel2 = parameter_in(plan, first, KERNEL2),
        .bias2 = parameter_in(plan, first, BIAS2),
    };
}

/* The threads' sums, in the order of the threads; kernel2 back to Keras's order. */
static void sum_partials(const stem_plan *plan, const hpac_exec_args *args)
{
    for (size_t parameter = 0; parameter < PARAMETERS; parameter++) {
        float *sum = parameter_in(plan, workspace_at(args, plan->partial_offset), parameter);
        size_t count = parameter_count(plan, parameter);
        for (size_t thread = 1; thread < plan->threads; thread++) {
            const float *partial = parameter_in(
                plan, workspace_at(args, plan->partial_offset + thread * plan->partial_nbytes),
                parameter);
            for (size_t i = 0; i < count; i++)
                sum[i] += partial[i];
        }
        float *gradient = parameter_in(plan, args->gradients, parameter);
        if (parameter != KERNEL2) {
            memcpy(gradient, sum, count * sizeof *sum);
            continue;
        }
        size_t rows = 9 * plan->shape.filters1, filters2 = plan->shape.filters2;
        for (size_t filter = 0; filter < filters2; filter++)
            for (size_t row = 0; row < rows; row++)
                gradient[row * filters2 + filter] = sum[filter * rows + row];
    }
}

static hpac_status stem_pass_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const stem_plan *plan = (const stem_plan *)base;
    size_t image = hpac_shape_count(base->input.shape),
           pooled = hpac_shape_count(base->output.shape);
    stem_weights weights = make_weights(plan, args);
    make_by_filter(&plan->shape, weights.kernel2, workspace_at(args, plan->by_filter_offset));
    memset(workspace_at(args, plan->partial_offset), 0, plan->threads * plan->partial_nbytes);
#pragma omp parallel for schedule(static)
    for (size_t n = 0; n < base->input.batch; n++) {
        size_t thread = (size_t)omp_get_thread_num();
        stem_gradients gradients = partial_gradients(plan, args, thread);
        stem_backward job = {
            .shape = &plan->shape,
            .weights = &weights,
            .gradients = &gradients,
            .x = (const float *)args->x + n * image,
            .dy = (const float *)args->dy + n * pooled,
            .codes = (const uint8_t *)args->state + plan->codes_offset + n * pooled,
            .scale = plan->scale,
            .scratch = workspace_at(args, plan->scratch_offset + thread * plan->scratch_nbytes),
        };
        plan->kernels->backward(&job);
    }
    sum_partials(plan, args);
    return HPAC_OK;
}

/* ---- the plan ---- */

static const stem_kernels *choose_kernels(const cpu_device *device)
{
#if defined(__x86_64__)
    if (device->kernels == &hpac_cpu_kernels_avx512)
        return &hpac_stem_avx512;
    if (device->kernels == &hpac_cpu_kernels_avx2)
        return &hpac_stem_avx2;
#endif
    (void)device;
    return NULL;
}

static bool is_stem(const hpac_plan_request *request)
{
    static const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU,    HPAC_OP_CONV2D,
                                         HPAC_OP_RELU,   HPAC_OP_MAXPOOL, HPAC_OP_DROPOUT};
    return hpac_plan_is_chain(request, 5, kinds) || hpac_plan_is_chain(request, 6, kinds);
}

static bool is_window(const hpac_op *op, size_t size)
{
    return op->kernel_rows == size && op->kernel_cols == size;
}

/* Whether the kernels can do this run; fills in the shape. */
static bool fits(const hpac_plan_request *request, const stem_kernels *kernels, stem_shape *shape)
{
    const hpac_op *ops = request->ops;
    if (!kernels || !is_stem(request) || request->input_gradient ||
        request->input_layout != HPAC_LAYOUT_PLAIN)
        return false;
    *shape = (stem_shape){
        .rows = ops[0].in.rows,
        .cols = ops[0].in.cols,
        .channels = ops[0].in.channels,
        .filters1 = ops[0].out.channels,
        .filters2 = ops[2].out.channels,
        .inner_rows = ops[0].out.rows,
        .inner_cols = ops[0].out.cols,
        .pooled_rows = ops[4].out.rows,
        .pooled_cols = ops[4].out.cols,
    };
    return is_window(&ops[0], 3) && is_window(&ops[2], 3) && is_window(&ops[4], 2) &&
           shape->filters1 % 16 == 0 && shape->filters2 % 32 == 0 &&
           shape->pooled_cols >= kernels->smallest_pooled_cols;
}

static hpac_status add_parameter(stem_plan *plan, size_t op, bool is_bias, size_t count)
{
    dnnl_memory_desc_t plain;
    HPAC_TRY(CPU_DESCRIBE(&plain, dnnl_a, count));
    hpac_cpu_plan_add_parameter(&plan->base,
                                &(hpac_parameter){.op = op, .is_bias = is_bias, .count = count},
                                &(cpu_parameter){.keras = plain, .stored = plain});
    return HPAC_OK;
}

static hpac_status add_parameters(stem_plan *plan)
{
    const stem_shape *shape = &plan->shape;
    size_t filters1 = shape->filters1, filters2 = shape->filters2;
    HPAC_TRY(add_parameter(plan, 0, false, 9 * shape->channels * filters1));
    HPAC_TRY(add_parameter(plan, 0, true, filters1));
    HPAC_TRY(add_parameter(plan, 2, false, 9 * filters1 * filters2));
    return add_parameter(plan, 2, true, filters2);
}

static void reserve_memory(stem_plan *plan)
{
    hpac_plan *base = &plan->base.base;
    const stem_shape *shape = &plan->shape;
    size_t outputs = hpac_cpu_tensor_count(&plan->base.output);
    size_t pairs = shape->filters1 * shape->filters2;
    plan->codes_offset = hpac_plan_reserve(&base->state_nbytes, outputs);
    plan->mask_offset = hpac_plan_reserve(&base->workspace_nbytes, hpac_cpu_mask_nbytes(outputs));
    plan->winograd_offset = hpac_plan_reserve(&base->workspace_nbytes, 16 * pairs * sizeof(float));
    plan->by_filter_offset = hpac_plan_reserve(&base->workspace_nbytes, 9 * pairs * sizeof(float));
    plan->scratch_nbytes = 0;
    hpac_plan_reserve(&plan->scratch_nbytes, plan->kernels->scratch_count(shape) * sizeof(float));
    plan->scratch_offset =
        hpac_plan_reserve(&base->workspace_nbytes, plan->threads * plan->scratch_nbytes);
    plan->partial_nbytes = base->parameters_nbytes;
    plan->partial_offset =
        hpac_plan_reserve(&base->workspace_nbytes, plan->threads * plan->partial_nbytes);
}

hpac_status hpac_cpu_try_stem(cpu_device *device, const hpac_plan_request *request,
                              cpu_plan **result)
{
    stem_shape shape;
    const stem_kernels *kernels = choose_kernels(device);
    if (!fits(request, kernels, &shape))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(stem_plan), result));
    stem_plan *plan = (stem_plan *)*result;
    plan->base.forward = stem_pass_forward;
    plan->base.backward = stem_pass_backward;
    plan->kernels = kernels;
    plan->shape = shape;
    plan->threads = (size_t)device->threads;
    plan->scale = 1.0F;
    if (request->op_count == 6) {
        const hpac_op *dropout = &request->ops[5];
        plan->drops = true;
        plan->stream = dropout->stream;
        plan->threshold = hpac_dropout_threshold(dropout->rate);
        plan->scale = 1.0F / (1.0F - dropout->rate);
    }
    HPAC_TRY(add_parameters(plan));
    reserve_memory(plan);
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm,
             "%s, one pass, Winograd F(2x2, 3x3); gradients at the argmax only", kernels->name);
    return HPAC_OK;
}
