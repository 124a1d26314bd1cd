/* The CPU device: opening, memory, queues. Calls are synchronous, so that the queues are always
 * empty and events always complete. */
#include "cpu.h"

#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks from this size on ask for huge pages: fewer TLB misses in the sweeps over the arenas. */
#define HUGE_PAGE_NBYTES (2 << 20)
#define PAGE_NBYTES ((size_t)4096)

static void cpu_close(hpac_device *base)
{
    cpu_device *device = (cpu_device *)base;
    dnnl_primitive_attr_destroy(device->attributes);
    dnnl_primitive_attr_destroy(device->relu_attributes);
    dnnl_stream_destroy(device->stream);
    dnnl_engine_destroy(device->engine);
    free(device);
}

/* "Intel(R) Xeon(R) Processor" */
static void read_processor_name(char name[64])
{
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "model name : %63[^\n]", name) == 1;
    if (!found)
        snprintf(name, 64, "unknown processor");
    if (file)
        fclose(file);
}

/* What oneDNN uses; each set contains those after it. */
static const char *onednn_isa_name(void)
{
    static const struct {
        dnnl_cpu_isa_t isa;
        const char *name;
    } sets[] = {
        {dnnl_cpu_isa_avx512_core, "AVX-512"},
        {dnnl_cpu_isa_avx2, "AVX2"},
        {dnnl_cpu_isa_avx, "AVX"},
        {dnnl_cpu_isa_sse41, "SSE4.1"},
    };
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if ((isa & sets[i].isa) == sets[i].isa)
            return sets[i].name;
    return "unknown instruction set";
}

static hpac_status cpu_describe(hpac_device *base, hpac_device_info *info)
{
    const cpu_device *device = (const cpu_device *)base;
    const dnnl_version_t *version = dnnl_version();
    const char *path = hpac_cpu_path_label(device->path), *onednn = onednn_isa_name();
    bool alike = strcmp(onednn, path) == 0;
    char processor[64];
    read_processor_name(processor);
    *info = (hpac_device_info){
        .precision = HPAC_PRECISION_FP32,
        .total_nbytes = hpac_memory_total(),
        .free_nbytes = hpac_memory_available(),
    };
    snprintf(info->name, sizeof info->name, "cpu: %s, %d thread%s, %s", processor, device->threads,
             device->threads == 1 ? "" : "s", path);
    snprintf(info->libraries, sizeof info->libraries, "oneDNN %d.%d.%d%s%s%s", version->major,
             version->minor, version->patch, alike ? "" : " (", alike ? "" : onednn,
             alike ? "" : ")");
    return HPAC_OK;
}

/* Touches all pages now, so that a machine with too little memory fails before the first step. */
static hpac_status cpu_alloc(hpac_device *base, hpac_memory memory, size_t nbytes, void **address)
{
    (void)base;
    (void)memory;
    bool large = nbytes >= HUGE_PAGE_NBYTES;
    size_t alignment = large ? HUGE_PAGE_NBYTES : PAGE_NBYTES;
    if (posix_memalign(address, alignment, nbytes ? nbytes : 1) != 0) {
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
    double recorded_s;
};

static hpac_status cpu_event_create(hpac_device *base, hpac_event **event)
{
    (void)base;
    HPAC_TRY_NEW(*event, 1);
    return HPAC_OK;
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
    event->recorded_s = hpac_clock_s();
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
    *ms = (to->recorded_s - from->recorded_s) * 1e3;
    return HPAC_OK;
}

static hpac_status cpu_synchronize(hpac_device *base)
{
    (void)base;
    return HPAC_OK;
}

static hpac_status cpu_set_step(hpac_device *base, const hpac_step *step)
{
    ((cpu_device *)base)->step = *step;
    return HPAC_OK;
}

static const hpac_device_ops operations = {
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
    .update = hpac_cpu_update,
};

static const cpu_kernels *const path_kernels[HPAC_CPU_PATH_COUNT] = {
    [HPAC_CPU_PATH_PORTABLE] = &hpac_cpu_kernels_any,
#if defined(__x86_64__)
    [HPAC_CPU_PATH_AVX2] = &hpac_cpu_kernels_avx2,
    [HPAC_CPU_PATH_AVX512] = &hpac_cpu_kernels_avx512,
#endif
};

hpac_status hpac_cpu_cap_onednn(void)
{
    hpac_cpu_path path;
    HPAC_TRY(hpac_cpu_path_get(&path));
    if (path == hpac_cpu_path_best()) /* ONEDNN_MAX_CPU_ISA then works as oneDNN documents it */
        return HPAC_OK;
    dnnl_cpu_isa_t isa = path == HPAC_CPU_PATH_AVX2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41;
    /* Refused after the first use of oneDNN: by then it must have been capped already. */
    (void)dnnl_set_max_cpu_isa(isa);
    if (dnnl_get_effective_cpu_isa() != isa)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "HPAC_CPU: oneDNN is already in use with other instruction sets");
    return HPAC_OK;
}

static hpac_status open_onednn(cpu_device *device)
{
    dnnl_primitive_attr_t *const attributes[] = {&device->attributes, &device->relu_attributes};
    dnnl_post_ops_t relu;
    CPU_TRY_DNNL(dnnl_engine_create(&device->engine, dnnl_cpu, 0));
    CPU_TRY_DNNL(dnnl_stream_create(&device->stream, device->engine, dnnl_stream_default_flags));
    for (size_t i = 0; i < 2; i++) {
        CPU_TRY_DNNL(dnnl_primitive_attr_create(attributes[i]));
        CPU_TRY_DNNL(
            dnnl_primitive_attr_set_scratchpad_mode(*attributes[i], dnnl_scratchpad_mode_user));
    }
    CPU_TRY_DNNL(dnnl_post_ops_create(&relu));
    dnnl_status_t status = cpu_append_relu(relu);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(device->relu_attributes, relu); /* copies them */
    dnnl_post_ops_destroy(relu);
    return status == dnnl_success ? HPAC_OK : hpac_cpu_fail(status, "dnnl_post_ops");
}

hpac_status hpac_cpu_device_open(const hpac_device_options *options, hpac_device **result)
{
    static const char *const precision_names[] = {
        [HPAC_PRECISION_FP32] = "fp32",
        [HPAC_PRECISION_TF32] = "tf32",
        [HPAC_PRECISION_BF16] = "bf16",
    };
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
    cpu_device *device;
    HPAC_TRY_NEW(device, 1);
    device->base.ops = &operations;
    device->threads = options->threads > 0 ? options->threads : hpac_compute_thread_count();
    device->path = path;
    device->kernels = path_kernels[path];
    omp_set_num_threads(device->threads);
    hpac_status status = open_onednn(device);
    if (status != HPAC_OK)
        cpu_close(&device->base);
    else
        *result = &device->base;
    return status;
}
