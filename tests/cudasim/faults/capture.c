/* Captures and graphs: what must not be in one, and what a replay does. */
#include "faults.h"
#include "../counts.h"

#define NBYTES (FAULT_COUNT * sizeof(float))

static int begin(const fixture *with)
{
    TRY(cudaStreamBeginCapture(with->compute, cudaStreamCaptureModeThreadLocal));
    return 0;
}

/* The capture is good, or it gives what `forbidden` returned, and then no graph. */
static int end(const fixture *with, cudaError_t forbidden)
{
    cudaGraph_t graph;
    cudaError_t ended = cudaStreamEndCapture(with->compute, &graph);
    if (forbidden != cudaSuccess) {
        if (ended != cudaErrorStreamCaptureInvalidated || graph != NULL)
            return FAULT_WRONG;
        TRY(forbidden);
    }
    TRY(ended);
    TRY(cudaGraphDestroy(graph));
    return 0;
}

static int capture_synchronize(const fixture *with, bool planted)
{
    int failed = begin(with);
    return failed != 0 ? failed : end(with, planted ? cudaStreamSynchronize(with->compute) : 0);
}

static int capture_device_synchronize(const fixture *with, bool planted)
{
    int failed = begin(with);
    return failed != 0 ? failed : end(with, planted ? cudaDeviceSynchronize() : 0);
}

static int capture_malloc(const fixture *with, bool planted)
{
    void *values = NULL;
    int failed = begin(with);
    return failed != 0 ? failed : end(with, planted ? cudaMalloc(&values, 4) : 0);
}

static int capture_free(const fixture *with, bool planted)
{
    void *values;
    TRY(cudaMalloc(&values, 4));
    int failed = begin(with);
    if (failed == 0)
        failed = end(with, planted ? cudaFree(values) : 0);
    TRY(cudaFree(values));
    return failed;
}

static int capture_pageable(const fixture *with, bool planted)
{
    static float values[FAULT_COUNT];
    const float *from = planted ? values : with->pinned;
    int failed = begin(with);
    if (failed != 0)
        return failed;
    return end(with,
               cudaMemcpyAsync(with->device, from, NBYTES, cudaMemcpyHostToDevice, with->compute));
}

static int capture_blocking_copy(const fixture *with, bool planted)
{
    int failed = begin(with);
    if (failed != 0)
        return failed;
    return end(with, planted ? cudaMemcpy(with->pinned, with->device, 4, cudaMemcpyDeviceToHost)
                             : cudaSuccess);
}

static int capture_old_event(const fixture *with, bool planted)
{
    TRY(cudaEventRecord(with->event, with->copy));
    int failed = begin(with);
    if (failed != 0)
        return failed;
    return end(with, planted ? cudaStreamWaitEvent(with->compute, with->event, 0) : cudaSuccess);
}

static int capture_event_synchronize(const fixture *with, bool planted)
{
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaEventRecord(with->event, with->compute));
    return end(with, planted ? cudaEventSynchronize(with->event) : cudaSuccess);
}

/* The copy stream comes into the capture and does work; the compute stream waits for it, or not. */
static int capture_unjoined(const fixture *with, bool planted)
{
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaEventRecord(with->event, with->compute));
    TRY(cudaStreamWaitEvent(with->copy, with->event, 0));
    TRY(cudaMemsetAsync(with->second, 0, NBYTES, with->copy));
    TRY(cudaEventRecord(with->event, with->copy));
    if (!planted)
        TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    return end(with, cudaSuccess);
}

static int capture_wrong_end(const fixture *with, bool planted)
{
    cudaGraph_t graph;
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaEventRecord(with->event, with->compute));
    TRY(cudaStreamWaitEvent(with->copy, with->event, 0));
    return end(with, planted ? cudaStreamEndCapture(with->copy, &graph) : cudaSuccess);
}

static int capture_merge(const fixture *with, bool planted)
{
    cudaGraph_t graph;
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaStreamBeginCapture(with->copy, cudaStreamCaptureModeRelaxed));
    TRY(cudaEventRecord(with->event, with->copy));
    cudaError_t error = planted ? cudaStreamWaitEvent(with->compute, with->event, 0) : cudaSuccess;
    if (cudaStreamEndCapture(with->copy, &graph) == cudaSuccess)
        TRY(cudaGraphDestroy(graph));
    return end(with, error);
}

static int capture_event_afterwards(const fixture *with, bool planted)
{
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaEventRecord(with->event, with->compute));
    failed = end(with, cudaSuccess);
    if (planted && failed == 0)
        TRY(cudaStreamWaitEvent(with->copy, with->event, 0));
    return failed;
}

/* ---- replays ---- */

static int instantiate(const fixture *with, cudaGraphExec_t *executable)
{
    cudaGraph_t graph;
    TRY(cudaStreamEndCapture(with->compute, &graph));
    TRY(cudaGraphInstantiate(executable, graph, 0));
    TRY(cudaGraphDestroy(graph));
    return 0;
}

/* The graph keeps the arguments of its capture: a host's variable that counts on does not reach it,
 * device memory does. */
static int frozen_argument(const fixture *with, bool planted)
{
    cudaGraphExec_t executable;
    float value = 1.0f;
    TRY(fault_fill(with->second, 1.0f, FAULT_COUNT, with->compute));
    int failed = begin(with);
    if (failed != 0)
        return failed;
    if (planted)
        TRY(fault_fill(with->device, value, FAULT_COUNT, with->compute));
    else
        TRY(fault_add(with->device, with->second, 0, FAULT_COUNT, with->compute));
    failed = instantiate(with, &executable);
    for (; value <= 3.0f && failed == 0; value += 1.0f)
        TRY(cudaGraphLaunch(executable, with->compute));
    failed = failed != 0 ? failed : fault_download(with, with->device, FAULT_COUNT);
    TRY(cudaGraphExecDestroy(executable));
    return failed != 0 ? failed : fault_compare(with, 3.0f, 0.0f, FAULT_COUNT);
}

/* A fork that prepares what the other branch reads, joined before it is read, or after. */
static int fork_too_late(const fixture *with, bool planted)
{
    cudaGraphExec_t executable;
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaEventRecord(with->event, with->compute));
    TRY(cudaStreamWaitEvent(with->copy, with->event, 0));
    TRY(cudaMemcpyAsync(with->second, with->pinned, NBYTES, cudaMemcpyHostToDevice, with->copy));
    TRY(cudaEventRecord(with->event, with->copy));
    if (!planted)
        TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    TRY(fault_add(with->device, with->second, 0, FAULT_COUNT, with->compute));
    if (planted)
        TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    failed = instantiate(with, &executable);
    if (failed == 0)
        TRY(cudaGraphLaunch(executable, with->compute));
    failed = failed != 0 ? failed : fault_download(with, with->device, FAULT_COUNT);
    TRY(cudaGraphExecDestroy(executable));
    return failed != 0 ? failed : fault_compare(with, 0.0f, 1.0f, FAULT_COUNT);
}

static int graph_of_freed_memory(const fixture *with, bool planted)
{
    cudaGraphExec_t executable;
    float *values;
    TRY(cudaMalloc((void **)&values, NBYTES));
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(fault_fill(values, 1.0f, FAULT_COUNT, with->compute));
    failed = instantiate(with, &executable);
    if (planted)
        TRY(cudaFree(values));
    if (failed == 0)
        TRY(cudaGraphLaunch(executable, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    TRY(cudaGraphExecDestroy(executable));
    TRY(cudaFree(planted ? NULL : values));
    return failed;
}

static int capture_step(const fixture *with, cudaGraphExec_t *executable)
{
    int failed = begin(with);
    if (failed != 0)
        return failed;
    TRY(cudaMemsetAsync(with->device, 0, NBYTES, with->compute));
    TRY(fault_fill(with->second, 1.0f, FAULT_COUNT, with->compute));
    TRY(fault_add(with->device, with->second, 0, FAULT_COUNT, with->compute));
    return instantiate(with, executable);
}

/* No fault: what the counters say of two launches and what goes with them; `planted`, of three. */
static int counters(const fixture *with, bool planted)
{
    cudaGraphExec_t executable;
    cudasim_counts before, after;
    int failed = capture_step(with, &executable);
    if (failed != 0)
        return failed;
    cudasim_get_counts(&before);
    for (int i = 0; i < 2 + planted; i++)
        TRY(cudaGraphLaunch(executable, with->compute));
    TRY(cudaMemcpyAsync(with->second, with->pinned, 40, cudaMemcpyHostToDevice, with->copy));
    TRY(cudaMemcpyAsync(with->pinned, with->device, 8, cudaMemcpyDeviceToHost, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    cudasim_get_counts(&after);
    TRY(cudaGraphExecDestroy(executable));
    bool right = after.kernels - before.kernels == 4 && after.memsets - before.memsets == 2 &&
                 after.graph_launches - before.graph_launches == 2 &&
                 after.uploads - before.uploads == 1 &&
                 after.upload_nbytes - before.upload_nbytes == 40 &&
                 after.downloads - before.downloads == 1 &&
                 after.download_nbytes - before.download_nbytes == 8 &&
                 after.synchronizations - before.synchronizations == 1 &&
                 after.allocations == before.allocations && after.frees == before.frees &&
                 after.live_nbytes == 2 * NBYTES;
    return right ? 0 : FAULT_WRONG;
}

const fault_case capture_cases[] = {
    {"capture_synchronize", capture_synchronize},
    {"capture_device_synchronize", capture_device_synchronize},
    {"capture_malloc", capture_malloc},
    {"capture_free", capture_free},
    {"capture_pageable", capture_pageable},
    {"capture_blocking_copy", capture_blocking_copy},
    {"capture_old_event", capture_old_event},
    {"capture_event_synchronize", capture_event_synchronize},
    {"capture_unjoined", capture_unjoined},
    {"capture_wrong_end", capture_wrong_end},
    {"capture_merge", capture_merge},
    {"capture_event_afterwards", capture_event_afterwards},
    {"frozen_argument", frozen_argument},
    {"fork_too_late", fork_too_late},
    {"graph_of_freed_memory", graph_of_freed_memory},
    {"counters", counters},
    {NULL, NULL},
};
