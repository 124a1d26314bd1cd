/* The doctor: what it finds on a healthy device, on one with a wrong operation, and what it reports
 * as missing. */
#include "base/file.h"
#include "doctor/doctor.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static hpac_doctor open_doctor(const char *device)
{
    hpac_doctor doctor;
    cr_assert_eq(
        hpac_doctor_open(&(hpac_device_options){.name = device, .deterministic = true}, &doctor),
        HPAC_OK, "%s", hpac_error_message());
    return doctor;
}

static size_t find_case(const char *name)
{
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        if (strcmp(hpac_selfcheck_name(i), name) == 0)
            return i;
    cr_assert_fail("no case %s", name);
    return 0;
}

static const hpac_doctor_finding *check(hpac_doctor *doctor, const char *name)
{
    size_t index = find_case(name);
    hpac_doctor_check_case(&doctor->exams[0], index, 1);
    return &doctor->exams[0].findings[index];
}

/* ---- healthy ---- */

Test(doctor, reads_error_tolerance_and_time)
{
    hpac_doctor doctor = open_doctor("cpu");
    const hpac_doctor_finding *dense = check(&doctor, "dense 257 to 64, relu");
    cr_expect_eq(dense->status, HPAC_OK, "%s", dense->message);
    cr_expect(dense->reading.error > 0 && dense->reading.error <= dense->reading.tolerance);
    cr_expect(dense->reading.elapsed_ms > 0 && dense->reading.elapsed_ms < 60e3);
    cr_expect_str_empty(dense->message);
    const hpac_doctor_finding *relu = check(&doctor, "relu, vector");
    cr_expect_eq(relu->reading.error, 0);
    cr_expect(relu->reading.tolerance > 0);
    hpac_doctor_close(&doctor);
}

Test(doctor, measures_copies_and_products)
{
    hpac_doctor doctor = open_doctor("cpu");
    hpac_doctor_exam *exam = &doctor.exams[0];
    hpac_doctor_measure(exam);
    cr_expect_str_empty(exam->trouble);
    cr_expect(exam->speeds.upload_gb_per_s > 0 && exam->speeds.upload_gb_per_s < 1e5);
    cr_expect(exam->speeds.download_gb_per_s > 0 && exam->speeds.download_gb_per_s < 1e5);
    cr_expect_eq(exam->speeds.copy_gb_per_s > 0, exam->device->ops->copy != NULL);
    cr_expect(exam->speeds.dense_forward_gflop_per_s > 0 && exam->speeds.dense_size >= 512);
    cr_expect(exam->speeds.dense_backward_gflop_per_s > 0);
    cr_expect(exam->speeds.conv2d_forward_gflop_per_s > 0 && exam->speeds.conv2d_batch >= 2);
    cr_expect(exam->speeds.conv2d_backward_gflop_per_s > 0);
    hpac_doctor_close(&doctor);
}

Test(doctor, accepts_a_healthy_device)
{
    char verdict[256];
    hpac_doctor doctor = open_doctor("cpu");
    (void)check(&doctor, "maxpool 2 x 2");
    (void)check(&doctor, "loss");
    cr_expect_eq(hpac_doctor_verdict(&doctor, verdict, sizeof verdict), HPAC_OK);
    cr_expect_str_eq(verdict, "cpu: ready to train");
    hpac_doctor_close(&doctor);
}

/* ---- a device with a wrong operation ---- */

static hpac_device_ops healthy, sick;
static hpac_op_kind wrong_kind;
static float wrong_by;
static hpac_plan *wrong_plans[64];
static int wrong_plan_count;

static hpac_status create_wrong_plan(hpac_device *device, const hpac_plan_request *request,
                                     hpac_plan **plan)
{
    hpac_status status = healthy.plan_create(device, request, plan);
    if (*plan && request->ops[0].kind == wrong_kind && wrong_plan_count < 64)
        wrong_plans[wrong_plan_count++] = *plan;
    return status;
}

static bool is_wrong(const hpac_plan *plan)
{
    for (int i = 0; i < wrong_plan_count; i++)
        if (wrong_plans[i] == plan)
            return true;
    return false;
}

static void destroy_wrong_plan(hpac_plan *plan)
{
    for (int i = 0; i < wrong_plan_count; i++)
        if (wrong_plans[i] == plan)
            wrong_plans[i] = NULL;
    healthy.plan_destroy(plan);
}

static hpac_status forward_wrongly(hpac_plan *plan, const hpac_exec_args *run)
{
    hpac_status status = healthy.forward(plan, run);
    if (is_wrong(plan))
        ((float *)run->y)[0] += wrong_by;
    return status;
}

static hpac_status backward_wrongly(hpac_plan *plan, const hpac_exec_args *run)
{
    hpac_status status = healthy.backward(plan, run);
    if (is_wrong(plan) && run->dx)
        ((float *)run->dx)[0] += wrong_by;
    return status;
}

static hpac_status forget_positive_weights(hpac_device *device, const hpac_loss *loss)
{
    hpac_loss unweighted = *loss;
    unweighted.positive_weights = NULL;
    return healthy.loss(device, &unweighted);
}

static hpac_status update_without_epsilon(hpac_device *device, const hpac_update *update)
{
    hpac_optimizer other = *update->optimizer;
    hpac_update wrong = *update;
    other.epsilon = 1e-8F;
    wrong.optimizer = &other;
    return healthy.update(device, &wrong);
}

/* A doctor of a CPU device whose table is `sick`. */
static hpac_doctor open_sick(void)
{
    hpac_doctor doctor = open_doctor("cpu");
    healthy = sick = *doctor.exams[0].device->ops;
    doctor.exams[0].device->ops = &sick;
    return doctor;
}

static void expect_bad_verdict(const hpac_doctor *doctor, const char *name)
{
    char verdict[1024];
    cr_expect_eq(hpac_doctor_verdict(doctor, verdict, sizeof verdict), HPAC_ERR_DEVICE);
    cr_expect_not_null(strstr(hpac_error_message(), "cpu"), "%s", hpac_error_message());
    cr_expect(strncmp(verdict, "cpu: not ready to train: 1 of ", 30) == 0, "%s", verdict);
    cr_expect_not_null(strstr(verdict, name), "%s", verdict);
}

/* Every kind of operation, wrong by little in one value of one direction. */
static void expect_found(hpac_op_kind kind, bool backward, const char *name)
{
    hpac_doctor doctor = open_sick();
    wrong_kind = kind;
    wrong_by = 1e-3F;
    wrong_plan_count = 0;
    sick.plan_create = create_wrong_plan;
    sick.plan_destroy = destroy_wrong_plan;
    *(backward ? &sick.backward : &sick.forward) = backward ? backward_wrongly : forward_wrongly;
    const hpac_doctor_finding *found = check(&doctor, name);
    cr_expect_eq(found->status, HPAC_ERR_NUMERIC, "%s: %s", name, found->message);
    cr_expect(found->reading.error > found->reading.tolerance, "%s: %g", name,
              found->reading.error);
    expect_bad_verdict(&doctor, name);
    const char *other = kind == HPAC_OP_RELU ? "flatten, plain" : "relu, vector";
    cr_expect_eq(check(&doctor, other)->status, HPAC_OK);
    hpac_doctor_close(&doctor);
}

Test(doctor, finds_a_wrong_operation)
{
    static const struct {
        hpac_op_kind kind;
        const char *name;
    } kinds[] = {
        {HPAC_OP_CONV2D, "conv2d 3 x 5, 3 to 5 channels"},
        {HPAC_OP_MAXPOOL, "maxpool 2 x 2"},
        {HPAC_OP_DENSE, "dense 10 to 3"},
        {HPAC_OP_RELU, "relu, vector"},
        {HPAC_OP_SIGMOID, "sigmoid, vector"},
        {HPAC_OP_DROPOUT, "dropout 0.5, vector"},
        {HPAC_OP_FLATTEN, "flatten, plain"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        expect_found(kinds[i].kind, false, kinds[i].name);
        expect_found(kinds[i].kind, true, kinds[i].name);
    }
    expect_found(HPAC_OP_PIXELS, false, "pixels, bytes");
}

Test(doctor, finds_a_nan)
{
    hpac_doctor doctor = open_sick();
    wrong_kind = HPAC_OP_DENSE;
    wrong_by = NAN;
    sick.plan_create = create_wrong_plan;
    sick.plan_destroy = destroy_wrong_plan;
    sick.forward = forward_wrongly;
    const hpac_doctor_finding *found = check(&doctor, "dense 1 to 1");
    cr_expect_eq(found->status, HPAC_ERR_NUMERIC);
    cr_expect_not(isfinite(found->reading.error));
    expect_bad_verdict(&doctor, "dense 1 to 1");
    hpac_doctor_close(&doctor);
}

/* Within every tolerance, but not the same bits each time. */
static hpac_status forward_variably(hpac_plan *plan, const hpac_exec_args *args)
{
    static int calls;
    hpac_status status = healthy.forward(plan, args);
    ((float *)args->y)[0] += (float)(calls++ % 7) * 1e-7F;
    return status;
}

Test(doctor, finds_bits_that_differ_between_calls)
{
    hpac_doctor doctor = open_sick();
    sick.forward = forward_variably;
    const hpac_doctor_finding *found = check(&doctor, "sigmoid, vector");
    cr_expect_eq(found->status, HPAC_ERR_NUMERIC);
    cr_expect_not_null(strstr(found->message, "differ from one call to the next"), "%s",
                       found->message);
    hpac_doctor_close(&doctor);
}

Test(doctor, finds_a_wrong_loss)
{
    hpac_doctor doctor = open_sick();
    sick.loss = forget_positive_weights;
    cr_expect_eq(check(&doctor, "loss")->status, HPAC_ERR_NUMERIC);
    expect_bad_verdict(&doctor, "loss");
    hpac_doctor_close(&doctor);
}

Test(doctor, finds_a_wrong_update)
{
    hpac_doctor doctor = open_sick();
    sick.update = update_without_epsilon;
    cr_expect_eq(check(&doctor, "adadelta")->status, HPAC_ERR_NUMERIC);
    expect_bad_verdict(&doctor, "adadelta");
    hpac_doctor_close(&doctor);
}

static hpac_status refuse_upload(hpac_device *device, hpac_queue queue, void *to, const void *from,
                                 size_t nbytes)
{
    (void)device, (void)queue, (void)to, (void)from;
    return hpac_fail(HPAC_ERR_DEVICE, "an upload of %zu bytes fails", nbytes);
}

Test(doctor, finds_an_error_while_measuring)
{
    char verdict[256];
    hpac_doctor doctor = open_sick();
    sick.upload = refuse_upload;
    hpac_doctor_measure(&doctor.exams[0]);
    cr_expect_eq(hpac_doctor_verdict(&doctor, verdict, sizeof verdict), HPAC_ERR_DEVICE);
    cr_expect_not_null(strstr(verdict, "cpu: not ready to train: an upload of "), "%s", verdict);
    hpac_doctor_close(&doctor);
}

/* ---- no device ---- */

Test(doctor, a_missing_gpu_is_an_error_only_where_it_is_required)
{
    char verdict[4096];
    hpac_doctor wanted = open_doctor("cuda");
    if (wanted.exam_count == 2) { /* there is a GPU */
        hpac_doctor_close(&wanted);
        cr_skip_test("a GPU is there");
    }
    cr_expect_eq(hpac_doctor_verdict(&wanted, verdict, sizeof verdict), HPAC_ERR_DEVICE);
    cr_expect(strncmp(verdict, "cuda: not usable: ", 18) == 0, "%s", verdict);
    hpac_doctor_close(&wanted);

    hpac_doctor content = open_doctor("auto");
    cr_assert_eq(content.exam_count, 2);
    cr_expect_str_eq(content.exams[0].name, "cpu");
    cr_expect_eq(hpac_doctor_verdict(&content, verdict, sizeof verdict), HPAC_OK);
    cr_expect_str_eq(verdict, "cpu: ready to train; cuda: not usable, nor needed");
    hpac_doctor_check_case(&content.exams[1], 0, 0); /* nothing to examine */
    hpac_doctor_measure(&content.exams[1]);
    hpac_doctor_close(&content);
}

Test(doctor, names_that_are_no_devices_are_refused)
{
    static const char *const names[] = {"", "gpu", "cuda:x", "cpu:0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hpac_doctor doctor;
        cr_expect_eq(hpac_doctor_open(&(hpac_device_options){.name = names[i]}, &doctor),
                     HPAC_ERR_CONFIG, "'%s'", names[i]);
        cr_expect_not_null(strstr(hpac_error_message(), "expected auto, cpu, cuda"));
        hpac_doctor_close(&doctor);
    }
}

/* ---- what is missing: against a machine made of files ---- */

/* `name` is an address on the bus, "0000:01:00.0". */
static void add_pci_device(const char *name, const char *vendor, const char *class)
{
    char path[256];
    snprintf(path, sizeof path, "sys/bus/pci/devices/%s", name);
    cr_assert_eq(hpac_directory_create(scratch_path(path)), HPAC_OK);
    snprintf(path, sizeof path, "sys/bus/pci/devices/%s/vendor", name);
    scratch_write_text(path, vendor);
    snprintf(path, sizeof path, "sys/bus/pci/devices/%s/class", name);
    scratch_write_text(path, class);
}

static bool misses_gpu(const char *root)
{
    char reason[512] = "it does not open";
    hpac_doctor_add_missing(root, reason, sizeof reason);
    cr_expect(strncmp(reason, "it does not open", 16) == 0, "%s", reason);
    return strstr(reason, ", no NVIDIA GPU") != NULL;
}

Test(doctor, sees_gpus_among_the_pci_devices)
{
    const char *root = scratch_directory();
    cr_expect(misses_gpu(root));
    add_pci_device("0000:00:02.0", "0x8086\n", "0x030000\n"); /* another maker's GPU */
    add_pci_device("0000:01:00.1", "0x10de\n", "0x040300\n"); /* the sound of NVIDIA's */
    cr_expect(misses_gpu(root));
    add_pci_device("0000:01:00.0", "0x10de\n", "0x030200\n");
    cr_expect_not(misses_gpu(root));
}

Test(doctor, sees_the_gpu_of_wsl)
{
    const char *root = scratch_directory();
    cr_assert_eq(hpac_directory_create(scratch_path("dev")), HPAC_OK);
    scratch_write_text("dev/dxg", "");
    cr_expect_not(misses_gpu(root));
}

Test(doctor, names_the_driver_once)
{
    char reason[512] = "libcuda.so.1 does not load";
    hpac_doctor_add_missing(scratch_directory(), reason, sizeof reason);
    cr_expect_null(strstr(reason + 1, "libcuda.so.1"), "%s", reason);
}

Test(doctor, does_not_overflow_the_text)
{
    char reason[40] = "it does not open";
    hpac_doctor_add_missing(scratch_directory(), reason, sizeof reason);
    cr_expect_lt(strlen(reason), sizeof reason);
}
