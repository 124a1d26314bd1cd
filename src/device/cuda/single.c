/* Operations that are one kernel of ours each, alone in their plan: pixels, ReLU, sigmoid, dropout,
 * max pooling, and flatten, which in front of a dense layer costs nothing (dense.c). */
#include "cuda.h"

#include <stdio.h>

typedef struct single_plan {
    cuda_plan base;
    hpac_op op;
    kernel_dropout dropout;
    kernel_pool pool;
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

static cudaError_t activation_backward(const single_plan *plan, const hpac_exec_args *args,
                                       cudaStream_t stream)
{
    return hpac_kernel_activate_backward(&plan->base.output, plan->op.kind, args->dx, args->y,
                                         args->dy, stream);
}

/* The mask is a function of seed, step and index: backward draws it again and nothing is stored. */
static cudaError_t dropout(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    if (!args->training)
        return cudaMemcpyAsync(args->y, args->x, plan->base.base.output_nbytes,
                               cudaMemcpyDeviceToDevice, stream);
    return hpac_kernel_dropout(&plan->base.output, &plan->dropout, args->y, args->x, stream);
}

static cudaError_t dropout_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return hpac_kernel_dropout(&plan->base.output, &plan->dropout, args->dx, args->dy, stream);
}

/* The first of equals is the max, as in Keras; cuDNN documents no rule for these. */
static cudaError_t maxpool(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    return hpac_kernel_maxpool(&plan->pool, args->y, args->training ? args->state : NULL, args->x,
                               stream);
}

static cudaError_t maxpool_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return hpac_kernel_maxpool_backward(&plan->pool, args->dx, args->state, args->dy, NULL, NULL,
                                        stream);
}

/* `output` is the image in NHWC order, whose memory is the vector's. */
static cudaError_t flatten(const single_plan *plan, const hpac_exec_args *args, cudaStream_t stream)
{
    return hpac_kernel_convert(&plan->base.output, args->y, &plan->base.input, args->x, stream);
}

static cudaError_t flatten_backward(const single_plan *plan, const hpac_exec_args *args,
                                    cudaStream_t stream)
{
    return hpac_kernel_convert(&plan->base.input, args->dx, &plan->base.output, args->dy, stream);
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

static void set_up_maxpool(single_plan *plan, const hpac_plan_request *request)
{
    hpac_plan *public = &plan->base.base;
    (void)request;
    plan->pool = (kernel_pool){.before = plan->base.input,
                               .window_rows = (int)plan->op.kernel_rows,
                               .window_cols = (int)plan->op.kernel_cols};
    public->state_nbytes = hpac_kernel_argmax_nbytes(&plan->pool);
    snprintf(public->algorithm, sizeof public->algorithm, "own kernel, with argmax in training");
}

static void set_up_flatten(single_plan *plan, const hpac_plan_request *request)
{
    (void)request;
    plan->base.output = plan->base.input;
    plan->base.output.nchw = false;
}

/* Pixels are the first operation of a network: their input has no gradient. */
static const struct {
    single_pass *forward, *backward;
    void (*set_up)(single_plan *plan, const hpac_plan_request *request);
} operations[] = {
    [HPAC_OP_PIXELS] = {pixels, NULL, set_up_pixels},
    [HPAC_OP_RELU] = {activation, activation_backward, NULL},
    [HPAC_OP_SIGMOID] = {activation, activation_backward, NULL},
    [HPAC_OP_DROPOUT] = {dropout, dropout_backward, set_up_dropout},
    [HPAC_OP_MAXPOOL] = {maxpool, maxpool_backward, set_up_maxpool},
    [HPAC_OP_FLATTEN] = {flatten, flatten_backward, set_up_flatten},
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
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(single_plan), forward, backward, result));
    single_plan *plan = (single_plan *)*result;
    plan->op = *op;
    if (operations[op->kind].set_up)
        operations[op->kind].set_up(plan, request);
    return HPAC_OK;
}
