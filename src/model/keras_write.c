/* Layers as Keras's JSON. Only options that every Keras since 2.0 knows are written; the others
 * have Keras's defaults, which are what hpac's layers compute. */
#include "keras_json.h"

#include "base/memory.h"
#include "base/text.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hpac_keras_is_graph(const hpac_model *model)
{
    for (size_t i = 0; i < model->layer_count; i++)
        if (model->layers[i].input_count > 0 || *model->layers[i].name)
            return true;
    return false;
}

/* Keras's depth of a layer: its distance from the output, by the longest path. Its index: when a
 * search from the output, inputs in order, first comes to it. */
typedef struct position {
    size_t layer, depth, index;
} position;

static int compare_positions(const void *a, const void *b)
{
    const position *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth > y->depth ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Without recursion: a stack of layers to come to, the next one last. */
static void find_indices(const hpac_model *model, position *positions, size_t *stack)
{
    size_t size = 0, found = 0;
    stack[size++] = model->layer_count;
    while (size > 0) {
        size_t number = stack[--size];
        if (number == 0 || positions[number - 1].index > 0)
            continue;
        const hpac_layer *layer = &model->layers[number - 1];
        positions[number - 1].index = ++found;
        for (size_t i = hpac_layer_input_count(layer); i > 0; i--)
            stack[size++] = hpac_layer_input(layer, number - 1, i - 1);
    }
}

hpac_status hpac_keras_order_layers(const hpac_model *model, size_t **order)
{
    size_t count = model->layer_count, total = 1;
    HPAC_AUTO_FREE position *positions = NULL;
    HPAC_AUTO_FREE size_t *stack = NULL;
    for (size_t i = 0; i < count; i++)
        total += hpac_layer_input_count(&model->layers[i]);
    HPAC_TRY_NEW(positions, count);
    HPAC_TRY_NEW(stack, total);
    HPAC_TRY_NEW(*order, count);
    for (size_t i = count; i-- > 0;) {
        positions[i].layer = i;
        for (size_t k = 0; k < hpac_layer_input_count(&model->layers[i]); k++) {
            size_t number = hpac_layer_input(&model->layers[i], i, k);
            if (number > 0 && positions[number - 1].depth <= positions[i].depth)
                positions[number - 1].depth = positions[i].depth + 1;
        }
    }
    find_indices(model, positions, stack);
    qsort(positions, count, sizeof *positions, compare_positions);
    for (size_t i = 0; i < count; i++)
        (*order)[i] = positions[i].layer;
    return HPAC_OK;
}

const char *const hpac_keras_initializers[HPAC_KERAS_INITIALIZER_COUNT] = {
    [HPAC_INIT_VARIANCE_SCALING] = "VarianceScaling",
    [HPAC_INIT_GLOROT_UNIFORM] = "GlorotUniform",
    [HPAC_INIT_GLOROT_NORMAL] = "GlorotNormal",
    [HPAC_INIT_HE_NORMAL] = "HeNormal",
    [HPAC_INIT_HE_UNIFORM] = "HeUniform",
    [HPAC_INIT_LECUN_NORMAL] = "LecunNormal",
    [HPAC_INIT_LECUN_UNIFORM] = "LecunUniform",
    [HPAC_INIT_ZEROS] = "Zeros",
};

static json_t *initializer(hpac_initializer kind)
{
    if (kind == HPAC_INIT_ZEROS)
        return json_pack("{s:s, s:{}}", "class_name", "Zeros", "config");
    if (kind != HPAC_INIT_VARIANCE_SCALING)
        return json_pack("{s:s, s:{s:n}}", "class_name", hpac_keras_initializers[kind], "config",
                         "seed");
    return json_pack("{s:s, s:{s:f, s:s, s:s, s:n}}", "class_name", "VarianceScaling", "config",
                     "scale", 1.0, "mode", "fan_in", "distribution", "truncated_normal", "seed");
}

static json_int_t or_one(size_t size)
{
    return size > 0 ? (json_int_t)size : 1;
}

/* Numbers that are 0 mean the default (layer.h), of pools' strides the window. */
static json_t *pair(const hpac_layer *layer, const size_t *sizes)
{
    bool strides = sizes == &layer->stride_rows && sizes[0] == 0;
    if (strides && (layer->kind == HPAC_LAYER_MAXPOOL || layer->kind == HPAC_LAYER_AVGPOOL))
        sizes = &layer->kernel_rows;
    return json_pack("[II]", or_one(sizes[0]), or_one(sizes[1]));
}

static float number_or_default(const hpac_layer_key *key, float number)
{
    return number > 0 || !key->fallback ? number : strtof(key->fallback, NULL);
}

static json_t *value_of(const hpac_layer *layer, const hpac_layer_key *key)
{
    const void *value = (const char *)layer + key->offset;
    const size_t *sizes = value;
    const float *numbers = value;
    switch (key->type) {
    case HPAC_LAYER_KEY_SIZE:
        return json_integer(or_one(sizes[0]));
    case HPAC_LAYER_KEY_PAIR:
        return pair(layer, sizes);
    case HPAC_LAYER_KEY_RATE:
        return json_real(hpac_float_decimal(number_or_default(key, numbers[0])));
    case HPAC_LAYER_KEY_ACTIVATION:
        /* Keras 2 knows silu by its other name only. */
        return json_string(layer->activation == HPAC_ACTIVATION_SILU
                               ? "swish"
                               : hpac_activation_names[layer->activation]);
    case HPAC_LAYER_KEY_INITIALIZER:
        return initializer(layer->initializer);
    case HPAC_LAYER_KEY_PADDING:
        return json_string(hpac_padding_names[layer->padding]);
    case HPAC_LAYER_KEY_POSITIVE:
        return json_real(hpac_float_decimal(number_or_default(key, numbers[0])));
    case HPAC_LAYER_KEY_DECAY:
        return numbers[0] > 0 ? json_pack("{s:s, s:{s:f}}", "class_name", "L2", "config", "l2",
                                          hpac_float_decimal(numbers[0]))
                              : json_null();
    case HPAC_LAYER_KEY_FLAG:
        return json_boolean(*(const bool *)value);
    case HPAC_LAYER_KEY_UNLESS:
        return json_boolean(!*(const bool *)value);
    case HPAC_LAYER_KEY_ZEROS:
        return json_pack("[[II], [II]]", (json_int_t)sizes[0], (json_int_t)sizes[1],
                         (json_int_t)sizes[2], (json_int_t)sizes[3]);
    case HPAC_LAYER_KEY_SHAPE:
        return json_pack("[III]", (json_int_t)sizes[0], (json_int_t)sizes[1], (json_int_t)sizes[2]);
    case HPAC_LAYER_KEY_NUMBERS:
        break;
    }
    return NULL;
}

/* The default of an option that not every Keras since 2.0 knows: groups, keepdims. */
static bool is_newer_default(const hpac_layer *layer, const hpac_layer_key *key)
{
    const void *value = (const char *)layer + key->offset;
    return (key->offset == offsetof(hpac_layer, groups) && *(const size_t *)value <= 1) ||
           (key->offset == offsetof(hpac_layer, keep_dims) && !*(const bool *)value);
}

/* In (x - mean) / sqrt(variance) the squares of the deviations are exact in double. */
static int set_moments(json_t *config, const hpac_layer *layer)
{
    json_t *mean = json_array(), *variance = json_array();
    int failed = 0;
    for (size_t i = 0; i < layer->rescaled; i++) {
        double deviation = (double)layer->deviation[i];
        failed |= json_array_append_new(mean, json_real((double)layer->mean[i]));
        failed |= json_array_append_new(variance, json_real(deviation * deviation));
    }
    failed |= json_object_set_new(config, "axis", json_pack("[i]", -1));
    failed |= json_object_set_new(config, "mean", mean);
    return failed | json_object_set_new(config, "variance", variance);
}

/* Keras 2 has no activation of this name, but a layer. */
static bool is_relu6(const hpac_layer *layer)
{
    return layer->kind == HPAC_LAYER_ACTIVATION && layer->activation == HPAC_ACTIVATION_RELU6;
}

static int set_options(json_t *config, const hpac_layer *layer, const hpac_layer_row *row)
{
    int failed = 0;
    if (layer->kind == HPAC_LAYER_RESCALE)
        return set_moments(config, layer);
    if (is_relu6(layer))
        return json_object_set_new(config, "max_value", json_real(6));
    for (const hpac_layer_key *key = row->keys; key->keras; key++)
        if (!is_newer_default(layer, key))
            failed |= json_object_set_new(config, key->keras, value_of(layer, key));
    for (const hpac_keras_option *option = row->options; option->key; option++)
        if (option->written)
            failed |= json_object_set_new(
                config, option->key,
                option->value[0] == '=' ? json_deep_copy(json_object_get(config, option->value + 1))
                                        : json_loads(option->value, JSON_DECODE_ANY, NULL));
    return failed;
}

/* NULL when out of memory. */
static json_t *write_layer(const hpac_layer *layer, const char *name)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    json_t *config = json_pack("{s:s, s:b, s:s}", "name", name, "trainable", 1, "dtype", "float32");
    int failed = set_options(config, layer, row);
    if (layer->kind == HPAC_LAYER_SPATIAL_DROPOUT) /* that of Keras 3 refuses it */
        json_object_del(config, "trainable");
    json_t *written = json_pack("{s:s, s:o}", "class_name",
                                is_relu6(layer) ? "ReLU" : row->keras_class, "config", config);
    if (!failed)
        return written;
    json_decref(written);
    return NULL;
}

/* batch_input_shape is the name of Keras 2; Keras 3, whose own is batch_shape, knows it too. */
static json_t *input_layer(hpac_shape input)
{
    json_int_t rows = (json_int_t)input.rows, cols = (json_int_t)input.cols;
    json_int_t channels = (json_int_t)input.channels;
    json_t *shape =
        input.rank == 3 ? json_pack("[nIII]", rows, cols, channels) : json_pack("[nI]", channels);
    return json_pack("{s:s, s:{s:o, s:s, s:b, s:s}}", "class_name", "InputLayer", "config",
                     "batch_input_shape", shape, "dtype", "float32", "sparse", 0, "name",
                     HPAC_KERAS_INPUT_NAME);
}

/* Adds what a functional model has for each layer: its name, and [[[name, 0, 0, {}], ...]], the
 * layers that it reads. */
static int set_node(json_t *layer, const hpac_model *model, char *const *names, size_t index)
{
    json_t *read = json_array();
    int failed = 0;
    for (size_t i = 0; i < hpac_layer_input_count(&model->layers[index]); i++) {
        size_t number = hpac_layer_input(&model->layers[index], index, i);
        const char *name = number > 0 ? names[number - 1] : HPAC_KERAS_INPUT_NAME;
        failed |= json_array_append_new(read, json_pack("[s, i, i, {}]", name, 0, 0));
    }
    failed |= json_object_set_new(layer, "name", json_string(names[index]));
    return failed | json_object_set_new(layer, "inbound_nodes", json_pack("[o]", read));
}

static json_t *write_root(const hpac_model *model, char *const *names, json_t *layers)
{
    if (!hpac_keras_is_graph(model))
        return json_pack("{s:s, s:{s:s, s:o}}", "class_name", "Sequential", "config", "name",
                         "sequential", "layers", layers);
    return json_pack("{s:s, s:{s:s, s:b, s:o, s:[[s, i, i]], s:[[s, i, i]]}}", "class_name",
                     "Functional", "config", "name", "model", "trainable", 1, "layers", layers,
                     "input_layers", HPAC_KERAS_INPUT_NAME, 0, 0, "output_layers",
                     names[model->layer_count - 1], 0, 0);
}

char *hpac_keras_config_write(const hpac_model *model, char *const *names)
{
    bool graph = hpac_keras_is_graph(model);
    json_t *layers = json_array(), *input = input_layer(model->input);
    int failed = 0;
    if (graph) {
        failed |= json_object_set_new(input, "name", json_string(HPAC_KERAS_INPUT_NAME));
        failed |= json_object_set_new(input, "inbound_nodes", json_array());
    }
    failed |= json_array_append_new(layers, input);
    for (size_t i = 0; i < model->layer_count; i++) {
        json_t *layer = write_layer(&model->layers[i], names[i]);
        if (graph)
            failed |= set_node(layer, model, names, i);
        failed |= json_array_append_new(layers, layer);
    }
    json_t *root = write_root(model, names, layers);
    char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}
