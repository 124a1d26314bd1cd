/* The tables of reports. */
#include "report_internal.h"

#include "base/memory.h"
#include "metrics/density.h"

#include <math.h>
#include <string.h>

#define BINS 50
#define POINTS 201
#define COUNT(array) (sizeof(array) / sizeof *(array))

hpac_table *report_table(hpac_report *report, const char *name, const char *title,
                         const hpac_column *columns, size_t column_count)
{
    hpac_table *table = &report->tables[report->table_count++];
    hpac_table_init(table, name, title, columns, column_count);
    return table;
}

const hpac_table *report_find_table(const hpac_report *report, const char *name)
{
    const report_run *run = &report->runs[0];
    const hpac_table *const own[] = {&run->losses, &run->metrics, &run->batch_losses,
                                     &run->learning_rates};
    const hpac_table *table = hpac_tables_find(report->tables, report->table_count, name);
    for (size_t i = 0; i < COUNT(own) && !table && report->kind == REPORT_RUN; i++)
        if (strcmp(own[i]->name, name) == 0)
            table = own[i];
    return table;
}

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : NAN;
}

static void make_figures(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("measure", NULL),
                                          HPAC_COLUMN_REAL("last_epoch", "last epoch", 4),
                                          HPAC_COLUMN_REAL("best_epoch", "best epoch", 4),
                                          HPAC_COLUMN_REAL("guessing", "baseline", 4)};
    static const struct {
        const char *name;
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
    const double *last = run->results.last, *best = run->results.best;
    hpac_table *table = report_table(report, "figures", "Validation results and baselines", columns,
                                     COUNT(columns));
    for (size_t i = 0; i < COUNT(rows); i++) {
        double baseline = rows[i].baseline == HPAC_METRICS ? NAN : last[rows[i].baseline];
        hpac_table_add_row(
            table, HPAC_CELLS(HPAC_TEXT_CELL(rows[i].name), HPAC_NUMBER_CELL(last[rows[i].metric]),
                              HPAC_NUMBER_CELL(best[rows[i].metric]), HPAC_NUMBER_CELL(baseline)));
    }
}

static hpac_values values_of_class(const report_run *run, size_t c)
{
    return (hpac_values){run->predictions ? &run->predictions[0][c] : NULL, run->predicted_images,
                         HPAC_CLASS_COUNT};
}

/* Those behind the last class are NaN, which statistics ignore. */
static hpac_values all_values(const report_run *run)
{
    return (hpac_values){&run->predictions[0][0], run->predicted_images * HPAC_CLASS_COUNT, 1};
}

static void make_class_summary(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("class", NULL),
                                          HPAC_COLUMN_INTEGER("support", NULL),
                                          HPAC_COLUMN_REAL("ones_percent", "percent of images", 2),
                                          HPAC_COLUMN_REAL("prediction_mean", "mean prediction", 4),
                                          HPAC_COLUMN_REAL("prediction_std", "std", 4),
                                          HPAC_COLUMN_REAL("precision", NULL, 3),
                                          HPAC_COLUMN_REAL("recall", NULL, 3),
                                          HPAC_COLUMN_REAL("f1", "F1", 3)};
    hpac_table *table =
        report_table(report, "class_summary", "Validation results per class, last evaluated epoch",
                     columns, COUNT(columns));
    for (size_t c = 0; c < run->class_count; c++) {
        double mean, std, support = report_class_value(run, c, HPAC_CLASS_METRIC_SUPPORT);
        hpac_values values = values_of_class(run, c);
        hpac_values_spread(&values, 0, &mean, &std);
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_TEXT_CELL(report_class_name(run, c)), HPAC_NUMBER_CELL(support),
                       HPAC_NUMBER_CELL(percent(support, report_images(run))),
                       HPAC_NUMBER_CELL(mean), HPAC_NUMBER_CELL(std),
                       HPAC_NUMBER_CELL(report_class_value(run, c, HPAC_CLASS_METRIC_PRECISION)),
                       HPAC_NUMBER_CELL(report_class_value(run, c, HPAC_CLASS_METRIC_RECALL)),
                       HPAC_NUMBER_CELL(report_class_value(run, c, HPAC_CLASS_METRIC_F1))));
    }
}

/* No more images can have a class than there are. */
static hpac_status check_supports(const report_run *run)
{
    for (size_t c = 0; c < run->class_count; c++) {
        double support = report_class_value(run, c, HPAC_CLASS_METRIC_SUPPORT);
        if (support < 0 || support > report_images(run))
            return hpac_fail(HPAC_ERR_DATA,
                             "%s/class_metrics.csv: class %s: support %.15g, but there are %.15g "
                             "validation images",
                             run->directory, report_class_name(run, c), support,
                             report_images(run));
    }
    return HPAC_OK;
}

static void make_label_shares(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {HPAC_COLUMN_INTEGER("label", NULL),
                                          HPAC_COLUMN_INTEGER("count", NULL),
                                          HPAC_COLUMN_REAL("percent", NULL, 2)};
    double all = report_images(run) * (double)run->class_count, ones = 0;
    for (size_t c = 0; c < run->class_count; c++)
        ones += report_class_value(run, c, HPAC_CLASS_METRIC_SUPPORT);
    hpac_table *table = report_table(report, "label_shares", "Labels of the validation images",
                                     columns, COUNT(columns));
    for (int label = 0; label < 2; label++) {
        double count = label == 1 ? ones : all - ones;
        hpac_table_add_row(table, HPAC_CELLS(HPAC_NUMBER_CELL(label), HPAC_NUMBER_CELL(count),
                                             HPAC_NUMBER_CELL(percent(count, all))));
    }
}

static void make_histogram(hpac_report *report, const report_run *run)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_REAL("from", NULL, 2), HPAC_COLUMN_REAL("to", NULL, 2),
        HPAC_COLUMN_INTEGER("count", NULL), HPAC_COLUMN_REAL("density", NULL, 4)};
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
    HPAC_AUTO_FREE double *densities = NULL;
    HPAC_TRY_NEW(densities, count * POINTS);
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
    return HPAC_OK;
}

static hpac_status make_probabilities(hpac_report *report, const report_run *run)
{
    hpac_values all = all_values(run), classes[HPAC_CLASS_COUNT];
    const char *names[HPAC_CLASS_COUNT];
    for (size_t c = 0; c < run->class_count; c++) {
        classes[c] = values_of_class(run, c);
        names[c] = report_class_name(run, c);
    }
    make_histogram(report, run);
    HPAC_TRY(make_densities(report, "probability_density", "Density of the predicted probabilities",
                            &all, (const char *const[]){"density"}, 1));
    return make_densities(report, "class_probability_density",
                          "Density of the predicted probabilities per class", classes, names,
                          run->class_count);
}

/* A number of the configuration; NaN when there is none. */
static double configured(const report_run *run, const char *path)
{
    const json_t *value = json_object_get(run->keys, path);
    const char *text = json_string_value(json_array_get(value, 0));
    double number = NAN;
    return text && hpac_parse_number(text, &number) ? number : NAN;
}

static void add_run(hpac_table *table, const report_run *run)
{
    const char *configuration = report_json_text(run, "configuration");
    const hpac_cell schedule[HPAC_SCHEDULE_COLUMNS] = {
        HPAC_TEXT_CELL(run->label),
        HPAC_TEXT_CELL(run->state),
        HPAC_TEXT_CELL(configuration ? configuration : ""),
        HPAC_NUMBER_CELL(run->class_count > 0 ? (double)run->class_count : NAN),
        HPAC_NUMBER_CELL(configured(run, "train.epochs")),
        HPAC_NUMBER_CELL(configured(run, "train.batch_size")),
        HPAC_TEXT_CELL(run->dropout ? run->dropout : ""),
        HPAC_NUMBER_CELL(configured(run, "train.optimizer.learning_rate")),
    };
    hpac_table_add_row(table, schedule, HPAC_SCHEDULE_COLUMNS);
    hpac_run_results_add(table, &run->results);
}

static void make_runs(hpac_report *report)
{
    hpac_column columns[HPAC_SCHEDULE_COLUMNS + HPAC_RESULT_COLUMNS];
    memcpy(columns, hpac_schedule_columns, sizeof hpac_schedule_columns);
    memcpy(columns + HPAC_SCHEDULE_COLUMNS, hpac_result_columns, sizeof hpac_result_columns);
    hpac_table *table = report_table(report, "runs", "Runs", columns, COUNT(columns));
    for (size_t i = 0; i < report->run_count; i++)
        add_run(table, &report->runs[i]);
}

static double f1_of_class(const report_run *run, const char *name)
{
    for (size_t c = 0; c < run->class_count; c++)
        if (strcmp(report_class_name(run, c), name) == 0)
            return report_class_value(run, c, HPAC_CLASS_METRIC_F1);
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
        double own = report->runs[i].results.best[metric];
        if (!isnan(own) && !isnan(common) && fabs(own - common) > 1e-6)
            return NAN;
        common = isnan(own) ? common : own;
    }
    return common;
}

/* `values`: one per run, NaN where there is none. */
static void add_spread(hpac_table *table, const char *name, const double *values, size_t runs)
{
    const hpac_values all = {values, runs, 1};
    double mean, std, min = NAN, max = NAN; /* fmin and fmax ignore NaN */
    size_t count = hpac_values_spread(&all, 1, &mean, &std);
    for (size_t i = 0; i < runs; i++) {
        min = fmin(min, values[i]);
        max = fmax(max, values[i]);
    }
    hpac_table_add_row(table, HPAC_CELLS(HPAC_TEXT_CELL(name), HPAC_NUMBER_CELL(count),
                                         HPAC_NUMBER_CELL(mean), HPAC_NUMBER_CELL(std),
                                         HPAC_NUMBER_CELL(min), HPAC_NUMBER_CELL(max)));
}

static hpac_status make_spread(hpac_report *report)
{
    static const hpac_column columns[] = {
        HPAC_COLUMN_TEXT("measure", NULL),   HPAC_COLUMN_INTEGER("folds", NULL),
        HPAC_COLUMN_REAL("mean", NULL, 4),   HPAC_COLUMN_REAL("std", NULL, 4),
        HPAC_COLUMN_REAL("least", "min", 4), HPAC_COLUMN_REAL("largest", "max", 4)};
    static const struct {
        const char *name;
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
    HPAC_AUTO_FREE double *values = NULL;
    HPAC_TRY_NEW(values, report->run_count + 1);
    hpac_table *table = report_table(report, "spread", "Last epoch, mean and spread over the folds",
                                     columns, COUNT(columns));
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t r = 0; r < report->run_count; r++) {
            const report_run *run = &report->runs[r];
            const double *epoch = rows[i].best ? run->results.best : run->results.last;
            /* A fold that is not finished has no last epoch. */
            values[r] = run->finished ? epoch[rows[i].column] : NAN;
        }
        add_spread(table, rows[i].name, values, report->run_count);
    }
    return HPAC_OK;
}

static hpac_status make_run_tables(hpac_report *report)
{
    const report_run *run = &report->runs[0];
    HPAC_TRY(check_supports(run));
    if (report_epochs(run) > 0)
        make_figures(report, run);
    if (run->class_count > 0) {
        make_class_summary(report, run);
        make_label_shares(report, run);
    }
    return run->predicted_images > 0 ? make_probabilities(report, run) : HPAC_OK;
}

static hpac_status make_comparison(hpac_report *report)
{
    if (report->kind == REPORT_FOLDS)
        HPAC_TRY(make_spread(report));
    HPAC_TRY(report_configurations_table(report));
    make_class_f1(report);
    return HPAC_OK;
}

hpac_status report_tables_make(hpac_report *report)
{
    make_runs(report);
    HPAC_TRY(report->kind == REPORT_RUN ? make_run_tables(report) : make_comparison(report));
    for (size_t i = 0; i < report->table_count; i++)
        HPAC_TRY(report->tables[i].status);
    return HPAC_OK;
}
