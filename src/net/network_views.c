/*
 * Concats in place: the inputs of a concat are written right into its output, as views of it, and
 * read there, and so are their gradients. In a dense block
 *
 *     x1 = concat(x0, f(x0)), x2 = concat(x1, f(x1)), ...
 *
 * all x are the first channels of the last one, their root: one buffer for all of them.
 *
 * Backward, a concat in place computes nothing because it is the first to give its inputs their
 * gradient, which is there: it must be their last reader.
 */
#include "network_internal.h"

static size_t input_count(const hpac_op *op)
{
    return op->kind == HPAC_OP_PIXELS ? 0 : 1 + op->side_count;
}

/* Whether the concat is the last to read it, and reads it once. */
static bool reads_last(const hpac_network *network, size_t concat, size_t from)
{
    size_t times = 0;
    for (size_t op = concat; op < network->op_count; op++)
        for (size_t k = 0; k < input_count(&network->ops[op]); k++)
            times += network->links[op].inputs[k] == from;
    return times == 1;
}

static bool may_be_in_place(const hpac_network *network, size_t number)
{
    const hpac_op *op = &network->ops[number];
    const network_link *link = &network->links[number];
    if (network->options.unfused || op->kind != HPAC_OP_CONCAT || op->out.rank != 3 ||
        link->is_copying || number + 1 == network->op_count)
        return false;
    for (size_t k = 0; k < input_count(op); k++) {
        size_t from = link->inputs[k];
        if (network->ops[from].kind == HPAC_OP_PIXELS || network->links[from].root != from ||
            !reads_last(network, number, from))
            return false;
    }
    return true;
}

static void place_inputs(hpac_network *network, size_t number)
{
    network_link *link = &network->links[number];
    size_t first = link->view.first;
    link->in_place = true;
    for (size_t k = 0; k < input_count(&network->ops[number]); k++) {
        network_link *from = &network->links[link->inputs[k]];
        from->root = link->root;
        from->view = (hpac_view){network->ops[link->root].out.channels, first};
        first += network->ops[link->inputs[k]].out.channels;
    }
}

/* The last one first, so that a concat knows whether it lies in another. */
void network_choose_views(hpac_network *network)
{
    for (size_t i = 0; i < network->op_count; i++) {
        network_link *link = &network->links[i];
        link->root = i;
        link->view = (hpac_view){0};
        link->in_place = false;
    }
    for (size_t i = network->op_count; i-- > 0;)
        if (may_be_in_place(network, i))
            place_inputs(network, i);
}

bool network_has_views(const hpac_network *network, size_t number)
{
    const network_link *link = &network->links[number];
    bool has = link->view.channels > 0;
    for (size_t k = 0; k < input_count(&network->ops[number]); k++)
        has |= network->links[link->inputs[k]].view.channels > 0;
    return has;
}

static void drop_root(hpac_network *network, size_t root)
{
    for (size_t i = 0; i < network->op_count; i++)
        network->links[i].is_copying |=
            network->links[i].in_place && network->links[i].root == root;
}

void network_drop_views(hpac_network *network, size_t number)
{
    const network_link *link = &network->links[number];
    drop_root(network, link->root);
    for (size_t k = 0; k < input_count(&network->ops[number]); k++)
        drop_root(network, network->links[link->inputs[k]].root);
}
