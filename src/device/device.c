/* Choosing and opening a device. CUDA comes from a shared object, loaded only when asked for, so
 * that one program runs on every machine. */
#include <hpac/device.h>

#include <hpac/log.h>

#include "base/memory.h"
#include "device/cpu/cpu.h"

#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUDA_LIBRARY "libhpac_cuda.so"

/* The file that this code is in: the program, or libhpac.so, which then shows its functions to the
 * library of the device even where it was loaded with RTLD_LOCAL, as from Python. */
static void find_own_file(char path[PATH_MAX])
{
    static const char own = 0;
    Dl_info info;
    struct link_map *map = NULL;
    bool shared = dladdr1(&own, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && *map->l_name;
    if (!shared || !realpath(map->l_name, path)) {
        ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
        path[length > 0 ? length : 0] = '\0';
    } else
        (void)dlopen(map->l_name, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
}

/* Loads the library from the directory of the program or of libhpac.so, from ../lib (where a
 * program is installed), or from where the system looks. It is never unloaded: the device's code is
 * in it. */
static void *load_cuda_library(void)
{
    char own[PATH_MAX], path[PATH_MAX + 64];
    find_own_file(own);
    const char *directory = dirname(own); /* "." if it is unknown */
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

hpac_status hpac_device_open(const hpac_device_options *options, hpac_device **device)
{
    static const hpac_device_options defaults = {.deterministic = true};
    int index;
    HPAC_TRY_GIVEN(device);
    *device = NULL;
    options = options ? options : &defaults;
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
