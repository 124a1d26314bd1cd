/* Layers: names, shapes, parameter counts, and the check of a whole stack. */
#include <hpac/layer.h>

#include "shape_text.h"

#include <stdio.h>

const char *hpac_layer_name(const hpac_layer *layer)
{
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        return "conv2d";
    case HPAC_LAYER_MAXPOOL:
        return "maxpool";
    case HPAC_LAYER_DROPOUT:
        return "dropout";
    case HPAC_LAYER_FLATTEN:
        return "flatten";
    case HPAC_LAYER_DENSE:
        return "dense";
    case HPAC_LAYER_ACTIVATION:
        return layer->activation == HPAC_ACTIVATION_RELU      ? "relu"
               : layer->activation == HPAC_ACTIVATION_SIGMOID ? "sigmoid"
                                                              : "linear";
    }
    return "unknown";
}

static hpac_shape vector_shape(size_t count)
{
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = count};
}

static hpac_status need_image(const hpac_layer *layer, size_t number, hpac_shape in)
{
    if (in.rank == 3)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %zu (%s): expected images (rows, cols, channels), got a vector %s",
                     number, hpac_layer_name(layer), shape_describe(in).text);
}

static hpac_status need_window(const hpac_layer *layer, size_t number, hpac_shape in)
{
    if (layer->kernel_rows < 1 || layer->kernel_cols < 1)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "layer %zu (%s): window %zu x %zu, expected at least 1 x 1", number,
                         hpac_layer_name(layer), layer->kernel_rows, layer->kernel_cols);
    if (layer->kernel_rows <= in.rows && layer->kernel_cols <= in.cols)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "layer %zu (%s): a window of %zu x %zu does not fit into %s",
                     number, hpac_layer_name(layer), layer->kernel_rows, layer->kernel_cols,
                     shape_describe(in).text);
}

/* Outputs beyond 2^31 - 1 values an image are refused: indices inside devices are 32 bits wide. */
static hpac_status need_countable(const hpac_layer *layer, size_t number, hpac_shape in,
                                  hpac_shape out)
{
    if (out.channels < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "layer %zu (%s): %zu outputs, expected at least 1",
                         number, hpac_layer_name(layer), out.channels);
    if (hpac_shape_count(out) <= INT32_MAX && hpac_layer_kernel_count(layer, in) <= INT32_MAX)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %zu (%s): %s -> %s has more than 2^31 values or weights", number,
                     hpac_layer_name(layer), shape_describe(in).text, shape_describe(out).text);
}

hpac_status hpac_layer_output_shape(const hpac_layer *layer, size_t number, hpac_shape in,
                                    hpac_shape *out)
{
    *out = in;
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        HPAC_TRY(need_image(layer, number, in));
        HPAC_TRY(need_window(layer, number, in));
        out->rows = in.rows - layer->kernel_rows + 1;
        out->cols = in.cols - layer->kernel_cols + 1;
        out->channels = layer->filters;
        break;
    case HPAC_LAYER_MAXPOOL:
        HPAC_TRY(need_image(layer, number, in));
        HPAC_TRY(need_window(layer, number, in));
        out->rows = in.rows / layer->kernel_rows;
        out->cols = in.cols / layer->kernel_cols;
        break;
    case HPAC_LAYER_FLATTEN:
        *out = vector_shape(hpac_shape_count(in));
        break;
    case HPAC_LAYER_DENSE:
        if (in.rank != 1)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "layer %zu (dense): expected a vector, got images %s; put a flatten "
                             "layer before it",
                             number, shape_describe(in).text);
        *out = vector_shape(layer->units);
        break;
    case HPAC_LAYER_DROPOUT:
        if (!(layer->rate >= 0.0f && layer->rate < 1.0f))
            return hpac_fail(HPAC_ERR_CONFIG,
                             "layer %zu (dropout): rate %g, expected 0 <= rate < 1", number,
                             (double)layer->rate);
        break;
    case HPAC_LAYER_ACTIVATION:
        break;
    }
    return need_countable(layer, number, in, *out);
}

size_t hpac_layer_kernel_count(const hpac_layer *layer, hpac_shape in)
{
    if (layer->kind == HPAC_LAYER_CONV2D)
        return layer->kernel_rows * layer->kernel_cols * in.channels * layer->filters;
    if (layer->kind == HPAC_LAYER_DENSE)
        return hpac_shape_count(in) * layer->units;
    return 0;
}

size_t hpac_layer_bias_count(const hpac_layer *layer)
{
    if (layer->kind == HPAC_LAYER_CONV2D)
        return layer->filters;
    return layer->kind == HPAC_LAYER_DENSE ? layer->units : 0;
}

hpac_status hpac_layers_check(const hpac_layer *layers, size_t layer_count, hpac_shape input,
                              size_t classes, hpac_shape *shapes)
{
    if (layer_count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "the model has no layers");
    hpac_shape in = input;
    for (size_t i = 0; i < layer_count; i++) {
        hpac_status status = hpac_layer_output_shape(&layers[i], i + 1, in, &shapes[i]);
        if (status != HPAC_OK)
            return status;
        in = shapes[i];
    }
    const hpac_layer *last = &layers[layer_count - 1];
    if (last->kind != HPAC_LAYER_DENSE || last->activation != HPAC_ACTIVATION_SIGMOID ||
        last->units != classes)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "layer %zu (%s): the last layer must be dense with %zu units (one a "
                         "target) and activation sigmoid",
                         layer_count, hpac_layer_name(last), classes);
    return HPAC_OK;
}
