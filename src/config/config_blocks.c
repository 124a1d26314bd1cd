/* Blocks of layers: lists with parameters that a model names instead of its layers.
 *
 *     blocks:
 *       residual:
 *         defaults: {stride: 1}
 *         layers:
 *         - {type: conv2d, filters: $filters, kernel: 3, strides: $stride, padding: same}
 *         - {type: conv2d, filters: $filters, kernel: 3, padding: same, name: main}
 *         - {type: add, inputs: [main, input]}
 *     model:
 *     - {block: residual, filters: 64, name: stage1}
 *
 * becomes the layers themselves: parameters replaced, names inside prefixed with the block's
 * ("stage1_main"), and "input" the layer before, or the one that the block is given. The last layer
 * has the block's name if it has none of its own. */
#include "config_schema.h"

#include "base/nearest.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define NAME_NBYTES 160
#define PATH_NBYTES 128 /* "blocks.residual.layers.3" */

static bool is_reserved(const char *key)
{
    return strcmp(key, "block") == 0 || strcmp(key, "name") == 0 || strcmp(key, "inputs") == 0;
}

/* "$filters" */
static bool is_parameter(const hpac_yaml_node *value)
{
    return value->kind == HPAC_YAML_SCALAR && value->plain && value->text[0] == '$';
}

/* ---- the definitions ---- */

static void read_defaults(hpac_reader *reader, const hpac_key *key, const char *path,
                          const hpac_yaml_node *node, void *record)
{
    (void)record;
    if (node->kind != HPAC_YAML_MAP)
        hpac_reader_refuse_value(reader, key, path, node);
}

static void read_layers(hpac_reader *reader, const hpac_key *key, const char *path,
                        const hpac_yaml_node *node, void *record)
{
    (void)record;
    if (node->kind != HPAC_YAML_LIST || node->count == 0) {
        hpac_reader_refuse_value(reader, key, path, node);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const hpac_yaml_node *layer = node->items[i].value, *name = hpac_yaml_get(layer, "name");
        char layer_path[PATH_NBYTES];
        snprintf(layer_path, sizeof layer_path, "%.100s.%zu", path, i + 1);
        if (layer->kind != HPAC_YAML_MAP)
            hpac_reader_expected(reader, layer_path, layer, "a layer such as {type: relu}");
        else if (hpac_yaml_get(layer, "block"))
            hpac_reader_refuse(reader, layer_path, layer,
                               "a block in a block, expected layers; name both blocks in the "
                               "model, one behind the other");
        else if (name && name->kind != HPAC_YAML_SCALAR)
            hpac_reader_expected(reader, layer_path, name, "a name");
    }
}

static void write_nothing(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    (void)record;
    (void)stream;
}

static const hpac_key_type key_defaults = {read_defaults, write_nothing, NULL,
                                           "values of parameters, as in {stride: 1}"};
static const hpac_key_type key_layers = {read_layers, write_nothing, NULL, "a list of layers"};

static const hpac_key definition_keys[] = {
    {"defaults", &key_defaults, .example = "{stride: 1}",
     .help = "The parameters that a use of the block may leave out, and their values."},
    {"layers", &key_layers, .required = true,
     .example = "[{type: conv2d, filters: $filters, kernel: 3, strides: $stride}, {type: relu}]",
     .help = "The layers, as in a model, with $NAME in place of the value of a parameter. The name "
             "`input` in their `inputs` is what the block reads."},
};
static const hpac_key_table definition_table = {definition_keys,
                                                sizeof definition_keys / sizeof *definition_keys};

/* Offers the parameters that the layers of a block have to `nearest`; true if one is its word. */
static bool has_parameter(const hpac_yaml_node *layers, hpac_nearest *nearest)
{
    for (size_t i = 0; i < layers->count; i++) {
        const hpac_yaml_node *layer = layers->items[i].value;
        for (size_t k = 0; k < layer->count; k++) {
            const hpac_yaml_node *value = layer->items[k].value;
            if (!is_parameter(value))
                continue;
            if (strcmp(value->text + 1, nearest->word) == 0)
                return true;
            hpac_nearest_offer(nearest, value->text + 1);
        }
    }
    return false;
}

/* Refuses a name that nothing has, with what may have been meant. */
static void refuse_name(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                        const char *problem, const hpac_nearest *nearest)
{
    hpac_reader_refuse(reader, path, node, "%s %s%s%s%s", problem, nearest->word,
                       *nearest->best ? "; did you mean " : "", nearest->best,
                       *nearest->best ? "?" : "");
}

/* Refuses what a map gives that is no parameter of these layers. */
static void check_parameters(hpac_reader *reader, const char *path, const hpac_yaml_node *map,
                             const hpac_yaml_node *layers)
{
    for (size_t i = 0; map && i < map->count; i++) {
        const hpac_yaml_node *key = map->items[i].key;
        hpac_nearest nearest = hpac_nearest_to(key->text);
        if (!hpac_reader_refuse_duplicate(reader, path, map, i) && !is_reserved(key->text) &&
            !has_parameter(layers, &nearest))
            refuse_name(reader, path, key, "the block has no parameter", &nearest);
    }
}

static void check_definition(hpac_reader *reader, const hpac_yaml_node *blocks, size_t index)
{
    const hpac_yaml_node *name = blocks->items[index].key, *block = blocks->items[index].value;
    char path[PATH_NBYTES], prefix[PATH_NBYTES + 16];
    snprintf(path, sizeof path, "blocks.%.40s", name->text);
    snprintf(prefix, sizeof prefix, "%s.", path);
    if (hpac_reader_refuse_duplicate(reader, path, blocks, index))
        return;
    if (block->kind != HPAC_YAML_MAP) {
        hpac_reader_expected(reader, path, block, "{layers: [...], defaults: {...}}");
        return;
    }
    hpac_keys keys = {reader, &definition_table, prefix, .record = NULL};
    size_t problems = reader->problems.count;
    hpac_keys_read(&keys, block);
    if (reader->problems.count > problems)
        return;
    snprintf(prefix, sizeof prefix, "%s.defaults", path);
    check_parameters(reader, prefix, hpac_yaml_get(block, "defaults"),
                     hpac_yaml_get(block, "layers"));
}

/* ---- their uses ---- */

/* One use of a block in the model. */
typedef struct block_use {
    hpac_reader *reader;
    const char *path;            /* "model.3" */
    const hpac_yaml_node *entry; /* {block: residual, ...} */
    const hpac_yaml_node *block; /* {defaults: ..., layers: ...} */
    char name[NAME_NBYTES];      /* of the use */
    const char *input;           /* what its layers call "input" */
} block_use;

static hpac_status add_text(const block_use *use, const hpac_yaml_node *like, const char *text,
                            hpac_yaml_node **node)
{
    return hpac_yaml_add(&use->reader->yaml, HPAC_YAML_SCALAR, like, text, strlen(text), node);
}

/* The value of a parameter, from the use or the block's defaults; NULL: neither has it. */
static hpac_yaml_node *parameter_of(const block_use *use, const char *name)
{
    hpac_yaml_node *value = is_reserved(name) ? NULL : hpac_yaml_get(use->entry, name);
    return value ? value : hpac_yaml_get(hpac_yaml_get(use->block, "defaults"), name);
}

/* Whether the use gives, by another name, the parameter; this is reported by then. */
static bool is_meant(const block_use *use, const hpac_yaml_node *layers, const char *parameter)
{
    for (size_t i = 0; i < use->entry->count; i++) {
        hpac_nearest nearest = hpac_nearest_to(use->entry->items[i].key->text);
        if (!is_reserved(nearest.word) && !has_parameter(layers, &nearest) &&
            strcmp(nearest.best, parameter) == 0)
            return true;
    }
    return false;
}

/* Refuses the use where a parameter of the layers has no value, each parameter once. */
static void need_parameters(const block_use *use, const hpac_yaml_node *layers)
{
    for (size_t i = 0; i < layers->count; i++) {
        const hpac_yaml_node *layer = layers->items[i].value;
        for (size_t k = 0; k < layer->count; k++) {
            const hpac_yaml_node *value = layer->items[k].value;
            const char *name = value->text + 1;
            if (is_parameter(value) && !parameter_of(use, name) && !is_meant(use, layers, name))
                hpac_reader_refuse(use->reader, use->path, use->entry,
                                   "the block needs the parameter %s, as in {block: ..., %s: 1}",
                                   name, name);
        }
    }
}

/* The names of the layers that a layer of the block reads, as the model calls them. */
static hpac_status rename_inputs(const block_use *use, const hpac_yaml_node *layers,
                                 const hpac_yaml_node *inputs, hpac_yaml_node **renamed)
{
    HPAC_TRY(hpac_yaml_add(&use->reader->yaml, HPAC_YAML_LIST, inputs, "", 0, renamed));
    for (size_t i = 0; i < inputs->count; i++) {
        hpac_yaml_node *item = inputs->items[i].value;
        char name[2 * NAME_NBYTES];
        bool local = false;
        if (item->kind == HPAC_YAML_SCALAR) {
            for (size_t k = 0; k < layers->count; k++) {
                const hpac_yaml_node *own = hpac_yaml_get(layers->items[k].value, "name");
                local |= own && own->kind == HPAC_YAML_SCALAR && strcmp(own->text, item->text) == 0;
            }
            snprintf(name, sizeof name, local ? "%s_%s" : "%s", local ? use->name : item->text,
                     item->text);
            if (strcmp(item->text, "input") == 0)
                snprintf(name, sizeof name, "%s", use->input);
            HPAC_TRY(add_text(use, item, name, &item));
        }
        HPAC_TRY(hpac_yaml_append(*renamed, NULL, item));
    }
    return HPAC_OK;
}

/* The inputs of the layer at `index`; NULL: it reads the layer before. */
static hpac_status find_inputs(const block_use *use, const hpac_yaml_node *layers, size_t index,
                               hpac_yaml_node **inputs)
{
    *inputs = hpac_yaml_get(layers->items[index].value, "inputs");
    if (*inputs && (*inputs)->kind == HPAC_YAML_LIST)
        return rename_inputs(use, layers, *inputs, inputs);
    if (!*inputs && index == 0)
        *inputs = hpac_yaml_get(use->entry, "inputs");
    return HPAC_OK;
}

/* A layer of the block as one of the model. */
static hpac_status expand_layer(const block_use *use, const hpac_yaml_node *layers, size_t index,
                                hpac_yaml_node **expanded)
{
    const hpac_yaml_node *layer = layers->items[index].value;
    char name[2 * NAME_NBYTES] = "";
    hpac_yaml_node *value;
    HPAC_TRY(hpac_yaml_add(&use->reader->yaml, HPAC_YAML_MAP, layer, "", 0, expanded));
    for (size_t i = 0; i < layer->count; i++) {
        const hpac_yaml_node *key = layer->items[i].key;
        value = layer->items[i].value;
        if (strcmp(key->text, "name") == 0)
            snprintf(name, sizeof name, "%s_%s", use->name, value->text);
        else if (strcmp(key->text, "inputs") != 0)
            HPAC_TRY(hpac_yaml_append(
                *expanded, key, is_parameter(value) ? parameter_of(use, value->text + 1) : value));
    }
    if (index + 1 == layers->count && !*name)
        snprintf(name, sizeof name, "%s", use->name);
    if (*name) {
        HPAC_TRY(add_text(use, layer, name, &value));
        HPAC_TRY(hpac_yaml_put(&use->reader->yaml, expanded, "name", strlen("name"), value));
    }
    HPAC_TRY(find_inputs(use, layers, index, &value));
    if (value)
        HPAC_TRY(hpac_yaml_put(&use->reader->yaml, expanded, "inputs", strlen("inputs"), value));
    (*expanded)->block_use = use->entry;
    (*expanded)->block_layer = index + 1;
    return HPAC_OK;
}

/* What a use calls "input": the layer it is given or the one before it, which gets a name if it has
 * none; the image in front of all layers. */
static hpac_status name_input(block_use *use, hpac_yaml_node *model)
{
    const hpac_yaml_node *given = hpac_yaml_get(use->entry, "inputs");
    hpac_yaml_node *name = NULL;
    use->input = "input";
    if (given) {
        if (given->kind != HPAC_YAML_LIST || given->count != 1 ||
            given->items[0].value->kind != HPAC_YAML_SCALAR)
            hpac_reader_refuse(use->reader, use->path, given,
                               "expected one name in a list, as in inputs: [NAME]");
        else if (hpac_model_check_input(use->reader, use->path, given->items[0].value, model,
                                        model->count))
            use->input = given->items[0].value->text;
        return HPAC_OK;
    }
    if (model->count == 0)
        return HPAC_OK;
    hpac_yaml_node **before = &model->items[model->count - 1].value;
    if (hpac_yaml_get(*before, "name")) {
        use->input = hpac_yaml_get(*before, "name")->text;
        return HPAC_OK;
    }
    if ((*before)->kind != HPAC_YAML_MAP)
        return HPAC_OK;
    char text[NAME_NBYTES + 8];
    snprintf(text, sizeof text, "%s_input", use->name);
    HPAC_TRY(add_text(use, *before, text, &name));
    use->input = name->text;
    return hpac_yaml_put(&use->reader->yaml, before, "name", strlen("name"), name);
}

/* The block that a use names; NULL, and a problem, if there is none. */
static const hpac_yaml_node *find_block(const block_use *use, const hpac_yaml_node *blocks)
{
    const hpac_yaml_node *named = hpac_yaml_get(use->entry, "block");
    const hpac_yaml_node *block =
        named->kind == HPAC_YAML_SCALAR ? hpac_yaml_get(blocks, named->text) : NULL;
    if (block)
        return block;
    char shown[HPAC_SHOWN_NBYTES], names[256] = "";
    hpac_nearest nearest = hpac_nearest_to(named->kind == HPAC_YAML_SCALAR ? named->text : "");
    for (size_t i = 0; blocks && i < blocks->count; i++) {
        hpac_nearest_offer(&nearest, blocks->items[i].key->text);
        hpac_text_append(names, sizeof names, "%s%s", i > 0 ? ", " : "",
                         blocks->items[i].key->text);
    }
    nearest.word = hpac_yaml_show(named, shown);
    if (*nearest.best)
        refuse_name(use->reader, use->path, named, "no block", &nearest);
    else
        hpac_reader_refuse(use->reader, use->path, named, "no block %s; %s%s", shown,
                           *names ? "expected one of " : "the configuration has no key blocks",
                           names);
    return NULL;
}

/* The name of a use, by which its layers are called; false, and a problem, if it can be none. */
static bool name_use(block_use *use, size_t number)
{
    const hpac_yaml_node *name = hpac_yaml_get(use->entry, "name");
    const char *block = hpac_yaml_get(use->entry, "block")->text;
    if (!name) {
        snprintf(use->name, sizeof use->name, "%s%zu", block, number);
        return true;
    }
    if (!hpac_model_check_name(use->reader, use->path, name))
        return false;
    snprintf(use->name, sizeof use->name, "%s", name->text);
    return true;
}

/* Appends the layers of a use to `expanded`; none if there is a problem. */
static hpac_status expand_use(block_use *use, const hpac_yaml_node *blocks,
                              hpac_yaml_node *expanded)
{
    size_t problems = use->reader->problems.count;
    use->block = find_block(use, blocks);
    if (!use->block || !name_use(use, expanded->count + 1))
        return HPAC_OK;
    const hpac_yaml_node *layers = hpac_yaml_get(use->block, "layers");
    check_parameters(use->reader, use->path, use->entry, layers);
    need_parameters(use, layers);
    HPAC_TRY(name_input(use, expanded));
    for (size_t i = 0; i < layers->count && use->reader->problems.count == problems; i++) {
        hpac_yaml_node *layer;
        HPAC_TRY(expand_layer(use, layers, i, &layer));
        HPAC_TRY(hpac_yaml_append(expanded, NULL, layer));
    }
    return HPAC_OK;
}

/* The map without the key `blocks`. */
static hpac_status without_blocks(hpac_reader *reader, hpac_yaml_node **root)
{
    hpac_yaml_node *rest;
    HPAC_TRY(hpac_yaml_add(&reader->yaml, HPAC_YAML_MAP, *root, "", 0, &rest));
    for (size_t i = 0; i < (*root)->count; i++)
        if (strcmp((*root)->items[i].key->text, "blocks") != 0)
            HPAC_TRY(hpac_yaml_append(rest, (*root)->items[i].key, (*root)->items[i].value));
    *root = rest;
    return HPAC_OK;
}

/* The model with its blocks replaced. Where definitions are bad, uses are left out. */
static hpac_status expand_model(hpac_reader *reader, const hpac_yaml_node *blocks,
                                const hpac_yaml_node *model, hpac_yaml_node **expanded)
{
    bool good = !reader->incomplete;
    HPAC_TRY(hpac_yaml_add(&reader->yaml, HPAC_YAML_LIST, model, "", 0, expanded));
    for (size_t i = 0; i < model->count; i++) {
        hpac_yaml_node *entry = model->items[i].value;
        char path[32];
        snprintf(path, sizeof path, "model.%zu", i + 1);
        block_use use = {.reader = reader, .path = path, .entry = entry};
        size_t problems = reader->problems.count;
        if (!hpac_yaml_get(entry, "block"))
            HPAC_TRY(hpac_yaml_append(*expanded, NULL, entry));
        else if (good)
            HPAC_TRY(expand_use(&use, blocks, *expanded));
        reader->incomplete |= reader->problems.count > problems;
    }
    return HPAC_OK;
}

hpac_status hpac_blocks_expand(hpac_reader *reader, hpac_yaml_node **root)
{
    const hpac_yaml_node *blocks = hpac_yaml_get(*root, "blocks");
    const hpac_yaml_node *model = hpac_yaml_get(*root, "model");
    hpac_yaml_node *expanded;
    size_t problems = reader->problems.count;
    bool used = false;
    if (blocks && blocks->kind != HPAC_YAML_MAP)
        hpac_reader_expected(reader, "blocks", blocks, "names of blocks as nested keys");
    for (size_t i = 0; blocks && blocks->kind == HPAC_YAML_MAP && i < blocks->count; i++)
        check_definition(reader, blocks, i);
    reader->incomplete = reader->problems.count > problems;
    if (blocks)
        HPAC_TRY(without_blocks(reader, root));
    for (size_t i = 0; model && model->kind == HPAC_YAML_LIST && i < model->count; i++)
        used |= hpac_yaml_get(model->items[i].value, "block") != NULL;
    if (!used)
        return HPAC_OK;
    HPAC_TRY(expand_model(reader, blocks, model, &expanded));
    return hpac_yaml_put(&reader->yaml, root, "model", strlen("model"), expanded);
}

/* The keys of a use, which expand_use reads. */
static const hpac_config_key_note use_notes[] = {
    {.path = "model.block",
     .help = "A block in place of a layer, with values for its parameters; also with --set "
             "model.N.PARAMETER=VALUE, a block being one of the N.",
     .example = "{block: down, filters: 32}"},
    {.path = "model.block.PARAMETER",
     .expected = "a value as the layers expect it",
     .help = "The value of $PARAMETER in the layers; required, unless the block has a default.",
     .example = "32"},
    {.path = "model.block.name",
     .expected = "a name as that of a layer",
     .help = "The name of the last layer, and with _ before their own those of the others. Without "
             "it: the name of the block with a number.",
     .example = "half"},
    {.path = "model.block.inputs",
     .expected = "a list of one name of a layer, or input",
     .help = "What the block reads, which its layers call `input`. Without it: the layer before.",
     .example = "[stem]"},
};

static const char blocks_help[] =
    "Layers that a network repeats, as blocks with names and parameters: $NAME in place of a value "
    "is a parameter. In the model {block: NAME, ...} stands for the layers of a block.";

void hpac_blocks_print_reference(FILE *stream)
{
    fprintf(stream, "\n## blocks: layers that a network repeats\n\n%s See [Blocks](#blocks).\n",
            blocks_help);
    hpac_keys_print_reference(&definition_table, "", "blocks.NAME.", stream);
    for (const hpac_config_key_note *note = use_notes + 1;
         note < use_notes + sizeof use_notes / sizeof *use_notes; note++)
        fprintf(stream, "| `%s` | %s | %s | %s |\n", note->path, note->expected,
                note->required ? "required" : "none", note->help);
}

void hpac_blocks_visit(void (*visit)(void *user, const hpac_config_key_note *note), void *user)
{
    static const char example[] =
        "blocks:\n"
        "  down:\n"
        "    defaults: {stride: 2}\n"
        "    layers:\n"
        "    - {type: conv2d, filters: $filters, kernel: 3, strides: $stride}\n"
        "    - {type: relu}\n"
        "model:\n"
        "- {block: down, filters: 32}\n"
        "- {block: down, filters: 64, stride: 1}\n"
        "- {type: global_avgpool}\n"
        "- {type: dense, units: classes, activation: sigmoid}\n";
    visit(user, &(hpac_config_key_note){.path = "blocks", .help = blocks_help, .example = example});
    hpac_keys_visit(&definition_table, "blocks.NAME.", visit, user);
    for (size_t i = 0; i < sizeof use_notes / sizeof *use_notes; i++)
        visit(user, &use_notes[i]);
}
