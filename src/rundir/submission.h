/*
 * Files of predicted probabilities, written row by row, so that a test set of any size fits.
 *
 *     hpac_submission_options options = {.folder = "runs/improved", .targets = targets,
 *                                        .target_count = 3};
 *     hpac_submission_create(&submission, &options);
 *     hpac_submission_add(&submission, id, probabilities);   // for every test image, in order
 *     hpac_submission_commit(&submission);
 */
#ifndef HPAC_RUNDIR_SUBMISSION_H
#define HPAC_RUNDIR_SUBMISSION_H

#include <hpac/labels.h>

#include "base/file.h"

/* predictions.csv: Id, then one probability a target in the order of `targets`. */
typedef struct hpac_predictions {
    hpac_file file;
    size_t target_count;
} hpac_predictions;

/* Errors of this header: those of file.h. After an error the writer is finished and nothing is left
 * behind. */
hpac_status hpac_predictions_create(hpac_predictions *predictions, const char *path,
                                    const int *targets, size_t target_count);
/* probabilities: (target_count) */
void hpac_predictions_add(hpac_predictions *predictions, const char *id,
                          const float *probabilities);
/* Completes the file and renames it into place. On error no file is written. */
hpac_status hpac_predictions_commit(hpac_predictions *predictions);
/* Ends the writing and leaves nothing; does nothing on a zeroed or finished writer. */
void hpac_predictions_discard(hpac_predictions *predictions);

/* The prediction for an image without a class above its threshold. */
typedef enum hpac_empty_prediction {
    HPAC_EMPTY_BLANK,  /* an empty cell */
    HPAC_EMPTY_ARGMAX, /* the class with the highest probability, the first among equals */
} hpac_empty_prediction;

typedef struct hpac_submission_options {
    const char *folder;
    const int *targets; /* (target_count) the classes that were trained, in the order of the
                           probabilities; copied */
    size_t target_count;
    const float *thresholds; /* (target_count) a class is predicted when p > its threshold; copied.
                                NULL: 0.5 */
    hpac_empty_prediction empty;
} hpac_submission_options;

/* submission_proba.csv (Id and all 28 classes in class order, those not trained 0) and Kaggle's
 * submission.csv (Id,Predicted: the numbers of the predicted classes, separated by spaces). */
typedef struct hpac_submission {
    hpac_predictions probabilities; /* its file and all 28 columns */
    hpac_file labels;
    int targets[HPAC_CLASS_COUNT];
    size_t target_count;
    float thresholds[HPAC_CLASS_COUNT]; /* by class number */
    hpac_empty_prediction empty;
} hpac_submission;

/* Begins both files, under temporary names. Errors: DATA, when a file cannot be made. */
hpac_status hpac_submission_create(hpac_submission *submission,
                                   const hpac_submission_options *options);
/* probabilities: (target_count). Writing errors show in check and commit. */
void hpac_submission_add(hpac_submission *submission, const char *id, const float *probabilities);
/* A row for an image that could not be read: all its cells are empty, whatever `empty` is, since
 * nothing is known about it. */
void hpac_submission_add_unknown(hpac_submission *submission, const char *id);
/* Whether all went well so far, to end early when the disk is full. Errors: DATA. The writer stays
 * as it is. */
hpac_status hpac_submission_check(const hpac_submission *submission);
/* Renames both files into place, or fails. */
hpac_status hpac_submission_commit(hpac_submission *submission);
/* As hpac_predictions_discard. */
void hpac_submission_discard(hpac_submission *submission);

#endif
