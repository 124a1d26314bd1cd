/* A network's life: layers become operations, operations become plans, plans get their memory. */
#include "network_internal.h"

#include "base/memory.h"

#include <string.h>

/* Times 2^31 values per image (hpac_layers_check) and their sums, bytes still fit into 64 bits. */
#define MAX_BATCH_SIZE (1 << 24)

static double mib(size_t nbytes)
{
    return (double)nbytes / 0x1p20;
}

hpac_shape network_input_shape(const hpac_network *network)
{
    const hpac_batch_format *format = &network->options.format;
    return (hpac_shape){
        .rank = 3, .rows = format->rows, .cols = format->cols, .channels = format->channels};
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
        .gradients = training ? network->updated_parameters_nbytes : 0,
        .parameters = network->parameters_nbytes + network->statistics_nbytes,
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
        {device, network->statistics_nbytes, &network->statistics},
        {pinned, network->options.poison ? network->activations_nbytes : 0, &network->poison},
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
    if (network->poison)
        memset(network->poison, 0xff, network->activations_nbytes); /* all bits set: a NaN */
    network->allocated = true;
    return HPAC_OK;
}

static bool is_fraction(float value)
{
    return value >= 0 && value < 1;
}

static hpac_status check_loss(const hpac_network_options *options)
{
    const hpac_loss_formula *loss = &options->loss;
    const hpac_layer *last = &options->layers[options->layer_count - 1];
    if (!(loss->gamma_pos >= 0 && loss->gamma_neg >= 0 && is_fraction(loss->clip) &&
          is_fraction(loss->alpha) && is_fraction(loss->label_smoothing)))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "network with the loss gamma_pos %g, gamma_neg %g, clip %g, alpha %g, "
                         "label_smoothing %g, expected numbers >= 0, the last three below 1",
                         (double)loss->gamma_pos, (double)loss->gamma_neg, (double)loss->clip,
                         (double)loss->alpha, (double)loss->label_smoothing);
    if (last->activation == HPAC_ACTIVATION_SOFTMAX && !hpac_loss_is_plain(loss))
        return hpac_fail(HPAC_ERR_CONFIG, "a network that ends in a softmax has no other loss than "
                                          "cross-entropy");
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
    HPAC_TRY(hpac_layers_check(network->layers, layers, network_input_shape(network), classes,
                               network->shapes));
    HPAC_TRY_NEW(network->layer_training, layers);
    for (size_t i = 0; i < layers; i++)
        network->layer_training[i] = options->layer_training
                                         ? options->layer_training[i]
                                         : (hpac_layer_training){.learning_rate_factor = 1};
    network->options.layer_training = network->layer_training;
    HPAC_TRY(network_make_ops(network));
    HPAC_TRY(network_make_plans(network));
    return network_place_memory(network);
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
    HPAC_TRY(check_loss(options));
    HPAC_TRY(network_check_update_options(options));
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
    free(network->pieces);
    free(network->stages);
    free(network->folded);
    free(network->outputs);
    free(network->links);
    free(network->ops);
    free(network->layer_training);
    free(network->positive_weights);
    free(network->shapes);
    free(network->layers);
    free(network);
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
        bool in_place = network->links[network->stages[i].first_op].in_place;
        const char *algorithm = in_place ? "in place" : plan->algorithm;
        fprintf(stream, "  %s%s%s%s\n", ops, plan->updates_parameters ? " + adadelta" : "",
                *algorithm ? ": " : "", algorithm);
    }
    hpac_memory_plan plan = hpac_network_memory_plan(network);
    fprintf(stream,
            "memory, MiB: activations %.1f, gradients %.1f, parameters %.1f, optimizer %.1f, "
            "workspace %.1f, batches %.1f\n",
            mib(plan.activations), mib(plan.gradients), mib(plan.parameters), mib(plan.optimizer),
            mib(plan.workspace), mib(plan.batches));
}
