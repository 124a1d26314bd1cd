/* Plans: which op chains are taken, and what all plans have in common. */
#include "cpu.h"

#include <omp.h>
#include <stdlib.h>

/* Tried in this order: long op chains before single operations. */
static cpu_try *const tries[] = {
    hpac_cpu_try_stem,       hpac_cpu_try_conv2d,  hpac_cpu_try_dense,   hpac_cpu_try_maxpool,
    hpac_cpu_try_activation, hpac_cpu_try_dropout, hpac_cpu_try_flatten, hpac_cpu_try_pixels,
};

hpac_status hpac_cpu_plan_alloc(cpu_device *device, const hpac_plan_request *request, size_t nbytes,
                                cpu_plan **result)
{
    const hpac_op *first = &request->ops[0], *last = &request->ops[request->op_count - 1];
    cpu_plan *plan = calloc(1, nbytes);
    *result = plan;
    if (!plan)
        return hpac_fail_memory(nbytes);
    plan->base.device = &device->base;
    plan->input =
        (cpu_tensor){.shape = first->in, .batch = request->batch, .layout = request->input_layout};
    plan->output = (cpu_tensor){.shape = last->out, .batch = request->batch};
    plan->base.input_nbytes = hpac_cpu_tensor_nbytes(&plan->input);
    hpac_cpu_plan_set_output(plan, last->out.rank == 1 ? HPAC_LAYOUT_PLAIN : request->input_layout);
    return HPAC_OK;
}

void hpac_cpu_plan_set_output(cpu_plan *plan, hpac_layout layout)
{
    plan->output.layout = layout;
    plan->base.output_layout = layout;
    plan->base.output_nbytes = hpac_cpu_tensor_nbytes(&plan->output);
}

void hpac_cpu_plan_add_parameter(cpu_plan *plan, const hpac_parameter *parameter,
                                 const cpu_parameter *storage)
{
    size_t index = plan->base.parameter_count++;
    plan->parameters[index] = *storage;
    plan->base.parameters[index] = *parameter;
    plan->base.parameters[index].offset_nbytes = hpac_plan_reserve(
        &plan->base.parameters_nbytes, dnnl_memory_desc_get_size(&storage->stored));
}

/* OpenMP's number of threads is per calling thread; the device has its own. */
static void use_own_threads(const cpu_device *device)
{
    if (omp_get_max_threads() != device->threads)
        omp_set_num_threads(device->threads);
}

hpac_status hpac_cpu_plan_create(hpac_device *base, const hpac_plan_request *request,
                                 hpac_plan **result)
{
    cpu_device *device = (cpu_device *)base;
    cpu_plan *plan = NULL;
    hpac_status status = HPAC_OK;
    *result = NULL;
    use_own_threads(device);
    for (size_t i = 0; i < sizeof tries / sizeof *tries && status == HPAC_OK && !plan; i++)
        status = tries[i](device, request, &plan);
    if (status != HPAC_OK) {
        if (plan)
            hpac_cpu_plan_destroy(&plan->base);
        char name[160];
        hpac_plan_name(request, name, sizeof name);
        return hpac_fail_within(status, "%s", name);
    }
    if (plan)
        *result = &plan->base;
    return HPAC_OK;
}

void hpac_cpu_plan_destroy(hpac_plan *base)
{
    cpu_plan *plan = (cpu_plan *)base;
    if (!plan)
        return;
    if (plan->fini)
        plan->fini(plan);
    free(plan);
}

hpac_status hpac_cpu_forward(hpac_plan *base, const hpac_exec_args *args)
{
    cpu_plan *plan = (cpu_plan *)base;
    use_own_threads((const cpu_device *)base->device);
    return plan->forward(plan, args);
}

hpac_status hpac_cpu_backward(hpac_plan *base, const hpac_exec_args *args)
{
    cpu_plan *plan = (cpu_plan *)base;
    use_own_threads((const cpu_device *)base->device);
    return plan->backward(plan, args);
}
