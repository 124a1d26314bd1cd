/* Operations value by value: pixels, ReLU, sigmoid; and flatten, which brings values into plain
 * order (in front of a dense layer it costs nothing: dense.c). */
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

/* ---- pixels: what the loader left in the slot -> floats on 0..1 ---- */

static hpac_status bytes_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    size_t count = hpac_cpu_tensor_count(&plan->output);
    const cpu_kernels *kernels = cpu_device_of(plan)->kernels;
    const uint8_t *bytes = args->x;
    float *y = args->y;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        kernels->divide_bytes(bytes + i, y + i, MIN(GRAIN, count - i));
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
    bool bytes = request->ops[0].pixels == HPAC_PIXELS_UINT8;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan,
                                 bytes ? bytes_forward : floats_forward, pixels_backward, plan));
    if (bytes)
        (*plan)->base.input_nbytes = hpac_cpu_tensor_count(&(*plan)->input);
    return HPAC_OK;
}

/* ---- ReLU ---- */

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

hpac_status hpac_cpu_try_relu(cpu_device *device, const hpac_plan_request *request, cpu_plan **plan)
{
    if (!hpac_plan_is_single(request, HPAC_OP_RELU))
        return HPAC_OK;
    return hpac_cpu_plan_alloc(device, request, sizeof **plan, relu_forward, relu_backward, plan);
}

/* ---- sigmoid: oneDNN's keeps the padding of blocked layouts at zero, where sigmoid(0) is not ----
 */

static hpac_status sigmoid_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    return CPU_RUN(plan, CPU_FORWARD, args, {DNNL_ARG_SRC, args->x}, {DNNL_ARG_DST, args->y});
}

static hpac_status sigmoid_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN(plan, CPU_BACKWARD_DATA, args, {DNNL_ARG_DST, args->y},
                   {DNNL_ARG_DIFF_DST, args->dy}, {DNNL_ARG_DIFF_SRC, args->dx});
}

hpac_status hpac_cpu_try_sigmoid(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **plan)
{
    const dnnl_alg_kind_t algorithm = dnnl_eltwise_logistic_use_dst_for_bwd;
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    dnnl_memory_desc_t memory;
    dnnl_eltwise_desc_t pass;
    if (!hpac_plan_is_single(request, HPAC_OP_SIGMOID))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, sigmoid_forward, sigmoid_backward,
                                 plan));
    HPAC_TRY(hpac_cpu_tensor_describe(&(*plan)->output, &memory));
    CPU_TRY_DNNL(
        dnnl_eltwise_forward_desc_init(&pass, dnnl_forward_training, algorithm, &memory, 0, 0));
    HPAC_TRY(hpac_cpu_describe_pass(device, &pass, false, CPU_FORWARD, &passes));
    CPU_TRY_DNNL(dnnl_eltwise_backward_desc_init(&pass, algorithm, &memory, &memory, 0, 0));
    HPAC_TRY(hpac_cpu_describe_pass(device, &pass, false, CPU_BACKWARD_DATA, &passes));
    return hpac_cpu_plan_add_passes(*plan, &passes);
}

/* ---- flatten ---- */

static hpac_status flatten_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    return CPU_RUN(plan, CPU_FORWARD, args, {DNNL_ARG_FROM, args->x}, {DNNL_ARG_TO, args->y});
}

static hpac_status flatten_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN(plan, CPU_BACKWARD_DATA, args, {DNNL_ARG_FROM, args->dy},
                   {DNNL_ARG_TO, args->dx});
}

hpac_status hpac_cpu_try_flatten(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **plan)
{
    dnnl_memory_desc_t x, y;
    if (!hpac_plan_is_single(request, HPAC_OP_FLATTEN))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, flatten_forward, flatten_backward,
                                 plan));
    HPAC_TRY(hpac_cpu_tensor_describe(&(*plan)->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe_as(&(*plan)->input, dnnl_nhwc, &y));
    HPAC_TRY(hpac_cpu_reorder_create(device, &x, &y, &(*plan)->primitives[CPU_FORWARD]));
    return hpac_cpu_reorder_create(device, &y, &x, &(*plan)->primitives[CPU_BACKWARD_DATA]);
}
