/* The profile of a network: timers recorded around the calls of a step, and read when the step is
 * collected, so that nothing waits within a step. Bytes and operations follow from the plans. */
#include "network_internal.h"

#include <stdlib.h>
#include <string.h>

#define NO_ROW SIZE_MAX

/* A timer on a queue, and the row of the call that ended there. */
typedef struct profile_mark {
    hpac_event *timer;
    size_t row; /* NO_ROW: a call begins here */
} profile_mark;

struct network_profile {
    size_t row_count;
    hpac_profile_row *rows; /* (row_count) */
    size_t mark_capacity, mark_count[HPAC_NETWORK_IN_FLIGHT];
    profile_mark *marks[HPAC_NETWORK_IN_FLIGHT]; /* (mark_capacity) */
};

/* ---- rows: in the order of a step; calls on plans have one for each stage ---- */

static size_t row_of(const hpac_network *network, network_call call, size_t stage)
{
    size_t row = 0;
    for (network_call before = 0; before < call; before++)
        row += network_call_is_of_plan(before) ? network->stage_count : 1;
    return network_call_is_of_plan(call) ? row + stage : row;
}

/* Multiplications and additions of one op in one direction. */
static double count_flops(const hpac_op *op, size_t batch)
{
    size_t sums = batch * hpac_shape_count(op->out), terms = 0;
    if (op->kind == HPAC_OP_CONV2D)
        terms = op->kernel_rows * op->kernel_cols * op->in.channels;
    else if (op->kind == HPAC_OP_DENSE)
        terms = hpac_shape_count(op->in);
    return 2 * (double)sums * (double)terms;
}

/* Backward, a kernel's gradient costs as much as forward, and so does the input's, where something
 * before wants it. */
static double stage_flops(const hpac_network *network, const network_stage *stage, bool backward)
{
    double flops = 0;
    bool input_gradient = stage->input_gradient;
    for (size_t i = 0; i < stage->op_count; i++) {
        double once =
            count_flops(&network->ops[stage->first_op + i], network->options.format.batch_size);
        flops += backward ? (input_gradient ? 2 : 1) * once : once;
        input_gradient = input_gradient || once > 0;
    }
    return flops;
}

static double forward_nbytes(const hpac_plan *plan, bool training)
{
    return (double)plan->input_nbytes + (double)plan->output_nbytes +
           (double)plan->parameters_nbytes + (training ? (double)plan->state_nbytes : 0);
}

/* Input, output, its gradient, state and parameters are read, the input's gradient and those of the
 * parameters written; a plan that updates writes parameters and reads and writes both accumulators
 * instead of the gradients. */
static double backward_nbytes(const network_stage *stage)
{
    const hpac_plan *plan = stage->plan;
    return (stage->input_gradient ? 2 : 1) * (double)plan->input_nbytes +
           2 * (double)plan->output_nbytes + (double)plan->state_nbytes +
           (plan->updates_parameters ? 6 : 2) * (double)plan->parameters_nbytes;
}

static double loss_nbytes(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    double values = (double)(format->batch_size * format->target_count);
    /* Logits are read; the gradient, or the probabilities, written. */
    return values * (2 * sizeof(float) + 1) + (double)sizeof(hpac_step_result);
}

static void name_stage(const hpac_network *network, size_t number, char *text, size_t text_nbytes)
{
    const network_stage *stage = &network->stages[number];
    int length = snprintf(text, text_nbytes, " %zu:", number + 1);
    for (size_t i = 0; i < stage->op_count && (size_t)length < text_nbytes; i++)
        length += snprintf(text + length, text_nbytes - (size_t)length, "%s%s", i > 0 ? " + " : " ",
                           hpac_op_name(network->ops[stage->first_op + i].kind));
}

static void fill_row(const hpac_network *network, network_call call, size_t number,
                     hpac_profile_row *row)
{
    static const char *const names[] = {
        [NETWORK_UPLOAD] = "upload",
        [NETWORK_RETAIN] = "retain",
        [NETWORK_GATHER] = "gather",
        [NETWORK_FORWARD] = "forward",
        [NETWORK_LOSS] = "loss",
        [NETWORK_BACKWARD] = "backward",
        [NETWORK_UPDATE] = "update",
        [NETWORK_EVALUATE] = "evaluate",
        [NETWORK_EVALUATE_LOSS] = "evaluate: loss",
    };
    const network_stage *stage = &network->stages[number];
    char ops[sizeof row->name - 16] = "";
    if (network_call_is_of_plan(call))
        name_stage(network, number, ops, sizeof ops);
    snprintf(row->name, sizeof row->name, "%s%s", names[call], ops);
    switch (call) {
    case NETWORK_UPLOAD:
        row->nbytes = (double)hpac_batch_nbytes(&network->options.format);
        break;
    case NETWORK_RETAIN: /* of a whole batch: read and written */
    case NETWORK_GATHER:
        row->nbytes = 2 * (double)hpac_batch_nbytes(&network->options.format);
        break;
    case NETWORK_FORWARD:
    case NETWORK_EVALUATE:
        row->nbytes = forward_nbytes(stage->plan, call == NETWORK_FORWARD);
        row->flops = stage_flops(network, stage, false);
        break;
    case NETWORK_BACKWARD:
        row->nbytes = backward_nbytes(stage);
        row->flops = stage_flops(network, stage, true);
        break;
    case NETWORK_UPDATE: /* four arrays read, three of them written */
        row->nbytes = 7 * (double)network->updated_parameters_nbytes;
        break;
    case NETWORK_LOSS:
    case NETWORK_EVALUATE_LOSS:
        row->nbytes = loss_nbytes(network);
        break;
    case NETWORK_CALL_COUNT:
        break;
    }
}

static void fill_rows(const hpac_network *network, hpac_profile_row *rows)
{
    for (size_t call = 0; call < NETWORK_CALL_COUNT; call++) {
        size_t count = network_call_is_of_plan((network_call)call) ? network->stage_count : 1;
        for (size_t stage = 0; stage < count; stage++)
            fill_row(network, (network_call)call, stage,
                     &rows[row_of(network, (network_call)call, stage)]);
    }
}

/* ---- life ---- */

static hpac_status make_marks(hpac_network *network, network_profile *profile, size_t flight)
{
    hpac_device *device = network->options.device;
    profile->marks[flight] = calloc(profile->mark_capacity, sizeof **profile->marks);
    if (!profile->marks[flight])
        return hpac_fail_memory(profile->mark_capacity * sizeof **profile->marks);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < profile->mark_capacity && status == HPAC_OK; i++)
        status = device->ops->timer_create(device, &profile->marks[flight][i].timer);
    return status;
}

hpac_status network_profile_create(hpac_network *network)
{
    if (!network->options.profile || network->profile)
        return HPAC_OK;
    network_profile *profile = network->profile = calloc(1, sizeof *profile);
    if (!profile)
        return hpac_fail_memory(sizeof *profile);
    profile->row_count = row_of(network, NETWORK_CALL_COUNT, 0);
    /* Each call of a step ends at a mark of its own; the upload, what is done with the batch, and
     * the computing have one to begin. */
    profile->mark_capacity = profile->row_count + 3;
    profile->rows = calloc(profile->row_count, sizeof *profile->rows);
    if (!profile->rows)
        return hpac_fail_memory(profile->row_count * sizeof *profile->rows);
    fill_rows(network, profile->rows);
    hpac_status status = HPAC_OK;
    for (size_t flight = 0; flight < HPAC_NETWORK_IN_FLIGHT && status == HPAC_OK; flight++)
        status = make_marks(network, profile, flight);
    return status;
}

void network_profile_destroy(hpac_network *network)
{
    network_profile *profile = network->profile;
    if (!profile)
        return;
    hpac_device *device = network->options.device;
    for (size_t flight = 0; flight < HPAC_NETWORK_IN_FLIGHT; flight++) {
        for (size_t i = 0; profile->marks[flight] && i < profile->mark_capacity; i++)
            if (profile->marks[flight][i].timer)
                device->ops->event_destroy(device, profile->marks[flight][i].timer);
        free(profile->marks[flight]);
    }
    free(profile->rows);
    free(profile);
    network->profile = NULL;
}

/* ---- steps ---- */

static hpac_status mark(hpac_network *network, const network_flight *flight, hpac_queue queue,
                        size_t row)
{
    hpac_device *device = network->options.device;
    network_profile *profile = network->profile;
    size_t number = (size_t)(flight - network->flights);
    if (profile->mark_count[number] == profile->mark_capacity)
        return hpac_fail(HPAC_ERR_INTERNAL, "profile: more than %zu marks in a step",
                         profile->mark_capacity);
    profile_mark *next = &profile->marks[number][profile->mark_count[number]++];
    next->row = row;
    return device->ops->event_record(device, next->timer, queue);
}

void network_profile_reset(hpac_network *network, const network_flight *flight)
{
    if (network->profile)
        network->profile->mark_count[flight - network->flights] = 0;
}

hpac_status network_profile_begin(hpac_network *network, const network_flight *flight,
                                  hpac_queue queue)
{
    return network->profile ? mark(network, flight, queue, NO_ROW) : HPAC_OK;
}

hpac_status network_profile_end(hpac_network *network, const network_flight *flight,
                                hpac_queue queue, network_call call, size_t stage)
{
    return network->profile ? mark(network, flight, queue, row_of(network, call, stage)) : HPAC_OK;
}

hpac_status network_profile_collect(hpac_network *network, const network_flight *flight)
{
    network_profile *profile = network->profile;
    if (!profile)
        return HPAC_OK;
    hpac_device *device = network->options.device;
    size_t number = (size_t)(flight - network->flights);
    const profile_mark *marks = profile->marks[number];
    for (size_t i = 1; i < profile->mark_count[number]; i++) {
        if (marks[i].row == NO_ROW)
            continue;
        double ms = 0;
        hpac_status status =
            device->ops->elapsed_ms(device, marks[i - 1].timer, marks[i].timer, &ms);
        if (status != HPAC_OK)
            return status;
        profile->rows[marks[i].row].calls++;
        profile->rows[marks[i].row].total_ms += ms;
    }
    return HPAC_OK;
}

size_t hpac_network_profile(const hpac_network *network, const hpac_profile_row **rows)
{
    *rows = network->profile ? network->profile->rows : NULL;
    return network->profile ? network->profile->row_count : 0;
}
