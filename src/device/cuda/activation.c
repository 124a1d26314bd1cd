/* ReLU and sigmoid as operations of their own. */
#include "cuda.h"

typedef struct activation_plan {
    cuda_plan base;
    hpac_op_kind kind;
} activation_plan;

static hpac_status activation_forward(cuda_plan *base, const hpac_exec_args *run)
{
    const activation_plan *plan = (const activation_plan *)base;
    CUDA_TRY_RUNTIME(hpac_kernel_activate(&base->output, plan->kind, run->y, run->x,
                                          hpac_cuda_compute(hpac_cuda_device_of(base))));
    return HPAC_OK;
}

static hpac_status activation_backward(cuda_plan *base, const hpac_exec_args *run)
{
    const activation_plan *plan = (const activation_plan *)base;
    if (run->dx)
        CUDA_TRY_RUNTIME(
            hpac_kernel_activate_backward(&base->output, plan->kind, run->dx, run->y, run->dy,
                                          hpac_cuda_compute(hpac_cuda_device_of(base))));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_activation(cuda_device *device, const hpac_plan_request *request,
                                     cuda_plan **result)
{
    if (!hpac_cuda_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_RELU}) &&
        !hpac_cuda_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_SIGMOID}))
        return HPAC_OK;
    CUDA_TRY(hpac_cuda_plan_alloc(device, request, sizeof(activation_plan), result));
    activation_plan *plan = (activation_plan *)*result;
    plan->base.forward = activation_forward;
    plan->base.backward = activation_backward;
    plan->kind = request->ops[0].kind;
    return HPAC_OK;
}
