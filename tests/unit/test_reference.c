/* The naive reference that devices are checked against: its gradients are the slopes of its values.
 */
#include "base/random.h"
#include "doctor/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VALUES = 400 };

/* One operation with everything it touches. */
typedef struct op_probe {
    hpac_op op;
    reference_call call;
    double x[MAX_VALUES], kernel[MAX_VALUES], bias[MAX_VALUES], y[MAX_VALUES], dy[MAX_VALUES];
    double dx[MAX_VALUES], kernel_gradient[MAX_VALUES], bias_gradient[MAX_VALUES];
    size_t x_count, kernel_count, bias_count, y_count;
} op_probe;

static void fill(double *values, size_t count, hpac_random *random)
{
    for (size_t i = 0; i < count; i++)
        values[i] = 2 * (double)hpac_random_uniform(random) - 1;
}

static op_probe *make_probe(hpac_op op, size_t batch, uint64_t seed)
{
    op_probe *probe = calloc(1, sizeof *probe);
    hpac_random random;
    cr_assert_not_null(probe);
    probe->op = op;
    probe->x_count = (size_t)batch * hpac_shape_count(op.in);
    probe->y_count = (size_t)batch * hpac_shape_count(op.out);
    probe->kernel_count = hpac_reference_kernel_count(&op);
    probe->bias_count = hpac_reference_bias_count(&op);
    cr_assert(probe->x_count <= MAX_VALUES && probe->y_count <= MAX_VALUES &&
              probe->kernel_count <= MAX_VALUES);
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 3, 0);
    fill(probe->x, probe->x_count, &random);
    fill(probe->kernel, probe->kernel_count, &random);
    fill(probe->bias, probe->bias_count, &random);
    fill(probe->dy, probe->y_count, &random);
    probe->call = (reference_call){
        .op = &probe->op,
        .batch = batch,
        .draw = {.seed = seed, .step = 5, .training = true},
        .x = probe->x,
        .kernel = probe->kernel,
        .bias = probe->bias,
        .y = probe->y,
        .dy = probe->dy,
        .dx = probe->dx,
        .kernel_gradient = probe->kernel_gradient,
        .bias_gradient = probe->bias_gradient,
    };
    return probe;
}

/* The sum of dy x y, whose gradient backward gives. */
static double weighted_sum(op_probe *probe)
{
    double sum = 0;
    hpac_reference_forward(&probe->call);
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
        cr_assert(fabs(slope - gradient[i]) <= 1e-7 + 1e-6 * fabs(slope),
                  "operation %d, value %zu: gradient %g, slope %g", (int)probe->op.kind, i,
                  gradient[i], slope);
        checked++;
    }
    return checked;
}

static void check_op(hpac_op op, size_t batch)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        op_probe *probe = make_probe(op, batch, seed);
        hpac_reference_forward(&probe->call);
        hpac_reference_backward(&probe->call);
        size_t checked = check_slopes(probe, probe->x, probe->dx, probe->x_count);
        checked += check_slopes(probe, probe->kernel, probe->kernel_gradient, probe->kernel_count);
        checked += check_slopes(probe, probe->bias, probe->bias_gradient, probe->bias_count);
        size_t all = probe->x_count + probe->kernel_count + probe->bias_count;
        cr_assert(checked >= all - all / 20, "%zu of %zu gradients checked", checked, all);
        free(probe);
    }
}

static hpac_shape image(size_t rows, size_t cols, size_t channels)
{
    return (hpac_shape){.rank = 3, .rows = rows, .cols = cols, .channels = channels};
}

static hpac_shape vector(size_t length)
{
    return (hpac_shape){.rank = 1, .rows = 1, .cols = 1, .channels = length};
}

Test(reference, conv2d)
{
    check_op((hpac_op){.kind = HPAC_OP_CONV2D,
                       .in = image(5, 6, 3),
                       .out = image(4, 4, 4),
                       .kernel_rows = 2,
                       .kernel_cols = 3,
                       .stride_rows = 1,
                       .stride_cols = 1,
                       .dilation_rows = 1,
                       .dilation_cols = 1,
                       .groups = 1},
             2);
}

Test(reference, maxpool)
{
    check_op((hpac_op){.kind = HPAC_OP_MAXPOOL,
                       .in = image(5, 7, 3),
                       .out = image(2, 2, 3),
                       .kernel_rows = 2,
                       .kernel_cols = 3,
                       .stride_rows = 2,
                       .stride_cols = 3,
                       .dilation_rows = 1,
                       .dilation_cols = 1,
                       .groups = 1},
             2);
}

Test(reference, dense)
{
    check_op((hpac_op){.kind = HPAC_OP_DENSE, .in = vector(13), .out = vector(7)}, 3);
}

Test(reference, elementwise)
{
    const hpac_op_kind kinds[] = {HPAC_OP_RELU, HPAC_OP_SIGMOID, HPAC_OP_DROPOUT, HPAC_OP_FLATTEN};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        check_op((hpac_op){.kind = kinds[i],
                           .in = image(3, 4, 5),
                           .out = kinds[i] == HPAC_OP_FLATTEN ? vector(60) : image(3, 4, 5),
                           .rate = 0.4F},
                 2);
}

/* Two numbers by hand, so that the values themselves are not only consistent. */
Test(reference, values)
{
    const double x[] = {1, 2, 3, 4}, kernel[] = {10, 1}, bias[] = {0.5};
    double y[2];
    hpac_op op = {.kind = HPAC_OP_CONV2D,
                  .in = image(2, 2, 1),
                  .out = image(2, 1, 1),
                  .kernel_rows = 1,
                  .kernel_cols = 2,
                  .stride_rows = 1,
                  .stride_cols = 1,
                  .dilation_rows = 1,
                  .dilation_cols = 1,
                  .groups = 1};
    hpac_reference_forward(
        &(reference_call){.op = &op, .batch = 1, .x = x, .kernel = kernel, .bias = bias, .y = y});
    cr_assert_eq(y[0], 12.5);
    cr_assert_eq(y[1], 34.5);
}
