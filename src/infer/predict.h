/*
 * Prediction of a test set: from models and a list of Ids to the two files of a submission.
 *
 * Images are read, predicted and written batch by batch: of a test set of any size only its Ids are
 * in memory.
 */
#ifndef HPAC_INFER_PREDICT_H
#define HPAC_INFER_PREDICT_H

#include <hpac/inference.h>

#include "rundir/submission.h"

typedef struct hpac_predict_options {
    hpac_inference_options inference; /* probabilities of its classifiers are averaged */
    const char *images, *ids;         /* directory; CSV with a column Id */
    const char *directory;            /* for the two files; created if missing */
    bool force;                       /* replace existing files */
    /* One for all classes, or one per target in the order of the outputs. Count 0: the mean of the
     * models' thresholds, or 0.5 if no model has any. */
    const float *thresholds;
    size_t threshold_count;
    hpac_empty_prediction empty;
} hpac_predict_options;

typedef struct hpac_predict_result {
    size_t images;  /* rows of the submission */
    size_t skipped; /* of them without a prediction, because the image is bad */
} hpac_predict_result;

/* Writes submission_proba.csv and submission.csv (submission.h), in the order of the Ids. Rows of
 * skipped images have empty cells in both. Nothing is written before everything is checked, and
 * files are written atomically. Errors: CONFIG (thresholds that do not fit; some models with
 * thresholds and some without; without `force`, existing files), DATA, DEVICE, NUMERIC,
 * HPAC_INTERRUPTED. */
hpac_status hpac_predict(const hpac_predict_options *options, hpac_predict_result *result);

/* The resulting thresholds: (targets). The same errors. */
hpac_status hpac_thresholds_resolve(const hpac_classifier *classifiers, size_t classifier_count,
                                    const float *given, size_t given_count, float *thresholds);

#endif
