/* Flatten as an operation of its own: a conversion to NHWC order. In front of a dense layer it
 * costs nothing; see dense.c. */
#include "cuda.h"

/* The vector is the image in NHWC order, so it is described as one. */
static kernel_tensor vector_of(const cuda_plan *plan)
{
    kernel_tensor vector = plan->input;
    vector.nchw = false;
    vector.bf16 = plan->output.bf16;
    return vector;
}

static hpac_status forward(cuda_plan *plan, const hpac_exec_args *args)
{
    const kernel_tensor vector = vector_of(plan);
    CUDA_TRY(hpac_kernel_convert(&vector, args->y, &plan->input, args->x, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

static hpac_status backward(cuda_plan *plan, const hpac_exec_args *args)
{
    const kernel_tensor vector = vector_of(plan);
    if (args->dx)
        CUDA_TRY(
            hpac_kernel_convert(&plan->input, args->dx, &vector, args->dy, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_flatten(cuda_device *device, const hpac_plan_request *request,
                                  cuda_plan **plan)
{
    if (!hpac_plan_is_single(request, HPAC_OP_FLATTEN))
        return HPAC_OK;
    return hpac_cuda_plan_alloc(device, request, sizeof **plan, forward, backward, plan);
}
