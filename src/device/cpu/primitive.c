/* oneDNN's primitives: made once with all their memory objects, run with addresses. */
#include "cpu.h"

#include <string.h>

static const char *status_text(dnnl_status_t status)
{
    switch (status) {
    case dnnl_out_of_memory:
        return "out of memory";
    case dnnl_invalid_arguments:
        return "invalid arguments";
    case dnnl_unimplemented:
        return "unimplemented";
    case dnnl_iterator_ends:
        return "no further implementation";
    case dnnl_runtime_error:
        return "runtime error";
    case dnnl_not_required:
        return "not required";
    default:
        return "unknown status";
    }
}

hpac_status hpac_cpu_fail(dnnl_status_t status, const char *call)
{
    hpac_status kind = status == dnnl_out_of_memory ? HPAC_ERR_INTERNAL : HPAC_ERR_DEVICE;
    return hpac_fail(kind, "oneDNN: %s (%d) from %.*s", status_text(status), (int)status,
                     (int)strcspn(call, "("), call);
}

static hpac_status make_attributes(bool relu, dnnl_primitive_attr_t *attributes)
{
    dnnl_post_ops_t post_ops = NULL;
    CPU_TRY_DNNL(dnnl_primitive_attr_create(attributes));
    dnnl_status_t status =
        dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && relu) {
        status = dnnl_post_ops_create(&post_ops);
        if (status == dnnl_success)
            status = dnnl_post_ops_append_eltwise(post_ops, 1.0F, dnnl_eltwise_relu, 0, 0);
        if (status == dnnl_success)
            status = dnnl_primitive_attr_set_post_ops(*attributes, post_ops);
        dnnl_post_ops_destroy(post_ops);
    }
    if (status == dnnl_success)
        return HPAC_OK;
    dnnl_primitive_attr_destroy(*attributes);
    return hpac_cpu_fail(status, "dnnl_primitive_attr");
}

hpac_status hpac_cpu_describe(cpu_device *device, const void *op_desc, bool relu,
                              const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *desc)
{
    dnnl_primitive_attr_t attributes;
    *desc = NULL;
    HPAC_TRY(make_attributes(relu, &attributes));
    dnnl_status_t status =
        dnnl_primitive_desc_create(desc, op_desc, attributes, device->engine, hint);
    dnnl_primitive_attr_destroy(attributes);
    if (status == dnnl_success)
        return HPAC_OK;
    *desc = NULL;
    return status == dnnl_unimplemented ? HPAC_OK
                                        : hpac_cpu_fail(status, "dnnl_primitive_desc_create");
}

const char *hpac_cpu_implementation(const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    if (!desc || dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name))
        return "";
    return name;
}

cpu_speed hpac_cpu_speed(const_dnnl_primitive_desc_t desc)
{
    const char *name = hpac_cpu_implementation(desc);
    if (!*name)
        return CPU_SPEED_MISSING;
    if (strstr(name, "gemm"))
        return CPU_SPEED_GEMM;
    return strstr(name, "jit") || strstr(name, "brg") ? CPU_SPEED_DIRECT : CPU_SPEED_LOOPS;
}

/* The arguments that any of our operations has. Those of FROM and TO are SRC and DST. */
static const int argument_names[] = {
    DNNL_ARG_SRC,       DNNL_ARG_DST,        DNNL_ARG_WEIGHTS,  DNNL_ARG_BIAS,
    DNNL_ARG_WORKSPACE, DNNL_ARG_DIFF_SRC,   DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS,
    DNNL_ARG_DIFF_BIAS, DNNL_ARG_SCRATCHPAD,
};

static hpac_status add_argument(cpu_device *device, const_dnnl_primitive_desc_t desc, int name,
                                cpu_primitive *primitive)
{
    const dnnl_memory_desc_t *memory =
        dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, name);
    if (!memory || memory->ndims == 0)
        return HPAC_OK;
    if (primitive->argument_count == CPU_MAX_ARGUMENTS)
        return hpac_fail(HPAC_ERR_INTERNAL, "oneDNN: a primitive of more than %d arguments",
                         CPU_MAX_ARGUMENTS);
    dnnl_exec_arg_t *argument = &primitive->arguments[primitive->argument_count];
    CPU_TRY_DNNL(dnnl_memory_create(&argument->memory, memory, device->engine, DNNL_MEMORY_NONE));
    argument->arg = name;
    primitive->argument_count++;
    if (name == DNNL_ARG_SCRATCHPAD)
        primitive->scratch_nbytes = dnnl_memory_desc_get_size(memory);
    return HPAC_OK;
}

hpac_status hpac_cpu_primitive_create(cpu_device *device, const_dnnl_primitive_desc_t desc,
                                      cpu_primitive *primitive)
{
    CPU_TRY_DNNL(dnnl_primitive_create(&primitive->primitive, desc));
    for (size_t i = 0; i < sizeof argument_names / sizeof *argument_names; i++)
        HPAC_TRY(add_argument(device, desc, argument_names[i], primitive));
    return HPAC_OK;
}

hpac_status hpac_cpu_reorder_create(cpu_device *device, const dnnl_memory_desc_t *from,
                                    const dnnl_memory_desc_t *to, cpu_primitive *primitive)
{
    dnnl_primitive_desc_t desc;
    dnnl_primitive_attr_t attributes;
    HPAC_TRY(make_attributes(false, &attributes));
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&desc, from, device->engine, to,
                                                              device->engine, attributes);
    dnnl_primitive_attr_destroy(attributes);
    if (status != dnnl_success)
        return hpac_cpu_fail(status, "dnnl_reorder_primitive_desc_create");
    hpac_status result = hpac_cpu_primitive_create(device, desc, primitive);
    dnnl_primitive_desc_destroy(desc);
    return result;
}

void hpac_cpu_primitive_destroy(cpu_primitive *primitive)
{
    for (size_t i = 0; i < primitive->argument_count; i++)
        dnnl_memory_destroy(primitive->arguments[i].memory);
    if (primitive->primitive)
        dnnl_primitive_destroy(primitive->primitive);
    *primitive = (cpu_primitive){0};
}

static hpac_status set_address(const cpu_primitive *primitive, int name, const void *address)
{
    for (size_t i = 0; i < primitive->argument_count; i++)
        if (primitive->arguments[i].arg == name) {
            CPU_TRY_DNNL(
                dnnl_memory_set_data_handle(primitive->arguments[i].memory, (void *)address));
            return HPAC_OK;
        }
    return HPAC_OK; /* an argument that this implementation does not have */
}

hpac_status hpac_cpu_primitive_run(cpu_device *device, const cpu_primitive *primitive,
                                   void *scratch, size_t argument_count,
                                   const cpu_argument *arguments)
{
    for (size_t i = 0; i < argument_count; i++)
        HPAC_TRY(set_address(primitive, arguments[i].name, arguments[i].address));
    HPAC_TRY(set_address(primitive, DNNL_ARG_SCRATCHPAD, scratch));
    CPU_TRY_DNNL(dnnl_primitive_execute(primitive->primitive, device->stream,
                                        (int)primitive->argument_count, primitive->arguments));
    CPU_TRY_DNNL(dnnl_stream_wait(device->stream));
    return HPAC_OK;
}
