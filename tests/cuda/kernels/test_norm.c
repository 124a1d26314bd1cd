/* Batch normalization: statistics, moving averages, and the gradients, against sums in double. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kernel_norm, .init = bench_start, .fini = bench_end);

/* Vectors, one pixel, channels and pixels that are multiples of four and such that are not, one
 * block per channel and several. */
static const kernel_tensor shapes[] = {
    {.batch = 1, .rows = 1, .cols = 1, .channels = 1},
    {.batch = 7, .rows = 1, .cols = 1, .channels = 61},
    {.batch = 300, .rows = 1, .cols = 1, .channels = 8},
    {.batch = 3, .rows = 5, .cols = 7, .channels = 3},
    {.batch = 2, .rows = 6, .cols = 6, .channels = 16},
    {.batch = 5, .rows = 40, .cols = 33, .channels = 5},
    {.batch = 3, .rows = 64, .cols = 64, .channels = 4},
    {.batch = 2, .rows = 9, .cols = 4, .channels = 140},
};
enum {
    SHAPE_COUNT = sizeof shapes / sizeof *shapes,
    TENSOR_COUNT = SHAPE_COUNT * VARIANT_COUNT,
    MAX_CHANNELS = 140,
};
static const float momentum = 0.9F, epsilon = 1e-3F;

/* Channels that the images of x, y and the side have more than these: none, numbers that leave
 * pieces of four, and others. */
static const struct {
    int x, y, side;
} views[] = {{0, 0, 0}, {8, 12, 4}, {5, 0, 0}, {0, 6, 0}, {8, 0, 7}};
enum { VIEW_COUNT = sizeof views / sizeof *views };

/* One batch on the device and the host, and what is made of it. */
typedef struct trial {
    kernel_tensor tensor, y_tensor, side_tensor; /* of x, y, the side; of their gradients */
    kernel_norm norm;
    bool has_side;
    size_t count, channels, rows;
    float *x, *side, *dy, *y;
    void *device_x, *device_side, *device_dy, *device_y, *partials;
    float *moving_mean, *moving_variance;
    float gamma[MAX_CHANNELS], beta[MAX_CHANNELS], means[MAX_CHANNELS], variances[MAX_CHANNELS];
    double mean[MAX_CHANNELS], variance[MAX_CHANNELS];
    double dgamma[MAX_CHANNELS], dbeta[MAX_CHANNELS];
} trial;

/* What the tensor's format makes of them. */
static float *draw_rounded(const trial *t, uint32_t stream, float scale, float offset)
{
    float *values = draw_values(stream, t->count);
    for (size_t i = 0; i < t->count; i++)
        values[i] = rounded_to(&t->tensor, values[i] * scale + offset);
    return values;
}

static kernel_tensor widened(kernel_tensor tensor, int more)
{
    tensor.wide_channels = more ? tensor.channels + more : 0;
    return tensor;
}

static void set_up(trial *t, int number, int view, float offset)
{
    const kernel_tensor tensor = variant_of(shapes[number / VARIANT_COUNT], number % VARIANT_COUNT);
    *t = (trial){.tensor = widened(tensor, views[view].x),
                 .y_tensor = widened(tensor, views[view].y),
                 .side_tensor = widened(tensor, views[view].side)};
    t->count = count_of(&t->tensor);
    t->channels = (size_t)t->tensor.channels;
    t->rows = t->count / t->channels;
    t->x = draw_rounded(t, 11, 3, offset);
    t->side = draw_rounded(t, 12, 1, 0);
    t->dy = draw_rounded(t, 13, 1, 0);
    t->y = new_values(t->count);
    for (size_t k = 0; k < t->channels; k++) {
        t->gamma[k] = 0.5F + (float)(k % 7) / 4;
        t->beta[k] = (float)(k % 5) - 2.125F;
        t->means[k] = (float)(k % 3);
        t->variances[k] = 1.0F + (float)(k % 4);
    }
    size_t nbytes = t->channels * sizeof(float);
    t->device_x = put_tensor(&t->tensor, t->x);
    t->device_side = put_tensor(&t->side_tensor, t->side);
    t->device_dy = put_tensor(&t->y_tensor, t->dy);
    t->device_y = put_tensor(&t->y_tensor, t->y);
    t->partials = put_bytes(NULL, hpac_kernel_norm_partials_nbytes(&t->tensor));
    t->moving_mean = put_bytes(t->means, nbytes);
    t->moving_variance = put_bytes(t->variances, nbytes);
    t->norm = (kernel_norm){.tensor = t->tensor,
                            .y_channels = t->y_tensor.wide_channels,
                            .side_channels = t->side_tensor.wide_channels,
                            .gamma = put_bytes(t->gamma, nbytes),
                            .beta = put_bytes(t->beta, nbytes),
                            .mean = put_bytes(NULL, nbytes),
                            .inverse = put_bytes(NULL, nbytes)};
}

static void tear_down(trial *t)
{
    float *const values[] = {t->x, t->side, t->dy, t->y};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        free(values[i]);
}

static void sum_up(trial *t)
{
    for (size_t k = 0; k < t->channels; k++) {
        for (size_t i = k; i < t->count; i += t->channels)
            t->mean[k] += (double)t->x[i] / (double)t->rows;
        for (size_t i = k; i < t->count; i += t->channels)
            t->variance[k] += pow((double)t->x[i] - t->mean[k], 2) / (double)t->rows;
    }
}

static void compute_statistics(trial *t, bool batch)
{
    MUST_WORK(hpac_kernel_norm_statistics(&t->norm, t->moving_mean, t->moving_variance, momentum,
                                          epsilon, batch ? t->device_x : NULL, t->partials,
                                          bench_stream));
}

static void expect_channels(const trial *t, const char *what, const float *address,
                            const double *expected, double tolerance)
{
    float got[MAX_CHANNELS];
    get_bytes(got, address, t->channels * sizeof *got);
    for (size_t k = 0; k < t->channels; k++)
        cr_assert(is_near((double)got[k], expected[k], tolerance, tolerance),
                  "%s: %s of channel %zu is %.9g, expected %.9g", name_of(&t->tensor), what, k,
                  (double)got[k], expected[k]);
}

static void expect_statistics(const trial *t, const double *mean, const double *variance,
                              double tolerance)
{
    double inverse[MAX_CHANNELS];
    for (size_t k = 0; k < t->channels; k++)
        inverse[k] = 1 / sqrt(variance[k] + (double)epsilon);
    expect_channels(t, "mean", t->norm.mean, mean, tolerance);
    expect_channels(t, "inverse", t->norm.inverse, inverse, tolerance);
}

static void moved(const trial *t, const float *before, const double *value, double *after)
{
    for (size_t k = 0; k < t->channels; k++)
        after[k] = (double)momentum * (double)before[k] + (1 - (double)momentum) * value[k];
}

Test(kernel_norm, statistics_are_those_of_the_batch_and_move_the_averages)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        trial t;
        double mean[MAX_CHANNELS], variance[MAX_CHANNELS];
        set_up(&t, number, number % VIEW_COUNT, 0.25F);
        sum_up(&t);
        compute_statistics(&t, true);
        expect_statistics(&t, t.mean, t.variance, 2e-6);
        moved(&t, t.means, t.mean, mean);
        moved(&t, t.variances, t.variance, variance);
        expect_channels(&t, "moving mean", t.moving_mean, mean, 2e-6);
        expect_channels(&t, "moving variance", t.moving_variance, variance, 2e-6);
        tear_down(&t);
    }
}

/* E[x^2] - E[x]^2 would have no correct digit of the variance. */
Test(kernel_norm, a_large_mean_does_not_cancel)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        trial t;
        set_up(&t, number, number % VIEW_COUNT, 30000);
        sum_up(&t);
        compute_statistics(&t, true);
        expect_statistics(&t, t.mean, t.variance, 1e-5);
        tear_down(&t);
    }
}

Test(kernel_norm, inference_takes_the_averages_and_leaves_them)
{
    trial t;
    double mean[MAX_CHANNELS], variance[MAX_CHANNELS];
    set_up(&t, 3 * VARIANT_COUNT, 0, 0);
    for (size_t k = 0; k < t.channels; k++) {
        mean[k] = (double)t.means[k];
        variance[k] = (double)t.variances[k];
    }
    compute_statistics(&t, false);
    expect_statistics(&t, mean, variance, 1e-6);
    expect_channels(&t, "moving mean", t.moving_mean, mean, 0);
    expect_channels(&t, "moving variance", t.moving_variance, variance, 0);
    tear_down(&t);
}

Test(kernel_norm, the_same_bits_every_time)
{
    float first[2][MAX_CHANNELS], second[2][MAX_CHANNELS];
    for (int number = 0; number < TENSOR_COUNT; number++) {
        trial t;
        set_up(&t, number, 0, 0);
        size_t nbytes = t.channels * sizeof(float);
        compute_statistics(&t, true);
        get_bytes(first[0], t.norm.mean, nbytes);
        get_bytes(first[1], t.norm.inverse, nbytes);
        compute_statistics(&t, true);
        get_bytes(second[0], t.norm.mean, nbytes);
        get_bytes(second[1], t.norm.inverse, nbytes);
        cr_assert(memcmp(first[0], second[0], nbytes) == 0, "%s", name_of(&t.tensor));
        cr_assert(memcmp(first[1], second[1], nbytes) == 0, "%s", name_of(&t.tensor));
        tear_down(&t);
    }
}

/* ---- y and the gradients ---- */

static double hat(const trial *t, size_t i)
{
    size_t k = i % t->channels;
    return ((double)t->x[i] - t->mean[k]) / sqrt(t->variance[k] + (double)epsilon);
}

static double expected_y(const trial *t, size_t i)
{
    size_t k = i % t->channels;
    double y = hat(t, i) * (double)t->gamma[k] + (double)t->beta[k] +
               (t->has_side ? (double)t->side[i] : 0);
    return t->norm.relu && y < 0 ? 0 : y;
}

static double expected_dz(const trial *t, size_t i)
{
    return t->norm.relu && !(t->y[i] > 0) ? 0 : (double)t->dy[i];
}

static double expected_dx(const trial *t, size_t i, bool batch)
{
    size_t k = i % t->channels;
    double through = (t->dbeta[k] + hat(t, i) * t->dgamma[k]) / (double)t->rows;
    return (double)t->gamma[k] / sqrt(t->variance[k] + (double)epsilon) *
           (expected_dz(t, i) - (batch ? through : 0));
}

static double tolerance_of(const trial *t)
{
    return t->tensor.bf16 ? 0.01 : 1e-5;
}

static void check_forward(trial *t)
{
    MUST_WORK(hpac_kernel_normalize(&t->norm, t->device_y, t->device_x,
                                    t->has_side ? t->device_side : NULL, bench_stream));
    get_tensor(&t->y_tensor, t->device_y, t->y);
    for (size_t i = 0; i < t->count; i++)
        cr_assert(is_near((double)t->y[i], expected_y(t, i), tolerance_of(t), tolerance_of(t)),
                  "%s: value %zu is %g, expected %g", name_of(&t->tensor), i, (double)t->y[i],
                  expected_y(t, i));
}

static void check_sums(trial *t, float *means)
{
    float *dgamma = put_bytes(NULL, sizeof t->gamma), *dbeta = put_bytes(NULL, sizeof t->beta);
    for (size_t i = 0; i < t->count; i++) {
        t->dbeta[i % t->channels] += expected_dz(t, i);
        t->dgamma[i % t->channels] += expected_dz(t, i) * hat(t, i);
    }
    MUST_WORK(hpac_kernel_norm_gradients(&t->norm, dgamma, dbeta, means, t->device_x,
                                         t->has_side ? t->device_y : NULL, t->device_dy,
                                         t->partials, bench_stream));
    expect_channels(t, "dgamma", dgamma, t->dgamma, 2e-5 * (1 + sqrt((double)t->rows)));
    expect_channels(t, "dbeta", dbeta, t->dbeta, 2e-5 * (1 + sqrt((double)t->rows)));
}

/* dx over dy, or added to one that is there. */
static void check_dx(const trial *t, const float *means, bool add)
{
    float *got = new_values(t->count);
    bool over = !add && t->tensor.wide_channels == t->y_tensor.wide_channels;
    void *dx = put_tensor(&t->tensor, over ? t->dy : t->side);
    void *dside = put_tensor(&t->side_tensor, t->x);
    MUST_WORK(hpac_kernel_normalize_backward(&t->norm, means, dx, add, dside, add, t->device_x,
                                             t->has_side ? t->device_y : NULL,
                                             over ? dx : t->device_dy, bench_stream));
    get_tensor(&t->tensor, dx, got);
    for (size_t i = 0; i < t->count; i++) {
        double expected = expected_dx(t, i, means) + (add ? (double)t->side[i] : 0);
        cr_assert(is_near((double)got[i], expected, tolerance_of(t), tolerance_of(t)),
                  "%s: dx %zu is %g, expected %g", name_of(&t->tensor), i, (double)got[i],
                  expected);
    }
    get_tensor(&t->side_tensor, dside, got);
    for (size_t i = 0; i < t->count; i++) {
        double expected = expected_dz(t, i) + (add ? (double)t->x[i] : 0);
        cr_assert(is_near((double)got[i], expected, tolerance_of(t), tolerance_of(t)),
                  "%s: dside %zu is %g, expected %g", name_of(&t->tensor), i, (double)got[i],
                  expected);
    }
    free(got);
}

static void check_passes(bool has_side, bool relu)
{
    for (int i = 0; i < TENSOR_COUNT * VIEW_COUNT; i++) {
        trial t;
        set_up(&t, i / VIEW_COUNT, i % VIEW_COUNT, 0);
        t.has_side = has_side;
        t.norm.relu = relu;
        sum_up(&t);
        compute_statistics(&t, true);
        check_forward(&t);
        float *means = put_bytes(NULL, 2 * t.channels * sizeof(float));
        check_sums(&t, means);
        check_dx(&t, means, false);
        check_dx(&t, means, true);
        check_dx(&t, NULL, true);
        tear_down(&t);
    }
}

Test(kernel_norm, alone)
{
    check_passes(false, false);
}

Test(kernel_norm, before_relu)
{
    check_passes(false, true);
}

Test(kernel_norm, before_add)
{
    check_passes(true, false);
}

Test(kernel_norm, before_add_and_relu)
{
    check_passes(true, true);
}
