/*
 * Train and validation rows of a repeated k-fold.
 *
 * The k-fold equals scikit-learn's RepeatedKFold(n_splits, n_repeats, random_state). The stratified
 * split is Sechidis, Tsoumakas, Vlahavas: "On the stratification of multi-label data" (ECML 2011):
 * the rarest class left is distributed first, each row to the fold that lacks most of its share.
 *
 *     hpac_split_options options = {.folds = 3, .repeats = 1, .seed = 0};
 *     hpac_split split;
 *     status = hpac_split_create(&options, labels.count, labels.masks, &split);
 *     // split.folds[repeat * options.folds + fold].train[0 .. train_count - 1]
 *     hpac_split_fini(&split);
 */
#ifndef HPAC_SPLIT_H
#define HPAC_SPLIT_H

#include <hpac/labels.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hpac_split_method {
    HPAC_SPLIT_KFOLD,
    HPAC_SPLIT_STRATIFIED,
} hpac_split_method;

typedef struct hpac_split_options {
    int folds;     /* 2 .. rows */
    int repeats;   /* 1 .. */
    uint32_t seed; /* numpy takes 32 bits */
    hpac_split_method method;
} hpac_split_options;

typedef struct hpac_fold {
    size_t train_count, validation_count;
    size_t *train, *validation; /* row numbers, ascending */
} hpac_fold;

typedef struct hpac_split {
    size_t count;     /* folds x repeats */
    hpac_fold *folds; /* (count) repeat-major */
} hpac_split;

/* Splits rows 0 .. row_count - 1. `masks` (row_count), as in hpac_labels, is read by the stratified
 * method only and may be NULL for the other. On error `split` is left zeroed. Errors: CONFIG for
 * folds, repeats, method out of range. */
hpac_status hpac_split_create(const hpac_split_options *options, size_t row_count,
                              const uint32_t *masks, hpac_split *split);
/* Frees all folds and zeroes the struct. NULL is fine. */
void hpac_split_fini(hpac_split *split);

/* Prints two lines per fold as the reference notebooks do, numbers as numpy prints an array: of
 * more than 1000 the first and the last three, wrapped at 75 columns. */
void hpac_split_print(const hpac_split *split, FILE *stream);
/* {"folds": [{"train": [1, 2, ...], "validation": [0, 4, ...]}, ...]} with all row numbers. */
void hpac_split_print_json(const hpac_split *split, FILE *stream);

/* Writes fold<k>_train.csv and fold<k>_validation.csv, a column Id, of every fold into a directory
 * that is created if missing. All files are written before the first is renamed into place.
 * `labels` are those whose rows were split. With `force` the files of an earlier split are replaced
 * or removed. Errors: CONFIG when the directory cannot be written or, without `force`, has a file
 * of such a name; DATA when the disk is full; INTERNAL for rows that the labels do not have. */
hpac_status hpac_split_write(const hpac_split *split, const hpac_labels *labels,
                             const char *directory, bool force);

#ifdef __cplusplus
}
#endif

#endif
