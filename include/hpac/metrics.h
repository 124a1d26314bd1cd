/*
 * What is measured, from counts over a whole set (never averaged over batches).
 */
#ifndef HPAC_METRICS_H
#define HPAC_METRICS_H

#include <stddef.h>
#include <stdint.h>

/* Counts of one set, per class. The measures below want at least one image and one class. */
typedef struct hpac_counts {
    int classes;
    uint64_t images;
    double loss_sum; /* over images and classes */
    uint64_t true_positives[32], false_positives[32], false_negatives[32];
} hpac_counts;

typedef struct hpac_f1_summary {
    double min, max, mean, std; /* over the classes; std of the population */
} hpac_f1_summary;

/* With Keras's epsilon, as the write-up has it: precision = tp / (tp + fp + 1e-7),
 * recall = tp / (tp + fn + 1e-7), f1 = 2 p r / (p + r + 1e-7). */
double hpac_precision_of(uint64_t tp, uint64_t fp);
/* tp / (tp + fn + 1e-7) */
double hpac_recall_of(uint64_t tp, uint64_t fn);
/* 2 p r / (p + r + 1e-7) */
double hpac_f1_of(uint64_t tp, uint64_t fp, uint64_t fn);
/* F1 of every class, summed up; all 0 without classes. */
hpac_f1_summary hpac_f1_summarize(const hpac_counts *counts);

/* The mean over images and classes; NaN for a set without images. */
double hpac_mean_loss(const hpac_counts *counts);
/* Share of labels, 0s and 1s alike, that are right. */
double hpac_accuracy(const hpac_counts *counts);
/* What the answer "none" scores: the share of 0s. */
double hpac_all_zero_accuracy(const hpac_counts *counts);

/* Loss of the constant predictor that answers each class's share of ones among the rows `prior` for
 * every one of the rows `judged`: mean over classes of -(q log p + (1 - q) log(1 - p)). Shares are
 * kept within 1e-7 of 0 and 1, as Keras clips. masks, targets: as in labels.h, dataset.h. Rows
 * NULL: all 0 .. count - 1; both counts >= 1.
 *
 * On the competition's train.csv: 0.17427 for the 28 classes, prior and judged being all rows;
 * 0.5416 for the wish list (classes 0, 21, 25) where both are the training rows of fold 0, the
 * figure to hold a training loss against. A validation loss is held against the training rows'
 * prior judged on the validation rows (0.17518 and 0.54337 there). */
double hpac_prior_loss(const uint32_t *masks, const int *targets, int target_count,
                       const size_t *prior_rows, size_t prior_count, const size_t *judged_rows,
                       size_t judged_count);

#endif
