/* Measures from counts over a whole set. */
#include <hpac/metrics.h>

#include <math.h>

/* Keras's epsilon: keeps a quotient without a denominator at 0, and logarithms finite. */
static const double epsilon = 1e-7;

double hpac_precision_of(uint64_t tp, uint64_t fp)
{
    return (double)tp / ((double)(tp + fp) + epsilon);
}

double hpac_recall_of(uint64_t tp, uint64_t fn)
{
    return (double)tp / ((double)(tp + fn) + epsilon);
}

double hpac_f1_of(uint64_t tp, uint64_t fp, uint64_t fn)
{
    double precision = hpac_precision_of(tp, fp), recall = hpac_recall_of(tp, fn);
    return 2 * precision * recall / (precision + recall + epsilon);
}

hpac_f1_summary hpac_f1_summarize(const hpac_counts *counts)
{
    hpac_f1_summary summary = {.min = INFINITY, .max = -INFINITY};
    double f1[sizeof counts->true_positives / sizeof *counts->true_positives];
    for (int c = 0; c < counts->classes; c++) {
        f1[c] = hpac_f1_of(counts->true_positives[c], counts->false_positives[c],
                           counts->false_negatives[c]);
        summary.min = fmin(summary.min, f1[c]);
        summary.max = fmax(summary.max, f1[c]);
        summary.mean += f1[c] / counts->classes;
    }
    double variance = 0;
    for (int c = 0; c < counts->classes; c++)
        variance += (f1[c] - summary.mean) * (f1[c] - summary.mean) / counts->classes;
    summary.std = sqrt(variance);
    return summary;
}

/* Images x classes. */
static double label_count(const hpac_counts *counts)
{
    return (double)counts->images * counts->classes;
}

double hpac_mean_loss(const hpac_counts *counts)
{
    return counts->loss_sum / label_count(counts);
}

double hpac_accuracy(const hpac_counts *counts)
{
    uint64_t wrong = 0;
    for (int c = 0; c < counts->classes; c++)
        wrong += counts->false_positives[c] + counts->false_negatives[c];
    return (label_count(counts) - (double)wrong) / label_count(counts);
}

double hpac_all_zero_accuracy(const hpac_counts *counts)
{
    uint64_t ones = 0;
    for (int c = 0; c < counts->classes; c++)
        ones += counts->true_positives[c] + counts->false_negatives[c];
    return (label_count(counts) - (double)ones) / label_count(counts);
}

static double share_of_ones(const uint32_t *masks, int target, const size_t *rows, size_t count)
{
    size_t ones = 0;
    for (size_t i = 0; i < count; i++)
        ones += masks[rows ? rows[i] : i] >> target & 1;
    return (double)ones / (double)count;
}

double hpac_prior_loss(const uint32_t *masks, const int *targets, int target_count,
                       const size_t *prior_rows, size_t prior_count, const size_t *judged_rows,
                       size_t judged_count)
{
    double sum = 0;
    for (int t = 0; t < target_count; t++) {
        double p = share_of_ones(masks, targets[t], prior_rows, prior_count);
        double q = share_of_ones(masks, targets[t], judged_rows, judged_count);
        p = fmin(fmax(p, epsilon), 1 - epsilon);
        sum -= q * log(p) + (1 - q) * log1p(-p);
    }
    return sum / target_count;
}
