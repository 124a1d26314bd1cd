/* Files of predicted probabilities. Those of a submission are written row by row, so that a test
 * set of any size fits: hpac_submission_begin, _add for each batch, _commit; _discard in any case.
 */
#ifndef HPAC_RUNDIR_SUBMISSION_H
#define HPAC_RUNDIR_SUBMISSION_H

#include <hpac/labels.h>

#include "base/file.h"

/* Images with their probabilities, collected batch by batch. */
typedef struct hpac_predictions {
    size_t target_count; /* set by the caller */
    size_t count;
    size_t *rows;         /* (count) of the label file; owned */
    float *probabilities; /* (count, target_count) owned */
} hpac_predictions;

/* Makes room for `more` images. */
hpac_status hpac_predictions_reserve(hpac_predictions *predictions, size_t more);
/* Adds images for which there is room. */
void hpac_predictions_add(hpac_predictions *predictions, const size_t *rows, size_t count,
                          const float *probabilities);
/* Writes "directory/name" in the format of predictions.csv: Id, then one probability per target.
 * ids: of the rows. Errors: those of file.h. */
hpac_status hpac_predictions_write(const hpac_predictions *predictions, const int *targets,
                                   char *const *ids, const char *directory, const char *name);
void hpac_predictions_fini(hpac_predictions *predictions);

/* The prediction for an image without a class above its threshold. */
typedef enum hpac_empty_prediction {
    HPAC_EMPTY_BLANK,  /* an empty cell */
    HPAC_EMPTY_ARGMAX, /* the class with the highest probability, the first among equals */
} hpac_empty_prediction;

/* submission_proba.csv (Id and all 28 classes in class order, those not trained 0) and Kaggle's
 * submission.csv (Id,Predicted: the numbers of the predicted classes, separated by spaces). */
typedef struct hpac_submission {
    /* Set by the caller; borrowed. */
    const char *directory;
    const hpac_labels *ids; /* of all images, in the order of the rows */
    const int *targets;     /* (target_count) the classes that were trained, in the order of the
                               probabilities */
    size_t target_count;
    const float *thresholds; /* (target_count) a class is predicted when p > its threshold. NULL:
                                0.5 */
    hpac_empty_prediction empty;
    /* Set here. */
    hpac_file probabilities, labels;
    float class_thresholds[HPAC_CLASS_COUNT]; /* INFINITY: not trained */
    size_t next;                              /* row to be written */
} hpac_submission;

/* Begins both files, under temporary names. To be discarded whatever the status, of this and the
 * other functions. Errors: those of file.h. */
hpac_status hpac_submission_begin(hpac_submission *submission);
/* Adds the images `rows` (count), ascending, with probabilities (count, target_count). Images left
 * out could not be read: all their cells are empty, whatever `empty` is, since nothing is known
 * about them. Errors: DATA, when the disk is full. */
hpac_status hpac_submission_add(hpac_submission *submission, const size_t *rows, size_t count,
                                const float *probabilities);
/* Renames both files into place. Both are complete before the first is renamed. */
hpac_status hpac_submission_commit(hpac_submission *submission);
/* Ends the writing and leaves nothing; does nothing on a zeroed or finished writer. */
void hpac_submission_discard(hpac_submission *submission);

#endif
