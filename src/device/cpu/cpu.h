/*
 * The CPU device's own header: what the files of this directory share. Nothing outside includes it.
 *
 * oneDNN computes convolutions, pooling and inner products; the rest is C that the compiler
 * vectorizes (kernels.h). Activations stay in the layout that oneDNN asked for, and so do
 * parameters. A step allocates nothing but the packed blocks of oneDNN's matrix products, which no
 * attribute of it controls.
 */
#ifndef HPAC_DEVICE_CPU_H
#define HPAC_DEVICE_CPU_H

#include "kernels.h"
#include "onednn.h"

#include "device/plan.h"

typedef struct cpu_device {
    hpac_device base;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes, relu_attributes; /* the user gives the scratchpad; and ReLU */
    hpac_cpu_path path;
    const cpu_kernels *kernels;
    int threads;
    hpac_step step; /* of the next calls */
} cpu_device;

/* Limits oneDNN to the instruction sets of the CPU path, before its first use. Errors: those of
 * hpac_cpu_path_get; DEVICE when oneDNN was used before without this limit. */
hpac_status hpac_cpu_cap_onednn(void);

/* Opens the CPU, after hpac_cpu_cap_onednn. */
hpac_status hpac_cpu_device_open(const hpac_device_options *options, hpac_device **device);

/* ---- layout.c: how activations and parameters lie in memory ---- */

/* Codes of hpac_layout. Blocked layouts pad the channels to whole blocks; the padding is zero. */
typedef enum cpu_layout {
    CPU_LAYOUT_NHWC = HPAC_LAYOUT_PLAIN, /* or a vector */
    CPU_LAYOUT_NCHW,
    CPU_LAYOUT_NCHW8C,  /* (n, c / 8, h, w, 8) */
    CPU_LAYOUT_NCHW16C, /* (n, c / 16, h, w, 16) */
    CPU_LAYOUT_COUNT,
} cpu_layout;

void hpac_cpu_desc_fini(cpu_desc *desc);
/* oneDNN's descriptor of an array of floats, the caller's: CPU_DESCRIBE(&desc, dnnl_ab, rows,
 * columns) */
hpac_status hpac_cpu_memory_describe(cpu_desc *desc, dnnl_format_tag_t tag, size_t ndims,
                                     const size_t *dims);
#define CPU_DESCRIBE(desc, tag, ...)                                                               \
    hpac_cpu_memory_describe(desc, tag, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t),    \
                             (const size_t[]){__VA_ARGS__})

/* An activation: a batch of shapes in a layout. */
typedef struct cpu_tensor {
    hpac_shape shape;
    size_t batch;
    hpac_layout layout;
    hpac_view view;
} cpu_tensor;

/* Elements of one image and of the batch, padding included; of a view its own. */
size_t hpac_cpu_image_count(const cpu_tensor *tensor);
size_t hpac_cpu_tensor_count(const cpu_tensor *tensor);
/* The same activation without its view, and the image that has the view. */
cpu_tensor hpac_cpu_alone(const cpu_tensor *tensor);
cpu_tensor hpac_cpu_wider(const cpu_tensor *tensor);
/* Whether a view has whole blocks of its layout, not NHWC. Each of its images is then as one that
 * lies alone, from the offset on, and the step from one to the next; in floats. */
bool hpac_cpu_has_whole_blocks(const cpu_tensor *tensor);
size_t hpac_cpu_view_offset(const cpu_tensor *tensor);
size_t hpac_cpu_image_step(const cpu_tensor *tensor);
/* The index of an element in its image. */
size_t hpac_cpu_image_index(const cpu_tensor *tensor, size_t row, size_t col, size_t channel);

/* The planes of an image, one behind the other: of each pixel in row order, `lanes` channels. */
typedef struct cpu_planes {
    size_t count, lanes;
} cpu_planes;
cpu_planes hpac_cpu_planes_of(const cpu_tensor *tensor);

/* oneDNN's descriptor, the caller's, in the tensor's layout, or with another tag if it is an image.
 */
hpac_status hpac_cpu_tensor_describe(const cpu_tensor *tensor, cpu_desc *desc);
hpac_status hpac_cpu_tensor_describe_as(const cpu_tensor *tensor, dnnl_format_tag_t tag,
                                        cpu_desc *desc);
/* Sets tensor->layout to the one that `desc` has; false if it is none of ours. */
bool hpac_cpu_tensor_recognize(cpu_tensor *tensor, const_cpu_desc desc);

hpac_status hpac_cpu_parameter_write(hpac_plan *plan, size_t parameter, void *slice,
                                     const float *values);
hpac_status hpac_cpu_parameter_read(hpac_plan *plan, size_t parameter, const void *slice,
                                    float *values);
hpac_status hpac_cpu_activation_write(hpac_plan *plan, bool input, void *address,
                                      const float *values);
hpac_status hpac_cpu_activation_read(hpac_plan *plan, bool input, const void *address,
                                     float *values);

/* ---- primitive.c: oneDNN ---- */

hpac_status hpac_cpu_fail(dnnl_status_t status, const char *call);

/* Returns from the calling function when a oneDNN call fails. */
#define CPU_TRY_DNNL(call)                                                                         \
    do {                                                                                           \
        dnnl_status_t try_status = (call);                                                         \
        if (try_status != dnnl_success)                                                            \
            return hpac_cpu_fail(try_status, #call);                                               \
    } while (0)

/* A oneDNN primitive with the memory objects of its arguments; their addresses are a call's. */
typedef struct cpu_primitive {
    dnnl_primitive_t primitive; /* NULL: none */
    int argument_count;
    dnnl_exec_arg_t arguments[10]; /* all that any of our operations has */
    size_t scratch_nbytes;
} cpu_primitive;

/* A reorder, from a call's x to its y. `attributes`: the device's for a primitive of a plan; NULL:
 * its scratchpad, if it needs one, is its own. */
hpac_status hpac_cpu_reorder_create(cpu_device *device, const_dnnl_primitive_attr_t attributes,
                                    const_cpu_desc from, const_cpu_desc to,
                                    cpu_primitive *primitive);
void hpac_cpu_primitive_fini(cpu_primitive *primitive);

/* The primitives of a plan. */
typedef enum cpu_primitive_index {
    CPU_FORWARD,
    CPU_BACKWARD_WEIGHTS,
    CPU_BACKWARD_DATA,
    CPU_PASS_COUNT,
    CPU_INPUT_TO_SOURCE = CPU_PASS_COUNT, /* reorders of a convolution */
    CPU_SOURCE_TO_INPUT,
    CPU_KERNEL_TO_DATA,
    CPU_GRADIENT_TO_KERNEL,
    CPU_PRIMITIVE_COUNT,
} cpu_primitive_index;

/* oneDNN's implementations of an operation's passes; NULL where there is none. */
typedef struct cpu_passes {
    dnnl_primitive_desc_t descs[CPU_PASS_COUNT];
} cpu_passes;

void hpac_cpu_passes_fini(cpu_passes *passes);
/* The result of creating a pass: OK, too, if oneDNN has no implementation for a shape or layout.
 * The pass is then missing, and the caller tries another layout or fails by name. */
hpac_status hpac_cpu_check_pass(dnnl_status_t status);
/* One of the arrays of a pass, such as dnnl_query_src_md, which lives as long as the pass; `index`
 * counts those of its kind. */
const_cpu_desc hpac_cpu_pass_memory(const cpu_passes *passes, cpu_primitive_index pass,
                                    dnnl_query_t what, int index);

typedef enum cpu_speed {
    CPU_SPEED_MISSING,
    CPU_SPEED_LOOPS,  /* plain loops: hundreds of times slower than the best */
    CPU_SPEED_GEMM,   /* columns of pixels, and a matrix product */
    CPU_SPEED_DIRECT, /* code made for the shape */
} cpu_speed;
/* Whether a pass is made of matrix products. */
bool hpac_cpu_pass_is_gemm(const cpu_passes *passes, cpu_primitive_index pass);
/* The speed of the slowest pass of those that the request needs, by the implementations' names. */
cpu_speed hpac_cpu_slowest_pass(const hpac_plan_request *request, const cpu_passes *passes);

/* ---- plan.c ---- */

/* How a parameter is stored: as `stored` says, filled by a reorder from `keras`. */
typedef struct cpu_parameter {
    cpu_desc keras, stored;
    const cpu_tensor *rows; /* not NULL: kernel rows are put in the order of this tensor first */
} cpu_parameter;

/* The gradient of an input that is added to what is there, computed in the workspace first. */
typedef struct cpu_addition {
    size_t count; /* floats; 0: none */
    size_t offset_nbytes;
} cpu_addition;

/* An output in a view of a plan whose own output lies alone: in the workspace, as does the gradient
 * that it reads. */
typedef struct cpu_output_copy {
    cpu_tensor output; /* the view; batch 0: none */
    size_t y_offset, dy_offset;
} cpu_output_copy;

typedef struct cpu_plan cpu_plan;
typedef hpac_status cpu_pass(cpu_plan *plan, const hpac_exec_args *args);
struct cpu_plan {
    hpac_plan base;
    cpu_tensor input, output;
    bool relu; /* the last of several operations; its gradient is in dy when backward is called */
    bool adds; /* set by plans whose backward adds to dx and dsides itself where the request says
                  so, in the order of device.h; for all others hpac_cpu_backward does */
    cpu_addition additions[HPAC_OP_MAX_SIDES + 1]; /* of the sides, and the last of the input */
    bool in_place;                                 /* a concat of views that computes nothing */
    cpu_output_copy copy;
    cpu_parameter parameters[HPAC_PLAN_MAX_PARAMETERS];
    cpu_primitive primitives[CPU_PRIMITIVE_COUNT];
    size_t scratch_offset;        /* theirs, in the workspace */
    cpu_pass *forward, *backward; /* backward NULL: nothing has a gradient */
};

/* The parameters of convolutions and dense layers. */
enum { KERNEL, BIAS };

/* A zeroed plan of `nbytes` (its type starts with a cpu_plan) with device, input, output in the
 * input's layout and sizes set. */
hpac_status hpac_cpu_plan_alloc(cpu_device *device, const hpac_plan_request *request, size_t nbytes,
                                cpu_pass *forward, cpu_pass *backward, cpu_plan **plan);
/* Sets the output's layout and size. */
void hpac_cpu_plan_set_output(cpu_plan *plan, hpac_layout layout);
/* Of plans that read and write views in whole blocks, and add gradients of the input themselves; to
 * be called when the layout is known. Views of outputs that no plan takes are copied, those of
 * inputs declined. */
void hpac_cpu_plan_take_input_view(cpu_plan *plan, const hpac_plan_request *request);
void hpac_cpu_plan_take_output_view(cpu_plan *plan, const hpac_plan_request *request);
/* Appends a layer's kernel, of which the plan takes copies of the descriptors, and its plain bias
 * to the plan's slice, with their numbers of elements as Keras counts them. `bias_count` 0: none.
 */
hpac_status hpac_cpu_plan_add_parameters(cpu_plan *plan, size_t op, size_t kernel_count,
                                         const_cpu_desc keras, const_cpu_desc stored,
                                         const cpu_tensor *rows, size_t bias_count);
/* Appends a vector with a number for each channel. */
hpac_status hpac_cpu_plan_add_vector(cpu_plan *plan, size_t op, hpac_role role, size_t count);
/* Makes the primitives of the passes and names their implementations in the plan's algorithm. */
hpac_status hpac_cpu_plan_add_passes(cpu_plan *plan, const cpu_passes *passes);

/* Runs a primitive on the addresses of a call. `kernel_gradient` NULL: it goes to the slice. */
hpac_status hpac_cpu_run(const cpu_plan *plan, const cpu_primitive *primitive,
                         const hpac_exec_args *args, void *kernel_gradient);
/* Passes that are one primitive: CPU_FORWARD, and CPU_BACKWARD_DATA if dx is wanted. */
cpu_pass hpac_cpu_run_forward, hpac_cpu_run_backward_data;

static inline cpu_device *cpu_device_of(const cpu_plan *plan)
{
    return (cpu_device *)plan->base.device;
}

/* The address of a parameter, its gradient or its averages in a slice. */
static inline void *cpu_parameter_at(const cpu_plan *plan, void *slice, size_t parameter)
{
    return (char *)slice + plan->base.parameters[parameter].offset_nbytes;
}

/* The floats at an offset; NULL stays NULL. */
static inline float *cpu_floats_at(const void *values, size_t offset)
{
    return values ? (float *)values + offset : NULL;
}

static inline void *cpu_workspace_at(const hpac_exec_args *args, size_t offset_nbytes)
{
    return (char *)args->workspace + offset_nbytes;
}

hpac_status hpac_cpu_plan_create(hpac_device *device, const hpac_plan_request *request,
                                 hpac_plan **plan);
void hpac_cpu_plan_destroy(hpac_plan *plan);
hpac_status hpac_cpu_forward(hpac_plan *plan, const hpac_exec_args *args);
hpac_status hpac_cpu_backward(hpac_plan *plan, const hpac_exec_args *args);

/* ---- channels.c: values with coefficients of their channel ---- */

/* How the values of a batch lie in memory by their channels: items are independent of each other,
 * each a plane of the batch or of one image; segments are its parts without gaps, of `lanes`
 * channels for each pixel. A tile fits into the first cache: a part of a segment, or some whole
 * ones. */
typedef struct cpu_channels {
    size_t planes, lanes, channels; /* planes of an image */
    size_t items, item_step;        /* steps: floats from one to the next */
    size_t segments, segment_count;
    size_t x_offset, x_step, y_offset, y_step; /* of the input and the output: the first float, and
                                                  steps of segments */
    size_t pixels;                             /* of an item */
    size_t period, tile;                       /* floats */
    size_t runs;                               /* segments in a tile; 1: or a part of one */
    size_t part_nbytes;                        /* of the workspace, for each thread */
} cpu_channels;

/* `by_image`: the coefficients are those of an image's channels, not of all images'; views are then
 * not supported. `output`: of the shape and layout of the input. */
cpu_channels hpac_cpu_channels_of(const cpu_device *device, const cpu_tensor *input,
                                  const cpu_tensor *output, bool by_image);

/* Arrays of a thread: coefficients, (period) floats. */
typedef enum channel_array {
    CHANNEL_CENTER,
    CHANNEL_SCALE,
    CHANNEL_SHIFT,
    CHANNEL_SLOPE,
    CHANNEL_X_SLOPE,
    CHANNEL_CONSTANT,
    CHANNEL_SUMS, /* two */
    CHANNEL_ARRAY_COUNT = CHANNEL_SUMS + 2,
} channel_array;

enum { CHANNEL_TOTALS = 4 }; /* and (lanes) doubles */

/* A thread's part of an item: the part `index` of `count`, in a range of its tiles. */
typedef struct cpu_part {
    const cpu_channels *channels;
    size_t item, index, count, first_tile, end_tile;
    char *first, *own; /* the arrays of the item's first part, and of this one */
} cpu_part;

/* A tile, in floats from the addresses of a call: of x and dx, and of all others. */
typedef struct cpu_tile {
    size_t x_offset, offset;
    channel_range range;
    size_t pixels;
} cpu_tile;

cpu_tile hpac_cpu_tile_of(const cpu_part *part, size_t tile);
float *hpac_cpu_part_array(const cpu_part *part, channel_array array);
/* The totals of part `index`: of several parts, all are needed. */
double *hpac_cpu_part_totals(const cpu_part *part, size_t index, size_t total);
size_t hpac_cpu_part_pixels(const cpu_part *part, size_t index);
/* Repeats the first lanes of an array through its period. */
void hpac_cpu_part_repeat(const cpu_part *part, channel_array array);
/* The sums of the last call of channel_sums, added for each lane; total: (lanes). */
void hpac_cpu_part_fold(const cpu_part *part, size_t sum, double *total);
/* Which channels the lanes of a part are: from `first` on, `count` of them; the others are padding,
 * whose coefficients must be 0. */
typedef struct cpu_lanes {
    size_t first, count;
} cpu_lanes;
cpu_lanes hpac_cpu_part_lanes(const cpu_part *part);

/* Steps of all parts: `collect` makes totals, NULL: none; `finish` makes coefficients of the totals
 * of all parts; `apply` uses them. The parts do not depend on chance, only on the number of
 * threads.
 */
typedef struct cpu_part_steps {
    void (*collect)(void *context, const cpu_part *part);
    void (*finish)(void *context, const cpu_part *part);
    void (*apply)(void *context, const cpu_part *part);
} cpu_part_steps;
void hpac_cpu_for_parts(const cpu_channels *channels, void *workspace, const cpu_part_steps *steps,
                        void *context);

/* ---- merge.c: between layouts ---- */

/* Channels of a tensor: those from `first` on. */
typedef struct cpu_slice {
    const cpu_tensor *tensor;
    size_t first;
    float *values;
} cpu_slice;

/* Copies or adds `count` channels; the tensors, which lie alone, have the same pixels. */
void hpac_cpu_move(const cpu_device *device, cpu_slice from, cpu_slice to, size_t count, bool adds);
/* Zeros where a blocked layout has no channels. */
void hpac_cpu_clear_padding(const cpu_tensor *tensor, float *values);

/* ---- the operations: each makes a plan, or declines with *plan = NULL ---- */

typedef hpac_status cpu_try(cpu_device *device, const hpac_plan_request *request, cpu_plan **plan);

cpu_try hpac_cpu_try_stem, hpac_cpu_try_winograd, hpac_cpu_try_depthwise, hpac_cpu_try_conv2d,
    hpac_cpu_try_dense, hpac_cpu_try_dropout, hpac_cpu_try_zero_pad, hpac_cpu_try_global_pool,
    hpac_cpu_try_batch_norm, hpac_cpu_try_add, hpac_cpu_try_concat, hpac_cpu_try_multiply,
    hpac_cpu_try_scale, hpac_cpu_try_activation, hpac_cpu_try_maxpool, hpac_cpu_try_single;

/* What single operations need more than a cpu_plan with its sizes (single.c). */
typedef hpac_status cpu_set_up(cpu_plan *plan, const hpac_plan_request *request);
cpu_set_up hpac_cpu_set_up_pool, hpac_cpu_set_up_reshape;
cpu_pass hpac_cpu_pool_forward, hpac_cpu_reshape_forward, hpac_cpu_reshape_backward;

hpac_status hpac_cpu_loss(hpac_device *device, const hpac_loss *loss);
hpac_status hpac_cpu_update(hpac_device *device, const hpac_update *update);
/* Sets what an update of one range computes with, as of the device's step; not the addresses. */
void hpac_cpu_update_job(const cpu_device *device, const hpac_optimizer *optimizer,
                         const hpac_update_range *range, update_job *job);

/* `to` may be `from`, otherwise they must not overlap. */
void hpac_cpu_copy(float *to, const float *from, size_t count);
void hpac_cpu_add(const cpu_device *device, float *to, const float *from, size_t count);
/* dx = dy where y > 0, else 0; dx may be dy. All are as the tensor, which may be a view. */
void hpac_cpu_relu_backward(const cpu_device *device, const cpu_tensor *tensor, const float *y,
                            const float *dy, float *dx);

/* Draws the mask of `count` values in plain order: one bit per value, 0 where it is dropped, from
 * the lowest bit of the first byte on; hpac_cpu_mask_nbytes(count) bytes are written or spare. */
size_t hpac_cpu_mask_nbytes(size_t count);
void hpac_cpu_draw_mask(const cpu_device *device, uint32_t stream, uint32_t threshold, size_t count,
                        uint8_t *bits);

#endif
