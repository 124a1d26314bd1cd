/* Max and average pooling by oneDNN, in the layout of the input. */
#include "cpu.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/param.h>

static hpac_status describe_passes(cpu_plan *plan, const hpac_plan_request *request,
                                   cpu_passes *passes)
{
    const hpac_op *op = &request->ops[0];
    cpu_device *device = cpu_device_of(plan);
    const dnnl_alg_kind_t algorithm =
        op->kind == HPAC_OP_MAXPOOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
    const dnnl_dims_t window = {(dnnl_dim_t)op->kernel_rows, (dnnl_dim_t)op->kernel_cols},
                      strides = {(dnnl_dim_t)op->stride_rows, (dnnl_dim_t)op->stride_cols},
                      begin = {(dnnl_dim_t)op->pad_top, (dnnl_dim_t)op->pad_left},
                      end = {(dnnl_dim_t)op->pad_bottom, (dnnl_dim_t)op->pad_right},
                      dilations = {0, 0}; /* none */
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc x = NULL, y = NULL;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->output, &y));
    HPAC_TRY(hpac_cpu_check_pass(dnnl_pooling_forward_primitive_desc_create(
        &passes->descs[CPU_FORWARD], device->engine,
        request->training ? dnnl_forward_training : dnnl_forward_inference, algorithm, x, y,
        strides, window, dilations, begin, end, device->attributes)));
    if (!request->training || !passes->descs[CPU_FORWARD])
        return HPAC_OK;
    return hpac_cpu_check_pass(dnnl_pooling_backward_primitive_desc_create(
        &passes->descs[CPU_BACKWARD_DATA], device->engine, algorithm, x, y, strides, window,
        dilations, begin, end, passes->descs[CPU_FORWARD], device->attributes));
}

/* oneDNN retains each window's argmax for backward, the first in row order. */
hpac_status hpac_cpu_set_up_pool(cpu_plan *plan, const hpac_plan_request *request)
{
    HPAC_AUTO(hpac_cpu_passes_fini) cpu_passes passes = {0};
    HPAC_TRY(describe_passes(plan, request, &passes));
    HPAC_TRY(hpac_cpu_plan_add_passes(plan, &passes));
    const_cpu_desc argmax = hpac_cpu_pass_memory(&passes, CPU_FORWARD, dnnl_query_workspace_md, 0);
    plan->base.state_nbytes = argmax ? dnnl_memory_desc_get_size(argmax) : 0;
    (void)hpac_plan_reserve(&plan->base.workspace_nbytes, plan->base.state_nbytes);
    plan->base.ignores_x = plan->base.ignores_y = true;
    return HPAC_OK;
}

/* Calls without training have no state: the argmax goes to the start of the workspace. */
hpac_status hpac_cpu_pool_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    if (!args->training)
        inside.state = args->workspace;
    return hpac_cpu_run_forward(plan, &inside);
}
