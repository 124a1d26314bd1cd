/* Dropout: the mask is a function of seed, step and place, so that backward draws it again and
 * nothing is kept. */
#include "cuda.h"

typedef struct dropout_plan {
    cuda_plan base;
    kernel_dropout dropout;
} dropout_plan;

static hpac_status dropout_forward(cuda_plan *base, const hpac_exec_args *run)
{
    const dropout_plan *plan = (const dropout_plan *)base;
    cuda_device *device = hpac_cuda_device_of(base);
    if (!run->training)
        return hpac_cuda_copy(&device->base, run->y, run->x,
                              hpac_cuda_tensor_nbytes(&base->output));
    CUDA_TRY_RUNTIME(hpac_kernel_dropout(&base->output, &plan->dropout, run->y, run->x,
                                         hpac_cuda_compute(device)));
    return HPAC_OK;
}

static hpac_status dropout_backward(cuda_plan *base, const hpac_exec_args *run)
{
    const dropout_plan *plan = (const dropout_plan *)base;
    if (run->dx)
        CUDA_TRY_RUNTIME(hpac_kernel_dropout(&base->output, &plan->dropout, run->dx, run->dy,
                                             hpac_cuda_compute(hpac_cuda_device_of(base))));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_dropout(cuda_device *device, const hpac_plan_request *request,
                                  cuda_plan **result)
{
    if (!hpac_cuda_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_DROPOUT}))
        return HPAC_OK;
    CUDA_TRY(hpac_cuda_plan_alloc(device, request, sizeof(dropout_plan), result));
    dropout_plan *plan = (dropout_plan *)*result;
    plan->base.forward = dropout_forward;
    plan->base.backward = dropout_backward;
    plan->dropout = hpac_cuda_dropout(device, &request->ops[0]);
    return HPAC_OK;
}
