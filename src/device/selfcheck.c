/* The self-check of stacks of operations: see the public header for what is done to each. */
#include "selfcheck.h"

#include "reference.h"

#include <hpac/random.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is fed in. Sums of small whole numbers are exact in float32 in any order, so that ReLU and
 * max pooling decide alike on both sides even deep inside a fused run. */
typedef enum data_kind {
    DATA_WHOLE,
    DATA_RANDOM,
    DATA_EXTREME,
    DATA_KIND_COUNT,
} data_kind;

static const char *const data_names[] = {"whole numbers", "random numbers", "extremes"};

/* A run of operations with its plan, its memory on the device and the host's view of it. */
typedef struct check_segment {
    const hpac_op *ops;
    int op_count;
    hpac_plan *plan;
    void *y, *dy, *state, *parameters, *gradients, *square_average, *delta_average;
    float *values[HPAC_PLAN_MAX_PARAMETERS];      /* parameters, on the host */
    float *averages[2][HPAC_PLAN_MAX_PARAMETERS]; /* square and delta averages, likewise */
    float *host_x, *host_y, *host_dy, *host_dx;
    size_t x_count, y_count;
} check_segment;

typedef struct check_stack {
    hpac_device *device;
    const hpac_device_ops *call;
    hpac_op ops[SELFCHECK_MAX_OPS];
    int op_count, batch;
    data_kind data;
    bool fused, updating; /* updating: plans are asked to apply the update themselves */
    hpac_random random;
    reference_draw draw;
    selfcheck_memory memory;
    check_segment segments[SELFCHECK_MAX_OPS];
    int segment_count;
    void *x, *dx, *workspace;
    bool after_update; /* the weights are whole numbers no more */
    float *poison;     /* pinned, NaN */
    size_t workspace_nbytes, largest_nbytes;
    hpac_step_result *result, *host_result;
} check_stack;

static const hpac_adadelta optimizer = {.learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F};

/* ---------------------------------------------------------------------------------- values */

static float draw_value(check_stack *stack)
{
    static const float extremes[] = {0.0F, -0.0F, 1e4F, -1e4F, 65504.0F, 1e-30F, -1e-30F, 1e-7F};
    if (stack->data == DATA_WHOLE)
        return (float)hpac_random_below(&stack->random, 7) - 3.0F;
    if (stack->data == DATA_EXTREME && hpac_random_below(&stack->random, 2))
        return extremes[hpac_random_below(&stack->random, 8)];
    return 2.0F * hpac_random_uniform(&stack->random) - 1.0F;
}

static void fill_values(check_stack *stack, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = draw_value(stack);
}

static void fill_input(check_stack *stack, float *values, size_t count)
{
    bool bytes = stack->ops[0].kind == HPAC_OP_PIXELS && stack->ops[0].pixels == HPAC_PIXELS_UINT8;
    fill_values(stack, values, count);
    for (size_t i = 0; bytes && i < count; i++)
        values[i] = (float)hpac_random_below(&stack->random, 256);
}

/* Whether whole numbers stay exact through the stack. */
static bool is_exact(const check_stack *stack)
{
    for (int i = 0; i < stack->op_count; i++) {
        const hpac_op *op = &stack->ops[i];
        if (op->kind == HPAC_OP_SIGMOID ||
            (op->kind == HPAC_OP_PIXELS && op->pixels == HPAC_PIXELS_UINT8) ||
            (op->kind == HPAC_OP_DROPOUT && op->rate != 0.5F && op->rate != 0.0F))
            return false;
    }
    return stack->data == DATA_WHOLE && !stack->after_update;
}

/* Rounding may turn a ReLU or a window's winner over inside a run, where the device's own values
 * are not seen; its gradients are then compared with exact data only. */
static bool has_hidden_kinks(const check_segment *segment)
{
    for (int i = 1; i < segment->op_count; i++) {
        bool last = i == segment->op_count - 1;
        if (segment->ops[i].kind == HPAC_OP_MAXPOOL ||
            (segment->ops[i].kind == HPAC_OP_RELU && !last))
            return true;
    }
    return false;
}

hpac_status hpac_selfcheck_compare(const char *what, const float *got, const double *expected,
                                   size_t count, double rtol)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - expected[i]) <= rtol * (largest + fabs(expected[i]))))
            return hpac_fail(HPAC_ERR_NUMERIC, "%s: value %zu of %zu is %.9g, expected %.9g", what,
                             i, count, (double)got[i], expected[i]);
    return HPAC_OK;
}

/* ---------------------------------------------------------------------------------- set-up */

static void set_shapes(check_stack *stack, const selfcheck_case *one)
{
    hpac_shape shape = one->input;
    stack->op_count = one->op_count;
    for (int i = 0; i < one->op_count; i++) {
        hpac_op *op = &stack->ops[i];
        *op = one->ops[i];
        op->in = shape;
        if (op->kind == HPAC_OP_CONV2D) {
            shape.rows -= op->kernel_rows - 1;
            shape.cols -= op->kernel_cols - 1;
            shape.channels = op->out.channels;
        } else if (op->kind == HPAC_OP_MAXPOOL) {
            shape.rows /= op->kernel_rows;
            shape.cols /= op->kernel_cols;
        } else if (op->kind == HPAC_OP_DENSE) {
            shape.channels = op->out.channels;
        } else if (op->kind == HPAC_OP_FLATTEN) {
            shape = (hpac_shape){
                .rank = 1, .rows = 1, .cols = 1, .channels = (int)hpac_shape_count(shape)};
        }
        op->out = shape;
    }
}

hpac_status hpac_selfcheck_alloc(selfcheck_memory *memory, hpac_memory kind, size_t nbytes,
                                 void **address)
{
    if (memory->count == SELFCHECK_MAX_BLOCKS)
        return hpac_fail(HPAC_ERR_INTERNAL, "selfcheck: more than %d blocks", SELFCHECK_MAX_BLOCKS);
    SELFCHECK_TRY(memory->device->ops->alloc(memory->device, kind, nbytes, address));
    memory->blocks[memory->count].kind = kind;
    memory->blocks[memory->count++].address = *address;
    return HPAC_OK;
}

void hpac_selfcheck_free(selfcheck_memory *memory)
{
    while (memory->count > 0) {
        memory->count--;
        memory->device->ops->free(memory->device, memory->blocks[memory->count].kind,
                                  memory->blocks[memory->count].address);
    }
}

static hpac_status on_device(check_stack *stack, size_t nbytes, void **address)
{
    if (nbytes > stack->largest_nbytes)
        stack->largest_nbytes = nbytes;
    return hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_DEVICE, nbytes, address);
}

static hpac_status on_host(check_stack *stack, size_t count, float **values)
{
    void *address = NULL;
    SELFCHECK_TRY(hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_PINNED, count * sizeof **values,
                                       &address));
    *values = address;
    return HPAC_OK;
}

/* The plan for the longest run from operation `first` on that the device takes; one operation when
 * not fused. */
static hpac_status make_plan(check_stack *stack, int first, hpac_layout layout,
                             check_segment *segment)
{
    int longest = stack->fused ? stack->op_count - first : 1;
    for (int length = longest; length >= 1 && !segment->plan; length--) {
        hpac_plan_request request = {
            .ops = stack->ops + first,
            .op_count = length,
            .batch = stack->batch,
            .input_layout = layout,
            .plain_output = first + length == stack->op_count,
            .training = true,
            .input_gradient = stack->ops[first].kind != HPAC_OP_PIXELS,
            .update = stack->updating ? &optimizer : NULL,
        };
        segment->op_count = length;
        SELFCHECK_TRY(stack->call->plan_create(stack->device, &request, &segment->plan));
    }
    if (!segment->plan)
        return hpac_fail(HPAC_ERR_DEVICE, "operation %d alone was declined", first);
    return HPAC_OK;
}

static hpac_status allocate_segment(check_stack *stack, check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    segment->x_count = (size_t)stack->batch * hpac_shape_count(segment->ops[0].in);
    segment->y_count =
        (size_t)stack->batch * hpac_shape_count(segment->ops[segment->op_count - 1].out);
    SELFCHECK_TRY(on_device(stack, plan->output_nbytes, &segment->y));
    SELFCHECK_TRY(on_device(stack, plan->output_nbytes, &segment->dy));
    SELFCHECK_TRY(on_device(stack, plan->state_nbytes, &segment->state));
    SELFCHECK_TRY(on_device(stack, plan->parameters_nbytes, &segment->parameters));
    SELFCHECK_TRY(on_device(stack, plan->parameters_nbytes, &segment->gradients));
    SELFCHECK_TRY(on_device(stack, plan->parameters_nbytes, &segment->square_average));
    SELFCHECK_TRY(on_device(stack, plan->parameters_nbytes, &segment->delta_average));
    SELFCHECK_TRY(on_host(stack, segment->x_count, &segment->host_x));
    SELFCHECK_TRY(on_host(stack, segment->x_count, &segment->host_dx));
    SELFCHECK_TRY(on_host(stack, segment->y_count, &segment->host_y));
    SELFCHECK_TRY(on_host(stack, segment->y_count, &segment->host_dy));
    if (plan->workspace_nbytes > stack->workspace_nbytes)
        stack->workspace_nbytes = plan->workspace_nbytes;
    for (int i = 0; i < plan->parameter_count; i++) {
        size_t count = plan->parameters[i].count;
        SELFCHECK_TRY(on_host(stack, count, &segment->values[i]));
        SELFCHECK_TRY(on_host(stack, count, &segment->averages[0][i]));
        SELFCHECK_TRY(on_host(stack, count, &segment->averages[1][i]));
        fill_values(stack, segment->values[i], count);
        SELFCHECK_TRY(stack->call->parameter_write(segment->plan, i, segment->parameters,
                                                   segment->values[i]));
    }
    return HPAC_OK;
}

static hpac_status allocate_rest(check_stack *stack)
{
    void *address = NULL;
    hpac_plan *first = stack->segments[0].plan;
    SELFCHECK_TRY(on_device(stack, first->input_nbytes, &stack->x));
    SELFCHECK_TRY(on_device(stack, first->input_nbytes, &stack->dx));
    SELFCHECK_TRY(on_device(stack, stack->workspace_nbytes, &stack->workspace));
    SELFCHECK_TRY(on_device(stack, sizeof *stack->result, &address));
    stack->result = address;
    SELFCHECK_TRY(
        hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_PINNED, sizeof *stack->result, &address));
    stack->host_result = address;
    SELFCHECK_TRY(
        hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_PINNED, stack->largest_nbytes, &address));
    stack->poison = address;
    memset(stack->poison, 0xff, stack->largest_nbytes); /* all bits set: a NaN */
    fill_input(stack, stack->segments[0].host_x, stack->segments[0].x_count);
    return stack->call->activation_write(first, true, stack->x, stack->segments[0].host_x);
}

static hpac_status set_up(check_stack *stack)
{
    hpac_layout layout = HPAC_LAYOUT_PLAIN;
    for (int first = 0; first < stack->op_count;) {
        check_segment *segment = &stack->segments[stack->segment_count++];
        segment->ops = stack->ops + first;
        SELFCHECK_TRY(make_plan(stack, first, layout, segment));
        SELFCHECK_TRY(allocate_segment(stack, segment));
        layout = segment->plan->output_layout;
        first += segment->op_count;
    }
    return allocate_rest(stack);
}

static void tear_down(check_stack *stack)
{
    for (int i = 0; i < stack->segment_count; i++)
        stack->call->plan_destroy(stack->segments[i].plan);
    hpac_selfcheck_free(&stack->memory);
}

/* ------------------------------------------------------------------------------- reference */

/* The reference's arrays for one segment; activations[i] goes into operation i. */
typedef struct expectation {
    double *activations[SELFCHECK_MAX_OPS + 1], *gradients[SELFCHECK_MAX_OPS + 1];
    double *parameters[HPAC_PLAN_MAX_PARAMETERS], *parameter_gradients[HPAC_PLAN_MAX_PARAMETERS];
} expectation;

static void expectation_fini(expectation *expected)
{
    for (int i = 0; i <= SELFCHECK_MAX_OPS; i++) {
        free(expected->activations[i]);
        free(expected->gradients[i]);
    }
    for (int i = 0; i < HPAC_PLAN_MAX_PARAMETERS; i++) {
        free(expected->parameters[i]);
        free(expected->parameter_gradients[i]);
    }
}

static void widen(double *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (double)from[i];
}

static hpac_status allocate_doubles(size_t count, double **values)
{
    *values = calloc(count, sizeof **values);
    return *values ? HPAC_OK : hpac_fail_memory(count * sizeof **values);
}

static hpac_status expectation_init(const check_stack *stack, const check_segment *segment,
                                    expectation *expected)
{
    for (int i = 0; i <= segment->op_count; i++) {
        hpac_shape shape = i < segment->op_count ? segment->ops[i].in : segment->ops[i - 1].out;
        size_t count = (size_t)stack->batch * hpac_shape_count(shape);
        SELFCHECK_TRY(allocate_doubles(count, &expected->activations[i]));
        SELFCHECK_TRY(allocate_doubles(count, &expected->gradients[i]));
    }
    for (int i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        SELFCHECK_TRY(allocate_doubles(count, &expected->parameters[i]));
        SELFCHECK_TRY(allocate_doubles(count, &expected->parameter_gradients[i]));
        widen(expected->parameters[i], segment->values[i], count);
    }
    return HPAC_OK;
}

static reference_call reference_of(const check_stack *stack, const check_segment *segment,
                                   const expectation *expected, int op)
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
    for (int i = 0; i < segment->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &segment->plan->parameters[i];
        if (parameter->op != op)
            continue;
        *(parameter->is_bias ? &call.bias : &call.kernel) = expected->parameters[i];
        *(parameter->is_bias ? &call.bias_gradient : &call.kernel_gradient) =
            expected->parameter_gradients[i];
    }
    return call;
}

static hpac_status check_parameters(const check_segment *segment)
{
    size_t expected = 0, found = 0;
    for (int i = 0; i < segment->op_count; i++)
        expected += hpac_reference_kernel_count(&segment->ops[i]) +
                    hpac_reference_bias_count(&segment->ops[i]);
    for (int i = 0; i < segment->plan->parameter_count; i++)
        found += segment->plan->parameters[i].count;
    if (found != expected)
        return hpac_fail(HPAC_ERR_NUMERIC, "the plan has %zu parameters, expected %zu", found,
                         expected);
    return HPAC_OK;
}

/* ------------------------------------------------------------------------------ the device */

static hpac_status poison(check_stack *stack, void *address, size_t nbytes)
{
    return stack->call->upload(stack->device, HPAC_QUEUE_COMPUTE, address, stack->poison, nbytes);
}

static hpac_run make_run(check_stack *stack, int index)
{
    const check_segment *segment = &stack->segments[index];
    return (hpac_run){
        .x = index > 0 ? stack->segments[index - 1].y : stack->x,
        .y = segment->y,
        .dy = segment->dy,
        .parameters = segment->parameters,
        .gradients = segment->plan->updates_parameters ? NULL : segment->gradients,
        .square_average = segment->square_average,
        .delta_average = segment->delta_average,
        .state = segment->state,
        .workspace = stack->workspace,
        .result = stack->result,
        .training = stack->draw.training,
    };
}

/* Forward of one segment; host_x and host_y are what the device read and wrote. */
static hpac_status forward(check_stack *stack, int index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_run run = make_run(stack, index);
    SELFCHECK_TRY(poison(stack, segment->y, plan->output_nbytes));
    SELFCHECK_TRY(poison(stack, segment->state, plan->state_nbytes));
    SELFCHECK_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    SELFCHECK_TRY(stack->call->forward(plan, &run));
    SELFCHECK_TRY(stack->call->activation_read(plan, true, run.x, segment->host_x));
    return stack->call->activation_read(plan, false, run.y, segment->host_y);
}

/* Backward of one segment; host_dy and host_dx likewise. dx is the dy of the segment before. */
static hpac_status backward(check_stack *stack, int index)
{
    check_segment *segment = &stack->segments[index];
    hpac_plan *plan = segment->plan;
    hpac_run run = make_run(stack, index);
    if (segment->ops[0].kind != HPAC_OP_PIXELS)
        run.dx = index > 0 ? stack->segments[index - 1].dy : stack->dx;
    SELFCHECK_TRY(stack->call->activation_read(plan, false, segment->dy, segment->host_dy));
    if (run.dx)
        SELFCHECK_TRY(poison(stack, run.dx, plan->input_nbytes));
    SELFCHECK_TRY(poison(stack, stack->workspace, stack->workspace_nbytes));
    for (int i = 0; i < plan->parameter_count && !plan->updates_parameters; i++)
        SELFCHECK_TRY(stack->call->parameter_write(plan, i, segment->gradients, stack->poison));
    SELFCHECK_TRY(stack->call->backward(plan, &run));
    return run.dx ? stack->call->activation_read(plan, true, run.dx, segment->host_dx) : HPAC_OK;
}

static hpac_status read_gradients(check_stack *stack, const check_segment *segment, int parameter,
                                  float **values)
{
    SELFCHECK_TRY(on_host(stack, segment->plan->parameters[parameter].count, values));
    return stack->call->parameter_read(segment->plan, parameter, segment->gradients, *values);
}

/* ---------------------------------------------------------------------------------- checks */

static double tolerance(const check_stack *stack)
{
    return is_exact(stack) ? 0 : 1e-5;
}

static hpac_status check_forward(check_stack *stack, int index)
{
    check_segment *segment = &stack->segments[index];
    expectation expected = {0};
    SELFCHECK_TRY(forward(stack, index));
    hpac_status status = expectation_init(stack, segment, &expected);
    if (status == HPAC_OK) {
        widen(expected.activations[0], segment->host_x, segment->x_count);
        for (int op = 0; op < segment->op_count; op++) {
            reference_call call = reference_of(stack, segment, &expected, op);
            hpac_reference_forward(&call);
        }
        status = hpac_selfcheck_compare(stack->draw.training ? "y" : "y without training",
                                        segment->host_y, expected.activations[segment->op_count],
                                        segment->y_count, tolerance(stack));
    }
    expectation_fini(&expected);
    return status;
}

/* One step of Adadelta in double, from what stood there before and the expected gradient. */
static void expect_update(float *const before[3], const double *gradient, size_t count,
                          double *const expected[3])
{
    const double rho = (double)optimizer.rho, epsilon = (double)optimizer.epsilon;
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i], u = (double)before[2][i];
        double a = rho * (double)before[1][i] + (1 - rho) * g * g;
        double d = g * sqrt(u + epsilon) / sqrt(a + epsilon);
        expected[0][i] = (double)before[0][i] - (double)optimizer.learning_rate * d;
        expected[1][i] = a;
        expected[2][i] = rho * u + (1 - rho) * d * d;
    }
}

static bool are_whole(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] != truncf(values[i]))
            return false;
    return true;
}

/* A plan that updates: its weights and averages against the step from the expected gradient. The
 * new values take the place of the old on the host. */
static hpac_status compare_update(check_stack *stack, check_segment *segment, int parameter,
                                  const double *gradient)
{
    static const char *const names[] = {"updated parameter", "square average", "delta average"};
    size_t count = segment->plan->parameters[parameter].count;
    const void *slices[] = {segment->parameters, segment->square_average, segment->delta_average};
    float *values[] = {segment->values[parameter], segment->averages[0][parameter],
                       segment->averages[1][parameter]};
    double *expected[3] = {NULL, NULL, NULL};
    /* Adadelta makes as much of a small gradient as of a large one, and of its rounding. */
    bool exact = are_whole(segment->host_x, segment->x_count) &&
                 are_whole(segment->host_dy, segment->y_count);
    double rtol = exact ? 1e-6 : 1e-2;
    hpac_status status = HPAC_OK;
    for (int i = 0; i < 3 && status == HPAC_OK; i++)
        status = allocate_doubles(count, &expected[i]);
    if (status == HPAC_OK)
        expect_update(values, gradient, count, expected);
    for (int i = 0; i < 3 && status == HPAC_OK; i++) {
        status = stack->call->parameter_read(segment->plan, parameter, slices[i], values[i]);
        if (status == HPAC_OK)
            status = hpac_selfcheck_compare(names[i], values[i], expected[i], count, rtol);
    }
    for (int i = 0; i < 3; i++)
        free(expected[i]);
    return status;
}

static hpac_status compare_gradients(check_stack *stack, check_segment *segment,
                                     const expectation *expected)
{
    static const char *const names[] = {"kernel gradient", "bias gradient"};
    if (segment->ops[0].kind != HPAC_OP_PIXELS)
        SELFCHECK_TRY(hpac_selfcheck_compare("dx", segment->host_dx, expected->gradients[0],
                                             segment->x_count, tolerance(stack)));
    for (int i = 0; i < segment->plan->parameter_count; i++) {
        float *got = NULL;
        if (segment->plan->updates_parameters) {
            SELFCHECK_TRY(compare_update(stack, segment, i, expected->parameter_gradients[i]));
            continue;
        }
        SELFCHECK_TRY(read_gradients(stack, segment, i, &got));
        SELFCHECK_TRY(hpac_selfcheck_compare(names[segment->plan->parameters[i].is_bias], got,
                                             expected->parameter_gradients[i],
                                             segment->plan->parameters[i].count, tolerance(stack)));
    }
    return HPAC_OK;
}

static hpac_status check_backward(check_stack *stack, int index)
{
    check_segment *segment = &stack->segments[index];
    expectation expected = {0};
    SELFCHECK_TRY(backward(stack, index));
    if (has_hidden_kinks(segment) && !is_exact(stack))
        return HPAC_OK;
    hpac_status status = expectation_init(stack, segment, &expected);
    if (status == HPAC_OK) {
        widen(expected.activations[0], segment->host_x, segment->x_count);
        for (int op = 0; op < segment->op_count; op++) {
            reference_call call = reference_of(stack, segment, &expected, op);
            hpac_reference_forward(&call);
        }
        /* The last ReLU decides by the device's own output. */
        widen(expected.activations[segment->op_count], segment->host_y, segment->y_count);
        widen(expected.gradients[segment->op_count], segment->host_dy, segment->y_count);
        for (int op = segment->op_count - 1; op >= 0; op--) {
            reference_call call = reference_of(stack, segment, &expected, op);
            hpac_reference_backward(&call);
        }
        status = compare_gradients(stack, segment, &expected);
    }
    expectation_fini(&expected);
    return status;
}

/* Adadelta on the plan's whole slice, padding included, as networks call it. The check of the step
 * itself is another; here the padding must not grow into something. */
static hpac_status update(check_stack *stack)
{
    for (int index = 0; index < stack->segment_count; index++) {
        check_segment *segment = &stack->segments[index];
        hpac_plan *plan = segment->plan;
        SELFCHECK_TRY(stack->call->adadelta(
            stack->device, &optimizer, segment->parameters, segment->gradients,
            segment->square_average, segment->delta_average,
            plan->parameters_nbytes / sizeof(float), stack->result));
        for (int i = 0; i < plan->parameter_count; i++)
            SELFCHECK_TRY(
                stack->call->parameter_read(plan, i, segment->parameters, segment->values[i]));
    }
    return HPAC_OK;
}

/* The same calls once more must give the same bits. */
static hpac_status check_repeat(check_stack *stack, const float *dy)
{
    check_segment *first = &stack->segments[0], *last = &stack->segments[stack->segment_count - 1];
    float *y = NULL, *dx = NULL;
    SELFCHECK_TRY(on_host(stack, last->y_count, &y));
    SELFCHECK_TRY(on_host(stack, first->x_count, &dx));
    memcpy(y, last->host_y, last->y_count * sizeof *y);
    memcpy(dx, first->host_dx, first->x_count * sizeof *dx);
    for (int i = 0; i < stack->segment_count; i++)
        SELFCHECK_TRY(forward(stack, i));
    SELFCHECK_TRY(stack->call->activation_write(last->plan, false, last->dy, dy));
    for (int i = stack->segment_count - 1; i >= 0; i--) {
        check_segment *segment = &stack->segments[i];
        float *gradients[2][HPAC_PLAN_MAX_PARAMETERS] = {{NULL}};
        for (int pass = 0; pass < 2; pass++) {
            if (pass == 1)
                SELFCHECK_TRY(backward(stack, i));
            for (int j = 0; j < segment->plan->parameter_count; j++)
                SELFCHECK_TRY(read_gradients(stack, segment, j, &gradients[pass][j]));
        }
        for (int j = 0; j < segment->plan->parameter_count; j++)
            if (memcmp(gradients[0][j], gradients[1][j],
                       segment->plan->parameters[j].count * sizeof(float)) != 0)
                return hpac_fail(HPAC_ERR_NUMERIC, "gradients differ from one call to the next");
    }
    if (memcmp(y, last->host_y, last->y_count * sizeof *y) != 0 ||
        memcmp(dx, first->host_dx, first->x_count * sizeof *dx) != 0)
        return hpac_fail(HPAC_ERR_NUMERIC, "values differ from one call to the next");
    return HPAC_OK;
}

static hpac_status check_pass(check_stack *stack, bool training)
{
    stack->draw.training = training;
    for (int i = 0; i < stack->segment_count; i++)
        SELFCHECK_TRY(check_forward(stack, i));
    return HPAC_OK;
}

static hpac_status check_result(check_stack *stack)
{
    SELFCHECK_TRY(stack->call->download(stack->device, HPAC_QUEUE_COMPUTE, stack->host_result,
                                        stack->result, sizeof *stack->result));
    SELFCHECK_TRY(stack->call->synchronize(stack->device));
    if (stack->host_result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "an update of finite gradients is not finite");
    return HPAC_OK;
}

static hpac_status check_back(check_stack *stack, const float *dy)
{
    check_segment *last = &stack->segments[stack->segment_count - 1];
    SELFCHECK_TRY(stack->call->activation_write(last->plan, false, last->dy, dy));
    for (int i = stack->segment_count - 1; i >= 0; i--)
        SELFCHECK_TRY(check_backward(stack, i));
    return HPAC_OK;
}

/* Two steps of plans that update by themselves, so that the averages of the first count. */
static hpac_status check_updating(check_stack *stack, const float *dy)
{
    for (int step = 0; step < 2; step++) {
        SELFCHECK_TRY(check_pass(stack, true));
        SELFCHECK_TRY(check_back(stack, dy));
        stack->after_update = true;
    }
    return check_result(stack);
}

static hpac_status check_all(check_stack *stack)
{
    float *dy = NULL;
    SELFCHECK_TRY(set_up(stack));
    check_segment *last = &stack->segments[stack->segment_count - 1];
    for (int i = 0; i < stack->segment_count; i++)
        SELFCHECK_TRY(check_parameters(&stack->segments[i]));
    SELFCHECK_TRY(stack->call->set_step(stack->device, stack->draw.seed, stack->draw.step));
    SELFCHECK_TRY(on_host(stack, last->y_count, &dy));
    fill_values(stack, dy, last->y_count);
    if (stack->updating)
        return check_updating(stack, dy);
    SELFCHECK_TRY(check_pass(stack, false));
    SELFCHECK_TRY(check_pass(stack, true));
    SELFCHECK_TRY(check_back(stack, dy));
    SELFCHECK_TRY(check_repeat(stack, dy));
    if (stack->data == DATA_EXTREME)
        return HPAC_OK; /* 1e8 squared and so on: not what the update is for */
    SELFCHECK_TRY(update(stack));
    SELFCHECK_TRY(check_result(stack));
    stack->after_update = true;
    return check_pass(stack, true);
}

static hpac_status run_turn(hpac_device *device, const selfcheck_case *one, uint64_t seed, int turn)
{
    check_stack *stack = calloc(1, sizeof *stack);
    if (!stack)
        return hpac_fail_memory(sizeof *stack);
    stack->device = stack->memory.device = device;
    stack->call = device->ops;
    stack->batch = one->batch;
    stack->updating = turn == 2 * DATA_KIND_COUNT;
    stack->fused = turn % 2 || stack->updating;
    stack->data = stack->updating ? DATA_WHOLE : (data_kind)(turn / 2);
    stack->draw = (reference_draw){.seed = seed, .step = (uint32_t)turn, .training = true};
    hpac_random_init(&stack->random, seed, HPAC_PURPOSE_SYNTH, 0, (uint32_t)turn);
    set_shapes(stack, one);
    hpac_status status =
        hpac_fail_within(check_all(stack), "%s%s, %s", stack->fused ? "fused" : "one by one",
                         stack->updating ? " with the update" : "", data_names[stack->data]);
    tear_down(stack);
    free(stack);
    return status;
}

hpac_status hpac_selfcheck_stack(hpac_device *device, const selfcheck_case *one, uint64_t seed)
{
    hpac_status status = HPAC_OK;
    for (int turn = 0; turn <= 2 * DATA_KIND_COUNT && status == HPAC_OK; turn++)
        status = run_turn(device, one, seed, turn);
    return status;
}

/* ------------------------------------------------------------------------------------ door */

int hpac_selfcheck_count(void)
{
    return hpac_selfcheck_case_count;
}

const char *hpac_selfcheck_name(int index)
{
    return hpac_selfcheck_cases[index].name;
}

hpac_status hpac_selfcheck_run(hpac_device *device, int index, uint64_t seed)
{
    const selfcheck_case *one = &hpac_selfcheck_cases[index];
    return one->run ? one->run(device, seed) : hpac_selfcheck_stack(device, one, seed);
}
