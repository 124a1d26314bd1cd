/* The libcudart stand-in: its settings, its lock, the last error of each thread, the sticky one. */
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

runtime_settings runtime;
cudasim_counts runtime_counts;

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
        .failed_malloc = setting("CUDASIM_FAIL_MALLOC", 0),
    };
    random_state = runtime.seed;
    report_install();
}

/* Only now: the other stand-ins and the program have given back what they hold. */
__attribute__((destructor)) static void finish(void)
{
    memory_report_leaks();
    stream_report_leaks();
    event_report_leaks();
    graph_report_leaks();
    cudasim_leak(NULL);
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

cudaError_t cudaPeekAtLastError(void)
{
    return sticky != cudaSuccess ? sticky : last_error;
}

void cudasim_get_counts(cudasim_counts *counts)
{
    runtime_lock();
    *counts = runtime_counts;
    pthread_mutex_unlock(&lock);
}
