/*
 * Evaluation of predicted probabilities: metrics of a whole set, per class and over the classes.
 *
 *     hpac_scored set = {.count = n, .target_count = 3, .targets = targets,
 *                        .masks = labels.masks, .rows = rows, .probabilities = probabilities};
 *     hpac_evaluation evaluation;
 *     hpac_status status = hpac_evaluate(&set, thresholds, &evaluation);
 *
 * The metrics are scikit-learn's on the same predictions, except for the epsilon of precision,
 * recall and F1 (metrics.h), which lowers them by at most 1.5e-7, and for undefined ones, which are
 * NaN here: the average precision of a class without positives (scikit-learn: 0), the area under
 * the ROC curve of a class that all images have or none.
 */
#ifndef HPAC_METRICS_EVALUATION_H
#define HPAC_METRICS_EVALUATION_H

#include <hpac/labels.h>
#include <hpac/metrics.h>

#include <stdbool.h>
#include <stdio.h>

/* Predictions and labels. All borrowed. */
typedef struct hpac_scored {
    size_t count;               /* images, at least 1 */
    size_t target_count;        /* 1 .. HPAC_CLASS_COUNT */
    const int *targets;         /* (target_count) class numbers, in the order of the columns */
    const uint32_t *masks;      /* as in hpac_labels */
    const size_t *rows;         /* (count) of masks; NULL: 0 .. count - 1 */
    const float *probabilities; /* (count, target_count), finite */
} hpac_scored;

typedef struct hpac_class_evaluation {
    uint64_t support; /* images that have the class */
    hpac_confusion counts;
    double precision, recall, f1; /* metrics.h */
    /* sum over thresholds n, falling, of (R_n - R_{n-1}) P_n, equal probabilities being one
     * threshold: sklearn.metrics.average_precision_score. NaN without positives. */
    double average_precision;
    /* The share of pairs (positive, negative) in the right order, ties counting half: Mann and
     * Whitney's U; sklearn.metrics.roc_auc_score. NaN without positives or without negatives. */
    double roc_auc;
    double mean, std; /* of the predicted probability; std of the population */
    float threshold;  /* predicted when p > threshold */
} hpac_class_evaluation;

typedef struct hpac_evaluation {
    size_t images;
    size_t target_count;
    int targets[HPAC_CLASS_COUNT];
    hpac_class_evaluation classes[HPAC_CLASS_COUNT]; /* (target_count) */
    hpac_f1_summary f1;                              /* over the classes */
    double micro_f1;                    /* of the counts summed over the classes, plain */
    double sample_f1;                   /* mean over images of 2 |T and P| / (|T| + |P|); an image
                                           with neither labels nor predictions counts 0 */
    double accuracy, all_zero_accuracy; /* of all labels, zeros and ones alike */
    /* Binary cross-entropy, mean over images and classes, and that of the constant predictor. Not
     * computed here, since it needs the logits: NaN until the caller sets them. */
    double loss, prior_loss;
} hpac_evaluation;

/* thresholds: (target_count). Errors: INTERNAL (memory). */
hpac_status hpac_evaluate(const hpac_scored *set, const float *thresholds,
                          hpac_evaluation *evaluation);

/* Finds for each class the threshold with the highest F1 on this set: halfway between two adjacent
 * probabilities, the one nearest to 0.5 among equally good ones; 0.5 for a class without positives
 * here. thresholds: (target_count). Errors: INTERNAL (memory). */
hpac_status hpac_tune_thresholds(const hpac_scored *set, float *thresholds);
/* Likewise the one threshold for all classes with the highest mean of their F1; for sets on which a
 * class has too few images for a threshold of its own. */
hpac_status hpac_tune_one_threshold(const hpac_scored *set, float *thresholds);

/* Whether an image belongs to the half on which thresholds are tuned; the other half is evaluated.
 * A function of the Id alone (FNV-1a, mixed), so that an image is in the same half in every file,
 * fold and model. */
bool hpac_is_tuning_id(const char *id);

/* Model and data of an evaluation. */
typedef struct hpac_evaluation_title {
    const char *model; /* path */
    const char *set;   /* "validation rows of fold 0 of 3" */
} hpac_evaluation_title;

/* For the terminal, at most 120 columns; undefined values are "-". Errors: INTERNAL (memory). */
hpac_status hpac_evaluation_print(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, FILE *stream);
/* One row of metrics of the set, and one per class: {"evaluation": [...], "class_evaluation":
 * [...]}. Errors: INTERNAL, DATA (writing). */
hpac_status hpac_evaluation_print_json(const hpac_evaluation *evaluation,
                                       const hpac_evaluation_title *title, FILE *stream);
/* The same as evaluation.csv and class_evaluation.csv, in a directory that is created when missing.
 * Errors: those of file.h. */
hpac_status hpac_evaluation_write(const hpac_evaluation *evaluation,
                                  const hpac_evaluation_title *title, const char *directory);

#endif
