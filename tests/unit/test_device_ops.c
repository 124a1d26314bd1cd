/* The CPU device against the naive reference, case by case. */
#include <hpac/selfcheck.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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

static void run_cases(int threads)
{
    uint64_t seed = test_seed();
    hpac_device *device = open_cpu(threads);
    for (int i = 0; i < hpac_selfcheck_count(); i++)
        cr_expect_eq(hpac_selfcheck_run(device, i, seed), HPAC_OK,
                     "%s, %d threads, HPAC_TEST_SEED=%#llx: %s", hpac_selfcheck_name(i), threads,
                     (unsigned long long)seed, hpac_error_message());
    device->ops->close(device);
}

Test(device_ops, agree_with_the_reference_on_one_thread)
{
    run_cases(1);
}

Test(device_ops, agree_with_the_reference_on_two_threads)
{
    run_cases(2);
}
