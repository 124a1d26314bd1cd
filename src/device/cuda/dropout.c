/* Dropout: the mask is a function of seed, step and index, so that backward draws it again and
 * nothing is stored. */
#include "cuda.h"

typedef struct dropout_plan {
    cuda_plan base;
    kernel_dropout dropout;
} dropout_plan;

static hpac_status forward(cuda_plan *base, const hpac_exec_args *args)
{
    if (!args->training)
        return hpac_cuda_copy(base->base.device, args->y, args->x,
                              hpac_cuda_tensor_nbytes(&base->output));
    CUDA_TRY(hpac_kernel_dropout(&base->output, &((dropout_plan *)base)->dropout, args->y, args->x,
                                 hpac_cuda_stream(base)));
    return HPAC_OK;
}

static hpac_status backward(cuda_plan *base, const hpac_exec_args *args)
{
    if (args->dx)
        CUDA_TRY(hpac_kernel_dropout(&base->output, &((dropout_plan *)base)->dropout, args->dx,
                                     args->dy, hpac_cuda_stream(base)));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_dropout(cuda_device *device, const hpac_plan_request *request,
                                  cuda_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_DROPOUT))
        return HPAC_OK;
    HPAC_TRY(
        hpac_cuda_plan_alloc(device, request, sizeof(dropout_plan), forward, backward, result));
    ((dropout_plan *)*result)->dropout = hpac_cuda_dropout(device, &request->ops[0]);
    return HPAC_OK;
}
