/* The self-check's expectation of an op chain: the reference on the device's input. */
#include "selfcheck_internal.h"

#include <math.h>
#include <stdlib.h>

void hpac_selfcheck_expectation_fini(check_expectation *expected)
{
    for (size_t i = 0; i <= SELFCHECK_MAX_OPS; i++) {
        free(expected->activations[i]);
        free(expected->gradients[i]);
    }
    for (size_t i = 0; i < HPAC_PLAN_MAX_PARAMETERS; i++) {
        free(expected->parameters[i]);
        free(expected->parameter_gradients[i]);
    }
}

static void widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): stacks have operations */
        to[i] = (double)from[i];
}

hpac_status hpac_selfcheck_doubles(size_t count, double **values)
{
    *values = calloc(count, sizeof **values);
    return *values ? HPAC_OK : hpac_fail_memory(count * sizeof **values);
}

/* Significant bits of a number format, the leading one included. */
static int bits_of(hpac_precision precision)
{
    return precision == HPAC_PRECISION_BF16 ? 8 : precision == HPAC_PRECISION_TF32 ? 11 : 24;
}

/* What bf16 plans compute with: an update is mostly smaller than the rounding of its weight, and of
 * all weights in the same direction, so that no bound would be worth much. */
static void round_to_bits(double *values, size_t count, int bits)
{
    int exponent;
    for (size_t i = 0; i < count; i++) {
        double mantissa = frexp(values[i], &exponent);
        values[i] = ldexp(nearbyint(ldexp(mantissa, bits)), exponent - bits);
    }
}

static hpac_status expectation_init(const check_stack *stack, const check_segment *segment,
                                    check_expectation *expected)
{
    if (segment->op_count < 1)
        return hpac_fail(HPAC_ERR_INTERNAL, "selfcheck: an empty op chain");
    for (size_t i = 0; i <= segment->op_count; i++) {
        hpac_shape shape = i < segment->op_count ? segment->ops[i].in : segment->ops[i - 1].out;
        size_t count = stack->batch * hpac_shape_count(shape);
        HPAC_TRY(hpac_selfcheck_doubles(count, &expected->activations[i]));
        HPAC_TRY(hpac_selfcheck_doubles(count, &expected->gradients[i]));
    }
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        HPAC_TRY(hpac_selfcheck_doubles(count, &expected->parameters[i]));
        HPAC_TRY(hpac_selfcheck_doubles(count, &expected->parameter_gradients[i]));
        widen(expected->parameters[i], segment->values[i], count);
        if (stack->precision == HPAC_PRECISION_BF16)
            round_to_bits(expected->parameters[i], count, bits_of(stack->precision));
    }
    return HPAC_OK;
}

static reference_call reference_of(const check_stack *stack, const check_segment *segment,
                                   const check_expectation *expected, size_t op)
{
    reference_call call = {
        .op = &segment->ops[op],
        .batch = stack->batch,
        .draw = stack->draw,
        .x = expected->activations[op],
        .y = expected->activations[op + 1],
        .dy = expected->gradients[op + 1],
        .dx = expected->gradients[op],
    };
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &segment->plan->parameters[i];
        if (parameter->op != op)
            continue;
        *(parameter->is_bias ? &call.bias : &call.kernel) = expected->parameters[i];
        *(parameter->is_bias ? &call.bias_gradient : &call.kernel_gradient) =
            expected->parameter_gradients[i];
    }
    return call;
}

hpac_status hpac_selfcheck_expect_forward(const check_stack *stack, const check_segment *segment,
                                          check_expectation *expected)
{
    HPAC_TRY(expectation_init(stack, segment, expected));
    widen(expected->activations[0], segment->host_x, segment->x_count);
    for (size_t op = 0; op < segment->op_count; op++) {
        reference_call call = reference_of(stack, segment, expected, op);
        hpac_reference_forward(&call);
    }
    return HPAC_OK;
}

void hpac_selfcheck_expect_backward(const check_stack *stack, const check_segment *segment,
                                    check_expectation *expected)
{
    /* The last ReLU decides by the device's own output. */
    widen(expected->activations[segment->op_count], segment->host_y, segment->y_count);
    widen(expected->gradients[segment->op_count], segment->host_dy, segment->y_count);
    for (size_t op = segment->op_count; op-- > 0;) {
        reference_call call = reference_of(stack, segment, expected, op);
        hpac_reference_backward(&call);
    }
}

static bool are_held(const double *values, size_t count, int bits)
{
    int exponent;
    for (size_t i = 0; i < count; i++) {
        double scaled = ldexp(frexp(values[i], &exponent), bits);
        if (scaled != trunc(scaled))
            return false;
    }
    return true;
}

bool hpac_selfcheck_is_held(const check_stack *stack, const check_segment *segment,
                            const check_expectation *expected, bool backward)
{
    int bits = bits_of(stack->precision);
    bool held = true;
    if (stack->precision == HPAC_PRECISION_FP32)
        return true;
    for (size_t i = 0; i <= segment->op_count && held; i++) {
        hpac_shape shape = i < segment->op_count ? segment->ops[i].in : segment->ops[i - 1].out;
        size_t count = stack->batch * hpac_shape_count(shape);
        held = are_held(expected->activations[i], count, bits) &&
               (!backward || are_held(expected->gradients[i], count, bits));
    }
    for (size_t i = 0; i < segment->plan->parameter_count && held; i++) {
        size_t count = segment->plan->parameters[i].count;
        held = are_held(expected->parameters[i], count, bits) &&
               (!backward || are_held(expected->parameter_gradients[i], count, bits));
    }
    return held;
}
