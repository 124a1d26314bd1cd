/* The GPU that the stand-in pretends to be, and which of several a thread has chosen. */
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
    runtime_lock();
    *count = runtime.devices;
    return runtime_return(runtime.devices > 0 ? cudaSuccess : cudaErrorNoDevice);
}

/* All devices share one memory and one set of streams: only the choice is checked. */
cudaError_t cudaSetDevice(int device)
{
    runtime_lock();
    cudaError_t error = check(device);
    if (error == cudaSuccess)
        chosen = device;
    return runtime_return(error);
}

cudaError_t cudaGetDevice(int *device)
{
    runtime_lock();
    *device = chosen;
    return runtime_return(check(chosen));
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device)
{
    runtime_lock();
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

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device)
{
    runtime_lock();
    cudaError_t error = check(device);
    if (error != cudaSuccess)
        return runtime_return(error);
    switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
        *value = runtime.capability / 10;
        break;
    case cudaDevAttrComputeCapabilityMinor:
        *value = runtime.capability % 10;
        break;
    case cudaDevAttrMultiProcessorCount:
        *value = MULTIPROCESSORS;
        break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
        *value = THREADS_PER_MULTIPROCESSOR;
        break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = SHARED_NBYTES;
        break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = SHARED_OPTIN_NBYTES;
        break;
    case cudaDevAttrL2CacheSize:
        *value = L2_NBYTES;
        break;
    case cudaDevAttrClockRate:
        *value = 1410000; /* kHz */
        break;
    case cudaDevAttrMemoryClockRate:
        *value = 1215000; /* kHz */
        break;
    case cudaDevAttrGlobalMemoryBusWidth:
        *value = 5120;
        break;
    default:
        cudasim_fail("cudaDeviceGetAttribute: the CUDA simulator has no attribute %d",
                     (int)attribute);
    }
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
