/* The model: a list of layers, each a map with a type and the keys of that type. */
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 256

/* The place of a value in hpac_layer. */
#define AT(member) .offset = offsetof(hpac_layer, member), .nbytes = sizeof((hpac_layer *)0)->member

_Static_assert(offsetof(hpac_layer, kernel_cols) ==
                   offsetof(hpac_layer, kernel_rows) + sizeof(size_t),
               "hpac_key_pair stores rows and cols side by side");

static const char *const activations[] = {"linear", "relu", "sigmoid", NULL};
static const char *const initializers[] = {"variance_scaling", "glorot_uniform", NULL};
static const char *const types[] = {"conv2d", "maxpool", "dropout", "flatten",
                                    "dense",  "relu",    "sigmoid", NULL};

/* Every layer has a type; it chooses the table and is not stored itself. */
static const hpac_key type_key = {"type", &hpac_key_choice, .choices = types,
                                  .help = "what kind of layer it is"};
#define TYPE_KEY                                                                                   \
    {                                                                                              \
        "type", &hpac_key_choice, .choices = types                                                 \
    }

static const hpac_key conv2d_keys[] = {
    TYPE_KEY,
    {"filters", &hpac_key_whole, AT(filters), .least = 1, .most = 65536, .required = true,
     .help = "Output channels."},
    {"kernel", &hpac_key_pair, AT(kernel_rows), .least = 1, .most = 1024, .required = true,
     .help = "Size of the window; stride 1, no padding."},
    {"activation", &hpac_key_choice, AT(activation), .choices = activations, .fallback = "linear",
     .help = "What is done to each output."},
    {"initializer", &hpac_key_choice, AT(initializer), .choices = initializers,
     .fallback = "variance_scaling", .help = "Distribution of the first weights."},
};

static const hpac_key maxpool_keys[] = {
    TYPE_KEY,
    {"size", &hpac_key_pair, AT(kernel_rows), .least = 1, .most = 1024, .required = true,
     .help = "The window, which is also the stride; rows and columns left over drop."},
};

static const hpac_key dropout_keys[] = {
    TYPE_KEY,
    {"rate", &hpac_key_number, AT(rate), .range = HPAC_RANGE_SHARE, .required = true,
     .help = "Share of values set to 0 in training; the others grow by 1 / (1 - rate)."},
};

static const hpac_key flatten_keys[] = {TYPE_KEY};

static const hpac_key dense_keys[] = {
    TYPE_KEY,
    {"units", &hpac_key_whole, AT(units), .least = 1, .most = 1 << 24, .word = "classes",
     .word_value = 0, .required = true, .help = "Outputs; classes: one a target."},
    {"activation", &hpac_key_choice, AT(activation), .choices = activations, .fallback = "linear",
     .help = "What is done to each output."},
    {"initializer", &hpac_key_choice, AT(initializer), .choices = initializers,
     .fallback = "variance_scaling",
     .help = "Distribution of the first weights; with `units: classes` the default is "
             "glorot_uniform."},
};

static const hpac_key activation_keys[] = {TYPE_KEY};

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

typedef struct layer_type {
    const char *name;
    hpac_layer blank; /* what the type alone tells */
    hpac_key_table table;
    const char *help;
} layer_type;

static const layer_type layer_types[] = {
    {"conv2d",
     {.kind = HPAC_LAYER_CONV2D},
     {conv2d_keys, COUNT(conv2d_keys)},
     "Convolution, with a bias."},
    {"maxpool",
     {.kind = HPAC_LAYER_MAXPOOL},
     {maxpool_keys, COUNT(maxpool_keys)},
     "The largest of each window."},
    {"dropout",
     {.kind = HPAC_LAYER_DROPOUT},
     {dropout_keys, COUNT(dropout_keys)},
     "Random zeros in training, nothing otherwise."},
    {"flatten",
     {.kind = HPAC_LAYER_FLATTEN},
     {flatten_keys, COUNT(flatten_keys)},
     "(rows, cols, channels) to a vector, as dense wants it."},
    {"dense",
     {.kind = HPAC_LAYER_DENSE},
     {dense_keys, COUNT(dense_keys)},
     "Every output sees every input, with a bias."},
    {"relu",
     {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
     {activation_keys, COUNT(activation_keys)},
     "max(x, 0), as a layer of its own."},
    {"sigmoid",
     {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_SIGMOID},
     {activation_keys, COUNT(activation_keys)},
     "1 / (1 + exp(-x)), as a layer of its own."},
};

static const layer_type *find_type(const char *name)
{
    for (int i = 0; i < COUNT(layer_types); i++)
        if (strcmp(layer_types[i].name, name) == 0)
            return &layer_types[i];
    return NULL;
}

static void read_layer(hpac_reader *reader, const char *path, const hpac_yaml_node *node,
                       hpac_layer *layer)
{
    char prefix[32];
    const hpac_yaml_node *type_node = hpac_yaml_get(node, "type");
    if (!type_node) {
        char shown[HPAC_SHOWN_NBYTES];
        hpac_yaml_show(node, shown);
        hpac_reader_refuse(reader, path, node, "expected a layer such as {type: flatten}, not %s%s",
                           shown, node->kind == HPAC_YAML_MAP ? " without a type" : "");
        return;
    }
    snprintf(prefix, sizeof prefix, "%s.", path);
    const layer_type *type =
        type_node->kind == HPAC_YAML_SCALAR ? find_type(type_node->text) : NULL;
    if (!type) {
        char type_path[40];
        snprintf(type_path, sizeof type_path, "%stype", prefix);
        hpac_reader_expected(reader, &type_key, type_path, type_node);
        return;
    }
    *layer = type->blank;
    hpac_keys_seen seen = {0};
    hpac_keys_read(reader, &type->table, prefix, node, layer, &seen);
    hpac_keys_default(reader, &type->table, layer, &seen);
    int initializer = hpac_keys_find(&type->table, "initializer");
    if (layer->kind == HPAC_LAYER_DENSE && layer->units == 0 && !seen.nodes[initializer])
        layer->initializer = HPAC_INIT_GLOROT_UNIFORM;
}

static void read_model(hpac_reader *reader, const hpac_key *key, const char *path,
                       const hpac_yaml_node *node, void *record)
{
    hpac_config *config = record;
    if (node->kind != HPAC_YAML_LIST || node->count == 0 || node->count > MAX_LAYERS) {
        hpac_reader_expected(reader, key, path, node);
        return;
    }
    free(config->layers); /* of a model that was bad, when the default takes its place */
    config->layer_count = 0;
    config->layers = calloc((size_t)node->count, sizeof *config->layers);
    if (!config->layers) {
        reader->status = hpac_fail_memory((size_t)node->count * sizeof *config->layers);
        return;
    }
    config->layer_count = (size_t)node->count;
    for (int i = 0; i < node->count; i++) {
        char layer_path[24];
        snprintf(layer_path, sizeof layer_path, "%.8s.%d", path, i + 1);
        read_layer(reader, layer_path, node->items[i].value, &config->layers[i]);
    }
}

static void write_model(const hpac_key *key, const void *record, FILE *stream)
{
    (void)key;
    const hpac_config *config = record;
    for (size_t i = 0; i < config->layer_count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        hpac_layer_write(&config->layers[i], i == config->layer_count - 1, stream);
    }
    fputc(']', stream);
}

static void describe_model(const hpac_key *key, FILE *stream)
{
    (void)key;
    fprintf(stream, "a list of 1..%d layers", MAX_LAYERS);
}

const hpac_key_type hpac_key_model = {read_model, write_model, describe_model};

static void write_key(const hpac_key *key, const hpac_layer *layer, bool last, FILE *stream)
{
    if (last && strcmp(key->path, "units") == 0)
        fputs("classes", stream);
    else
        key->type->write(key, layer, stream);
}

void hpac_layer_write_key(const hpac_layer *layer, const char *name, bool last, FILE *stream)
{
    const layer_type *type = find_type(hpac_layer_name(layer));
    int index = hpac_keys_find(&type->table, name);
    if (index == 0) /* "type" is not stored */
        fputs(type->name, stream);
    else if (index > 0)
        write_key(&type->table.keys[index], layer, last, stream);
}

void hpac_layer_write(const hpac_layer *layer, bool last, FILE *stream)
{
    const layer_type *type = find_type(hpac_layer_name(layer));
    fprintf(stream, "{type: %s", type->name);
    for (int i = 1; i < type->table.count; i++) {
        const hpac_key *key = &type->table.keys[i];
        fprintf(stream, ", %s: ", key->path);
        write_key(key, layer, last, stream);
    }
    fputc('}', stream);
}

/* A problem with a layer, at its line. */
static void refuse_layer(hpac_reader *reader, const hpac_yaml_node *model, size_t index)
{
    char place[HPAC_YAML_PLACE_NBYTES] = "the default model";
    if (model)
        hpac_yaml_place(model->items[index].value, place);
    hpac_problems_add(&reader->problems, "%s: %s", place, hpac_error_message());
}

void hpac_model_finish(hpac_reader *reader, const hpac_yaml_node *model, hpac_config *config)
{
    size_t last = config->layer_count - 1;
    for (size_t i = 0; i <= last; i++)
        if (config->layers[i].kind == HPAC_LAYER_DENSE && config->layers[i].units == 0)
            config->layers[i].units = config->data.target_count;

    hpac_shape *shapes = calloc(config->layer_count, sizeof *shapes);
    if (!shapes) {
        reader->status = hpac_fail_memory(config->layer_count * sizeof *shapes);
        return;
    }
    hpac_shape in = hpac_config_input_shape(config);
    bool good = true;
    for (size_t i = 0; i <= last && good; i++) {
        good = hpac_layer_output_shape(&config->layers[i], i + 1, in, &shapes[i]) == HPAC_OK;
        if (!good)
            refuse_layer(reader, model, i);
        in = shapes[i];
    }
    /* What is left to be wrong lies with the last layer. */
    if (good &&
        hpac_layers_check(config->layers, config->layer_count, hpac_config_input_shape(config),
                          config->data.target_count, shapes) != HPAC_OK)
        refuse_layer(reader, model, last);
    free(shapes);
}

void hpac_layers_print_reference(FILE *stream)
{
    for (int i = 0; i < COUNT(layer_types); i++) {
        const layer_type *type = &layer_types[i];
        fprintf(stream, "\n### %s\n\n%s\n", type->name, type->help);
        hpac_keys_print_reference(&type->table, "", stream);
    }
}
