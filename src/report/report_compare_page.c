/* report.html of several runs. */
#include "report_internal.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- all of them ---- */

static size_t count_unfinished(const hpac_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->run_count; i++)
        count += !report->runs[i].finished;
    return count;
}

static void write_unfinished(hpac_page *page, const hpac_report *report)
{
    size_t count = count_unfinished(report);
    if (count == 0)
        return;
    hpac_page_paragraph(page,
                        "%zu of the %zu runs %s not finished: the figures are those of the last "
                        "epoch there is.",
                        count, report->run_count, count == 1 ? "is" : "are");
}

/* How many runs have learned anything, and whether their losses may be compared. */
static void write_verdict(hpac_page *page, const hpac_report *report)
{
    size_t judged = 0, better = 0;
    for (size_t i = 0; i < report->run_count; i++) {
        const report_run *run = &report->runs[i];
        double prior = report_metric(run, run->results.best_row, HPAC_METRIC_VAL_PRIOR_LOSS);
        double best = report_metric(run, run->results.best_row, HPAC_METRIC_VAL_LOSS);
        judged += !isnan(prior) && !isnan(best);
        better += best < prior;
    }
    if (judged == 0)
        return;
    hpac_page_paragraph(page,
                        "In its best epoch, the validation loss of %zu of %zu run%s is below that "
                        "of the constant prior, which answers with the share of each class and "
                        "looks at no image.",
                        better, judged, judged == 1 ? "" : "s");
    if (!isnan(report_common(report, HPAC_METRIC_VAL_PRIOR_LOSS)))
        return;
    if (report->kind == REPORT_FOLDS)
        hpac_page_paragraph(page, "Each fold is judged on images of its own, and has a prior of "
                                  "its own.");
    else
        hpac_page_paragraph(page, "The runs are judged on other classes or images, as the constant "
                                  "prior's loss tells: compare each with its own prior, not their "
                                  "losses with one another.");
}

static void write_figures(hpac_page *page, const hpac_report *report)
{
    static const char *const schedule[] = {
        "run",
        "state",
        "configuration",
        "classes",
        "epochs",
        "batch_size",
        "dropout",
        "learning_rate",
        "steps",
        "elapsed_s",
        "train_images_per_s",
    };
    static const char *const results[] = {
        "run",
        "val_prior_loss",
        "final_val_loss",
        "best_val_loss",
        "best_epoch",
        "val_all_zero_accuracy",
        "final_val_accuracy",
        "final_val_f1_mean",
        "final_val_f1_min",
        "final_val_f1_max",
        "final_val_f1_std",
        "final_train_loss",
    };
    const hpac_table *runs = report_find_table(report, "runs");
    hpac_page_heading(page, "Side by side");
    report_page_columns(page, runs,
                        count_unfinished(report) == 0
                            ? "What came out, on validation images after the last epoch"
                            : "What came out, on validation images in the last epoch there is",
                        results, sizeof results / sizeof *results);
    report_page_table(page, report, "spread");
    report_page_columns(page, runs, "How they were trained", schedule,
                        sizeof schedule / sizeof *schedule);
    const hpac_table *keys = report_find_table(report, "configurations");
    if (keys->column_count > 1)
        hpac_page_table(page, keys, 0);
    else
        hpac_page_paragraph(page, "Their configurations are the same.");
}

static void write_curves(hpac_page *page, const hpac_report *report)
{
    size_t drawable = 0;
    for (size_t i = 0; i < report->run_count; i++)
        drawable += report_epochs(&report->runs[i]) > 0;
    if (drawable == 0) {
        hpac_page_paragraph(page, "None of them has finished an epoch yet: there are no curves.");
        return;
    }
    hpac_page_heading(page, "Over one another");
    if (drawable > report->curve_count)
        hpac_page_paragraph(page,
                            "More than %d curves cannot be told apart: the plots of curves show "
                            "the %d runs with the lowest validation losses.",
                            REPORT_CURVES, REPORT_CURVES);
    report_page_plot(page, report, "losses",
                     isnan(report_common(report, HPAC_METRIC_VAL_PRIOR_LOSS))
                         ? "Loss per epoch on training and validation images."
                         : "Loss per epoch on training and validation images, beside the constant "
                           "prior's on the validation images.");
    report_page_plot(page, report, "last_batch_losses",
                     "Loss of each run's last 800 batches, in training.");
    report_page_plot(page, report, "f1",
                     "F1 on the validation images, mean of the classes, per epoch.");
    report_page_plot(
        page, report, "accuracy",
        isnan(report_common(report, HPAC_METRIC_VAL_ALL_ZERO_ACCURACY))
            ? "Accuracy on the validation images, per epoch. Answering 0 to everything "
              "has another accuracy for each run, as the table above tells."
            : "Accuracy on the validation images, per epoch, beside that of answering "
              "0 to everything.");
}

static void write_tradeoffs(hpac_page *page, const hpac_report *report)
{
    if (report->kind == REPORT_FOLDS || report->curve_count < 2)
        return;
    hpac_page_heading(page, "What it costs");
    report_page_plot(page, report, "f1_against_time",
                     "Mean F1 of the last epoch on the validation images against training time.");
    report_page_plot(page, report, "loss_against_steps",
                     "Validation loss of the last epoch against update steps.");
}

/* ---- each ---- */

static void write_run(hpac_page *page, const report_run *run)
{
    hpac_page_subheading(page, run->label);
    if (!run->json) {
        hpac_page_paragraph(page, "%s: there is no run in %s.", run->state, run->folder);
        return;
    }
    const char *device = report_json_text(run, "device");
    hpac_page_paragraph(page, "%s, %zu epoch%s on %s. Its folder is %s%s.", run->state,
                        report_epochs(run), report_plural((double)report_epochs(run)),
                        device ? device : "an unknown device", run->folder,
                        hpac_directory_has(run->folder, REPORT_PAGE)
                            ? ", with a report of its own, report.html"
                            : "");
    if (*run->warnings)
        hpac_page_verbatim(page, run->warnings);
}

void report_compare_page(hpac_page *page, const hpac_report *report)
{
    write_unfinished(page, report);
    write_verdict(page, report);
    write_figures(page, report);
    write_curves(page, report);
    write_tradeoffs(page, report);
    const hpac_table *classes = report_find_table(report, "class_f1");
    if (hpac_table_row_count(classes) > 0) {
        hpac_page_heading(page, "Classes");
        hpac_page_table(page, classes, 0);
    }
    hpac_page_heading(page, "The runs");
    for (size_t i = 0; i < report->run_count; i++)
        write_run(page, &report->runs[i]);
}
