/* Metrics from counts over a whole set. */
#include <hpac/metrics.h>

#include <math.h>

/* Keras's epsilon: 0 / 0 becomes 0, and logarithms stay finite. */
static const double epsilon = 1e-7;

double hpac_precision_of(hpac_confusion counts)
{
    return (double)counts.tp / ((double)(counts.tp + counts.fp) + epsilon);
}

double hpac_recall_of(hpac_confusion counts)
{
    return (double)counts.tp / ((double)(counts.tp + counts.fn) + epsilon);
}

double hpac_f1_of(hpac_confusion counts)
{
    double precision = hpac_precision_of(counts), recall = hpac_recall_of(counts);
    return 2 * precision * recall / (precision + recall + epsilon);
}

hpac_f1_summary hpac_f1_summarize(const hpac_counts *counts)
{
    hpac_f1_summary summary = {.min = INFINITY, .max = -INFINITY};
    double f1[HPAC_COUNTS_MAX_CLASSES];
    for (size_t c = 0; c < counts->classes; c++) {
        f1[c] = hpac_f1_of(counts->confusion[c]);
        summary.min = fmin(summary.min, f1[c]);
        summary.max = fmax(summary.max, f1[c]);
        summary.mean += f1[c] / (double)counts->classes;
    }
    double variance = 0;
    for (size_t c = 0; c < counts->classes; c++)
        variance += (f1[c] - summary.mean) * (f1[c] - summary.mean) / (double)counts->classes;
    summary.std = sqrt(variance);
    return summary;
}

hpac_confusion hpac_confusion_sum(const hpac_counts *counts)
{
    hpac_confusion sum = {0};
    for (size_t c = 0; c < counts->classes; c++) {
        sum.tp += counts->confusion[c].tp;
        sum.fp += counts->confusion[c].fp;
        sum.fn += counts->confusion[c].fn;
    }
    return sum;
}

/* Images x classes. */
static double label_count(const hpac_counts *counts)
{
    return (double)counts->images * (double)counts->classes;
}

double hpac_mean_loss(const hpac_counts *counts)
{
    return counts->loss_sum / label_count(counts);
}

double hpac_accuracy(const hpac_counts *counts)
{
    hpac_confusion sum = hpac_confusion_sum(counts);
    return (label_count(counts) - (double)(sum.fp + sum.fn)) / label_count(counts);
}

double hpac_all_zero_accuracy(const hpac_counts *counts)
{
    hpac_confusion sum = hpac_confusion_sum(counts);
    return (label_count(counts) - (double)(sum.tp + sum.fn)) / label_count(counts);
}

static double frequency(const uint32_t *masks, int target, const size_t *rows, size_t count)
{
    size_t ones = 0;
    for (size_t i = 0; i < count; i++)
        ones += masks[rows ? rows[i] : i] >> target & 1;
    return (double)ones / (double)count;
}

double hpac_prior_loss(const uint32_t *masks, const int *targets, size_t target_count,
                       const size_t *prior_rows, size_t prior_count, const size_t *evaluated_rows,
                       size_t evaluated_count)
{
    double sum = 0;
    for (size_t t = 0; t < target_count; t++) {
        double p = frequency(masks, targets[t], prior_rows, prior_count);
        double q = frequency(masks, targets[t], evaluated_rows, evaluated_count);
        p = fmin(fmax(p, epsilon), 1 - epsilon);
        sum -= q * log(p) + (1 - q) * log1p(-p);
    }
    return sum / (double)target_count;
}
