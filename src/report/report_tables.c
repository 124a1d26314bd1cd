/* The tables of one run, and the row of a run beside others. */
#include "report_internal.h"

#include "metrics/density.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 50
#define POINTS 201

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : NAN;
}

/* ---- figures beside guessing ---- */

static void add_figure(hpac_table *table, const report_run *run, const char *measure,
                       hpac_metric column, int guess)
{
    size_t last = report_epochs(run) - 1;
    hpac_table_add_text(table, measure);
    hpac_table_add_real(table, report_metric(run, last, column));
    hpac_table_add_real(table, report_metric(run, run->results.best_row, column));
    hpac_table_add_real(table, guess < 0 ? NAN : report_metric(run, last, (hpac_metric)guess));
}

static void make_figures(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("measure", NULL),
        HPAC_COLUMN_REAL("last_epoch", "last epoch", 4),
        HPAC_COLUMN_REAL("best_epoch", "best epoch", 4),
        HPAC_COLUMN_REAL("guessing", NULL, 4),
    };
    hpac_table *table = report_table(report, "figures", "Validation beside guessing", columns, 4);
    add_figure(table, run, "loss", HPAC_METRIC_VAL_LOSS, HPAC_METRIC_VAL_PRIOR_LOSS);
    add_figure(table, run, "accuracy", HPAC_METRIC_VAL_ACCURACY, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY);
    add_figure(table, run, "F1, mean of the classes", HPAC_METRIC_VAL_F1_MEAN, -1);
    add_figure(table, run, "F1, least", HPAC_METRIC_VAL_F1_MIN, -1);
    add_figure(table, run, "F1, largest", HPAC_METRIC_VAL_F1_MAX, -1);
    add_figure(table, run, "F1, standard deviation", HPAC_METRIC_VAL_F1_STD, -1);
    add_figure(table, run, "loss in training", HPAC_METRIC_TRAIN_LOSS, -1);
    add_figure(table, run, "accuracy in training", HPAC_METRIC_TRAIN_ACCURACY,
               HPAC_METRIC_TRAIN_ALL_ZERO_ACCURACY);
    add_figure(table, run, "F1 in training, mean", HPAC_METRIC_TRAIN_F1_MEAN, -1);
}

/* ---- classes ---- */

static hpac_values values_of_class(const report_run *run, size_t c)
{
    const report_predictions *read = &run->predictions;
    return (hpac_values){read->values ? read->values + c : NULL, read->images, read->class_count};
}

static void make_class_summary(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("class", NULL),
        HPAC_COLUMN_INTEGER("support", "images with it"),
        HPAC_COLUMN_REAL("ones_percent", "percent", 2),
        HPAC_COLUMN_REAL("prediction_mean", "prediction, mean", 4),
        HPAC_COLUMN_REAL("prediction_std", "std", 4),
        HPAC_COLUMN_REAL("precision", NULL, 3),
        HPAC_COLUMN_REAL("recall", NULL, 3),
        HPAC_COLUMN_REAL("f1", "F1", 3),
    };
    hpac_table *table =
        report_table(report, "class_summary",
                     run->finished ? "Classes of the validation images, last epoch"
                                   : "Classes of the validation images, last epoch there is",
                     columns, 8);
    for (size_t c = 0; c < run->class_count; c++) {
        double mean, std, support = report_class_value(run, c, REPORT_CLASS_SUPPORT);
        hpac_values values = values_of_class(run, c);
        hpac_values_spread(&values, 0, &mean, &std);
        hpac_table_add_text(table, report_class_name(run, c));
        hpac_table_add_real(table, support);
        hpac_table_add_real(table, percent(support, report_images(run)));
        hpac_table_add_real(table, mean);
        hpac_table_add_real(table, std);
        hpac_table_add_real(table, report_class_value(run, c, REPORT_CLASS_PRECISION));
        hpac_table_add_real(table, report_class_value(run, c, REPORT_CLASS_RECALL));
        hpac_table_add_real(table, report_class_value(run, c, REPORT_CLASS_F1));
    }
}

/* A class cannot be carried by more images than there are. */
static hpac_status check_supports(const report_run *run)
{
    for (size_t c = 0; c < run->class_count; c++) {
        double support = report_class_value(run, c, REPORT_CLASS_SUPPORT);
        if (support < 0 || support > report_images(run))
            return hpac_fail(HPAC_ERR_DATA,
                             "%s/class_metrics.csv: class %s: a support of %.15g, but there are "
                             "%.15g validation images",
                             run->folder, report_class_name(run, c), support, report_images(run));
    }
    return HPAC_OK;
}

static void make_label_shares(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_INTEGER("label", NULL),
        HPAC_COLUMN_INTEGER("count", NULL),
        HPAC_COLUMN_REAL("percent", NULL, 2),
    };
    double all = report_images(run) * (double)run->class_count, ones = 0;
    for (size_t c = 0; c < run->class_count; c++)
        ones += report_class_value(run, c, REPORT_CLASS_SUPPORT);
    hpac_table *table =
        report_table(report, "label_shares", "Labels of the validation images", columns, 3);
    for (int label = 0; label < 2; label++) {
        double count = label == 1 ? ones : all - ones;
        hpac_table_add_integer(table, label);
        hpac_table_add_real(table, count);
        hpac_table_add_real(table, percent(count, all));
    }
}

/* ---- predicted probabilities ---- */

static void make_histogram(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_REAL("from", NULL, 2),
        HPAC_COLUMN_REAL("to", NULL, 2),
        HPAC_COLUMN_INTEGER("count", NULL),
        HPAC_COLUMN_REAL("density", NULL, 4),
    };
    const report_predictions *read = &run->predictions;
    const hpac_values all = {read->values, read->images * read->class_count, 1};
    uint64_t counts[BINS], total = 0;
    hpac_histogram(&all, BINS, counts);
    for (int i = 0; i < BINS; i++)
        total += counts[i];
    hpac_table *table = report_table(report, "probability_histogram",
                                     "Predicted probabilities of all classes", columns, 4);
    for (int i = 0; i < BINS; i++) {
        double from = i / (double)BINS, to = (i + 1) / (double)BINS;
        hpac_table_add_real(table, from);
        hpac_table_add_real(table, to);
        hpac_table_add_integer(table, (long long)counts[i]);
        hpac_table_add_real(table, total > 0 ? (double)counts[i] * BINS / (double)total : NAN);
    }
}

static void make_density(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_REAL("probability", NULL, 3),
        HPAC_COLUMN_REAL("density", NULL, 4),
    };
    const report_predictions *read = &run->predictions;
    const hpac_values all = {read->values, read->images * read->class_count, 1};
    double density[POINTS];
    hpac_density(&all, POINTS, density);
    hpac_table *table = report_table(report, "probability_density",
                                     "Density of the predicted probabilities", columns, 2);
    for (int k = 0; k < POINTS; k++) {
        hpac_table_add_real(table, k / (double)(POINTS - 1));
        hpac_table_add_real(table, density[k]);
    }
}

static hpac_status make_class_densities(hpac_report *report, const report_run *run)
{
    const report_predictions *read = &run->predictions;
    hpac_column columns[HPAC_CLASS_COUNT + 1] = {HPAC_COLUMN_REAL("probability", NULL, 3)};
    double *densities = malloc(read->class_count * POINTS * sizeof *densities);
    if (!densities)
        return hpac_fail_memory(read->class_count * POINTS * sizeof *densities);
    for (size_t c = 0; c < read->class_count; c++) {
        hpac_values values = values_of_class(run, c);
        hpac_density(&values, POINTS, densities + c * POINTS);
        columns[c + 1] = (hpac_column)HPAC_COLUMN_REAL(read->classes[c], NULL, 4);
    }
    hpac_table *table = report_table(report, "class_probability_density",
                                     "Density of each class's predicted probabilities", columns,
                                     read->class_count + 1);
    for (size_t k = 0; k < POINTS; k++) {
        hpac_table_add_real(table, (double)k / (POINTS - 1));
        for (size_t c = 0; c < read->class_count; c++)
            hpac_table_add_real(table, densities[c * POINTS + k]);
    }
    free(densities);
    return HPAC_OK;
}

hpac_status report_run_tables(hpac_report *report)
{
    const report_run *run = &report->runs[0];
    report_runs_table(report);
    hpac_status status = check_supports(run);
    if (status == HPAC_OK && report_epochs(run) > 0)
        make_figures(report, run);
    if (status == HPAC_OK && run->class_count > 0) {
        make_class_summary(report, run);
        make_label_shares(report, run);
    }
    if (status != HPAC_OK || run->predictions.images == 0)
        return status;
    make_histogram(report, run);
    make_density(report, run);
    return make_class_densities(report, run);
}

/* ---- a row a run ---- */

static void add_configured(hpac_table *table, const report_run *run, const char *path)
{
    const report_value *value = report_config_find(&run->keys, path);
    char *end = NULL;
    double number = value ? strtod(value->text, &end) : NAN;
    hpac_table_add_real(table, end && end > value->text && !*end ? number : NAN);
}

static void add_run(hpac_table *table, const report_run *run)
{
    const char *configuration = report_json_text(run, "configuration");
    hpac_table_add_text(table, run->label);
    hpac_table_add_text(table, run->state);
    hpac_table_add_text(table, configuration ? configuration : "");
    hpac_table_add_real(table, run->class_count > 0 ? (double)run->class_count : NAN);
    add_configured(table, run, "train.epochs");
    add_configured(table, run, "train.batch_size");
    hpac_table_add_text(table, run->keys.dropout ? run->keys.dropout : "");
    add_configured(table, run, "train.optimizer.learning_rate");
    hpac_run_results_add(table, &run->results);
}

void report_runs_table(hpac_report *report)
{
    hpac_column columns[HPAC_SCHEDULE_COLUMNS + HPAC_RESULT_COLUMNS];
    memcpy(columns, hpac_schedule_columns, sizeof hpac_schedule_columns);
    memcpy(columns + HPAC_SCHEDULE_COLUMNS, hpac_result_columns, sizeof hpac_result_columns);
    hpac_table *table =
        report_table(report, "runs", "Runs", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < report->run_count; i++)
        add_run(table, &report->runs[i]);
}
