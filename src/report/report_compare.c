/* The tables of several runs: side by side, per class, their spread. */
#include "report_internal.h"

#include "metrics/density.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- F1 per class ---- */

static double f1_of_class(const report_run *run, const char *name)
{
    for (size_t c = 0; c < run->class_count; c++)
        if (strcmp(report_class_name(run, c), name) == 0)
            return report_class_value(run, c, REPORT_CLASS_F1);
    return NAN;
}

static bool is_known_class(const hpac_table *table, const char *name)
{
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        if (strcmp(hpac_table_cell(table, row, 0)->text, name) == 0)
            return true;
    return false;
}

/* The classes of all runs, each once, with the F1 of the runs whose curves are drawn. */
static void make_class_f1(hpac_report *report)
{
    hpac_column columns[REPORT_CURVES + 1] = {HPAC_COLUMN_TEXT("class", NULL)};
    for (size_t i = 0; i < report->curve_count; i++)
        columns[i + 1] =
            (hpac_column)HPAC_COLUMN_REAL(report->runs[report->curves[i]].label, NULL, 3);
    hpac_table *table = report_table(report, "class_f1", "F1 per class, last epoch", columns,
                                     report->curve_count + 1);
    for (size_t i = 0; i < report->curve_count; i++) {
        const report_run *run = &report->runs[report->curves[i]];
        for (size_t c = 0; c < run->class_count; c++) {
            const char *name = report_class_name(run, c);
            if (is_known_class(table, name))
                continue;
            hpac_table_add_text(table, name);
            for (size_t j = 0; j < report->curve_count; j++)
                hpac_table_add_real(table, f1_of_class(&report->runs[report->curves[j]], name));
        }
    }
}

double report_common(const hpac_report *report, hpac_metric metric)
{
    double common = NAN;
    for (size_t i = 0; i < report->run_count; i++) {
        double own = report_metric(&report->runs[i], 0, metric);
        if (!isnan(own) && !isnan(common) && fabs(own - common) > 1e-6)
            return NAN;
        common = isnan(own) ? common : own;
    }
    return common;
}

/* ---- mean and spread over folds ---- */

/* A fold that is not finished has no last epoch. */
static double value_of_fold(const report_run *run, hpac_metric column, bool best)
{
    if (!run->finished)
        return NAN;
    return report_metric(run, best ? run->results.best_row : report_epochs(run) - 1, column);
}

/* `values`: one per run, NaN where there is none. */
static void add_spread(hpac_table *table, const char *measure, const double *values, size_t runs)
{
    const hpac_values all = {values, runs, 1};
    double mean, std, min = NAN, max = NAN; /* fmin and fmax ignore NaN */
    size_t count = hpac_values_spread(&all, 1, &mean, &std);
    for (size_t i = 0; i < runs; i++) {
        min = fmin(min, values[i]);
        max = fmax(max, values[i]);
    }
    hpac_table_add_row(table, HPAC_CELLS(HPAC_TEXT_CELL(measure), HPAC_NUMBER_CELL(count),
                                         HPAC_NUMBER_CELL(mean), HPAC_NUMBER_CELL(std),
                                         HPAC_NUMBER_CELL(min), HPAC_NUMBER_CELL(max)));
}

static hpac_status make_spread(hpac_report *report)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("measure", NULL),   HPAC_COLUMN_INTEGER("folds", NULL),
        HPAC_COLUMN_REAL("mean", NULL, 4),   HPAC_COLUMN_REAL("std", NULL, 4),
        HPAC_COLUMN_REAL("least", "min", 4), HPAC_COLUMN_REAL("largest", "max", 4),
    };
    static const struct {
        const char *measure;
        hpac_metric column;
        bool best;
    } rows[] = {
        {"loss", HPAC_METRIC_VAL_LOSS, false},
        {"constant prior's loss", HPAC_METRIC_VAL_PRIOR_LOSS, false},
        {"accuracy", HPAC_METRIC_VAL_ACCURACY, false},
        {"all-zero accuracy", HPAC_METRIC_VAL_ALL_ZERO_ACCURACY, false},
        {"F1 mean", HPAC_METRIC_VAL_F1_MEAN, false},
        {"F1 min", HPAC_METRIC_VAL_F1_MIN, false},
        {"F1 max", HPAC_METRIC_VAL_F1_MAX, false},
        {"F1 std", HPAC_METRIC_VAL_F1_STD, false},
        {"loss of the best epoch", HPAC_METRIC_VAL_LOSS, true},
        {"training loss", HPAC_METRIC_TRAIN_LOSS, false},
    };
    double *values = calloc(report->run_count, sizeof *values);
    if (!values)
        return hpac_fail_memory(report->run_count * sizeof *values);
    hpac_table *table = report_table(report, "spread", "Last epoch, mean and spread over the folds",
                                     columns, COUNT(columns));
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t run = 0; run < report->run_count; run++)
            values[run] = value_of_fold(&report->runs[run], rows[i].column, rows[i].best);
        add_spread(table, rows[i].measure, values, report->run_count);
    }
    free(values);
    return HPAC_OK;
}

hpac_status report_compare_tables(hpac_report *report)
{
    report_runs_table(report);
    if (report->kind == REPORT_FOLDS)
        HPAC_TRY(make_spread(report));
    HPAC_TRY(report_differences_table(report));
    make_class_f1(report);
    return HPAC_OK;
}
