/* The keys of layers: their types, and the table of each type of layer. */
#include "config_layer_keys.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(offsetof(hpac_layer, kernel_cols) ==
                   offsetof(hpac_layer, kernel_rows) + sizeof(size_t),
               "hpac_key_integer stores rows and cols side by side");

const char *const *hpac_layer_type_names(void)
{
    static const char *names[32];
    size_t count = 0;
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_rows[i].name)
            names[count++] = hpac_layer_rows[i].name;
    return names;
}

/* ---- the types of keys that only layers have ---- */

static void *at(const hpac_key *key, const void *record)
{
    return (char *)record + key->offset;
}

/* Integers of a list in [min, max]; false: not a list of so many. */
static bool scan_list(const hpac_key *key, const hpac_yaml_node *node, size_t count, size_t *sizes)
{
    if (node->kind != HPAC_YAML_LIST || node->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t value;
        if (!hpac_key_scan_integer(node->items[i].value, &value) || value < key->min ||
            value > key->max)
            return false;
        sizes[i] = value;
    }
    return true;
}

static void read_zeros(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    size_t *zeros = at(key, record), pair[2];
    uint64_t all;
    if (hpac_key_scan_integer(node, &all) && all <= key->max)
        zeros[0] = zeros[1] = zeros[2] = zeros[3] = all;
    else if (scan_list(key, node, 2, pair)) {
        zeros[0] = zeros[1] = pair[0];
        zeros[2] = zeros[3] = pair[1];
    } else if (!scan_list(key, node, 4, zeros))
        hpac_reader_refuse_value(reader, key, path, node);
}

static void write_zeros(const hpac_key *key, const void *record, FILE *stream)
{
    const size_t *zeros = at(key, record);
    fprintf(stream, "[%zu, %zu, %zu, %zu]", zeros[0], zeros[1], zeros[2], zeros[3]);
}

static const hpac_key_type key_zeros = {read_zeros, write_zeros, NULL,
                                        "an integer, [rows, cols] or [top, bottom, left, right]"};

static void read_shape(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    if (!scan_list(key, node, 3, at(key, record)))
        hpac_reader_refuse_value(reader, key, path, node);
}

static void write_shape(const hpac_key *key, const void *record, FILE *stream)
{
    const size_t *shape = at(key, record);
    fprintf(stream, "[%zu, %zu, %zu]", shape[0], shape[1], shape[2]);
}

static const hpac_key_type key_shape = {read_shape, write_shape, NULL, "[rows, cols, channels]"};

static const hpac_key channel_number = {.type = &hpac_key_number, .nbytes = sizeof(float)};

/* One number for each channel; of mean and deviation as many. */
static void read_channels(hpac_reader *reader, const hpac_key *key, const char *path,
                          const hpac_yaml_node *node, void *record)
{
    size_t *count = (void *)((char *)record + key->count_offset);
    float *numbers = at(key, record);
    hpac_key one = channel_number;
    one.range = key->range;
    if (node->kind != HPAC_YAML_LIST || node->count < 1 || node->count > HPAC_OP_MAX_RESCALED ||
        (*count > 0 && *count != node->count)) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    *count = node->count;
    for (size_t i = 0; i < *count; i++)
        one.type->read(reader, &one, path, node->items[i].value, &numbers[i]);
}

static void write_channels(const hpac_key *key, const void *record, FILE *stream)
{
    const float *numbers = at(key, record);
    size_t count;
    memcpy(&count, (const char *)record + key->count_offset, sizeof count);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        channel_number.type->write(&channel_number, &numbers[i], stream);
    }
    fputc(']', stream);
}

static const hpac_key_type key_channels = {read_channels, write_channels, NULL,
                                           "a list of one number for each channel"};

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_name(const hpac_yaml_node *node)
{
    size_t length = node->kind == HPAC_YAML_SCALAR ? strlen(node->text) : 0;
    return length > 0 && length < HPAC_LAYER_NAME_NBYTES && strchr(NAME_LETTERS, node->text[0]) &&
           strspn(node->text, NAME_LETTERS "0123456789_.-/") == length &&
           strcmp(node->text, HPAC_IMAGE_NAME) != 0;
}

static void read_name(hpac_reader *reader, const hpac_key *key, const char *path,
                      const hpac_yaml_node *node, void *record)
{
    if (is_name(node))
        memcpy(at(key, record), node->text, strlen(node->text) + 1);
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

static void write_name(const hpac_key *key, const void *record, FILE *stream)
{
    fputs(at(key, record), stream);
}

const hpac_key_type hpac_key_layer_name = {
    read_name, write_name, NULL,
    "a name of at most 63 letters, digits, _ . - and /, which "
    "begins with a letter and is not input"};

/* Only the form; what is named is looked up when all layers before are known. */
static void read_inputs(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    hpac_layer *layer = record;
    bool good =
        node->kind == HPAC_YAML_LIST && node->count >= 1 && node->count <= HPAC_LAYER_MAX_INPUTS;
    for (size_t i = 0; good && i < node->count; i++)
        good = node->items[i].value->kind == HPAC_YAML_SCALAR;
    char shown[HPAC_SHOWN_NBYTES];
    if (good)
        layer->input_count = node->count;
    else if (node->kind == HPAC_YAML_SCALAR && *node->text)
        hpac_reader_refuse(reader, path, node, "expected a list, as in [%.64s], not %s", node->text,
                           hpac_yaml_show(node, shown));
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

static void write_nothing(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    (void)record;
    (void)stream;
}

const hpac_key_type hpac_key_layer_inputs = {read_inputs, write_nothing, NULL,
                                             "a list of 1 to 16 names of layers, or input"};

/* ---- the keys of each type of layer ---- */

/* By the type of a layer's key. */
static const hpac_key key_types[] = {
    [HPAC_LAYER_KEY_SIZE] = {.type = &hpac_key_integer, .nbytes = sizeof(size_t), .min = 1},
    [HPAC_LAYER_KEY_PAIR] = {.type = &hpac_key_integer,
                             .nbytes = 2 * sizeof(size_t),
                             .min = 1,
                             .pair = true},
    [HPAC_LAYER_KEY_RATE] = {.type = &hpac_key_number,
                             .nbytes = sizeof(float),
                             .range = HPAC_RANGE_FRACTION},
    [HPAC_LAYER_KEY_ACTIVATION] = {.type = &hpac_key_choice,
                                   .nbytes = sizeof(hpac_activation),
                                   .choices = hpac_activation_names,
                                   .fallback = "linear"},
    [HPAC_LAYER_KEY_INITIALIZER] = {.type = &hpac_key_choice,
                                    .nbytes = sizeof(hpac_initializer),
                                    .choices = hpac_initializer_names,
                                    .fallback = "variance_scaling"},
    [HPAC_LAYER_KEY_PADDING] = {.type = &hpac_key_choice,
                                .nbytes = sizeof(hpac_padding),
                                .choices = hpac_padding_names,
                                .fallback = "valid"},
    [HPAC_LAYER_KEY_POSITIVE] = {.type = &hpac_key_number,
                                 .nbytes = sizeof(float),
                                 .range = HPAC_RANGE_POSITIVE},
    [HPAC_LAYER_KEY_DECAY] = {.type = &hpac_key_number,
                              .nbytes = sizeof(float),
                              .range = HPAC_RANGE_NOT_NEGATIVE},
    [HPAC_LAYER_KEY_FLAG] = {.type = &hpac_key_choice,
                             .nbytes = sizeof(bool),
                             .choices = hpac_key_booleans,
                             .fallback = "false"},
    [HPAC_LAYER_KEY_UNLESS] = {.type = &hpac_key_choice,
                               .nbytes = sizeof(bool),
                               .choices = hpac_key_negations,
                               .fallback = "true"},
    [HPAC_LAYER_KEY_ZEROS] = {.type = &key_zeros, .nbytes = 4 * sizeof(size_t)},
    [HPAC_LAYER_KEY_SHAPE] = {.type = &key_shape, .nbytes = 3 * sizeof(size_t), .min = 1},
    [HPAC_LAYER_KEY_NUMBERS] = {.type = &key_channels,
                                .nbytes = HPAC_OP_MAX_RESCALED * sizeof(float),
                                .count_offset = offsetof(hpac_layer, rescaled)},
};

static const hpac_key common_keys[] = {
    {"name", &hpac_key_layer_name, .offset = offsetof(hpac_layer, name),
     .nbytes = HPAC_LAYER_NAME_NBYTES, .example = "stem", .help = "What other layers call it."},
    {"inputs", &hpac_key_layer_inputs, .example = "[stem, input]",
     .help = "The layers that it reads, which stand before it; `input` is the image. Without it: "
             "the layer before."},
};

void hpac_layer_keys_make(const hpac_layer_row *row, hpac_layer_keys *made)
{
    *made = (hpac_layer_keys){
        .keys = {{"type", &hpac_key_choice, .choices = hpac_layer_type_names()}},
        .table = {made->keys, 1},
    };
    const hpac_layer_key *from = row ? row->keys : NULL;
    for (; from && (from->name || from->keras); from++) {
        if (!from->name)
            continue;
        hpac_key *key = &made->keys[made->table.count++];
        *key = key_types[from->type];
        key->path = from->name;
        key->offset = from->offset;
        key->max = from->max;
        key->word = from->word;
        key->help = from->help;
        key->example = from->example;
        if (from->fallback)
            key->fallback = from->fallback;
        if (from->type == HPAC_LAYER_KEY_ACTIVATION && row->blank.kind == HPAC_LAYER_ACTIVATION) {
            key->choices = hpac_layer_activation_names;
            key->min = HPAC_ACTIVATION_RELU;
            key->fallback = NULL;
        }
        key->required = !key->fallback && !from->optional;
        if (from->offset == offsetof(hpac_layer, mean))
            key->range = HPAC_RANGE_ANY;
    }
    memcpy(&made->keys[made->table.count], common_keys, sizeof common_keys);
    made->table.count += 2;
}

bool hpac_model_check_name(hpac_reader *reader, const char *path, const hpac_yaml_node *name)
{
    if (!is_name(name))
        hpac_reader_refuse_value(reader, &common_keys[0], path, name);
    return is_name(name);
}
