/* The tables of one run, and the row of a run beside others. */
#include "report_internal.h"

#include "metrics/density.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS 50
#define POINTS 201
#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *const report_table_names[] = {"runs",
                                          "figures",
                                          "class_summary",
                                          "label_shares",
                                          "probability_histogram",
                                          "probability_density",
                                          "class_probability_density",
                                          "spread",
                                          "configurations",
                                          "class_f1",
                                          NULL};

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : NAN;
}

/* ---- results beside the baselines ---- */

static void make_figures(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("measure", NULL),
        HPAC_COLUMN_REAL("last_epoch", "last epoch", 4),
        HPAC_COLUMN_REAL("best_epoch", "best epoch", 4),
        HPAC_COLUMN_REAL("guessing", "baseline", 4),
    };
    static const struct {
        const char *measure;
        hpac_metric metric, baseline; /* HPAC_METRICS: none */
    } rows[] = {
        {"loss", HPAC_METRIC_VAL_LOSS, HPAC_METRIC_VAL_PRIOR_LOSS},
        {"accuracy", HPAC_METRIC_VAL_ACCURACY, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY},
        {"F1 mean", HPAC_METRIC_VAL_F1_MEAN, HPAC_METRICS},
        {"F1 min", HPAC_METRIC_VAL_F1_MIN, HPAC_METRICS},
        {"F1 max", HPAC_METRIC_VAL_F1_MAX, HPAC_METRICS},
        {"F1 std", HPAC_METRIC_VAL_F1_STD, HPAC_METRICS},
        {"training loss", HPAC_METRIC_TRAIN_LOSS, HPAC_METRICS},
        {"training accuracy", HPAC_METRIC_TRAIN_ACCURACY, HPAC_METRIC_TRAIN_ALL_ZERO_ACCURACY},
        {"training F1 mean", HPAC_METRIC_TRAIN_F1_MEAN, HPAC_METRICS},
    };
    size_t last = report_epochs(run) - 1;
    hpac_table *table = report_table(report, "figures", "Validation results and baselines", columns,
                                     COUNT(columns));
    for (size_t i = 0; i < COUNT(rows); i++) {
        double baseline =
            rows[i].baseline == HPAC_METRICS ? NAN : report_metric(run, last, rows[i].baseline);
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_TEXT_CELL(rows[i].measure),
                       HPAC_NUMBER_CELL(report_metric(run, last, rows[i].metric)),
                       HPAC_NUMBER_CELL(report_metric(run, run->results.best_row, rows[i].metric)),
                       HPAC_NUMBER_CELL(baseline)));
    }
}

/* ---- classes ---- */

static hpac_values values_of_class(const report_run *run, size_t c)
{
    const report_predictions *read = &run->predictions;
    return (hpac_values){read->values ? read->values + c : NULL, read->images, read->class_count};
}

static hpac_values all_values(const report_run *run)
{
    const report_predictions *read = &run->predictions;
    return (hpac_values){read->values, read->images * read->class_count, 1};
}

static void make_class_summary(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("class", NULL),
        HPAC_COLUMN_INTEGER("support", NULL),
        HPAC_COLUMN_REAL("ones_percent", "percent of images", 2),
        HPAC_COLUMN_REAL("prediction_mean", "mean prediction", 4),
        HPAC_COLUMN_REAL("prediction_std", "std", 4),
        HPAC_COLUMN_REAL("precision", NULL, 3),
        HPAC_COLUMN_REAL("recall", NULL, 3),
        HPAC_COLUMN_REAL("f1", "F1", 3),
    };
    hpac_table *table =
        report_table(report, "class_summary", "Validation results per class, last evaluated epoch",
                     columns, COUNT(columns));
    for (size_t c = 0; c < run->class_count; c++) {
        double mean, std, support = report_class_value(run, c, REPORT_CLASS_SUPPORT);
        hpac_values values = values_of_class(run, c);
        hpac_values_spread(&values, 0, &mean, &std);
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_TEXT_CELL(report_class_name(run, c)), HPAC_NUMBER_CELL(support),
                              HPAC_NUMBER_CELL(percent(support, report_images(run))),
                              HPAC_NUMBER_CELL(mean), HPAC_NUMBER_CELL(std),
                              HPAC_NUMBER_CELL(report_class_value(run, c, REPORT_CLASS_PRECISION)),
                              HPAC_NUMBER_CELL(report_class_value(run, c, REPORT_CLASS_RECALL)),
                              HPAC_NUMBER_CELL(report_class_value(run, c, REPORT_CLASS_F1))));
    }
}

/* No more images can have a class than there are. */
static hpac_status check_supports(const report_run *run)
{
    for (size_t c = 0; c < run->class_count; c++) {
        double support = report_class_value(run, c, REPORT_CLASS_SUPPORT);
        if (support < 0 || support > report_images(run))
            return hpac_fail(HPAC_ERR_DATA,
                             "%s/class_metrics.csv: class %s: support %.15g, but there are %.15g "
                             "validation images",
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
    hpac_table *table = report_table(report, "label_shares", "Labels of the validation images",
                                     columns, COUNT(columns));
    for (int label = 0; label < 2; label++) {
        double count = label == 1 ? ones : all - ones;
        hpac_table_add_row(table, HPAC_CELLS(HPAC_NUMBER_CELL(label), HPAC_NUMBER_CELL(count),
                                             HPAC_NUMBER_CELL(percent(count, all))));
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
    hpac_values all = all_values(run);
    uint64_t counts[BINS], total = 0;
    hpac_histogram(&all, BINS, counts);
    for (int i = 0; i < BINS; i++)
        total += counts[i];
    hpac_table *table =
        report_table(report, "probability_histogram", "Predicted probabilities of all classes",
                     columns, COUNT(columns));
    for (int i = 0; i < BINS; i++) {
        double density = total > 0 ? (double)counts[i] * BINS / (double)total : NAN;
        hpac_table_add_row(table,
                           HPAC_CELLS(HPAC_NUMBER_CELL(i / (double)BINS),
                                      HPAC_NUMBER_CELL((i + 1) / (double)BINS),
                                      HPAC_NUMBER_CELL(counts[i]), HPAC_NUMBER_CELL(density)));
    }
}

/* A column of densities per list of values, beside that of the points. */
static hpac_status make_densities(hpac_report *report, const char *name, const char *title,
                                  const hpac_values *values, const char *const *names, size_t count)
{
    hpac_column columns[HPAC_CLASS_COUNT + 1] = {HPAC_COLUMN_REAL("probability", NULL, 3)};
    double *densities = malloc(count * POINTS * sizeof *densities);
    if (!densities)
        return hpac_fail_memory(count * POINTS * sizeof *densities);
    for (size_t c = 0; c < count; c++) {
        hpac_density(&values[c], POINTS, densities + c * POINTS);
        columns[c + 1] = (hpac_column)HPAC_COLUMN_REAL(names[c], NULL, 4);
    }
    hpac_table *table = report_table(report, name, title, columns, count + 1);
    for (size_t k = 0; k < POINTS; k++) {
        hpac_table_add_real(table, (double)k / (POINTS - 1));
        for (size_t c = 0; c < count; c++)
            hpac_table_add_real(table, densities[c * POINTS + k]);
    }
    free(densities);
    return HPAC_OK;
}

static hpac_status make_probabilities(hpac_report *report, const report_run *run)
{
    const report_predictions *read = &run->predictions;
    hpac_values all = all_values(run), classes[HPAC_CLASS_COUNT];
    const char *names[HPAC_CLASS_COUNT];
    for (size_t c = 0; c < read->class_count; c++) {
        classes[c] = values_of_class(run, c);
        names[c] = read->classes[c];
    }
    make_histogram(report, run);
    HPAC_TRY(make_densities(report, "probability_density", "Density of the predicted probabilities",
                            &all, (const char *const[]){"density"}, 1));
    return make_densities(report, "class_probability_density",
                          "Density of the predicted probabilities per class", classes, names,
                          read->class_count);
}

hpac_status report_run_tables(hpac_report *report)
{
    const report_run *run = &report->runs[0];
    report_runs_table(report);
    HPAC_TRY(check_supports(run));
    if (report_epochs(run) > 0)
        make_figures(report, run);
    if (run->class_count > 0) {
        make_class_summary(report, run);
        make_label_shares(report, run);
    }
    return run->predictions.images > 0 ? make_probabilities(report, run) : HPAC_OK;
}

/* ---- one row per run ---- */

/* A number of the configuration; NaN when there is none. */
static double configured(const report_run *run, const char *path)
{
    const report_value *value = report_config_find(&run->keys, path);
    char *end = NULL;
    double number = value ? strtod(value->text, &end) : NAN;
    return end && end > value->text && !*end ? number : NAN;
}

static void add_run(hpac_table *table, const report_run *run)
{
    const char *configuration = report_json_text(run, "configuration");
    const char *dropout = run->keys.dropout;
    const hpac_cell schedule[HPAC_SCHEDULE_COLUMNS] = {
        HPAC_TEXT_CELL(run->label),
        HPAC_TEXT_CELL(run->state),
        HPAC_TEXT_CELL(configuration ? configuration : ""),
        HPAC_NUMBER_CELL(run->class_count > 0 ? (double)run->class_count : NAN),
        HPAC_NUMBER_CELL(configured(run, "train.epochs")),
        HPAC_NUMBER_CELL(configured(run, "train.batch_size")),
        HPAC_TEXT_CELL(dropout ? dropout : ""),
        HPAC_NUMBER_CELL(configured(run, "train.optimizer.learning_rate")),
    };
    for (size_t c = 0; c < HPAC_SCHEDULE_COLUMNS; c++)
        if (hpac_schedule_columns[c].kind == HPAC_TEXT)
            hpac_table_add_text(table, schedule[c].text);
        else
            hpac_table_add_real(table, schedule[c].number);
    hpac_run_results_add(table, &run->results);
}

void report_runs_table(hpac_report *report)
{
    hpac_column columns[HPAC_SCHEDULE_COLUMNS + HPAC_RESULT_COLUMNS];
    memcpy(columns, hpac_schedule_columns, sizeof hpac_schedule_columns);
    memcpy(columns + HPAC_SCHEDULE_COLUMNS, hpac_result_columns, sizeof hpac_result_columns);
    hpac_table *table = report_table(report, "runs", "Runs", columns, COUNT(columns));
    for (size_t i = 0; i < report->run_count; i++)
        add_run(table, &report->runs[i]);
}
