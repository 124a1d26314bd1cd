/* The two queues: copies, events, waiting. Both are non-blocking streams, which do not synchronize
 * with the legacy stream; every copy names its stream. */
#include "cuda.h"

/* A hpac_event is a cudaEvent_t by another name. */
static cudaEvent_t event_of(hpac_event *event)
{
    return (cudaEvent_t)(void *)event;
}

static hpac_status create_event(hpac_device *base, unsigned flags, hpac_event **event)
{
    cudaEvent_t made = NULL;
    *event = NULL;
    HPAC_TRY(hpac_cuda_use((const cuda_device *)base));
    CUDA_TRY(cudaEventCreateWithFlags(&made, flags));
    *event = (hpac_event *)(void *)made;
    return HPAC_OK;
}

hpac_status hpac_cuda_event_create(hpac_device *base, hpac_event **event)
{
    return create_event(base, cudaEventDisableTiming, event);
}

hpac_status hpac_cuda_timer_create(hpac_device *base, hpac_event **event)
{
    return create_event(base, cudaEventDefault, event);
}

void hpac_cuda_event_destroy(hpac_device *base, hpac_event *event)
{
    if (!event || hpac_cuda_use((const cuda_device *)base) != HPAC_OK)
        return;
    if (cudaEventDestroy(event_of(event)) != cudaSuccess)
        (void)cudaGetLastError();
}

hpac_status hpac_cuda_event_record(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(cudaEventRecord(event_of(event), device->streams[queue]));
    return HPAC_OK;
}

hpac_status hpac_cuda_event_await(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(cudaStreamWaitEvent(device->streams[queue], event_of(event), 0));
    return HPAC_OK;
}

hpac_status hpac_cuda_event_synchronize(hpac_device *base, hpac_event *event)
{
    HPAC_TRY(hpac_cuda_use((const cuda_device *)base));
    CUDA_TRY(cudaEventSynchronize(event_of(event)));
    return HPAC_OK;
}

hpac_status hpac_cuda_elapsed_ms(hpac_device *base, hpac_event *from, hpac_event *to, double *ms)
{
    float elapsed = 0;
    *ms = 0;
    HPAC_TRY(hpac_cuda_use((const cuda_device *)base));
    CUDA_TRY(cudaEventElapsedTime(&elapsed, event_of(from), event_of(to)));
    *ms = (double)elapsed;
    return HPAC_OK;
}

hpac_status hpac_cuda_synchronize(hpac_device *base)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    for (int i = 0; i < CUDA_QUEUE_COUNT; i++)
        CUDA_TRY(cudaStreamSynchronize(device->streams[i]));
    return HPAC_OK;
}

static hpac_status enqueue_copy(const cuda_device *device, hpac_queue queue, void *to,
                                const void *from, size_t nbytes, enum cudaMemcpyKind kind)
{
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(cudaMemcpyAsync(to, from, nbytes, kind, device->streams[queue]));
    return HPAC_OK;
}

hpac_status hpac_cuda_upload(hpac_device *base, hpac_queue queue, void *to, const void *from_pinned,
                             size_t nbytes)
{
    hpac_status status = enqueue_copy((const cuda_device *)base, queue, to, from_pinned, nbytes,
                                      cudaMemcpyHostToDevice);
    return hpac_fail_within(status, "upload of %zu bytes", nbytes);
}

hpac_status hpac_cuda_download(hpac_device *base, hpac_queue queue, void *to_pinned,
                               const void *from, size_t nbytes)
{
    hpac_status status = enqueue_copy((const cuda_device *)base, queue, to_pinned, from, nbytes,
                                      cudaMemcpyDeviceToHost);
    return hpac_fail_within(status, "download of %zu bytes", nbytes);
}

hpac_status hpac_cuda_copy(hpac_device *base, void *to, const void *from, size_t nbytes)
{
    hpac_status status = enqueue_copy((const cuda_device *)base, HPAC_QUEUE_COMPUTE, to, from,
                                      nbytes, cudaMemcpyDeviceToDevice);
    return hpac_fail_within(status, "copy of %zu bytes", nbytes);
}
