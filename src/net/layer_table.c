/* The table of the layers, and the functions that its rows name. */
#include "layer_table.h"

#include <string.h>

static hpac_status need_image(hpac_shape in)
{
    if (in.rank == 3)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "expected images (rows, cols, channels), got a vector %s",
                     hpac_shape_describe(in).text);
}

static size_t or_default(size_t value, size_t fallback)
{
    return value > 0 ? value : fallback;
}

/* One direction of a window that slides: zeros on both sides, and outputs; 0: it does not fit. */
static size_t slide(const hpac_layer *layer, size_t length, size_t window, size_t stride,
                    size_t dilation, size_t *before, size_t *after)
{
    size_t reach = (window - 1) * dilation + 1;
    *before = *after = 0;
    if (layer->padding == HPAC_PADDING_VALID)
        return reach <= length ? (length - reach) / stride + 1 : 0;
    size_t outputs = (length + stride - 1) / stride, needed = (outputs - 1) * stride + reach;
    size_t zeros = needed > length ? needed - length : 0;
    *before = zeros / 2;
    *after = zeros - zeros / 2;
    return outputs;
}

static hpac_status complete_window(const hpac_layer *layer, hpac_op *op)
{
    bool pools = op->kind != HPAC_OP_CONV2D;
    hpac_shape in = op->in;
    HPAC_TRY(need_image(in));
    op->kernel_rows = layer->kernel_rows;
    op->kernel_cols = layer->kernel_cols;
    if (op->kernel_rows < 1 || op->kernel_cols < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "window %zu x %zu, expected at least 1 x 1",
                         op->kernel_rows, op->kernel_cols);
    op->stride_rows = or_default(layer->stride_rows, pools ? op->kernel_rows : 1);
    op->stride_cols = or_default(layer->stride_cols, pools ? op->kernel_cols : 1);
    op->dilation_rows = or_default(layer->dilation_rows, 1);
    op->dilation_cols = or_default(layer->dilation_cols, 1);
    op->groups = 1;
    if ((op->dilation_rows > 1 && op->stride_rows > 1) ||
        (op->dilation_cols > 1 && op->stride_cols > 1))
        return hpac_fail(HPAC_ERR_CONFIG, "strides and dilation together, expected one of them");
    op->out.rows = slide(layer, in.rows, op->kernel_rows, op->stride_rows, op->dilation_rows,
                         &op->pad_top, &op->pad_bottom);
    op->out.cols = slide(layer, in.cols, op->kernel_cols, op->stride_cols, op->dilation_cols,
                         &op->pad_left, &op->pad_right);
    if (op->out.rows < 1 || op->out.cols < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "a window of %zu x %zu%s does not fit into %s",
                         op->kernel_rows, op->kernel_cols,
                         op->dilation_rows * op->dilation_cols > 1 ? " with dilation" : "",
                         hpac_shape_describe(in).text);
    return HPAC_OK;
}

static hpac_status complete_conv2d(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(complete_window(layer, op));
    op->groups = or_default(layer->groups, 1);
    op->out.channels = layer->filters;
    op->no_bias = layer->no_bias;
    if (op->in.channels % op->groups != 0 || layer->filters % op->groups != 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%zu groups, expected a divisor of the channels of %s and of the %zu "
                         "filters",
                         op->groups, hpac_shape_describe(op->in).text, layer->filters);
    return HPAC_OK;
}

/* Keras's kernel (rows, cols, channels, multiplier) lies in memory as one of as many groups. */
static hpac_status complete_depthwise_conv2d(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(complete_window(layer, op));
    op->groups = op->in.channels;
    op->out.channels = op->in.channels * or_default(layer->depth_multiplier, 1);
    op->no_bias = layer->no_bias;
    return HPAC_OK;
}

static hpac_status complete_dropout(const hpac_layer *layer, hpac_op *op)
{
    op->rate = layer->rate;
    op->whole_images = layer->kind == HPAC_LAYER_IMAGE_DROPOUT;
    op->whole_channels = layer->kind == HPAC_LAYER_SPATIAL_DROPOUT || op->whole_images;
    if (op->whole_channels)
        HPAC_TRY(need_image(op->in));
    if (layer->rate >= 0.0f && layer->rate < 1.0f)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "rate %g, expected 0 <= rate < 1", (double)layer->rate);
}

static hpac_shape vector_shape(size_t count)
{
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = count};
}

static hpac_status complete_flatten(const hpac_layer *layer, hpac_op *op)
{
    (void)layer;
    op->out = vector_shape(hpac_shape_count(op->in));
    return HPAC_OK;
}

static hpac_status complete_reshape(const hpac_layer *layer, hpac_op *op)
{
    op->out = (hpac_shape){
        .rank = 3, .rows = layer->shape[0], .cols = layer->shape[1], .channels = layer->shape[2]};
    if (hpac_shape_count(op->out) == hpac_shape_count(op->in))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "%s has %zu values, expected the %zu of %s",
                     hpac_shape_describe(op->out).text, hpac_shape_count(op->out),
                     hpac_shape_count(op->in), hpac_shape_describe(op->in).text);
}

static hpac_status complete_dense(const hpac_layer *layer, hpac_op *op)
{
    op->out = vector_shape(layer->units);
    op->no_bias = layer->no_bias;
    if (op->in.rank == 1)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "expected a vector, got images %s; put a flatten or global pooling layer "
                     "before it",
                     hpac_shape_describe(op->in).text);
}

static hpac_status complete_global_pool(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(need_image(op->in));
    op->out = vector_shape(op->in.channels);
    if (layer->keep_dims)
        op->out.rank = 3;
    return HPAC_OK;
}

static hpac_status complete_zero_pad(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(need_image(op->in));
    op->pad_top = layer->zeros[0];
    op->pad_bottom = layer->zeros[1];
    op->pad_left = layer->zeros[2];
    op->pad_right = layer->zeros[3];
    op->out.rows = op->in.rows + op->pad_top + op->pad_bottom;
    op->out.cols = op->in.cols + op->pad_left + op->pad_right;
    return HPAC_OK;
}

static hpac_status complete_batch_norm(const hpac_layer *layer, hpac_op *op)
{
    op->momentum = layer->momentum > 0 ? layer->momentum : 0.99f;
    op->epsilon = layer->epsilon > 0 ? layer->epsilon : 1e-3f;
    op->no_gamma = layer->no_scale;
    op->no_beta = layer->no_center;
    return HPAC_OK;
}

/* Standard deviations become factors, as a division by them would be in float32. */
static hpac_status complete_rescale(const hpac_layer *layer, hpac_op *op)
{
    if (layer->rescaled != op->in.channels)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "mean and standard deviation of %zu channels, expected those of %s",
                         layer->rescaled, hpac_shape_describe(op->in).text);
    for (size_t i = 0; i < layer->rescaled; i++) {
        op->factor[i] = (float)(1 / (double)layer->deviation[i]);
        op->offset[i] = (float)(-(double)layer->mean[i] / (double)layer->deviation[i]);
    }
    return HPAC_OK;
}

static bool same_shape(hpac_shape a, hpac_shape b)
{
    return a.rank == b.rank && a.rows == b.rows && a.cols == b.cols && a.channels == b.channels;
}

static hpac_status complete_add(const hpac_layer *layer, hpac_op *op)
{
    (void)layer;
    for (size_t i = 0; i < op->side_count; i++)
        if (!same_shape(op->sides[i], op->in))
            return hpac_fail(HPAC_ERR_CONFIG, "inputs of %s and %s, expected one shape",
                             hpac_shape_describe(op->in).text,
                             hpac_shape_describe(op->sides[i]).text);
    return HPAC_OK;
}

/* The factor of one value for a channel comes second. */
static hpac_status complete_multiply(const hpac_layer *layer, hpac_op *op)
{
    const hpac_shape factor = op->sides[0];
    (void)layer;
    if (same_shape(factor, op->in) || (factor.rank == 3 && factor.rows * factor.cols == 1 &&
                                       factor.channels == op->in.channels && op->in.rank == 3))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "inputs of %s and %s, expected one shape, or (1, 1, channels) second",
                     hpac_shape_describe(op->in).text, hpac_shape_describe(factor).text);
}

static hpac_status complete_concat(const hpac_layer *layer, hpac_op *op)
{
    (void)layer;
    for (size_t i = 0; i < op->side_count; i++) {
        const hpac_shape *side = &op->sides[i];
        if (side->rank != op->in.rank || side->rows != op->in.rows || side->cols != op->in.cols)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "inputs of %s and %s, expected the same rows and cols",
                             hpac_shape_describe(op->in).text, hpac_shape_describe(*side).text);
        op->out.channels += side->channels;
    }
    return HPAC_OK;
}

static hpac_tensor vector_tensor(size_t count)
{
    return (hpac_tensor){.rank = 1, .dims = {count}};
}

static void conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                           hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] =
        (hpac_tensor){.rank = 4,
                      .dims = {layer->kernel_rows, layer->kernel_cols,
                               in.channels / or_default(layer->groups, 1), layer->filters}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(layer->filters);
}

static void depthwise_conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                                     hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    size_t multiplier = or_default(layer->depth_multiplier, 1);
    tensors[HPAC_KERNEL] = (hpac_tensor){
        .rank = 4, .dims = {layer->kernel_rows, layer->kernel_cols, in.channels, multiplier}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(in.channels * multiplier);
}

static void dense_tensors(const hpac_layer *layer, hpac_shape in,
                          hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] = (hpac_tensor){.rank = 2, .dims = {hpac_shape_count(in), layer->units}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(layer->units);
}

static void batch_norm_tensors(const hpac_layer *layer, hpac_shape in,
                               hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    if (!layer->no_scale)
        tensors[HPAC_GAMMA] = vector_tensor(in.channels);
    if (!layer->no_center)
        tensors[HPAC_BETA] = vector_tensor(in.channels);
    tensors[HPAC_MOVING_MEAN] = tensors[HPAC_MOVING_VARIANCE] = vector_tensor(in.channels);
}

const char *const hpac_activation_names[] = {"linear", "relu",     "sigmoid", "relu6",   "silu",
                                             "gelu",   "softplus", "tanh",    "softmax", NULL};
const char *const hpac_initializer_names[] = {"variance_scaling", "glorot_uniform", "glorot_normal",
                                              "he_normal",        "he_uniform",     "lecun_normal",
                                              "lecun_uniform",    "zeros",          NULL};
const char *const hpac_padding_names[] = {"valid", "same", NULL};

#define KEY(keras_, name_, type_, member)                                                          \
    .keras = (keras_), .name = (name_), .type = HPAC_LAYER_KEY_##type_,                            \
    .offset = offsetof(hpac_layer, member)

#define STRIDES                                                                                    \
    KEY("strides", "strides", PAIR, stride_rows), .max = 1024, .optional = true, .brief = true
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
            .max = 1024, .optional = true, .brief = true,                                          \
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
        .complete = complete_conv2d,
        .tensors = conv2d_tensors,
        .keras_class = "Conv2D",
        .keras_name = "conv2d",
        .keys = {{KEY("filters", "filters", SIZE, filters), .max = 65536,
                  .help = "Output channels."},
                 {KEY("kernel_size", "kernel", PAIR, kernel_rows), .max = 1024,
                  .help = "Size of the window."},
                 ACTIVATION,
                 {KEY("kernel_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights."},
                 {STRIDES, .help = "Distance of the windows; 1 when absent."},
                 PADDING,
                 DILATION,
                 {KEY("groups", "groups", SIZE, groups), .max = 65536, .optional = true,
                  .brief = true,
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
        .complete = complete_depthwise_conv2d,
        .tensors = depthwise_conv2d_tensors,
        .keras_class = "DepthwiseConv2D",
        .keras_name = "depthwise_conv2d",
        .keys = {{KEY("kernel_size", "kernel", PAIR, kernel_rows), .max = 1024,
                  .help = "Size of the window."},
                 ACTIVATION,
                 {KEY("depthwise_initializer", "initializer", INITIALIZER, initializer),
                  .help = "Distribution of the initial weights."},
                 {STRIDES, .help = "Distance of the windows; 1 when absent."},
                 PADDING,
                 DILATION,
                 {KEY("depth_multiplier", "multiplier", SIZE, depth_multiplier), .max = 65536,
                  .optional = true, .brief = true,
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
        .complete = complete_batch_norm,
        .tensors = batch_norm_tensors,
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
        .complete = complete_window,
        .keras_class = "MaxPooling2D",
        .keras_name = "max_pooling2d",
        .keys = {{KEY("pool_size", "size", PAIR, kernel_rows), .max = 1024,
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
        .complete = complete_window,
        .keras_class = "AveragePooling2D",
        .keras_name = "average_pooling2d",
        .keys = {{KEY("pool_size", "size", PAIR, kernel_rows), .max = 1024,
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
        .complete = complete_global_pool,
        .keras_class = "GlobalAveragePooling2D",
        .keras_name = "global_average_pooling2d",
        .keys = {{KEY("keepdims", "keep_dims", FLAG, keep_dims), .brief = true,
                  .help = "An image (1, 1, channels) instead of a vector."}},
        .options = {LAST_CHANNELS},
    },
    {
        .name = "global_maxpool",
        .help = "The maximum of each channel, as a vector.",
        .blank = {.kind = HPAC_LAYER_GLOBAL_MAXPOOL},
        .op = HPAC_OP_GLOBAL_MAXPOOL,
        .complete = complete_global_pool,
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
        .complete = complete_zero_pad,
        .keras_class = "ZeroPadding2D",
        .keras_name = "zero_padding2d",
        .keys = {{KEY("padding", "padding", ZEROS, zeros), .max = 1024,
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
        .complete = complete_add,
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
        .complete = complete_multiply,
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
        .complete = complete_concat,
        .keras_class = "Concatenate",
        .keras_name = "concatenate",
        .options = {{"axis", "-1", true}},
    },
    {
        .name = "dropout",
        .help = "Random zeros in training, nothing otherwise.",
        .blank = {.kind = HPAC_LAYER_DROPOUT},
        .op = HPAC_OP_DROPOUT,
        .complete = complete_dropout,
        .keras_class = "Dropout",
        .keras_name = "dropout",
        .keys = {{KEY("rate", "rate", RATE, rate),
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
        .complete = complete_dropout,
        .keras_class = "SpatialDropout2D",
        .keras_name = "spatial_dropout2d",
        .keys = {{KEY("rate", "rate", RATE, rate),
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
        .complete = complete_dropout,
        .keras_class = "Dropout",
        .keras_name = "dropout",
        .keys = {{KEY("rate", "rate", RATE, rate),
                  .help = "Fraction of images set to 0 in training; the others are scaled by 1 / "
                          "(1 - rate)."}},
        .options = {{"seed", NULL, false}, {"noise_shape", "[null, 1, 1, 1]", true}},
    },
    {
        .name = "flatten",
        .help = "(rows, cols, channels) to a vector, as dense expects it.",
        .blank = {.kind = HPAC_LAYER_FLATTEN},
        .op = HPAC_OP_FLATTEN,
        .complete = complete_flatten,
        .keras_class = "Flatten",
        .keras_name = "flatten",
        .options = {LAST_CHANNELS},
    },
    {
        .name = "reshape",
        .help = "The values as an image of another shape.",
        .blank = {.kind = HPAC_LAYER_RESHAPE},
        .op = HPAC_OP_RESHAPE,
        .complete = complete_reshape,
        .keras_class = "Reshape",
        .keras_name = "reshape",
        .keys = {{KEY("target_shape", "shape", SHAPE, shape), .max = 1 << 24,
                  .help = "The new shape."}},
    },
    {
        .name = "rescale",
        .help = "(x - mean) / deviation for each channel, as the first layer.",
        .blank = {.kind = HPAC_LAYER_RESCALE},
        .op = HPAC_OP_RESCALE,
        .complete = complete_rescale,
        .keras_class = "Normalization",
        .keras_name = "normalization",
        .keys = {{KEY(NULL, "mean", NUMBERS, mean), .help = "One number per channel."},
                 {KEY(NULL, "deviation", NUMBERS, deviation),
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
        .complete = complete_dense,
        .tensors = dense_tensors,
        .keras_class = "Dense",
        .keras_name = "dense",
        .keys = {{KEY("units", "units", SIZE, units), .max = 1 << 24, .word = "classes",
                  .help = "Outputs; classes: one per target."},
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
        .help = "Any activation, as a layer of its own.",
        .blank = {.kind = HPAC_LAYER_ACTIVATION},
        .keras_class = "Activation",
        .keras_name = "activation",
        .keys = {{KEY("activation", "activation", ACTIVATION, activation),
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
    size_t least = or_default(row->min_inputs, 1), most = or_default(row->max_inputs, 1);
    if (count < least || count > most)
        return hpac_fail(HPAC_ERR_CONFIG, "%zu input%s, expected %s%zu", count,
                         count == 1 ? "" : "s", least < most ? "at least " : "", least);
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
