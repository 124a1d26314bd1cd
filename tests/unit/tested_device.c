#include "tested_device.h"

#include "base/cpu.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tested_device(void)
{
    const char *name = getenv("HPAC_TEST_DEVICE");
    return name ? name : "cpu";
}

bool tested_device_is_cuda(void)
{
    return strncmp(tested_device(), "cuda", 4) == 0;
}

hpac_device *open_tested_device(hpac_device_options options)
{
    hpac_device *device = NULL;
    options.name = tested_device();
    hpac_status status = hpac_device_open(&options, &device);
    if (status != HPAC_OK && strstr(hpac_error_message(), "needs compute capability"))
        cr_skip("%s", hpac_error_message());
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
    return device;
}

bool has_views_on_cpu(void)
{
    hpac_cpu_path path;
    hpac_device_info info;
    assert_ok(hpac_cpu_path_get(&path));
    if (tested_device_is_cuda() || path == HPAC_CPU_PATH_PORTABLE)
        return false;
    hpac_device *device = open_tested_device((hpac_device_options){.threads = 1});
    assert_ok(device->ops->describe(device, &info));
    hpac_device_close(device);
    return strncmp(info.libraries, "oneDNN 2.", 9) == 0;
}

void *find_in_simulator(const char *symbol)
{
    void *runtime = NULL;
    for (int major = 12; major <= 13 && !runtime; major++) {
        char name[32];
        snprintf(name, sizeof name, "libcudart.so.%d", major);
        runtime = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    }
    return runtime ? dlsym(runtime, symbol) : NULL;
}

void need_cuda(void)
{
    if (!tested_device_is_cuda())
        cr_skip("the tested device is not CUDA");
}

void assert_ok(hpac_status status)
{
    cr_assert_eq(status, HPAC_OK, "%s", hpac_error_message());
}

void set_for_simulator(const char *name, const char *value)
{
    cr_assert_eq(setenv(name, value, 1), 0);
}

void need_simulator(hpac_device *device)
{
    if (find_in_simulator("cudasim_get_counts"))
        return;
    device->ops->close(device);
    cr_skip("only the CUDA simulator can be made to refuse");
}

void expect_message(const char *part)
{
    cr_expect(strstr(hpac_error_message(), part), "no \"%s\" in: %s", part, hpac_error_message());
}
