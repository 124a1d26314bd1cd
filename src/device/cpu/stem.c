/* The fused stem's plan: which op chains it takes, images to threads, gradients of threads to one
 * sum. */
#include "cpu.h"

#include "base/memory.h"

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
    /* In the workspace; the state is the codes, (batch, pooled_rows, pooled_cols, filters2). */
    size_t mask_offset, winograd_offset, by_filter_offset;
    size_t scratch_offset, scratch_nbytes; /* one per thread */
    size_t partial_offset, partial_nbytes; /* gradients of one thread */
} stem_plan;

enum { KERNEL1, BIAS1, KERNEL2, BIAS2, PARAMETERS };

/* The gradients of one thread, in the layout of the plan's slice. */
static void *partials_of(const stem_plan *plan, const hpac_exec_args *args, size_t thread)
{
    return cpu_workspace_at(args, plan->partial_offset + thread * plan->partial_nbytes);
}

/* G g G' of one 3x3 kernel whose elements, as those of the result, are `stride` apart. */
static void transform_kernel(const float *g, float *to, size_t stride)
{
    float t[4][3];
    for (size_t c = 0; c < 3; c++) {
        float above = g[c * stride], middle = g[(3 + c) * stride], below = g[(6 + c) * stride];
        t[0][c] = above;
        t[1][c] = 0.5F * (above + middle + below);
        t[2][c] = 0.5F * (above - middle + below);
        t[3][c] = below;
    }
    for (size_t r = 0; r < 4; r++) {
        float *row = to + 4 * r * stride;
        row[0] = t[r][0];
        row[stride] = 0.5F * (t[r][0] + t[r][1] + t[r][2]);
        row[2 * stride] = 0.5F * (t[r][0] - t[r][1] + t[r][2]);
        row[3 * stride] = t[r][2];
    }
}

/* (rows, cols) -> (cols, rows) */
static void transpose(const float *from, float *to, size_t rows, size_t cols)
{
    for (size_t col = 0; col < cols; col++)
        for (size_t row = 0; row < rows; row++)
            to[col * rows + row] = from[row * cols + col];
}

static stem_weights weights_of(const stem_plan *plan, const hpac_exec_args *args)
{
    return (stem_weights){
        .kernel1 = cpu_parameter_at(&plan->base, args->parameters, KERNEL1),
        .bias1 = cpu_parameter_at(&plan->base, args->parameters, BIAS1),
        .kernel2 = cpu_parameter_at(&plan->base, args->parameters, KERNEL2),
        .bias2 = cpu_parameter_at(&plan->base, args->parameters, BIAS2),
        .winograd = cpu_workspace_at(args, plan->winograd_offset),
        .by_filter = cpu_workspace_at(args, plan->by_filter_offset),
    };
}

static hpac_status stem_pass_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const stem_plan *plan = (const stem_plan *)base;
    bool drops = args->training && plan->drops;
    size_t image = hpac_shape_count(base->input.shape),
           pooled = hpac_shape_count(base->output.shape);
    size_t pairs = plan->shape.filters1 * plan->shape.filters2;
    uint8_t *mask = cpu_workspace_at(args, plan->mask_offset);
    float *winograd = cpu_workspace_at(args, plan->winograd_offset);
    const stem_weights weights = weights_of(plan, args);
    if (drops)
        hpac_cpu_draw_mask(cpu_device_of(base), plan->stream, plan->threshold,
                           base->output.batch * pooled, mask);
    for (size_t pair = 0; pair < pairs; pair++)
        transform_kernel(weights.kernel2 + pair, winograd + pair, pairs);
#pragma omp parallel for schedule(static)
    for (size_t n = 0; n < base->input.batch; n++) {
        size_t first = n * pooled, thread = (size_t)omp_get_thread_num();
        stem_forward job = {
            .shape = &plan->shape,
            .weights = &weights,
            .x = (const float *)args->x + n * image,
            .y = (float *)args->y + first,
            .codes = args->training ? (uint8_t *)args->state + first : NULL,
            .mask = drops ? (const uint32_t *)(const void *)mask + first / 32 : NULL,
            .scale = drops ? plan->scale : 1.0F,
            .scratch = cpu_workspace_at(args, plan->scratch_offset + thread * plan->scratch_nbytes),
        };
        plan->kernels->forward(&job);
    }
    return HPAC_OK;
}

/* The threads' sums, in the order of the threads; kernel2 back to Keras's order. */
static void sum_partials(const stem_plan *plan, const hpac_exec_args *args)
{
    for (size_t parameter = 0; parameter < PARAMETERS; parameter++) {
        float *sum = cpu_parameter_at(&plan->base, partials_of(plan, args, 0), parameter);
        float *gradient = cpu_parameter_at(&plan->base, args->gradients, parameter);
        size_t count = plan->base.base.parameters[parameter].count;
        for (size_t thread = 1; thread < plan->threads; thread++) {
            const float *partial =
                cpu_parameter_at(&plan->base, partials_of(plan, args, thread), parameter);
            for (size_t i = 0; i < count; i++)
                sum[i] += partial[i];
        }
        if (parameter == KERNEL2)
            transpose(sum, gradient, plan->shape.filters2, 9 * plan->shape.filters1);
        else
            memcpy(gradient, sum, count * sizeof *sum);
    }
}

static hpac_status stem_pass_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const stem_plan *plan = (const stem_plan *)base;
    size_t image = hpac_shape_count(base->input.shape),
           pooled = hpac_shape_count(base->output.shape);
    const stem_weights weights = weights_of(plan, args);
    transpose(weights.kernel2, cpu_workspace_at(args, plan->by_filter_offset),
              9 * plan->shape.filters1, plan->shape.filters2);
    memset(partials_of(plan, args, 0), 0, plan->threads * plan->partial_nbytes);
#pragma omp parallel for schedule(static)
    for (size_t n = 0; n < base->input.batch; n++) {
        size_t thread = (size_t)omp_get_thread_num();
        void *partials = partials_of(plan, args, thread);
        stem_gradients gradients = {
            .kernel1 = cpu_parameter_at(base, partials, KERNEL1),
            .bias1 = cpu_parameter_at(base, partials, BIAS1),
            .kernel2 = cpu_parameter_at(base, partials, KERNEL2),
            .bias2 = cpu_parameter_at(base, partials, BIAS2),
        };
        stem_backward job = {
            .shape = &plan->shape,
            .weights = &weights,
            .gradients = &gradients,
            .x = (const float *)args->x + n * image,
            .dy = (const float *)args->dy + n * pooled,
            .codes = (const uint8_t *)args->state + n * pooled,
            .scale = plan->scale,
            .scratch = cpu_workspace_at(args, plan->scratch_offset + thread * plan->scratch_nbytes),
        };
        plan->kernels->backward(&job);
    }
    sum_partials(plan, args);
    return HPAC_OK;
}

/* A square window without padding. */
static bool is_window(const hpac_op *op, size_t size, size_t stride)
{
    return op->kernel_rows == size && op->kernel_cols == size && op->stride_rows == stride &&
           op->stride_cols == stride &&
           op->pad_top + op->pad_bottom + op->pad_left + op->pad_right == 0;
}

static bool is_convolution(const hpac_op *op)
{
    return is_window(op, 3, 1) && op->dilation_rows == 1 && op->dilation_cols == 1 &&
           op->groups == 1 && !op->no_bias;
}

/* Whether the kernels can do this op chain; fills in the shape. */
static bool fits(const hpac_plan_request *request, const stem_kernels *kernels, stem_shape *shape)
{
    static const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU,    HPAC_OP_CONV2D,
                                         HPAC_OP_RELU,   HPAC_OP_MAXPOOL, HPAC_OP_DROPOUT};
    const hpac_op *ops = request->ops;
    if (!kernels || request->input_gradient || request->input_layout != HPAC_LAYOUT_PLAIN ||
        !(hpac_plan_is_chain(request, 5, kinds) || hpac_plan_is_chain(request, 6, kinds)))
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
    return is_convolution(&ops[0]) && is_convolution(&ops[2]) && is_window(&ops[4], 2, 2) &&
           !(request->op_count == 6 && ops[5].whole_channels) && shape->filters1 % 16 == 0 &&
           shape->filters2 % 32 == 0 && shape->pooled_cols >= kernels->min_pooled_cols;
}

/* A plain kernel of 3x3 and its bias. */
static hpac_status add_parameters(stem_plan *plan, size_t op, size_t channels, size_t filters)
{
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc kernel = NULL;
    size_t count = 9 * channels * filters;
    HPAC_TRY(CPU_DESCRIBE(&kernel, dnnl_a, count));
    return hpac_cpu_plan_add_parameters(&plan->base, op, count, kernel, kernel, NULL, filters);
}

static void reserve_memory(stem_plan *plan)
{
    size_t outputs = hpac_cpu_tensor_count(&plan->base.output);
    size_t pairs = plan->shape.filters1 * plan->shape.filters2;
    size_t *workspace = &plan->base.base.workspace_nbytes;
    plan->base.base.state_nbytes = outputs;
    plan->mask_offset = hpac_plan_reserve(workspace, hpac_cpu_mask_nbytes(outputs));
    plan->winograd_offset = hpac_plan_reserve(workspace, 16 * pairs * sizeof(float));
    plan->by_filter_offset = hpac_plan_reserve(workspace, 9 * pairs * sizeof(float));
    (void)hpac_plan_reserve(&plan->scratch_nbytes,
                            plan->kernels->scratch_count(&plan->shape) * sizeof(float));
    plan->scratch_offset = hpac_plan_reserve(workspace, plan->threads * plan->scratch_nbytes);
    plan->partial_nbytes = plan->base.base.parameters_nbytes;
    plan->partial_offset = hpac_plan_reserve(workspace, plan->threads * plan->partial_nbytes);
}

hpac_status hpac_cpu_try_stem(cpu_device *device, const hpac_plan_request *request,
                              cpu_plan **result)
{
    stem_shape shape;
    const stem_kernels *kernels = device->kernels->stem;
    if (!fits(request, kernels, &shape))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(stem_plan), stem_pass_forward,
                                 stem_pass_backward, result));
    stem_plan *plan = (stem_plan *)*result;
    if (request->frozen) /* the images have no gradient either */
        plan->base.backward = NULL;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = true;
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
    HPAC_TRY(add_parameters(plan, 0, shape.channels, shape.filters1));
    HPAC_TRY(add_parameters(plan, 2, shape.filters1, shape.filters2));
    reserve_memory(plan);
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm,
             "%s, one pass, Winograd F(2x2, 3x3); gradients at the argmax only", kernels->name);
    return HPAC_OK;
}
