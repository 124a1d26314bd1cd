/*
 * How large rounding errors may be. An error is that of the largest value of an array, in units of
 * the precision's rounding: each operation passes on the error of its input, amplified, and adds
 * the size of the terms that it sums up, since what is left of large terms that cancel is no
 * measure of their rounding. Sums of n terms grow like sqrt(n), but like n after an update, which
 * moves all weights away from what TF32 represents in one direction. float32 is far enough from its
 * tolerance to go without for its own sums.
 */
#include "selfcheck_internal.h"

#include <math.h>

double hpac_selfcheck_rounding(hpac_precision precision)
{
    static const double rounding[] = {
        [HPAC_PRECISION_FP32] = 1e-5,
        [HPAC_PRECISION_TF32] = 0x1p-9,
        [HPAC_PRECISION_BF16] = 0x1p-7,
    };
    return rounding[precision];
}

static double largest_of(const double *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; values && i < count; i++)
        largest = fmax(largest, fabs(values[i]));
    return largest;
}

/* An operation with the sizes of its arrays. */
typedef struct op_sizes {
    const check_stack *stack;
    const hpac_op *op;
    reference_call call;
    double x, y, dy, side, kernel;
    double error, gradient_error; /* of x and of dy */
} op_sizes;

static op_sizes sizes_of(const check_stack *stack, check_segment *segment, size_t op)
{
    op_sizes sizes = {
        .stack = stack,
        .op = &segment->ops[op],
        .call = hpac_selfcheck_reference(stack, segment, op),
        .x = largest_of(segment->expected[op], segment->activation_counts[op]),
        .y = largest_of(segment->expected[op + 1], segment->activation_counts[op + 1]),
        .dy = largest_of(segment->expected_gradients[op + 1], segment->activation_counts[op + 1]),
        .error = segment->errors[op],
        .gradient_error = segment->gradient_errors[op + 1],
    };
    for (size_t s = 0; s < segment->side_count; s++)
        if (segment->sides[s].op == op)
            sizes.side += largest_of(segment->sides[s].expected, segment->sides[s].count);
    sizes.kernel =
        largest_of(sizes.call.values[HPAC_KERNEL], hpac_reference_count(sizes.op, HPAC_KERNEL));
    return sizes;
}

static double growth(const check_stack *stack, size_t terms)
{
    if (stack->precision == HPAC_PRECISION_FP32)
        return 1;
    bool linear = stack->after_update && stack->precision == HPAC_PRECISION_TF32;
    return linear ? (double)terms : sqrt((double)terms);
}

/* Terms of a sum for y, and for dx. */
static size_t terms_of(const hpac_op *op, bool backward)
{
    size_t weights = hpac_reference_count(op, HPAC_KERNEL);
    size_t sums = backward ? op->in.channels / op->groups : op->out.channels;
    return op->kind == HPAC_OP_DENSE ? (backward ? op->out.channels : hpac_shape_count(op->in))
                                     : weights / sums / (backward ? op->groups : 1);
}

static double affine_error(const op_sizes *sizes, bool backward)
{
    size_t terms = terms_of(sizes->op, backward);
    double error = backward ? sizes->gradient_error + sizes->dy : sizes->error + sizes->x;
    return sizes->kernel * error * growth(sizes->stack, terms);
}

/* ---- batch normalization: the worst of the channels ---- */

/* What is left of x - mean has the rounding of both, in float32 in every precision: 16 of its units
 * suffice for a mean that is summed up in any order, and not for E[x^2] - E[x]^2. */
#define CANCELLED 0x1p-20

typedef struct norm_sizes {
    double factor;            /* gamma / sqrt(variance + epsilon) */
    double hat, hat_error;    /* of the normalized x */
    double deviation, errors; /* sqrt(variance), and the error of x and the mean */
} norm_sizes;

static norm_sizes norm_sizes_of(const op_sizes *sizes)
{
    norm_sizes worst = {0};
    const double *gamma = sizes->call.values[HPAC_GAMMA];
    double rounding = hpac_selfcheck_rounding(sizes->stack->precision);
    size_t channels = sizes->op->in.channels;
    size_t count = sizes->call.batch * hpac_shape_count(sizes->op->in);
    for (size_t k = 0; k < channels; k++) {
        reference_norm norm = hpac_reference_norm(&sizes->call, k);
        double x = 0, distance = 0;
        for (size_t i = k; i < count; i += channels) {
            x = fmax(x, fabs(sizes->call.x[i]));
            distance = fmax(distance, fabs(sizes->call.x[i] - norm.mean));
        }
        double error = (x + fabs(norm.mean)) * CANCELLED / rounding + sizes->error;
        worst.factor = fmax(worst.factor, norm.inverse * (gamma ? fabs(gamma[k]) : 1));
        worst.hat = fmax(worst.hat, distance * norm.inverse);
        worst.hat_error = fmax(worst.hat_error, error * norm.inverse);
        worst.deviation = fmax(worst.deviation, sqrt(norm.variance));
        worst.errors = fmax(worst.errors, error);
    }
    worst.hat_error *= 1 + worst.hat; /* the deviation's relative error is hat_error, too */
    return worst;
}

static double norm_error(const op_sizes *sizes)
{
    norm_sizes norm = norm_sizes_of(sizes);
    double gamma =
        largest_of(sizes->call.values[HPAC_GAMMA], hpac_reference_count(sizes->op, HPAC_GAMMA));
    double beta =
        largest_of(sizes->call.values[HPAC_BETA], hpac_reference_count(sizes->op, HPAC_BETA));
    return norm.hat_error * (sizes->op->no_gamma ? 1 : gamma) + beta + sizes->y;
}

static double norm_gradient_error(const op_sizes *sizes)
{
    norm_sizes norm = norm_sizes_of(sizes);
    double hats = 1 + norm.hat * norm.hat + norm.hat * norm.hat_error;
    return norm.factor * (sizes->gradient_error * hats + sizes->dy * (hats + norm.hat_error));
}

/* ---- forward ---- */

static double largest_factor(const hpac_op *op)
{
    double largest = 0;
    for (size_t k = 0; k < op->in.channels; k++)
        largest = fmax(largest, fabs((double)op->factor[k]));
    return largest;
}

static double forward_error(const op_sizes *sizes)
{
    const hpac_op *op = sizes->op;
    switch (op->kind) {
    case HPAC_OP_CONV2D:
    case HPAC_OP_DENSE:
        return affine_error(sizes, false) + sizes->y;
    case HPAC_OP_BATCH_NORM:
        return norm_error(sizes);
    case HPAC_OP_MULTIPLY:
        return sizes->error * sizes->side + sizes->y;
    case HPAC_OP_ADD:
        return sizes->error + sizes->x + sizes->side;
    case HPAC_OP_AVGPOOL:
    case HPAC_OP_GLOBAL_AVGPOOL:
        return sizes->error + sizes->x;
    case HPAC_OP_RESCALE:
        return (sizes->error + sizes->x) * largest_factor(op) + sizes->y;
    case HPAC_OP_DROPOUT:
        return sizes->error / (double)(1 - op->rate) + sizes->y;
    case HPAC_OP_PIXELS:
        return sizes->y;
    case HPAC_OP_SILU:
    case HPAC_OP_GELU: /* the largest slopes: 1.1 and 1.13 */
        return 1.13 * sizes->error + sizes->y;
    default:
        return sizes->error + sizes->y;
    }
}

/* Of the moving averages, in units of float32's rounding: they hold so much of the batch's values.
 */
static void bound_statistics(const op_sizes *sizes, check_segment *segment, size_t op)
{
    if (sizes->op->kind != HPAC_OP_BATCH_NORM)
        return;
    norm_sizes norm = norm_sizes_of(sizes);
    double share = (1 - (double)sizes->op->momentum) *
                   hpac_selfcheck_rounding(sizes->stack->precision) /
                   hpac_selfcheck_rounding(HPAC_PRECISION_FP32);
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (segment->plan->parameters[i].op == op &&
            segment->plan->parameters[i].role == HPAC_MOVING_MEAN)
            segment->parameter_errors[i] = share * norm.errors;
        else if (segment->plan->parameters[i].op == op &&
                 segment->plan->parameters[i].role == HPAC_MOVING_VARIANCE)
            segment->parameter_errors[i] = share * norm.errors * norm.deviation;
}

void hpac_selfcheck_bound_forward(const check_stack *stack, check_segment *segment)
{
    segment->errors[0] = 0;
    for (size_t op = 0; op < segment->op_count; op++) {
        op_sizes sizes = sizes_of(stack, segment, op);
        segment->errors[op + 1] = forward_error(&sizes);
        bound_statistics(&sizes, segment, op);
    }
}

/* ---- backward ---- */

static double backward_error(const op_sizes *sizes)
{
    const hpac_op *op = sizes->op;
    double plain = sizes->gradient_error + sizes->dy;
    switch (op->kind) {
    case HPAC_OP_CONV2D:
    case HPAC_OP_DENSE:
        return affine_error(sizes, true);
    case HPAC_OP_BATCH_NORM:
        return norm_gradient_error(sizes);
    case HPAC_OP_MULTIPLY:
        return plain * sizes->side;
    case HPAC_OP_RESCALE:
        return plain * largest_factor(op);
    case HPAC_OP_DROPOUT:
        return plain / (double)(1 - op->rate);
    case HPAC_OP_SIGMOID:
    case HPAC_OP_TANH:
    case HPAC_OP_SILU:
    case HPAC_OP_GELU:
    case HPAC_OP_SOFTPLUS: /* slopes of at most 1.13 that change by at most 1 per x */
        return 1.13 * plain +
               sizes->dy * fmin(sizes->error, 1 / hpac_selfcheck_rounding(sizes->stack->precision));
    default:
        return plain;
    }
}

static double parameter_error(const op_sizes *sizes, hpac_role role)
{
    size_t terms = sizes->call.batch * sizes->op->out.rows * sizes->op->out.cols;
    double grown = growth(sizes->stack, terms);
    norm_sizes norm = {.hat = sizes->x, .hat_error = sizes->error};
    if (sizes->op->kind == HPAC_OP_BATCH_NORM)
        norm = norm_sizes_of(sizes);
    if (role == HPAC_BIAS || role == HPAC_BETA)
        return (sizes->dy + sizes->gradient_error) * grown;
    return (sizes->dy * (norm.hat + norm.hat_error) + norm.hat * sizes->gradient_error) * grown;
}

static double side_error(const op_sizes *sizes)
{
    double plain = sizes->gradient_error + sizes->dy;
    size_t pixels = sizes->op->in.rows * sizes->op->in.cols;
    if (sizes->op->kind != HPAC_OP_MULTIPLY)
        return plain;
    return (sizes->x * plain + sizes->error * sizes->dy) * growth(sizes->stack, pixels);
}

void hpac_selfcheck_bound_backward(const check_stack *stack, check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    segment->gradient_errors[segment->op_count] = 0;
    for (size_t op = segment->op_count; op-- > 0;) {
        op_sizes sizes = sizes_of(stack, segment, op);
        segment->gradient_errors[op] = backward_error(&sizes);
        for (size_t i = 0; i < plan->parameter_count; i++)
            if (plan->parameters[i].op == op && hpac_role_is_trained(plan->parameters[i].role))
                segment->parameter_errors[i] = parameter_error(&sizes, plan->parameters[i].role);
        for (size_t s = 0; s < segment->side_count; s++)
            if (segment->sides[s].op == op)
                segment->sides[s].gradient_error = side_error(&sizes);
    }
}
