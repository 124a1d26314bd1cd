/* The table of the layers. */
#include "layer_table.h"

#include "layer_ops.h"

#include <string.h>

const char *const hpac_activation_names[] = {"linear", "relu",     "sigmoid", "relu6",   "silu",
                                             "gelu",   "softplus", "tanh",    "softmax", NULL};
const char *const hpac_layer_activation_names[] = {"relu", "sigmoid",  "relu6", "silu",
                                                   "gelu", "softplus", "tanh",  NULL};
const char *const hpac_initializer_names[] = {"variance_scaling", "glorot_uniform", "glorot_normal",
                                              "he_normal",        "he_uniform",     "lecun_normal",
                                              "lecun_uniform",    "zeros",          NULL};
const char *const hpac_padding_names[] = {"valid", "same", NULL};

#define KEY(keras_, name_, type_, member)                                                          \
    .keras = (keras_), .name = (name_), .type = HPAC_LAYER_KEY_##type_,                            \
    .offset = offsetof(hpac_layer, member)

#define STRIDES                                                                                    \
    KEY("strides", "strides", PAIR, stride_rows), .max = 1024, .example = "2", .optional = true,   \
                                                  .brief = true
#define PADDING                                                                                    \
    {                                                                                              \
        KEY("padding", "padding", PADDING, padding),                                               \
            .brief = true,                                                                         \
            .help =                                                                                \
                "valid: none; same: zeros around the image, for size / stride outputs, rounded "   \
                "up."                                                                              \
    }
#define DILATION                                                                                   \
    {                                                                                              \
        KEY("dilation_rate", "dilation", PAIR, dilation_rows),                                     \
            .max = 1024, .example = "2", .optional = true, .brief = true,                          \
            .help = "Distance of the kernel's elements; 1 when absent."                            \
    }
#define BIAS                                                                                       \
    {                                                                                              \
        KEY("use_bias", "bias", UNLESS, no_bias), .brief = true, .help = "Whether it has a bias."  \
    }
#define L2                                                                                         \
    {                                                                                              \
        KEY("kernel_regularizer", "l2", DECAY, l2),                                                \
            .fallback = "0", .brief = true,                                                        \
            .help = "Weight decay: this times the sum of the kernel's squares is added to the "    \
                    "loss; 0: "                                                                    \
                    "train.l2."                                                                    \
    }
#define ACTIVATION                                                                                 \
    {                                                                                              \
        KEY("activation", "activation", ACTIVATION, activation),                                   \
            .help = "Applied to each output; "                                                     \
                    "softmax only in the last layer."                                              \
    }
#define LAST_CHANNELS                                                                              \
    {                                                                                              \
        "data_format", "\"channels_last\"", true                                                   \
    }

const hpac_layer_row hpac_layer_rows[] = {
    {
        .name = "conv2d",
        .help = "Convolution.",
        .blank = {.kind = HPAC_LAYER_CONV2D},
        .op = HPAC_OP_CONV2D,
        .complete = hpac_complete_conv2d,
        .tensors = hpac_conv2d_tensors,
        .keras_class = "Conv2D",
        .keras_name = "conv2d",
        .keys = {{KEY("filters", "filters", SIZE, filters), .max = 65536, .example = "32",
                  .help = "Output channels."},
                 {KEY("kernel_size", "kernel", PAIR, kernel_rows), .max = 1024, .example = "3",
                  .help = "Size of the window."},
                 ACTIVATION,
                 {KEY("kernel_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights."},
                 {STRIDES, .help = "Distance of the windows; 1 when absent."},
                 PADDING,
                 DILATION,
                 {KEY("groups", "groups", SIZE, groups), .max = 65536, .example = "2",
                  .optional = true, .brief = true,
                  .help = "Groups of channels, each with filters of its own that read only it; 1 "
                          "when absent."},
                 BIAS,
                 L2},
        .options = {LAST_CHANNELS, {"bias_initializer", NULL, false}},
    },
    {
        .name = "depthwise_conv2d",
        .help = "Convolution of each channel by itself.",
        .blank = {.kind = HPAC_LAYER_DEPTHWISE_CONV2D},
        .op = HPAC_OP_CONV2D,
        .complete = hpac_complete_depthwise_conv2d,
        .tensors = hpac_depthwise_conv2d_tensors,
        .keras_class = "DepthwiseConv2D",
        .keras_name = "depthwise_conv2d",
        .keys = {{KEY("kernel_size", "kernel", PAIR, kernel_rows), .max = 1024, .example = "3",
                  .help = "Size of the window."},
                 ACTIVATION,
                 {KEY("depthwise_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights."},
                 {STRIDES, .help = "Distance of the windows; 1 when absent."},
                 PADDING,
                 DILATION,
                 {KEY("depth_multiplier", "multiplier", SIZE, depth_multiplier), .max = 65536,
                  .example = "2", .optional = true, .brief = true,
                  .help = "Outputs of each channel; 1 when absent."},
                 BIAS,
                 {KEY("depthwise_regularizer", "l2", DECAY, l2), .fallback = "0", .brief = true,
                  .help = "As in conv2d."}},
        .options = {LAST_CHANNELS, {"groups", "1", false}, {"bias_initializer", NULL, false}},
    },
    {
        .name = "batch_norm",
        .help = "Each channel shifted and scaled to mean 0 and variance 1 over the batch (in "
                "predictions: over the moving averages of training), then by weights of its own.",
        .blank = {.kind = HPAC_LAYER_BATCH_NORM},
        .op = HPAC_OP_BATCH_NORM,
        .complete = hpac_complete_batch_norm,
        .tensors = hpac_batch_norm_tensors,
        .keras_class = "BatchNormalization",
        .keras_name = "batch_normalization",
        .keys = {{KEY("momentum", "momentum", RATE, momentum), .fallback = "0.99", .brief = true,
                  .help = "Share of the old moving average in the new one."},
                 {KEY("epsilon", "epsilon", POSITIVE, epsilon), .fallback = "0.001", .brief = true,
                  .help = "Added to variances."},
                 {KEY("scale", "scale", UNLESS, no_scale), .brief = true,
                  .help = "Whether it has factors (gamma)."},
                 {KEY("center", "center", UNLESS, no_center), .brief = true,
                  .help = "Whether it has offsets (beta)."}},
        .options = {{"beta_initializer", NULL, false},
                    {"gamma_initializer", NULL, false},
                    {"renorm_momentum", NULL, false}, /* of renorm, which must be false */
                    {"moving_mean_initializer", NULL, false},
                    {"moving_variance_initializer", NULL, false}},
    },
    {
        .name = "maxpool",
        .help = "The maximum of each window.",
        .blank = {.kind = HPAC_LAYER_MAXPOOL},
        .op = HPAC_OP_MAXPOOL,
        .complete = hpac_complete_window,
        .keras_class = "MaxPooling2D",
        .keras_name = "max_pooling2d",
        .keys = {{KEY("pool_size", "size", PAIR, kernel_rows), .max = 1024, .example = "2",
                  .help = "The window; rows and columns left over are dropped."},
                 {STRIDES, .help = "Distance of the windows; their size when absent."},
                 PADDING},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "avgpool",
        .help = "The mean of each window, without the padding.",
        .blank = {.kind = HPAC_LAYER_AVGPOOL},
        .op = HPAC_OP_AVGPOOL,
        .complete = hpac_complete_window,
        .keras_class = "AveragePooling2D",
        .keras_name = "average_pooling2d",
        .keys = {{KEY("pool_size", "size", PAIR, kernel_rows), .max = 1024, .example = "2",
                  .help = "The window; rows and columns left over are dropped."},
                 {STRIDES, .help = "Distance of the windows; their size when absent."},
                 PADDING},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "global_avgpool",
        .help = "The mean of each channel, as a vector.",
        .blank = {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},
        .op = HPAC_OP_GLOBAL_AVGPOOL,
        .complete = hpac_complete_global_pool,
        .keras_class = "GlobalAveragePooling2D",
        .keras_name = "global_average_pooling2d",
        .keys = {{KEY("keepdims", "keep_dims", FLAG, keep_dims), .brief = true,
                  .help = "An image (1, 1, channels) instead of a vector."}},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "global_maxpool",
        .help = "The maximum of each channel, as a vector. The gradient goes to the first of equal "
                "maxima, as in PyTorch's AdaptiveMaxPool2d; Keras divides it among them.",
        .blank = {.kind = HPAC_LAYER_GLOBAL_MAXPOOL},
        .op = HPAC_OP_GLOBAL_MAXPOOL,
        .complete = hpac_complete_global_pool,
        .keras_class = "GlobalMaxPooling2D",
        .keras_name = "global_max_pooling2d",
        .keys = {{KEY("keepdims", "keep_dims", FLAG, keep_dims), .brief = true,
                  .help = "An image (1, 1, channels) instead of a vector."}},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "zero_pad",
        .help = "Zeros around the image.",
        .blank = {.kind = HPAC_LAYER_ZERO_PAD},
        .op = HPAC_OP_ZERO_PAD,
        .complete = hpac_complete_zero_pad,
        .keras_class = "ZeroPadding2D",
        .keras_name = "zero_padding2d",
        .keys = {{KEY("padding", "padding", ZEROS, zeros), .max = 1024, .example = "1",
                  .help = "Rows and columns on each side."}},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "add",
        .help = "The sum of its inputs.",
        .blank = {.kind = HPAC_LAYER_ADD},
        .op = HPAC_OP_ADD,
        .min_inputs = 2,
        .max_inputs = HPAC_LAYER_MAX_INPUTS,
        .complete = hpac_complete_add,
        .keras_class = "Add",
        .keras_name = "add",
    },
    {
        .name = "multiply",
        .help = "The product of two inputs, the second of which may have one value per channel.",
        .blank = {.kind = HPAC_LAYER_MULTIPLY},
        .op = HPAC_OP_MULTIPLY,
        .min_inputs = 2,
        .max_inputs = 2,
        .complete = hpac_complete_multiply,
        .keras_class = "Multiply",
        .keras_name = "multiply",
    },
    {
        .name = "concat",
        .help = "The channels of all inputs, one input behind the other.",
        .blank = {.kind = HPAC_LAYER_CONCAT},
        .op = HPAC_OP_CONCAT,
        .min_inputs = 2,
        .max_inputs = HPAC_LAYER_MAX_INPUTS,
        .complete = hpac_complete_concat,
        .keras_class = "Concatenate",
        .keras_name = "concatenate",
        .options = {{"axis", "-1", true}},
    },
    {
        .name = "dropout",
        .help = "Random zeros in training, nothing otherwise.",
        .blank = {.kind = HPAC_LAYER_DROPOUT},
        .op = HPAC_OP_DROPOUT,
        .complete = hpac_complete_dropout,
        .keras_class = "Dropout",
        .keras_name = "dropout",
        .keys = {{KEY("rate", "rate", RATE, rate), .example = "0.25",
                  .help =
                      "Fraction of values set to 0 in training; the others are scaled by 1 / (1 "
                      "- rate)."}},
        .options = {{"seed", NULL, false}},
    },
    {
        .name = "spatial_dropout",
        .help = "Random channels of images set to 0 in training, nothing otherwise.",
        .blank = {.kind = HPAC_LAYER_SPATIAL_DROPOUT},
        .op = HPAC_OP_DROPOUT,
        .complete = hpac_complete_dropout,
        .keras_class = "SpatialDropout2D",
        .keras_name = "spatial_dropout2d",
        .keys = {{KEY("rate", "rate", RATE, rate), .example = "0.25",
                  .help = "Fraction of channels set to 0 in training; the others are scaled by 1 / "
                          "(1 - rate)."}},
        .options = {{"seed", NULL, false}, LAST_CHANNELS},
    },
    {
        .name = "image_dropout",
        .help = "Random images set to 0 in training, nothing otherwise: stochastic depth, when it "
                "is the last layer of a branch that is added to another.",
        .blank = {.kind = HPAC_LAYER_IMAGE_DROPOUT},
        .op = HPAC_OP_DROPOUT,
        .complete = hpac_complete_dropout,
        .keras_class = "Dropout",
        .keras_name = "dropout",
        .keys = {{KEY("rate", "rate", RATE, rate), .example = "0.25",
                  .help = "Fraction of images set to 0 in training; the others are scaled by 1 / "
                          "(1 - rate)."}},
        .options = {{"seed", NULL, false}, {"noise_shape", "[null, 1, 1, 1]", true}},
    },
    {
        .name = "flatten",
        .help = "(rows, cols, channels) to a vector, as dense expects it.",
        .blank = {.kind = HPAC_LAYER_FLATTEN},
        .op = HPAC_OP_FLATTEN,
        .complete = hpac_complete_flatten,
        .keras_class = "Flatten",
        .keras_name = "flatten",
        .options = {LAST_CHANNELS},
    },
    {
        .name = "reshape",
        .help = "The values as an image of another shape.",
        .blank = {.kind = HPAC_LAYER_RESHAPE},
        .op = HPAC_OP_RESHAPE,
        .complete = hpac_complete_reshape,
        .keras_class = "Reshape",
        .keras_name = "reshape",
        .keys = {{KEY("target_shape", "shape", SHAPE, shape), .max = 1 << 24,
                  .example = "[8, 8, 64]", .help = "The new shape."}},
    },
    {
        .name = "rescale",
        .help = "(x - mean) / deviation for each channel, as the first layer.",
        .blank = {.kind = HPAC_LAYER_RESCALE},
        .op = HPAC_OP_RESCALE,
        .complete = hpac_complete_rescale,
        .keras_class = "Normalization",
        .keras_name = "normalization",
        .keys = {{KEY(NULL, "mean", NUMBERS, mean), .example = "[0.08]",
                  .help = "One number per channel."},
                 {KEY(NULL, "deviation", NUMBERS, deviation), .example = "[0.15]",
                  .help = "Standard deviation, one number > 0 per channel."}},
    },
    {
        .blank = {.kind = HPAC_LAYER_RESCALE},
        .op = HPAC_OP_RESCALE,
        .keras_class = "Rescaling",
    },
    {
        .name = "dense",
        .help = "Fully connected.",
        .blank = {.kind = HPAC_LAYER_DENSE},
        .op = HPAC_OP_DENSE,
        .complete = hpac_complete_dense,
        .tensors = hpac_dense_tensors,
        .keras_class = "Dense",
        .keras_name = "dense",
        .keys = {{KEY("units", "units", SIZE, units), .max = 1 << 24, .word = "classes",
                  .example = "64", .help = "Outputs; classes: one per target."},
                 ACTIVATION,
                 {KEY("kernel_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights; with `units: classes` the default "
                          "is glorot_uniform."},
                 BIAS,
                 L2},
        .options = {{"bias_initializer", NULL, false}},
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
        .name = "activation",
        .help = "An activation as a layer of its own; softmax is one of the last dense layer only.",
        .blank = {.kind = HPAC_LAYER_ACTIVATION},
        .keras_class = "Activation",
        .keras_name = "activation",
        .keys = {{KEY("activation", "activation", ACTIVATION, activation), .example = "silu",
                  .help = "Applied to each value."}},
    },
    {
        .blank = {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_RELU},
        .keras_class = "ReLU",
        .options = {{"negative_slope", "0.0", false}, {"threshold", "0.0", false}},
    },
};

const size_t hpac_layer_row_count = sizeof hpac_layer_rows / sizeof *hpac_layer_rows;

/* A row without an activation of its own takes those that no other has. */
const hpac_layer_row *hpac_layer_row_of(const hpac_layer *layer)
{
    bool activation = layer->kind == HPAC_LAYER_ACTIVATION;
    if (activation && layer->activation == HPAC_ACTIVATION_LINEAR)
        return NULL;
    for (size_t i = 0; i < hpac_layer_row_count; i++) {
        const hpac_layer *blank = &hpac_layer_rows[i].blank;
        if (blank->kind == layer->kind &&
            (!activation || blank->activation == HPAC_ACTIVATION_LINEAR ||
             blank->activation == layer->activation))
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

static const hpac_op_kind activation_ops[] = {
    [HPAC_ACTIVATION_RELU] = HPAC_OP_RELU,
    [HPAC_ACTIVATION_SIGMOID] = HPAC_OP_SIGMOID,
    [HPAC_ACTIVATION_RELU6] = HPAC_OP_RELU6,
    [HPAC_ACTIVATION_SILU] = HPAC_OP_SILU,
    [HPAC_ACTIVATION_GELU] = HPAC_OP_GELU,
    [HPAC_ACTIVATION_SOFTPLUS] = HPAC_OP_SOFTPLUS,
    [HPAC_ACTIVATION_TANH] = HPAC_OP_TANH,
    [HPAC_ACTIVATION_SOFTMAX] = HPAC_OP_COUNT, /* none: part of the loss */
};

hpac_status hpac_layer_op(const hpac_layer *layer, const hpac_shape *inputs, hpac_op *op)
{
    const hpac_layer_row *row = hpac_layer_row_of(layer);
    size_t count = hpac_layer_input_count(layer);
    if (!row)
        return hpac_fail(HPAC_ERR_CONFIG, "not a layer of its own");
    size_t min = row->min_inputs > 0 ? row->min_inputs : 1;
    size_t max = row->max_inputs > 0 ? row->max_inputs : 1;
    if (count < min || count > max)
        return hpac_fail(HPAC_ERR_CONFIG, "%zu input%s, expected %s%zu%s", count,
                         count == 1 ? "" : "s", min < max ? "at least " : "", min,
                         layer->input_count == 0 ? ", named by `inputs`" : "");
    *op = (hpac_op){.kind = layer->kind == HPAC_LAYER_ACTIVATION ? activation_ops[layer->activation]
                                                                 : row->op,
                    .in = inputs[0],
                    .out = inputs[0],
                    .side_count = count - 1};
    memcpy(op->sides, inputs + 1, op->side_count * sizeof *inputs);
    return row->complete ? row->complete(layer, op) : HPAC_OK;
}

hpac_op hpac_activation_op(hpac_activation activation, hpac_shape shape)
{
    return (hpac_op){.kind = activation_ops[activation], .in = shape, .out = shape};
}
