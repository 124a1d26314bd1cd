/* How fast a device copies and computes, measured by its own timers through its interface. */
#include "doctor_internal.h"
#include "selfcheck_internal.h"

#include <stdlib.h>

#define COPY_NBYTES ((size_t)64 << 20) /* far beyond every cache */
#define REPEATS 3
/* Long enough to measure, short enough to wait for: problems grow until a call takes this. */
#define ENOUGH_MS 20.0

/* A call that is measured. */
typedef struct speed_call speed_call;
struct speed_call {
    hpac_device *device;
    hpac_status (*run)(const speed_call *call);
    hpac_queue queue;
    void *to; /* copies */
    const void *from;
    hpac_plan *plan; /* forward, backward */
    const hpac_exec_args *arguments;
};

typedef struct stopwatch {
    hpac_device *device;
    hpac_event *begin, *end;
} stopwatch;

static hpac_status stopwatch_init(stopwatch *watch, hpac_device *device)
{
    *watch = (stopwatch){.device = device};
    HPAC_TRY(device->ops->timer_create(device, &watch->begin));
    return device->ops->timer_create(device, &watch->end);
}

static void stopwatch_fini(stopwatch *watch)
{
    if (watch->begin)
        watch->device->ops->event_destroy(watch->device, watch->begin);
    if (watch->end)
        watch->device->ops->event_destroy(watch->device, watch->end);
}

/* The quickest of a few calls, after one to warm up. */
static hpac_status time_call(const stopwatch *watch, const speed_call *call, double *ms)
{
    const hpac_device_ops *ops = watch->device->ops;
    HPAC_TRY(call->run(call));
    for (size_t i = 0; i < REPEATS; i++) {
        double elapsed = 0;
        HPAC_TRY(ops->event_record(watch->device, watch->begin, call->queue));
        HPAC_TRY(call->run(call));
        HPAC_TRY(ops->event_record(watch->device, watch->end, call->queue));
        HPAC_TRY(ops->event_synchronize(watch->device, watch->end));
        HPAC_TRY(ops->elapsed_ms(watch->device, watch->begin, watch->end, &elapsed));
        *ms = i == 0 || elapsed < *ms ? elapsed : *ms;
    }
    return HPAC_OK;
}

static double per_second(double amount, double ms)
{
    return ms > 0 ? amount / ms * 1e-6 : 0; /* GB/s of bytes, GFLOP/s of operations */
}

/* ---- copies ---- */

static hpac_status run_upload(const speed_call *call)
{
    return call->device->ops->upload(call->device, call->queue, call->to, call->from, COPY_NBYTES);
}

static hpac_status run_download(const speed_call *call)
{
    return call->device->ops->download(call->device, call->queue, call->to, call->from,
                                       COPY_NBYTES);
}

static hpac_status run_copy(const speed_call *call)
{
    return call->device->ops->copy(call->device, call->to, call->from, COPY_NBYTES);
}

static hpac_status measure_copies(const stopwatch *watch, selfcheck_memory *memory,
                                  hpac_doctor_speeds *speeds)
{
    hpac_device *device = watch->device;
    void *pinned = NULL, *blocks[2] = {NULL, NULL};
    HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_PINNED, COPY_NBYTES, &pinned));
    for (size_t i = 0; i < 2; i++)
        HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, COPY_NBYTES, &blocks[i]));
    const speed_call upload = {device, run_upload, HPAC_QUEUE_COPY, blocks[0], pinned, NULL, NULL},
                     download = {device, run_download, HPAC_QUEUE_COPY, pinned, blocks[0],
                                 NULL,   NULL},
                     copy = {device, run_copy, HPAC_QUEUE_COMPUTE, blocks[1], blocks[0],
                             NULL,   NULL};
    double ms = 0;
    HPAC_TRY(time_call(watch, &upload, &ms));
    speeds->upload_gb_per_s = per_second(COPY_NBYTES, ms);
    HPAC_TRY(time_call(watch, &download, &ms));
    speeds->download_gb_per_s = per_second(COPY_NBYTES, ms);
    if (!device->ops->copy)
        return HPAC_OK;
    HPAC_TRY(time_call(watch, &copy, &ms));
    speeds->copy_gb_per_s = per_second(2.0 * COPY_NBYTES, ms);
    return HPAC_OK;
}

/* ---- plans ---- */

/* An operation large enough to be measured, with its times. */
typedef struct speed_problem {
    hpac_op ops[2];
    size_t op_count, batch;
    hpac_layout layout;
    double forward_ms, backward_ms;
} speed_problem;

static hpac_status run_forward(const speed_call *call)
{
    return call->device->ops->forward(call->plan, call->arguments);
}

static hpac_status run_backward(const speed_call *call)
{
    return call->device->ops->backward(call->plan, call->arguments);
}

/* The first operation alone where the device does not take both as one. */
static hpac_status make_plan(hpac_device *device, const speed_problem *problem, hpac_plan **plan)
{
    *plan = NULL;
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

/* Small numbers of both signs, so that sums stay small. */
static void fill(float *values, size_t count, uint32_t stream)
{
    hpac_random random;
    hpac_random_init(&random, 0, HPAC_PURPOSE_SYNTH, stream, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = 0.02F * hpac_random_uniform(&random) - 0.01F;
}

/* Parameters, input and the output's gradient, all through one array on the host. */
static hpac_status fill_plan(hpac_plan *plan, const speed_problem *problem,
                             const hpac_exec_args *run)
{
    const hpac_device_ops *call = plan->device->ops;
    size_t in = problem->batch * hpac_shape_count(problem->ops[0].in);
    size_t out = problem->batch * hpac_shape_count(problem->ops[0].out);
    size_t count = in > out ? in : out;
    for (size_t i = 0; i < plan->parameter_count; i++)
        if (plan->parameters[i].count > count)
            count = plan->parameters[i].count;
    float *values = malloc(count * sizeof *values);
    if (!values)
        return hpac_fail_memory(count * sizeof *values);
    fill(values, count, 0);
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < plan->parameter_count && status == HPAC_OK; i++)
        status = call->parameter_write(plan, i, run->parameters, values);
    if (status == HPAC_OK)
        status = call->activation_write(plan, false, run->dy, values);
    fill(values, count, 1);
    if (status == HPAC_OK)
        status = call->activation_write(plan, true, (void *)run->x, values);
    free(values);
    return status;
}

static hpac_status allocate_run(selfcheck_memory *memory, const hpac_plan *plan,
                                hpac_exec_args *run)
{
    void *x = NULL, *result = NULL;
    const struct {
        size_t nbytes;
        void **address;
    } blocks[] = {
        {plan->input_nbytes, &x},
        {plan->input_nbytes, &run->dx},
        {plan->output_nbytes, &run->y},
        {plan->output_nbytes, &run->dy},
        {plan->parameters_nbytes, &run->parameters},
        {plan->parameters_nbytes, &run->gradients},
        {plan->state_nbytes, &run->state},
        {plan->workspace_nbytes, &run->workspace},
        {sizeof(hpac_step_result), &result},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        HPAC_TRY(
            hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, blocks[i].nbytes, blocks[i].address));
    run->x = x;
    run->result = result;
    run->training = true;
    return HPAC_OK;
}

static hpac_status measure_plan(const stopwatch *watch, speed_problem *problem, hpac_plan *plan)
{
    selfcheck_memory memory = {.device = watch->device};
    hpac_exec_args run = {0};
    speed_call call = {.device = watch->device,
                       .queue = HPAC_QUEUE_COMPUTE,
                       .run = run_forward,
                       .plan = plan,
                       .arguments = &run};
    hpac_status status = allocate_run(&memory, plan, &run);
    if (status == HPAC_OK)
        status = fill_plan(plan, problem, &run);
    if (status == HPAC_OK)
        status = time_call(watch, &call, &problem->forward_ms);
    call.run = run_backward;
    if (status == HPAC_OK)
        status = time_call(watch, &call, &problem->backward_ms);
    hpac_selfcheck_free(&memory);
    return status;
}

static hpac_status measure_problem(const stopwatch *watch, speed_problem *problem)
{
    hpac_plan *plan;
    hpac_status status = make_plan(watch->device, problem, &plan);
    if (status == HPAC_OK)
        status = measure_plan(watch, problem, plan);
    watch->device->ops->plan_destroy(plan);
    return status;
}

/* ---- the two large operations; backward is two products of the same size ---- */

static hpac_status measure_dense(const stopwatch *watch, const hpac_device_info *info,
                                 hpac_doctor_speeds *speeds)
{
    speed_problem problem = {.op_count = 1, .layout = info->vector_layout};
    for (size_t size = 512; size <= 4096 && problem.forward_ms < ENOUGH_MS; size *= 2) {
        const hpac_shape vector = {.rank = 1, .rows = 1, .cols = 1, .channels = size};
        problem.batch = size;
        problem.ops[0] = (hpac_op){.kind = HPAC_OP_DENSE, .in = vector, .out = vector};
        HPAC_TRY(measure_problem(watch, &problem));
        double flops = 2.0 * (double)(size * size * size);
        speeds->dense_size = size;
        speeds->dense_forward_gflop_per_s = per_second(flops, problem.forward_ms);
        speeds->dense_backward_gflop_per_s = per_second(2 * flops, problem.backward_ms);
    }
    return HPAC_OK;
}

/* 16 channels of 126 x 126 to 32 of 124 x 124, as in the improved model. */
static hpac_status measure_conv2d(const stopwatch *watch, const hpac_device_info *info,
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
        HPAC_TRY(measure_problem(watch, &problem));
        double flops = 2.0 * (double)(3 * 3 * 16 * batch * hpac_shape_count(out));
        speeds->conv2d_batch = batch;
        speeds->conv2d_forward_gflop_per_s = per_second(flops, problem.forward_ms);
        speeds->conv2d_backward_gflop_per_s = per_second(2 * flops, problem.backward_ms);
    }
    return HPAC_OK;
}

static hpac_status measure(const stopwatch *watch, hpac_doctor_speeds *speeds)
{
    selfcheck_memory memory = {.device = watch->device};
    hpac_device_info info;
    HPAC_TRY(watch->device->ops->describe(watch->device, &info));
    hpac_status status = measure_copies(watch, &memory, speeds);
    hpac_selfcheck_free(&memory);
    HPAC_TRY(status);
    HPAC_TRY(hpac_fail_within(measure_dense(watch, &info, speeds), "dense"));
    return hpac_fail_within(measure_conv2d(watch, &info, speeds), "conv2d");
}

hpac_status hpac_doctor_measure_device(hpac_device *device, hpac_doctor_speeds *speeds)
{
    stopwatch watch;
    *speeds = (hpac_doctor_speeds){0};
    hpac_status status = stopwatch_init(&watch, device);
    if (status == HPAC_OK)
        status = measure(&watch, speeds);
    stopwatch_fini(&watch);
    return status;
}
