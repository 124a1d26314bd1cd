#include "keras_options.h"

#include <stdlib.h>
#include <string.h>

static const hpac_keras_option common[] = {
    {.key = "name"},
    {.key = "batch_input_shape"},
    {.key = "input_dtype"},
    {.key = NULL},
};

static const hpac_keras_option input_layer[] = {
    {.key = "batch_shape"},
    {.key = "sparse", .value = "false"},
    {.key = "ragged", .value = "false"},
    {.key = "optional", .value = "false"},
    {.key = NULL},
};

static const hpac_keras_option *find(const hpac_keras_option *options, const char *key)
{
    for (; options->key; options++)
        if (strcmp(options->key, key) == 0)
            return options;
    return NULL;
}

static bool has_key(const hpac_layer_row *row, const char *name)
{
    for (const hpac_layer_key *key = row ? row->keys : NULL; key && key->keras; key++)
        if (strcmp(key->keras, name) == 0)
            return true;
    return false;
}

hpac_status hpac_keras_refuse(const hpac_keras_layer *layer, const char *key, const char *expected)
{
    json_t *value = json_object_get(layer->config, key);
    char *text = value ? json_dumps(value, HPAC_KERAS_SHOWN) : NULL;
    hpac_fail(HPAC_ERR_DATA, "layer \"%s\" (%s): %.100s %.200s, expected %s", layer->name,
              layer->class_name, key, text ? text : "is missing", expected);
    free(text);
    return HPAC_ERR_DATA;
}

static hpac_status check_value(const hpac_keras_layer *layer, const hpac_keras_option *option,
                               json_t *value)
{
    if (!option->value)
        return HPAC_OK;
    if (option->value[0] == '=') {
        char expected[64];
        snprintf(expected, sizeof expected, "the %s", option->value + 1);
        return json_is_null(value) ||
                       json_equal(value, json_object_get(layer->config, option->value + 1))
                   ? HPAC_OK
                   : hpac_keras_refuse(layer, option->key, expected);
    }
    json_t *expected = json_loads(option->value, JSON_DECODE_ANY, NULL);
    bool equal = json_is_number(value) && json_is_number(expected)
                     ? json_number_value(value) == json_number_value(expected)
                     : json_equal(value, expected);
    json_decref(expected);
    return equal ? HPAC_OK : hpac_keras_refuse(layer, option->key, option->value);
}

/* The type a layer computes in, or a policy: {"class_name": "DTypePolicy", "config": {"name":
 * ...}}. hpac computes in float32 whichever it is; weights are converted when they are read. */
static bool is_float(json_t *dtype)
{
    static const char *const names[] = {"float32",        "float64",  "float16", "mixed_float16",
                                        "mixed_bfloat16", "bfloat16", NULL};
    if (json_is_object(dtype))
        dtype = json_object_get(json_object_get(dtype, "config"), "name");
    const char *name = json_string_value(dtype);
    for (int i = 0; name && names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return json_is_null(dtype);
}

/* Options that only bear on training: true if `key` is one. */
static bool read_trait(const char *key, json_t *value, hpac_keras_traits *traits)
{
    const char *end = strrchr(key, '_');
    if (strcmp(key, "trainable") == 0)
        traits->frozen |= json_is_false(value);
    else if (end && (strcmp(end, "_regularizer") == 0 || strcmp(end, "_constraint") == 0))
        traits->regularized |= !json_is_null(value);
    else
        return false;
    return true;
}

hpac_status hpac_keras_options_check(const hpac_keras_layer *layer, hpac_keras_traits *traits)
{
    const hpac_keras_option *own = layer->row ? layer->row->options : input_layer;
    const char *key;
    json_t *value;
    json_object_foreach(layer->config, key, value)
    {
        if (read_trait(key, value, traits) || has_key(layer->row, key))
            continue;
        if (strcmp(key, "dtype") == 0) {
            if (!is_float(value))
                return hpac_keras_refuse(layer, key, "a floating-point type");
            continue;
        }
        const hpac_keras_option *option = find(own, key);
        if (!option)
            option = find(common, key);
        if (option)
            HPAC_TRY(check_value(layer, option, value));
        else if (!json_is_null(value) && !json_is_false(value))
            return hpac_keras_refuse(layer, key, "null: hpac has no such option");
    }
    return HPAC_OK;
}
