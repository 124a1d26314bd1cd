/* The model: a list of layers, each a map with a type and the keys of that type. */
#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS 256
#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

/* A value in hpac_layer. */
#define AT(member) .offset = offsetof(hpac_layer, member), .nbytes = sizeof((hpac_layer *)0)->member

_Static_assert(offsetof(hpac_layer, kernel_cols) ==
                   offsetof(hpac_layer, kernel_rows) + sizeof(size_t),
               "hpac_key_pair stores rows and cols side by side");

static const char *const activations[] = {"linear", "relu", "sigmoid", NULL};
static const char *const initializers[] = {"variance_scaling", "glorot_uniform", NULL};
static const char *const types[] = {"conv2d", "maxpool", "dropout", "flatten",
                                    "dense",  "relu",    "sigmoid", NULL};

/* Every layer has a type; it chooses the table and is not stored itself. */
#define TYPE_KEY "type", &hpac_key_choice, .choices = types
#define ACTIVATION_KEY                                                                             \
    "activation", &hpac_key_choice, AT(activation), .choices = activations, .fallback = "linear",  \
                                                    .help = "Applied to each output."
#define INITIALIZER_KEY(text)                                                                      \
    "initializer", &hpac_key_choice, AT(initializer), .choices = initializers,                     \
                                                      .fallback = "variance_scaling", .help = text

static const hpac_key type_key = {TYPE_KEY};

static const hpac_key conv2d_keys[] = {
    {TYPE_KEY},
    {"filters", &hpac_key_integer, AT(filters), .min = 1, .max = 65536, .required = true,
     .help = "Output channels."},
    {"kernel", &hpac_key_pair, AT(kernel_rows), .min = 1, .max = 1024, .required = true,
     .help = "Size of the window; stride 1, no padding."},
    {ACTIVATION_KEY},
    {INITIALIZER_KEY("Distribution of the initial weights.")},
};

static const hpac_key maxpool_keys[] = {
    {TYPE_KEY},
    {"size", &hpac_key_pair, AT(kernel_rows), .min = 1, .max = 1024, .required = true,
     .help = "The window, which is also the stride; rows and columns left over are dropped."},
};

static const hpac_key dropout_keys[] = {
    {TYPE_KEY},
    {"rate", &hpac_key_number, AT(rate), .range = HPAC_RANGE_FRACTION, .required = true,
     .help = "Fraction of values set to 0 in training; the others are scaled by 1 / (1 - rate)."},
};

static const hpac_key dense_keys[] = {
    {TYPE_KEY},
    {"units", &hpac_key_integer, AT(units), .min = 1, .max = 1 << 24, .word = "classes",
     .word_value = 0, .required = true, .help = "Outputs; classes: one per target."},
    {ACTIVATION_KEY},
    {INITIALIZER_KEY("Distribution of the initial weights; with `units: classes` the default is "
                     "glorot_uniform.")},
};

static const hpac_key plain_keys[] = {{TYPE_KEY}};

typedef struct layer_type {
    hpac_layer layer; /* before its keys are read */
    hpac_key_table table;
    const char *help;
} layer_type;

#define KEYS(keys)                                                                                 \
    {                                                                                              \
        keys, COUNT(keys)                                                                          \
    }

static const layer_type layer_types[] = {
    {{.kind = HPAC_LAYER_CONV2D}, KEYS(conv2d_keys), "Convolution, with a bias."},
    {{.kind = HPAC_LAYER_MAXPOOL}, KEYS(maxpool_keys), "The maximum of each window."},
    {{.kind = HPAC_LAYER_DROPOUT},
     KEYS(dropout_keys),
     "Random zeros in training, nothing otherwise."},
    {{.kind = HPAC_LAYER_FLATTEN},
     KEYS(plain_keys),
     "(rows, cols, channels) to a vector, as dense expects it."},
    {{.kind = HPAC_LAYER_DENSE}, KEYS(dense_keys), "Fully connected, with a bias."},
    {{.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
     KEYS(plain_keys),
     "max(x, 0), as a layer of its own."},
    {{.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_SIGMOID},
     KEYS(plain_keys),
     "1 / (1 + exp(-x)), as a layer of its own."},
};

/* NULL: there is none. */
static const layer_type *find_type(const char *name)
{
    for (int i = 0; i < COUNT(layer_types); i++)
        if (strcmp(hpac_layer_name(&layer_types[i].layer), name) == 0)
            return &layer_types[i];
    return NULL;
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
    const layer_type *type =
        type_node->kind == HPAC_YAML_SCALAR ? find_type(type_node->text) : NULL;
    if (!type) {
        hpac_reader_refuse_value(reader, &type_key, type_path, type_node);
        return;
    }
    *layer = type->layer;
    hpac_keys_seen seen = {0};
    hpac_keys_read(reader, &type->table, prefix, node, layer, &seen);
    hpac_keys_default(reader, &type->table, layer, &seen);
    if (layer->kind == HPAC_LAYER_DENSE && layer->units == 0 &&
        !seen.nodes[hpac_keys_find(&type->table, "initializer")])
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
    for (size_t i = 0; i < config->layer_count; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        hpac_layer_write(&config->layers[i], i == config->layer_count - 1, stream);
    }
    fputc(']', stream);
}

static void describe_model(const hpac_key *key, FILE *stream)
{
    (void)key;
    fprintf(stream, "a list of 1 to %d layers", MAX_LAYERS);
}

const hpac_key_type hpac_key_model = {read_model, write_model, describe_model};

void hpac_layer_write_key(const hpac_layer *layer, const char *name, bool last, FILE *stream)
{
    const hpac_key_table *table = &find_type(hpac_layer_name(layer))->table;
    int index = hpac_keys_find(table, name);
    if (index == 0) /* "type" is not stored */
        fputs(hpac_layer_name(layer), stream);
    else if (last && strcmp(name, "units") == 0)
        fputs("classes", stream);
    else if (index > 0)
        table->keys[index].type->write(&table->keys[index], layer, stream);
}

void hpac_layer_write(const hpac_layer *layer, bool last, FILE *stream)
{
    const hpac_key_table *table = &find_type(hpac_layer_name(layer))->table;
    for (int i = 0; i < table->count; i++) {
        fprintf(stream, "%s%s: ", i == 0 ? "{" : ", ", table->keys[i].path);
        hpac_layer_write_key(layer, table->keys[i].path, last, stream);
    }
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
    for (int i = 0; i < COUNT(layer_types); i++) {
        fprintf(stream, "\n### %s\n\n%s\n", hpac_layer_name(&layer_types[i].layer),
                layer_types[i].help);
        hpac_keys_print_reference(&layer_types[i].table, "", stream);
    }
}
