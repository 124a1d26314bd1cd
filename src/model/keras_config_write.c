/* Layers as Keras's JSON. Only options that every Keras since 2.0 knows are written; the rest are
 * Keras's defaults, which is what our layers do. */
#include "keras_config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *class_name(const hpac_layer *layer)
{
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        return "Conv2D";
    case HPAC_LAYER_MAXPOOL:
        return "MaxPooling2D";
    case HPAC_LAYER_DROPOUT:
        return "Dropout";
    case HPAC_LAYER_FLATTEN:
        return "Flatten";
    case HPAC_LAYER_DENSE:
        return "Dense";
    case HPAC_LAYER_ACTIVATION:
        return "Activation";
    }
    return "";
}

static const char *base_name(const hpac_layer *layer)
{
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        return "conv2d";
    case HPAC_LAYER_MAXPOOL:
        return "max_pooling2d";
    case HPAC_LAYER_DROPOUT:
        return "dropout";
    case HPAC_LAYER_FLATTEN:
        return "flatten";
    case HPAC_LAYER_DENSE:
        return "dense";
    case HPAC_LAYER_ACTIVATION:
        return "activation";
    }
    return "";
}

hpac_keras_name hpac_keras_layer_name(const hpac_layer *layers, size_t index)
{
    int before = 0;
    for (size_t i = 0; i < index; i++)
        before += layers[i].kind == layers[index].kind;
    hpac_keras_name name;
    const char *base = base_name(&layers[index]);
    if (before == 0)
        snprintf(name.text, sizeof name.text, "%s", base);
    else
        snprintf(name.text, sizeof name.text, "%s_%d", base, before);
    return name;
}

static const char *activation_name(hpac_activation activation)
{
    switch (activation) {
    case HPAC_ACTIVATION_RELU:
        return "relu";
    case HPAC_ACTIVATION_SIGMOID:
        return "sigmoid";
    case HPAC_ACTIVATION_LINEAR:
        break;
    }
    return "linear";
}

static json_t *initializer(hpac_initializer kind)
{
    if (kind == HPAC_INIT_GLOROT_UNIFORM)
        return json_pack("{s:s, s:{s:n}}", "class_name", "GlorotUniform", "config", "seed");
    return json_pack("{s:s, s:{s:f, s:s, s:s, s:n}}", "class_name", "VarianceScaling", "config",
                     "scale", 1.0, "mode", "fan_in", "distribution", "truncated_normal", "seed");
}

/* The decimal number that stands for a float: 0.1 and not 0.10000000149011612. */
static double decimal(float value)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", (double)value);
    for (int digits = 1; digits < 9; digits++) {
        char shorter[32];
        snprintf(shorter, sizeof shorter, "%.*g", digits, (double)value);
        if (strtof(shorter, NULL) == value)
            return strtod(shorter, NULL);
    }
    return strtod(text, NULL);
}

static json_t *layer_config(const hpac_layer *layer, const char *name)
{
    json_int_t rows = (json_int_t)layer->kernel_rows, cols = (json_int_t)layer->kernel_cols;
    switch (layer->kind) {
    case HPAC_LAYER_CONV2D:
        return json_pack("{s:s, s:b, s:s, s:I, s:[II], s:[ii], s:s, s:s, s:[ii], s:s, s:b, s:o}",
                         "name", name, "trainable", 1, "dtype", "float32", "filters",
                         (json_int_t)layer->filters, "kernel_size", rows, cols, "strides", 1, 1,
                         "padding", "valid", "data_format", "channels_last", "dilation_rate", 1, 1,
                         "activation", activation_name(layer->activation), "use_bias", 1,
                         "kernel_initializer", initializer(layer->initializer));
    case HPAC_LAYER_MAXPOOL:
        return json_pack("{s:s, s:b, s:s, s:[II], s:[II], s:s, s:s}", "name", name, "trainable", 1,
                         "dtype", "float32", "pool_size", rows, cols, "strides", rows, cols,
                         "padding", "valid", "data_format", "channels_last");
    case HPAC_LAYER_DROPOUT:
        return json_pack("{s:s, s:b, s:s, s:f}", "name", name, "trainable", 1, "dtype", "float32",
                         "rate", decimal(layer->rate));
    case HPAC_LAYER_FLATTEN:
        return json_pack("{s:s, s:b, s:s, s:s}", "name", name, "trainable", 1, "dtype", "float32",
                         "data_format", "channels_last");
    case HPAC_LAYER_DENSE:
        return json_pack("{s:s, s:b, s:s, s:I, s:s, s:b, s:o}", "name", name, "trainable", 1,
                         "dtype", "float32", "units", (json_int_t)layer->units, "activation",
                         activation_name(layer->activation), "use_bias", 1, "kernel_initializer",
                         initializer(layer->initializer));
    case HPAC_LAYER_ACTIVATION:
        return json_pack("{s:s, s:b, s:s, s:s}", "name", name, "trainable", 1, "dtype", "float32",
                         "activation", activation_name(layer->activation));
    }
    return NULL;
}

/* batch_input_shape is the name of Keras 2; Keras 3, whose own is batch_shape, knows it too. */
static json_t *input_layer(hpac_shape input)
{
    json_t *shape = input.rank == 3 ? json_pack("[nIII]", (json_int_t)input.rows,
                                                (json_int_t)input.cols, (json_int_t)input.channels)
                                    : json_pack("[nI]", (json_int_t)input.channels);
    return json_pack("{s:s, s:{s:o, s:s, s:b, s:s}}", "class_name", "InputLayer", "config",
                     "batch_input_shape", shape, "dtype", "float32", "sparse", 0, "name",
                     "input_1");
}

char *hpac_keras_config_write(const hpac_layer *layers, size_t layer_count, hpac_shape input)
{
    json_t *list = json_array();
    int failed = json_array_append_new(list, input_layer(input));
    for (size_t i = 0; i < layer_count; i++) {
        hpac_keras_name name = hpac_keras_layer_name(layers, i);
        failed |= json_array_append_new(list, json_pack("{s:s, s:o}", "class_name",
                                                        class_name(&layers[i]), "config",
                                                        layer_config(&layers[i], name.text)));
    }
    json_t *root = json_pack("{s:s, s:{s:s, s:o}}", "class_name", "Sequential", "config", "name",
                             "sequential", "layers", list);
    char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}
