/* Events: a moment of a stream that another stream or the host waits for, or takes the time of. */
#include "runtime.h"

#include <stdlib.h>

static struct CUevent_st *events;
static cudasim_kind event_kind = {.plural = "events"};

static struct CUevent_st *check(cudaEvent_t event, const char *caller)
{
    for (struct CUevent_st *known = events; known != NULL; known = known->next)
        if (known == event) {
            if (!known->alive)
                cudasim_fail("%s: the event was destroyed", caller);
            return known;
        }
    cudasim_fail("%s: %p is no event", caller, (void *)event);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *created, unsigned flags)
{
    RUNTIME_CALL();
    const unsigned known = cudaEventBlockingSync | cudaEventDisableTiming;
    if (created == NULL || (flags & ~known) != 0)
        return runtime_return(cudaErrorInvalidValue);
    struct CUevent_st *event = calloc(1, sizeof *event);
    if (event == NULL)
        cudasim_fail("no host memory for an event");
    event->alive = true;
    event->timing = (flags & cudaEventDisableTiming) == 0;
    event->device = device_current();
    event->next = events;
    events = event;
    cudasim_live_add(&event_kind, 1);
    *created = event;
    return runtime_return(cudaSuccess);
}

/* Allowed while it is still to be passed, as with the real one. */
cudaError_t cudaEventDestroy(cudaEvent_t destroyed)
{
    cudaError_t failure = runtime_enter(__func__);
    check(destroyed, __func__)->alive = false;
    cudasim_live_add(&event_kind, -1);
    return runtime_return(failure);
}

cudaError_t cudaEventRecord(cudaEvent_t recorded, cudaStream_t on)
{
    RUNTIME_CALL();
    struct CUevent_st *event = check(recorded, __func__);
    struct CUstream_st *stream = stream_check(on, __func__);
    cudaError_t error = capture_check(stream);
    if (event->device != stream->device)
        error = cudaErrorInvalidResourceHandle;
    if (error != cudaSuccess)
        return runtime_return(error);
    event->recorded = true;
    event->capture = 0;
    if (stream->capture != NULL)
        capture_record(stream, event);
    else
        stream_append_record(stream, event);
    return runtime_return(cudaSuccess);
}

cudaError_t event_wait(struct CUstream_st *stream, cudaEvent_t awaited)
{
    struct CUevent_st *event = check(awaited, "cudaStreamWaitEvent");
    if (!event->recorded && runtime.strict)
        cudasim_fail("cudaStreamWaitEvent: the event was never recorded, so it waits for nothing");
    if (stream->capture != NULL || event->capture != 0)
        return capture_wait(stream, event);
    if (event->recorded)
        stream_append_wait(stream, event->moment);
    return cudaSuccess;
}

/* What host calls on an event have in common. */
static cudaError_t refuse(const struct CUevent_st *event)
{
    cudaError_t refused = capture_refuse();
    return event->capture != 0 ? cudaErrorCapturedEvent : refused;
}

cudaError_t cudaEventSynchronize(cudaEvent_t awaited)
{
    RUNTIME_CALL();
    const struct CUevent_st *event = check(awaited, __func__);
    if (!event->recorded && runtime.strict)
        cudasim_fail("cudaEventSynchronize: the event was never recorded, so it waits for nothing");
    cudaError_t refused = refuse(event);
    if (refused != cudaSuccess)
        return runtime_return(refused);
    runtime_counts[event->device].synchronizations++;
    stream_run_until(event->moment);
    return runtime_return(cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    RUNTIME_CALL();
    const struct CUevent_st *first = check(from, __func__), *last = check(to, __func__);
    if (first->capture != 0 || last->capture != 0)
        return runtime_return(cudaErrorCapturedEvent);
    if (!first->timing || !last->timing || !first->recorded || !last->recorded)
        return runtime_return(cudaErrorInvalidResourceHandle);
    if (!stream_passed(first->moment) || !stream_passed(last->moment))
        return runtime_return(cudaErrorNotReady);
    *ms = (float)(last->time_ms - first->time_ms);
    return runtime_return(cudaSuccess);
}
