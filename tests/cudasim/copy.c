/* Copies and fills, and what they demand of their addresses. */
#include "runtime.h"

#include <string.h>

typedef struct copy_context {
    void *to;
    const void *from;
    size_t nbytes;
    int value;
} copy_context;

static void run_copy(void *context)
{
    const copy_context *copy = context;
    memmove(copy->to, copy->from, copy->nbytes);
}

static void run_fill(void *context)
{
    const copy_context *fill = context;
    memset(fill->to, fill->value, fill->nbytes);
}

static bool is_device(const void *address)
{
    return memory_holds(MEMORY_DEVICE, address);
}

/* Only the direction is left to guess, and only where the caller asked for it. */
static enum cudaMemcpyKind direction(const void *to, const void *from, enum cudaMemcpyKind kind)
{
    if (kind != cudaMemcpyDefault)
        return kind;
    if (is_device(to))
        return is_device(from) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice;
    return is_device(from) ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;
}

/* Whether the bytes lie in one live pinned block. One that they run out of is a fault. */
static bool is_pinned(const void *address, size_t nbytes, const char *what)
{
    const memory_block *block = memory_find(MEMORY_PINNED, address);
    if (block == NULL)
        return false;
    if (!block->live)
        cudasim_fail("%s: the pinned memory was freed", what);
    if (nbytes > (size_t)(block->start + block->nbytes - (const unsigned char *)address))
        cudasim_fail("%s: %zu bytes at %p run past the end of their %zu pinned bytes", what, nbytes,
                     address, block->nbytes);
    return true;
}

/* The addresses to copy between. `pinned`: whether the host's side is, or there is none. */
static cudaError_t resolve(copy_context *copy, enum cudaMemcpyKind kind, bool *pinned)
{
    *pinned = true;
    if (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice)
        copy->to = cudasim_memory(copy->to, copy->nbytes, "the destination of a copy");
    else if (is_device(copy->to))
        cudasim_fail("a copy to the host was given a device address to write to");
    else
        *pinned = is_pinned(copy->to, copy->nbytes, "the destination of a copy");
    if (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice)
        copy->from = cudasim_memory(copy->from, copy->nbytes, "the source of a copy");
    else if (is_device(copy->from))
        cudasim_fail("a copy from the host was given a device address to read from");
    else
        *pinned = *pinned && is_pinned(copy->from, copy->nbytes, "the source of a copy");
    bool known = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice ||
                 kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost;
    return known ? cudaSuccess : cudaErrorInvalidMemcpyDirection;
}

static void count(cudasim_counts *counts, enum cudaMemcpyKind kind, size_t nbytes)
{
    if (kind == cudaMemcpyHostToDevice) {
        counts->uploads++;
        counts->upload_nbytes += nbytes;
    } else if (kind == cudaMemcpyDeviceToHost) {
        counts->downloads++;
        counts->download_nbytes += nbytes;
    } else {
        counts->device_copies++;
    }
}

static cudaError_t copy_async(void *to, const void *from, size_t nbytes, enum cudaMemcpyKind kind,
                              struct CUstream_st *stream)
{
    cudaError_t error = capture_check(stream);
    if (error != cudaSuccess || nbytes == 0)
        return error;
    copy_context copy = {.to = to, .from = from, .nbytes = nbytes};
    bool pinned;
    kind = direction(to, from, kind);
    cudasim_check_device(to, stream->device, "the destination of a copy");
    cudasim_check_device(from, stream->device, "the source of a copy");
    error = resolve(&copy, kind, &pinned);
    if (error != cudaSuccess)
        return error;
    if (!pinned && stream->capture != NULL) {
        capture_invalidate(stream);
        return cudaErrorStreamCaptureUnsupported;
    }
    if (!pinned)
        cudasim_fail("cudaMemcpyAsync: the host's memory is not pinned, so that it is not async");
    count(stream_counts(stream), kind, nbytes);
    stream_append(stream, "cudaMemcpyAsync", run_copy, &copy, sizeof copy);
    return cudaSuccess;
}

/* Waits for the streams that the legacy stream waits for, which are not the non-blocking ones. */
static cudaError_t copy_now(void *to, const void *from, size_t nbytes, enum cudaMemcpyKind kind)
{
    cudaError_t refused = capture_refuse();
    if (refused != cudaSuccess || nbytes == 0)
        return refused;
    copy_context copy = {.to = to, .from = from, .nbytes = nbytes};
    bool pinned;
    kind = direction(to, from, kind);
    cudaError_t error = resolve(&copy, kind, &pinned);
    if (error != cudaSuccess)
        return error;
    count(&runtime_counts[device_current()], kind, nbytes);
    runtime_counts[device_current()].synchronizations++;
    stream_run_all(true);
    if (!runtime_is_broken())
        run_copy(&copy);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t nbytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    RUNTIME_CALL();
    return runtime_return(copy_async(to, from, nbytes, kind, stream_check(stream, __func__)));
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t nbytes, enum cudaMemcpyKind kind)
{
    RUNTIME_CALL();
    return runtime_return(copy_now(to, from, nbytes, kind));
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t nbytes, cudaStream_t filled)
{
    RUNTIME_CALL();
    struct CUstream_st *stream = stream_check(filled, __func__);
    cudaError_t error = capture_check(stream);
    if (error != cudaSuccess || nbytes == 0)
        return runtime_return(error);
    copy_context fill = {.nbytes = nbytes, .value = value};
    cudasim_check_device(to, stream->device, __func__);
    fill.to = cudasim_memory(to, nbytes, "the destination of cudaMemsetAsync");
    stream_counts(stream)->memsets++;
    stream_append(stream, "cudaMemsetAsync", run_fill, &fill, sizeof fill);
    return runtime_return(cudaSuccess);
}
