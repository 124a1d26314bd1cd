/* Keras's JSON as layers. Every option of a layer is either read, known to have no effect on
 * predictions, or refused: a model that Keras would compute otherwise must not pass. */
#include "keras_config.h"
#include "keras_graph.h"
#include "keras_options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool read_size(json_t *value, size_t *size)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    if (number < 1 || number > INT_MAX)
        return false;
    *size = (size_t)number;
    return true;
}

/* "relu", or how some versions of Keras wrap it: {"class_name": "function", "config": "relu"}. */
static bool read_activation(json_t *value, hpac_activation *activation)
{
    const char *wrapper = json_string_value(json_object_get(value, "class_name"));
    if (wrapper && strcmp(wrapper, "function") == 0)
        value = json_object_get(value, "config");
    const char *name = json_string_value(value);
    *activation = HPAC_ACTIVATION_LINEAR;
    for (size_t i = 0; name && hpac_activation_names[i]; i++)
        if (strcmp(name, hpac_activation_names[i]) == 0) {
            *activation = (hpac_activation)i;
            return true;
        }
    return !value || json_is_null(value);
}

/* The weights are there, so the initializer only matters to a new training; those we
 * do not have become Keras's default. */
static hpac_initializer read_initializer(json_t *value)
{
    const char *name = json_string_value(json_object_get(value, "class_name"));
    return name && strcmp(name, "VarianceScaling") == 0 ? HPAC_INIT_VARIANCE_SCALING
                                                        : HPAC_INIT_GLOROT_UNIFORM;
}

static hpac_status read_key(const hpac_keras_layer *at, const hpac_layer_key *key,
                            hpac_layer *layer)
{
    json_t *value = json_object_get(at->config, key->keras);
    void *to = (char *)layer + key->offset;
    size_t *sizes = to;
    const char *expected = NULL;
    switch (key->type) {
    case HPAC_LAYER_KEY_SIZE:
        expected = read_size(value, sizes) ? NULL : "a positive integer";
        break;
    case HPAC_LAYER_KEY_PAIR:
        expected = json_array_size(value) == 2 && read_size(json_array_get(value, 0), &sizes[0]) &&
                           read_size(json_array_get(value, 1), &sizes[1])
                       ? NULL
                       : "two positive integers";
        break;
    case HPAC_LAYER_KEY_RATE:
        layer->rate = json_is_number(value) ? (float)json_number_value(value) : -1.0f;
        expected = layer->rate >= 0.0f && layer->rate < 1.0f ? NULL : "a number in [0, 1)";
        break;
    case HPAC_LAYER_KEY_ACTIVATION:
        expected = read_activation(value, to) ? NULL : "\"linear\", \"relu\" or \"sigmoid\"";
        break;
    case HPAC_LAYER_KEY_INITIALIZER:
        layer->initializer = read_initializer(value);
        break;
    }
    return expected ? hpac_keras_refuse(at, key->keras, expected) : HPAC_OK;
}

/* A class that is not in the table, with those that are. */
static hpac_status refuse_class(const hpac_keras_layer *at)
{
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_row_by_class(hpac_layer_rows[i].keras_class) == &hpac_layer_rows[i])
            used += (size_t)snprintf(known + used, sizeof known - used, "%s, ",
                                     hpac_layer_rows[i].keras_class);
    return hpac_fail(HPAC_ERR_DATA, "layer \"%s\" (%s): expected %sor InputLayer", at->name,
                     at->class_name, known);
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

/* The input's shape is in an InputLayer, in the first layer, or beside the layers. */
static json_t *find_input(const hpac_keras_graph *graph)
{
    json_t *config = json_object_get(json_array_get(graph->layers, 0), "config");
    const char *keys[] = {"batch_shape", "batch_input_shape"};
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(config, keys[i]))
            return json_object_get(config, keys[i]);
    return json_object_get(graph->config, "build_input_shape");
}

/* A linear layer followed by an activation layer is what we write as one. The last layer is
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

/* Reads an entry of the list of layers; input layers and Activation("linear") leave nothing. */
static hpac_status read_entry(const hpac_keras_graph *graph, size_t index,
                              hpac_keras_config *config)
{
    json_t *entry = json_array_get(graph->layers, index);
    hpac_keras_layer at = {.class_name = json_string_value(json_object_get(entry, "class_name")),
                           .config = json_object_get(entry, "config")};
    at.name = json_string_value(json_object_get(at.config, "name"));
    if (!at.class_name || !at.name)
        return hpac_fail(HPAC_ERR_DATA,
                         "entry %zu of the layers: expected class_name and a config with a name",
                         index + 1);
    bool is_input = strcmp(at.class_name, "InputLayer") == 0;
    if (is_input && index > 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "layer \"%s\" (InputLayer): expected one input, as the first layer",
                         at.name);
    at.row = hpac_layer_row_by_class(at.class_name);
    if (!is_input && !at.row)
        return refuse_class(&at);
    hpac_layer layer = {0};
    if (at.row)
        layer = at.row->blank;
    for (const hpac_layer_key *key = at.row ? at.row->keys : NULL; key && key->keras; key++)
        HPAC_TRY(read_key(&at, key, &layer));
    HPAC_TRY(hpac_keras_options_check(&at, &config->traits));
    if (is_input ||
        (layer.kind == HPAC_LAYER_ACTIVATION && layer.activation == HPAC_ACTIVATION_LINEAR))
        return HPAC_OK;
    char *name = strdup(at.name);
    if (!name)
        return hpac_fail_memory(strlen(at.name) + 1);
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
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(read_entry(graph, i, config));
    HPAC_TRY(read_input(find_input(graph), &config->input));
    merge_last_activation(config);
    return HPAC_OK;
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
