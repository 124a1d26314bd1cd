/*
 * Metrics from counts over a whole set (never averaged over batches).
 *
 *     hpac_counts counts = {.classes = 3};
 *     for each image and class c: counts.confusion[c].tp += predicted && labelled; ...
 *     printf("%.4f\n", hpac_f1_summarize(&counts).mean);
 */
#ifndef HPAC_METRICS_H
#define HPAC_METRICS_H

#include <hpac/device.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HPAC_COUNTS_MAX_CLASSES 32

/* Counts of one class: true positives, false positives, false negatives. Its support, the images
 * that have the class, is tp + fn. */
typedef struct hpac_confusion {
    uint64_t tp, fp, fn;
} hpac_confusion;

/* Counts of a set. The functions below need at least one image and one class. */
typedef struct hpac_counts {
    size_t classes; /* 1 .. HPAC_COUNTS_MAX_CLASSES */
    uint64_t images;
    double loss_sum; /* over images and classes */
    hpac_confusion confusion[HPAC_COUNTS_MAX_CLASSES];
} hpac_counts;

typedef struct hpac_f1_summary {
    double min, max, mean, std; /* over the classes; std of the population */
} hpac_f1_summary;

/* tp / (tp + fp + 1e-7), with Keras's epsilon, as in the reference notebooks. */
double hpac_precision_of(hpac_confusion counts);
/* tp / (tp + fn + 1e-7) */
double hpac_recall_of(hpac_confusion counts);
/* 2 p r / (p + r + 1e-7), of this precision and recall. */
double hpac_f1_of(hpac_confusion counts);
/* F1 over the classes. */
hpac_f1_summary hpac_f1_summarize(const hpac_counts *counts);
/* The sum over the classes. */
hpac_confusion hpac_confusion_sum(const hpac_counts *counts);

/* The mean over images and classes. */
double hpac_mean_loss(const hpac_counts *counts);
/* Share of labels, zeros and ones alike, predicted correctly. */
double hpac_accuracy(const hpac_counts *counts);
/* Accuracy of predicting no class for any image: the share of zeros. */
double hpac_all_zero_accuracy(const hpac_counts *counts);

/* What a constant predictor is made of and evaluated on. masks, targets: as in labels.h, dataset.h.
 * Rows NULL: all 0 .. count - 1; both counts >= 1. */
typedef struct hpac_prior {
    const uint32_t *masks;
    const int *targets; /* (target_count) */
    size_t target_count;
    const size_t *rows, *evaluated_rows;
    size_t count, evaluated_count;
} hpac_prior;

/* Loss of the constant predictor whose probability of a class is the class's frequency p among
 * `rows`, evaluated on `evaluated_rows`, where its frequency is q: mean over classes of
 * -(q log p + (1 - q) log(1 - p)). p is clipped to 1e-7 .. 1 - 1e-7, as Keras does. The baseline of
 * a validation loss is the prior of the training rows, evaluated on the validation rows: on the
 * competition's train.csv, fold 0, 0.17518 for all classes. */
double hpac_prior_loss(const hpac_prior *prior);

/* Likewise by another formula, or with positive weights (per target; NULL: all 1): the probability
 * of a class is the one in 1e-7 .. 1 - 1e-7 with the lowest loss on `rows`. That is the frequency
 * for binary cross-entropy without weights. */
double hpac_prior_loss_by(const hpac_loss_formula *formula, const float *positive_weights,
                          const hpac_prior *prior);

#ifdef __cplusplus
}
#endif

#endif
