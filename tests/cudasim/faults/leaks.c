/* What is not given back. */
#include "faults.h"

static int leaked_memory(const fixture *with, bool planted)
{
    void *values;
    (void)with;
    TRY(cudaMalloc(&values, 1000));
    if (!planted)
        TRY(cudaFree(values));
    return 0;
}

static int leaked_pinned(const fixture *with, bool planted)
{
    void *values;
    (void)with;
    TRY(cudaMallocHost(&values, 1000));
    if (!planted)
        TRY(cudaFreeHost(values));
    return 0;
}

static int leaked_stream(const fixture *with, bool planted)
{
    cudaStream_t stream;
    (void)with;
    TRY(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    if (!planted)
        TRY(cudaStreamDestroy(stream));
    return 0;
}

static int leaked_event(const fixture *with, bool planted)
{
    cudaEvent_t event;
    (void)with;
    TRY(cudaEventCreateWithFlags(&event, cudaEventDefault));
    if (!planted)
        TRY(cudaEventDestroy(event));
    return 0;
}

static int capture_fill(const fixture *with, cudaGraph_t *graph)
{
    TRY(cudaStreamBeginCapture(with->compute, cudaStreamCaptureModeThreadLocal));
    TRY(fault_fill(with->device, 1.0f, FAULT_COUNT, with->compute));
    TRY(cudaStreamEndCapture(with->compute, graph));
    return 0;
}

static int leaked_graph(const fixture *with, bool planted)
{
    cudaGraph_t graph;
    int failed = capture_fill(with, &graph);
    if (!planted && failed == 0)
        TRY(cudaGraphDestroy(graph));
    return failed;
}

static int leaked_executable(const fixture *with, bool planted)
{
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    int failed = capture_fill(with, &graph);
    if (failed != 0)
        return failed;
    TRY(cudaGraphInstantiate(&executable, graph, 0));
    TRY(cudaGraphDestroy(graph));
    if (!planted)
        TRY(cudaGraphExecDestroy(executable));
    return 0;
}

const fault_case leak_cases[] = {
    {"leaked_memory", leaked_memory},
    {"leaked_pinned", leaked_pinned},
    {"leaked_stream", leaked_stream},
    {"leaked_event", leaked_event},
    {"leaked_graph", leaked_graph},
    {"leaked_executable", leaked_executable},
    {NULL, NULL},
};
