/* Flatten as an operation of its own: brings the values into plain order. In front of a dense layer
 * it costs nothing; see dense.c. */
#include "cpu.h"

typedef struct flatten_plan {
    cpu_plan base;
    cpu_primitive to_plain, from_plain;
} flatten_plan;

static hpac_status flatten_forward(cpu_plan *base, const hpac_exec_args *args)
{
    flatten_plan *plan = (flatten_plan *)base;
    return CPU_RUN((cpu_device *)base->base.device, &plan->to_plain, args->workspace,
                   {DNNL_ARG_FROM, args->x}, {DNNL_ARG_TO, args->y});
}

static hpac_status flatten_backward(cpu_plan *base, const hpac_exec_args *args)
{
    flatten_plan *plan = (flatten_plan *)base;
    if (!args->dx)
        return HPAC_OK;
    return CPU_RUN((cpu_device *)base->base.device, &plan->from_plain, args->workspace,
                   {DNNL_ARG_FROM, args->dy}, {DNNL_ARG_TO, args->dx});
}

static void flatten_fini(cpu_plan *base)
{
    flatten_plan *plan = (flatten_plan *)base;
    hpac_cpu_primitive_destroy(&plan->to_plain);
    hpac_cpu_primitive_destroy(&plan->from_plain);
}

hpac_status hpac_cpu_try_flatten(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_FLATTEN))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(flatten_plan), result));
    flatten_plan *plan = (flatten_plan *)*result;
    plan->base.forward = flatten_forward;
    plan->base.backward = flatten_backward;
    plan->base.fini = flatten_fini;
    /* The vector is the image in plain order, so both sides are described as images. */
    cpu_tensor plain = plan->base.input;
    plain.layout = HPAC_LAYOUT_PLAIN;
    dnnl_memory_desc_t x, y;
    HPAC_TRY(hpac_cpu_tensor_describe(&plan->base.input, &x));
    HPAC_TRY(hpac_cpu_tensor_describe(&plain, &y));
    HPAC_TRY(hpac_cpu_reorder_create(device, &x, &y, &plan->to_plain));
    HPAC_TRY(hpac_cpu_reorder_create(device, &y, &x, &plan->from_plain));
    size_t to_nbytes = plan->to_plain.scratch_nbytes, from_nbytes = plan->from_plain.scratch_nbytes;
    plan->base.base.workspace_nbytes = to_nbytes > from_nbytes ? to_nbytes : from_nbytes;
    return HPAC_OK;
}
