/* Distributions beside numpy's and scipy's (tests/golden/report.csv), and by hand. */
#include "base/csv.h"
#include "metrics/density.h"

#include "formula.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 50, POINTS = 201, VALUES_MAX = 3000 };

static double uniform(uint32_t seed, uint64_t index)
{
    return (formula_hash(seed, index) >> 8) / 16777216.0;
}

/* As tools/reference/make_report_golden.py has them. */
static size_t make_values(const char *name, double *values)
{
    size_t count = 0;
    if (strcmp(name, "skewed") == 0) {
        for (; count < 3000; count++)
            values[count] = uniform(1, count) * uniform(1, count);
    } else if (strcmp(name, "narrow") == 0) {
        for (; count < 400; count++)
            values[count] = 0.02 + 0.002 * uniform(2, count);
    } else if (strcmp(name, "edges") == 0) {
        for (; count < 51; count++)
            values[count] = (double)count * 0.02;
        for (; count < 102; count++)
            values[count] = (double)(count - 51) / 50;
    } else if (strcmp(name, "pair") == 0) {
        values[count++] = 0.25;
        values[count++] = 0.75;
    } else if (strcmp(name, "gaps") == 0) {
        for (; count < 700; count++) {
            double u = uniform(3, count);
            values[count] = count % 7 == 0 ? NAN : count < 350 ? u : 1 - u * u * u;
        }
    } else {
        for (; count < 90; count++)
            values[count] = rint(uniform(4, count));
    }
    return count;
}

typedef struct golden {
    char name[32]; /* of the case that is being compared */
    double values[VALUES_MAX];
    uint64_t counts[BINS], total;
    double density[POINTS], highest;
    double mean, std[2];
    size_t seen;
} golden;

static void compute(golden *own, const char *name)
{
    snprintf(own->name, sizeof own->name, "%s", name);
    const hpac_values values = {own->values, make_values(name, own->values), 1};
    hpac_histogram(&values, BINS, own->counts);
    own->total = 0;
    for (int i = 0; i < BINS; i++)
        own->total += own->counts[i];
    cr_assert(hpac_density(&values, POINTS, own->density));
    own->highest = 0;
    for (int k = 0; k < POINTS; k++)
        own->highest = fmax(own->highest, own->density[k]);
    for (int freedom = 0; freedom < 2; freedom++)
        cr_assert_eq(hpac_values_spread(&values, freedom, &own->mean, &own->std[freedom]),
                     own->total);
}

static hpac_status compare_row(void *user, const hpac_csv_row *row)
{
    golden *own = user;
    cr_assert_eq(row->count, 4);
    if (own->seen++ == 0)
        return HPAC_OK;
    const char *figure = row->cells[1];
    if (strcmp(own->name, row->cells[0]) != 0)
        compute(own, row->cells[0]);
    size_t i = strtoul(row->cells[2], NULL, 10);
    double expected = strtod(row->cells[3], NULL), value = NAN, tolerance = 1e-12;
    if (strcmp(figure, "count") == 0) {
        value = (double)own->counts[i];
        tolerance = 0;
    } else if (strcmp(figure, "histogram") == 0) {
        value = (double)own->counts[i] * BINS / (double)own->total;
    } else if (strcmp(figure, "density") == 0) {
        value = own->density[i];
        tolerance = 1e-10 * own->highest;
    } else if (strcmp(figure, "mean") == 0) {
        value = own->mean;
    } else if (strcmp(figure, "std") == 0) {
        value = own->std[i];
    }
    cr_assert(fabs(value - expected) <= tolerance + 1e-12 * fabs(expected),
              "%s %s %zu: %.17g, %.17g", own->name, figure, i, value, expected);
    return HPAC_OK;
}

Test(density, figures_are_those_of_numpy_and_scipy)
{
    golden *own = calloc(1, sizeof *own);
    cr_assert_eq(hpac_csv_read("tests/golden/report.csv", compare_row, own), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_gt(own->seen, 800);
    free(own);
}

Test(density, a_column_of_a_matrix_is_itself)
{
    const double matrix[] = {0.15, 9, 0.25, 9, 0.35, 9};
    const hpac_values values = {matrix, 3, 2};
    uint64_t counts[10];
    hpac_histogram(&values, 10, counts);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(counts[i], i >= 1 && i <= 3, "bin %d: %d", i, (int)counts[i]);
    double mean, std;
    cr_assert_eq(hpac_values_spread(&values, 0, &mean, &std), 3);
    cr_assert(fabs(mean - 0.25) <= 1e-15);
}

static void assert_undefined(const double *list, size_t count)
{
    const hpac_values values = {list, count, 1};
    double density[POINTS] = {0};
    cr_assert_not(hpac_density(&values, POINTS, density));
    for (int k = 0; k < POINTS; k++)
        cr_assert(isnan(density[k]));
}

Test(density, of_equal_values_is_undefined)
{
    const double equal[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, NAN};
    const double one[] = {NAN, 0.5, NAN}, none[] = {NAN};
    assert_undefined(equal, 7);
    assert_undefined(one, 3);
    assert_undefined(none, 1);
    assert_undefined(NULL, 0);
    const hpac_values values = {none, 1, 1};
    double mean, std;
    cr_assert_eq(hpac_values_spread(&values, 0, &mean, &std), 0);
    cr_assert(isnan(mean) && isnan(std));
}

Test(density, a_peak_between_two_points_is_not_lost)
{
    const double narrow[] = {0.0025, 0.0025000001, 0.0025000002};
    const hpac_values values = {narrow, 3, 1};
    double density[POINTS], area = 0;
    cr_assert(hpac_density(&values, POINTS, density));
    for (int k = 0; k < POINTS; k++)
        area += density[k] / (POINTS - 1);
    /* A Gaussian of width 1/200 at 1/400, of which the part below 0 is cut off. */
    double seen = 0.5 * (1 + erf(0.5 / sqrt(2)));
    cr_assert(fabs(area - seen) <= 0.5 * density[0] / (POINTS - 1) + 1e-3, "%g, %g", area, seen);
    cr_assert_gt(density[0], 50);
}
