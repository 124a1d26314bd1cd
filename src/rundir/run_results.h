/*
 * The results of a run, read back from its metrics.csv, as columns that sweep.csv and the table
 * `runs` of reports share.
 *
 *     hpac_run_results results;
 *     status = hpac_run_results_read("runs/demo", &results);
 *     if (status == HPAC_OK)
 *         printf("%g\n", results.last[HPAC_METRIC_VAL_F1_MEAN]);
 */
#ifndef HPAC_RUNDIR_RUN_RESULTS_H
#define HPAC_RUNDIR_RUN_RESULTS_H

#include "render/table.h"

#include <stdbool.h>

/* The columns of metrics.csv, which has one row per epoch. */
typedef enum hpac_metric {
    HPAC_METRIC_EPOCH,
    HPAC_METRIC_STEP,
    HPAC_METRIC_TRAIN_LOSS,
    HPAC_METRIC_TRAIN_ACCURACY,
    HPAC_METRIC_TRAIN_ALL_ZERO_ACCURACY,
    HPAC_METRIC_TRAIN_F1_MIN,
    HPAC_METRIC_TRAIN_F1_MAX,
    HPAC_METRIC_TRAIN_F1_MEAN,
    HPAC_METRIC_TRAIN_F1_STD,
    HPAC_METRIC_VAL_LOSS,
    HPAC_METRIC_VAL_ACCURACY,
    HPAC_METRIC_VAL_ALL_ZERO_ACCURACY,
    HPAC_METRIC_VAL_F1_MIN,
    HPAC_METRIC_VAL_F1_MAX,
    HPAC_METRIC_VAL_F1_MEAN,
    HPAC_METRIC_VAL_F1_STD,
    HPAC_METRIC_VAL_PRIOR_LOSS,
    HPAC_METRIC_ELAPSED_S,
    HPAC_METRIC_IMAGES_PER_S,
    HPAC_METRIC_WAITING,
    HPAC_METRICS
} hpac_metric;

/* Written by the training (history.h) and read back here. */
extern const hpac_column hpac_metrics_columns[HPAC_METRICS];

typedef struct hpac_run_results {
    size_t epochs;             /* that are finished */
    double last[HPAC_METRICS]; /* of the last one; NaN without epochs */
    double best[HPAC_METRICS]; /* of the first with the lowest validation loss */
    size_t best_row;           /* its row, from 0; 0 without epochs */
    double images_per_s; /* in training, over all epochs, which have as many images each: their
                            harmonic mean over those that know theirs; NaN without any */
} hpac_run_results;

/* Reads metrics.csv of a folder into `epochs`, which the caller frees with hpac_table_fini whatever
 * the status: column c is metric c, an empty cell NaN. `growing`: a training is writing it, so that
 * it may not be there yet, or end in an incomplete row, which is left out. Errors: DATA, with file,
 * line, column and what was expected; INTERNAL. */
hpac_status hpac_metrics_read(const char *folder, bool growing, hpac_table *epochs);
/* The results of these epochs. */
void hpac_run_results_of(const hpac_table *epochs, hpac_run_results *results);
/* Both, of a finished run. Errors: those of hpac_metrics_read, and DATA when it has no epochs. */
hpac_status hpac_run_results_read(const char *folder, hpac_run_results *results);

/* ---- as columns ---- */

/* run, state, configuration, classes, epochs (configured), batch_size, dropout, learning_rate */
#define HPAC_SCHEDULE_COLUMNS 8
extern const hpac_column hpac_schedule_columns[HPAC_SCHEDULE_COLUMNS];

/* steps, elapsed_s, train_images_per_s, val_prior_loss, val_all_zero_accuracy, best_epoch, then 12
 * metrics of the last epoch (final_...) and of the best (best_...) */
#define HPAC_RESULT_COLUMNS 30
extern const hpac_column hpac_result_columns[HPAC_RESULT_COLUMNS];

/* Adds the cells of hpac_result_columns. NULL: empty ones. */
void hpac_run_results_add(hpac_table *table, const hpac_run_results *results);

/* The rates of the dropout layers that drop anything, "0.25/0.5", or "none": the cell `dropout`.
 * Malloc'ed; NULL when memory is out. */
char *hpac_dropout_text(const double *rates, size_t count);

#endif
