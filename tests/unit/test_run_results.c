/* Results of runs, from tables that are counted by hand. */
#include "rundir/run_results.h"

#include "report_folder.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char header[] =
    "epoch,step,train_loss,train_accuracy,train_all_zero_accuracy,train_f1_min,train_f1_max,"
    "train_f1_mean,train_f1_std,val_loss,val_accuracy,val_all_zero_accuracy,val_f1_min,val_f1_max,"
    "val_f1_mean,val_f1_std,val_prior_loss,elapsed_s,train_images_per_s,train_waiting\n";

/* A folder with these epochs: validation losses and images per second, "0.5 100". */
static const char *write_epochs(const char *const *epochs, size_t count)
{
    char text[4096];
    snprintf(text, sizeof text, "%s", header);
    for (size_t i = 0; i < count; i++) {
        int gap = (int)strcspn(epochs[i], " ");
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%zu,%zu,1,1,1,1,1,1,1,%.*s,1,1,1,1,1,1,1,1,%s,0\n", i + 1, 10 * (i + 1), gap,
                 epochs[i], epochs[i] + gap + 1);
    }
    report_folder_put("run", "metrics.csv", text);
    return scratch_path("run");
}

Test(run_results, the_best_epoch_is_the_first_of_the_lowest_loss)
{
    report_folder_write("run", "finished");
    hpac_run_results results;
    const char *folder = write_epochs(
        (const char *const[]){"nan 100", "0.5 50", "0.25 25", "0.25 100", "0.75 100"}, 5);
    cr_assert_eq(hpac_run_results_read(folder, &results), HPAC_OK, "%s", hpac_error_message());
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
    report_folder_write("run", "finished");
    hpac_run_results results;
    const char *folder = write_epochs(NULL, 0);
    cr_assert_eq(hpac_run_results_read(folder, &results), HPAC_ERR_DATA);
    cr_assert(strstr(hpac_error_message(), "metrics.csv: contains no epochs"), "%s",
              hpac_error_message());
    hpac_table epochs;
    cr_assert_eq(hpac_metrics_read(folder, true, &epochs), HPAC_OK);
    hpac_run_results_of(&epochs, &results);
    hpac_table_fini(&epochs);
    cr_assert_eq(results.epochs, 0);
    cr_assert(isnan(results.images_per_s));
    cr_assert(isnan(results.last[HPAC_METRIC_VAL_LOSS]));
    cr_assert(isnan(results.best[HPAC_METRIC_EPOCH]));
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
