/* The self-check of stacks of operations: selfcheck.h says what is done to each. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double largest_of(const float *values, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)values[i]));
    return largest;
}

static void widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

/* In the order of the operations and roles. */
static hpac_status check_parameters(const check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    size_t found = 0;
    for (size_t op = 0; op < segment->op_count; op++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            const hpac_parameter *parameter = &plan->parameters[found];
            size_t count = hpac_reference_count(&segment->ops[op], role);
            if (count == 0)
                continue;
            if (found == plan->parameter_count || parameter->op != op || parameter->role != role ||
                parameter->count != count)
                return hpac_fail(HPAC_ERR_NUMERIC,
                                 "parameter %zu of the plan is not the tensor of role %d, of %zu "
                                 "values, of operation %zu",
                                 found, (int)role, count, op);
            found++;
        }
    if (found != plan->parameter_count)
        return hpac_fail(HPAC_ERR_NUMERIC, "the plan has %zu parameters, expected %zu",
                         plan->parameter_count, found);
    return HPAC_OK;
}

/* forward, backward, or with a check of the results. */
typedef hpac_status segment_step(check_stack *stack, size_t index);

static hpac_status poison(check_stack *stack, void *address, size_t nbytes)
{
    return stack->call->upload(stack->device, HPAC_QUEUE_COMPUTE, address, stack->poison, nbytes);
}

static bool is_trained(const hpac_plan *plan, size_t parameter)
{
    return hpac_role_is_trained(plan->parameters[parameter].role);
}

/* The inputs from outside, which backward may have poisoned, and the moving averages, which forward
 * changes. */
static hpac_status write_inputs(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    if (index == 0) {
        HPAC_TRY(hpac_selfcheck_wider_write(stack, &segment->wider_x, segment->x));
        HPAC_TRY(stack->call->activation_write(segment->plan, true, segment->x, stack->input));
    }
    for (size_t s = 0; s < segment->side_count; s++) {
        check_side *side = &segment->sides[s];
        if (side->reader)
            HPAC_TRY(
                stack->call->activation_write(side->reader, true, side->address, side->values));
    }
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (!is_trained(segment->plan, i))
            HPAC_TRY(stack->call->parameter_write(segment->plan, i, segment->statistics,
                                                  segment->values[i]));
    return stack->call->activation_read(segment->plan, true, segment->x, segment->host_x);
}

/* Forward of one segment; host_x and host_y are what the device read and wrote. */
static hpac_status forward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_exec_args args = hpac_selfcheck_args(stack, index);
    HPAC_TRY(write_inputs(stack, index));
    if (segment->y != segment->x)
        HPAC_TRY(hpac_selfcheck_hide(stack, segment, false, segment->y));
    HPAC_TRY(poison(stack, segment->state, plan->state_nbytes));
    HPAC_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    HPAC_TRY(hpac_selfcheck_begin(stack->gauge));
    HPAC_TRY(stack->call->forward(plan, &args));
    HPAC_TRY(hpac_selfcheck_end(stack->gauge));
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (!is_trained(plan, i))
            HPAC_TRY(stack->call->parameter_read(plan, i, segment->statistics,
                                                 segment->host_gradients[i]));
    HPAC_TRY(hpac_selfcheck_wider_check(stack, &segment->wider_x, "x", segment->x));
    HPAC_TRY(hpac_selfcheck_wider_check(stack, &segment->wider_y, "y", segment->y));
    return stack->call->activation_read(plan, false, args.y, segment->host_y);
}

/* What the plan says that backward does not read is not there any more. y, which the plan behind
 * may have written over, is what it was. */
static hpac_status reuse_inputs(check_stack *stack, check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    if (plan->ignores_y)
        HPAC_TRY(hpac_selfcheck_hide(stack, segment, false, segment->y));
    else
        HPAC_TRY(stack->call->activation_write(segment->plan, false, segment->y, segment->host_y));
    if (!plan->ignores_x)
        return HPAC_OK;
    if (segment->x != segment->y)
        HPAC_TRY(hpac_selfcheck_hide(stack, segment, true, segment->x));
    for (size_t s = 0; s < segment->side_count; s++)
        if (segment->sides[s].reader)
            HPAC_TRY(
                poison(stack, segment->sides[s].address, segment->sides[s].reader->input_nbytes));
    return HPAC_OK;
}

/* The memory of the gradients of the inputs: poisoned, or what they are added to. */
static hpac_status begin_gradients(check_stack *stack, check_segment *segment)
{
    hpac_plan *plan = segment->plan;
    bool added = stack->options.added;
    HPAC_TRY(hpac_selfcheck_wider_write(stack, &segment->wider_x, segment->dx));
    if (segment->input_gradient && added)
        HPAC_TRY(stack->call->activation_write(plan, true, segment->dx, segment->initial_dx));
    else if (segment->input_gradient && segment->dx != segment->dy)
        HPAC_TRY(hpac_selfcheck_hide(stack, segment, true, segment->dx));
    for (size_t s = 0; s < segment->side_count; s++) {
        check_side *side = &segment->sides[s];
        if (side->reader && added)
            HPAC_TRY(
                stack->call->activation_write(side->reader, true, side->gradient, side->initial));
        else if (side->reader)
            HPAC_TRY(poison(stack, side->gradient, side->reader->input_nbytes));
    }
    return HPAC_OK;
}

static bool has_gradient(const check_stack *stack, const hpac_plan *plan, size_t parameter)
{
    return is_trained(plan, parameter) && !plan->updates_parameters && !stack->options.frozen;
}

static hpac_status read_gradients(check_stack *stack, check_segment *segment)
{
    hpac_plan *plan = segment->plan;
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (has_gradient(stack, plan, i))
            HPAC_TRY(stack->call->parameter_read(plan, i, segment->gradients,
                                                 segment->host_gradients[i]));
    for (size_t s = 0; s < segment->side_count && !stack->options.frozen; s++) {
        check_side *side = &segment->sides[s];
        if (side->reader)
            HPAC_TRY(stack->call->activation_read(side->reader, true, side->gradient,
                                                  side->host_gradient));
    }
    if (!segment->input_gradient)
        return HPAC_OK;
    return stack->call->activation_read(plan, true, segment->dx, segment->host_dx);
}

/* Backward of one segment; host_dy, host_dx and host_gradients likewise. dx is the dy of the
 * segment before. */
static hpac_status backward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_exec_args args = hpac_selfcheck_args(stack, index);
    HPAC_TRY(stack->call->activation_read(plan, false, segment->dy, segment->host_dy));
    if (stack->options.reused)
        HPAC_TRY(reuse_inputs(stack, segment));
    HPAC_TRY(begin_gradients(stack, segment));
    HPAC_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (has_gradient(stack, plan, i))
            HPAC_TRY(stack->call->parameter_write(plan, i, segment->gradients, stack->poison));
    HPAC_TRY(hpac_selfcheck_begin(stack->gauge));
    HPAC_TRY(stack->call->backward(plan, &args));
    HPAC_TRY(hpac_selfcheck_end(stack->gauge));
    HPAC_TRY(hpac_selfcheck_wider_check(stack, &segment->wider_x, "dx", segment->dx));
    HPAC_TRY(hpac_selfcheck_wider_check(stack, &segment->wider_y, "dy", segment->dy));
    return read_gradients(stack, segment);
}

/* `error`: of the largest value, in units of the rounding. */
static hpac_status compare(check_stack *stack, const char *what, const float *got,
                           const double *expected, size_t count, bool exact, double error)
{
    return hpac_selfcheck_compare(stack->gauge, what, got, expected, count,
                                  exact ? 0 : hpac_selfcheck_rounding(stack->precision), error);
}

static const char *parameter_name(const check_segment *segment, size_t parameter)
{
    static const char *const names[HPAC_ROLE_COUNT] = {
        "kernel gradient", "bias gradient", "gamma gradient",
        "beta gradient",   "moving mean",   "moving variance",
    };
    return names[segment->plan->parameters[parameter].role];
}

/* In float32 in every precision. What nothing may change must not change at all. */
static hpac_status compare_statistics(check_stack *stack, check_segment *segment)
{
    bool moves = stack->draw.training && !stack->options.frozen_statistics;
    double rounding = moves ? hpac_selfcheck_rounding(HPAC_PRECISION_FP32) : 0;
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        if (!is_trained(segment->plan, i))
            HPAC_TRY(hpac_selfcheck_compare(stack->gauge, parameter_name(segment, i),
                                            segment->host_gradients[i], segment->expected_values[i],
                                            segment->plan->parameters[i].count, rounding,
                                            segment->parameter_errors[i]));
    return HPAC_OK;
}

static hpac_status check_forward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    HPAC_TRY(forward(stack, index));
    hpac_selfcheck_expect_forward(stack, segment);
    HPAC_TRY(compare(stack, stack->draw.training ? "y" : "y without training", segment->host_y,
                     segment->expected[segment->op_count], segment->y_count,
                     hpac_selfcheck_is_exact(stack, segment, false),
                     segment->errors[segment->op_count]));
    return compare_statistics(stack, segment);
}

static bool are_integers(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != truncf(values[i]))
            return false;
    return true;
}

/* Where rounding may turn a ReLU over, gradients cannot be compared, but they are numbers. */
static hpac_status check_finite(const check_stack *stack, const check_segment *segment)
{
    bool finite = true;
    for (size_t i = 0; i < segment->x_count && segment->input_gradient; i++)
        finite &= isfinite(segment->host_dx[i]) != 0;
    for (size_t p = 0; p < segment->plan->parameter_count; p++)
        for (size_t i = 0; i < segment->plan->parameters[p].count; i++)
            finite &=
                !has_gradient(stack, segment->plan, p) || isfinite(segment->host_gradients[p][i]);
    for (size_t s = 0; s < segment->side_count && !stack->options.frozen; s++)
        for (size_t i = 0; i < segment->sides[s].count; i++)
            finite &= isfinite(segment->sides[s].host_gradient[i]) != 0;
    return finite ? HPAC_OK : hpac_fail(HPAC_ERR_NUMERIC, "a gradient is not finite");
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
    bool exact = hpac_selfcheck_is_integral(segment) &&
                 are_integers(segment->host_x, segment->x_count) &&
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

static hpac_status compare_parameter(check_stack *stack, check_segment *segment, size_t i,
                                     bool exact)
{
    if (!is_trained(segment->plan, i) || stack->options.frozen)
        return HPAC_OK;
    if (segment->plan->updates_parameters)
        return compare_update(stack, segment, i);
    return compare(stack, parameter_name(segment, i), segment->host_gradients[i],
                   segment->expected_parameter_gradients[i], segment->plan->parameters[i].count,
                   exact, segment->parameter_errors[i]);
}

static hpac_status compare_side(check_stack *stack, const check_segment *segment, size_t s,
                                bool exact)
{
    const check_side *side = &segment->sides[s];
    double initial = stack->options.added ? largest_of(side->initial, side->count) : 0;
    if (!side->reader || stack->options.frozen)
        return HPAC_OK;
    return hpac_fail_within(compare(stack, "gradient", side->host_gradient, side->expected_gradient,
                                    side->count, exact, side->gradient_error + initial),
                            "side %zu", s);
}

static hpac_status compare_gradients(check_stack *stack, check_segment *segment, bool exact)
{
    if (segment->input_gradient)
        HPAC_TRY(compare(stack, "dx", segment->host_dx, segment->expected_gradients[0],
                         segment->x_count, exact, segment->gradient_errors[0]));
    for (size_t s = 0; s < segment->side_count; s++)
        HPAC_TRY(compare_side(stack, segment, s, exact));
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        HPAC_TRY(compare_parameter(stack, segment, i, exact));
    return HPAC_OK;
}

static hpac_status check_backward(check_stack *stack, size_t index)
{
    check_segment *segment = &stack->segments[index];
    HPAC_TRY(backward(stack, index));
    hpac_selfcheck_expect_forward(stack, segment);
    bool decided = hpac_selfcheck_is_decided(stack, segment);
    hpac_selfcheck_expect_backward(stack, segment);
    bool exact = hpac_selfcheck_is_exact(stack, segment, true);
    return exact || decided ? compare_gradients(stack, segment, exact)
                            : check_finite(stack, segment);
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
            if (is_trained(plan, i))
                HPAC_TRY(
                    stack->call->parameter_read(plan, i, segment->parameters, segment->values[i]));
    }
    return HPAC_OK;
}

/* All that the device has written, for a comparison bit by bit. */
static void record_segment(const check_segment *segment, FILE *stream)
{
    fwrite(segment->host_y, sizeof(float), segment->y_count, stream);
    fwrite(segment->host_dx, sizeof(float), segment->x_count, stream);
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        fwrite(segment->host_gradients[i], sizeof(float), segment->plan->parameters[i].count,
               stream);
    for (size_t s = 0; s < segment->side_count; s++)
        fwrite(segment->sides[s].host_gradient, sizeof(float), segment->sides[s].count, stream);
}

static hpac_status record(const check_stack *stack, char **bytes, size_t *nbytes)
{
    FILE *stream = open_memstream(bytes, nbytes);
    if (!stream)
        return hpac_fail_memory(1);
    for (size_t i = 0; i < stack->segment_count; i++)
        record_segment(&stack->segments[i], stream);
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
    HPAC_TRY(hpac_selfcheck_wider_write(stack, &last->wider_y, last->dy));
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
    if (stack->declined) {
        stack->gauge->reading.declined++;
        return HPAC_OK;
    }
    HPAC_TRY(hpac_selfcheck_stack_observe(stack));
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(check_parameters(&stack->segments[i]));
    const hpac_step step = hpac_selfcheck_step(&stack->draw);
    HPAC_TRY(stack->call->set_step(stack->device, &step));
    if (stack->options.updating)
        return check_updating(stack);
    HPAC_TRY(pass_forward(stack, false, check_forward));
    if (stack->options.inference)
        return HPAC_OK;
    HPAC_TRY(pass_forward(stack, true, check_forward));
    HPAC_TRY(pass_backward(stack, check_backward));
    HPAC_TRY(check_repeat(stack));
    if (stack->data == DATA_EXTREME || stack->options.frozen)
        return HPAC_OK; /* 1e8 squared and so on: not what the update is for */
    HPAC_TRY(update(stack));
    HPAC_TRY(check_result(stack));
    stack->after_update = true;
    return pass_forward(stack, true, check_forward);
}

/* How a stack is checked. */
static const struct {
    const char *name;
    data_kind data;
    selfcheck_options options;
    bool needs_statistics; /* only for stacks with batch_norm */
} variants[] = {
    {"one by one, integers", DATA_INTEGERS, {.fused = false}, false},
    {"fused, integers", DATA_INTEGERS, {.fused = true}, false},
    {"one by one, random numbers", DATA_RANDOM, {.fused = false}, false},
    {"fused, random numbers", DATA_RANDOM, {.fused = true}, false},
    {"one by one, extremes", DATA_EXTREME, {.fused = false}, false},
    {"fused, extremes", DATA_EXTREME, {.fused = true}, false},
    {"fused with the update, integers", DATA_INTEGERS, {.fused = true, .updating = true}, false},
    {"one by one, gradients added", DATA_INTEGERS, {.added = true}, false},
    {"fused, gradients added", DATA_INTEGERS, {.fused = true, .added = true}, false},
    {"one by one, memory reused", DATA_INTEGERS, {.reused = true}, false},
    {"fused, memory reused", DATA_RANDOM, {.fused = true, .reused = true}, false},
    {"fused, frozen", DATA_RANDOM, {.fused = true, .frozen = true}, false},
    {"one by one, inference", DATA_RANDOM, {.inference = true, .reused = true}, false},
    {"fused, inference", DATA_RANDOM, {.fused = true, .inference = true, .reused = true}, false},
    {"one by one, frozen statistics", DATA_RANDOM, {.frozen_statistics = true}, true},
    {"fused, frozen statistics", DATA_RANDOM, {.fused = true, .frozen_statistics = true}, true},
};

/* The stack once. */
static hpac_status check_variant(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed,
                                 uint32_t variant)
{
    HPAC_AUTO(hpac_selfcheck_stack_fini)
    check_stack stack = {
        .gauge = gauge,
        .data = variants[variant].data,
        .options = variants[variant].options,
        .draw = {.seed = seed, .step = variant, .training = true},
    };
    hpac_random_init(&stack.random, seed, HPAC_PURPOSE_SYNTH, 0, variant);
    return hpac_fail_within(check_all(&stack, one), "%s", variants[variant].name);
}

static bool has_statistics(const selfcheck_case *one)
{
    for (size_t i = 0; i < one->op_count; i++)
        if (one->ops[i].kind == HPAC_OP_BATCH_NORM)
            return true;
    return false;
}

hpac_status hpac_selfcheck_stack(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    for (uint32_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (!variants[i].needs_statistics || has_statistics(one))
            HPAC_TRY(check_variant(gauge, one, seed, i));
    return HPAC_OK;
}
