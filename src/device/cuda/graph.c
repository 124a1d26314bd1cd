/* Graphs: what the compute stream is given between begin and end, to be given again at once. */
#include "cuda.h"

/* A hpac_graph is a cudaGraphExec_t by another name. */
static cudaGraphExec_t graph_of(hpac_graph *graph)
{
    return (cudaGraphExec_t)(void *)graph;
}

/* ThreadLocal: the other threads' allocations do not spoil it. */
hpac_status hpac_cuda_graph_begin(hpac_device *base)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(cudaStreamBeginCapture(hpac_cuda_compute(device), cudaStreamCaptureModeThreadLocal));
    return HPAC_OK;
}

static hpac_status instantiate(cudaGraph_t recorded, hpac_graph **graph)
{
    cudaGraphExec_t made = NULL;
    CUDA_TRY(cudaGraphInstantiate(&made, recorded, 0));
    *graph = (hpac_graph *)(void *)made;
    return HPAC_OK;
}

static void destroy_recorded(cudaGraph_t recorded)
{
    if (recorded && cudaGraphDestroy(recorded) != cudaSuccess)
        (void)cudaGetLastError();
}

/* After an error the message stays that of the call that failed. */
static void discard(const cuda_device *device)
{
    cudaGraph_t recorded = NULL;
    if (cudaStreamEndCapture(hpac_cuda_compute(device), &recorded) != cudaSuccess)
        (void)cudaGetLastError();
    destroy_recorded(recorded);
}

hpac_status hpac_cuda_graph_end(hpac_device *base, hpac_graph **graph)
{
    const cuda_device *device = (const cuda_device *)base;
    cudaGraph_t recorded = NULL;
    HPAC_TRY(hpac_cuda_use(device));
    if (!graph) {
        discard(device);
        return HPAC_OK;
    }
    *graph = NULL;
    CUDA_TRY(cudaStreamEndCapture(hpac_cuda_compute(device), &recorded));
    hpac_status status = instantiate(recorded, graph);
    destroy_recorded(recorded);
    return status;
}

hpac_status hpac_cuda_graph_launch(hpac_device *base, hpac_graph *graph)
{
    const cuda_device *device = (const cuda_device *)base;
    HPAC_TRY(hpac_cuda_use(device));
    CUDA_TRY(cudaGraphLaunch(graph_of(graph), hpac_cuda_compute(device)));
    return HPAC_OK;
}

void hpac_cuda_graph_destroy(hpac_device *base, hpac_graph *graph)
{
    if (!graph || hpac_cuda_use((const cuda_device *)base) != HPAC_OK)
        return;
    if (cudaGraphExecDestroy(graph_of(graph)) != cudaSuccess)
        (void)cudaGetLastError();
}
