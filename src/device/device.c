/* Choosing and opening a device. CUDA comes from a shared object, loaded only when asked for, so
 * that one program runs on every machine. */
#include <hpac/device.h>

#include <hpac/log.h>

#include "device/cpu/cpu.h"

#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUDA_LIBRARY "libhpac_cuda.so"

/* Loads the library from the program's directory, from ../lib (where it is installed), or from
 * where the system looks. It is never unloaded: the device's code is in it. */
static void *load_cuda_library(void)
{
    char program[PATH_MAX], path[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *directory = dirname(program); /* "." if it is unknown */
    snprintf(path, sizeof path, "%s/" CUDA_LIBRARY, directory);
    if (access(path, F_OK) != 0)
        snprintf(path, sizeof path, "%s/../lib/" CUDA_LIBRARY, directory);
    return dlopen(access(path, F_OK) == 0 ? path : CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
}

static hpac_status fail_load(const char *error)
{
    const char *missing = CUDA_LIBRARY ": cannot open";
    if (strncmp(error, missing, strlen(missing)) == 0)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "cuda: not available: no " CUDA_LIBRARY
                         " beside hpac, in ../lib or in the "
                         "library path; make builds it if CUDA and cuDNN are installed");
    return hpac_fail(
        HPAC_ERR_DEVICE,
        "cuda: not available: %s; the libraries of CUDA and cuDNN are loaded from where "
        "they were when hpac was built, or from LD_LIBRARY_PATH",
        error);
}

static hpac_status open_cuda(const hpac_device_options *options, int index, hpac_device **device)
{
    void *library = load_cuda_library();
    if (!library)
        return fail_load(dlerror());
    hpac_cuda_open_function *open = NULL;
    void *symbol = dlsym(library, HPAC_CUDA_OPEN);
    /* ISO C has no cast from an object's address to a function's. */
    memcpy(&open, &symbol, sizeof open);
    if (!open)
        return hpac_fail(HPAC_ERR_DEVICE, "cuda: " CUDA_LIBRARY ": no " HPAC_CUDA_OPEN " in it");
    return hpac_fail_within(open(HPAC_DEVICE_ABI, options, index, device), "cuda");
}

/* The GPU that "cuda" or "cuda:2" names; false if `name` is neither. */
static bool parse_cuda_name(const char *name, int *index)
{
    *index = 0;
    if (strcmp(name, "cuda") == 0)
        return true;
    if (strncmp(name, "cuda:", 5) != 0 || name[5] < '0' || name[5] > '9')
        return false;
    char *end;
    errno = 0;
    long value = strtol(name + 5, &end, 10);
    *index = (int)value;
    return *end == '\0' && errno == 0 && value <= INT_MAX;
}

static hpac_status open_auto(const hpac_device_options *options, hpac_device **device)
{
    if (open_cuda(options, 0, device) == HPAC_OK)
        return HPAC_OK;
    hpac_log_info("device: using the cpu (%s)", hpac_error_message());
    return hpac_cpu_device_open(options, device);
}

bool hpac_device_options_equal(const hpac_device_options *a, const hpac_device_options *b)
{
    return strcmp(a->name, b->name) == 0 && a->threads == b->threads &&
           a->precision == b->precision && a->deterministic == b->deterministic &&
           a->image_layout == b->image_layout;
}

hpac_status hpac_device_open(const hpac_device_options *options, hpac_device **device)
{
    int index;
    *device = NULL;
    HPAC_TRY(hpac_cpu_cap_onednn()); /* whatever the device: the CUDA simulator uses oneDNN, too */
    if (strcmp(options->name, "auto") == 0)
        return open_auto(options, device);
    if (strcmp(options->name, "cpu") == 0)
        return hpac_cpu_device_open(options, device);
    if (parse_cuda_name(options->name, &index))
        return open_cuda(options, index, device);
    return hpac_fail(HPAC_ERR_CONFIG,
                     "device: unknown device \"%s\", expected auto, cpu, cuda or cuda:<n>",
                     options->name);
}
