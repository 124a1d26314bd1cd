/* The CPU device: opening, memory, queues. Calls are synchronous, so that the queues are always
 * empty and events always complete. */
#include "cpu.h"

#include "base/machine.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* Blocks from this size on ask for huge pages: fewer TLB misses in the sweeps over the arenas. */
#define HUGE_PAGE_NBYTES (2 << 20)
#define PAGE_NBYTES ((size_t)4096)

static void cpu_close(hpac_device *base)
{
    cpu_device *device = (cpu_device *)base;
    if (!device)
        return;
    if (device->stream)
        dnnl_stream_destroy(device->stream);
    if (device->engine)
        dnnl_engine_destroy(device->engine);
    free(device);
}

/* The value of a line "key : value" of a file of /proc; false if there is none. */
static bool read_proc_line(const char *path, const char *key, char *value, size_t value_nbytes)
{
    FILE *file = fopen(path, "r");
    char line[512];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        const char *text = strchr(line, ':');
        if (!text)
            continue;
        text += strspn(text, ": \t");
        snprintf(value, value_nbytes, "%.*s", (int)strcspn(text, "\n"), text);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

static const char *isa_name(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "SSE4.1";
    case dnnl_cpu_isa_avx:
        return "AVX";
    case dnnl_cpu_isa_avx2:
        return "AVX2";
    case dnnl_cpu_isa_avx2_vnni:
        return "AVX2-VNNI";
    case dnnl_cpu_isa_avx512_mic:
    case dnnl_cpu_isa_avx512_mic_4ops:
    case dnnl_cpu_isa_avx512_core:
    case dnnl_cpu_isa_avx512_core_vnni:
    case dnnl_cpu_isa_avx512_core_bf16:
    case dnnl_cpu_isa_avx512_core_amx:
        return "AVX-512";
    default:
        return "unknown instruction set";
    }
}

static hpac_status cpu_describe(hpac_device *base, hpac_device_info *info)
{
    const cpu_device *device = (const cpu_device *)base;
    const dnnl_version_t *version = dnnl_version();
    char text[64];
    *info = (hpac_device_info){0};
    if (!read_proc_line("/proc/cpuinfo", "model name", text, sizeof text))
        snprintf(text, sizeof text, "unknown processor");
    const char *path = hpac_cpu_path_label(device->path), *onednn = isa_name();
    snprintf(info->name, sizeof info->name, "cpu: %s, %d thread%s, %s", text, device->threads,
             device->threads == 1 ? "" : "s", path);
    bool alike = strcmp(onednn, path) == 0;
    snprintf(info->libraries, sizeof info->libraries, "oneDNN %d.%d.%d%s%s%s", version->major,
             version->minor, version->patch, alike ? "" : " (", alike ? "" : onednn,
             alike ? "" : ")");

    info->total_nbytes = hpac_memory_total();
    info->free_nbytes = hpac_memory_available();
    info->precision = HPAC_PRECISION_FP32;
    return HPAC_OK;
}

/* Touches all pages now, so that a machine with too little memory fails before the first step. */
static hpac_status cpu_alloc(hpac_device *base, hpac_memory memory, size_t nbytes, void **address)
{
    (void)base;
    (void)memory;
    bool large = nbytes >= HUGE_PAGE_NBYTES;
    *address = NULL;
    if (posix_memalign(address, large ? HUGE_PAGE_NBYTES : PAGE_NBYTES, nbytes ? nbytes : 1) != 0) {
        *address = NULL;
        return hpac_fail_memory(nbytes);
    }
    if (large) /* a hint: the result does not matter */
        (void)madvise(*address, nbytes / PAGE_NBYTES * PAGE_NBYTES, MADV_HUGEPAGE);
    memset(*address, 0, nbytes);
    return HPAC_OK;
}

static void cpu_free(hpac_device *base, hpac_memory memory, void *address)
{
    (void)base;
    (void)memory;
    free(address);
}

static hpac_status cpu_copy(hpac_device *base, hpac_queue queue, void *to, const void *from,
                            size_t nbytes)
{
    (void)base;
    (void)queue;
    memcpy(to, from, nbytes);
    return HPAC_OK;
}

/* All work is done when a call returns: an event is a time. */
struct hpac_event {
    struct timespec recorded;
};

static hpac_status cpu_event_create(hpac_device *base, hpac_event **event)
{
    (void)base;
    *event = calloc(1, sizeof **event);
    return *event ? HPAC_OK : hpac_fail_memory(sizeof **event);
}

static void cpu_event_destroy(hpac_device *base, hpac_event *event)
{
    (void)base;
    free(event);
}

static hpac_status cpu_event_record(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    (void)base;
    (void)queue;
    clock_gettime(CLOCK_MONOTONIC, &event->recorded);
    return HPAC_OK;
}

static hpac_status cpu_event_await(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    (void)base;
    (void)event;
    (void)queue;
    return HPAC_OK;
}

static hpac_status cpu_event_synchronize(hpac_device *base, hpac_event *event)
{
    (void)base;
    (void)event;
    return HPAC_OK;
}

static hpac_status cpu_elapsed_ms(hpac_device *base, hpac_event *from, hpac_event *to, double *ms)
{
    (void)base;
    *ms = (double)(to->recorded.tv_sec - from->recorded.tv_sec) * 1e3 +
          (double)(to->recorded.tv_nsec - from->recorded.tv_nsec) * 1e-6;
    return HPAC_OK;
}

static hpac_status cpu_synchronize(hpac_device *base)
{
    (void)base;
    return HPAC_OK;
}

static hpac_status cpu_set_step(hpac_device *base, uint64_t seed, uint32_t step)
{
    cpu_device *device = (cpu_device *)base;
    device->seed = seed;
    device->step = step;
    return HPAC_OK;
}

static const hpac_device_ops operations = {
    .abi = HPAC_DEVICE_ABI,
    .name = "cpu",
    .close = cpu_close,
    .describe = cpu_describe,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .upload = cpu_copy,
    .download = cpu_copy,
    .event_create = cpu_event_create,
    .timer_create = cpu_event_create,
    .event_destroy = cpu_event_destroy,
    .event_record = cpu_event_record,
    .event_await = cpu_event_await,
    .event_synchronize = cpu_event_synchronize,
    .elapsed_ms = cpu_elapsed_ms,
    .synchronize = cpu_synchronize,
    .plan_create = hpac_cpu_plan_create,
    .plan_destroy = hpac_cpu_plan_destroy,
    .parameter_write = hpac_cpu_parameter_write,
    .parameter_read = hpac_cpu_parameter_read,
    .activation_write = hpac_cpu_activation_write,
    .activation_read = hpac_cpu_activation_read,
    .set_step = cpu_set_step,
    .forward = hpac_cpu_forward,
    .backward = hpac_cpu_backward,
    .loss = hpac_cpu_loss,
    .adadelta = hpac_cpu_adadelta,
};

static const char *const precision_names[] = {
    [HPAC_PRECISION_FP32] = "fp32",
    [HPAC_PRECISION_TF32] = "tf32",
    [HPAC_PRECISION_BF16] = "bf16",
};

hpac_status hpac_cpu_device_open(const hpac_device_options *options, hpac_device **result)
{
    *result = NULL;
    if (options->precision != HPAC_PRECISION_FP32)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "device.precision: the cpu device computes in fp32, not in %s",
                         precision_names[options->precision]);
    if (options->image_layout != HPAC_IMAGE_LAYOUT_AUTO)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "device.image_layout: the cpu device chooses its layouts; "
                         "expected auto");
    hpac_cpu_path path;
    HPAC_TRY(hpac_cpu_path_get(&path));
    HPAC_TRY(hpac_cpu_cap_onednn());
    cpu_device *device = calloc(1, sizeof *device);
    if (!device)
        return hpac_fail_memory(sizeof *device);
    device->base.ops = &operations;
    device->threads = options->threads > 0 ? options->threads : hpac_compute_thread_count();
    device->path = path;
    device->kernels = hpac_cpu_kernels(path);
    omp_set_num_threads(device->threads);

    dnnl_status_t status = dnnl_engine_create(&device->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&device->stream, device->engine, dnnl_stream_default_flags);
    if (status != dnnl_success) {
        cpu_close(&device->base);
        return hpac_cpu_fail(status, "dnnl_engine_create or dnnl_stream_create");
    }
    *result = &device->base;
    return HPAC_OK;
}
