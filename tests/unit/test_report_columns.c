/* Every column of every table of a report, and every value of its pages, by values that no two have
 * alike. */
#include "base/file.h"
#include "report/report_internal.h"

#include "report_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

Test(report_columns, each_column_of_runs_is_the_metric_of_its_name)
{
    static const char *const metrics[] = {"train_loss",   "train_accuracy", "train_f1_min",
                                          "train_f1_max", "train_f1_mean",  "train_f1_std",
                                          "val_loss",     "val_accuracy",   "val_f1_min",
                                          "val_f1_max",   "val_f1_mean",    "val_f1_std"};
    report_fixture_put_metrics("run", 0);
    report_fixture_put("run", "config.yaml",
                       "model:\n  - {type: dropout, rate: 0.75}\ntrain:\n  epochs: 71\n"
                       "  batch_size: 72\n  optimizer:\n    learning_rate: 0.73\n");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *runs = report_fixture_table(report, "runs");
    cr_assert_eq(runs->column_count, 14 + 2 * 12);
    for (int i = 0; i < 12; i++) {
        char column[64];
        snprintf(column, sizeof column, "final_%s", metrics[i]);
        assert_number(runs, "run", column, report_fixture_metric(0, 3, metrics[i]));
        snprintf(column, sizeof column, "best_%s", metrics[i]);
        assert_number(runs, "run", column, report_fixture_metric(0, 2, metrics[i]));
    }
    assert_text(runs, "run", "run", "run");
    assert_text(runs, "run", "state", "finished");
    assert_text(runs, "run", "configuration", "small");
    assert_text(runs, "run", "dropout", "0.75");
    assert_number(runs, "run", "classes", 2);
    assert_number(runs, "run", "epochs", 71);
    assert_number(runs, "run", "batch_size", 72);
    assert_number(runs, "run", "learning_rate", 0.73);
    assert_number(runs, "run", "steps", 301);
    assert_number(runs, "run", "elapsed_s", 317);
    assert_number(runs, "run", "train_images_per_s", 3 / (1 / 118.0 + 1 / 218.0 + 1 / 318.0));
    assert_number(runs, "run", "val_prior_loss", 316);
    assert_number(runs, "run", "val_all_zero_accuracy", 311);
    assert_number(runs, "run", "best_epoch", 2);
    hpac_report_close(report);
}

Test(report_columns, each_row_of_figures_is_of_its_metric_and_baseline)
{
    static const struct {
        const char *measure, *metric, *baseline;
    } rows[] = {{"loss", "val_loss", "val_prior_loss"},
                {"accuracy", "val_accuracy", "val_all_zero_accuracy"},
                {"F1 mean", "val_f1_mean", NULL},
                {"F1 min", "val_f1_min", NULL},
                {"F1 max", "val_f1_max", NULL},
                {"F1 std", "val_f1_std", NULL},
                {"training loss", "train_loss", NULL},
                {"training accuracy", "train_accuracy", "train_all_zero_accuracy"},
                {"training F1 mean", "train_f1_mean", NULL}};
    report_fixture_put_metrics("run", 0);
    hpac_report *report = report_fixture_open("run");
    const hpac_table *figures = report_fixture_table(report, "figures");
    cr_assert_eq(hpac_table_row_count(figures), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_number(figures, rows[i].measure, "last_epoch",
                      report_fixture_metric(0, 3, rows[i].metric));
        assert_number(figures, rows[i].measure, "best_epoch",
                      report_fixture_metric(0, 2, rows[i].metric));
        assert_number(figures, rows[i].measure, "guessing",
                      rows[i].baseline ? report_fixture_metric(0, 3, rows[i].baseline) : NAN);
    }
    hpac_report_close(report);
}

/* Of the values x, x + 1000 and x + 2000, or of x, x + 1 and x + 2 for losses. */
Test(report_columns, each_row_of_spread_is_of_its_metric)
{
    static const struct {
        const char *measure, *metric;
        int epoch;
    } rows[] = {{"loss", "val_loss", 3},
                {"constant prior's loss", "val_prior_loss", 3},
                {"accuracy", "val_accuracy", 3},
                {"all-zero accuracy", "val_all_zero_accuracy", 3},
                {"F1 mean", "val_f1_mean", 3},
                {"F1 min", "val_f1_min", 3},
                {"F1 max", "val_f1_max", 3},
                {"F1 std", "val_f1_std", 3},
                {"loss of the best epoch", "val_loss", 2},
                {"training loss", "train_loss", 3}};
    report_fixture_put_metrics("cv/fold0", 0);
    report_fixture_put_metrics("cv/fold1", 1);
    report_fixture_put_metrics("cv/fold2", 2);
    hpac_report *report = report_fixture_open("cv");
    const hpac_table *spread = report_fixture_table(report, "spread");
    cr_assert_eq(hpac_table_row_count(spread), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double min = report_fixture_metric(0, rows[i].epoch, rows[i].metric);
        double max = report_fixture_metric(2, rows[i].epoch, rows[i].metric);
        assert_number(spread, rows[i].measure, "folds", 3);
        assert_number(spread, rows[i].measure, "mean", (min + max) / 2);
        assert_number(spread, rows[i].measure, "std", (max - min) / 2);
        assert_number(spread, rows[i].measure, "least", min);
        assert_number(spread, rows[i].measure, "largest", max);
    }
    hpac_report_close(report);
}

Test(report_columns, bins_and_points_are_where_they_say)
{
    report_fixture_write("run", "finished");
    hpac_report *report = report_fixture_open("run");
    const hpac_table *bins = report_fixture_table(report, "probability_histogram");
    cr_assert_eq(hpac_table_cell(bins, 25, 0)->number, 0.5);
    cr_assert_eq(hpac_table_cell(bins, 25, 1)->number, 0.52);
    /* The sum of the kernels of 0.1, 0.3, 0.9 and five times 0.5, of Scott's bandwidth. */
    static const double values[] = {0.1, 0.3, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5};
    double mean = 0, square = 0, density = 0;
    for (int i = 0; i < 8; i++)
        mean += values[i] / 8;
    for (int i = 0; i < 8; i++)
        square += (values[i] - mean) * (values[i] - mean) / 7;
    double h = sqrt(square) * pow(8, -0.2);
    for (int i = 0; i < 8; i++)
        density += exp(-(0.375 - values[i]) * (0.375 - values[i]) / (2 * h * h)) /
                   (8 * h * sqrt(2 * acos(-1)));
    const hpac_table *points = report_fixture_table(report, "probability_density");
    cr_assert_eq(hpac_table_cell(points, 75, 0)->number, 0.375);
    double found = hpac_table_cell(points, 75, 1)->number;
    cr_assert(fabs(found - density) <= 1e-9, "%.12g, expected %.12g", found, density);
    hpac_report_close(report);
}

/* ---- the page ---- */

/* The page of a report that is not drawn; the caller's. */
static char *page_of(hpac_report *report)
{
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_directory_create(scratch_path("out")), HPAC_OK);
    cr_assert_eq(report_page_write(report), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_file_read(hpac_report_page(report), 1 << 20, &bytes, &nbytes), HPAC_OK);
    return (char *)bytes;
}

static void assert_page_has(const char *page, const char *part)
{
    cr_expect(strstr(page, part), "expected in the page: %s\n%s", part, strstr(page, "<body>"));
}

Test(report_columns, the_page_of_a_run_has_each_value_behind_its_name)
{
    static const char *const parts[] = {
        "<title>Training run</title>",
        "<th>configuration</th><td>small</td>",
        "<th>state</th><td>finished</td>",
        "<th>training images</th><td>91</td>",
        "<th>validation images</th><td>4</td>",
        "<th>skipped images, unreadable</th><td>93</td>",
        "<th>epochs</th><td>94</td>",
        "<th>update steps</th><td>95</td>",
        "<th>training time</th><td>2 h 01 min</td>",
        "<th>device</th><td>cpu: &lt;none&gt;</td>",
        "<th>2 classes</th><td>Nucleoplasm, Rods &amp; rings</td>",
        "The lowest validation loss is 1.0000, in epoch 2: 315.0000 below",
        "the constant\nprior's 316.0000.",
        "The accuracy of the last epoch is 310.0000; predicting 0 for every label has\n311.0000.",
        "<td>skipped</td><td>a, b</td>",
        "<td>seed</td><td>18446744073709551615</td>",
        "<td>losses.csv</td><td>training and validation loss per epoch</td>",
        "<pre># Written by hpac",
    };
    report_fixture_put_metrics("run", 0);
    report_fixture_put(
        "run", "run.json",
        "{\"state\": \"finished\", \"configuration\": \"small\", \"device\": \"cpu: "
        "<none>\", \"seed\": \"18446744073709551615\", \"epochs\": 94, \"steps\": 95,"
        " \"elapsed_s\": 7265.5, \"train_images\": 91, \"validation_images\": 92,"
        " \"skipped_images\": 93, \"skipped\": [\"a\", \"b\"]}\n");
    hpac_report *report = report_fixture_open("run");
    char *page = page_of(report);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_page_has(page, parts[i]);
    cr_expect(!strstr(page, "not below"));
    free(page);
    hpac_report_close(report);
}

Test(report_columns, a_list_of_run_json_with_nothing_in_it_has_no_row)
{
    report_fixture_put_metrics("run", 0);
    report_fixture_put("run", "run.json",
                       "{\"state\": \"finished\", \"skipped_images\": 0, \"skipped\": []}\n");
    hpac_report *report = report_fixture_open("run");
    char *page = page_of(report);
    assert_page_has(page, "<td>skipped_images</td><td>0</td>");
    cr_expect(!strstr(page, "<td>skipped</td>"));
    free(page);
    hpac_report_close(report);
}

/* "<tr><td ...>2</td>...": the cells of a row of reals with these decimals. */
static void assert_row(const char *page, const double *values, const int *decimals, size_t count)
{
    char row[2048] = "<tr>";
    for (size_t i = 0; i < count; i++)
        snprintf(row + strlen(row), sizeof row - strlen(row), "<td class=\"number\">%.*f</td>",
                 decimals[i], values[i]);
    assert_page_has(page, row);
}

Test(report_columns, the_pages_table_of_epochs_has_each_metric_under_its_name)
{
    static const char *const metrics[] = {"epoch",          "train_loss",   "val_loss",
                                          "train_accuracy", "val_accuracy", "train_f1_mean",
                                          "val_f1_mean",    "val_f1_min",   "val_f1_max",
                                          "val_f1_std",     "elapsed_s",    "train_images_per_s"};
    static const int decimals[] = {0, 4, 4, 4, 4, 3, 3, 3, 3, 3, 1, 1};
    double values[12];
    for (int i = 0; i < 12; i++)
        values[i] = report_fixture_metric(0, 2, metrics[i]);
    report_fixture_put_metrics("run", 0);
    hpac_report *report = report_fixture_open("run");
    char *page = page_of(report);
    assert_page_has(page,
                    "<th class=\"number\">epoch</th><th class=\"number\">train loss</th>"
                    "<th class=\"number\">val loss</th><th class=\"number\">train accuracy</th>"
                    "<th class=\"number\">val accuracy</th>"
                    "<th class=\"number\">train F1 mean</th><th class=\"number\">val F1 mean</th>"
                    "<th class=\"number\">val F1 min</th><th class=\"number\">val F1 max</th>"
                    "<th class=\"number\">val F1 std</th><th class=\"number\">seconds</th>"
                    "<th class=\"number\">images/s</th>");
    assert_row(page, values, decimals, 12);
    free(page);
    hpac_report_close(report);
}

/* A row of a table: cells separated by "|", those of text with a "~" in front. */
static void assert_colored_cells(const char *page, const char *color, const char *cells)
{
    char row[2048] = "<tr>", copy[512], *rest = copy;
    if (color)
        snprintf(row, sizeof row, "<tr style=\"--curve:%s\">", color);
    snprintf(copy, sizeof copy, "%s", cells);
    for (char *cell; (cell = strsep(&rest, "|"));) {
        bool text = *cell == '~';
        size_t length = strlen(row);
        snprintf(row + length, sizeof row - length, "<td%s>%s</td>",
                 text ? "" : " class=\"number\"", text ? cell + 1 : cell);
    }
    size_t length = strlen(row);
    snprintf(row + length, sizeof row - length, "</tr>\n");
    assert_page_has(page, row);
}

static void assert_cells(const char *page, const char *cells)
{
    assert_colored_cells(page, NULL, cells);
}

/* Predictions: mean and standard deviation of 0.1, 0.3, 0.5, 0.9 and of 0, 0.25, 0.5, 0.25. */
Test(report_columns, the_tables_of_a_runs_page_have_each_value_in_its_column)
{
    report_fixture_put_metrics("run", 0);
    report_fixture_put("run", "class_metrics.csv",
                       "epoch,class,support,true_positives,false_positives,false_negatives,"
                       "precision,recall,f1\n"
                       "3,Nucleoplasm,3,2,0,1,0.125,0.25,0.375\n"
                       "3,Rods & rings,1,0,0,0,0.5,0.625,0.75\n");
    report_fixture_put("run", "predictions.csv",
                       "Id,Nucleoplasm,Rods & rings\n"
                       "a,0.1,0\nb,0.3,0.25\nc,0.5,0.5\nd,0.9,0.25\n");
    hpac_report *report = report_fixture_open("run");
    char *page = page_of(report);
    assert_page_has(page, "<tr><th>measure</th><th class=\"number\">last epoch</th>"
                          "<th class=\"number\">best epoch</th>"
                          "<th class=\"number\">baseline</th></tr>");
    assert_cells(page, "~loss|2.0000|1.0000|316.0000");
    assert_cells(page, "~accuracy|310.0000|210.0000|311.0000");
    assert_cells(page, "~F1 mean|314.0000|214.0000|-");
    assert_cells(page, "~training accuracy|303.0000|203.0000|304.0000");
    assert_page_has(page, "<tr><th>class</th><th class=\"number\">support</th>"
                          "<th class=\"number\">percent of images</th>"
                          "<th class=\"number\">mean prediction</th><th class=\"number\">std</th>"
                          "<th class=\"number\">precision</th><th class=\"number\">recall</th>"
                          "<th class=\"number\">F1</th></tr>");
    assert_cells(page, "~Nucleoplasm|3|75.00|0.4500|0.2958|0.125|0.250|0.375");
    assert_cells(page, "~Rods &amp; rings|1|25.00|0.2500|0.1768|0.500|0.625|0.750");
    free(page);
    hpac_report_close(report);
}

Test(report_columns, the_tables_of_a_cross_validations_page_have_each_value_in_its_column)
{
    report_fixture_put_metrics("cv/fold0", 0);
    report_fixture_put_metrics("cv/fold1", 1);
    report_fixture_put_metrics("cv/fold2", 2);
    report_fixture_put("cv/fold1", "class_metrics.csv",
                       "epoch,class,support,true_positives,false_positives,false_negatives,"
                       "precision,recall,f1\n3,Nucleoplasm,3,2,0,1,0.125,0.25,0.375\n");
    hpac_report *report = report_fixture_open("cv");
    char *page = page_of(report);
    assert_page_has(page, "<tr><th>measure</th><th class=\"number\">folds</th>"
                          "<th class=\"number\">mean</th><th class=\"number\">std</th>"
                          "<th class=\"number\">min</th><th class=\"number\">max</th></tr>");
    assert_cells(page, "~loss|3|3.0000|1.0000|2.0000|4.0000");
    assert_cells(page, "~constant prior&#39;s loss|3|1316.0000|1000.0000|316.0000|2316.0000");
    assert_cells(page, "~loss of the best epoch|3|2.0000|1.0000|1.0000|3.0000");
    assert_page_has(page, "<tr><th>class</th><th class=\"number\">fold0</th>"
                          "<th class=\"number\">fold1</th><th class=\"number\">fold2</th></tr>");
    assert_cells(page, "~Nucleoplasm|0.800|0.375|0.800");
    assert_cells(page, "~Rods &amp; rings|0.000|-|0.000");
    /* run, prior's loss, loss of the last and the best epoch, the best epoch, accuracy of all zeros
     * and of the network, F1 mean, min, max, std, training loss */
    assert_colored_cells(page, "#D55E00",
                         "~fold1|1316.0000|3.0000|2.0000|2|1311.0000|1310.0000|1314.000|1312.000|"
                         "1313.000|1315.000|1302.0000");
    assert_colored_cells(page, "#D55E00",
                         "~fold1|~finished|~small|1|2|8|~0.5|1.0000|1301|1317.0|1212.5");
    free(page);
    hpac_report_close(report);
}

Test(report_columns, the_page_of_several_runs_counts_them_and_names_each)
{
    static const char *const parts[] = {
        "<title>Comparison of 3 runs</title>",
        "not finished: 1 of 3.",
        "ignores the image: 2 of 3.",
        "<h3>a</h3>\n<p>finished, epochs: 3, device: cpu: &lt;none&gt; &amp; more.",
        "<h3>b</h3>\n<p>finished, epochs: 2,",
        "<h3>c</h3>\n<p>running, epochs: 2,",
        "The runs are evaluated on different classes or images",
    };
    report_fixture_put_metrics("a", 0);
    report_fixture_write("b", "finished");
    report_fixture_write("c", "running");
    /* Its loss is not below the prior's. */
    char text[2048];
    snprintf(text, sizeof text,
             "%s\n1,2,1,1,1,1,1,1,1,0.9,1,1,1,1,1,1,0.8,1,1,1\n"
             "2,4,1,1,1,1,1,1,1,0.95,1,1,1,1,1,1,0.8,1,1,1\n",
             report_fixture_metrics_header);
    report_fixture_put("c", "metrics.csv", text);
    hpac_report *report = report_fixture_open("a b c");
    char *page = page_of(report);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_page_has(page, parts[i]);
    free(page);
    hpac_report_close(report);
}

/* ---- the pictures: what each script is given ---- */

/* Puts a gnuplot first in PATH whose pictures are its arguments. */
static void put_recording_gnuplot(void)
{
    char path[4096];
    scratch_write_text("gnuplot", "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n"
                                  "printf '%s %s' \"$6\" \"$5\" >&3\n");
    cr_assert_eq(chmod(scratch_path("gnuplot"), 0755), 0);
    snprintf(path, sizeof path, "%s:%s", scratch_directory(), getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("HPAC_PLOTS", "tools/plots", 1);
}

static void assert_copy(const char *name, const char *expected)
{
    unsigned char *bytes;
    size_t nbytes;
    char path[128];
    snprintf(path, sizeof path, "out/plots/%s", name);
    cr_assert_eq(hpac_file_read(scratch_path(path), 1 << 16, &bytes, &nbytes), HPAC_OK, "%s",
                 hpac_error_message());
    cr_expect(strcmp((char *)bytes, expected) == 0, "%s:\n%s\nexpected:\n%s", name, (char *)bytes,
              expected);
    free(bytes);
}

/* The files of the run have their columns in another order, and one more. */
Test(report_columns, the_plots_copies_have_each_column_of_the_runs_files)
{
    unsigned char *metrics;
    size_t nbytes;
    put_recording_gnuplot();
    report_fixture_put_metrics("run", 0);
    report_fixture_put("run", "losses.csv",
                       "val_loss,more,epoch,train_loss\n0.5,9,1,0.75\n,9,2,2\n");
    report_fixture_put("run", "batch_losses.csv", "batch_losses,step\n0.75,1\n0.125,2\n");
    cr_assert_eq(hpac_file_read(scratch_path("run/metrics.csv"), 1 << 16, &metrics, &nbytes),
                 HPAC_OK);
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    hpac_report *report = report_fixture_open("run");
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    assert_copy("losses.csv", "epoch,train_loss,val_loss\n1,0.75,0.5\n2,2,\n");
    assert_copy("batch_losses.csv", "step,batch_losses\n1,0.75\n2,0.125\n");
    assert_copy("metrics.csv", (char *)metrics);
    free(metrics);
    hpac_report_close(report);
}

/* The steps `first` to `last`, whose losses are their quarters. */
static const char *batches(int first, int last)
{
    static char text[32768];
    size_t length = (size_t)snprintf(text, sizeof text, "step,batch_losses\n");
    for (int step = first; step <= last; step++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%d,%g\n", step, step / 4.0);
    return text;
}

Test(report_columns, the_plots_copies_of_several_runs_are_numbered_and_end_with_800_batches)
{
    put_recording_gnuplot();
    report_fixture_put_metrics("a", 0);
    report_fixture_put_metrics("b", 1);
    report_fixture_put("b", "losses.csv", "epoch,train_loss,val_loss\n1,7,8\n");
    report_fixture_put("b", "batch_losses.csv", batches(1, 900));
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    hpac_report *report = report_fixture_open("a b");
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    assert_copy("losses_1.csv", "epoch,train_loss,val_loss\n1,0.7,0.5\n2,0.4,0.55\n");
    assert_copy("losses_2.csv", "epoch,train_loss,val_loss\n1,7,8\n");
    assert_copy("batch_losses_1.csv", "step,batch_losses\n1,0.8\n2,0.6\n3,0.5\n4,0.3\n");
    assert_copy("batch_losses_2.csv", batches(101, 900));
    unsigned char *metrics;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("b/metrics.csv"), 1 << 16, &metrics, &nbytes),
                 HPAC_OK);
    assert_copy("metrics_2.csv", (char *)metrics);
    free(metrics);
    hpac_report_close(report);
}

/* A digit of a text is an octal escape: F1 is F\061. */
static void assert_given(const char *picture, const char *script, const char *part)
{
    char path[128], start[128];
    unsigned char *bytes;
    size_t nbytes;
    snprintf(path, sizeof path, "out/plots/%s.png", picture);
    cr_assert_eq(hpac_file_read(scratch_path(path), 1 << 16, &bytes, &nbytes), HPAC_OK, "%s",
                 hpac_error_message());
    snprintf(start, sizeof start, "./tools/plots/%s.gp ", script);
    cr_expect(strncmp((char *)bytes, start, strlen(start)) == 0, "%s: %s", picture, (char *)bytes);
    cr_expect(strstr((char *)bytes, part), "%s: expected %s in %s", picture, part, (char *)bytes);
    free(bytes);
}

Test(report_columns, each_script_is_given_its_table_columns_and_numbers)
{
    static const char *const given[][3] = {
        {"losses", "losses", "/plots/losses.csv\";prior=216;best=2;"},
        {"batch_losses", "batch_losses", "/plots/batch_losses.csv\";"},
        {"learning_rates", "learning_rates", "/plots/learning_rates.csv\";"},
        {"accuracy", "metrics", "/plots/metrics.csv\";quantity=\"accuracy\";"},
        {"f1", "metrics", "/plots/metrics.csv\";quantity=\"f\\061\";"},
        {"probability_histogram", "histogram", "/plots/probability_density.csv\";"},
        {"class_probability_density", "ridges", "/plots/class_probability_density.csv\";"},
        {"prediction_ranges", "ranges", "/plots/class_summary.csv\";"},
        {"label_shares", "columns",
         "places=\"label\";values=\"percent\";yaxis=\"percent of the labels\";"},
        {"ones_a_class", "bars",
         "names=\"class\";values=\"ones_percent\";axis=\"percent of the "
         "images\";number=\"\\045.\\061f\";"},
        {"f1_a_class", "bars",
         "names=\"class\";values=\"f\\061\";axis=\"F\\061\";number=\"\\045.\\062f\";"},
    };
    put_recording_gnuplot();
    report_fixture_put_metrics("run", 0);
    report_fixture_put("run", "learning_rates.csv", "step,learning_rate\n1,0.5\n2,0.25\n");
    hpac_report *report = report_fixture_open("run");
    cr_assert_eq(report_pictures_draw(report), HPAC_ERR_CONFIG); /* no directory yet */
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_given(given[i][0], given[i][1], given[i][2]);
    hpac_report_close(report);
}

/* A run without losses, hence without curves, comes first; the others keep the colors of their
 * curves. */
#define POINTS "label1=\"empty\";style1=3;label2=\"a\";style2=1;label3=\"b\";style3=2;"

Test(report_columns, each_script_of_several_runs_is_given_theirs)
{
    static const char *const given[][3] = {
        {"losses", "losses", "losses_\\062.csv\";label2=\"b\";prior=NaN;"},
        {"last_batch_losses", "batch_losses", "last=800;"},
        {"accuracy", "metrics", "quantity=\"accuracy\";zeros=0;"},
        {"f1", "metrics", "quantity=\"f\\061\";"},
        {"f1_against_time", "tradeoff",
         "x=\"elapsed_s\";y=\"final_val_f\\061_mean\";xaxis=\"seconds\";"
         "yaxis=\"mean F\\061\\054 last epoch\";logx=0;" POINTS},
        {"loss_against_steps", "tradeoff",
         "x=\"steps\";y=\"final_val_loss\";xaxis=\"update steps\";"
         "yaxis=\"validation loss\\054 last epoch\";logx=0;" POINTS},
    };
    put_recording_gnuplot();
    report_fixture_put_metrics("a", 0);
    report_fixture_put_metrics("b", 1);
    report_fixture_put_metrics("empty", 0);
    report_fixture_put("empty", "losses.csv", "epoch,train_loss,val_loss\n");
    hpac_report *report = report_fixture_open("empty a b");
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_given(given[i][0], given[i][1], given[i][2]);
    hpac_report_close(report);
}
