/* The table of the layers, and the functions that its rows name. */
#include "layer_table.h"

#include <string.h>

static hpac_status need_window(const hpac_layer *layer, hpac_shape in)
{
    size_t rows = layer->kernel_rows, cols = layer->kernel_cols;
    if (in.rank != 3)
        return hpac_fail(HPAC_ERR_CONFIG, "expected images (rows, cols, channels), got a vector %s",
                         hpac_shape_describe(in).text);
    if (rows < 1 || cols < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "window %zu x %zu, expected at least 1 x 1", rows, cols);
    if (rows > in.rows || cols > in.cols)
        return hpac_fail(HPAC_ERR_CONFIG, "a window of %zu x %zu does not fit into %s", rows, cols,
                         hpac_shape_describe(in).text);
    return HPAC_OK;
}

static hpac_status conv2d_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    HPAC_TRY(need_window(layer, in));
    out->rows = in.rows - layer->kernel_rows + 1;
    out->cols = in.cols - layer->kernel_cols + 1;
    out->channels = layer->filters;
    return HPAC_OK;
}

static hpac_status maxpool_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    HPAC_TRY(need_window(layer, in));
    out->rows = in.rows / layer->kernel_rows;
    out->cols = in.cols / layer->kernel_cols;
    return HPAC_OK;
}

static hpac_status dropout_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    *out = in;
    if (layer->rate >= 0.0f && layer->rate < 1.0f)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "rate %g, expected 0 <= rate < 1", (double)layer->rate);
}

static hpac_shape vector_shape(size_t count)
{
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = count};
}

static hpac_status flatten_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    (void)layer;
    *out = vector_shape(hpac_shape_count(in));
    return HPAC_OK;
}

static hpac_status dense_shape(const hpac_layer *layer, hpac_shape in, hpac_shape *out)
{
    *out = vector_shape(layer->units);
    if (in.rank == 1)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "expected a vector, got images %s; put a flatten layer before it",
                     hpac_shape_describe(in).text);
}

static void conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                           hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] = (hpac_tensor){
        .rank = 4, .dims = {layer->kernel_rows, layer->kernel_cols, in.channels, layer->filters}};
    tensors[HPAC_BIAS] = (hpac_tensor){.rank = 1, .dims = {layer->filters}};
}

static void dense_tensors(const hpac_layer *layer, hpac_shape in,
                          hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] = (hpac_tensor){.rank = 2, .dims = {hpac_shape_count(in), layer->units}};
    tensors[HPAC_BIAS] = (hpac_tensor){.rank = 1, .dims = {layer->units}};
}

const char *const hpac_activation_names[] = {"linear", "relu", "sigmoid", NULL};
const char *const hpac_initializer_names[] = {"variance_scaling", "glorot_uniform", NULL};

#define KEY(keras_, name_, type_, member)                                                          \
    .keras = (keras_), .name = (name_), .type = HPAC_LAYER_KEY_##type_,                            \
    .offset = offsetof(hpac_layer, member)

const hpac_layer_row hpac_layer_rows[] = {
    {
        .name = "conv2d",
        .help = "Convolution, with a bias.",
        .blank = {.kind = HPAC_LAYER_CONV2D},
        .op = HPAC_OP_CONV2D,
        .output_shape = conv2d_shape,
        .tensors = conv2d_tensors,
        .keras_class = "Conv2D",
        .keras_name = "conv2d",
        .keys = {{KEY("filters", "filters", SIZE, filters), .max = 65536,
                  .help = "Output channels."},
                 {KEY("kernel_size", "kernel", PAIR, kernel_rows), .max = 1024,
                  .help = "Size of the window; stride 1, no padding."},
                 {KEY("activation", "activation", ACTIVATION, activation),
                  .help = "Applied to each output."},
                 {KEY("kernel_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights."}},
        .options = {{"strides", "[1,1]", true},
                    {"padding", "\"valid\"", true},
                    {"data_format", "\"channels_last\"", true},
                    {"dilation_rate", "[1,1]", true},
                    {"groups", "1", false},
                    {"use_bias", "true", true},
                    {"bias_initializer", NULL, false}},
    },
    {
        .name = "maxpool",
        .help = "The maximum of each window.",
        .blank = {.kind = HPAC_LAYER_MAXPOOL},
        .op = HPAC_OP_MAXPOOL,
        .output_shape = maxpool_shape,
        .keras_class = "MaxPooling2D",
        .keras_name = "max_pooling2d",
        .keys = {{KEY("pool_size", "size", PAIR, kernel_rows), .max = 1024,
                  .help = "The window, which is also the stride; rows and columns left over are "
                          "dropped."}},
        .options = {{"strides", "=pool_size", true},
                    {"padding", "\"valid\"", true},
                    {"data_format", "\"channels_last\"", true}},
    },
    {
        .name = "dropout",
        .help = "Random zeros in training, nothing otherwise.",
        .blank = {.kind = HPAC_LAYER_DROPOUT},
        .op = HPAC_OP_DROPOUT,
        .output_shape = dropout_shape,
        .keras_class = "Dropout",
        .keras_name = "dropout",
        .keys = {{KEY("rate", "rate", RATE, rate),
                  .help =
                      "Fraction of values set to 0 in training; the others are scaled by 1 / (1 "
                      "- rate)."}},
        .options = {{"seed", NULL, false}},
    },
    {
        .name = "flatten",
        .help = "(rows, cols, channels) to a vector, as dense expects it.",
        .blank = {.kind = HPAC_LAYER_FLATTEN},
        .op = HPAC_OP_FLATTEN,
        .output_shape = flatten_shape,
        .keras_class = "Flatten",
        .keras_name = "flatten",
        .options = {{"data_format", "\"channels_last\"", true}},
    },
    {
        .name = "dense",
        .help = "Fully connected, with a bias.",
        .blank = {.kind = HPAC_LAYER_DENSE},
        .op = HPAC_OP_DENSE,
        .output_shape = dense_shape,
        .tensors = dense_tensors,
        .keras_class = "Dense",
        .keras_name = "dense",
        .keys = {{KEY("units", "units", SIZE, units), .max = 1 << 24, .word = "classes",
                  .help = "Outputs; classes: one per target."},
                 {KEY("activation", "activation", ACTIVATION, activation),
                  .help = "Applied to each output."},
                 {KEY("kernel_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights; with `units: classes` the default "
                          "is glorot_uniform."}},
        .options = {{"use_bias", "true", true}, {"bias_initializer", NULL, false}},
    },
    {
        .name = "relu",
        .help = "max(x, 0), as a layer of its own.",
        .blank = {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
        .op = HPAC_OP_RELU,
        .keras_class = "Activation",
        .keras_name = "activation",
        .keys = {{KEY("activation", NULL, ACTIVATION, activation)}},
    },
    {
        .name = "sigmoid",
        .help = "1 / (1 + exp(-x)), as a layer of its own.",
        .blank = {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_SIGMOID},
        .op = HPAC_OP_SIGMOID,
        .keras_class = "Activation",
        .keras_name = "activation",
        .keys = {{KEY("activation", NULL, ACTIVATION, activation)}},
    },
    {
        .blank = {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
        .keras_class = "ReLU",
        .options = {{"negative_slope", "0.0", false}, {"threshold", "0.0", false}},
    },
};

const size_t hpac_layer_row_count = sizeof hpac_layer_rows / sizeof *hpac_layer_rows;

const hpac_layer_row *hpac_layer_row_of(const hpac_layer *layer)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer *blank = &hpac_layer_rows[i].blank;
        if (blank->kind == layer->kind &&
            (layer->kind != HPAC_LAYER_ACTIVATION || blank->activation == layer->activation))
            return &hpac_layer_rows[i];
    }
    return NULL;
}

const hpac_layer_row *hpac_layer_row_by_name(const char *name)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (hpac_layer_rows[i].name && strcmp(hpac_layer_rows[i].name, name) == 0)
            return &hpac_layer_rows[i];
    return NULL;
}

const hpac_layer_row *hpac_layer_row_by_class(const char *keras_class)
{
    for (size_t i = 0; i < hpac_layer_row_count; i++)
        if (strcmp(hpac_layer_rows[i].keras_class, keras_class) == 0)
            return &hpac_layer_rows[i];
    return NULL;
}
