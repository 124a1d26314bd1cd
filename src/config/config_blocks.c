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

/* One use of a block in the model. */
typedef struct block_use {
    hpac_reader *reader;
    const char *path;            /* "model.3" */
    const hpac_yaml_node *entry; /* {block: residual, ...} */
    const hpac_yaml_node *block; /* {defaults: ..., layers: ...} */
    char name[NAME_NBYTES];      /* of the use */
    const char *input;           /* what its layers call "input" */
} block_use;

static bool is_reserved(const char *key)
{
    return strcmp(key, "block") == 0 || strcmp(key, "name") == 0 || strcmp(key, "inputs") == 0;
}

static hpac_status add_text(const block_use *use, const hpac_yaml_node *like, const char *text,
                            hpac_yaml_node **node)
{
    return hpac_yaml_add(&use->reader->yaml, HPAC_YAML_SCALAR, like, text, strlen(text), node);
}

/* The value of "$filters", from the use or the block's defaults; the node itself if it is none. */
static hpac_yaml_node *parameter_of(const block_use *use, hpac_yaml_node *node)
{
    if (node->kind != HPAC_YAML_SCALAR || !node->plain || node->text[0] != '$')
        return node;
    const char *name = node->text + 1;
    hpac_yaml_node *value = is_reserved(name) ? NULL : hpac_yaml_get(use->entry, name);
    if (!value)
        value = hpac_yaml_get(hpac_yaml_get(use->block, "defaults"), name);
    if (value)
        return value;
    hpac_reader_refuse(use->reader, use->path, use->entry,
                       "the block needs the parameter %s, as in {block: ..., %s: 1}", name, name);
    return node;
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

/* A layer of the block as one of the model. */
static hpac_status expand_layer(const block_use *use, const hpac_yaml_node *layers, size_t index,
                                hpac_yaml_node **expanded)
{
    const hpac_yaml_node *layer = layers->items[index].value;
    const hpac_yaml_node *inputs = hpac_yaml_get(layer, "inputs");
    bool last = index + 1 == layers->count, given = hpac_yaml_get(use->entry, "inputs") != NULL;
    char name[2 * NAME_NBYTES] = "";
    hpac_yaml_node *value;
    HPAC_TRY(hpac_yaml_add(&use->reader->yaml, HPAC_YAML_MAP, layer, "", 0, expanded));
    for (size_t i = 0; i < layer->count; i++) {
        const hpac_yaml_node *key = layer->items[i].key;
        if (strcmp(key->text, "name") != 0 && strcmp(key->text, "inputs") != 0)
            HPAC_TRY(hpac_yaml_append(*expanded, key, parameter_of(use, layer->items[i].value)));
        else if (strcmp(key->text, "name") == 0)
            snprintf(name, sizeof name, "%s_%s", use->name, layer->items[i].value->text);
    }
    if (last && !*name)
        snprintf(name, sizeof name, "%s", use->name);
    if (*name) {
        HPAC_TRY(add_text(use, layer, name, &value));
        HPAC_TRY(hpac_yaml_put(&use->reader->yaml, expanded, "name", strlen("name"), value));
    }
    if (inputs)
        HPAC_TRY(rename_inputs(use, layers, inputs, &value));
    else if (index == 0 && given)
        value = hpac_yaml_get(use->entry, "inputs");
    else
        return HPAC_OK;
    return hpac_yaml_put(&use->reader->yaml, expanded, "inputs", strlen("inputs"), value);
}

/* Whether some layer of the block has this parameter. */
static bool has_parameter(const hpac_yaml_node *layers, hpac_nearest *nearest)
{
    for (size_t i = 0; i < layers->count; i++) {
        const hpac_yaml_node *layer = layers->items[i].value;
        for (size_t k = 0; k < layer->count; k++) {
            const hpac_yaml_node *value = layer->items[k].value;
            if (value->kind != HPAC_YAML_SCALAR || !value->plain || value->text[0] != '$')
                continue;
            if (strcmp(value->text + 1, nearest->word) == 0)
                return true;
            hpac_nearest_offer(nearest, value->text + 1);
        }
    }
    return false;
}

/* Adds a problem at a node: what there is not, and what may have been meant. */
static void refuse_name(const block_use *use, const hpac_yaml_node *node, const char *problem,
                        const hpac_nearest *nearest)
{
    hpac_reader_refuse(use->reader, use->path, node, "%s %s%s%s%s", problem, nearest->word,
                       *nearest->best ? "; did you mean " : "", nearest->best,
                       *nearest->best ? "?" : "");
}

static void check_parameters(const block_use *use, const hpac_yaml_node *layers)
{
    for (size_t i = 0; i < use->entry->count; i++) {
        const hpac_yaml_node *key = use->entry->items[i].key;
        hpac_nearest nearest = hpac_nearest_to(key->text);
        if (!is_reserved(key->text) && !has_parameter(layers, &nearest))
            refuse_name(use, key, "the block has no parameter", &nearest);
    }
}

/* The layers of a block, checked as far as expanding needs it; NULL, and a problem, if it has none.
 */
static const hpac_yaml_node *layers_of(hpac_reader *reader, const char *path,
                                       const hpac_yaml_node *block)
{
    const hpac_yaml_node *layers = hpac_yaml_get(block, "layers");
    bool good = layers && layers->kind == HPAC_YAML_LIST && layers->count > 0;
    for (size_t i = 0; good && i < layers->count; i++)
        good = layers->items[i].value->kind == HPAC_YAML_MAP &&
               !hpac_yaml_get(layers->items[i].value, "block");
    if (good)
        return layers;
    hpac_reader_refuse(reader, path, block,
                       "expected {defaults: ..., layers: [...]} with layers and no blocks");
    return NULL;
}

/* What a use calls "input": the layer it is given or the one before it, which gets a name if it has
 * none; the image in front of all layers. */
static hpac_status name_input(block_use *use, hpac_yaml_node *model)
{
    const hpac_yaml_node *given = hpac_yaml_get(use->entry, "inputs");
    hpac_yaml_node *name = NULL;
    use->input = "input";
    if (given) {
        if (given->kind == HPAC_YAML_LIST && given->count == 1 &&
            given->items[0].value->kind == HPAC_YAML_SCALAR)
            use->input = given->items[0].value->text;
        else
            hpac_reader_refuse(use->reader, use->path, given, "expected one name in a list");
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

static hpac_status expand_use(block_use *use, const hpac_yaml_node *blocks, hpac_yaml_node *model)
{
    const hpac_yaml_node *named = hpac_yaml_get(use->entry, "block");
    const hpac_yaml_node *name = hpac_yaml_get(use->entry, "name");
    use->block = named->kind == HPAC_YAML_SCALAR ? hpac_yaml_get(blocks, named->text) : NULL;
    if (!use->block) {
        char shown[HPAC_SHOWN_NBYTES];
        hpac_nearest nearest = hpac_nearest_to(named->kind == HPAC_YAML_SCALAR ? named->text : "");
        for (size_t i = 0; blocks && i < blocks->count; i++)
            hpac_nearest_offer(&nearest, blocks->items[i].key->text);
        nearest.word = hpac_yaml_show(named, shown);
        refuse_name(use, named, "no block", &nearest);
        return HPAC_OK;
    }
    const hpac_yaml_node *layers = layers_of(use->reader, use->path, use->block);
    if (!layers)
        return HPAC_OK;
    if (name && name->kind == HPAC_YAML_SCALAR)
        snprintf(use->name, sizeof use->name, "%s", name->text);
    else
        snprintf(use->name, sizeof use->name, "%s%zu", named->text, model->count + 1);
    check_parameters(use, layers);
    HPAC_TRY(name_input(use, model));
    for (size_t i = 0; i < layers->count; i++) {
        hpac_yaml_node *layer;
        HPAC_TRY(expand_layer(use, layers, i, &layer));
        HPAC_TRY(hpac_yaml_append(model, NULL, layer));
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

hpac_status hpac_blocks_expand(hpac_reader *reader, hpac_yaml_node **root)
{
    const hpac_yaml_node *blocks = hpac_yaml_get(*root, "blocks");
    const hpac_yaml_node *model = hpac_yaml_get(*root, "model");
    hpac_yaml_node *expanded;
    bool used = false;
    if (blocks)
        HPAC_TRY(without_blocks(reader, root));
    for (size_t i = 0; model && model->kind == HPAC_YAML_LIST && i < model->count; i++)
        used |= hpac_yaml_get(model->items[i].value, "block") != NULL;
    if (!used)
        return HPAC_OK;
    HPAC_TRY(hpac_yaml_add(&reader->yaml, HPAC_YAML_LIST, model, "", 0, &expanded));
    for (size_t i = 0; i < model->count; i++) {
        hpac_yaml_node *entry = model->items[i].value;
        char path[32];
        snprintf(path, sizeof path, "model.%zu", i + 1);
        block_use use = {.reader = reader, .path = path, .entry = entry};
        if (hpac_yaml_get(entry, "block"))
            HPAC_TRY(expand_use(&use, blocks, expanded));
        else
            HPAC_TRY(hpac_yaml_append(expanded, NULL, entry));
    }
    return hpac_yaml_put(&reader->yaml, root, "model", strlen("model"), expanded);
}
