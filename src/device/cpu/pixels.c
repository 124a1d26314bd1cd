/* Pixels: what the loader left in the slot -> floats on 0..1. */
#include "cpu.h"

typedef struct pixels_job {
    const cpu_kernels *kernels;
    const uint8_t *bytes;
    float *y;
} pixels_job;

static void divide_piece(const void *context, size_t begin, size_t end)
{
    const pixels_job *job = context;
    job->kernels->divide_bytes(job->bytes + begin, job->y + begin, end - begin);
}

static hpac_status bytes_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    const cpu_device *device = (const cpu_device *)plan->base.device;
    pixels_job job = {.kernels = device->kernels, .bytes = args->x, .y = args->y};
    hpac_cpu_for_pieces(hpac_cpu_tensor_count(&plan->output), 64, divide_piece, &job);
    return HPAC_OK;
}

static hpac_status floats_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_cpu_copy(args->y, args->x, hpac_cpu_tensor_count(&plan->output));
    return HPAC_OK;
}

/* The first plan of a network: no plan before it needs a gradient. */
static hpac_status pixels_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    (void)plan;
    (void)args;
    return HPAC_OK;
}

hpac_status hpac_cpu_try_pixels(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **plan)
{
    if (!hpac_plan_is_single(request, HPAC_OP_PIXELS))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, plan));
    bool bytes = request->ops[0].pixels == HPAC_PIXELS_UINT8;
    (*plan)->forward = bytes ? bytes_forward : floats_forward;
    (*plan)->backward = pixels_backward;
    if (bytes)
        (*plan)->base.input_nbytes = hpac_cpu_tensor_count(&(*plan)->input);
    return HPAC_OK;
}
