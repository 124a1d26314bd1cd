/* Which options of Keras's layers are ours. The values named here are also Keras's defaults, so
 * that an option which is not in the file is fine. */
#include "keras_options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
    const char *key;
    const char *expected; /* as JSON; NULL: any value, read elsewhere or without effect on a model
                             that has its weights */
} option;

static const option common[] = {
    {"name", NULL},
    {"trainable", "true"}, /* hpac trains every layer */
    {"batch_input_shape", NULL},
    {"input_dtype", NULL},
    {NULL, NULL},
};

static const option input_layer[] = {
    {"batch_shape", NULL}, {"sparse", "false"}, {"ragged", "false"},
    {"optional", "false"}, {NULL, NULL},
};

static const option conv2d[] = {
    {"filters", NULL},
    {"kernel_size", NULL},
    {"strides", "[1,1]"},
    {"padding", "\"valid\""},
    {"data_format", "\"channels_last\""},
    {"dilation_rate", "[1,1]"},
    {"groups", "1"},
    {"activation", NULL},
    {"use_bias", "true"},
    {"kernel_initializer", NULL},
    {"bias_initializer", NULL},
    {NULL, NULL},
};

static const option maxpool[] = {
    {"pool_size", NULL},
    {"strides", NULL},
    {"padding", "\"valid\""},
    {"data_format", "\"channels_last\""},
    {NULL, NULL},
};

static const option dropout[] = {
    {"rate", NULL},
    {"seed", NULL},
    {NULL, NULL},
};

static const option flatten[] = {
    {"data_format", "\"channels_last\""},
    {NULL, NULL},
};

static const option dense[] = {
    {"units", NULL},
    {"activation", NULL},
    {"use_bias", "true"},
    {"kernel_initializer", NULL},
    {"bias_initializer", NULL},
    {NULL, NULL},
};

static const option activation[] = {
    {"activation", NULL},
    {NULL, NULL},
};

static const option relu[] = {
    {"negative_slope", "0.0"},
    {"threshold", "0.0"},
    {NULL, NULL},
};

static const struct {
    const char *class_name;
    const option *options;
} tables[] = {
    {"InputLayer", input_layer}, {"Conv2D", conv2d},   {"MaxPooling2D", maxpool},
    {"Dropout", dropout},        {"Flatten", flatten}, {"Dense", dense},
    {"Activation", activation},  {"ReLU", relu},
};

static const option *find_option(const option *table, const char *key)
{
    for (; table && table->key; table++)
        if (strcmp(table->key, key) == 0)
            return table;
    return NULL;
}

static const option *find_table(const char *class_name)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].class_name, class_name) == 0)
            return tables[i].options;
    return NULL;
}

static bool is_expected(json_t *value, const char *text)
{
    json_t *expected = json_loads(text, JSON_DECODE_ANY, NULL);
    bool equal = json_is_number(value) && json_is_number(expected)
                     ? json_number_value(value) == json_number_value(expected)
                     : json_equal(value, expected);
    json_decref(expected);
    return equal;
}

hpac_status hpac_keras_refuse(const char *layer, const char *class_name, const char *key,
                              json_t *value, const char *expected)
{
    char *text = value ? json_dumps(value, HPAC_KERAS_SHOWN) : NULL;
    hpac_fail(HPAC_ERR_DATA, "layer \"%s\" (%s): %.100s %.200s, expected %s", layer, class_name,
              key, text ? text : "is missing", expected);
    free(text);
    return HPAC_ERR_DATA;
}

/* "float32", or a policy of that name: {"class_name": "DTypePolicy", "config": {"name": ...}}. */
static bool is_float32(json_t *dtype)
{
    if (json_is_object(dtype))
        dtype = json_object_get(json_object_get(dtype, "config"), "name");
    const char *name = json_string_value(dtype);
    return json_is_null(dtype) || (name && strcmp(name, "float32") == 0);
}

hpac_status hpac_keras_options_check(const char *layer, const char *class_name, json_t *config)
{
    const option *table = find_table(class_name);
    const char *key;
    json_t *value;
    json_object_foreach(config, key, value)
    {
        if (strcmp(key, "dtype") == 0) {
            if (!is_float32(value))
                return hpac_keras_refuse(layer, class_name, key, value, "\"float32\"");
            continue;
        }
        const option *known = find_option(table, key);
        if (!known)
            known = find_option(common, key);
        if (!known && !json_is_null(value) && !json_is_false(value))
            return hpac_keras_refuse(layer, class_name, key, value,
                                     "null: hpac has no such option");
        if (known && known->expected && !is_expected(value, known->expected))
            return hpac_keras_refuse(layer, class_name, key, value, known->expected);
    }
    return HPAC_OK;
}
