/*
 * The naive reference that devices are checked against, on the operations that layers make: its
 * gradients are the slopes of its values, and both are those of Keras
 * (tools/reference/make_keras_operations.py).
 */
#include "doctor/reference.h"
#include "net/layer_table.h"

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
#define SAME .padding = HPAC_PADDING_SAME
#define LAYER(kind_, ...) .layer = {.kind = HPAC_LAYER_##kind_, __VA_ARGS__}
#define NORM(...) LAYER(BATCH_NORM, .momentum = 0.75F, .epsilon = 0.0625F, __VA_ARGS__)
#define ACTIVATION(name) LAYER(ACTIVATION, .activation = HPAC_ACTIVATION_##name)
#define INPUTS(...) .inputs = {__VA_ARGS__}

/* `keras`: the golden file has it by that name. */
typedef struct reference_case {
    const char *name;
    hpac_layer layer;
    hpac_shape inputs[MAX_SIDES + 1];
    hpac_op op; /* instead of a layer, with padding that none has */
    size_t batch;
    double scale; /* of x */
    bool keras, inference, frozen_statistics;
} reference_case;

static const reference_case cases[] = {
    {"conv2d", LAYER(CONV2D, .filters = 4, WINDOW(2, 3)), INPUTS(IMAGE(5, 6, 3)), .keras = true},
    {"conv2d_same_stride_2",
     LAYER(CONV2D, .filters = 3, WINDOW(3, 4), STRIDES(2, 2), SAME, .no_bias = true),
     INPUTS(IMAGE(6, 7, 2)), .keras = true},
    {"conv2d_same_dilation", LAYER(CONV2D, .filters = 3, WINDOW(3, 2), DILATION(2, 3), SAME),
     INPUTS(IMAGE(5, 7, 2)), .keras = true},
    {"conv2d_groups", LAYER(CONV2D, .filters = 9, WINDOW(2, 3), .groups = 3),
     INPUTS(IMAGE(5, 4, 6)), .keras = true},
    {"depthwise", LAYER(DEPTHWISE_CONV2D, WINDOW(3, 3), STRIDES(2, 2), SAME, .depth_multiplier = 2),
     INPUTS(IMAGE(6, 5, 3)), .keras = true},
    {"conv2d_of_padding", .op = {.kind = HPAC_OP_CONV2D,
                                 .in = IMAGE(1, 1, 2),
                                 .out = IMAGE(3, 2, 2),
                                 WINDOW(2, 2),
                                 STRIDES(1, 1),
                                 DILATION(1, 1),
                                 .pad_top = 1,
                                 .pad_bottom = 2,
                                 .pad_left = 2,
                                 .groups = 1}},
    {"dense", LAYER(DENSE, .units = 7), INPUTS(VECTOR(13)), .batch = 3, .keras = true},
    {"dense_no_bias", LAYER(DENSE, .units = 4, .no_bias = true), INPUTS(VECTOR(5))},
    {"maxpool", LAYER(MAXPOOL, WINDOW(2, 3)), INPUTS(IMAGE(5, 7, 3)), .keras = true},
    {"maxpool_same_overlapping", LAYER(MAXPOOL, WINDOW(3, 4), STRIDES(2, 2), SAME),
     INPUTS(IMAGE(6, 5, 2)), .keras = true},
    {"avgpool", LAYER(AVGPOOL, WINDOW(3, 2), STRIDES(2, 2)), INPUTS(IMAGE(5, 7, 3)), .keras = true},
    {"avgpool_same_overlapping", LAYER(AVGPOOL, WINDOW(3, 4), STRIDES(2, 2), SAME),
     INPUTS(IMAGE(6, 5, 2)), .keras = true},
    {"global_avgpool", LAYER(GLOBAL_AVGPOOL, ), INPUTS(IMAGE(3, 5, 4)), .keras = true},
    {"global_maxpool", LAYER(GLOBAL_MAXPOOL, .keep_dims = true), INPUTS(IMAGE(3, 5, 4)),
     .keras = true},
    {"zero_pad", LAYER(ZERO_PAD, .zeros = {1, 2, 3, 4}), INPUTS(IMAGE(3, 2, 3)), .keras = true},
    {"rescale", LAYER(RESCALE, .rescaled = 3, .mean = {0.5F, -1, 2.25F}, .deviation = {0.5F, 2, 4}),
     INPUTS(IMAGE(3, 2, 3)), .keras = true},
    {"batch_norm", NORM(), INPUTS(IMAGE(3, 4, 3)), .keras = true},
    {"batch_norm_defaults", LAYER(BATCH_NORM, ), INPUTS(IMAGE(3, 4, 3)), .keras = true},
    {"batch_norm_vector", NORM(), INPUTS(VECTOR(5)), .batch = 6, .keras = true},
    {"batch_norm_plain", NORM(.no_scale = true, .no_center = true), INPUTS(IMAGE(2, 3, 4)),
     .keras = true},
    {"batch_norm_no_gamma", NORM(.no_scale = true), INPUTS(IMAGE(2, 3, 2))},
    {"batch_norm_no_beta", NORM(.no_center = true), INPUTS(IMAGE(2, 3, 2))},
    {"batch_norm_inference", NORM(), INPUTS(IMAGE(3, 4, 3)), .keras = true, .inference = true},
    {"batch_norm_frozen", NORM(), INPUTS(IMAGE(3, 4, 3)), .keras = true, .frozen_statistics = true},
    {"add", LAYER(ADD, .input_count = 3), INPUTS(IMAGE(3, 2, 3), IMAGE(3, 2, 3), IMAGE(3, 2, 3)),
     .keras = true},
    {"multiply", LAYER(MULTIPLY, .input_count = 2), INPUTS(IMAGE(3, 2, 3), IMAGE(3, 2, 3)),
     .keras = true},
    {"multiply_channels", LAYER(MULTIPLY, .input_count = 2), INPUTS(IMAGE(3, 2, 3), IMAGE(1, 1, 3)),
     .keras = true},
    {"concat", LAYER(CONCAT, .input_count = 3),
     INPUTS(IMAGE(3, 2, 3), IMAGE(3, 2, 1), IMAGE(3, 2, 5)), .keras = true},
    {"concat_vectors", LAYER(CONCAT, .input_count = 2), INPUTS(VECTOR(4), VECTOR(3)),
     .keras = true},
    {"flatten", LAYER(FLATTEN, ), INPUTS(IMAGE(3, 4, 5)), .keras = true},
    {"reshape", LAYER(RESHAPE, .shape = {2, 3, 4}), INPUTS(VECTOR(24)), .keras = true},
    {"relu", ACTIVATION(RELU), INPUTS(IMAGE(3, 4, 5)), .keras = true},
    {"relu6", ACTIVATION(RELU6), INPUTS(IMAGE(3, 4, 5)), .scale = 12, .keras = true},
    {"sigmoid", ACTIVATION(SIGMOID), INPUTS(VECTOR(60)), .scale = 4, .keras = true},
    {"silu", ACTIVATION(SILU), INPUTS(VECTOR(60)), .scale = 4, .keras = true},
    {"gelu", ACTIVATION(GELU), INPUTS(VECTOR(60)), .scale = 4, .keras = true},
    {"softplus", ACTIVATION(SOFTPLUS), INPUTS(VECTOR(60)), .scale = 4, .keras = true},
    {"tanh", ACTIVATION(TANH), INPUTS(VECTOR(60)), .scale = 4, .keras = true},
    {"dropout", LAYER(DROPOUT, .rate = 0.4F), INPUTS(IMAGE(3, 4, 5))},
    {"dropout_inference", LAYER(DROPOUT, .rate = 0.4F), INPUTS(IMAGE(3, 4, 5)), .keras = true,
     .inference = true},
    {"spatial_dropout", LAYER(SPATIAL_DROPOUT, .rate = 0.4F), INPUTS(IMAGE(3, 4, 5))},
    {"image_dropout", LAYER(IMAGE_DROPOUT, .rate = 0.4F), INPUTS(IMAGE(3, 4, 5))},
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
    if (one->inputs[0].rank > 0)
        cr_assert_eq(hpac_layer_op(&one->layer, one->inputs, op), HPAC_OK, "%s",
                     hpac_error_message());
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
 * that of the value (image, channel) of a vector: 0, or 1 / (1 - rate). */
Test(reference, spatial_dropout)
{
    enum { BATCH = 3, PIXELS = 6, CHANNELS = 5 };
    double ones[BATCH * PIXELS * CHANNELS], image[BATCH * PIXELS * CHANNELS];
    double vector[BATCH * CHANNELS];
    for (size_t i = 0; i < BATCH * PIXELS * CHANNELS; i++)
        ones[i] = 1;
    const hpac_layer layer = {.kind = HPAC_LAYER_SPATIAL_DROPOUT, .rate = 0.5F};
    const hpac_shape shape = IMAGE(2, 3, CHANNELS);
    hpac_op op;
    cr_assert_eq(hpac_layer_op(&layer, &shape, &op), HPAC_OK);
    reference_call call = {.op = &op, .batch = BATCH, .draw = {.training = true}, .x = ones};
    call.y = image;
    hpac_reference_forward(&call);
    op.in = op.out = (hpac_shape)VECTOR(CHANNELS);
    op.whole_channels = false;
    call.y = vector;
    hpac_reference_forward(&call);
    for (size_t i = 0; i < BATCH * PIXELS * CHANNELS; i++)
        cr_assert_eq(image[i], vector[i / (PIXELS * CHANNELS) * CHANNELS + i % CHANNELS]);
    double sum = 0;
    for (size_t i = 0; i < BATCH * CHANNELS; i++) {
        cr_assert(vector[i] == 0 || vector[i] == 2);
        sum += vector[i];
    }
    cr_assert(sum > 0 && sum < 2 * BATCH * CHANNELS);
}

/* Whole images are dropped, by the factor of the value (image) of a vector of one; outside of
 * training nothing is. */
Test(reference, image_dropout)
{
    enum { BATCH = 24, VALUES = 12 };
    double ones[BATCH * VALUES], images[BATCH * VALUES], vector[BATCH], sum = 0;
    for (size_t i = 0; i < BATCH * VALUES; i++)
        ones[i] = 1;
    const hpac_layer layer = {.kind = HPAC_LAYER_IMAGE_DROPOUT, .rate = 0.5F};
    const hpac_shape shape = {3, 2, 2, 3};
    hpac_op op;
    cr_assert_eq(hpac_layer_op(&layer, &shape, &op), HPAC_OK);
    reference_call call = {.op = &op, .batch = BATCH, .draw = {.training = true}, .x = ones};
    call.y = images;
    hpac_reference_forward(&call);
    call.draw.training = false;
    call.y = ones;
    hpac_reference_forward(&call);
    op.in = op.out = (hpac_shape)VECTOR(1);
    op.whole_channels = op.whole_images = false;
    call.draw.training = true;
    call.y = vector;
    hpac_reference_forward(&call);
    for (size_t i = 0; i < BATCH * VALUES; i++) {
        cr_assert_eq(images[i], vector[i / VALUES]);
        cr_assert_eq(ones[i], 1);
    }
    for (size_t i = 0; i < BATCH; i++) {
        cr_assert(vector[i] == 0 || vector[i] == 2);
        sum += vector[i];
    }
    cr_assert(sum > 0 && sum < 2 * BATCH);
}
