/* What a device does not have yet. */
#include "selfcheck_pending.h"

#include <string.h>

typedef struct pending {
    bool kinds[HPAC_OP_COUNT];
    bool conv_windows; /* conv2d with padding, strides or dilation */
    bool groups;
    bool no_bias;
    bool pool_windows; /* maxpool, avgpool with padding, or strides that are not the window */
    bool whole_channels;
    bool added, reused, frozen, inference; /* ways of use */
} pending;

static const pending cpu = {
    .kinds =
        {
            [HPAC_OP_RESHAPE] = true,
            [HPAC_OP_AVGPOOL] = true,
            [HPAC_OP_GLOBAL_AVGPOOL] = true,
            [HPAC_OP_GLOBAL_MAXPOOL] = true,
            [HPAC_OP_ZERO_PAD] = true,
            [HPAC_OP_RESCALE] = true,
            [HPAC_OP_BATCH_NORM] = true,
            [HPAC_OP_ADD] = true,
            [HPAC_OP_MULTIPLY] = true,
            [HPAC_OP_CONCAT] = true,
            [HPAC_OP_RELU6] = true,
            [HPAC_OP_SILU] = true,
            [HPAC_OP_GELU] = true,
            [HPAC_OP_SOFTPLUS] = true,
            [HPAC_OP_TANH] = true,
        },
    .conv_windows = true,
    .groups = true,
    .no_bias = true,
    .pool_windows = true,
    .whole_channels = true,
    .added = true,
    .reused = false,
    .frozen = true,
    .inference = false,
};

static const pending cuda = {
    .kinds =
        {
            [HPAC_OP_RESHAPE] = true,
            [HPAC_OP_AVGPOOL] = true,
            [HPAC_OP_GLOBAL_AVGPOOL] = true,
            [HPAC_OP_GLOBAL_MAXPOOL] = true,
            [HPAC_OP_ZERO_PAD] = true,
            [HPAC_OP_RESCALE] = true,
            [HPAC_OP_BATCH_NORM] = true,
            [HPAC_OP_ADD] = true,
            [HPAC_OP_MULTIPLY] = true,
            [HPAC_OP_CONCAT] = true,
            [HPAC_OP_RELU6] = true,
            [HPAC_OP_SILU] = true,
            [HPAC_OP_GELU] = true,
            [HPAC_OP_SOFTPLUS] = true,
            [HPAC_OP_TANH] = true,
        },
    .conv_windows = true,
    .groups = true,
    .no_bias = true,
    .pool_windows = true,
    .whole_channels = true,
    .added = true,
    .reused = true,
    .frozen = true,
    .inference = true,
};

static bool has_padding(const hpac_op *op)
{
    return op->pad_top + op->pad_bottom + op->pad_left + op->pad_right > 0;
}

/* Of ops as cases have them, where 0 is the default. */
static bool is_pending(const pending *list, const hpac_op *op)
{
    bool conv2d = op->kind == HPAC_OP_CONV2D;
    bool pool = op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL;
    bool windows = has_padding(op) || op->stride_rows > 1 || op->stride_cols > 1;
    return list->kinds[op->kind] ||
           (list->conv_windows && conv2d && (windows || op->dilation_rows > 0)) ||
           (list->groups && conv2d && op->groups > 0) || (list->no_bias && op->no_bias) ||
           (list->pool_windows && pool && (has_padding(op) || op->stride_rows > 0)) ||
           (list->whole_channels && op->whole_channels);
}

bool hpac_selfcheck_is_pending(const hpac_device *device, const selfcheck_case *one,
                               const selfcheck_options *options)
{
    bool is_cpu = strcmp(device->ops->name, "cpu") == 0;
    const pending *list = is_cpu ? &cpu : &cuda;
    if (!is_cpu && strcmp(device->ops->name, "cuda") != 0)
        return false;
    for (size_t i = 0; i < one->op_count; i++)
        if (is_pending(list, &one->ops[i]))
            return true;
    return (list->added && options->added) || (list->reused && options->reused) ||
           (list->frozen && options->frozen) || (list->inference && options->inference);
}
