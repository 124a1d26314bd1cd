/* Numbers that Python and C both compute: the same in tools/reference/formula.py. */
#ifndef TESTS_FORMULA_H
#define TESTS_FORMULA_H

#include <hpac/model.h>

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define FORMULA_IMAGE_SEED 1000
#define FORMULA_LABEL_SEED 1001

/* murmur3's finalizer over index + seed x golden ratio. */
static inline uint32_t formula_hash(uint32_t seed, uint64_t index)
{
    uint32_t x = (uint32_t)index + UINT32_C(0x9E3779B9) * (seed + 1);
    x ^= x >> 16;
    x *= UINT32_C(0x85EBCA6B);
    x ^= x >> 13;
    x *= UINT32_C(0xC2B2AE35);
    return x ^ x >> 16;
}

/* On +-limit. */
static inline float formula_symmetric(uint32_t seed, uint64_t index, double limit)
{
    return (float)((2.0 * ((formula_hash(seed, index) >> 8) / 16777216.0) - 1.0) * limit);
}

static inline unsigned char formula_pixel(uint64_t index)
{
    return (unsigned char)(formula_hash(FORMULA_IMAGE_SEED, index) >> 24);
}

static inline unsigned char formula_label(uint64_t index)
{
    return formula_hash(FORMULA_LABEL_SEED, index) < UINT32_C(1) << 30;
}

/* Fills the tensors of a network: tensor i (kernel, bias, kernel, bias, ...) has seed i. */
static inline void formula_fill_weights(hpac_weights *weights, const hpac_layer *layers,
                                        size_t layer_count)
{
    uint32_t seed = 0;
    for (size_t i = 0; i < layer_count; i++) {
        hpac_weights *own = &weights[i];
        if (own->tensors[HPAC_KERNEL].count == 0)
            continue;
        /* Glorot's limit. Fan in is kernel_count / outputs; fan out is the window x outputs. */
        const hpac_layer *layer = &layers[i];
        size_t window =
            layer->kind == HPAC_LAYER_CONV2D ? layer->kernel_rows * layer->kernel_cols : 1;
        double fan_in = (double)(own->tensors[HPAC_KERNEL].count / own->tensors[HPAC_BIAS].count);
        double limit =
            sqrt(6.0 / (fan_in + (double)window * (double)own->tensors[HPAC_BIAS].count));
        for (size_t k = 0; k < own->tensors[HPAC_KERNEL].count; k++)
            own->tensors[HPAC_KERNEL].values[k] = formula_symmetric(seed, k, limit);
        for (size_t k = 0; k < own->tensors[HPAC_BIAS].count; k++)
            own->tensors[HPAC_BIAS].values[k] = formula_symmetric(seed + 1, k, 0.05);
        seed += 2;
    }
}

#endif
