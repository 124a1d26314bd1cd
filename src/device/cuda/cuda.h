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
    void *step; /* a hpac_step in device memory */
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

/* ---- device.c ---- */

void hpac_cuda_close(hpac_device *device);
hpac_status hpac_cuda_describe(hpac_device *device, hpac_device_info *info);

/* ---- operations.c ---- */

extern const hpac_device_ops hpac_cuda_operations;

/* Makes the device's GPU the calling thread's: every function of the table that may come from
 * another thread than the last starts with it. */
hpac_status hpac_cuda_use(const hpac_device *device);
hpac_status hpac_cuda_alloc(hpac_device *device, hpac_memory memory, size_t nbytes, void **address);
void hpac_cuda_free(hpac_device *device, hpac_memory memory, void *address);

/* ---- plan.c ---- */

/* Codes of hpac_layout: 0, or these two together or alone. A vector is never NCHW. */
#define CUDA_LAYOUT_NCHW 1
#define CUDA_LAYOUT_BF16 2

kernel_tensor hpac_cuda_tensor_of(hpac_shape shape, size_t batch, hpac_layout layout);
/* Of what lies in memory: a view's are those of the wider image. */
size_t hpac_cuda_tensor_count(const kernel_tensor *tensor);
size_t hpac_cuda_tensor_nbytes(const kernel_tensor *tensor);
/* Makes the tensor a view; *offset_nbytes: where it begins in the wider image. */
void hpac_cuda_tensor_view(kernel_tensor *tensor, const hpac_view *view, size_t *offset_nbytes);

/* The wider image of a view, from the view's first channel on; else the tensor. */
kernel_tensor hpac_cuda_whole_of(const kernel_tensor *tensor);

/* How values in Keras's order lie in device memory: the length of each of Keras's dimensions, the
 * last one fastest, and how far apart its elements are stored. */
typedef struct cuda_order {
    size_t lengths[4], strides[4];
} cuda_order;

/* Of (batch, rows, cols, channels). */
cuda_order hpac_cuda_order_of(const kernel_tensor *tensor);

typedef struct cuda_plan cuda_plan;
typedef hpac_status cuda_pass(cuda_plan *plan, const hpac_exec_args *args);

struct cuda_plan {
    hpac_plan base;
    kernel_tensor input, output;
    /* Where the views begin in the images that the addresses of a call are those of; passes get the
     * addresses of the views. */
    hpac_view output_view;
    size_t x_offset, y_offset, side_offsets[HPAC_OP_MAX_SIDES];
    bool reads_bytes; /* PIXELS of bytes: the input is no tensor of floats */
    cuda_order parameters[HPAC_PLAN_MAX_PARAMETERS];
    size_t cast_offset; /* bf16: the parameters' cast, in the state */
    bool adds_dx;       /* backward adds to dx instead of writing it */
    bool frozen;        /* backward does not write gradients of parameters */
    cuda_pass *forward, *backward;
    void (*fini)(cuda_plan *plan); /* releases what is the operation's own; may be NULL */
    char name[160];                /* operations, shape and layout, for messages and NVTX */
};

/* The parameters of convolutions and dense layers; there may be no bias. */
enum { KERNEL, BIAS };

static inline cuda_device *hpac_cuda_device_of(const cuda_plan *plan)
{
    return (cuda_device *)plan->base.device;
}

/* Where a plan enqueues. */
static inline cudaStream_t hpac_cuda_stream(const cuda_plan *plan)
{
    return hpac_cuda_compute(hpac_cuda_device_of(plan));
}

/* The address `offset` bytes into a block of device memory. */
static inline void *hpac_cuda_at(const void *block, size_t offset)
{
    return (char *)block + offset;
}

/* Where a parameter (KERNEL, BIAS) is in the plan's slice of an arena. */
static inline void *hpac_cuda_parameter(const cuda_plan *plan, const void *slice, size_t parameter)
{
    return hpac_cuda_at(slice, plan->base.parameters[parameter].offset_nbytes);
}

/* A zeroed plan of `nbytes` (its type starts with a cuda_plan) with device, passes, name, input,
 * output in the input's layout (a vector: in its number format), views and sizes set. An operation
 * that can write plain output (request->plain_output) says so by hpac_cuda_plan_set_output(plan,
 * HPAC_LAYOUT_PLAIN); the others are wrapped by plan.c. */
hpac_status hpac_cuda_plan_alloc(cuda_device *device, const hpac_plan_request *request,
                                 size_t nbytes, cuda_pass *forward, cuda_pass *backward,
                                 cuda_plan **plan);
/* Sets the output's layout and size. */
void hpac_cuda_plan_set_output(cuda_plan *plan, hpac_layout layout);
/* Appends a tensor of an op. */
void hpac_cuda_plan_add_parameter(cuda_plan *plan, size_t op, hpac_role role,
                                  const cuda_order *order);
/* Appends the kernel of an op and, if it has one, the bias: one value per element of Keras's last
 * dimension. */
void hpac_cuda_plan_add_kernel(cuda_plan *plan, size_t op, const cuda_order *kernel, bool bias);
/* Whether windows lie side by side without padding, as the kernels for kernel_pool have them. */
bool hpac_cuda_is_plain_pool(const hpac_op *op);
/* The dropout of a HPAC_OP_DROPOUT, on the device's step. */
kernel_dropout hpac_cuda_dropout(const cuda_device *device, const hpac_op *op);
/* Destroys a plan and sets it to NULL; NULL is fine. */
void hpac_cuda_plan_release(cuda_plan **plan);

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

/* ---- convert.c ---- */

/* to = from, a tensor in the other number format. */
hpac_status hpac_cuda_cast(const cuda_plan *plan, void *to, const kernel_tensor *tensor,
                           const void *from);
/* bf16: casts the plan's parameters into the state, for hpac_cuda_weights. */
hpac_status hpac_cuda_cast_parameters(const cuda_plan *plan, const hpac_exec_args *args);
/* A parameter (KERNEL, BIAS) in the number format of the activations. */
const void *hpac_cuda_weights(const cuda_plan *plan, const hpac_exec_args *args, size_t parameter);
/* Makes the plan of a request from `inner`, which computes the same op chain in another layout or
 * number format, by converting what is read and written, or in an image that lies alone, by copying
 * it into the wider one. Moves *inner into it. */
hpac_status hpac_cuda_wrap(cuda_device *device, const hpac_plan_request *request, cuda_plan **inner,
                           cuda_plan **plan);

/* ---- side.c ---- */

/* A further input of an operation, which the kernels take in the layout of the first. */
typedef struct cuda_side {
    kernel_tensor outside, inside;
    bool converts;                        /* the memory of these two differs */
    bool adds;                            /* its gradient is added */
    size_t value_offset, gradient_offset; /* workspace, of what is converted */
} cuda_side;

/* Of side `index` of `op`, the only one of the request with sides; reserves workspace. What
 * converts must not be a view. */
void hpac_cuda_side_init(cuda_plan *plan, const hpac_plan_request *request, const hpac_op *op,
                         size_t index, cuda_side *side);
/* Where its values are, converted if need be. */
hpac_status hpac_cuda_side_read(const cuda_plan *plan, const cuda_side *side,
                                const hpac_exec_args *args, size_t index, const void **values);
/* Where its gradient is to be made, and whether by adding. NULL: it is not wanted. */
void *hpac_cuda_side_gradient(const cuda_side *side, const hpac_exec_args *args, size_t index,
                              bool *add);
/* After it was made. */
hpac_status hpac_cuda_side_finish(const cuda_plan *plan, const cuda_side *side,
                                  const hpac_exec_args *args, size_t index);

/* ---- the operations: each makes a plan, or declines with *plan = NULL, as it must what has views
 * that it does not know. After an error *plan may be incomplete: the caller releases it. ---- */

typedef hpac_status cuda_try(cuda_device *device, const hpac_plan_request *request,
                             cuda_plan **plan);

cuda_try hpac_cuda_try_conv2d, hpac_cuda_try_dense, hpac_cuda_try_norm, hpac_cuda_try_join,
    hpac_cuda_try_single;

#endif
