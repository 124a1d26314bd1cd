/* Operations alone in their plan: pixels, ReLU, sigmoid, max pooling, and flatten, which brings
 * values into plain order (in front of a dense layer it costs nothing: dense.c). */
#include "cpu.h"

#include "base/memory.h"

#include <string.h>
#include <sys/param.h>

enum { GRAIN = 1024 }; /* values that a thread takes at a time */

void hpac_cpu_copy(float *to, const float *from, size_t count)
{
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        memcpy(to + i, from + i, MIN(GRAIN, count - i) * sizeof *to);
}

/* Pixels are what the loader left in the slot; their output is floats on 0..1. */
static hpac_status set_up_pixels(cpu_plan *plan, const hpac_op *op)
{
    if (op->pixels == HPAC_PIXELS_UINT8)
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

void hpac_cpu_relu_backward(const cpu_device *device, const float *y, const float *dy, float *dx,
                            size_t count)
{
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        device->kernels->relu_backward(y + i, dy + i, dx + i, MIN(GRAIN, count - i));
}

static hpac_status relu_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (args->dx)
        hpac_cpu_relu_backward(cpu_device_of(plan), args->y, args->dy, args->dx,
                               hpac_cpu_tensor_count(&plan->output));
    return HPAC_OK;
}

/* oneDNN's sigmoid keeps the padding of blocked layouts at zero, where sigmoid(0) is not. */
static hpac_status set_up_sigmoid(cpu_plan *plan, const hpac_op *op)
{
    const dnnl_alg_kind_t algorithm = dnnl_eltwise_logistic_use_dst_for_bwd;
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    cpu_device *device = cpu_device_of(plan);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc memory = NULL;
    (void)op;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->output, &memory));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_eltwise_forward_primitive_desc_create(
        &passes.descs[CPU_FORWARD], device->engine, dnnl_forward_training, algorithm, memory,
        memory, 0.0F, 0.0F, device->attributes)));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_eltwise_backward_primitive_desc_create(
        &passes.descs[CPU_BACKWARD_DATA], device->engine, algorithm, memory, memory, memory, 0.0F,
        0.0F, passes.descs[CPU_FORWARD], device->attributes)));
    return hpac_cpu_plan_add_passes(plan, &passes);
}

/* The stride is the window; oneDNN retains each window's argmax for backward. */
static hpac_status set_up_maxpool(cpu_plan *plan, const hpac_op *op)
{
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    cpu_device *device = cpu_device_of(plan);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL;
    const dnnl_dims_t window = {(dnnl_dim_t)op->kernel_rows, (dnnl_dim_t)op->kernel_cols},
                      none = {0, 0}; /* neither dilation nor padding */
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->output, &y));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_pooling_forward_primitive_desc_create(
        &passes.descs[CPU_FORWARD], device->engine, dnnl_forward_training, dnnl_pooling_max, x, y,
        window, window, none, none, none, device->attributes)));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_pooling_backward_primitive_desc_create(
        &passes.descs[CPU_BACKWARD_DATA], device->engine, dnnl_pooling_max, x, y, window, window,
        none, none, none, passes.descs[CPU_FORWARD], device->attributes)));
    HPAC_TRY(hpac_cpu_plan_add_passes(plan, &passes));
    plan->base.state_nbytes = dnnl_memory_desc_get_size(
        hpac_cpu_pass_memory(&passes, CPU_FORWARD, dnnl_query_workspace_md, 0));
    (void)hpac_plan_reserve(&plan->base.workspace_nbytes, plan->base.state_nbytes);
    return HPAC_OK;
}

/* Calls without training have no state: the argmax goes to the start of the workspace. */
static hpac_status maxpool_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    if (!args->training)
        inside.state = args->workspace;
    return hpac_cpu_run_forward(plan, &inside);
}

static hpac_status set_up_flatten(cpu_plan *plan, const hpac_op *op)
{
    cpu_device *device = cpu_device_of(plan);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL;
    (void)op;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe_as(&plan->input, dnnl_nhwc, &y));
    HPAC_TRY(
        hpac_cpu_reorder_create(device, device->attributes, x, y, &plan->primitives[CPU_FORWARD]));
    return hpac_cpu_reorder_create(device, device->attributes, y, x,
                                   &plan->primitives[CPU_BACKWARD_DATA]);
}

static hpac_status flatten_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    inside.x = args->dy;
    inside.y = args->dx;
    return hpac_cpu_run_backward_data(plan, &inside);
}

/* Pixels are the first operation of a network: their input has no gradient. */
static const struct {
    cpu_pass *forward, *backward;
    hpac_status (*set_up)(cpu_plan *plan, const hpac_op *op);
} operations[] = {
    [HPAC_OP_PIXELS] = {pixels_forward, NULL, set_up_pixels},
    [HPAC_OP_RELU] = {relu_forward, relu_backward, NULL},
    [HPAC_OP_SIGMOID] = {hpac_cpu_run_forward, hpac_cpu_run_backward_data, set_up_sigmoid},
    [HPAC_OP_MAXPOOL] = {maxpool_forward, hpac_cpu_run_backward_data, set_up_maxpool},
    [HPAC_OP_FLATTEN] = {hpac_cpu_run_forward, flatten_backward, set_up_flatten},
};

hpac_status hpac_cpu_try_single(cpu_device *device, const hpac_plan_request *request,
                                cpu_plan **plan)
{
    const hpac_op *op = &request->ops[0];
    if (request->op_count != 1 || op->kind >= sizeof operations / sizeof *operations ||
        !operations[op->kind].forward)
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, operations[op->kind].forward,
                                 operations[op->kind].backward, plan));
    return operations[op->kind].set_up ? operations[op->kind].set_up(*plan, op) : HPAC_OK;
}
