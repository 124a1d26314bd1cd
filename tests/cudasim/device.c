/* The GPU that the simulator pretends to be, and which of several a thread has chosen. */
#include "runtime.h"

#include <stdio.h>
#include <string.h>

#define MULTIPROCESSORS 108 /* of an A100, compute capability 8.0 */

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
