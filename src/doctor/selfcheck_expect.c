/* The self-check's expectation of an op chain: the reference on the device's input. */
#include "selfcheck_internal.h"

#include <math.h>

void hpac_selfcheck_widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
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

static reference_call reference_of(const check_stack *stack, check_segment *segment, size_t op)
{
    reference_call call = {
        .op = &segment->ops[op],
        .batch = stack->batch,
        .draw = stack->draw,
        .x = segment->expected[op],
        .y = segment->expected[op + 1],
        .dy = segment->expected_gradients[op + 1],
        .dx = segment->expected_gradients[op],
    };
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &segment->plan->parameters[i];
        if (parameter->op != op)
            continue;
        *(parameter->is_bias ? &call.bias : &call.kernel) = segment->expected_values[i];
        *(parameter->is_bias ? &call.bias_gradient : &call.kernel_gradient) =
            segment->expected_parameter_gradients[i];
    }
    return call;
}

void hpac_selfcheck_expect_forward(const check_stack *stack, check_segment *segment)
{
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        double *values = segment->expected_values[i];
        hpac_selfcheck_widen(values, segment->values[i], count);
        /* What bf16 plans compute with: an update is mostly smaller than the rounding of its
         * weight, and of all weights in the same direction: no bound would be worth much. */
        for (size_t j = 0; j < count && stack->precision == HPAC_PRECISION_BF16; j++)
            values[j] = rounded(values[j], bits_of(stack->precision));
    }
    hpac_selfcheck_widen(segment->expected[0], segment->host_x, segment->x_count);
    for (size_t op = 0; op < segment->op_count; op++) {
        reference_call call = reference_of(stack, segment, op);
        hpac_reference_forward(&call);
    }
}

void hpac_selfcheck_expect_backward(const check_stack *stack, check_segment *segment)
{
    /* The last ReLU decides by the device's own output. */
    hpac_selfcheck_widen(segment->expected[segment->op_count], segment->host_y, segment->y_count);
    hpac_selfcheck_widen(segment->expected_gradients[segment->op_count], segment->host_dy,
                         segment->y_count);
    for (size_t op = segment->op_count; op-- > 0;) {
        reference_call call = reference_of(stack, segment, op);
        hpac_reference_backward(&call);
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

bool hpac_selfcheck_is_representable(const check_stack *stack, const check_segment *segment,
                                     bool backward)
{
    int bits = bits_of(stack->precision);
    if (stack->precision == HPAC_PRECISION_FP32)
        return true;
    for (size_t i = 0; i <= segment->op_count; i++)
        if (!are_representable(segment->expected[i],
                               backward ? segment->expected_gradients[i] : NULL,
                               segment->activation_counts[i], bits))
            return false;
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (!are_representable(segment->expected_values[i],
                               backward ? segment->expected_parameter_gradients[i] : NULL,
                               segment->plan->parameters[i].count, bits))
            return false;
    return true;
}
