/*
 * Streams: queues of operations, and when these run. Lazily: only when something waits for one, so
 * that what nobody waits for has not happened yet. By a seed: each stream runs ahead or lags, and
 * changes its mind now and then. Eagerly: at once.
 */
#include "runtime.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct stream_operation {
    struct stream_operation *next;
    const char *name;
    cudasim_operation *operation; /* NULL: nothing to compute */
    stream_moment wait;
    struct CUevent_st *record; /* the event that is passed here; NULL: none */
    alignas(16) unsigned char context[];
} stream_operation;

static struct CUstream_st *streams, *destroyed_streams;
static cudasim_kind stream_kind = {.plural = "streams"};

struct CUstream_st *stream_first(void)
{
    return streams;
}

struct CUstream_st *stream_check(cudaStream_t stream, const char *caller)
{
    if (stream == NULL || stream == cudaStreamLegacy || stream == cudaStreamPerThread)
        cudasim_fail("%s on the NULL stream: every operation here names a stream", caller);
    for (struct CUstream_st *living = streams; living != NULL; living = living->next)
        if (living == stream)
            return living;
    cudasim_fail("%s: %p is no living stream", caller, (void *)stream);
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

bool stream_passed(stream_moment moment)
{
    return moment.stream == NULL || moment.stream->done >= moment.number;
}

/* Nothing computes any more after a sticky error. */
static void run_first(struct CUstream_st *stream)
{
    stream_operation *first = stream->first;
    if (first->operation != NULL && !runtime_is_broken()) {
        report_set_running(first->name);
        first->operation(first->context);
        report_set_running(NULL);
    }
    if (first->record != NULL)
        first->record->time_ms = now_ms();
    stream->first = first->next;
    if (stream->first == NULL)
        stream->last = NULL;
    stream->done++;
    free(first);
}

static bool can_run(const struct CUstream_st *stream)
{
    return stream->first != NULL && stream_passed(stream->first->wait);
}

/* Random mode: one in 8 times a stream changes between running ahead and lagging. */
static void run_ahead(void)
{
    for (struct CUstream_st *stream = streams; stream != NULL; stream = stream->next) {
        if (runtime_random() % 8 == 0)
            stream->eager = !stream->eager;
        uint64_t most = stream->eager ? runtime_random() % 16 : 0;
        for (uint64_t i = 0; i < most && can_run(stream); i++)
            run_first(stream);
    }
}

void stream_run_until(stream_moment moment)
{
    while (!stream_passed(moment)) {
        if (runtime.mode == CUDASIM_RANDOM)
            run_ahead();
        if (stream_passed(moment))
            return;
        if (can_run(moment.stream))
            run_first(moment.stream);
        else
            stream_run_until(moment.stream->first->wait);
    }
}

void stream_run_all(bool only_blocking)
{
    for (struct CUstream_st *stream = streams; stream != NULL; stream = stream->next)
        if (stream->blocking || !only_blocking)
            stream_run_until((stream_moment){stream, stream->enqueued});
}

static void append(struct CUstream_st *stream, stream_operation *operation)
{
    if (stream->last != NULL)
        stream->last->next = operation;
    else
        stream->first = operation;
    stream->last = operation;
    stream->enqueued++;
    if (runtime.mode == CUDASIM_EAGER)
        stream_run_until((stream_moment){stream, stream->enqueued});
    else if (runtime.mode == CUDASIM_RANDOM)
        run_ahead();
}

static stream_operation *new_operation(const char *name, size_t context_nbytes)
{
    stream_operation *operation = calloc(1, sizeof *operation + context_nbytes);
    if (operation == NULL)
        cudasim_fail("no host memory for an operation");
    operation->name = name;
    return operation;
}

void stream_append(struct CUstream_st *stream, const char *name, cudasim_operation *operation,
                   const void *context, size_t context_nbytes)
{
    if (stream->capture != NULL) {
        capture_append(stream, name, operation, context, context_nbytes);
        return;
    }
    stream_operation *appended = new_operation(name, context_nbytes);
    appended->operation = operation;
    if (context_nbytes > 0)
        memcpy(appended->context, context, context_nbytes);
    append(stream, appended);
}

void stream_append_wait(struct CUstream_st *stream, stream_moment moment)
{
    stream_operation *appended = new_operation("a wait for an event", 0);
    appended->wait = moment;
    append(stream, appended);
}

void stream_append_record(struct CUstream_st *stream, struct CUevent_st *event)
{
    event->moment = (stream_moment){stream, stream->enqueued + 1};
    stream_operation *appended = new_operation("the record of an event", 0);
    appended->record = event;
    append(stream, appended);
}

void cudasim_enqueue(cudaStream_t stream, const char *name, cudasim_operation *operation,
                     const void *context, size_t context_nbytes)
{
    runtime_lock();
    stream_append(stream_check(stream, name), name, operation, context, context_nbytes);
    runtime_return(cudaSuccess);
}

cudasim_counts *stream_counts(struct CUstream_st *stream)
{
    return stream->capture != NULL ? capture_counts(stream) : &runtime_counts[stream->device];
}

void cudasim_count_library_call(cudaStream_t stream)
{
    runtime_lock();
    stream_counts(stream_check(stream, "a library call"))->library_calls++;
    runtime_return(cudaSuccess);
}

int cudasim_stream_device(cudaStream_t stream)
{
    return stream_check(stream, "a library call")->device;
}

void cudasim_note_cublas_workspace(cudaStream_t stream, size_t nbytes)
{
    runtime_lock();
    stream_counts(stream_check(stream, "a library call"))->cublas_workspace_nbytes = nbytes;
    runtime_return(cudaSuccess);
}

void cudasim_count_product(cudaStream_t stream, cudasim_numbers numbers, bool reduced_sums)
{
    runtime_lock();
    cudasim_counts *counts = stream_counts(stream_check(stream, "a library call"));
    *(numbers == CUDASIM_FLOAT  ? &counts->float32_products
      : numbers == CUDASIM_TF32 ? &counts->tf32_products
                                : &counts->bf16_products) += 1;
    counts->reduced_sums += reduced_sums;
    runtime_return(cudaSuccess);
}

/* ---- the interface ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *created, unsigned flags)
{
    RUNTIME_CALL();
    if (created == NULL || (flags & ~(unsigned)cudaStreamNonBlocking) != 0)
        return runtime_return(cudaErrorInvalidValue);
    struct CUstream_st *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        cudasim_fail("no host memory for a stream");
    stream->blocking = flags != cudaStreamNonBlocking;
    stream->eager = runtime_random() % 2 == 0;
    stream->node = -1;
    stream->device = device_current();
    stream->next = streams;
    streams = stream;
    cudasim_live_add(&stream_kind, 1);
    *created = stream;
    return runtime_return(cudaSuccess);
}

/* What it still has to do is done first; the structure stays, for moments that name it. */
cudaError_t cudaStreamDestroy(cudaStream_t destroyed)
{
    cudaError_t failure = runtime_enter(__func__);
    struct CUstream_st *stream = stream_check(destroyed, __func__);
    if (stream->capture != NULL) {
        capture_invalidate(stream);
        return runtime_return(cudaErrorStreamCaptureUnsupported);
    }
    stream_run_until((stream_moment){stream, stream->enqueued});
    struct CUstream_st **link = &streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    stream->next = destroyed_streams;
    destroyed_streams = stream;
    cudasim_live_add(&stream_kind, -1);
    return runtime_return(failure);
}

/* `stream` NULL: all of the current GPU. */
static cudaError_t synchronize(struct CUstream_st *stream)
{
    cudaError_t refused = capture_refuse();
    if (refused != cudaSuccess)
        return refused;
    runtime_counts[stream != NULL ? stream->device : device_current()].synchronizations++;
    if (stream != NULL)
        stream_run_until((stream_moment){stream, stream->enqueued});
    else
        stream_run_all(false);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    RUNTIME_CALL();
    return runtime_return(synchronize(stream_check(stream, __func__)));
}

cudaError_t cudaDeviceSynchronize(void)
{
    RUNTIME_CALL();
    return runtime_return(synchronize(NULL));
}

void cudasim_synchronize(cudaStream_t stream)
{
    runtime_lock();
    runtime_return(synchronize(stream));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t waiting, cudaEvent_t event, unsigned flags)
{
    RUNTIME_CALL();
    struct CUstream_st *stream = stream_check(waiting, __func__);
    (void)flags;
    return runtime_return(event_wait(stream, event));
}
