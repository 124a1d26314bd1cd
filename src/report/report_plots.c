/* The pictures of a report, each drawn from a table as PNG and SVG. */
#include "report_internal.h"

#include "base/file.h"
#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES_MAX 16
/* Points of a trade-off that are named by variables: gnuplot reads the names of more from the
 * table, where it ends them at a comma. */
#define NAMED_POINTS 100
/* A name a point, or a file and a label a curve, and what else a picture wants. */
#define VARIABLES_MAX (NAMED_POINTS + 8)

/* The write-up compares two fits by their last 800 batches. */
#define LAST_BATCHES 800

typedef struct picture {
    const char *script, *name;
    hpac_plot_variable variables[VARIABLES_MAX];
    size_t variable_count;
    char names[NAMED_POINTS][32];
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
    if (report_has_numbers(&run->losses, "epoch train_loss val_loss")) {
        picture *one = add_picture(all, "losses", "losses", "Loss per epoch");
        add_file(all, one, "csv", table_path(all, "losses"));
        add_number(one, "prior",
                   report_metric(run, run->results.best_row, HPAC_METRIC_VAL_PRIOR_LOSS));
        add_number(one, "best", report_metric(run, run->results.best_row, HPAC_METRIC_EPOCH));
    }
    if (report_has_numbers(&run->metrics,
                           "epoch train_accuracy val_accuracy val_all_zero_accuracy")) {
        picture *one = add_picture(all, "metrics", "accuracy", "Accuracy per epoch");
        add_file(all, one, "csv", table_path(all, "metrics"));
        add_text(one, "quantity", "accuracy");
    }
    if (report_has_numbers(&run->metrics,
                           "epoch train_f1_mean val_f1_mean val_f1_min val_f1_max")) {
        picture *one = add_picture(all, "metrics", "f1", "F1 per epoch");
        add_file(all, one, "csv", table_path(all, "metrics"));
        add_text(one, "quantity", "f1");
    }
    if (report_has_numbers(&run->batch_losses, "step batch_losses")) {
        picture *one = add_picture(all, "batch_losses", "batch_losses", "Loss per batch");
        add_file(all, one, "csv", table_path(all, "batch_losses"));
        add_number(one, "last", 0);
    }
}

/* Whether the report has a table, with numbers in these columns. */
static bool has_table(const drawing *all, const char *name, const char *columns)
{
    const hpac_table *table = report_find_table(all->report, name);
    return table && report_has_numbers(table, columns);
}

static void add_histogram(drawing *all)
{
    if (!has_table(all, "probability_histogram", "density"))
        return;
    picture *one = add_picture(all, "histogram", "probability_histogram",
                               "Predicted probabilities of all classes");
    add_file(all, one, "csv", table_path(all, "probability_histogram"));
    if (has_table(all, "probability_density", "density"))
        add_file(all, one, "curve", table_path(all, "probability_density"));
}

/* Some class has a density. */
static bool has_class_density(const drawing *all)
{
    const hpac_table *table = report_find_table(all->report, "class_probability_density");
    for (size_t c = 1; table && c < table->column_count; c++)
        if (isfinite(hpac_table_cell(table, 0, c)->number))
            return true;
    return false;
}

/* A picture of class_summary.csv; NULL when there is nothing in these columns. */
static picture *add_summary(drawing *all, const char *script, const char *name, const char *title,
                            const char *columns)
{
    if (!has_table(all, "class_summary", columns))
        return NULL;
    picture *one = add_picture(all, script, name, title);
    add_file(all, one, "csv", table_path(all, "class_summary"));
    return one;
}

static void add_bars(drawing *all, const char *name, const char *title, const char *values,
                     const char *axis, const char *number)
{
    picture *one = add_summary(all, "bars", name, title, values);
    if (!one)
        return;
    add_text(one, "names", "class");
    add_text(one, "values", values);
    add_text(one, "axis", axis);
    add_text(one, "number", number);
}

static void add_pictures_of_run(drawing *all)
{
    add_curves_of_run(all, &all->report->runs[0]);
    add_histogram(all);
    if (has_class_density(all)) {
        picture *one = add_picture(all, "ridges", "class_probability_density",
                                   "Predicted probabilities of each class");
        add_file(all, one, "csv", table_path(all, "class_probability_density"));
    }
    add_summary(all, "ranges", "prediction_ranges",
                "Predicted probabilities: mean and standard deviation",
                "prediction_mean prediction_std");
    add_bars(all, "ones_a_class", "Validation images with each class", "ones_percent",
             "percent of the images", "%.1f");
    add_bars(all, "f1_a_class", "F1 of each class", "f1", "F1", "%.2f");
    if (has_table(all, "label_shares", "percent")) {
        picture *one =
            add_picture(all, "columns", "label_shares", "Labels of the validation images");
        add_file(all, one, "csv", table_path(all, "label_shares"));
        add_text(one, "places", "label");
        add_text(one, "values", "percent");
        add_text(one, "yaxis", "percent of the labels");
    }
}

/* ---- several runs ---- */

/* A picture with a curve a run, each from a table of its own: <table>_1.csv, ... */
static picture *add_overlay(drawing *all, const char *script, const char *name, const char *title,
                            const char *table)
{
    const hpac_report *report = all->report;
    picture *one = add_picture(all, script, name, title);
    add_number(one, "files", (double)report->curve_count);
    for (size_t i = 0; i < report->curve_count; i++) {
        const report_run *run = &report->runs[report->curves[i]];
        char *path = hpac_path_join(report->plots, "%s_%zu.csv", table, i + 1);
        add_file(all, one, numbered(one, "file", i + 1), path);
        add_text(one, numbered(one, "label", i + 1), run->label);
    }
    return one;
}

/* Points that are far apart want a logarithmic axis. */
static bool spans_decades(const hpac_report *report, hpac_metric column)
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

/* What one costs and the other says, a point a run. */
static picture *add_tradeoff(drawing *all, const char *name, const char *title, const char *x,
                             const char *y)
{
    const hpac_report *report = all->report;
    picture *one = add_picture(all, "tradeoff", name, title);
    add_file(all, one, "csv", table_path(all, "runs"));
    add_text(one, "x", x);
    add_text(one, "y", y);
    for (size_t i = 0; i < report->run_count && report->run_count <= NAMED_POINTS; i++)
        add_text(one, numbered(one, "label", i + 1), report->runs[i].label);
    return one;
}

static void add_tradeoffs(drawing *all)
{
    if (has_table(all, "runs", "elapsed_s final_val_f1_mean")) {
        picture *one = add_tradeoff(all, "f1_against_time", "F1 against time", "elapsed_s",
                                    "final_val_f1_mean");
        add_text(one, "xaxis", "seconds");
        add_text(one, "yaxis", "mean F1, last epoch");
        add_number(one, "logx", spans_decades(all->report, HPAC_METRIC_ELAPSED_S));
    }
    if (has_table(all, "runs", "steps final_val_loss")) {
        picture *one = add_tradeoff(all, "loss_against_steps", "Loss against update steps", "steps",
                                    "final_val_loss");
        add_text(one, "xaxis", "update steps");
        add_text(one, "yaxis", "validation loss, last epoch");
        add_number(one, "logx", spans_decades(all->report, HPAC_METRIC_STEP));
    }
}

static void add_pictures_of_runs(drawing *all)
{
    const hpac_report *report = all->report;
    if (report->curve_count == 0)
        return;
    picture *one = add_overlay(all, "losses", "losses", "Loss per epoch", "losses");
    add_number(one, "prior", report_common(report, HPAC_METRIC_VAL_PRIOR_LOSS));
    one = add_overlay(all, "batch_losses", "last_batch_losses", "Loss of the last batches",
                      "batch_losses");
    add_number(one, "last", LAST_BATCHES);
    one = add_overlay(all, "metrics", "accuracy", "Accuracy per epoch", "metrics");
    add_text(one, "quantity", "accuracy");
    add_number(one, "zeros", !isnan(report_common(report, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY)));
    one = add_overlay(all, "metrics", "f1", "F1 per epoch", "metrics");
    add_text(one, "quantity", "f1");
    if (report->kind != REPORT_FOLDS && report->curve_count > 1)
        add_tradeoffs(all);
}

/* ---- the tables they are drawn from ---- */

/* The rows from `first` on. Takes the path over. */
static hpac_status write_batches(const report_run *run, size_t first, char *path)
{
    const hpac_table *all = &run->batch_losses;
    hpac_table table;
    hpac_table_init(&table, "batch_losses", all->title, all->columns, all->column_count);
    for (size_t row = first; row < hpac_table_row_count(all); row++) {
        hpac_table_add_real(&table, hpac_table_cell(all, row, 0)->number);
        hpac_table_add_real(&table, hpac_table_cell(all, row, 1)->number);
    }
    hpac_status status = path ? hpac_table_write_csv(&table, path) : hpac_fail_memory(1);
    hpac_table_fini(&table);
    free(path);
    return status;
}

/* Takes the path over. */
static hpac_status write_csv(const hpac_table *table, char *path)
{
    hpac_status status = path ? hpac_table_write_csv(table, path) : hpac_fail_memory(1);
    free(path);
    return status;
}

/* The curves of a run, as far as it has any. What is drawn are copies, since a run that is being
 * trained may be in the middle of a row. `suffix` is "" or "_<number>". */
static hpac_status write_curves(hpac_report *report, const report_run *run, const char *suffix)
{
    size_t steps = hpac_table_row_count(&run->batch_losses);
    bool whole = report->kind == REPORT_RUN;
    hpac_status status = HPAC_OK;
    if (hpac_table_row_count(&run->losses) > 0)
        status = write_csv(&run->losses, report_plot_path(report, "losses%s.csv", suffix));
    if (status == HPAC_OK && report_epochs(run) > 0)
        status = write_csv(&run->metrics, report_plot_path(report, "metrics%s.csv", suffix));
    if (status == HPAC_OK && steps > 0)
        status = write_batches(run, whole || steps < LAST_BATCHES ? 0 : steps - LAST_BATCHES,
                               report_plot_path(report, "batch_losses%s.csv", suffix));
    return status;
}

static hpac_status write_all_curves(hpac_report *report)
{
    if (report->kind == REPORT_RUN)
        return write_curves(report, &report->runs[0], "");
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < report->curve_count && status == HPAC_OK; i++) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "_%zu", i + 1);
        status = write_curves(report, &report->runs[report->curves[i]], suffix);
    }
    return status;
}

static hpac_status write_tables(hpac_report *report)
{
    hpac_status status = HPAC_OK;
    for (size_t i = 0; i < report->table_count && status == HPAC_OK; i++)
        status = write_csv(&report->tables[i],
                           report_plot_path(report, "%s.csv", report->tables[i].name));
    return status == HPAC_OK ? write_all_curves(report) : status;
}

/* ---- drawing ---- */

static hpac_status draw_one(void *user, size_t index, int thread)
{
    (void)thread;
    const drawing *all = user;
    const picture *one = &all->pictures[index / 2];
    const hpac_plot plot = {one->script, one->variables, one->variable_count};
    hpac_status status = report_check_stop(all->report, HPAC_OK);
    if (status == HPAC_OK) /* a signal that the terminal sends ends gnuplot, too */
        status = report_check_stop(all->report, hpac_plot_draw(&plot, one->paths[index % 2]));
    return status;
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
