/* Keras's JSON as layers. Every option of a layer is either read, known to make no difference, or
 * refused: a model that Keras would compute otherwise must not pass. */
#include "keras_config.h"
#include "keras_graph.h"
#include "keras_options.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is being read, for messages. */
typedef struct reading {
    const char *layer;      /* its name */
    const char *class_name; /* Keras's */
    json_t *config;
} reading;

static hpac_status refuse(const reading *at, const char *key, const char *expected)
{
    return hpac_keras_refuse(at->layer, at->class_name, key, json_object_get(at->config, key),
                             expected);
}

static bool read_size(json_t *value, size_t *size)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    if (number < 1 || number > INT_MAX)
        return false;
    *size = (size_t)number;
    return true;
}

static hpac_status read_count(const reading *at, const char *key, size_t *count)
{
    return read_size(json_object_get(at->config, key), count)
               ? HPAC_OK
               : refuse(at, key, "a positive whole number");
}

static hpac_status read_window(const reading *at, const char *key, size_t *rows, size_t *cols)
{
    json_t *pair = json_object_get(at->config, key);
    if (json_array_size(pair) == 2 && read_size(json_array_get(pair, 0), rows) &&
        read_size(json_array_get(pair, 1), cols))
        return HPAC_OK;
    return refuse(at, key, "two positive whole numbers");
}

/* "relu", or how some versions of Keras wrap it: {"class_name": "function", "config": "relu"}. */
static hpac_status read_activation(const reading *at, hpac_activation *activation)
{
    json_t *value = json_object_get(at->config, "activation");
    const char *wrapper = json_string_value(json_object_get(value, "class_name"));
    if (wrapper && strcmp(wrapper, "function") == 0)
        value = json_object_get(value, "config");
    const char *name = json_string_value(value);
    if (!value || json_is_null(value) || (name && strcmp(name, "linear") == 0))
        *activation = HPAC_ACTIVATION_LINEAR;
    else if (name && strcmp(name, "relu") == 0)
        *activation = HPAC_ACTIVATION_RELU;
    else if (name && strcmp(name, "sigmoid") == 0)
        *activation = HPAC_ACTIVATION_SIGMOID;
    else
        return refuse(at, "activation", "\"linear\", \"relu\" or \"sigmoid\"");
    return HPAC_OK;
}

/* The weights are there, so the initialiser only matters to a training that starts anew; those we
 * do not have become Keras's default. */
static hpac_initializer read_initializer(const reading *at)
{
    json_t *value = json_object_get(at->config, "kernel_initializer");
    const char *name = json_string_value(json_object_get(value, "class_name"));
    return name && strcmp(name, "VarianceScaling") == 0 ? HPAC_INIT_VARIANCE_SCALING
                                                        : HPAC_INIT_GLOROT_UNIFORM;
}

static hpac_status read_conv2d(const reading *at, hpac_layer *layer)
{
    layer->kind = HPAC_LAYER_CONV2D;
    layer->initializer = read_initializer(at);
    hpac_status status = read_count(at, "filters", &layer->filters);
    if (status == HPAC_OK)
        status = read_window(at, "kernel_size", &layer->kernel_rows, &layer->kernel_cols);
    return status == HPAC_OK ? read_activation(at, &layer->activation) : status;
}

static hpac_status read_maxpool(const reading *at, hpac_layer *layer)
{
    layer->kind = HPAC_LAYER_MAXPOOL;
    hpac_status status = read_window(at, "pool_size", &layer->kernel_rows, &layer->kernel_cols);
    json_t *strides = json_object_get(at->config, "strides");
    if (status == HPAC_OK && strides && !json_is_null(strides) &&
        !json_equal(strides, json_object_get(at->config, "pool_size")))
        status = refuse(at, "strides", "the pool_size");
    return status;
}

static hpac_status read_dropout(const reading *at, hpac_layer *layer)
{
    layer->kind = HPAC_LAYER_DROPOUT;
    json_t *rate = json_object_get(at->config, "rate");
    layer->rate = json_is_number(rate) ? (float)json_number_value(rate) : -1.0f;
    return layer->rate >= 0.0f && layer->rate < 1.0f ? HPAC_OK
                                                     : refuse(at, "rate", "a number in [0, 1)");
}

static hpac_status read_flatten(const reading *at, hpac_layer *layer)
{
    (void)at;
    layer->kind = HPAC_LAYER_FLATTEN;
    return HPAC_OK;
}

static hpac_status read_dense(const reading *at, hpac_layer *layer)
{
    layer->kind = HPAC_LAYER_DENSE;
    layer->initializer = read_initializer(at);
    hpac_status status = read_count(at, "units", &layer->units);
    return status == HPAC_OK ? read_activation(at, &layer->activation) : status;
}

static hpac_status read_activation_layer(const reading *at, hpac_layer *layer)
{
    layer->kind = HPAC_LAYER_ACTIVATION;
    return read_activation(at, &layer->activation);
}

static hpac_status read_relu(const reading *at, hpac_layer *layer)
{
    (void)at;
    layer->kind = HPAC_LAYER_ACTIVATION;
    layer->activation = HPAC_ACTIVATION_RELU;
    return HPAC_OK;
}

static const struct {
    const char *class_name;
    hpac_status (*read)(const reading *at, hpac_layer *layer);
} readers[] = {
    {"Conv2D", read_conv2d},   {"MaxPooling2D", read_maxpool},
    {"Dropout", read_dropout}, {"Flatten", read_flatten},
    {"Dense", read_dense},     {"Activation", read_activation_layer},
    {"ReLU", read_relu},
};

static hpac_status read_layer(const reading *at, hpac_layer *layer)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (strcmp(at->class_name, readers[i].class_name) == 0)
            return readers[i].read(at, layer);
    return hpac_fail(HPAC_ERR_DATA,
                     "layer \"%s\" (%s): expected Conv2D, MaxPooling2D, Dropout, Flatten, Dense, "
                     "Activation, ReLU or InputLayer",
                     at->layer, at->class_name);
}

/* [null, rows, cols, channels] or [null, values]; the first is the batch. */
static hpac_status read_input(json_t *value, hpac_shape *input)
{
    hpac_shape found = {.rank = 3, .rows = 1, .cols = 1, .channels = 1};
    bool good = false;
    if (json_array_size(value) == 4) {
        good = read_size(json_array_get(value, 1), &found.rows) &&
               read_size(json_array_get(value, 2), &found.cols) &&
               read_size(json_array_get(value, 3), &found.channels);
    } else if (json_array_size(value) == 2) {
        found.rank = 1;
        good = read_size(json_array_get(value, 1), &found.channels);
    }
    if (good && found.rows * found.cols <= INT_MAX && hpac_shape_count(found) <= INT_MAX) {
        *input = found;
        return HPAC_OK;
    }
    char *text = value ? json_dumps(value, HPAC_KERAS_SHOWN) : NULL;
    hpac_fail(HPAC_ERR_DATA,
              "input shape %.200s, expected (batch, rows, cols, channels) or (batch, values) with "
              "fixed sizes",
              text ? text : "is missing");
    free(text);
    return HPAC_ERR_DATA;
}

/* The input's shape stands in an InputLayer, in the first layer, or beside the layers. */
static json_t *find_input(const hpac_keras_graph *graph)
{
    json_t *config = json_object_get(json_array_get(graph->layers, 0), "config");
    const char *keys[] = {"batch_shape", "batch_input_shape"};
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(config, keys[i]))
            return json_object_get(config, keys[i]);
    return json_object_get(graph->config, "build_input_shape");
}

/* A linear layer with an activation layer behind it is what we write as one. The last layer is
 * merged, since the network wants its sigmoid there; others are kept as they are. */
static void merge_last_activation(hpac_keras_config *config)
{
    if (config->layer_count < 2)
        return;
    hpac_layer *last = &config->layers[config->layer_count - 1], *before = last - 1;
    if (last->kind != HPAC_LAYER_ACTIVATION || before->kind != HPAC_LAYER_DENSE ||
        before->activation != HPAC_ACTIVATION_LINEAR)
        return;
    before->activation = last->activation;
    free(config->names[--config->layer_count]);
}

/* Reads one entry of the list of layers; input layers and Activation("linear") leave nothing. */
static hpac_status read_entry(const hpac_keras_graph *graph, size_t index,
                              hpac_keras_config *config)
{
    json_t *entry = json_array_get(graph->layers, index);
    reading at = {.class_name = json_string_value(json_object_get(entry, "class_name")),
                  .config = json_object_get(entry, "config")};
    at.layer = json_string_value(json_object_get(at.config, "name"));
    if (!at.class_name || !at.layer)
        return hpac_fail(HPAC_ERR_DATA,
                         "entry %zu of the layers: expected class_name and a config "
                         "with a name",
                         index + 1);
    bool is_input = strcmp(at.class_name, "InputLayer") == 0;
    if (is_input && index > 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "layer \"%s\" (InputLayer): expected one input, as the "
                         "first layer",
                         at.layer);
    hpac_layer layer = {0};
    hpac_status status = is_input ? HPAC_OK : read_layer(&at, &layer);
    if (status == HPAC_OK)
        status = hpac_keras_options_check(at.layer, at.class_name, at.config);
    if (status != HPAC_OK || is_input ||
        (layer.kind == HPAC_LAYER_ACTIVATION && layer.activation == HPAC_ACTIVATION_LINEAR))
        return status;
    char *name = strdup(at.layer);
    if (!name)
        return hpac_fail_memory(strlen(at.layer) + 1);
    config->layers[config->layer_count] = layer;
    config->names[config->layer_count++] = name;
    return HPAC_OK;
}

static hpac_status read_graph(const hpac_keras_graph *graph, hpac_keras_config *config)
{
    size_t count = json_array_size(graph->layers);
    config->layers = calloc(count + 1, sizeof *config->layers);
    config->names = calloc(count + 1, sizeof *config->names);
    if (!config->layers || !config->names)
        return hpac_fail_memory((count + 1) * sizeof *config->layers);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < count && status == HPAC_OK; i++)
        status = read_entry(graph, i, config);
    if (status == HPAC_OK)
        status = read_input(find_input(graph), &config->input);
    if (status == HPAC_OK)
        merge_last_activation(config);
    return status;
}

hpac_status hpac_keras_config_read(const char *json, hpac_keras_config *config)
{
    *config = (hpac_keras_config){0};
    hpac_keras_graph graph;
    hpac_status status = hpac_keras_graph_read(json, &graph);
    if (status == HPAC_OK)
        status = read_graph(&graph, config);
    hpac_keras_graph_fini(&graph);
    if (status != HPAC_OK)
        hpac_keras_config_fini(config);
    return status;
}

void hpac_keras_config_fini(hpac_keras_config *config)
{
    for (size_t i = 0; i < config->layer_count; i++)
        free(config->names[i]);
    free(config->names);
    free(config->layers);
    *config = (hpac_keras_config){0};
}
