/* Metrics from counts over a whole set. */
#include <hpac/metrics.h>

#include "device/logit_loss.h"

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

static double frequency(const hpac_prior *prior, int target, bool evaluated)
{
    const size_t *rows = evaluated ? prior->evaluated_rows : prior->rows;
    size_t ones = 0, count = evaluated ? prior->evaluated_count : prior->count;
    for (size_t i = 0; i < count; i++)
        ones += prior->masks[rows ? rows[i] : i] >> target & 1;
    return (double)ones / (double)count;
}

double hpac_prior_loss(const hpac_prior *prior)
{
    double sum = 0;
    for (size_t t = 0; t < prior->target_count; t++) {
        double p = frequency(prior, prior->targets[t], false);
        double q = frequency(prior, prior->targets[t], true);
        p = fmin(fmax(p, epsilon), 1 - epsilon);
        sum -= q * log(p) + (1 - q) * log1p(-p);
    }
    return sum / (double)prior->target_count;
}

/* The loss of images that all have the logit z, a share p of them with the label 1. */
static double constant_loss(const hpac_loss_formula *formula, double weight, double p, double z)
{
    return p * hpac_logit_loss(formula, z, true, weight).loss +
           (1 - p) * hpac_logit_loss(formula, z, false, weight).loss;
}

/* The logit with the lowest loss: the best of a grid, then a golden section search beside it. */
static double best_logit(const hpac_loss_formula *formula, double weight, double p)
{
    enum { GRID = 256, SECTIONS = 60 };
    const double end = log((1 - epsilon) / epsilon), step = 2 * end / GRID;
    const double golden = (sqrt(5) - 1) / 2;
    double best = -end;
    for (int i = 1; i <= GRID; i++)
        if (constant_loss(formula, weight, p, i * step - end) <
            constant_loss(formula, weight, p, best))
            best = i * step - end;
    double low = fmax(best - step, -end), high = fmin(best + step, end);
    for (int i = 0; i < SECTIONS; i++) {
        double left = high - golden * (high - low), right = low + golden * (high - low);
        bool falls =
            constant_loss(formula, weight, p, left) > constant_loss(formula, weight, p, right);
        low = falls ? left : low;
        high = falls ? high : right;
    }
    return (low + high) / 2;
}

double hpac_prior_loss_by(const hpac_loss_formula *formula, const float *positive_weights,
                          const hpac_prior *prior)
{
    double sum = 0;
    if (!positive_weights && hpac_loss_is_plain(formula))
        return hpac_prior_loss(prior);
    for (size_t t = 0; t < prior->target_count; t++) {
        double weight = positive_weights ? (double)positive_weights[t] : 1;
        double z = best_logit(formula, weight, frequency(prior, prior->targets[t], false));
        sum += constant_loss(formula, weight, frequency(prior, prior->targets[t], true), z);
    }
    return sum / (double)prior->target_count;
}
