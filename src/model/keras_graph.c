/* Sequential and functional models as a chain of layers. */
#include "keras_graph.h"

#include <stdbool.h>
#include <string.h>

/* References to a layer's output are [name, node, tensor], wrapped in more lists by Keras 2 and, in
 * Keras 3, in a tensor's "keras_history". Returns the name, or NULL when there is not exactly one.
 */
static const char *referred_layer(json_t *reference)
{
    while (json_is_array(reference) && json_array_size(reference) == 1)
        reference = json_array_get(reference, 0);
    if (json_is_object(reference))
        reference = json_object_get(json_object_get(reference, "config"), "keras_history");
    json_t *node = json_array_get(reference, 1), *tensor = json_array_get(reference, 2);
    if (!json_is_integer(node) || json_integer_value(node) != 0 || !json_is_integer(tensor) ||
        json_integer_value(tensor) != 0)
        return NULL;
    return json_string_value(json_array_get(reference, 0));
}

/* Call arguments such as training=True change what a layer does. */
static bool has_arguments(json_t *arguments)
{
    const char *key;
    json_t *value;
    json_object_foreach(arguments, key,
                        value) if (!json_is_null(value) && !json_is_false(value)) return true;
    return false;
}

/* The layer that feeds this one: Keras 2 writes [[[name, node, tensor, arguments]]], Keras 3
 * [{"args": [tensor], "kwargs": arguments}]. NULL when it is not one plain call. */
static const char *feeding_layer(json_t *layer)
{
    json_t *calls = json_object_get(layer, "inbound_nodes");
    json_t *call = json_array_get(calls, 0);
    if (json_array_size(calls) != 1)
        return NULL;
    if (json_is_object(call))
        return has_arguments(json_object_get(call, "kwargs"))
                   ? NULL
                   : referred_layer(json_object_get(call, "args"));
    json_t *input = json_array_get(call, 0);
    return has_arguments(json_array_get(input, 3)) ? NULL : referred_layer(call);
}

static const char *layer_name(json_t *layer)
{
    const char *name = json_string_value(json_object_get(layer, "name"));
    return name ? name : "?";
}

static hpac_status check_chain(const hpac_keras_graph *graph)
{
    size_t count = json_array_size(graph->layers);
    json_t *before = json_array_get(graph->layers, 0);
    const char *input = referred_layer(json_object_get(graph->config, "input_layers"));
    if (!input || strcmp(input, layer_name(before)) != 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "input_layers: expected one, the first layer \"%s\": hpac has only "
                         "models of one chain",
                         layer_name(before));
    for (size_t i = 1; i < count; i++) {
        json_t *layer = json_array_get(graph->layers, i);
        const char *feeding = feeding_layer(layer);
        if (!feeding || strcmp(feeding, layer_name(before)) != 0)
            return hpac_fail(HPAC_ERR_DATA,
                             "layer \"%s\": inbound_nodes, expected one plain call on \"%s\", the "
                             "layer before it: hpac supports sequential models only",
                             layer_name(layer), layer_name(before));
        before = layer;
    }
    const char *output = referred_layer(json_object_get(graph->config, "output_layers"));
    if (!output || strcmp(output, layer_name(before)) != 0)
        return hpac_fail(HPAC_ERR_DATA,
                         "output_layers: expected one, the last layer \"%s\": hpac has only models "
                         "of one chain",
                         layer_name(before));
    return HPAC_OK;
}

static hpac_status find_layers(hpac_keras_graph *graph)
{
    const char *kind = json_string_value(json_object_get(graph->root, "class_name"));
    graph->config = json_object_get(graph->root, "config");
    bool sequential = kind && strcmp(kind, "Sequential") == 0;
    bool functional = kind && (strcmp(kind, "Functional") == 0 || strcmp(kind, "Model") == 0);
    if (!sequential && !functional)
        return hpac_fail(HPAC_ERR_DATA, "class_name %.100s, expected Sequential or Functional",
                         kind ? kind : "is missing");
    /* Keras up to 2.2.2 wrote the list of a Sequential without anything around it. */
    graph->layers =
        json_is_array(graph->config) ? graph->config : json_object_get(graph->config, "layers");
    if (json_array_size(graph->layers) == 0)
        return hpac_fail(HPAC_ERR_DATA, "expected a list of layers");
    return functional ? check_chain(graph) : HPAC_OK;
}

hpac_status hpac_keras_graph_read(const char *json, hpac_keras_graph *graph)
{
    *graph = (hpac_keras_graph){0};
    json_error_t error;
    graph->root = json_loads(json, 0, &error);
    hpac_status status = graph->root ? find_layers(graph)
                                     : hpac_fail(HPAC_ERR_DATA, "not JSON (line %d, column %d): %s",
                                                 error.line, error.column, error.text);
    if (status != HPAC_OK)
        hpac_keras_graph_fini(graph);
    return status;
}

void hpac_keras_graph_fini(hpac_keras_graph *graph)
{
    json_decref(graph->root);
    *graph = (hpac_keras_graph){0};
}
