/* Initial weights: the quantile function against scipy, the drawn values against their
 * distributions. */
#include "net/network_internal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

Test(initializer, quantile_equals_scipy_ndtri)
{
    static const double known[][2] = {
        {1e-300, -37.0470962993612},   {1e-20, -9.262340089798409},
        {1e-09, -5.9978070150076865},  {0.01, -2.3263478740408408},
        {0.0227501319481792, -2.0},    {0.2, -0.8416212335729142},
        {0.49, -0.02506890825871106},  {0.5, 0.0},
        {0.925, 1.4395314709384563},   {0.975, 1.959963984540054},
        {0.999999, 4.753424308817087},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double x = hpac_normal_quantile(known[i][0]);
        cr_expect(fabs(x - known[i][1]) <= 1e-14 * (1 + fabs(x)) * 10, "p = %g: %.17g, not %.17g",
                  known[i][0], x, known[i][1]);
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Largest distance between the empirical distribution of `values` and `cdf` (Kolmogorov, Smirnov).
 */
static double distance_from(float *values, size_t count, double (*cdf)(double, double),
                            double scale)
{
    qsort(values, count, sizeof *values, compare_floats);
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double expected = cdf((double)values[i], scale);
        double above = fabs(expected - (double)i / (double)count);
        double below = fabs(expected - (double)(i + 1) / (double)count);
        largest = fmax(largest, fmax(above, below));
    }
    return largest;
}

static double truncated_normal_cdf(double x, double sigma)
{
    double tail = 0.5 * erfc(sqrt(2.0));
    return (0.5 * erfc(-x / sigma / sqrt(2.0)) - tail) / (1 - 2 * tail);
}

static double uniform_cdf(double x, double limit)
{
    return (x + limit) / (2 * limit);
}

static const hpac_shape features = {.rank = 1, .rows = 1, .cols = 1, .channels = 3000};

Test(initializer, variance_scaling_is_a_normal_cut_at_two_sigma)
{
    const hpac_layer dense = {.kind = HPAC_LAYER_DENSE, .units = 64};
    hpac_weights *weights = hpac_weights_create(&dense, 1, features);
    float *kernel = weights->tensors[HPAC_KERNEL].values;
    size_t count = weights->tensors[HPAC_KERNEL].count;
    hpac_initialize_kernel(dense.initializer, 7, 5, weights);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)kernel[i];
        squares += (double)kernel[i] * (double)kernel[i];
    }
    /* Scale 1 and fan-in: the variance after the cut is 1 / 3000, whatever the sigma inside. */
    double variance = squares / (double)count;
    cr_expect(fabs(variance * 3000 - 1) < 0.02, "variance x fan_in = %g", variance * 3000);
    cr_expect(fabs(sum / (double)count) < 5 * sqrt(1.0 / 3000 / (double)count));
    double sigma = sqrt(1.0 / 3000) / 0.87962566103423978;
    double distance = distance_from(kernel, count, truncated_normal_cdf, sigma);
    cr_expect(distance < 1.95 / sqrt((double)count), "distance %g", distance); /* p = 0.001 */
    cr_expect((double)kernel[0] >= -2 * sigma && (double)kernel[count - 1] <= 2 * sigma);
    hpac_weights_destroy(weights, 1);
}

Test(initializer, glorot_counts_the_window_in_both_fans)
{
    const hpac_layer conv = {.kind = HPAC_LAYER_CONV2D,
                             .filters = 64,
                             .kernel_rows = 3,
                             .kernel_cols = 5,
                             .initializer = HPAC_INIT_GLOROT_UNIFORM};
    const hpac_shape in = {.rank = 3, .rows = 9, .cols = 9, .channels = 32};
    hpac_weights *weights = hpac_weights_create(&conv, 1, in);
    float *kernel = weights->tensors[HPAC_KERNEL].values;
    size_t count = weights->tensors[HPAC_KERNEL].count;
    hpac_initialize_kernel(conv.initializer, 0, 0, weights);
    double limit = sqrt(6.0 / (15 * 32 + 15 * 64));
    double distance = distance_from(kernel, count, uniform_cdf, limit);
    cr_expect(distance < 1.95 / sqrt((double)count), "distance %g", distance);
    cr_expect((double)kernel[0] >= -limit && (double)kernel[count - 1] <= limit);
    cr_expect((double)kernel[0] < -0.99 * limit && (double)kernel[count - 1] > 0.99 * limit);
    hpac_weights_destroy(weights, 1);
}

Test(initializer, seeds_and_tensors_differ_and_repeat)
{
    const hpac_layer dense = {.kind = HPAC_LAYER_DENSE, .units = 2};
    const hpac_shape in = {.rank = 1, .rows = 1, .cols = 1, .channels = 8};
    /* The kernel's 16 values for (seed, stream). */
    const struct {
        uint64_t seed;
        uint32_t stream;
    } draws[] = {{1, 0}, {1, 0}, {2, 0}, {1, 1}};
    hpac_weights *weights[4];
    for (size_t i = 0; i < 4; i++) {
        weights[i] = hpac_weights_create(&dense, 1, in);
        hpac_initialize_kernel(dense.initializer, draws[i].seed, draws[i].stream, weights[i]);
    }
    cr_expect_arr_eq(weights[0]->tensors[HPAC_KERNEL].values,
                     weights[1]->tensors[HPAC_KERNEL].values, 16 * sizeof(float));
    cr_expect_arr_neq(weights[0]->tensors[HPAC_KERNEL].values,
                      weights[2]->tensors[HPAC_KERNEL].values, 16 * sizeof(float));
    cr_expect_arr_neq(weights[0]->tensors[HPAC_KERNEL].values,
                      weights[3]->tensors[HPAC_KERNEL].values, 16 * sizeof(float));
    for (size_t i = 0; i < 4; i++)
        hpac_weights_destroy(weights[i], 1);
}
