/* Philox4x32-10 with its distributions, and MT19937 as numpy's RandomState uses it. */
#include "random.h"

#include <math.h>

/* Multipliers and key increments of Philox4x32 (SC'11, table 2; Random123's philox.h). */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u /* golden ratio */
#define PHILOX_W1 0xBB67AE85u /* sqrt(3) - 1 */
#define PHILOX_ROUNDS 10

void hpac_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t product0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t product1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)product0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The block of four numbers of `index`. `high`: counter words 2 and 3. */
static void draw_block(uint64_t seed, const uint32_t high[2], uint64_t index, uint32_t words[4])
{
    uint64_t block = index / 4;
    uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), high[0], high[1]};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    hpac_philox4x32(counter, key, words);
}

static uint32_t purpose_word(hpac_purpose purpose, uint32_t stream)
{
    return (uint32_t)purpose << 24 | stream;
}

uint32_t hpac_random_u32(uint64_t seed, hpac_purpose purpose, uint32_t stream, uint32_t step,
                         uint64_t index)
{
    uint32_t words[4];
    draw_block(seed, (uint32_t[2]){step, purpose_word(purpose, stream)}, index, words);
    return words[index % 4];
}

void hpac_random_init(hpac_random *random, uint64_t seed, hpac_purpose purpose, uint32_t stream,
                      uint32_t step)
{
    *random = (hpac_random){.seed = seed, .high = {step, purpose_word(purpose, stream)}};
}

uint32_t hpac_random_next(hpac_random *random)
{
    if (random->index % 4 == 0)
        draw_block(random->seed, random->high, random->index, random->words);
    return random->words[random->index++ % 4];
}

float hpac_random_uniform(hpac_random *random)
{
    return (float)(hpac_random_next(random) >> 8) * 0x1p-24f;
}

/* Lemire: "Fast random integer generation in an interval" (2019). The upper half of the product is
 * the number; the lower halves below 2^32 mod bound are the surplus ones. */
uint32_t hpac_random_below(hpac_random *random, uint32_t bound)
{
    uint64_t product = (uint64_t)hpac_random_next(random) * bound;
    if ((uint32_t)product < bound) {
        uint32_t surplus = (0u - bound) % bound;
        while ((uint32_t)product < surplus)
            product = (uint64_t)hpac_random_next(random) * bound;
    }
    return (uint32_t)(product >> 32);
}

static void swap(size_t *values, size_t i, size_t j)
{
    size_t value = values[i];
    values[i] = values[j];
    values[j] = value;
}

void hpac_random_shuffle(hpac_random *random, size_t *values, size_t count)
{
    for (size_t i = count; i-- > 1;)
        swap(values, i, hpac_random_below(random, (uint32_t)i + 1));
}

double hpac_random_normal(hpac_random *random)
{
    const double pi = 3.14159265358979323846;
    double radius_uniform = (hpac_random_next(random) + 0.5) * 0x1p-32; /* never 0: log is finite */
    double angle_uniform = (hpac_random_next(random) + 0.5) * 0x1p-32;
    return sqrt(-2.0 * log(radius_uniform)) * cos(2.0 * pi * angle_uniform);
}

#define MT_COUNT 624
#define MT_SHIFT 397

/* init_genrand of mt19937ar.c. */
void hpac_mt19937_init(hpac_mt19937 *mt, uint32_t seed)
{
    mt->words[0] = seed;
    for (uint32_t i = 1; i < MT_COUNT; i++) {
        uint32_t previous = mt->words[i - 1];
        mt->words[i] = 1812433253u * (previous ^ (previous >> 30)) + i;
    }
    mt->next = MT_COUNT;
}

static void mt19937_refill(hpac_mt19937 *mt)
{
    for (int i = 0; i < MT_COUNT; i++) {
        uint32_t upper = mt->words[i] & 0x80000000u;
        uint32_t lower = mt->words[(i + 1) % MT_COUNT] & 0x7fffffffu;
        uint32_t twisted = ((upper | lower) >> 1) ^ ((lower & 1) ? 0x9908b0dfu : 0);
        mt->words[i] = mt->words[(i + MT_SHIFT) % MT_COUNT] ^ twisted;
    }
    mt->next = 0;
}

uint32_t hpac_mt19937_next(hpac_mt19937 *mt)
{
    if (mt->next == MT_COUNT)
        mt19937_refill(mt);
    uint32_t word = mt->words[mt->next++];
    word ^= word >> 11;
    word ^= (word << 7) & 0x9d2c5680u;
    word ^= (word << 15) & 0xefc60000u;
    return word ^ (word >> 18);
}

/* numpy's random_interval, [0, max]: numbers below the smallest mask, drawn until one fits. */
static uint32_t mt19937_interval(hpac_mt19937 *mt, uint32_t max)
{
    uint32_t mask = max;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    uint32_t number;
    do
        number = hpac_mt19937_next(mt) & mask;
    while (number > max);
    return number;
}

void hpac_mt19937_shuffle(hpac_mt19937 *mt, size_t *values, size_t count)
{
    for (size_t i = count; i-- > 1;)
        swap(values, i, mt19937_interval(mt, (uint32_t)i));
}
