/* Pixels: what the loader left in the slot -> floats on 0..1, in the device's image layout. */
#include "cuda.h"

typedef struct pixels_plan {
    cuda_plan base;
    hpac_pixels pixels;
} pixels_plan;

static hpac_status pixels_forward(cuda_plan *base, const hpac_exec_args *run)
{
    const pixels_plan *plan = (const pixels_plan *)base;
    CUDA_TRY_RUNTIME(hpac_kernel_pixels(&base->output, run->y, run->x, plan->pixels,
                                        hpac_cuda_compute(hpac_cuda_device_of(base))));
    return HPAC_OK;
}

/* The first of a network: nobody before it wants a gradient. */
static hpac_status pixels_backward(cuda_plan *plan, const hpac_exec_args *run)
{
    (void)plan;
    (void)run;
    return HPAC_OK;
}

hpac_status hpac_cuda_try_pixels(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    if (!hpac_cuda_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_PIXELS}))
        return HPAC_OK;
    CUDA_TRY(hpac_cuda_plan_alloc(device, request, sizeof(pixels_plan), result));
    pixels_plan *plan = (pixels_plan *)*result;
    plan->base.forward = pixels_forward;
    plan->base.backward = pixels_backward;
    plan->pixels = request->ops[0].pixels;
    plan->base.reads_bytes = plan->pixels == HPAC_PIXELS_UINT8;
    if (plan->base.reads_bytes)
        plan->base.base.input_nbytes = hpac_cuda_tensor_count(&plan->base.input);
    hpac_cuda_plan_set_output(&plan->base, request->plain_output           ? HPAC_LAYOUT_PLAIN
                                           : request->ops[0].out.rank == 3 ? device->image_layout
                                                                           : device->vector_layout);
    return HPAC_OK;
}
