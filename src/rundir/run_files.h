/*
 * The files of a run directory and the columns of its tables: one list for those who write them,
 * read them, remove them and document them.
 */
#ifndef HPAC_RUNDIR_RUN_FILES_H
#define HPAC_RUNDIR_RUN_FILES_H

#include "render/table.h"

typedef enum hpac_run_file_time {
    HPAC_WRITTEN_FROM_START, /* and again, or on, after every epoch */
    HPAC_WRITTEN_AT_END,     /* after the last epoch; removed when the run continues */
} hpac_run_file_time;

/* X(NAME, name, time, description) */
#define HPAC_RUN_FILES(X)                                                                          \
    X(CONFIG, "config.yaml", FROM_START, "configuration with all defaults; train reads it back")   \
    X(RUN_JSON, "run.json", FROM_START, "state, versions, device, seed, times")                    \
    X(LOG, "train.log", FROM_START, "all messages, with times")                                    \
    X(LOSSES, "losses.csv", FROM_START, "training and validation loss per epoch")                  \
    X(BATCH_LOSSES, "batch_losses.csv", FROM_START, "training loss per batch")                     \
    X(BATCH_COUNTS, "batch_counts.csv", FROM_START,                                                \
      "true positives, false positives and false negatives per batch and class")                   \
    X(METRICS, "metrics.csv", FROM_START, "loss, accuracy and F1 per epoch; times")                \
    X(CLASS_METRICS, "class_metrics.csv", FROM_START,                                              \
      "precision, recall and F1 per epoch and class, on the validation rows")                      \
    X(BEST_MODEL, "best.h5", FROM_START, "model with the lowest validation loss")                  \
    X(CHECKPOINT, "resume.h5", FROM_START, "checkpoint of --resume")                               \
    X(MODEL, "model.h5", AT_END, "model after the last epoch")                                     \
    X(PREDICTIONS, "predictions.csv", AT_END, "probabilities of the validation images")            \
    X(SUBMISSION_PROBA, "submission_proba.csv", AT_END,                                            \
      "with data.test: probabilities of the test images")                                          \
    X(SUBMISSION, "submission.csv", AT_END,                                                        \
      "with data.test: predicted classes of the test images")                                      \
    X(PROFILE, "profile.csv", AT_END, "with --profile: the time of every operation")

#define HPAC_RUN_FILE_NUMBER(NAME, name, time, description) HPAC_RUN_##NAME,
typedef enum hpac_run_file_number {
    HPAC_RUN_FILES(HPAC_RUN_FILE_NUMBER) HPAC_RUN_FILE_COUNT
} hpac_run_file_number;

typedef struct hpac_run_file {
    const char *name, *description;
    hpac_run_file_time written;
} hpac_run_file;

extern const hpac_run_file hpac_run_files[HPAC_RUN_FILE_COUNT];

/* "<folder>/<name>", malloc'ed; NULL when memory is out. */
char *hpac_run_path(const char *folder, hpac_run_file_number file);

/* ---- columns; those of metrics.csv are in run_results.h ---- */

extern const hpac_column hpac_losses_columns[3];
extern const hpac_column hpac_batch_losses_columns[2];

typedef enum hpac_class_metric {
    HPAC_CLASS_METRIC_EPOCH,
    HPAC_CLASS_METRIC_NAME,
    HPAC_CLASS_METRIC_SUPPORT,
    HPAC_CLASS_METRIC_TRUE_POSITIVES,
    HPAC_CLASS_METRIC_FALSE_POSITIVES,
    HPAC_CLASS_METRIC_FALSE_NEGATIVES,
    HPAC_CLASS_METRIC_PRECISION,
    HPAC_CLASS_METRIC_RECALL,
    HPAC_CLASS_METRIC_F1,
    HPAC_CLASS_METRICS
} hpac_class_metric;

extern const hpac_column hpac_class_metrics_columns[HPAC_CLASS_METRICS];

#endif
