/* Several inputs: add, multiply, concat, and the gradient of each input. */
#include "bench.h"
#include "shapes.h"

#include <stdlib.h>

TestSuite(kernel_join, .init = bench_start, .fini = bench_end);

enum { INPUTS = HPAC_KERNEL_MAX_SUMMANDS };

static double tolerance_of(const kernel_tensor *tensor)
{
    return tensor->bf16 ? 0.008 : 1e-6;
}

/* A tensor's values, rounded to its format, on the host and the device. */
typedef struct block {
    float *values;
    void *address;
} block;

static block draw_block(const kernel_tensor *tensor, uint32_t stream)
{
    block drawn = {draw_values(stream, count_of(tensor)), NULL};
    for (size_t i = 0; i < count_of(tensor); i++)
        drawn.values[i] = rounded_to(tensor, drawn.values[i]);
    drawn.address = put_tensor(tensor, drawn.values);
    return drawn;
}

static void expect_value(const kernel_tensor *tensor, const char *what, size_t i, float got,
                         double expected)
{
    double tolerance = tolerance_of(tensor);
    cr_assert(is_near((double)got, expected, tolerance, tolerance), "%s: %s %zu is %g, expected %g",
              name_of(tensor), what, i, (double)got, expected);
}

/* ---- add ---- */

static double sum_of(const block *inputs, size_t count, size_t i, bool relu)
{
    double sum = 0;
    for (size_t n = 0; n < count; n++)
        sum += (double)inputs[n].values[i];
    return relu && sum < 0 ? 0 : sum;
}

static void check_add(const kernel_tensor *tensor, size_t count, bool relu)
{
    size_t length = count_of(tensor);
    block inputs[INPUTS];
    const void *addresses[INPUTS];
    float *got = new_values(length);
    for (size_t n = 0; n < count; n++) {
        inputs[n] = draw_block(tensor, 20 + (uint32_t)n);
        addresses[n] = inputs[n].address;
    }
    MUST_WORK(hpac_kernel_add(tensor, inputs[0].address, addresses, count, relu, bench_stream));
    get_tensor(tensor, inputs[0].address, got);
    for (size_t i = 0; i < length; i++)
        expect_value(tensor, "sum", i, got[i], sum_of(inputs, count, i, relu));
    for (size_t n = 0; n < count; n++)
        free(inputs[n].values);
    free(got);
}

/* Each input's gradient, every other one added, the last over dy. */
static void check_add_backward(const kernel_tensor *tensor, size_t count, bool relu)
{
    size_t length = count_of(tensor);
    block before[INPUTS], dy = draw_block(tensor, 30), y = draw_block(tensor, 31);
    void *gradients[INPUTS];
    bool add[INPUTS];
    float *got = new_values(length);
    for (size_t n = 0; n < count; n++) {
        before[n] = draw_block(tensor, 32 + (uint32_t)n);
        add[n] = n % 2 == 0 && n + 1 < count;
        gradients[n] = n + 1 < count ? before[n].address : dy.address;
    }
    MUST_WORK(hpac_kernel_add_backward(tensor, gradients, add, count, relu ? y.address : NULL,
                                       dy.address, bench_stream));
    for (size_t n = 0; n < count; n++) {
        get_tensor(tensor, gradients[n], got);
        for (size_t i = 0; i < length; i++)
            expect_value(tensor, "gradient", i, got[i],
                         (relu && !(y.values[i] > 0) ? 0 : (double)dy.values[i]) +
                             (add[n] ? (double)before[n].values[i] : 0));
        free(before[n].values);
    }
    free(dy.values);
    free(y.values);
    free(got);
}

Test(kernel_join, sums_of_up_to_four_and_all_their_gradients)
{
    for (int number = 0; number < TENSOR_COUNT; number++)
        for (size_t count = 1; count <= INPUTS; count++) {
            kernel_tensor tensor = tensor_of(number);
            check_add(&tensor, count, number % 2);
            check_add_backward(&tensor, count, number % 2);
            check_add_backward(&tensor, count, number % 2 == 0);
        }
}

/* ---- multiply ---- */

/* The factor's index for value i. */
static size_t factor_index(const kernel_tensor *tensor, bool broadcast, size_t i)
{
    size_t channels = (size_t)tensor->channels;
    size_t image = (size_t)(tensor->rows * tensor->cols) * channels;
    return broadcast ? i / image * channels + i % channels : i;
}

static kernel_tensor factor_of(const kernel_tensor *tensor, bool broadcast)
{
    kernel_tensor factor = *tensor;
    if (broadcast)
        factor.rows = factor.cols = 1;
    return factor;
}

static void check_multiply(const kernel_tensor *tensor, bool broadcast)
{
    const kernel_tensor shape = factor_of(tensor, broadcast);
    size_t length = count_of(tensor);
    block x = draw_block(tensor, 40), factor = draw_block(&shape, 41);
    float *got = new_values(length);
    MUST_WORK(hpac_kernel_multiply(tensor, broadcast, x.address, x.address, factor.address,
                                   bench_stream));
    get_tensor(tensor, x.address, got);
    for (size_t i = 0; i < length; i++)
        expect_value(tensor, "product", i, got[i],
                     (double)x.values[i] *
                         (double)factor.values[factor_index(tensor, broadcast, i)]);
    free(x.values);
    free(factor.values);
    free(got);
}

static void check_multiply_backward(const kernel_tensor *tensor, bool broadcast, bool add)
{
    const kernel_tensor shape = factor_of(tensor, broadcast);
    size_t length = count_of(tensor), factors = count_of(&shape);
    block x = draw_block(tensor, 42), dy = draw_block(tensor, 43), before = draw_block(tensor, 44);
    block factor = draw_block(&shape, 45), dfactor = draw_block(&shape, 46);
    float *got = new_values(length);
    double *expected = calloc(factors, sizeof *expected);
    void *partials = put_bytes(NULL, hpac_kernel_factor_partials_nbytes(tensor));
    void *dx = add ? before.address : dy.address;
    MUST_WORK(hpac_kernel_multiply_backward(tensor, broadcast, dx, add, dfactor.address, add,
                                            x.address, factor.address, dy.address, partials,
                                            bench_stream));
    get_tensor(tensor, dx, got);
    for (size_t i = 0; i < length; i++) {
        size_t at = factor_index(tensor, broadcast, i);
        expected[at] += (double)dy.values[i] * (double)x.values[i];
        expect_value(tensor, "dx", i, got[i],
                     (double)dy.values[i] * (double)factor.values[at] +
                         (add ? (double)before.values[i] : 0));
    }
    get_tensor(&shape, dfactor.address, got);
    for (size_t i = 0; i < factors; i++) {
        double wanted = expected[i] + (add ? (double)dfactor.values[i] : 0);
        double tolerance = tensor->bf16 ? 0.008 : 2e-5;
        cr_assert(is_near((double)got[i], wanted, tolerance, tolerance),
                  "%s: dfactor %zu is %g, expected %g", name_of(tensor), i, (double)got[i], wanted);
    }
    float *const values[] = {x.values,      dy.values,      before.values,
                             factor.values, dfactor.values, got};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        free(values[i]);
    free(expected);
}

Test(kernel_join, products_and_both_gradients)
{
    for (int number = 0; number < TENSOR_COUNT; number++)
        for (int broadcast = 0; broadcast < 2; broadcast++) {
            kernel_tensor tensor = tensor_of(number);
            check_multiply(&tensor, broadcast);
            check_multiply_backward(&tensor, broadcast, false);
            check_multiply_backward(&tensor, broadcast, true);
        }
}

/* ---- concat ---- */

/* Three inputs: `first` channels, `second` channels, and the rest. */
static void check_concat(const kernel_tensor *whole, int first, int second)
{
    const int channels[] = {first, second, whole->channels - first - second};
    size_t length = count_of(whole), width = (size_t)whole->channels, start = 0;
    void *y = put_bytes(NULL, length * 4);
    float *got = new_values(length), *expected = new_values(length);
    block dy = draw_block(whole, 50);
    for (int n = 0; n < 3; n++) {
        kernel_tensor part = *whole;
        part.channels = channels[n];
        block x = draw_block(&part, 51 + (uint32_t)n);
        MUST_WORK(hpac_kernel_put_channels(whole, y, (uint32_t)start, (uint32_t)part.channels,
                                           x.address, bench_stream));
        MUST_WORK(hpac_kernel_get_channels(whole, x.address, n == 1, (uint32_t)start,
                                           (uint32_t)part.channels, dy.address, bench_stream));
        get_tensor(&part, x.address, got);
        for (size_t i = 0; i < count_of(&part); i++) {
            size_t at = i / (size_t)part.channels * width + start + i % (size_t)part.channels;
            expected[at] = x.values[i];
            expect_value(whole, "gradient", i, got[i],
                         (double)dy.values[at] + (n == 1 ? (double)x.values[i] : 0));
        }
        start += (size_t)part.channels;
        free(x.values);
    }
    get_tensor(whole, y, got);
    for (size_t i = 0; i < length; i++)
        cr_assert_eq(got[i], expected[i], "%s: value %zu", name_of(whole), i);
    free(dy.values);
    free(expected);
    free(got);
}

Test(kernel_join, channels_one_behind_the_other_and_back)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor whole = tensor_of(number);
        whole.channels = 16;
        check_concat(&whole, 4, 8);
        check_concat(&whole, 5, 1);
        check_concat(&whole, 1, 4);
        whole.channels = 17;
        check_concat(&whole, 4, 8);
    }
}
