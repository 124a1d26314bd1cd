/* What a training step does besides its layers and the update: what the step is, the batch of a
 * data set that stays in the GPU's memory, and the loss with its gradient. */
#ifndef HPAC_KERNELS_STEP_CUH
#define HPAC_KERNELS_STEP_CUH

#include "common.cuh"

/* What the next dropouts and updates read. 32 bytes: nothing but a launch, about 2 us, and outside
 * of graphs. */
__global__ void set_step(hpac_step *__restrict__ step, hpac_step value)
{
    *step = value;
}

/*
 * to[i] = from[rows[i]], one piece per thread (16 bytes, 4 or 1, by the alignment of the rows).
 * Reads and writes each byte once: 4.2 MB for 128 images of 128 x 128 bytes, at least 1.3 us on an
 * H100. Bound by the launch.
 */
template <typename PIECE>
__global__ void __launch_bounds__(KERNEL_THREADS)
    gather_rows(PIECE *__restrict__ to, const PIECE *__restrict__ from,
                const uint32_t *__restrict__ rows, uint64_t count, const divisor row_pieces)
{
    const uint64_t item = thread_number();
    const divided row = divide(item, row_pieces);
    if (row.quotient < count)
        to[item] = from[gather_offset(rows[row.quotient], row_pieces, row.remainder)];
}

/* ---- binary cross-entropy from logits, with its gradient, probabilities and counts ---- */

#define LOSS_THREADS 1024

struct logit_loss {
    double loss, probability, gradient;
};

/* As src/device/logit_loss.c writes it: p, 1 - p and the logarithms of both, all from
 * e = exp(-|z|) <= 1, so that nothing overflows or cancels; a NaN stays one. */
struct sigmoid {
    double p, rest, log_p, log_rest;
};

__device__ __forceinline__ sigmoid sigmoid_of(double z)
{
    const double e = exp(-fabs(z)), large = 1 / (1 + e), small = e / (1 + e), rest = log1p(e);
    return {z >= 0 ? large : small, z >= 0 ? small : large, (z > 0 ? 0 * z : z) - rest,
            -(z > 0 ? z : 0 * z) - rest};
}

/* About 300 operations more than the plain one, two powers and a logarithm among them. */
__device__ __forceinline__ logit_loss by_formula(const hpac_loss_formula &formula, const sigmoid &s,
                                                 bool positive, double weight)
{
    const double smoothing = formula.label_smoothing, clip = formula.clip, alpha = formula.alpha;
    const double y = (positive ? 1 - smoothing : 0) + smoothing / 2;
    const double gamma = y * formula.gamma_pos + (1 - y) * formula.gamma_neg;
    const double a = alpha > 0 ? y * alpha + (1 - y) * (1 - alpha) : 1;
    const double v = clip > 0 ? fmax(s.p - clip, 0.0) : s.p;
    const double v_slope = v > 0 ? s.p * s.rest : 0;
    const double log_n = clip > 0 ? log1p(-v) : s.log_rest;
    const double log_n_slope = clip > 0 ? -v_slope / (1 - v) : -s.p;
    const double entropy = -weight * y * s.log_p - (1 - y) * log_n;
    const double entropy_slope = -weight * y * s.rest - (1 - y) * log_n_slope;
    const double u = y * s.rest + (1 - y) * v;
    const double u_slope = (1 - y) * v_slope - y * s.p * s.rest;
    const double factor = a * pow(u, gamma);
    const double factor_slope = u > 0 ? factor * gamma * u_slope / u : 0 * s.p;
    return {factor * entropy, s.p, factor * entropy_slope + factor_slope * entropy};
}

__device__ __forceinline__ logit_loss one_logit(const hpac_loss &loss, bool plain, double z,
                                                bool positive, double weight)
{
    const sigmoid s = sigmoid_of(z);
    if (!plain)
        return by_formula(loss.formula, s, positive, weight);
    return {positive ? -weight * s.log_p : -s.log_rest, s.p, positive ? -weight * s.rest : s.p};
}

struct loss_counts {
    uint32_t true_positives[HPAC_DEVICE_MAX_CLASSES];
    uint32_t false_positives[HPAC_DEVICE_MAX_CLASSES];
    uint32_t false_negatives[HPAC_DEVICE_MAX_CLASSES];
};

/* Integers added atomically give the same sum in any order. */
__device__ __forceinline__ void count_prediction(loss_counts *counts, uint32_t number,
                                                 bool positive, bool predicted)
{
    if (predicted && positive)
        atomicAdd(&counts->true_positives[number], 1U);
    else if (predicted)
        atomicAdd(&counts->false_positives[number], 1U);
    else if (positive)
        atomicAdd(&counts->false_negatives[number], 1U);
}

__device__ __forceinline__ double class_weight(const hpac_loss &loss, uint32_t number)
{
    return loss.positive_weights ? (double)loss.positive_weights[number] : 1;
}

/* Writes the results of one logit and returns its loss. */
__device__ __forceinline__ double write_logit(const hpac_loss &loss, loss_counts *counts,
                                              uint64_t i, uint32_t number, double scale,
                                              const logit_loss one)
{
    const bool positive = ((const uint8_t *)loss.targets)[i] != 0;
    count_prediction(counts, number, positive, (float)one.probability > 0.5F);
    if (loss.dlogits)
        ((float *)loss.dlogits)[i] = (float)(one.gradient * scale);
    if (loss.probabilities)
        ((float *)loss.probabilities)[i] = (float)one.probability;
    return one.loss;
}

__device__ __forceinline__ double sigmoid_logit(const hpac_loss &loss, bool plain,
                                                const divisor &classes, loss_counts *counts,
                                                uint64_t i, double scale)
{
    const uint32_t number = divide(i, classes).remainder;
    const bool positive = ((const uint8_t *)loss.targets)[i] != 0;
    const double z = (double)((const float *)loss.logits)[i];
    return write_logit(loss, counts, i, number, scale,
                       one_logit(loss, plain, z, positive, class_weight(loss, number)));
}

#define LOSS_CLIPPED 1e-7 /* Keras's epsilon */

/* As the CPU writes it: the loss of a probability, and its gradient times the probability. */
__device__ __forceinline__ logit_loss one_probability(double p, bool positive, double weight)
{
    const bool low = p<LOSS_CLIPPED, high = p> 1 - LOSS_CLIPPED;
    const double c = low ? LOSS_CLIPPED : high ? 1 - LOSS_CLIPPED : p;
    return {positive ? -weight * log(c) : -log1p(-c), p,
            low || high ? 0 : (positive ? -weight : p / (1 - p))};
}

/* A row of logits under softmax: three passes over the few classes, in their order. */
__device__ __forceinline__ double softmax_row(const hpac_loss &loss, loss_counts *counts,
                                              uint64_t row, double scale)
{
    const uint64_t first = row * (uint64_t)loss.classes;
    const uint32_t classes = (uint32_t)loss.classes;
    const float *logits = (const float *)loss.logits + first;
    const uint8_t *targets = (const uint8_t *)loss.targets + first;
    double max = (double)logits[0], sum = 0, mean_gradient = 0, total = 0;
    for (uint32_t k = 1; k < classes; k++)
        max = (double)logits[k] > max ? (double)logits[k] : max;
    for (uint32_t k = 0; k < classes; k++)
        sum += exp((double)logits[k] - max);
    for (uint32_t k = 0; k < classes; k++)
        mean_gradient += one_probability(exp((double)logits[k] - max) / sum, targets[k] != 0,
                                         class_weight(loss, k))
                             .gradient;
    for (uint32_t k = 0; k < classes; k++) {
        logit_loss one = one_probability(exp((double)logits[k] - max) / sum, targets[k] != 0,
                                         class_weight(loss, k));
        one.gradient -= one.probability * mean_gradient;
        total += write_logit(loss, counts, first + k, k, scale, one);
    }
    return total;
}

/*
 * See hpac_loss (device.h) for the formulas; `plain`: binary cross-entropy. One block, since a
 * batch has few logits; a thread takes every LOSS_THREADS-th value (under softmax: row), and sums
 * have a fixed order. Moves 13 bytes per logit: 5 kB for the improved model at batch 128 (384
 * logits), 47 kB for all 28 classes. Bound by the launch on a data-center GPU; on one with 1/64 of
 * its rate for double (two per clock and SM) by about 100 operations per logit: 8 us for 384 of
 * them, 70 us for 3584.
 */
__global__ void __launch_bounds__(LOSS_THREADS)
    loss_step(const hpac_loss loss, const bool plain, const divisor classes)
{
    DYN_SHARED(double, warp_sums); /* 32 of them, then the counts */
    loss_counts *counts = reinterpret_cast<loss_counts *>(warp_sums + 32);
    uint32_t *words = reinterpret_cast<uint32_t *>(counts);
    for (uint32_t i = threadIdx.x; i < sizeof *counts / sizeof *words; i += LOSS_THREADS)
        words[i] = 0;
    __syncthreads();
    const uint64_t done = (uint64_t)loss.count * (uint64_t)loss.classes,
                   all = (uint64_t)loss.batch * (uint64_t)loss.classes;
    const double scale = 1 / ((double)loss.count * loss.classes);
    double sum = 0;
    if (loss.softmax)
        for (uint64_t row = threadIdx.x; row < loss.count; row += LOSS_THREADS)
            sum += softmax_row(loss, counts, row, scale);
    else
        for (uint64_t i = threadIdx.x; i < done; i += LOSS_THREADS)
            sum += sigmoid_logit(loss, plain, classes, counts, i, scale);
    /* Rows after the last image: gradient 0, and probability 0 so that no old value is read. */
    for (uint64_t i = done + threadIdx.x; i < all; i += LOSS_THREADS) {
        if (loss.dlogits)
            ((float *)loss.dlogits)[i] = 0.0F;
        if (loss.probabilities)
            ((float *)loss.probabilities)[i] = 0.0F;
    }
    sum = block_sum<LOSS_THREADS>(sum, warp_sums); /* its barrier also ends the counting */
    const uint32_t number = threadIdx.x;
    if (number < HPAC_DEVICE_MAX_CLASSES) {
        loss.result->true_positives[number] = counts->true_positives[number];
        loss.result->false_positives[number] = counts->false_positives[number];
        loss.result->false_negatives[number] = counts->false_negatives[number];
    }
    if (number == 0) {
        loss.result->loss_sum = sum;
        loss.result->nonfinite = 0;
    }
}

#endif
