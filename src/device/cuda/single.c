/* Operations that are one kernel of ours each, alone in their plan: pixels, activations, rescale,
 * dropout, pools, padding, and flatten and reshape, which in front of a dense layer cost nothing
 * (dense.c). */
#include "cuda.h"

#include <stdio.h>

typedef struct single_plan {
    cuda_plan base;
    hpac_op op;
    kernel_dropout dropout;
    kernel_pool pool; /* max pooling of windows side by side */
    bool plain_pool;
    kernel_window window; /* pools of any windows */
    /* flatten, reshape: input and output with their values in NHWC order, in the input's format */
    kernel_tensor flat_input, flat_output;
    bool turns_input, turns_output; /* input, output are planes: their memory order is another */
} single_plan;

/* Enqueues a pass. */
typedef cudaError_t single_pass(const single_plan *plan, const hpac_exec_args *args,
                                cudaStream_t stream);

/* The bytes or floats of a batch slot -> floats in [0, 1] in the device's image layout. */
static cudaError_t pixels(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    return hpac_kernel_pixels(&plan->base.output, args->y, args->x, plan->op.pixels, stream);
}

static cudaError_t activation(const single_plan *plan, const hpac_exec_args *args,
                              cudaStream_t stream)
{
    return hpac_kernel_activate(&plan->base.output, plan->op.kind, args->y, args->x, stream);
}

static bool is_from_x(const single_plan *plan)
{
    return plan->op.kind == HPAC_OP_SILU || plan->op.kind == HPAC_OP_GELU;
}

static cudaError_t activation_backward(const single_plan *plan, const hpac_exec_args *args,
                                       cudaStream_t stream)
{
    return hpac_kernel_activate_backward(&plan->base.output, plan->op.kind, args->dx,
                                         is_from_x(plan) ? args->x : args->y, args->dy,
                                         plan->base.adds_dx, stream);
}

static cudaError_t rescale(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    return hpac_kernel_rescale(&plan->base.output, plan->op.factor, plan->op.offset, args->y, false,
                               args->x, stream);
}

static cudaError_t rescale_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return hpac_kernel_rescale(&plan->base.output, plan->op.factor, NULL, args->dx,
                               plan->base.adds_dx, args->dy, stream);
}

/* Drops single values, or whole channels or images. */
static cudaError_t drop(const single_plan *plan, void *y, bool add, const void *x,
                        cudaStream_t stream)
{
    const kernel_tensor *tensor = &plan->base.output;
    return plan->op.whole_channels
               ? hpac_kernel_drop_channels(tensor, &plan->dropout, plan->op.whole_images, y, add, x,
                                           stream)
               : hpac_kernel_dropout(tensor, &plan->dropout, y, x, add, stream);
}

/* The mask is a function of seed, step and index: backward draws it again and nothing is stored. */
static cudaError_t dropout(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    if (args->training)
        return drop(plan, args->y, false, args->x, stream);
    return args->y == args->x ? cudaSuccess
                              : cudaMemcpyAsync(args->y, args->x, plan->base.base.output_nbytes,
                                                cudaMemcpyDeviceToDevice, stream);
}

static cudaError_t dropout_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return drop(plan, args->dx, plan->base.adds_dx, args->dy, stream);
}

/* The first of equals is the max, as in Keras; cuDNN documents no rule for these. */
static cudaError_t maxpool(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    void *argmax = args->training ? args->state : NULL;
    return plan->plain_pool
               ? hpac_kernel_maxpool(&plan->pool, args->y, argmax, args->x, stream)
               : hpac_kernel_window_max(&plan->window, args->y, argmax, args->x, stream);
}

/* Both kernels store the same argmax, and this one can add. */
static cudaError_t maxpool_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    if (plan->plain_pool && !plan->base.adds_dx)
        return hpac_kernel_maxpool_backward(&plan->pool, args->dx, args->state, args->dy, NULL,
                                            NULL, stream);
    return hpac_kernel_window_max_backward(&plan->window, args->dx, args->state, args->dy,
                                           plan->base.adds_dx, stream);
}

static cudaError_t avgpool(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    return hpac_kernel_window_mean(&plan->window, args->y, args->x, stream);
}

static cudaError_t avgpool_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return hpac_kernel_window_mean_backward(&plan->window, args->dx, args->dy, plan->base.adds_dx,
                                            stream);
}

static cudaError_t global_avgpool(const single_plan *plan, const hpac_exec_args *args,
                                  cudaStream_t stream)
{
    return hpac_kernel_global_mean(&plan->base.input, args->y, args->x, stream);
}

static cudaError_t global_avgpool_backward(const single_plan *plan, const hpac_exec_args *args,
                                           cudaStream_t stream)
{
    return hpac_kernel_global_mean_backward(&plan->base.input, args->dx, args->dy,
                                            plan->base.adds_dx, stream);
}

static cudaError_t global_maxpool(const single_plan *plan, const hpac_exec_args *args,
                                  cudaStream_t stream)
{
    return hpac_kernel_global_max(&plan->base.input, args->y, args->training ? args->state : NULL,
                                  args->x, stream);
}

static cudaError_t global_maxpool_backward(const single_plan *plan, const hpac_exec_args *args,
                                           cudaStream_t stream)
{
    return hpac_kernel_global_max_backward(&plan->base.input, args->dx, args->state, args->dy,
                                           plan->base.adds_dx, stream);
}

static cudaError_t zero_pad(const single_plan *plan, const hpac_exec_args *args,
                            cudaStream_t stream)
{
    return hpac_kernel_shift(&plan->base.output, args->y, &plan->base.input, args->x,
                             -(int)plan->op.pad_top, -(int)plan->op.pad_left, false, stream);
}

static cudaError_t zero_pad_backward(const single_plan *plan, const hpac_exec_args *args,
                                     cudaStream_t stream)
{
    return hpac_kernel_shift(&plan->base.input, args->dx, &plan->base.output, args->dy,
                             (int)plan->op.pad_top, (int)plan->op.pad_left, plan->base.adds_dx,
                             stream);
}

/* From planes to planes of another shape by way of the workspace. */
static cudaError_t reshape(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    const kernel_tensor *from = &plan->flat_output;
    const void *x = args->x;
    if (plan->turns_input) {
        void *flat = plan->turns_output ? args->workspace : args->y;
        cudaError_t error =
            hpac_kernel_convert(&plan->flat_input, flat, &plan->base.input, args->x, false, stream);
        if (error != cudaSuccess || !plan->turns_output)
            return error;
        x = flat;
    }
    return x == args->y ? cudaSuccess
                        : hpac_kernel_convert(&plan->base.output, args->y, from, x, false, stream);
}

static cudaError_t reshape_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    const void *dy = args->dy;
    kernel_tensor from = plan->flat_input;
    from.bf16 = plan->base.output.bf16;
    if (plan->turns_output) {
        from.bf16 = plan->base.input.bf16; /* as flat_output */
        void *flat = plan->turns_input ? args->workspace : args->dx;
        cudaError_t error =
            hpac_kernel_convert(&plan->flat_output, flat, &plan->base.output, args->dy,
                                plan->base.adds_dx && !plan->turns_input, stream);
        if (error != cudaSuccess || !plan->turns_input)
            return error;
        dy = flat;
    }
    return dy == args->dx ? cudaSuccess
                          : hpac_kernel_convert(&plan->base.input, args->dx, &from, dy,
                                                plan->base.adds_dx, stream);
}

static void set_up_pixels(single_plan *plan, const hpac_plan_request *request)
{
    const cuda_device *device = hpac_cuda_device_of(&plan->base);
    plan->base.reads_bytes = plan->op.pixels == HPAC_PIXELS_UINT8;
    if (plan->base.reads_bytes)
        plan->base.base.input_nbytes = hpac_cuda_tensor_count(&plan->base.input);
    hpac_cuda_plan_set_output(&plan->base, request->plain_output    ? HPAC_LAYOUT_PLAIN
                                           : plan->op.out.rank == 3 ? device->image_layout
                                                                    : device->vector_layout);
}

static void set_up_dropout(single_plan *plan, const hpac_plan_request *request)
{
    (void)request;
    plan->dropout = hpac_cuda_dropout(hpac_cuda_device_of(&plan->base), &plan->op);
}

/* Backward reads x: forward in place is for inference alone. */
static void set_up_from_x(single_plan *plan, const hpac_plan_request *request)
{
    plan->base.base.y_over_x = !request->training;
}

static void set_up_pool(single_plan *plan, const hpac_plan_request *request)
{
    const hpac_op *op = &plan->op;
    (void)request;
    plan->window = (kernel_window){
        .before = plan->base.input,
        .after = plan->base.output,
        .window_rows = (int)op->kernel_rows,
        .window_cols = (int)op->kernel_cols,
        .stride_rows = (int)op->stride_rows,
        .stride_cols = (int)op->stride_cols,
        .pad_top = (int)op->pad_top,
        .pad_left = (int)op->pad_left,
    };
}

/* Only the kernels of any windows take views. */
static void set_up_maxpool(single_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    set_up_pool(plan, request);
    plan->plain_pool = hpac_cuda_is_plain_pool(&plan->op) && !hpac_plan_has_views(request);
    plan->pool = (kernel_pool){.before = plan->base.input,
                               .window_rows = (int)plan->op.kernel_rows,
                               .window_cols = (int)plan->op.kernel_cols};
    public->state_nbytes = hpac_kernel_window_argmax_nbytes(&plan->window);
    snprintf(public->algorithm, sizeof public->algorithm, "own kernel, with argmax in training");
}

static void set_up_global_maxpool(single_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    (void)request;
    public->state_nbytes = hpac_cuda_tensor_count(&plan->base.output) * sizeof(uint32_t);
    snprintf(public->algorithm, sizeof public->algorithm, "own kernel, with argmax in training");
}

static bool has_planes(const kernel_tensor *tensor)
{
    return tensor->nchw && tensor->channels > 1 && tensor->rows * tensor->cols > 1;
}

/* A vector that becomes an image gets the device's layout. */
static void set_up_reshape(single_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    if (plan->op.in.rank == 1 && plan->op.out.rank == 3)
        hpac_cuda_plan_set_output(
            &plan->base, request->plain_output ? HPAC_LAYOUT_PLAIN
                                               : hpac_cuda_device_of(&plan->base)->image_layout);
    plan->flat_input = plan->base.input;
    plan->flat_output = plan->base.output;
    plan->flat_input.nchw = plan->flat_output.nchw = false;
    plan->flat_output.bf16 = plan->base.input.bf16;
    plan->turns_input = has_planes(&plan->base.input);
    plan->turns_output = has_planes(&plan->base.output);
    if (plan->turns_input && plan->turns_output)
        (void)hpac_plan_reserve(&public->workspace_nbytes, public->input_nbytes);
    public->y_over_x = public->dx_over_dy = !plan->turns_input && !plan->turns_output &&
                                            plan->base.input.bf16 == plan->base.output.bf16;
}

/* What an operation's backward does not read, whether it may be computed in place: y over x, and dx
 * over dy; and whether its input and output may be views. */
enum {
    IGNORES_X = 1,
    IGNORES_Y = 2,
    IN_PLACE = 4,
    VIEWS = 8,
    IGNORES_BOTH = IGNORES_X | IGNORES_Y
};

/* Pixels are the first operation of a network: their input has no gradient. */
static const struct {
    single_pass *forward, *backward;
    void (*set_up)(single_plan *plan, const hpac_plan_request *request);
    unsigned memory;
} operations[] = {
    [HPAC_OP_PIXELS] = {pixels, NULL, set_up_pixels, IGNORES_BOTH},
    [HPAC_OP_RELU] = {activation, activation_backward, NULL, IGNORES_X | IN_PLACE},
    [HPAC_OP_SIGMOID] = {activation, activation_backward, NULL, IGNORES_X | IN_PLACE},
    [HPAC_OP_RELU6] = {activation, activation_backward, NULL, IGNORES_X | IN_PLACE},
    [HPAC_OP_SOFTPLUS] = {activation, activation_backward, NULL, IGNORES_X | IN_PLACE},
    [HPAC_OP_TANH] = {activation, activation_backward, NULL, IGNORES_X | IN_PLACE},
    [HPAC_OP_SILU] = {activation, activation_backward, set_up_from_x, IGNORES_Y | IN_PLACE},
    [HPAC_OP_GELU] = {activation, activation_backward, set_up_from_x, IGNORES_Y | IN_PLACE},
    [HPAC_OP_RESCALE] = {rescale, rescale_backward, NULL, IGNORES_BOTH | IN_PLACE},
    [HPAC_OP_DROPOUT] = {dropout, dropout_backward, set_up_dropout, IGNORES_BOTH | IN_PLACE},
    [HPAC_OP_MAXPOOL] = {maxpool, maxpool_backward, set_up_maxpool, IGNORES_BOTH | VIEWS},
    [HPAC_OP_AVGPOOL] = {avgpool, avgpool_backward, set_up_pool, IGNORES_BOTH | VIEWS},
    [HPAC_OP_GLOBAL_AVGPOOL] = {global_avgpool, global_avgpool_backward, NULL, IGNORES_BOTH},
    [HPAC_OP_GLOBAL_MAXPOOL] = {global_maxpool, global_maxpool_backward, set_up_global_maxpool,
                                IGNORES_BOTH},
    [HPAC_OP_ZERO_PAD] = {zero_pad, zero_pad_backward, NULL, IGNORES_BOTH},
    [HPAC_OP_FLATTEN] = {reshape, reshape_backward, set_up_reshape, IGNORES_BOTH},
    [HPAC_OP_RESHAPE] = {reshape, reshape_backward, set_up_reshape, IGNORES_BOTH},
};

static hpac_status call(cuda_plan *base, single_pass *pass, const hpac_exec_args *args)
{
    cudaError_t error = pass((const single_plan *)base, args, hpac_cuda_stream(base));
    return error == cudaSuccess ? HPAC_OK : hpac_cuda_fail(error, "kernel launch");
}

static hpac_status forward(cuda_plan *base, const hpac_exec_args *args)
{
    return call(base, operations[((single_plan *)base)->op.kind].forward, args);
}

static hpac_status backward(cuda_plan *base, const hpac_exec_args *args)
{
    single_pass *pass = operations[((single_plan *)base)->op.kind].backward;
    return pass && args->dx ? call(base, pass, args) : HPAC_OK;
}

hpac_status hpac_cuda_try_single(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (request->op_count != 1 || op->kind >= sizeof operations / sizeof *operations ||
        !operations[op->kind].forward)
        return HPAC_OK;
    if (hpac_plan_has_views(request) && !(operations[op->kind].memory & VIEWS))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(single_plan), forward, backward, result));
    single_plan *plan = (single_plan *)*result;
    hpac_plan *public = &plan->base.base;
    unsigned memory = operations[op->kind].memory;
    plan->op = *op;
    public->ignores_x = memory & IGNORES_X;
    public->ignores_y = memory & IGNORES_Y;
    public->y_over_x = public->dx_over_dy = memory & IN_PLACE;
    if (operations[op->kind].set_up)
        operations[op->kind].set_up(plan, request);
    return HPAC_OK;
}
