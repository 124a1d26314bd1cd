/* Weights between the host and the device, and their first values. */
#include "layer_table.h"
#include "network_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

/* The convolution's weights with the batch norm behind it in them: y = gamma (conv(x) + bias -
 * mean) / sqrt(variance + epsilon) + beta is a convolution, too. In double, as it is done once. */
typedef struct folded_weights {
    float *kernel, *bias;
} folded_weights;

static void folded_fini(folded_weights *folded)
{
    free(folded->kernel);
    free(folded->bias);
}

static hpac_status fold(const hpac_network *network, const hpac_weights *weights, size_t layer,
                        folded_weights *folded)
{
    size_t norm = network->folded[layer] - 1;
    const hpac_tensor *own = weights[layer].tensors, *of_norm = weights[norm].tensors;
    const float *bias = own[HPAC_BIAS].values, *gamma = of_norm[HPAC_GAMMA].values;
    const float *beta = of_norm[HPAC_BETA].values, *mean = of_norm[HPAC_MOVING_MEAN].values;
    const float *variance = of_norm[HPAC_MOVING_VARIANCE].values;
    size_t outputs = of_norm[HPAC_MOVING_MEAN].count, count = own[HPAC_KERNEL].count;
    float epsilon = network->layers[norm].epsilon > 0 ? network->layers[norm].epsilon : 1e-3f;
    HPAC_TRY_NEW(folded->kernel, count);
    HPAC_TRY_NEW(folded->bias, outputs);
    for (size_t k = 0; k < outputs; k++) {
        double scale = (gamma ? (double)gamma[k] : 1) / sqrt((double)variance[k] + (double)epsilon);
        double offset = (bias ? (double)bias[k] : 0) - (double)mean[k];
        folded->bias[k] = (float)(offset * scale + (beta ? (double)beta[k] : 0));
        for (size_t i = k; i < count; i += outputs) /* outputs lie side by side */
            folded->kernel[i] = (float)((double)own[HPAC_KERNEL].values[i] * scale);
    }
    return HPAC_OK;
}

/* Which of a network's tensors move. */
typedef enum moved_set {
    MOVE_ALL,
    MOVE_TRAINED, /* what has gradients and states */
} moved_set;

typedef struct move_request {
    bool to_device;
    moved_set set;
    void *arena;                 /* of the trained tensors; the others have their own */
    const hpac_weights *weights; /* (layer_count) */
} move_request;

static hpac_status move_parameter(hpac_network *network, const move_request *move,
                                  const network_stage *stage, size_t index)
{
    const hpac_device_ops *ops = network->options.device->ops;
    const hpac_parameter *parameter = &stage->plan->parameters[index];
    size_t layer = network->links[stage->first_op + parameter->op].layer;
    float *values = move->weights[layer].tensors[parameter->role].values;
    bool trained = hpac_role_is_trained(parameter->role);
    HPAC_AUTO(folded_fini) folded_weights folded = {0};
    if (move->set == MOVE_TRAINED && (!trained || stage->frozen))
        return HPAC_OK;
    if (network->folded[layer] > 0 && !move->to_device)
        return hpac_fail(HPAC_ERR_INTERNAL, "layer %zu has a batch norm in its weights", layer + 1);
    if (network->folded[layer] > 0) {
        HPAC_TRY(fold(network, move->weights, layer, &folded));
        values = parameter->role == HPAC_KERNEL ? folded.kernel : folded.bias;
    }
    void *slice = trained ? network_at(move->arena, stage->parameters_offset)
                          : network_at(network->statistics, stage->statistics_offset);
    return move->to_device ? ops->parameter_write(stage->plan, index, slice, values)
                           : ops->parameter_read(stage->plan, index, slice, values);
}

/* Moves tensors between the device and the host's weights, which may be NULL. */
static hpac_status move_all(hpac_network *network, const move_request *move)
{
    if (!move->weights)
        return HPAC_OK;
    if (!move->arena)
        return hpac_fail(HPAC_ERR_INTERNAL, "the network has no memory for these parameters");
    HPAC_TRY(hpac_weights_fit(move->weights, network->layers, network->options.layer_count,
                              network_input_shape(network), move->set == MOVE_TRAINED));
    for (size_t i = 0; i < network->stage_count; i++)
        for (size_t p = 0; p < network->stages[i].plan->parameter_count; p++)
            HPAC_TRY(move_parameter(network, move, &network->stages[i], p));
    return HPAC_OK;
}

static hpac_status move_with_states(hpac_network *network, bool to_device,
                                    const hpac_weights *weights,
                                    hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY(move_all(network, &(move_request){to_device, MOVE_ALL, network->parameters, weights}));
    for (size_t i = 0; states && i < HPAC_STATE_COUNT; i++)
        HPAC_TRY(move_all(network,
                          &(move_request){to_device, MOVE_TRAINED, network->states[i], states[i]}));
    return HPAC_OK;
}

hpac_status hpac_network_import(hpac_network *network, const hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY_GIVEN(network);
    return move_with_states(network, true, weights, states);
}

hpac_status hpac_network_export(hpac_network *network, hpac_weights *weights,
                                hpac_weights *const states[HPAC_STATE_COUNT])
{
    HPAC_TRY_GIVEN(network);
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->synchronize(device));
    return move_with_states(network, false, weights, states);
}

hpac_status hpac_network_export_gradients(hpac_network *network, hpac_weights *gradients)
{
    HPAC_TRY_GIVEN(network);
    HPAC_TRY_GIVEN(gradients);
    hpac_device *device = network->options.device;
    if (!network->options.unfused)
        return hpac_fail(HPAC_ERR_INTERNAL, "only unfused networks retain gradients");
    HPAC_TRY(device->ops->synchronize(device));
    return move_all(network, &(move_request){false, MOVE_TRAINED, network->gradients, gradients});
}

static void fill(hpac_tensor *tensor, float value)
{
    for (size_t i = 0; i < tensor->count; i++)
        tensor->values[i] = value;
}

hpac_status hpac_network_initialize(hpac_network *network, uint64_t seed)
{
    HPAC_TRY_GIVEN(network);
    size_t layer_count = network->options.layer_count;
    hpac_weights *weights;
    HPAC_TRY_MEMORY(
        weights = hpac_weights_create(network->layers, layer_count, network_input_shape(network)),
        network->parameters_nbytes);
    for (size_t i = 0; i < layer_count; i++) { /* biases, betas and means stay 0 */
        hpac_initialize_kernel(network->layers[i].initializer, seed, (uint32_t)i, &weights[i]);
        fill(&weights[i].tensors[HPAC_GAMMA], 1);
        fill(&weights[i].tensors[HPAC_MOVING_VARIANCE], 1);
    }
    hpac_status status = hpac_network_import(network, weights, NULL);
    hpac_weights_destroy(weights, layer_count);
    return status;
}
