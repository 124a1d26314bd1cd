/* Views in the self-check: what a plan has of a wider image, and what it must leave alone; and
 * concats that are made in place. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <stdint.h>

static float draw_integer(check_stack *stack)
{
    return (float)hpac_random_below(&stack->random, 7) - 3.0F;
}

static hpac_status floats(check_stack *stack, size_t count, float **values)
{
    return hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_PINNED, count * sizeof **values,
                                (void **)values);
}

hpac_status hpac_selfcheck_wider_init(check_stack *stack, hpac_shape shape, hpac_layout layout,
                                      hpac_view view, check_wider *wider)
{
    *wider = (check_wider){.view = view, .own_channels = shape.channels};
    if (view.channels == 0)
        return HPAC_OK;
    shape.channels = view.channels;
    wider->count = stack->batch * hpac_shape_count(shape);
    HPAC_TRY(hpac_selfcheck_make_reader(stack, shape, layout, &wider->reader));
    HPAC_TRY(floats(stack, wider->count, &wider->values));
    HPAC_TRY(floats(stack, wider->count, &wider->found));
    for (size_t i = 0; i < wider->count; i++)
        wider->values[i] = draw_integer(stack);
    return HPAC_OK;
}

void hpac_selfcheck_wider_fini(const check_stack *stack, check_wider *wider)
{
    stack->call->plan_destroy(wider->reader);
}

hpac_status hpac_selfcheck_wider_write(const check_stack *stack, const check_wider *wider,
                                       void *address)
{
    if (!wider->reader)
        return HPAC_OK;
    return stack->call->activation_write(wider->reader, true, address, wider->values);
}

hpac_status hpac_selfcheck_wider_check(const check_stack *stack, const check_wider *wider,
                                       const char *what, const void *address)
{
    if (!wider->reader)
        return HPAC_OK;
    HPAC_TRY(stack->call->activation_read(wider->reader, true, address, wider->found));
    for (size_t i = 0; i < wider->count; i++) {
        size_t channel = i % wider->view.channels;
        bool own = channel - wider->view.first < wider->own_channels; /* wraps below the first */
        if (!own && !(wider->found[i] == wider->values[i]))
            return hpac_fail(HPAC_ERR_NUMERIC,
                             "%s: channel %zu, beside those of the view, was %g and is %g", what,
                             channel, (double)wider->values[i], (double)wider->found[i]);
    }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_hide(const check_stack *stack, const check_segment *segment, bool input,
                                void *address)
{
    const check_wider *wider = input ? &segment->wider_x : &segment->wider_y;
    const hpac_plan *plan = segment->plan;
    if (!wider->reader)
        return stack->call->upload(stack->device, HPAC_QUEUE_COMPUTE, address, stack->poison,
                                   input ? plan->input_nbytes : plan->output_nbytes);
    HPAC_TRY(hpac_selfcheck_wider_write(stack, wider, address));
    return stack->call->activation_write(segment->plan, input, address, stack->poison);
}

/* ---- concats in place ---- */

enum { BATCH = 2, INPUTS = 3 };
static const hpac_shape inputs[INPUTS] = {{3, 4, 5, 32}, {3, 4, 5, 16}, {3, 4, 5, 48}};

/* A concat as a part of a wider image, or as all of it. */
typedef struct concat_request {
    hpac_op op;
    hpac_view sides[INPUTS - 1];
    hpac_layout layouts[INPUTS - 1];
    hpac_gradient gradients[INPUTS - 1];
    hpac_plan_request plan;
} concat_request;

static void make_request(concat_request *request, hpac_view output, hpac_layout layout)
{
    hpac_op *op = &request->op;
    *op = (hpac_op){.kind = HPAC_OP_CONCAT, .in = inputs[0], .out = inputs[0]};
    for (size_t i = 1; i < INPUTS; i++) {
        op->sides[op->side_count++] = inputs[i];
        op->out.channels += inputs[i].channels;
    }
    size_t channels = output.channels > 0 ? output.channels : op->out.channels;
    hpac_view view = {channels, output.first};
    request->plan = (hpac_plan_request){
        .ops = op,
        .op_count = 1,
        .batch = BATCH,
        .input_layout = layout,
        .side_layouts = request->layouts,
        .training = true,
        .input_gradient = HPAC_GRADIENT_WRITTEN,
        .side_gradients = request->gradients,
        .input_view = view,
        .output_view = output,
        .side_views = request->sides,
    };
    for (size_t i = 1; i < INPUTS; i++) {
        view.first += inputs[i - 1].channels;
        request->sides[i - 1] = view;
        request->layouts[i - 1] = layout;
        request->gradients[i - 1] = HPAC_GRADIENT_WRITTEN;
    }
}

/* Both passes leave the image and its gradient as they are. */
static hpac_status check_passes(check_stack *stack, const check_wider *wider, hpac_plan *plan)
{
    void *y, *dy;
    size_t nbytes = wider->reader ? wider->reader->input_nbytes : 0;
    HPAC_TRY(hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_DEVICE, nbytes, &y));
    HPAC_TRY(hpac_selfcheck_alloc(&stack->memory, HPAC_MEMORY_DEVICE, nbytes, &dy));
    hpac_exec_args args = {.x = y, .sides = {y, y}, .y = y, .training = true};
    HPAC_TRY(hpac_selfcheck_wider_write(stack, wider, y));
    HPAC_TRY(hpac_selfcheck_begin(stack->gauge));
    HPAC_TRY(stack->call->forward(plan, &args));
    HPAC_TRY(hpac_selfcheck_end(stack->gauge));
    HPAC_TRY(hpac_selfcheck_wider_check(stack, wider, "y", y));
    args.dx = args.dsides[0] = args.dsides[1] = args.dy = dy;
    HPAC_TRY(hpac_selfcheck_wider_write(stack, wider, dy));
    HPAC_TRY(stack->call->backward(plan, &args));
    return hpac_selfcheck_wider_check(stack, wider, "dy", dy);
}

static hpac_status check_in_place(check_stack *stack, concat_request *request)
{
    check_segment *segment = &stack->segments[stack->segment_count++];
    hpac_shape shape = inputs[0];
    hpac_view all = {.channels = request->plan.input_view.channels};
    HPAC_TRY(stack->call->plan_create(stack->device, &request->plan, &segment->plan));
    if (!segment->plan) {
        stack->gauge->reading.declined++;
        return HPAC_OK;
    }
    if (segment->plan->output_layout != request->plan.input_layout)
        return hpac_fail(HPAC_ERR_NUMERIC, "the output is in another layout than the inputs");
    shape.channels = 0; /* none of them are to change */
    HPAC_TRY(hpac_selfcheck_wider_init(stack, shape, segment->plan->output_layout, all,
                                       &segment->wider_y));
    return check_passes(stack, &segment->wider_y, segment->plan);
}

/* What is not in place is no concat in place. */
static hpac_status check_declined(check_stack *stack, const concat_request *request,
                                  const char *what)
{
    check_segment *segment = &stack->segments[stack->segment_count++];
    HPAC_TRY(stack->call->plan_create(stack->device, &request->plan, &segment->plan));
    return segment->plan ? hpac_fail(HPAC_ERR_NUMERIC, "a concat %s is accepted", what) : HPAC_OK;
}

hpac_status hpac_selfcheck_concat_in_place(selfcheck_gauge *gauge, const selfcheck_case *one,
                                           uint64_t seed)
{
    static const hpac_view outputs[] = {{0}, {160, 0}, {160, 48}};
    HPAC_AUTO(hpac_selfcheck_stack_fini)
    check_stack stack = {.gauge = gauge,
                         .device = gauge->device,
                         .call = gauge->device->ops,
                         .memory.device = gauge->device,
                         .batch = BATCH};
    hpac_device_info info;
    concat_request request;
    (void)one;
    hpac_random_init(&stack.random, seed, HPAC_PURPOSE_SYNTH, 0, 0);
    HPAC_TRY(stack.call->describe(stack.device, &info));
    hpac_layout layout = info.image_layout;
    HPAC_TRY(hpac_selfcheck_produced_layout(&stack, inputs[0], &layout));
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        make_request(&request, outputs[i], layout);
        HPAC_TRY(check_in_place(&stack, &request));
    }
    request.gradients[0] = HPAC_GRADIENT_ADDED;
    HPAC_TRY(check_declined(&stack, &request, "that would have to add a gradient"));
    request.gradients[0] = HPAC_GRADIENT_WRITTEN;
    request.sides[1].first--;
    return check_declined(&stack, &request, "of a view that is elsewhere");
}
