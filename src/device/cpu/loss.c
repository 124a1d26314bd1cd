/* The loss. Binary cross-entropy, its gradient, the probabilities and the counts: one
 * pass, in double, in one fixed order. A batch has a few thousand logits, so one thread is enough.
 */
#include "cpu.h"

#include "device/logit_loss.h"

#include <math.h>
#include <string.h>

#define CLIPPED 1e-7 /* Keras's epsilon */

/* A row of logits, whose probabilities are the exponentials over their sum. A NaN stays one, as the
 * comparisons with it are false. */
typedef struct softmax_row {
    double max, sum;
    double mean_gradient; /* of the probabilities, weighted with them */
} softmax_row;

static double softmax_probability(const softmax_row *row, double z)
{
    return exp(z - row->max) / row->sum;
}

/* The loss of a probability, and its gradient times the probability. */
static logit_loss one_probability(double p, bool positive, double weight)
{
    double c = p < CLIPPED ? CLIPPED : p > 1 - CLIPPED ? 1 - CLIPPED : p;
    bool clipped = p < CLIPPED || p > 1 - CLIPPED;
    return (logit_loss){
        .loss = positive ? -weight * log(c) : -log1p(-c),
        .probability = p,
        .gradient = clipped    ? 0
                    : positive ? -weight
                               : p / (1 - p),
    };
}

static double class_weight(const hpac_loss *loss, size_t class)
{
    return loss->positive_weights ? (double)loss->positive_weights[class] : 1;
}

static softmax_row start_row(const hpac_loss *loss, const float *logits, const uint8_t *targets)
{
    softmax_row row = {.max = (double)logits[0]};
    for (size_t k = 1; k < loss->classes; k++)
        row.max = (double)logits[k] > row.max ? (double)logits[k] : row.max;
    for (size_t k = 0; k < loss->classes; k++)
        row.sum += exp((double)logits[k] - row.max);
    for (size_t k = 0; k < loss->classes; k++)
        row.mean_gradient += one_probability(softmax_probability(&row, (double)logits[k]),
                                             targets[k] != 0, class_weight(loss, k))
                                 .gradient;
    return row;
}

/* The gradient of a logit: p (g - sum of p g), g: of the probabilities. */
static logit_loss one_of_row(const softmax_row *row, double z, bool positive, double weight)
{
    logit_loss one = one_probability(softmax_probability(row, z), positive, weight);
    one.gradient -= one.probability * row->mean_gradient;
    return one;
}

static void count_prediction(hpac_step_result *result, size_t class, bool positive, bool predicted)
{
    result->true_positives[class] += predicted && positive;
    result->false_positives[class] += predicted && !positive;
    result->false_negatives[class] += !predicted && positive;
}

/* The rows from `count` on: no gradient, and probability 0 so that nothing old is read. */
static void clear_rest(const hpac_loss *loss)
{
    size_t done = loss->count * loss->classes;
    size_t rest_nbytes = (loss->batch * loss->classes - done) * sizeof(float);
    if (loss->dlogits)
        memset((float *)loss->dlogits + done, 0, rest_nbytes);
    if (loss->probabilities)
        memset((float *)loss->probabilities + done, 0, rest_nbytes);
}

hpac_status hpac_cpu_loss(hpac_device *device, const hpac_loss *loss)
{
    (void)device;
    const float *logits = loss->logits;
    const uint8_t *targets = loss->targets;
    float *dlogits = loss->dlogits, *probabilities = loss->probabilities;
    double scale = 1 / (double)(loss->count * loss->classes);
    memset(loss->result, 0, sizeof *loss->result);
    for (size_t first = 0; first < loss->count * loss->classes; first += loss->classes) {
        softmax_row row = {0};
        if (loss->softmax)
            row = start_row(loss, logits + first, targets + first);
        for (size_t class = 0; class < loss->classes; class ++) {
            size_t i = first + class;
            bool positive = targets[i] != 0;
            double z = (double)logits[i], weight = class_weight(loss, class);
            logit_loss one = loss->softmax ? one_of_row(&row, z, positive, weight)
                                           : hpac_logit_loss(&loss->formula, z, positive, weight);
            loss->result->loss_sum += one.loss;
            count_prediction(loss->result, class, positive, (float)one.probability > 0.5F);
            if (dlogits)
                dlogits[i] = (float)(one.gradient * scale);
            if (probabilities)
                probabilities[i] = (float)one.probability;
        }
    }
    clear_rest(loss);
    return HPAC_OK;
}
