/* What the rows of the layer table name: the operation of a layer, and its tensors. */
#include "layer_ops.h"

#include "layer_table.h"

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

hpac_status hpac_complete_window(const hpac_layer *layer, hpac_op *op)
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
        return hpac_fail(HPAC_ERR_CONFIG,
                         "a window of %zu x %zu%s does not fit into %s; use a smaller one%s",
                         op->kernel_rows, op->kernel_cols,
                         op->dilation_rows * op->dilation_cols > 1 ? " with dilation" : "",
                         hpac_shape_describe(in).text,
                         layer->padding == HPAC_PADDING_VALID ? ", or padding same" : "");
    return HPAC_OK;
}

hpac_status hpac_complete_conv2d(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(hpac_complete_window(layer, op));
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
hpac_status hpac_complete_depthwise_conv2d(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(hpac_complete_window(layer, op));
    op->groups = op->in.channels;
    op->out.channels = op->in.channels * or_default(layer->depth_multiplier, 1);
    op->no_bias = layer->no_bias;
    return HPAC_OK;
}

hpac_status hpac_complete_dropout(const hpac_layer *layer, hpac_op *op)
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

hpac_status hpac_complete_flatten(const hpac_layer *layer, hpac_op *op)
{
    (void)layer;
    op->out = vector_shape(hpac_shape_count(op->in));
    return HPAC_OK;
}

hpac_status hpac_complete_reshape(const hpac_layer *layer, hpac_op *op)
{
    op->out = (hpac_shape){
        .rank = 3, .rows = layer->shape[0], .cols = layer->shape[1], .channels = layer->shape[2]};
    if (hpac_shape_count(op->out) == hpac_shape_count(op->in))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "%s has %zu values, expected the %zu of %s",
                     hpac_shape_describe(op->out).text, hpac_shape_count(op->out),
                     hpac_shape_count(op->in), hpac_shape_describe(op->in).text);
}

hpac_status hpac_complete_dense(const hpac_layer *layer, hpac_op *op)
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

hpac_status hpac_complete_global_pool(const hpac_layer *layer, hpac_op *op)
{
    HPAC_TRY(need_image(op->in));
    op->out = vector_shape(op->in.channels);
    if (layer->keep_dims)
        op->out.rank = 3;
    return HPAC_OK;
}

hpac_status hpac_complete_zero_pad(const hpac_layer *layer, hpac_op *op)
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

hpac_status hpac_complete_batch_norm(const hpac_layer *layer, hpac_op *op)
{
    op->momentum = layer->momentum > 0 ? layer->momentum : 0.99f;
    op->epsilon = layer->epsilon > 0 ? layer->epsilon : 1e-3f;
    op->no_gamma = layer->no_scale;
    op->no_beta = layer->no_center;
    return HPAC_OK;
}

/* Standard deviations become factors, as a division by them would be in float32. */
hpac_status hpac_complete_rescale(const hpac_layer *layer, hpac_op *op)
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

hpac_status hpac_complete_add(const hpac_layer *layer, hpac_op *op)
{
    (void)layer;
    for (size_t i = 0; i < op->side_count; i++)
        if (!same_shape(op->sides[i], op->in))
            return hpac_fail(
                HPAC_ERR_CONFIG,
                "inputs of %s and %s, expected one shape; a conv2d of kernel 1 changes "
                "channels, its strides rows and cols",
                hpac_shape_describe(op->in).text, hpac_shape_describe(op->sides[i]).text);
    return HPAC_OK;
}

/* The factor of one value for a channel comes second. */
hpac_status hpac_complete_multiply(const hpac_layer *layer, hpac_op *op)
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

hpac_status hpac_complete_concat(const hpac_layer *layer, hpac_op *op)
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

void hpac_conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                         hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] =
        (hpac_tensor){.rank = 4,
                      .dims = {layer->kernel_rows, layer->kernel_cols,
                               in.channels / or_default(layer->groups, 1), layer->filters}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(layer->filters);
}

void hpac_depthwise_conv2d_tensors(const hpac_layer *layer, hpac_shape in,
                                   hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    size_t multiplier = or_default(layer->depth_multiplier, 1);
    tensors[HPAC_KERNEL] = (hpac_tensor){
        .rank = 4, .dims = {layer->kernel_rows, layer->kernel_cols, in.channels, multiplier}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(in.channels * multiplier);
}

void hpac_dense_tensors(const hpac_layer *layer, hpac_shape in,
                        hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    tensors[HPAC_KERNEL] = (hpac_tensor){.rank = 2, .dims = {hpac_shape_count(in), layer->units}};
    if (!layer->no_bias)
        tensors[HPAC_BIAS] = vector_tensor(layer->units);
}

void hpac_batch_norm_tensors(const hpac_layer *layer, hpac_shape in,
                             hpac_tensor tensors[HPAC_ROLE_COUNT])
{
    if (!layer->no_scale)
        tensors[HPAC_GAMMA] = vector_tensor(in.channels);
    if (!layer->no_center)
        tensors[HPAC_BETA] = vector_tensor(in.channels);
    tensors[HPAC_MOVING_MEAN] = tensors[HPAC_MOVING_VARIANCE] = vector_tensor(in.channels);
}
