/* The kernels' arithmetic with numbers beyond 2^32, which no tensor of a test reaches. */
#include "base/random.h"

#include "numbers.h"

#include <criterion/criterion.h>
#include <string.h>

/* Around multiples of the divisor and the ends of the ranges. */
static void check_division(uint64_t near, uint32_t by)
{
    for (uint64_t value = near - 2; value != near + 3; value++) {
        uint64_t quotient = 0;
        uint32_t rest = 0;
        numbers_divide(value, by, &quotient, &rest);
        cr_assert_eq(quotient, value / by, "%lu / %u is %lu", value, by, quotient);
        cr_assert_eq(rest, value % by, "%lu %% %u is %u", value, by, rest);
    }
}

Test(kernel_numbers, division_is_exact)
{
    static const uint32_t divisors[] = {
        1,          2,          3,     5,     7,          28,        31,      32,
        33,         961,        3844,  15376, 123008,     641,       6700417, 0x7fffffff,
        0x80000000, 0x80000001, 65535, 65537, 0xfffffffe, 0xffffffff};
    hpac_random random;
    hpac_random_init(&random, 1, HPAC_PURPOSE_SYNTH, 60, 0);
    for (size_t i = 0; i < 2000; i++) {
        uint32_t by =
            i < sizeof divisors / sizeof *divisors ? divisors[i] : hpac_random_next(&random) | 1;
        check_division(2, by);
        check_division((uint64_t)1 << 32, by);
        check_division((uint64_t)1 << 63, by);
        check_division(UINT64_MAX - 2, by);
        check_division(UINT64_MAX / by * by - 3, by);
        for (int j = 0; j < 100; j++)
            check_division(((uint64_t)hpac_random_next(&random) << 32 | hpac_random_next(&random)) /
                               by * by,
                           by);
    }
}

/* kat_vectors of Random123, philox4x32 of ten rounds. */
Test(kernel_numbers, philox_is_the_published_one)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        numbers_philox(known[i].counter, known[i].key, out);
        cr_expect_eq(memcmp(out, known[i].out, sizeof out), 0, "vector %zu", i);
    }
}

Test(kernel_numbers, dropout_draws_the_hosts_numbers_for_any_index)
{
    static const uint64_t starts[] = {0, 0xfffffffe, 0x3fffffffe, 0x3fffffffffe, UINT64_MAX - 9};
    const hpac_step step = {.seed = 0xdeadbeef01234567, .step = 0x89abcdef};
    const kernel_dropout dropout = {.step = &step, .stream = 0xabcdef};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        for (uint64_t index = starts[i]; index < starts[i] + 9; index++)
            cr_expect_eq(
                numbers_draw(&dropout, index),
                hpac_random_u32(step.seed, HPAC_PURPOSE_DROPOUT, dropout.stream, step.step, index),
                "index %lu", index);
}

/* A resident data set may be larger than 4 GiB. */
Test(kernel_numbers, gathered_rows_may_lie_beyond_4_gib)
{
    cr_expect_eq(numbers_gather_offset(0, 1024, 3), 3);
    cr_expect_eq(numbers_gather_offset(300000, 16384, 16383), 4915216383);
    cr_expect_eq(numbers_gather_offset(UINT32_MAX, UINT32_MAX, 0), 18446744065119617025U);
}
