/*
 * The CPU device's own header: what the files of this directory share. Nothing outside includes it.
 *
 * oneDNN computes convolutions, pooling and inner products; the rest is C that the compiler
 * vectorises (kernels.h). Activations stay in the layout that oneDNN asked for, and so do
 * parameters.
 */
#ifndef HPAC_DEVICE_CPU_H
#define HPAC_DEVICE_CPU_H

#include "kernels.h"

#include "device/plan.h"

#include <dnnl.h>

typedef struct cpu_device {
    hpac_device base;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    hpac_cpu_path path;
    const cpu_kernels *kernels;
    int threads;
    uint64_t seed; /* for the next forward calls' dropout */
    uint32_t step;
} cpu_device;

/* ---- layout.c: how activations lie in memory ---- */

/* Codes of hpac_layout. Blocked layouts pad the channels to whole blocks; the padding is zero. */
typedef enum cpu_layout {
    CPU_LAYOUT_NHWC = HPAC_LAYOUT_PLAIN, /* or a vector */
    CPU_LAYOUT_NCHW,
    CPU_LAYOUT_NCHW8C,  /* (n, c / 8, h, w, 8) */
    CPU_LAYOUT_NCHW16C, /* (n, c / 16, h, w, 16) */
    CPU_LAYOUT_COUNT,
} cpu_layout;

/* oneDNN's descriptor of an array of floats: CPU_DESCRIBE(&desc, dnnl_ab, rows, columns) */
hpac_status hpac_cpu_memory_describe(dnnl_memory_desc_t *desc, dnnl_format_tag_t tag, size_t ndims,
                                     const size_t *dims);
#define CPU_DESCRIBE(desc, tag, ...)                                                               \
    hpac_cpu_memory_describe(desc, tag, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t),    \
                             (const size_t[]){__VA_ARGS__})

/* An activation: a batch of shapes in a layout. */
typedef struct cpu_tensor {
    hpac_shape shape;
    size_t batch;
    hpac_layout layout;
} cpu_tensor;

/* Elements of one image and of the batch, padding included. */
size_t hpac_cpu_image_count(const cpu_tensor *tensor);
size_t hpac_cpu_tensor_count(const cpu_tensor *tensor);
size_t hpac_cpu_tensor_nbytes(const cpu_tensor *tensor);
/* The index of an element in its image. */
size_t hpac_cpu_image_index(const cpu_tensor *tensor, size_t row, size_t col, size_t channel);
hpac_status hpac_cpu_tensor_describe(const cpu_tensor *tensor, dnnl_memory_desc_t *desc);
/* Sets tensor->layout to the one that `desc` has; false if it is none of ours. */
bool hpac_cpu_tensor_recognize(cpu_tensor *tensor, const dnnl_memory_desc_t *desc);
/* Between plain host values, (batch, rows, cols, channels), and a tensor. */
void hpac_cpu_tensor_write(const cpu_tensor *tensor, float *to, const float *values);
void hpac_cpu_tensor_read(const cpu_tensor *tensor, const float *from, float *values);

/* ---- primitive.c: oneDNN ---- */

hpac_status hpac_cpu_fail(dnnl_status_t status, const char *call);

/* Returns from the calling function when a oneDNN call fails. */
#define CPU_TRY_DNNL(call)                                                                         \
    do {                                                                                           \
        dnnl_status_t try_status = (call);                                                         \
        if (try_status != dnnl_success)                                                            \
            return hpac_cpu_fail(try_status, #call);                                               \
    } while (0)

#define CPU_MAX_ARGUMENTS 8

/* A oneDNN primitive with the memory objects of its arguments; the addresses come with each run. */
typedef struct cpu_primitive {
    dnnl_primitive_t primitive;
    size_t argument_count;
    dnnl_exec_arg_t arguments[CPU_MAX_ARGUMENTS];
    size_t scratch_nbytes; /* the scratchpad that a run needs */
} cpu_primitive;

typedef struct cpu_argument {
    int name; /* DNNL_ARG_... */
    const void *address;
} cpu_argument;

/* The best implementation of an operation, with a scratchpad that the user gives and, with `relu`,
 * max(y, 0) applied to what it writes. *desc = NULL if oneDNN has none. */
hpac_status hpac_cpu_describe(cpu_device *device, const void *op_desc, bool relu,
                              const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *desc);
typedef enum cpu_speed {
    CPU_SPEED_MISSING,
    CPU_SPEED_LOOPS,  /* plain loops: hundreds of times slower than the best */
    CPU_SPEED_GEMM,   /* columns of pixels, and a matrix product */
    CPU_SPEED_DIRECT, /* code made for the shape */
} cpu_speed;
/* "jit:avx512_core"; "" for NULL. */
const char *hpac_cpu_implementation(const_dnnl_primitive_desc_t desc);
/* What kind of implementation it is, by its name: CPU_SPEED_MISSING for NULL. */
cpu_speed hpac_cpu_speed(const_dnnl_primitive_desc_t desc);
hpac_status hpac_cpu_primitive_create(cpu_device *device, const_dnnl_primitive_desc_t desc,
                                      cpu_primitive *primitive);
hpac_status hpac_cpu_reorder_create(cpu_device *device, const dnnl_memory_desc_t *from,
                                    const dnnl_memory_desc_t *to, cpu_primitive *primitive);
void hpac_cpu_primitive_destroy(cpu_primitive *primitive);
hpac_status hpac_cpu_primitive_run(cpu_device *device, const cpu_primitive *primitive,
                                   void *scratch, size_t argument_count,
                                   const cpu_argument *arguments);

/* CPU_RUN(device, &primitive, scratch, {DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}) */
#define CPU_RUN(device, primitive, scratch, ...)                                                   \
    hpac_cpu_primitive_run(device, primitive, scratch,                                             \
                           sizeof((const cpu_argument[]){__VA_ARGS__}) / sizeof(cpu_argument),     \
                           (const cpu_argument[]){__VA_ARGS__})

/* ---- plan.c ---- */

/* How a parameter is stored: as `stored` says, filled by a reorder from `keras`. */
typedef struct cpu_parameter {
    dnnl_memory_desc_t keras, stored;
    const cpu_tensor *rows; /* not NULL: kernel rows are put in the order of this tensor first */
} cpu_parameter;

typedef struct cpu_plan cpu_plan;
struct cpu_plan {
    hpac_plan base;
    cpu_tensor input, output;
    cpu_parameter parameters[HPAC_PLAN_MAX_PARAMETERS];
    hpac_status (*forward)(cpu_plan *plan, const hpac_exec_args *args);
    hpac_status (*backward)(cpu_plan *plan, const hpac_exec_args *args);
    void (*fini)(cpu_plan *plan); /* releases what is the operation's own; may be NULL */
};

/* A zeroed plan of `nbytes` (its type starts with a cpu_plan) with device, input, output in the
 * input's layout and sizes set. */
hpac_status hpac_cpu_plan_alloc(cpu_device *device, const hpac_plan_request *request, size_t nbytes,
                                cpu_plan **plan);
/* Sets the output's layout and size. */
void hpac_cpu_plan_set_output(cpu_plan *plan, hpac_layout layout);
/* Appends a parameter to the plan's slice. */
void hpac_cpu_plan_add_parameter(cpu_plan *plan, const hpac_parameter *parameter,
                                 const cpu_parameter *storage);

hpac_status hpac_cpu_plan_create(hpac_device *device, const hpac_plan_request *request,
                                 hpac_plan **plan);
void hpac_cpu_plan_destroy(hpac_plan *plan);
hpac_status hpac_cpu_forward(hpac_plan *plan, const hpac_exec_args *args);
hpac_status hpac_cpu_backward(hpac_plan *plan, const hpac_exec_args *args);

/* ---- parameter.c ---- */

hpac_status hpac_cpu_parameter_write(hpac_plan *plan, size_t parameter, void *slice,
                                     const float *values);
hpac_status hpac_cpu_parameter_read(hpac_plan *plan, size_t parameter, const void *slice,
                                    float *values);
hpac_status hpac_cpu_activation_write(hpac_plan *plan, bool input, void *address,
                                      const float *values);
hpac_status hpac_cpu_activation_read(hpac_plan *plan, bool input, const void *address,
                                     float *values);

/* ---- the operations: each makes a plan, or declines with *plan = NULL ---- */

typedef hpac_status cpu_try(cpu_device *device, const hpac_plan_request *request, cpu_plan **plan);

cpu_try hpac_cpu_try_stem, hpac_cpu_try_pixels, hpac_cpu_try_conv2d, hpac_cpu_try_maxpool,
    hpac_cpu_try_dense, hpac_cpu_try_activation, hpac_cpu_try_dropout, hpac_cpu_try_flatten;

hpac_status hpac_cpu_loss(hpac_device *device, const hpac_loss *loss);
hpac_status hpac_cpu_adadelta(hpac_device *device, const hpac_adadelta *adadelta, void *parameters,
                              const void *gradients, void *square_average, void *delta_average,
                              size_t count, hpac_step_result *result);

/* ---- dropout.c ---- */

/* Draws the mask of `count` values in plain order: one bit per value, 0 where it is dropped, from
 * the lowest bit of the first byte on; hpac_cpu_mask_nbytes(count) bytes are written or spare. */
size_t hpac_cpu_mask_nbytes(size_t count);
void hpac_cpu_draw_mask(const cpu_device *device, uint32_t stream, uint32_t threshold, size_t count,
                        uint8_t *bits);

/* ---- loops.c: pieces that several operations use ---- */

/* Calls body(context, begin, end) for one piece of 0 .. count per thread; pieces start at multiples
 * of `grain`. Which elements fall together depends on the number of threads alone. */
void hpac_cpu_for_pieces(size_t count, size_t grain,
                         void (*body)(const void *context, size_t begin, size_t end),
                         const void *context);
void hpac_cpu_copy(float *to, const float *from, size_t count);
/* dx = dy where y > 0, else 0; dx may be dy. */
void hpac_cpu_relu_backward(const cpu_device *device, const float *y, const float *dy, float *dx,
                            size_t count);

hpac_status hpac_cpu_device_open(const hpac_device_options *options, hpac_device **device);

#endif
