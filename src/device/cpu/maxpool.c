/* Max pooling, window = stride, by oneDNN, which retains each window's argmax for backward. */
#include "cpu.h"

#include <stdio.h>

typedef struct maxpool_plan {
    cpu_plan base;
    cpu_primitive forward, backward;
    size_t argmax_offset; /* in the workspace, for calls that have no state */
} maxpool_plan;

/* The destination of the argmax: the state in training, else scratch. */
static void *argmax(const maxpool_plan *plan, const hpac_exec_args *args)
{
    return args->training ? args->state : (char *)args->workspace + plan->argmax_offset;
}

static hpac_status maxpool_forward(cpu_plan *base, const hpac_exec_args *args)
{
    maxpool_plan *plan = (maxpool_plan *)base;
    return CPU_RUN((cpu_device *)base->base.device, &plan->forward, args->workspace,
                   {DNNL_ARG_SRC, args->x}, {DNNL_ARG_DST, args->y},
                   {DNNL_ARG_WORKSPACE, argmax(plan, args)});
}

static hpac_status maxpool_backward(cpu_plan *base, const hpac_exec_args *args)
{
    maxpool_plan *plan = (maxpool_plan *)base;
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN((cpu_device *)base->base.device, &plan->backward, args->workspace,
                   {DNNL_ARG_DIFF_DST, args->dy}, {DNNL_ARG_DIFF_SRC, args->dx},
                   {DNNL_ARG_WORKSPACE, args->state});
}

static void maxpool_fini(cpu_plan *base)
{
    maxpool_plan *plan = (maxpool_plan *)base;
    hpac_cpu_primitive_destroy(&plan->forward);
    hpac_cpu_primitive_destroy(&plan->backward);
}

typedef struct maxpool_descs {
    dnnl_primitive_desc_t forward, backward;
} maxpool_descs;

static hpac_status describe_maxpool(cpu_device *device, const maxpool_plan *plan, const hpac_op *op,
                                    maxpool_descs *descs)
{
    dnnl_memory_desc_t x, y;
    dnnl_pooling_desc_t forward, backward;
    const dnnl_dims_t window = {(dnnl_dim_t)op->kernel_rows, (dnnl_dim_t)op->kernel_cols},
                      no_padding = {0, 0};
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.output, &y));
    CPU_TRY_DNNL(dnnl_pooling_forward_desc_init(&forward, dnnl_forward_training, dnnl_pooling_max,
                                                &x, &y, window, window, no_padding, no_padding));
    CPU_TRY_DNNL(dnnl_pooling_backward_desc_init(&backward, dnnl_pooling_max, &x, &y, window,
                                                 window, no_padding, no_padding));
    HPAC_TRY(hpac_cpu_describe(device, &forward, false, NULL, &descs->forward));
    HPAC_TRY(hpac_cpu_describe(device, &backward, false, descs->forward, &descs->backward));
    if (!descs->forward || !descs->backward)
        return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no max pooling");
    return HPAC_OK;
}

static hpac_status make_maxpool(cpu_device *device, const hpac_op *op, maxpool_plan *plan,
                                maxpool_descs *descs)
{
    hpac_plan *public = &plan->base.base;
    HPAC_TRY(describe_maxpool(device, plan, op, descs));
    HPAC_TRY(hpac_cpu_primitive_create(device, descs->forward, &plan->forward));
    HPAC_TRY(hpac_cpu_primitive_create(device, descs->backward, &plan->backward));
    public->state_nbytes = dnnl_memory_desc_get_size(
        dnnl_primitive_desc_query_md(descs->forward, dnnl_query_workspace_md, 0));
    size_t scratch_nbytes = plan->forward.scratch_nbytes > plan->backward.scratch_nbytes
                                ? plan->forward.scratch_nbytes
                                : plan->backward.scratch_nbytes;
    (void)hpac_plan_reserve(&public->workspace_nbytes, scratch_nbytes);
    plan->argmax_offset = hpac_plan_reserve(&public->workspace_nbytes, public->state_nbytes);
    snprintf(public->algorithm, sizeof public->algorithm, "%s / %s",
             hpac_cpu_implementation(descs->forward), hpac_cpu_implementation(descs->backward));
    return HPAC_OK;
}

hpac_status hpac_cpu_try_maxpool(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **plan)
{
    if (!hpac_plan_is_single(request, HPAC_OP_MAXPOOL))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(maxpool_plan), plan));
    (*plan)->forward = maxpool_forward;
    (*plan)->backward = maxpool_backward;
    (*plan)->fini = maxpool_fini;
    maxpool_descs descs = {0};
    hpac_status status = make_maxpool(device, &request->ops[0], (maxpool_plan *)*plan, &descs);
    dnnl_primitive_desc_destroy(descs.forward);
    dnnl_primitive_desc_destroy(descs.backward);
    return status;
}
