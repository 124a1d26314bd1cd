/* The shapes of the self-check's stacks, and what cases leave out. */
#include "selfcheck_internal.h"

/* Stride 1, of pools the window; no dilation, one group. */
static void set_defaults(hpac_op *op)
{
    bool pools = op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL;
    op->stride_rows = op->stride_rows ? op->stride_rows : pools ? op->kernel_rows : 1;
    op->stride_cols = op->stride_cols ? op->stride_cols : pools ? op->kernel_cols : 1;
    op->dilation_rows = op->dilation_rows ? op->dilation_rows : 1;
    op->dilation_cols = op->dilation_cols ? op->dilation_cols : 1;
    op->groups = op->groups ? op->groups : 1;
}

static void set_sides(hpac_op *op)
{
    for (size_t s = 0; s < op->side_count; s++) {
        hpac_shape *side = &op->sides[s];
        side->rank = op->in.rank;
        side->rows = side->rows ? side->rows : op->in.rows;
        side->cols = side->cols ? side->cols : op->in.cols;
        side->channels = side->channels ? side->channels : op->in.channels;
    }
}

/* How many windows fit. */
static size_t windows(size_t size, size_t padding, size_t kernel, size_t dilation, size_t stride)
{
    return (size + padding - (kernel - 1) * dilation - 1) / stride + 1;
}

static hpac_shape window_shape(const hpac_op *op)
{
    return (hpac_shape){
        .rank = 3,
        .rows = windows(op->in.rows, op->pad_top + op->pad_bottom, op->kernel_rows,
                        op->dilation_rows, op->stride_rows),
        .cols = windows(op->in.cols, op->pad_left + op->pad_right, op->kernel_cols,
                        op->dilation_cols, op->stride_cols),
        .channels = op->kind == HPAC_OP_CONV2D ? op->out.channels : op->in.channels,
    };
}

static hpac_shape concat_shape(const hpac_op *op)
{
    hpac_shape shape = op->in;
    for (size_t s = 0; s < op->side_count; s++)
        shape.channels += op->sides[s].channels;
    return shape;
}

static hpac_shape zero_pad_shape(const hpac_op *op)
{
    hpac_shape shape = op->in;
    shape.rows += op->pad_top + op->pad_bottom;
    shape.cols += op->pad_left + op->pad_right;
    return shape;
}

static hpac_shape vector(size_t length)
{
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = length};
}

static hpac_shape output_shape(const hpac_op *op)
{
    hpac_shape shape = vector(op->in.channels);
    switch (op->kind) {
    case HPAC_OP_CONV2D:
    case HPAC_OP_MAXPOOL:
    case HPAC_OP_AVGPOOL:
        return window_shape(op);
    case HPAC_OP_GLOBAL_AVGPOOL:
    case HPAC_OP_GLOBAL_MAXPOOL:
        shape.rank = op->out.rank == 3 ? 3 : 1;
        return shape;
    case HPAC_OP_DENSE:
        return vector(op->out.channels);
    case HPAC_OP_FLATTEN:
        return vector(hpac_shape_count(op->in));
    case HPAC_OP_RESHAPE:
        return op->out;
    case HPAC_OP_CONCAT:
        return concat_shape(op);
    case HPAC_OP_ZERO_PAD:
        return zero_pad_shape(op);
    default:
        return op->in;
    }
}

void hpac_selfcheck_set_shapes(check_stack *stack, const selfcheck_case *one)
{
    hpac_shape shape = one->input;
    stack->op_count = one->op_count;
    for (size_t i = 0; i < one->op_count; i++) {
        hpac_op *op = &stack->ops[i];
        *op = one->ops[i];
        op->in = shape;
        set_defaults(op);
        set_sides(op);
        shape = op->out = output_shape(op);
    }
}
