/* The table of the CUDA device: memory, queues, graphs, and what a training step does besides its
 * plans. Both queues are non-blocking streams, which do not synchronize with the legacy stream;
 * every copy names its stream. A hpac_event is a cudaEvent_t, a hpac_graph a cudaGraphExec_t. */
#include "cuda.h"

#include "base/memory.h"

#include <string.h>

hpac_status hpac_cuda_use(const hpac_device *base)
{
    static _Thread_local int current = -1;
    int index = ((const cuda_device *)base)->index;
    if (current == index)
        return HPAC_OK;
    CUDA_TRY(cudaSetDevice(index));
    current = index;
    return HPAC_OK;
}

static cudaStream_t stream_of(const hpac_device *base, hpac_queue queue)
{
    return ((const cuda_device *)base)->streams[queue];
}

/* What destroys and frees has no error to return; that of an earlier operation is reported by the
 * next wait, and must not be by the next launch. */
static void drop_error(cudaError_t error)
{
    if (error != cudaSuccess)
        (void)cudaGetLastError();
}

static hpac_status fail_pinned(cudaError_t error, size_t nbytes)
{
    return hpac_fail_within(hpac_cuda_fail(error, "cudaMallocHost"),
                            "%.1f MiB of pinned host memory (lower train.batch_size, or free "
                            "memory of the machine)",
                            (double)nbytes / 0x1p20);
}

static hpac_status fail_device(cudaError_t error, size_t nbytes)
{
    size_t free_nbytes = 0, total_nbytes = 0;
    hpac_status status = hpac_cuda_fail(error, "cudaMalloc");
    if (error != cudaErrorMemoryAllocation)
        return status;
    drop_error(cudaMemGetInfo(&free_nbytes, &total_nbytes));
    return hpac_fail_within(
        status,
        "cannot allocate %.1f MiB of GPU memory, %.1f MiB of %.1f MiB are free; "
        "lower train.batch_size, or end other programs on the GPU",
        (double)nbytes / 0x1p20, (double)free_nbytes / 0x1p20, (double)total_nbytes / 0x1p20);
}

/* Waits for the memset: the next write may come on another queue. */
static hpac_status clear(const hpac_device *base, void *address, size_t nbytes)
{
    cudaStream_t stream = stream_of(base, HPAC_QUEUE_COMPUTE);
    CUDA_TRY(cudaMemsetAsync(address, 0, nbytes, stream));
    CUDA_TRY(cudaStreamSynchronize(stream));
    return HPAC_OK;
}

hpac_status hpac_cuda_alloc(hpac_device *base, hpac_memory memory, size_t nbytes, void **result)
{
    void *address = NULL;
    cudaError_t error;
    *result = NULL;
    HPAC_TRY(hpac_cuda_use(base));
    if (nbytes == 0)
        nbytes = 1; /* an address of its own, as malloc would give */
    if (memory == HPAC_MEMORY_PINNED) {
        error = cudaMallocHost(&address, nbytes);
        if (error != cudaSuccess)
            return fail_pinned(error, nbytes);
        memset(address, 0, nbytes);
    } else {
        error = cudaMalloc(&address, nbytes);
        if (error != cudaSuccess)
            return fail_device(error, nbytes);
        hpac_status status = clear(base, address, nbytes);
        if (status != HPAC_OK) {
            drop_error(cudaFree(address));
            return status;
        }
    }
    *result = address;
    return HPAC_OK;
}

void hpac_cuda_free(hpac_device *base, hpac_memory memory, void *address)
{
    if (address && hpac_cuda_use(base) == HPAC_OK)
        drop_error(memory == HPAC_MEMORY_DEVICE ? cudaFree(address) : cudaFreeHost(address));
}

static hpac_status enqueue_copy(const hpac_device *base, hpac_queue queue, void *to,
                                const void *from, size_t nbytes, enum cudaMemcpyKind kind)
{
    static const char *const names[] = {[cudaMemcpyHostToDevice] = "upload",
                                        [cudaMemcpyDeviceToHost] = "download",
                                        [cudaMemcpyDeviceToDevice] = "copy"};
    HPAC_TRY(hpac_cuda_use(base));
    cudaError_t error = cudaMemcpyAsync(to, from, nbytes, kind, stream_of(base, queue));
    if (error == cudaSuccess)
        return HPAC_OK;
    return hpac_fail_within(hpac_cuda_fail(error, "cudaMemcpyAsync"), "%s of %zu bytes",
                            names[kind], nbytes);
}

static hpac_status upload(hpac_device *base, hpac_queue queue, void *to, const void *from_pinned,
                          size_t nbytes)
{
    return enqueue_copy(base, queue, to, from_pinned, nbytes, cudaMemcpyHostToDevice);
}

static hpac_status download(hpac_device *base, hpac_queue queue, void *to_pinned, const void *from,
                            size_t nbytes)
{
    return enqueue_copy(base, queue, to_pinned, from, nbytes, cudaMemcpyDeviceToHost);
}

static hpac_status copy(hpac_device *base, void *to, const void *from, size_t nbytes)
{
    return enqueue_copy(base, HPAC_QUEUE_COMPUTE, to, from, nbytes, cudaMemcpyDeviceToDevice);
}

static hpac_status create_with(hpac_device *base, unsigned flags, hpac_event **event)
{
    cudaEvent_t created = NULL;
    *event = NULL;
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaEventCreateWithFlags(&created, flags));
    *event = (hpac_event *)created;
    return HPAC_OK;
}

static hpac_status create_event(hpac_device *base, hpac_event **event)
{
    return create_with(base, cudaEventDisableTiming, event);
}

static hpac_status create_timer(hpac_device *base, hpac_event **event)
{
    return create_with(base, cudaEventDefault, event);
}

static void event_destroy(hpac_device *base, hpac_event *event)
{
    if (event && hpac_cuda_use(base) == HPAC_OK)
        drop_error(cudaEventDestroy((cudaEvent_t)event));
}

static hpac_status event_record(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaEventRecord((cudaEvent_t)event, stream_of(base, queue)));
    return HPAC_OK;
}

static hpac_status event_await(hpac_device *base, hpac_event *event, hpac_queue queue)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaStreamWaitEvent(stream_of(base, queue), (cudaEvent_t)event, 0));
    return HPAC_OK;
}

static hpac_status event_synchronize(hpac_device *base, hpac_event *event)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaEventSynchronize((cudaEvent_t)event));
    return HPAC_OK;
}

static hpac_status elapsed_ms(hpac_device *base, hpac_event *from, hpac_event *to, double *ms)
{
    float elapsed = 0;
    *ms = 0;
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaEventElapsedTime(&elapsed, (cudaEvent_t)from, (cudaEvent_t)to));
    *ms = (double)elapsed;
    return HPAC_OK;
}

static hpac_status synchronize(hpac_device *base)
{
    HPAC_TRY(hpac_cuda_use(base));
    for (int i = 0; i < CUDA_QUEUE_COUNT; i++)
        CUDA_TRY(cudaStreamSynchronize(((const cuda_device *)base)->streams[i]));
    return HPAC_OK;
}

/* ThreadLocal: the other threads' allocations do not spoil it. */
static hpac_status graph_begin(hpac_device *base)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaStreamBeginCapture(stream_of(base, HPAC_QUEUE_COMPUTE),
                                    cudaStreamCaptureModeThreadLocal));
    return HPAC_OK;
}

static void destroy_captured(cudaGraph_t *captured)
{
    if (*captured)
        drop_error(cudaGraphDestroy(*captured));
}

static hpac_status graph_end(hpac_device *base, hpac_graph **graph)
{
    HPAC_AUTO(destroy_captured) cudaGraph_t captured = NULL;
    cudaGraphExec_t created = NULL;
    HPAC_TRY(hpac_cuda_use(base));
    cudaError_t error = cudaStreamEndCapture(stream_of(base, HPAC_QUEUE_COMPUTE), &captured);
    if (!graph) { /* after an error, whose message stays */
        drop_error(error);
        return HPAC_OK;
    }
    *graph = NULL;
    if (error != cudaSuccess)
        return hpac_cuda_fail(error, "cudaStreamEndCapture");
    CUDA_TRY(cudaGraphInstantiate(&created, captured, 0));
    *graph = (hpac_graph *)created;
    return HPAC_OK;
}

static hpac_status graph_launch(hpac_device *base, hpac_graph *graph)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaGraphLaunch((cudaGraphExec_t)graph, stream_of(base, HPAC_QUEUE_COMPUTE)));
    return HPAC_OK;
}

static void graph_destroy(hpac_device *base, hpac_graph *graph)
{
    if (graph && hpac_cuda_use(base) == HPAC_OK)
        drop_error(cudaGraphExecDestroy((cudaGraphExec_t)graph));
}

/* ---- a step, besides its plans: each is one kernel, and an update with a norm three ---- */

static hpac_status gather(hpac_device *base, const hpac_gather *rows)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(hpac_kernel_gather(rows, stream_of(base, HPAC_QUEUE_COMPUTE)));
    return HPAC_OK;
}

static const hpac_step *step_of(const hpac_device *base)
{
    return ((const cuda_device *)base)->step;
}

static hpac_status set_step(hpac_device *base, const hpac_step *step)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(hpac_kernel_set_step(((const cuda_device *)base)->step, step,
                                  stream_of(base, HPAC_QUEUE_COMPUTE)));
    return HPAC_OK;
}

static hpac_status compute_loss(hpac_device *base, const hpac_loss *loss)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(hpac_kernel_loss(loss, stream_of(base, HPAC_QUEUE_COMPUTE)));
    return HPAC_OK;
}

static hpac_status update_parameters(hpac_device *base, const hpac_update *update)
{
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(hpac_kernel_update(update, step_of(base), stream_of(base, HPAC_QUEUE_COMPUTE)));
    return HPAC_OK;
}

const hpac_device_ops hpac_cuda_operations = {
    .name = "cuda",
    .close = hpac_cuda_close,
    .describe = hpac_cuda_describe,
    .alloc = hpac_cuda_alloc,
    .free = hpac_cuda_free,
    .upload = upload,
    .download = download,
    .event_create = create_event,
    .timer_create = create_timer,
    .event_destroy = event_destroy,
    .event_record = event_record,
    .event_await = event_await,
    .event_synchronize = event_synchronize,
    .elapsed_ms = elapsed_ms,
    .synchronize = synchronize,
    .graph_begin = graph_begin,
    .graph_end = graph_end,
    .graph_launch = graph_launch,
    .graph_destroy = graph_destroy,
    .copy = copy,
    .gather = gather,
    .plan_create = hpac_cuda_plan_create,
    .plan_destroy = hpac_cuda_plan_destroy,
    .parameter_write = hpac_cuda_parameter_write,
    .parameter_read = hpac_cuda_parameter_read,
    .activation_write = hpac_cuda_activation_write,
    .activation_read = hpac_cuda_activation_read,
    .set_step = set_step,
    .forward = hpac_cuda_forward,
    .backward = hpac_cuda_backward,
    .loss = compute_loss,
    .update = update_parameters,
};
