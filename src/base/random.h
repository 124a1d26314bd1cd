/*
 * Random numbers: Philox4x32-10 for all that hpac draws, MT19937 where results must equal numpy's.
 *
 * Philox (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11) is a
 * function of a counter and a key: any thread, on any device, gets any number without drawing those
 * before it. hpac's coordinates are (seed, purpose, stream, step, index):
 *
 *     key     = {seed low, seed high}
 *     counter = {index / 4 low, index / 4 high, step, purpose << 24 | stream}
 *     number  = output word index % 4
 *
 * so that dropout masks agree between devices, and a resumed run draws the same numbers.
 */
#ifndef HPAC_BASE_RANDOM_H
#define HPAC_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef enum hpac_purpose {
    HPAC_PURPOSE_INIT = 1,    /* stream: parameter tensor; step: 0 */
    HPAC_PURPOSE_SHUFFLE = 2, /* stream: 0; step: epoch */
    HPAC_PURPOSE_DROPOUT =
        3,                  /* stream: layer; step: update step; index: NHWC offset of the value */
    HPAC_PURPOSE_SYNTH = 4, /* stream: part of the image; step: image */
    HPAC_PURPOSE_SPLIT = 5, /* stream: 0; step: repeat of a stratified split */
} hpac_purpose;

/* Ten rounds of Philox4x32. All of `counter`, `key` and `out` are the published words, in order. */
void hpac_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The 32-bit number at these coordinates, uniform. stream < 2^24. */
uint32_t hpac_random_u32(uint64_t seed, hpac_purpose purpose, uint32_t stream, uint32_t step,
                         uint64_t index);

/* A cursor, for code that draws one number after the other. */
typedef struct hpac_random {
    uint64_t seed, index;
    uint32_t high[2];  /* counter words 2 and 3 */
    uint32_t words[4]; /* the block of `index`, when index % 4 != 0 */
} hpac_random;

/* Puts the cursor at index 0. */
void hpac_random_init(hpac_random *random, uint64_t seed, hpac_purpose purpose, uint32_t stream,
                      uint32_t step);
/* The number at the cursor, which advances by one. */
uint32_t hpac_random_next(hpac_random *random);
/* Uniform on [0, 1): the upper 24 bits of a number, so that every value is a float. */
float hpac_random_uniform(hpac_random *random);
/* Uniform on [0, bound) without bias (Lemire's multiply and reject). bound >= 1. */
uint32_t hpac_random_below(hpac_random *random, uint32_t bound);
/* Fisher and Yates, from the end: the last of `count` values is swapped with a random one up to
 * itself, then the one before it, ... count <= 2^32 - 1. */
void hpac_random_shuffle(hpac_random *random, size_t *values, size_t count);
/* Standard normal, by Box and Muller from two uniforms on (0, 1). */
double hpac_random_normal(hpac_random *random);

/* MT19937, as numpy.random.RandomState(seed) seeds and draws it (Matsumoto, Nishimura 1998). */
typedef struct hpac_mt19937 {
    uint32_t words[624];
    int next;
} hpac_mt19937;

/* init_genrand(seed), as RandomState(seed) does. */
void hpac_mt19937_init(hpac_mt19937 *mt, uint32_t seed);
/* The next 32-bit number, tempered. */
uint32_t hpac_mt19937_next(hpac_mt19937 *mt);
/* RandomState.shuffle of `count` numbers: Fisher-Yates from the end, masked rejection.
 * count <= 2^32. */
void hpac_mt19937_shuffle(hpac_mt19937 *mt, size_t *values, size_t count);

#endif
