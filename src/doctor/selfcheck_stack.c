/* The stacks of the self-check: operations, plans, memory and what is fed in. */
#include "selfcheck_internal.h"

#include <math.h>
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

/* ---- plans ---- */

/* As in a network, whose first operation is PIXELS: only where something before is trained. A stack
 * without PIXELS is the middle of a network. */
static bool needs_input_gradient(const check_stack *stack, size_t first)
{
    bool needed = stack->ops[0].kind != HPAC_OP_PIXELS;
    for (size_t i = 0; i < first; i++) {
        needed |= stack->ops[i].side_count > 0;
        for (hpac_role role = 0; hpac_role_is_trained(role); role++)
            needed |= hpac_reference_count(&stack->ops[i], role) > 0;
    }
    return needed;
}

hpac_status hpac_selfcheck_produced_layout(check_stack *stack, hpac_shape shape,
                                           hpac_layout *layout)
{
    hpac_op op = {.kind = shape.rank == 3 ? HPAC_OP_CONV2D : HPAC_OP_DENSE,
                  .in = shape,
                  .out = shape,
                  .kernel_rows = 1,
                  .kernel_cols = 1,
                  .stride_rows = 1,
                  .stride_cols = 1,
                  .dilation_rows = 1,
                  .dilation_cols = 1,
                  .groups = 1};
    hpac_plan_request request = {
        .ops = &op, .op_count = 1, .batch = stack->batch, .input_layout = *layout};
    hpac_plan *plan;
    HPAC_TRY(stack->call->plan_create(stack->device, &request, &plan));
    *layout = plan->output_layout;
    stack->call->plan_destroy(plan);
    return HPAC_OK;
}

static hpac_status choose_side_layouts(check_stack *stack, const hpac_device_info *info,
                                       hpac_layout input)
{
    for (size_t i = 0; i < stack->op_count; i++)
        for (size_t s = 0; s < stack->ops[i].side_count; s++) {
            hpac_shape shape = stack->ops[i].sides[s];
            hpac_layout *layout = &stack->side_layouts[i][s];
            *layout = shape.rank == 3 ? info->image_layout : info->vector_layout;
            if (stack->shared && i == 0)
                *layout = input;
            else if (stack->options.added)
                HPAC_TRY(hpac_selfcheck_produced_layout(stack, shape, layout));
        }
    return HPAC_OK;
}

static hpac_gradient wanted(const check_stack *stack)
{
    return stack->options.added ? HPAC_GRADIENT_ADDED : HPAC_GRADIENT_WRITTEN;
}

/* Layouts and gradients of the sides of `length` operations. Of sides that are the input the first
 * is the first to make its gradient. */
static void list_sides(const check_stack *stack, size_t first, size_t length,
                       hpac_layout layouts[HPAC_OP_MAX_SIDES],
                       hpac_gradient gradients[HPAC_OP_MAX_SIDES])
{
    size_t count = 0;
    for (size_t i = first; i < first + length; i++)
        for (size_t s = 0; s < stack->ops[i].side_count; s++, count++) {
            bool again = stack->shared && i == 0 && s > 0;
            layouts[count] = stack->side_layouts[i][s];
            gradients[count] = stack->options.frozen ? HPAC_GRADIENT_NONE
                               : again               ? HPAC_GRADIENT_ADDED
                                                     : wanted(stack);
        }
}

static hpac_gradient input_gradient(const check_stack *stack, const check_segment *segment,
                                    size_t first)
{
    if (!segment->input_gradient)
        return HPAC_GRADIENT_NONE;
    bool again = stack->shared && first == 0 && !stack->options.frozen;
    return again ? HPAC_GRADIENT_ADDED : wanted(stack);
}

static size_t count_sides(const hpac_op *ops, size_t op_count)
{
    size_t count = 0;
    for (size_t i = 0; i < op_count; i++)
        count += ops[i].side_count;
    return count;
}

static hpac_view output_view(const check_stack *stack, size_t end)
{
    return end == stack->op_count ? stack->output_view : (hpac_view){0};
}

/* The plan for the longest op chain from operation `first` on that the device takes; one operation
 * when not fused. */
static hpac_status make_plan(check_stack *stack, size_t first, check_segment *segment)
{
    const selfcheck_options *options = &stack->options;
    size_t longest = options->fused ? stack->op_count - first : 1;
    hpac_layout layouts[HPAC_OP_MAX_SIDES];
    hpac_gradient gradients[HPAC_OP_MAX_SIDES];
    segment->input_gradient = needs_input_gradient(stack, first) && !options->inference;
    for (size_t length = longest; length >= 1 && !segment->plan; length--) {
        size_t sides = count_sides(segment->ops, length);
        if (sides > HPAC_OP_MAX_SIDES)
            continue;
        list_sides(stack, first, length, layouts, gradients);
        hpac_plan_request request = {
            .ops = segment->ops,
            .op_count = length,
            .batch = stack->batch,
            .input_layout = segment->input_layout,
            .side_layouts = sides > 0 ? layouts : NULL,
            .plain_output =
                !stack->inner && !stack->output_view.channels && first + length == stack->op_count,
            .input_view = first == 0 ? stack->input_view : (hpac_view){0},
            .output_view = output_view(stack, first + length),
            .training = !options->inference,
            .frozen = options->frozen,
            .frozen_statistics = options->frozen_statistics,
            .input_gradient = input_gradient(stack, segment, first),
            .side_gradients = sides > 0 ? gradients : NULL,
            .update = options->updating ? &hpac_selfcheck_optimizer : NULL,
        };
        segment->op_count = length;
        HPAC_TRY(stack->call->plan_create(stack->device, &request, &segment->plan));
    }
    bool views = (first == 0 && stack->input_view.channels > 0) ||
                 output_view(stack, first + 1).channels > 0;
    stack->declined = !segment->plan && views;
    if (!segment->plan && !views)
        return hpac_fail(HPAC_ERR_DEVICE, "operation %zu alone was declined", first);
    return HPAC_OK;
}

/* ---- memory ---- */

static hpac_status allocate_values(check_stack *stack, check_segment *segment, size_t index)
{
    const hpac_parameter *parameter = &segment->plan->parameters[index];
    float *values;
    HPAC_TRY(floats(stack, parameter->count, &segment->values[index]));
    values = segment->values[index];
    fill(stack, values, parameter->count);
    for (size_t i = 0; parameter->role == HPAC_MOVING_VARIANCE && i < parameter->count; i++)
        values[i] = fabsf(values[i]) + 0.5F;
    return stack->call->parameter_write(
        segment->plan, index,
        hpac_role_is_trained(parameter->role) ? segment->parameters : segment->statistics, values);
}

/* What a network has on the device, and the parameters on the host. */
static hpac_status allocate_segment(check_stack *stack, check_segment *segment)
{
    const hpac_plan *plan = segment->plan;
    const hpac_op *last = &segment->ops[segment->op_count - 1];
    const hpac_view alone = {0};
    segment->x_count = stack->batch * hpac_shape_count(segment->ops[0].in);
    segment->y_count = stack->batch * hpac_shape_count(last->out);
    HPAC_TRY(on_device(stack, plan->state_nbytes, &segment->state));
    HPAC_TRY(on_device(stack, plan->statistics_nbytes, &segment->statistics));
    HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->parameters));
    HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->gradients));
    for (size_t i = 0; i < HPAC_OPTIMIZER_MAX_STATES; i++)
        HPAC_TRY(on_device(stack, plan->parameters_nbytes, &segment->optimizer_state[i]));
    HPAC_TRY(floats(stack, segment->x_count, &segment->host_x));
    HPAC_TRY(hpac_selfcheck_wider_init(stack, segment->ops[0].in, segment->input_layout,
                                       segment == stack->segments ? stack->input_view : alone,
                                       &segment->wider_x));
    HPAC_TRY(hpac_selfcheck_wider_init(stack, last->out, plan->output_layout,
                                       output_view(stack, (size_t)(last - stack->ops) + 1),
                                       &segment->wider_y));
    if (plan->workspace_nbytes > stack->workspace_nbytes)
        stack->workspace_nbytes = plan->workspace_nbytes;
    for (size_t i = 0; i < plan->parameter_count; i++)
        HPAC_TRY(allocate_values(stack, segment, i));
    return HPAC_OK;
}

hpac_status hpac_selfcheck_make_reader(check_stack *stack, hpac_shape shape, hpac_layout layout,
                                       hpac_plan **reader)
{
    hpac_op relu = {.kind = HPAC_OP_RELU, .in = shape, .out = shape};
    hpac_plan_request request = {
        .ops = &relu, .op_count = 1, .batch = stack->batch, .input_layout = layout};
    return stack->call->plan_create(stack->device, &request, reader);
}

static hpac_status allocate_side(check_stack *stack, check_segment *segment, size_t op, size_t s)
{
    check_side *side = &segment->sides[segment->side_count++];
    hpac_shape shape = segment->ops[op].sides[s];
    size_t first = (size_t)(segment->ops - stack->ops);
    side->op = op;
    side->index = s;
    side->count = stack->batch * hpac_shape_count(shape);
    if (stack->shared && first + op == 0)
        return HPAC_OK; /* the input; connect() knows its memory */
    HPAC_TRY(hpac_selfcheck_make_reader(stack, shape, stack->side_layouts[first + op][s],
                                        &side->reader));
    HPAC_TRY(on_device(stack, side->reader->input_nbytes, &side->address));
    HPAC_TRY(on_device(stack, side->reader->input_nbytes, &side->gradient));
    HPAC_TRY(floats(stack, side->count, &side->values));
    fill(stack, side->values, side->count);
    HPAC_TRY(stack->call->activation_write(side->reader, true, side->address, side->values));
    return stack->call->activation_read(side->reader, true, side->address, side->values);
}

static hpac_status allocate_sides(check_stack *stack, check_segment *segment)
{
    for (size_t op = 0; op < segment->op_count; op++)
        for (size_t s = 0; s < segment->ops[op].side_count; s++)
            HPAC_TRY(allocate_side(stack, segment, op, s));
    return HPAC_OK;
}

/* An activation, large enough for all that may be written over it. */
static hpac_status activation(check_stack *stack, size_t nbytes, void **address)
{
    for (size_t i = 0; i < stack->segment_count && stack->options.reused; i++) {
        const hpac_plan *plan = stack->segments[i].plan;
        nbytes = plan->input_nbytes > nbytes ? plan->input_nbytes : nbytes;
        nbytes = plan->output_nbytes > nbytes ? plan->output_nbytes : nbytes;
    }
    return on_device(stack, nbytes, address);
}

static bool has_views(const check_stack *stack)
{
    return stack->input_view.channels + stack->output_view.channels > 0;
}

static size_t input_nbytes(const check_segment *segment)
{
    const check_wider *wider = &segment->wider_x;
    return wider->reader ? wider->reader->input_nbytes : segment->plan->input_nbytes;
}

static size_t output_nbytes(const check_segment *segment)
{
    const check_wider *wider = &segment->wider_y;
    return wider->reader ? wider->reader->input_nbytes : segment->plan->output_nbytes;
}

/* Forward may write over x what backward does not read. */
static bool writes_y_over_x(const check_stack *stack, const hpac_plan *plan)
{
    return stack->options.reused && !stack->shared && !has_views(stack) && plan->y_over_x &&
           (plan->ignores_x || stack->options.inference);
}

static bool writes_dx_over_dy(const check_stack *stack, const check_segment *segment)
{
    return stack->options.reused && !stack->shared && !has_views(stack) &&
           segment->plan->dx_over_dy && segment->input_gradient;
}

/* The activations from first to last, their gradients from last to first. */
static hpac_status connect(check_stack *stack)
{
    check_segment *segments = stack->segments;
    HPAC_TRY(activation(stack, input_nbytes(&segments[0]), &segments[0].x));
    for (size_t i = 0; i < stack->segment_count; i++) {
        segments[i].x = i > 0 ? segments[i - 1].y : segments[0].x;
        segments[i].y = segments[i].x;
        if (!writes_y_over_x(stack, segments[i].plan))
            HPAC_TRY(activation(stack, output_nbytes(&segments[i]), &segments[i].y));
    }
    void *dy = NULL;
    HPAC_TRY(activation(stack, output_nbytes(&segments[stack->segment_count - 1]), &dy));
    for (size_t i = stack->segment_count; i-- > 0;) {
        segments[i].dy = dy;
        if (!writes_dx_over_dy(stack, &segments[i]))
            HPAC_TRY(activation(stack, input_nbytes(&segments[i]), &dy));
        segments[i].dx = dy;
    }
    for (size_t s = 0; s < segments[0].side_count && stack->shared; s++)
        if (!segments[0].sides[s].reader) {
            segments[0].sides[s].address = segments[0].x;
            segments[0].sides[s].gradient = segments[0].dx;
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
    HPAC_TRY(on_device(stack, stack->workspace_nbytes, &stack->workspace));
    HPAC_TRY(on_device(stack, sizeof *stack->result, (void **)&stack->result));
    HPAC_TRY(floats(stack, last->y_count, &stack->last_dy));
    HPAC_TRY(upload_ranges(stack));
    HPAC_TRY(floats(stack, first->x_count, &stack->input));
    fill_input(stack, stack->input, first->x_count);
    fill(stack, stack->last_dy, last->y_count);
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(allocate_sides(stack, &stack->segments[i]));
    HPAC_TRY(connect(stack));
    HPAC_TRY(hpac_selfcheck_wider_write(stack, &first->wider_x, first->x));
    return stack->call->activation_write(first->plan, true, first->x, stack->input);
}

/* ---- what is compared ---- */

static hpac_status observe_parameter(check_stack *stack, check_segment *segment, size_t i)
{
    size_t count = segment->plan->parameters[i].count;
    HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_values[i]));
    HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_parameter_gradients[i]));
    HPAC_TRY(floats(stack, count, &segment->host_gradients[i]));
    for (size_t state = 0; state < HPAC_OPTIMIZER_MAX_STATES; state++)
        HPAC_TRY(floats(stack, count, &segment->optimizer_values[state][i]));
    return HPAC_OK;
}

static hpac_status observe_side(check_stack *stack, check_side *side)
{
    HPAC_TRY(hpac_selfcheck_doubles(stack, side->count, &side->expected));
    HPAC_TRY(hpac_selfcheck_doubles(stack, side->count, &side->expected_gradient));
    HPAC_TRY(floats(stack, side->count, &side->host_gradient));
    HPAC_TRY(floats(stack, side->count, &side->initial));
    fill(stack, side->initial, side->count);
    return HPAC_OK;
}

/* The host's view of a segment, and the reference's. */
static hpac_status observe_segment(check_stack *stack, check_segment *segment)
{
    HPAC_TRY(floats(stack, segment->x_count, &segment->host_dx));
    HPAC_TRY(floats(stack, segment->x_count, &segment->initial_dx));
    HPAC_TRY(floats(stack, segment->y_count, &segment->host_y));
    HPAC_TRY(floats(stack, segment->y_count, &segment->host_dy));
    fill(stack, segment->initial_dx, segment->x_count);
    for (size_t i = 0; i <= segment->op_count; i++) {
        hpac_shape shape = i < segment->op_count ? segment->ops[i].in : segment->ops[i - 1].out;
        size_t count = segment->activation_counts[i] = stack->batch * hpac_shape_count(shape);
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected[i]));
        HPAC_TRY(hpac_selfcheck_doubles(stack, count, &segment->expected_gradients[i]));
    }
    for (size_t i = 0; i < segment->plan->parameter_count; i++)
        HPAC_TRY(observe_parameter(stack, segment, i));
    for (size_t s = 0; s < segment->side_count; s++)
        HPAC_TRY(observe_side(stack, &segment->sides[s]));
    return HPAC_OK;
}

hpac_status hpac_selfcheck_stack_observe(check_stack *stack)
{
    for (size_t i = 0; i < stack->segment_count; i++)
        HPAC_TRY(observe_segment(stack, &stack->segments[i]));
    size_t largest = 0; /* host values */
    for (size_t i = 0; i < stack->segment_count; i++) {
        const check_segment *segment = &stack->segments[i];
        largest = segment->x_count > largest ? segment->x_count : largest;
        largest = segment->y_count > largest ? segment->y_count : largest;
    }
    if (largest * sizeof(float) > stack->largest_nbytes)
        stack->largest_nbytes = largest * sizeof(float);
    HPAC_TRY(pinned(stack, sizeof *stack->result, (void **)&stack->host_result));
    HPAC_TRY(pinned(stack, stack->largest_nbytes, (void **)&stack->poison));
    memset(stack->poison, 0xff, stack->largest_nbytes); /* all bits set: a NaN */
    return HPAC_OK;
}

/* The layout of the stack's input inside the device; in a case with views that of a convolution's
 * output. */
static hpac_status find_first_layout(check_stack *stack, const hpac_device_info *info,
                                     hpac_layout *layout)
{
    *layout = stack->ops[0].in.rank == 3 ? info->image_layout : info->vector_layout;
    if (stack->ops[0].kind == HPAC_OP_PIXELS)
        *layout = HPAC_LAYOUT_PLAIN;
    return has_views(stack) ? hpac_selfcheck_produced_layout(stack, stack->ops[0].in, layout)
                            : HPAC_OK;
}

hpac_status hpac_selfcheck_stack_init(check_stack *stack, const selfcheck_case *one)
{
    hpac_device_info info;
    stack->device = stack->memory.device = stack->gauge->device;
    stack->call = stack->device->ops;
    stack->batch = one->batch;
    stack->shared = one->shared;
    stack->input_view = one->input_view;
    stack->output_view = one->output_view;
    HPAC_TRY(stack->call->describe(stack->device, &info));
    hpac_selfcheck_set_shapes(stack, one);
    stack->precision = info.precision;
    hpac_layout layout;
    HPAC_TRY(find_first_layout(stack, &info, &layout));
    HPAC_TRY(choose_side_layouts(stack, &info, layout));
    for (size_t first = 0; first < stack->op_count;) {
        check_segment *segment = &stack->segments[stack->segment_count++];
        segment->ops = stack->ops + first;
        segment->input_layout = layout;
        HPAC_TRY(make_plan(stack, first, segment));
        if (stack->declined)
            return HPAC_OK;
        HPAC_TRY(allocate_segment(stack, segment));
        layout = segment->plan->output_layout;
        first += segment->op_count;
    }
    return allocate_rest(stack);
}

void hpac_selfcheck_stack_fini(check_stack *stack)
{
    for (size_t i = 0; i < stack->segment_count; i++) {
        check_segment *segment = &stack->segments[i];
        for (size_t s = 0; s < segment->side_count; s++)
            stack->call->plan_destroy(segment->sides[s].reader);
        hpac_selfcheck_wider_fini(stack, &segment->wider_x);
        hpac_selfcheck_wider_fini(stack, &segment->wider_y);
        stack->call->plan_destroy(segment->plan);
    }
    hpac_selfcheck_free(&stack->memory);
}

hpac_exec_args hpac_selfcheck_args(const check_stack *stack, size_t index)
{
    const check_segment *segment = &stack->segments[index];
    bool gradients = !segment->plan->updates_parameters && !stack->options.frozen;
    hpac_exec_args args = {
        .x = segment->x,
        .y = segment->y,
        .dy = segment->dy,
        .dx = segment->input_gradient ? segment->dx : NULL,
        .parameters = segment->parameters,
        .gradients = gradients ? segment->gradients : NULL,
        .statistics = segment->statistics,
        .optimizer_state = {segment->optimizer_state[0], segment->optimizer_state[1]},
        .state = segment->state,
        .workspace = stack->workspace,
        .result = stack->result,
        .training = stack->draw.training,
    };
    for (size_t s = 0; s < segment->side_count; s++) {
        args.sides[s] = segment->sides[s].address;
        args.dsides[s] = stack->options.frozen ? NULL : segment->sides[s].gradient;
    }
    return args;
}
