/* Plans: which op chains are taken, and what all plans have in common. */
#include "cuda.h"

#include "base/memory.h"

#include <nvtx3/nvToolsExt.h>
#include <stdio.h>

/* Each takes all the op chains it knows, the long ones too. */
static cuda_try *const tries[] = {hpac_cuda_try_conv2d, hpac_cuda_try_dense, hpac_cuda_try_norm,
                                  hpac_cuda_try_join, hpac_cuda_try_single};

kernel_tensor hpac_cuda_tensor_of(hpac_shape shape, size_t batch, hpac_layout layout)
{
    return (kernel_tensor){
        .batch = (int)batch,
        .rows = (int)shape.rows,
        .cols = (int)shape.cols,
        .channels = (int)shape.channels,
        .nchw = shape.rank == 3 && layout & CUDA_LAYOUT_NCHW,
        .bf16 = layout & CUDA_LAYOUT_BF16,
    };
}

cuda_order hpac_cuda_order_of(const kernel_tensor *tensor)
{
    size_t rows = (size_t)tensor->rows, cols = (size_t)tensor->cols,
           channels = (size_t)tensor->channels;
    size_t wide = tensor->wide_channels ? (size_t)tensor->wide_channels : channels;
    return (cuda_order){
        .lengths = {(size_t)tensor->batch, rows, cols, channels},
        .strides = {rows * cols * wide, tensor->nchw ? cols : cols * wide, tensor->nchw ? 1 : wide,
                    tensor->nchw ? rows * cols : 1},
    };
}

void hpac_cuda_tensor_view(kernel_tensor *tensor, const hpac_view *view, size_t *offset_nbytes)
{
    tensor->wide_channels = (int)view->channels;
    *offset_nbytes =
        view->first * hpac_cuda_order_of(tensor).strides[3] * (tensor->bf16 ? 2 : sizeof(float));
}

size_t hpac_cuda_tensor_count(const kernel_tensor *tensor)
{
    const cuda_order order = hpac_cuda_order_of(tensor);
    return order.lengths[0] * order.strides[0];
}

size_t hpac_cuda_tensor_nbytes(const kernel_tensor *tensor)
{
    return hpac_cuda_tensor_count(tensor) * (tensor->bf16 ? 2 : sizeof(float));
}

/* Of its own values, also of a view. */
static size_t own_nbytes(const kernel_tensor *tensor)
{
    kernel_tensor alone = *tensor;
    alone.wide_channels = 0;
    return hpac_cuda_tensor_nbytes(&alone);
}

kernel_tensor hpac_cuda_whole_of(const kernel_tensor *tensor)
{
    kernel_tensor whole = *tensor;
    if (whole.wide_channels)
        whole.channels = whole.wide_channels;
    whole.wide_channels = 0;
    return whole;
}

static void name_plan(const hpac_plan_request *request, char *name, size_t name_nbytes)
{
    char chain[128];
    hpac_plan_name(request, chain, sizeof chain);
    snprintf(name, name_nbytes, "%s, %s %s", chain,
             request->input_layout & CUDA_LAYOUT_NCHW ? "nchw" : "nhwc",
             request->input_layout & CUDA_LAYOUT_BF16 ? "bf16" : "float32");
}

hpac_status hpac_cuda_plan_alloc(cuda_device *device, const hpac_plan_request *request,
                                 size_t nbytes, cuda_pass *forward, cuda_pass *backward,
                                 cuda_plan **result)
{
    const hpac_op *first = &request->ops[0], *last = &request->ops[request->op_count - 1];
    cuda_plan *plan;
    HPAC_TRY_MEMORY(plan = *result = calloc(1, nbytes), nbytes);
    plan->base.device = &device->base;
    plan->forward = forward;
    plan->backward = backward;
    plan->adds_dx = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->frozen = request->frozen;
    name_plan(request, plan->name, sizeof plan->name);
    plan->input = hpac_cuda_tensor_of(first->in, request->batch, request->input_layout);
    hpac_cuda_tensor_view(&plan->input, &request->input_view, &plan->x_offset);
    plan->output = hpac_cuda_tensor_of(last->out, request->batch, HPAC_LAYOUT_PLAIN);
    plan->output_view = request->output_view;
    plan->base.input_nbytes = own_nbytes(&plan->input);
    hpac_cuda_plan_set_output(plan, last->out.rank == 1 ? request->input_layout & CUDA_LAYOUT_BF16
                                                        : request->input_layout);
    return HPAC_OK;
}

void hpac_cuda_plan_set_output(cuda_plan *plan, hpac_layout layout)
{
    plan->output.nchw = layout & CUDA_LAYOUT_NCHW;
    plan->output.bf16 = layout & CUDA_LAYOUT_BF16;
    hpac_cuda_tensor_view(&plan->output, &plan->output_view, &plan->y_offset);
    plan->base.output_layout = layout;
    plan->base.output_nbytes = own_nbytes(&plan->output);
}

void hpac_cuda_plan_add_parameter(cuda_plan *plan, size_t op, hpac_role role,
                                  const cuda_order *order)
{
    const size_t *lengths = order->lengths;
    size_t index = plan->base.parameter_count++;
    size_t count = lengths[0] * lengths[1] * lengths[2] * lengths[3];
    size_t *slice_nbytes =
        hpac_role_is_trained(role) ? &plan->base.parameters_nbytes : &plan->base.statistics_nbytes;
    plan->parameters[index] = *order;
    plan->base.parameters[index] = (hpac_parameter){
        .op = op,
        .role = role,
        .count = count,
        .offset_nbytes = hpac_plan_reserve(slice_nbytes, count * sizeof(float)),
    };
}

void hpac_cuda_plan_add_kernel(cuda_plan *plan, size_t op, const cuda_order *kernel, bool bias)
{
    const cuda_order row = {.lengths = {1, 1, 1, kernel->lengths[3]}, .strides = {0, 0, 0, 1}};
    hpac_cuda_plan_add_parameter(plan, op, HPAC_KERNEL, kernel);
    if (bias)
        hpac_cuda_plan_add_parameter(plan, op, HPAC_BIAS, &row);
    if (plan->input.bf16)
        plan->cast_offset =
            hpac_plan_reserve(&plan->base.state_nbytes, plan->base.parameters_nbytes / 2);
}

bool hpac_cuda_is_plain_pool(const hpac_op *op)
{
    return op->stride_rows == op->kernel_rows && op->stride_cols == op->kernel_cols &&
           op->pad_top + op->pad_bottom + op->pad_left + op->pad_right == 0;
}

kernel_dropout hpac_cuda_dropout(const cuda_device *device, const hpac_op *op)
{
    return (kernel_dropout){
        .step = device->step,
        .stream = op->stream,
        .threshold = hpac_dropout_threshold(op->rate),
        .scale = 1.0F / (1.0F - op->rate),
    };
}

static hpac_status try_chains(cuda_device *device, const hpac_plan_request *request,
                              cuda_plan **plan)
{
    for (size_t i = 0; i < sizeof tries / sizeof *tries && !*plan; i++)
        HPAC_TRY(tries[i](device, request, plan));
    if (*plan && hpac_plan_has_views(request))
        (*plan)->base.y_over_x = (*plan)->base.dx_over_dy = false;
    return HPAC_OK;
}

/* What an operation does not write as a view is copied, which is all that a concat would do. That
 * of a concat would be in another image than its inputs. */
static hpac_status try_copied(cuda_device *device, const hpac_plan_request *request,
                              cuda_plan **plan)
{
    hpac_plan_request alone = *request;
    HPAC_AUTO(hpac_cuda_plan_release) cuda_plan *inner = NULL;
    alone.output_view = (hpac_view){0};
    HPAC_TRY(try_chains(device, &alone, &inner));
    return inner ? hpac_cuda_wrap(device, request, &inner, plan) : HPAC_OK;
}

static hpac_status try_all(cuda_device *device, const hpac_plan_request *request, cuda_plan **plan)
{
    HPAC_TRY(hpac_cuda_use(&device->base));
    HPAC_TRY(try_chains(device, request, plan));
    if (!*plan && request->output_view.channels && request->ops[0].kind != HPAC_OP_CONCAT)
        return try_copied(device, request, plan);
    if (!*plan || !request->plain_output || (*plan)->base.output_layout == HPAC_LAYOUT_PLAIN)
        return HPAC_OK;
    HPAC_AUTO(hpac_cuda_plan_release) cuda_plan *inner = *plan;
    *plan = NULL;
    return hpac_cuda_wrap(device, request, &inner, plan);
}

hpac_status hpac_cuda_plan_create(hpac_device *base, const hpac_plan_request *request,
                                  hpac_plan **result)
{
    HPAC_AUTO(hpac_cuda_plan_release) cuda_plan *plan = NULL;
    char name[sizeof plan->name];
    *result = NULL;
    if (request->output_view.channels && request->plain_output)
        return HPAC_OK;
    hpac_status status = try_all((cuda_device *)base, request, &plan);
    if (status != HPAC_OK) {
        name_plan(request, name, sizeof name);
        return hpac_fail_within(status, "%s", name);
    }
    if (plan)
        *result = &plan->base;
    plan = NULL;
    return HPAC_OK;
}

void hpac_cuda_plan_destroy(hpac_plan *base)
{
    cuda_plan *plan = (cuda_plan *)base;
    if (plan && plan->fini)
        plan->fini(plan);
    free(plan);
}

void hpac_cuda_plan_release(cuda_plan **plan)
{
    hpac_cuda_plan_destroy((hpac_plan *)*plan);
    *plan = NULL;
}

static void *view_at(const void *image, size_t offset)
{
    return image ? hpac_cuda_at(image, offset) : NULL;
}

static void enter_views(const cuda_plan *plan, hpac_exec_args *args)
{
    args->x = view_at(args->x, plan->x_offset);
    args->dx = view_at(args->dx, plan->x_offset);
    args->y = view_at(args->y, plan->y_offset);
    args->dy = view_at(args->dy, plan->y_offset);
    for (size_t i = 0; i < HPAC_OP_MAX_SIDES; i++) {
        args->sides[i] = view_at(args->sides[i], plan->side_offsets[i]);
        args->dsides[i] = view_at(args->dsides[i], plan->side_offsets[i]);
    }
}

static hpac_status call_pass(hpac_plan *base, const hpac_exec_args *args, cuda_pass *pass,
                             const char *name)
{
    cuda_plan *plan = (cuda_plan *)base;
    hpac_exec_args inside = *args;
    enter_views(plan, &inside);
    HPAC_TRY(hpac_cuda_use(base->device));
    (void)nvtxRangePushA(plan->name);
    hpac_status status = pass(plan, &inside);
    (void)nvtxRangePop();
    return hpac_fail_within(status, "%s: %s", plan->name, name);
}

hpac_status hpac_cuda_forward(hpac_plan *base, const hpac_exec_args *args)
{
    return call_pass(base, args, ((const cuda_plan *)base)->forward, "forward");
}

hpac_status hpac_cuda_backward(hpac_plan *base, const hpac_exec_args *args)
{
    return call_pass(base, args, ((const cuda_plan *)base)->backward, "backward");
}
