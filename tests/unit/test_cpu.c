/* The CPU path: what HPAC_CPU accepts, and that everything follows it. */
#include "base/cpu.h"

#include "image/resize_internal.h"

#include <hpac/device.h>

#include <criterion/criterion.h>
#include <dnnl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_path(const char *value)
{
    cr_assert_eq(setenv("HPAC_CPU", value, 1), 0);
}

/* Whether Linux lists a feature in the first "flags" line of /proc/cpuinfo. */
static bool has_flag(const char *flag)
{
    static char line[1 << 14];
    char padded[32];
    FILE *file = fopen("/proc/cpuinfo", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line - 1, file) && strncmp(line, "flags", 5) != 0)
        line[0] = '\0';
    fclose(file);
    line[strcspn(line, "\n")] = ' ';
    snprintf(padded, sizeof padded, " %s ", flag);
    return strstr(line, padded) != NULL;
}

Test(cpu, the_best_path_is_that_of_the_flags_in_cpuinfo)
{
    hpac_cpu_path wanted = HPAC_CPU_PATH_PORTABLE;
    if (has_flag("avx2") && has_flag("fma"))
        wanted = HPAC_CPU_PATH_AVX2;
    if (wanted == HPAC_CPU_PATH_AVX2 && has_flag("avx512f") && has_flag("avx512bw") &&
        has_flag("avx512dq") && has_flag("avx512vl"))
        wanted = HPAC_CPU_PATH_AVX512;
    cr_expect_eq(hpac_cpu_path_best(), wanted, "%s, expected %s",
                 hpac_cpu_path_name(hpac_cpu_path_best()), hpac_cpu_path_name(wanted));
}

Test(cpu, is_the_best_of_the_processor_without_the_variable)
{
    hpac_cpu_path path = HPAC_CPU_PATH_COUNT;
    cr_assert_eq(unsetenv("HPAC_CPU"), 0);
    cr_assert_eq(hpac_cpu_path_get(&path), HPAC_OK);
    cr_expect_eq(path, hpac_cpu_path_best());
    set_path("");
    cr_assert_eq(hpac_cpu_path_get(&path), HPAC_OK);
    cr_expect_eq(path, hpac_cpu_path_best());
}

Test(cpu, takes_every_path_of_the_processor_and_no_other)
{
    for (unsigned i = 0; i < HPAC_CPU_PATH_COUNT; i++) {
        hpac_cpu_path path = HPAC_CPU_PATH_COUNT;
        set_path(hpac_cpu_path_name((hpac_cpu_path)i));
        if (i <= (unsigned)hpac_cpu_path_best()) {
            cr_assert_eq(hpac_cpu_path_get(&path), HPAC_OK);
            cr_expect_eq(path, (hpac_cpu_path)i);
        } else {
            cr_expect_eq(hpac_cpu_path_get(&path), HPAC_ERR_CONFIG);
        }
    }
}

Test(cpu, refuses_an_unknown_value_with_those_it_accepts)
{
    hpac_cpu_path path;
    hpac_resizer *resizer;
    hpac_device *device;
    set_path("avx1024");
    cr_assert_eq(hpac_cpu_path_get(&path), HPAC_ERR_CONFIG);
    cr_expect(strstr(hpac_error_message(), "HPAC_CPU: \"avx1024\""), "%s", hpac_error_message());
    for (unsigned i = 0; i <= (unsigned)hpac_cpu_path_best(); i++)
        cr_expect(strstr(hpac_error_message(), hpac_cpu_path_name((hpac_cpu_path)i)), "%s",
                  hpac_error_message());
    cr_expect_eq(hpac_resizer_create(4, 4, 2, 2, &resizer), HPAC_ERR_CONFIG);
    cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = "cpu"}, &device), HPAC_ERR_CONFIG);
}

/* Each in a process of its own: oneDNN is capped once. `isa`: its cap; 0: none. */
static void check_path(hpac_cpu_path path, unsigned isa)
{
    hpac_device *device;
    hpac_device_info info;
    if (path > hpac_cpu_path_best())
        cr_skip("this processor lacks %s", hpac_cpu_path_name(path));
    set_path(hpac_cpu_path_name(path));
    for (int i = 0; i < 2; i++) { /* a second device of the process is no error */
        cr_assert_eq(hpac_device_open(&(hpac_device_options){.name = "cpu"}, &device), HPAC_OK,
                     "%s", hpac_error_message());
        cr_assert_eq(device->ops->describe(device, &info), HPAC_OK);
        device->ops->close(device);
    }
    cr_expect(strstr(info.name, hpac_cpu_path_label(path)), "%s", info.name);
    if (isa != 0)
        cr_expect_eq(dnnl_get_effective_cpu_isa(), isa);
    else
        cr_expect_gt(dnnl_get_effective_cpu_isa(), dnnl_cpu_isa_avx2);
}

Test(cpu, portable_caps_onednn_at_sse41)
{
    check_path(HPAC_CPU_PATH_PORTABLE, dnnl_cpu_isa_sse41);
}

Test(cpu, avx2_caps_onednn_at_avx2)
{
    if (hpac_cpu_path_best() == HPAC_CPU_PATH_AVX2)
        cr_skip("nothing to cap");
    check_path(HPAC_CPU_PATH_AVX2, dnnl_cpu_isa_avx2);
}

Test(cpu, avx512_caps_nothing)
{
    check_path(HPAC_CPU_PATH_AVX512, 0);
}

Test(cpu, a_cap_that_comes_too_late_for_onednn_is_an_error)
{
    hpac_device *device;
    if (hpac_cpu_path_best() == HPAC_CPU_PATH_PORTABLE)
        cr_skip("nothing to cap");
    cr_assert_eq(unsetenv("HPAC_CPU"), 0);
    cr_assert_eq(hpac_device_open(&(hpac_device_options){.name = "cpu"}, &device), HPAC_OK);
    device->ops->close(device);
    (void)dnnl_get_effective_cpu_isa();
    set_path("portable");
    cr_expect_eq(hpac_device_open(&(hpac_device_options){.name = "cpu"}, &device), HPAC_ERR_DEVICE);
}
