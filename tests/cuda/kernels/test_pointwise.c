/* Activations, rescale and dropout of channels, and their gradients. */
#include "bench.h"
#include "shapes.h"

#include <math.h>
#include <stdlib.h>

TestSuite(kernel_pointwise, .init = bench_start, .fini = bench_end);

/* ---- activations ---- */

static double curve(hpac_op_kind kind, double x)
{
    switch (kind) {
    case HPAC_OP_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : x;
    case HPAC_OP_SILU:
        return x / (1 + exp(-x));
    case HPAC_OP_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    case HPAC_OP_SOFTPLUS:
        return x > 30 ? x : log1p(exp(x));
    default:
        return tanh(x);
    }
}

/* By differences, but where there is a kink. */
static double slope(hpac_op_kind kind, double x)
{
    const double h = 1e-5;
    if (kind == HPAC_OP_RELU6)
        return x > 0 && x < 6;
    return (curve(kind, x + h) - curve(kind, x - h)) / (2 * h);
}

static const hpac_op_kind kinds[] = {HPAC_OP_RELU6, HPAC_OP_SILU, HPAC_OP_GELU, HPAC_OP_SOFTPLUS,
                                     HPAC_OP_TANH};

static void check_curve(const kernel_tensor *tensor, hpac_op_kind kind, bool add)
{
    size_t count = count_of(tensor);
    float *x = draw_values(60, count), *dy = draw_values(61, count), *got = new_values(count);
    double tolerance = tensor->bf16 ? 0.01 : 2e-6;
    static const float special[] = {-80, 80, 6, -3, NAN};
    for (size_t i = 0; i < count; i++)
        x[i] = rounded_to(tensor, i < 5 && count > 5 ? special[i] : 7 * x[i]);
    void *y = put_tensor(tensor, x), *device_x = put_tensor(tensor, x);
    void *device_dy = put_tensor(tensor, dy), *dx = add ? put_tensor(tensor, dy) : device_dy;
    MUST_WORK(hpac_kernel_activate(tensor, kind, y, y, bench_stream));
    get_tensor(tensor, y, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(is_near((double)got[i], curve(kind, (double)x[i]), tolerance, tolerance),
                  "%s, %s: of %g is %g", hpac_op_name(kind), name_of(tensor), (double)x[i],
                  (double)got[i]);
    bool from_x = kind == HPAC_OP_SILU || kind == HPAC_OP_GELU;
    MUST_WORK(hpac_kernel_activate_backward(tensor, kind, dx, from_x ? device_x : y, device_dy, add,
                                            bench_stream));
    get_tensor(tensor, dx, got);
    for (size_t i = 0; i < count; i++) {
        double before = (double)rounded_to(tensor, dy[i]);
        double expected = before * slope(kind, (double)x[i]) + (add ? before : 0);
        if (!isnan(x[i]))
            cr_assert(is_near((double)got[i], expected, 2 * tolerance, 2 * tolerance),
                      "%s, %s: gradient at %g is %g, expected %g", hpac_op_name(kind),
                      name_of(tensor), (double)x[i], (double)got[i], expected);
    }
    free(x);
    free(dy);
    free(got);
}

Test(kernel_pointwise, activations_and_their_gradients)
{
    for (int number = 0; number < TENSOR_COUNT; number++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            kernel_tensor tensor = tensor_of(number);
            check_curve(&tensor, kinds[k], false);
            check_curve(&tensor, kinds[k], true);
        }
}

/* ---- by channel ---- */

Test(kernel_pointwise, rescale_has_a_factor_and_an_offset_per_channel)
{
    static const float factor[4] = {2, -0.5F, 3, 1}, offset[4] = {1, 0, -2, 0.5F};
    for (int number = 0; number < 4 * VARIANT_COUNT * 2; number++) {
        kernel_tensor tensor = variant_of(shapes[2 + number % 2], number / 8);
        tensor.channels = 1 + number / 2 % 4;
        size_t count = count_of(&tensor), channels = (size_t)tensor.channels;
        float *values = draw_values(62, count), *got = new_values(count);
        void *x = put_tensor(&tensor, values), *dx = put_tensor(&tensor, values);
        MUST_WORK(hpac_kernel_rescale(&tensor, factor, NULL, dx, true, x, bench_stream));
        MUST_WORK(hpac_kernel_rescale(&tensor, factor, offset, x, false, x, bench_stream));
        double tolerance = tensor.bf16 ? 0.008 : 1e-6;
        get_tensor(&tensor, x, got);
        for (size_t i = 0; i < count; i++) {
            double value = (double)rounded_to(&tensor, values[i]);
            cr_assert(is_near((double)got[i],
                              value * (double)factor[i % channels] + (double)offset[i % channels],
                              tolerance, tolerance),
                      "%s: value %zu is %g", name_of(&tensor), i, (double)got[i]);
        }
        get_tensor(&tensor, dx, got);
        for (size_t i = 0; i < count; i++) {
            double value = (double)rounded_to(&tensor, values[i]);
            cr_assert(is_near((double)got[i], value * (double)(1 + factor[i % channels]), tolerance,
                              tolerance),
                      "%s: gradient %zu is %g", name_of(&tensor), i, (double)got[i]);
        }
        free(values);
        free(got);
    }
}

static const uint64_t seed = 0x123456789abcdef0U;

Test(kernel_pointwise, channels_are_dropped_as_on_the_host)
{
    hpac_step *step = put_bytes(NULL, sizeof *step);
    MUST_WORK(hpac_kernel_set_step(step, &(hpac_step){.seed = seed, .step = 9}, bench_stream));
    const kernel_dropout dropout = {
        .step = step, .stream = 5, .threshold = hpac_dropout_threshold(0.5F), .scale = 2};
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor tensor = tensor_of(number);
        size_t count = count_of(&tensor), channels = (size_t)tensor.channels;
        size_t image = channels * (size_t)(tensor.rows * tensor.cols);
        float *values = draw_values(63, count), *got = new_values(count);
        void *x = put_tensor(&tensor, values);
        MUST_WORK(hpac_kernel_drop_channels(&tensor, &dropout, false, x, false, x, bench_stream));
        get_tensor(&tensor, x, got);
        for (size_t i = 0; i < count; i++) {
            size_t index = i / image * channels + i % channels;
            uint32_t random = hpac_random_u32(seed, HPAC_PURPOSE_DROPOUT, 5, 9, index);
            float expected = random < dropout.threshold ? 0.0F : 2 * rounded_to(&tensor, values[i]);
            cr_assert_eq(got[i], expected, "%s: value %zu is %g", name_of(&tensor), i,
                         (double)got[i]);
        }
        free(values);
        free(got);
    }
}
