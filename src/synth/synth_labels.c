/* Labels and Ids of synthetic images. */
#include "synth_scene.h"
#include "synth_table.h"

#include <hpac/labels.h>

#include <stdio.h>

/* After these every class is within 1 % of the mean. Endosomes converge last: lysosomes never occur
 * without them. */
#define FITTING_ROUNDS 100

static double class_weight(const double *weights, int label)
{
    double sum = 0.0;
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        if (synth_masks[set] >> label & 1)
            sum += weights[set];
    return sum;
}

/* Iterative proportional fitting (Deming, Stephan 1940): scales the sets of each class in turn to
 * the weight wanted, until all have it. */
static void equalize(double *weights)
{
    double target = 0.0;
    for (int label = 0; label < HPAC_CLASS_COUNT; label++)
        target += class_weight(weights, label) / HPAC_CLASS_COUNT;
    for (int round = 0; round < FITTING_ROUNDS; round++) {
        for (int label = 0; label < HPAC_CLASS_COUNT; label++) {
            double factor = target / class_weight(weights, label);
            for (int set = 0; set < HPAC_SYNTH_SETS; set++)
                if (synth_masks[set] >> label & 1)
                    weights[set] *= factor;
        }
    }
}

void hpac_synth_sampler_init(uint64_t seed, bool balance, hpac_synth_sampler *sampler)
{
    double *weights = sampler->cumulative, sum = 0.0;
    sampler->seed = seed;
    sampler->balance = balance;
    sampler->start =
        hpac_random_u32(seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_LABELS, UINT32_MAX, 0) * 0x1p-32;
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        weights[set] = synth_images[set];
    if (balance)
        equalize(weights);
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        weights[set] = sum += weights[set];
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        weights[set] /= sum;
}

uint32_t hpac_synth_labels(const hpac_synth_sampler *sampler, uint32_t number)
{
    double place;
    if (sampler->balance) /* steps of the golden ratio: any stretch of images is nearly balanced */
        place = fmod(sampler->start + number * 0.6180339887498949, 1.0);
    else
        place = hpac_random_u32(sampler->seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_LABELS, number, 0) *
                0x1p-32;
    int set = 0; /* the frequent sets are the first */
    while (place >= sampler->cumulative[set])
        set++;
    return synth_masks[set];
}

void hpac_synth_id(uint64_t seed, uint32_t number, char id[37])
{
    uint32_t words[4];
    for (uint32_t i = 0; i < 4; i++)
        words[i] = hpac_random_u32(seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_ID, number, i);
    /* Version 4 and variant 1 in their places (RFC 4122, 4.4). */
    snprintf(id, 37, "%08x-%04x-4%03x-%04x-%04x%08x", words[0], words[1] >> 16, words[1] & 0xfff,
             (words[2] >> 16 & 0x3fff) | 0x8000, words[2] & 0xffff, words[3]);
}
