/* report.html of one run: what came out first, what went in last. */
#include "report_internal.h"

#include "base/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- parts that other pages have too ---- */

const char *report_plural(double count)
{
    return count > 1 || count < 1 ? "s" : "";
}

static bool was_drawn(const hpac_report *report, const char *file)
{
    for (size_t i = 0; i < report->file_count; i++)
        if (strcmp(report->files[i], file) == 0)
            return true;
    return false;
}

void report_page_plot(hpac_page *page, const hpac_report *report, const char *name,
                      const char *caption)
{
    char file[128];
    snprintf(file, sizeof file, "%s.png", name);
    char *path = was_drawn(report, file) ? hpac_path_join(report->plots, "%s", file) : NULL;
    if (path)
        hpac_page_picture(page, path, caption);
    free(path);
}

void report_page_table(hpac_page *page, const hpac_report *report, const char *name)
{
    const hpac_table *table = report_find_table(report, name);
    if (table)
        hpac_page_table(page, table, 0);
}

void report_page_columns(hpac_page *page, const hpac_table *table, const char *title,
                         const char *const *names, size_t name_count)
{
    hpac_column columns[REPORT_PAGE_COLUMNS];
    size_t places[REPORT_PAGE_COLUMNS], count = 0;
    for (size_t i = 0; i < name_count && count < REPORT_PAGE_COLUMNS; i++) {
        places[count] = report_column(table, names[i], strlen(names[i]));
        if (places[count] < table->column_count) {
            columns[count] = table->columns[places[count]];
            count++;
        }
    }
    hpac_table part;
    hpac_table_init(&part, table->name, title, columns, count);
    for (size_t row = 0; row < hpac_table_row_count(table); row++)
        for (size_t c = 0; c < count; c++) {
            const hpac_cell *cell = hpac_table_cell(table, row, places[c]);
            if (columns[c].kind == HPAC_TEXT)
                hpac_table_add_text(&part, cell->text);
            else
                hpac_table_add_real(&part, cell->number);
        }
    hpac_page_table(page, &part, 0);
    hpac_table_fini(&part);
}

/* ---- what came out ---- */

/* "3 min 20 s" */
static void duration_text(double seconds, char text[32])
{
    if (!(seconds >= 0 && seconds < 1e9))
        snprintf(text, 32, "unknown time");
    else if (seconds < 60)
        snprintf(text, 32, "%.1f s", seconds);
    else if (seconds < 3600)
        snprintf(text, 32, "%.0f min %02.0f s", floor(seconds / 60), floor(fmod(seconds, 60)));
    else
        snprintf(text, 32, "%.0f h %02.0f min", floor(seconds / 3600),
                 floor(fmod(seconds, 3600) / 60));
}

static void list_classes(const report_run *run, char *text, size_t nbytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t c = 0; c < run->class_count && length < nbytes; c++)
        length += (size_t)snprintf(text + length, nbytes - length, "%s%s", c > 0 ? ", " : "",
                                   report_class_name(run, c));
}

/* A part of a sentence, behind what parts it from the one before. */
__attribute__((format(printf, 3, 4))) static void add_part(FILE *stream, const char **gap,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs(*gap, stream);
    vfprintf(stream, format, arguments);
    va_end(arguments);
    *gap = ", ";
}

/* What was trained on what and for how long, as far as the files tell. */
static void write_schedule(FILE *stream, const report_run *run)
{
    const char *configuration = report_json_text(run, "configuration");
    const char *device = report_json_text(run, "device"), *gap = ": ";
    double images = report_json_number(run, "train_images"), judged = report_images(run);
    double epochs = report_json_number(run, "epochs"), steps = report_json_number(run, "steps");
    double seconds = report_json_number(run, "elapsed_s");
    fprintf(stream, "%s%s", configuration ? "Configuration " : "A training",
            configuration ? configuration : "");
    if (!isnan(images))
        add_part(stream, &gap, "trained on %.0f images", images);
    if (!isnan(judged))
        add_part(stream, &gap, "validated on %.0f %s after each epoch", judged,
                 isnan(images) ? "images" : "others");
    gap = strcmp(gap, ", ") == 0 ? "; " : gap;
    if (!isnan(epochs))
        add_part(stream, &gap, "%.0f epoch%s", epochs, report_plural(epochs));
    if (!isnan(steps))
        add_part(stream, &gap, "%.0f step%s", steps, report_plural(steps));
    gap = strcmp(gap, ", ") == 0 ? " " : gap;
    char time[32];
    duration_text(seconds, time);
    if (!isnan(seconds))
        add_part(stream, &gap, "in %s", time);
    gap = strcmp(gap, ", ") == 0 ? " " : gap;
    if (device)
        add_part(stream, &gap, "on %s", device);
    fputc('.', stream);
}

static void write_what(hpac_page *page, const report_run *run)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (stream)
        write_schedule(stream, run);
    if (stream && fclose(stream) == 0)
        hpac_page_paragraph(page, "%s", text);
    free(text);
    char classes[HPAC_CLASS_COUNT * 64];
    list_classes(run, classes, sizeof classes);
    if (run->class_count > 0)
        hpac_page_paragraph(page, "%zu class%s: %s.", run->class_count,
                            run->class_count == 1 ? "" : "es", classes);
    double skipped = report_json_number(run, "skipped_images");
    if (skipped > 0)
        hpac_page_paragraph(page, "%.0f image%s could not be read and stayed out.", skipped,
                            report_plural(skipped));
}

static void write_unfinished(hpac_page *page, const report_run *run)
{
    if (run->finished)
        return;
    hpac_page_paragraph(page,
                        "This run is not finished (%s): what follows is what there is after %zu "
                        "epochs and %zu steps.",
                        run->state, report_epochs(run), hpac_table_row_count(&run->batch_losses));
    hpac_page_paragraph(page, "The predictions of the validation images come with its end, and "
                              "with them the plots of probabilities.");
}

static void write_verdict(hpac_page *page, const report_run *run)
{
    size_t last = report_epochs(run) - 1;
    double prior = report_metric(run, last, HPAC_METRIC_VAL_PRIOR_LOSS);
    double best = report_metric(run, run->results.best_row, HPAC_METRIC_VAL_LOSS);
    double zeros = report_metric(run, last, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY);
    double accuracy = report_metric(run, last, HPAC_METRIC_VAL_ACCURACY);
    double best_epoch = report_metric(run, run->results.best_row, HPAC_METRIC_EPOCH);
    if (best < prior)
        hpac_page_paragraph(page,
                            "The lowest validation loss is %.4f, in epoch %.0f: %.4f below the "
                            "%.4f of the constant prior, which answers with the share of each "
                            "class and looks at no image.",
                            best, best_epoch, prior - best, prior);
    else if (best >= prior)
        hpac_page_paragraph(page,
                            "The lowest validation loss is %.4f, in epoch %.0f, and not below the "
                            "%.4f of the constant prior, which answers with the share of each "
                            "class and looks at no image: the network has not learned to do "
                            "better.",
                            best, best_epoch, prior);
    if (!isnan(accuracy) && !isnan(zeros))
        hpac_page_paragraph(page,
                            "The last epoch's accuracy is %.4f; answering 0 to everything has "
                            "%.4f.",
                            accuracy, zeros);
}

static void write_result(hpac_page *page, const hpac_report *report, const report_run *run)
{
    write_what(page, run);
    write_unfinished(page, run);
    if (report_epochs(run) == 0)
        return;
    hpac_page_heading(page, "What came out");
    write_verdict(page, run);
    report_page_table(page, report, "figures");
}

/* ---- plots ---- */

static void write_curves(hpac_page *page, const hpac_report *report, const report_run *run)
{
    if (report_epochs(run) + hpac_table_row_count(&run->batch_losses) > 0)
        hpac_page_heading(page, "Loss");
    report_page_plot(
        page, report, "losses",
        "Loss per epoch on training and validation images, beside the constant prior's "
        "on the validation images. The best epoch is marked.");
    report_page_plot(page, report, "batch_losses", "Loss per batch, in training.");
    if (report_epochs(run) > 0)
        hpac_page_heading(page, "Accuracy and F1");
    report_page_plot(page, report, "accuracy",
                     "Share of all labels, 0s and 1s, that are right, beside that of answering 0 "
                     "to everything.");
    report_page_plot(page, report, "f1",
                     "F1 of the classes on the validation images: mean, least and largest.");
}

static void write_probabilities(hpac_page *page, const hpac_report *report, const report_run *run)
{
    if (run->predictions.images == 0)
        return;
    hpac_page_heading(page, "Predicted probabilities");
    hpac_page_paragraph(page,
                        "Of the %zu validation images after the last epoch (predictions.csv). "
                        "Densities are sums of Gaussian kernels, their width by Scott's rule.",
                        run->predictions.images);
    report_page_plot(page, report, "probability_histogram",
                     "All classes together: histogram, and density over it.");
    report_page_plot(page, report, "class_probability_density",
                     "Each class on its own: the density of its predictions.");
    report_page_plot(page, report, "prediction_ranges",
                     "Mean and standard deviation of each class's predictions.");
}

/* Of which the figures of the classes are. */
static double class_epoch(const report_run *run)
{
    return report_class_value(run, 0, REPORT_CLASS_EPOCH);
}

static void write_classes(hpac_page *page, const hpac_report *report, const report_run *run)
{
    if (run->class_count == 0)
        return;
    hpac_page_heading(page, "Classes");
    report_page_plot(page, report, "label_shares",
                     "How many of the labels are 0 and 1: why accuracy alone says little.");
    report_page_plot(page, report, "ones_a_class",
                     "Percent of the validation images that carry each class.");
    char caption[64];
    snprintf(caption, sizeof caption, "F1 of each class after %s %.0f.",
             run->finished ? "the last epoch," : "epoch", class_epoch(run));
    report_page_plot(page, report, "f1_a_class", caption);
    report_page_table(page, report, "class_summary");
}

/* ---- what went in ---- */

static void write_epochs(hpac_page *page, const report_run *run)
{
    static const char *const names[] = {
        "epoch",        "train_loss",    "val_loss",    "train_accuracy",
        "val_accuracy", "train_f1_mean", "val_f1_mean", "val_f1_min",
        "val_f1_max",   "val_f1_std",    "elapsed_s",   "train_images_per_s",
    };
    if (report_epochs(run) == 0)
        return;
    hpac_page_heading(page, "Epochs");
    report_page_columns(page, &run->metrics, "Metrics per epoch (metrics.csv has all)", names,
                        sizeof names / sizeof *names);
}

/* Of a longer list, as that of skipped images may be, the first are shown. */
#define LIST_ITEMS 24

static void write_json(FILE *stream, const json_t *value)
{
    size_t count = json_array_size(value);
    char number[32];
    hpac_number_text(json_number_value(value), number);
    if (json_is_string(value) || json_is_number(value))
        fputs(json_is_string(value) ? json_string_value(value) : number, stream);
    else if (!json_is_array(value) && !json_is_null(value))
        json_dumpf(value, stream, JSON_COMPACT | JSON_ENCODE_ANY);
    for (size_t i = 0; i < count && i < LIST_ITEMS; i++) {
        fputs(i > 0 ? ", " : "", stream);
        write_json(stream, json_array_get(value, i));
    }
    if (count > LIST_ITEMS)
        fprintf(stream, " and %zu more", count - LIST_ITEMS);
}

static void add_json(hpac_table *table, const char *key, const json_t *value)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (stream)
        write_json(stream, value);
    if (stream && fclose(stream) == 0) {
        hpac_table_add_text(table, key);
        hpac_table_add_text(table, text);
    } else {
        table->status = hpac_fail_memory(1);
    }
    free(text);
}

static void write_environment(hpac_page *page, const report_run *run)
{
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("what", NULL),
                                          HPAC_COLUMN_TEXT("value", NULL)};
    hpac_table table;
    hpac_table_init(&table, "environment", "run.json", columns, 2);
    const char *key;
    json_t *value;
    json_object_foreach(run->json, key, value)
    {
        add_json(&table, key, value);
    }
    hpac_page_heading(page, "Environment");
    hpac_page_table(page, &table, 0);
    hpac_table_fini(&table);
}

static void write_files(hpac_page *page, const report_run *run)
{
    static const struct {
        const char *name, *content;
        bool at_end; /* written when all epochs are done */
    } files[] = {
        {"model.h5", "the model after the last epoch, as the figures above judge it", true},
        {"best.h5", "the model of the epoch with the lowest validation loss", false},
        {"predictions.csv", "probabilities of the validation images", true},
        {"losses.csv", "loss per epoch", false},
        {"batch_losses.csv", "loss per batch", false},
        {"metrics.csv", "all metrics per epoch", false},
        {"class_metrics.csv", "metrics per epoch and class", false},
        {"batch_counts.csv", "right and wrong answers per batch and class", false},
        {"submission.csv", "the classes of the test images", true},
        {"submission_proba.csv", "their probabilities", true},
        {"profile.csv", "the time of every operation", false},
        {"train.log", "what the training said", false},
    };
    static const hpac_column columns[] = {HPAC_COLUMN_TEXT("file", NULL),
                                          HPAC_COLUMN_TEXT("content", "what is in it")};
    hpac_table table;
    hpac_table_init(&table, "files",
                    "Beside this page; the tables and pictures of the plots are "
                    "in plots/",
                    columns, 2);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (hpac_directory_has(run->folder, files[i].name)) {
            hpac_table_add_text(&table, files[i].name);
            hpac_table_add_text(&table, files[i].at_end && !run->finished
                                            ? "left by an earlier end of this training"
                                            : files[i].content);
        }
    hpac_page_heading(page, "Files");
    hpac_page_paragraph(page, "The run's folder is %s.", run->folder);
    hpac_page_table(page, &table, 0);
    hpac_table_fini(&table);
}

static void write_run(hpac_page *page, const hpac_report *report)
{
    const report_run *run = &report->runs[0];
    write_result(page, report, run);
    if (*run->warnings) {
        hpac_page_heading(page, "Warnings");
        hpac_page_verbatim(page, run->warnings);
    }
    write_curves(page, report, run);
    write_probabilities(page, report, run);
    write_classes(page, report, run);
    write_epochs(page, run);
    if (*run->config) {
        hpac_page_heading(page, "Configuration");
        hpac_page_verbatim(page, run->config);
    }
    write_environment(page, run);
    write_files(page, run);
}

/* ---- the page ---- */

static void make_title(const hpac_report *report, char *text, size_t nbytes)
{
    switch (report->kind) {
    case REPORT_RUN:
        snprintf(text, nbytes, "Training %s", report->runs[0].label);
        break;
    case REPORT_FOLDS:
        snprintf(text, nbytes, "Cross-validation of %zu folds", report->run_count);
        break;
    case REPORT_SWEEP:
        snprintf(text, nbytes, "Sweep of %zu runs", report->run_count);
        break;
    case REPORT_RUNS:
        snprintf(text, nbytes, "Comparison of %zu runs", report->run_count);
        break;
    }
}

hpac_status report_page_write(const hpac_report *report)
{
    char title[512];
    make_title(report, title, sizeof title);
    hpac_page page;
    hpac_status status = hpac_page_create(&page, report->page, title);
    if (status != HPAC_OK)
        return status;
    if (report->kind == REPORT_RUN)
        write_run(&page, report);
    else
        report_compare_page(&page, report);
    return hpac_page_commit(&page);
}
