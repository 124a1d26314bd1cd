/* The CPU device against the naive reference, case by case. */
#include <hpac/selfcheck.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t test_seed(void)
{
    const char *text = getenv("HPAC_TEST_SEED");
    return text ? strtoull(text, NULL, 0) : 0x123456789abcdefULL;
}

static hpac_device *open_cpu(int threads)
{
    hpac_device *device = NULL;
    hpac_status status =
        hpac_device_open(&(hpac_device_options){.name = "cpu", .threads = threads}, &device);
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return device;
}

/* Runs all cases but those with `skipped` in their names, if it is not NULL. */
static void run_cases(int threads, const char *skipped)
{
    uint64_t seed = test_seed();
    hpac_device *device = open_cpu(threads);
    hpac_device_info info;
    cr_assert_eq(device->ops->describe(device, &info), HPAC_OK);
    for (int i = 0; i < hpac_selfcheck_count(); i++)
        if (!skipped || !strstr(hpac_selfcheck_name(i), skipped))
            cr_expect_eq(hpac_selfcheck_run(device, i, seed, NULL), HPAC_OK,
                         "%s, %s, HPAC_TEST_SEED=%#llx: %s", hpac_selfcheck_name(i), info.name,
                         (unsigned long long)seed, hpac_error_message());
    device->ops->close(device);
}

Test(device_ops, agree_with_the_reference_on_one_thread)
{
    run_cases(1, NULL);
}

Test(device_ops, agree_with_the_reference_on_two_threads)
{
    run_cases(2, NULL);
}

/* What older processors run: oneDNN and the device's own kernels go no further than they are told,
 * which oneDNN reads when it is first used. */
static void run_cases_within(const char *instructions, const char *skipped)
{
    cr_assert_eq(setenv("ONEDNN_MAX_CPU_ISA", instructions, 1), 0);
    run_cases(1, skipped);
}

Test(device_ops, agree_with_the_reference_on_avx2)
{
    run_cases_within("AVX2", NULL);
}

Test(device_ops, agree_with_the_reference_on_sse41)
{
    run_cases_within("SSE41", "fused"); /* nothing to fuse there, and slow */
}
