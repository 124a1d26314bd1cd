/* Philox against Random123's test vectors, MT19937 against mt19937ar and numpy. */
#include "base/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* The "philox4x32 10" lines of Random123's kat_vectors: counter, key, output. */
static const struct {
    uint32_t counter[4], key[2], expected[4];
} philox_vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

Test(random, philox_equals_the_published_vectors)
{
    for (size_t i = 0; i < sizeof philox_vectors / sizeof *philox_vectors; i++) {
        uint32_t out[4];
        hpac_philox4x32(philox_vectors[i].counter, philox_vectors[i].key, out);
        cr_assert_arr_eq(out, philox_vectors[i].expected, sizeof out, "vector %zu", i);
    }
}

/* The coordinates of a number as random.h states them: key = seed, counter = {index / 4 low, high,
 * step, purpose << 24 | stream}, word = index % 4. */
Test(random, coordinates_are_the_stated_counter_and_key)
{
    const uint32_t counter[4] = {0x01234567, 0x0089abcd, 7, 0x03707344};
    const uint32_t key[2] = {0xa4093822, 0x299f31d0};
    uint32_t out[4];
    hpac_philox4x32(counter, key, out);
    for (uint32_t word = 0; word < 4; word++)
        cr_assert_eq(hpac_random_u32(0x299f31d0a4093822u, HPAC_PURPOSE_DROPOUT, 0x707344, 7,
                                     0x0089abcd01234567u * 4 + word),
                     out[word]);
}

Test(random, a_cursor_draws_the_numbers_of_its_coordinates_in_order)
{
    hpac_random random;
    hpac_random_init(&random, 12345678901u, HPAC_PURPOSE_INIT, 3, 9);
    for (uint64_t index = 0; index < 41; index++)
        cr_assert_eq(hpac_random_next(&random),
                     hpac_random_u32(12345678901u, HPAC_PURPOSE_INIT, 3, 9, index));
}

Test(random, numbers_differ_with_every_coordinate)
{
    uint32_t base = hpac_random_u32(1, HPAC_PURPOSE_INIT, 2, 3, 4);
    cr_assert_neq(base, hpac_random_u32(2, HPAC_PURPOSE_INIT, 2, 3, 4));
    cr_assert_neq(base, hpac_random_u32(1 + (1ull << 32), HPAC_PURPOSE_INIT, 2, 3, 4));
    cr_assert_neq(base, hpac_random_u32(1, HPAC_PURPOSE_SHUFFLE, 2, 3, 4));
    cr_assert_neq(base, hpac_random_u32(1, HPAC_PURPOSE_INIT, 3, 3, 4));
    cr_assert_neq(base, hpac_random_u32(1, HPAC_PURPOSE_INIT, 2, 4, 4));
    cr_assert_neq(base, hpac_random_u32(1, HPAC_PURPOSE_INIT, 2, 3, 5));
    cr_assert_neq(base, hpac_random_u32(1, HPAC_PURPOSE_INIT, 2, 3, 4 + (1ull << 34)));
}

/* Moments within five standard errors. */
Test(random, uniforms_have_the_moments_of_uniforms)
{
    enum { N = 1 << 20 };
    hpac_random random;
    hpac_random_init(&random, 7, HPAC_PURPOSE_SYNTH, 0, 0);
    double sum = 0, squares = 0, lagged = 0, previous = 0.5;
    float lowest = 1, highest = 0;
    for (int i = 0; i < N; i++) {
        float u = hpac_random_uniform(&random);
        cr_assert(u >= 0.0f && u < 1.0f);
        cr_assert_eq((double)u * 0x1p24, floor((double)u * 0x1p24));
        sum += u;
        squares += (double)u * u;
        lagged += (u - 0.5) * (previous - 0.5);
        previous = u;
        lowest = fminf(lowest, u);
        highest = fmaxf(highest, u);
    }
    cr_assert(fabs(sum / N - 0.5) <= 5 * sqrt(1.0 / 12 / N));
    cr_assert(fabs(squares / N - 1.0 / 3) <= 5 * sqrt(4.0 / 45 / N));
    cr_assert(fabs(lagged / N) <= 5 / 12.0 / sqrt(N));
    cr_assert(lowest < 1e-4f && highest > 0.9999f);
}

Test(random, normals_have_the_moments_of_normals)
{
    enum { N = 1 << 20 };
    hpac_random random;
    hpac_random_init(&random, 7, HPAC_PURPOSE_SYNTH, 1, 0);
    double moments[5] = {0};
    int beyond_two = 0;
    for (int i = 0; i < N; i++) {
        double x = hpac_random_normal(&random);
        cr_assert(isfinite(x));
        for (int k = 1; k <= 4; k++)
            moments[k] += pow(x, k) / N;
        beyond_two += fabs(x) > 2;
    }
    cr_assert(fabs(moments[1]) <= 5 * sqrt(1.0 / N));
    cr_assert(fabs(moments[2] - 1) <= 5 * sqrt(2.0 / N));
    cr_assert(fabs(moments[3]) <= 5 * sqrt(15.0 / N));
    cr_assert(fabs(moments[4] - 3) <= 5 * sqrt(96.0 / N));
    double share = 0.0455002639; /* 2 (1 - Phi(2)) */
    cr_assert(fabs((double)beyond_two / N - share) <= 5 * sqrt(share * (1 - share) / N));
}

Test(random, bounded_numbers_are_in_range_and_alike)
{
    enum { N = 700000 };
    const uint32_t bounds[] = {1, 2, 3, 7, 10, 1000};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        uint32_t bound = bounds[b];
        hpac_random random;
        hpac_random_init(&random, 11, HPAC_PURPOSE_SHUFFLE, 0, bound);
        static int counts[1000];
        memset(counts, 0, sizeof counts);
        for (int i = 0; i < N; i++) {
            uint32_t number = hpac_random_below(&random, bound);
            cr_assert_lt(number, bound);
            counts[number]++;
        }
        double chi2 = 0, expected = (double)N / bound;
        for (uint32_t k = 0; k < bound; k++)
            chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
        double freedom = bound - 1;
        cr_assert(chi2 <= freedom + 5 * sqrt(2 * freedom) + 1e-9, "bound %u: chi2 %g", bound, chi2);
    }
}

/* Near 2^32 a plain multiplication shows: with bound 3 x 2^30, every third number would come twice
 * as often as the others. */
Test(random, a_huge_bound_has_no_bias)
{
    enum { N = 300000 };
    const uint32_t bound = 3u << 30;
    hpac_random random;
    hpac_random_init(&random, 13, HPAC_PURPOSE_SHUFFLE, 0, 0);
    int residues[3] = {0};
    for (int i = 0; i < N; i++) {
        uint32_t number = hpac_random_below(&random, bound);
        cr_assert_lt(number, bound);
        residues[number % 3]++;
    }
    for (int k = 0; k < 3; k++)
        cr_assert(fabs(residues[k] - N / 3.0) <= 5 * sqrt(N * 2.0 / 9), "residue %d: %d of %d", k,
                  residues[k], N);
}

/* The C++ standard ([rand.predef]) demands that the 10000th number of seed 5489 be 4123659995;
 * the first ones are mt19937ar's. */
Test(random, mt19937_gives_the_published_numbers)
{
    static const uint32_t first[] = {3499211612, 581869302, 3890346734, 3586334585, 545404204};
    hpac_mt19937 mt;
    hpac_mt19937_init(&mt, 5489);
    for (int i = 1; i <= 10000; i++) {
        uint32_t number = hpac_mt19937_next(&mt);
        if (i <= 5)
            cr_assert_eq(number, first[i - 1]);
        if (i == 10000)
            cr_assert_eq(number, 4123659995);
    }
}

/* numpy 2.4.6: RandomState(seed).randint(0, 2**32, size=4, dtype=uint32). */
Test(random, mt19937_is_seeded_as_numpy_seeds)
{
    static const struct {
        uint32_t seed, expected[4];
    } cases[] = {
        {0, {2357136044, 2546248239, 3071714933, 3626093760}},
        {4294967295, {419326371, 479346978, 3918654476, 2416749639}},
    };
    for (size_t i = 0; i < 2; i++) {
        hpac_mt19937 mt;
        hpac_mt19937_init(&mt, cases[i].seed);
        for (int k = 0; k < 4; k++)
            cr_assert_eq(hpac_mt19937_next(&mt), cases[i].expected[k]);
    }
}

/* 4! = 24 orders of 24000 / 24 = 1000 each: five standard deviations of a binomial count are 155.
 */
Test(random, every_order_of_a_shuffle_is_equally_likely)
{
    enum { COUNT = 4, SHUFFLES = 24000 };
    int seen[256] = {0}, orders = 0;
    hpac_random random;
    hpac_random_init(&random, 3, HPAC_PURPOSE_SHUFFLE, 0, 0);
    for (int i = 0; i < SHUFFLES; i++) {
        size_t values[COUNT] = {0, 1, 2, 3};
        hpac_random_shuffle(&random, values, COUNT);
        seen[values[0] | values[1] << 2 | values[2] << 4 | values[3] << 6]++;
    }
    for (int order = 0; order < 256; order++) {
        orders += seen[order] > 0;
        cr_assert(seen[order] == 0 || abs(seen[order] - SHUFFLES / 24) <= 155, "order %02x: %d",
                  (unsigned)order, seen[order]);
    }
    cr_assert_eq(orders, 24);
}

/* numpy 2.4.6: a = arange(10); RandomState(0).shuffle(a), twice with the same generator. */
Test(random, a_shuffle_is_numpys)
{
    static const size_t expected[2][10] = {{2, 8, 4, 9, 1, 6, 7, 3, 0, 5},
                                           {9, 6, 8, 4, 5, 0, 2, 7, 3, 1}};
    size_t values[10];
    for (size_t i = 0; i < 10; i++)
        values[i] = i;
    hpac_mt19937 mt;
    hpac_mt19937_init(&mt, 0);
    for (int round = 0; round < 2; round++) {
        hpac_mt19937_shuffle(&mt, values, 10);
        cr_assert_arr_eq(values, expected[round], sizeof values);
    }
}

/* numpy 2.4.6: a = arange(100003); RandomState(42).shuffle(a); (a * (arange(100003) % 1009)).sum()
 */
Test(random, a_long_shuffle_is_numpys)
{
    enum { N = 100003 };
    static size_t values[N];
    for (size_t i = 0; i < N; i++)
        values[i] = i;
    hpac_mt19937 mt;
    hpac_mt19937_init(&mt, 42);
    hpac_mt19937_shuffle(&mt, values, N);
    cr_assert_arr_eq(values, ((size_t[]){87184, 98871, 1956, 11529, 39495}), 5 * sizeof *values);
    size_t sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += values[i] * (i % 1009);
    cr_assert_eq(sum, 2520375696975u);
}

Test(random, shuffling_nothing_draws_nothing)
{
    hpac_mt19937 mt;
    hpac_mt19937_init(&mt, 0);
    size_t one = 7;
    hpac_mt19937_shuffle(&mt, NULL, 0);
    hpac_mt19937_shuffle(&mt, &one, 1);
    cr_assert_eq(one, 7);
    cr_assert_eq(hpac_mt19937_next(&mt), 2357136044);
}
