/* ReLU and sigmoid as operations of their own. */
#include "cpu.h"

#include <stdio.h>

typedef struct relu_job {
    const cpu_kernels *kernels;
    const float *x, *y, *dy;
    float *out;
} relu_job;

static void relu_forward_piece(const void *context, size_t begin, size_t end)
{
    const relu_job *job = context;
    job->kernels->relu(job->x + begin, job->out + begin, end - begin);
}

static void relu_backward_piece(const void *context, size_t begin, size_t end)
{
    const relu_job *job = context;
    job->kernels->relu_backward(job->y + begin, job->dy + begin, job->out + begin, end - begin);
}

void hpac_cpu_relu_backward(const cpu_device *device, const float *y, const float *dy, float *dx,
                            size_t count)
{
    relu_job job = {.kernels = device->kernels, .y = y, .dy = dy, .out = dx};
    hpac_cpu_for_pieces(count, 1024, relu_backward_piece, &job);
}

static hpac_status relu_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    const cpu_device *device = (const cpu_device *)plan->base.device;
    relu_job job = {.kernels = device->kernels, .x = args->x, .out = args->y};
    hpac_cpu_for_pieces(hpac_cpu_tensor_count(&plan->output), 1024, relu_forward_piece, &job);
    return HPAC_OK;
}

static hpac_status relu_backward(cpu_plan *plan, const hpac_exec_args *args)
{
    if (args->dx)
        hpac_cpu_relu_backward((const cpu_device *)plan->base.device, args->y, args->dy, args->dx,
                               hpac_cpu_tensor_count(&plan->output));
    return HPAC_OK;
}

/* oneDNN's sigmoid keeps the padding of blocked layouts at zero, where sigmoid(0) is not. */
typedef struct sigmoid_plan {
    cpu_plan base;
    cpu_primitive forward, backward;
} sigmoid_plan;

static hpac_status sigmoid_forward(cpu_plan *base, const hpac_exec_args *args)
{
    sigmoid_plan *plan = (sigmoid_plan *)base;
    return CPU_RUN((cpu_device *)base->base.device, &plan->forward, args->workspace,
                   {DNNL_ARG_SRC, args->x}, {DNNL_ARG_DST, args->y});
}

static hpac_status sigmoid_backward(cpu_plan *base, const hpac_exec_args *args)
{
    sigmoid_plan *plan = (sigmoid_plan *)base;
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN((cpu_device *)base->base.device, &plan->backward, args->workspace,
                   {DNNL_ARG_DST, args->y}, {DNNL_ARG_DIFF_DST, args->dy},
                   {DNNL_ARG_DIFF_SRC, args->dx});
}

static void sigmoid_fini(cpu_plan *base)
{
    sigmoid_plan *plan = (sigmoid_plan *)base;
    hpac_cpu_primitive_destroy(&plan->forward);
    hpac_cpu_primitive_destroy(&plan->backward);
}

static hpac_status make_sigmoid(cpu_device *device, sigmoid_plan *plan,
                                dnnl_primitive_desc_t descs[2])
{
    dnnl_memory_desc_t memory;
    dnnl_eltwise_desc_t forward, backward;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.output, &memory));
    CPU_TRY_DNNL(dnnl_eltwise_forward_desc_init(
        &forward, dnnl_forward_training, dnnl_eltwise_logistic_use_dst_for_bwd, &memory, 0, 0));
    CPU_TRY_DNNL(dnnl_eltwise_backward_desc_init(&backward, dnnl_eltwise_logistic_use_dst_for_bwd,
                                                 &memory, &memory, 0, 0));
    HPAC_TRY(hpac_cpu_describe(device, &forward, false, NULL, &descs[0]));
    HPAC_TRY(hpac_cpu_describe(device, &backward, false, descs[0], &descs[1]));
    if (!descs[0] || !descs[1])
        return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no sigmoid");
    HPAC_TRY(hpac_cpu_primitive_create(device, descs[0], &plan->forward));
    HPAC_TRY(hpac_cpu_primitive_create(device, descs[1], &plan->backward));
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm, "%s / %s",
             hpac_cpu_implementation(descs[0]), hpac_cpu_implementation(descs[1]));
    return HPAC_OK;
}

hpac_status hpac_cpu_try_activation(cpu_device *device, const hpac_plan_request *request,
                                    cpu_plan **plan)
{
    if (hpac_plan_is_single(request, HPAC_OP_RELU)) {
        HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof **plan, plan));
        (*plan)->forward = relu_forward;
        (*plan)->backward = relu_backward;
        return HPAC_OK;
    }
    if (!hpac_plan_is_single(request, HPAC_OP_SIGMOID))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(sigmoid_plan), plan));
    (*plan)->forward = sigmoid_forward;
    (*plan)->backward = sigmoid_backward;
    (*plan)->fini = sigmoid_fini;
    dnnl_primitive_desc_t descs[2] = {NULL, NULL};
    hpac_status status = make_sigmoid(device, (sigmoid_plan *)*plan, descs);
    dnnl_primitive_desc_destroy(descs[0]);
    dnnl_primitive_desc_destroy(descs[1]);
    HPAC_TRY(status);
    (*plan)->base.workspace_nbytes = ((sigmoid_plan *)*plan)->forward.scratch_nbytes;
    size_t backward_nbytes = ((sigmoid_plan *)*plan)->backward.scratch_nbytes;
    if (backward_nbytes > (*plan)->base.workspace_nbytes)
        (*plan)->base.workspace_nbytes = backward_nbytes;
    return HPAC_OK;
}
