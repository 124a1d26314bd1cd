/* The GPU that the simulator pretends to be, and which of several a thread has chosen. */
#include "runtime.h"

#include <stdio.h>
#include <string.h>

/* The numbers of an A100 (compute capability 8.0), which has all that is used here. */
enum {
    MULTIPROCESSORS = 108,
    THREADS_PER_MULTIPROCESSOR = 2048,
    SHARED_NBYTES = 49152,
    SHARED_OPTIN_NBYTES =
        101376, /* of 8.6 and 8.9, less than its own: what they allow, runs on all */
    L2_NBYTES = 40 << 20,
};

static __thread int chosen;

static cudaError_t check(int device)
{
    if (runtime.devices == 0)
        return cudaErrorNoDevice;
    return device >= 0 && device < runtime.devices ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    RUNTIME_CALL();
    *count = runtime.devices;
    return runtime_return(runtime.devices > 0 ? cudaSuccess : cudaErrorNoDevice);
}

int device_current(void)
{
    return chosen;
}

int cudasim_current_device(void)
{
    return runtime.devices > 0 ? chosen : -1;
}

/* What is created from now on belongs to this GPU: memory, streams, events, graphs, handles. */
cudaError_t cudaSetDevice(int device)
{
    RUNTIME_CALL();
    cudaError_t error = check(device);
    if (error == cudaSuccess)
        chosen = device;
    return runtime_return(error);
}

cudaError_t cudaGetDevice(int *device)
{
    RUNTIME_CALL();
    *device = chosen;
    return runtime_return(check(chosen));
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
    RUNTIME_CALL();
    cudaError_t error = check(device);
    if (error != cudaSuccess)
        return runtime_return(error);
    memset(properties, 0, sizeof *properties);
    snprintf(properties->name, sizeof properties->name, "CUDA simulator");
    properties->totalGlobalMem = runtime.memory_nbytes;
    properties->major = runtime.capability / 10;
    properties->minor = runtime.capability % 10;
    properties->multiProcessorCount = MULTIPROCESSORS;
    properties->maxThreadsPerMultiProcessor = THREADS_PER_MULTIPROCESSOR;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    properties->maxGridSize[0] = INT32_MAX;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->sharedMemPerBlock = SHARED_NBYTES;
    properties->sharedMemPerBlockOptin = SHARED_OPTIN_NBYTES;
    properties->regsPerBlock = 65536;
    properties->warpSize = 32;
    properties->l2CacheSize = L2_NBYTES;
    properties->memoryBusWidth = 5120;
    properties->asyncEngineCount = 2;
    properties->unifiedAddressing = properties->canMapHostMemory = 1;
    properties->concurrentKernels = 1;
    properties->pciBusID = device + 1;
    return runtime_return(cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}
