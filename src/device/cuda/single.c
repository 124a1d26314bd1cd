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

/* The bytes or floats of a batch slot -> floats in [0, 1] in the device's image layout. */
static hpac_status pixels(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_pixels(&base->output, args->y, args->x, ((single_plan *)base)->op.pixels,
                                hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status activation(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_activate(&base->output, ((single_plan *)base)->op.kind, args->y, args->x,
                                  hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status activation_backward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_activate_backward(&base->output, ((single_plan *)base)->op.kind, args->dx,
                                           args->y, args->dy, hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* The mask is a function of seed, step and index: backward draws it again and nothing is stored. */
static hpac_status dropout(cuda_plan *base, const hpac_exec_args *args)
{
    hpac_device *device = base->base.device;
    if (!args->training)
        return device->ops->copy(device, args->y, args->x, base->base.output_nbytes);
    CUDA_TRY(hpac_kernel_dropout(&base->output, &((single_plan *)base)->dropout, args->y, args->x,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status dropout_backward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_dropout(&base->output, &((single_plan *)base)->dropout, args->dx, args->dy,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* The first of equals is the max, as in Keras; cuDNN documents no rule for these. */
static hpac_status maxpool(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_maxpool(&((single_plan *)base)->pool, args->y,
                                 args->training ? args->state : NULL, args->x,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status maxpool_backward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_maxpool_backward(&((single_plan *)base)->pool, args->dx, args->state,
                                          args->dy, NULL, NULL, hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* `output` is the image in NHWC order, whose memory is the vector's. */
static hpac_status flatten(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(
        hpac_kernel_convert(&base->output, args->y, &base->input, args->x, hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status flatten_backward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_convert(&base->input, args->dx, &base->output, args->dy,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

static const struct {
    cuda_pass *forward, *backward;
} passes[] = {
    [HPAC_OP_PIXELS] = {pixels, NULL},
    [HPAC_OP_RELU] = {activation, activation_backward},
    [HPAC_OP_SIGMOID] = {activation, activation_backward},
    [HPAC_OP_DROPOUT] = {dropout, dropout_backward},
    [HPAC_OP_MAXPOOL] = {maxpool, maxpool_backward},
    [HPAC_OP_FLATTEN] = {flatten, flatten_backward},
};

/* There is nothing but dx to compute. Pixels are the first operation: their input has none. */
static hpac_status backward(cuda_plan *base, const hpac_exec_args *args)
{
    cuda_pass *pass = passes[((single_plan *)base)->op.kind].backward;
    return pass && args->dx ? pass(base, args) : HPAC_OK;
}

static void set_up_pixels(cuda_device *device, const hpac_plan_request *request, cuda_plan *plan)
{
    const hpac_op *op = &request->ops[0];
    plan->reads_bytes = op->pixels == HPAC_PIXELS_UINT8;
    if (plan->reads_bytes)
        plan->base.input_nbytes = hpac_cuda_tensor_count(&plan->input);
    hpac_cuda_plan_set_output(plan, request->plain_output ? HPAC_LAYOUT_PLAIN
                                    : op->out.rank == 3   ? device->image_layout
                                                          : device->vector_layout);
}

static void set_up_maxpool(single_plan *plan)
{
    hpac_plan *public = &plan->base.base;
    plan->pool = (kernel_pool){.before = plan->base.input,
                               .window_rows = (int)plan->op.kernel_rows,
                               .window_cols = (int)plan->op.kernel_cols};
    public->state_nbytes = hpac_kernel_argmax_nbytes(&plan->pool);
    snprintf(public->algorithm, sizeof public->algorithm, "own kernel, with argmax in training");
}

hpac_status hpac_cuda_try_single(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (request->op_count != 1 || op->kind >= sizeof passes / sizeof *passes ||
        !passes[op->kind].forward)
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(single_plan), passes[op->kind].forward,
                                  backward, result));
    single_plan *plan = (single_plan *)*result;
    plan->op = *op;
    if (op->kind == HPAC_OP_PIXELS)
        set_up_pixels(device, request, &plan->base);
    else if (op->kind == HPAC_OP_MAXPOOL)
        set_up_maxpool(plan);
    else if (op->kind == HPAC_OP_DROPOUT)
        plan->dropout = hpac_cuda_dropout(device, op);
    else if (op->kind == HPAC_OP_FLATTEN) {
        plan->base.output = plan->base.input;
        plan->base.output.nchw = false;
    }
    return HPAC_OK;
}
