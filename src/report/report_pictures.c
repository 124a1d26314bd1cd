/* The pictures of a report, each drawn from its tables as PNG and SVG. */
#include "report_internal.h"

#include "base/file.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Points that are named by variables: of more, gnuplot reads the names from the table, where it
 * ends them at a comma. */
#define NAMED_POINTS 100

/* As in the reference notebooks, which compare two fits by their last 800 batches. */
#define LAST_BATCHES 800

/* ---- numbers that scripts are given ---- */

static const report_run *only_run(const hpac_report *report)
{
    return &report->runs[0];
}

static double prior_loss(const hpac_report *report)
{
    const report_run *run = only_run(report);
    return report->kind == REPORT_RUN
               ? report_metric(run, run->results.best_row, HPAC_METRIC_VAL_PRIOR_LOSS)
               : report_common(report, HPAC_METRIC_VAL_PRIOR_LOSS);
}

static double best_epoch(const hpac_report *report)
{
    return report_metric(only_run(report), only_run(report)->results.best_row, HPAC_METRIC_EPOCH);
}

static double last_batches(const hpac_report *report)
{
    (void)report;
    return LAST_BATCHES;
}

static double has_common_zeros(const hpac_report *report)
{
    return !isnan(report_common(report, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY));
}

/* Points that are far apart need a logarithmic axis. */
static double spans_decades(const hpac_report *report, hpac_metric column)
{
    double min = INFINITY, max = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        const report_run *run = &report->runs[i];
        double value = report_metric(run, report_epochs(run) - 1, column);
        min = fmin(min, value);
        max = fmax(max, value);
    }
    return min > 0 && max > 20 * min;
}

static double time_spans_decades(const hpac_report *report)
{
    return spans_decades(report, HPAC_METRIC_ELAPSED_S);
}

static double steps_span_decades(const hpac_report *report)
{
    return spans_decades(report, HPAC_METRIC_STEP);
}

/* ---- the pictures ---- */

#define ONE (1u << REPORT_RUN)
#define COMPARED (1u << REPORT_RUNS | 1u << REPORT_SWEEP)
#define SEVERAL (COMPARED | 1u << REPORT_FOLDS)

const report_picture report_pictures[] = {
    {"losses", "loss", "losses", ONE, "losses", NULL, "epoch train_loss val_loss", "Loss per epoch",
     "Training and validation loss per epoch, with the validation loss of the constant prior. The "
     "best epoch is marked.",
     .numbers = {{"prior", prior_loss}, {"best", best_epoch}}},
    {"batch_losses", "loss", "batch_losses", ONE, "batch_losses", NULL, "step batch_losses",
     "Loss per batch", "Training loss per batch.", .texts = {NULL}},
    {"accuracy", "scores", "metrics", ONE, "metrics", NULL,
     "epoch train_accuracy val_accuracy val_all_zero_accuracy", "Accuracy per epoch",
     "Share of correct labels, zeros and ones alike, and that of predicting 0 for every label.",
     .texts = {"quantity", "accuracy"}},
    {"f1", "scores", "metrics", ONE, "metrics", NULL,
     "epoch train_f1_mean val_f1_mean val_f1_min val_f1_max", "F1 per epoch",
     "F1 over the classes on the validation images: mean, min and max.",
     .texts = {"quantity", "f1"}},
    {"probability_histogram", "probabilities", "histogram", ONE, "probability_histogram",
     "probability_density", "density", "Predicted probabilities of all classes",
     "All classes together: histogram and density.", .texts = {NULL}},
    {"class_probability_density", "probabilities", "ridges", ONE, "class_probability_density", NULL,
     "*", "Predicted probabilities per class", "Density of the predictions per class.",
     .texts = {NULL}},
    {"prediction_ranges", "probabilities", "ranges", ONE, "class_summary", NULL,
     "prediction_mean prediction_std", "Predicted probabilities: mean and standard deviation",
     "Mean and standard deviation of the predictions per class.", .texts = {NULL}},
    {"label_shares", "classes", "columns", ONE, "label_shares", NULL, "percent",
     "Labels of the validation images",
     "Share of the labels that are 0 and 1: the class imbalance that makes accuracy misleading.",
     .texts = {"places", "label", "values", "percent", "yaxis", "percent of the labels"}},
    {"ones_a_class", "classes", "bars", ONE, "class_summary", NULL, "ones_percent",
     "Validation images per class", "Percentage of the validation images with each class.",
     .texts = {"names", "class", "values", "ones_percent", "axis", "percent of the images",
               "number", "%.1f"}},
    {"f1_a_class", "classes", "bars", ONE, "class_summary", NULL, "f1", "F1 per class",
     "F1 per class in the last evaluated epoch.",
     .texts = {"names", "class", "values", "f1", "axis", "F1", "number", "%.2f"}},

    {"losses", "curves", "losses", SEVERAL, "losses", NULL, NULL, "Loss per epoch",
     "Training and validation loss per epoch, with the validation loss of the constant prior where "
     "it is the same for all runs.",
     .numbers = {{"prior", prior_loss}}},
    {"last_batch_losses", "curves", "batch_losses", SEVERAL, "batch_losses", NULL, NULL,
     "Loss of the last batches", "Training loss of the last 800 batches of each run.",
     .numbers = {{"last", last_batches}}},
    {"f1", "curves", "metrics", SEVERAL, "metrics", NULL, NULL, "F1 per epoch",
     "Mean F1 of the classes on the validation images per epoch.", .texts = {"quantity", "f1"}},
    {"accuracy", "curves", "metrics", SEVERAL, "metrics", NULL, NULL, "Accuracy per epoch",
     "Validation accuracy per epoch, with that of predicting 0 for every label where it is the "
     "same "
     "for all runs.",
     .texts = {"quantity", "accuracy"}, .numbers = {{"zeros", has_common_zeros}}},
    {"f1_against_time", "tradeoffs", "tradeoff", COMPARED, "runs", NULL,
     "elapsed_s final_val_f1_mean", "F1 against time",
     "Mean F1 of the last epoch on the validation images against training time.",
     .texts = {"x", "elapsed_s", "y", "final_val_f1_mean", "xaxis", "seconds", "yaxis",
               "mean F1, last epoch"},
     .numbers = {{"logx", time_spans_decades}}},
    {"loss_against_steps", "tradeoffs", "tradeoff", COMPARED, "runs", NULL, "steps final_val_loss",
     "Loss against update steps", "Validation loss of the last epoch against update steps.",
     .texts = {"x", "steps", "y", "final_val_loss", "xaxis", "update steps", "yaxis",
               "validation loss, last epoch"},
     .numbers = {{"logx", steps_span_decades}}},
    {.name = NULL},
};

static bool is_shown(const hpac_report *report, const report_picture *picture)
{
    if (!(picture->kinds >> report->kind & 1))
        return false;
    if (!picture->needs)
        return report->curve_count > 0;
    const hpac_table *table = report_find_table(report, picture->table);
    return (report->kind == REPORT_RUN || report->curve_count > 1) && table &&
           report_has_numbers(table, picture->needs);
}

/* ---- drawing ---- */

static void add_tables(hpac_plot_variables *all, const hpac_report *report,
                       const report_picture *picture)
{
    const hpac_table *curve = picture->curve ? report_find_table(report, picture->curve) : NULL;
    if (picture->needs)
        hpac_plot_add_file(all, hpac_path_join(report->plots, "%s.csv", picture->table), "csv");
    else
        hpac_plot_add_number(all, (double)report->curve_count, "files");
    if (curve && report_has_numbers(curve, picture->needs))
        hpac_plot_add_file(all, hpac_path_join(report->plots, "%s.csv", picture->curve), "curve");
    for (size_t i = 1; i <= report->curve_count && !picture->needs; i++) {
        hpac_plot_add_file(all, hpac_path_join(report->plots, "%s_%zu.csv", picture->table, i),
                           "file%zu", i);
        hpac_plot_add_text(all, report->runs[report->curves[i - 1]].label, "label%zu", i);
    }
}

static hpac_status draw(const hpac_report *report, const report_picture *picture, const char *path)
{
    hpac_plot_variables all = {0};
    hpac_plot_add_text(&all, picture->title, "title");
    add_tables(&all, report, picture);
    for (size_t i = 0; picture->texts[i]; i += 2)
        hpac_plot_add_text(&all, picture->texts[i + 1], "%s", picture->texts[i]);
    for (size_t i = 0; picture->numbers[i].name; i++)
        hpac_plot_add_number(&all, picture->numbers[i].value(report), picture->numbers[i].name);
    bool named = strcmp(picture->table, "runs") == 0 && report->run_count <= NAMED_POINTS;
    for (size_t i = 0; i < report->run_count && named; i++)
        hpac_plot_add_text(&all, report->runs[i].label, "label%zu", i + 1);
    return hpac_plot_draw_variables(picture->script, &all, path);
}

typedef struct drawing {
    hpac_report *report;
    const report_picture *pictures[32]; /* (count) */
    char *paths[64];                    /* PNG and SVG of each; owned */
    size_t count;
} drawing;

static hpac_status draw_one(void *user, size_t index, int thread)
{
    (void)thread;
    const drawing *all = user;
    HPAC_TRY(report_check_stop(all->report, HPAC_OK));
    hpac_status status = draw(all->report, all->pictures[index / 2], all->paths[index]);
    return report_check_stop(all->report, status); /* the terminal's signal ends gnuplot, too */
}

static hpac_status draw_all(hpac_report *report)
{
    drawing all = {.report = report};
    bool good = true;
    for (const report_picture *one = report_pictures; one->name; one++) {
        if (!is_shown(report, one))
            continue;
        char **paths = all.paths + 2 * all.count;
        paths[0] = report_plot_path(report, "%s.png", one->name);
        paths[1] = report_plot_path(report, "%s.svg", one->name);
        good = good && paths[0] && paths[1];
        all.pictures[all.count++] = one;
    }
    hpac_status status =
        good ? hpac_parallel_for(0, 2 * all.count, draw_one, &all) : hpac_fail_memory(1);
    for (size_t i = 0; i < 2 * all.count; i++)
        free(all.paths[i]);
    return status;
}

/* ---- the tables they are drawn from ---- */

/* Takes the path over. */
static hpac_status write_csv(const hpac_table *table, char *path)
{
    hpac_status status = path ? hpac_table_write_csv(table, path) : hpac_fail_memory(1);
    free(path);
    return status;
}

/* Of several runs the last batches only. Takes the path over. */
static hpac_status write_batches(const hpac_report *report, const report_run *run, char *path)
{
    const hpac_table *all = &run->batch_losses;
    size_t rows = hpac_table_row_count(all);
    hpac_table table;
    hpac_table_init(&table, "batch_losses", all->title, all->columns, all->column_count);
    for (size_t row = report->kind == REPORT_RUN || rows < LAST_BATCHES ? 0 : rows - LAST_BATCHES;
         row < rows; row++)
        hpac_table_add_row(&table, hpac_table_cell(all, row, 0));
    hpac_status status = write_csv(&table, path);
    hpac_table_fini(&table);
    return status;
}

/* The curves of a run, as far as it has any. The plots read copies, since a run in training may be
 * writing a row. `suffix` is "" or "_<number>". */
static hpac_status write_curves(hpac_report *report, const report_run *run, const char *suffix)
{
    if (hpac_table_row_count(&run->losses) > 0)
        HPAC_TRY(write_csv(&run->losses, report_plot_path(report, "losses%s.csv", suffix)));
    if (report_epochs(run) > 0)
        HPAC_TRY(write_csv(&run->metrics, report_plot_path(report, "metrics%s.csv", suffix)));
    if (hpac_table_row_count(&run->batch_losses) > 0)
        HPAC_TRY(
            write_batches(report, run, report_plot_path(report, "batch_losses%s.csv", suffix)));
    return HPAC_OK;
}

static hpac_status write_tables(hpac_report *report)
{
    for (size_t i = 0; i < report->table_count; i++)
        HPAC_TRY(write_csv(&report->tables[i],
                           report_plot_path(report, "%s.csv", report->tables[i].name)));
    if (report->kind == REPORT_RUN)
        return write_curves(report, only_run(report), "");
    for (size_t i = 0; i < report->curve_count; i++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "_%zu", i + 1);
        HPAC_TRY(write_curves(report, &report->runs[report->curves[i]], suffix));
    }
    return HPAC_OK;
}

hpac_status report_pictures_draw(hpac_report *report)
{
    HPAC_TRY(write_tables(report));
    return draw_all(report);
}
