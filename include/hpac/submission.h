/*
 * Files of predicted probabilities, written row by row, so that a test set of any size fits.
 *
 *     hpac_submission_create(&submission, "runs/improved", targets, 3);
 *     hpac_submission_add(&submission, id, probabilities);   // for every test image, in order
 *     hpac_submission_commit(&submission);
 */
#ifndef HPAC_SUBMISSION_H
#define HPAC_SUBMISSION_H

#include <hpac/file.h>
#include <hpac/labels.h>

/* predictions.csv: Id, then one probability a target in the order of `targets`. */
typedef struct hpac_predictions {
    hpac_file file;
    int target_count;
} hpac_predictions;

/* Errors of this header: those of file.h. After an error the writer is finished and nothing is left
 * behind. */
hpac_status hpac_predictions_create(hpac_predictions *predictions, const char *path,
                                    const int *targets, int target_count);
/* probabilities: (target_count) */
void hpac_predictions_add(hpac_predictions *predictions, const char *id,
                          const float *probabilities);
/* Ends the writing: the file is whole and in its place, or there is an error and none. */
hpac_status hpac_predictions_commit(hpac_predictions *predictions);
/* Ends the writing and leaves nothing; does nothing on a zeroed or finished writer. */
void hpac_predictions_discard(hpac_predictions *predictions);

/* submission_proba.csv (Id and all 28 classes in class order, those not trained left 0) and
 * Kaggle's submission.csv (Id,Predicted: the numbers of the classes with p > 0.5, separated by
 * spaces; none leaves the cell empty). */
typedef struct hpac_submission {
    hpac_predictions probabilities; /* its file and all 28 columns */
    hpac_file labels;
    int targets[HPAC_CLASS_COUNT];
    int target_count;
} hpac_submission;

/* `targets` (target_count): the classes that were trained, in the order of the probabilities. */
hpac_status hpac_submission_create(hpac_submission *submission, const char *folder,
                                   const int *targets, int target_count);
/* probabilities: (target_count). Writing errors show in commit. */
void hpac_submission_add(hpac_submission *submission, const char *id, const float *probabilities);
/* Both files in their places, or an error. */
hpac_status hpac_submission_commit(hpac_submission *submission);
/* As hpac_predictions_discard. */
void hpac_submission_discard(hpac_submission *submission);

#endif
