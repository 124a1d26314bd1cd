/* Max pooling, window = stride, by oneDNN, which retains each window's argmax for backward. */
#include "cpu.h"

#include "base/memory.h"

typedef struct maxpool_plan {
    cpu_plan base;
    size_t argmax_offset; /* in the workspace, for calls that have no state */
} maxpool_plan;

static hpac_status maxpool_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const maxpool_plan *plan = (const maxpool_plan *)base;
    void *argmax = args->training ? args->state : cpu_workspace_at(args, plan->argmax_offset);
    return CPU_RUN(base, CPU_FORWARD, args, {DNNL_ARG_SRC, args->x}, {DNNL_ARG_DST, args->y},
                   {DNNL_ARG_WORKSPACE, argmax});
}

static hpac_status maxpool_backward(cpu_plan *base, const hpac_exec_args *args)
{
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN(base, CPU_BACKWARD_DATA, args, {DNNL_ARG_DIFF_DST, args->dy},
                   {DNNL_ARG_DIFF_SRC, args->dx}, {DNNL_ARG_WORKSPACE, args->state});
}

static hpac_status describe_passes(cpu_device *device, const cpu_plan *plan, const hpac_op *op,
                                   cpu_passes *passes)
{
    dnnl_memory_desc_t x, y;
    dnnl_pooling_desc_t pass;
    const dnnl_dims_t window = {(dnnl_dim_t)op->kernel_rows, (dnnl_dim_t)op->kernel_cols},
                      no_padding = {0, 0};
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->output, &y));
    CPU_TRY_DNNL(dnnl_pooling_forward_desc_init(&pass, dnnl_forward_training, dnnl_pooling_max, &x,
                                                &y, window, window, no_padding, no_padding));
    HPAC_TRY(hpac_cpu_describe_pass(device, &pass, false, CPU_FORWARD, passes));
    CPU_TRY_DNNL(dnnl_pooling_backward_desc_init(&pass, dnnl_pooling_max, &x, &y, window, window,
                                                 no_padding, no_padding));
    return hpac_cpu_describe_pass(device, &pass, false, CPU_BACKWARD_DATA, passes);
}

hpac_status hpac_cpu_try_maxpool(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **plan)
{
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    if (!hpac_plan_is_single(request, HPAC_OP_MAXPOOL))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(maxpool_plan), maxpool_forward,
                                 maxpool_backward, plan));
    HPAC_TRY(describe_passes(device, *plan, &request->ops[0], &passes));
    HPAC_TRY(hpac_cpu_plan_add_passes(*plan, &passes));
    hpac_plan *public = &(*plan)->base;
    public->state_nbytes = dnnl_memory_desc_get_size(
        hpac_cpu_pass_memory(&passes, CPU_FORWARD, dnnl_query_workspace_md, 0));
    ((maxpool_plan *)*plan)->argmax_offset =
        hpac_plan_reserve(&public->workspace_nbytes, public->state_nbytes);
    return HPAC_OK;
}
