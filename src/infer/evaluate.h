/*
 * Evaluation of trained models on labelled images: which rows, at which thresholds, how good.
 *
 *     hpac_evaluate_options options = {.classifiers = classifiers, .classifier_count = 1, ...};
 *     hpac_evaluate_result result;
 *     hpac_status status = hpac_evaluate_model(&options, &result);
 *     hpac_evaluation_print(&result.evaluation, &title, stdout);
 *
 * Thresholds that were tuned are never judged on the rows they were tuned on. Which rows those are
 * follows from the Id alone (hpac_is_tuning_id): one half of all Ids is for tuning, the other for
 * judging. So whoever evaluates a model with tuned thresholds judges on the second half, whatever
 * file or fold the rows come from; with thresholds given by hand, or 0.5, all rows are judged.
 */
#ifndef HPAC_INFER_EVALUATE_H
#define HPAC_INFER_EVALUATE_H

#include <hpac/inference.h>

#include "metrics/evaluation.h"

typedef enum hpac_evaluated_rows {
    HPAC_ROWS_OWN,  /* the validation rows of the fold the model was trained with */
    HPAC_ROWS_FOLD, /* those of `fold` */
    HPAC_ROWS_ALL,
} hpac_evaluated_rows;

/* What is found on the one half of the rows, judged on the other, and saved with the model. */
typedef enum hpac_tuning {
    HPAC_TUNE_NOTHING,
    HPAC_TUNE_EACH, /* a threshold a class, by its F1 */
    HPAC_TUNE_ONE,  /* one for all, by the mean F1 */
} hpac_tuning;

typedef struct hpac_evaluate_options {
    /* Without classifiers: one at a time is put in. */
    hpac_inference_options inference;
    const hpac_classifier *classifiers; /* (classifier_count) */
    /* 1, or the folds of a cross-validation: each is judged on its own fold then, so that every row
     * is judged by a model that has not seen it. */
    int classifier_count;
    const char *images, *labels; /* folder; CSV with the columns Id,Target */
    hpac_evaluated_rows rows;
    int fold;
    bool split_given; /* else the split of the model's configuration */
    hpac_split_options split;
    const float *thresholds; /* as in predictor.h */
    int threshold_count;
    hpac_tuning tune;
    const char *name;   /* of the model, for the tables: as it was typed */
    const char *folder; /* NULL, or gets evaluation.csv, class_evaluation.csv and, with all
                           probabilities, evaluation_predictions.csv */
    bool force;         /* replace these where they are there */
} hpac_evaluate_options;

typedef struct hpac_evaluate_result {
    hpac_evaluation evaluation; /* with loss and prior_loss */
    char set[160];              /* "validation rows of fold 0 of 3" */
    size_t skipped;             /* bad images */
} hpac_evaluate_result;

/* The loss is the plain one, whatever weights the training used; the constant prior is that of the
 * fold's training rows, or of the judged rows themselves where there is no fold. Rows that the
 * model was trained on are warned of; to tune on such is refused. Errors: CONFIG (no fold told and
 * none known, nothing to tune or to judge on, files that are
 * there already, ...), DATA, DEVICE, NUMERIC, HPAC_INTERRUPTED. */
hpac_status hpac_evaluate_model(const hpac_evaluate_options *options, hpac_evaluate_result *result);

#endif
