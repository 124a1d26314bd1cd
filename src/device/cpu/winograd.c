/* The plan of Winograd convolutions: which it takes, tiles to threads, gradients of threads to one
 * sum. */
#include "cpu.h"

#include "base/memory.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

/* Tiles that a thread takes at a time: enough for each point of a kernel that is read, few enough
 * for the second cache. */
enum { GROUP = 48 };

/* Tiles that a thread has at least for the kernel's gradient: fewer are not worth an array. */
enum { MIN_GRADIENT_TILES = 16 };

typedef struct winograd_plan {
    cpu_plan base;
    const winograd_kernels *kernels;
    winograd_shape forward;  /* from the input to the output */
    winograd_shape backward; /* from the output's gradient to the input's */
    size_t tiles[2];         /* of the batch: those of forward, of backward */
    size_t threads;
    size_t gradient_threads; /* for the kernel's gradient, of which each has an array */
    bool adds_side;          /* an addition after the convolution */
    bool adds_dx;            /* instead of writing it */
    /* In the workspace. */
    size_t points_offset, rotated_offset;
    size_t scratch_offset, scratch_nbytes; /* one per thread */
    size_t partial_offset, partial_nbytes; /* gradients of one thread: points, then the bias's */
} winograd_plan;

/* The first float of an activation, of which `values` is the address. */
static float *first_of(const cpu_tensor *tensor, const void *values)
{
    return cpu_floats_at(values, hpac_cpu_view_offset(tensor));
}

static bool has_bias(const winograd_plan *plan)
{
    return plan->base.base.parameter_count > BIAS;
}

/* The tiles of a thread of several. */
static winograd_range range_of(const winograd_plan *plan, const hpac_exec_args *args, size_t tiles,
                               size_t thread, size_t threads)
{
    return (winograd_range){
        .first = tiles * thread / threads,
        .end = tiles * (thread + 1) / threads,
        .scratch = cpu_workspace_at(args, plan->scratch_offset + thread * plan->scratch_nbytes),
    };
}

/* The points of a kernel (3, 3, x channels, y channels) of a shape, in the workspace. */
static const float *transform_kernel(const winograd_plan *plan, const hpac_exec_args *args,
                                     const winograd_shape *shape, const float *kernel)
{
    float *points = cpu_workspace_at(args, plan->points_offset);
#pragma omp parallel for schedule(static)
    for (size_t channel = 0; channel < shape->x.channels; channel++)
        plan->kernels->transform_kernel(shape, kernel, channel, channel + 1, points);
    return points;
}

static void convolve(const winograd_plan *plan, const hpac_exec_args *args,
                     const winograd_convolution *job, size_t tiles)
{
#pragma omp parallel for schedule(static)
    for (size_t thread = 0; thread < plan->threads; thread++) {
        winograd_range range = range_of(plan, args, tiles, thread, plan->threads);
        plan->kernels->convolve(job, &range);
    }
}

static hpac_status winograd_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const winograd_plan *plan = (const winograd_plan *)base;
    const float *kernel = cpu_parameter_at(base, args->parameters, KERNEL);
    const winograd_convolution job = {
        .shape = &plan->forward,
        .x = first_of(&base->input, args->x),
        .points = transform_kernel(plan, args, &plan->forward, kernel),
        .bias = has_bias(plan) ? cpu_parameter_at(base, args->parameters, BIAS) : NULL,
        .side = plan->adds_side ? args->sides[0] : NULL,
        .relu = base->relu,
        .y = first_of(&base->output, args->y),
    };
    convolve(plan, args, &job, plan->tiles[0]);
    return HPAC_OK;
}

/* ---- backward ---- */

static float *partials_of(const winograd_plan *plan, const hpac_exec_args *args, size_t thread)
{
    return cpu_workspace_at(args, plan->partial_offset + thread * plan->partial_nbytes);
}

static void compute_gradients(const winograd_plan *plan, const hpac_exec_args *args)
{
    const winograd_shape *shape = &plan->forward;
    size_t count = plan->kernels->points_count(shape), threads = plan->gradient_threads;
#pragma omp parallel for schedule(static)
    for (size_t thread = 0; thread < threads; thread++) {
        winograd_range range = range_of(plan, args, plan->tiles[0], thread, threads);
        float *points = partials_of(plan, args, thread);
        memset(points, 0, plan->partial_nbytes);
        plan->kernels->add_gradients(shape, &range, first_of(&plan->base.input, args->x),
                                     first_of(&plan->base.output, args->dy), points,
                                     has_bias(plan) ? points + count : NULL);
    }
    float *gradient = cpu_parameter_at(&plan->base, args->gradients, KERNEL);
    const float *partials = partials_of(plan, args, 0);
    size_t step = plan->partial_nbytes / sizeof(float);
#pragma omp parallel for schedule(static)
    for (size_t channel = 0; channel < shape->x.channels; channel++)
        plan->kernels->transform_gradient(shape, partials, threads, step, channel, channel + 1,
                                          gradient);
    if (!has_bias(plan))
        return;
    float *dbias = cpu_parameter_at(&plan->base, args->gradients, BIAS);
    for (size_t i = 0; i < shape->y.channels; i++) {
        dbias[i] = partials[count + i];
        for (size_t thread = 1; thread < threads; thread++)
            dbias[i] += partials[thread * step + count + i];
    }
}

/* (tap, rows, cols) -> (last tap - tap, cols, rows) */
static void rotate_kernel(const float *kernel, size_t rows, size_t cols, float *rotated)
{
    enum { BLOCK = 16 };
#pragma omp parallel for schedule(static) collapse(2)
    for (size_t tap = 0; tap < WINOGRAD_TAPS; tap++)
        for (size_t first = 0; first < rows; first += BLOCK) {
            const float *from = kernel + tap * rows * cols;
            float *to = rotated + (WINOGRAD_TAPS - 1 - tap) * rows * cols;
            for (size_t col = 0; col < cols; col++)
                for (size_t row = first; row < MIN(first + BLOCK, rows); row++)
                    to[col * rows + row] = from[row * cols + col];
        }
}

static void compute_dx(const winograd_plan *plan, const hpac_exec_args *args)
{
    float *rotated = cpu_workspace_at(args, plan->rotated_offset);
    rotate_kernel(cpu_parameter_at(&plan->base, args->parameters, KERNEL),
                  plan->base.input.shape.channels, plan->base.output.shape.channels, rotated);
    const winograd_convolution job = {
        .shape = &plan->backward,
        .x = first_of(&plan->base.output, args->dy),
        .points = transform_kernel(plan, args, &plan->backward, rotated),
        .adds = plan->adds_dx,
        .y = first_of(&plan->base.input, args->dx),
    };
    convolve(plan, args, &job, plan->tiles[1]);
}

static hpac_status winograd_backward(cpu_plan *base, const hpac_exec_args *args)
{
    const winograd_plan *plan = (const winograd_plan *)base;
    if (plan->partial_nbytes > 0)
        compute_gradients(plan, args);
    if (args->dx)
        compute_dx(plan, args);
    return HPAC_OK;
}

/* ---- the choice ---- */

static size_t count_tiles(size_t pixels)
{
    return (pixels + WINOGRAD_TILE - 1) / WINOGRAD_TILE;
}

/* Whether tiles cover the image with little waste, and are many enough for the kernel's transform.
 * This does not depend on the batch size, nor then do predictions. */
static bool is_worthwhile(hpac_shape shape)
{
    size_t rows = count_tiles(shape.rows), cols = count_tiles(shape.cols);
    size_t products = rows * cols * WINOGRAD_POINTS;
    return rows * cols >= 4 && 2 * products <= shape.rows * shape.cols * WINOGRAD_TAPS;
}

/* Stride 1 with padding. Windows without are those of networks that were made before there was
 * another choice, which keep their bits. */
static bool is_padded_window(const hpac_op *op)
{
    return op->kernel_rows == 3 && op->kernel_cols == 3 &&
           op->stride_rows * op->stride_cols * op->dilation_rows * op->dilation_cols * op->groups ==
               1 &&
           MAX(MAX(op->pad_top, op->pad_bottom), MAX(op->pad_left, op->pad_right)) <= 2 &&
           op->pad_top + op->pad_bottom + op->pad_left + op->pad_right > 0;
}

static hpac_layout blocked_layout(const winograd_kernels *kernels)
{
    return kernels->lanes == 16 ? CPU_LAYOUT_NCHW16C : CPU_LAYOUT_NCHW8C;
}

static hpac_layout output_layout(const hpac_plan_request *request, const winograd_kernels *kernels)
{
    return request->plain_output ? CPU_LAYOUT_NHWC : blocked_layout(kernels);
}

static bool adds_side(const hpac_plan_request *request)
{
    return request->op_count > 1 && request->ops[1].kind == HPAC_OP_ADD;
}

/* A convolution, in predictions with an addition behind it, and a ReLU. */
static bool is_chain(const hpac_plan_request *request, const winograd_kernels *kernels)
{
    static const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU};
    static const hpac_op_kind adding[] = {HPAC_OP_CONV2D, HPAC_OP_ADD, HPAC_OP_RELU};
    if (!adds_side(request))
        return hpac_plan_is_chain(request, 1, kinds) || hpac_plan_is_chain(request, 2, kinds);
    return (hpac_plan_is_chain(request, 2, adding) || hpac_plan_is_chain(request, 3, adding)) &&
           !request->training && request->ops[1].side_count == 1 &&
           request->side_layouts[0] == output_layout(request, kernels);
}

static bool fits(const hpac_plan_request *request, const winograd_kernels *kernels)
{
    const hpac_op *op = &request->ops[0];
    if (!kernels || !is_chain(request, kernels))
        return false;
    hpac_layout blocked = blocked_layout(kernels);
    return is_padded_window(op) && is_worthwhile(op->out) &&
           (request->input_gradient == HPAC_GRADIENT_NONE || is_worthwhile(op->in)) &&
           (request->input_layout == blocked || request->input_layout == HPAC_LAYOUT_PLAIN) &&
           op->in.channels % kernels->lanes == 0 && op->out.channels % kernels->lanes == 0;
}

static winograd_images images_of(const cpu_tensor *tensor, size_t lanes)
{
    bool plain = tensor->layout == CPU_LAYOUT_NHWC;
    return (winograd_images){
        .rows = tensor->shape.rows,
        .cols = tensor->shape.cols,
        .channels = tensor->shape.channels,
        .pixel_step = plain ? tensor->shape.channels : lanes,
        .block_step = plain ? lanes : tensor->shape.rows * tensor->shape.cols * lanes,
        .image_step = hpac_cpu_image_step(tensor),
    };
}

/* Sets a shape and how many tiles the batch has; padding is that before the first row and column.
 */
static void set_shape(const winograd_plan *plan, const cpu_tensor *x, const cpu_tensor *y,
                      size_t pad_top, size_t pad_left, winograd_shape *shape, size_t *tiles)
{
    *shape = (winograd_shape){
        .x = images_of(x, plan->kernels->lanes),
        .y = images_of(y, plan->kernels->lanes),
        .pad_top = pad_top,
        .pad_left = pad_left,
        .tile_rows = count_tiles(y->shape.rows),
        .tile_cols = count_tiles(y->shape.cols),
    };
    *tiles = y->batch * shape->tile_rows * shape->tile_cols;
    size_t of_thread = (*tiles + plan->threads - 1) / plan->threads;
    size_t groups = (of_thread + GROUP - 1) / GROUP;
    shape->group = (of_thread + groups - 1) / groups;
}

static void reserve_memory(winograd_plan *plan, const hpac_plan_request *request)
{
    size_t *workspace = &plan->base.base.workspace_nbytes;
    const winograd_kernels *kernels = plan->kernels;
    size_t points = kernels->points_count(&plan->forward);
    size_t scratch = kernels->scratch_count(&plan->forward);
    plan->points_offset = hpac_plan_reserve(workspace, points * sizeof(float));
    if (request->input_gradient != HPAC_GRADIENT_NONE) {
        size_t kernel = plan->base.base.parameters[KERNEL].count;
        plan->rotated_offset = hpac_plan_reserve(workspace, kernel * sizeof(float));
        scratch = MAX(scratch, kernels->scratch_count(&plan->backward));
    }
    (void)hpac_plan_reserve(&plan->scratch_nbytes, scratch * sizeof(float));
    plan->scratch_offset = hpac_plan_reserve(workspace, plan->threads * plan->scratch_nbytes);
    if (!request->training || request->frozen)
        return;
    (void)hpac_plan_reserve(&plan->partial_nbytes,
                            (points + plan->base.output.shape.channels) * sizeof(float));
    plan->partial_offset =
        hpac_plan_reserve(workspace, plan->gradient_threads * plan->partial_nbytes);
}

hpac_status hpac_cpu_try_winograd(cpu_device *device, const hpac_plan_request *request,
                                  cpu_plan **result)
{
    const winograd_kernels *kernels = device->kernels->winograd;
    const hpac_op *op = &request->ops[0];
    if (!fits(request, kernels))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(winograd_plan), winograd_forward,
                                 winograd_backward, result));
    winograd_plan *plan = (winograd_plan *)*result;
    cpu_tensor *input = &plan->base.input, *output = &plan->base.output;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = !plan->base.relu;
    plan->base.base.rounds_integers = true;
    plan->kernels = kernels;
    plan->threads = (size_t)device->threads;
    plan->adds_side = adds_side(request);
    plan->adds_dx = request->input_gradient == HPAC_GRADIENT_ADDED;
    plan->base.adds = true;
    hpac_cpu_plan_set_output(&plan->base, output_layout(request, kernels));
    hpac_cpu_plan_take_input_view(&plan->base, request);
    if (!plan->adds_side) /* which is where the output is */
        hpac_cpu_plan_take_output_view(&plan->base, request);
    set_shape(plan, input, output, op->pad_top, op->pad_left, &plan->forward, &plan->tiles[0]);
    set_shape(plan, output, input, 2 - op->pad_top, 2 - op->pad_left, &plan->backward,
              &plan->tiles[1]);
    plan->gradient_threads = MIN(plan->threads, MAX(plan->tiles[0] / MIN_GRADIENT_TILES, 1));
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc kernel = NULL;
    size_t count = WINOGRAD_TAPS * op->in.channels * op->out.channels;
    HPAC_TRY(CPU_DESCRIBE(&kernel, dnnl_a, count));
    HPAC_TRY(hpac_cpu_plan_add_parameters(&plan->base, 0, count, kernel, kernel, NULL,
                                          op->no_bias ? 0 : op->out.channels));
    reserve_memory(plan, request);
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm,
             "%s, Winograd F(4x4, 3x3)", kernels->name);
    return HPAC_OK;
}
