/* The pictures of a report, each drawn from its tables as PNG and SVG. */
#include "report_internal.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "render/plot.h"

#include <math.h>
#include <string.h>

/* Points that are named by variables: of more, gnuplot reads the names from the table, where it
 * ends them at a comma. */
#define NAMED_POINTS 100

/* As in the reference notebooks, which compare two fits by their last 800 batches. */
#define LAST_BATCHES 800

static double of_best_epoch(const hpac_report *report, hpac_metric metric)
{
    return report->runs[0].results.best[metric];
}

static double last_batches(const hpac_report *report, hpac_metric metric)
{
    (void)report, (void)metric;
    return LAST_BATCHES;
}

static double has_common(const hpac_report *report, hpac_metric metric)
{
    return !isnan(report_common(report, metric));
}

/* Points that are far apart need a logarithmic axis. */
static double spans_decades(const hpac_report *report, hpac_metric metric)
{
    double min = INFINITY, max = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        min = fmin(min, report->runs[i].results.last[metric]);
        max = fmax(max, report->runs[i].results.last[metric]);
    }
    return min > 0 && max > 20 * min;
}

#define ONE (1u << REPORT_RUN)
#define COMPARED (1u << REPORT_RUNS | 1u << REPORT_SWEEP)
#define SEVERAL (COMPARED | 1u << REPORT_FOLDS)

const report_picture report_pictures[] = {
    {"losses", "loss", "losses", ONE, "losses", NULL, "epoch train_loss val_loss", "Loss per epoch",
     "Training and validation loss per epoch, with the validation loss of the constant prior. The "
     "best epoch is marked.",
     .numbers = {{"prior", of_best_epoch, HPAC_METRIC_VAL_PRIOR_LOSS},
                 {"best", of_best_epoch, HPAC_METRIC_EPOCH}}},
    {"batch_losses", "loss", "batch_losses", ONE, "batch_losses", NULL, "step batch_losses",
     "Loss per batch", "Training loss per batch.", .texts = {NULL}},
    {"learning_rates", "loss", "learning_rates", ONE, "learning_rates", NULL, "step learning_rate",
     "Learning rate per step", "Learning rate per step, by train.schedule.", .texts = {NULL}},
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
     .numbers = {{"prior", report_common, HPAC_METRIC_VAL_PRIOR_LOSS}}},
    {"last_batch_losses", "curves", "batch_losses", SEVERAL, "batch_losses", NULL, NULL,
     "Loss of the last batches", "Training loss of the last 800 batches of each run.",
     .numbers = {{"last", last_batches, HPAC_METRICS}}},
    {"f1", "curves", "metrics", SEVERAL, "metrics", NULL, NULL, "F1 per epoch",
     "Mean F1 of the classes on the validation images per epoch.", .texts = {"quantity", "f1"}},
    {"accuracy", "curves", "metrics", SEVERAL, "metrics", NULL, NULL, "Accuracy per epoch",
     "Validation accuracy per epoch, with that of predicting 0 for every label where it is the "
     "same for all runs.",
     .texts = {"quantity", "accuracy"},
     .numbers = {{"zeros", has_common, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY}}},
    {"f1_against_time", "tradeoffs", "tradeoff", COMPARED, "runs", NULL,
     "elapsed_s final_val_f1_mean", "F1 against time",
     "Mean F1 of the last epoch on the validation images against training time.",
     .texts = {"x", "elapsed_s", "y", "final_val_f1_mean", "xaxis", "seconds", "yaxis",
               "mean F1, last epoch"},
     .numbers = {{"logx", spans_decades, HPAC_METRIC_ELAPSED_S}}},
    {"loss_against_steps", "tradeoffs", "tradeoff", COMPARED, "runs", NULL, "steps final_val_loss",
     "Loss against update steps", "Validation loss of the last epoch against update steps.",
     .texts = {"x", "steps", "y", "final_val_loss", "xaxis", "update steps", "yaxis",
               "validation loss, last epoch"},
     .numbers = {{"logx", spans_decades, HPAC_METRIC_STEP}}},
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

/* Remembers the name of a file in plots/ and returns it. Tables of runs that are compared have a
 * number from 1: "losses_2.csv". */
static const char *add_file(hpac_report *report, const char *name, size_t number,
                            const char *suffix)
{
    char *file = report->files[report->file_count++];
    if (number > 0)
        snprintf(file, sizeof report->files[0], "%s_%zu.%s", name, number, suffix);
    else
        snprintf(file, sizeof report->files[0], "%s.%s", name, suffix);
    return file;
}

static hpac_status write_csv(hpac_report *report, const hpac_table *table, size_t number)
{
    return hpac_table_write_csv(table, report->plots, "%s",
                                add_file(report, table->name, number, "csv"));
}

/* Of several runs the last batches only. */
static hpac_status write_batches(hpac_report *report, const hpac_table *all, size_t number)
{
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, all->name, all->title, all->columns, all->column_count);
    size_t rows = hpac_table_row_count(all);
    size_t row = report->kind == REPORT_RUN || rows < LAST_BATCHES ? 0 : rows - LAST_BATCHES;
    for (; row < rows; row++)
        hpac_table_add_row(&table, hpac_table_cell(all, row, 0), all->column_count);
    return write_csv(report, &table, number);
}

/* The curves of a run, as far as it has any. The plots read copies, since a run in training may be
 * writing a row. */
static hpac_status write_curves(hpac_report *report, const report_run *run, size_t number)
{
    if (hpac_table_row_count(&run->losses) > 0)
        HPAC_TRY(write_csv(report, &run->losses, number));
    if (report_epochs(run) > 0)
        HPAC_TRY(write_csv(report, &run->metrics, number));
    if (report->kind == REPORT_RUN && hpac_table_row_count(&run->learning_rates) > 0)
        HPAC_TRY(write_csv(report, &run->learning_rates, number));
    if (hpac_table_row_count(&run->batch_losses) > 0)
        HPAC_TRY(write_batches(report, &run->batch_losses, number));
    return HPAC_OK;
}

static hpac_status write_tables(hpac_report *report)
{
    for (size_t i = 0; i < report->table_count; i++)
        HPAC_TRY(write_csv(report, &report->tables[i], 0));
    if (report->kind == REPORT_RUN)
        return write_curves(report, &report->runs[0], 0);
    for (size_t i = 0; i < report->curve_count; i++)
        HPAC_TRY(write_curves(report, &report->runs[report->curves[i]], i + 1));
    return HPAC_OK;
}

/* Sets a variable to the path of a file in plots/. */
static hpac_status add_csv(hpac_plot *plot, const hpac_report *report, const char *variable,
                           const char *file)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(report->plots, "%s.csv", file);
    HPAC_TRY_MEMORY(path, strlen(report->plots));
    hpac_plot_add_file(plot, path, "%s", variable);
    return HPAC_OK;
}

static hpac_status add_tables(hpac_plot *plot, const hpac_report *report,
                              const report_picture *picture)
{
    if (picture->needs) {
        const hpac_table *curve = picture->curve ? report_find_table(report, picture->curve) : NULL;
        if (curve && report_has_numbers(curve, picture->needs))
            HPAC_TRY(add_csv(plot, report, "curve", picture->curve));
        return add_csv(plot, report, "csv", picture->table);
    }
    hpac_plot_add_number(plot, (double)report->curve_count, "files");
    for (size_t i = 1; i <= report->curve_count; i++) {
        char variable[32], file[64];
        snprintf(variable, sizeof variable, "file%zu", i);
        snprintf(file, sizeof file, "%s_%zu", picture->table, i);
        HPAC_TRY(add_csv(plot, report, variable, file));
        hpac_plot_add_text(plot, report->runs[report->curves[i - 1]].label, "label%zu", i);
    }
    return HPAC_OK;
}

/* The name and linetype of each run's point: those of its curve, if that is drawn. */
static void add_points(hpac_plot *plot, const hpac_report *report)
{
    size_t curve = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        bool drawn = curve < report->curve_count && report->curves[curve] == i;
        curve += drawn;
        size_t style = drawn ? curve : report->curve_count + 1 + i - curve;
        char variable[32];
        snprintf(variable, sizeof variable, "style%zu", i + 1);
        hpac_plot_add_text(plot, report->runs[i].label, "label%zu", i + 1);
        hpac_plot_add_number(plot, (double)style, variable);
    }
}

/* HPAC_INTERRUPTED when a stop is requested, else `status`. */
static hpac_status check_stop(const hpac_report *report, hpac_status status)
{
    return report->stop && *report->stop
               ? hpac_fail(HPAC_INTERRUPTED, "interrupted; no report is written")
               : status;
}

static const char *const formats[] = {"png", "svg"};

/* Draws a picture of every two numbers, even ones as PNG. */
static hpac_status draw(void *user, size_t number, int thread)
{
    (void)thread;
    const hpac_report *report = user;
    const report_picture *picture = &report_pictures[number / 2];
    if (!is_shown(report, picture))
        return HPAC_OK;
    HPAC_TRY(check_stop(report, HPAC_OK));
    HPAC_AUTO(hpac_plot_fini) hpac_plot plot = {0};
    HPAC_TRY(hpac_plot_init(&plot));
    hpac_plot_add_text(&plot, picture->title, "title");
    HPAC_TRY(add_tables(&plot, report, picture));
    for (size_t i = 0; picture->texts[i]; i += 2)
        hpac_plot_add_text(&plot, picture->texts[i + 1], "%s", picture->texts[i]);
    for (size_t i = 0; picture->numbers[i].name; i++)
        hpac_plot_add_number(&plot, picture->numbers[i].value(report, picture->numbers[i].metric),
                             picture->numbers[i].name);
    if (strcmp(picture->table, "runs") == 0 && report->run_count <= NAMED_POINTS)
        add_points(&plot, report);
    HPAC_AUTO_FREE char *path =
        hpac_path_join(report->plots, "%s.%s", picture->name, formats[number % 2]);
    HPAC_TRY_MEMORY(path, strlen(report->plots));
    hpac_status status = hpac_plot_draw(&plot, picture->script, path);
    return check_stop(report, status); /* the terminal's signal ends gnuplot, too */
}

hpac_status report_pictures_draw(hpac_report *report)
{
    HPAC_TRY(write_tables(report));
    size_t count = 0;
    for (; report_pictures[count].name; count++)
        for (size_t i = 0; i < 2 && is_shown(report, &report_pictures[count]); i++)
            add_file(report, report_pictures[count].name, 0, formats[i]);
    return hpac_parallel_for(0, 2 * count, draw, report);
}
