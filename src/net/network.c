/* A network's life: layers become operations, operations become plans, plans get their memory. */
#include "layer_table.h"
#include "network_internal.h"

#include "base/memory.h"

#include <string.h>

#define SLICE_NBYTES 256 /* slices of arenas start at multiples of this (device.h) */
/* Times 2^31 values per image (hpac_layers_check) and their sums, bytes still fit into 64 bits. */
#define MAX_BATCH_SIZE (1 << 24)

static size_t round_up(size_t nbytes)
{
    return (nbytes + SLICE_NBYTES - 1) / SLICE_NBYTES * SLICE_NBYTES;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static double mib(size_t nbytes)
{
    return (double)nbytes / 0x1p20;
}

static hpac_shape input_shape(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    return (hpac_shape){
        .rank = 3, .rows = format->rows, .cols = format->cols, .channels = format->channels};
}

static void append_layer(hpac_network *network, size_t number, hpac_shape in, hpac_shape out)
{
    const hpac_layer *layer = &network->layers[number];
    network->ops[network->op_count++] = (hpac_op){
        .kind = hpac_layer_row_of(layer)->op,
        .in = in,
        .out = out,
        .kernel_rows = layer->kernel_rows,
        .kernel_cols = layer->kernel_cols,
        .stride_rows = layer->kind == HPAC_LAYER_MAXPOOL ? layer->kernel_rows : 1,
        .stride_cols = layer->kind == HPAC_LAYER_MAXPOOL ? layer->kernel_cols : 1,
        .dilation_rows = 1,
        .dilation_cols = 1,
        .groups = 1,
        .rate = layer->rate,
        .stream = (uint32_t)number,
    };
    /* The sigmoid of the last layer belongs to the loss, which reads logits. */
    if (layer->kind == HPAC_LAYER_ACTIVATION || layer->activation == HPAC_ACTIVATION_LINEAR ||
        number + 1 == network->options.layer_count)
        return;
    const hpac_layer activation = {.kind = HPAC_LAYER_ACTIVATION, .activation = layer->activation};
    network->ops[network->op_count++] =
        (hpac_op){.kind = hpac_layer_row_of(&activation)->op, .in = out, .out = out};
}

static hpac_status make_ops(hpac_network *network)
{
    size_t layer_count = network->options.layer_count;
    hpac_shape in = input_shape(network);
    HPAC_TRY_NEW(network->ops, 2 * layer_count + 1);
    network->ops[network->op_count++] = (hpac_op){
        .kind = HPAC_OP_PIXELS, .in = in, .out = in, .pixels = network->options.format.pixels};
    for (size_t i = 0; i < layer_count; i++) {
        append_layer(network, i, in, network->shapes[i]);
        in = network->shapes[i];
    }
    return HPAC_OK;
}

/* Asks for the longest op chain from `first` on that the device accepts. */
static hpac_status plan_stage(hpac_network *network, size_t first, hpac_layout layout,
                              network_stage *stage)
{
    const hpac_network_options *options = &network->options;
    hpac_device *device = options->device;
    size_t rest = network->op_count - first;
    stage->first_op = first;
    for (size_t count = options->unfused ? 1 : rest; count >= 1; count--) {
        if (!network_is_frozen(network, first, count, &stage->frozen))
            continue;
        hpac_plan_request request = {
            .ops = network->ops + first,
            .op_count = count,
            .batch = options->format.batch_size,
            .input_layout = layout,
            .plain_output = count == rest,
            .training = options->training,
            .frozen = stage->frozen,
            .frozen_statistics = stage->frozen,
            .input_gradient = stage->input_gradient,
            .update = network_may_update(network, first, count) ? &options->optimizer : NULL,
        };
        HPAC_TRY(device->ops->plan_create(device, &request, &stage->plan));
        stage->op_count = count;
        if (stage->plan)
            return HPAC_OK;
    }
    return hpac_fail(HPAC_ERR_INTERNAL, "device %s declines the single operation %s",
                     device->ops->name, hpac_op_name(network->ops[first].kind));
}

static hpac_status make_plans(hpac_network *network)
{
    hpac_layout layout = HPAC_LAYOUT_PLAIN;
    bool trained_before = false;
    HPAC_TRY_NEW(network->stages, network->op_count);
    for (size_t op = 0; op < network->op_count;) {
        network_stage *stage = &network->stages[network->stage_count];
        stage->input_gradient = network->options.training && trained_before;
        HPAC_TRY(plan_stage(network, op, layout, stage));
        if (stage->plan->parameter_count > 0 && !stage->frozen && !trained_before) {
            trained_before = true;
            network->first_trained = network->stage_count;
        }
        network->stage_count++;
        layout = stage->plan->output_layout;
        op += stage->op_count;
    }
    if (network->options.training && !trained_before)
        return hpac_fail(HPAC_ERR_CONFIG, "all layers are frozen: there is nothing to train");
    return HPAC_OK;
}

static size_t assign_parameters(hpac_network *network, bool frozen, bool updates_itself,
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

static void assign_memory(hpac_network *network)
{
    size_t activations = 0;
    for (size_t i = 0; i < network->stage_count; i++) {
        network_stage *stage = &network->stages[i];
        const hpac_plan *plan = stage->plan;
        stage->output_offset = activations;
        stage->state_offset = activations + round_up(plan->output_nbytes);
        activations = stage->state_offset + round_up(plan->state_nbytes);
        network->workspace_nbytes = larger(network->workspace_nbytes, plan->workspace_nbytes);
        if (network->options.training && i >= network->first_trained)
            network->flow_nbytes = larger(network->flow_nbytes, plan->output_nbytes);
    }
    network->activations_nbytes = activations;
    /* Plans that update their own parameters come behind the others, and frozen ones last, so that
     * update() gets consecutive parameters. */
    network->updated_parameters_nbytes = assign_parameters(network, false, false, 0);
    network->trained_nbytes =
        assign_parameters(network, false, true, network->updated_parameters_nbytes);
    network->parameters_nbytes = assign_parameters(network, true, false, network->trained_nbytes);
    network->range_count = network->options.training ? network_count_ranges(network) : 0;
}

static size_t state_nbytes(const hpac_network *network, hpac_state state)
{
    return network->options.training && hpac_state_name(&network->options, state)
               ? network->trained_nbytes
               : 0;
}

size_t network_probabilities_nbytes(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    return format->batch_size * format->target_count * sizeof(float);
}

hpac_memory_plan hpac_network_memory_plan(const hpac_network *network)
{
    bool training = network->options.training;
    const hpac_batch_format *format = &network->options.format;
    size_t flight = hpac_batch_nbytes(format) + sizeof(hpac_step_result) +
                    network_probabilities_nbytes(network) + format->batch_size * sizeof(uint32_t);
    size_t states = 0;
    for (hpac_state state = 0; state < HPAC_STATE_COUNT; state++)
        states += state_nbytes(network, state);
    return (hpac_memory_plan){
        .activations = network->activations_nbytes,
        .gradients = training ? network->updated_parameters_nbytes + 2 * network->flow_nbytes : 0,
        .parameters = network->parameters_nbytes,
        .optimizer = states,
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
    HPAC_TRY_GIVEN(network);
    hpac_device *device = network->options.device;
    hpac_device_info info;
    HPAC_TRY(device->ops->describe(device, &info));
    size_t needed = hpac_memory_plan_nbytes(hpac_network_memory_plan(network)) +
                    (beside ? hpac_memory_plan_nbytes(hpac_network_memory_plan(beside)) : 0);
    if (needed <= info.free_nbytes)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE,
                     "%s: the network needs %.1f MiB, %.1f MiB of %.1f MiB are free%s", info.name,
                     mib(needed), mib(info.free_nbytes), mib(info.total_nbytes),
                     network->options.training ? "; lower train.batch_size" : "");
}

typedef struct memory_block {
    hpac_memory memory;
    size_t nbytes; /* 0: not needed */
    void **address;
} memory_block;

enum { ARENAS = 13, BLOCKS_PER_FLIGHT = 7 };
#define BLOCK_COUNT (ARENAS + BLOCKS_PER_FLIGHT * HPAC_NETWORK_IN_FLIGHT)

/* All memory of a network but that of resident images. */
static void list_memory(hpac_network *network, memory_block blocks[BLOCK_COUNT])
{
    const hpac_memory device = HPAC_MEMORY_DEVICE, pinned = HPAC_MEMORY_PINNED;
    const hpac_batch_format *format = &network->options.format;
    bool training = network->options.training;
    size_t updated = training ? network->updated_parameters_nbytes : 0;
    size_t weights = network->positive_weights ? format->target_count * sizeof(float) : 0;
    const memory_block arenas[ARENAS] = {
        {device, network->activations_nbytes, &network->activations},
        {device, network->parameters_nbytes, &network->parameters},
        {device, network->workspace_nbytes, &network->workspace},
        {device, updated, &network->gradients},
        {device, state_nbytes(network, 0), &network->states[0]},
        {device, state_nbytes(network, 1), &network->states[1]},
        {device, state_nbytes(network, 2), &network->states[2]},
        {device, state_nbytes(network, 3), &network->states[3]},
        {device, network->range_count * sizeof(hpac_update_range), &network->ranges},
        {device, training ? HPAC_UPDATE_WORKSPACE_NBYTES : 0, &network->norm},
        {device, network->flow_nbytes, &network->flow[0]},
        {device, network->flow_nbytes, &network->flow[1]},
        {device, weights, &network->device_positive_weights},
    };
    memcpy(blocks, arenas, sizeof arenas);
    size_t batch = hpac_batch_nbytes(format), result = sizeof(hpac_step_result);
    size_t probabilities = network_probabilities_nbytes(network);
    size_t rows = format->batch_size * sizeof(uint32_t);
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        network_flight *flight = &network->flights[i];
        const memory_block buffers[BLOCKS_PER_FLIGHT] = {
            {device, batch, &flight->staging},
            {device, result, &flight->result},
            {device, probabilities, &flight->probabilities},
            {pinned, result, &flight->host_result},
            {pinned, probabilities, &flight->host_probabilities},
            {device, rows, &flight->rows},
            {pinned, rows, &flight->host_rows},
        };
        memcpy(&blocks[ARENAS + i * BLOCKS_PER_FLIGHT], buffers, sizeof buffers);
    }
}

/* Positive weights are uploaded once, through the first flight's pinned memory (batch >= 1 rows of
 * classes). */
static hpac_status upload_positive_weights(hpac_network *network)
{
    hpac_device *device = network->options.device;
    void *pinned = network->flights[0].host_probabilities;
    size_t nbytes = network->options.format.target_count * sizeof(float);
    if (!network->positive_weights)
        return HPAC_OK;
    memcpy(pinned, network->positive_weights, nbytes);
    HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COMPUTE, network->device_positive_weights,
                                 pinned, nbytes));
    return device->ops->synchronize(device);
}

hpac_status hpac_network_allocate(hpac_network *network)
{
    HPAC_TRY_GIVEN(network);
    hpac_device *device = network->options.device;
    memory_block blocks[BLOCK_COUNT];
    if (network->allocated)
        return HPAC_OK;
    HPAC_TRY(hpac_network_check_memory(network, NULL));
    list_memory(network, blocks);
    for (size_t i = 0; i < BLOCK_COUNT; i++)
        if (blocks[i].nbytes > 0)
            HPAC_TRY(
                device->ops->alloc(device, blocks[i].memory, blocks[i].nbytes, blocks[i].address));
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        HPAC_TRY(device->ops->event_create(device, &network->flights[i].uploaded));
        HPAC_TRY(device->ops->event_create(device, &network->flights[i].done));
    }
    HPAC_TRY(network_profile_init(network));
    HPAC_TRY(upload_positive_weights(network));
    HPAC_TRY(network_upload_ranges(network));
    network->allocated = true;
    return HPAC_OK;
}

static hpac_status init(hpac_network *network, const hpac_network_options *options)
{
    size_t layers = options->layer_count, classes = options->format.target_count;
    network->options = *options;
    HPAC_TRY_NEW(network->layers, layers);
    HPAC_TRY_NEW(network->shapes, layers);
    memcpy(network->layers, options->layers, layers * sizeof *options->layers);
    network->options.layers = network->layers;
    if (options->positive_weights) {
        HPAC_TRY_NEW(network->positive_weights, classes);
        memcpy(network->positive_weights, options->positive_weights, classes * sizeof(float));
        network->options.positive_weights = network->positive_weights;
    }
    HPAC_TRY(
        hpac_layers_check(network->layers, layers, input_shape(network), classes, network->shapes));
    HPAC_TRY_NEW(network->layer_training, layers);
    for (size_t i = 0; i < layers; i++)
        network->layer_training[i] = options->layer_training
                                         ? options->layer_training[i]
                                         : (hpac_layer_training){.learning_rate_factor = 1};
    network->options.layer_training = network->layer_training;
    HPAC_TRY(make_ops(network));
    HPAC_TRY(make_plans(network));
    assign_memory(network);
    return HPAC_OK;
}

hpac_status hpac_network_create(const hpac_network_options *options, hpac_network **network)
{
    HPAC_TRY_GIVEN(network);
    *network = NULL;
    HPAC_TRY_GIVEN(options);
    HPAC_TRY_GIVEN(options->device);
    HPAC_TRY_GIVEN(options->layers);
    if (options->layer_count < 1 || options->format.batch_size < 1)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "network with %zu layers and batch size %zu, expected at least 1 of each",
                         options->layer_count, options->format.batch_size);
    if (options->format.target_count > HPAC_DEVICE_MAX_CLASSES)
        return hpac_fail(HPAC_ERR_CONFIG, "network with %zu classes, expected at most %d",
                         options->format.target_count, HPAC_DEVICE_MAX_CLASSES);
    if (options->format.batch_size > MAX_BATCH_SIZE)
        return hpac_fail(HPAC_ERR_CONFIG, "network with batch size %zu, expected at most %d",
                         options->format.batch_size, MAX_BATCH_SIZE);
    if ((unsigned)options->format.pixels > HPAC_PIXELS_FLOAT32)
        return hpac_fail(HPAC_ERR_CONFIG, "network with unknown pixels %d",
                         (int)options->format.pixels);
    HPAC_TRY_NEW(*network, 1);
    return init(*network, options);
}

void hpac_network_destroy(hpac_network *network)
{
    if (!network)
        return;
    hpac_device *device = network->options.device;
    const hpac_device_ops *ops = device->ops;
    memory_block blocks[BLOCK_COUNT];
    list_memory(network, blocks);
    for (size_t i = 0; i < BLOCK_COUNT; i++)
        ops->free(device, blocks[i].memory, *blocks[i].address);
    ops->free(device, HPAC_MEMORY_DEVICE, network->resident_targets);
    ops->free(device, HPAC_MEMORY_DEVICE, network->resident_pixels);
    network_profile_fini(network);
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        if (network->flights[i].graph)
            ops->graph_destroy(device, network->flights[i].graph);
        ops->event_destroy(device, network->flights[i].uploaded);
        ops->event_destroy(device, network->flights[i].done);
    }
    for (size_t i = 0; i < network->stage_count; i++)
        ops->plan_destroy(network->stages[i].plan);
    free(network->stages);
    free(network->ops);
    free(network->layer_training);
    free(network->positive_weights);
    free(network->shapes);
    free(network->layers);
    free(network);
}

/* Moves parameters between an arena and `weights`, which is (layer_count) or NULL: all of them, or
 * only those that are trained. */
static hpac_status move(hpac_network *network, bool to_device, bool all, void *arena,
                        const hpac_weights *weights)
{
    const hpac_device_ops *ops = network->options.device->ops;
    if (!weights)
        return HPAC_OK;
    if (!arena)
        return hpac_fail(HPAC_ERR_INTERNAL, "the network has no memory for these parameters");
    HPAC_TRY(hpac_weights_fit(weights, network->layers, network->options.layer_count,
                              input_shape(network)));
    for (size_t i = 0; i < network->stage_count; i++) {
        const network_stage *stage = &network->stages[i];
        void *slice = network_at(arena, stage->parameters_offset);
        for (size_t p = 0; p < stage->plan->parameter_count && (all || !stage->frozen); p++) {
            const hpac_parameter *parameter = &stage->plan->parameters[p];
            size_t layer = network->ops[stage->first_op + parameter->op].stream;
            float *values = weights[layer].tensors[parameter->role].values;
            HPAC_TRY(to_device ? ops->parameter_write(stage->plan, p, slice, values)
                               : ops->parameter_read(stage->plan, p, slice, values));
        }
    }
    return HPAC_OK;
}

static hpac_status move_all(hpac_network *network, bool to_device, const hpac_weights *weights,
                            hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY(move(network, to_device, true, network->parameters, weights));
    for (size_t i = 0; states && i < HPAC_STATE_COUNT; i++)
        HPAC_TRY(move(network, to_device, false, network->states[i], states[i]));
    return HPAC_OK;
}

hpac_status hpac_network_import(hpac_network *network, const hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY_GIVEN(network);
    return move_all(network, true, weights, states);
}

hpac_status hpac_network_export(hpac_network *network, hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY_GIVEN(network);
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->synchronize(device));
    return move_all(network, false, weights, states);
}

hpac_status hpac_network_export_gradients(hpac_network *network, hpac_weights *gradients)
{
    HPAC_TRY_GIVEN(network);
    HPAC_TRY_GIVEN(gradients);
    hpac_device *device = network->options.device;
    if (!network->options.unfused)
        return hpac_fail(HPAC_ERR_INTERNAL, "only unfused networks retain gradients");
    HPAC_TRY(device->ops->synchronize(device));
    return move(network, false, false, network->gradients, gradients);
}

hpac_status hpac_network_initialize(hpac_network *network, uint64_t seed)
{
    HPAC_TRY_GIVEN(network);
    size_t layer_count = network->options.layer_count;
    hpac_weights *weights;
    HPAC_TRY_MEMORY(weights =
                        hpac_weights_create(network->layers, layer_count, input_shape(network)),
                    network->parameters_nbytes);
    for (size_t i = 0; i < layer_count; i++) /* biases stay 0 */
        hpac_initialize_kernel(network->layers[i].initializer, seed, (uint32_t)i, &weights[i]);
    hpac_status status = hpac_network_import(network, weights, NULL);
    hpac_weights_destroy(weights, layer_count);
    return status;
}

void network_describe_stage(const hpac_network *network, const network_stage *stage, char text[96])
{
    const hpac_op *ops = &network->ops[stage->first_op];
    size_t used = 0;
    for (size_t i = 0; i < stage->op_count && used < 96; i++)
        used += (size_t)snprintf(text + used, 96 - used, "%s%s", i > 0 ? " + " : "",
                                 hpac_op_name(ops[i].kind));
}

void hpac_network_print(const hpac_network *network, FILE *stream)
{
    fprintf(stream, "plans:\n");
    for (size_t i = 0; i < network->stage_count; i++) {
        const hpac_plan *plan = network->stages[i].plan;
        char ops[96];
        network_describe_stage(network, &network->stages[i], ops);
        fprintf(stream, "  %s%s%s%s\n", ops, plan->updates_parameters ? " + adadelta" : "",
                *plan->algorithm ? ": " : "", plan->algorithm);
    }
    hpac_memory_plan plan = hpac_network_memory_plan(network);
    fprintf(stream,
            "memory, MiB: activations %.1f, gradients %.1f, parameters %.1f, optimizer %.1f, "
            "workspace %.1f, batches %.1f\n",
            mib(plan.activations), mib(plan.gradients), mib(plan.parameters), mib(plan.optimizer),
            mib(plan.workspace), mib(plan.batches));
}
