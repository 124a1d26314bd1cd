/* Choosing and opening a device. CUDA comes from a shared object, loaded only when asked for, so
 * that one program runs on every machine. */
#include <hpac/device.h>

#include <hpac/log.h>

#include "base/memory.h"
#include "device/cpu/cpu.h"
#include "device/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 1024 /* as device.threads */

static hpac_status fail_load(const char *error)
{
    const char *missing = HPAC_CUDA_LIBRARY ": cannot open";
    if (strncmp(error, missing, strlen(missing)) == 0)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "cuda: not available: no " HPAC_CUDA_LIBRARY
                         " beside hpac, in ../lib or in the "
                         "library path; make builds it if CUDA and cuDNN are installed");
    return hpac_fail(
        HPAC_ERR_DEVICE,
        "cuda: not available: %s; the libraries of CUDA and cuDNN are loaded from where "
        "they were when hpac was built, LD_LIBRARY_PATH, HPAC_CUDA_LIBRARIES, the Python "
        "environment (VIRTUAL_ENV, CONDA_PREFIX), CUDA_HOME or /usr/local/cuda",
        error);
}

static hpac_status open_cuda(const hpac_device_options *options, int index, hpac_device **device)
{
    void *library = hpac_plugin_load();
    if (!library)
        return fail_load(dlerror());
    hpac_cuda_open_function *open = NULL;
    void *symbol = dlsym(library, HPAC_CUDA_OPEN);
    /* ISO C has no cast from an object's address to a function's. */
    memcpy(&open, &symbol, sizeof open);
    if (!open)
        return hpac_fail(HPAC_ERR_DEVICE, "cuda: libhpac_cuda.so: no " HPAC_CUDA_OPEN " in it");
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

/* The reason is hpac doctor's: most machines just have no GPU. */
static hpac_status open_auto(const hpac_device_options *options, hpac_device **device)
{
    static atomic_flag noted = ATOMIC_FLAG_INIT;
    if (open_cuda(options, 0, device) == HPAC_OK)
        return HPAC_OK;
    if (!atomic_flag_test_and_set(&noted))
        hpac_log_info("device: cpu; no GPU is usable (\"hpac doctor\" shows why)");
    return hpac_cpu_device_open(options, device);
}

static const char *name_of(const hpac_device_options *options)
{
    return options->name ? options->name : "auto";
}

bool hpac_device_options_equal(const hpac_device_options *a, const hpac_device_options *b)
{
    return strcmp(name_of(a), name_of(b)) == 0 && a->threads == b->threads &&
           a->precision == b->precision && a->deterministic == b->deterministic &&
           a->image_layout == b->image_layout;
}

static hpac_status check_options(const hpac_device_options *options)
{
    if (options->threads < 0 || options->threads > MAX_THREADS)
        return hpac_fail(HPAC_ERR_CONFIG, "device: %d threads, expected 0 to %d", options->threads,
                         MAX_THREADS);
    if ((unsigned)options->precision > HPAC_PRECISION_BF16 ||
        (unsigned)options->image_layout > HPAC_IMAGE_LAYOUT_NCHW)
        return hpac_fail(HPAC_ERR_CONFIG, "device: unknown precision %d or image layout %d",
                         (int)options->precision, (int)options->image_layout);
    return HPAC_OK;
}

hpac_status hpac_device_open(const hpac_device_options *options, hpac_device **device)
{
    static const hpac_device_options defaults = {.deterministic = true};
    int index;
    HPAC_TRY_GIVEN(device);
    *device = NULL;
    options = options ? options : &defaults;
    HPAC_TRY(check_options(options));
    const char *name = name_of(options);
    HPAC_TRY(hpac_cpu_cap_onednn()); /* whatever the device: the CUDA simulator uses oneDNN, too */
    if (strcmp(name, "auto") == 0)
        return open_auto(options, device);
    if (strcmp(name, "cpu") == 0)
        return hpac_cpu_device_open(options, device);
    if (parse_cuda_name(name, &index))
        return open_cuda(options, index, device);
    return hpac_fail(HPAC_ERR_CONFIG,
                     "device: unknown device \"%s\", expected auto, cpu, cuda or cuda:<n>", name);
}

void hpac_device_close(hpac_device *device)
{
    if (device)
        device->ops->close(device);
}
