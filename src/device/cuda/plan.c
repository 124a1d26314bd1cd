/* Plans: which op chains are taken, and what all plans have in common. */
#include "cuda.h"

#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each takes all the op chains it knows, the long ones too. */
static cuda_try *const tries[] = {
    hpac_cuda_try_conv2d,  hpac_cuda_try_dense,   hpac_cuda_try_maxpool, hpac_cuda_try_activation,
    hpac_cuda_try_dropout, hpac_cuda_try_flatten, hpac_cuda_try_pixels,
};

kernel_dropout hpac_cuda_dropout(const cuda_device *device, const hpac_op *op)
{
    return (kernel_dropout){
        .step = device->step,
        .stream = op->stream,
        .threshold = hpac_dropout_threshold(op->rate),
        .scale = 1.0F / (1.0F - op->rate),
    };
}

/* The chain, layout and number format. */
static void name_plan(const hpac_plan_request *request, char *name, size_t name_nbytes)
{
    char chain[128];
    hpac_plan_name(request, chain, sizeof chain);
    snprintf(name, name_nbytes, "%s, %s %s", chain,
             request->input_layout & CUDA_LAYOUT_NCHW ? "nchw" : "nhwc",
             request->input_layout & CUDA_LAYOUT_BF16 ? "bf16" : "float32");
}

hpac_status hpac_cuda_plan_alloc(cuda_device *device, const hpac_plan_request *request,
                                 size_t nbytes, cuda_pass *forward, cuda_pass *backward,
                                 cuda_plan **result)
{
    const hpac_op *first = &request->ops[0], *last = &request->ops[request->op_count - 1];
    cuda_plan *plan = calloc(1, nbytes);
    *result = plan;
    if (!plan)
        return hpac_fail_memory(nbytes);
    plan->base.device = &device->base;
    plan->forward = forward;
    plan->backward = backward;
    plan->input = hpac_cuda_tensor(first->in, request->batch, request->input_layout);
    plan->output = hpac_cuda_tensor(last->out, request->batch, HPAC_LAYOUT_PLAIN);
    plan->base.input_nbytes = hpac_cuda_tensor_nbytes(&plan->input);
    hpac_cuda_plan_set_output(plan, last->out.rank == 1 ? request->input_layout & CUDA_LAYOUT_BF16
                                                        : request->input_layout);
    return HPAC_OK;
}

void hpac_cuda_plan_set_output(cuda_plan *plan, hpac_layout layout)
{
    plan->output.nchw = layout & CUDA_LAYOUT_NCHW;
    plan->output.bf16 = layout & CUDA_LAYOUT_BF16;
    plan->base.output_layout = layout;
    plan->base.output_nbytes = hpac_cuda_tensor_nbytes(&plan->output);
}

void hpac_cuda_plan_add_parameter(cuda_plan *plan, const hpac_parameter *parameter,
                                  const cuda_order *order)
{
    size_t index = plan->base.parameter_count++;
    plan->parameters[index] = *order;
    plan->base.parameters[index] = *parameter;
    plan->base.parameters[index].offset_nbytes =
        hpac_plan_reserve(&plan->base.parameters_nbytes, parameter->count * sizeof(float));
}

/* ---- plain output of operations that write another: logits of a layer that is not dense ---- */

static void add_conversion(cuda_plan *plan)
{
    if (plan->base.output_layout == HPAC_LAYOUT_PLAIN)
        return;
    size_t nbytes = hpac_cuda_tensor_nbytes(&plan->output);
    plan->converts = true;
    plan->output_offset = hpac_plan_reserve(&plan->base.workspace_nbytes, nbytes);
    plan->gradient_offset = hpac_plan_reserve(&plan->base.workspace_nbytes, nbytes);
    plan->plain = plan->output;
    plan->plain.nchw = plan->plain.bf16 = false;
    plan->base.output_layout = HPAC_LAYOUT_PLAIN;
    plan->base.output_nbytes = hpac_cuda_tensor_nbytes(&plan->plain);
}

static hpac_status forward_converted(cuda_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inner = *args;
    inner.y = hpac_cuda_at(args->workspace, plan->output_offset);
    HPAC_TRY(plan->forward(plan, &inner));
    CUDA_TRY(
        hpac_kernel_convert(&plan->plain, args->y, &plan->output, inner.y, hpac_cuda_stream(plan)));
    return HPAC_OK;
}

static hpac_status backward_converted(cuda_plan *plan, const hpac_exec_args *args)
{
    cudaStream_t stream = hpac_cuda_stream(plan);
    hpac_exec_args inner = *args;
    inner.y = hpac_cuda_at(args->workspace, plan->output_offset);
    inner.dy = hpac_cuda_at(args->workspace, plan->gradient_offset);
    CUDA_TRY(hpac_kernel_convert(&plan->output, inner.y, &plan->plain, args->y, stream));
    CUDA_TRY(hpac_kernel_convert(&plan->output, inner.dy, &plan->plain, args->dy, stream));
    return plan->backward(plan, &inner);
}

/* ---- the interface ---- */

static hpac_status try_all(cuda_device *device, const hpac_plan_request *request, cuda_plan **plan)
{
    HPAC_TRY(hpac_cuda_use(device));
    for (size_t i = 0; i < sizeof tries / sizeof *tries && !*plan; i++)
        HPAC_TRY(tries[i](device, request, plan));
    return HPAC_OK;
}

hpac_status hpac_cuda_plan_create(hpac_device *base, const hpac_plan_request *request,
                                  hpac_plan **result)
{
    char name[sizeof((cuda_plan *)0)->name] = "";
    cuda_plan *plan = NULL;
    *result = NULL;
    name_plan(request, name, sizeof name);
    hpac_status status = try_all((cuda_device *)base, request, &plan);
    if (status != HPAC_OK) {
        if (plan)
            hpac_cuda_plan_destroy(&plan->base);
        return hpac_fail_within(status, "%s", name);
    }
    if (!plan)
        return HPAC_OK;
    memcpy(plan->name, name, sizeof name);
    if (request->plain_output)
        add_conversion(plan);
    *result = &plan->base;
    return HPAC_OK;
}

void hpac_cuda_plan_destroy(hpac_plan *base)
{
    cuda_plan *plan = (cuda_plan *)base;
    if (!plan)
        return;
    if (plan->fini)
        plan->fini(plan);
    free(plan);
}

static hpac_status call_pass(hpac_plan *base, const hpac_exec_args *args, const char *pass,
                             cuda_pass *compute)
{
    cuda_plan *plan = (cuda_plan *)base;
    hpac_status status = hpac_cuda_use(hpac_cuda_device_of(plan));
    if (status == HPAC_OK) {
        (void)nvtxRangePushA(plan->name);
        status = compute(plan, args);
        (void)nvtxRangePop();
    }
    return hpac_fail_within(status, "%s: %s", plan->name, pass);
}

hpac_status hpac_cuda_forward(hpac_plan *base, const hpac_exec_args *args)
{
    const cuda_plan *plan = (const cuda_plan *)base;
    return call_pass(base, args, "forward", plan->converts ? forward_converted : plan->forward);
}

hpac_status hpac_cuda_backward(hpac_plan *base, const hpac_exec_args *args)
{
    const cuda_plan *plan = (const cuda_plan *)base;
    return call_pass(base, args, "backward", plan->converts ? backward_converted : plan->backward);
}
