/*
 * The CSVs that grow during a training. Rows reach the disk with every epoch and every checkpoint.
 */
#ifndef HPAC_RUNDIR_HISTORY_H
#define HPAC_RUNDIR_HISTORY_H

#include <hpac/device.h>
#include <hpac/metrics.h>

#include "run_files.h"

typedef struct train_history {
    const int *targets; /* (target_count) class numbers; set and borrowed from open to close */
    size_t target_count;
    bool scheduled;                     /* there are learning rates to be written, set likewise */
    const char *directory;              /* borrowed likewise */
    FILE *streams[HPAC_RUN_FILE_COUNT]; /* of these CSVs; else NULL */
} train_history;

/* Results of one epoch. */
typedef struct history_epoch {
    uint32_t epoch; /* from 1 */
    uint32_t step;
    const hpac_counts *train, *validation;
    double prior_loss, elapsed_s, images_per_s, waiting;
} history_epoch;

/* Begins the CSVs, or to resume cuts them back to so many epochs and steps. For history_close
 * whatever the status. Errors: DATA, when a CSV holds fewer rows, or cannot be written. */
hpac_status history_open(train_history *history, const char *directory, bool resume, size_t epochs,
                         size_t steps);
hpac_status history_add_batch(train_history *history, uint32_t step, double loss,
                              double learning_rate, const hpac_step_result *result);
/* Adds the rows of an epoch, and flushes. */
hpac_status history_add_epoch(train_history *history, const history_epoch *epoch);
/* Everything added so far is on the disk when this returns. */
hpac_status history_flush(train_history *history);
void history_close(train_history *history); /* a zeroed one is fine */

#endif
