/* The results of a run, and their columns. */
#include "run_results.h"

#include "run_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- metrics.csv ---- */

const hpac_column hpac_metrics_columns[HPAC_METRICS] = {
    [HPAC_METRIC_EPOCH] = HPAC_COLUMN_INTEGER("epoch", NULL),
    [HPAC_METRIC_STEP] = HPAC_COLUMN_INTEGER("step", NULL),
    [HPAC_METRIC_TRAIN_LOSS] = HPAC_COLUMN_REAL("train_loss", "train loss", 4),
    [HPAC_METRIC_TRAIN_ACCURACY] = HPAC_COLUMN_REAL("train_accuracy", "train accuracy", 4),
    [HPAC_METRIC_TRAIN_ALL_ZERO_ACCURACY] =
        HPAC_COLUMN_REAL("train_all_zero_accuracy", "train all-zero", 4),
    [HPAC_METRIC_TRAIN_F1_MIN] = HPAC_COLUMN_REAL("train_f1_min", "train F1 min", 3),
    [HPAC_METRIC_TRAIN_F1_MAX] = HPAC_COLUMN_REAL("train_f1_max", "train F1 max", 3),
    [HPAC_METRIC_TRAIN_F1_MEAN] = HPAC_COLUMN_REAL("train_f1_mean", "train F1 mean", 3),
    [HPAC_METRIC_TRAIN_F1_STD] = HPAC_COLUMN_REAL("train_f1_std", "train F1 std", 3),
    [HPAC_METRIC_VAL_LOSS] = HPAC_COLUMN_REAL("val_loss", "val loss", 4),
    [HPAC_METRIC_VAL_ACCURACY] = HPAC_COLUMN_REAL("val_accuracy", "val accuracy", 4),
    [HPAC_METRIC_VAL_ALL_ZERO_ACCURACY] =
        HPAC_COLUMN_REAL("val_all_zero_accuracy", "val all-zero", 4),
    [HPAC_METRIC_VAL_F1_MIN] = HPAC_COLUMN_REAL("val_f1_min", "val F1 min", 3),
    [HPAC_METRIC_VAL_F1_MAX] = HPAC_COLUMN_REAL("val_f1_max", "val F1 max", 3),
    [HPAC_METRIC_VAL_F1_MEAN] = HPAC_COLUMN_REAL("val_f1_mean", "val F1 mean", 3),
    [HPAC_METRIC_VAL_F1_STD] = HPAC_COLUMN_REAL("val_f1_std", "val F1 std", 3),
    [HPAC_METRIC_VAL_PRIOR_LOSS] = HPAC_COLUMN_REAL("val_prior_loss", "prior's loss", 4),
    [HPAC_METRIC_ELAPSED_S] = HPAC_COLUMN_REAL("elapsed_s", "seconds", 1),
    [HPAC_METRIC_IMAGES_PER_S] = HPAC_COLUMN_REAL("train_images_per_s", "images/s", 1),
    [HPAC_METRIC_WAITING] = HPAC_COLUMN_REAL("train_waiting", "waiting", 3),
};

hpac_status hpac_metrics_read(const char *folder, bool growing, hpac_table *epochs)
{
    hpac_table_init(epochs, "metrics", "Epochs", hpac_metrics_columns, HPAC_METRICS);
    return hpac_table_read_csv(epochs, folder, hpac_run_files[HPAC_RUN_METRICS].name, growing);
}

static void copy_row(const hpac_table *epochs, size_t row, double *metrics)
{
    for (size_t c = 0; c < HPAC_METRICS; c++)
        metrics[c] =
            row < hpac_table_row_count(epochs) ? hpac_table_cell(epochs, row, c)->number : NAN;
}

void hpac_run_results_of(const hpac_table *epochs, hpac_run_results *results)
{
    *results = (hpac_run_results){.epochs = hpac_table_row_count(epochs)};
    size_t timed =
        0; /* a row does not know its speed when the run went on from an old checkpoint */
    double seconds_an_image = 0;
    copy_row(epochs, 0, results->best);
    copy_row(epochs, 0, results->last);
    for (size_t row = 0; row < results->epochs; row++) {
        copy_row(epochs, row, results->last);
        if (results->last[HPAC_METRIC_IMAGES_PER_S] > 0) {
            seconds_an_image += 1 / results->last[HPAC_METRIC_IMAGES_PER_S];
            timed++;
        }
        double best = results->best[HPAC_METRIC_VAL_LOSS];
        if (!(results->last[HPAC_METRIC_VAL_LOSS] < best || isnan(best)))
            continue;
        copy_row(epochs, row, results->best);
        results->best_row = row;
    }
    results->images_per_s = timed > 0 ? (double)timed / seconds_an_image : NAN;
}

hpac_status hpac_run_results_read(const char *folder, hpac_run_results *results)
{
    *results = (hpac_run_results){0};
    hpac_table epochs;
    hpac_status status = hpac_metrics_read(folder, false, &epochs);
    if (status == HPAC_OK)
        hpac_run_results_of(&epochs, results);
    if (status == HPAC_OK && results->epochs == 0)
        status = hpac_fail(HPAC_ERR_DATA, "%s/metrics.csv: contains no epochs", folder);
    hpac_table_fini(&epochs);
    return status;
}

/* ---- as columns ---- */

const hpac_column hpac_schedule_columns[HPAC_SCHEDULE_COLUMNS] = {
    HPAC_COLUMN_TEXT("run", NULL),           HPAC_COLUMN_TEXT("state", NULL),
    HPAC_COLUMN_TEXT("configuration", NULL), HPAC_COLUMN_INTEGER("classes", NULL),
    HPAC_COLUMN_INTEGER("epochs", NULL),     HPAC_COLUMN_INTEGER("batch_size", "batch"),
    HPAC_COLUMN_TEXT("dropout", NULL),       HPAC_COLUMN_REAL("learning_rate", "learning rate", 4),
};

const hpac_column hpac_result_columns[HPAC_RESULT_COLUMNS] = {
    HPAC_COLUMN_INTEGER("steps", NULL),
    HPAC_COLUMN_REAL("elapsed_s", "seconds", 1),
    HPAC_COLUMN_REAL("train_images_per_s", "images/s", 1),
    HPAC_COLUMN_REAL("val_prior_loss", "prior's loss", 4),
    HPAC_COLUMN_REAL("val_all_zero_accuracy", "all-zero accuracy", 4),
    HPAC_COLUMN_INTEGER("best_epoch", "best epoch"),
    HPAC_COLUMN_REAL("final_train_loss", "train loss", 4),
    HPAC_COLUMN_REAL("final_train_accuracy", "train accuracy", 4),
    HPAC_COLUMN_REAL("final_train_f1_min", "train F1 min", 3),
    HPAC_COLUMN_REAL("final_train_f1_max", "train F1 max", 3),
    HPAC_COLUMN_REAL("final_train_f1_mean", "train F1 mean", 3),
    HPAC_COLUMN_REAL("final_train_f1_std", "train F1 std", 3),
    HPAC_COLUMN_REAL("final_val_loss", "loss", 4),
    HPAC_COLUMN_REAL("final_val_accuracy", "accuracy", 4),
    HPAC_COLUMN_REAL("final_val_f1_min", "F1 min", 3),
    HPAC_COLUMN_REAL("final_val_f1_max", "F1 max", 3),
    HPAC_COLUMN_REAL("final_val_f1_mean", "F1 mean", 3),
    HPAC_COLUMN_REAL("final_val_f1_std", "F1 std", 3),
    HPAC_COLUMN_REAL("best_train_loss", "best epoch's train loss", 4),
    HPAC_COLUMN_REAL("best_train_accuracy", "train accuracy", 4),
    HPAC_COLUMN_REAL("best_train_f1_min", "train F1 min", 3),
    HPAC_COLUMN_REAL("best_train_f1_max", "train F1 max", 3),
    HPAC_COLUMN_REAL("best_train_f1_mean", "train F1 mean", 3),
    HPAC_COLUMN_REAL("best_train_f1_std", "train F1 std", 3),
    HPAC_COLUMN_REAL("best_val_loss", "best loss", 4),
    HPAC_COLUMN_REAL("best_val_accuracy", "best epoch's accuracy", 4),
    HPAC_COLUMN_REAL("best_val_f1_min", "F1 min", 3),
    HPAC_COLUMN_REAL("best_val_f1_max", "F1 max", 3),
    HPAC_COLUMN_REAL("best_val_f1_mean", "best epoch's F1 mean", 3),
    HPAC_COLUMN_REAL("best_val_f1_std", "F1 std", 3),
};

/* The columns after final_ and best_ above, in their order. */
static const hpac_metric compared[] = {
    HPAC_METRIC_TRAIN_LOSS,   HPAC_METRIC_TRAIN_ACCURACY, HPAC_METRIC_TRAIN_F1_MIN,
    HPAC_METRIC_TRAIN_F1_MAX, HPAC_METRIC_TRAIN_F1_MEAN,  HPAC_METRIC_TRAIN_F1_STD,
    HPAC_METRIC_VAL_LOSS,     HPAC_METRIC_VAL_ACCURACY,   HPAC_METRIC_VAL_F1_MIN,
    HPAC_METRIC_VAL_F1_MAX,   HPAC_METRIC_VAL_F1_MEAN,    HPAC_METRIC_VAL_F1_STD,
};

_Static_assert(HPAC_RESULT_COLUMNS == 6 + 2 * COUNT_OF(compared), "a column is missing");

void hpac_run_results_add(hpac_table *table, const hpac_run_results *results)
{
    for (size_t i = 0; i < HPAC_RESULT_COLUMNS && !results; i++)
        hpac_table_add_real(table, NAN);
    if (!results)
        return;
    hpac_table_add_real(table, results->last[HPAC_METRIC_STEP]);
    hpac_table_add_real(table, results->last[HPAC_METRIC_ELAPSED_S]);
    hpac_table_add_real(table, results->images_per_s);
    hpac_table_add_real(table, results->last[HPAC_METRIC_VAL_PRIOR_LOSS]);
    hpac_table_add_real(table, results->last[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY]);
    hpac_table_add_real(table, results->best[HPAC_METRIC_EPOCH]);
    for (size_t i = 0; i < COUNT_OF(compared); i++)
        hpac_table_add_real(table, results->last[compared[i]]);
    for (size_t i = 0; i < COUNT_OF(compared); i++)
        hpac_table_add_real(table, results->best[compared[i]]);
}

char *hpac_dropout_text(const double *rates, size_t count)
{
    char *text = NULL;
    size_t nbytes;
    FILE *stream = open_memstream(&text, &nbytes);
    if (!stream)
        return NULL;
    const char *gap = "";
    for (size_t i = 0; i < count; i++)
        if (rates[i] > 0) {
            fprintf(stream, "%s%.6g", gap, rates[i]);
            gap = "/";
        }
    if (!*gap)
        fputs("none", stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}
