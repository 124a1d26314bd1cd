/*
 * The CSVs that grow during a training. Rows reach the disk with every epoch and every checkpoint.
 */
#ifndef HPAC_RUNDIR_HISTORY_H
#define HPAC_RUNDIR_HISTORY_H

#include <hpac/device.h>
#include <hpac/metrics.h>

#include "run_files.h"

typedef struct train_history {
    FILE *streams[HPAC_RUN_FILE_COUNT]; /* of these CSVs; else NULL */
    const int *targets;                 /* (target_count) class numbers */
    size_t target_count;
} train_history;

typedef struct history_options {
    const char *directory;
    const int *targets; /* (target_count) class numbers; borrowed until history_close */
    size_t target_count;
    bool resume;            /* cut the CSVs back to so many rows; else begin them */
    uint32_t epochs, steps; /* that they have to hold */
} history_options;

/* Results of one epoch. */
typedef struct history_epoch {
    uint32_t epoch; /* from 1 */
    uint32_t step;
    const hpac_counts *train, *validation;
    double prior_loss, elapsed_s, images_per_s, waiting;
} history_epoch;

/* Errors: DATA, when a CSV holds fewer rows than a resumed run has, or cannot be written. For
 * history_close whatever the status. */
hpac_status history_open(train_history *history, const history_options *options);
hpac_status history_add_batch(train_history *history, uint32_t step, double loss,
                              const hpac_step_result *result);
/* Adds the rows of an epoch, and flushes. */
hpac_status history_add_epoch(train_history *history, const history_epoch *epoch);
/* Everything added so far is on the disk when this returns. */
hpac_status history_flush(train_history *history);
void history_close(train_history *history); /* a zeroed one is fine */

#endif
