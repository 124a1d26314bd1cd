/* What a run came to, read back from its metrics.csv. */
#ifndef HPAC_RUN_METRICS_H
#define HPAC_RUN_METRICS_H

#include <hpac/status.h>

/* The columns of metrics.csv that are read. */
typedef enum metrics_column {
    METRICS_EPOCH,
    METRICS_STEP,
    METRICS_TRAIN_LOSS,
    METRICS_TRAIN_ACCURACY,
    METRICS_TRAIN_F1_MIN,
    METRICS_TRAIN_F1_MAX,
    METRICS_TRAIN_F1_MEAN,
    METRICS_TRAIN_F1_STD,
    METRICS_VAL_LOSS,
    METRICS_VAL_ACCURACY,
    METRICS_VAL_F1_MIN,
    METRICS_VAL_F1_MAX,
    METRICS_VAL_F1_MEAN,
    METRICS_VAL_F1_STD,
    METRICS_VAL_ALL_ZERO_ACCURACY,
    METRICS_VAL_PRIOR_LOSS,
    METRICS_ELAPSED_S,
    METRICS_IMAGES_PER_S,
    METRICS_COLUMN_COUNT
} metrics_column;

extern const char *const run_metrics_columns[METRICS_COLUMN_COUNT]; /* their headers */

typedef struct run_metrics {
    double last[METRICS_COLUMN_COUNT]; /* the row of the last epoch */
    double best[METRICS_COLUMN_COUNT]; /* the first row of the lowest validation loss */
    double images_per_s;               /* in training, over all epochs: their harmonic mean */
} run_metrics;

/* Errors: DATA when the file is not there, is not one of ours, or has no epochs. */
hpac_status run_metrics_read(const char *folder, run_metrics *metrics);

#endif
