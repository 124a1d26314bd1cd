/* The model: a list of layers, each a map with a type and the keys of that type. */
#include "config_schema.h"

#include "net/layer_table.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 256

_Static_assert(offsetof(hpac_layer, kernel_cols) ==
                   offsetof(hpac_layer, kernel_rows) + sizeof(size_t),
               "hpac_key_integer stores rows and cols side by side");

/* The names of all layers; NULL at the end. */
static const char *const *type_names(void)
{
    static const char *names[16];
    size_t count = 0;
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_rows[i].name)
            names[count++] = hpac_layer_rows[i].name;
    return names;
}

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
};

/* The keys of a type of layer. The first is the type, which chooses the row and is not stored. */
typedef struct layer_keys {
    hpac_key keys[1 + sizeof hpac_layer_rows[0].keys / sizeof *hpac_layer_rows[0].keys];
    hpac_key_table table;
} layer_keys;

static void make_keys(const hpac_layer_row *row, layer_keys *made)
{
    *made = (layer_keys){
        .keys = {{"type", &hpac_key_choice, .choices = type_names()}},
        .table = {made->keys, 1},
    };
    for (const hpac_layer_key *from = row ? row->keys : NULL; from && from->name; from++) {
        hpac_key *key = &made->keys[made->table.count++];
        *key = key_types[from->type];
        key->path = from->name;
        key->offset = from->offset;
        key->max = from->max;
        key->word = from->word;
        key->help = from->help;
        key->required = !key->fallback;
    }
}

static void read_layer(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                       hpac_layer *layer)
{
    char prefix[32], type_path[40], shown[HPAC_SHOWN_NBYTES];
    const hpac_yaml_node *type_node = hpac_yaml_get(node, "type");
    if (!type_node) {
        hpac_reader_refuse(reader, path, node, "expected a layer such as {type: flatten}, not %s%s",
                           hpac_yaml_show(node, shown),
                           node->kind == HPAC_YAML_MAP ? " without a type" : "");
        return;
    }
    snprintf(prefix, sizeof prefix, "%s.", path);
    snprintf(type_path, sizeof type_path, "%stype", prefix);
    const hpac_layer_row *row = hpac_layer_row_by_name(type_node->text);
    layer_keys own;
    make_keys(row, &own);
    if (!row) {
        hpac_reader_refuse_value(reader, &own.keys[0], type_path, type_node);
        return;
    }
    *layer = row->blank;
    hpac_keys keys = {reader, &own.table, prefix, .record = layer};
    hpac_keys_read(&keys, node);
    if (layer->kind == HPAC_LAYER_DENSE && layer->units == 0 &&
        !keys.nodes[hpac_keys_find(&own.table, "initializer")])
        layer->initializer = HPAC_INIT_GLOROT_UNIFORM;
}

static void read_model(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    hpac_config *config = record;
    if (node->kind != HPAC_YAML_LIST || node->count == 0 || node->count > MAX_LAYERS) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    free(config->layers); /* of a bad model, when the default replaces it */
    config->layer_count = 0;
    config->layers = calloc(node->count, sizeof *config->layers);
    if (!config->layers) {
        reader->status = hpac_fail_memory(node->count * sizeof *config->layers);
        return;
    }
    config->layer_count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        char layer_path[32];
        snprintf(layer_path, sizeof layer_path, "%.8s.%zu", path, i + 1);
        read_layer(reader, layer_path, node->items[i].value, &config->layers[i]);
    }
}

static void write_model(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config *config = record;
    fputc('[', stream);
    for (size_t i = 0; i < config->layer_count; i++) {
        fputs(i == 0 ? "" : ", ", stream);
        hpac_layer_write(config, i, NULL, stream);
    }
    fputc(']', stream);
}

_Static_assert(MAX_LAYERS == 256, "see the next line");
const hpac_key_type hpac_key_model = {read_model, write_model, NULL, "a list of 1 to 256 layers"};

void hpac_layer_write(const hpac_config *config, size_t index, const char *name, FILE *stream)
{
    if (!config->layers)
        return;
    const hpac_layer *layer = &config->layers[index];
    layer_keys own;
    make_keys(hpac_layer_row_of(layer), &own);
    for (int i = 0; i < own.table.count; i++) {
        const hpac_key *key = &own.keys[i];
        if (name && strcmp(name, key->path) != 0)
            continue;
        if (!name)
            fprintf(stream, "%s%s: ", i == 0 ? "{" : ", ", key->path);
        if (i == 0) /* "type" is not stored */
            fputs(hpac_layer_name(layer), stream);
        else if (index + 1 == config->layer_count && strcmp(key->path, "units") == 0)
            fputs("classes", stream);
        else
            key->type->write(key, layer, stream);
    }
    if (!name)
        fputc('}', stream);
}

void hpac_model_finish(hpac_reader *reader, const hpac_yaml_node *model, hpac_config *config)
{
    hpac_shape shapes[MAX_LAYERS], in = hpac_config_input_shape(config);
    size_t count = config->layer_count, targets = config->data.target_count, bad = 0;
    for (size_t i = 0; i < count; i++)
        if (config->layers[i].kind == HPAC_LAYER_DENSE && config->layers[i].units == 0)
            config->layers[i].units = targets;
    while (bad < count &&
           hpac_layer_output_shape(&config->layers[bad], bad + 1, bad ? shapes[bad - 1] : in,
                                   &shapes[bad]) == HPAC_OK)
        bad++;
    if (bad == count) {
        if (hpac_layers_check(config->layers, count, in, targets, shapes) == HPAC_OK)
            return;
        bad = count - 1; /* what is left to be wrong is about the last layer */
    }
    char place[HPAC_YAML_PLACE_NBYTES] = "the default model";
    if (model)
        hpac_yaml_place(model->items[bad].value, place);
    hpac_problems_add(&reader->problems, "%s: %s", place, hpac_error_message());
}

void hpac_layers_print_reference(FILE *stream)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer_row *row = &hpac_layer_rows[i];
        layer_keys own;
        if (!row->name)
            continue;
        make_keys(row, &own);
        fprintf(stream, "\n### %s\n\n%s\n", row->name, row->help);
        hpac_keys_print_reference(&own.table, "", stream);
    }
}

void hpac_layers_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer_row *row = &hpac_layer_rows[i];
        char path[64], prefix[72];
        layer_keys own;
        if (!row->name)
            continue;
        snprintf(path, sizeof path, "model.%s", row->name);
        visit(user, &(hpac_config_key_note){.path = path, .help = row->help});
        make_keys(row, &own);
        snprintf(prefix, sizeof prefix, "%s.", path);
        hpac_keys_visit(&own.table, prefix, visit, user);
    }
}
