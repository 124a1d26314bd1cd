/* A device against the naive reference, case by case. */
#include "doctor/selfcheck.h"

#include "base/cpu.h"

#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t test_seed(void)
{
    const char *text = getenv("HPAC_TEST_SEED");
    return text ? strtoull(text, NULL, 0) : 0x123456789abcdefULL;
}

/* Runs all cases but those with `skipped` in their names, if it is not NULL. */
static void run_cases(const hpac_device_options *options, const char *skipped)
{
    uint64_t seed = test_seed();
    hpac_device *device = open_tested_device(*options);
    hpac_device_info info;
    cr_assert_eq(device->ops->describe(device, &info), HPAC_OK);
    for (size_t i = 0; i < hpac_selfcheck_count(); i++)
        if (!skipped || !strstr(hpac_selfcheck_name(i), skipped))
            cr_expect_eq(hpac_selfcheck_run(device, i, seed, NULL), HPAC_OK,
                         "%s, %s, HPAC_TEST_SEED=%#llx: %s", hpac_selfcheck_name(i), info.name,
                         (unsigned long long)seed, hpac_error_message());
    device->ops->close(device);
}

/* ---- the CPU: where it is the tested device ---- */

static void run_cases_on_cpu(int threads, const char *skipped)
{
    if (tested_device_is_cuda())
        cr_skip("the tested device is not the CPU");
    run_cases(&(hpac_device_options){.threads = threads}, skipped);
}

Test(device_ops, agree_with_the_reference_on_one_thread)
{
    run_cases_on_cpu(1, NULL);
}

Test(device_ops, agree_with_the_reference_on_two_threads)
{
    run_cases_on_cpu(2, NULL);
}

/* A concat is in place only where the operations around it compute with views. */
Test(device_ops, compute_with_views)
{
    if (!has_views_on_cpu())
        cr_skip("not a CPU that has views");
    hpac_device *device = open_tested_device((hpac_device_options){.threads = 1});
    for (size_t i = 0; i < hpac_selfcheck_count(); i++) {
        const char *name = hpac_selfcheck_name(i);
        hpac_selfcheck_reading reading;
        bool views = strstr(name, "view") || strstr(name, "in place");
        bool whole = !strstr(name, "of 12 channels") && !strstr(name, "within a vector");
        if (!views)
            continue;
        cr_expect_eq(hpac_selfcheck_run(device, i, test_seed(), &reading), HPAC_OK, "%s: %s", name,
                     hpac_error_message());
        cr_expect(!whole || reading.declined == 0, "%s: declined %zu times", name,
                  reading.declined);
    }
    device->ops->close(device);
}

/* Sums over threads: more of them than the processor has cores, and not a power of two. */
static void check_threads(int threads)
{
    run_cases_on_cpu(threads, "conv2d");
}

Test(device_ops, agree_with_the_reference_on_three_threads)
{
    check_threads(3);
}

Test(device_ops, agree_with_the_reference_on_five_threads)
{
    check_threads(5);
}

Test(device_ops, agree_with_the_reference_on_seven_threads)
{
    check_threads(7);
}

/* What older processors run. */
static void run_cases_within(hpac_cpu_path path, const char *skipped)
{
    if (hpac_cpu_path_best() < path)
        cr_skip("this processor lacks %s", hpac_cpu_path_name(path));
    cr_assert_eq(setenv("HPAC_CPU", hpac_cpu_path_name(path), 1), 0);
    run_cases_on_cpu(1, skipped);
}

Test(device_ops, agree_with_the_reference_on_avx2)
{
    run_cases_within(HPAC_CPU_PATH_AVX2, NULL);
}

Test(device_ops, agree_with_the_reference_on_the_portable_path)
{
    run_cases_within(HPAC_CPU_PATH_PORTABLE, "fused"); /* nothing to fuse there, and slow */
}

/* ---- CUDA: where it is the tested device, in each number format and layout ---- */

static void run_cases_on_cuda(hpac_precision precision, hpac_image_layout layout)
{
    const hpac_device_options options = {
        .precision = precision, .image_layout = layout, .deterministic = true};
    if (!tested_device_is_cuda())
        cr_skip("the tested device is not CUDA");
    run_cases(&options, NULL);
}

Test(cuda_ops, agree_in_fp32_nchw)
{
    run_cases_on_cuda(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_ops, agree_in_fp32_nhwc)
{
    run_cases_on_cuda(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_ops, agree_in_tf32_nchw)
{
    run_cases_on_cuda(HPAC_PRECISION_TF32, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_ops, agree_in_tf32_nhwc)
{
    run_cases_on_cuda(HPAC_PRECISION_TF32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_ops, agree_in_bf16_nchw)
{
    run_cases_on_cuda(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_ops, agree_in_bf16_nhwc)
{
    run_cases_on_cuda(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NHWC);
}
