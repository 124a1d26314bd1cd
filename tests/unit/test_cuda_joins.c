/*
 * The CUDA device's op chains with batch normalization, several inputs or activations, against the
 * double reference: in every layout and number format, with gradients that are added, frozen
 * parameters and statistics, inputs in another layout or given twice, views of wider images, and
 * memory that a plan says may be used again.
 */
#include "../cudasim/counts.h"
#include "base/random.h"
#include "doctor/reference.h"

#include "tested_device.h"
#include "wide_image.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHAPE(rows_, cols_, channels_)                                                             \
    {                                                                                              \
        .rank = 3, .rows = (rows_), .cols = (cols_), .channels = (channels_)                       \
    }

enum { BATCH = 3, MAX_OPS = 3, MAX_SIDES = 5 };

/* A chain of operations on images or vectors. */
typedef struct chain {
    hpac_shape in;
    hpac_op ops[MAX_OPS]; /* kind, options, sides; the first PIXELS is none */
} chain;

#define NORM(...)                                                                                  \
    {                                                                                              \
        .kind = HPAC_OP_BATCH_NORM, .momentum = 0.75F, .epsilon = 1e-3F, __VA_ARGS__               \
    }
#define ADD(count_, ...)                                                                           \
    {                                                                                              \
        .kind = HPAC_OP_ADD, .side_count = (count_), .sides = { __VA_ARGS__ }                      \
    }
#define RELU                                                                                       \
    {                                                                                              \
        .kind = HPAC_OP_RELU                                                                       \
    }
#define ONE(kind_, ...)                                                                            \
    {                                                                                              \
        {                                                                                          \
            .kind = HPAC_OP_##kind_, __VA_ARGS__                                                   \
        }                                                                                          \
    }

static const chain chains[] = {
    {SHAPE(5, 7, 3), {NORM()}},
    {SHAPE(6, 6, 8), {NORM()}},
    {SHAPE(40, 41, 12), {NORM()}},
    {{1, 1, 1, 10}, {NORM()}},
    {SHAPE(5, 7, 3), {NORM(.no_gamma = true)}},
    {SHAPE(6, 6, 8), {NORM(.no_beta = true)}},
    {SHAPE(6, 6, 8), {NORM(.no_beta = true, .no_gamma = true)}},
    {SHAPE(5, 7, 3), {NORM(), RELU}},
    {SHAPE(6, 6, 8), {NORM(), RELU}},
    {{1, 1, 1, 12}, {NORM(.no_gamma = true), RELU}},
    {SHAPE(5, 7, 3), {NORM(), ADD(1, SHAPE(5, 7, 3))}},
    {SHAPE(6, 6, 8), {NORM(), ADD(1, SHAPE(6, 6, 8))}},
    {SHAPE(5, 7, 3), {NORM(), ADD(1, SHAPE(5, 7, 3)), RELU}},
    {SHAPE(6, 6, 8), {NORM(), ADD(1, SHAPE(6, 6, 8)), RELU}},
    {SHAPE(5, 7, 3), {ADD(1, SHAPE(5, 7, 3))}},
    {SHAPE(6, 6, 8), {ADD(1, SHAPE(6, 6, 8)), RELU}},
    {{1, 1, 1, 10}, {ADD(1, {1, 1, 1, 10}), RELU}},
    {SHAPE(4, 3, 6), {ADD(3, SHAPE(4, 3, 6), SHAPE(4, 3, 6), SHAPE(4, 3, 6))}},
    {SHAPE(4, 3, 6),
     {ADD(5, SHAPE(4, 3, 6), SHAPE(4, 3, 6), SHAPE(4, 3, 6), SHAPE(4, 3, 6), SHAPE(4, 3, 6)),
      RELU}},
    {SHAPE(5, 7, 3), ONE(MULTIPLY, .side_count = 1, .sides = {SHAPE(5, 7, 3)})},
    {SHAPE(6, 6, 8), ONE(MULTIPLY, .side_count = 1, .sides = {SHAPE(6, 6, 8)})},
    {SHAPE(5, 7, 3), ONE(MULTIPLY, .side_count = 1, .sides = {SHAPE(1, 1, 3)})},
    {SHAPE(6, 6, 8), ONE(MULTIPLY, .side_count = 1, .sides = {SHAPE(1, 1, 8)})},
    {SHAPE(41, 40, 132), ONE(MULTIPLY, .side_count = 1, .sides = {SHAPE(1, 1, 132)})},
    {SHAPE(5, 7, 3), ONE(CONCAT, .side_count = 1, .sides = {SHAPE(5, 7, 4)})},
    {SHAPE(6, 6, 8),
     ONE(CONCAT, .side_count = 3, .sides = {SHAPE(6, 6, 4), SHAPE(6, 6, 1), SHAPE(6, 6, 12)})},
    {SHAPE(6, 6, 8), ONE(CONCAT, .side_count = 2, .sides = {SHAPE(6, 6, 4), SHAPE(6, 6, 8)})},
    {{1, 1, 1, 10}, ONE(CONCAT, .side_count = 2, .sides = {{1, 1, 1, 3}, {1, 1, 1, 16}})},
    {SHAPE(5, 7, 3), ONE(RESCALE, .factor = {2, 0.5F, -1}, .offset = {1, 0, 3})},
    {SHAPE(6, 6, 4), ONE(RESCALE, .factor = {2, 0.5F, -1, 3}, .offset = {1, 0, 3, -0.5F})},
    {SHAPE(5, 7, 3), ONE(DROPOUT, .rate = 0.5F, .whole_channels = true, .stream = 3)},
    {SHAPE(6, 6, 32), ONE(DROPOUT, .rate = 0.25F, .whole_channels = true, .stream = 4)},
    {SHAPE(6, 6, 32),
     ONE(DROPOUT, .rate = 0.25F, .whole_channels = true, .whole_images = true, .stream = 5)},
    {SHAPE(5, 7, 3), {{.kind = HPAC_OP_RELU6}}},
    {SHAPE(5, 7, 3), {{.kind = HPAC_OP_SILU}}},
    {SHAPE(5, 7, 3), {{.kind = HPAC_OP_GELU}}},
    {SHAPE(5, 7, 3), {{.kind = HPAC_OP_SOFTPLUS}}},
    {{1, 1, 1, 33}, {{.kind = HPAC_OP_TANH}}},
};
#define CHAIN_COUNT (sizeof chains / sizeof *chains)

/* What a trial does otherwise than training with all gradients written. */
enum {
    ADDS = 1,
    FROZEN = 2,
    FROZEN_STATISTICS = 4,
    IN_PLACE = 8,
    PLAIN_SIDES = 16, /* sides in plain layout, whatever the device's is */
    TWICE = 32,       /* the first side is x */
    INFERENCE = 64,
    PLAIN_OUTPUT = 128,
    VIEW_X = 256,
    VIEW_Y = 512,
    VIEW_SIDES = 1024,
    ODD = 2048, /* offsets and widths of views are no multiples of four */
    VIEWS = VIEW_X | VIEW_Y | VIEW_SIDES,
};

static const int variations[] = {0,
                                 ADDS,
                                 FROZEN,
                                 FROZEN_STATISTICS,
                                 FROZEN | FROZEN_STATISTICS | ADDS,
                                 IN_PLACE,
                                 IN_PLACE | FROZEN | FROZEN_STATISTICS,
                                 PLAIN_SIDES | ADDS,
                                 PLAIN_SIDES,
                                 TWICE,
                                 INFERENCE,
                                 INFERENCE | IN_PLACE,
                                 PLAIN_OUTPUT,
                                 VIEW_X,
                                 VIEW_X | ODD | ADDS,
                                 VIEW_Y,
                                 VIEW_Y | ODD,
                                 VIEW_SIDES | ADDS,
                                 VIEWS,
                                 VIEWS | ODD | ADDS,
                                 VIEWS | FROZEN | FROZEN_STATISTICS,
                                 VIEW_X | VIEW_Y | INFERENCE,
                                 VIEW_X | PLAIN_OUTPUT,
                                 VIEW_SIDES | PLAIN_SIDES};

/* An activation or its gradient: of a side, or of x (plan NULL, the trial's is used). */
typedef struct tensor {
    hpac_shape shape;
    wide_image image;
    hpac_plan *plan; /* one that reads it: for activation_write */
    size_t count;
    void *value, *gradient;
    float *host, *initial, *got;
    double *wide, *expected;
} tensor;

typedef struct trial {
    hpac_device *device;
    const hpac_device_ops *call;
    const hpac_device_info *info;
    hpac_op ops[MAX_OPS];
    size_t op_count, side_count;
    int how;
    bool nchw;
    double tolerance;
    hpac_plan *plan;
    hpac_random random;
    hpac_exec_args args;
    tensor inputs[1 + MAX_SIDES]; /* x, sides */
    wide_image output;
    size_t y_count;
    float *y, *dy;
    double *values[HPAC_PLAN_MAX_PARAMETERS], *gradients[HPAC_PLAN_MAX_PARAMETERS];
    double *forward[MAX_OPS + 1], *backward[MAX_OPS + 1]; /* behind each op */
} trial;

static void *allocate(const trial *t, size_t nbytes)
{
    void *address = NULL;
    assert_ok(t->call->alloc(t->device, HPAC_MEMORY_DEVICE, nbytes, &address));
    return address;
}

static void poison(const trial *t, void *address, size_t nbytes)
{
    void *nan = NULL;
    if (nbytes == 0)
        return;
    assert_ok(t->call->alloc(t->device, HPAC_MEMORY_PINNED, nbytes, &nan));
    memset(nan, 0xff, nbytes);
    assert_ok(t->call->upload(t->device, HPAC_QUEUE_COMPUTE, address, nan, nbytes));
    assert_ok(t->call->synchronize(t->device));
    t->call->free(t->device, HPAC_MEMORY_PINNED, nan);
}

/* Small integers, and halves: exact in all number formats. */
static float *draw(trial *t, size_t count, double **wide)
{
    float *values = malloc(count * sizeof *values);
    if (wide)
        *wide = calloc(count, sizeof **wide);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)hpac_random_below(&t->random, 15) / 2 - 3.5F;
        if (wide)
            (*wide)[i] = (double)values[i];
    }
    return values;
}

static hpac_layout layout_of(const trial *t, hpac_shape shape, bool side)
{
    if (side && t->how & PLAIN_SIDES)
        return HPAC_LAYOUT_PLAIN;
    return shape.rank == 3 ? t->info->image_layout : t->info->vector_layout;
}

/* Vectors are never planes. */
static wide_image image_of(const trial *t, hpac_shape shape, bool side, int view)
{
    bool plain = side && t->how & PLAIN_SIDES;
    return (wide_image){
        .batch = BATCH,
        .shape = shape,
        .view = t->how & view ? choose_view(shape.channels, t->how & ODD) : (hpac_view){0},
        .nchw = t->nchw && !plain && shape.rank == 3,
        .bf16 = t->info->precision == HPAC_PRECISION_BF16 && !plain,
    };
}

static void make_images(trial *t)
{
    for (size_t i = 0; i <= t->side_count; i++)
        t->inputs[i].image = image_of(t, t->inputs[i].shape, i > 0, i ? VIEW_SIDES : VIEW_X);
    t->output = image_of(t, t->ops[t->op_count - 1].out, false, VIEW_Y);
    t->output.bf16 &= !(t->how & PLAIN_OUTPUT);
    t->output.nchw &= !(t->how & PLAIN_OUTPUT);
}

static void make_chain(trial *t, const chain *from)
{
    for (size_t i = 0; i < MAX_OPS && from->ops[i].kind != HPAC_OP_PIXELS; i++) {
        hpac_op *op = &t->ops[t->op_count++];
        *op = from->ops[i];
        op->in = op->out = i ? op[-1].out : from->in;
        for (size_t s = 0; s < op->side_count; s++) {
            t->inputs[1 + t->side_count++].shape = op->sides[s];
            if (op->kind == HPAC_OP_CONCAT)
                op->out.channels += op->sides[s].channels;
        }
    }
    t->inputs[0].shape = from->in;
    t->y_count = BATCH * hpac_shape_count(t->ops[t->op_count - 1].out);
    make_images(t);
}

static bool make_plan(trial *t)
{
    hpac_layout layouts[MAX_SIDES];
    hpac_view views[MAX_SIDES];
    hpac_gradient gradients[MAX_SIDES],
        gradient = t->how & ADDS ? HPAC_GRADIENT_ADDED : HPAC_GRADIENT_WRITTEN;
    for (size_t i = 0; i < t->side_count; i++) {
        layouts[i] = layout_of(t, t->inputs[1 + i].shape, true);
        gradients[i] = gradient;
        views[i] = t->inputs[1 + i].image.view;
    }
    const hpac_plan_request request = {
        .ops = t->ops,
        .op_count = t->op_count,
        .batch = BATCH,
        .input_layout = layout_of(t, t->ops[0].in, false),
        .side_layouts = layouts,
        .plain_output = t->how & PLAIN_OUTPUT,
        .training = !(t->how & INFERENCE),
        .frozen = t->how & FROZEN,
        .frozen_statistics = t->how & FROZEN_STATISTICS,
        .input_gradient = t->how & TWICE ? HPAC_GRADIENT_ADDED : gradient,
        .side_gradients = gradients,
        .input_view = t->inputs[0].image.view,
        .output_view = t->output.view,
        .side_views = views,
    };
    assert_ok(t->call->plan_create(t->device, &request, &t->plan));
    return t->plan != NULL;
}

/* A plan that reads the side: its ReLU, or of a view batch normalization. */
static hpac_plan *plan_of_side(const trial *t, const tensor *side)
{
    hpac_plan *plan = NULL;
    const hpac_op op = {.kind = side->image.view.channels ? HPAC_OP_BATCH_NORM : HPAC_OP_RELU,
                        .in = side->shape,
                        .out = side->shape};
    const hpac_plan_request request = {.ops = &op,
                                       .op_count = 1,
                                       .batch = BATCH,
                                       .input_layout = layout_of(t, side->shape, true),
                                       .input_view = side->image.view};
    assert_ok(t->call->plan_create(t->device, &request, &plan));
    return plan;
}

static void write(const trial *t, const tensor *input, void *address, const float *values)
{
    assert_ok(t->call->activation_write(input->plan, true, address, values));
    (void)t;
}

static void make_input(trial *t, tensor *input, bool side)
{
    input->plan = side ? plan_of_side(t, input) : t->plan;
    input->count = BATCH * hpac_shape_count(input->shape);
    cr_assert_eq(input->plan->input_nbytes, input->count * (input->image.bf16 ? 2 : sizeof(float)));
    input->value = wide_image_create(t->device, &input->image);
    input->gradient = wide_image_create(t->device, &input->image);
    input->host = draw(t, input->count, &input->wide);
    input->initial = draw(t, input->count, NULL);
    input->got = calloc(input->count, sizeof *input->got);
    input->expected = calloc(input->count, sizeof *input->expected);
    write(t, input, input->value, input->host);
    if (t->how & ADDS)
        write(t, input, input->gradient, input->initial);
}

/* The first side is x, whose gradient it writes; dx is added then. */
static void give_twice(trial *t)
{
    memcpy(t->inputs[1].wide, t->inputs[0].wide, t->inputs[0].count * sizeof(double));
    t->args.sides[0] = t->args.x;
    t->args.dsides[0] = t->args.dx;
}

static void make_memory(trial *t)
{
    const hpac_plan *plan = t->plan;
    t->args = (hpac_exec_args){
        .parameters = allocate(t, plan->parameters_nbytes),
        .gradients = allocate(t, plan->parameters_nbytes),
        .statistics = allocate(t, plan->statistics_nbytes),
        .state = allocate(t, plan->state_nbytes),
        .workspace = allocate(t, plan->workspace_nbytes),
        .training = !(t->how & INFERENCE),
    };
    for (size_t i = 0; i <= t->side_count; i++)
        make_input(t, &t->inputs[i], i > 0);
    t->args.x = t->inputs[0].value;
    t->args.dx = t->inputs[0].gradient;
    t->args.y = t->how & IN_PLACE && plan->y_over_x ? t->inputs[0].value
                                                    : wide_image_create(t->device, &t->output);
    t->args.dy = wide_image_create(t->device, &t->output);
    if (t->how & IN_PLACE && plan->dx_over_dy) {
        t->call->free(t->device, HPAC_MEMORY_DEVICE, t->args.dx);
        t->inputs[0].gradient = t->args.dx = t->args.dy;
    }
    for (size_t i = 0; i < t->side_count; i++) {
        t->args.sides[i] = t->inputs[1 + i].value;
        t->args.dsides[i] = t->inputs[1 + i].gradient;
    }
    if (t->how & TWICE)
        give_twice(t);
    poison(t, t->args.gradients, plan->parameters_nbytes);
    poison(t, t->args.state, plan->state_nbytes);
    poison(t, t->args.workspace, plan->workspace_nbytes);
}

static void *slice_of(const trial *t, size_t parameter, bool gradient)
{
    if (!hpac_role_is_trained(t->plan->parameters[parameter].role))
        return t->args.statistics;
    return gradient ? t->args.gradients : t->args.parameters;
}

static void write_parameters(trial *t)
{
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        const hpac_parameter *parameter = &t->plan->parameters[i];
        cr_assert_eq(parameter->count, hpac_reference_count(&t->ops[0], parameter->role));
        float *values = draw(t, parameter->count, &t->values[i]);
        for (size_t e = 0; parameter->role == HPAC_MOVING_VARIANCE && e < parameter->count; e++)
            t->values[i][e] = (double)(values[e] = fabsf(values[e]) + 1);
        t->gradients[i] = calloc(parameter->count, sizeof(double));
        assert_ok(t->call->parameter_write(t->plan, i, slice_of(t, i, false), values));
        free(values);
    }
}

static void compare(const trial *t, const char *what, const float *got, const double *expected,
                    const float *initial, size_t count)
{
    double largest = 1;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < count; i++) {
        double wanted = expected[i] + (initial ? (double)initial[i] : 0);
        if (!(fabs((double)got[i] - wanted) <= t->tolerance * largest))
            cr_assert(false,
                      "%s and %zu more (%zu, %zu, %zu), %s, variation %#x: %s[%zu] is %g, "
                      "expected %g",
                      hpac_op_name(t->ops[0].kind), t->op_count - 1, t->ops[0].in.rows,
                      t->ops[0].in.cols, t->ops[0].in.channels, t->plan->algorithm,
                      (unsigned)t->how, what, i, (double)got[i], wanted);
    }
}

/* The reference's call of operation i of the chain. */
static reference_call reference_of(const trial *t, size_t i)
{
    reference_call call = {
        .op = &t->ops[i],
        .batch = BATCH,
        .draw = {.seed = 5, .step = 2, .training = !(t->how & INFERENCE)},
        .frozen_statistics = t->how & FROZEN_STATISTICS,
        .x = t->forward[i],
        .y = t->forward[i + 1],
        .dy = t->backward[i + 1],
        .dx = t->backward[i],
    };
    for (size_t s = 0; s < t->ops[i].side_count; s++) {
        call.sides[s] = t->inputs[1 + s].wide;
        call.dsides[s] = t->inputs[1 + s].expected;
    }
    for (size_t p = 0; i == 0 && p < t->plan->parameter_count; p++) {
        call.values[t->plan->parameters[p].role] = t->values[p];
        call.gradients[t->plan->parameters[p].role] = t->gradients[p];
    }
    return call;
}

static void check_statistics(const trial *t)
{
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        size_t count = t->plan->parameters[i].count;
        float *got = calloc(count, sizeof *got);
        assert_ok(t->call->parameter_read(t->plan, i, slice_of(t, i, false), got));
        compare(t, "parameter or average", got, t->values[i], NULL, count);
        free(got);
    }
}

static void run_forward(trial *t)
{
    t->y = calloc(t->y_count, sizeof *t->y);
    assert_ok(t->call->set_step(t->device, &(hpac_step){.seed = 5, .step = 2}));
    assert_ok(t->call->forward(t->plan, &t->args));
    assert_ok(t->call->activation_read(t->plan, false, t->args.y, t->y));
    t->forward[0] = t->inputs[0].wide;
    for (size_t i = 0; i < t->op_count; i++) {
        t->forward[i + 1] = calloc(t->y_count, sizeof(double));
        reference_call call = reference_of(t, i);
        hpac_reference_forward(&call);
    }
    compare(t, "y", t->y, t->forward[t->op_count], NULL, t->y_count);
    wide_image_expect_untouched(t->device, &t->output, t->args.y, "y");
    check_statistics(t);
}

static void check_gradients(const trial *t)
{
    for (size_t i = 0; i < t->plan->parameter_count; i++) {
        size_t count = t->plan->parameters[i].count;
        float *got = calloc(count, sizeof *got);
        if (!hpac_role_is_trained(t->plan->parameters[i].role)) {
            free(got);
            continue;
        }
        assert_ok(t->call->parameter_read(t->plan, i, t->args.gradients, got));
        for (size_t e = 0; t->how & FROZEN && e < count; e++)
            cr_assert(isnan(got[e]), "a frozen parameter has a gradient");
        if (!(t->how & FROZEN))
            compare(t, "gradient of a parameter", got, t->gradients[i], NULL, count);
        free(got);
    }
}

static void check_inputs(trial *t)
{
    for (size_t i = 0; i < t->inputs[0].count && t->how & TWICE; i++)
        t->inputs[0].expected[i] += t->inputs[1].expected[i];
    for (size_t i = 0; i <= t->side_count; i++) {
        tensor *input = &t->inputs[i];
        if (i == 1 && t->how & TWICE)
            continue;
        assert_ok(t->call->activation_read(input->plan, true, input->gradient, input->got));
        char what[32];
        snprintf(what, sizeof what, i ? "dside %zu" : "dx", i - 1);
        compare(t, what, input->got, input->expected, t->how & ADDS ? input->initial : NULL,
                input->count);
        wide_image_expect_untouched(t->device, &input->image, input->gradient, what);
        wide_image_expect_untouched(t->device, &input->image, input->value, "an input");
    }
    wide_image_expect_untouched(t->device, &t->output, t->args.dy, "dy");
}

/* Averages move in forward alone. */
static void run_backward(trial *t)
{
    double *wide_dy = NULL;
    t->dy = draw(t, t->y_count, &wide_dy);
    for (size_t i = 0; t->plan->ignores_x && i <= t->side_count; i++)
        if (t->inputs[i].value != t->args.y)
            poison(t, t->inputs[i].value, wide_image_nbytes(&t->inputs[i].image));
    if (t->plan->ignores_y && (t->args.y != t->args.x || t->plan->ignores_x))
        poison(t, t->args.y, wide_image_nbytes(&t->output));
    poison(t, t->args.workspace, t->plan->workspace_nbytes);
    assert_ok(t->call->activation_write(t->plan, false, t->args.dy, t->dy));
    assert_ok(t->call->backward(t->plan, &t->args));
    t->backward[t->op_count] = wide_dy;
    t->backward[0] = t->inputs[0].expected;
    for (size_t i = t->op_count; i-- > 0;) {
        if (i > 0)
            t->backward[i] = calloc(t->y_count, sizeof(double));
        reference_call call = reference_of(t, i);
        hpac_reference_backward(&call);
    }
    check_inputs(t);
    check_gradients(t);
}

static void release(trial *t)
{
    void *const device[] = {t->args.parameters, t->args.gradients, t->args.statistics,
                            t->args.state,      t->args.workspace, t->args.dy};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        t->call->free(t->device, HPAC_MEMORY_DEVICE, device[i]);
    if (t->args.y != t->args.x)
        t->call->free(t->device, HPAC_MEMORY_DEVICE, t->args.y);
    for (size_t i = 0; i <= t->side_count; i++) {
        tensor *input = &t->inputs[i];
        t->call->free(t->device, HPAC_MEMORY_DEVICE, input->value);
        if (input->gradient != t->args.dy)
            t->call->free(t->device, HPAC_MEMORY_DEVICE, input->gradient);
        void *const host[] = {input->host, input->initial, input->got, input->wide,
                              input->expected};
        for (size_t h = 0; h < sizeof host / sizeof *host; h++)
            free(host[h]);
        t->call->plan_destroy(input->plan);
    }
    for (size_t i = 1; i <= t->op_count; i++) {
        free(t->forward[i]);
        free(t->backward[i]);
    }
    for (size_t i = 0; i < HPAC_PLAN_MAX_PARAMETERS; i++) {
        free(t->values[i]);
        free(t->gradients[i]);
    }
    free(t->y);
    free(t->dy);
}

/* Whether the variation is one of the chain. */
static bool makes_sense(const trial *t)
{
    bool same = t->side_count == 1 &&
                hpac_shape_count(t->inputs[1].shape) == hpac_shape_count(t->inputs[0].shape);
    bool norm = t->ops[0].kind == HPAC_OP_BATCH_NORM;
    if (t->how & VIEW_SIDES && t->side_count == 0)
        return false;
    if (t->how & TWICE)
        return same;
    if (t->how & (FROZEN | FROZEN_STATISTICS))
        return norm;
    return !(t->how & PLAIN_SIDES) || t->side_count > 0;
}

/* Batch normalization reads all views but of what it converts, the others none: those of concat
 * have to be in its output. */
static bool takes_views(const trial *t)
{
    bool converts = t->nchw || t->info->precision == HPAC_PRECISION_BF16;
    if (!(t->how & (VIEW_X | VIEW_SIDES)))
        return true;
    return t->ops[0].kind == HPAC_OP_BATCH_NORM && !(converts && t->how & PLAIN_SIDES);
}

/* Batch normalization and concat write views by themselves. */
static bool is_copied(const trial *t)
{
    return t->how & VIEW_Y && t->ops[0].kind != HPAC_OP_BATCH_NORM &&
           t->ops[0].kind != HPAC_OP_CONCAT;
}

static void try_chain(hpac_device *device, const hpac_device_info *info, bool nchw, size_t index,
                      int how)
{
    trial t = {.device = device,
               .call = device->ops,
               .info = info,
               .how = how,
               .nchw = nchw,
               .tolerance = info->precision == HPAC_PRECISION_BF16 ? 1.0 / 64 : 4e-6};
    hpac_random_init(&t.random, 7, HPAC_PURPOSE_SYNTH, (uint32_t)index, 0);
    make_chain(&t, &chains[index]);
    if (!makes_sense(&t))
        return;
    cr_assert_eq(make_plan(&t), takes_views(&t), "chain %zu, variation %#x, was declined or not",
                 index, (unsigned)how);
    if (!t.plan)
        return;
    cr_assert(!(how & VIEWS) || !(t.plan->y_over_x || t.plan->dx_over_dy));
    cr_assert_eq(strstr(t.plan->algorithm, "copied to its place") != NULL, is_copied(&t), "%s",
                 t.plan->algorithm);
    make_memory(&t);
    write_parameters(&t);
    run_forward(&t);
    if (!(how & INFERENCE))
        run_backward(&t);
    release(&t);
}

static void try_all(hpac_precision precision, hpac_image_layout layout)
{
    hpac_device_info info;
    need_cuda();
    hpac_device *device = open_tested_device((hpac_device_options){
        .precision = precision, .deterministic = true, .image_layout = layout});
    assert_ok(device->ops->describe(device, &info));
    for (size_t i = 0; i < CHAIN_COUNT; i++)
        for (size_t v = 0; v < sizeof variations / sizeof *variations; v++)
            try_chain(device, &info, layout == HPAC_IMAGE_LAYOUT_NCHW, i, variations[v]);
    device->ops->close(device);
}

/* ---- concat in place ---- */

/* A concat of 8, 4 and 5 channels in an image of those, or of 20 channels. */
typedef struct place_trial {
    hpac_op op;
    hpac_layout layout;
    hpac_view input_view, output_view, side_views[2];
    hpac_gradient gradients[3];
} place_trial;

static place_trial make_places(const hpac_device_info *info, bool wide)
{
    const size_t channels = wide ? 20 : 17, first = wide ? 2 : 0;
    return (place_trial){
        .op = {.kind = HPAC_OP_CONCAT,
               .in = SHAPE(5, 6, 8),
               .out = SHAPE(5, 6, 17),
               .side_count = 2,
               .sides = {SHAPE(5, 6, 4), SHAPE(5, 6, 5)}},
        .layout = info->image_layout,
        .input_view = {channels, first},
        .side_views = {{channels, first + 8}, {channels, first + 12}},
        .output_view = wide ? (hpac_view){channels, first} : (hpac_view){0},
        .gradients = {HPAC_GRADIENT_WRITTEN, HPAC_GRADIENT_WRITTEN, HPAC_GRADIENT_NONE},
    };
}

static hpac_plan *plan_concat(hpac_device *device, const place_trial *t)
{
    hpac_plan *plan = NULL;
    const hpac_layout layouts[] = {t->layout, t->layout};
    const hpac_plan_request request = {
        .ops = &t->op,
        .op_count = 1,
        .batch = BATCH,
        .input_layout = t->layout,
        .side_layouts = layouts,
        .training = true,
        .input_gradient = t->gradients[0],
        .side_gradients = t->gradients + 1,
        .input_view = t->input_view,
        .output_view = t->output_view,
        .side_views = t->side_views,
    };
    assert_ok(device->ops->plan_create(device, &request, &plan));
    return plan;
}

/* What the simulator was asked to run. */
static uint64_t count_calls(void)
{
    cudasim_counts counts = {0};
    cudasim_get_counts_function *get = NULL;
    void *symbol = find_in_simulator("cudasim_get_counts");
    memcpy(&get, &symbol, sizeof symbol);
    if (get)
        get(&counts);
    return counts.kernels + counts.library_calls + counts.device_copies + counts.memsets;
}

static hpac_device *open_in(bool nchw, hpac_device_info *info)
{
    hpac_device *device = open_tested_device((hpac_device_options){
        .deterministic = true,
        .image_layout = nchw ? HPAC_IMAGE_LAYOUT_NCHW : HPAC_IMAGE_LAYOUT_NHWC});
    assert_ok(device->ops->describe(device, info));
    return device;
}

Test(cuda_joins, a_concat_in_place_computes_nothing)
{
    need_cuda();
    for (int i = 0; i < 4; i++) {
        hpac_device_info info;
        hpac_device *device = open_in(i & 1, &info);
        const place_trial t = make_places(&info, i & 2);
        hpac_plan *plan = plan_concat(device, &t);
        cr_assert(plan);
        cr_expect_str_eq(plan->algorithm, "in place");
        cr_expect_eq(plan->output_layout, info.image_layout);
        cr_expect(plan->ignores_x && plan->ignores_y && plan->workspace_nbytes == 0);
        uint64_t calls = count_calls();
        assert_ok(device->ops->forward(plan, &(hpac_exec_args){.training = true}));
        assert_ok(device->ops->backward(plan, &(hpac_exec_args){.training = true}));
        cr_expect_eq(count_calls(), calls);
        device->ops->plan_destroy(plan);
        device->ops->close(device);
    }
}

/* Inputs that are elsewhere, in a narrower image, alone, or have a gradient that is added. */
Test(cuda_joins, a_concat_of_other_views_is_declined)
{
    hpac_device_info info;
    need_cuda();
    hpac_device *device = open_in(true, &info);
    for (int i = 0; i < 13; i++) {
        place_trial t = make_places(&info, false);
        hpac_view *view = i % 3 ? &t.side_views[i % 3 - 1] : &t.input_view;
        view->first += i / 3 == 0;
        view->channels += i / 3 == 1;
        if (i / 3 == 2)
            *view = (hpac_view){0};
        if (i / 3 == 3)
            t.gradients[i % 3] = HPAC_GRADIENT_ADDED;
        if (i == 12)
            t.output_view = (hpac_view){20, 2};
        hpac_plan *plan = plan_concat(device, &t);
        cr_expect_null(plan, "%d", i);
        device->ops->plan_destroy(plan);
    }
    device->ops->close(device);
}

Test(cuda_joins, fp32_nchw)
{
    try_all(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_joins, fp32_nhwc)
{
    try_all(HPAC_PRECISION_FP32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_joins, tf32_nhwc)
{
    try_all(HPAC_PRECISION_TF32, HPAC_IMAGE_LAYOUT_NHWC);
}

Test(cuda_joins, bf16_nchw)
{
    try_all(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NCHW);
}

Test(cuda_joins, bf16_nhwc)
{
    try_all(HPAC_PRECISION_BF16, HPAC_IMAGE_LAYOUT_NHWC);
}
