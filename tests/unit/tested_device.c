#include "tested_device.h"

#include <criterion/criterion.h>
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
    cr_assert_eq(hpac_device_open(&options, &device), HPAC_OK, "%s", hpac_error_message());
    return device;
}
