/*
 * The naive reference that devices are checked against: its gradients are the slopes of its values,
 * and both are those of Keras (tools/reference/make_keras_operations.py).
 */
#include "doctor/reference.h"

#include "formula.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 500, MAX_SIDES = 2 };

#define IMAGE(rows_, cols_, channels_)                                                             \
    {                                                                                              \
        .rank = 3, .rows = (rows_), .cols = (cols_), .channels = (channels_)                       \
    }
#define VECTOR(length)                                                                             \
    {                                                                                              \
        .rank = 1, .rows = 1, .cols = 1, .channels = (length)                                      \
    }
#define WINDOW(rows, cols) .kernel_rows = (rows), .kernel_cols = (cols)
#define STRIDES(rows, cols) .stride_rows = (rows), .stride_cols = (cols)
#define DILATION(rows, cols) .dilation_rows = (rows), .dilation_cols = (cols)
#define PADDING(top, bottom, left, right)                                                          \
    .pad_top = (top), .pad_bottom = (bottom), .pad_left = (left), .pad_right = (right)
#define NORM .kind = HPAC_OP_BATCH_NORM, .momentum = 0.75F, .epsilon = 0.0625F

/* `keras`: the golden file has it by that name. */
typedef struct reference_case {
    const char *name;
    hpac_op op;
    size_t batch;
    double scale; /* of x */
    bool keras, inference, frozen_statistics;
} reference_case;

static const reference_case cases[] = {
    {.name = "conv2d",
     .op = {.kind = HPAC_OP_CONV2D, .in = IMAGE(5, 6, 3), .out = IMAGE(4, 4, 4), WINDOW(2, 3)},
     .keras = true},
    {.name = "conv2d_same_stride_2",
     .op = {.kind = HPAC_OP_CONV2D,
            .in = IMAGE(6, 7, 2),
            .out = IMAGE(3, 4, 3),
            WINDOW(3, 4),
            STRIDES(2, 2),
            PADDING(0, 1, 1, 2),
            .no_bias = true},
     .keras = true},
    {.name = "conv2d_same_dilation",
     .op = {.kind = HPAC_OP_CONV2D,
            .in = IMAGE(5, 7, 2),
            .out = IMAGE(5, 7, 3),
            WINDOW(3, 2),
            DILATION(2, 3),
            PADDING(2, 2, 1, 2)},
     .keras = true},
    {.name = "conv2d_groups",
     .op = {.kind = HPAC_OP_CONV2D,
            .in = IMAGE(5, 4, 6),
            .out = IMAGE(4, 2, 9),
            WINDOW(2, 3),
            .groups = 3},
     .keras = true},
    {.name = "depthwise",
     .op = {.kind = HPAC_OP_CONV2D,
            .in = IMAGE(6, 5, 3),
            .out = IMAGE(3, 3, 6),
            WINDOW(3, 3),
            STRIDES(2, 2),
            PADDING(0, 1, 1, 1),
            .groups = 3},
     .keras = true},
    {.name = "conv2d_of_padding",
     .op = {.kind = HPAC_OP_CONV2D,
            .in = IMAGE(1, 1, 2),
            .out = IMAGE(3, 2, 2),
            WINDOW(2, 2),
            PADDING(1, 2, 2, 0)}},
    {.name = "dense",
     .op = {.kind = HPAC_OP_DENSE, .in = VECTOR(13), .out = VECTOR(7)},
     .batch = 3,
     .keras = true},
    {.name = "dense_no_bias",
     .op = {.kind = HPAC_OP_DENSE, .in = VECTOR(5), .out = VECTOR(4), .no_bias = true}},
    {.name = "maxpool",
     .op = {.kind = HPAC_OP_MAXPOOL,
            .in = IMAGE(5, 7, 3),
            .out = IMAGE(2, 2, 3),
            WINDOW(2, 3),
            STRIDES(2, 3)},
     .keras = true},
    {.name = "maxpool_same_overlapping",
     .op = {.kind = HPAC_OP_MAXPOOL,
            .in = IMAGE(6, 5, 2),
            .out = IMAGE(3, 3, 2),
            WINDOW(3, 4),
            STRIDES(2, 2),
            PADDING(0, 1, 1, 2)},
     .keras = true},
    {.name = "avgpool",
     .op = {.kind = HPAC_OP_AVGPOOL,
            .in = IMAGE(5, 7, 3),
            .out = IMAGE(2, 3, 3),
            WINDOW(3, 2),
            STRIDES(2, 2)},
     .keras = true},
    {.name = "avgpool_same_overlapping",
     .op = {.kind = HPAC_OP_AVGPOOL,
            .in = IMAGE(6, 5, 2),
            .out = IMAGE(3, 3, 2),
            WINDOW(3, 4),
            STRIDES(2, 2),
            PADDING(0, 1, 1, 2)},
     .keras = true},
    {.name = "global_avgpool",
     .op = {.kind = HPAC_OP_GLOBAL_AVGPOOL, .in = IMAGE(3, 5, 4), .out = VECTOR(4)},
     .keras = true},
    {.name = "global_maxpool",
     .op = {.kind = HPAC_OP_GLOBAL_MAXPOOL, .in = IMAGE(3, 5, 4), .out = IMAGE(1, 1, 4)},
     .keras = true},
    {.name = "zero_pad",
     .op = {.kind = HPAC_OP_ZERO_PAD,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(6, 9, 3),
            PADDING(1, 2, 3, 4)},
     .keras = true},
    {.name = "rescale",
     .op = {.kind = HPAC_OP_RESCALE,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(3, 2, 3),
            .factor = {0.5F, 2.0F, -1.5F},
            .offset = {0.25F, -1.0F, 3.0F}},
     .keras = true},
    {.name = "batch_norm",
     .op = {NORM, .in = IMAGE(3, 4, 3), .out = IMAGE(3, 4, 3)},
     .keras = true},
    {.name = "batch_norm_vector",
     .op = {NORM, .in = VECTOR(5), .out = VECTOR(5)},
     .batch = 6,
     .keras = true},
    {.name = "batch_norm_plain",
     .op = {NORM, .in = IMAGE(2, 3, 4), .out = IMAGE(2, 3, 4), .no_gamma = true, .no_beta = true},
     .keras = true},
    {.name = "batch_norm_no_gamma",
     .op = {NORM, .in = IMAGE(2, 3, 2), .out = IMAGE(2, 3, 2), .no_gamma = true}},
    {.name = "batch_norm_no_beta",
     .op = {NORM, .in = IMAGE(2, 3, 2), .out = IMAGE(2, 3, 2), .no_beta = true}},
    {.name = "batch_norm_inference",
     .op = {NORM, .in = IMAGE(3, 4, 3), .out = IMAGE(3, 4, 3)},
     .keras = true,
     .inference = true},
    {.name = "batch_norm_frozen",
     .op = {NORM, .in = IMAGE(3, 4, 3), .out = IMAGE(3, 4, 3)},
     .frozen_statistics = true},
    {.name = "add",
     .op = {.kind = HPAC_OP_ADD,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(3, 2, 3),
            .side_count = 2,
            .sides = {IMAGE(3, 2, 3), IMAGE(3, 2, 3)}},
     .keras = true},
    {.name = "multiply",
     .op = {.kind = HPAC_OP_MULTIPLY,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(3, 2, 3),
            .side_count = 1,
            .sides = {IMAGE(3, 2, 3)}},
     .keras = true},
    {.name = "multiply_channels",
     .op = {.kind = HPAC_OP_MULTIPLY,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(3, 2, 3),
            .side_count = 1,
            .sides = {IMAGE(1, 1, 3)}},
     .keras = true},
    {.name = "concat",
     .op = {.kind = HPAC_OP_CONCAT,
            .in = IMAGE(3, 2, 3),
            .out = IMAGE(3, 2, 9),
            .side_count = 2,
            .sides = {IMAGE(3, 2, 1), IMAGE(3, 2, 5)}},
     .keras = true},
    {.name = "concat_vectors",
     .op = {.kind = HPAC_OP_CONCAT,
            .in = VECTOR(4),
            .out = VECTOR(7),
            .side_count = 1,
            .sides = {VECTOR(3)}},
     .keras = true},
    {.name = "flatten",
     .op = {.kind = HPAC_OP_FLATTEN, .in = IMAGE(3, 4, 5), .out = VECTOR(60)},
     .keras = true},
    {.name = "reshape",
     .op = {.kind = HPAC_OP_RESHAPE, .in = VECTOR(24), .out = IMAGE(2, 3, 4)},
     .keras = true},
    {.name = "relu",
     .op = {.kind = HPAC_OP_RELU, .in = IMAGE(3, 4, 5), .out = IMAGE(3, 4, 5)},
     .keras = true},
    {.name = "relu6",
     .op = {.kind = HPAC_OP_RELU6, .in = IMAGE(3, 4, 5), .out = IMAGE(3, 4, 5)},
     .scale = 12,
     .keras = true},
    {.name = "sigmoid",
     .op = {.kind = HPAC_OP_SIGMOID, .in = VECTOR(60), .out = VECTOR(60)},
     .scale = 4,
     .keras = true},
    {.name = "silu",
     .op = {.kind = HPAC_OP_SILU, .in = VECTOR(60), .out = VECTOR(60)},
     .scale = 4,
     .keras = true},
    {.name = "gelu",
     .op = {.kind = HPAC_OP_GELU, .in = VECTOR(60), .out = VECTOR(60)},
     .scale = 4,
     .keras = true},
    {.name = "softplus",
     .op = {.kind = HPAC_OP_SOFTPLUS, .in = VECTOR(60), .out = VECTOR(60)},
     .scale = 4,
     .keras = true},
    {.name = "tanh",
     .op = {.kind = HPAC_OP_TANH, .in = VECTOR(60), .out = VECTOR(60)},
     .scale = 4,
     .keras = true},
    {.name = "dropout",
     .op = {.kind = HPAC_OP_DROPOUT, .in = IMAGE(3, 4, 5), .out = IMAGE(3, 4, 5), .rate = 0.4F}},
    {.name = "spatial_dropout",
     .op = {.kind = HPAC_OP_DROPOUT,
            .in = IMAGE(3, 4, 5),
            .out = IMAGE(3, 4, 5),
            .rate = 0.4F,
            .whole_channels = true}},
};

enum { CASE_COUNT = sizeof cases / sizeof *cases };

/* ---- an operation with everything it touches ---- */

typedef struct op_probe {
    const char *name;
    hpac_op op;
    reference_call call;
    double x[MAX_VALUES], sides[MAX_SIDES][MAX_VALUES], y[MAX_VALUES], dy[MAX_VALUES];
    double dx[MAX_VALUES], dsides[MAX_SIDES][MAX_VALUES];
    double values[HPAC_ROLE_COUNT][MAX_VALUES], gradients[HPAC_ROLE_COUNT][MAX_VALUES];
    size_t x_count, side_counts[MAX_SIDES], counts[HPAC_ROLE_COUNT], y_count;
} op_probe;

/* The numbers that Keras gets, too, when `seed` is 0. */
static void fill(double *values, size_t count, uint32_t seed, double scale, double middle)
{
    cr_assert_leq(count, (size_t)MAX_VALUES);
    for (size_t i = 0; i < count; i++)
        values[i] = middle + (double)formula_symmetric(seed, i, scale);
}

enum { SEED_X = 1, SEED_SIDE = 2, SEED_ROLE = 10, SEED_DY = 20, SEED_STRIDE = 100 };

static void fill_probe(op_probe *probe, uint32_t seed, double scale)
{
    fill(probe->x, probe->x_count, seed + SEED_X, scale, 0);
    fill(probe->dy, probe->y_count, seed + SEED_DY, 1, 0);
    for (uint32_t s = 0; s < probe->op.side_count; s++)
        fill(probe->sides[s], probe->side_counts[s], seed + SEED_SIDE + s, 1, 0);
    for (uint32_t role = 0; role < HPAC_ROLE_COUNT; role++)
        fill(probe->values[role], probe->counts[role], seed + SEED_ROLE + role, 1,
             role == HPAC_MOVING_VARIANCE ? 1.5 : 0);
}

static op_probe *make_probe(const reference_case *one, uint32_t seed)
{
    op_probe *probe = calloc(1, sizeof *probe);
    cr_assert_not_null(probe);
    hpac_op *op = &probe->op;
    probe->name = one->name;
    *op = one->op;
    op->stride_rows += op->stride_rows == 0;
    op->stride_cols += op->stride_cols == 0;
    op->dilation_rows += op->dilation_rows == 0;
    op->dilation_cols += op->dilation_cols == 0;
    op->groups += op->groups == 0;
    probe->call = (reference_call){
        .op = op,
        .batch = one->batch ? one->batch : 2,
        .draw = {.seed = seed, .step = 5, .training = !one->inference},
        .frozen_statistics = one->frozen_statistics,
        .x = probe->x,
        .y = probe->y,
        .dy = probe->dy,
        .dx = probe->dx,
    };
    probe->x_count = probe->call.batch * hpac_shape_count(op->in);
    probe->y_count = probe->call.batch * hpac_shape_count(op->out);
    for (size_t s = 0; s < op->side_count; s++) {
        probe->side_counts[s] = probe->call.batch * hpac_shape_count(op->sides[s]);
        probe->call.sides[s] = probe->sides[s];
        probe->call.dsides[s] = probe->dsides[s];
    }
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
        probe->counts[role] = hpac_reference_count(op, role);
        probe->call.values[role] = probe->counts[role] ? probe->values[role] : NULL;
        probe->call.gradients[role] = probe->counts[role] ? probe->gradients[role] : NULL;
    }
    fill_probe(probe, seed * SEED_STRIDE, one->scale > 0 ? one->scale : 1);
    return probe;
}

/* ---- finite differences ---- */

/* The sum of dy x y, whose gradient backward gives. The moving averages stay. */
static double weighted_sum(op_probe *probe)
{
    double sum = 0, averages[2][MAX_VALUES];
    memcpy(averages, probe->values[HPAC_MOVING_MEAN], sizeof averages);
    hpac_reference_forward(&probe->call);
    memcpy(probe->values[HPAC_MOVING_MEAN], averages, sizeof averages);
    for (size_t i = 0; i < probe->y_count; i++)
        sum += probe->dy[i] * probe->y[i];
    return sum;
}

/* Compares every gradient with the slope between value - h and value + h. The slopes on the two
 * sides differ by much only where a kink lies between: such a value is passed over. */
static size_t check_slopes(op_probe *probe, double *values, const double *gradient, size_t count)
{
    const double h = 1e-6;
    size_t checked = 0;
    double middle = weighted_sum(probe);
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        values[i] = value + h;
        double above = weighted_sum(probe);
        values[i] = value - h;
        double below = weighted_sum(probe);
        values[i] = value;
        if (fabs(above - 2 * middle + below) > 1e-4 * h)
            continue;
        double slope = (above - below) / (2 * h);
        cr_expect(fabs(slope - gradient[i]) <= 1e-7 + 1e-6 * fabs(slope),
                  "%s, value %zu: gradient %g, slope %g", probe->name, i, gradient[i], slope);
        checked++;
    }
    return checked;
}

static void check_gradients(const reference_case *one, uint32_t seed)
{
    op_probe *probe = make_probe(one, seed);
    weighted_sum(probe);
    hpac_reference_backward(&probe->call);
    size_t all = probe->x_count;
    size_t checked = check_slopes(probe, probe->x, probe->dx, probe->x_count);
    for (size_t s = 0; s < probe->op.side_count; s++) {
        all += probe->side_counts[s];
        checked += check_slopes(probe, probe->sides[s], probe->dsides[s], probe->side_counts[s]);
    }
    for (hpac_role role = 0; role < HPAC_MOVING_MEAN; role++) {
        all += probe->counts[role];
        checked +=
            check_slopes(probe, probe->values[role], probe->gradients[role], probe->counts[role]);
    }
    cr_expect(checked >= all - all / 20, "%s: %zu of %zu gradients checked", one->name, checked,
              all);
    free(probe);
}

Test(reference, gradients_are_slopes)
{
    for (size_t i = 0; i < CASE_COUNT; i++)
        for (uint32_t seed = 1; seed <= 3; seed++)
            check_gradients(&cases[i], seed);
}

/* ---- Keras ---- */

/* The array of a probe by its name in the golden file. */
static const double *find_array(const op_probe *probe, const char *what, size_t *count)
{
    static const char *const roles[HPAC_ROLE_COUNT] = {
        "kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance",
    };
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (strcmp(what, roles[role]) == 0) {
            *count = probe->counts[role];
            return hpac_role_is_trained(role) ? probe->gradients[role] : probe->values[role];
        }
    if (strncmp(what, "dside", 5) == 0) {
        size_t side = (size_t)(what[5] - '0');
        *count = probe->side_counts[side];
        return probe->dsides[side];
    }
    *count = strcmp(what, "y") == 0 ? probe->y_count : probe->x_count;
    return strcmp(what, "y") == 0 ? probe->y : probe->dx;
}

static size_t array_count(const op_probe *probe)
{
    size_t arrays = 2 + probe->op.side_count;
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        arrays += probe->counts[role] > 0;
    return arrays;
}

static void compare_row(const op_probe *probe, const char *what, char *rest)
{
    size_t count;
    const double *values = find_array(probe, what, &count);
    cr_assert_eq(strtoul(rest, &rest, 10), count, "%s, %s", probe->name, what);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(*rest, ',', "%s, %s", probe->name, what);
        double keras = strtod(rest + 1, &rest);
        cr_expect(fabs(values[i] - keras) <= 1e-7 + 1e-7 * fabs(keras),
                  "%s, %s: value %zu is %.9g, in Keras %.9g", probe->name, what, i, values[i],
                  keras);
    }
}

static void compare_with_keras(FILE *golden, const reference_case *one)
{
    op_probe *probe = make_probe(one, 0);
    char *line = NULL, name[64], what[32];
    size_t capacity = 0, rows = 0;
    int used;
    hpac_reference_forward(&probe->call);
    hpac_reference_backward(&probe->call);
    rewind(golden);
    while (getline(&line, &capacity, golden) > 0)
        if (sscanf(line, "%63[a-z0-9_],%31[a-z0-9_],%n", name, what, &used) == 2 &&
            strcmp(name, one->name) == 0) {
            compare_row(probe, what, line + used);
            rows++;
        }
    cr_expect_eq(rows, array_count(probe), "%s: %zu rows", one->name, rows);
    free(line);
    free(probe);
}

Test(reference, equals_keras)
{
    FILE *golden = fopen("tests/golden/keras_operations.csv", "r");
    cr_assert_not_null(golden, "run the tests from the root of the repository");
    for (size_t i = 0; i < CASE_COUNT; i++)
        if (cases[i].keras)
            compare_with_keras(golden, &cases[i]);
    fclose(golden);
}

/* ---- by hand ---- */

/* Two numbers by hand, so that the values themselves are not only consistent. */
Test(reference, values)
{
    double x[] = {1, 2, 3, 4}, kernel[] = {10, 1}, bias[] = {0.5}, y[2];
    hpac_op op = {.kind = HPAC_OP_CONV2D,
                  .in = IMAGE(2, 2, 1),
                  .out = IMAGE(2, 1, 1),
                  WINDOW(1, 2),
                  STRIDES(1, 1),
                  DILATION(1, 1),
                  .groups = 1};
    hpac_reference_forward(&(reference_call){
        .op = &op,
        .batch = 1,
        .x = x,
        .values = {[HPAC_KERNEL] = kernel, [HPAC_BIAS] = bias},
        .y = y,
    });
    cr_assert_eq(y[0], 12.5);
    cr_assert_eq(y[1], 34.5);
}

/* Of equal values the first in row order gets the gradient. */
Test(reference, maxima_of_equals)
{
    double x[] = {1, 5, 5, 5, 0, 5}, y[1], dy[] = {3}, dx[6];
    for (int global = 0; global < 2; global++) {
        hpac_op op = {.kind = global ? HPAC_OP_GLOBAL_MAXPOOL : HPAC_OP_MAXPOOL,
                      .in = IMAGE(2, 3, 1),
                      .out = IMAGE(1, 1, 1),
                      WINDOW(2, 3),
                      STRIDES(1, 1)};
        reference_call call = {.op = &op, .batch = 1, .x = x, .y = y, .dy = dy, .dx = dx};
        hpac_reference_forward(&call);
        hpac_reference_backward(&call);
        cr_assert_eq(y[0], 5);
        for (size_t i = 0; i < 6; i++)
            cr_assert_eq(dx[i], i == 1 ? 3 : 0);
    }
}

/* Whole channels are dropped: every pixel of a channel of an image has the same factor, and it is
 * that of the value (image, channel) of a vector. */
Test(reference, spatial_dropout)
{
    enum { BATCH = 3, PIXELS = 6, CHANNELS = 5 };
    double ones[BATCH * PIXELS * CHANNELS], image[BATCH * PIXELS * CHANNELS];
    double vector[BATCH * CHANNELS];
    for (size_t i = 0; i < BATCH * PIXELS * CHANNELS; i++)
        ones[i] = 1;
    hpac_op op = {.kind = HPAC_OP_DROPOUT,
                  .in = IMAGE(2, 3, CHANNELS),
                  .out = IMAGE(2, 3, CHANNELS),
                  .rate = 0.5F,
                  .whole_channels = true};
    reference_call call = {.op = &op, .batch = BATCH, .draw = {.training = true}, .x = ones};
    call.y = image;
    hpac_reference_forward(&call);
    op.in = op.out = (hpac_shape)VECTOR(CHANNELS);
    op.whole_channels = false;
    call.y = vector;
    hpac_reference_forward(&call);
    for (size_t i = 0; i < BATCH * PIXELS * CHANNELS; i++)
        cr_assert_eq(image[i], vector[i / (PIXELS * CHANNELS) * CHANNELS + i % CHANNELS]);
}
