/*
 * The arithmetic of the simulated cuDNN's convolutions against seven nested loops in double, for
 * all algorithms in both layouts and all number formats.
 */
#include "conv_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int algorithm_counts[3] = {CUDNN_CONVOLUTION_FWD_ALGO_COUNT,
                                        CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT,
                                        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT};

static int check_all_algorithms(const sim_fixture *fixture, const conv_problem *problem,
                                conv_pass pass, void (*fill)(float *, size_t, uint32_t),
                                double tolerance)
{
    int supported = 0;
    for (int algo = 0; algo < algorithm_counts[pass]; algo++) {
        size_t nbytes;
        if (conv_ask_workspace(fixture, problem, pass, algo, &nbytes) != CUDNN_STATUS_SUCCESS)
            continue;
        supported++;
        for (int blend = 0; blend < 2; blend++) {
            float alpha = blend ? 2.0f : 1.0f, beta = blend ? -3.0f : 0.0f;
            conv_values numbers = conv_values_make(fixture, problem, pass, fill);
            conv_compute(fixture, problem, pass, algo, numbers.on, alpha, beta);
            conv_get(fixture, problem, (int)pass, numbers.on[pass], numbers.result);
            conv_compare(problem, pass, &numbers, algo, alpha, beta, tolerance);
            conv_values_free(&numbers);
        }
    }
    return supported;
}

static void check_format(conv_format format, void (*fill)(float *, size_t, uint32_t),
                         double tolerance)
{
    sim_fixture fixture = fixture_open();
    for (int i = 0; i < SHAPES; i++)
        for (int nhwc = 0; nhwc < 2; nhwc++)
            for (int each = 0; each < 3; each++) {
                conv_problem problem = conv_problem_make(&conv_shapes[i], nhwc, format);
                cr_assert_gt(
                    check_all_algorithms(&fixture, &problem, (conv_pass)each, fill, tolerance), 0);
                conv_problem_free(&problem);
            }
    fixture_close(&fixture);
}

Test(convolution, float32_is_the_double_reference)
{
    check_format(FP32, fill_floats, 3e-7);
}

Test(convolution, tf32_of_short_numbers_is_the_double_reference)
{
    check_format(TF32, fill_floats, 3e-7);
}

Test(convolution, bf16_is_the_double_reference_rounded)
{
    check_format(BF16, fill_floats, 1e-6);
}

Test(convolution, small_whole_numbers_are_exact)
{
    check_format(FP32, fill_integers, 0.0);
}

/* Images further apart than their values need: documented for planes alone. */
Test(convolution, takes_images_that_are_apart_in_nchw_alone)
{
    static const struct {
        bool nhwc;
        int more; /* channels than y has */
        bool taken;
    } cases[] = {{false, 0, true}, {false, 3, true}, {false, -1, false}, {true, 3, false}};
    sim_fixture fixture = fixture_open();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        conv_problem problem = conv_problem_make(&conv_shapes[0], cases[i].nhwc, FP32);
        const int k = conv_shapes[0].k, wide = k + cases[i].more, p = problem.p, q = problem.q;
        const bool nhwc = cases[i].nhwc;
        size_t nbytes;
        cr_assert_eq(cudnnSetTensor4dDescriptorEx(problem.y, CUDNN_DATA_FLOAT, conv_shapes[0].n, k,
                                                  p, q, wide * p * q, nhwc ? 1 : p * q,
                                                  nhwc ? wide * q : q, nhwc ? wide : 1),
                     CUDNN_STATUS_SUCCESS);
        cudnnStatus_t status = conv_ask_workspace(
            &fixture, &problem, FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, &nbytes);
        cr_expect_eq(status == CUDNN_STATUS_SUCCESS, cases[i].taken, "case %zu: %s", i,
                     cudnnGetErrorString(status));
        conv_problem_free(&problem);
    }
    fixture_close(&fixture);
}

/* ---- what cuDNN says of its results ------------------------------------------------------------
 */

static void fill_thirds(float *values, size_t count, uint32_t seed)
{
    fill_floats(values, count, seed);
    for (size_t i = 0; i < count; i++)
        values[i] /= 3.0f;
}

/* Computes twice; whether all bits were the same. */
static bool repeats(const sim_fixture *fixture, const conv_problem *problem, conv_pass pass,
                    int algo)
{
    conv_values numbers = conv_values_make(fixture, problem, pass, fill_thirds);
    size_t count = conv_count_of(problem, (int)pass);
    float *again = new_floats(count);
    bool same = true;
    conv_get(fixture, problem, (int)pass, numbers.on[pass], again);
    for (int i = 0; i < 4; i++) {
        conv_compute(fixture, problem, pass, algo, numbers.on, 1.0f, 0.0f);
        conv_get(fixture, problem, (int)pass, numbers.on[pass], numbers.result);
        same = same && (i == 0 || memcmp(again, numbers.result, count * sizeof(float)) == 0);
        memcpy(again, numbers.result, count * sizeof(float));
    }
    free(again);
    conv_values_free(&numbers);
    return same;
}

static void check_repeats(const sim_fixture *fixture, const conv_problem *problem)
{
    for (int each = 0; each < 3; each++)
        for (int algo = 0; algo < algorithm_counts[each]; algo++) {
            size_t nbytes;
            if (conv_ask_workspace(fixture, problem, (conv_pass)each, algo, &nbytes) !=
                CUDNN_STATUS_SUCCESS)
                continue;
            bool changes = (each == DATA && algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0) ||
                           (each == FILTER && (algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 ||
                                               algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3));
            cr_assert_eq(repeats(fixture, problem, (conv_pass)each, algo), !changes,
                         "pass %d algorithm %d", each, algo);
        }
}

Test(convolution, only_the_deterministic_algorithms_repeat_their_bits)
{
    const conv_shape shape = {9, 8, 20, 20, 16, 3, 3, 0, 1, 1, false, 1};
    sim_fixture fixture = fixture_open();
    for (int nhwc = 0; nhwc < 2; nhwc++) {
        conv_problem problem = conv_problem_make(&shape, nhwc, FP32);
        check_repeats(&fixture, &problem);
        conv_problem_free(&problem);
    }
    fixture_close(&fixture);
}

/* TF32 keeps 10 bits of mantissa: products are off by up to 2^-10, and by more than float32 is. */
Test(convolution, without_fma_math_numbers_are_rounded_to_tf32)
{
    const conv_shape shape = {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, false, 1};
    sim_fixture fixture = fixture_open();
    for (int each = FP32; each <= TF32; each++) {
        conv_problem problem = conv_problem_make(&shape, true, (conv_format)each);
        conv_values numbers = conv_values_make(&fixture, &problem, FORWARD, fill_thirds);
        conv_compute(&fixture, &problem, FORWARD, 1, numbers.on, 1.0f, 0.0f);
        conv_get(&fixture, &problem, 0, numbers.on[0], numbers.result);
        double error = fabs((double)numbers.result[0] / numbers.wide[0][0] - 1);
        cr_assert(each == FP32 ? error < 1e-7 : error > 1e-6 && error < 1.0 / 1024, "%g", error);
        conv_values_free(&numbers);
        conv_problem_free(&problem);
    }
    fixture_close(&fixture);
}
