/* Flatten as an operation of its own: brings the values into plain order. In front of a dense layer
 * it costs nothing; see dense.c. */
#include "cuda.h"

/* The vector is the image in NHWC order, so it is described as one. */
static kernel_tensor vector_of(const cuda_plan *plan)
{
    kernel_tensor vector = plan->input;
    vector.nchw = false;
    vector.bf16 = plan->output.bf16;
    return vector;
}

static hpac_status flatten_forward(cuda_plan *plan, const hpac_exec_args *run)
{
    const kernel_tensor vector = vector_of(plan);
    CUDA_TRY_RUNTIME(hpac_kernel_convert(&vector, run->y, &plan->input, run->x,
                                         hpac_cuda_compute(hpac_cuda_device_of(plan))));
    return HPAC_OK;
}

static hpac_status flatten_backward(cuda_plan *plan, const hpac_exec_args *run)
{
    const kernel_tensor vector = vector_of(plan);
    if (run->dx)
        CUDA_TRY_RUNTIME(hpac_kernel_convert(&plan->input, run->dx, &vector, run->dy,
                                             hpac_cuda_compute(hpac_cuda_device_of(plan))));
    return HPAC_OK;
}

hpac_status hpac_cuda_try_flatten(cuda_device *device, const hpac_plan_request *request,
                                  cuda_plan **plan)
{
    if (!hpac_cuda_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_FLATTEN}))
        return HPAC_OK;
    CUDA_TRY(hpac_cuda_plan_alloc(device, request, sizeof **plan, plan));
    (*plan)->forward = flatten_forward;
    (*plan)->backward = flatten_backward;
    return HPAC_OK;
}
