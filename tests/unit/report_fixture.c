/* Run directories made by hand. */
#include "report_fixture.h"

#include "base/file.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] =
    "# Written by hpac: every value, the defaults included.\n"
    "data:\n  targets: [Nucleoplasm, Rods & rings]\n  split:\n    fold: 0\n"
    "model:\n  - {type: conv2d, filters: 16}\n"
    "  - {type: dropout, rate: 0.5}\n"
    "  - {type: dense, units: classes}\n"
    "train:\n  epochs: 2\n  batch_size: 8\n"
    "  optimizer:\n    learning_rate: 1\n";

#define METRICS_HEADER                                                                             \
    "epoch,step,train_loss,train_accuracy,train_all_zero_accuracy,train_f1_min,train_f1_max,"      \
    "train_f1_mean,train_f1_std,val_loss,val_accuracy,val_all_zero_accuracy,val_f1_min,"           \
    "val_f1_max,val_f1_mean,val_f1_std,val_prior_loss,elapsed_s,train_images_per_s,train_waiting"

const char report_fixture_metrics_header[] = METRICS_HEADER;

static const char metrics[] = METRICS_HEADER
    "\n"
    "1,2,0.7,0.5,0.6,0.1,0.3,0.2,0.1,0.5,0.75,0.625,0.2,0.4,0.3,0.1,0.6,1.5,100,0\n"
    "2,4,0.4,0.8,0.6,0.5,0.7,0.6,0.1,0.55,0.875,0.625,0,0.8,0.4,0.4,0.6,3.25,120,0.5\n";

void report_fixture_put(const char *name, const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", name, file);
    scratch_write_text(path, text);
}

const char *report_fixture_write(const char *name, const char *state)
{
    char json[512];
    cr_assert_eq(hpac_directory_create(scratch_path(name)), HPAC_OK);
    snprintf(
        json, sizeof json,
        "{\"state\": \"%s\", \"hpac\": \"0.1.0\", \"configuration\": \"small\", \"device\": "
        "\"cpu: <none> & more\", \"seed\": 3, \"epochs\": 2, \"steps\": 4, \"elapsed_s\": 3.25,"
        " \"train_images\": 16, \"validation_images\": 4, \"skipped_images\": 0}\n",
        state);
    report_fixture_put(name, "run.json", json);
    report_fixture_put(name, "config.yaml", config);
    report_fixture_put(name, "train.log", "2026-01-01 00:00:00 info fine\n");
    report_fixture_put(name, "metrics.csv", metrics);
    report_fixture_put(name, "losses.csv", "epoch,train_loss,val_loss\n1,0.7,0.5\n2,0.4,0.55\n");
    report_fixture_put(name, "batch_losses.csv", "step,batch_losses\n1,0.8\n2,0.6\n3,0.5\n4,0.3\n");
    report_fixture_put(name, "class_metrics.csv",
                       "epoch,class,support,true_positives,false_positives,false_negatives,"
                       "precision,recall,f1\n"
                       "1,Nucleoplasm,3,1,0,2,1,0.33,0.4\n1,Rods & rings,0,0,1,0,0,0,0.2\n"
                       "2,Nucleoplasm,3,2,0,1,1,0.67,0.8\n2,Rods & rings,0,0,0,0,0,0,0\n");
    if (strcmp(state, "finished") == 0)
        report_fixture_put(name, "predictions.csv",
                           "Id,Nucleoplasm,Rods & rings\n"
                           "a,0.1,0.5\nb,0.3,0.5\nc,0.5,0.5\nd,0.9,0.5\n");
    return scratch_path(name);
}

double report_fixture_metric(int run, int epoch, const char *metric)
{
    static const double losses[] = {3, 1, 2};
    char header[] = METRICS_HEADER, *rest = header;
    int column = 0;
    while (rest && strcmp(strsep(&rest, ","), metric) != 0)
        column++;
    cr_assert_lt(column, 20, "no metric %s", metric);
    return column == 0                       ? epoch
           : strcmp(metric, "val_loss") == 0 ? run + losses[epoch - 1]
                                             : 1000 * run + 100 * epoch + column;
}

void report_fixture_put_metrics(const char *name, int run)
{
    char text[4096] = METRICS_HEADER "\n";
    size_t length = strlen(text);
    for (int epoch = 1; epoch <= 3; epoch++) {
        char header[] = METRICS_HEADER, *rest = header;
        for (char *metric; (metric = strsep(&rest, ","));)
            length +=
                (size_t)snprintf(text + length, sizeof text - length, "%g%s",
                                 report_fixture_metric(run, epoch, metric), rest ? "," : "\n");
    }
    report_fixture_write(name, "finished");
    report_fixture_put(name, "metrics.csv", text);
}

static hpac_status try_open(const char *names, hpac_report **report)
{
    char text[512];
    const char *directories[16];
    size_t count = 0;
    snprintf(text, sizeof text, "%s", names);
    char *rest = text;
    for (char *name; (name = strsep(&rest, " "));)
        directories[count++] = scratch_path(name);
    const hpac_report_options options = {
        .runs = directories, .run_count = count, .out = scratch_path("out")};
    return hpac_report_open(&options, report);
}

hpac_report *report_fixture_open(const char *names)
{
    hpac_report *report;
    cr_assert_eq(try_open(names, &report), HPAC_OK, "%s", hpac_error_message());
    return report;
}

void report_fixture_refuse(const char *names, hpac_status expected)
{
    hpac_report *report;
    hpac_status status = try_open(names, &report);
    cr_assert_eq(status, expected, "status %d, expected %d: %s", (int)status, (int)expected,
                 hpac_error_message());
    cr_assert_null(report);
}

const hpac_table *report_fixture_table(const hpac_report *report, const char *name)
{
    size_t count;
    const hpac_table *tables = hpac_report_tables(report, &count);
    return hpac_tables_find(tables, count, name);
}

static const hpac_cell *find_cell(const hpac_table *table, const char *row, const char *column)
{
    char text[64];
    for (size_t r = 0; table && r < hpac_table_row_count(table); r++)
        for (size_t c = 0; c < table->column_count; c++)
            if (strcmp(table->columns[c].name, column) == 0 &&
                strcmp(hpac_table_show(table, r, 0, text, sizeof text), row) == 0)
                return hpac_table_cell(table, r, c);
    return NULL;
}

double report_fixture_number(const hpac_table *table, const char *row, const char *column)
{
    const hpac_cell *cell = find_cell(table, row, column);
    return cell ? cell->number : NAN;
}

const char *report_fixture_text(const hpac_table *table, const char *row, const char *column)
{
    const hpac_cell *cell = find_cell(table, row, column);
    return cell ? cell->text : NULL;
}

void assert_number(const hpac_table *table, const char *row, const char *column, double expected)
{
    double value = report_fixture_number(table, row, column);
    cr_assert((isnan(value) && isnan(expected)) ||
                  fabs(value - expected) <= 1e-12 + 1e-12 * fabs(expected),
              "%s of %s: %.17g, expected %.17g", column, row, value, expected);
}

void assert_text(const hpac_table *table, const char *row, const char *column, const char *expected)
{
    const char *text = report_fixture_text(table, row, column);
    cr_assert(text && strcmp(text, expected) == 0, "%s of %s: %s, expected %s", column, row,
              text ? text : "nothing", expected);
}
