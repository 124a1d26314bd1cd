/* Reports of runs that are small enough to check by eye. */
#include "base/file.h"
#include "report/report_internal.h"

#include "report_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void assert_message_has(const char *part)
{
    cr_assert(strstr(hpac_error_message(), part), "\"%s\", expected %s in it", hpac_error_message(),
              part);
}

/* ---- one run ---- */

Test(report, classes_and_labels_are_those_of_the_files)
{
    report_fixture_write("run", "finished");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *classes = report_fixture_table(report, "class_summary");
    cr_assert_eq(hpac_table_row_count(classes), 2);
    assert_number(classes, "Nucleoplasm", "support", 3);
    assert_number(classes, "Nucleoplasm", "ones_percent", 75);
    assert_number(classes, "Nucleoplasm", "prediction_mean", 0.45);
    assert_number(classes, "Nucleoplasm", "prediction_std", 0.29580398915498079);
    assert_number(classes, "Nucleoplasm", "precision", 1);
    assert_number(classes, "Nucleoplasm", "recall", 0.67);
    assert_number(classes, "Nucleoplasm", "f1", 0.8);
    assert_number(classes, "Rods & rings", "ones_percent", 0);
    assert_number(classes, "Rods & rings", "prediction_std", 0);
    const hpac_table *labels = report_fixture_table(report, "label_shares");
    assert_number(labels, "0", "count", 5);
    assert_number(labels, "0", "percent", 62.5);
    assert_number(labels, "1", "count", 3);
    assert_number(labels, "1", "percent", 37.5);
    hpac_report_close(report);
}

Test(report, histogram_and_densities_are_of_the_predictions)
{
    report_fixture_write("run", "finished");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *bins = report_fixture_table(report, "probability_histogram");
    cr_assert_eq(hpac_table_row_count(bins), 50);
    double count = 0, area = 0;
    for (size_t i = 0; i < 50; i++) {
        count += hpac_table_cell(bins, i, 2)->number;
        area += hpac_table_cell(bins, i, 3)->number * 0.02;
    }
    cr_assert_eq(count, 8);
    cr_assert(fabs(area - 1) <= 1e-12);
    cr_assert_eq(hpac_table_cell(bins, 25, 2)->number, 5);
    cr_assert(fabs(hpac_table_cell(bins, 25, 3)->number - 31.25) <= 1e-12);
    const hpac_table *classes = report_fixture_table(report, "class_probability_density");
    cr_assert_eq(hpac_table_row_count(classes), 201);
    assert_number(classes, "0.500", "Rods & rings", NAN); /* all equal */
    assert_number(classes, "0.375", "Nucleoplasm",
                  0.98074968955008901); /* scipy.stats.gaussian_kde */
    cr_assert_eq(hpac_table_row_count(report_fixture_table(report, "probability_density")), 201);
    hpac_report_close(report);
}

Test(report, figures_have_baselines)
{
    report_fixture_write("run", "finished");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *figures = report_fixture_table(report, "figures");
    assert_number(figures, "loss", "last_epoch", 0.55);
    assert_number(figures, "loss", "best_epoch", 0.5); /* the first */
    assert_number(figures, "loss", "guessing", 0.6);
    assert_number(figures, "accuracy", "last_epoch", 0.875);
    assert_number(figures, "accuracy", "best_epoch", 0.75);
    assert_number(figures, "accuracy", "guessing", 0.625);
    const hpac_table *runs = report_fixture_table(report, "runs");
    assert_text(runs, "run", "state", "finished");
    assert_text(runs, "run", "dropout", "0.5");
    assert_number(runs, "run", "epochs", 2);
    assert_number(runs, "run", "batch_size", 8);
    assert_number(runs, "run", "learning_rate", 1);
    assert_number(runs, "run", "classes", 2);
    assert_number(runs, "run", "steps", 4);
    assert_number(runs, "run", "elapsed_s", 3.25);
    assert_number(runs, "run", "train_images_per_s", 2 / (1 / 100.0 + 1 / 120.0));
    assert_number(runs, "run", "best_epoch", 1);
    assert_number(runs, "run", "final_val_f1_mean", 0.4);
    assert_number(runs, "run", "best_val_f1_max", 0.4);
    assert_number(runs, "run", "final_train_loss", 0.4);
    hpac_report_close(report);
}

Test(report, of_an_unfinished_run_has_the_tables_of_its_epochs)
{
    report_fixture_write("run", "running");
    report_fixture_put("run", "batch_losses.csv", "step,batch_losses\n1,0.8\n2,0.6\n3,0.0");
    report_fixture_put("run", "metrics.csv", "");
    report_fixture_put("run", "losses.csv", "epoch,train_l");
    unlink(scratch_path("run/class_metrics.csv"));
    unlink(scratch_path("run/config.yaml"));
    hpac_report *report = report_fixture_open("run");
    cr_assert_null(report_fixture_table(report, "class_summary"));
    cr_assert_null(report_fixture_table(report, "figures"));
    cr_assert_null(report_fixture_table(report, "probability_histogram"));
    assert_text(report_fixture_table(report, "runs"), "run", "state", "running");
    assert_number(report_fixture_table(report, "runs"), "run", "epochs", NAN);
    assert_number(report_fixture_table(report, "runs"), "run", "steps", NAN);
    hpac_report_close(report);
}

Test(report, empty_cells_are_ignored)
{
    report_fixture_write("run", "finished");
    report_fixture_put("run", "predictions.csv",
                       "Id,Nucleoplasm,Rods & rings\na,0.1,\nb,nan,0.5\nc,0.5,0.25\nd,0.9,\n");
    report_fixture_put("run", "losses.csv", "epoch,train_loss,val_loss\n1,,nan\n2,0.4,0.55\n");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *classes = report_fixture_table(report, "class_summary");
    assert_number(classes, "Nucleoplasm", "prediction_mean", 0.5);
    assert_number(classes, "Rods & rings", "prediction_std", 0.125);
    hpac_report_close(report);
}

/* Seconds where each line is looked at once; with each to the end of the file, minutes. */
Test(report, a_long_log_is_read_in_time, .timeout = 30)
{
    enum { LINES = 200000 };
    static const char line[] = "2026-01-01 00:00:00 info epoch done\n";
    size_t length = strlen(line);
    char *log = malloc(LINES * length + 1);
    cr_assert_not_null(log);
    for (size_t i = 0; i < LINES; i++)
        memcpy(log + i * length, line, length + 1);
    report_fixture_write("run", "finished");
    report_fixture_put("run", "train.log", log);
    free(log);
    hpac_report_close(report_fixture_open("run"));
}

/* ---- several ---- */

Test(report, of_several_lists_what_differs)
{
    report_fixture_write("a", "finished");
    report_fixture_write("b", "running");
    report_fixture_put("b", "config.yaml",
                       "data:\n  targets: all\n  split:\n    fold: 0\nmodel:\n"
                       "  - {type: conv2d, filters: 16}\n  - {type: dense, units: classes}\n"
                       "train:\n  epochs: 2\n  batch_size: 8\n  seed: 4\n"
                       "  optimizer:\n    learning_rate: 1\n");
    report_fixture_put(
        "b", "class_metrics.csv",
        "class,epoch,support,true_positives,false_positives,false_negatives,precision,recall,f1\n"
        "\"Cytosol, \"\"x\"\"\",1,2,2,0,0,1,1,0.75\nNucleoplasm,1,3,3,0,0,1,1,0.5\n");
    hpac_report *report = report_fixture_open("a b");
    const hpac_table *keys = report_fixture_table(report, "configurations");
    cr_assert_eq(keys->column_count, 4); /* run, targets, model, seed */
    assert_text(keys, "a", "data.targets", "[Nucleoplasm, Rods & rings]");
    assert_text(keys, "b", "data.targets", "all");
    assert_text(keys, "a", "model", "{type: dropout, rate: 0.5}");
    assert_text(keys, "b", "model", "none of its own");
    assert_text(keys, "a", "train.seed", "");
    assert_text(keys, "b", "train.seed", "4");
    const hpac_table *classes = report_fixture_table(report, "class_f1");
    cr_assert_eq(hpac_table_row_count(classes), 3);
    assert_number(classes, "Nucleoplasm", "a", 0.8);
    assert_number(classes, "Nucleoplasm", "b", 0.5);
    assert_number(classes, "Rods & rings", "b", NAN);
    assert_number(classes, "Cytosol, \"x\"", "a", NAN);
    assert_number(classes, "Cytosol, \"x\"", "b", 0.75);
    assert_text(report_fixture_table(report, "runs"), "b", "dropout", "none");
    cr_assert_null(report_fixture_table(report, "spread"));
    hpac_report_close(report);
}

/* The report of a run a list of layers, whose table `configurations` is returned. */
static const hpac_table *compare_layers(hpac_report **report, const char *const *layers,
                                        size_t count)
{
    char names[64] = "";
    for (size_t i = 0; i < count; i++) {
        char name[2] = {(char)('a' + i), '\0'}, text[512];
        report_fixture_write(name, "finished");
        snprintf(text, sizeof text, "model:\n%s", layers[i]);
        report_fixture_put(name, "config.yaml", text);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? " " : "",
                 name);
    }
    *report = report_fixture_open(names);
    return report_fixture_table(*report, "configurations");
}

Test(report, layers_are_compared_by_how_many_there_are)
{
    hpac_report *report;
    const hpac_table *keys = compare_layers(
        &report,
        (const char *const[]){"  - {type: dense, units: 8}\n  - {type: dense, units: 8}\n"
                              "  - {type: dropout, rate: 0}\n",
                              "  - {type: dense, units: 8}\n  - {type: dropout, rate: 0}\n"},
        2);
    assert_text(keys, "a", "model", "{type: dense, units: 8}");
    assert_text(keys, "b", "model", "none of its own");
    assert_text(report_fixture_table(report, "runs"), "a", "dropout", "none");
    hpac_report_close(report);
}

Test(report, layers_in_another_order_are_shown_whole)
{
    hpac_report *report;
    const hpac_table *keys = compare_layers(
        &report,
        (const char *const[]){"  - {type: flatten}\n  - {type: dense, units: 8}\n",
                              "  - {type: dense, units: 8}\n  - {type: flatten}\n",
                              "  - {type: flatten}\n  - {type: dense, units: 8}\n"
                              "  - {type: dropout, rate: 0.25}\n  - {type: dropout, rate: 0.5}\n"},
        3);
    assert_text(keys, "a", "model", "{type: flatten}; {type: dense, units: 8}");
    assert_text(keys, "b", "model", "{type: dense, units: 8}; {type: flatten}");
    assert_text(report_fixture_table(report, "runs"), "c", "dropout", "0.25/0.5");
    hpac_report_close(report);
}

Test(report, configurations_are_read_as_yaml)
{
    char path[400], text[512];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    report_fixture_write("a", "finished");
    report_fixture_write("b", "finished");
    report_fixture_put("a", "config.yaml",
                       "data:\n  train: \"d; x/train\" # where\n  \"n: m\": '{a}'\n"
                       "  targets:\n    - Cytosol\n    - Golgi\n");
    snprintf(text, sizeof text, "{data: {train: '%s', targets: [Cytosol, Golgi]}}\n", path);
    report_fixture_put("b", "config.yaml", text);
    hpac_report *report = report_fixture_open("a b");
    const hpac_table *keys = report_fixture_table(report, "configurations");
    cr_assert_eq(keys->column_count, 3);
    assert_text(keys, "a", "data.train", "d; x/train");
    assert_text(keys, "b", "data.train", path);
    assert_text(keys, "a", "data.n: m", "{a}");
    hpac_report_close(report);
}

Test(report, names_are_the_shortest_that_differ)
{
    report_fixture_write("x/demo", "finished");
    report_fixture_write("y/demo", "finished");
    report_fixture_write("y/other", "finished");
    hpac_report *report = report_fixture_open("x/demo y/../y/demo/ y/other");
    const hpac_table *runs = report_fixture_table(report, "runs");
    assert_text(runs, "x/demo", "run", "x/demo");
    assert_text(runs, "y/demo", "run", "y/demo");
    assert_text(runs, "other", "run", "other");
    hpac_report_close(report);
    report_fixture_refuse("x/demo y/demo x/../x/demo", HPAC_ERR_CONFIG);
    assert_message_has("duplicate run");
}

Test(report, of_folds_has_mean_and_spread)
{
    for (int fold = 0; fold < 12; fold++) {
        char name[32];
        snprintf(name, sizeof name, "cv/fold%d", fold);
        report_fixture_write(name, fold < 2 ? "finished" : "running");
    }
    char text[1024];
    snprintf(text, sizeof text,
             "%s\n1,2,0.7,0.5,0.6,0.1,0.3,0.2,0.1,0.25,0.75,0.625,0.2,0.4,0.3,0.1,0.6,1,1,0\n",
             report_fixture_metrics_header);
    report_fixture_put("cv/fold1", "metrics.csv", text);
    hpac_report *report = report_fixture_open("cv");
    const hpac_table *spread = report_fixture_table(report, "spread");
    assert_number(spread, "loss", "folds", 2); /* the others are not finished */
    assert_number(spread, "loss", "mean", 0.4);
    assert_number(spread, "loss", "std", 0.3 / sqrt(2));
    assert_number(spread, "loss", "least", 0.25);
    assert_number(spread, "loss", "largest", 0.55);
    assert_number(spread, "loss of the best epoch", "mean", 0.375);
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(hpac_table_row_count(runs), 12);
    cr_assert_str_eq(hpac_table_cell(runs, 2, 0)->text, "fold2"); /* not fold10 */
    hpac_report_close(report);
}

Test(report, of_a_sweep_keeps_its_order_and_its_missing_runs)
{
    report_fixture_write("sweep/b", "finished");
    report_fixture_write("sweep/a", "failed");
    report_fixture_put(
        "sweep", "sweep.csv",
        "state,run,epochs\nfinished,b,2\nmissing,\"c, d\",\nfailed,a,\nfinished,gone,2\n");
    hpac_report *report = report_fixture_open("sweep");
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(hpac_table_row_count(runs), 4);
    cr_assert_str_eq(hpac_table_cell(runs, 0, 0)->text, "b");
    cr_assert_str_eq(hpac_table_cell(runs, 1, 0)->text, "c, d");
    assert_text(runs, "c, d", "state", "missing");
    assert_number(runs, "c, d", "epochs", NAN);
    assert_text(runs, "a", "state", "failed");
    assert_number(runs, "a", "epochs", 2);
    assert_text(runs, "gone", "state", "missing"); /* its directory was removed */
    hpac_report_close(report);
}

Test(report, of_a_directory_has_its_runs_and_those_of_sweeps_and_cross_validations)
{
    static const char *const names[] = {"fold0", "fold1", "run", "a"};
    report_fixture_write("all/run", "finished");
    report_fixture_write("all/sweep/a", "finished");
    report_fixture_put("all/sweep", "sweep.csv", "run,state\na,finished\n");
    report_fixture_write("all/cross/fold0", "finished");
    report_fixture_write("all/cross/fold1", "finished");
    cr_assert_eq(hpac_directory_create(scratch_path("all/none/fold0")), HPAC_OK);
    hpac_report *report = report_fixture_open("all");
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(hpac_table_row_count(runs), 4);
    for (size_t i = 0; i < 4; i++)
        cr_expect_str_eq(hpac_table_cell(runs, i, 0)->text, names[i]);
    cr_expect_not_null(strstr(hpac_report_directory(report, 3), "all/sweep/a"));
    hpac_report_close(report);
}

Test(report, of_a_sweep_with_hundreds_of_missing_runs)
{
    char text[8192] = "run,state\n";
    for (int i = 0; i < 300; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "r%d,missing\n", i);
    cr_assert_eq(hpac_directory_create(scratch_path("sweep")), HPAC_OK);
    report_fixture_put("sweep", "sweep.csv", text);
    hpac_report *report = report_fixture_open("sweep");
    cr_assert_eq(hpac_table_row_count(report_fixture_table(report, "runs")), 300);
    assert_text(report_fixture_table(report, "runs"), "r299", "state", "missing");
    hpac_report_close(report);
}

/* The path of one ends with that of the other, and the runs have no directories yet. */
Test(report, of_a_sweep_and_an_earlier_one_of_its_name)
{
    static const char *const sweeps[] = {"sweep", "old/sweep"};
    cr_assert_eq(chdir(scratch_directory()), 0);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(hpac_directory_create(sweeps[i]), HPAC_OK);
        report_fixture_put(sweeps[i], "sweep.csv", "run,state\na,missing\n");
    }
    const hpac_report_options options = {.runs = sweeps, .run_count = 2, .out = "out"};
    hpac_report *report;
    cr_assert_eq(hpac_report_open(&options, &report), HPAC_OK, "%s", hpac_error_message());
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(hpac_table_row_count(runs), 2);
    assert_text(runs, "old/sweep/a", "state", "missing");
    hpac_report_close(report);
    const char *const same[] = {"sweep", "./sweep"};
    const hpac_report_options twice = {.runs = same, .run_count = 2, .out = "out"};
    cr_assert_eq(hpac_report_open(&twice, &report), HPAC_ERR_CONFIG);
    assert_message_has("sweep/a: duplicate run");
}

Test(report, a_directory_of_runs_is_their_comparison)
{
    report_fixture_write("runs/two", "finished");
    report_fixture_write("runs/one", "finished");
    report_fixture_put("runs", "notes.txt", "mine");
    hpac_report *report = report_fixture_open("runs");
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(hpac_table_row_count(runs), 2);
    cr_assert_str_eq(hpac_table_cell(runs, 0, 0)->text, "one");
    hpac_report_close(report);
}

/* ---- what it leaves ---- */

Test(report, removes_only_its_own_files)
{
    report_fixture_write("run", "finished");
    cr_assert_eq(hpac_directory_create(scratch_path("run/plots")), HPAC_OK);
    static const char *const ours[] = {"losses.png", "f1_a_class.svg", "batch_losses_12.csv",
                                       "class_summary.csv", "losses.svg.tmp.999999999"};
    static const char *const theirs[] = {"losses.txt", "my_losses.png", "losses2.png",
                                         "batch_losses_x.csv", "losses.svg.tmp.1"};
    for (size_t i = 0; i < 5; i++) {
        report_fixture_put("run/plots", ours[i], "x");
        report_fixture_put("run/plots", theirs[i], "x");
    }
    report_fixture_put("run", "report.html", "x");
    report_fixture_put("run", "report.html.tmp.999999999", "x");
    int before = count_entries(scratch_path("run"));
    cr_assert_eq(hpac_report_remove(scratch_path("run")), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(count_entries(scratch_path("run")), before - 2);
    cr_assert_eq(count_entries(scratch_path("run/plots")), 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert(hpac_directory_has(scratch_path("run/plots"), theirs[i]), "%s", theirs[i]);
    cr_assert_eq(hpac_report_remove(scratch_path("nowhere")), HPAC_OK);
}

Test(report, plots_is_removed_when_nothing_else_is_in_it)
{
    report_fixture_put(".", "report.html", "x");
    cr_assert_eq(hpac_directory_create(scratch_path("plots")), HPAC_OK);
    report_fixture_put("plots", "runs.csv", "x");
    cr_assert_eq(hpac_report_remove(scratch_directory()), HPAC_OK);
    cr_assert_not(hpac_path_exists(scratch_path("plots")));
    cr_assert_not(hpac_path_exists(scratch_path("report.html")));
}

/* ---- the table of pictures ---- */

/* The row of docs/design.md that has this picture, in backquotes, behind this table. */
static bool is_documented(const char *manual, const report_picture *picture, bool numbered)
{
    char table[128], name[128];
    snprintf(table, sizeof table, "`%s%s.csv`", picture->table, numbered ? "_1" : "");
    snprintf(name, sizeof name, "`%s`", picture->name);
    for (const char *row = manual; (row = strstr(row, table)); row++) {
        const char *end = strchr(row, '\n'), *found = strstr(row, name);
        if (found && end && found < end)
            return true;
    }
    return false;
}

Test(report, every_picture_is_in_the_manual_and_on_a_page)
{
    unsigned char *manual, *pages[2];
    size_t nbytes;
    cr_assert_eq(hpac_file_read("docs/design.md", 1 << 20, &manual, &nbytes), HPAC_OK);
    cr_assert_eq(hpac_file_read("src/report/run.html", 1 << 20, &pages[0], &nbytes), HPAC_OK);
    cr_assert_eq(hpac_file_read("src/report/runs.html", 1 << 20, &pages[1], &nbytes), HPAC_OK);
    for (const report_picture *one = report_pictures; one->name; one++) {
        char tag[64], script[64];
        bool several = !(one->kinds & 1u << REPORT_RUN);
        snprintf(tag, sizeof tag, "{{>pictures %s}}", one->section);
        snprintf(script, sizeof script, "tools/plots/%s.gp", one->script);
        cr_expect(strstr((char *)pages[several], tag), "%s: no %s", one->name, tag);
        cr_expect(hpac_path_exists(script), "%s: no %s", one->name, script);
        cr_expect(is_documented((char *)manual, one, !one->needs), "%s: not in docs/design.md",
                  one->name);
    }
    free(manual);
    free(pages[0]);
    free(pages[1]);
}
