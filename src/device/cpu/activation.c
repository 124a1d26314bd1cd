/* Activations other than ReLU and sigmoid. oneDNN has them, too, but only with plain loops where
 * the channels of a blocked layout are padded and f(0) is not 0. */
#include "cpu.h"

#include <sys/param.h>

enum { GRAIN = 1024 }; /* values that a thread takes at a time */

typedef struct activation_plan {
    cpu_plan base;
    hpac_op_kind kind;
    bool adds; /* to dx, instead of writing it */
} activation_plan;

/* SiLU and GELU are not monotonic: their derivatives need x. */
static bool derives_from_x(hpac_op_kind kind)
{
    return kind == HPAC_OP_SILU || kind == HPAC_OP_GELU;
}

static hpac_status activation_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const activation_plan *plan = (const activation_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    size_t count = hpac_cpu_tensor_count(&base->output);
    const float *x = args->x;
    float *y = args->y;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN)
        kernels->activation(plan->kind, x + i, y + i, MIN(GRAIN, count - i));
    if (plan->kind == HPAC_OP_SOFTPLUS) /* log(2) at 0 */
        hpac_cpu_clear_padding(&base->output, y);
    return HPAC_OK;
}

static hpac_status activation_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const activation_plan *plan = (const activation_plan *)base;
    const cpu_kernels *kernels = cpu_device_of(base)->kernels;
    size_t count = hpac_cpu_tensor_count(&base->output);
    const float *from = derives_from_x(plan->kind) ? args->x : args->y, *dy = args->dy;
    float *dx = args->dx;
    if (!dx)
        return HPAC_OK;
#pragma omp parallel for if (count > GRAIN)
    for (size_t i = 0; i < count; i += GRAIN) {
        const activation_job job = {
            .from = from + i, .dy = dy + i, .dx = dx + i, .adds = plan->adds};
        kernels->activation_backward(plan->kind, &job, MIN(GRAIN, count - i));
    }
    return HPAC_OK;
}

hpac_status hpac_cpu_try_activation(cpu_device *device, const hpac_plan_request *request,
                                    cpu_plan **result)
{
    static const hpac_op_kind kinds[] = {HPAC_OP_RELU6, HPAC_OP_SILU, HPAC_OP_GELU,
                                         HPAC_OP_SOFTPLUS, HPAC_OP_TANH};
    hpac_op_kind kind = HPAC_OP_COUNT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (hpac_plan_is_single(request, kinds[i]))
            kind = kinds[i];
    if (kind == HPAC_OP_COUNT)
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(activation_plan), activation_forward,
                                 activation_backward, result));
    activation_plan *plan = (activation_plan *)*result;
    plan->kind = kind;
    plan->adds = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->base.adds = true;
    plan->base.base.ignores_x = !derives_from_x(kind);
    plan->base.base.ignores_y = derives_from_x(kind);
    plan->base.base.y_over_x = plan->base.base.dx_over_dy = true;
    return HPAC_OK;
}
