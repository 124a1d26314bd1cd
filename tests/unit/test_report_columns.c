/* Every column of every table of a report, and every value of its pages, by values that no two have
 * alike. */
#include "base/file.h"
#include "report/report_internal.h"

#include "report_folder.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char metrics_header[] =
    "epoch,step,train_loss,train_accuracy,train_all_zero_accuracy,train_f1_min,train_f1_max,"
    "train_f1_mean,train_f1_std,val_loss,val_accuracy,val_all_zero_accuracy,val_f1_min,val_f1_max,"
    "val_f1_mean,val_f1_std,val_prior_loss,elapsed_s,train_images_per_s,train_waiting";

enum { METRICS = 20, EPOCHS = 3, VAL_LOSS = 9 };

/* The column of a metric in metrics.csv, from 0. */
static int metric_column(const char *name)
{
    char header[sizeof metrics_header], *rest = header;
    memcpy(header, metrics_header, sizeof header);
    for (int c = 0; rest; c++)
        if (strcmp(strsep(&rest, ","), name) == 0)
            return c;
    cr_assert_fail("no metric %s", name);
    return -1;
}

/* No two cells are alike: 1000 a run, 100 an epoch, 1 a column; the second epoch's loss is lowest.
 */
static double metric_cell(int run, int epoch, int column)
{
    static const double losses[] = {3, 1, 2};
    return column == 0          ? epoch
           : column == VAL_LOSS ? run + losses[epoch - 1]
                                : 1000 * run + 100 * epoch + column;
}

static void put_metrics(const char *name, int run)
{
    char text[4096];
    size_t length = (size_t)snprintf(text, sizeof text, "%s\n", metrics_header);
    for (int epoch = 1; epoch <= EPOCHS; epoch++)
        for (int c = 0; c < METRICS; c++)
            length += (size_t)snprintf(text + length, sizeof text - length, "%g%s",
                                       metric_cell(run, epoch, c), c < METRICS - 1 ? "," : "\n");
    report_folder_write(name, "finished");
    report_folder_put(name, "metrics.csv", text);
}

Test(report_columns, each_column_of_runs_is_the_metric_of_its_name)
{
    static const char *const metrics[] = {"train_loss",   "train_accuracy", "train_f1_min",
                                          "train_f1_max", "train_f1_mean",  "train_f1_std",
                                          "val_loss",     "val_accuracy",   "val_f1_min",
                                          "val_f1_max",   "val_f1_mean",    "val_f1_std"};
    put_metrics("run", 0);
    report_folder_put("run", "config.yaml",
                      "model:\n  - {type: dropout, rate: 0.75}\ntrain:\n  epochs: 71\n"
                      "  batch_size: 72\n  optimizer:\n    learning_rate: 0.73\n");
    hpac_report *report = report_folder_open("run");
    const hpac_table *runs = report_folder_table(report, "runs");
    cr_assert_eq(runs->column_count, 14 + 2 * 12);
    for (int i = 0; i < 12; i++) {
        char column[64];
        int c = metric_column(metrics[i]);
        snprintf(column, sizeof column, "final_%s", metrics[i]);
        assert_number(runs, "run", column, metric_cell(0, 3, c));
        snprintf(column, sizeof column, "best_%s", metrics[i]);
        assert_number(runs, "run", column, metric_cell(0, 2, c));
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
    put_metrics("run", 0);
    hpac_report *report = report_folder_open("run");
    const hpac_table *figures = report_folder_table(report, "figures");
    cr_assert_eq(hpac_table_row_count(figures), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int c = metric_column(rows[i].metric);
        assert_number(figures, rows[i].measure, "last_epoch", metric_cell(0, 3, c));
        assert_number(figures, rows[i].measure, "best_epoch", metric_cell(0, 2, c));
        assert_number(figures, rows[i].measure, "guessing",
                      rows[i].baseline ? metric_cell(0, 3, metric_column(rows[i].baseline)) : NAN);
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
    put_metrics("cv/fold0", 0);
    put_metrics("cv/fold1", 1);
    put_metrics("cv/fold2", 2);
    hpac_report *report = report_folder_open("cv");
    const hpac_table *spread = report_folder_table(report, "spread");
    cr_assert_eq(hpac_table_row_count(spread), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int c = metric_column(rows[i].metric);
        double least = metric_cell(0, rows[i].epoch, c), largest = metric_cell(2, rows[i].epoch, c);
        assert_number(spread, rows[i].measure, "folds", 3);
        assert_number(spread, rows[i].measure, "mean", (least + largest) / 2);
        assert_number(spread, rows[i].measure, "std", (largest - least) / 2);
        assert_number(spread, rows[i].measure, "least", least);
        assert_number(spread, rows[i].measure, "largest", largest);
    }
    hpac_report_close(report);
}

Test(report_columns, bins_and_points_are_where_they_say)
{
    report_folder_write("run", "finished");
    hpac_report *report = report_folder_open("run");
    const hpac_table *bins = report_folder_table(report, "probability_histogram");
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
    const hpac_table *points = report_folder_table(report, "probability_density");
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
    put_metrics("run", 0);
    report_folder_put("run", "run.json",
                      "{\"state\": \"finished\", \"configuration\": \"small\", \"device\": \"cpu: "
                      "<none>\", \"seed\": \"18446744073709551615\", \"epochs\": 94, \"steps\": 95,"
                      " \"elapsed_s\": 7265.5, \"train_images\": 91, \"validation_images\": 92,"
                      " \"skipped_images\": 93, \"skipped\": [\"a\", \"b\"]}\n");
    hpac_report *report = report_folder_open("run");
    char *page = page_of(report);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_page_has(page, parts[i]);
    cr_expect(!strstr(page, "not below"));
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
        values[i] = metric_cell(0, 2, metric_column(metrics[i]));
    put_metrics("run", 0);
    hpac_report *report = report_folder_open("run");
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
    put_metrics("a", 0);
    report_folder_write("b", "finished");
    report_folder_write("c", "running");
    /* Its loss is not below the prior's. */
    char text[2048];
    snprintf(text, sizeof text,
             "%s\n1,2,1,1,1,1,1,1,1,0.9,1,1,1,1,1,1,0.8,1,1,1\n"
             "2,4,1,1,1,1,1,1,1,0.95,1,1,1,1,1,1,0.8,1,1,1\n",
             metrics_header);
    report_folder_put("c", "metrics.csv", text);
    hpac_report *report = report_folder_open("a b c");
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
    snprintf(path, sizeof path, "%s:%s", scratch_folder(), getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("HPAC_PLOTS", "tools/plots", 1);
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
    put_metrics("run", 0);
    hpac_report *report = report_folder_open("run");
    cr_assert_eq(report_pictures_draw(report), HPAC_ERR_CONFIG); /* no directory yet */
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_given(given[i][0], given[i][1], given[i][2]);
    hpac_report_close(report);
}

Test(report_columns, each_script_of_several_runs_is_given_theirs)
{
    static const char *const given[][3] = {
        {"losses", "losses", "losses_\\062.csv\";label2=\"b\";prior=NaN;"},
        {"last_batch_losses", "batch_losses", "last=800;"},
        {"accuracy", "metrics", "quantity=\"accuracy\";zeros=0;"},
        {"f1", "metrics", "quantity=\"f\\061\";"},
        {"f1_against_time", "tradeoff",
         "x=\"elapsed_s\";y=\"final_val_f\\061_mean\";xaxis=\"seconds\";"
         "yaxis=\"mean F\\061\\054 last epoch\";logx=0;label1=\"a\";label2=\"b\";"},
        {"loss_against_steps", "tradeoff",
         "x=\"steps\";y=\"final_val_loss\";xaxis=\"update steps\";"
         "yaxis=\"validation loss\\054 last epoch\";logx=0;label1=\"a\";label2=\"b\";"},
    };
    put_recording_gnuplot();
    put_metrics("a", 0);
    put_metrics("b", 1);
    hpac_report *report = report_folder_open("a b");
    cr_assert_eq(hpac_directory_create(scratch_path("out/plots")), HPAC_OK);
    cr_assert_eq(report_pictures_draw(report), HPAC_OK, "%s", hpac_error_message());
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_given(given[i][0], given[i][1], given[i][2]);
    hpac_report_close(report);
}
