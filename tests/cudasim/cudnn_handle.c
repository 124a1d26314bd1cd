/* Handles of the simulated cuDNN, its versions and its messages. */
#include "cudnn_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { HANDLE_MAGIC = 0x0d22, MESSAGE_NBYTES = 512 };

static _Thread_local char last_message[MESSAGE_NBYTES];
static cudasim_kind handles = {.plural = "cuDNN handles"};

cudnnStatus_t cudnn_sim_refuse(cudnnStatus_t status, const char *call, const char *why, ...)
{
    va_list list;
    va_start(list, why);
    int used = snprintf(last_message, sizeof(last_message), "%s: ", call);
    vsnprintf(last_message + used, sizeof(last_message) - (size_t)used, why, list);
    va_end(list);
    if (CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_BAD_PARAM)
        fprintf(stderr, "cudasim: %s\n", last_message);
    return status;
}

cudnnStatus_t cudnn_sim_fail(const char *call)
{
    return cudnn_sim_refuse(CUDNN_STATUS_EXECUTION_FAILED, call, "CUDASIM_FAIL names it");
}

cudnnStatus_t cudnn_sim_check_handle(cudnnHandle_t handle, const char *call)
{
    if (!handle)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, call, "no handle");
    if (handle->magic != HANDLE_MAGIC)
        cudasim_fail("%s: %p is no cuDNN handle, or one that was destroyed", call, (void *)handle);
    if (handle->device != cudasim_current_device())
        cudasim_fail("%s: the handle is of GPU %d, the current one is GPU %d", call, handle->device,
                     cudasim_current_device());
    return cudasim_call_fails(call) ? cudnn_sim_fail(call) : CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    if (!handle)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, __func__, "no handle");
    if (cudasim_call_fails(__func__))
        return cudnn_sim_fail(__func__);
    if (cudasim_current_device() < 0)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_INITIALIZED, __func__, "no device");
    *handle = calloc(1, sizeof(**handle));
    if (!*handle)
        return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    (*handle)->magic = HANDLE_MAGIC;
    (*handle)->device = cudasim_current_device();
    cudasim_live_add(&handles, 1);
    return CUDNN_STATUS_SUCCESS;
}

/* As the real one, waits for the device. The memory stays, so that later use is recognized.
 * Destroys also when CUDASIM_FAIL names it. */
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    cudnnStatus_t status = cudnn_sim_check_handle(handle, __func__);
    if (status == CUDNN_STATUS_BAD_PARAM_NULL_POINTER)
        return status;
    cudasim_synchronize(NULL);
    handle->magic = 0;
    cudasim_live_add(&handles, -1);
    return status;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    cudnnStatus_t status = cudnn_sim_check_handle(handle, __func__);
    if (stream != NULL && cudasim_stream_device(stream) != handle->device)
        cudasim_fail("cudnnSetStream: a stream of GPU %d for a handle of GPU %d",
                     cudasim_stream_device(stream), handle->device);
    if (status == CUDNN_STATUS_SUCCESS)
        handle->stream = stream;
    return status;
}

/* Versions and texts are those of the real library. */

static size_t version(const char *variable, const char *function)
{
    const char *pretended = getenv(variable);
    size_t (*real)(void);
    *(void **)&real = cudnn_sim_real(function);
    return pretended ? strtoul(pretended, NULL, 10) : real();
}

size_t cudnnGetVersion(void)
{
    return version("CUDASIM_CUDNN_VERSION", __func__);
}

size_t cudnnGetCudartVersion(void)
{
    return version("CUDASIM_CUDNN_CUDART", __func__);
}

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    const char *(*real)(cudnnStatus_t);
    *(void **)&real = cudnn_sim_real(__func__);
    return real(status);
}

/* What the simulator refused last, once; else what the real library says of descriptors. */
void cudnnGetLastErrorString(char *message, size_t max_size)
{
    void (*real)(char *, size_t);
    if (max_size && last_message[0]) {
        snprintf(message, max_size, "%s", last_message);
        last_message[0] = '\0';
        return;
    }
    *(void **)&real = cudnn_sim_real(__func__);
    real(message, max_size);
}
