/* Metrics of predicted probabilities: counts at thresholds, ranking, tuned thresholds. */
#include "evaluation.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static bool truth(const hpac_scored *set, size_t image, size_t target)
{
    size_t row = set->rows ? set->rows[image] : image;
    return set->masks[row] >> set->targets[target] & 1;
}

static float probability(const hpac_scored *set, size_t image, size_t target)
{
    return set->probabilities[image * set->target_count + target];
}

typedef struct prediction {
    float probability;
    bool truth;
    size_t target; /* from 0, the first of those ranked */
} prediction;

static int by_falling_probability(const void *a, const void *b)
{
    float x = ((const prediction *)a)->probability, y = ((const prediction *)b)->probability;
    return (x < y) - (x > y);
}

/* Ranks the predictions of `targets` classes from `first` on, set->count * targets of them.
 * `*ranked` is the caller's. */
static hpac_status rank(const hpac_scored *set, size_t first, size_t targets, prediction **ranked)
{
    size_t count = set->count * targets;
    HPAC_TRY_NEW(*ranked, count);
    for (size_t i = 0; i < count; i++) {
        size_t image = i / targets, target = i % targets;
        (*ranked)[i] = (prediction){probability(set, image, first + target),
                                    truth(set, image, first + target), target};
    }
    qsort(*ranked, count, sizeof **ranked, by_falling_probability);
    return HPAC_OK;
}

/* The end of the predictions from `at` on that have the same probability. */
static size_t end_of_tie(const prediction *ranked, size_t count, size_t at)
{
    float here = ranked[at].probability;
    while (at < count && ranked[at].probability >= here)
        at++;
    return at;
}

/* One class. */
static void measure_ranking(const prediction *ranked, size_t count, hpac_class_evaluation *class)
{
    double precision_sum = 0, pairs_won = 0, tp = 0, fp = 0;
    for (size_t at = 0, end; at < count; at = end) {
        double positives = 0;
        end = end_of_tie(ranked, count, at);
        for (size_t i = at; i < end; i++)
            positives += ranked[i].truth;
        double negatives = (double)(end - at) - positives;
        /* A negative loses to every positive above it, and ties with those of its probability. */
        pairs_won += negatives * (tp + 0.5 * positives);
        tp += positives;
        fp += negatives;
        precision_sum += positives * tp / (tp + fp);
    }
    class->average_precision = tp > 0 ? precision_sum / tp : NAN;
    class->roc_auc = tp > 0 && fp > 0 ? pairs_won / (tp * fp) : NAN;
}

static void count_predictions(const hpac_scored *set, size_t target, hpac_class_evaluation *class)
{
    double sum = 0, square_sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        float p = probability(set, i, target);
        bool labelled = truth(set, i, target), predicted = p > class->threshold;
        class->support += labelled;
        class->counts.tp += labelled && predicted;
        class->counts.fp += !labelled && predicted;
        class->counts.fn += labelled && !predicted;
        sum += (double)p;
    }
    class->mean = sum / (double)set->count;
    for (size_t i = 0; i < set->count; i++) {
        double distance = (double)probability(set, i, target) - class->mean;
        square_sum += distance * distance;
    }
    class->std = sqrt(square_sum / (double)set->count);
    class->precision = hpac_precision_of(class->counts);
    class->recall = hpac_recall_of(class->counts);
    class->f1 = hpac_f1_of(class->counts);
}

static double mean_f1_of_images(const hpac_scored *set, const float *thresholds)
{
    double sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        int both = 0, total = 0;
        for (size_t t = 0; t < set->target_count; t++) {
            bool labelled = truth(set, i, t), predicted = probability(set, i, t) > thresholds[t];
            both += labelled && predicted;
            total += labelled + predicted;
        }
        if (total > 0)
            sum += 2.0 * both / total;
    }
    return sum / (double)set->count;
}

/* 2 tp / (tp + fp + tp + fn), without Keras's epsilon. */
static double plain_f1(hpac_confusion counts)
{
    double tp = (double)counts.tp, wrong = (double)(counts.fp + counts.fn);
    return tp > 0 ? 2 * tp / (2 * tp + wrong) : 0;
}

static void summarize(const hpac_scored *set, const float *thresholds, hpac_evaluation *evaluation)
{
    hpac_counts counts = {.classes = set->target_count, .images = set->count};
    for (size_t t = 0; t < set->target_count; t++)
        counts.confusion[t] = evaluation->classes[t].counts;
    evaluation->f1 = hpac_f1_summarize(&counts);
    evaluation->accuracy = hpac_accuracy(&counts);
    evaluation->all_zero_accuracy = hpac_all_zero_accuracy(&counts);
    evaluation->micro_f1 = plain_f1(hpac_confusion_sum(&counts));
    evaluation->sample_f1 = mean_f1_of_images(set, thresholds);
}

hpac_status hpac_evaluate(const hpac_scored *set, const float *thresholds,
                          hpac_evaluation *evaluation)
{
    *evaluation = (hpac_evaluation){
        .images = set->count, .target_count = set->target_count, .loss = NAN, .prior_loss = NAN};
    memcpy(evaluation->targets, set->targets, set->target_count * sizeof *set->targets);
    for (size_t t = 0; t < set->target_count; t++) {
        hpac_class_evaluation *class = &evaluation->classes[t];
        class->threshold = thresholds[t];
        count_predictions(set, t, class);
        HPAC_AUTO_FREE prediction *ranked = NULL;
        HPAC_TRY(rank(set, t, 1, &ranked));
        measure_ranking(ranked, set->count, class);
    }
    summarize(set, thresholds, evaluation);
    return HPAC_OK;
}

/* Separates `above` from `below`, above > below: above > result >= below. */
static float between(float above, float below)
{
    float middle = below + (above - below) / 2;
    return middle < above ? middle : below;
}

/* The threshold of the highest mean F1 of these classes, among equals the one nearest to 0.5. */
static float tune(const prediction *ranked, size_t count, size_t targets)
{
    hpac_confusion counts[HPAC_CLASS_COUNT] = {0};
    for (size_t i = 0; i < count; i++)
        counts[ranked[i].target].fn += ranked[i].truth;
    double best_f1 = 0;
    float best = 0.5F;
    /* No threshold makes a probability of 0 positive. */
    for (size_t at = 0, end; at < count && ranked[at].probability > 0; at = end) {
        end = end_of_tie(ranked, count, at);
        for (size_t i = at; i < end; i++) {
            hpac_confusion *own = &counts[ranked[i].target];
            own->tp += ranked[i].truth;
            own->fn -= ranked[i].truth;
            own->fp += !ranked[i].truth;
        }
        double f1 = 0;
        for (size_t t = 0; t < targets; t++)
            f1 += plain_f1(counts[t]);
        f1 /= (double)targets;
        float candidate =
            between(ranked[at].probability, end < count ? ranked[end].probability : 0);
        bool nearer = fabsf(candidate - 0.5F) < fabsf(best - 0.5F);
        if (f1 > best_f1 || (f1 >= best_f1 && f1 > 0 && nearer)) {
            best_f1 = f1;
            best = candidate;
        }
    }
    return best;
}

hpac_status hpac_tune_thresholds(const hpac_scored *set, float *thresholds)
{
    for (size_t t = 0; t < set->target_count; t++) {
        HPAC_AUTO_FREE prediction *ranked = NULL;
        HPAC_TRY(rank(set, t, 1, &ranked));
        thresholds[t] = tune(ranked, set->count, 1);
    }
    return HPAC_OK;
}

hpac_status hpac_tune_one_threshold(const hpac_scored *set, float *thresholds)
{
    HPAC_AUTO_FREE prediction *ranked = NULL;
    HPAC_TRY(rank(set, 0, set->target_count, &ranked));
    float best = tune(ranked, set->count * set->target_count, set->target_count);
    for (size_t t = 0; t < set->target_count; t++)
        thresholds[t] = best;
    return HPAC_OK;
}

bool hpac_is_tuning_id(const char *id)
{
    uint64_t digest = 0xcbf29ce484222325; /* FNV-1a of Fowler, Noll and Vo, 64 bits */
    for (; *id; id++)
        digest = (digest ^ (unsigned char)*id) * 0x100000001b3;
    /* The finalizer of MurmurHash3: a single bit of FNV depends on little of the Id. */
    digest = (digest ^ digest >> 33) * 0xff51afd7ed558ccd;
    digest = (digest ^ digest >> 33) * 0xc4ceb9fe1a85ec53;
    return digest >> 63;
}
