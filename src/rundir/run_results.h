/*
 * The results of a run, read back from its metrics.csv, as columns that sweep.csv and the table
 * `runs` of reports share.
 */
#ifndef HPAC_RUNDIR_RUN_RESULTS_H
#define HPAC_RUNDIR_RUN_RESULTS_H

#include "run_files.h"

typedef struct hpac_run_results {
    size_t epochs;             /* that are finished */
    double last[HPAC_METRICS]; /* of the last one; NaN without epochs */
    double best[HPAC_METRICS]; /* of the first with the lowest validation loss */
    size_t best_row;           /* its row, from 0; 0 without epochs */
    double images_per_s;       /* harmonic mean over the epochs that have it; NaN without any */
} hpac_run_results;

/* Reads metrics.csv of a directory into `epochs`, which the caller frees with hpac_table_fini
 * whatever the status: column c is metric c, an empty cell NaN. `growing`: a training is writing
 * it, so that it may not be there yet, or end in an incomplete row, which is left out. Errors:
 * DATA, with file, line, column and expected value; INTERNAL. */
hpac_status hpac_metrics_read(const char *directory, bool growing, hpac_table *epochs);
/* The results of these epochs. */
void hpac_run_results_of(const hpac_table *epochs, hpac_run_results *results);
/* Both, of a finished run. Errors: those of hpac_metrics_read, and DATA when it has no epochs. */
hpac_status hpac_run_results_read(const char *directory, hpac_run_results *results);

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
 * Malloc'ed; NULL when out of memory. */
char *hpac_dropout_text(const double *rates, size_t count);

#endif
