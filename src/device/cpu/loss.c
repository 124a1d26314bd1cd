/* The loss. Binary cross-entropy, its gradient, the probabilities and the counts: one
 * pass, in double, in one fixed order. A batch has a few thousand logits, so one thread is enough.
 */
#include "cpu.h"

#include <math.h>
#include <string.h>

typedef struct logit_loss {
    double loss, probability, gradient;
} logit_loss;

static logit_loss one_logit(double z, bool positive, double weight)
{
    /* All from e = exp(-|z|) <= 1, so that nothing overflows; a NaN stays one. */
    double e = exp(-fabs(z));
    double p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    double loss = (z > 0 ? z : 0 * z) - (positive ? z : 0 * z) + log1p(e);
    /* p - 1 would cancel for large z: it is -1 / (1 + exp(z)). */
    double p_minus_1 = z >= 0 ? -e / (1 + e) : -1 / (1 + e);
    return (logit_loss){
        .loss = positive ? weight * loss : loss,
        .probability = p,
        .gradient = positive ? weight * p_minus_1 : p,
    };
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
    for (size_t row = 0; row < loss->count; row++)
        for (size_t class = 0; class < loss->classes; class ++) {
            size_t i = row * loss->classes + class;
            bool positive = targets[i] != 0;
            double weight = loss->positive_weights ? (double)loss->positive_weights[class] : 1;
            logit_loss one = one_logit((double)logits[i], positive, weight);
            loss->result->loss_sum += one.loss;
            count_prediction(loss->result, class, positive, (float)one.probability > 0.5F);
            if (dlogits)
                dlogits[i] = (float)(one.gradient * scale);
            if (probabilities)
                probabilities[i] = (float)one.probability;
        }
    clear_rest(loss);
    return HPAC_OK;
}
