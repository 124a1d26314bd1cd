/* Histogram, kernel density, mean and standard deviation of probabilities. */
#include "density.h"

#include <math.h>
#include <string.h>

static double value_at(const hpac_values *values, size_t i)
{
    return values->first[i * values->stride];
}

size_t hpac_values_spread(const hpac_values *values, int ddof, double *mean, double *std)
{
    size_t count = 0;
    double sum = 0, square_sum = 0;
    for (size_t i = 0; i < values->count; i++)
        if (isfinite(value_at(values, i))) {
            sum += value_at(values, i);
            count++;
        }
    *mean = count > 0 ? sum / (double)count : NAN;
    for (size_t i = 0; i < values->count; i++)
        if (isfinite(value_at(values, i))) {
            double distance = value_at(values, i) - *mean;
            square_sum += distance * distance;
        }
    double divisor = (double)count - ddof;
    *std = divisor > 0 ? sqrt(square_sum / divisor) : NAN;
    return count;
}

/* As numpy computes the edges, so that values on them are in the same bin. */
static double edge(size_t bin, size_t bins)
{
    return bin == bins ? 1 : (double)bin * (1.0 / (double)bins);
}

void hpac_histogram(const hpac_values *values, size_t bins, uint64_t *counts)
{
    memset(counts, 0, bins * sizeof *counts);
    for (size_t i = 0; i < values->count; i++) {
        double value = value_at(values, i);
        if (!(value >= 0 && value <= 1))
            continue;
        size_t bin = (size_t)(value * (double)bins);
        bin = bin < bins ? bin : bins - 1;
        if (value < edge(bin, bins))
            bin--;
        else if (bin + 1 < bins && value >= edge(bin + 1, bins))
            bin++;
        counts[bin]++;
    }
}

/* One side of a kernel: `steps` points from `nearest` on, upwards (direction 1) or downwards (-1).
 */
static void add_side(double *nearest, double steps, int direction, double height, double ratio,
                     double bend)
{
    for (long k = 1; k <= (long)steps; k++) {
        height *= ratio;
        ratio *= bend;
        nearest[direction * k] += height;
    }
}

/* One kernel, without its factor: with a = d / h for the distance d of two points, the kernel at
 * the point k steps from the nearest one is
 *
 *     exp(-(u + k a)^2 / 2) = exp(-u^2 / 2) * prod over j < k of exp(-u a - a^2 / 2) exp(-a^2 j)
 *
 * where u is the nearest point's distance from the value, over h: two products per step. */
static void add_kernel(double value, double bandwidth, size_t points, double *density)
{
    const double reach = 9; /* exp(-9^2 / 2) = 3e-18 */
    double last = (double)(points - 1), step = 1 / last, a = step / bandwidth;
    double nearest = fmin(fmax(rint(value / step), 0), last);
    double u = (nearest * step - value) / bandwidth, height = exp(-u * u / 2), bend = exp(-a * a);
    double steps = ceil(reach / a) + 1, *middle = density + (long)nearest;
    *middle += height;
    add_side(middle, fmin(steps, last - nearest), 1, height, exp(-u * a - a * a / 2), bend);
    add_side(middle, fmin(steps, nearest), -1, height, exp(u * a - a * a / 2), bend);
}

/* A mean of equal values may be another value in its last bit: their spread means nothing. */
static bool all_equal(const hpac_values *values)
{
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < values->count; i++)
        if (isfinite(value_at(values, i))) {
            min = fmin(min, value_at(values, i));
            max = fmax(max, value_at(values, i));
        }
    return !(min < max);
}

bool hpac_density(const hpac_values *values, size_t points, double *density)
{
    double mean, std;
    size_t count = hpac_values_spread(values, 1, &mean, &std);
    bool undefined = all_equal(values);
    for (size_t k = 0; k < points; k++)
        density[k] = undefined ? NAN : 0;
    if (undefined)
        return false;
    double bandwidth = fmax(std * pow((double)count, -0.2), 1 / (double)(points - 1));
    for (size_t i = 0; i < values->count; i++)
        if (isfinite(value_at(values, i)))
            add_kernel(value_at(values, i), bandwidth, points, density);
    const double root_two_pi = 2.5066282746310005;
    for (size_t k = 0; k < points; k++)
        density[k] /= (double)count * bandwidth * root_two_pi;
    return true;
}
