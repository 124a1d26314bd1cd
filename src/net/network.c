/* A network's life: layers become operations, operations become plans, plans get their memory. */
#include "layer_table.h"
#include "network_internal.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_NBYTES 256 /* slices of arenas start at multiples of this (device.h) */

static size_t round_up(size_t nbytes)
{
    return (nbytes + SLICE_NBYTES - 1) / SLICE_NBYTES * SLICE_NBYTES;
}

/* ---- operations ---- */

static void append_op(hpac_network *network, hpac_op op, size_t layer)
{
    network->ops[network->op_count] = op;
    network->layer_of_op[network->op_count] = layer;
    network->op_count++;
}

static void append_layer(hpac_network *network, size_t number, hpac_shape in, hpac_shape out)
{
    const hpac_layer *layer = &network->layers[number];
    append_op(network,
              (hpac_op){.kind = hpac_layer_row_of(layer)->op,
                        .in = in,
                        .out = out,
                        .kernel_rows = layer->kernel_rows,
                        .kernel_cols = layer->kernel_cols,
                        .rate = layer->rate,
                        .stream = (uint32_t)number},
              number);
    /* The sigmoid of the last layer belongs to the loss, which reads logits. */
    if (layer->kind == HPAC_LAYER_ACTIVATION || layer->activation == HPAC_ACTIVATION_LINEAR ||
        number + 1 == network->options.layer_count)
        return;
    const hpac_layer activation = {.kind = HPAC_LAYER_ACTIVATION, .activation = layer->activation};
    append_op(network, (hpac_op){.kind = hpac_layer_row_of(&activation)->op, .in = out, .out = out},
              number);
}

static hpac_status make_ops(hpac_network *network)
{
    size_t capacity = 2 * network->options.layer_count + 1;
    network->ops = calloc(capacity, sizeof *network->ops);
    network->layer_of_op = calloc(capacity, sizeof *network->layer_of_op);
    if (!network->ops || !network->layer_of_op)
        return hpac_fail_memory(capacity * sizeof *network->ops);
    hpac_shape in = network_input_shape(network);
    append_op(
        network,
        (hpac_op){
            .kind = HPAC_OP_PIXELS, .in = in, .out = in, .pixels = network->options.format.pixels},
        0); /* no layer's: it has no parameters */
    for (size_t i = 0; i < network->options.layer_count; i++) {
        append_layer(network, i, in, network->shapes[i]);
        in = network->shapes[i];
    }
    return HPAC_OK;
}

/* ---- plans ---- */

/* Asks for the longest run from `first` on that the device takes. */
static hpac_status plan_stage(hpac_network *network, size_t first, hpac_layout layout,
                              network_stage *stage)
{
    hpac_device *device = network->options.device;
    size_t rest = network->op_count - first;
    for (size_t count = network->options.unfused ? 1 : rest; count >= 1; count--) {
        hpac_plan_request request = {
            .ops = network->ops + first,
            .op_count = count,
            .batch = network->options.format.batch_size,
            .input_layout = layout,
            .plain_output = count == rest,
            .training = network->options.training,
            .input_gradient = stage->input_gradient,
            .update = network->options.training && !network->options.unfused
                          ? &network->options.optimizer
                          : NULL,
        };
        HPAC_TRY(device->ops->plan_create(device, &request, &stage->plan));
        if (stage->plan) {
            stage->first_op = first;
            stage->op_count = count;
            return HPAC_OK;
        }
    }
    return hpac_fail(HPAC_ERR_INTERNAL, "device %s declines a single operation (kind %d)",
                     device->ops->name, (int)network->ops[first].kind);
}

static hpac_status make_plans(hpac_network *network)
{
    network->stages = calloc(network->op_count, sizeof *network->stages);
    if (!network->stages)
        return hpac_fail_memory(network->op_count * sizeof *network->stages);
    hpac_layout layout = HPAC_LAYOUT_PLAIN;
    bool parameters_before = false;
    network->stage_count = 0;
    for (size_t op = 0; op < network->op_count;) {
        network_stage *stage = &network->stages[network->stage_count];
        stage->input_gradient = network->options.training && parameters_before;
        HPAC_TRY(plan_stage(network, op, layout, stage));
        network->stage_count++;
        if (stage->plan->parameter_count > 0 && !parameters_before) {
            parameters_before = true;
            network->first_trained = network->stage_count - 1;
        }
        layout = stage->plan->output_layout;
        op += stage->op_count;
    }
    return HPAC_OK;
}

/* ---- memory ---- */

static size_t assign_parameters(hpac_network *network, bool updates_itself, size_t offset)
{
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        if (stage->plan->updates_parameters == updates_itself) {
            stage->parameters_offset = offset;
            offset += round_up(stage->plan->parameters_nbytes);
        }
    }
    return offset;
}

static void assign_memory(hpac_network *network)
{
    size_t activations = 0;
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        const hpac_plan *plan = stage->plan;
        stage->output_offset = activations;
        activations += round_up(plan->output_nbytes);
        stage->state_offset = activations;
        activations += round_up(plan->state_nbytes);
        if (plan->workspace_nbytes > network->workspace_nbytes)
            network->workspace_nbytes = plan->workspace_nbytes;
        if (network->options.training && i >= network->first_trained &&
            plan->output_nbytes > network->flow_nbytes)
            network->flow_nbytes = plan->output_nbytes;
    }
    network->activations_nbytes = activations;
    /* Plans that update their own parameters come last, so that the rest is one run for adadelta().
     */
    network->updated_parameters_nbytes = assign_parameters(network, false, 0);
    network->parameters_nbytes =
        assign_parameters(network, true, network->updated_parameters_nbytes);
}

static size_t probabilities_nbytes(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    return format->batch_size * format->target_count * sizeof(float);
}

hpac_memory_plan hpac_network_memory_plan(const hpac_network *network)
{
    bool training = network->options.training;
    size_t flight = hpac_batch_nbytes(&network->options.format) + sizeof(hpac_step_result) +
                    probabilities_nbytes(network);
    return (hpac_memory_plan){
        .activations = network->activations_nbytes,
        .gradients = training ? network->updated_parameters_nbytes + 2 * network->flow_nbytes : 0,
        .parameters = network->parameters_nbytes,
        .optimizer = training ? 2 * network->parameters_nbytes : 0,
        .workspace = network->workspace_nbytes,
        .batches = HPAC_NETWORK_IN_FLIGHT * flight,
    };
}

size_t hpac_memory_plan_nbytes(hpac_memory_plan plan)
{
    return plan.activations + plan.gradients + plan.parameters + plan.optimizer + plan.workspace +
           plan.batches;
}

hpac_status hpac_network_check_memory(const hpac_network *network, const hpac_network *beside)
{
    hpac_device *device = network->options.device;
    hpac_device_info info;
    hpac_status status = device->ops->describe(device, &info);
    size_t needed = hpac_memory_plan_nbytes(hpac_network_memory_plan(network)) +
                    (beside ? hpac_memory_plan_nbytes(hpac_network_memory_plan(beside)) : 0);
    if (status == HPAC_OK && needed > info.free_nbytes)
        status = hpac_fail(HPAC_ERR_DEVICE,
                           "%s: the network needs %.1f MiB, %.1f MiB of %.1f MiB are free; lower "
                           "train.batch_size",
                           info.name, (double)needed / 0x1p20, (double)info.free_nbytes / 0x1p20,
                           (double)info.total_nbytes / 0x1p20);
    return status;
}

static hpac_status take(hpac_network *network, hpac_memory memory, size_t nbytes, void **address)
{
    hpac_device *device = network->options.device;
    return nbytes == 0 ? HPAC_OK : device->ops->alloc(device, memory, nbytes, address);
}

static hpac_status allocate_lane(hpac_network *network, network_flight *flight)
{
    hpac_device *device = network->options.device;
    const hpac_device_ops *ops = device->ops;
    size_t probabilities = probabilities_nbytes(network);
    hpac_status status = take(network, HPAC_MEMORY_DEVICE,
                              hpac_batch_nbytes(&network->options.format), &flight->staging);
    if (status == HPAC_OK)
        status = take(network, HPAC_MEMORY_DEVICE, sizeof(hpac_step_result), &flight->result);
    if (status == HPAC_OK)
        status = take(network, HPAC_MEMORY_DEVICE, probabilities, &flight->probabilities);
    if (status == HPAC_OK)
        status = take(network, HPAC_MEMORY_PINNED, sizeof(hpac_step_result), &flight->host_result);
    if (status == HPAC_OK)
        status = take(network, HPAC_MEMORY_PINNED, probabilities, &flight->host_probabilities);
    if (status == HPAC_OK)
        status = ops->event_create(device, &flight->uploaded);
    if (status == HPAC_OK)
        status = ops->event_create(device, &flight->done);
    return status;
}

/* Positive weights cross once, through the first flight's pinned memory (batch >= 1 rows of
 * classes).
 */
static hpac_status upload_positive_weights(hpac_network *network)
{
    if (!network->positive_weights)
        return HPAC_OK;
    hpac_device *device = network->options.device;
    size_t nbytes = network->options.format.target_count * sizeof(float);
    hpac_status status =
        take(network, HPAC_MEMORY_DEVICE, nbytes, &network->device_positive_weights);
    if (status != HPAC_OK)
        return status;
    memcpy(network->flights[0].host_probabilities, network->positive_weights, nbytes);
    status = device->ops->upload(device, HPAC_QUEUE_COMPUTE, network->device_positive_weights,
                                 network->flights[0].host_probabilities, nbytes);
    return status == HPAC_OK ? device->ops->synchronize(device) : status;
}

hpac_status hpac_network_allocate(hpac_network *network)
{
    if (network->allocated)
        return HPAC_OK;
    hpac_status status = hpac_network_check_memory(network, NULL);
    if (status != HPAC_OK)
        return status;
    const struct {
        size_t nbytes;
        void **address;
    } blocks[] = {
        {network->activations_nbytes, &network->activations},
        {network->parameters_nbytes, &network->parameters},
        {network->workspace_nbytes, &network->workspace},
        {network->updated_parameters_nbytes, &network->gradients},
        {network->parameters_nbytes, &network->square_average},
        {network->parameters_nbytes, &network->delta_average},
        {network->flow_nbytes, &network->flow[0]},
        {network->flow_nbytes, &network->flow[1]},
    };
    size_t count = network->options.training ? sizeof blocks / sizeof *blocks : 3;
    for (size_t i = 0; i < count && status == HPAC_OK; i++)
        status = take(network, HPAC_MEMORY_DEVICE, blocks[i].nbytes, blocks[i].address);
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT && status == HPAC_OK; i++)
        status = allocate_lane(network, &network->flights[i]);
    if (status == HPAC_OK)
        status = network_profile_create(network);
    if (status == HPAC_OK)
        status = upload_positive_weights(network);
    network->allocated = status == HPAC_OK;
    return status;
}

/* ---- life ---- */

static hpac_status copy_options(hpac_network *network, const hpac_network_options *options)
{
    size_t layers_nbytes = options->layer_count * sizeof *options->layers;
    network->options = *options;
    network->layers = malloc(layers_nbytes);
    network->shapes = calloc(options->layer_count, sizeof *network->shapes);
    if (!network->layers || !network->shapes)
        return hpac_fail_memory(layers_nbytes);
    memcpy(network->layers, options->layers, layers_nbytes);
    network->options.layers = network->layers;
    if (options->positive_weights) {
        size_t nbytes = options->format.target_count * sizeof(float);
        network->positive_weights = malloc(nbytes);
        if (!network->positive_weights)
            return hpac_fail_memory(nbytes);
        memcpy(network->positive_weights, options->positive_weights, nbytes);
        network->options.positive_weights = network->positive_weights;
    }
    return HPAC_OK;
}

hpac_status hpac_network_create(const hpac_network_options *options, hpac_network **result)
{
    *result = NULL;
    if (options->layer_count < 1 || options->format.batch_size < 1)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "network with %zu layers and batch size %zu, expected at least 1 of each",
                         options->layer_count, options->format.batch_size);
    hpac_network *network = calloc(1, sizeof *network);
    if (!network)
        return hpac_fail_memory(sizeof *network);
    hpac_status status = copy_options(network, options);
    if (status == HPAC_OK)
        status =
            hpac_layers_check(network->layers, options->layer_count, network_input_shape(network),
                              options->format.target_count, network->shapes);
    if (status == HPAC_OK)
        status = make_ops(network);
    if (status == HPAC_OK)
        status = make_plans(network);
    if (status == HPAC_OK) {
        assign_memory(network);
        *result = network;
    } else {
        hpac_network_destroy(network);
    }
    return status;
}

static void free_lane(hpac_device *device, network_flight *flight)
{
    const hpac_device_ops *ops = device->ops;
    if (flight->graph)
        ops->graph_destroy(device, flight->graph);
    ops->event_destroy(device, flight->uploaded);
    ops->event_destroy(device, flight->done);
    ops->free(device, HPAC_MEMORY_DEVICE, flight->staging);
    ops->free(device, HPAC_MEMORY_DEVICE, flight->result);
    ops->free(device, HPAC_MEMORY_DEVICE, flight->probabilities);
    ops->free(device, HPAC_MEMORY_PINNED, flight->host_result);
    ops->free(device, HPAC_MEMORY_PINNED, flight->host_probabilities);
}

void hpac_network_destroy(hpac_network *network)
{
    if (!network)
        return;
    hpac_device *device = network->options.device;
    const hpac_device_ops *ops = device->ops;
    void *const blocks[] = {
        network->activations, network->parameters,     network->workspace,
        network->gradients,   network->square_average, network->delta_average,
        network->flow[0],     network->flow[1],        network->device_positive_weights,
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        ops->free(device, HPAC_MEMORY_DEVICE, blocks[i]);
    network_store_fini(network);
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        free_lane(device, &network->flights[i]);
    network_profile_destroy(network);
    for (size_t i = 0; i < network->stage_count; i++)
        ops->plan_destroy(network->stages[i].plan);
    free(network->stages);
    free(network->ops);
    free(network->layer_of_op);
    free(network->positive_weights);
    free(network->shapes);
    free(network->layers);
    free(network);
}
