/* From layers to plans: operations with their inputs, chains of them that are one plan, and the
 * place of everything in memory. */
#include "layer_table.h"
#include "network_internal.h"

#include "base/memory.h"

#include <string.h>
#include <sys/param.h>

#define SLICE_NBYTES 256 /* slices of arenas start at multiples of this (device.h) */

static size_t round_up(size_t nbytes)
{
    return (nbytes + SLICE_NBYTES - 1) / SLICE_NBYTES * SLICE_NBYTES;
}

/* ---- operations ---- */

static network_link *append_op(hpac_network *network, const hpac_op *op, size_t layer)
{
    network_link *link = &network->links[network->op_count];
    network->ops[network->op_count] = *op;
    network->ops[network->op_count].stream = (uint32_t)layer;
    *link = (network_link){.layer = layer};
    network->op_count++;
    return link;
}

/* The first input of a sum is the operation just before it, if it reads that: the two may then be
 * one plan. */
static void prefer_last(hpac_network *network, hpac_op *op, size_t *inputs)
{
    bool same =
        op->kind == HPAC_OP_ADD || (op->kind == HPAC_OP_MULTIPLY &&
                                    hpac_shape_count(op->sides[0]) == hpac_shape_count(op->in));
    for (size_t i = 1; same && i <= op->side_count; i++)
        if (inputs[i] + 1 == network->op_count) {
            inputs[i] = inputs[0];
            inputs[0] = network->op_count - 1;
            return;
        }
}

static bool reads_folded_zeros(const hpac_network *network, size_t number)
{
    size_t before = hpac_layer_input(&network->layers[number], number, 0);
    return before > 0 && network_folds_zeros(network, before - 1);
}

/* Adds the operations of a layer: one, and its activation's. */
static hpac_status append_layer(hpac_network *network, size_t number)
{
    const hpac_layer *layer = &network->layers[number];
    size_t count = hpac_layer_input_count(layer), inputs[HPAC_LAYER_MAX_INPUTS] = {0};
    hpac_shape shapes[HPAC_LAYER_MAX_INPUTS];
    hpac_op op;
    for (size_t i = 0; i < count; i++) {
        size_t before = hpac_layer_input(layer, number, i);
        inputs[i] = before > 0 ? network->outputs[before - 1] : 0;
        shapes[i] = before > 0 ? network->shapes[before - 1] : network_input_shape(network);
    }
    HPAC_TRY(hpac_layer_op(layer, shapes, &op));
    if (network_folds_zeros(network, number)) {
        network->outputs[number] = inputs[0];
        return HPAC_OK;
    }
    if (reads_folded_zeros(network, number))
        network_take_zeros(&network->layers[hpac_layer_input(layer, number, 0) - 1], &op);
    if (network_folds_batch_norm(network, number)) {
        size_t convolution = hpac_layer_input(layer, number, 0) - 1;
        network->outputs[number] = inputs[0];
        network->folded[convolution] = number + 1;
        network->ops[inputs[0]].no_bias = false;
        return HPAC_OK;
    }
    prefer_last(network, &op, inputs);
    memcpy(append_op(network, &op, number)->inputs, inputs, count * sizeof *inputs);
    /* The sigmoid or softmax of the last layer belongs to the loss, which reads logits. */
    if (layer->kind != HPAC_LAYER_ACTIVATION && layer->activation != HPAC_ACTIVATION_LINEAR &&
        number + 1 < network->options.layer_count) {
        const hpac_op activation = hpac_activation_op(layer->activation, op.out);
        network_link *link = append_op(network, &activation, number);
        link->inputs[0] = network->op_count - 2;
    }
    network->outputs[number] = network->op_count - 1;
    return HPAC_OK;
}

static size_t input_count(const hpac_op *op)
{
    return op->kind == HPAC_OP_PIXELS ? 0 : 1 + op->side_count;
}

static bool is_trained(const hpac_network *network, size_t number)
{
    const hpac_op *op = &network->ops[number];
    bool has_parameters = op->kind == HPAC_OP_CONV2D || op->kind == HPAC_OP_DENSE ||
                          (op->kind == HPAC_OP_BATCH_NORM && !(op->no_gamma && op->no_beta));
    return has_parameters && !network->layer_training[network->links[number].layer].frozen;
}

static void link_ops(hpac_network *network)
{
    for (size_t i = 0; i < network->op_count; i++) {
        network_link *link = &network->links[i];
        link->needs_gradient = is_trained(network, i);
        for (size_t k = 0; k < input_count(&network->ops[i]); k++) {
            network_link *from = &network->links[link->inputs[k]];
            from->readers++;
            link->needs_gradient |= from->needs_gradient;
        }
    }
}

hpac_status network_make_ops(hpac_network *network)
{
    size_t layers = network->options.layer_count;
    const hpac_op pixels = {.kind = HPAC_OP_PIXELS,
                            .in = network_input_shape(network),
                            .out = network_input_shape(network),
                            .pixels = network->options.format.pixels};
    HPAC_TRY_NEW(network->ops, 2 * layers + 1);
    HPAC_TRY_NEW(network->links, 2 * layers + 1);
    HPAC_TRY_NEW(network->outputs, layers);
    HPAC_TRY_NEW(network->folded, layers);
    (void)append_op(network, &pixels, 0);
    for (size_t i = 0; i < layers; i++)
        HPAC_TRY(append_layer(network, i));
    link_ops(network);
    return HPAC_OK;
}

/* ---- plans ---- */

/* Operations from `first` on that may be one plan: each reads the one before it, whose output
 * nothing else reads, and has further inputs from before `first` alone. A concat in place is alone.
 */
static size_t longest_chain(const hpac_network *network, size_t first)
{
    size_t next = first + 1, sides = network->ops[first].side_count;
    if (network->options.unfused || network->links[first].in_place)
        return 1;
    for (; next < network->op_count; next++) {
        const network_link *link = &network->links[next];
        sides += network->ops[next].side_count;
        if (link->inputs[0] + 1 != next || network->links[next - 1].readers != 1 ||
            sides > HPAC_OP_MAX_SIDES || link->in_place)
            break;
    }
    return next - first;
}

/* What the gradient of an input of `op` is: input 0, or a side from 1 on. Backward, operations come
 * in reverse, and the inputs of one, too: the last reader of an output writes its gradient. */
static hpac_gradient gradient_of(const hpac_network *network, size_t op, size_t input)
{
    size_t from = network->links[op].inputs[input];
    if (!network->options.training || network->ops[op].kind == HPAC_OP_PIXELS ||
        !network->links[from].needs_gradient)
        return HPAC_GRADIENT_NONE;
    for (size_t later = op; later < network->op_count; later++)
        for (size_t k = later == op ? input + 1 : 0; k < input_count(&network->ops[later]); k++)
            if (network->links[later].inputs[k] == from)
                return HPAC_GRADIENT_ADDED;
    return HPAC_GRADIENT_WRITTEN;
}

static hpac_layout layout_of(const hpac_network *network, size_t op)
{
    return network->stages[network->links[op].stage].plan->output_layout;
}

/* The sides of the operations of a stage, with their layouts and views. */
static void list_sides(const hpac_network *network, network_stage *stage,
                       hpac_layout layouts[HPAC_OP_MAX_SIDES], hpac_view views[HPAC_OP_MAX_SIDES])
{
    stage->side_count = 0;
    for (size_t op = stage->first_op; op < stage->first_op + stage->op_count; op++)
        for (size_t k = 1; k <= network->ops[op].side_count; k++) {
            size_t side = stage->side_count++;
            stage->side_ops[side] = network->links[op].inputs[k];
            stage->side_gradients[side] = gradient_of(network, op, k);
            layouts[side] = layout_of(network, stage->side_ops[side]);
            views[side] = network->links[stage->side_ops[side]].view;
        }
}

static hpac_status request_plan(hpac_network *network, network_stage *stage)
{
    const hpac_network_options *options = &network->options;
    hpac_layout sides[HPAC_OP_MAX_SIDES];
    hpac_view side_views[HPAC_OP_MAX_SIDES];
    size_t first = stage->first_op;
    list_sides(network, stage, sides, side_views);
    const hpac_view alone = {0};
    const hpac_plan_request request = {
        .ops = network->ops + first,
        .op_count = stage->op_count,
        .batch = options->format.batch_size,
        .input_layout =
            first > 0 ? layout_of(network, network->links[first].inputs[0]) : HPAC_LAYOUT_PLAIN,
        .side_layouts = stage->side_count > 0 ? sides : NULL,
        .plain_output = first + stage->op_count == network->op_count,
        .training = options->training,
        .frozen = stage->frozen,
        .frozen_statistics = stage->frozen || options->batch_norm_frozen,
        .input_gradient = stage->input_gradient,
        .side_gradients = stage->side_count > 0 ? stage->side_gradients : NULL,
        .input_view = first > 0 ? network->links[network->links[first].inputs[0]].view : alone,
        .output_view = network->links[first + stage->op_count - 1].view,
        .side_views = stage->side_count > 0 ? side_views : NULL,
        .update = network_may_update(network, first, stage->op_count) ? &options->optimizer : NULL,
    };
    return options->device->ops->plan_create(options->device, &request, &stage->plan);
}

/* Asks for the longest op chain from `first` on that the device accepts; without a plan if it
 * declines a single operation with views. */
static hpac_status plan_stage(hpac_network *network, size_t first, network_stage *stage)
{
    stage->first_op = first;
    stage->input_gradient = gradient_of(network, first, 0);
    for (stage->op_count = longest_chain(network, first); stage->op_count >= 1; stage->op_count--) {
        if (!network_is_frozen(network, first, stage->op_count, &stage->frozen))
            continue;
        HPAC_TRY(request_plan(network, stage));
        if (stage->plan)
            return HPAC_OK;
    }
    if (network_has_views(network, first))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_INTERNAL, "device %s declines the single operation %s",
                     network->options.device->ops->name, hpac_op_name(network->ops[first].kind));
}

/* Makes the plans with the views that are chosen, up to the first that the device declines. */
static hpac_status make_stages(hpac_network *network, size_t *op)
{
    for (*op = 0; *op < network->op_count;) {
        network_stage *stage = &network->stages[network->stage_count];
        HPAC_TRY(plan_stage(network, *op, stage));
        if (!stage->plan)
            return HPAC_OK;
        for (size_t i = 0; i < stage->op_count; i++, ++*op)
            network->links[*op].stage = network->stage_count;
        stage->goes_backward = network->options.training && network->links[*op - 1].needs_gradient;
        network->stage_count++;
    }
    return HPAC_OK;
}

static void destroy_stages(hpac_network *network)
{
    while (network->stage_count > 0) {
        network_stage *stage = &network->stages[--network->stage_count];
        network->options.device->ops->plan_destroy(stage->plan);
        stage->plan = NULL;
    }
}

hpac_status network_make_plans(hpac_network *network)
{
    size_t op;
    HPAC_TRY_NEW(network->stages, network->op_count);
    for (;;) {
        network_choose_views(network);
        HPAC_TRY(make_stages(network, &op));
        if (op == network->op_count)
            break;
        network_drop_views(network, op);
        destroy_stages(network);
    }
    if (network->options.training && !network->links[network->op_count - 1].needs_gradient)
        return hpac_fail(HPAC_ERR_CONFIG, "all layers are frozen: there is nothing to train");
    return HPAC_OK;
}

/* ---- memory ---- */

static size_t add_piece(hpac_network *network, size_t nbytes, size_t first, size_t last)
{
    network->pieces[network->piece_count] =
        (memory_piece){.nbytes = nbytes, .first = first, .last = last};
    return network->piece_count++;
}

static void need_until(hpac_network *network, size_t piece, size_t time)
{
    memory_piece *needed = &network->pieces[piece];
    needed->last = MAX(needed->last, time);
}

static size_t output_op(const network_stage *stage)
{
    return stage->first_op + stage->op_count - 1;
}

/* The stage whose output has that of another: of a concat in place, or itself. */
static network_stage *root_of(hpac_network *network, const network_stage *stage)
{
    size_t root = network->links[output_op(stage)].root;
    return &network->stages[network->links[root].stage];
}

/* What a stage writes: its output, its state and, before it goes backward, the gradient of its
 * output, which the last of its readers, or the loss, begins. */
static void add_pieces(hpac_network *network, size_t number)
{
    network_stage *stage = &network->stages[number];
    const hpac_plan *plan = stage->plan;
    size_t forward = network_forward_time(number),
           loss = network_forward_time(network->stage_count);
    size_t backward = network_backward_time(network, number);
    stage->output_piece = add_piece(network, plan->output_nbytes, forward, forward);
    stage->state_piece =
        add_piece(network, plan->state_nbytes, forward, stage->goes_backward ? backward : forward);
    stage->gradient_piece = NETWORK_NO_PIECE;
    if (number + 1 == network->stage_count)
        need_until(network, stage->output_piece, loss);
    if (!stage->goes_backward)
        return;
    if (!plan->ignores_y)
        need_until(network, stage->output_piece, backward);
    stage->gradient_piece = add_piece(network, plan->output_nbytes, backward, backward);
    if (number + 1 == network->stage_count)
        network->pieces[stage->gradient_piece].first = loss;
}

/* A stage whose output lies in another's has pieces of it. */
static void join_pieces(hpac_network *network, size_t number)
{
    network_stage *stage = &network->stages[number];
    const network_stage *root = root_of(network, stage);
    if (root == stage)
        return;
    const memory_piece own = network->pieces[stage->output_piece];
    memory_piece *output = &network->pieces[root->output_piece];
    output->first = MIN(output->first, own.first);
    output->last = MAX(output->last, own.last);
    network->pieces[stage->output_piece].nbytes = 0;
    stage->output_piece = root->output_piece;
    if (stage->gradient_piece == NETWORK_NO_PIECE)
        return;
    network->pieces[stage->gradient_piece].nbytes = 0;
    stage->gradient_piece = root->gradient_piece;
    need_until(network, stage->gradient_piece, network_backward_time(network, number));
}

/* What stage `number` reads of the one that makes `op`: its output, and backward the gradient. */
static void read_pieces(hpac_network *network, size_t number, size_t op, hpac_gradient gradient)
{
    const network_stage *stage = &network->stages[number];
    network_stage *from = &network->stages[network->links[op].stage];
    size_t backward = network_backward_time(network, number);
    need_until(network, from->output_piece, network_forward_time(number));
    if (stage->goes_backward && !stage->plan->ignores_x)
        need_until(network, from->output_piece, backward);
    if (gradient != HPAC_GRADIENT_NONE) {
        memory_piece *piece = &network->pieces[from->gradient_piece];
        piece->first = MIN(piece->first, backward);
    }
}

static bool is_over(const memory_piece *piece, const memory_piece *before, size_t time)
{
    return before->last == time && piece->first == time && before->nbytes == piece->nbytes;
}

/* The stage whose output a stage reads first, if that or its own may be given away: not if one of
 * them is a view. NULL: none. */
static const network_stage *giver_of(const hpac_network *network, const network_stage *stage)
{
    if (stage->first_op == 0)
        return NULL;
    size_t from = network->links[stage->first_op].inputs[0], to = output_op(stage);
    bool views = network->links[from].root != from || network->links[to].root != to;
    return views ? NULL : &network->stages[network->links[from].stage];
}

/* A plan that may write over what it reads does, where nothing needs that any more. */
static void share_pieces(hpac_network *network, size_t number)
{
    const network_stage *stage = &network->stages[number], *from = giver_of(network, stage);
    memory_piece *pieces = network->pieces, *output = &pieces[stage->output_piece];
    if (from && stage->plan->y_over_x &&
        is_over(output, &pieces[from->output_piece], network_forward_time(number)))
        output->over = from->output_piece + 1;
}

/* Likewise of gradients. Those of a stage were added after those before it, and are taken by them.
 */
static void share_gradients(hpac_network *network, size_t number)
{
    const network_stage *stage = &network->stages[number], *from = giver_of(network, stage);
    if (!from || !stage->plan->dx_over_dy || stage->input_gradient != HPAC_GRADIENT_WRITTEN)
        return;
    memory_piece *dx = &network->pieces[from->gradient_piece];
    if (is_over(dx, &network->pieces[stage->gradient_piece],
                network_backward_time(network, number)))
        dx->over = stage->gradient_piece + 1;
}

static hpac_status place_activations(hpac_network *network)
{
    HPAC_TRY_NEW(network->pieces, 3 * network->stage_count);
    for (size_t i = 0; i < network->stage_count; i++)
        add_pieces(network, i);
    for (size_t i = 0; i < network->stage_count; i++)
        join_pieces(network, i);
    for (size_t i = 0; i < network->stage_count; i++) {
        const network_stage *stage = &network->stages[i];
        if (i > 0)
            read_pieces(network, i, network->links[stage->first_op].inputs[0],
                        stage->input_gradient);
        for (size_t side = 0; side < stage->side_count; side++)
            read_pieces(network, i, stage->side_ops[side], stage->side_gradients[side]);
    }
    for (size_t i = 0; i < network->stage_count; i++) {
        share_pieces(network, i);
        share_gradients(network, i);
    }
    HPAC_TRY(
        memory_planner_run(network->pieces, network->piece_count, &network->activations_nbytes));
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        stage->output_offset = network->pieces[stage->output_piece].offset;
        stage->state_offset = network->pieces[stage->state_piece].offset;
        if (stage->gradient_piece != NETWORK_NO_PIECE)
            stage->gradient_offset = network->pieces[stage->gradient_piece].offset;
    }
    return HPAC_OK;
}

static size_t place_parameters(hpac_network *network, bool frozen, bool updates_itself,
                               size_t offset)
{
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        if (stage->frozen == frozen && stage->plan->updates_parameters == updates_itself) {
            stage->parameters_offset = offset;
            offset += round_up(stage->plan->parameters_nbytes);
        }
    }
    return offset;
}

hpac_status network_place_memory(hpac_network *network)
{
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        stage->statistics_offset = network->statistics_nbytes;
        network->statistics_nbytes += round_up(stage->plan->statistics_nbytes);
        network->workspace_nbytes = MAX(network->workspace_nbytes, stage->plan->workspace_nbytes);
    }
    /* Plans that update their own parameters come behind the others, and frozen ones last, so that
     * update() gets consecutive parameters. */
    network->updated_parameters_nbytes = place_parameters(network, false, false, 0);
    network->trained_nbytes =
        place_parameters(network, false, true, network->updated_parameters_nbytes);
    network->parameters_nbytes = place_parameters(network, true, false, network->trained_nbytes);
    network->range_count = network->options.training ? network_count_ranges(network) : 0;
    return place_activations(network);
}
