/* What the layers of a file read: references to the outputs of others. */
#include "keras_json.h"

/* Call arguments such as training=True change what a layer does. */
static bool has_arguments(json_t *arguments)
{
    const char *key;
    json_t *value;
    json_object_foreach(arguments, key, value)
    {
        if (!json_is_null(value) && !json_is_false(value))
            return true;
    }
    return false;
}

static bool is_inference(json_t *arguments)
{
    return json_is_false(json_object_get(arguments, "training"));
}

/* References to a layer's output are [name, node, tensor], in Keras 2 with arguments behind and, in
 * Keras 3, in a tensor's "keras_history"; several are in lists. */
static void collect_references(json_t *value, hpac_keras_references *found)
{
    if (json_is_object(value)) {
        json_t *history = json_object_get(json_object_get(value, "config"), "keras_history");
        found->good &= json_is_array(history);
        collect_references(history, found);
    } else if (json_is_string(json_array_get(value, 0))) {
        found->good &= json_is_integer(json_array_get(value, 1)) &&
                       json_is_integer(json_array_get(value, 2)) &&
                       json_integer_value(json_array_get(value, 2)) == 0 &&
                       !has_arguments(json_array_get(value, 3)) &&
                       found->count < HPAC_LAYER_MAX_INPUTS;
        found->inference |= is_inference(json_array_get(value, 3));
        if (found->good)
            found->names[found->count++] = json_string_value(json_array_get(value, 0));
    } else if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++)
            collect_references(json_array_get(value, i), found);
    } else {
        found->good = false;
    }
}

/* What a layer reads: Keras 2 writes [[[name, node, tensor, arguments], ...]], Keras 3
 * [{"args": [tensor, ...], "kwargs": arguments}]. */
hpac_status hpac_keras_find_references(json_t *layer, hpac_keras_references *found)
{
    json_t *calls = json_object_get(layer, "inbound_nodes"), *call = json_array_get(calls, 0);
    bool keras3 = json_is_object(call);
    *found = (hpac_keras_references){
        .good = json_array_size(calls) == 1 &&
                !(keras3 && has_arguments(json_object_get(call, "kwargs")))};
    found->inference = keras3 && is_inference(json_object_get(call, "kwargs"));
    if (found->good)
        collect_references(keras3 ? json_object_get(call, "args") : call, found);
    if (found->good && found->count > 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DATA,
                     "inbound_nodes, expected one call without arguments on 1 to %d layers",
                     HPAC_LAYER_MAX_INPUTS);
}

hpac_status hpac_keras_find_end(json_t *config, const char *key, const char **name)
{
    hpac_keras_references found = {.good = true};
    collect_references(json_object_get(config, key), &found);
    if (!found.good || found.count != 1)
        return hpac_fail(HPAC_ERR_DATA, "%s: expected one layer", key);
    *name = found.names[0];
    return HPAC_OK;
}
