/* Measures of predicted probabilities: counts at thresholds, and what the order alone tells. */
#include "evaluation.h"

#include <math.h>
#include <stdlib.h>
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

/* ---- the order of one class ---- */

typedef struct answer {
    float probability;
    bool truth;
} answer;

static int by_falling_probability(const void *a, const void *b)
{
    float x = ((const answer *)a)->probability, y = ((const answer *)b)->probability;
    return (x < y) - (x > y);
}

static void sort_answers(const hpac_scored *set, size_t target, answer *answers)
{
    for (size_t i = 0; i < set->count; i++)
        answers[i] = (answer){probability(set, i, target), truth(set, i, target)};
    qsort(answers, set->count, sizeof *answers, by_falling_probability);
}

/* Answers of one probability, counted together. */
typedef struct tie {
    float probability;
    size_t positives, negatives;
} tie;

/* Takes the answers from *at on that share a probability; *at moves behind them. */
static tie next_tie(const answer *answers, size_t count, size_t *at)
{
    tie found = {.probability = answers[*at].probability};
    for (; *at < count && answers[*at].probability >= found.probability; (*at)++) {
        if (answers[*at].truth)
            found.positives++;
        else
            found.negatives++;
    }
    return found;
}

static size_t count_positives(const answer *answers, size_t count)
{
    size_t positives = 0;
    for (size_t i = 0; i < count; i++)
        positives += answers[i].truth;
    return positives;
}

static void measure_order(const answer *answers, size_t count, hpac_class_evaluation *class)
{
    double positives = (double)count_positives(answers, count);
    double negatives = (double)count - positives;
    double precision_sum = 0, pairs_won = 0, tp = 0, fp = 0;
    for (size_t at = 0; at < count;) {
        tie here = next_tie(answers, count, &at);
        /* A negative loses to every positive above it, and ties with those beside it. */
        pairs_won += (double)here.negatives * (tp + 0.5 * (double)here.positives);
        tp += (double)here.positives;
        fp += (double)here.negatives;
        precision_sum += (double)here.positives * tp / (tp + fp);
    }
    class->average_precision = positives > 0 ? precision_sum / positives : NAN;
    class->roc_auc = positives > 0 && negatives > 0 ? pairs_won / (positives * negatives) : NAN;
}

/* ---- the answers at a threshold ---- */

static void count_answers(const hpac_scored *set, size_t target, hpac_class_evaluation *class)
{
    double sum = 0, square_sum = 0;
    for (size_t i = 0; i < set->count; i++) {
        float p = probability(set, i, target);
        bool is = truth(set, i, target), says = p > class->threshold;
        class->support += is;
        class->counts.tp += is && says;
        class->counts.fp += !is && says;
        class->counts.fn += is && !says;
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
            bool is = truth(set, i, t), says = probability(set, i, t) > thresholds[t];
            both += is && says;
            total += is + says;
        }
        if (total > 0)
            sum += 2.0 * both / total;
    }
    return sum / (double)set->count;
}

static void sum_up(const hpac_scored *set, const float *thresholds, hpac_evaluation *evaluation)
{
    hpac_counts counts = {.classes = set->target_count, .images = set->count};
    for (size_t t = 0; t < set->target_count; t++)
        counts.confusion[t] = evaluation->classes[t].counts;
    hpac_confusion sum = hpac_confusion_sum(&counts);
    double tp = (double)sum.tp, wrong = (double)(sum.fp + sum.fn);
    evaluation->f1 = hpac_f1_summarize(&counts);
    evaluation->accuracy = hpac_accuracy(&counts);
    evaluation->all_zero_accuracy = hpac_all_zero_accuracy(&counts);
    evaluation->micro_f1 = tp + wrong > 0 ? 2 * tp / (2 * tp + wrong) : 0;
    evaluation->sample_f1 = mean_f1_of_images(set, thresholds);
}

hpac_status hpac_evaluate(const hpac_scored *set, const float *thresholds,
                          hpac_evaluation *evaluation)
{
    answer *answers = malloc(set->count * sizeof *answers);
    if (!answers)
        return hpac_fail_memory(set->count * sizeof *answers);
    *evaluation = (hpac_evaluation){
        .images = set->count, .target_count = set->target_count, .loss = NAN, .prior_loss = NAN};
    memcpy(evaluation->targets, set->targets, set->target_count * sizeof *set->targets);
    for (size_t t = 0; t < set->target_count; t++) {
        hpac_class_evaluation *class = &evaluation->classes[t];
        class->threshold = thresholds[t];
        count_answers(set, t, class);
        sort_answers(set, t, answers);
        measure_order(answers, set->count, class);
    }
    free(answers);
    sum_up(set, thresholds, evaluation);
    return HPAC_OK;
}

/* ---- thresholds ---- */

/* Parts `above` from `below`, above > below: above > result >= below. */
static float between(float above, float below)
{
    float middle = below + (above - below) / 2;
    return middle < above ? middle : below;
}

typedef struct best_threshold {
    double f1;
    float threshold;
} best_threshold;

/* The better one stays, among equals the one nearer to 0.5. */
static void offer(best_threshold *best, double f1, float candidate)
{
    bool nearer = fabsf(candidate - 0.5F) < fabsf(best->threshold - 0.5F);
    if (f1 > best->f1 || (f1 >= best->f1 && f1 > 0 && nearer))
        *best = (best_threshold){f1, candidate};
}

/* F1 = 2 tp / (tp + fp + tp + fn). */
static double plain_f1(size_t true_positives, size_t answered, size_t positives)
{
    return true_positives > 0 ? 2 * (double)true_positives / ((double)answered + (double)positives)
                              : 0;
}

static float tune_class(const answer *answers, size_t count)
{
    size_t positives = count_positives(answers, count), tp = 0;
    best_threshold best = {0, 0.5F};
    for (size_t at = 0; at < count;) {
        tie here = next_tie(answers, count, &at);
        if (here.probability <= 0)
            break;            /* no threshold makes that positive */
        tp += here.positives; /* `at` answers are positive now */
        offer(&best, plain_f1(tp, at, positives),
              between(here.probability, at < count ? answers[at].probability : 0));
    }
    return best.threshold;
}

hpac_status hpac_tune_thresholds(const hpac_scored *set, float *thresholds)
{
    answer *answers = malloc(set->count * sizeof *answers);
    if (!answers)
        return hpac_fail_memory(set->count * sizeof *answers);
    for (size_t t = 0; t < set->target_count; t++) {
        sort_answers(set, t, answers);
        thresholds[t] = tune_class(answers, set->count);
    }
    free(answers);
    return HPAC_OK;
}

/* An answer of any class. */
typedef struct pooled_answer {
    answer answer; /* first: sorted as one */
    size_t target;
} pooled_answer;

typedef struct pooled_counts {
    size_t true_positives[HPAC_CLASS_COUNT], answered[HPAC_CLASS_COUNT];
    size_t positives[HPAC_CLASS_COUNT];
} pooled_counts;

static double mean_plain_f1(const pooled_counts *counts, size_t targets)
{
    double sum = 0;
    for (size_t t = 0; t < targets; t++)
        sum += plain_f1(counts->true_positives[t], counts->answered[t], counts->positives[t]);
    return sum / (double)targets;
}

/* `answers` fall. */
static float tune_pool(const pooled_answer *answers, size_t count, size_t targets)
{
    pooled_counts counts = {0};
    for (size_t i = 0; i < count; i++)
        counts.positives[answers[i].target] += answers[i].answer.truth;
    best_threshold best = {0, 0.5F};
    for (size_t at = 0; at < count && answers[at].answer.probability > 0;) {
        float here = answers[at].answer.probability;
        for (; at < count && answers[at].answer.probability >= here; at++) {
            counts.answered[answers[at].target]++;
            counts.true_positives[answers[at].target] += answers[at].answer.truth;
        }
        offer(&best, mean_plain_f1(&counts, targets),
              between(here, at < count ? answers[at].answer.probability : 0));
    }
    return best.threshold;
}

hpac_status hpac_tune_one_threshold(const hpac_scored *set, float *thresholds)
{
    size_t targets = set->target_count, count = set->count * targets;
    pooled_answer *answers = malloc(count * sizeof *answers);
    if (!answers)
        return hpac_fail_memory(count * sizeof *answers);
    for (size_t i = 0; i < count; i++) {
        size_t target = i % targets;
        answers[i] = (pooled_answer){
            {probability(set, i / targets, target), truth(set, i / targets, target)}, target};
    }
    qsort(answers, count, sizeof *answers, by_falling_probability);
    float best = tune_pool(answers, count, targets);
    for (size_t t = 0; t < targets; t++)
        thresholds[t] = best;
    free(answers);
    return HPAC_OK;
}

bool hpac_is_tuning_id(const char *id)
{
    uint64_t digest = 0xcbf29ce484222325; /* FNV-1a of Fowler, Noll and Vo, 64 bits */
    for (; *id; id++)
        digest = (digest ^ (unsigned char)*id) * 0x100000001b3;
    /* The finalizer of MurmurHash3: a bit of FNV alone knows little of the Id. */
    digest = (digest ^ digest >> 33) * 0xff51afd7ed558ccd;
    digest = (digest ^ digest >> 33) * 0xc4ceb9fe1a85ec53;
    return digest >> 63;
}
