/* How fast a device copies and computes, measured by its own timers through its interface. */
#include "doctor.h"
#include "selfcheck_internal.h"

#include "base/memory.h"

#define COPY_NBYTES ((size_t)64 << 20) /* far beyond every cache */
#define REPEATS 3
/* Long enough to measure, short enough to wait for: problems grow until a call takes this. */
#define ENOUGH_MS 20.0

/* A call that is measured. */
typedef struct speed_call {
    enum { UPLOAD, DOWNLOAD, COPY, FORWARD, BACKWARD } kind;
    void *to; /* copies */
    const void *from;
    hpac_plan *plan; /* forward, backward */
    const hpac_exec_args *args;
} speed_call;

static hpac_status run(hpac_device *device, const speed_call *call)
{
    const hpac_device_ops *ops = device->ops;
    switch (call->kind) {
    case UPLOAD:
        return ops->upload(device, HPAC_QUEUE_COMPUTE, call->to, call->from, COPY_NBYTES);
    case DOWNLOAD:
        return ops->download(device, HPAC_QUEUE_COMPUTE, call->to, call->from, COPY_NBYTES);
    case COPY:
        return ops->copy(device, call->to, call->from, COPY_NBYTES);
    case FORWARD:
        return ops->forward(call->plan, call->args);
    case BACKWARD:
        break;
    }
    return ops->backward(call->plan, call->args);
}

/* The quickest of a few calls, after one to warm up. */
static hpac_status time_call(selfcheck_gauge *gauge, const speed_call *call, double *ms)
{
    HPAC_TRY(run(gauge->device, call));
    for (size_t i = 0; i < REPEATS; i++) {
        gauge->reading.elapsed_ms = 0;
        HPAC_TRY(hpac_selfcheck_begin(gauge));
        HPAC_TRY(run(gauge->device, call));
        HPAC_TRY(hpac_selfcheck_end(gauge));
        HPAC_TRY(hpac_selfcheck_gauge_finish(gauge));
        if (i == 0 || gauge->reading.elapsed_ms < *ms)
            *ms = gauge->reading.elapsed_ms;
    }
    return HPAC_OK;
}

/* GB/s of bytes, GFLOP/s of operations. */
static double per_second(double amount, double ms)
{
    return ms > 0 ? amount / ms * 1e-6 : 0;
}

static hpac_status measure_copies(selfcheck_gauge *gauge, hpac_doctor_speeds *speeds)
{
    HPAC_AUTO(hpac_selfcheck_free) selfcheck_memory memory = {.device = gauge->device};
    void *pinned = NULL, *a = NULL, *b = NULL;
    double ms = 0;
    HPAC_TRY(hpac_selfcheck_alloc(&memory, HPAC_MEMORY_PINNED, COPY_NBYTES, &pinned));
    HPAC_TRY(hpac_selfcheck_alloc(&memory, HPAC_MEMORY_DEVICE, COPY_NBYTES, &a));
    HPAC_TRY(hpac_selfcheck_alloc(&memory, HPAC_MEMORY_DEVICE, COPY_NBYTES, &b));
    HPAC_TRY(time_call(gauge, &(speed_call){UPLOAD, .to = a, .from = pinned}, &ms));
    speeds->upload_gb_per_s = per_second(COPY_NBYTES, ms);
    HPAC_TRY(time_call(gauge, &(speed_call){DOWNLOAD, .to = pinned, .from = a}, &ms));
    speeds->download_gb_per_s = per_second(COPY_NBYTES, ms);
    if (!gauge->device->ops->copy)
        return HPAC_OK;
    HPAC_TRY(time_call(gauge, &(speed_call){COPY, .to = b, .from = a}, &ms));
    speeds->copy_gb_per_s = per_second(2.0 * COPY_NBYTES, ms);
    return HPAC_OK;
}

/* An operation large enough to be measured, with its times. */
typedef struct speed_problem {
    hpac_op ops[2];
    size_t op_count, batch;
    hpac_layout layout;
    double forward_ms, backward_ms;
} speed_problem;

/* The first operation alone where the device does not take both as one. */
static hpac_status make_plan(hpac_device *device, const speed_problem *problem, hpac_plan **plan)
{
    for (size_t count = problem->op_count; count >= 1 && !*plan; count--) {
        const hpac_plan_request request = {
            .ops = problem->ops,
            .op_count = count,
            .batch = problem->batch,
            .input_layout = problem->layout,
            .training = true,
            .input_gradient = true,
        };
        HPAC_TRY(device->ops->plan_create(device, &request, plan));
    }
    return *plan ? HPAC_OK : hpac_fail(HPAC_ERR_DEVICE, "a single operation was declined");
}

/* Parameters, input and the output's gradient, all from one array on the host: small numbers of
 * both signs, so that sums stay small. */
static hpac_status fill_plan(hpac_plan *plan, const speed_problem *problem,
                             const hpac_exec_args *args)
{
    const hpac_device_ops *call = plan->device->ops;
    size_t in = problem->batch * hpac_shape_count(problem->ops[0].in);
    size_t out = problem->batch * hpac_shape_count(problem->ops[0].out);
    size_t count = in > out ? in : out;
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (plan->parameters[i].count > count)
            count = plan->parameters[i].count;
    HPAC_AUTO_FREE float *values = NULL;
    HPAC_TRY_NEW(values, count);
    hpac_random random;
    hpac_random_init(&random, 0, HPAC_PURPOSE_SYNTH, 0, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = 0.02F * hpac_random_uniform(&random) - 0.01F;
    for (size_t i = 0; i < plan->parameter_count; i++)
        HPAC_TRY(call->parameter_write(plan, i, args->parameters, values));
    HPAC_TRY(call->activation_write(plan, false, args->dy, values));
    return call->activation_write(plan, true, (void *)args->x, values);
}

static hpac_status allocate_args(selfcheck_memory *memory, const hpac_plan *plan,
                                 hpac_exec_args *args)
{
    const struct {
        size_t nbytes;
        void **address;
    } blocks[] = {
        {plan->input_nbytes, (void **)&args->x},
        {plan->input_nbytes, &args->dx},
        {plan->output_nbytes, &args->y},
        {plan->output_nbytes, &args->dy},
        {plan->parameters_nbytes, &args->parameters},
        {plan->parameters_nbytes, &args->gradients},
        {plan->state_nbytes, &args->state},
        {plan->workspace_nbytes, &args->workspace},
        {sizeof *args->result, (void **)&args->result},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        HPAC_TRY(
            hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, blocks[i].nbytes, blocks[i].address));
    return HPAC_OK;
}

static void destroy_plan(hpac_plan **plan)
{
    if (*plan)
        (*plan)->device->ops->plan_destroy(*plan);
}

static hpac_status measure_problem(selfcheck_gauge *gauge, speed_problem *problem)
{
    HPAC_AUTO(hpac_selfcheck_free) selfcheck_memory memory = {.device = gauge->device};
    HPAC_AUTO(destroy_plan) hpac_plan *plan = NULL;
    hpac_exec_args args = {.training = true};
    HPAC_TRY(make_plan(gauge->device, problem, &plan));
    HPAC_TRY(allocate_args(&memory, plan, &args));
    HPAC_TRY(fill_plan(plan, problem, &args));
    HPAC_TRY(time_call(gauge, &(speed_call){FORWARD, .plan = plan, .args = &args},
                       &problem->forward_ms));
    return time_call(gauge, &(speed_call){BACKWARD, .plan = plan, .args = &args},
                     &problem->backward_ms);
}

/* Here and below backward is two products of the same size. */
static hpac_status measure_dense(selfcheck_gauge *gauge, const hpac_device_info *info,
                                 hpac_doctor_speeds *speeds)
{
    speed_problem problem = {.op_count = 1, .layout = info->vector_layout};
    for (size_t size = 512; size <= 4096 && problem.forward_ms < ENOUGH_MS; size *= 2) {
        const hpac_shape vector = {.rank = 1, .rows = 1, .cols = 1, .channels = size};
        problem.batch = size;
        problem.ops[0] = (hpac_op){.kind = HPAC_OP_DENSE, .in = vector, .out = vector};
        HPAC_TRY(measure_problem(gauge, &problem));
        double flops = 2.0 * (double)(size * size * size);
        speeds->dense_size = size;
        speeds->dense_forward_gflop_per_s = per_second(flops, problem.forward_ms);
        speeds->dense_backward_gflop_per_s = per_second(2 * flops, problem.backward_ms);
    }
    return HPAC_OK;
}

/* 16 channels of 126 x 126 to 32 of 124 x 124, as in the improved model. */
static hpac_status measure_conv2d(selfcheck_gauge *gauge, const hpac_device_info *info,
                                  hpac_doctor_speeds *speeds)
{
    const hpac_shape in = {.rank = 3, .rows = 126, .cols = 126, .channels = 16};
    const hpac_shape out = {.rank = 3, .rows = 124, .cols = 124, .channels = 32};
    speed_problem problem = {
        .ops = {{.kind = HPAC_OP_CONV2D, .in = in, .out = out, .kernel_rows = 3, .kernel_cols = 3},
                {.kind = HPAC_OP_RELU, .in = out, .out = out}},
        .op_count = 2,
        .layout = info->image_layout,
    };
    for (size_t batch = 2; batch <= 128 && problem.forward_ms < ENOUGH_MS; batch *= 4) {
        problem.batch = batch;
        HPAC_TRY(measure_problem(gauge, &problem));
        double flops = 2.0 * (double)(3 * 3 * 16 * batch * hpac_shape_count(out));
        speeds->conv2d_batch = batch;
        speeds->conv2d_forward_gflop_per_s = per_second(flops, problem.forward_ms);
        speeds->conv2d_backward_gflop_per_s = per_second(2 * flops, problem.backward_ms);
    }
    return HPAC_OK;
}

static hpac_status measure(hpac_device *device, hpac_doctor_speeds *speeds)
{
    HPAC_AUTO(hpac_selfcheck_gauge_fini) selfcheck_gauge gauge = {0};
    hpac_device_info info;
    HPAC_TRY(hpac_selfcheck_gauge_init(&gauge, device));
    HPAC_TRY(device->ops->describe(device, &info));
    HPAC_TRY(measure_copies(&gauge, speeds));
    HPAC_TRY(hpac_fail_within(measure_dense(&gauge, &info, speeds), "dense"));
    return hpac_fail_within(measure_conv2d(&gauge, &info, speeds), "conv2d");
}

void hpac_doctor_measure(hpac_doctor_exam *exam)
{
    if (exam->device && measure(exam->device, &exam->speeds) != HPAC_OK)
        snprintf(exam->trouble, sizeof exam->trouble, "%s", hpac_error_message());
}
