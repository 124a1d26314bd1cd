/*
 * The CUDA device's private header: what the files of this directory share.
 *
 * cuDNN computes convolutions, cuBLAS dense layers; the rest is our own kernels (kernels.h). A plan
 * computes in the layout of its input: NHWC or NCHW, float32 or bf16. Parameters are float32 in the
 * arenas whatever the activations are; plans in bf16 cast them for each forward.
 */
#ifndef HPAC_DEVICE_CUDA_H
#define HPAC_DEVICE_CUDA_H

#include "kernels.h"

#include "device/plan.h"

#include <cublas_v2.h>
#include <cudnn.h>

#define CUDA_QUEUE_COUNT 2

typedef struct cuda_device {
    hpac_device base;
    int index; /* of the GPU */
    hpac_precision precision;
    bool deterministic;
    hpac_layout image_layout, vector_layout;
    cudaStream_t streams[CUDA_QUEUE_COUNT]; /* by hpac_queue */
    cudnnHandle_t cudnn;                    /* this and cuBLAS enqueue on the compute stream */
    cublasHandle_t cublas;
    void *cublas_workspace;
    kernel_step *step; /* seed and step of dropout, in device memory */
} cuda_device;

static inline cudaStream_t hpac_cuda_compute(const cuda_device *device)
{
    return device->streams[HPAC_QUEUE_COMPUTE];
}

/* ---- error.c ---- */

hpac_status hpac_cuda_fail(cudaError_t error, const char *call);
hpac_status hpac_cuda_fail_cudnn(cudnnStatus_t error, const char *call);
hpac_status hpac_cuda_fail_cublas(cublasStatus_t error, const char *call);

/* Returns from the calling function when a call of the CUDA runtime (or a kernel of ours), cuDNN or
 * cuBLAS fails; success is 0 in all of them. */
#define CUDA_TRY(call)                                                                             \
    do {                                                                                           \
        __typeof__(call) cuda_try_error = (call);                                                  \
        if (cuda_try_error != 0)                                                                   \
            return _Generic(cuda_try_error, cudaError_t                                            \
                            : hpac_cuda_fail, cudnnStatus_t                                        \
                            : hpac_cuda_fail_cudnn, cublasStatus_t                                 \
                            : hpac_cuda_fail_cublas)(cuda_try_error, #call);                       \
    } while (0)

/* ---- layout.c: how activations lie in memory ---- */

/* Codes of hpac_layout: 0, or these two together or alone. A vector is never NCHW. */
#define CUDA_LAYOUT_NCHW 1
#define CUDA_LAYOUT_BF16 2

kernel_tensor hpac_cuda_tensor(hpac_shape shape, size_t batch, hpac_layout layout);
size_t hpac_cuda_tensor_count(const kernel_tensor *tensor);
size_t hpac_cuda_tensor_nbytes(const kernel_tensor *tensor);
/* A new cuDNN descriptor, filled in. */
hpac_status hpac_cuda_tensor_describe(const kernel_tensor *tensor, cudnnTensorDescriptor_t *desc);

/* ---- device.c, memory.c, queue.c, graph.c ---- */

/* Makes the device's GPU the calling thread's: every function of the table that may come from
 * another thread than the last starts with it. */
hpac_status hpac_cuda_use(const cuda_device *device);

hpac_status hpac_cuda_alloc(hpac_device *device, hpac_memory memory, size_t nbytes, void **address);
void hpac_cuda_free(hpac_device *device, hpac_memory memory, void *address);

hpac_status hpac_cuda_upload(hpac_device *device, hpac_queue queue, void *to,
                             const void *from_pinned, size_t nbytes);
hpac_status hpac_cuda_download(hpac_device *device, hpac_queue queue, void *to_pinned,
                               const void *from, size_t nbytes);
hpac_status hpac_cuda_copy(hpac_device *device, void *to, const void *from, size_t nbytes);
hpac_status hpac_cuda_event_create(hpac_device *device, hpac_event **event);
hpac_status hpac_cuda_timer_create(hpac_device *device, hpac_event **event);
void hpac_cuda_event_destroy(hpac_device *device, hpac_event *event);
hpac_status hpac_cuda_event_record(hpac_device *device, hpac_event *event, hpac_queue queue);
hpac_status hpac_cuda_event_await(hpac_device *device, hpac_event *event, hpac_queue queue);
hpac_status hpac_cuda_event_synchronize(hpac_device *device, hpac_event *event);
hpac_status hpac_cuda_elapsed_ms(hpac_device *device, hpac_event *from, hpac_event *to, double *ms);
hpac_status hpac_cuda_synchronize(hpac_device *device);

hpac_status hpac_cuda_graph_begin(hpac_device *device);
hpac_status hpac_cuda_graph_end(hpac_device *device, hpac_graph **graph);
hpac_status hpac_cuda_graph_launch(hpac_device *device, hpac_graph *graph);
void hpac_cuda_graph_destroy(hpac_device *device, hpac_graph *graph);

/* ---- plan.c ---- */

/* How values in Keras's order lie in device memory: the length of each of Keras's dimensions, the
 * last one fastest, and how far apart its elements are stored. */
typedef struct cuda_order {
    size_t lengths[4], strides[4];
} cuda_order;

typedef struct cuda_plan cuda_plan;
typedef hpac_status cuda_pass(cuda_plan *plan, const hpac_exec_args *args);

struct cuda_plan {
    hpac_plan base;
    kernel_tensor input, output;
    bool reads_bytes; /* PIXELS of bytes: the input is no tensor of floats */
    cuda_order parameters[HPAC_PLAN_MAX_PARAMETERS];
    cuda_pass *forward, *backward;
    void (*fini)(cuda_plan *plan); /* releases what is the operation's own; may be NULL */
    char name[160];                /* operations and shape, for messages and NVTX */
    /* Set by plan.c for operations that do not write plain output themselves: what they write and
     * read is converted. */
    bool converts;
    kernel_tensor plain; /* what is outside; `output` stays what the operation writes */
    size_t output_offset, gradient_offset; /* of the operation's own, in the workspace */
};

static inline cuda_device *hpac_cuda_device_of(const cuda_plan *plan)
{
    return (cuda_device *)plan->base.device;
}

/* Where a plan enqueues. */
static inline cudaStream_t hpac_cuda_stream(const cuda_plan *plan)
{
    return hpac_cuda_compute(hpac_cuda_device_of(plan));
}

/* A zeroed plan of `nbytes` (its type starts with a cuda_plan) with device, passes, input, output
 * in the input's layout (a vector: in its number format) and sizes set. An operation that can write
 * plain output (request->plain_output) says so by hpac_cuda_plan_set_output(plan,
 * HPAC_LAYOUT_PLAIN); for the others plan.c adds a conversion. */
hpac_status hpac_cuda_plan_alloc(cuda_device *device, const hpac_plan_request *request,
                                 size_t nbytes, cuda_pass *forward, cuda_pass *backward,
                                 cuda_plan **plan);
/* Sets the output's layout and size. */
void hpac_cuda_plan_set_output(cuda_plan *plan, hpac_layout layout);
/* Appends a parameter to the plan's slice. */
void hpac_cuda_plan_add_parameter(cuda_plan *plan, const hpac_parameter *parameter,
                                  const cuda_order *order);
/* The dropout of a HPAC_OP_DROPOUT, on the device's step. */
kernel_dropout hpac_cuda_dropout(const cuda_device *device, const hpac_op *op);

/* The address `offset` bytes into a block of device memory. */
static inline void *hpac_cuda_at(const void *block, size_t offset)
{
    return (char *)block + offset;
}

hpac_status hpac_cuda_plan_create(hpac_device *device, const hpac_plan_request *request,
                                  hpac_plan **plan);
void hpac_cuda_plan_destroy(hpac_plan *plan);
hpac_status hpac_cuda_forward(hpac_plan *plan, const hpac_exec_args *args);
hpac_status hpac_cuda_backward(hpac_plan *plan, const hpac_exec_args *args);

/* ---- parameter.c ---- */

hpac_status hpac_cuda_parameter_write(hpac_plan *plan, size_t parameter, void *slice,
                                      const float *values);
hpac_status hpac_cuda_parameter_read(hpac_plan *plan, size_t parameter, const void *slice,
                                     float *values);
hpac_status hpac_cuda_activation_write(hpac_plan *plan, bool input, void *address,
                                       const float *values);
hpac_status hpac_cuda_activation_read(hpac_plan *plan, bool input, const void *address,
                                      float *values);

/* ---- the operations: each makes a plan, or declines with *plan = NULL ---- */

typedef hpac_status cuda_try(cuda_device *device, const hpac_plan_request *request,
                             cuda_plan **plan);

cuda_try hpac_cuda_try_pixels, hpac_cuda_try_conv2d, hpac_cuda_try_maxpool, hpac_cuda_try_dense,
    hpac_cuda_try_activation, hpac_cuda_try_dropout, hpac_cuda_try_flatten;

/* widened.c: the plan that `try` makes in float32, for a request in bf16. */
hpac_status hpac_cuda_widen(cuda_device *device, const hpac_plan_request *request, cuda_try *try,
                            cuda_plan **plan);

/* ---- step.c ---- */

hpac_status hpac_cuda_loss(hpac_device *device, const hpac_loss *loss);
hpac_status hpac_cuda_adadelta(hpac_device *device, const hpac_adadelta *adadelta, void *parameters,
                               const void *gradients, void *square_average, void *delta_average,
                               size_t count, hpac_step_result *result);
hpac_status hpac_cuda_gather(hpac_device *device, const hpac_gather *gather);
hpac_status hpac_cuda_set_step(hpac_device *device, uint64_t seed, uint32_t step);

/* ---- maxpool.c: max pooling where nothing comes back: by cuDNN in float32, by our own kernel
 * without argmax in bf16, which cuDNN's documents do not promise for pooling ---- */

typedef struct cuda_pool {
    kernel_pool own;
    bool by_cudnn;
    cudnnPoolingDescriptor_t window;
    cudnnTensorDescriptor_t before, after;
} cuda_pool;

hpac_status hpac_cuda_pool_init(cuda_pool *pool, const hpac_op *op, const kernel_tensor *before,
                                const kernel_tensor *after);
/* Also after an init that failed, and on zeros. */
void hpac_cuda_pool_fini(cuda_pool *pool);
hpac_status hpac_cuda_pool_forward(const cuda_device *device, const cuda_pool *pool, void *y,
                                   const void *x);

#endif
