/* The self-check of stacks of operations: selfcheck.h says what is done to each. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const data_names[] = {"integers", "random numbers", "extremes"};

/* Whether integers stay exact through the stack. */
static bool is_exact(const check_stack *stack)
{
    for (size_t i = 0; i < stack->op_count; i++) {
        const hpac_op *op = &stack->ops[i];
        if (op->kind == HPAC_OP_SIGMOID ||
            (op->kind == HPAC_OP_PIXELS && op->pixels == HPAC_PIXELS_UINT8) ||
            (op->kind == HPAC_OP_DROPOUT && op->rate != 0.5F && op->rate != 0.0F))
            return false;
    }
    return stack->data == DATA_INTEGERS && !stack->after_update;
}

/* Rounding may turn a ReLU or a window's argmax over inside an op chain, where the device's own
 * values are not seen; its gradients are then compared with exact data only. */
static bool has_hidden_kinks(const check_segment *segment)
{
    for (size_t i = 1; i < segment->op_count; i++) {
        bool last = i == segment->op_count - 1;
        if (segment->ops[i].kind == HPAC_OP_MAXPOOL ||
            (segment->ops[i].kind == HPAC_OP_RELU && !last))
            return true;
    }
    return false;
}

static double largest_of(const float *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)values[i]));
    return largest;
}

/* Of what the first operation's sums are made of: bytes count as what PIXELS makes of them. */
static double largest_input(const check_segment *segment)
{
    bool bytes =
        segment->ops[0].kind == HPAC_OP_PIXELS && segment->ops[0].pixels == HPAC_PIXELS_UINT8;
    return largest_of(segment->host_x, segment->x_count) / (bytes ? 255 : 1);
}

/* Of the kernels; 1 without any, as a factor. */
static double largest_weight(const check_segment *segment)
{
    double largest = 0;
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (segment->plan->parameters[i].role == HPAC_KERNEL)
            largest =
                fmax(largest, largest_of(segment->values[i], segment->plan->parameters[i].count));
    return segment->plan->parameter_count > 0 ? largest : 1;
}

/* ---- the expectation: the reference on the device's input ---- */

static void widen(double *to, const float *from, size_t count)
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
        call.values[parameter->role] = segment->expected_values[i];
        call.gradients[parameter->role] = segment->expected_parameter_gradients[i];
    }
    return call;
}

/* The reference, from what the device read. */
static void expect_forward(const check_stack *stack, check_segment *segment)
{
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        double *values = segment->expected_values[i];
        widen(values, segment->values[i], count);
        /* What bf16 plans compute with: an update is mostly smaller than the rounding of its
         * weight, and of all weights in the same direction: no bound would be worth much. */
        for (size_t j = 0; j < count && stack->precision == HPAC_PRECISION_BF16; j++)
            values[j] = rounded(values[j], bits_of(stack->precision));
    }
    widen(segment->expected[0], segment->host_x, segment->x_count);
    for (size_t op = 0; op < segment->op_count; op++) {
        reference_call call = reference_of(stack, segment, op);
        hpac_reference_forward(&call);
    }
}

/* After expect_forward; also from the device's y and dy. */
static void expect_backward(const check_stack *stack, check_segment *segment)
{
    /* The last ReLU decides by the device's own output. */
    widen(segment->expected[segment->op_count], segment->host_y, segment->y_count);
    widen(segment->expected_gradients[segment->op_count], segment->host_dy, segment->y_count);
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

/* Whether the device's number format represents all that goes through the segment's products (and,
 * in bf16, all that it writes) unrounded, so that integers stay exact. */
static bool is_representable(const check_stack *stack, const check_segment *segment, bool backward)
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

static hpac_status check_parameters(const check_segment *segment)
{
    size_t expected = 0, found = 0;
    for (size_t i = 0; i < segment->op_count; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            expected += hpac_reference_count(&segment->ops[i], role);
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        found += segment->plan->parameters[i].count;
    if (found != expected)
        return hpac_fail(HPAC_ERR_NUMERIC, "the plan has %zu parameters, expected %zu", found,
                         expected);
    return HPAC_OK;
}

/* forward, backward, or with a check of the results. */
typedef hpac_status segment_step(check_stack *stack, size_t index);

static hpac_status poison(check_stack *stack, void *address, size_t nbytes)
{
    return stack->call->upload(stack->device, HPAC_QUEUE_COMPUTE, address, stack->poison, nbytes);
}

/* Forward of one segment; host_x and host_y are what the device read and wrote. */
static hpac_status forward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_exec_args args = hpac_selfcheck_args(stack, index);
    HPAC_TRY(poison(stack, segment->y, plan->output_nbytes));
    HPAC_TRY(poison(stack, segment->state, plan->state_nbytes));
    HPAC_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    HPAC_TRY(hpac_selfcheck_begin(stack->gauge));
    HPAC_TRY(stack->call->forward(plan, &args));
    HPAC_TRY(hpac_selfcheck_end(stack->gauge));
    HPAC_TRY(stack->call->activation_read(plan, true, args.x, segment->host_x));
    return stack->call->activation_read(plan, false, args.y, segment->host_y);
}

/* Backward of one segment; host_dy, host_dx and host_gradients likewise. dx is the dy of the
 * segment before. */
static hpac_status backward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_exec_args args = hpac_selfcheck_args(stack, index);
    HPAC_TRY(stack->call->activation_read(plan, false, segment->dy, segment->host_dy));
    if (args.dx)
        HPAC_TRY(poison(stack, args.dx, plan->input_nbytes));
    HPAC_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    for (size_t i = 0; i < plan->parameter_count && !plan->updates_parameters; i++)
        HPAC_TRY(stack->call->parameter_write(plan, i, segment->gradients, stack->poison));
    HPAC_TRY(hpac_selfcheck_begin(stack->gauge));
    HPAC_TRY(stack->call->backward(plan, &args));
    HPAC_TRY(hpac_selfcheck_end(stack->gauge));
    for (size_t i = 0; i < plan->parameter_count && !plan->updates_parameters; i++)
        HPAC_TRY(
            stack->call->parameter_read(plan, i, segment->gradients, segment->host_gradients[i]));
    return args.dx ? stack->call->activation_read(plan, true, args.dx, segment->host_dx) : HPAC_OK;
}

/* The sums of products that a segment makes. */
typedef enum sum_kind {
    SUM_Y,
    SUM_DX,
    SUM_KERNEL_GRADIENT,
    SUM_BIAS_GRADIENT,
} sum_kind;

/* The largest term of a sum, times the growth of rounding errors with the number of terms n: like
 * sqrt(n), but like n after an update, which moves all weights away from what TF32 represents in
 * one direction. float32 is far enough from its tolerance to go without. */
static double scale_of(const check_stack *stack, const check_segment *segment, sum_kind kind)
{
    double x = largest_input(segment), weight = largest_weight(segment), terms = 1;
    double dy = largest_of(segment->host_dy, segment->y_count);
    const double largest[] = {[SUM_Y] = x * weight,
                              [SUM_DX] = dy * weight,
                              [SUM_KERNEL_GRADIENT] = x * dy,
                              [SUM_BIAS_GRADIENT] = dy};
    for (size_t i = 0; i < segment->op_count && stack->precision != HPAC_PRECISION_FP32; i++) {
        const hpac_op *op = &segment->ops[i];
        size_t weights = hpac_reference_count(op, HPAC_KERNEL);
        size_t summed = kind == SUM_Y    ? weights / op->out.channels
                        : kind == SUM_DX ? weights / op->in.channels
                                         : stack->batch * op->out.rows * op->out.cols;
        if (weights > 0)
            terms *= (double)summed;
    }
    bool linear = stack->after_update && stack->precision == HPAC_PRECISION_TF32;
    return largest[kind] * (linear ? terms : sqrt(terms));
}

/* Relative to the scale: float32's own rounding; TF32 cuts both factors to 11 bits; bf16 rounds
 * factors and result to 8. */
static hpac_status compare_sums(check_stack *stack, const check_segment *segment, sum_kind kind,
                                const float *got, const double *expected, size_t count, bool exact)
{
    static const char *const names[] = {"y", "dx", "kernel gradient", "bias gradient"};
    static const double rounding[] = {
        [HPAC_PRECISION_FP32] = 1e-5,
        [HPAC_PRECISION_TF32] = 0x1p-9,
        [HPAC_PRECISION_BF16] = 0x1p-7,
    };
    return hpac_selfcheck_compare(
        stack->gauge, stack->draw.training ? names[kind] : "y without training", got, expected,
        count, exact ? 0 : rounding[stack->precision], scale_of(stack, segment, kind));
}

static hpac_status check_forward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    HPAC_TRY(forward(stack, index));
    expect_forward(stack, segment);
    bool exact = is_exact(stack) && is_representable(stack, segment, false);
    return compare_sums(stack, segment, SUM_Y, segment->host_y,
                        segment->expected[segment->op_count], segment->y_count, exact);
}

static bool are_integers(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != truncf(values[i]))
            return false;
    return true;
}

/* A plan that updates: compares its weights and averages with a step from the expected gradient.
 * The new values replace the old ones on the host. */
static hpac_status compare_update(check_stack *stack, check_segment *segment, size_t parameter)
{
    static const char *const names[] = {"updated parameter", "first state", "second state"};
    const double *gradient = segment->expected_parameter_gradients[parameter];
    size_t count = segment->plan->parameters[parameter].count;
    const hpac_step step = hpac_selfcheck_step(&stack->draw);
    const void *slices[] = {segment->parameters, segment->optimizer_state[0],
                            segment->optimizer_state[1]};
    float *values[] = {segment->values[parameter], segment->optimizer_values[0][parameter],
                       segment->optimizer_values[1][parameter]};
    double *expected[3] = {NULL, NULL, NULL};
    /* Adadelta normalizes gradients, so that the rounding of a small one is amplified: only exact
     * gradients can be compared. */
    bool exact = are_integers(segment->host_x, segment->x_count) &&
                 are_integers(segment->host_dy, segment->y_count);
    for (size_t i = 0; i < 3; i++) {
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &expected[i]));
        widen(expected[i], values[i], count);
        HPAC_TRY(stack->call->parameter_read(segment->plan, parameter, slices[i], values[i]));
    }
    for (size_t i = 0; i < count; i++)
        hpac_reference_update(&hpac_selfcheck_optimizer, &step, gradient[i], &expected[0][i],
                              &expected[1][i], &expected[2][i]);
    for (size_t i = 0; i < 3 && exact; i++)
        HPAC_TRY(
            hpac_selfcheck_compare(stack->gauge, names[i], values[i], expected[i], count, 1e-6, 0));
    return HPAC_OK;
}

static hpac_status compare_gradients(check_stack *stack, check_segment *segment, bool exact)
{
    const hpac_plan *plan = segment->plan;
    if (segment->input_gradient)
        HPAC_TRY(compare_sums(stack, segment, SUM_DX, segment->host_dx,
                              segment->expected_gradients[0], segment->x_count, exact));
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (plan->updates_parameters)
            HPAC_TRY(compare_update(stack, segment, i));
        else
            HPAC_TRY(compare_sums(
                stack, segment,
                plan->parameters[i].role == HPAC_BIAS ? SUM_BIAS_GRADIENT : SUM_KERNEL_GRADIENT,
                segment->host_gradients[i], segment->expected_parameter_gradients[i],
                plan->parameters[i].count, exact));
    return HPAC_OK;
}

static hpac_status check_backward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    HPAC_TRY(backward(stack, index));
    if (has_hidden_kinks(segment) && !is_exact(stack))
        return HPAC_OK;
    expect_forward(stack, segment);
    expect_backward(stack, segment);
    bool exact = is_exact(stack) && is_representable(stack, segment, true);
    if (!exact && has_hidden_kinks(segment))
        return HPAC_OK;
    return compare_gradients(stack, segment, exact);
}

/* Adadelta on the plan's whole slice, padding included, as networks call it. The check of the step
 * itself is another; here the padding must not grow into something. */
static hpac_status update(check_stack *stack)
{
    for (size_t index = 0; index < stack->segment_count; index++) {
        check_segment *segment = &stack->segments[index];
        hpac_plan *plan = segment->plan;
        const hpac_update update = {
            .optimizer = &hpac_selfcheck_optimizer,
            .ranges = stack->ranges,
            .range_count = 1,
            .count = plan->parameters_nbytes / sizeof(float),
            .parameters = segment->parameters,
            .gradients = segment->gradients,
            .state = {segment->optimizer_state[0], segment->optimizer_state[1]},
            .result = stack->result,
        };
        HPAC_TRY(stack->call->update(stack->device, &update));
        for (size_t i = 0; i < plan->parameter_count; i++)
            HPAC_TRY(stack->call->parameter_read(plan, i, segment->parameters, segment->values[i]));
    }
    return HPAC_OK;
}

/* All that the device has written, for a comparison bit by bit. */
static hpac_status record(const check_stack *stack, char **bytes, size_t *nbytes)
{
    FILE *stream = open_memstream(bytes, nbytes);
    if (!stream)
        return hpac_fail_memory(1);
    for (size_t i = 0; i < stack->segment_count; i++) {
        const check_segment *segment = &stack->segments[i];
        fwrite(segment->host_y, sizeof(float), segment->y_count, stream);
        fwrite(segment->host_dx, sizeof(float), segment->x_count, stream);
        for (size_t j = 0; j < segment->plan->parameter_count; j++)
            fwrite(segment->host_gradients[j], sizeof(float), segment->plan->parameters[j].count,
                   stream);
    }
    return fclose(stream) == 0 ? HPAC_OK : hpac_fail_memory(1);
}

static hpac_status pass_forward(check_stack *stack, bool training, segment_step *step)
{
    stack->draw.training = training;
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(step(stack, i));
    return HPAC_OK;
}

static hpac_status pass_backward(check_stack *stack, segment_step *step)
{
    check_segment *last = &stack->segments[stack->segment_count - 1];
    HPAC_TRY(stack->call->activation_write(last->plan, false, last->dy, stack->last_dy));
    for (size_t i = stack->segment_count; i-- > 0;)
        HPAC_TRY(step(stack, i));
    return HPAC_OK;
}

/* The same calls once more must give the same bits. */
static hpac_status check_repeat(check_stack *stack)
{
    HPAC_AUTO_FREE char *once = NULL, *again = NULL;
    size_t nbytes, nbytes_again;
    HPAC_TRY(record(stack, &once, &nbytes));
    HPAC_TRY(pass_forward(stack, true, forward));
    HPAC_TRY(pass_backward(stack, backward));
    HPAC_TRY(record(stack, &again, &nbytes_again));
    if (memcmp(once, again, nbytes) != 0)
        return hpac_fail(HPAC_ERR_NUMERIC, "values differ from one call to the next");
    return HPAC_OK;
}

static hpac_status check_result(check_stack *stack)
{
    HPAC_TRY(stack->call->download(stack->device, HPAC_QUEUE_COMPUTE, stack->host_result,
                                   stack->result, sizeof *stack->result));
    HPAC_TRY(stack->call->synchronize(stack->device));
    if (stack->host_result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "an update of finite gradients is not finite");
    return HPAC_OK;
}

/* Two steps of plans that update by themselves, so that the averages of the first count. */
static hpac_status check_updating(check_stack *stack)
{
    for (size_t step = 0; step < 2; step++) {
        HPAC_TRY(pass_forward(stack, true, check_forward));
        HPAC_TRY(pass_backward(stack, check_backward));
        stack->after_update = true;
    }
    return check_result(stack);
}

static hpac_status check_all(check_stack *stack, const selfcheck_case *one)
{
    HPAC_TRY(hpac_selfcheck_stack_init(stack, one));
    HPAC_TRY(hpac_selfcheck_stack_observe(stack));
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(check_parameters(&stack->segments[i]));
    const hpac_step step = hpac_selfcheck_step(&stack->draw);
    HPAC_TRY(stack->call->set_step(stack->device, &step));
    if (stack->updating)
        return check_updating(stack);
    HPAC_TRY(pass_forward(stack, false, check_forward));
    HPAC_TRY(pass_forward(stack, true, check_forward));
    HPAC_TRY(pass_backward(stack, check_backward));
    HPAC_TRY(check_repeat(stack));
    if (stack->data == DATA_EXTREME)
        return HPAC_OK; /* 1e8 squared and so on: not what the update is for */
    HPAC_TRY(update(stack));
    HPAC_TRY(check_result(stack));
    stack->after_update = true;
    return pass_forward(stack, true, check_forward);
}

/* The stack once: operation by operation or fused, on one kind of data. */
static hpac_status check_variant(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed,
                                 uint32_t variant)
{
    bool updating = variant == 2 * DATA_KIND_COUNT;
    HPAC_AUTO(hpac_selfcheck_stack_fini)
    check_stack stack = {
        .gauge = gauge,
        .updating = updating,
        .fused = variant % 2 || updating,
        .data = updating ? DATA_INTEGERS : (data_kind)(variant / 2),
        .draw = {.seed = seed, .step = variant, .training = true},
    };
    hpac_random_init(&stack.random, seed, HPAC_PURPOSE_SYNTH, 0, variant);
    return hpac_fail_within(check_all(&stack, one), "%s%s, %s",
                            stack.fused ? "fused" : "one by one",
                            updating ? " with the update" : "", data_names[stack.data]);
}

hpac_status hpac_selfcheck_stack(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    for (uint32_t variant = 0; variant <= 2 * DATA_KIND_COUNT; variant++)
        HPAC_TRY(check_variant(gauge, one, seed, variant));
    return HPAC_OK;
}
