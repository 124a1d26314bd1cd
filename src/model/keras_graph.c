/* Keras's models as a graph of layers. Models inside models are flattened; layers are sorted so
 * that each stands behind those that it reads, in the order of the file where that is one. */
#include "keras_json.h"

#include "base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MAX_NESTED 16
#define UNKNOWN SIZE_MAX

typedef struct graph {
    hpac_model *model;
    hpac_keras_sources *sources;
    hpac_shape *shapes; /* of the layers' outputs */
    size_t layer_capacity, source_capacity, shape_capacity;
} graph;

/* A model, or one inside it. */
typedef struct scope {
    const char *group; /* of the weights of what is inside a model inside; NULL: the model itself */
    const char *prefix; /* of names: "encoder_", "" */
    const char *vars;   /* of the paths of weights in model.weights.h5: "layers/functional/", "" */
    int depth;
} scope;

/* A layer of a scope, and the number of the layer (from 1; 0: the image) whose output is its. */
typedef struct item {
    json_t *layer;
    const char *name;
    char vars[64]; /* "conv2d_1": Keras 3 counts the classes */
    size_t value;
    const struct item *reads[HPAC_LAYER_MAX_INPUTS]; /* of a Functional */
    size_t read_count;
} item;

void hpac_keras_sources_fini(hpac_keras_sources *sources)
{
    for (size_t i = 0; sources->items && i < sources->count; i++) {
        free(sources->items[i].name);
        free(sources->items[i].group);
        free(sources->items[i].inner);
        free(sources->items[i].vars);
    }
    free(sources->items);
    *sources = (hpac_keras_sources){0};
}

/* ---- one layer ---- */

/* "encoder_conv2d", another number at its end when there is such a layer already. */
static hpac_status make_name(const graph *made, const scope *at, const char *name, char **unique)
{
    for (size_t number = 0;; number++) {
        char suffix[24] = "";
        bool taken = false;
        free(*unique);
        if (number > 0)
            snprintf(suffix, sizeof suffix, "_%zu", number);
        if (asprintf(unique, "%s%s%s", at->prefix, name, suffix) < 0) {
            *unique = NULL;
            return hpac_fail_memory(0);
        }
        for (size_t i = 0; i < made->sources->count && !taken; i++)
            taken = strcmp(made->sources->items[i].name, *unique) == 0;
        if (!taken)
            return HPAC_OK;
    }
}

static hpac_status append_source(graph *made, const scope *at, const item *own, bool moments)
{
    hpac_keras_sources *sources = made->sources;
    HPAC_TRY_GROW(sources->items, sources->count, made->source_capacity);
    hpac_keras_source *source = &sources->items[sources->count];
    *source = (hpac_keras_source){.has_moments = moments};
    HPAC_TRY(make_name(made, at, own->name, &source->name));
    sources->count++;
    HPAC_TRY_MEMORY(source->group = strdup(at->group ? at->group : own->name), 0);
    if (at->group)
        HPAC_TRY_MEMORY(source->inner = strdup(own->name), 0);
    if (asprintf(&source->vars, "%slayers/%s/vars", at->vars, own->vars) >= 0)
        return HPAC_OK;
    source->vars = NULL;
    return hpac_fail_memory(0);
}

static hpac_shape shape_of(const graph *made, size_t value)
{
    return value > 0 ? made->shapes[value - 1] : made->model->input;
}

static hpac_status append_layer(graph *made, hpac_layer *layer, const size_t *values, size_t count)
{
    hpac_model *model = made->model;
    hpac_shape inputs[HPAC_LAYER_MAX_INPUTS];
    hpac_op op;
    if (model->layer_count == HPAC_MAX_LAYERS)
        return hpac_fail(HPAC_ERR_DATA, "expected at most %d layers", HPAC_MAX_LAYERS);
    for (size_t i = 0; i < count; i++)
        inputs[i] = shape_of(made, layer->inputs[i] = values[i]);
    /* hpac's factor of the channels is the second input. */
    if (layer->kind == HPAC_LAYER_MULTIPLY && count == 2 && inputs[0].rank == 3 &&
        inputs[0].rows * inputs[0].cols == 1 && inputs[1].rows * inputs[1].cols > 1) {
        hpac_shape factor = inputs[0];
        inputs[0] = inputs[1];
        inputs[1] = factor;
        layer->inputs[0] = values[1];
        layer->inputs[1] = values[0];
    }
    layer->input_count = count;
    /* What is the user's error in a configuration is the file's here. */
    if (hpac_layer_op(layer, inputs, &op) != HPAC_OK)
        return HPAC_ERR_DATA;
    if (count == 1 && values[0] == model->layer_count)
        layer->input_count = layer->inputs[0] = 0; /* the layer before */
    HPAC_TRY_GROW(model->layers, model->layer_count, made->layer_capacity);
    HPAC_TRY_GROW(made->shapes, model->layer_count, made->shape_capacity);
    made->shapes[model->layer_count] = op.out;
    model->layers[model->layer_count++] = *layer;
    return HPAC_OK;
}

static hpac_status read_part(graph *made, json_t *part, const char *kind, const scope *at,
                             size_t input, size_t *output);

/* A model that is a layer of another. */
static hpac_status read_inner(graph *made, const scope *at, item *own, const char *kind,
                              size_t input)
{
    HPAC_AUTO_FREE char *prefix = NULL, *vars = NULL;
    if (at->depth == MAX_NESTED)
        return hpac_fail(HPAC_ERR_DATA, "models in models, expected at most %d levels", MAX_NESTED);
    if (asprintf(&prefix, "%s%s_", at->prefix, own->name) < 0 ||
        asprintf(&vars, "%slayers/%s/", at->vars, own->vars) < 0) {
        return hpac_fail_memory(0);
    }
    const scope inner = {at->group ? at->group : own->name, prefix, vars, at->depth + 1};
    return read_part(made, json_object_get(own->layer, "config"), kind, &inner, input, &own->value);
}

static bool is_functional(const char *kind)
{
    return strcmp(kind, "Functional") == 0 || strcmp(kind, "Model") == 0;
}

static bool is_model(const char *kind)
{
    return is_functional(kind) || strcmp(kind, "Sequential") == 0;
}

static hpac_status read_layer(graph *made, const scope *at, item *own, const size_t *values,
                              size_t count)
{
    hpac_keras_layer from = {.name = own->name};
    hpac_layer layer = {0};
    hpac_keras_note note;
    from.class_name = json_string_value(json_object_get(own->layer, "class_name"));
    from.config = json_object_get(own->layer, "config");
    if (is_model(from.class_name)) {
        if (count != 1)
            return hpac_fail(HPAC_ERR_DATA, "%zu inputs, expected one", count);
        return read_inner(made, at, own, from.class_name, values[0]);
    }
    HPAC_TRY(hpac_keras_layer_read(&from, shape_of(made, values[0]), &made->model->keras, &layer,
                                   &note));
    own->value = values[0];
    if (note == HPAC_KERAS_SKIPPED)
        return HPAC_OK;
    HPAC_TRY(append_layer(made, &layer, values, count));
    own->value = made->model->layer_count;
    return append_source(made, at, own, note == HPAC_KERAS_MOMENTS);
}

static hpac_status read_item(graph *made, const scope *at, item *own, const size_t *values,
                             size_t count)
{
    return hpac_fail_within(read_layer(made, at, own, values, count), "layer \"%s\" (%s)",
                            own->name,
                            json_string_value(json_object_get(own->layer, "class_name")));
}

/* ---- models ---- */

/* What Keras 3 calls the layers of a class in model.weights.h5, which counts the classes. */
static void name_vars(item *items, size_t index)
{
    const char *kind = json_string_value(json_object_get(items[index].layer, "class_name"));
    const hpac_layer_row *row = hpac_layer_row_by_class(kind);
    size_t before = 0;
    for (size_t i = 0; i < index; i++)
        before +=
            strcmp(kind, json_string_value(json_object_get(items[i].layer, "class_name"))) == 0;
    char base[40];
    snprintf(base, sizeof base, "%.39s", row && row->keras_name ? row->keras_name : kind);
    for (char *c = base; *c; c++) /* models have names of one word */
        *c = (char)tolower((unsigned char)*c);
    snprintf(items[index].vars, sizeof items[index].vars, before ? "%s_%zu" : "%s", base, before);
}

/* The layers of a model, whose values are not known. */
static hpac_status list_items(json_t *layers, item **items)
{
    size_t count = json_array_size(layers);
    if (count == 0 || count > 2 * HPAC_MAX_LAYERS)
        return hpac_fail(HPAC_ERR_DATA, "expected a list of layers");
    HPAC_TRY_NEW(*items, count);
    for (size_t i = 0; i < count; i++) {
        item *own = &(*items)[i];
        json_t *config;
        const char *kind;
        own->layer = json_array_get(layers, i);
        own->value = UNKNOWN;
        if (json_unpack(own->layer, "{s:s, s:o}", "class_name", &kind, "config", &config) == 0)
            own->name = json_string_value(json_object_get(config, "name"));
        if (!own->name) /* of a model in a model, in old files */
            own->name = json_string_value(json_object_get(own->layer, "name"));
        if (!own->name || !json_is_string(json_object_get(own->layer, "class_name")))
            return hpac_fail(HPAC_ERR_DATA,
                             "entry %zu of the layers: expected class_name and a config with a "
                             "name",
                             i + 1);
        name_vars(*items, i);
    }
    return HPAC_OK;
}

static bool is_input(const item *own)
{
    return strcmp(json_string_value(json_object_get(own->layer, "class_name")),
                  hpac_keras_input_row.keras_class) == 0;
}

static hpac_status read_sequential(graph *made, item *items, size_t count, const scope *at,
                                   size_t input, size_t *output)
{
    *output = input;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && is_input(&items[i]))
            return hpac_fail(HPAC_ERR_DATA,
                             "layer \"%s\" (InputLayer): expected one input, as the "
                             "first layer",
                             items[i].name);
        HPAC_TRY(read_item(made, at, &items[i], output, 1));
        *output = items[i].value;
    }
    return HPAC_OK;
}

static item *find_item(item *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    return NULL;
}

/* Finds the layers that each but the input reads. */
static hpac_status link_items(graph *made, item *items, size_t count, const item *start)
{
    for (size_t i = 0; i < count; i++) {
        item *own = &items[i];
        hpac_keras_references found;
        if (own == start)
            continue;
        HPAC_TRY(hpac_fail_within(hpac_keras_find_references(own->layer, &found), "layer \"%s\"",
                                  own->name));
        for (size_t k = 0; k < found.count; k++) {
            own->reads[k] = find_item(items, count, found.names[k]);
            if (!own->reads[k])
                return hpac_fail(HPAC_ERR_DATA, "layer \"%s\": reads \"%s\", which does not exist",
                                 own->name, found.names[k]);
        }
        own->read_count = found.count;
        made->model->keras.inference |= found.inference;
    }
    return HPAC_OK;
}

/* Reads a layer if what it reads is known; else its value stays unknown. */
static hpac_status read_when_ready(graph *made, const scope *at, item *own)
{
    size_t values[HPAC_LAYER_MAX_INPUTS];
    for (size_t i = 0; i < own->read_count; i++) {
        values[i] = own->reads[i]->value;
        if (values[i] == UNKNOWN)
            return HPAC_OK;
    }
    return read_item(made, at, own, values, own->read_count);
}

static hpac_status read_functional(graph *made, json_t *config, item *items, size_t count,
                                   const scope *at, size_t input, size_t *output)
{
    const char *first, *last;
    HPAC_TRY(hpac_keras_find_end(config, "input_layers", &first));
    HPAC_TRY(hpac_keras_find_end(config, "output_layers", &last));
    item *start = find_item(items, count, first), *end = find_item(items, count, last);
    if (!start || !end || !is_input(start))
        return hpac_fail(HPAC_ERR_DATA, "input_layers, output_layers: expected an InputLayer and "
                                        "another layer");
    HPAC_TRY(link_items(made, items, count, start));
    HPAC_TRY(read_item(made, at, start, &input, 1));
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < count; i++) {
            if (items[i].value != UNKNOWN)
                continue;
            HPAC_TRY(read_when_ready(made, at, &items[i]));
            progress |= items[i].value != UNKNOWN;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (items[i].value == UNKNOWN)
            return hpac_fail(HPAC_ERR_DATA, "layer \"%s\": part of a cycle", items[i].name);
    *output = end->value;
    return HPAC_OK;
}

/* Keras up to 2.2.2 wrote the list of a Sequential without anything around it. */
static json_t *layers_of(json_t *config)
{
    return json_is_array(config) ? config : json_object_get(config, "layers");
}

static hpac_status read_part(graph *made, json_t *part, const char *kind, const scope *at,
                             size_t input, size_t *output)
{
    json_t *layers = layers_of(part);
    size_t count = json_array_size(layers);
    HPAC_AUTO_FREE item *items = NULL;
    HPAC_TRY(list_items(layers, &items));
    return is_functional(kind) ? read_functional(made, part, items, count, at, input, output)
                               : read_sequential(made, items, count, at, input, output);
}

/* The first layer of a model, which has the shape of the input; that of the model that stands
 * there. */
static json_t *first_config(json_t *config, const char *kind, int depth)
{
    json_t *layers = layers_of(config), *layer = json_array_get(layers, 0);
    const char *name = NULL;
    if (is_functional(kind) && hpac_keras_find_end(config, "input_layers", &name) == HPAC_OK)
        for (size_t i = 0; i < json_array_size(layers); i++) {
            const char *own = json_string_value(json_object_get(json_array_get(layers, i), "name"));
            if (own && strcmp(own, name) == 0)
                layer = json_array_get(layers, i);
        }
    const char *inner = json_string_value(json_object_get(layer, "class_name"));
    json_t *own = json_object_get(layer, "config");
    return inner && is_model(inner) && depth < MAX_NESTED ? first_config(own, inner, depth + 1)
                                                          : own;
}

/* [null, rows, cols, channels] or [null, values]; the first is the batch. It is in an InputLayer,
 * in the first layer, or beside the layers. Images that have a size already keep it. */
static hpac_status read_input(json_t *config, const char *kind, hpac_shape *input)
{
    json_t *first = first_config(config, kind, 0);
    json_t *value = json_object_get(first, "batch_shape");
    if (!value)
        value = json_object_get(first, "batch_input_shape");
    if (!value)
        value = json_object_get(config, "build_input_shape");
    size_t rank = json_array_size(value), dims[3] = {1, 1, 1};
    bool good = rank == 4 || rank == 2, sized = rank == 4 && input->rank == 3;
    if (sized) {
        dims[0] = input->rows;
        dims[1] = input->cols;
    }
    for (size_t i = sized ? 3 : 1; good && i < rank; i++)
        good = hpac_keras_read_size(json_array_get(value, i), &dims[3 - rank + i]);
    *input = (hpac_shape){
        .rank = rank == 4 ? 3 : 1, .rows = dims[0], .cols = dims[1], .channels = dims[2]};
    if (good && input->rows * input->cols <= INT_MAX && hpac_shape_count(*input) <= INT_MAX)
        return HPAC_OK;
    return hpac_keras_refuse_value(
        value, "input shape", "(batch, rows, cols, channels) or (batch, values) with fixed sizes");
}

/* A linear dense layer followed by an activation layer is what hpac writes as one. The last layer
 * is merged, since the network needs its sigmoid there; others stay as they are. */
static void merge_last_activation(hpac_model *model, hpac_keras_sources *sources)
{
    if (model->layer_count < 2)
        return;
    hpac_layer *last = &model->layers[model->layer_count - 1], *before = last - 1;
    if (last->kind != HPAC_LAYER_ACTIVATION || last->input_count > 0 ||
        before->kind != HPAC_LAYER_DENSE || before->activation != HPAC_ACTIVATION_LINEAR)
        return;
    before->activation = last->activation;
    model->layer_count--;
    hpac_keras_sources rest = {1, malloc(sizeof *rest.items)};
    if (rest.items)
        *rest.items = sources->items[--sources->count];
    hpac_keras_sources_fini(&rest);
}

static hpac_status read_model(json_t *root, graph *made)
{
    const char *kind = json_string_value(json_object_get(root, "class_name"));
    if (!kind || !is_model(kind))
        return hpac_fail(HPAC_ERR_DATA, "class_name %.100s, expected Sequential or Functional",
                         kind ? kind : "is missing");
    json_t *config = json_object_get(root, "config");
    const scope whole = {NULL, "", "", 0};
    size_t output;
    hpac_model *model = made->model;
    if (json_array_size(layers_of(config)) == 0)
        return hpac_fail(HPAC_ERR_DATA, "expected a list of layers");
    if (model->input.channels == 0)
        HPAC_TRY(read_input(config, kind, &model->input));
    HPAC_TRY(read_part(made, config, kind, &whole, 0, &output));
    if (model->layer_count == 0)
        return hpac_fail(HPAC_ERR_DATA, "the model has no layers");
    if (output != model->layer_count)
        return hpac_fail(HPAC_ERR_DATA,
                         "output_layers: expected the one layer that no other reads");
    merge_last_activation(model, made->sources);
    hpac_keras_set_names(model, made->sources);
    return HPAC_OK;
}

hpac_status hpac_keras_config_read(const char *json, hpac_model *model, hpac_keras_sources *sources)
{
    json_error_t error;
    json_auto_t *root = json_loads(json, 0, &error);
    if (!root)
        return hpac_fail(HPAC_ERR_DATA, "not JSON (line %d, column %d): %s", error.line,
                         error.column, error.text);
    graph made = {.model = model, .sources = sources};
    hpac_status status = read_model(root, &made);
    free(made.shapes);
    return status;
}
