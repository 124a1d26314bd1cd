/* Measures, by hand, against scikit-learn, and on the competition's table. */
#include <hpac/labels.h>
#include <hpac/metrics.h>
#include <hpac/split.h>

#include "scratch.h"

#include <criterion/criterion.h>
#include <math.h>

static void assert_close(double actual, double expected, double tolerance)
{
    cr_assert(fabs(actual - expected) <= tolerance, "%.17g, expected %.17g", actual, expected);
}

/* By hand, with the epsilon where it shows. */
Test(metrics, precision_recall_and_f1_have_kerass_epsilon)
{
    assert_close(hpac_precision_of((hpac_confusion){3, 1, 2}), 3 / (4 + 1e-7), 1e-15);
    assert_close(hpac_recall_of((hpac_confusion){3, 1, 2}), 3 / (5 + 1e-7), 1e-15);
    double p = 3 / (4 + 1e-7), r = 3 / (5 + 1e-7);
    assert_close(hpac_f1_of((hpac_confusion){3, 1, 2}), 2 * p * r / (p + r + 1e-7), 1e-15);
    assert_close(hpac_f1_of((hpac_confusion){1, 0, 0}), 0.99999985,
                 1e-13); /* 1 - 1e-7 - 1e-7 / 2 */
    cr_assert_eq(hpac_precision_of((hpac_confusion){0}), 0);
    cr_assert_eq(hpac_recall_of((hpac_confusion){0}), 0);
    cr_assert_eq(hpac_f1_of((hpac_confusion){0, 0, 0}), 0);
    cr_assert_eq(hpac_f1_of((hpac_confusion){0, 5, 7}), 0);
}

/* t[i][c] = (i^2 + 3c) mod 7 < 2 + (c == 1), p[i][c] = (i^2 + i + 3c) mod 7 < 2 + (c == 2) for 40
 * images and 5 classes; the figures are scikit-learn 1.9.1's precision_recall_fscore_support and
 * numpy's min, max, mean, std, which have no epsilon: equal to 1e-6. */
static hpac_counts count_formula(void)
{
    hpac_counts counts = {.classes = 5, .images = 40};
    for (int i = 0; i < 40; i++)
        for (int c = 0; c < 5; c++) {
            int t = (i * i + 3 * c) % 7 < 2 + (c == 1);
            int p = (i * i + i + 3 * c) % 7 < 2 + (c == 2);
            counts.confusion[c].tp += (uint64_t)(t && p);
            counts.confusion[c].fp += (uint64_t)(!t && p);
            counts.confusion[c].fn += (uint64_t)(t && !p);
        }
    return counts;
}

Test(metrics, equal_scikit_learns)
{
    static const double precision[] = {1.0, 0.0, 0.5454545454545454, 0.0, 0.0};
    static const double recall[] = {0.6470588235294118, 0.0, 0.2608695652173913, 0.0, 0.0};
    static const double f1[] = {0.7857142857142857, 0.0, 0.35294117647058826, 0.0, 0.0};
    hpac_counts counts = count_formula();
    for (int c = 0; c < 5; c++) {
        assert_close(hpac_precision_of(counts.confusion[c]), precision[c], 1e-6);
        assert_close(hpac_recall_of(counts.confusion[c]), recall[c], 1e-6);
        assert_close(hpac_f1_of(counts.confusion[c]), f1[c], 1e-6);
    }
    hpac_f1_summary summary = hpac_f1_summarize(&counts);
    assert_close(summary.min, 0.0, 1e-6);
    assert_close(summary.max, 0.7857142857142857, 1e-6);
    assert_close(summary.mean, 0.22773109243697479, 1e-6);
    assert_close(summary.std, 0.3106789856141749, 1e-6);
    assert_close(hpac_accuracy(&counts), 0.57, 1e-15);
    assert_close(hpac_all_zero_accuracy(&counts), 0.685, 1e-15);
}

Test(metrics, one_class_has_no_spread)
{
    hpac_counts counts = {.classes = 1, .images = 10, .confusion = {{.tp = 4}}};
    hpac_f1_summary summary = hpac_f1_summarize(&counts);
    cr_assert_eq(summary.min, summary.max);
    assert_close(summary.mean, summary.min, 1e-15);
    cr_assert_eq(summary.std, 0);
    cr_assert_eq(hpac_accuracy(&counts), 1);
}

Test(metrics, the_mean_loss_is_over_images_and_classes)
{
    hpac_counts counts = {.classes = 4, .images = 10, .loss_sum = 20};
    cr_assert_eq(hpac_mean_loss(&counts), 0.5);
}

static double prior_loss(const uint32_t *masks, const int *targets, size_t target_count,
                         const size_t *rows, size_t count, const size_t *evaluated_rows,
                         size_t evaluated_count)
{
    return hpac_prior_loss(
        &(hpac_prior){masks, targets, target_count, rows, evaluated_rows, count, evaluated_count});
}

/* Frequencies of class 3: prior 1/4, evaluated 1/2; of class 0: prior 1/2, evaluated 1. By hand:
 * (ln 4 / 2 + ln(4/3) / 2 + ln 2) / 2. */
Test(metrics, the_prior_loss_follows_its_formula)
{
    static const uint32_t masks[] = {1, 8 | 1, 0, 0, 1, 8 | 1};
    static const int targets[] = {3, 0};
    static const size_t prior[] = {0, 1, 2, 3}, evaluated[] = {4, 5};
    double expected = (log(4) / 2 + log(4.0 / 3) / 2 + log(2)) / 2;
    assert_close(prior_loss(masks, targets, 2, prior, 4, evaluated, 2), expected, 1e-14);
    assert_close(prior_loss(masks, targets, 2, NULL, 4, evaluated, 2), expected, 1e-14);
}

/* The same rows; the logits with the lowest loss, and the losses, by scipy.optimize. The one of the
 * weight 3 is log(3 p / (1 - p)). */
Test(metrics, the_prior_loss_of_other_losses_is_the_lowest)
{
    static const uint32_t masks[] = {1, 8 | 1, 0, 0, 1, 8 | 1};
    static const int targets[] = {3, 0};
    static const size_t rows[] = {0, 1, 2, 3}, evaluated[] = {4, 5};
    static const float weights[] = {3, 3};
    const hpac_prior prior = {masks, targets, 2, rows, evaluated, 4, 2};
    const hpac_loss_formula plain = {0}, focal = {.gamma_pos = 2, .gamma_neg = 2, .alpha = 0.25F},
                            asymmetric = {.gamma_pos = 1, .gamma_neg = 4, .clip = 0.05F};
    assert_close(hpac_prior_loss_by(&focal, NULL, &prior), 0.0836157789, 2e-8);
    assert_close(hpac_prior_loss_by(&asymmetric, NULL, &prior), 0.15918501, 2e-8);
    assert_close(hpac_prior_loss_by(&plain, weights, &prior), 1.12467029, 2e-8);
    cr_assert_eq(hpac_prior_loss_by(&plain, NULL, &prior), hpac_prior_loss(&prior));
}

/* A class that the prior never saw: p is kept at 1e-7, as Keras clips. */
Test(metrics, the_prior_loss_stays_finite)
{
    static const uint32_t masks[] = {0, 1, 1, 0};
    static const int targets[] = {0};
    static const size_t none[] = {0}, all[] = {1, 2};
    assert_close(prior_loss(masks, targets, 1, none, 1, all, 2), -log(1e-7), 1e-12);
    assert_close(prior_loss(masks, targets, 1, all, 2, none, 1), -log(1e-7), 1e-8);
    assert_close(prior_loss(masks, targets, 1, all, 2, all, 2), 1e-7, 1e-12);
}

/* Published: 0.17427 and 0.5416, 0.94128417; the longer figures are numpy's. */
Test(metrics, the_real_table_has_its_known_figures)
{
    hpac_labels labels;
    hpac_split split;
    cr_assert_eq(hpac_labels_read_csv(real_data_or_skip("train.csv"), &labels), HPAC_OK);
    cr_assert_eq(hpac_split_create(&(hpac_split_options){.folds = 3, .repeats = 1}, labels.count,
                                   NULL, &split),
                 HPAC_OK);
    const hpac_fold *fold = &split.folds[0];
    static const int wish_list[] = {0, 21, 25};
    int all[HPAC_CLASS_COUNT];
    hpac_counts zeros = {.classes = HPAC_CLASS_COUNT, .images = fold->validation_count};
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        all[c] = c;
        for (size_t k = 0; k < fold->validation_count; k++)
            zeros.confusion[c].fn += labels.masks[fold->validation[k]] >> c & 1;
    }
    assert_close(hpac_all_zero_accuracy(&zeros), 0.94128417, 5e-9);
    cr_assert_eq(hpac_accuracy(&zeros), hpac_all_zero_accuracy(&zeros));
    assert_close(
        prior_loss(labels.masks, all, HPAC_CLASS_COUNT, NULL, labels.count, NULL, labels.count),
        0.1742702, 5e-8);
    assert_close(prior_loss(labels.masks, wish_list, 3, fold->train, fold->train_count, fold->train,
                            fold->train_count),
                 0.5415974, 5e-8);
    assert_close(prior_loss(labels.masks, all, HPAC_CLASS_COUNT, fold->train, fold->train_count,
                            fold->validation, fold->validation_count),
                 0.1751834, 5e-8);
    assert_close(prior_loss(labels.masks, wish_list, 3, fold->train, fold->train_count,
                            fold->validation, fold->validation_count),
                 0.5433676, 5e-8);
    hpac_split_fini(&split);
    hpac_labels_fini(&labels);
}
