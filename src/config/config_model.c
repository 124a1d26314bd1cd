/* The model: a list of layers, each a map with a type and the keys of that type. */
#include "config_layer_keys.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS HPAC_MAX_LAYERS

/* The number of the first of layers [from, to) that has this name, from 1; 0: none. */
static size_t find_name(const hpac_yaml_node *model, size_t from, size_t to, const char *name)
{
    for (size_t i = from; i < to; i++) {
        const hpac_yaml_node *own = hpac_yaml_get(model->items[i].value, "name");
        if (own && own->kind == HPAC_YAML_SCALAR && strcmp(own->text, name) == 0)
            return i + 1;
    }
    return 0;
}

/* What is known of a name that no layer before has: a layer behind, or another name. */
static void refuse_input(hpac_reader *reader, const char *path, const hpac_yaml_node *named,
                         const hpac_yaml_node *model, size_t index)
{
    size_t later = find_name(model, index, model->count, named->text);
    char behind[64];
    snprintf(behind, sizeof behind, "; layer %zu is, which must stand before it", later);
    hpac_nearest nearest = hpac_nearest_to(named->text);
    hpac_nearest_offer(&nearest, HPAC_IMAGE_NAME);
    for (size_t i = index; i-- > 0;) {
        const hpac_yaml_node *own = hpac_yaml_get(model->items[i].value, "name");
        if (own && own->kind == HPAC_YAML_SCALAR)
            hpac_nearest_offer(&nearest, own->text);
    }
    if (later == index + 1)
        hpac_reader_refuse(reader, path, named, "%s reads itself; expected layers before it",
                           named->text);
    else if (later > 0 || !*nearest.best)
        hpac_reader_refuse(reader, path, named, "no layer before this one is called %s%s",
                           named->text, later > 0 ? behind : "");
    else
        hpac_reader_refuse(reader, path, named,
                           "no layer before this one is called %s; did you mean %s?", named->text,
                           nearest.best);
}

/* The number of the layer that another one reads, among those before it; 0: the image, or a name
 * that is reported or may be that of a layer which is missing. */
static size_t find_input(hpac_reader *reader, const char *path, const hpac_yaml_node *named,
                         const hpac_yaml_node *model, size_t index)
{
    size_t number = find_name(model, 0, index, named->text);
    if (number == 0 && strcmp(named->text, HPAC_IMAGE_NAME) != 0 && !reader->incomplete)
        refuse_input(reader, path, named, model, index);
    return number;
}

bool hpac_model_check_input(hpac_reader *reader, const char *path, const hpac_yaml_node *named,
                            const hpac_yaml_node *model, size_t count)
{
    return find_input(reader, path, named, model, count) > 0 ||
           strcmp(named->text, HPAC_IMAGE_NAME) == 0;
}

/* The name by which the model uses the block that a layer is from; NULL: none. */
static const hpac_yaml_node *block_name_of(const hpac_yaml_node *layer)
{
    return layer->block_use ? hpac_yaml_get(layer->block_use, "name") : NULL;
}

/* Names are unique. Of two blocks that share a name, this is reported once for all layers. */
static void check_name(hpac_reader *reader, const char *path, const hpac_yaml_node *model,
                       const hpac_layer *layers, size_t index)
{
    const hpac_yaml_node *own = model->items[index].value, *block = block_name_of(own);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(layers[i].name, layers[index].name) != 0)
            continue;
        const hpac_yaml_node *other = block_name_of(model->items[i].value);
        if (block && other && strcmp(block->text, other->text) == 0)
            hpac_reader_refuse(reader, "model", block,
                               "duplicate name %s, that of the block in line %d", block->text,
                               other->line);
        else
            hpac_reader_refuse(reader, path, hpac_yaml_get(own, "name"),
                               "duplicate name %s, that of layer %zu", layers[i].name, i + 1);
    }
}

/* A layer without the key that all have. */
static void refuse_no_type(hpac_reader *reader, const char *path, const hpac_yaml_node *node)
{
    char shown[HPAC_SHOWN_NBYTES];
    for (size_t i = 0; i < node->count && node->kind == HPAC_YAML_MAP; i++) {
        const hpac_yaml_node *key = node->items[i].key;
        hpac_nearest nearest = hpac_nearest_to(hpac_key_name(key->text));
        if (!hpac_nearest_offer(&nearest, "type"))
            continue;
        hpac_reader_refuse(reader, path, key, "unknown key %s; did you mean type?",
                           hpac_yaml_show(key, shown));
        return;
    }
    hpac_reader_refuse(reader, path, node, "expected a layer such as {type: flatten}, not %s%s",
                       hpac_yaml_show(node, shown),
                       node->kind == HPAC_YAML_MAP ? " without a type" : "");
}

/* A type that is none: the one that may have been meant, by Keras's class or a misspelled name, or
 * else all. */
static void refuse_type(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node)
{
    char shown[HPAC_SHOWN_NBYTES];
    const char *text = node->kind == HPAC_YAML_SCALAR ? node->text : "";
    const hpac_layer_row *row = hpac_layer_row_by_class(text);
    hpac_nearest nearest = hpac_nearest_to(text);
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_rows[i].name)
            hpac_nearest_offer(&nearest, hpac_layer_rows[i].name);
    const char *meant = row && row->name ? row->name : nearest.best;
    if (*meant)
        hpac_reader_refuse(reader, path, node, "unknown layer %s; did you mean %s?",
                           hpac_yaml_show(node, shown), meant);
    else
        hpac_reader_refuse_value(reader, key, path, node);
}

/* "model.3", or "blocks.residual.layers.2" of a layer that is from a block. */
typedef struct layer_path {
    char text[80];
} layer_path;

static layer_path path_of(const hpac_yaml_node *node, const char *model, size_t index)
{
    layer_path path;
    if (node->block_use)
        snprintf(path.text, sizeof path.text, "blocks.%.40s.layers.%zu",
                 hpac_yaml_get(node->block_use, "block")->text, node->block_layer);
    else
        snprintf(path.text, sizeof path.text, "%.8s.%zu", model, index + 1);
    return path;
}

/* Reads the layer at `index`; those before it are known. */
static void read_layer(hpac_reader *reader, const char *path, const hpac_yaml_node *model,
                       hpac_layer *layers, size_t index)
{
    hpac_layer *layer = &layers[index];
    const hpac_yaml_node *node = model->items[index].value, *inputs = hpac_yaml_get(node, "inputs");
    const hpac_yaml_node *type_node = hpac_yaml_get(node, "type");
    char prefix[96], type_path[104];
    if (!type_node) {
        refuse_no_type(reader, path, node);
        return;
    }
    snprintf(prefix, sizeof prefix, "%s.", path);
    snprintf(type_path, sizeof type_path, "%stype", prefix);
    const hpac_layer_row *row = hpac_layer_row_by_name(type_node->text);
    hpac_layer_keys own;
    hpac_layer_keys_make(row, &own);
    if (!row) {
        refuse_type(reader, &own.keys[0], type_path, type_node);
        return;
    }
    *layer = row->blank;
    hpac_keys keys = {reader, &own.table, prefix, .record = layer};
    hpac_keys_read(&keys, node);
    hpac_layer_normalize(layer);
    if (layer->kind == HPAC_LAYER_DENSE && layer->units == 0 &&
        !keys.nodes[hpac_keys_find(&own.table, "initializer")])
        layer->initializer = HPAC_INIT_GLOROT_UNIFORM;
    for (size_t i = 0; i < layer->input_count; i++)
        layer->inputs[i] = find_input(reader, path, inputs->items[i].value, model, index);
    if (*layer->name)
        check_name(reader, path, model, layers, index);
}

static void read_model(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    hpac_config *config = record;
    if (node->kind == HPAC_YAML_MAP) /* a file that could not be read, which is reported */
        return;
    if (node->kind == HPAC_YAML_LIST && node->count == 0 && reader->incomplete)
        return;
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
        layer_path of_layer = path_of(node->items[i].value, path, i);
        read_layer(reader, of_layer.text, node, config->layers, i);
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

_Static_assert(MAX_LAYERS == 2048, "see the next line");
const hpac_key_type hpac_key_model = {read_model, write_model, NULL,
                                      "a list of 1 to 2048 layers or {file: NAME}"};

/* "[stem, input]"; layers without names have none to be called by. */
static void write_inputs(const hpac_config *config, const hpac_layer *layer, FILE *stream)
{
    for (size_t i = 0; i < layer->input_count; i++)
        fprintf(stream, "%s%s", i == 0 ? "[" : ", ",
                layer->inputs[i] > 0 && layer->inputs[i] <= config->layer_count
                    ? config->layers[layer->inputs[i] - 1].name
                    : HPAC_IMAGE_NAME);
    fputc(']', stream);
}

/* Whether a key of the layer is left out when all are written: what is not given or the default,
 * but for the keys that are always written. */
static bool is_left_out(const hpac_layer *layer, const hpac_key *key)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    if (key->type == &hpac_key_layer_name)
        return *layer->name == '\0';
    if (key->type == &hpac_key_layer_inputs)
        return layer->input_count == 0;
    for (const hpac_layer_key *own = row ? row->keys : NULL; own && (own->name || own->keras);
         own++)
        if (own->name && strcmp(own->name, key->path) == 0 && own->brief) {
            char text[64] = "";
            FILE *stream = fmemopen(text, sizeof text, "w");
            if (!stream)
                return false;
            key->type->write(key, layer, stream);
            fclose(stream);
            return strcmp(text, key->fallback ? key->fallback : "0") == 0 ||
                   (strcmp(text, "0") == 0);
        }
    return false;
}

static void write_key(const hpac_config *config, const hpac_layer *layer, const hpac_key *key,
                      FILE *stream)
{
    bool last = layer == &config->layers[config->layer_count - 1];
    if (key->type == &hpac_key_choice && strcmp(key->path, "type") == 0) /* is not stored */
        fputs(hpac_layer_name(layer), stream);
    else if (last && strcmp(key->path, "units") == 0)
        fputs("classes", stream);
    else if (key->type == &hpac_key_layer_inputs)
        write_inputs(config, layer, stream);
    else
        key->type->write(key, layer, stream);
}

void hpac_layer_write(const hpac_config *config, size_t index, const char *name, FILE *stream)
{
    if (!config->layers)
        return;
    const hpac_layer *layer = &config->layers[index];
    hpac_layer_keys own;
    hpac_layer_keys_make(hpac_layer_row_of(layer), &own);
    for (int i = 0; i < own.table.count; i++) {
        const hpac_key *key = &own.keys[i];
        if (name ? strcmp(name, key->path) != 0 : is_left_out(layer, key))
            continue;
        if (!name)
            fprintf(stream, "%s%s: ", i == 0 ? "{" : ", ", key->path);
        write_key(config, layer, key, stream);
    }
    if (!name)
        fputc('}', stream);
}

void hpac_model_finish(hpac_reader *reader, const hpac_yaml_node *model, hpac_config *config)
{
    hpac_shape *shapes = calloc(config->layer_count, sizeof *shapes);
    size_t count = config->layer_count, targets = config->data.target_count, bad = 0;
    if (!shapes) {
        reader->status = hpac_fail_memory(count * sizeof *shapes);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (config->layers[i].kind == HPAC_LAYER_DENSE && config->layers[i].units == 0)
            config->layers[i].units = targets;
    hpac_status status = hpac_layers_find_bad(
        config->layers, count, hpac_config_input_shape(config), targets, shapes, &bad);
    free(shapes);
    if (status == HPAC_OK)
        return;
    char place[HPAC_YAML_PLACE_NBYTES] = "the default model";
    const hpac_yaml_node *node = model ? model->items[bad].value : NULL;
    if (node)
        hpac_yaml_place(node, place);
    if (node && node->block_use)
        snprintf(place + strlen(place), sizeof place - strlen(place), ", for the block in line %d",
                 node->block_use->line);
    hpac_problems_add(&reader->problems, "%s: %s", place, hpac_error_message());
}

#define LAYER_NBYTES 160

/* "{type: conv2d, filters: 32, kernel: 3}": a layer with all that it needs. */
static const char *make_example(const hpac_layer_row *row, const hpac_key_table *table,
                                char example[LAYER_NBYTES])
{
    snprintf(example, LAYER_NBYTES, "{type: %s", row->name);
    for (int i = 0; i < table->count; i++)
        if (table->keys[i].required)
            hpac_text_append(example, LAYER_NBYTES, ", %s: %s", table->keys[i].path,
                             table->keys[i].example);
    hpac_text_append(example, LAYER_NBYTES,
                     row->min_inputs > 1 ? ", inputs: [main, shortcut]}" : "}");
    return example;
}

void hpac_layers_print_reference(FILE *stream)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer_row *row = &hpac_layer_rows[i];
        hpac_layer_keys own;
        if (!row->name)
            continue;
        hpac_layer_keys_make(row, &own);
        fprintf(stream, "\n### %s\n\n%s\n", row->name, row->help);
        char example[LAYER_NBYTES];
        fprintf(stream, "\n`%s`\n", make_example(row, &own.table, example));
        hpac_keys_print_reference(&own.table, "", "", stream);
    }
}

void hpac_layers_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    const hpac_key type = {"type",
                           &hpac_key_choice,
                           .choices = hpac_layer_type_names(),
                           .required = true,
                           .example = "relu",
                           .help = "Which layer. Its other keys are those of model.TYPE."};
    hpac_keys_visit(&(hpac_key_table){&type, 1}, "model.", visit, user);
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer_row *row = &hpac_layer_rows[i];
        char path[64], prefix[72];
        hpac_layer_keys own;
        if (!row->name)
            continue;
        char example[LAYER_NBYTES];
        snprintf(path, sizeof path, "model.%s", row->name);
        hpac_layer_keys_make(row, &own);
        make_example(row, &own.table, example);
        visit(user, &(hpac_config_key_note){.path = path, .help = row->help, .example = example});
        snprintf(prefix, sizeof prefix, "%s.", path);
        hpac_keys_visit(&own.table, prefix, visit, user);
    }
}
