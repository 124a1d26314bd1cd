/* Opening devices, their memory, and which op chains the CPU takes. */
#include <hpac/device.h>
#include <hpac/log.h>

#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static hpac_device *open_cpu(void)
{
    hpac_device *device = NULL;
    cr_assert_eq(hpac_device_open(&(hpac_device_options){.name = "cpu", .threads = 2}, &device),
                 HPAC_OK, "%s", hpac_error_message());
    return device;
}

Test(device, unknown_names_are_refused)
{
    static const char *const names[] = {"",        "gpu",
                                        "CPU",     "cpu:0",
                                        "cuda:",   "cuda2",
                                        "cuda:x",  "cuda:-1",
                                        "cuda:1x", "cuda:99999999999"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hpac_device *device = NULL;
        cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = names[i]}, &device),
                     HPAC_ERR_CONFIG, "'%s'", names[i]);
        cr_expect_null(device);
        cr_expect_not_null(strstr(hpac_error_message(), "expected auto, cpu, cuda"));
    }
}

/* Opens where a GPU is; elsewhere the error names the device. */
Test(device, cuda_opens_or_says_why_not)
{
    hpac_device *device = NULL;
    if (hpac_device_open(&(hpac_device_options){.name = "cuda"}, &device) == HPAC_OK) {
        device->ops->close(device);
        return;
    }
    cr_assert_null(device);
    cr_assert(strncmp(hpac_error_message(), "cuda: ", 6) == 0, "%s", hpac_error_message());
}

Test(device, auto_always_finds_one)
{
    hpac_device *device = NULL;
    cr_assert_eq(hpac_device_open(&(hpac_device_options){.name = "auto"}, &device), HPAC_OK);
    device->ops->close(device);
}

static size_t notices;

static void count_notice(void *user, hpac_log_level level, const char *line)
{
    (void)user;
    cr_expect_eq(level, HPAC_LOG_INFO);
    cr_expect_leq(strlen(line), 80, "%s", line);
    cr_expect_not_null(strstr(line, "hpac doctor"), "%s", line);
    notices++;
}

/* Not a word where there is a GPU. */
Test(device, that_there_is_no_gpu_is_one_short_line_once)
{
    hpac_device *device = NULL;
    bool has_gpu = hpac_device_open(&(hpac_device_options){.name = "cuda"}, &device) == HPAC_OK;
    hpac_device_close(device);
    hpac_log_set_callback(count_notice, NULL);
    static const hpac_device_options no_name = {.deterministic = true};
    for (int time = 0; time < 3; time++) {
        cr_assert_eq(hpac_device_open(time == 0 ? NULL : &no_name, &device), HPAC_OK);
        cr_expect_str_eq(device->ops->name, has_gpu ? "cuda" : "cpu");
        hpac_device_close(device);
    }
    cr_expect_eq(notices, has_gpu ? 0 : 1);
}

Test(device, cpu_refuses_other_precisions)
{
    static const hpac_precision precisions[] = {HPAC_PRECISION_TF32, HPAC_PRECISION_BF16};
    for (size_t i = 0; i < 2; i++) {
        hpac_device *device = NULL;
        hpac_device_options options = {.name = "cpu", .precision = precisions[i]};
        cr_expect_eq(hpac_device_open(&options, &device), HPAC_ERR_DEVICE);
        cr_expect_null(device);
        cr_expect_not_null(strstr(hpac_error_message(), "device.precision"));
        cr_expect_not_null(strstr(hpac_error_message(), i == 0 ? "tf32" : "bf16"));
    }
}

Test(device, cpu_describes_itself)
{
    hpac_device *device = open_cpu();
    hpac_device_info info;
    cr_assert_eq(device->ops->describe(device, &info), HPAC_OK);
    cr_expect(strncmp(info.name, "cpu: ", 5) == 0, "%s", info.name);
    cr_expect_not_null(strstr(info.name, "2 threads"), "%s", info.name);
    cr_expect(strncmp(info.libraries, "oneDNN ", 7) == 0, "%s", info.libraries);
    cr_expect(info.free_nbytes > 0 && info.free_nbytes <= info.total_nbytes);
    device->ops->close(device);
}

Test(device, memory_is_zeroed_and_aligned)
{
    static const size_t sizes[] = {0, 1, 4097, (size_t)5 << 20};
    hpac_device *device = open_cpu();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *address = NULL;
        cr_assert_eq(device->ops->alloc(device, HPAC_MEMORY_PINNED, sizes[i], (void **)&address),
                     HPAC_OK);
        cr_expect_eq((uintptr_t)address % 4096, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            cr_assert_eq(address[j], 0);
        device->ops->free(device, HPAC_MEMORY_PINNED, address);
    }
    void *address = NULL;
    cr_expect_eq(device->ops->alloc(device, HPAC_MEMORY_DEVICE, SIZE_MAX / 2, &address),
                 HPAC_ERR_INTERNAL);
    cr_expect_null(address);
    device->ops->close(device);
}

Test(device, events_are_past)
{
    hpac_device *device = open_cpu();
    hpac_event *event = NULL;
    cr_assert_eq(device->ops->event_create(device, &event), HPAC_OK);
    cr_expect_eq(device->ops->event_synchronize(device, event), HPAC_OK);
    cr_expect_eq(device->ops->event_record(device, event, HPAC_QUEUE_COPY), HPAC_OK);
    cr_expect_eq(device->ops->event_await(device, event, HPAC_QUEUE_COMPUTE), HPAC_OK);
    cr_expect_eq(device->ops->synchronize(device), HPAC_OK);
    device->ops->event_destroy(device, event);
    device->ops->close(device);
}

static bool takes(hpac_device *device, const hpac_op *ops, size_t count)
{
    hpac_plan *plan = NULL;
    hpac_plan_request request = {
        .ops = ops, .op_count = count, .batch = 4, .training = true, .input_gradient = true};
    cr_assert_eq(device->ops->plan_create(device, &request, &plan), HPAC_OK, "%s",
                 hpac_error_message());
    bool taken = plan != NULL;
    device->ops->plan_destroy(plan);
    return taken;
}

Test(device, cpu_takes_the_op_chains_it_fuses)
{
    const hpac_op conv2d = {.kind = HPAC_OP_CONV2D,
                            .in = IMAGE(8, 3),
                            .out = IMAGE(6, 16),
                            .kernel_rows = 3,
                            .kernel_cols = 3,
                            .stride_rows = 1,
                            .stride_cols = 1,
                            .dilation_rows = 1,
                            .dilation_cols = 1,
                            .groups = 1};
    const hpac_op relu = {.kind = HPAC_OP_RELU, .in = IMAGE(6, 16), .out = IMAGE(6, 16)};
    const hpac_op flatten = {.kind = HPAC_OP_FLATTEN, .in = IMAGE(6, 16), .out = VECTOR(576)};
    const hpac_op dense = {.kind = HPAC_OP_DENSE, .in = VECTOR(576), .out = VECTOR(10)};
    const hpac_op relu_vector = {.kind = HPAC_OP_RELU, .in = VECTOR(10), .out = VECTOR(10)};
    hpac_device *device = open_cpu();
    cr_expect(takes(device, (hpac_op[]){conv2d, relu}, 2));
    cr_expect(takes(device, (hpac_op[]){flatten, dense}, 2));
    cr_expect(takes(device, (hpac_op[]){flatten, dense, relu_vector}, 3));
    cr_expect(takes(device, (hpac_op[]){dense, relu_vector}, 2));
    cr_expect_not(takes(device, (hpac_op[]){relu, flatten}, 2));
    cr_expect_not(takes(device, (hpac_op[]){conv2d, relu, flatten, dense}, 4));
    device->ops->close(device);
}

/* oneDNN's reference implementations take seconds where the others take milliseconds. That there is
 * always another one holds for its x86-64. */
static void expect_no_plain_loops(hpac_device *device, size_t channels, size_t filters, int layout)
{
    const hpac_op conv2d = {.kind = HPAC_OP_CONV2D,
                            .in = IMAGE(20, channels),
                            .out = IMAGE(18, filters),
                            .kernel_rows = 3,
                            .kernel_cols = 3,
                            .stride_rows = 1,
                            .stride_cols = 1,
                            .dilation_rows = 1,
                            .dilation_cols = 1,
                            .groups = 1};
    const hpac_plan_request request = {.ops = &conv2d,
                                       .op_count = 1,
                                       .batch = 4,
                                       .input_layout = layout,
                                       .training = true,
                                       .input_gradient = true};
    hpac_plan *plan = NULL;
    cr_assert_eq(device->ops->plan_create(device, &request, &plan), HPAC_OK, "%s",
                 hpac_error_message());
    cr_expect_null(strstr(plan->algorithm, "ref:"), "%zu to %zu channels, layout %d: %s", channels,
                   filters, layout, plan->algorithm);
    device->ops->plan_destroy(plan);
}

Test(device, no_convolution_of_the_cpu_runs_in_plain_loops)
{
#ifndef __x86_64__
    cr_skip("oneDNN has fast convolutions for other channels on other processors");
#endif
    static const size_t channels[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 24, 32};
    hpac_device *device = open_cpu();
    for (size_t c = 0; c < sizeof channels / sizeof *channels; c++)
        for (int layout = 0; layout < 4; layout++) {
            expect_no_plain_loops(device, channels[c], 8, layout);
            expect_no_plain_loops(device, channels[c], 17, layout);
            expect_no_plain_loops(device, channels[c], 32, layout);
        }
    device->ops->close(device);
}

/* A field more would have to be compared, too. */
_Static_assert(sizeof(hpac_device_options) == 24, "compare the new field of hpac_device_options");

Test(device, options_that_differ_in_one_field_are_not_equal)
{
    const hpac_device_options first = {.name = "cpu", .threads = 1};
    hpac_device_options others[] = {first, first, first, first, first};
    char name[] = "cpu";
    hpac_device_options same = first;
    same.name = name;
    cr_expect(hpac_device_options_equal(&first, &same));
    others[0].name = "cuda";
    others[1].threads = 2;
    others[2].precision = HPAC_PRECISION_BF16;
    others[3].deterministic = true;
    others[4].image_layout = HPAC_IMAGE_LAYOUT_NCHW;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_not(hpac_device_options_equal(&first, &others[i]), "field %zu", i);
        cr_expect_not(hpac_device_options_equal(&others[i], &first), "field %zu", i);
    }
}
