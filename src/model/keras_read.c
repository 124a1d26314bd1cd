/* Keras's JSON as layers. Every option of a layer is either read, known to have no effect on
 * predictions, or refused: a model that Keras would compute otherwise must not pass. */
#include "keras_json.h"

#include "base/memory.h"
#include "base/text.h"
#include "net/layer_table.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

hpac_status hpac_keras_refuse_value(json_t *value, const char *what, const char *expected)
{
    HPAC_AUTO_FREE char *text =
        value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    return hpac_fail(HPAC_ERR_DATA, "%.100s %.200s, expected %s", what, text ? text : "is missing",
                     expected);
}

static hpac_status refuse_key(const hpac_keras_layer *layer, const char *key, const char *expected)
{
    return hpac_keras_refuse_value(json_object_get(layer->config, key), key, expected);
}

bool hpac_keras_read_size(json_t *value, void *size)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;
    *(size_t *)size = (size_t)number;
    return number >= 1 && number <= INT_MAX;
}

static bool read_pair(json_t *value, void *pair)
{
    size_t *sizes = pair;
    return json_array_size(value) == 2 &&
           hpac_keras_read_size(json_array_get(value, 0), &sizes[0]) &&
           hpac_keras_read_size(json_array_get(value, 1), &sizes[1]);
}

static bool read_rate(json_t *value, void *rate)
{
    float number = json_is_number(value) ? (float)json_number_value(value) : -1.0f;
    *(float *)rate = number;
    return number >= 0.0f && number < 1.0f;
}

static bool read_positive(json_t *value, void *number)
{
    float given = json_is_number(value) ? (float)json_number_value(value) : -1.0f;
    *(float *)number = given;
    return given > 0.0f && given <= FLT_MAX;
}

static bool read_flag(json_t *value, void *flag)
{
    *(bool *)flag = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_unless(json_t *value, void *flag)
{
    *(bool *)flag = json_is_false(value);
    return json_is_boolean(value);
}

static bool read_padding(json_t *value, void *padding)
{
    const char *name = json_string_value(value);
    for (int i = 0; name && hpac_padding_names[i]; i++)
        if (strcmp(name, hpac_padding_names[i]) == 0) {
            *(hpac_padding *)padding = (hpac_padding)i;
            return true;
        }
    return false;
}

/* Zeros, which may be none. */
static bool read_side(json_t *value, size_t *zeros)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    *zeros = (size_t)number;
    return number >= 0 && number <= INT_MAX;
}

/* [[top, bottom], [left, right]] */
static bool read_zeros(json_t *value, void *zeros)
{
    size_t *sides = zeros;
    json_t *rows = json_array_get(value, 0), *cols = json_array_get(value, 1);
    return read_side(json_array_get(rows, 0), &sides[0]) &&
           read_side(json_array_get(rows, 1), &sides[1]) &&
           read_side(json_array_get(cols, 0), &sides[2]) &&
           read_side(json_array_get(cols, 1), &sides[3]);
}

static bool read_shape(json_t *value, void *shape)
{
    size_t *sizes = shape;
    bool good = json_array_size(value) == 3;
    for (size_t i = 0; good && i < 3; i++)
        good = hpac_keras_read_size(json_array_get(value, i), &sizes[i]);
    return good;
}

/* Regularizers that are not L2 have no effect on predictions: read_trait() notes them. */
static bool read_decay(json_t *value, void *decay)
{
    const char *name = json_string_value(json_object_get(value, "class_name"));
    json_t *l2 = json_object_get(json_object_get(value, "config"), "l2");
    bool known = name && strcmp(name, "L2") == 0 && json_is_number(l2);
    *(float *)decay = known ? (float)json_number_value(l2) : 0.0f;
    return true;
}

/* "relu", or how some versions of Keras wrap it: {"class_name": "function", "config": "relu"}. */
static bool read_activation(json_t *value, void *activation)
{
    const char *wrapper = json_string_value(json_object_get(value, "class_name"));
    if (wrapper && strcmp(wrapper, "function") == 0)
        value = json_object_get(value, "config");
    const char *name = json_string_value(value);
    for (int i = 0; name && hpac_activation_names[i]; i++)
        if (strcmp(name, hpac_activation_names[i]) == 0) {
            *(hpac_activation *)activation = (hpac_activation)i;
            return true;
        }
    if (name && strcmp(name, "swish") == 0) {
        *(hpac_activation *)activation = HPAC_ACTIVATION_SILU;
        return true;
    }
    return !value || json_is_null(value); /* linear */
}

/* The weights are in the file, so that the initializer only matters to a new training; those that
 * hpac lacks become Keras's default. */
static bool read_initializer(json_t *value, void *initializer)
{
    const char *name = json_string_value(json_object_get(value, "class_name"));
    *(hpac_initializer *)initializer = HPAC_INIT_GLOROT_UNIFORM;
    for (size_t i = 0; name && i < HPAC_KERAS_INITIALIZER_COUNT; i++)
        if (strcmp(name, hpac_keras_initializers[i]) == 0)
            *(hpac_initializer *)initializer = (hpac_initializer)i;
    return true;
}

static const struct {
    bool (*read)(json_t *value, void *member);
    const char *expected;
} key_types[] = {
    [HPAC_LAYER_KEY_SIZE] = {hpac_keras_read_size, "a positive integer"},
    [HPAC_LAYER_KEY_PAIR] = {read_pair, "two positive integers"},
    [HPAC_LAYER_KEY_RATE] = {read_rate, "a number in [0, 1)"},
    [HPAC_LAYER_KEY_ACTIVATION] = {read_activation, "linear, relu, sigmoid, relu6, silu, gelu, "
                                                    "softplus, tanh or softmax"},
    [HPAC_LAYER_KEY_INITIALIZER] = {read_initializer, NULL},
    [HPAC_LAYER_KEY_PADDING] = {read_padding, "\"valid\" or \"same\""},
    [HPAC_LAYER_KEY_POSITIVE] = {read_positive, "a number > 0"},
    [HPAC_LAYER_KEY_DECAY] = {read_decay, NULL},
    [HPAC_LAYER_KEY_FLAG] = {read_flag, "true or false"},
    [HPAC_LAYER_KEY_UNLESS] = {read_unless, "true or false"},
    [HPAC_LAYER_KEY_ZEROS] = {read_zeros, "[[top, bottom], [left, right]]"},
    [HPAC_LAYER_KEY_SHAPE] = {read_shape, "[rows, cols, channels]"},
};

static hpac_status read_keys(const hpac_keras_layer *at, hpac_layer *layer)
{
    *layer = at->row->blank;
    for (const hpac_layer_key *key = at->row->keys; key->keras; key++) {
        json_t *value = json_object_get(at->config, key->keras);
        bool absent = !value || json_is_null(value);
        if (hpac_keras_own_key(at->class_name, key->keras))
            continue;
        if (!(absent && key->brief) &&
            !key_types[key->type].read(value, (char *)layer + key->offset))
            return refuse_key(at, key->keras, key_types[key->type].expected);
    }
    return HPAC_OK;
}

const hpac_layer_row hpac_keras_input_row = {
    .keras_class = "InputLayer",
    .options = {{"batch_shape", NULL, false},
                {"sparse", "false", false},
                {"ragged", "false", false},
                {"optional", "false", false}},
};

static const hpac_keras_option common_options[] = {
    {"name", NULL, false},
    {"batch_input_shape", NULL, false},
    {"input_dtype", NULL, false},
    {NULL, NULL, false},
};

static const hpac_keras_option *find_option(const hpac_keras_option *options, const char *key)
{
    while (options->key && strcmp(options->key, key) != 0)
        options++;
    return options->key ? options : NULL;
}

static bool has_key(const hpac_layer_row *row, const char *name)
{
    for (const hpac_layer_key *key = row->keys; key->keras; key++)
        if (strcmp(key->keras, name) == 0)
            return true;
    return false;
}

static hpac_status check_option(const hpac_keras_layer *layer, const hpac_keras_option *option,
                                json_t *value)
{
    if (!option->value)
        return HPAC_OK;
    if (option->value[0] == '=') {
        const char *other = option->value + 1;
        char expected[64];
        snprintf(expected, sizeof expected, "the %s", other);
        return json_is_null(value) || json_equal(value, json_object_get(layer->config, other))
                   ? HPAC_OK
                   : refuse_key(layer, option->key, expected);
    }
    json_auto_t *expected = json_loads(option->value, JSON_DECODE_ANY, NULL);
    bool equal = json_is_number(value) && json_is_number(expected)
                     ? json_number_value(value) == json_number_value(expected)
                     : json_equal(value, expected);
    return equal ? HPAC_OK : refuse_key(layer, option->key, option->value);
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
    for (size_t i = 0; name && names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return json_is_null(dtype);
}

/* Options that affect training only: true if `key` is one. */
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

/* An unknown option must be null or false. */
static hpac_status check_options(const hpac_keras_layer *layer, hpac_keras_traits *traits)
{
    const char *key;
    json_t *value;
    json_object_foreach(layer->config, key, value)
    {
        if (read_trait(key, value, traits) || has_key(layer->row, key) ||
            hpac_keras_own_key(layer->class_name, key) ||
            (strcmp(key, "dtype") == 0 && is_float(value)))
            continue;
        const hpac_keras_option *option = find_option(layer->row->options, key);
        if (!option)
            option = find_option(common_options, key);
        if (option)
            HPAC_TRY(check_option(layer, option, value));
        else if (strcmp(key, "dtype") == 0)
            return refuse_key(layer, key, "a floating-point type");
        else if (!json_is_null(value) && !json_is_false(value))
            return refuse_key(layer, key, "null: hpac has no such option");
    }
    return HPAC_OK;
}

/* A class that is not in the table, with those that are. */
static hpac_status refuse_class(void)
{
    char known[768] = "";
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_row_by_class(hpac_layer_rows[i].keras_class) == &hpac_layer_rows[i])
            hpac_text_append(known, sizeof known, "%s, ", hpac_layer_rows[i].keras_class);
    return hpac_fail(HPAC_ERR_DATA, "expected %sor InputLayer", known);
}

hpac_status hpac_keras_layer_read(hpac_keras_layer *at, hpac_shape in, hpac_keras_traits *traits,
                                  hpac_layer *layer, hpac_keras_note *note)
{
    bool is_input = strcmp(at->class_name, hpac_keras_input_row.keras_class) == 0;
    *note = HPAC_KERAS_PLAIN;
    at->row = is_input ? &hpac_keras_input_row : hpac_layer_row_by_class(at->class_name);
    if (!at->row)
        return refuse_class();
    HPAC_TRY(read_keys(at, layer));
    HPAC_TRY(check_options(at, traits));
    HPAC_TRY(hpac_keras_read_own(at, in, layer, note));
    hpac_layer_normalize(layer);
    if (is_input ||
        (layer->kind == HPAC_LAYER_ACTIVATION && layer->activation == HPAC_ACTIVATION_LINEAR))
        *note = HPAC_KERAS_SKIPPED;
    return HPAC_OK;
}

char *hpac_keras_writer(const char *metadata)
{
    json_auto_t *root = metadata ? json_loads(metadata, 0, NULL) : NULL;
    const char *version = json_string_value(json_object_get(root, "keras_version"));
    char *text;
    return asprintf(&text, "Keras %s", version ? version : "of unknown version") >= 0 ? text : NULL;
}
