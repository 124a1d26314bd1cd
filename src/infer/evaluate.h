/*
 * Evaluation of trained models on labelled images.
 *
 * Tuned thresholds are never evaluated on the rows they were tuned on. The Id alone decides
 * (hpac_is_tuning_id): one half of all Ids is for tuning, the other for evaluation. A model with
 * tuned thresholds is evaluated on the second half, whatever file or fold the rows come from; with
 * thresholds from the command line, or 0.5, all rows are evaluated.
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

/* Thresholds to tune on one half of the rows, evaluate on the other, and save with the model. */
typedef enum hpac_tuning {
    HPAC_TUNE_NOTHING,
    HPAC_TUNE_EACH, /* one threshold per class, by its F1 */
    HPAC_TUNE_ONE,  /* one for all, by the mean F1 */
} hpac_tuning;

typedef struct hpac_evaluate_options {
    /* With one classifier, or those of a cross-validation: each is then evaluated on its own fold,
     * so that every row is evaluated by a model that was not trained on it. */
    hpac_inference_options inference;
    const char *images, *labels; /* directory; CSV with the columns Id,Target */
    hpac_evaluated_rows rows;
    int fold;
    bool split_given; /* else the split of the model's configuration */
    hpac_split_options split;
    const float *thresholds; /* as in predict.h */
    size_t threshold_count;
    hpac_tuning tune;
    const char *name;      /* of the model, for the tables: as typed */
    const char *directory; /* NULL, or where to write evaluation.csv, class_evaluation.csv and
                              evaluation_predictions.csv */
    bool force;            /* replace these */
} hpac_evaluate_options;

typedef struct hpac_evaluate_result {
    hpac_evaluation evaluation; /* with loss and prior_loss */
    char set[160];              /* "validation rows of fold 0 of 3" */
    size_t skipped;             /* bad images */
} hpac_evaluate_result;

/* The loss is unweighted, whatever weights the training used; the constant prior is that of the
 * fold's training rows, or without a fold of the evaluated rows. Rows that the model was trained on
 * are logged as a warning; tuning on them is an error. Errors: CONFIG (no fold given or known, no
 * rows to tune or evaluate on, existing files, ...), DATA, DEVICE, NUMERIC, HPAC_INTERRUPTED. */
hpac_status hpac_evaluate_model(const hpac_evaluate_options *options, hpac_evaluate_result *result);

/* ---- evaluate_rows.c: the rows that a model is tuned and evaluated on ---- */

typedef struct evaluate_rows {
    size_t *evaluated,
        *tuning; /* ascending each; in one array, those for tuning behind the others */
    size_t evaluated_count, tuning_count;
    const size_t *prior; /* rows of the constant prior; NULL: the evaluated ones */
    size_t prior_count;
    size_t trained;   /* rows of either kind that the model was trained on */
    char name[96];    /* "validation rows of fold 0 of 3" */
    hpac_split split; /* owns the array and `prior` of a fold */
    size_t *all;      /* owns the array without a fold */
} evaluate_rows;

/* Chooses the rows for one classifier. With `halve` the tuning half is separated. For
 * evaluate_rows_fini whatever the status. Errors: CONFIG, DATA (the label file of the training),
 * INTERNAL. */
hpac_status evaluate_rows_choose(const hpac_evaluate_options *options,
                                 const hpac_classifier *classifier, const hpac_labels *labels,
                                 bool halve, evaluate_rows *rows);
void evaluate_rows_fini(evaluate_rows *rows);

#endif
