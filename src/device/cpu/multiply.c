/* Products: x times a side of its shape or of one factor for each channel of an image; and factors
 * that are not an activation: rescale, and dropout of whole channels or images. */
#include "cpu.h"

#include <string.h>
#include <sys/param.h>

enum { GRAIN = 4096 }; /* values that a thread takes at a time */

/* ---- x times a side of its shape ---- */

typedef struct multiply_plan {
    cpu_plan base;
    cpu_tensor side;
    bool moves; /* the side is in another layout than x */
    hpac_gradient dx, dside;
    size_t side_offset, gradient_offset; /* in the workspace, of what moves */
} multiply_plan;

/* The side in the layout of x. */
static const float *enter(const multiply_plan *plan, const hpac_exec_args *args)
{
    float *side = cpu_workspace_at(args, plan->side_offset);
    if (!plan->moves)
        return args->sides[0];
    hpac_cpu_move(cpu_device_of(&plan->base),
                  (cpu_slice){.tensor = &plan->side, .values = (float *)args->sides[0]},
                  (cpu_slice){.tensor = &plan->base.input, .values = side},
                  plan->side.shape.channels, false);
    hpac_cpu_clear_padding(&plan->base.input, side);
    return side;
}

static hpac_status multiply_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    const float *x = args->x, *side = enter((const multiply_plan *)base, args);
    size_t count = hpac_cpu_tensor_count(&base->output);
    float *y = args->y;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        kernels->multiply(x + i, side + i, false, y + i, MIN(GRAIN, count - i));
    return HPAC_OK;
}

/* From the layout of x to the side's. */
static void leave(const multiply_plan *plan, const hpac_exec_args *args, float *gradient)
{
    bool adds = plan->dside == HPAC_GRADIENT_ADDED;
    hpac_cpu_move(cpu_device_of(&plan->base),
                  (cpu_slice){.tensor = &plan->base.input, .values = gradient},
                  (cpu_slice){.tensor = &plan->side, .values = args->dsides[0]},
                  plan->side.shape.channels, adds);
    if (!adds)
        hpac_cpu_clear_padding(&plan->side, args->dsides[0]);
}

static hpac_status multiply_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const multiply_plan *plan = (const multiply_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    const float *x = args->x, *side = enter(plan, args), *dy = args->dy;
    size_t count = hpac_cpu_tensor_count(&base->output);
    float *dx = args->dx, *dside = args->dsides[0];
    bool adds = plan->dside == HPAC_GRADIENT_ADDED && !plan->moves;
    if (dside && plan->moves)
        dside = cpu_workspace_at(args, plan->gradient_offset);
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN) { /* dx last: it may be dy, or dside */
        size_t n = MIN(GRAIN, count - i);
        if (dside)
            kernels->multiply(dy + i, x + i, adds, dside + i, n);
        if (dx)
            kernels->multiply(dy + i, side + i, plan->dx == HPAC_GRADIENT_ADDED, dx + i, n);
    }
    if (dside && plan->moves)
        leave(plan, args, dside);
    return HPAC_OK;
}

static hpac_status try_same_shape(cpu_device *device, const hpac_plan_request *request,
                                  cpu_plan **result)
{
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(multiply_plan), multiply_forward,
                                 multiply_backward, result));
    multiply_plan *plan = (multiply_plan *)*result;
    hpac_plan *base = &plan->base.base;
    plan->side = plan->base.input;
    plan->side.layout = request->side_layouts[0];
    plan->dx = request->input_gradient;
    plan->dside = request->side_gradients ? request->side_gradients[0] : HPAC_GRADIENT_NONE;
    plan->moves = plan->side.layout != plan->base.input.layout;
    if (plan->moves) {
        plan->side_offset = hpac_plan_reserve(&base->workspace_nbytes, base->input_nbytes);
        plan->gradient_offset = hpac_plan_reserve(&base->workspace_nbytes, base->input_nbytes);
    }
    plan->base.adds = true;
    base->ignores_y = true;
    base->y_over_x = base->dx_over_dy = true;
    return HPAC_OK;
}

/* ---- one factor for each channel ---- */

typedef struct scale_plan {
    cpu_plan base;
    cpu_channels channels;
    hpac_op op;
    cpu_tensor side; /* multiply */
    hpac_gradient dx, dside;
    size_t parts_offset; /* in the workspace */
} scale_plan;

typedef struct scale_call {
    const scale_plan *plan;
    const hpac_exec_args *args;
    const cpu_kernels *kernels;
} scale_call;

static float *side_of(const scale_plan *plan, const void *side, size_t image)
{
    return (float *)side + image * hpac_cpu_image_count(&plan->side);
}

/* The factor of an image's channel. */
static float factor_of(const scale_call *call, size_t image, size_t channel)
{
    const hpac_op *op = &call->plan->op;
    const uint8_t *bits = call->args->state;
    if (op->kind == HPAC_OP_RESCALE)
        return op->factor[channel];
    if (op->kind == HPAC_OP_MULTIPLY) /* of one pixel: every layout has the channels in order */
        return side_of(call->plan, call->args->sides[0], image)[channel];
    size_t bit = op->whole_images ? image : image * op->in.channels + channel;
    return bits[bit / 8] >> bit % 8 & 1 ? 1.0F / (1.0F - op->rate) : 0.0F;
}

static void set_factors(void *context, const cpu_part *part)
{
    const scale_call *call = context;
    const hpac_op *op = &call->plan->op;
    const cpu_lanes lanes = hpac_cpu_part_lanes(part);
    size_t image = part->item / part->channels->planes; /* of all images it is 0 */
    float *factors = hpac_cpu_part_array(part, CHANNEL_SCALE);
    float *offsets = hpac_cpu_part_array(part, CHANNEL_SHIFT);
    memset(hpac_cpu_part_array(part, CHANNEL_CENTER), 0, part->channels->period * sizeof(float));
    memset(factors, 0, part->channels->lanes * sizeof *factors);
    memset(offsets, 0, part->channels->lanes * sizeof *offsets);
    for (size_t lane = 0; lane < lanes.count; lane++) {
        factors[lane] = factor_of(call, image, lanes.first + lane);
        if (op->kind == HPAC_OP_RESCALE)
            offsets[lane] = op->offset[lanes.first + lane];
    }
    hpac_cpu_part_repeat(part, CHANNEL_SCALE);
    hpac_cpu_part_repeat(part, CHANNEL_SHIFT);
}

static channel_job job_of(const scale_call *call, const cpu_part *part, size_t offset)
{
    const hpac_exec_args *args = call->args;
    return (channel_job){
        .x = cpu_floats_at(args->x, offset),
        .y = cpu_floats_at(args->y, offset),
        .dy = cpu_floats_at(args->dy, offset),
        .dx = cpu_floats_at(args->dx, offset),
        .adds = call->plan->dx == HPAC_GRADIENT_ADDED,
        .center = hpac_cpu_part_array(part, CHANNEL_CENTER),
        .scale = hpac_cpu_part_array(part, CHANNEL_SCALE),
        .shift = hpac_cpu_part_array(part, CHANNEL_SHIFT),
        .slope = hpac_cpu_part_array(part, CHANNEL_SCALE),
        .sums = {hpac_cpu_part_array(part, CHANNEL_SUMS),
                 hpac_cpu_part_array(part, CHANNEL_SUMS + 1)},
    };
}

static void scale_values(void *context, const cpu_part *part)
{
    const scale_call *call = context;
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        const channel_job job = job_of(call, part, tile.offset);
        call->kernels->channel_apply(&job, tile.range);
    }
}

static void scale_gradients(void *context, const cpu_part *part)
{
    const scale_call *call = context;
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        const channel_job job = job_of(call, part, tile.offset);
        call->kernels->channel_dx(&job, tile.range);
    }
}

/* Total 0: the sums of dy x, which are the gradients of the factors. */
static void collect_products(void *context, const cpu_part *part)
{
    const scale_call *call = context;
    double *total = hpac_cpu_part_totals(part, part->index, 0);
    double *sum = hpac_cpu_part_totals(part, part->index, 1);
    size_t lanes = part->channels->lanes;
    memset(hpac_cpu_part_array(part, CHANNEL_CENTER), 0, part->channels->period * sizeof(float));
    memset(total, 0, lanes * sizeof *total);
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        const channel_job job = job_of(call, part, tile.offset);
        call->kernels->channel_sums(&job, CHANNEL_SUM_GRADIENTS, tile.range);
        hpac_cpu_part_fold(part, 1, sum);
        for (size_t lane = 0; lane < lanes; lane++)
            total[lane] += sum[lane];
    }
}

static void finish_products(void *context, const cpu_part *part)
{
    const scale_call *call = context;
    const cpu_lanes lanes = hpac_cpu_part_lanes(part);
    size_t image = part->item / part->channels->planes;
    float *dside = side_of(call->plan, call->args->dsides[0], image) + lanes.first;
    set_factors(context, part);
    for (size_t lane = 0; lane < lanes.count && part->index == 0; lane++) {
        double total = 0;
        for (size_t i = 0; i < part->count; i++)
            total += hpac_cpu_part_totals(part, i, 0)[lane];
        if (call->plan->dside == HPAC_GRADIENT_ADDED)
            total += (double)dside[lane];
        dside[lane] = (float)total;
    }
}

static void run(const cpu_plan *base, const hpac_exec_args *args, const cpu_part_steps *steps)
{
    const scale_plan *plan = (const scale_plan *)base;
    scale_call call = {.plan = plan, .args = args, .kernels = cpu_device_of(base)->kernels};
    hpac_cpu_for_parts(&plan->channels, cpu_workspace_at(args, plan->parts_offset), steps, &call);
}

/* Bits of the mask. */
static size_t mask_count(const hpac_op *op, size_t batch)
{
    return batch * (op->whole_images ? 1 : op->in.channels);
}

static hpac_status scale_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const hpac_op *op = &((const scale_plan *)base)->op;
    if (op->kind == HPAC_OP_DROPOUT && !args->training) {
        hpac_cpu_copy(args->y, args->x, hpac_cpu_tensor_count(&base->output));
        return HPAC_OK;
    }
    if (op->kind == HPAC_OP_DROPOUT)
        hpac_cpu_draw_mask(cpu_device_of(base), op->stream, hpac_dropout_threshold(op->rate),
                           mask_count(op, base->output.batch), args->state);
    run(base, args, &(cpu_part_steps){NULL, set_factors, scale_values});
    return HPAC_OK;
}

static hpac_status scale_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const scale_plan *plan = (const scale_plan *)base;
    cpu_part_steps steps = {NULL, set_factors, args->dx ? scale_gradients : NULL};
    if (args->dsides[0] && plan->op.kind == HPAC_OP_MULTIPLY) {
        steps.collect = collect_products;
        steps.finish = finish_products;
        if (plan->dside == HPAC_GRADIENT_WRITTEN)
            hpac_cpu_clear_padding(&plan->side, args->dsides[0]);
    }
    if (steps.collect || steps.apply)
        run(base, args, &steps);
    return HPAC_OK;
}

static hpac_status make_scale_plan(cpu_device *device, const hpac_plan_request *request,
                                   cpu_plan **result)
{
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(scale_plan), scale_forward, scale_backward,
                                 result));
    scale_plan *plan = (scale_plan *)*result;
    hpac_plan *base = &plan->base.base;
    plan->op = request->ops[0];
    plan->dx = request->input_gradient;
    plan->channels = hpac_cpu_channels_of(device, &plan->base.input, &plan->base.input,
                                          plan->op.kind != HPAC_OP_RESCALE);
    plan->parts_offset = hpac_plan_reserve(&base->workspace_nbytes,
                                           (size_t)device->threads * plan->channels.part_nbytes);
    plan->base.adds = true;
    base->ignores_x = base->ignores_y = true;
    base->y_over_x = base->dx_over_dy = true;
    return HPAC_OK;
}

hpac_status hpac_cpu_try_scale(cpu_device *device, const hpac_plan_request *request,
                               cpu_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (!hpac_plan_is_single(request, HPAC_OP_RESCALE) &&
        !(hpac_plan_is_single(request, HPAC_OP_DROPOUT) && op->whole_channels))
        return HPAC_OK;
    HPAC_TRY(make_scale_plan(device, request, result));
    if (op->kind == HPAC_OP_DROPOUT)
        (*result)->base.state_nbytes = hpac_cpu_mask_nbytes(mask_count(op, request->batch));
    return HPAC_OK;
}

hpac_status hpac_cpu_try_multiply(cpu_device *device, const hpac_plan_request *request,
                                  cpu_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (!hpac_plan_is_single(request, HPAC_OP_MULTIPLY))
        return HPAC_OK;
    if (hpac_shape_count(op->sides[0]) == hpac_shape_count(op->in))
        return try_same_shape(device, request, result);
    HPAC_TRY(make_scale_plan(device, request, result));
    scale_plan *plan = (scale_plan *)*result;
    plan->side = (cpu_tensor){
        .shape = op->sides[0], .batch = request->batch, .layout = request->side_layouts[0]};
    plan->dside = request->side_gradients ? request->side_gradients[0] : HPAC_GRADIENT_NONE;
    plan->base.base.ignores_x = false;
    return HPAC_OK;
}
