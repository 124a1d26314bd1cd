/* Operations with several inputs, by our own kernels: add, alone or before ReLU, multiply, concat.
 * A concat whose inputs are views of what it writes computes nothing. */
#include "cuda.h"

#include <stdio.h>

typedef struct join_plan {
    cuda_plan base;
    hpac_op op;
    bool relu; /* add */
    cuda_side sides[HPAC_OP_MAX_SIDES];
    size_t partials_offset; /* workspace; multiply */
} join_plan;

/* All inputs of an add, or all gradients, in the order in which they are made. */
typedef struct join_list {
    size_t count;
    const void *inputs[HPAC_OP_MAX_SIDES + 1];
    void *gradients[HPAC_OP_MAX_SIDES + 1];
    bool add[HPAC_OP_MAX_SIDES + 1];
} join_list;

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Four inputs at once, then the sum and three more. */
static hpac_status add_inputs(const join_plan *plan, const join_list *list, void *y)
{
    const kernel_tensor *tensor = &plan->base.output;
    size_t done = min(list->count, HPAC_KERNEL_MAX_SUMMANDS);
    CUDA_TRY(hpac_kernel_add(tensor, y, list->inputs, done, plan->relu && done == list->count,
                             hpac_cuda_stream(&plan->base)));
    while (done < list->count) {
        const void *inputs[HPAC_KERNEL_MAX_SUMMANDS] = {y};
        size_t more = min(list->count - done, HPAC_KERNEL_MAX_SUMMANDS - 1);
        for (size_t i = 0; i < more; i++)
            inputs[1 + i] = list->inputs[done++];
        CUDA_TRY(hpac_kernel_add(tensor, y, inputs, 1 + more, plan->relu && done == list->count,
                                 hpac_cuda_stream(&plan->base)));
    }
    return HPAC_OK;
}

static hpac_status add_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    join_list list = {.count = 1, .inputs = {args->x}};
    for (size_t i = 0; i < plan->op.side_count; i++)
        HPAC_TRY(hpac_cuda_side_read(base, &plan->sides[i], args, i, &list.inputs[list.count++]));
    return add_inputs(plan, &list, args->y);
}

static void list_gradient(join_list *list, void *gradient, bool add)
{
    if (!gradient)
        return;
    list->gradients[list->count] = gradient;
    list->add[list->count++] = add;
}

static hpac_status add_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    join_list list = {0};
    for (size_t i = 0; i < plan->op.side_count; i++) {
        bool add = false;
        void *gradient = hpac_cuda_side_gradient(&plan->sides[i], args, i, &add);
        list_gradient(&list, gradient, add);
    }
    if (args->dx != args->dy || plan->relu) /* else it is there */
        list_gradient(&list, args->dx, base->adds_dx);
    for (size_t done = 0; done < list.count; done += HPAC_KERNEL_MAX_SUMMANDS)
        CUDA_TRY(hpac_kernel_add_backward(&base->output, list.gradients + done, list.add + done,
                                          min(list.count - done, HPAC_KERNEL_MAX_SUMMANDS),
                                          plan->relu ? args->y : NULL, args->dy,
                                          hpac_cuda_stream(base)));
    for (size_t i = 0; i < plan->op.side_count; i++)
        HPAC_TRY(hpac_cuda_side_finish(base, &plan->sides[i], args, i));
    return HPAC_OK;
}

static bool broadcasts(const join_plan *plan)
{
    return hpac_shape_count(plan->op.sides[0]) != hpac_shape_count(plan->op.in);
}

static hpac_status multiply_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    const void *factor = NULL;
    HPAC_TRY(hpac_cuda_side_read(base, &plan->sides[0], args, 0, &factor));
    CUDA_TRY(hpac_kernel_multiply(&base->input, broadcasts(plan), args->y, args->x, factor,
                                  hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status multiply_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    const void *factor = NULL;
    bool add = false;
    void *dfactor = hpac_cuda_side_gradient(&plan->sides[0], args, 0, &add);
    if (!dfactor && !args->dx)
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_side_read(base, &plan->sides[0], args, 0, &factor));
    CUDA_TRY(hpac_kernel_multiply_backward(
        &base->input, broadcasts(plan), args->dx, base->adds_dx, dfactor, add, args->x, factor,
        args->dy, hpac_cuda_at(args->workspace, plan->partials_offset), hpac_cuda_stream(base)));
    return hpac_cuda_side_finish(base, &plan->sides[0], args, 0);
}

static hpac_status do_nothing(cuda_plan *base, const hpac_exec_args *args)
{
    (void)base;
    (void)args;
    return HPAC_OK;
}

static hpac_status concat_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    const kernel_tensor whole = hpac_cuda_whole_of(&base->output);
    cudaStream_t stream = hpac_cuda_stream(base);
    uint32_t first = (uint32_t)plan->op.in.channels;
    CUDA_TRY(hpac_kernel_put_channels(&whole, args->y, 0, first, args->x, stream));
    for (size_t i = 0; i < plan->op.side_count; i++) {
        const void *side = NULL;
        uint32_t channels = (uint32_t)plan->op.sides[i].channels;
        HPAC_TRY(hpac_cuda_side_read(base, &plan->sides[i], args, i, &side));
        CUDA_TRY(hpac_kernel_put_channels(&whole, args->y, first, channels, side, stream));
        first += channels;
    }
    return HPAC_OK;
}

static hpac_status concat_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const join_plan *plan = (const join_plan *)base;
    const kernel_tensor whole = hpac_cuda_whole_of(&base->output);
    cudaStream_t stream = hpac_cuda_stream(base);
    uint32_t first = (uint32_t)plan->op.in.channels;
    for (size_t i = 0; i < plan->op.side_count; i++) {
        bool add = false;
        uint32_t channels = (uint32_t)plan->op.sides[i].channels;
        void *gradient = hpac_cuda_side_gradient(&plan->sides[i], args, i, &add);
        if (gradient)
            CUDA_TRY(
                hpac_kernel_get_channels(&whole, gradient, add, first, channels, args->dy, stream));
        HPAC_TRY(hpac_cuda_side_finish(base, &plan->sides[i], args, i));
        first += channels;
    }
    if (args->dx)
        CUDA_TRY(hpac_kernel_get_channels(&whole, args->dx, base->adds_dx, 0,
                                          (uint32_t)plan->op.in.channels, args->dy, stream));
    return HPAC_OK;
}

/* Add in place writes the sum of four over x before it reads the inputs after them, one of which
 * may be x again. */
static void set_up_add(join_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    (void)request;
    public->ignores_x = true;
    public->ignores_y = !plan->relu;
    public->y_over_x = plan->op.side_count < HPAC_KERNEL_MAX_SUMMANDS;
    public->dx_over_dy = true;
}

static void set_up_multiply(join_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    public->ignores_y = true;
    public->y_over_x = !request->training;
    public->dx_over_dy = true;
    if (broadcasts(plan))
        plan->partials_offset = hpac_plan_reserve(
            &public->workspace_nbytes, hpac_kernel_factor_partials_nbytes(&plan->base.input));
}

static void set_up_concat(join_plan *plan, const hpac_plan_request *request)
{
    (void)request;
    plan->base.base.ignores_x = plan->base.base.ignores_y = true;
}

/* Whether an input is where it belongs in what a concat writes, and its gradient with it. */
static bool is_in_place(const hpac_plan_request *request, const hpac_view *view, size_t first,
                        hpac_gradient gradient)
{
    const hpac_view *output = &request->output_view;
    size_t wide = output->channels ? output->channels : request->ops[0].out.channels;
    return view->channels == wide && view->first == output->first + first &&
           gradient != HPAC_GRADIENT_ADDED;
}

/* Whether all inputs of a concat are, in the layout of what it writes. */
static bool makes_nothing(const hpac_plan_request *request)
{
    const hpac_op *op = &request->ops[0];
    const hpac_gradient *gradients = request->side_gradients;
    size_t first = op->in.channels;
    bool all = op->kind == HPAC_OP_CONCAT && request->side_views &&
               is_in_place(request, &request->input_view, 0, request->input_gradient);
    for (size_t i = 0; i < op->side_count && all; i++) {
        all = request->side_layouts[i] == request->input_layout &&
              is_in_place(request, &request->side_views[i], first,
                          gradients ? gradients[i] : HPAC_GRADIENT_NONE);
        first += op->sides[i].channels;
    }
    return all;
}

/* Only a concat writes a view, and only one whose inputs all are in place reads views. */
static bool takes_views(const hpac_plan_request *request)
{
    hpac_plan_request inputs = *request;
    inputs.output_view = (hpac_view){0};
    return !hpac_plan_has_views(request) || makes_nothing(request) ||
           (request->ops[0].kind == HPAC_OP_CONCAT && !hpac_plan_has_views(&inputs));
}

static const struct {
    cuda_pass *forward, *backward;
    void (*set_up)(join_plan *plan, const hpac_plan_request *request);
} operations[HPAC_OP_COUNT] = {
    [HPAC_OP_ADD] = {add_forward, add_backward, set_up_add},
    [HPAC_OP_MULTIPLY] = {multiply_forward, multiply_backward, set_up_multiply},
    [HPAC_OP_CONCAT] = {concat_forward, concat_backward, set_up_concat},
};

hpac_status hpac_cuda_try_join(cuda_device *device, const hpac_plan_request *request,
                               cuda_plan **result)
{
    const hpac_op *op = &request->ops[0];
    const hpac_op_kind add_relu[] = {HPAC_OP_ADD, HPAC_OP_RELU};
    bool relu = hpac_plan_is_chain(request, 2, add_relu);
    if (!operations[op->kind].forward || (request->op_count != 1 && !relu) || !takes_views(request))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(join_plan), operations[op->kind].forward,
                                  operations[op->kind].backward, result));
    join_plan *plan = (join_plan *)*result;
    plan->op = *op;
    plan->relu = relu;
    for (size_t i = 0; i < op->side_count; i++)
        hpac_cuda_side_init(&plan->base, request, op, i, &plan->sides[i]);
    operations[op->kind].set_up(plan, request);
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "own kernels");
    if (!makes_nothing(request))
        return HPAC_OK;
    plan->base.forward = plan->base.backward = do_nothing;
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "in place");
    return HPAC_OK;
}
