/*
 * Batch normalization, alone or with what follows it: an addition, a ReLU, or both.
 *
 * Forward reads x twice, for the statistics and for y; planes of a blocked layout are still in the
 * cache the second time. oneDNN's reads it three times, since it sums squares after the mean is
 * known. Here each tile is summed around the mean of a sixteenth of it, and the tiles' moments are
 * merged in double (Chan, Golub, LeVeque 1979). Little cancels, however far the mean is from 0: if
 * a share p of some values has the mean c, then (c - mean)^2 <= variance (1 - p) / p.
 *
 * Backward reads x and dy twice. ReLU's mask is y > 0, where y is made again from x; only behind an
 * addition y itself is read, and the masked gradient, which is the side's, is written on the way.
 */
#include "cpu.h"

#include <math.h>
#include <string.h>
#include <sys/param.h>

typedef struct norm_plan {
    cpu_plan base;
    cpu_channels channels;
    bool adds_side, relu;               /* the op chain */
    bool streams;                       /* y goes past the caches */
    bool frozen, frozen_statistics;     /* the request's */
    hpac_gradient dx, dside;            /* likewise */
    channel_mask mask;                  /* of ReLU, in the first pass of backward */
    size_t gamma, beta, mean, variance; /* parameters; SIZE_MAX: none */
    float momentum, epsilon;
    size_t parts_offset; /* in the workspace */
} norm_plan;

typedef struct norm_call {
    const norm_plan *plan;
    const hpac_exec_args *args;
    const cpu_kernels *kernels;
    bool statistics;   /* the batch's */
    const float *dz;   /* backward: the gradient behind ReLU */
    channel_mask mask; /* which makes it of this */
} norm_call;

enum {
    HEAD_SHARE = 16,
    STREAM_NBYTES = 8 << 20 /* from here on y would not stay in the second caches anyway, and lines
                               that are written whole need not be read before: 1.3 to 1.45 times
                               faster; below slower */
};

/* Retained for backward: of each channel the mean and 1 / sqrt(variance + epsilon). */
typedef struct norm_state {
    double mean, inverse;
} norm_state;

static const float *parameter_of(const norm_plan *plan, void *slice, size_t parameter)
{
    return parameter == SIZE_MAX ? NULL : cpu_parameter_at(&plan->base, slice, parameter);
}

/* The arrays of a part, at the addresses of a tile. */
static channel_job job_of(const norm_call *call, const cpu_part *part, cpu_tile tile)
{
    const norm_plan *plan = call->plan;
    const hpac_exec_args *args = call->args;
    return (channel_job){
        .x = cpu_floats_at(args->x, tile.x_offset),
        .side = plan->adds_side ? cpu_floats_at(args->sides[0], tile.offset) : NULL,
        .center = hpac_cpu_part_array(part, CHANNEL_CENTER),
        .scale = hpac_cpu_part_array(part, CHANNEL_SCALE),
        .shift = hpac_cpu_part_array(part, CHANNEL_SHIFT),
        .y = cpu_floats_at(args->y, tile.offset),
        .relu = plan->relu,
        .streams = plan->streams && args->y != args->x,
        .mask = call->mask,
        .slope = hpac_cpu_part_array(part, CHANNEL_SLOPE),
        .x_slope = hpac_cpu_part_array(part, CHANNEL_X_SLOPE),
        .constant = hpac_cpu_part_array(part, CHANNEL_CONSTANT),
        .sums = {hpac_cpu_part_array(part, CHANNEL_SUMS),
                 hpac_cpu_part_array(part, CHANNEL_SUMS + 1)},
    };
}

/* ---- forward ---- */

/* Totals 0 and 1: mean and sum of squared deviations, of `count` pixels and of more. */
static void merge(double *mean, double *squares, double count, const double *more_mean,
                  const double *more_squares, double more, size_t lanes)
{
    double share = more / (count + more);
    for (size_t lane = 0; lane < lanes; lane++) {
        double difference = more_mean[lane] - mean[lane];
        mean[lane] += difference * share;
        squares[lane] += more_squares[lane] + difference * difference * count * share;
    }
}

/* The means of the first values of each run of a tile, a sixteenth or more of all. */
static void set_center(const norm_call *call, const cpu_part *part, cpu_tile tile)
{
    const channel_job job = job_of(call, part, tile);
    size_t lanes = part->channels->lanes, period = tile.range.period;
    size_t periods = (tile.range.count + HEAD_SHARE * period - 1) / (HEAD_SHARE * period);
    float *center = hpac_cpu_part_array(part, CHANNEL_CENTER);
    double *sums = hpac_cpu_part_totals(part, part->index, 2);
    channel_range head = tile.range;
    head.count = MIN(head.count, periods * period);
    size_t pixels = head.count / lanes * head.runs;
    call->kernels->channel_sums(&job, CHANNEL_SUM_VALUES, head);
    hpac_cpu_part_fold(part, 0, sums);
    for (size_t lane = 0; lane < lanes; lane++)
        center[lane] = (float)(sums[lane] / (double)pixels);
    hpac_cpu_part_repeat(part, CHANNEL_CENTER);
}

/* The moments of a tile, in the totals 2 and 3. */
static void measure_tile(const norm_call *call, const cpu_part *part, cpu_tile tile)
{
    const cpu_channels *channels = part->channels;
    const channel_job job = job_of(call, part, tile);
    const float *center = hpac_cpu_part_array(part, CHANNEL_CENTER);
    double *mean = hpac_cpu_part_totals(part, part->index, 2);
    double *squares = hpac_cpu_part_totals(part, part->index, 3);
    double pixels = (double)tile.pixels;
    set_center(call, part, tile);
    call->kernels->channel_sums(&job, CHANNEL_SUM_MOMENTS, tile.range);
    hpac_cpu_part_fold(part, 0, mean);
    hpac_cpu_part_fold(part, 1, squares);
    for (size_t lane = 0; lane < channels->lanes; lane++) {
        double off = mean[lane] / pixels;
        mean[lane] = (double)center[lane] + off;
        squares[lane] -= off * off * pixels;
    }
}

static void collect_moments(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    size_t lanes = part->channels->lanes, pixels = 0;
    double *totals[CHANNEL_TOTALS];
    for (size_t i = 0; i < CHANNEL_TOTALS; i++)
        totals[i] = hpac_cpu_part_totals(part, part->index, i);
    memset(totals[0], 0, 2 * lanes * sizeof(double));
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        measure_tile(call, part, tile);
        merge(totals[0], totals[1], (double)pixels, totals[2], totals[3], (double)tile.pixels,
              lanes);
        pixels += tile.pixels;
    }
}

/* The moments of the item, in the totals 2 and 3 of each part. */
static void merge_parts(const cpu_part *part)
{
    size_t lanes = part->channels->lanes, pixels = 0;
    double *mean = hpac_cpu_part_totals(part, part->index, 2);
    double *squares = hpac_cpu_part_totals(part, part->index, 3);
    memset(mean, 0, 2 * lanes * sizeof *mean);
    for (size_t i = 0; i < part->count; i++) {
        size_t more = hpac_cpu_part_pixels(part, i);
        if (more > 0)
            merge(mean, squares, (double)pixels, hpac_cpu_part_totals(part, i, 0),
                  hpac_cpu_part_totals(part, i, 1), (double)more, lanes);
        pixels += more;
    }
}

static void average(float *moving, double value, float momentum)
{
    *moving = (float)((double)momentum * (double)*moving + (1 - (double)momentum) * value);
}

/* The batch's statistics of a lane's channel, which are averaged, or those averages. */
static norm_state statistics_of(const norm_call *call, const cpu_part *part, size_t lane,
                                size_t channel)
{
    const norm_plan *plan = call->plan;
    float *moving_mean = cpu_parameter_at(&plan->base, call->args->statistics, plan->mean);
    float *moving_variance = cpu_parameter_at(&plan->base, call->args->statistics, plan->variance);
    double epsilon = (double)plan->epsilon;
    if (!call->statistics)
        return (norm_state){(double)moving_mean[channel],
                            1 / sqrt((double)moving_variance[channel] + epsilon)};
    double mean = hpac_cpu_part_totals(part, part->index, 2)[lane];
    double squares = MAX(hpac_cpu_part_totals(part, part->index, 3)[lane], 0);
    double variance = squares / (double)part->channels->pixels;
    if (part->index == 0) {
        average(&moving_mean[channel], mean, plan->momentum);
        average(&moving_variance[channel], variance, plan->momentum);
    }
    return (norm_state){mean, 1 / sqrt(variance + epsilon)};
}

/* y = (x - center) scale + shift; the center is the mean, rounded, and the shift makes up for
 * that. Backward gets the same values. */
static void set_coefficients(const norm_call *call, const cpu_part *part, size_t lane,
                             size_t channel, norm_state state)
{
    const float *gamma = parameter_of(call->plan, call->args->parameters, call->plan->gamma);
    const float *beta = parameter_of(call->plan, call->args->parameters, call->plan->beta);
    double scale = state.inverse * (gamma ? (double)gamma[channel] : 1);
    float center = (float)state.mean;
    hpac_cpu_part_array(part, CHANNEL_CENTER)[lane] = center;
    hpac_cpu_part_array(part, CHANNEL_SCALE)[lane] = (float)scale;
    hpac_cpu_part_array(part, CHANNEL_SHIFT)[lane] =
        (float)((beta ? (double)beta[channel] : 0) - (state.mean - (double)center) * scale);
}

static void clear_coefficients(const cpu_part *part)
{
    for (channel_array array = 0; array < CHANNEL_SUMS; array++)
        memset(hpac_cpu_part_array(part, array), 0, part->channels->lanes * sizeof(float));
}

static void repeat_coefficients(const cpu_part *part)
{
    for (channel_array array = 0; array < CHANNEL_SUMS; array++)
        hpac_cpu_part_repeat(part, array);
}

static void finish_forward(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    const cpu_lanes lanes = hpac_cpu_part_lanes(part);
    norm_state *retained = call->args->state;
    if (call->statistics)
        merge_parts(part);
    clear_coefficients(part);
    for (size_t lane = 0; lane < lanes.count; lane++) {
        size_t channel = lanes.first + lane;
        norm_state state = statistics_of(call, part, lane, channel);
        set_coefficients(call, part, lane, channel, state);
        if (call->args->training && part->index == 0)
            retained[channel] = state;
    }
    repeat_coefficients(part);
}

static void apply_forward(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        const channel_job job = job_of(call, part, tile);
        call->kernels->channel_apply(&job, tile.range);
    }
}

static hpac_status norm_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const norm_plan *plan = (const norm_plan *)base;
    norm_call call = {
        .plan = plan,
        .args = args,
        .kernels = cpu_device_of(base)->kernels,
        .statistics = args->training && !plan->frozen_statistics,
    };
    const cpu_part_steps steps = {call.statistics ? collect_moments : NULL, finish_forward,
                                  apply_forward};
    hpac_cpu_for_parts(&plan->channels, cpu_workspace_at(args, plan->parts_offset), &steps, &call);
    return HPAC_OK;
}

/* ---- backward ---- */

/* Whether backward needs x: for the gradients through the statistics and of gamma. */
static bool needs_x(const norm_plan *plan)
{
    return !plan->frozen_statistics || (!plan->frozen && plan->gamma != SIZE_MAX);
}

static bool needs_sums(const norm_plan *plan)
{
    return !plan->frozen_statistics || !plan->frozen;
}

/* Behind an addition: the side's gradient, and dz where it is not dy. */
static void pass_to_side(const norm_call *call, const cpu_part *part, cpu_tile tile)
{
    const norm_plan *plan = call->plan;
    const hpac_exec_args *args = call->args;
    float *dz = (float *)call->dz, *dy = args->dy, *dside = args->dsides[0];
    channel_job job = job_of(call, part, tile);
    job.dy = dy + tile.offset;
    job.mask = plan->mask;
    job.dside = cpu_floats_at(dside, tile.offset);
    job.adds_side = plan->dside == HPAC_GRADIENT_ADDED;
    job.dz = dz != dside && plan->relu ? dz + tile.offset : NULL;
    if (job.dside || job.dz)
        call->kernels->channel_dside(&job, tile.range);
}

/* Totals 0 and 1: the sums of dz and of dz (x - center). */
static void collect_gradients(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    const cpu_channels *channels = part->channels;
    const cpu_lanes lanes = hpac_cpu_part_lanes(part);
    const norm_state *retained = call->args->state;
    clear_coefficients(part);
    for (size_t lane = 0; lane < lanes.count; lane++)
        set_coefficients(call, part, lane, lanes.first + lane, retained[lanes.first + lane]);
    repeat_coefficients(part);
    double *totals = hpac_cpu_part_totals(part, part->index, 0);
    double *sums = hpac_cpu_part_totals(part, part->index, 2);
    memset(totals, 0, 2 * channels->lanes * sizeof *totals);
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        channel_job job = job_of(call, part, tile);
        if (call->plan->adds_side)
            pass_to_side(call, part, tile);
        if (!needs_sums(call->plan))
            continue;
        channel_range range = tile.range;
        job.dy = call->dz + tile.offset;
        if (!needs_x(call->plan)) { /* only the first sum */
            job.x = job.dy;
            range.x_step = range.y_step;
        }
        call->kernels->channel_sums(&job, CHANNEL_SUM_GRADIENTS, range);
        hpac_cpu_part_fold(part, 0, sums);
        hpac_cpu_part_fold(part, 1, sums + channels->lanes);
        for (size_t j = 0; j < 2 * channels->lanes; j++)
            totals[j] += sums[j];
    }
}

/* dx = scale (dz - (sum of dz + xhat sum of dz xhat) / pixels), xhat = (x - mean) inverse; without
 * statistics scale dz. */
static void set_slopes(const norm_call *call, const cpu_part *part, size_t lane, norm_state state,
                       double sum, double sum_hat)
{
    double scale = (double)hpac_cpu_part_array(part, CHANNEL_SCALE)[lane];
    double center = (double)hpac_cpu_part_array(part, CHANNEL_CENTER)[lane];
    double pixels = (double)part->channels->pixels;
    double x_slope = -scale * state.inverse * sum_hat / pixels;
    hpac_cpu_part_array(part, CHANNEL_SLOPE)[lane] = (float)scale;
    if (!call->statistics)
        return;
    hpac_cpu_part_array(part, CHANNEL_X_SLOPE)[lane] = (float)x_slope;
    hpac_cpu_part_array(part, CHANNEL_CONSTANT)[lane] =
        (float)(-scale * sum / pixels - x_slope * (state.mean - center));
}

static void finish_backward(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    const norm_plan *plan = call->plan;
    const cpu_lanes lanes = hpac_cpu_part_lanes(part);
    const norm_state *retained = call->args->state;
    float *dgamma = (float *)parameter_of(plan, call->args->gradients, plan->gamma);
    float *dbeta = (float *)parameter_of(plan, call->args->gradients, plan->beta);
    bool writes = part->index == 0 && !plan->frozen;
    for (size_t lane = 0; lane < lanes.count; lane++) {
        norm_state state = retained[lanes.first + lane];
        double center = (double)hpac_cpu_part_array(part, CHANNEL_CENTER)[lane];
        double sum = 0, sum_x = 0;
        for (size_t i = 0; i < part->count; i++) {
            sum += hpac_cpu_part_totals(part, i, 0)[lane];
            sum_x += hpac_cpu_part_totals(part, i, 1)[lane];
        }
        double sum_hat = (sum_x - (state.mean - center) * sum) * state.inverse;
        set_slopes(call, part, lane, state, sum, sum_hat);
        if (writes && dgamma)
            dgamma[lanes.first + lane] = (float)sum_hat;
        if (writes && dbeta)
            dbeta[lanes.first + lane] = (float)sum;
    }
    repeat_coefficients(part);
}

static void apply_backward(void *context, const cpu_part *part)
{
    const norm_call *call = context;
    for (size_t i = part->first_tile; i < part->end_tile; i++) {
        const cpu_tile tile = hpac_cpu_tile_of(part, i);
        channel_job job = job_of(call, part, tile);
        job.dy = call->dz + tile.offset;
        job.dx = (float *)call->args->dx + tile.x_offset;
        job.adds = call->plan->dx == HPAC_GRADIENT_ADDED;
        if (!call->statistics)
            job.x_slope = NULL;
        call->kernels->channel_dx(&job, tile.range);
    }
}

static hpac_status norm_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const norm_plan *plan = (const norm_plan *)base;
    bool written = plan->adds_side && args->dsides[0] && plan->dside == HPAC_GRADIENT_WRITTEN;
    norm_call call = {
        .plan = plan,
        .args = args,
        .kernels = cpu_device_of(base)->kernels,
        .statistics = !plan->frozen_statistics,
        .dz = written ? args->dsides[0] : args->dy,
        .mask = plan->adds_side ? CHANNEL_MASK_NONE : plan->mask,
    };
    const cpu_part_steps steps = {collect_gradients, finish_backward,
                                  args->dx ? apply_backward : NULL};
    hpac_cpu_for_parts(&plan->channels, cpu_workspace_at(args, plan->parts_offset), &steps, &call);
    return HPAC_OK;
}

/* ---- the plan ---- */

static bool is_norm_chain(const hpac_plan_request *request)
{
    static const hpac_op_kind chains[][3] = {
        {HPAC_OP_BATCH_NORM},
        {HPAC_OP_BATCH_NORM, HPAC_OP_RELU},
        {HPAC_OP_BATCH_NORM, HPAC_OP_ADD},
        {HPAC_OP_BATCH_NORM, HPAC_OP_ADD, HPAC_OP_RELU},
    };
    static const size_t lengths[] = {1, 2, 2, 3};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (hpac_plan_is_chain(request, lengths[i], chains[i]))
            return true;
    return false;
}

/* A side in another layout is left to an addition of its own. */
static bool fits_side(const hpac_plan_request *request)
{
    return request->ops[1].side_count == 1 && request->side_layouts[0] == request->input_layout;
}

static hpac_status add_parameter(norm_plan *plan, hpac_role role, size_t count, size_t *index)
{
    *index = plan->base.base.parameter_count;
    return hpac_cpu_plan_add_vector(&plan->base, 0, role, count);
}

static hpac_status add_parameters(norm_plan *plan, const hpac_op *op)
{
    size_t count = op->in.channels;
    plan->gamma = plan->beta = SIZE_MAX;
    if (!op->no_gamma)
        HPAC_TRY(add_parameter(plan, HPAC_GAMMA, count, &plan->gamma));
    if (!op->no_beta)
        HPAC_TRY(add_parameter(plan, HPAC_BETA, count, &plan->beta));
    HPAC_TRY(add_parameter(plan, HPAC_MOVING_MEAN, count, &plan->mean));
    return add_parameter(plan, HPAC_MOVING_VARIANCE, count, &plan->variance);
}

static void set_request(norm_plan *plan, const hpac_plan_request *request)
{
    const hpac_op *op = &request->ops[0];
    plan->momentum = op->momentum;
    plan->epsilon = op->epsilon;
    plan->relu = request->ops[request->op_count - 1].kind == HPAC_OP_RELU;
    plan->adds_side = request->op_count > 1 && request->ops[1].kind == HPAC_OP_ADD;
    plan->frozen = request->frozen;
    plan->frozen_statistics = request->frozen_statistics;
    plan->dx = request->input_gradient;
    if (plan->adds_side && request->side_gradients)
        plan->dside = request->side_gradients[0];
    if (plan->relu)
        plan->mask = plan->adds_side || !needs_x(plan) ? CHANNEL_MASK_Y : CHANNEL_MASK_X;
}

hpac_status hpac_cpu_try_batch_norm(cpu_device *device, const hpac_plan_request *request,
                                    cpu_plan **result)
{
    if (!is_norm_chain(request) ||
        (request->op_count > 1 && request->ops[1].kind == HPAC_OP_ADD && !fits_side(request)))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(norm_plan), norm_forward, norm_backward,
                                 result));
    norm_plan *plan = (norm_plan *)*result;
    hpac_plan *base = &plan->base.base;
    HPAC_TRY(add_parameters(plan, &request->ops[0]));
    set_request(plan, request);
    hpac_cpu_plan_take_input_view(&plan->base, request);
    if (!plan->adds_side) /* which is where the output is */
        hpac_cpu_plan_take_output_view(&plan->base, request);
    plan->channels = hpac_cpu_channels_of(device, &plan->base.input, &plan->base.output, false);
    plan->parts_offset = hpac_plan_reserve(&base->workspace_nbytes,
                                           (size_t)device->threads * plan->channels.part_nbytes);
    plan->base.relu = false; /* done here */
    plan->base.adds = true;
    base->state_nbytes = request->training ? request->ops[0].in.channels * sizeof(norm_state) : 0;
    plan->streams = base->output_nbytes >= STREAM_NBYTES;
    base->ignores_x = !needs_x(plan);
    base->ignores_y = plan->mask != CHANNEL_MASK_Y;
    base->y_over_x = base->dx_over_dy = true;
    return HPAC_OK;
}
