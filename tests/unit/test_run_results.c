/* Results of runs, from tables that are counted by hand. */
#include "rundir/run_results.h"

#include "base/file.h"
#include "experiment/folds.h"

#include "report_fixture.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A directory with these epochs: validation losses and images per second, "0.5 100". */
static const char *write_epochs(const char *const *epochs, size_t count)
{
    char text[4096];
    snprintf(text, sizeof text, "%s\n", report_fixture_metrics_header);
    for (size_t i = 0; i < count; i++) {
        int gap = (int)strcspn(epochs[i], " ");
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%zu,%zu,1,1,1,1,1,1,1,%.*s,1,1,1,1,1,1,1,1,%s,0\n", i + 1, 10 * (i + 1), gap,
                 epochs[i], epochs[i] + gap + 1);
    }
    report_fixture_put("run", "metrics.csv", text);
    return scratch_path("run");
}

Test(run_results, the_best_epoch_is_the_first_of_the_lowest_loss)
{
    report_fixture_write("run", "finished");
    hpac_run_results results;
    const char *directory = write_epochs(
        (const char *const[]){"nan 100", "0.5 50", "0.25 25", "0.25 100", "0.75 100"}, 5);
    cr_assert_eq(hpac_run_results_read(directory, &results), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(results.epochs, 5);
    cr_assert_eq(results.best_row, 2);
    cr_assert_eq(results.best[HPAC_METRIC_EPOCH], 3);
    cr_assert_eq(results.last[HPAC_METRIC_VAL_LOSS], 0.75);
    cr_assert_eq(results.last[HPAC_METRIC_STEP], 50);
    /* 5 / (3 / 100 + 1 / 50 + 1 / 25) */
    cr_assert(fabs(results.images_per_s - 5 / 0.09) <= 1e-9, "%g", results.images_per_s);
}

Test(run_results, a_run_without_epochs_has_none)
{
    report_fixture_write("run", "finished");
    hpac_run_results results;
    const char *directory = write_epochs(NULL, 0);
    cr_assert_eq(hpac_run_results_read(directory, &results), HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "metrics.csv: contains no epochs"), "%s",
              hpac_error_message());
    hpac_table epochs;
    cr_assert_eq(hpac_metrics_read(directory, true, &epochs), HPAC_OK);
    hpac_run_results_of(&epochs, &results);
    hpac_table_fini(&epochs);
    cr_assert_eq(results.epochs, 0);
    cr_assert(isnan(results.images_per_s));
    cr_assert(isnan(results.last[HPAC_METRIC_VAL_LOSS]));
    cr_assert(isnan(results.best[HPAC_METRIC_EPOCH]));
}

/* Column c of the last epoch holds c / 100 in fold 0 and c / 100 + 1 in fold 1, from 1; fold 0 has
 * a better loss before. */
Test(run_results, folds_have_the_last_epoch_and_the_best_loss)
{
    char text[1024];
    report_fixture_write("fold0", "finished");
    snprintf(text, sizeof text, "%s\n%s%s", report_fixture_metrics_header,
             "1,5,9,9,9,9,9,9,9,0.05,9,9,9,9,9,9,9,9,9,9\n",
             "2,10,0.03,0.04,0.05,0.06,0.07,0.08,0.09,0.1,0.11,0.12,0.13,0.14,0.15,0.16,0.17,0.18,"
             "0.19,0.2\n");
    report_fixture_put("fold0", "metrics.csv", text);
    report_fixture_write("fold1", "finished");
    snprintf(text, sizeof text, "%s\n%s", report_fixture_metrics_header,
             "1,10,1.03,1.04,1.05,1.06,1.07,1.08,1.09,1.1,1.11,1.12,1.13,1.14,1.15,1.16,1.17,1.18,"
             "1.19,1.2\n");
    report_fixture_put("fold1", "metrics.csv", text);
    hpac_table folds;
    cr_assert_eq(hpac_train_results(scratch_directory(), 2, &folds), HPAC_OK, "%s",
                 hpac_error_message());
    cr_assert_eq(hpac_table_write_csv(&folds, scratch_directory(), "folds.csv"), HPAC_OK);
    hpac_table_fini(&folds);
    unsigned char *csv;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(scratch_path("folds.csv"), 4096, &csv, &nbytes), HPAC_OK);
    cr_expect_str_eq((char *)csv,
                     "fold,epochs,train_loss,val_loss,val_prior_loss,val_accuracy,"
                     "val_all_zero_accuracy,val_f1_min,val_f1_max,val_f1_mean,val_f1_std,elapsed_s,"
                     "best_val_loss\n"
                     "0,2,0.03,0.1,0.17,0.11,0.12,0.13,0.14,0.15,0.16,0.18,0.05\n"
                     "1,1,1.03,1.1,1.17,1.11,1.12,1.13,1.14,1.15,1.16,1.18,1.1\n");
    free(csv);
}

static void assert_dropout(const double *rates, size_t count, const char *expected)
{
    char *text = hpac_dropout_text(rates, count);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(run_results, dropout_is_told_by_the_rates_that_drop_anything)
{
    assert_dropout(NULL, 0, "none");
    assert_dropout((const double[]){0, 0}, 2, "none");
    assert_dropout((const double[]){0.25, 0, (double)0.1f}, 3, "0.25/0.1");
}
