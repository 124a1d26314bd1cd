/* Batch normalization, alone or before ReLU, add, or add and ReLU, by our own kernels. */
#include "cuda.h"

#include <stdio.h>

/* batch_norm [add] [relu] */
typedef struct norm_plan {
    cuda_plan base;
    hpac_op op;
    bool relu, has_side;
    bool frozen_statistics;
    cuda_side side;
    size_t mean_offset, inverse_offset;   /* state, (channels) float32 */
    size_t partials_offset, means_offset; /* workspace */
} norm_plan;

/* The op's tensor of that role in a slice; NULL: it has none. */
static void *tensor_in(const norm_plan *plan, const void *slice, hpac_role role)
{
    const hpac_plan *public = &plan->base.base;
    for (size_t i = 0; i < public->parameter_count; i++)
        if (public->parameters[i].role == role)
            return hpac_cuda_parameter(&plan->base, slice, i);
    return NULL;
}

static kernel_norm describe(const norm_plan *plan, const hpac_exec_args *args)
{
    return (kernel_norm){.tensor = plan->base.input,
                         .y_channels = plan->base.output.wide_channels,
                         .side_channels = plan->side.outside.wide_channels,
                         .gamma = tensor_in(plan, args->parameters, HPAC_GAMMA),
                         .beta = tensor_in(plan, args->parameters, HPAC_BETA),
                         .mean = hpac_cuda_at(args->state, plan->mean_offset),
                         .inverse = hpac_cuda_at(args->state, plan->inverse_offset),
                         .relu = plan->relu};
}

static hpac_status norm_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const norm_plan *plan = (const norm_plan *)base;
    const kernel_norm norm = describe(plan, args);
    cudaStream_t stream = hpac_cuda_stream(base);
    const void *side = NULL;
    CUDA_TRY(hpac_kernel_norm_statistics(
        &norm, tensor_in(plan, args->statistics, HPAC_MOVING_MEAN),
        tensor_in(plan, args->statistics, HPAC_MOVING_VARIANCE), plan->op.momentum,
        plan->op.epsilon, args->training && !plan->frozen_statistics ? args->x : NULL,
        hpac_cuda_at(args->workspace, plan->partials_offset), stream));
    if (plan->has_side)
        HPAC_TRY(hpac_cuda_side_read(base, &plan->side, args, 0, &side));
    CUDA_TRY(hpac_kernel_normalize(&norm, args->y, args->x, side, stream));
    return HPAC_OK;
}

/* Behind ReLU, x alone shows what it let pass, or with a side only y. */
static bool needs_y(const norm_plan *plan)
{
    return plan->relu && plan->has_side;
}

/* Gamma, and mean and variance of the batch, have gradients that x is needed for. */
static bool sums_gradients(const norm_plan *plan)
{
    return !plan->base.frozen && !(plan->op.no_gamma && plan->op.no_beta);
}

static bool needs_x(const norm_plan *plan)
{
    return !plan->frozen_statistics || sums_gradients(plan) || (plan->relu && !plan->has_side);
}

/* The gradients of gamma and beta, and the means that backward needs; NULL where they are not. */
static hpac_status sum_gradients(const norm_plan *plan, const hpac_exec_args *args,
                                 const kernel_norm *norm, float **means)
{
    bool trains = sums_gradients(plan);
    *means = args->dx && !plan->frozen_statistics
                 ? hpac_cuda_at(args->workspace, plan->means_offset)
                 : NULL;
    if (!trains && !*means)
        return HPAC_OK;
    CUDA_TRY(hpac_kernel_norm_gradients(
        norm, trains ? tensor_in(plan, args->gradients, HPAC_GAMMA) : NULL,
        trains ? tensor_in(plan, args->gradients, HPAC_BETA) : NULL, *means, args->x,
        needs_y(plan) ? args->y : NULL, args->dy,
        hpac_cuda_at(args->workspace, plan->partials_offset), hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

static hpac_status norm_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const norm_plan *plan = (const norm_plan *)base;
    const kernel_norm norm = describe(plan, args);
    float *means = NULL;
    bool add_side = false;
    void *dside = plan->has_side ? hpac_cuda_side_gradient(&plan->side, args, 0, &add_side) : NULL;
    HPAC_TRY(sum_gradients(plan, args, &norm, &means));
    if (!args->dx && !dside)
        return HPAC_OK;
    CUDA_TRY(hpac_kernel_normalize_backward(
        &norm, means, args->dx, base->adds_dx, dside, add_side, needs_x(plan) ? args->x : NULL,
        needs_y(plan) ? args->y : NULL, args->dy, hpac_cuda_stream(base)));
    return plan->has_side ? hpac_cuda_side_finish(base, &plan->side, args, 0) : HPAC_OK;
}

static void add_parameters(norm_plan *plan)
{
    size_t channels = plan->op.in.channels;
    const cuda_order order = {.lengths = {1, 1, 1, channels}, .strides = {0, 0, 0, 1}};
    if (!plan->op.no_gamma)
        hpac_cuda_plan_add_parameter(&plan->base, 0, HPAC_GAMMA, &order);
    if (!plan->op.no_beta)
        hpac_cuda_plan_add_parameter(&plan->base, 0, HPAC_BETA, &order);
    hpac_cuda_plan_add_parameter(&plan->base, 0, HPAC_MOVING_MEAN, &order);
    hpac_cuda_plan_add_parameter(&plan->base, 0, HPAC_MOVING_VARIANCE, &order);
}

static void plan_memory(norm_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    size_t channels_nbytes = plan->op.in.channels * sizeof(float);
    plan->mean_offset = hpac_plan_reserve(&public->state_nbytes, channels_nbytes);
    plan->inverse_offset = hpac_plan_reserve(&public->state_nbytes, channels_nbytes);
    plan->partials_offset = hpac_plan_reserve(&public->workspace_nbytes,
                                              hpac_kernel_norm_partials_nbytes(&plan->base.input));
    plan->means_offset = hpac_plan_reserve(&public->workspace_nbytes, 2 * channels_nbytes);
    public->ignores_x = !needs_x(plan);
    public->ignores_y = !needs_y(plan);
    public->y_over_x = !request->training || public->ignores_x;
    public->dx_over_dy = true;
    snprintf(public->algorithm, sizeof public->algorithm, "own kernels%s",
             plan->frozen_statistics ? ", moving averages" : "");
}

static bool find_chain(const hpac_plan_request *request, bool *has_side, bool *relu)
{
    const hpac_op *ops = request->ops;
    size_t next = 1;
    if (ops[0].kind != HPAC_OP_BATCH_NORM)
        return false;
    *has_side = next < request->op_count && ops[next].kind == HPAC_OP_ADD;
    if (*has_side && ops[next].side_count != 1)
        return false;
    next += *has_side;
    *relu = next < request->op_count && ops[next].kind == HPAC_OP_RELU;
    next += *relu;
    return next == request->op_count;
}

hpac_status hpac_cuda_try_norm(cuda_device *device, const hpac_plan_request *request,
                               cuda_plan **result)
{
    bool has_side, relu;
    if (!find_chain(request, &has_side, &relu))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(norm_plan), norm_forward, norm_backward,
                                  result));
    norm_plan *plan = (norm_plan *)*result;
    plan->op = request->ops[0];
    plan->has_side = has_side;
    plan->relu = relu;
    plan->frozen_statistics = request->frozen_statistics;
    if (has_side)
        hpac_cuda_side_init(&plan->base, request, &request->ops[1], 0, &plan->side);
    if (plan->side.converts && plan->side.outside.wide_channels) {
        hpac_cuda_plan_release(result);
        return HPAC_OK;
    }
    add_parameters(plan);
    plan_memory(plan, request);
    return HPAC_OK;
}
