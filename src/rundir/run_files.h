/*
 * The files of a run directory and the columns of its tables: one list for those who write them,
 * read them, remove them and document them.
 */
#ifndef HPAC_RUNDIR_RUN_FILES_H
#define HPAC_RUNDIR_RUN_FILES_H

#include "base/file.h"
#include "render/table.h"

#include <jansson.h>

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
    X(LEARNING_RATES, "learning_rates.csv", FROM_START,                                            \
      "with train.schedule: learning rate per step")                                               \
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

/* "<directory>/<name>", malloc'ed; NULL when out of memory. */
char *hpac_run_path(const char *directory, hpac_run_file_number number);
/* hpac_file_create() of this path. */
hpac_status hpac_run_file_create(const char *directory, hpac_run_file_number number,
                                 hpac_file *file);

/* What is read of run.json: keys that are not there are NULL and 0; texts and lists belong to
 * `json`. */
typedef struct hpac_run_info {
    json_t *json;      /* the whole file, owned */
    const char *state; /* "running", "interrupted", "failed", "finished"; never NULL */
    const char *device, *libraries;
    long long epochs, steps, best_epoch, epochs_without_best;
    double elapsed_s;
    json_t *skipped; /* list of the Ids of skipped images */
} hpac_run_info;

/* Errors: DATA, with file and line, also when there is no state; INTERNAL. On error `info` is
 * zeroed. */
hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info);
void hpac_run_info_fini(hpac_run_info *info); /* a zeroed one is fine */

/* ---- columns ---- */

extern const hpac_column hpac_losses_columns[3];
extern const hpac_column hpac_batch_losses_columns[2];
extern const hpac_column hpac_learning_rates_columns[2];
extern const hpac_column hpac_submission_columns[2]; /* predictions.csv begins with the first */

/* metrics.csv: one row per epoch. X(NAME, column) */
#define HPAC_METRIC_COLUMNS(X)                                                                     \
    X(EPOCH, HPAC_COLUMN_INTEGER("epoch", NULL))                                                   \
    X(STEP, HPAC_COLUMN_INTEGER("step", NULL))                                                     \
    X(TRAIN_LOSS, HPAC_COLUMN_REAL("train_loss", "train loss", 4))                                 \
    X(TRAIN_ACCURACY, HPAC_COLUMN_REAL("train_accuracy", "train accuracy", 4))                     \
    X(TRAIN_ALL_ZERO_ACCURACY, HPAC_COLUMN_REAL("train_all_zero_accuracy", "train all-zero", 4))   \
    X(TRAIN_F1_MIN, HPAC_COLUMN_REAL("train_f1_min", "train F1 min", 3))                           \
    X(TRAIN_F1_MAX, HPAC_COLUMN_REAL("train_f1_max", "train F1 max", 3))                           \
    X(TRAIN_F1_MEAN, HPAC_COLUMN_REAL("train_f1_mean", "train F1 mean", 3))                        \
    X(TRAIN_F1_STD, HPAC_COLUMN_REAL("train_f1_std", "train F1 std", 3))                           \
    X(VAL_LOSS, HPAC_COLUMN_REAL("val_loss", "val loss", 4))                                       \
    X(VAL_ACCURACY, HPAC_COLUMN_REAL("val_accuracy", "val accuracy", 4))                           \
    X(VAL_ALL_ZERO_ACCURACY, HPAC_COLUMN_REAL("val_all_zero_accuracy", "val all-zero", 4))         \
    X(VAL_F1_MIN, HPAC_COLUMN_REAL("val_f1_min", "val F1 min", 3))                                 \
    X(VAL_F1_MAX, HPAC_COLUMN_REAL("val_f1_max", "val F1 max", 3))                                 \
    X(VAL_F1_MEAN, HPAC_COLUMN_REAL("val_f1_mean", "val F1 mean", 3))                              \
    X(VAL_F1_STD, HPAC_COLUMN_REAL("val_f1_std", "val F1 std", 3))                                 \
    X(VAL_PRIOR_LOSS, HPAC_COLUMN_REAL("val_prior_loss", "prior's loss", 4))                       \
    X(ELAPSED_S, HPAC_COLUMN_REAL("elapsed_s", "seconds", 1))                                      \
    X(IMAGES_PER_S, HPAC_COLUMN_REAL("train_images_per_s", "images/s", 1))                         \
    X(WAITING, HPAC_COLUMN_REAL("train_waiting", "waiting", 3))

#define HPAC_METRIC_NUMBER(NAME, column) HPAC_METRIC_##NAME,
typedef enum hpac_metric { HPAC_METRIC_COLUMNS(HPAC_METRIC_NUMBER) HPAC_METRICS } hpac_metric;

extern const hpac_column hpac_metrics_columns[HPAC_METRICS];

/* class_metrics.csv: one row per epoch and class. */
#define HPAC_CLASS_METRIC_COLUMNS(X)                                                               \
    X(EPOCH, HPAC_COLUMN_INTEGER("epoch", NULL))                                                   \
    X(NAME, HPAC_COLUMN_TEXT("class", NULL))                                                       \
    X(SUPPORT, HPAC_COLUMN_INTEGER("support", NULL))                                               \
    X(TRUE_POSITIVES, HPAC_COLUMN_INTEGER("true_positives", NULL))                                 \
    X(FALSE_POSITIVES, HPAC_COLUMN_INTEGER("false_positives", NULL))                               \
    X(FALSE_NEGATIVES, HPAC_COLUMN_INTEGER("false_negatives", NULL))                               \
    X(PRECISION, HPAC_COLUMN_REAL("precision", NULL, 3))                                           \
    X(RECALL, HPAC_COLUMN_REAL("recall", NULL, 3))                                                 \
    X(F1, HPAC_COLUMN_REAL("f1", "F1", 3))

#define HPAC_CLASS_METRIC_NUMBER(NAME, column) HPAC_CLASS_METRIC_##NAME,
typedef enum hpac_class_metric {
    HPAC_CLASS_METRIC_COLUMNS(HPAC_CLASS_METRIC_NUMBER) HPAC_CLASS_METRICS
} hpac_class_metric;

extern const hpac_column hpac_class_metrics_columns[HPAC_CLASS_METRICS];

#endif
