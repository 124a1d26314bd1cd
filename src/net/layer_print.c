/* The table of a stack of layers. */
#include "shape_text.h"

#include <hpac/layer.h>

#include <string.h>

void hpac_layer_describe(const hpac_layer *layer, char text[48])
{
    static const char *const activations[] = {"", " relu", " sigmoid"};
    const size_t size = 48;
    text[0] = '\0';
    if (layer->kind == HPAC_LAYER_CONV2D)
        snprintf(text, size, "%zu of %zux%zu%s", layer->filters, layer->kernel_rows,
                 layer->kernel_cols, activations[layer->activation]);
    else if (layer->kind == HPAC_LAYER_MAXPOOL)
        snprintf(text, size, "%zux%zu", layer->kernel_rows, layer->kernel_cols);
    else if (layer->kind == HPAC_LAYER_DROPOUT)
        snprintf(text, size, "%g", (double)layer->rate);
    else if (layer->kind == HPAC_LAYER_DENSE && layer->activation != HPAC_ACTIVATION_LINEAR)
        snprintf(text, size, "%s", activations[layer->activation] + 1);
}

void hpac_layers_print(const hpac_layer *layers, size_t layer_count, hpac_shape input, FILE *stream)
{
    fprintf(stream, "model: input %s\n", shape_describe(input).text);
    fprintf(stream, "      layer     options            output             parameters\n");
    hpac_shape in = input, out;
    size_t total = 0;
    for (size_t i = 0; i < layer_count; i++) {
        size_t parameters =
            hpac_layer_kernel_count(&layers[i], in) + hpac_layer_bias_count(&layers[i]);
        if (hpac_layer_output_shape(&layers[i], i + 1, in, &out) != HPAC_OK)
            return; /* the stack was checked */
        char options[48];
        hpac_layer_describe(&layers[i], options);
        fprintf(stream, "  %2zu  %-9s %-18s %-18s %10zu\n", i + 1, hpac_layer_name(&layers[i]),
                options, shape_describe(out).text, parameters);
        total += parameters;
        in = out;
    }
    fprintf(stream, "  %62zu in all\n", total);
}
