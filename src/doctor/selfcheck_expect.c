/* What the self-check expects: the reference on what the device read. */
#include "selfcheck_internal.h"

#include <math.h>

static void widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

static void add(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += (double)from[i];
}

/* Significant bits of a number format, the leading one included. */
static int bits_of(hpac_precision precision)
{
    return precision == HPAC_PRECISION_BF16 ? 8 : precision == HPAC_PRECISION_TF32 ? 11 : 24;
}

/* The nearest value of so many significant bits. */
static double rounded(double value, int bits)
{
    int exponent;
    double mantissa = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, bits)), exponent - bits);
}

reference_call hpac_selfcheck_reference(const check_stack *stack, check_segment *segment, size_t op)
{
    reference_call call = {
        .op = &segment->ops[op],
        .batch = stack->batch,
        .draw = stack->draw,
        .frozen_statistics = stack->options.frozen_statistics,
        .x = segment->expected[op],
        .y = segment->expected[op + 1],
        .dy = segment->expected_gradients[op + 1],
        .dx = segment->expected_gradients[op],
    };
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &segment->plan->parameters[i];
        if (parameter->op != op)
            continue;
        call.values[parameter->role] = segment->expected_values[i];
        if (hpac_role_is_trained(parameter->role))
            call.gradients[parameter->role] = segment->expected_parameter_gradients[i];
    }
    for (size_t s = 0; s < segment->side_count; s++) {
        const check_side *side = &segment->sides[s];
        if (side->op == op) {
            call.sides[side->index] = side->expected;
            call.dsides[side->index] = side->expected_gradient;
        }
    }
    return call;
}

static void expect_parameters(const check_stack *stack, check_segment *segment)
{
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        double *values = segment->expected_values[i];
        widen(values, segment->values[i], count);
        /* What bf16 plans compute with: an update is mostly smaller than the rounding of its
         * weight, and of all weights in the same direction: no bound would be worth much. */
        bool rounds = stack->precision == HPAC_PRECISION_BF16 &&
                      (segment->plan->parameters[i].role == HPAC_KERNEL ||
                       segment->plan->parameters[i].role == HPAC_BIAS);
        for (size_t j = 0; j < count && rounds; j++)
            values[j] = rounded(values[j], bits_of(stack->precision));
    }
}

void hpac_selfcheck_expect_forward(const check_stack *stack, check_segment *segment)
{
    expect_parameters(stack, segment);
    widen(segment->expected[0], segment->host_x, segment->x_count);
    for (size_t s = 0; s < segment->side_count; s++) {
        const check_side *side = &segment->sides[s];
        widen(side->expected, side->reader ? side->values : segment->host_x, side->count);
    }
    for (size_t op = 0; op < segment->op_count; op++) {
        reference_call call = hpac_selfcheck_reference(stack, segment, op);
        hpac_reference_forward(&call);
    }
    hpac_selfcheck_bound_forward(stack, segment);
}

/* What gradients are added to; those of a side that is the input are in dx. */
static void add_initial(const check_stack *stack, check_segment *segment)
{
    double *dx = segment->expected_gradients[0];
    double largest = 0;
    for (size_t s = 0; s < segment->side_count; s++) {
        check_side *side = &segment->sides[s];
        if (stack->options.added && side->reader)
            add(side->expected_gradient, side->initial, side->count);
        bool is_input = !side->reader && !stack->options.frozen;
        for (size_t i = 0; i < segment->x_count && is_input; i++)
            dx[i] += side->expected_gradient[i];
        if (is_input)
            segment->gradient_errors[0] += side->gradient_error;
    }
    if (!stack->options.added || !segment->input_gradient)
        return;
    add(dx, segment->initial_dx, segment->x_count);
    for (size_t i = 0; i < segment->x_count; i++)
        largest = fmax(largest, fabs((double)segment->initial_dx[i]));
    segment->gradient_errors[0] += largest;
}

void hpac_selfcheck_expect_backward(const check_stack *stack, check_segment *segment)
{
    /* The last ReLU decides by the device's own output. */
    widen(segment->expected[segment->op_count], segment->host_y, segment->y_count);
    widen(segment->expected_gradients[segment->op_count], segment->host_dy, segment->y_count);
    for (size_t op = segment->op_count; op-- > 0;) {
        reference_call call = hpac_selfcheck_reference(stack, segment, op);
        hpac_reference_backward(&call);
    }
    hpac_selfcheck_bound_backward(stack, segment);
    add_initial(stack, segment);
}

/* ---- exactness ---- */

static bool is_power_of_2(size_t number)
{
    return (number & (number - 1)) == 0;
}

static bool op_is_exact(const hpac_op *op)
{
    bool padded = op->pad_top + op->pad_bottom + op->pad_left + op->pad_right > 0;
    switch (op->kind) {
    case HPAC_OP_PIXELS:
        return op->pixels != HPAC_PIXELS_UINT8;
    case HPAC_OP_DROPOUT:
        return op->rate == 0.5F || op->rate == 0.0F;
    case HPAC_OP_AVGPOOL: /* a mean of 4 is, a mean of 6 is not */
        return !padded && is_power_of_2(op->kernel_rows * op->kernel_cols);
    case HPAC_OP_GLOBAL_AVGPOOL:
        return is_power_of_2(op->in.rows * op->in.cols);
    case HPAC_OP_CONV2D:
    case HPAC_OP_MAXPOOL:
    case HPAC_OP_DENSE:
    case HPAC_OP_RELU:
    case HPAC_OP_RELU6:
    case HPAC_OP_FLATTEN:
    case HPAC_OP_RESHAPE:
    case HPAC_OP_GLOBAL_MAXPOOL:
    case HPAC_OP_ZERO_PAD:
    case HPAC_OP_ADD:
    case HPAC_OP_MULTIPLY:
    case HPAC_OP_CONCAT:
        return true;
    default:
        return false;
    }
}

static bool are_representable(const double *values, const double *gradients, size_t count, int bits)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != rounded(values[i], bits) ||
            (gradients && gradients[i] != rounded(gradients[i], bits)))
            return false;
    return true;
}

/* A device may write the sums of a convolution before it adds the bias. */
static bool are_sums_representable(const check_stack *stack, check_segment *segment, size_t op,
                                   int bits)
{
    reference_call call = hpac_selfcheck_reference(stack, segment, op);
    const double *bias = call.values[HPAC_BIAS], *y = segment->expected[op + 1];
    size_t channels = hpac_reference_count(call.op, HPAC_BIAS);
    for (size_t i = 0; bias && i < segment->activation_counts[op + 1]; i++)
        if (y[i] - bias[i % channels] != rounded(y[i] - bias[i % channels], bits))
            return false;
    return true;
}

/* Whether the device's number format represents all that goes through the segment's products (and,
 * in bf16, all that it writes) unrounded. */
static bool is_representable(const check_stack *stack, check_segment *segment, bool backward)
{
    int bits = bits_of(stack->precision);
    if (stack->precision == HPAC_PRECISION_FP32)
        return true;
    for (size_t i = 0; i <= segment->op_count; i++)
        if (!are_representable(segment->expected[i],
                               backward ? segment->expected_gradients[i] : NULL,
                               segment->activation_counts[i], bits))
            return false;
    for (size_t i = 0; i < segment->op_count; i++)
        if (!are_sums_representable(stack, segment, i, bits))
            return false;
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (!are_representable(segment->expected_values[i],
                               backward ? segment->expected_parameter_gradients[i] : NULL,
                               segment->plan->parameters[i].count, bits))
            return false;
    for (size_t s = 0; s < segment->side_count; s++)
        if (!are_representable(segment->sides[s].expected,
                               backward ? segment->sides[s].expected_gradient : NULL,
                               segment->sides[s].count, bits))
            return false;
    return true;
}

bool hpac_selfcheck_is_integral(const check_segment *segment)
{
    if (segment->plan->rounds_integers)
        return false;
    for (size_t i = 0; i < segment->op_count; i++)
        if (!op_is_exact(&segment->ops[i]))
            return false;
    return true;
}

bool hpac_selfcheck_is_exact(const check_stack *stack, check_segment *segment, bool backward)
{
    for (size_t i = 0; i < stack->op_count; i++)
        if (!op_is_exact(&stack->ops[i]))
            return false;
    for (size_t i = 0; i < stack->segment_count; i++)
        if (stack->segments[i].plan->rounds_integers)
            return false;
    return stack->data == DATA_INTEGERS && !stack->after_update &&
           is_representable(stack, segment, backward);
}

bool hpac_selfcheck_is_decided(const check_stack *stack, check_segment *segment)
{
    double rounding = hpac_selfcheck_rounding(stack->precision);
    for (size_t i = 1; i < segment->op_count; i++) {
        reference_call call = hpac_selfcheck_reference(stack, segment, i);
        bool by_output = call.op->kind == HPAC_OP_RELU || call.op->kind == HPAC_OP_RELU6;
        bool seen = by_output && i == segment->op_count - 1;
        if (!seen && !(hpac_reference_margin(&call) > 2 * rounding * segment->errors[i]))
            return false;
    }
    return true;
}
