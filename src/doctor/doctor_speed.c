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

/* Operations in the middle of a network; of a chain that the device does not take as one, the
 * first. */
static hpac_status measure_ops(selfcheck_gauge *gauge, const selfcheck_case *one,
                               double *forward_ms, double *backward_ms)
{
    HPAC_AUTO(hpac_selfcheck_stack_fini)
    check_stack stack = {.gauge = gauge,
                         .data = DATA_RANDOM,
                         .options.fused = true,
                         .inner = true,
                         .draw.training = true};
    hpac_random_init(&stack.random, 0, HPAC_PURPOSE_SYNTH, 0, 0);
    HPAC_TRY(hpac_selfcheck_stack_init(&stack, one));
    hpac_plan *plan = stack.segments[0].plan;
    const hpac_exec_args args = hpac_selfcheck_args(&stack, 0);
    HPAC_TRY(stack.call->activation_write(plan, false, args.dy, stack.last_dy));
    HPAC_TRY(time_call(gauge, &(speed_call){FORWARD, .plan = plan, .args = &args}, forward_ms));
    return time_call(gauge, &(speed_call){BACKWARD, .plan = plan, .args = &args}, backward_ms);
}

/* Here and below backward is two products of the same size. */
static hpac_status measure_dense(selfcheck_gauge *gauge, hpac_doctor_speeds *speeds)
{
    double forward_ms = 0, backward_ms = 0;
    for (size_t size = 512; size <= 4096 && forward_ms < ENOUGH_MS; size *= 2) {
        const selfcheck_case one = {
            .batch = size,
            .input = {.rank = 1, .rows = 1, .cols = 1, .channels = size},
            .ops = {{.kind = HPAC_OP_DENSE, .out.channels = size}},
            .op_count = 1,
        };
        HPAC_TRY(measure_ops(gauge, &one, &forward_ms, &backward_ms));
        double flops = 2.0 * (double)(size * size * size);
        speeds->dense_size = size;
        speeds->dense_forward_gflop_per_s = per_second(flops, forward_ms);
        speeds->dense_backward_gflop_per_s = per_second(2 * flops, backward_ms);
    }
    return HPAC_OK;
}

/* 16 channels of 126 x 126 to 32 of 124 x 124, as in the improved model. */
static hpac_status measure_conv2d(selfcheck_gauge *gauge, hpac_doctor_speeds *speeds)
{
    double forward_ms = 0, backward_ms = 0;
    for (size_t batch = 2; batch <= 128 && forward_ms < ENOUGH_MS; batch *= 4) {
        const selfcheck_case one = {
            .batch = batch,
            .input = {.rank = 3, .rows = 126, .cols = 126, .channels = 16},
            .ops =
                {{.kind = HPAC_OP_CONV2D, .kernel_rows = 3, .kernel_cols = 3, .out.channels = 32},
                 {.kind = HPAC_OP_RELU}},
            .op_count = 2,
        };
        HPAC_TRY(measure_ops(gauge, &one, &forward_ms, &backward_ms));
        double flops = 2.0 * (double)(3 * 3 * 16 * batch * 124 * 124 * 32);
        speeds->conv2d_batch = batch;
        speeds->conv2d_forward_gflop_per_s = per_second(flops, forward_ms);
        speeds->conv2d_backward_gflop_per_s = per_second(2 * flops, backward_ms);
    }
    return HPAC_OK;
}

static hpac_status measure(hpac_device *device, hpac_doctor_speeds *speeds)
{
    HPAC_AUTO(hpac_selfcheck_gauge_fini) selfcheck_gauge gauge = {0};
    HPAC_TRY(hpac_selfcheck_gauge_init(&gauge, device));
    HPAC_TRY(measure_copies(&gauge, speeds));
    HPAC_TRY(hpac_fail_within(measure_dense(&gauge, speeds), "dense"));
    return hpac_fail_within(measure_conv2d(&gauge, speeds), "conv2d");
}

void hpac_doctor_measure(hpac_doctor_exam *exam)
{
    if (exam->device && measure(exam->device, &exam->speeds) != HPAC_OK)
        snprintf(exam->trouble, sizeof exam->trouble, "%s", hpac_error_message());
}
