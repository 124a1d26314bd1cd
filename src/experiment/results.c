/* The results of a finished training as a table: one run, or one row per fold. */
#include "base/file.h"
#include "train/train_internal.h"

#include <stdlib.h>
#include <string.h>

/* The columns of folds.csv, of the last epoch but for the first and the last column. */
static const struct {
    hpac_column column;
    hpac_metric metric;
} fold_columns[] = {
    {HPAC_COLUMN_INTEGER("epochs", NULL), HPAC_METRIC_EPOCH},
    {HPAC_COLUMN_REAL("train_loss", NULL, 4), HPAC_METRIC_TRAIN_LOSS},
    {HPAC_COLUMN_REAL("val_loss", NULL, 4), HPAC_METRIC_VAL_LOSS},
    {HPAC_COLUMN_REAL("val_prior_loss", NULL, 4), HPAC_METRIC_VAL_PRIOR_LOSS},
    {HPAC_COLUMN_REAL("val_accuracy", NULL, 4), HPAC_METRIC_VAL_ACCURACY},
    {HPAC_COLUMN_REAL("val_all_zero_accuracy", NULL, 4), HPAC_METRIC_VAL_ALL_ZERO_ACCURACY},
    {HPAC_COLUMN_REAL("val_f1_min", NULL, 3), HPAC_METRIC_VAL_F1_MIN},
    {HPAC_COLUMN_REAL("val_f1_max", NULL, 3), HPAC_METRIC_VAL_F1_MAX},
    {HPAC_COLUMN_REAL("val_f1_mean", NULL, 3), HPAC_METRIC_VAL_F1_MEAN},
    {HPAC_COLUMN_REAL("val_f1_std", NULL, 3), HPAC_METRIC_VAL_F1_STD},
    {HPAC_COLUMN_REAL("elapsed_s", NULL, 1), HPAC_METRIC_ELAPSED_S},
};

#define FOLD_COLUMNS (sizeof fold_columns / sizeof *fold_columns)

void train_folds_table(const hpac_run_results *results, int count, hpac_table *table)
{
    hpac_column columns[FOLD_COLUMNS + 2] = {HPAC_COLUMN_INTEGER("fold", NULL)};
    for (size_t c = 0; c < FOLD_COLUMNS; c++)
        columns[c + 1] = fold_columns[c].column;
    columns[FOLD_COLUMNS + 1] = (hpac_column)HPAC_COLUMN_REAL("best_val_loss", NULL, 4);
    hpac_table_init(table, "folds", "Folds", columns, FOLD_COLUMNS + 2);
    for (int fold = 0; fold < count; fold++) {
        hpac_table_add_integer(table, fold);
        for (size_t c = 0; c < FOLD_COLUMNS; c++)
            hpac_table_add_real(table, results[fold].last[fold_columns[c].metric]);
        hpac_table_add_real(table, results[fold].best[HPAC_METRIC_VAL_LOSS]);
    }
}

static hpac_status read_folds(const char *folder, int count, hpac_table *table)
{
    hpac_run_results *results = calloc((size_t)count, sizeof *results);
    hpac_status status = results ? HPAC_OK : hpac_fail_memory((size_t)count * sizeof *results);
    for (int fold = 0; fold < count && status == HPAC_OK; fold++) {
        char *path = hpac_path_join(folder, "fold%d", fold);
        status =
            path ? hpac_run_results_read(path, &results[fold]) : hpac_fail_memory(strlen(folder));
        free(path);
    }
    if (status == HPAC_OK)
        train_folds_table(results, count, table);
    free(results);
    return status;
}

hpac_status hpac_train_results(const char *folder, int folds, hpac_table *results)
{
    *results = (hpac_table){0};
    if (folds > 0)
        return read_folds(folder, folds, results);
    hpac_run_results run;
    hpac_status status = hpac_run_results_read(folder, &run);
    if (status != HPAC_OK)
        return status;
    hpac_table_init(results, "run", "Run", hpac_result_columns, HPAC_RESULT_COLUMNS);
    hpac_run_results_add(results, &run);
    return results->status;
}
