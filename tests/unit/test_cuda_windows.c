/*
 * The CUDA device's single operations against the double reference, in every layout and number
 * format: windows of any stride, padding, dilation and groups, gradients that are added, frozen
 * parameters, views of wider images, and memory that a plan says may be used again.
 */
#include "base/random.h"
#include "doctor/reference.h"

#include "tested_device.h"
#include "wide_image.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE(rows_, cols_, channels_)                                                             \
    {                                                                                              \
        .rank = 3, .rows = (rows_), .cols = (cols_), .channels = (channels_)                       \
    }
#define WINDOW(rows, cols) .kernel_rows = (rows), .kernel_cols = (cols)
#define STRIDE(rows, cols) .stride_rows = (rows), .stride_cols = (cols)
#define PAD(top, bottom, left, right)                                                              \
    .pad_top = (top), .pad_bottom = (bottom), .pad_left = (left), .pad_right = (right)
#define DILATION(rows, cols) .dilation_rows = (rows), .dilation_cols = (cols)

static const hpac_op ops[] = {
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(9, 8, 3),
     .out = SHAPE(9, 8, 4),
     WINDOW(3, 3),
     PAD(1, 1, 1, 1)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(9, 7, 3),
     .out = SHAPE(5, 4, 8),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(1, 1, 1, 1)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 10, 3),
     .out = SHAPE(4, 5, 8),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(0, 1, 0, 1),
     .no_bias = true},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 9, 4),
     .out = SHAPE(4, 5, 8),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(0, 1, 1, 1)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(6, 5, 3),
     .out = SHAPE(6, 5, 2),
     WINDOW(4, 2),
     PAD(1, 2, 0, 1)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(6, 5, 3),
     .out = SHAPE(7, 5, 2),
     WINDOW(3, 3),
     PAD(3, 0, 2, 0)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(9, 9, 2),
     .out = SHAPE(3, 3, 5),
     WINDOW(1, 1),
     STRIDE(4, 3),
     .no_bias = true},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(11, 12, 2),
     .out = SHAPE(11, 12, 3),
     WINDOW(3, 3),
     PAD(2, 2, 3, 3),
     DILATION(2, 3)},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(11, 12, 4),
     .out = SHAPE(5, 5, 4),
     WINDOW(3, 2),
     STRIDE(2, 2),
     PAD(1, 1, 0, 0),
     DILATION(2, 3),
     .groups = 2},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 7, 6),
     .out = SHAPE(8, 7, 9),
     WINDOW(3, 3),
     PAD(1, 1, 1, 1),
     .groups = 3},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 8, 5),
     .out = SHAPE(4, 4, 10),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(0, 1, 0, 1),
     .groups = 5,
     .no_bias = true},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 6, 8),
     .out = SHAPE(8, 6, 4),
     WINDOW(3, 3),
     PAD(1, 1, 1, 1),
     .no_bias = true},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(7, 7, 6),
     .out = SHAPE(7, 7, 9),
     WINDOW(3, 3),
     PAD(1, 1, 1, 1),
     .groups = 3,
     .no_bias = true},
    {.kind = HPAC_OP_CONV2D,
     .in = SHAPE(8, 8, 16),
     .out = SHAPE(8, 8, 16),
     WINDOW(3, 3),
     PAD(1, 1, 1, 1),
     .groups = 16},
    {.kind = HPAC_OP_DENSE, .in = VECTOR(10), .out = VECTOR(3)},
    {.kind = HPAC_OP_DENSE, .in = VECTOR(10), .out = VECTOR(3), .no_bias = true},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(9, 8, 5),
     .out = SHAPE(4, 2, 5),
     WINDOW(2, 3),
     STRIDE(2, 3)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(9, 8, 8),
     .out = SHAPE(5, 4, 8),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(1, 1, 0, 1)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(9, 8, 3),
     .out = SHAPE(9, 8, 3),
     WINDOW(3, 2),
     STRIDE(1, 1),
     PAD(1, 1, 0, 1)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(9, 8, 4),
     .out = SHAPE(3, 2, 4),
     WINDOW(2, 2),
     STRIDE(3, 4)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(7, 7, 4),
     .out = SHAPE(4, 4, 4),
     WINDOW(2, 2),
     STRIDE(2, 2),
     PAD(0, 1, 0, 1)},
    {.kind = HPAC_OP_MAXPOOL,
     .in = SHAPE(20, 18, 4),
     .out = SHAPE(3, 2, 4),
     WINDOW(16, 16),
     STRIDE(2, 2)},
    {.kind = HPAC_OP_AVGPOOL,
     .in = SHAPE(9, 8, 5),
     .out = SHAPE(4, 2, 5),
     WINDOW(2, 3),
     STRIDE(2, 3)},
    {.kind = HPAC_OP_AVGPOOL,
     .in = SHAPE(9, 8, 8),
     .out = SHAPE(5, 4, 8),
     WINDOW(3, 3),
     STRIDE(2, 2),
     PAD(1, 1, 0, 1)},
    {.kind = HPAC_OP_AVGPOOL,
     .in = SHAPE(9, 8, 3),
     .out = SHAPE(9, 8, 3),
     WINDOW(3, 2),
     STRIDE(1, 1),
     PAD(1, 1, 0, 1)},
    {.kind = HPAC_OP_AVGPOOL,
     .in = SHAPE(9, 8, 4),
     .out = SHAPE(3, 2, 4),
     WINDOW(2, 2),
     STRIDE(3, 4)},
    {.kind = HPAC_OP_GLOBAL_AVGPOOL, .in = SHAPE(9, 8, 5), .out = VECTOR(5)},
    {.kind = HPAC_OP_GLOBAL_AVGPOOL, .in = SHAPE(7, 7, 48), .out = SHAPE(1, 1, 48)},
    {.kind = HPAC_OP_GLOBAL_AVGPOOL, .in = SHAPE(40, 30, 4), .out = VECTOR(4)},
    {.kind = HPAC_OP_GLOBAL_AVGPOOL, .in = SHAPE(1, 1, 4), .out = VECTOR(4)},
    {.kind = HPAC_OP_GLOBAL_MAXPOOL, .in = SHAPE(9, 8, 5), .out = VECTOR(5)},
    {.kind = HPAC_OP_GLOBAL_MAXPOOL, .in = SHAPE(7, 7, 48), .out = SHAPE(1, 1, 48)},
    {.kind = HPAC_OP_GLOBAL_MAXPOOL, .in = SHAPE(40, 30, 4), .out = VECTOR(4)},
    {.kind = HPAC_OP_ZERO_PAD, .in = SHAPE(5, 6, 3), .out = SHAPE(8, 7, 3), PAD(1, 2, 0, 1)},
    {.kind = HPAC_OP_ZERO_PAD, .in = SHAPE(5, 6, 8), .out = SHAPE(8, 11, 8), PAD(0, 3, 5, 0)},
    {.kind = HPAC_OP_FLATTEN, .in = SHAPE(5, 6, 3), .out = VECTOR(90)},
    {.kind = HPAC_OP_RESHAPE, .in = SHAPE(5, 6, 3), .out = SHAPE(3, 5, 6)},
    {.kind = HPAC_OP_RESHAPE, .in = VECTOR(60), .out = SHAPE(5, 4, 3)},
    {.kind = HPAC_OP_RESHAPE, .in = VECTOR(7), .out = SHAPE(1, 1, 7)},
    {.kind = HPAC_OP_RESHAPE, .in = SHAPE(4, 3, 4), .out = VECTOR(48)},
    {.kind = HPAC_OP_RELU, .in = SHAPE(5, 6, 3), .out = SHAPE(5, 6, 3)},
    {.kind = HPAC_OP_SIGMOID, .in = VECTOR(33), .out = VECTOR(33)},
    {.kind = HPAC_OP_DROPOUT, .in = SHAPE(5, 6, 3), .out = SHAPE(5, 6, 3), .rate = 0.5F},
    {.kind = HPAC_OP_DROPOUT, .in = SHAPE(4, 6, 8), .out = SHAPE(4, 6, 8), .rate = 0.25F},
};
#define OP_COUNT (sizeof ops / sizeof *ops)

enum { BATCH = 3 };

/* One plan with its memory, and the reference's. With `relu`, of the operation and a ReLU, between
 * which `inner` is. */
typedef struct trial {
    hpac_device *device;
    const hpac_device_ops *call;
    hpac_op op, chain[2];
    bool relu, adds, frozen, in_place;
    bool lowest; /* all of x is -infinity */
    bool view_x, view_y, odd;
    wide_image input, output;
    double tolerance;
    hpac_plan *plan;
    hpac_random random;
    size_t x_count, y_count;
    hpac_exec_args args;
    float *x, *y, *dy, *dx, *initial_dx;
    double *expected_y, *expected_dx, *inner, *inner_gradient, *values[2], *gradients[2];
} trial;

static void *allocate(const trial *t, size_t nbytes)
{
    void *address = NULL;
    assert_ok(t->call->alloc(t->device, HPAC_MEMORY_DEVICE, nbytes ? nbytes : 1, &address));
    return address;
}

static void poison(const trial *t, void *address, size_t nbytes)
{
    void *nan = NULL;
    assert_ok(t->call->alloc(t->device, HPAC_MEMORY_PINNED, nbytes ? nbytes : 1, &nan));
    memset(nan, 0xff, nbytes);
    if (nbytes)
        assert_ok(t->call->upload(t->device, HPAC_QUEUE_COMPUTE, address, nan, nbytes));
    assert_ok(t->call->synchronize(t->device));
    t->call->free(t->device, HPAC_MEMORY_PINNED, nan);
}

/* Small integers: exact in all number formats. */
static float *draw(trial *t, size_t count, double **wide)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)hpac_random_below(&t->random, 7) - 3;
    if (wide)
        *wide = calloc(count, sizeof **wide);
    for (size_t i = 0; wide && i < count; i++)
        (*wide)[i] = (double)values[i];
    return values;
}

static void set_defaults(hpac_op *op)
{
    op->stride_rows = op->stride_rows ? op->stride_rows : 1;
    op->stride_cols = op->stride_cols ? op->stride_cols : 1;
    op->dilation_rows = op->dilation_rows ? op->dilation_rows : 1;
    op->dilation_cols = op->dilation_cols ? op->dilation_cols : 1;
    op->groups = op->groups ? op->groups : 1;
}

static void make_images(trial *t, const hpac_device_info *info, bool nchw)
{
    const wide_image image = {.batch = BATCH, .bf16 = info->precision == HPAC_PRECISION_BF16};
    t->input = t->output = image;
    t->input.shape = t->op.in;
    t->output.shape = t->op.out;
    t->input.nchw = nchw && t->op.in.rank == 3;
    t->output.nchw = nchw && t->op.out.rank == 3;
    if (t->view_x)
        t->input.view = choose_view(t->op.in.channels, t->odd);
    if (t->view_y)
        t->output.view = choose_view(t->op.out.channels, t->odd);
}

/* Whether a view begins at a multiple of 16 bytes. */
static bool is_aligned(const wide_image *image)
{
    size_t plane = image->shape.rows * image->shape.cols * (image->bf16 ? 2 : 4);
    return image->view.first * plane % 16 == 0;
}

/* Pools read all views, convolutions those in planes that cuDNN reads by itself. */
static bool reads_view(const trial *t)
{
    const hpac_op *op = &t->op;
    bool copies = op->pad_top != op->pad_bottom || op->pad_left != op->pad_right;
    return op->kind == HPAC_OP_CONV2D ? t->input.nchw && is_aligned(&t->input) && !copies
                                      : op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL;
}

/* Likewise; what others write is copied. */
static bool writes_view(const trial *t)
{
    const hpac_op *op = &t->op;
    return op->kind == HPAC_OP_CONV2D ? t->output.nchw && is_aligned(&t->output) &&
                                            !(t->output.bf16 && (!op->no_bias || t->relu))
                                      : op->kind == HPAC_OP_MAXPOOL || op->kind == HPAC_OP_AVGPOOL;
}

static void make_memory(trial *t)
{
    t->args = (hpac_exec_args){
        .parameters = allocate(t, t->plan->parameters_nbytes),
        .gradients = allocate(t, t->plan->parameters_nbytes),
        .state = allocate(t, t->plan->state_nbytes),
        .workspace = allocate(t, t->plan->workspace_nbytes),
        .training = true,
    };
    void *x = wide_image_create(t->device, &t->input);
    void *dy = wide_image_create(t->device, &t->output);
    t->args.x = x;
    t->args.dy = dy;
    t->args.y = t->in_place ? x : wide_image_create(t->device, &t->output);
    t->args.dx = t->in_place && !t->adds ? dy : wide_image_create(t->device, &t->input);
}

static void make_plan(trial *t, hpac_layout layout)
{
    const hpac_plan_request request = {
        .ops = t->chain,
        .op_count = t->relu ? 2 : 1,
        .batch = BATCH,
        .input_layout = layout,
        .training = true,
        .frozen = t->frozen,
        .input_gradient = t->adds ? HPAC_GRADIENT_ADDED : HPAC_GRADIENT_WRITTEN,
        .input_view = t->input.view,
        .output_view = t->output.view,
    };
    assert_ok(t->call->plan_create(t->device, &request, &t->plan));
    cr_assert_eq(t->plan != NULL, !t->view_x || reads_view(t), "%s (%zu, %zu, %zu): %s",
                 hpac_op_name(t->op.kind), t->op.in.rows, t->op.in.cols, t->op.in.channels,
                 t->plan ? "not declined" : "declined");
    if (!t->plan)
        return;
    cr_assert_eq(strstr(t->plan->algorithm, "copied to its place") != NULL,
                 t->view_y && !writes_view(t), "%s (%zu, %zu, %zu): %s", hpac_op_name(t->op.kind),
                 t->op.in.rows, t->op.in.cols, t->op.in.channels, t->plan->algorithm);
    make_memory(t);
}

/* The other channels of what lies in wider images. */
static void expect_untouched(const trial *t)
{
    wide_image_expect_untouched(t->device, &t->input, t->args.x, "x");
    wide_image_expect_untouched(t->device, &t->output, t->args.y, "y");
    wide_image_expect_untouched(t->device, &t->output, t->args.dy, "dy");
    wide_image_expect_untouched(t->device, &t->input, t->args.dx, "dx");
}

static void compare(const trial *t, const char *what, const float *got, const double *expected,
                    const float *initial, size_t count)
{
    double largest = 1;
    for (size_t i = 0; i < count; i++)
        largest = isfinite(expected[i]) ? fmax(largest, fabs(expected[i])) : largest;
    for (size_t i = 0; i < count; i++) {
        double wanted = expected[i] + (initial ? (double)initial[i] : 0);
        if ((double)got[i] != wanted && !(fabs((double)got[i] - wanted) <= t->tolerance * largest))
            cr_assert(false, "%s (%zu, %zu, %zu), %s%s%s%s%s: %s[%zu] is %g, expected %g",
                      hpac_op_name(t->op.kind), t->op.in.rows, t->op.in.cols, t->op.in.channels,
                      t->plan->algorithm, t->relu ? ", relu" : "", t->adds ? ", added" : "",
                      t->frozen ? ", frozen" : "", t->in_place ? ", in place" : "", what, i,
                      (double)got[i], wanted);
    }
}

static reference_call reference_of(const trial *t, const double *x, const double *dy)
{
    reference_call call = {.op = &t->op,
                           .batch = BATCH,
                           .draw = {.seed = 5, .step = 2, .training = true},
                           .x = x,
                           .y = t->expected_y,
                           .dy = dy,
                           .dx = t->expected_dx};
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        call.values[t->plan->parameters[i].role] = t->values[i];
        call.gradients[t->plan->parameters[i].role] = t->gradients[i];
    }
    return call;
}

static reference_call relu_of(const trial *t, const double *dy)
{
    return (reference_call){.op = &t->chain[1],
                            .batch = BATCH,
                            .x = t->inner,
                            .y = t->expected_y,
                            .dy = dy,
                            .dx = t->inner_gradient};
}

static void reference_forward(const trial *t, const double *x)
{
    reference_call call = reference_of(t, x, NULL), relu = relu_of(t, NULL);
    if (t->relu)
        call.y = t->inner;
    hpac_reference_forward(&call);
    if (t->relu)
        hpac_reference_forward(&relu);
}

static void reference_backward(const trial *t, const double *x, const double *dy)
{
    reference_call call = reference_of(t, x, t->relu ? t->inner_gradient : dy);
    reference_call relu = relu_of(t, dy);
    if (t->relu)
        hpac_reference_backward(&relu);
    hpac_reference_backward(&call);
}

static void write_parameters(trial *t)
{
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &t->plan->parameters[i];
        cr_assert_eq(parameter->count, hpac_reference_count(&t->op, parameter->role));
        float *values = draw(t, parameter->count, &t->values[i]);
        t->gradients[i] = calloc(parameter->count, sizeof(double));
        assert_ok(t->call->parameter_write(t->plan, i, t->args.parameters, values));
        free(values);
    }
}

static void check_gradients(trial *t)
{
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        size_t count = t->plan->parameters[i].count;
        float *got = calloc(count, sizeof *got);
        assert_ok(t->call->parameter_read(t->plan, i, t->args.gradients, got));
        for (size_t e = 0; t->frozen && e < count; e++)
            cr_assert(isnan(got[e]), "a frozen parameter has a gradient");
        if (!t->frozen)
            compare(t, i ? "dbias" : "dkernel", got, t->gradients[i], NULL, count);
        free(got);
    }
}

static void run_forward(trial *t, double **wide_x)
{
    t->x = draw(t, t->x_count, wide_x);
    for (size_t i = 0; t->lowest && i < t->x_count; i++)
        (*wide_x)[i] = (double)(t->x[i] = -INFINITY);
    t->y = calloc(t->y_count, sizeof *t->y);
    t->expected_y = calloc(t->y_count, sizeof(double));
    t->expected_dx = calloc(t->x_count, sizeof(double));
    t->inner = calloc(t->y_count, sizeof(double));
    t->inner_gradient = calloc(t->y_count, sizeof(double));
    poison(t, t->args.workspace, t->plan->workspace_nbytes);
    poison(t, t->args.state, t->plan->state_nbytes);
    assert_ok(t->call->activation_write(t->plan, true, (void *)t->args.x, t->x));
    assert_ok(t->call->set_step(t->device, &(hpac_step){.seed = 5, .step = 2}));
    assert_ok(t->call->forward(t->plan, &t->args));
    assert_ok(t->call->activation_read(t->plan, false, t->args.y, t->y));
    reference_forward(t, *wide_x);
    compare(t, "y", t->y, t->expected_y, NULL, t->y_count);
    expect_untouched(t);
}

static void run_backward(trial *t, const double *wide_x)
{
    double *wide_dy = NULL;
    t->dy = draw(t, t->y_count, &wide_dy);
    t->initial_dx = draw(t, t->x_count, NULL);
    t->dx = calloc(t->x_count, sizeof *t->dx);
    if (t->plan->ignores_x && !t->in_place)
        poison(t, (void *)t->args.x, wide_image_nbytes(&t->input));
    if (t->plan->ignores_y)
        poison(t, t->args.y, wide_image_nbytes(&t->output));
    poison(t, t->args.dx, wide_image_nbytes(&t->input));
    poison(t, t->args.gradients, t->plan->parameters_nbytes);
    poison(t, t->args.workspace, t->plan->workspace_nbytes);
    if (t->adds)
        assert_ok(t->call->activation_write(t->plan, true, t->args.dx, t->initial_dx));
    assert_ok(t->call->activation_write(t->plan, false, t->args.dy, t->dy));
    assert_ok(t->call->backward(t->plan, &t->args));
    assert_ok(t->call->activation_read(t->plan, true, t->args.dx, t->dx));
    reference_backward(t, wide_x, wide_dy);
    compare(t, "dx", t->dx, t->expected_dx, t->adds ? t->initial_dx : NULL, t->x_count);
    expect_untouched(t);
    check_gradients(t);
    free(wide_dy);
}

/* Both passes once more, captured as a graph. */
static void replay(trial *t)
{
    hpac_graph *graph = NULL;
    poison(t, t->args.y, wide_image_nbytes(&t->output));
    poison(t, t->args.dx, wide_image_nbytes(&t->input));
    assert_ok(t->call->activation_write(t->plan, true, (void *)t->args.x, t->x));
    assert_ok(t->call->activation_write(t->plan, false, t->args.dy, t->dy));
    if (t->adds)
        assert_ok(t->call->activation_write(t->plan, true, t->args.dx, t->initial_dx));
    assert_ok(t->call->graph_begin(t->device));
    assert_ok(t->call->forward(t->plan, &t->args));
    assert_ok(t->call->backward(t->plan, &t->args));
    assert_ok(t->call->graph_end(t->device, &graph));
    assert_ok(t->call->graph_launch(t->device, graph));
    assert_ok(t->call->activation_read(t->plan, false, t->args.y, t->y));
    assert_ok(t->call->activation_read(t->plan, true, t->args.dx, t->dx));
    compare(t, "y, replayed", t->y, t->expected_y, NULL, t->y_count);
    compare(t, "dx, replayed", t->dx, t->expected_dx, t->adds ? t->initial_dx : NULL, t->x_count);
    check_gradients(t);
    t->call->graph_destroy(t->device, graph);
}

static void release(trial *t)
{
    void *const device[] = {(void *)t->args.x, t->args.y,          t->args.dy,
                            t->args.dx,        t->args.parameters, t->args.gradients,
                            t->args.state,     t->args.workspace};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        if ((i != 1 || device[1] != device[0]) && (i != 3 || device[3] != device[2]))
            t->call->free(t->device, HPAC_MEMORY_DEVICE, device[i]);
    void *const host[] = {t->x,
                          t->y,
                          t->dy,
                          t->dx,
                          t->initial_dx,
                          t->expected_y,
                          t->expected_dx,
                          t->values[0],
                          t->values[1],
                          t->gradients[0],
                          t->gradients[1],
                          t->inner,
                          t->inner_gradient};
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        free(host[i]);
    t->call->plan_destroy(t->plan);
}

/* Returns whether the plan allows it to be computed in place. */
static bool try_op(hpac_device *device, const hpac_op *op, const hpac_device_info *info, bool nchw,
                   trial how)
{
    trial t = how;
    double *wide_x = NULL;
    t.device = device;
    t.call = device->ops;
    t.op = *op;
    t.tolerance = info->precision == HPAC_PRECISION_FP32 ? 2e-6 : 1.0 / 64;
    set_defaults(&t.op);
    hpac_random_init(&t.random, 7, HPAC_PURPOSE_SYNTH, (uint32_t)op->kind, 0);
    t.x_count = BATCH * hpac_shape_count(op->in);
    t.y_count = BATCH * hpac_shape_count(op->out);
    t.chain[0] = t.op;
    t.chain[1] = (hpac_op){.kind = HPAC_OP_RELU, .in = op->out, .out = op->out};
    make_images(&t, info, nchw);
    make_plan(&t, op->in.rank == 3 ? info->image_layout : info->vector_layout);
    if (!t.plan)
        return false;
    write_parameters(&t);
    run_forward(&t, &wide_x);
    run_backward(&t, wide_x);
    if (!t.in_place)
        replay(&t);
    bool may = t.plan->y_over_x && t.plan->dx_over_dy;
    free(wide_x);
    release(&t);
    return may;
}

static bool is_affine(const hpac_op *op)
{
    return op->kind == HPAC_OP_CONV2D || op->kind == HPAC_OP_DENSE;
}

static void try_views(hpac_device *device, const hpac_op *op, const hpac_device_info *info,
                      bool nchw)
{
    static const trial hows[] = {{.view_x = true},
                                 {.view_y = true, .adds = true},
                                 {.view_y = true, .odd = true, .frozen = true},
                                 {.view_x = true, .view_y = true, .odd = true, .adds = true}};
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        trial with_relu = hows[i];
        with_relu.relu = true;
        (void)try_op(device, op, info, nchw, hows[i]);
        if (op->kind == HPAC_OP_CONV2D && hows[i].view_y)
            (void)try_op(device, op, info, nchw, with_relu);
    }
}

/* A convolution whose view cuDNN refuses: what it writes is copied, what it reads is declined. */
Test(cuda_windows, views_that_cudnn_refuses)
{
    const hpac_op *op = &ops[0];
    hpac_device_info info;
    need_cuda();
    set_for_simulator("CUDASIM_CUDNN_REFUSE", "strided");
    hpac_device *device = open_tested_device(
        (hpac_device_options){.deterministic = true, .image_layout = HPAC_IMAGE_LAYOUT_NCHW});
    need_simulator(device);
    assert_ok(device->ops->describe(device, &info));
    for (int reads = 0; reads < 2; reads++) {
        hpac_op conv = *op;
        set_defaults(&conv);
        hpac_plan_request request = {
            .ops = &conv, .op_count = 1, .batch = BATCH, .input_layout = info.image_layout};
        hpac_plan *plan = NULL;
        *(reads ? &request.input_view : &request.output_view) = choose_view(4, false);
        assert_ok(device->ops->plan_create(device, &request, &plan));
        if (reads)
            cr_expect_null(plan);
        else
            cr_expect(strstr(plan->algorithm, "copied to its place"), "%s", plan->algorithm);
        device->ops->plan_destroy(plan);
    }
    device->ops->close(device);
}

static void try_all(hpac_precision precision, hpac_image_layout layout)
{
    hpac_device_info info;
    const bool nchw = layout == HPAC_IMAGE_LAYOUT_NCHW;
    need_cuda();
    hpac_device *device = open_tested_device((hpac_device_options){
        .precision = precision, .deterministic = true, .image_layout = layout});
    assert_ok(device->ops->describe(device, &info));
    for (size_t i = 0; i < OP_COUNT; i++)
        for (int adds = 0; adds < 2; adds++) {
            if (try_op(device, &ops[i], &info, nchw, (trial){.adds = adds}))
                (void)try_op(device, &ops[i], &info, nchw, (trial){.adds = adds, .in_place = true});
            for (int relu = 0; is_affine(&ops[i]) && relu < 2; relu++)
                for (int frozen = 0; frozen < 2; frozen++)
                    (void)try_op(device, &ops[i], &info, nchw,
                                 (trial){.adds = adds, .relu = relu, .frozen = frozen});
            if (ops[i].kind == HPAC_OP_MAXPOOL || ops[i].kind == HPAC_OP_GLOBAL_MAXPOOL)
                (void)try_op(device, &ops[i], &info, nchw, (trial){.adds = adds, .lowest = true});
        }
    for (size_t i = 0; i < OP_COUNT && precision != HPAC_PRECISION_TF32; i++)
        try_views(device, &ops[i], &info, nchw);
    device->ops->close(device);
}

/* cuDNN pads where it pads the same pixels at the top and on the left. */
Test(cuda_windows, padding_is_copied_only_where_cudnn_has_other_windows)
{
    static const struct {
        const char *what;
        size_t rows, out_rows, kernel, stride, top, bottom;
        bool copies;
    } cases[] = {
        {"same", 8, 8, 3, 1, 1, 1, false},
        {"same, stride 2, odd", 9, 5, 3, 2, 1, 1, false},
        {"same, stride 2, even", 8, 4, 3, 2, 0, 1, true},
        {"same, stride 2, even, 7 x 7", 8, 4, 7, 2, 2, 3, true},
        {"one end, the other end is not read", 8, 4, 3, 2, 1, 0, false},
        {"same, even kernel", 8, 8, 4, 1, 1, 2, true},
    };
    hpac_device_info info;
    need_cuda();
    hpac_device *device = open_tested_device((hpac_device_options){.deterministic = true});
    assert_ok(device->ops->describe(device, &info));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hpac_op op = {.kind = HPAC_OP_CONV2D,
                      .in = SHAPE(cases[i].rows, cases[i].rows, 4),
                      .out = SHAPE(cases[i].out_rows, cases[i].out_rows, 8),
                      WINDOW(cases[i].kernel, cases[i].kernel),
                      STRIDE(cases[i].stride, cases[i].stride),
                      PAD(cases[i].top, cases[i].bottom, cases[i].top, cases[i].bottom)};
        set_defaults(&op);
        const hpac_plan_request request = {
            .ops = &op, .op_count = 1, .batch = BATCH, .input_layout = info.image_layout};
        hpac_plan *plan = NULL;
        assert_ok(device->ops->plan_create(device, &request, &plan));
        cr_expect_eq(strstr(plan->algorithm, "padded copy") != NULL, cases[i].copies, "%s: %s",
                     cases[i].what, plan->algorithm);
        device->ops->plan_destroy(plan);
    }
    device->ops->close(device);
}

Test(cuda_windows, fp32_nchw)
{
    try_all(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_windows, fp32_nhwc)
{
    try_all(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_windows, tf32_nhwc)
{
    try_all(HPAC_PRECISION_TF32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_windows, bf16_nhwc)
{
    try_all(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_windows, bf16_nchw)
{
    try_all(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NCHW);
}
