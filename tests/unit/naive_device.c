/* A device that computes by the double reference, with faults to plant. */
#include "naive_device.h"

#include "doctor/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPS = 12, ALIGNMENT = 64 };

typedef struct naive_device {
    hpac_device base;
    naive_fault fault;
    hpac_step step;
} naive_device;

typedef struct naive_plan {
    hpac_plan base;
    hpac_op ops[MAX_OPS];
    size_t op_count, batch, side_count;
    hpac_shape sides[HPAC_OP_MAX_SIDES];
    hpac_gradient input_gradient, side_gradients[HPAC_OP_MAX_SIDES];
    bool frozen, frozen_statistics, in_place;
    hpac_view input_view, output_view;
} naive_plan;

/* The doubles of one call. */
typedef struct naive_values {
    double *activations[MAX_OPS + 1], *gradients[MAX_OPS + 1];
    double *sides[HPAC_OP_MAX_SIDES], *dsides[HPAC_OP_MAX_SIDES];
    double *parameters[HPAC_PLAN_MAX_PARAMETERS], *dparameters[HPAC_PLAN_MAX_PARAMETERS];
} naive_values;

static naive_fault fault_of(const naive_plan *plan)
{
    return ((const naive_device *)plan->base.device)->fault;
}

/* ---- memory and queues: the host's ---- */

static hpac_status describe(hpac_device *device, hpac_device_info *info)
{
    (void)device;
    *info = (hpac_device_info){.name = "naive"};
    return HPAC_OK;
}

static hpac_status alloc(hpac_device *device, hpac_memory memory, size_t nbytes, void **address)
{
    (void)device, (void)memory;
    *address = calloc(1, nbytes + 1);
    cr_assert_not_null(*address);
    return HPAC_OK;
}

static void release(hpac_device *device, hpac_memory memory, void *address)
{
    (void)device, (void)memory;
    free(address);
}

static hpac_status copy(hpac_device *device, hpac_queue queue, void *to, const void *from,
                        size_t nbytes)
{
    (void)device, (void)queue;
    memcpy(to, from, nbytes);
    return HPAC_OK;
}

static hpac_status create_event(hpac_device *device, hpac_event **event)
{
    (void)device;
    *event = NULL;
    return HPAC_OK;
}

static hpac_status record_event(hpac_device *device, hpac_event *event, hpac_queue queue)
{
    (void)device, (void)event, (void)queue;
    return HPAC_OK;
}

static hpac_status synchronize_event(hpac_device *device, hpac_event *event)
{
    (void)device, (void)event;
    return HPAC_OK;
}

static hpac_status elapsed_ms(hpac_device *device, hpac_event *from, hpac_event *to, double *ms)
{
    (void)device, (void)from, (void)to;
    *ms = 0;
    return HPAC_OK;
}

static hpac_status synchronize(hpac_device *device)
{
    (void)device;
    return HPAC_OK;
}

static void close_device(hpac_device *device)
{
    free(device);
}

/* ---- views ---- */

/* The values of a view, or between it and `alone`. */
static void move_view(const naive_plan *plan, bool input, void *address, float *alone, bool out)
{
    hpac_shape shape = input ? plan->ops[0].in : plan->ops[plan->op_count - 1].out;
    hpac_view view = input ? plan->input_view : plan->output_view;
    size_t own = shape.channels, all = view.channels > 0 ? view.channels : own;
    size_t pixels = plan->batch * shape.rows * shape.cols;
    float *wider = address;
    for (size_t pixel = 0; pixel < pixels; pixel++)
        memcpy(out ? &wider[pixel * all + view.first] : &alone[pixel * own],
               out ? &alone[pixel * own] : &wider[pixel * all + view.first], own * sizeof *alone);
}

/* With the device's fault: views that begin elsewhere, or a channel more. */
static void move(const naive_plan *plan, bool input, void *address, float *alone, bool out)
{
    naive_plan faulty = *plan;
    hpac_view *view = input ? &faulty.input_view : &faulty.output_view;
    naive_fault fault = fault_of(plan);
    if (fault == NAIVE_VIEW_OFFSET && view->channels > 0)
        view->first += view->first > 0 ? (size_t)-1 : 1;
    move_view(&faulty, input, address, alone, out);
    if (fault == NAIVE_VIEW_SPILLS && view->channels > 0 && out)
        ((float *)address)[view->first > 0 ? view->first - 1 : view->channels - 1] = 9;
}

/* ---- plans ---- */

static bool has_side_views(const hpac_plan_request *request)
{
    bool views = false;
    for (size_t s = 0; s < request->ops[0].side_count && request->side_views; s++)
        views |= request->side_views[s].channels > 0;
    return views;
}

/* A concat of views of what it writes, whose gradients nothing gave before. */
static bool is_in_place(const hpac_plan_request *request)
{
    const hpac_op *op = &request->ops[0];
    hpac_view view = request->output_view;
    view.channels = view.channels > 0 ? view.channels : op->out.channels;
    for (size_t i = 0; i <= op->side_count; i++) {
        hpac_view found = i == 0 ? request->input_view : request->side_views[i - 1];
        hpac_gradient gradient = i == 0 ? request->input_gradient : request->side_gradients[i - 1];
        if (found.channels != view.channels || found.first != view.first ||
            gradient == HPAC_GRADIENT_ADDED)
            return false;
        view.first += i == 0 ? op->in.channels : op->sides[i - 1].channels;
    }
    return op->kind == HPAC_OP_CONCAT && request->op_count == 1;
}

/* Whether they fit. */
static bool add_parameters(naive_plan *plan, size_t op)
{
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        size_t count = hpac_reference_count(&plan->ops[op], role);
        if (count == 0)
            continue;
        if (plan->base.parameter_count == HPAC_PLAN_MAX_PARAMETERS)
            return false;
        size_t *slice = hpac_role_is_trained(role) ? &plan->base.parameters_nbytes
                                                   : &plan->base.statistics_nbytes;
        plan->base.parameters[plan->base.parameter_count++] =
            (hpac_parameter){.op = op, .role = role, .count = count, .offset_nbytes = *slice};
        *slice += (count * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return true;
}

static void set_memory(naive_plan *plan)
{
    hpac_plan *base = &plan->base;
    size_t sides = 0;
    for (size_t s = 0; s < plan->side_count; s++)
        sides += plan->batch * hpac_shape_count(plan->sides[s]) * sizeof(float);
    base->input_nbytes = plan->batch * hpac_shape_count(plan->ops[0].in) * sizeof(float);
    base->output_nbytes =
        plan->batch * hpac_shape_count(plan->ops[plan->op_count - 1].out) * sizeof(float);
    base->state_nbytes = base->input_nbytes + sides; /* copies of the inputs */
    base->ignores_x = base->ignores_y = true;
    base->y_over_x = base->dx_over_dy = base->input_nbytes == base->output_nbytes;
}

static hpac_status create_plan(hpac_device *device, const hpac_plan_request *request,
                               hpac_plan **result)
{
    naive_plan *plan = calloc(1, sizeof *plan);
    cr_assert_not_null(plan);
    plan->in_place = has_side_views(request) && is_in_place(request);
    bool fits = request->op_count <= MAX_OPS && (plan->in_place || !has_side_views(request));
    plan->input_view = request->input_view;
    plan->output_view = request->output_view;
    plan->base.device = device;
    plan->op_count = request->op_count;
    plan->batch = request->batch;
    plan->input_gradient = request->input_gradient;
    plan->frozen = request->frozen;
    plan->frozen_statistics = request->frozen_statistics;
    for (size_t i = 0; i < request->op_count && fits; i++) {
        plan->ops[i] = request->ops[i];
        fits = add_parameters(plan, i);
        for (size_t s = 0; s < plan->ops[i].side_count; s++) {
            plan->side_gradients[plan->side_count] = request->side_gradients
                                                         ? request->side_gradients[plan->side_count]
                                                         : HPAC_GRADIENT_NONE;
            plan->sides[plan->side_count++] = plan->ops[i].sides[s];
        }
    }
    if (fits)
        set_memory(plan);
    else
        free(plan);
    *result = fits ? &plan->base : NULL;
    return HPAC_OK;
}

static void destroy_plan(hpac_plan *plan)
{
    free(plan);
}

static float *slice_of(const hpac_plan *plan, size_t parameter, const void *slice)
{
    return (float *)(void *)((char *)(uintptr_t)slice + plan->parameters[parameter].offset_nbytes);
}

static hpac_status write_parameter(hpac_plan *plan, size_t parameter, void *slice,
                                   const float *values)
{
    memcpy(slice_of(plan, parameter, slice), values,
           plan->parameters[parameter].count * sizeof *values);
    return HPAC_OK;
}

static hpac_status read_parameter(hpac_plan *plan, size_t parameter, const void *slice,
                                  float *values)
{
    memcpy(values, slice_of(plan, parameter, slice),
           plan->parameters[parameter].count * sizeof *values);
    return HPAC_OK;
}

static hpac_status write_activation(hpac_plan *plan, bool input, void *address, const float *values)
{
    move_view((const naive_plan *)plan, input, address, (float *)(uintptr_t)values, true);
    return HPAC_OK;
}

static hpac_status read_activation(hpac_plan *plan, bool input, const void *address, float *values)
{
    move_view((const naive_plan *)plan, input, (void *)(uintptr_t)address, values, false);
    return HPAC_OK;
}

/* ---- computing ---- */

static double *doubles(size_t count)
{
    double *values = calloc(count + 1, sizeof *values);
    cr_assert_not_null(values);
    return values;
}

static double *widened(const float *from, size_t count)
{
    double *values = doubles(count);
    for (size_t i = 0; i < count; i++)
        values[i] = (double)from[i];
    return values;
}

static void narrow(float *to, const double *from, size_t count, bool add)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(from[i] + (add ? (double)to[i] : 0));
}

static size_t count_of(const naive_plan *plan, hpac_shape shape)
{
    return plan->batch * hpac_shape_count(shape);
}

static naive_values load(const naive_plan *plan, const hpac_exec_args *args, const float *inputs)
{
    naive_values values = {0};
    values.activations[0] = widened(inputs, count_of(plan, plan->ops[0].in));
    values.gradients[0] = doubles(count_of(plan, plan->ops[0].in));
    inputs += count_of(plan, plan->ops[0].in);
    for (size_t s = 0; s < plan->side_count; s++) {
        values.sides[s] = widened(inputs, count_of(plan, plan->sides[s]));
        values.dsides[s] = doubles(count_of(plan, plan->sides[s]));
        inputs += count_of(plan, plan->sides[s]);
    }
    for (size_t i = 0; i < plan->op_count; i++) {
        values.activations[i + 1] = doubles(count_of(plan, plan->ops[i].out));
        values.gradients[i + 1] = doubles(count_of(plan, plan->ops[i].out));
    }
    for (size_t i = 0; i < plan->base.parameter_count; i++) {
        const hpac_parameter *parameter = &plan->base.parameters[i];
        const void *slice =
            hpac_role_is_trained(parameter->role) ? args->parameters : args->statistics;
        values.parameters[i] = widened(slice_of(&plan->base, i, slice), parameter->count);
        values.dparameters[i] = doubles(parameter->count);
    }
    return values;
}

static void unload(const naive_plan *plan, naive_values *values)
{
    for (size_t i = 0; i <= plan->op_count; i++) {
        free(values->activations[i]);
        free(values->gradients[i]);
    }
    for (size_t s = 0; s < plan->side_count; s++) {
        free(values->sides[s]);
        free(values->dsides[s]);
    }
    for (size_t i = 0; i < plan->base.parameter_count; i++) {
        free(values->parameters[i]);
        free(values->dparameters[i]);
    }
}

static reference_call call_of(const naive_plan *plan, const naive_values *values, size_t op,
                              bool training)
{
    const naive_device *device = (const naive_device *)plan->base.device;
    reference_call call = {
        .op = &plan->ops[op],
        .batch = plan->batch,
        .draw = {.seed = device->step.seed, .step = device->step.step, .training = training},
        .frozen_statistics = plan->frozen_statistics,
        .x = values->activations[op],
        .y = values->activations[op + 1],
        .dy = values->gradients[op + 1],
        .dx = values->gradients[op],
    };
    size_t first = 0;
    for (size_t i = 0; i < op; i++)
        first += plan->ops[i].side_count;
    for (size_t s = 0; s < call.op->side_count; s++) {
        call.sides[s] = values->sides[first + s];
        call.dsides[s] = values->dsides[first + s];
    }
    for (size_t i = 0; i < plan->base.parameter_count; i++)
        if (plan->base.parameters[i].op == op) {
            hpac_role role = plan->base.parameters[i].role;
            call.values[role] = values->parameters[i];
            call.gradients[role] = hpac_role_is_trained(role) ? values->dparameters[i] : NULL;
        }
    return call;
}

/* ---- faults ---- */

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        size_t swapped = (a);                                                                      \
        (a) = (b);                                                                                 \
        (b) = swapped;                                                                             \
    } while (0)

/* A fault that is a change of the operation. */
static hpac_op faulty_op(const hpac_op *op, naive_fault fault)
{
    hpac_op faulty = *op;
    if (fault == NAIVE_PADDING_SIDE) {
        SWAP(faulty.pad_top, faulty.pad_bottom);
        SWAP(faulty.pad_left, faulty.pad_right);
    }
    if (fault == NAIVE_DILATION_IGNORED)
        faulty.dilation_rows = faulty.dilation_cols = 1;
    return faulty;
}

static void forward_by_image(reference_call call)
{
    size_t batch = call.batch, x = hpac_shape_count(call.op->in),
           y = hpac_shape_count(call.op->out);
    call.batch = 1;
    for (size_t n = 0; n < batch; n++, call.x += x, call.y += y)
        hpac_reference_forward(&call);
}

static void average_with_padding(const reference_call *call)
{
    hpac_op pad = *call->op, pool = *call->op;
    pad.kind = HPAC_OP_ZERO_PAD;
    pad.out.rows = pad.in.rows + pad.pad_top + pad.pad_bottom;
    pad.out.cols = pad.in.cols + pad.pad_left + pad.pad_right;
    pad.out.channels = pad.in.channels;
    pool.in = pad.out;
    pool.pad_top = pool.pad_bottom = pool.pad_left = pool.pad_right = 0;
    double *padded = doubles(call->batch * hpac_shape_count(pad.out));
    reference_call one = *call;
    one.op = &pad;
    one.y = padded;
    hpac_reference_forward(&one);
    one.op = &pool;
    one.x = padded;
    one.y = call->y;
    hpac_reference_forward(&one);
    free(padded);
}

static void rotate_channels(const reference_call *call)
{
    size_t channels = call->op->out.channels;
    for (size_t i = 0; i < call->batch * hpac_shape_count(call->op->out); i += channels) {
        double last = call->y[i + channels - 1];
        memmove(&call->y[i + 1], &call->y[i], (channels - 1) * sizeof *call->y);
        call->y[i] = last;
    }
}

static void spoil_statistics(const reference_call *call, size_t k, naive_fault fault)
{
    reference_norm norm = hpac_reference_norm(call, k);
    size_t channels = call->op->in.channels, count = call->batch * hpac_shape_count(call->op->in);
    double pixels = (double)(count / channels), inverse = norm.inverse;
    const double *beta = call->values[HPAC_BETA];
    if (fault == NAIVE_UNBIASED_VARIANCE && pixels > 1 && call->draw.training)
        call->values[HPAC_MOVING_VARIANCE][k] +=
            (1 - (double)call->op->momentum) * norm.variance / (pixels - 1);
    if (fault == NAIVE_EPSILON_OUTSIDE)
        inverse = 1 / (sqrt(norm.variance) + (double)call->op->epsilon);
    float sum = 0, squares = 0;
    for (size_t i = k; i < count; i += channels) {
        sum += (float)call->x[i];
        squares += (float)call->x[i] * (float)call->x[i];
    }
    float mean = sum / (float)pixels, variance = squares / (float)pixels - mean * mean;
    if (fault == NAIVE_MEAN_OF_SQUARES)
        inverse = 1 / sqrt(fmax((double)variance, 0) + (double)call->op->epsilon);
    for (size_t i = k; i < count; i += channels) {
        double center = beta ? beta[k] : 0;
        call->y[i] = (call->y[i] - center) * inverse / norm.inverse + center;
    }
}

static void compute_gelu(const reference_call *call)
{
    for (size_t i = 0; i < call->batch * hpac_shape_count(call->op->in); i++) {
        double x = call->x[i];
        call->y[i] = x * (1 + tanh(0.7978845608 * (x + 0.044715 * x * x * x))) / 2;
    }
}

/* Forward of one operation with the device's fault. */
static void compute(const naive_plan *plan, reference_call call)
{
    naive_fault fault = fault_of(plan);
    hpac_op op = faulty_op(call.op, fault);
    bool norm = op.kind == HPAC_OP_BATCH_NORM;
    double kept = norm ? call.values[HPAC_MOVING_VARIANCE][0] : 0;
    call.op = &op;
    if (fault == NAIVE_MOVES_FROZEN && norm && call.draw.training)
        call.values[HPAC_MOVING_MEAN][0] += call.frozen_statistics;
    if (fault == NAIVE_BATCH_STATISTICS)
        call.draw.training |= norm;
    if ((fault == NAIVE_STATISTICS_AXIS && norm) ||
        (fault == NAIVE_SPATIAL_BY_CHANNEL && op.whole_channels))
        forward_by_image(call);
    else if (fault == NAIVE_AVERAGE_OF_PADDING && op.kind == HPAC_OP_AVGPOOL)
        average_with_padding(&call);
    else
        hpac_reference_forward(&call);
    if (fault == NAIVE_NO_MOVING_UPDATE && norm)
        call.values[HPAC_MOVING_VARIANCE][0] = kept;
    for (size_t k = 0; k < op.in.channels && norm; k++)
        spoil_statistics(&call, k, fault);
    if (fault == NAIVE_TANH_GELU && op.kind == HPAC_OP_GELU)
        compute_gelu(&call);
    if (fault == NAIVE_CONCAT_OFFSET && op.kind == HPAC_OP_CONCAT)
        rotate_channels(&call);
}

/* Backward takes the batch's statistics for constants. */
static void fix_statistics(reference_call *call)
{
    for (size_t k = 0; k < call->op->in.channels; k++) {
        reference_norm norm = hpac_reference_norm(call, k);
        call->values[HPAC_MOVING_MEAN][k] = norm.mean;
        call->values[HPAC_MOVING_VARIANCE][k] = norm.variance;
    }
    call->frozen_statistics = true;
}

static void compute_backward(const naive_plan *plan, reference_call call)
{
    naive_fault fault = fault_of(plan);
    hpac_op op = faulty_op(call.op, fault);
    call.op = &op;
    if (fault == NAIVE_FIXED_STATISTICS && op.kind == HPAC_OP_BATCH_NORM)
        fix_statistics(&call);
    hpac_reference_backward(&call);
    if (fault == NAIVE_SIDE_GRADIENT_DROPPED && op.kind == HPAC_OP_ADD)
        memset(call.dsides[0], 0,
               call.batch * hpac_shape_count(op.sides[0]) * sizeof *call.dsides[0]);
}

/* ---- the two passes ---- */

static void keep_inputs(const naive_plan *plan, const hpac_exec_args *args, float *state)
{
    move(plan, true, (void *)(uintptr_t)args->x, state, false);
    state += count_of(plan, plan->ops[0].in);
    for (size_t s = 0; s < plan->side_count; s++) {
        size_t count = count_of(plan, plan->sides[s]);
        memcpy(state, args->sides[s], count * sizeof *state);
        state += count;
    }
}

static hpac_status forward(hpac_plan *base, const hpac_exec_args *args)
{
    const naive_plan *plan = (const naive_plan *)base;
    if (plan->in_place) {
        if (fault_of(plan) == NAIVE_CONCAT_MOVES)
            memset(args->y, 0, base->output_nbytes);
        return HPAC_OK;
    }
    float *y = calloc(1, base->output_nbytes);
    cr_assert_not_null(y);
    keep_inputs(plan, args, args->state);
    naive_values values = load(plan, args, args->state);
    for (size_t op = 0; op < plan->op_count; op++)
        compute(plan, call_of(plan, &values, op, args->training));
    narrow(y, values.activations[plan->op_count], count_of(plan, plan->ops[plan->op_count - 1].out),
           false);
    move(plan, false, args->y, y, true);
    free(y);
    for (size_t i = 0; i < base->parameter_count; i++)
        if (!hpac_role_is_trained(base->parameters[i].role))
            narrow(slice_of(base, i, args->statistics), values.parameters[i],
                   base->parameters[i].count, false);
    unload(plan, &values);
    return HPAC_OK;
}

static void write_gradients(const naive_plan *plan, const hpac_exec_args *args,
                            const naive_values *values)
{
    naive_fault fault = fault_of(plan);
    for (size_t s = 0; s < plan->side_count; s++)
        if (plan->side_gradients[s] != HPAC_GRADIENT_NONE)
            narrow(args->dsides[s], values->dsides[s], count_of(plan, plan->sides[s]),
                   plan->side_gradients[s] == HPAC_GRADIENT_ADDED &&
                       fault != NAIVE_SIDE_IS_WRITTEN);
    if (plan->input_gradient != HPAC_GRADIENT_NONE) {
        float *dx = calloc(1, plan->base.input_nbytes);
        cr_assert_not_null(dx);
        move(plan, true, args->dx, dx, false);
        narrow(dx, values->gradients[0], count_of(plan, plan->ops[0].in),
               plan->input_gradient == HPAC_GRADIENT_ADDED && fault != NAIVE_ADDED_IS_WRITTEN);
        move(plan, true, args->dx, dx, true);
        free(dx);
    }
    for (size_t i = 0; i < plan->base.parameter_count && !plan->frozen; i++) {
        const hpac_parameter *parameter = &plan->base.parameters[i];
        size_t unwritten = fault == NAIVE_UNWRITTEN && parameter->role == HPAC_GAMMA;
        if (hpac_role_is_trained(parameter->role))
            narrow(slice_of(&plan->base, i, args->gradients), values->dparameters[i],
                   parameter->count - unwritten, false);
    }
}

static hpac_status backward(hpac_plan *base, const hpac_exec_args *args)
{
    const naive_plan *plan = (const naive_plan *)base;
    if (plan->in_place)
        return HPAC_OK;
    if (fault_of(plan) == NAIVE_READS_IGNORED)
        move(plan, true, (void *)(uintptr_t)args->x, args->state, false);
    naive_values values = load(plan, args, args->state);
    for (size_t op = 0; op < plan->op_count; op++)
        compute(plan, call_of(plan, &values, op, true));
    float *dy = calloc(1, base->output_nbytes);
    cr_assert_not_null(dy);
    move(plan, false, args->dy, dy, false);
    for (size_t i = 0; i < count_of(plan, plan->ops[plan->op_count - 1].out); i++)
        values.gradients[plan->op_count][i] = (double)dy[i];
    free(dy);
    for (size_t op = plan->op_count; op-- > 0;)
        compute_backward(plan, call_of(plan, &values, op, true));
    write_gradients(plan, args, &values);
    unload(plan, &values);
    return HPAC_OK;
}

static hpac_status set_step(hpac_device *device, const hpac_step *step)
{
    ((naive_device *)device)->step = *step;
    return HPAC_OK;
}

static hpac_status run_update(hpac_device *device, const hpac_update *update)
{
    const float *gradients = update->gradients;
    float *arrays[] = {update->parameters, update->state[0], update->state[1]};
    for (size_t i = 0; i < update->count; i++) {
        double w = (double)arrays[0][i], a = (double)arrays[1][i], u = (double)arrays[2][i];
        hpac_reference_update(update->optimizer, &((naive_device *)device)->step,
                              (double)gradients[i], &w, &a, &u);
        arrays[0][i] = (float)w;
        arrays[1][i] = (float)a;
        arrays[2][i] = (float)u;
    }
    return HPAC_OK;
}

hpac_device *open_naive_device(naive_fault fault)
{
    static const hpac_device_ops ops = {
        .name = "naive",
        .close = close_device,
        .describe = describe,
        .alloc = alloc,
        .free = release,
        .upload = copy,
        .download = copy,
        .event_create = create_event,
        .timer_create = create_event,
        .event_record = record_event,
        .event_await = record_event,
        .event_synchronize = synchronize_event,
        .elapsed_ms = elapsed_ms,
        .synchronize = synchronize,
        .plan_create = create_plan,
        .plan_destroy = destroy_plan,
        .parameter_write = write_parameter,
        .parameter_read = read_parameter,
        .activation_write = write_activation,
        .activation_read = read_activation,
        .set_step = set_step,
        .forward = forward,
        .backward = backward,
        .update = run_update,
    };
    naive_device *device = calloc(1, sizeof *device);
    cr_assert_not_null(device);
    device->base.ops = &ops;
    device->fault = fault;
    return &device->base;
}
