/* ReLU and sigmoid as operations of their own. */
#include "cuda.h"

typedef struct activation_plan {
    cuda_plan base;
    hpac_op_kind kind;
} activation_plan;

static hpac_status forward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_activate(&base->output, ((activation_plan *)base)->kind, args->y, args->x,
                                  hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status backward(cuda_plan *base, const hpac_exec_args *args)
{
    if (args->dx)
        CUDA_TRY(hpac_kernel_activate_backward(&base->output, ((activation_plan *)base)->kind,
                                               args->dx, args->y, args->dy,
                                               hpac_cuda_stream(base)));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_activation(cuda_device *device, const hpac_plan_request *request,
                                     cuda_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_RELU) &&
        !hpac_plan_is_single(request, HPAC_OP_SIGMOID))
        return HPAC_OK;
    HPAC_TRY(
        hpac_cuda_plan_alloc(device, request, sizeof(activation_plan), forward, backward, result));
    ((activation_plan *)*result)->kind = request->ops[0].kind;
    return HPAC_OK;
}
