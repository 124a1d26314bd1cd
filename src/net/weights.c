/* The parameters of all layers of a stack, on the host. */
#include <hpac/layer.h>

#include <stdlib.h>

hpac_weights *hpac_weights_create(const hpac_layer *layers, size_t layer_count, hpac_shape input)
{
    hpac_weights *weights = calloc(layer_count, sizeof *weights);
    hpac_shape in = input;
    for (size_t i = 0; weights && i < layer_count; i++) {
        hpac_weights *own = &weights[i];
        own->kernel_count = hpac_layer_kernel_count(&layers[i], in);
        own->bias_count = hpac_layer_bias_count(&layers[i]);
        if (own->kernel_count > 0)
            own->kernel = calloc(own->kernel_count, sizeof *own->kernel);
        if (own->bias_count > 0)
            own->bias = calloc(own->bias_count, sizeof *own->bias);
        if ((own->kernel_count > 0 && !own->kernel) || (own->bias_count > 0 && !own->bias) ||
            hpac_layer_output_shape(&layers[i], i + 1, in, &in) != HPAC_OK) {
            hpac_weights_destroy(weights, layer_count);
            weights = NULL;
        }
    }
    return weights;
}

void hpac_weights_destroy(hpac_weights *weights, size_t layer_count)
{
    for (size_t i = 0; weights && i < layer_count; i++) {
        free(weights[i].kernel);
        free(weights[i].bias);
    }
    free(weights);
}
