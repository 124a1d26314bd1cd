/* The simulated libcudart: its settings, its lock, the last error of each thread, the sticky one.
 */
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

runtime_settings runtime;
cudasim_counts runtime_counts[MAX_DEVICES];

static pthread_mutex_t lock;
static cudaError_t sticky;
static uint64_t random_state;
static __thread cudaError_t last_error;

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    if (text == NULL || text[0] == '\0')
        return otherwise;
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*end != '\0')
        cudasim_fail("%s=%s is not a number", name, text);
    return value;
}

static cudasim_mode mode_setting(void)
{
    static const char *const names[] = {"lazy", "random", "eager"};
    const char *text = getenv("CUDASIM_MODE");
    if (text == NULL || text[0] == '\0')
        return CUDASIM_LAZY;
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0)
            return (cudasim_mode)i;
    cudasim_fail("CUDASIM_MODE=%s is none of lazy, random, eager", text);
}

/* ---- calls made to fail ---- */

static const char *failing_name; /* NULL: any */
static size_t failing_name_length;
static uint64_t calls_until_failure; /* 0: none fails */
static const char *failed_call;

/* CUDASIM_FAIL=cudaMalloc:3, cudaMalloc or 17 */
static void read_failing_call(void)
{
    const char *text = getenv("CUDASIM_FAIL");
    if (text == NULL || text[0] == '\0')
        return;
    failing_name_length = strcspn(text, ":");
    const char *number = text + failing_name_length;
    calls_until_failure = *number == ':' ? strtoull(number + 1, NULL, 10) : 1;
    if (text[0] >= '0' && text[0] <= '9')
        calls_until_failure = strtoull(text, NULL, 10);
    else
        failing_name = text;
}

/* cuBLAS's functions are called by the name without _v2. */
static bool is_failing_name(const char *call)
{
    return failing_name == NULL ||
           (strncmp(call, failing_name, failing_name_length) == 0 &&
            (call[failing_name_length] == '\0' || strcmp(call + failing_name_length, "_v2") == 0));
}

bool cudasim_call_fails(const char *call)
{
    runtime_lock();
    bool fails = calls_until_failure > 0 && is_failing_name(call) && --calls_until_failure == 0;
    if (fails)
        failed_call = call;
    pthread_mutex_unlock(&lock);
    return fails;
}

void cudasim_fail_nth(uint64_t n)
{
    runtime_lock();
    failing_name = failed_call = NULL;
    calls_until_failure = n;
    pthread_mutex_unlock(&lock);
}

const char *cudasim_failed_call(void)
{
    return failed_call;
}

cudaError_t runtime_enter(const char *call)
{
    runtime_lock();
    if (!cudasim_call_fails(call))
        return cudaSuccess;
    bool allocates = strstr(call, "Malloc") != NULL || strstr(call, "Alloc") != NULL;
    return allocates ? cudaErrorMemoryAllocation : cudaErrorOperatingSystem;
}

/* Before the kernels of libhpac_cuda.so register: it depends on this library. */
__attribute__((constructor)) static void start(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &recursive);
    pthread_mutexattr_destroy(&recursive);

    runtime = (runtime_settings){
        .mode = mode_setting(),
        .seed = setting("CUDASIM_SEED", 1),
        .reverse = setting("CUDASIM_REVERSE", 0) != 0,
        .strict = setting("CUDASIM_STRICT", 0) != 0,
        .abort_on_leak = setting("CUDASIM_ABORT", 0) != 0,
        .memory_nbytes = (size_t)setting("CUDASIM_MEMORY_MIB", 16384) << 20,
        .devices = (int)setting("CUDASIM_DEVICES", 1),
        .capability = (int)setting("CUDASIM_CAPABILITY", 80),
        .failed_kernel = setting("CUDASIM_FAIL_KERNEL", 0),
    };
    if (runtime.devices > MAX_DEVICES)
        cudasim_fail("CUDASIM_DEVICES: at most %d", MAX_DEVICES);
    random_state = runtime.seed;
    read_failing_call();
    report_install();
}

/* Only now: the other libraries and the program have given back what they hold. */
__attribute__((destructor)) static void finish(void)
{
    memory_report_leaks();
    report_leak(NULL);
}

/* SplitMix64: Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). */
uint64_t runtime_random(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void runtime_lock(void)
{
    pthread_mutex_lock(&lock);
}

cudaError_t runtime_return(cudaError_t error)
{
    if (sticky != cudaSuccess)
        error = sticky;
    if (error != cudaSuccess)
        last_error = error;
    pthread_mutex_unlock(&lock);
    return error;
}

void runtime_set_sticky(cudaError_t error)
{
    sticky = error;
}

bool runtime_is_broken(void)
{
    return sticky != cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    runtime_lock();
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    pthread_mutex_unlock(&lock);
    return sticky != cudaSuccess ? sticky : error;
}

/* All members are counters. */
void counts_add(cudasim_counts *to, const cudasim_counts *from)
{
    uint64_t *sums = (uint64_t *)to;
    const uint64_t *terms = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *sums; i++)
        sums[i] += terms[i];
}

void cudasim_get_counts(cudasim_counts *counts)
{
    *counts = (cudasim_counts){0};
    runtime_lock();
    for (int i = 0; i < MAX_DEVICES; i++)
        counts_add(counts, &runtime_counts[i]);
    counts->live_objects = counts->allocations - counts->frees + report_live_objects();
    pthread_mutex_unlock(&lock);
}

void cudasim_get_device_counts(int device, cudasim_counts *counts)
{
    runtime_lock();
    *counts = runtime_counts[device];
    pthread_mutex_unlock(&lock);
}
