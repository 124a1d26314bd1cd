/*
 * Capture: a stream whose operations become nodes of a graph instead of running, and the rules that
 * the real runtime has for that. What breaks one is refused with the real error code and makes the
 * capture invalid: EndCapture then gives that back, and no graph.
 */
#include "runtime.h"

#include <stdlib.h>

struct capture {
    uint64_t number; /* of all captures so far, from 1: events remember it */
    struct CUstream_st *origin;
    enum cudaStreamCaptureMode mode;
    pthread_t thread;
    struct CUgraph_st *graph;
    bool valid;
};

static uint64_t captures;

cudasim_counts *capture_counts(struct CUstream_st *stream)
{
    return &stream->capture->graph->counts;
}

void capture_invalidate(struct CUstream_st *stream)
{
    stream->capture->valid = false;
}

/* cudaStreamCaptureModeGlobal forbids to all threads what the others forbid to the thread that
 * captures; Relaxed forbids nothing. */
static bool forbids(const capture *current)
{
    if (current->mode == cudaStreamCaptureModeGlobal)
        return true;
    return current->mode == cudaStreamCaptureModeThreadLocal &&
           pthread_equal(current->thread, pthread_self());
}

cudaError_t capture_refuse(void)
{
    cudaError_t error = cudaSuccess;
    for (struct CUstream_st *stream = stream_first(); stream != NULL; stream = stream->next)
        if (stream->capture != NULL && forbids(stream->capture)) {
            stream->capture->valid = false;
            error = cudaErrorStreamCaptureUnsupported;
        }
    return error;
}

cudaError_t capture_check(struct CUstream_st *stream)
{
    bool invalid = stream->capture != NULL && !stream->capture->valid;
    return invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}

void capture_append(struct CUstream_st *stream, const char *name, cudasim_operation *operation,
                    const void *context, size_t context_nbytes)
{
    if (!stream->capture->valid)
        return;
    graph_node node = {.name = name,
                       .operation = operation,
                       .context = (void *)(uintptr_t)context,
                       .after = {stream->node, -1}};
    stream->node = graph_append(stream->capture->graph, &node, context_nbytes);
}

void capture_record(struct CUstream_st *stream, struct CUevent_st *event)
{
    event->capture = stream->capture->number;
    event->node = stream->node;
}

/* Breaks the capture that the stream is in. */
static cudaError_t refuse_wait(struct CUstream_st *stream, cudaError_t error)
{
    if (stream->capture != NULL)
        stream->capture->valid = false;
    return error;
}

static capture *capture_numbered(uint64_t number)
{
    for (struct CUstream_st *stream = stream_first(); stream != NULL; stream = stream->next)
        if (stream->capture != NULL && stream->capture->number == number)
            return stream->capture;
    return NULL;
}

/* A stream outside that waits for an event of a capture comes into it. */
cudaError_t capture_wait(struct CUstream_st *stream, const struct CUevent_st *event)
{
    cudaError_t invalid = capture_check(stream);
    if (invalid != cudaSuccess)
        return invalid;
    if (event->capture == 0)
        return refuse_wait(stream, cudaErrorStreamCaptureIsolation);
    capture *current = capture_numbered(event->capture);
    if (current == NULL)
        return refuse_wait(stream, cudaErrorCapturedEvent);
    if (!current->valid)
        return cudaErrorStreamCaptureInvalidated;
    if (stream->capture == NULL) {
        stream->capture = current;
        stream->node = event->node;
        return cudaSuccess;
    }
    if (stream->capture != current) {
        current->valid = false;
        return refuse_wait(stream, cudaErrorStreamCaptureMerge);
    }
    graph_node join = {.name = "a join", .after = {stream->node, event->node}};
    stream->node = graph_append(current->graph, &join, 0);
    return cudaSuccess;
}

/* Every stream that came in must have been waited for by the one that began. */
static bool is_joined(const capture *current)
{
    const struct CUstream_st *stream = stream_first();
    for (; stream != NULL; stream = stream->next)
        if (stream->capture == current && stream->node >= 0 &&
            !graph_is_before(current->graph, stream->node, current->origin->node))
            return false;
    return true;
}

static void leave(capture *current)
{
    for (struct CUstream_st *stream = stream_first(); stream != NULL; stream = stream->next)
        if (stream->capture == current) {
            stream->capture = NULL;
            stream->node = -1;
        }
    free(current);
}

static cudaError_t end(struct CUstream_st *stream, cudaGraph_t *graph)
{
    *graph = NULL;
    capture *current = stream->capture;
    if (current == NULL)
        return cudaErrorIllegalState;
    if (current->origin != stream) {
        current->valid = false;
        return cudaErrorStreamCaptureUnmatched;
    }
    if (current->mode != cudaStreamCaptureModeRelaxed &&
        !pthread_equal(current->thread, pthread_self()))
        return cudaErrorStreamCaptureWrongThread;
    cudaError_t error = cudaSuccess;
    if (!current->valid)
        error = cudaErrorStreamCaptureInvalidated;
    else if (!is_joined(current))
        error = cudaErrorStreamCaptureUnjoined;
    if (error == cudaSuccess)
        *graph = graph_hand_out(current->graph);
    else
        graph_release(current->graph);
    leave(current);
    return error;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t captured, enum cudaStreamCaptureMode mode)
{
    RUNTIME_CALL();
    struct CUstream_st *stream = stream_check(captured, __func__);
    if (stream->capture != NULL)
        return runtime_return(cudaErrorIllegalState);
    capture *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        cudasim_fail("no host memory for a capture");
    begun->number = ++captures;
    begun->origin = stream;
    begun->mode = mode;
    begun->thread = pthread_self();
    begun->graph = graph_create(stream->device);
    begun->valid = true;
    stream->capture = begun;
    stream->node = -1;
    return runtime_return(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t captured, cudaGraph_t *graph)
{
    cudaError_t failure = runtime_enter(__func__);
    cudaError_t error = end(stream_check(captured, __func__), graph);
    if (failure == cudaSuccess || error != cudaSuccess)
        return runtime_return(error);
    graph_destroy(*graph); /* the capture ends even when the call fails */
    *graph = NULL;
    return runtime_return(failure);
}

bool cudasim_is_capturing(cudaStream_t stream)
{
    runtime_lock();
    bool capturing = stream_check(stream, __func__)->capture != NULL;
    runtime_return(cudaSuccess);
    return capturing;
}
