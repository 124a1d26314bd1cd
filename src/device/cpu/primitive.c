/* oneDNN's primitives: made once with all their memory objects, run with addresses. */
#include "cpu.h"

#include "base/memory.h"

#include <dnnl_debug.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

hpac_status hpac_cpu_fail(dnnl_status_t status, const char *call)
{
    return hpac_fail(status == dnnl_out_of_memory ? HPAC_ERR_INTERNAL : HPAC_ERR_DEVICE,
                     "oneDNN: %s (%d) from %.*s", dnnl_status2str(status), (int)status,
                     (int)strcspn(call, "("), call);
}

void hpac_cpu_passes_fini(cpu_passes *passes)
{
    for (size_t i = 0; i < CPU_PASS_COUNT; i++)
        dnnl_primitive_desc_destroy(passes->descs[i]);
    *passes = (cpu_passes){0};
}

hpac_status hpac_cpu_check_pass(dnnl_status_t status)
{
    return status == dnnl_success || status == dnnl_unimplemented
               ? HPAC_OK
               : hpac_cpu_fail(status, "dnnl_primitive_desc_create");
}

const_cpu_desc hpac_cpu_pass_memory(const cpu_passes *passes, cpu_primitive_index pass,
                                    dnnl_query_t what, int index)
{
    return dnnl_primitive_desc_query_md(passes->descs[pass], what, index);
}

/* "jit:avx512_core"; "" for NULL. */
static const char *implementation(const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    if (!desc || dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name))
        return "";
    return name;
}

static cpu_speed speed_of(const_dnnl_primitive_desc_t desc)
{
    const char *name = implementation(desc);
    if (!*name)
        return CPU_SPEED_MISSING;
    if (strstr(name, "gemm"))
        return CPU_SPEED_GEMM;
    return strstr(name, "jit") || strstr(name, "brg") ? CPU_SPEED_DIRECT : CPU_SPEED_LOOPS;
}

bool hpac_cpu_pass_is_gemm(const cpu_passes *passes, cpu_primitive_index pass)
{
    return speed_of(passes->descs[pass]) == CPU_SPEED_GEMM;
}

cpu_speed hpac_cpu_slowest_pass(const hpac_plan_request *request, const cpu_passes *passes)
{
    cpu_speed slowest = speed_of(passes->descs[CPU_FORWARD]);
    if (request->training && !request->frozen)
        slowest = MIN(slowest, speed_of(passes->descs[CPU_BACKWARD_WEIGHTS]));
    if (request->training && request->input_gradient)
        slowest = MIN(slowest, speed_of(passes->descs[CPU_BACKWARD_DATA]));
    return slowest;
}

/* The arguments that any of our operations has; a reorder's FROM and TO are SRC and DST. */
static const int argument_names[] = {
    DNNL_ARG_SRC,       DNNL_ARG_DST,        DNNL_ARG_WEIGHTS,  DNNL_ARG_BIAS,
    DNNL_ARG_WORKSPACE, DNNL_ARG_DIFF_SRC,   DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
    DNNL_ARG_DIFF_BIAS, DNNL_ARG_SCRATCHPAD,
};
_Static_assert(COUNT_OF(argument_names) == COUNT_OF(((cpu_primitive *)0)->arguments), "arguments");

static hpac_status create_primitive(cpu_device *device, const_dnnl_primitive_desc_t desc,
                                    cpu_primitive *primitive)
{
    CPU_TRY_DNNL(dnnl_primitive_create(&primitive->primitive, desc));
    for (size_t i = 0; i < COUNT_OF(argument_names); i++) {
        const_cpu_desc memory =
            dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, argument_names[i]);
        size_t nbytes = memory ? dnnl_memory_desc_get_size(memory) : 0;
        if (nbytes == 0)
            continue;
        dnnl_exec_arg_t *argument = &primitive->arguments[primitive->argument_count];
        CPU_TRY_DNNL(
            dnnl_memory_create(&argument->memory, memory, device->engine, DNNL_MEMORY_NONE));
        argument->arg = argument_names[i];
        primitive->argument_count++;
        if (argument->arg == DNNL_ARG_SCRATCHPAD)
            primitive->scratch_nbytes = nbytes;
    }
    return HPAC_OK;
}

hpac_status hpac_cpu_plan_add_passes(cpu_plan *plan, const cpu_passes *passes)
{
    char *text = plan->base.algorithm;
    if (!passes->descs[CPU_FORWARD])
        return hpac_fail(HPAC_ERR_DEVICE, "oneDNN: no implementation for this shape");
    for (size_t i = 0; i < CPU_PASS_COUNT; i++) {
        if (!passes->descs[i])
            continue;
        HPAC_TRY(create_primitive(cpu_device_of(plan), passes->descs[i], &plan->primitives[i]));
        size_t length = strlen(text);
        snprintf(text + length, sizeof plan->base.algorithm - length, "%s%s",
                 i == CPU_FORWARD ? "" : " / ", implementation(passes->descs[i]));
    }
    return HPAC_OK;
}

static void destroy_desc(dnnl_primitive_desc_t *desc)
{
    dnnl_primitive_desc_destroy(*desc);
}

hpac_status hpac_cpu_reorder_create(cpu_device *device, const_dnnl_primitive_attr_t attributes,
                                    const_cpu_desc from, const_cpu_desc to,
                                    cpu_primitive *primitive)
{
    HPAC_AUTO(destroy_desc) dnnl_primitive_desc_t desc = NULL;
    CPU_TRY_DNNL(dnnl_reorder_primitive_desc_create(&desc, from, device->engine, to, device->engine,
                                                    attributes));
    return create_primitive(device, desc, primitive);
}

void hpac_cpu_primitive_fini(cpu_primitive *primitive)
{
    for (int i = 0; i < primitive->argument_count; i++)
        dnnl_memory_destroy(primitive->arguments[i].memory);
    if (primitive->primitive)
        dnnl_primitive_destroy(primitive->primitive);
    *primitive = (cpu_primitive){0};
}

/* What a call has for an argument. */
static const void *address_of(const cpu_plan *plan, const hpac_exec_args *args, int name)
{
    switch (name) {
    case DNNL_ARG_SRC:
        return args->x;
    case DNNL_ARG_DST:
        return args->y;
    case DNNL_ARG_WEIGHTS:
        return cpu_parameter_at(plan, args->parameters, KERNEL);
    case DNNL_ARG_BIAS:
        return cpu_parameter_at(plan, args->parameters, BIAS);
    case DNNL_ARG_WORKSPACE:
        return args->state;
    case DNNL_ARG_DIFF_SRC:
        return args->dx;
    case DNNL_ARG_DIFF_DST:
        return args->dy;
    case DNNL_ARG_DIFF_WEIGHTS:
        return cpu_parameter_at(plan, args->gradients, KERNEL);
    case DNNL_ARG_DIFF_BIAS:
        return cpu_parameter_at(plan, args->gradients, BIAS);
    default:
        return cpu_workspace_at(args, plan->scratch_offset);
    }
}

hpac_status hpac_cpu_run(const cpu_plan *plan, const cpu_primitive *primitive,
                         const hpac_exec_args *args, void *kernel_gradient)
{
    dnnl_stream_t stream = cpu_device_of(plan)->stream;
    for (int i = 0; i < primitive->argument_count; i++) {
        const dnnl_exec_arg_t *argument = &primitive->arguments[i];
        const void *address = argument->arg == DNNL_ARG_DIFF_WEIGHTS && kernel_gradient
                                  ? kernel_gradient
                                  : address_of(plan, args, argument->arg);
        CPU_TRY_DNNL(dnnl_memory_set_data_handle(argument->memory, (void *)address));
    }
    CPU_TRY_DNNL(dnnl_primitive_execute(primitive->primitive, stream, primitive->argument_count,
                                        primitive->arguments));
    CPU_TRY_DNNL(dnnl_stream_wait(stream));
    return HPAC_OK;
}

hpac_status hpac_cpu_run_forward(cpu_plan *plan, const hpac_exec_args *args)
{
    return hpac_cpu_run(plan, &plan->primitives[CPU_FORWARD], args, NULL);
}

hpac_status hpac_cpu_run_backward_data(cpu_plan *plan, const hpac_exec_args *args)
{
    return args->dx ? hpac_cpu_run(plan, &plan->primitives[CPU_BACKWARD_DATA], args, NULL)
                    : HPAC_OK;
}
