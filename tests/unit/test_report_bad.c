/* Reports of directories that are not what they should be: errors name file, row and what was
 * expected.
 */
#include "base/file.h"
#include "report/report.h"

#include "report_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLASS_METRICS_HEADER                                                                       \
    "epoch,class,support,true_positives,false_positives,false_negatives,precision,recall,f1\n"

static const struct bad_file {
    const char *file, *text, *expected;
} bad_files[] = {
    {"run.json", "{\"state\": ", "run.json:1: "},
    {"run.json", "[1, 2]", "\"state\""},
    {"run.json", "{\"state\": 3}", "\"state\""},
    {"run.json", "", "run.json:1: "},
    {"config.yaml", "data:\n  fold: [1\n", "config.yaml:"},
    {"config.yaml", "epochs 3\n", "expected a configuration's keys"},
    {"metrics.csv", "", "metrics.csv: empty file, expected a header with a column epoch"},
    {"metrics.csv", "epoch,step\n1,2\n",
     "metrics.csv:1: expected a header with a column train_loss"},
    {"losses.csv", "epoch,train_loss,val_loss\n1,0.5\n", "losses.csv:2: 2 cells, expected 3"},
    {"losses.csv", "epoch,train_loss,val_loss\n1,0.5,0.5\n2,0.5x,1\n",
     "losses.csv:3: column train_loss: \"0.5x\", expected a number"},
    {"losses.csv", "epoch,train_loss,val_loss\n1,\"0.5,0.5\n", "losses.csv:2: a quote is not"},
    {"losses.csv", "epoch,train_loss,val_loss\n1.5,0.5,0.5\n",
     "losses.csv:2: column epoch: \"1.5\", expected an integer"},
    {"losses.csv", "epoch,train_loss,val_loss\n1e300,0.5,0.5\n", "\"1e300\", expected an integer"},
    {"losses.csv", "epoch,train_loss,val_loss\ninf,0.5,0.5\n", "\"inf\", expected an integer"},
    {"batch_losses.csv", "step\n1\n", "batch_losses.csv:1: expected a header with a column batch"},
    {"batch_losses.csv", "step,batch_losses\n1,one\n", "\"one\", expected a number"},
    {"class_metrics.csv", CLASS_METRICS_HEADER "1,Nucleoplasm,5,5,0,0,1,1,1\n",
     "expected a header of Id and the classes of class_metrics.csv in their order"},
    {"class_metrics.csv",
     CLASS_METRICS_HEADER "1,Nucleoplasm,5,5,0,0,1,1,1\n1,Rods & rings,0,0,0,0,0,0,0\n",
     "support 5, but there are 4 validation images"},
    {"predictions.csv", "", "predictions.csv: no predictions"},
    {"predictions.csv", "Id,Nucleoplasm,Rods & rings\n", "predictions.csv: no predictions"},
    {"predictions.csv", "Nucleoplasm,Rods & rings\n0.5,0.5\n",
     "predictions.csv:1: expected a header"},
    {"predictions.csv", "Id\na\n", "predictions.csv:1: expected a header"},
    {"predictions.csv", "Id,Rods & rings,Nucleoplasm\na,0.5,0.5\n",
     "predictions.csv:1: expected a header of Id and the classes"},
    {"predictions.csv", "Id,Nucleoplasm,Rods & rings\na,0.5,0.5\nb,0.5\n",
     "predictions.csv:3: 2 cells, expected 3"},
    {"predictions.csv", "Id,Nucleoplasm,Rods & rings\na,0.5,1.5\n",
     "predictions.csv:2: column Rods & rings: \"1.5\", expected a probability"},
    {"predictions.csv", "Id,Nucleoplasm,Rods & rings\na,-inf,1\n",
     "\"-inf\", expected a probability"},
};

Test(report_bad, errors_name_file_row_and_expected_value)
{
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        report_fixture_write("run", "finished");
        report_fixture_put("run", bad_files[i].file, bad_files[i].text);
        report_fixture_refuse("run", HPAC_ERR_DATA);
        cr_assert(strstr(hpac_error_message(), bad_files[i].expected), "%s", hpac_error_message());
        cr_assert(strstr(hpac_error_message(), bad_files[i].file), "%s", hpac_error_message());
    }
}

Test(report_bad, a_finished_run_has_all_its_files)
{
    static const char *const files[] = {"losses.csv", "metrics.csv", "batch_losses.csv",
                                        "class_metrics.csv", "predictions.csv"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        report_fixture_write("run", "finished");
        snprintf(path, sizeof path, "run/%s", files[i]);
        unlink(scratch_path(path));
        report_fixture_refuse("run", HPAC_ERR_DATA);
        cr_assert(strstr(hpac_error_message(), files[i]), "%s", hpac_error_message());
    }
}

/* A reader that waits for the writer of a pipe runs into the time limit. */
Test(report_bad, files_of_a_run_are_regular_files, .timeout = 20)
{
    static const char *const files[] = {"run.json",          "config.yaml",    "train.log",
                                        "losses.csv",        "metrics.csv",    "batch_losses.csv",
                                        "class_metrics.csv", "predictions.csv"};
    for (size_t i = 0; i < 2 * (sizeof files / sizeof *files); i++) {
        const char *file = files[i / 2];
        char path[64];
        report_fixture_write("run", "finished");
        snprintf(path, sizeof path, "run/%s", file);
        unlink(scratch_path(path));
        cr_assert_eq(i % 2 ? mkfifo(scratch_path(path), 0600) : mkdir(scratch_path(path), 0700), 0);
        report_fixture_refuse("run", HPAC_ERR_DATA);
        cr_assert(strstr(hpac_error_message(), file) &&
                      strstr(hpac_error_message(), "expected a regular file"),
                  "%s", hpac_error_message());
        remove(scratch_path(path));
    }
}

Test(report_bad, too_many_classes_are_refused)
{
    char text[4096] = CLASS_METRICS_HEADER;
    size_t length = strlen(text);
    for (int c = 0; c < 29; c++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "1,class %d,0,0,0,0,0,0,0\n", c);
    report_fixture_write("run", "running");
    report_fixture_put("run", "class_metrics.csv", text);
    report_fixture_refuse("run", HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "29 rows"), "%s", hpac_error_message());
}

Test(report_bad, directories_without_a_run_are_refused)
{
    cr_assert_eq(hpac_directory_create(scratch_path("empty/within")), HPAC_OK);
    cr_assert_eq(hpac_directory_create(scratch_path("folds/fold0")), HPAC_OK);
    report_fixture_put(".", "file", "x");
    static const char *const names[] = {"empty", "folds", "nowhere", "file"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        report_fixture_refuse(names[i], HPAC_ERR_CONFIG);
        cr_assert(strstr(hpac_error_message(), names[i]), "%s", hpac_error_message());
    }
    const hpac_report_options none = {0};
    hpac_report *report;
    cr_assert_eq(hpac_report_open(&none, &report), HPAC_ERR_CONFIG);
}

Test(report_bad, another_runs_directory_is_not_written_into)
{
    report_fixture_write("a", "finished");
    report_fixture_write("b", "finished");
    const char *directories[] = {scratch_path("a"), scratch_path("b")};
    hpac_report *report;
    hpac_report_options options = {.runs = directories, .run_count = 2, .out = directories[0]};
    cr_assert_eq(hpac_report_open(&options, &report), HPAC_ERR_CONFIG);
    options.out = NULL;
    cr_assert_eq(hpac_report_open(&options, &report), HPAC_ERR_CONFIG);
    options = (hpac_report_options){.runs = directories, .run_count = 1, .out = directories[1]};
    cr_assert_eq(hpac_report_open(&options, &report), HPAC_ERR_CONFIG);
    options.out = directories[0];
    cr_assert_eq(hpac_report_open(&options, &report), HPAC_OK, "%s", hpac_error_message());
    hpac_report_close(report);
}

Test(report_bad, a_sweep_table_without_its_columns_is_refused)
{
    cr_assert_eq(hpac_directory_create(scratch_path("sweep")), HPAC_OK);
    report_fixture_put("sweep", "sweep.csv", "name,state\na,finished\n");
    report_fixture_refuse("sweep", HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "sweep.csv:1: expected a header with a column run"),
              "%s", hpac_error_message());
}

Test(report_bad, names_in_a_sweep_table_lead_nowhere_else)
{
    static const char *const names[] = {"../r1", "", ".", "..", "a/b", "/tmp", ".hidden"};
    report_fixture_write("r1", "finished");
    report_fixture_write("sweep/good", "finished");
    report_fixture_write("sweep/a/b", "finished");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[64];
        snprintf(text, sizeof text, "run,state\ngood,finished\n%s,finished\n", names[i]);
        report_fixture_put("sweep", "sweep.csv", text);
        report_fixture_refuse("sweep", HPAC_ERR_DATA);
        cr_assert(strstr(hpac_error_message(), "sweep.csv: row 2: column run: \""), "%s",
                  hpac_error_message());
    }
}
