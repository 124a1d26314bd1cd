/* Weights of a network to and from host memory in Keras's layout, and the weights it starts with.
 */
#include "network_internal.h"
#include "initializer.h"

#include "base/random.h"

/* Moves all parameters between an arena and `weights`, which is (layer_count) or NULL. */
static hpac_status move(hpac_network *network, bool to_device, void *arena,
                        const hpac_weights *weights)
{
    const hpac_device_ops *ops = network->options.device->ops;
    if (!weights)
        return HPAC_OK;
    if (!arena)
        return hpac_fail(HPAC_ERR_INTERNAL, "the network has no memory for these parameters");
    for (size_t i = 0; i < network->stage_count; i++) {
        const network_stage *stage = &network->stages[i];
        void *slice = network_at(arena, stage->parameters_offset);
        for (size_t p = 0; p < stage->plan->parameter_count; p++) {
            const hpac_parameter *parameter = &stage->plan->parameters[p];
            size_t layer = network->layer_of_op[stage->first_op + parameter->op];
            float *values = parameter->is_bias ? weights[layer].bias : weights[layer].kernel;
            HPAC_TRY(to_device ? ops->parameter_write(stage->plan, p, slice, values)
                               : ops->parameter_read(stage->plan, p, slice, values));
        }
    }
    return HPAC_OK;
}

hpac_status hpac_network_import(hpac_network *network, const hpac_weights *weights,
                                const hpac_weights *square_average,
                                const hpac_weights *delta_average)
{
    HPAC_TRY(move(network, true, network->parameters, weights));
    HPAC_TRY(move(network, true, network->square_average, square_average));
    return move(network, true, network->delta_average, delta_average);
}

hpac_status hpac_network_export(hpac_network *network, hpac_weights *weights,
                                hpac_weights *square_average, hpac_weights *delta_average)
{
    hpac_device *device = network->options.device;
    HPAC_TRY(device->ops->synchronize(device));
    HPAC_TRY(move(network, false, network->parameters, weights));
    HPAC_TRY(move(network, false, network->square_average, square_average));
    return move(network, false, network->delta_average, delta_average);
}

hpac_status hpac_network_export_gradients(hpac_network *network, hpac_weights *gradients)
{
    hpac_device *device = network->options.device;
    if (!network->options.unfused)
        return hpac_fail(HPAC_ERR_INTERNAL, "only unfused networks retain gradients");
    HPAC_TRY(device->ops->synchronize(device));
    return move(network, false, network->gradients, gradients);
}

hpac_status hpac_network_initialize(hpac_network *network, uint64_t seed)
{
    size_t layer_count = network->options.layer_count;
    hpac_shape in = network_input_shape(network);
    hpac_weights *weights = hpac_weights_create(network->layers, layer_count, in);
    if (!weights)
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for the initial weights");
    for (size_t i = 0; i < layer_count; i++) {
        hpac_initialize_kernel(&network->layers[i], in, seed, (uint32_t)i, weights[i].kernel);
        in = network->shapes[i]; /* biases stay 0 */
    }
    hpac_status status = hpac_network_import(network, weights, NULL, NULL);
    hpac_weights_destroy(weights, layer_count);
    return status;
}

size_t hpac_network_parameter_count(const hpac_network *network)
{
    size_t count = 0;
    for (size_t i = 0; i < network->stage_count; i++)
        for (size_t p = 0; p < network->stages[i].plan->parameter_count; p++)
            count += network->stages[i].plan->parameters[p].count;
    return count;
}
