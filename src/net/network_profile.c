/* The profile of a network: timers recorded around the calls of a step, and read when the step is
 * collected, so that nothing waits within a step. Bytes and operations follow from the plans. */
#include "network_internal.h"

#include "base/memory.h"

#define NO_ROW SIZE_MAX

/* A timer on a queue, and the row of the call that ended there. */
struct network_mark {
    hpac_event *timer;
    size_t row; /* NO_ROW: a call begins here */
};

/* Multiplications and additions of one op in one direction. */
static double count_flops(const hpac_op *op, size_t batch)
{
    size_t sums = batch * hpac_shape_count(op->out), terms = 0;
    if (op->kind == HPAC_OP_CONV2D)
        terms = op->kernel_rows * op->kernel_cols * op->in.channels / op->groups;
    else if (op->kind == HPAC_OP_DENSE)
        terms = hpac_shape_count(op->in);
    return 2 * (double)sums * (double)terms;
}

/* Backward, a kernel's gradient costs as much as forward, and so does the input's, where something
 * before needs it. */
static double stage_flops(const hpac_network *network, const network_stage *stage, bool backward)
{
    double flops = 0;
    bool input_gradient = stage->input_gradient;
    for (size_t i = 0; i < stage->op_count; i++) {
        double once =
            count_flops(&network->ops[stage->first_op + i], network->options.format.batch_size);
        flops += backward && input_gradient ? 2 * once : once;
        input_gradient = input_gradient || once > 0;
    }
    return flops;
}

static double forward_nbytes(const hpac_plan *plan, bool training)
{
    size_t state = training ? plan->state_nbytes : 0;
    return (double)(plan->input_nbytes + plan->output_nbytes + plan->parameters_nbytes + state);
}

/* Gradients are read, weights and states read and written; a norm reads gradients (and what they
 * are added to) before. */
static double count_update_arrays(const hpac_network *network)
{
    const hpac_network_options *options = &network->options;
    double count = 3;
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++)
        count += hpac_state_name(options, state) ? 2 : 0;
    if (options->clip_norm > 0)
        count += options->accumulate > 1 ? 2 : 1;
    return count;
}

/* Input, output, its gradient, state and parameters are read, the input's gradient and those of the
 * parameters written; a plan that updates writes parameters and reads and writes both states
 * instead of the gradients. */
static double backward_nbytes(const network_stage *stage)
{
    const hpac_plan *plan = stage->plan;
    size_t inputs = stage->input_gradient ? 2 : 1, parameters = plan->updates_parameters ? 6 : 2;
    return (double)(inputs * plan->input_nbytes + 2 * plan->output_nbytes + plan->state_nbytes +
                    parameters * plan->parameters_nbytes);
}

/* What one call of a whole batch reads and writes. */
static double call_nbytes(const hpac_network *network, network_call call,
                          const network_stage *stage)
{
    const hpac_batch_format *format = &network->options.format;
    switch (call) {
    case NETWORK_UPLOAD:
        return (double)hpac_batch_nbytes(format);
    case NETWORK_RETAIN: /* read and written */
    case NETWORK_GATHER:
        return 2 * (double)hpac_batch_nbytes(format);
    case NETWORK_FORWARD:
    case NETWORK_EVALUATE:
        if (network->links[stage->first_op].in_place)
            return 0;
        return forward_nbytes(stage->plan, call == NETWORK_FORWARD);
    case NETWORK_BACKWARD:
        if (network->links[stage->first_op].in_place)
            return 0;
        return backward_nbytes(stage);
    case NETWORK_UPDATE: /* four arrays read, three of them written */
        return count_update_arrays(network) * (double)network->updated_parameters_nbytes;
    default: /* the losses: logits are read; the gradient, or the probabilities, written */
        return (double)(format->batch_size * format->target_count *
                            (2 * sizeof(float) + sizeof(unsigned char)) +
                        sizeof(hpac_step_result));
    }
}

/* Calls on plans have one row for each stage. */
static void fill_rows(hpac_network *network)
{
    static const struct {
        const char *name;
        bool of_plan;
    } calls[] = {
        [NETWORK_UPLOAD] = {"upload", false},
        [NETWORK_RETAIN] = {"retain", false},
        [NETWORK_GATHER] = {"gather", false},
        [NETWORK_FORWARD] = {"forward", true},
        [NETWORK_LOSS] = {"loss", false},
        [NETWORK_BACKWARD] = {"backward", true},
        [NETWORK_UPDATE] = {"update", false},
        [NETWORK_EVALUATE] = {"evaluate", true},
        [NETWORK_EVALUATE_LOSS] = {"evaluate: loss", false},
    };
    network_profile *profile = &network->profile;
    for (network_call call = 0; call < NETWORK_CALL_COUNT; call++) {
        profile->first_row[call] = profile->row_count;
        for (size_t i = 0; i < (calls[call].of_plan ? network->stage_count : 1); i++) {
            hpac_profile_row *row = &profile->rows[profile->row_count++];
            const network_stage *stage = &network->stages[i];
            char ops[96];
            row->nbytes = call_nbytes(network, call, stage);
            snprintf(row->name, sizeof row->name, "%s", calls[call].name);
            if (!calls[call].of_plan)
                continue;
            network_describe_stage(network, stage, ops);
            snprintf(row->name, sizeof row->name, "%s %zu: %s", calls[call].name, i + 1, ops);
            row->flops = stage_flops(network, stage, call == NETWORK_BACKWARD);
        }
    }
}

hpac_status network_profile_init(hpac_network *network)
{
    hpac_device *device = network->options.device;
    network_profile *profile = &network->profile;
    if (!network->options.profile)
        return HPAC_OK;
    HPAC_TRY_NEW(profile->rows, NETWORK_CALL_COUNT - 3 + 3 * network->stage_count);
    fill_rows(network);
    /* Each call of a step ends at a mark of its own; the upload, what is done with the batch, and
     * the computing have one to begin. */
    profile->mark_capacity = profile->row_count + 3;
    for (size_t f = 0; f < HPAC_NETWORK_IN_FLIGHT; f++) {
        network_flight *flight = &network->flights[f];
        HPAC_TRY_NEW(flight->marks, profile->mark_capacity);
        for (size_t i = 0; i < profile->mark_capacity; i++)
            HPAC_TRY(device->ops->timer_create(device, &flight->marks[i].timer));
    }
    return HPAC_OK;
}

void network_profile_fini(hpac_network *network)
{
    hpac_device *device = network->options.device;
    for (size_t f = 0; f < HPAC_NETWORK_IN_FLIGHT; f++) {
        network_mark *marks = network->flights[f].marks;
        for (size_t i = 0; marks && i < network->profile.mark_capacity; i++)
            device->ops->event_destroy(device, marks[i].timer);
        free(marks);
    }
    free(network->profile.rows);
}

hpac_status network_profile_mark(hpac_network *network, network_flight *flight, hpac_queue queue,
                                 network_call call, size_t stage)
{
    hpac_device *device = network->options.device;
    const network_profile *profile = &network->profile;
    if (!profile->rows)
        return HPAC_OK;
    if (flight->mark_count == profile->mark_capacity)
        return hpac_fail(HPAC_ERR_INTERNAL, "profile: more than %zu marks in a step",
                         profile->mark_capacity);
    network_mark *next = &flight->marks[flight->mark_count++];
    next->row = call == NETWORK_START ? NO_ROW : profile->first_row[call] + stage;
    return device->ops->event_record(device, next->timer, queue);
}

hpac_status network_profile_collect(hpac_network *network, network_flight *flight)
{
    hpac_device *device = network->options.device;
    const network_mark *marks = flight->marks;
    for (size_t i = 1; i < flight->mark_count; i++) {
        if (marks[i].row == NO_ROW)
            continue;
        hpac_profile_row *row = &network->profile.rows[marks[i].row];
        double ms = 0;
        HPAC_TRY(device->ops->elapsed_ms(device, marks[i - 1].timer, marks[i].timer, &ms));
        row->calls++;
        row->total_ms += ms;
    }
    return HPAC_OK;
}

size_t hpac_network_profile(const hpac_network *network, const hpac_profile_row **rows)
{
    *rows = network->profile.rows;
    return network->profile.row_count;
}
