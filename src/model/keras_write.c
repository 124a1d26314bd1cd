/* Layers as Keras's JSON. Only options that every Keras since 2.0 knows are written; the others
 * have Keras's defaults, which are what hpac's layers compute. */
#include "model_files.h"

#include "base/memory.h"
#include "base/text.h"
#include "net/layer_table.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hpac_status hpac_keras_name_layers(const hpac_model *model, char ***names)
{
    HPAC_TRY_NEW(*names, model->layer_count + 1);
    for (size_t i = 0; i < model->layer_count; i++) {
        const char *base = hpac_layer_row_of(&model->layers[i])->keras_name;
        char name[40];
        int before = 0;
        for (size_t j = 0; j < i; j++)
            before += strcmp(hpac_layer_row_of(&model->layers[j])->keras_name, base) == 0;
        snprintf(name, sizeof name, before ? "%s_%d" : "%s", base, before);
        HPAC_TRY_MEMORY((*names)[i] = strdup(name), sizeof name);
    }
    return HPAC_OK;
}

static json_t *initializer(hpac_initializer kind)
{
    static const char *const classes[] = {
        [HPAC_INIT_GLOROT_UNIFORM] = "GlorotUniform", [HPAC_INIT_GLOROT_NORMAL] = "GlorotNormal",
        [HPAC_INIT_HE_NORMAL] = "HeNormal",           [HPAC_INIT_HE_UNIFORM] = "HeUniform",
        [HPAC_INIT_LECUN_NORMAL] = "LecunNormal",     [HPAC_INIT_LECUN_UNIFORM] = "LecunUniform",
    };
    if (kind == HPAC_INIT_ZEROS)
        return json_pack("{s:s, s:{}}", "class_name", "Zeros", "config");
    if (kind != HPAC_INIT_VARIANCE_SCALING)
        return json_pack("{s:s, s:{s:n}}", "class_name", classes[kind], "config", "seed");
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
    bool flag = *(const bool *)value;
    switch (key->type) {
    case HPAC_LAYER_KEY_SIZE:
        return json_integer(or_one(sizes[0]));
    case HPAC_LAYER_KEY_PAIR:
        return pair(layer, sizes);
    case HPAC_LAYER_KEY_RATE:
        return json_real(hpac_float_decimal(number_or_default(key, numbers[0])));
    case HPAC_LAYER_KEY_ACTIVATION:
        return json_string(hpac_activation_names[layer->activation]);
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
        return json_boolean(flag);
    case HPAC_LAYER_KEY_UNLESS:
        return json_boolean(!flag);
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

/* NULL when out of memory. */
static json_t *write_layer(const hpac_layer *layer, const char *name)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    json_t *config = json_pack("{s:s, s:b, s:s}", "name", name, "trainable", 1, "dtype", "float32");
    int failed = 0;
    for (const hpac_layer_key *key = row->keys; key->keras; key++)
        if (!is_newer_default(layer, key))
            failed |= json_object_set_new(config, key->keras, value_of(layer, key));
    for (const hpac_keras_option *option = row->options; option->key; option++)
        if (option->written)
            failed |= json_object_set_new(
                config, option->key,
                option->value[0] == '=' ? json_deep_copy(json_object_get(config, option->value + 1))
                                        : json_loads(option->value, JSON_DECODE_ANY, NULL));
    json_t *written = json_pack("{s:s, s:o}", "class_name", row->keras_class, "config", config);
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
                     "input_1");
}

char *hpac_keras_config_write(const hpac_model *model, char *const *names)
{
    json_t *layers = json_array();
    int failed = json_array_append_new(layers, input_layer(model->input));
    for (size_t i = 0; i < model->layer_count; i++)
        failed |= json_array_append_new(layers, write_layer(&model->layers[i], names[i]));
    json_t *root = json_pack("{s:s, s:{s:s, s:o}}", "class_name", "Sequential", "config", "name",
                             "sequential", "layers", layers);
    char *text = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}
