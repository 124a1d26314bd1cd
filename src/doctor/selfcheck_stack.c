/* The stacks of the self-check: operations, plans, memory and what is fed in. */
#include "selfcheck_internal.h"

#include <string.h>

static float draw_value(check_stack *stack)
{
    static const float extremes[] = {0.0F, -0.0F, 1e4F, -1e4F, 65504.0F, 1e-30F, -1e-30F, 1e-7F};
    if (stack->data == DATA_INTEGERS)
        return (float)hpac_random_below(&stack->random, 7) - 3.0F;
    if (stack->data == DATA_EXTREME && hpac_random_below(&stack->random, 2))
        return extremes[hpac_random_below(&stack->random, 8)];
    return 2.0F * hpac_random_uniform(&stack->random) - 1.0F;
}

static void fill(check_stack *stack, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = draw_value(stack);
}

static void fill_input(check_stack *stack, float *values, size_t count)
{
    bool bytes = stack->ops[0].kind == HPAC_OP_PIXELS && stack->ops[0].pixels == HPAC_PIXELS_UINT8;
    fill(stack, values, count);
    for (size_t i = 0; bytes && i < count; i++)
        values[i] = (float)hpac_random_below(&stack->random, 256);
}

/* What a case leaves out: stride 1, of pools the window; no dilation, one group. */
static void set_defaults(hpac_op *op)
{
    bool pools = op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL;
    op->stride_rows = op->stride_rows ? op->stride_rows : pools ? op->kernel_rows : 1;
    op->stride_cols = op->stride_cols ? op->stride_cols : pools ? op->kernel_cols : 1;
    op->dilation_rows = op->dilation_rows ? op->dilation_rows : 1;
    op->dilation_cols = op->dilation_cols ? op->dilation_cols : 1;
    op->groups = op->groups ? op->groups : 1;
}

static void set_shapes(check_stack *stack, const selfcheck_case *one)
{
    hpac_shape shape = one->input;
    stack->op_count = one->op_count;
    for (size_t i = 0; i < one->op_count; i++) {
        hpac_op *op = &stack->ops[i];
        *op = one->ops[i];
        op->in = shape;
        set_defaults(op);
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
            shape =
                (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = hpac_shape_count(shape)};
        }
        op->out = shape;
    }
}

static hpac_status on_device(check_stack *stack, size_t nbytes, void **address)
{
    if (nbytes > stack->largest_nbytes)
        stack->largest_nbytes = nbytes;
    return hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_DEVICE, nbytes, address);
}

static hpac_status pinned(check_stack *stack, size_t nbytes, void **address)
{
    return hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_PINNED, nbytes, address);
}

static hpac_status floats(check_stack *stack, size_t count, float **values)
{
    return pinned(stack, count * sizeof **values, (void **)values);
}

hpac_status hpac_selfcheck_doubles(check_stack *stack, size_t count, double **values)
{
    return pinned(stack, count * sizeof **values, (void **)values);
}

/* As in a network, whose first operation is PIXELS: only where something before has parameters. A
 * stack without PIXELS is the middle of a network. */
static bool needs_input_gradient(const check_stack *stack, size_t first)
{
    bool needed = stack->ops[0].kind != HPAC_OP_PIXELS;
    for (size_t i = 0; i < first; i++)
        needed |= hpac_reference_count(&stack->ops[i], HPAC_KERNEL) > 0;
    return needed;
}

/* The plan for the longest op chain from operation `first` on that the device takes; one operation
 * when not fused. */
static hpac_status make_plan(check_stack *stack, size_t first, hpac_layout layout,
                             check_segment *segment)
{
    size_t longest = stack->fused ? stack->op_count - first : 1;
    segment->input_gradient = needs_input_gradient(stack, first);
    for (size_t length = longest; length >= 1 && !segment->plan; length--) {
        hpac_plan_request request = {
            .ops = stack->ops + first,
            .op_count = length,
            .batch = stack->batch,
            .input_layout = layout,
            .plain_output = !stack->inner && first + length == stack->op_count,
            .training = true,
            .input_gradient = segment->input_gradient,
            .update = stack->updating ? &hpac_selfcheck_optimizer : NULL,
        };
        segment->op_count = length;
        HPAC_TRY(stack->call->plan_create(stack->device, &request, &segment->plan));
    }
    if (!segment->plan)
        return hpac_fail(HPAC_ERR_DEVICE, "operation %zu alone was declined", first);
    return HPAC_OK;
}

/* What a network has on the device, and the parameters on the host. */
static hpac_status allocate_segment(check_stack *stack, check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    segment->x_count = stack->batch * hpac_shape_count(segment->ops[0].in);
    segment->y_count = stack->batch * hpac_shape_count(segment->ops[segment->op_count - 1].out);
    HPAC_TRY(on_device(stack, plan->output_nbytes, &segment->y));
    HPAC_TRY(on_device(stack, plan->output_nbytes, &segment->dy));
    HPAC_TRY(on_device(stack, plan->state_nbytes, &segment->state));
    HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->parameters));
    HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->gradients));
    for (size_t i = 0; i < HPAC_OPTIMIZER_MAX_STATES; i++)
        HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->optimizer_state[i]));
    HPAC_TRY(floats(stack, segment->x_count, &segment->host_x));
    if (plan->workspace_nbytes > stack->workspace_nbytes)
        stack->workspace_nbytes = plan->workspace_nbytes;
    for (size_t i = 0; i < plan->parameter_count; i++) {
        HPAC_TRY(floats(stack, plan->parameters[i].count, &segment->values[i]));
        fill(stack, segment->values[i], plan->parameters[i].count);
        HPAC_TRY(stack->call->parameter_write(segment->plan, i, segment->parameters,
                                              segment->values[i]));
    }
    return HPAC_OK;
}

/* One range for all. */
static hpac_status upload_ranges(check_stack *stack)
{
    hpac_update_range *range;
    HPAC_TRY(pinned(stack, sizeof *range, (void **)&range));
    *range = (hpac_update_range){.learning_rate_factor = 1};
    HPAC_TRY(on_device(stack, sizeof *range, &stack->ranges));
    return stack->call->upload(stack->device, HPAC_QUEUE_COMPUTE, stack->ranges, range,
                               sizeof *range);
}

static hpac_status allocate_rest(check_stack *stack)
{
    check_segment *first = stack->segments, *last = first + stack->segment_count - 1;
    HPAC_TRY(on_device(stack, first->plan->input_nbytes, &stack->x));
    HPAC_TRY(on_device(stack, first->plan->input_nbytes, &stack->dx));
    HPAC_TRY(on_device(stack, stack->workspace_nbytes, &stack->workspace));
    HPAC_TRY(on_device(stack, sizeof *stack->result, (void **)&stack->result));
    HPAC_TRY(floats(stack, last->y_count, &stack->last_dy));
    HPAC_TRY(upload_ranges(stack));
    fill_input(stack, first->host_x, first->x_count);
    fill(stack, stack->last_dy, last->y_count);
    return stack->call->activation_write(first->plan, true, stack->x, first->host_x);
}

/* The host's view of a segment, and the reference's. */
static hpac_status observe_segment(check_stack *stack, check_segment *segment)
{
    HPAC_TRY(floats(stack, segment->x_count, &segment->host_dx));
    HPAC_TRY(floats(stack, segment->y_count, &segment->host_y));
    HPAC_TRY(floats(stack, segment->y_count, &segment->host_dy));
    for (size_t i = 0; i <= segment->op_count; i++) {
        hpac_shape shape = i < segment->op_count ? segment->ops[i].in : segment->ops[i - 1].out;
        size_t count = segment->activation_counts[i] = stack->batch * hpac_shape_count(shape);
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected[i]));
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_gradients[i]));
    }
    for (size_t i = 0; i < segment->plan->parameter_count; i++) {
        size_t count = segment->plan->parameters[i].count;
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_values[i]));
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_parameter_gradients[i]));
        HPAC_TRY(floats(stack, count, &segment->host_gradients[i]));
        for (size_t state = 0; state < HPAC_OPTIMIZER_MAX_STATES; state++)
            HPAC_TRY(floats(stack, count, &segment->optimizer_values[state][i]));
    }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_stack_observe(check_stack *stack)
{
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(observe_segment(stack, &stack->segments[i]));
    HPAC_TRY(pinned(stack, sizeof *stack->result, (void **)&stack->host_result));
    HPAC_TRY(pinned(stack, stack->largest_nbytes, (void **)&stack->poison));
    memset(stack->poison, 0xff, stack->largest_nbytes); /* all bits set: a NaN */
    return HPAC_OK;
}

/* The layout of the stack's input inside the device. */
static hpac_layout first_layout(const check_stack *stack, const hpac_device_info *info)
{
    if (stack->ops[0].kind == HPAC_OP_PIXELS)
        return HPAC_LAYOUT_PLAIN;
    return stack->ops[0].in.rank == 3 ? info->image_layout : info->vector_layout;
}

hpac_status hpac_selfcheck_stack_init(check_stack *stack, const selfcheck_case *one)
{
    hpac_device_info info;
    stack->device = stack->memory.device = stack->gauge->device;
    stack->call = stack->device->ops;
    stack->batch = one->batch;
    HPAC_TRY(stack->call->describe(stack->device, &info));
    set_shapes(stack, one);
    stack->precision = info.precision;
    hpac_layout layout = first_layout(stack, &info);
    for (size_t first = 0; first < stack->op_count;) {
        check_segment *segment = &stack->segments[stack->segment_count++];
        segment->ops = stack->ops + first;
        HPAC_TRY(make_plan(stack, first, layout, segment));
        HPAC_TRY(allocate_segment(stack, segment));
        layout = segment->plan->output_layout;
        first += segment->op_count;
    }
    return allocate_rest(stack);
}

void hpac_selfcheck_stack_fini(check_stack *stack)
{
    for (size_t i = 0; i < stack->segment_count; i++)
        stack->call->plan_destroy(stack->segments[i].plan);
    hpac_selfcheck_free(&stack->memory);
}

hpac_exec_args hpac_selfcheck_args(const check_stack *stack, size_t index)
{
    const check_segment *segment = &stack->segments[index];
    void *dx = index > 0 ? stack->segments[index - 1].dy : stack->dx;
    return (hpac_exec_args){
        .x = index > 0 ? stack->segments[index - 1].y : stack->x,
        .y = segment->y,
        .dy = segment->dy,
        .dx = segment->input_gradient ? dx : NULL,
        .parameters = segment->parameters,
        .gradients = segment->plan->updates_parameters ? NULL : segment->gradients,
        .optimizer_state = {segment->optimizer_state[0], segment->optimizer_state[1]},
        .state = segment->state,
        .workspace = stack->workspace,
        .result = stack->result,
        .training = stack->draw.training,
    };
}
