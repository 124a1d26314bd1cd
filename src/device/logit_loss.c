/* The loss of one logit, in double. kernels/step.cuh has the same for CUDA. */
#include "device/logit_loss.h"

#include <math.h>

/* p, 1 - p and the logarithms of both, all from e = exp(-|z|) <= 1, so that nothing overflows or
 * cancels; a NaN stays one. */
typedef struct sigmoid {
    double p, rest, log_p, log_rest;
} sigmoid;

static sigmoid sigmoid_of(double z)
{
    double e = exp(-fabs(z)), large = 1 / (1 + e), small = e / (1 + e), rest = log1p(e);
    double below = (z > 0 ? 0 * z : z) - rest, above = -(z > 0 ? z : 0 * z) - rest;
    return (sigmoid){
        .p = z >= 0 ? large : small,
        .rest = z >= 0 ? small : large,
        .log_p = below,
        .log_rest = above,
    };
}

static logit_loss cross_entropy(const sigmoid *s, bool positive, double weight)
{
    return (logit_loss){
        .loss = positive ? -weight * s->log_p : -s->log_rest,
        .probability = s->p,
        .gradient = positive ? -weight * s->rest : s->p,
    };
}

logit_loss hpac_logit_loss(const hpac_loss_formula *formula, double z, bool positive, double weight)
{
    const sigmoid s = sigmoid_of(z);
    if (hpac_loss_is_plain(formula))
        return cross_entropy(&s, positive, weight);
    double smoothing = (double)formula->label_smoothing, clip = (double)formula->clip;
    double y = (positive ? 1 - smoothing : 0) + smoothing / 2;
    double gamma = y * (double)formula->gamma_pos + (1 - y) * (double)formula->gamma_neg;
    double alpha = (double)formula->alpha, a = alpha > 0 ? y * alpha + (1 - y) * (1 - alpha) : 1;
    /* v = 1 - n, and the derivatives of v and of log(n). */
    double v = clip > 0 ? fmax(s.p - clip, 0) : s.p;
    double v_slope = v > 0 ? s.p * s.rest : 0;
    double log_n = clip > 0 ? log1p(-v) : s.log_rest;
    double log_n_slope = clip > 0 ? -v_slope / (1 - v) : -s.p;
    double entropy = -weight * y * s.log_p - (1 - y) * log_n;
    double entropy_slope = -weight * y * s.rest - (1 - y) * log_n_slope;
    double u = y * s.rest + (1 - y) * v;
    double u_slope = (1 - y) * v_slope - y * s.p * s.rest;
    double factor = a * pow(u, gamma);
    /* u vanishes only where the cross-entropy does, and faster. */
    double factor_slope = u > 0 ? factor * gamma * u_slope / u : 0 * z;
    return (logit_loss){
        .loss = factor * entropy,
        .probability = s.p,
        .gradient = factor * entropy_slope + factor_slope * entropy,
    };
}
