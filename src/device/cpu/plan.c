/* Plans: which op chains are taken, and what all plans have in common. */
#include "cpu.h"

#include "base/memory.h"

#include <omp.h>
#include <sys/param.h>

/* Tried in this order: long op chains before single operations. */
static cpu_try *const tries[] = {
    hpac_cpu_try_stem,       hpac_cpu_try_winograd,   hpac_cpu_try_depthwise,
    hpac_cpu_try_conv2d,     hpac_cpu_try_dense,      hpac_cpu_try_scale,
    hpac_cpu_try_dropout,    hpac_cpu_try_zero_pad,   hpac_cpu_try_global_pool,
    hpac_cpu_try_batch_norm, hpac_cpu_try_add,        hpac_cpu_try_concat,
    hpac_cpu_try_multiply,   hpac_cpu_try_activation, hpac_cpu_try_maxpool,
    hpac_cpu_try_single,
};

static size_t tensor_nbytes(const cpu_tensor *tensor)
{
    return hpac_cpu_tensor_count(tensor) * sizeof(float);
}

hpac_status hpac_cpu_plan_alloc(cpu_device *device, const hpac_plan_request *request, size_t nbytes,
                                cpu_pass *forward, cpu_pass *backward, cpu_plan **result)
{
    const hpac_op *first = &request->ops[0], *last = &request->ops[request->op_count - 1];
    cpu_plan *plan;
    HPAC_TRY_MEMORY(plan = calloc(1, nbytes), nbytes);
    *result = plan;
    plan->base.device = &device->base;
    plan->forward = forward;
    plan->backward = backward;
    plan->relu = request->op_count > 1 && last->kind == HPAC_OP_RELU;
    plan->input =
        (cpu_tensor){.shape = first->in, .batch = request->batch, .layout = request->input_layout};
    plan->output = (cpu_tensor){.shape = last->out, .batch = request->batch};
    plan->base.input_nbytes = tensor_nbytes(&plan->input);
    hpac_cpu_plan_set_output(plan, last->out.rank == 1 ? HPAC_LAYOUT_PLAIN : request->input_layout);
    return HPAC_OK;
}

void hpac_cpu_plan_set_output(cpu_plan *plan, hpac_layout layout)
{
    plan->output.layout = layout;
    plan->base.output_layout = layout;
    plan->base.output_nbytes = tensor_nbytes(&plan->output);
}

static hpac_status add_parameter(cpu_plan *plan, const hpac_parameter *parameter,
                                 const_cpu_desc keras, const_cpu_desc stored,
                                 const cpu_tensor *rows)
{
    size_t index = plan->base.parameter_count++;
    cpu_parameter *storage = &plan->parameters[index];
    CPU_TRY_DNNL(dnnl_memory_desc_clone(&storage->keras, keras));
    CPU_TRY_DNNL(dnnl_memory_desc_clone(&storage->stored, stored));
    storage->rows = rows;
    plan->base.parameters[index] = *parameter;
    plan->base.parameters[index].offset_nbytes =
        hpac_plan_reserve(hpac_role_is_trained(parameter->role) ? &plan->base.parameters_nbytes
                                                                : &plan->base.statistics_nbytes,
                          dnnl_memory_desc_get_size(stored));
    return HPAC_OK;
}

hpac_status hpac_cpu_plan_add_vector(cpu_plan *plan, size_t op, hpac_role role, size_t count)
{
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc vector = NULL;
    HPAC_TRY(CPU_DESCRIBE(&vector, dnnl_a, count));
    return add_parameter(plan, &(hpac_parameter){.op = op, .role = role, .count = count}, vector,
                         vector, NULL);
}

hpac_status hpac_cpu_plan_add_parameters(cpu_plan *plan, size_t op, size_t kernel_count,
                                         const_cpu_desc keras, const_cpu_desc stored,
                                         const cpu_tensor *rows, size_t bias_count)
{
    HPAC_TRY(add_parameter(plan, &(hpac_parameter){.op = op, .count = kernel_count}, keras, stored,
                           rows));
    return bias_count > 0 ? hpac_cpu_plan_add_vector(plan, op, HPAC_BIAS, bias_count) : HPAC_OK;
}

/* One scratchpad for all primitives. */
static void add_scratch(cpu_plan *plan)
{
    size_t nbytes = 0;
    for (size_t i = 0; i < CPU_PRIMITIVE_COUNT; i++)
        nbytes = MAX(nbytes, plan->primitives[i].scratch_nbytes);
    plan->scratch_offset = hpac_plan_reserve(&plan->base.workspace_nbytes, nbytes);
}

/* ---- gradients that are added to what is there ----
 *
 * Few of oneDNN's passes can. All others write into the workspace, and a pass over it adds. */

static void reserve_addition(cpu_plan *plan, size_t index, hpac_gradient gradient,
                             const cpu_tensor *tensor)
{
    cpu_addition *addition = &plan->additions[index];
    if (gradient != HPAC_GRADIENT_ADDED)
        return;
    addition->count = hpac_cpu_tensor_count(tensor);
    addition->offset_nbytes =
        hpac_plan_reserve(&plan->base.workspace_nbytes, tensor_nbytes(tensor));
}

static void reserve_additions(cpu_plan *plan, const hpac_plan_request *request)
{
    size_t side = 0;
    if (!request->training || plan->adds)
        return;
    for (size_t i = 0; i < request->op_count; i++)
        for (size_t s = 0; s < request->ops[i].side_count; s++, side++) {
            const cpu_tensor tensor = {.shape = request->ops[i].sides[s],
                                       .batch = request->batch,
                                       .layout = request->side_layouts[side]};
            reserve_addition(plan, side, request->side_gradients[side], &tensor);
        }
    reserve_addition(plan, HPAC_OP_MAX_SIDES, request->input_gradient, &plan->input);
}

/* The gradient's address of an input in a call. */
static void **gradient_of(hpac_exec_args *args, size_t index)
{
    return index < HPAC_OP_MAX_SIDES ? &args->dsides[index] : &args->dx;
}

static hpac_status backward_and_add(cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args outside = *args, inside = *args;
    for (size_t i = 0; i <= HPAC_OP_MAX_SIDES; i++)
        if (plan->additions[i].count > 0 && *gradient_of(&outside, i))
            *gradient_of(&inside, i) = cpu_workspace_at(args, plan->additions[i].offset_nbytes);
    HPAC_TRY(plan->backward(plan, &inside));
    for (size_t i = 0; i <= HPAC_OP_MAX_SIDES; i++) {
        float *to = *gradient_of(&outside, i), *from = *gradient_of(&inside, i);
        if (to != from)
            hpac_cpu_add(cpu_device_of(plan), to, from, plan->additions[i].count);
    }
    return HPAC_OK;
}

/* ---- views ---- */

static void take_view(cpu_tensor *tensor, hpac_view view)
{
    cpu_tensor taken = *tensor;
    taken.view = view;
    if (hpac_cpu_has_whole_blocks(&taken))
        *tensor = taken;
}

void hpac_cpu_plan_take_input_view(cpu_plan *plan, const hpac_plan_request *request)
{
    take_view(&plan->input, request->input_view);
}

void hpac_cpu_plan_take_output_view(cpu_plan *plan, const hpac_plan_request *request)
{
    take_view(&plan->output, request->output_view);
}

/* Whether the plan computes with the views of the request. An output that it does not write into
 * its view is copied there. */
static bool settle_views(cpu_plan *plan, const hpac_plan_request *request)
{
    if (!hpac_plan_has_views(request) || plan->in_place)
        return true;
    if (hpac_plan_has_side_views(request) ||
        plan->input.view.channels != request->input_view.channels)
        return false;
    if (plan->output.view.channels == request->output_view.channels)
        return true;
    size_t *workspace = &plan->base.workspace_nbytes, nbytes = plan->base.output_nbytes;
    plan->copy.output = plan->output;
    plan->copy.output.view = request->output_view;
    plan->copy.y_offset = hpac_plan_reserve(workspace, nbytes);
    plan->copy.dy_offset = request->training ? hpac_plan_reserve(workspace, nbytes) : 0;
    return true;
}

/* Between the view that a call has and the workspace. */
static void copy_output(const cpu_plan *plan, void *view, void *alone, bool out)
{
    const cpu_tensor wider = hpac_cpu_wider(&plan->copy.output);
    const cpu_slice inside = {&plan->output, 0, alone};
    const cpu_slice outside = {&wider, plan->copy.output.view.first, view};
    hpac_cpu_move(cpu_device_of(plan), out ? inside : outside, out ? outside : inside,
                  plan->output.shape.channels, false);
}

/* A call whose y, and dy, are those of the plan itself. */
static hpac_exec_args enter_output(const cpu_plan *plan, const hpac_exec_args *args)
{
    hpac_exec_args inside = *args;
    if (plan->copy.output.batch == 0)
        return inside;
    inside.y = cpu_workspace_at(args, plan->copy.y_offset);
    if (args->dy)
        inside.dy = cpu_workspace_at(args, plan->copy.dy_offset);
    return inside;
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
    if (plan && !settle_views(plan, request)) {
        hpac_cpu_plan_destroy(&plan->base);
        plan = NULL;
    }
    if (plan) {
        add_scratch(plan);
        reserve_additions(plan, request);
        *result = &plan->base;
    }
    return HPAC_OK;
}

void hpac_cpu_plan_destroy(hpac_plan *base)
{
    cpu_plan *plan = (cpu_plan *)base;
    if (!plan)
        return;
    for (size_t i = 0; i < CPU_PRIMITIVE_COUNT; i++)
        hpac_cpu_primitive_fini(&plan->primitives[i]);
    for (size_t i = 0; i < HPAC_PLAN_MAX_PARAMETERS; i++) {
        hpac_cpu_desc_fini(&plan->parameters[i].keras);
        hpac_cpu_desc_fini(&plan->parameters[i].stored);
    }
    free(plan);
}

hpac_status hpac_cpu_forward(hpac_plan *base, const hpac_exec_args *args)
{
    cpu_plan *plan = (cpu_plan *)base;
    const hpac_exec_args inside = enter_output(plan, args);
    use_own_threads(cpu_device_of(plan));
    HPAC_TRY(plan->forward(plan, &inside));
    if (inside.y != args->y)
        copy_output(plan, args->y, inside.y, true);
    return HPAC_OK;
}

hpac_status hpac_cpu_backward(hpac_plan *base, const hpac_exec_args *args)
{
    cpu_plan *plan = (cpu_plan *)base;
    const hpac_exec_args inside = enter_output(plan, args);
    use_own_threads(cpu_device_of(plan));
    if (inside.dy != args->dy)
        copy_output(plan, args->dy, inside.dy, false);
    if (inside.y != args->y && !plan->base.ignores_y)
        copy_output(plan, args->y, inside.y, false);
    if (plan->relu)
        hpac_cpu_relu_backward(cpu_device_of(plan), &plan->output, inside.y, inside.dy, inside.dy);
    return plan->backward ? backward_and_add(plan, &inside) : HPAC_OK;
}
