/* Graphs: what a capture recorded, arguments and all, and its replay. */
#include "runtime.h"

#include <stdlib.h>
#include <string.h>

struct CUgraphExec_st {
    struct CUgraph_st *graph;
    struct CUgraphExec_st *next; /* of those alive */
};

static cudasim_kind graph_kind = {.plural = "graphs"};
static cudasim_kind executable_kind = {.plural = "instantiated graphs"};
static struct CUgraphExec_st *executables;

struct CUgraph_st *graph_create(int device)
{
    struct CUgraph_st *graph = calloc(1, sizeof *graph);
    if (graph == NULL)
        cudasim_fail("no host memory for a graph");
    graph->owners = 1;
    graph->device = device;
    return graph;
}

struct CUgraph_st *graph_hand_out(struct CUgraph_st *graph)
{
    cudasim_live_add(&graph_kind, 1);
    return graph;
}

void graph_destroy(struct CUgraph_st *graph)
{
    cudasim_live_add(&graph_kind, -1);
    graph_release(graph);
}

void graph_release(struct CUgraph_st *graph)
{
    if (--graph->owners > 0)
        return;
    for (int i = 0; i < graph->node_count; i++)
        free(graph->nodes[i].context);
    free(graph->nodes);
    free(graph);
}

/* Copies the context: later changes of what the caller had do not reach the graph. */
int graph_append(struct CUgraph_st *graph, const graph_node *node, size_t context_nbytes)
{
    size_t count = (size_t)graph->node_count + 1;
    graph->nodes = realloc(graph->nodes, count * sizeof *graph->nodes);
    void *context = malloc(context_nbytes + 1);
    if (graph->nodes == NULL || context == NULL)
        cudasim_fail("no host memory for a graph");
    if (context_nbytes > 0)
        memcpy(context, node->context, context_nbytes);
    graph->nodes[graph->node_count] = *node;
    graph->nodes[graph->node_count].context = context;
    return graph->node_count++;
}

/* Nodes come after older ones only, so one pass back from `later` marks all that are before it. */
bool graph_is_before(const struct CUgraph_st *graph, int node, int later)
{
    if (node > later)
        return false;
    bool *before = calloc((size_t)later + 1, sizeof *before);
    if (before == NULL)
        cudasim_fail("no host memory for a graph");
    before[later] = true;
    for (int i = later; i > node; i--)
        for (int k = 0; k < 2; k++)
            if (before[i] && graph->nodes[i].after[k] >= 0)
                before[graph->nodes[i].after[k]] = true;
    bool found = before[node];
    free(before);
    return found;
}

static bool is_ready(const graph_node *node, const bool *done)
{
    return (node->after[0] < 0 || done[node->after[0]]) &&
           (node->after[1] < 0 || done[node->after[1]]);
}

/* Of the nodes that may run: by the seed, in the order of capture, or, lazily, the youngest, so
 * that a dependency that was left out shows. */
static int choose(const struct CUgraph_st *graph, const bool *done)
{
    int chosen = -1;
    uint64_t ready = 0;
    for (int i = 0; i < graph->node_count; i++) {
        if (done[i] || !is_ready(&graph->nodes[i], done))
            continue;
        ready++;
        if (runtime.mode == CUDASIM_EAGER && ready > 1)
            break;
        if (runtime.mode != CUDASIM_RANDOM || runtime_random() % ready == 0)
            chosen = i;
    }
    return chosen;
}

static void run_graph(void *context)
{
    struct CUgraph_st *graph = *(struct CUgraph_st **)context;
    bool *done = calloc((size_t)graph->node_count + 1, sizeof *done);
    if (done == NULL)
        cudasim_fail("no host memory for a graph");
    for (int i = 0; i < graph->node_count; i++) {
        int chosen = choose(graph, done);
        const graph_node *node = &graph->nodes[chosen];
        done[chosen] = true;
        if (node->operation == NULL || runtime_is_broken())
            continue;
        report_set_running(node->name);
        node->operation(node->context);
    }
    free(done);
    graph_release(graph);
}

static struct CUgraphExec_st *check(cudaGraphExec_t executable, const char *caller)
{
    for (struct CUgraphExec_st *living = executables; living != NULL; living = living->next)
        if (living == executable)
            return living;
    cudasim_fail("%s: %p is no living graph", caller, (void *)executable);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *created, cudaGraph_t graph,
                                 unsigned long long flags)
{
    RUNTIME_CALL();
    if (created == NULL || graph == NULL || flags != 0)
        return runtime_return(cudaErrorInvalidValue);
    struct CUgraphExec_st *executable = calloc(1, sizeof *executable);
    if (executable == NULL)
        cudasim_fail("no host memory for a graph");
    graph->owners++;
    executable->graph = graph;
    executable->next = executables;
    executables = executable;
    cudasim_live_add(&executable_kind, 1);
    *created = executable;
    return runtime_return(cudaSuccess);
}

/* To launch a graph into a capture would make it a node of that graph: not needed so far. */
cudaError_t cudaGraphLaunch(cudaGraphExec_t launched, cudaStream_t on)
{
    RUNTIME_CALL();
    struct CUstream_st *stream = stream_check(on, __func__);
    struct CUgraph_st *graph = check(launched, __func__)->graph;
    if (stream->capture != NULL) {
        capture_invalidate(stream);
        return runtime_return(cudaErrorStreamCaptureUnsupported);
    }
    if (graph->device != stream->device)
        return runtime_return(cudaErrorInvalidResourceHandle);
    graph->owners++;
    counts_add(&runtime_counts[stream->device], &graph->counts);
    runtime_counts[stream->device].graph_launches++;
    stream_append(stream, "a graph", run_graph, &graph, sizeof(struct CUgraph_st *));
    return runtime_return(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t destroyed)
{
    cudaError_t failure = runtime_enter(__func__);
    struct CUgraphExec_st *executable = check(destroyed, __func__);
    struct CUgraphExec_st **link = &executables;
    while (*link != executable)
        link = &(*link)->next;
    *link = executable->next;
    graph_release(executable->graph);
    free(executable);
    cudasim_live_add(&executable_kind, -1);
    return runtime_return(failure);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    cudaError_t failure = runtime_enter(__func__);
    if (graph == NULL)
        return runtime_return(cudaErrorInvalidValue);
    graph_destroy(graph);
    return runtime_return(failure);
}
