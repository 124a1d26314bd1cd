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
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = (int)count};
}

static hpac_status need_image(const hpac_layer *layer, int number, hpac_shape in)
{
    if (in.rank == 3)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %d (%s): expected images (rows, cols, channels), got a vector %s",
                     number, hpac_layer_name(layer), shape_describe(in).text);
}

static hpac_status need_window(const hpac_layer *layer, int number, hpac_shape in, hpac_shape out)
{
    if (layer->kernel_rows < 1 || layer->kernel_cols < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "layer %d (%s): window %d x %d, expected at least 1 x 1",
                         number, hpac_layer_name(layer), layer->kernel_rows, layer->kernel_cols);
    if (out.rows >= 1 && out.cols >= 1)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %d (%s): a window of %d x %d does not fit into %s; output would be %s",
                     number, hpac_layer_name(layer), layer->kernel_rows, layer->kernel_cols,
                     shape_describe(in).text, shape_describe(out).text);
}

/* Outputs beyond 2^31 - 1 values an image are refused: indices inside devices are 32 bits wide. */
static hpac_status need_countable(const hpac_layer *layer, int number, hpac_shape in,
                                  hpac_shape out)
{
    if (out.channels < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "layer %d (%s): %d outputs, expected at least 1", number,
                         hpac_layer_name(layer), out.channels);
    if (hpac_shape_count(out) <= INT32_MAX && hpac_layer_kernel_count(layer, in) <= INT32_MAX)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "layer %d (%s): %s -> %s has more than 2^31 values or weights", number,
                     hpac_layer_name(layer), shape_describe(in).text, shape_describe(out).text);
}

hpac_status hpac_layer_output_shape(const hpac_layer *layer, int number, hpac_shape in,
                                    hpac_shape *out)
{
    hpac_status status = HPAC_OK;
    *out = in;
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        out->rows = in.rows - layer->kernel_rows + 1;
        out->cols = in.cols - layer->kernel_cols + 1;
        out->channels = layer->filters;
        status = need_image(layer, number, in);
        if (status == HPAC_OK)
            status = need_window(layer, number, in, *out);
        break;
    case HPAC_LAYER_MAXPOOL:
        out->rows = layer->kernel_rows > 0 ? in.rows / layer->kernel_rows : 0;
        out->cols = layer->kernel_cols > 0 ? in.cols / layer->kernel_cols : 0;
        status = need_image(layer, number, in);
        if (status == HPAC_OK)
            status = need_window(layer, number, in, *out);
        break;
    case HPAC_LAYER_FLATTEN:
        *out = vector_shape(hpac_shape_count(in));
        break;
    case HPAC_LAYER_DENSE:
        if (in.rank != 1)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "layer %d (dense): expected a vector, got images %s; put a flatten "
                             "layer before it",
                             number, shape_describe(in).text);
        *out = vector_shape((size_t)layer->units);
        break;
    case HPAC_LAYER_DROPOUT:
        if (!(layer->rate >= 0.0f && layer->rate < 1.0f))
            return hpac_fail(HPAC_ERR_CONFIG, "layer %d (dropout): rate %g, expected 0 <= rate < 1",
                             number, (double)layer->rate);
        break;
    case HPAC_LAYER_ACTIVATION:
        break;
    }
    return status != HPAC_OK ? status : need_countable(layer, number, in, *out);
}

size_t hpac_layer_kernel_count(const hpac_layer *layer, hpac_shape in)
{
    if (layer->kind == HPAC_LAYER_CONV2D)
        return (size_t)layer->kernel_rows * (size_t)layer->kernel_cols * (size_t)in.channels *
               (size_t)layer->filters;
    if (layer->kind == HPAC_LAYER_DENSE)
        return hpac_shape_count(in) * (size_t)layer->units;
    return 0;
}

size_t hpac_layer_bias_count(const hpac_layer *layer)
{
    if (layer->kind == HPAC_LAYER_CONV2D)
        return (size_t)layer->filters;
    return layer->kind == HPAC_LAYER_DENSE ? (size_t)layer->units : 0;
}

hpac_status hpac_layers_check(const hpac_layer *layers, int layer_count, hpac_shape input,
                              int classes, hpac_shape *shapes)
{
    if (layer_count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "the model has no layers");
    hpac_shape in = input;
    for (int i = 0; i < layer_count; i++) {
        hpac_status status = hpac_layer_output_shape(&layers[i], i + 1, in, &shapes[i]);
        if (status != HPAC_OK)
            return status;
        in = shapes[i];
    }
    const hpac_layer *last = &layers[layer_count - 1];
    if (last->kind != HPAC_LAYER_DENSE || last->activation != HPAC_ACTIVATION_SIGMOID ||
        last->units != classes)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "layer %d (%s): the last layer must be dense with %d units (one a "
                         "target) and activation sigmoid",
                         layer_count, hpac_layer_name(last), classes);
    return HPAC_OK;
}
