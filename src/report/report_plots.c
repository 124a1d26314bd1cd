/* The pictures of a report, each drawn from a table as PNG and SVG. */
#include "report_internal.h"

#include <hpac/file.h>
#include <hpac/parallel.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES_MAX 16
/* Of a picture of several runs: a file and a label each, and what else it wants. */
#define VARIABLES_MAX (2 * REPORT_CURVES + 8)

/* A run of many steps is drawn as means of neighbouring batches: more points cannot be told apart,
 * and an SVG holds every one of them. */
#define BATCH_POINTS 2000
/* The write-up compares two fits by their last 800 batches. */
#define LAST_BATCHES 800

typedef struct picture {
    const char *script, *name;
    hpac_plot_variable variables[VARIABLES_MAX];
    size_t variable_count;
    char names[2 * REPORT_CURVES][16];
    size_t name_count;
    char *texts[REPORT_CURVES + 2]; /* (text_count) owned */
    size_t text_count;
    char *paths[2]; /* PNG, SVG; owned */
} picture;

typedef struct drawing {
    hpac_report *report;
    picture pictures[PICTURES_MAX];
    size_t count;
    hpac_status status; /* the first failure in putting it together */
} drawing;

/* ---- putting pictures together ---- */

static void keep_failure(drawing *all, hpac_status status)
{
    if (all->status == HPAC_OK)
        all->status = status;
}

static picture *add_picture(drawing *all, const char *script, const char *name, const char *title)
{
    picture *one = &all->pictures[all->count++];
    one->script = script;
    one->name = name;
    one->paths[0] = report_plot_path(all->report, "%s.png", name);
    one->paths[1] = report_plot_path(all->report, "%s.svg", name);
    if (!one->paths[0] || !one->paths[1])
        keep_failure(all, hpac_fail_memory(1));
    one->variables[one->variable_count++] = (hpac_plot_variable)HPAC_PLOT_TEXT("title", title);
    return one;
}

static void add_text(picture *one, const char *name, const char *text)
{
    one->variables[one->variable_count++] = (hpac_plot_variable)HPAC_PLOT_TEXT(name, text);
}

static void add_number(picture *one, const char *name, double number)
{
    one->variables[one->variable_count++] = (hpac_plot_variable)HPAC_PLOT_NUMBER(name, number);
}

/* Takes the path over, which may be NULL when memory is out. */
static void add_file(drawing *all, picture *one, const char *name, char *path)
{
    if (!path) {
        keep_failure(all, hpac_fail_memory(1));
        return;
    }
    one->texts[one->text_count++] = path;
    one->variables[one->variable_count++] = (hpac_plot_variable)HPAC_PLOT_FILE(name, path);
}

/* "file3" and the like. */
static const char *numbered(picture *one, const char *stem, size_t number)
{
    char *name = one->names[one->name_count++];
    snprintf(name, sizeof one->names[0], "%s%zu", stem, number);
    return name;
}

static char *table_path(const drawing *all, const char *name)
{
    return hpac_path_join(all->report->plots, "%s.csv", name);
}

/* ---- one run ---- */

static void add_curves_of_run(drawing *all, const report_run *run)
{
    if (report_epochs(run) > 0) {
        picture *one = add_picture(all, "losses", "losses", "Loss an epoch");
        add_file(all, one, "csv", hpac_path_join(run->folder, "losses.csv"));
        add_number(one, "prior", report_metric(run, run->best_row, REPORT_PRIOR_LOSS));
        add_number(one, "best", report_metric(run, run->best_row, REPORT_EPOCH));
        one = add_picture(all, "metrics", "accuracy", "Accuracy an epoch");
        add_file(all, one, "csv", hpac_path_join(run->folder, "metrics.csv"));
        add_text(one, "quantity", "accuracy");
        one = add_picture(all, "metrics", "f1", "F1 an epoch");
        add_file(all, one, "csv", hpac_path_join(run->folder, "metrics.csv"));
        add_text(one, "quantity", "f1");
    }
    if (hpac_table_row_count(&run->batch_losses) > 0) {
        picture *one = add_picture(all, "batch_losses", "batch_losses", "Loss a batch");
        add_file(all, one, "csv", table_path(all, "batch_losses"));
        add_number(one, "last", 0);
    }
}

static void add_probabilities(drawing *all)
{
    picture *one = add_picture(all, "histogram", "probability_histogram",
                               "Predicted probabilities of all classes");
    add_file(all, one, "csv", table_path(all, "probability_histogram"));
    add_file(all, one, "curve", table_path(all, "probability_density"));
    one = add_picture(all, "ridges", "class_probability_density",
                      "Predicted probabilities of each class");
    add_file(all, one, "csv", table_path(all, "class_probability_density"));
    one = add_picture(all, "ranges", "prediction_ranges",
                      "Predicted probabilities: mean and standard deviation");
    add_file(all, one, "csv", table_path(all, "class_summary"));
}

static void add_bars(drawing *all, const char *name, const char *title, const char *values,
                     const char *axis, const char *number)
{
    picture *one = add_picture(all, "bars", name, title);
    add_file(all, one, "csv", table_path(all, "class_summary"));
    add_text(one, "names", "class");
    add_text(one, "values", values);
    add_text(one, "axis", axis);
    add_text(one, "number", number);
}

static void add_classes(drawing *all)
{
    add_bars(all, "ones_a_class", "Validation images with each class", "ones_percent",
             "percent of the images", "%.1f");
    add_bars(all, "f1_a_class", "F1 of each class", "f1", "F1", "%.2f");
    picture *one = add_picture(all, "columns", "label_shares", "Labels of the validation images");
    add_file(all, one, "csv", table_path(all, "label_shares"));
    add_text(one, "places", "label");
    add_text(one, "values", "percent");
    add_text(one, "yaxis", "percent of the labels");
}

static void add_pictures_of_run(drawing *all)
{
    const report_run *run = &all->report->runs[0];
    add_curves_of_run(all, run);
    if (run->predictions.images > 0)
        add_probabilities(all);
    if (run->class_count > 0)
        add_classes(all);
}

/* ---- several runs ---- */

/* A picture with a curve a run, of `file` in its folder, or of its table of batch losses. */
static picture *add_overlay(drawing *all, const char *script, const char *name, const char *title,
                            const char *file)
{
    const hpac_report *report = all->report;
    picture *one = add_picture(all, script, name, title);
    add_number(one, "files", (double)report->curve_count);
    for (size_t i = 0; i < report->curve_count; i++) {
        const report_run *run = &report->runs[report->curves[i]];
        char *path = file ? hpac_path_join(run->folder, "%s", file)
                          : hpac_path_join(report->plots, "batch_losses_%zu.csv", i + 1);
        add_file(all, one, numbered(one, "file", i + 1), path);
        add_text(one, numbered(one, "label", i + 1), run->label);
    }
    return one;
}

/* Points that are far apart want a logarithmic axis. */
static bool spans_decades(const hpac_report *report, enum report_metrics_column column)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        const report_run *run = &report->runs[i];
        size_t epochs = report_epochs(run);
        double value = epochs > 0 ? report_metric(run, epochs - 1, column) : NAN;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    return least > 0 && most > 20 * least;
}

static void add_tradeoffs(drawing *all)
{
    picture *one = add_picture(all, "tradeoff", "f1_against_time", "F1 against time");
    add_file(all, one, "csv", table_path(all, "runs"));
    add_text(one, "x", "elapsed_s");
    add_text(one, "xaxis", "seconds");
    add_text(one, "y", "final_val_f1_mean");
    add_text(one, "yaxis", "mean F1, last epoch");
    add_number(one, "logx", spans_decades(all->report, REPORT_ELAPSED));
    one = add_picture(all, "tradeoff", "loss_against_steps", "Loss against update steps");
    add_file(all, one, "csv", table_path(all, "runs"));
    add_text(one, "x", "steps");
    add_text(one, "xaxis", "update steps");
    add_text(one, "y", "final_val_loss");
    add_text(one, "yaxis", "validation loss, last epoch");
    add_number(one, "logx", spans_decades(all->report, REPORT_STEP));
}

static void add_pictures_of_runs(drawing *all)
{
    const hpac_report *report = all->report;
    if (report->curve_count == 0)
        return;
    add_overlay(all, "losses", "losses", "Loss an epoch", "losses.csv");
    picture *one =
        add_overlay(all, "batch_losses", "last_batch_losses", "Loss of the last batches", NULL);
    add_number(one, "last", LAST_BATCHES);
    one = add_overlay(all, "metrics", "accuracy", "Accuracy an epoch", "metrics.csv");
    add_text(one, "quantity", "accuracy");
    one = add_overlay(all, "metrics", "f1", "F1 an epoch", "metrics.csv");
    add_text(one, "quantity", "f1");
    if (report->kind != REPORT_FOLDS && report->curve_count > 1)
        add_tradeoffs(all);
}

/* ---- the tables they are drawn from ---- */

/* The rows from `first` on, the mean of each `group` of them, with the last one's step. Takes the
 * path over. */
static hpac_status write_batches(const report_run *run, size_t first, size_t group, char *path)
{
    const hpac_table *all = &run->batch_losses;
    hpac_table table;
    hpac_table_init(&table, "batch_losses", all->title, all->columns, all->column_count);
    size_t rows = hpac_table_row_count(all);
    for (size_t begin = first; begin < rows; begin += group) {
        size_t end = begin + group < rows ? begin + group : rows;
        double sum = 0;
        for (size_t row = begin; row < end; row++)
            sum += hpac_table_cell(all, row, 1)->number;
        hpac_table_add_real(&table, hpac_table_cell(all, end - 1, 0)->number);
        hpac_table_add_real(&table, sum / (double)(end - begin));
    }
    hpac_status status = path ? hpac_table_write_csv(&table, path) : hpac_fail_memory(1);
    hpac_table_fini(&table);
    free(path);
    return status;
}

size_t report_batch_group(const report_run *run)
{
    return (hpac_table_row_count(&run->batch_losses) + BATCH_POINTS - 1) / BATCH_POINTS;
}

static hpac_status write_batch_tables(hpac_report *report)
{
    hpac_status status = HPAC_OK;
    if (report->kind == REPORT_RUN) {
        const report_run *run = &report->runs[0];
        if (report_batch_group(run) > 0)
            status = write_batches(run, 0, report_batch_group(run),
                                   report_plot_path(report, "batch_losses.csv"));
        return status;
    }
    for (size_t i = 0; i < report->curve_count && status == HPAC_OK; i++) {
        const report_run *run = &report->runs[report->curves[i]];
        size_t rows = hpac_table_row_count(&run->batch_losses);
        status = write_batches(run, rows > LAST_BATCHES ? rows - LAST_BATCHES : 0, 1,
                               report_plot_path(report, "batch_losses_%zu.csv", i + 1));
    }
    return status;
}

static hpac_status write_tables(hpac_report *report)
{
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < report->table_count && status == HPAC_OK; i++) {
        char *path = report_plot_path(report, "%s.csv", report->tables[i].name);
        status = path ? hpac_table_write_csv(&report->tables[i], path) : hpac_fail_memory(1);
        free(path);
    }
    return status == HPAC_OK ? write_batch_tables(report) : status;
}

/* ---- drawing ---- */

static hpac_status draw_one(void *user, size_t index, int thread)
{
    (void)thread;
    const drawing *all = user;
    const picture *one = &all->pictures[index / 2];
    const hpac_plot plot = {one->script, one->variables, one->variable_count};
    return hpac_plot_draw(&plot, one->paths[index % 2]);
}

static void free_picture(picture *one)
{
    for (size_t i = 0; i < one->text_count; i++)
        free(one->texts[i]);
    free(one->paths[0]);
    free(one->paths[1]);
}

hpac_status report_plots_draw(hpac_report *report)
{
    hpac_status status = write_tables(report);
    if (status != HPAC_OK)
        return status;
    drawing *all = calloc(1, sizeof *all);
    if (!all)
        return hpac_fail_memory(sizeof *all);
    all->report = report;
    if (report->kind == REPORT_RUN)
        add_pictures_of_run(all);
    else
        add_pictures_of_runs(all);
    status = all->status;
    if (status == HPAC_OK)
        status = hpac_parallel_for(0, 2 * all->count, draw_one, all);
    for (size_t i = 0; i < all->count; i++)
        free_picture(&all->pictures[i]);
    free(all);
    return status;
}
