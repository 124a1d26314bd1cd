/*
 * Kernels: what nvcc's objects register when they are loaded, and launches. A launch finds the
 * host build of the kernel by name, and gives it the addresses of the shadow in place of the
 * device's.
 */
#include "runtime.h"
#include "host_kernel.h"
#include "executor.h"

#include <dlfcn.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS_NBYTES 4096 /* of a kernel's arguments, where 32 KiB are not asked for */
#define SHARED_NBYTES 49152    /* of a block; more must be asked for, which nothing does */

typedef struct kernel {
    struct kernel *next;
    void **module;
    const void *stub; /* the host's function of that name */
    const char *symbol;
    const cudasim_host_kernel *host_kernel; /* found at the first launch */
} kernel;

static kernel *kernels;
static cudasim_host_kernel *host_kernels;

/* ---- host_kernels ---- */

void cudasim_add_host_kernel(cudasim_host_kernel *host_kernel)
{
    Dl_info info;
    if (dladdr(host_kernel->function, &info) == 0 || info.dli_saddr != host_kernel->function)
        cudasim_fail("HOST_KERNEL(%s): kernels need external linkage, for their names to match",
                     host_kernel->name);
    host_kernel->symbol = info.dli_sname;
    host_kernel->next = host_kernels;
    host_kernels = host_kernel;
}

static const cudasim_host_kernel *find_host_kernel(const char *symbol)
{
    for (const cudasim_host_kernel *host_kernel = host_kernels; host_kernel != NULL;
         host_kernel = host_kernel->next)
        if (strcmp(host_kernel->symbol, symbol) == 0)
            return host_kernel;
    return NULL;
}

/* The project's host_kernels lie beside this library; loading them registers them. */
static const cudasim_host_kernel *load_host_kernel(const char *symbol)
{
    static bool loaded;
    const char *reason = NULL;
    if (!loaded && find_host_kernel(symbol) == NULL) {
        loaded = dlopen("libcudasim_kernels.so", RTLD_NOW | RTLD_LOCAL) != NULL;
        reason = loaded ? NULL : dlerror();
    }
    const cudasim_host_kernel *host_kernel = find_host_kernel(symbol);
    if (host_kernel == NULL)
        cudasim_fail("kernel %s has no host build: list it as HOST_KERNEL(...)%s%s", symbol,
                     reason != NULL ? "; " : "", reason != NULL ? reason : "");
    return host_kernel;
}

/* ---- registration, as nvcc 13 wants it ---- */

void **__cudaRegisterFatBinary(void *binary);
void __cudaRegisterFatBinaryEnd(void **module);
void __cudaUnregisterFatBinary(void **module);
char __cudaInitModule(void **module);
void __cudaRegisterFunction(void **module, const char *stub, char *device_stub, const char *symbol,
                            int thread_limit, uint3 *thread, uint3 *block, dim3 *block_dim,
                            dim3 *grid_dim, int *warp);
void __cudaRegisterVar(void **module, char *variable, char *address, const char *name, int external,
                       size_t nbytes, int constant, int global);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_nbytes,
                                     struct CUstream_st *stream);
cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_nbytes,
                                       void *stream);
cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *stub);
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared_nbytes, cudaStream_t stream);

void **__cudaRegisterFatBinary(void *binary)
{
    void **module = malloc(sizeof *module);
    if (module == NULL)
        cudasim_fail("no host memory for a module");
    *module = binary;
    return module;
}

void __cudaRegisterFatBinaryEnd(void **module)
{
    (void)module;
}

void __cudaUnregisterFatBinary(void **module)
{
    kernel **link = &kernels;
    while (*link != NULL) {
        kernel *registered = *link;
        if (registered->module == module) {
            *link = registered->next;
            free(registered);
        } else {
            link = &registered->next;
        }
    }
    free(module);
}

char __cudaInitModule(void **module)
{
    (void)module;
    return 1;
}

void __cudaRegisterFunction(void **module, const char *stub, char *device_stub, const char *symbol,
                            int thread_limit, uint3 *thread, uint3 *block, dim3 *block_dim,
                            dim3 *grid_dim, int *warp)
{
    (void)device_stub, (void)thread_limit, (void)thread, (void)block, (void)block_dim,
        (void)grid_dim, (void)warp;
    kernel *registered = malloc(sizeof *registered);
    if (registered == NULL)
        cudasim_fail("no host memory for a kernel");
    *registered = (kernel){.next = kernels, .module = module, .stub = stub, .symbol = symbol};
    kernels = registered;
}

/* Constants have their values in the host build too. What the host would copy into a variable by
 * its symbol is not offered: a program that does has a function missing when it is loaded. */
void __cudaRegisterVar(void **module, char *variable, char *address, const char *name, int external,
                       size_t nbytes, int constant, int global)
{
    (void)module, (void)variable, (void)address, (void)name, (void)external;
    (void)nbytes, (void)constant, (void)global;
}

/* ---- launches ---- */

typedef struct launch {
    const cudasim_host_kernel *host_kernel;
    dim3 grid, block;
    int device;
    size_t shared_nbytes;
    size_t used; /* of the parameters */
    alignas(16) unsigned char parameters[PARAMETERS_NBYTES];
} launch;

static __thread struct {
    dim3 grid, block;
    size_t shared_nbytes;
    cudaStream_t stream;
} configuration;

static size_t align16(size_t offset)
{
    return (offset + 15) & ~(size_t)15;
}

/* An address of the device's memory becomes its shadow's. */
static void translate(unsigned char *word, const launch *launched, int argument)
{
    void *address;
    memcpy(&address, word, sizeof address);
    if (address == NULL)
        return;
    const memory_block *block = memory_find(MEMORY_DEVICE, address);
    if (block == NULL || !block->live) {
        char text[300];
        memory_kind kind = memory_holds(MEMORY_PINNED, address) ? MEMORY_PINNED : MEMORY_DEVICE;
        memory_describe(kind, address, text, sizeof text);
        cudasim_fail("kernel %s, argument %d: no live device memory: %s",
                     launched->host_kernel->name, argument + 1, text);
    }
    if (block->device != launched->device)
        cudasim_fail("kernel %s, argument %d: memory of GPU %d in a launch on GPU %d",
                     launched->host_kernel->name, argument + 1, block->device, launched->device);
    address = memory_shadow(address);
    memcpy(word, &address, sizeof address);
}

static void take_arguments(launch *launched, void **arguments)
{
    const cudasim_host_kernel *host_kernel = launched->host_kernel;
    for (int i = 0; i < host_kernel->argument_count; i++) {
        const cudasim_argument *argument = &host_kernel->arguments[i];
        unsigned char *to = launched->parameters + launched->used;
        launched->used = align16(launched->used + argument->nbytes);
        if (launched->used > PARAMETERS_NBYTES)
            cudasim_fail("kernel %s: more than %d bytes of arguments", host_kernel->name,
                         PARAMETERS_NBYTES);
        memcpy(to, arguments[i], argument->nbytes);
        for (int k = 0; k < argument->pointer_count; k++)
            translate(to + argument->pointers[k], launched, i);
    }
}

/* What the kernel wrote beside the blocks it was given, it wrote just now. */
static void check_slack(const launch *launched)
{
    char when[200];
    snprintf(when, sizeof when, "by %s", launched->host_kernel->name);
    size_t offset = 0;
    for (int i = 0; i < launched->host_kernel->argument_count; i++) {
        const cudasim_argument *argument = &launched->host_kernel->arguments[i];
        for (int k = 0; k < argument->pointer_count; k++) {
            void *shadow;
            memcpy(&shadow, launched->parameters + offset + argument->pointers[k], sizeof shadow);
            const void *address = memory_unshadow(shadow);
            const memory_block *block =
                address == NULL ? NULL : memory_find(MEMORY_DEVICE, address);
            if (block != NULL)
                memory_check_slack(MEMORY_DEVICE, block, when);
        }
        offset += align16(argument->nbytes);
    }
}

static void run_launch(void *context)
{
    static uint64_t count;
    launch *launched = context;
    if (++count == runtime.failed_kernel) {
        runtime_set_sticky(cudaErrorIllegalAddress);
        return;
    }
    void *arguments[CUDASIM_MAX_ARGUMENTS];
    size_t offset = 0;
    for (int i = 0; i < launched->host_kernel->argument_count; i++) {
        arguments[i] = launched->parameters + offset;
        offset = align16(offset + launched->host_kernel->arguments[i].nbytes);
    }
    executor_run(launched->host_kernel, launched->grid, launched->block, launched->shared_nbytes,
                 arguments);
    check_slack(launched);
}

static kernel *find_kernel(const void *stub)
{
    for (kernel *registered = kernels; registered != NULL; registered = registered->next)
        if (registered->stub == stub || (const void *)registered == stub)
            return registered;
    return NULL;
}

/* The limits of every GPU from 7.5 on, and the errors they give. __launch_bounds__ is not among
 * them: nvcc does not give them to the host. */
static cudaError_t check_configuration(dim3 grid, dim3 block, size_t shared_nbytes)
{
    size_t threads = (size_t)block.x * block.y * block.z;
    bool grid_fits = grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= INT32_MAX &&
                     grid.y <= 65535 && grid.z <= 65535;
    bool block_fits = block.x <= 1024 && block.y <= 1024 && block.z <= 64 && threads >= 1 &&
                      threads <= CUDASIM_MAX_THREADS;
    if (runtime.capability < 75) /* of the GPUs that CUDA 13 builds for, the oldest */
        return cudaErrorNoKernelImageForDevice;
    if (!grid_fits || !block_fits)
        return cudaErrorInvalidConfiguration;
    if (shared_nbytes > SHARED_NBYTES)
        return cudaErrorInvalidValue;
    return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void *stub, dim3 grid, dim3 block, void **arguments,
                             size_t shared_nbytes, cudaStream_t on)
{
    RUNTIME_CALL();
    kernel *launched = find_kernel(stub);
    if (launched == NULL)
        return runtime_return(cudaErrorInvalidDeviceFunction);
    struct CUstream_st *stream = stream_check(on, launched->symbol);
    cudaError_t error = check_configuration(grid, block, shared_nbytes);
    if (error == cudaSuccess)
        error = stream->device == device_current() ? capture_check(stream)
                                                   : cudaErrorInvalidResourceHandle;
    if (error != cudaSuccess)
        return runtime_return(error);
    if (launched->host_kernel == NULL)
        launched->host_kernel = load_host_kernel(launched->symbol);
    launch made = {.host_kernel = launched->host_kernel,
                   .grid = grid,
                   .block = block,
                   .device = stream->device,
                   .shared_nbytes = shared_nbytes};
    take_arguments(&made, arguments);
    stream_counts(stream)->kernels++;
    stream_append(stream, made.host_kernel->name, run_launch, &made,
                  offsetof(launch, parameters) + made.used);
    return runtime_return(cudaSuccess);
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_nbytes,
                                     struct CUstream_st *stream)
{
    configuration.grid = grid;
    configuration.block = block;
    configuration.shared_nbytes = shared_nbytes;
    configuration.stream = stream;
    return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_nbytes, void *stream)
{
    *grid = configuration.grid;
    *block = configuration.block;
    *shared_nbytes = configuration.shared_nbytes;
    *(cudaStream_t *)stream = configuration.stream;
    return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t *found, const void *stub)
{
    RUNTIME_CALL();
    *found = (cudaKernel_t)find_kernel(stub);
    return runtime_return(*found != NULL ? cudaSuccess : cudaErrorInvalidDeviceFunction);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t launched, dim3 grid, dim3 block, void **arguments,
                               size_t shared_nbytes, cudaStream_t stream)
{
    return cudaLaunchKernel(launched, grid, block, arguments, shared_nbytes, stream);
}
