/* Pixels: the bytes or floats of a batch slot -> floats in [0, 1] in the device's image layout. */
#include "cuda.h"

typedef struct pixels_plan {
    cuda_plan base;
    hpac_pixels pixels;
} pixels_plan;

static hpac_status forward(cuda_plan *base, const hpac_exec_args *args)
{
    CUDA_TRY(hpac_kernel_pixels(&base->output, args->y, args->x, ((pixels_plan *)base)->pixels,
                                hpac_cuda_stream(base)));
    return HPAC_OK;
}

/* The first operation of a network: its input has no gradient. */
static hpac_status backward(cuda_plan *plan, const hpac_exec_args *args)
{
    (void)plan;
    (void)args;
    return HPAC_OK;
}

hpac_status hpac_cuda_try_pixels(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_PIXELS))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(pixels_plan), forward, backward, result));
    cuda_plan *plan = *result;
    const hpac_op *op = &request->ops[0];
    ((pixels_plan *)plan)->pixels = op->pixels;
    plan->reads_bytes = op->pixels == HPAC_PIXELS_UINT8;
    if (plan->reads_bytes)
        plan->base.input_nbytes = hpac_cuda_tensor_count(&plan->input);
    hpac_cuda_plan_set_output(plan, request->plain_output ? HPAC_LAYOUT_PLAIN
                                    : op->out.rank == 3   ? device->image_layout
                                                          : device->vector_layout);
    return HPAC_OK;
}
