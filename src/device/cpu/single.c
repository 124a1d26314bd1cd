/* Operations alone in their plan: the table of them, with pixels, ReLU and sigmoid; pool.c and
 * shape.c have the others. */
#include "cpu.h"

#include "base/memory.h"

#include <string.h>
#include <sys/param.h>

enum { GRAIN = 1024 }; /* values that a thread takes at a time */

void hpac_cpu_copy(float *to, const float *from, size_t count)
{
    if (to == from)
        return;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        memcpy(to + i, from + i, MIN(GRAIN, count - i) * sizeof *to);
}

void hpac_cpu_add(const cpu_device *device, float *to, const float *from, size_t count)
{
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        device->kernels->add(from + i, to + i, MIN(GRAIN, count - i));
}

/* Pixels are what the loader left in the slot; their output is floats on 0..1. */
static hpac_status set_up_pixels(cpu_plan *plan, const hpac_plan_request *request)
{
    plan->base.ignores_x = plan->base.ignores_y = true;
    if (request->ops[0].pixels == HPAC_PIXELS_UINT8)
        plan->base.input_nbytes = hpac_cpu_tensor_count(&plan->input);
    return HPAC_OK;
}

static hpac_status pixels_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    size_t count = hpac_cpu_tensor_count(&plan->output);
    const cpu_kernels *kernels = cpu_device_of(plan)->kernels;
    const uint8_t *bytes = args->x;
    float *y = args->y;
    if (plan->base.input_nbytes != count) {
        hpac_cpu_copy(y, args->x, count);
        return HPAC_OK;
    }
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        kernels->divide_bytes(bytes + i, y + i, MIN(GRAIN, count - i));
    return HPAC_OK;
}

static hpac_status set_up_relu(cpu_plan *plan, const hpac_plan_request *request)
{
    (void)request;
    plan->base.ignores_x = plan->base.y_over_x = plan->base.dx_over_dy = true;
    return HPAC_OK;
}

static hpac_status relu_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    size_t count = hpac_cpu_tensor_count(&plan->output);
    const cpu_kernels *kernels = cpu_device_of(plan)->kernels;
    const float *x = args->x;
    float *y = args->y;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        kernels->relu(x + i, y + i, MIN(GRAIN, count - i));
    return HPAC_OK;
}

void hpac_cpu_relu_backward(const cpu_device *device, const cpu_tensor *tensor, const float *y,
                            const float *dy, float *dx)
{
    bool views = tensor->view.channels > 0;
    size_t runs = views ? tensor->batch : 1, count = hpac_cpu_tensor_count(tensor) / runs;
    size_t grains = (count + GRAIN - 1) / GRAIN, offset = hpac_cpu_view_offset(tensor);
#pragma omp parallel for if (runs * grains > 1)
    for (size_t i = 0; i < runs * grains; i++) {
        size_t begin = i % grains * GRAIN;
        size_t at = offset + i / grains * hpac_cpu_image_step(tensor) + begin;
        device->kernels->relu_backward(y + at, dy + at, dx + at, MIN(GRAIN, count - begin));
    }
}

static hpac_status relu_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (args->dx)
        hpac_cpu_relu_backward(cpu_device_of(plan), &plan->output, args->y, args->dy, args->dx);
    return HPAC_OK;
}

/* oneDNN's sigmoid keeps the padding of blocked layouts at zero, where sigmoid(0) is not. */
static hpac_status set_up_sigmoid(cpu_plan *plan, const hpac_plan_request *request)
{
    const dnnl_alg_kind_t algorithm = dnnl_eltwise_logistic_use_dst_for_bwd;
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    cpu_device *device = cpu_device_of(plan);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc memory = NULL;
    (void)request;
    plan->base.ignores_x = plan->base.y_over_x = plan->base.dx_over_dy = true;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->output, &memory));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_eltwise_forward_primitive_desc_create(
        &passes.descs[CPU_FORWARD], device->engine, dnnl_forward_training, algorithm, memory,
        memory, 0.0F, 0.0F, device->attributes)));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_eltwise_backward_primitive_desc_create(
        &passes.descs[CPU_BACKWARD_DATA], device->engine, algorithm, memory, memory, memory, 0.0F,
        0.0F, passes.descs[CPU_FORWARD], device->attributes)));
    return hpac_cpu_plan_add_passes(plan, &passes);
}

/* Pixels are the first operation of a network: their input has no gradient. */
static const struct {
    cpu_pass *forward, *backward;
    cpu_set_up *set_up;
} operations[HPAC_OP_COUNT] = {
    [HPAC_OP_PIXELS] = {pixels_forward, NULL, set_up_pixels},
    [HPAC_OP_RELU] = {relu_forward, relu_backward, set_up_relu},
    [HPAC_OP_SIGMOID] = {hpac_cpu_run_forward, hpac_cpu_run_backward_data, set_up_sigmoid},
    [HPAC_OP_MAXPOOL] = {hpac_cpu_pool_forward, hpac_cpu_run_backward_data, hpac_cpu_set_up_pool},
    [HPAC_OP_AVGPOOL] = {hpac_cpu_pool_forward, hpac_cpu_run_backward_data, hpac_cpu_set_up_pool},
    [HPAC_OP_FLATTEN] = {hpac_cpu_reshape_forward, hpac_cpu_reshape_backward,
                         hpac_cpu_set_up_reshape},
    [HPAC_OP_RESHAPE] = {hpac_cpu_reshape_forward, hpac_cpu_reshape_backward,
                         hpac_cpu_set_up_reshape},
};

hpac_status hpac_cpu_try_single(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **plan)
{
    const hpac_op *op = &request->ops[0];
    if (request->op_count != 1 || !operations[op->kind].forward)
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, operations[op->kind].forward,
                                 operations[op->kind].backward, plan));
    return operations[op->kind].set_up ? operations[op->kind].set_up(*plan, request) : HPAC_OK;
}
