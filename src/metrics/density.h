/*
 * Distribution of predicted probabilities over [0, 1]: histogram and Gaussian kernel density.
 *
 *     const hpac_values values = {.first = probabilities + class, .count = images,
 *                                 .stride = classes};
 *     double density[201];
 *     if (!hpac_density(&values, 201, density))
 *         ... all values are equal
 *
 * Values are in [0, 1]; those that are not finite are ignored.
 */
#ifndef HPAC_METRICS_DENSITY_H
#define HPAC_METRICS_DENSITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hpac_values {
    const double *first;
    size_t count, stride; /* value i is first[i * stride] */
} hpac_values;

/* Mean and standard deviation, the sum of squares divided by n - `ddof` as numpy does. NaN where
 * there are too few values. Returns how many there are. */
size_t hpac_values_spread(const hpac_values *values, int ddof, double *mean, double *std);

/* Counts the values in `bins` parts of 0..1, each with its lower edge, the last with both, as
 * numpy.histogram(values, bins, range=(0, 1)) does. */
void hpac_histogram(const hpac_values *values, size_t bins, uint64_t *counts);

/* The density at the points k / (points - 1), points at least 2:
 *
 *     f(x) = sum over values v of exp(-(x - v)^2 / 2h^2) / (n h sqrt(2 pi)),  h = n^(-1/5) s
 *
 * with s the standard deviation with n - 1: Scott's rule for one dimension (D. W. Scott,
 * Multivariate Density Estimation, 1992, 6.42), as scipy.stats.gaussian_kde has it. But h is at
 * least the distance of two points, since a narrower peak would be lost between them. The sum is
 * cut where a kernel falls below 1e-17 of its height, and found by recurrence from the point
 * nearest to each value, which is off by at most 1e-10 of f's largest value for up to 1000 points.
 * Returns false, with NaN in all points, when the values are fewer than two or all equal. */
bool hpac_density(const hpac_values *values, size_t points, double *density);

#endif
