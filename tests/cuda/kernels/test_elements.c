/* Element by element: pixels, conversions, activations, dropout, bias. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kernel_elements, .init = bench_start, .fini = bench_end);

/* Vectors, one channel, channels and pixels that are multiples of four and such that are not. */
static const kernel_tensor shapes[] = {
    {.batch = 1, .rows = 1, .cols = 1, .channels = 1},
    {.batch = 7, .rows = 1, .cols = 1, .channels = 61},
    {.batch = 16, .rows = 1, .cols = 1, .channels = 64},
    {.batch = 3, .rows = 5, .cols = 7, .channels = 1},
    {.batch = 2, .rows = 6, .cols = 6, .channels = 16},
    {.batch = 2, .rows = 5, .cols = 7, .channels = 12},
    {.batch = 3, .rows = 4, .cols = 8, .channels = 3},
    {.batch = 2, .rows = 33, .cols = 35, .channels = 34},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };

enum { TENSOR_COUNT = SHAPE_COUNT * VARIANT_COUNT };

static kernel_tensor tensor_of(int number)
{
    return variant_of(shapes[number / VARIANT_COUNT], number % VARIANT_COUNT);
}

static void *poison_of(const kernel_tensor *tensor)
{
    return put_bytes(NULL, count_of(tensor) * (tensor->bf16 ? 2 : 4));
}

/* ---- pixels ---- */

Test(kernel_elements, pixels_are_divided_exactly)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor tensor = tensor_of(number);
        size_t count = count_of(&tensor);
        uint8_t *bytes = malloc(count);
        float *got = new_values(count);
        for (size_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)(i * 37);
        void *y = poison_of(&tensor), *x = put_bytes(bytes, count);
        MUST_WORK(hpac_kernel_pixels(&tensor, y, x, HPAC_PIXELS_UINT8, bench_stream));
        get_tensor(&tensor, y, got);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(got[i], rounded_to(&tensor, (float)bytes[i] / 255.0F), "%s: value %zu",
                         name_of(&tensor), i);
        free(got);
        free(bytes);
    }
}

Test(kernel_elements, pixels_that_are_floats_stay_what_they_are)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor tensor = tensor_of(number);
        size_t count = count_of(&tensor);
        float *values = draw_values(1, count), *got = new_values(count);
        void *y = poison_of(&tensor), *x = put_bytes(values, count * sizeof *values);
        MUST_WORK(hpac_kernel_pixels(&tensor, y, x, HPAC_PIXELS_FLOAT32, bench_stream));
        get_tensor(&tensor, y, got);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(got[i], rounded_to(&tensor, values[i]), "%s: value %zu", name_of(&tensor),
                         i);
        free(got);
        free(values);
    }
}

/* A batch's pixels need not start at a multiple of 16, nor what is written. */
Test(kernel_elements, addresses_need_not_be_aligned)
{
    const kernel_tensor vector = {.batch = 1, .rows = 1, .cols = 1, .channels = 40};
    float values[41] = {0}, got[41];
    for (int i = 0; i < 41; i++)
        values[i] = (float)(i - 20);
    float *x = put_bytes(values, sizeof values), *y = put_bytes(values, sizeof values);
    MUST_WORK(hpac_kernel_activate(&vector, HPAC_OP_RELU, y + 1, x + 1, bench_stream));
    get_bytes(got, y, sizeof got);
    cr_expect_eq(got[0], -20);
    for (int i = 1; i < 41; i++)
        cr_expect_eq(got[i], i < 20 ? 0 : (float)(i - 20), "value %d", i);
}

/* ---- convert ---- */

Test(kernel_elements, all_layouts_and_formats_convert_into_each_other)
{
    for (int pair = 0; pair < SHAPE_COUNT * VARIANT_COUNT * VARIANT_COUNT; pair++) {
        const kernel_tensor shape = shapes[pair / (VARIANT_COUNT * VARIANT_COUNT)];
        const kernel_tensor from = variant_of(shape, pair % VARIANT_COUNT);
        const kernel_tensor to = variant_of(shape, pair / VARIANT_COUNT % VARIANT_COUNT);
        size_t count = count_of(&from);
        float *values = draw_values(2, count), *got = new_values(count);
        void *y = poison_of(&to), *x = put_tensor(&from, values);
        MUST_WORK(hpac_kernel_convert(&to, y, &from, x, false, bench_stream));
        get_tensor(&to, y, got);
        for (size_t i = 0; i < count; i++)
            cr_assert_eq(got[i], rounded_to(&to, rounded_to(&from, values[i])), "to %s: value %zu",
                         name_of(&to), i);
        free(got);
        free(values);
    }
}

static void check_rounding(const float *values, size_t count)
{
    const kernel_tensor from = {.batch = 1, .rows = 1, .cols = 1, .channels = (int)count};
    const kernel_tensor to = variant_of(from, 2);
    uint16_t *got = malloc(count * sizeof *got);
    void *x = put_bytes(values, count * sizeof *values), *y = poison_of(&to);
    MUST_WORK(hpac_kernel_convert(&to, y, &from, x, false, bench_stream));
    get_bytes(got, y, count * sizeof *got);
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            cr_assert((got[i] & 0x7fff) > 0x7f80, "a NaN becomes %#x", got[i]);
        else
            cr_assert_eq(got[i], to_bf16(values[i]), "%a becomes %#x, expected %#x",
                         (double)values[i], got[i], to_bf16(values[i]));
    free(got);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Each bf16 with the numbers around the halves to its neighbors: ties, overflow to infinity,
 * denormals, and NaNs whose only bits are those that go. */
Test(kernel_elements, bf16_is_the_nearest_and_of_two_the_even_one)
{
    static const uint32_t rests[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    enum { REST_COUNT = sizeof rests / sizeof *rests };
    float *values = new_values(0x10000 * REST_COUNT);
    for (uint32_t i = 0; i < 0x10000 * REST_COUNT; i++)
        values[i] = float_of(i / REST_COUNT << 16 | rests[i % REST_COUNT]);
    check_rounding(values, 0x10000 * REST_COUNT);
    free(values);
}

/* The bits that torch.tensor(x).to(torch.bfloat16) gives, and x.astype(bfloat16) of ml_dtypes. */
Test(kernel_elements, bf16_of_known_numbers)
{
    static const struct {
        float value;
        uint16_t bits;
    } known[] = {
        {1.0F, 0x3f80},        {-2.0F, 0xc000},       {3.14159274F, 0x4049}, {0.1F, 0x3dcd},
        {1.00390625F, 0x3f80}, {1.01171875F, 0x3f82}, {65504.0F, 0x4780},    {3.4e38F, 0x7f80},
        {3.38e38F, 0x7f7e},    {1e-40F, 0x0001},      {-0.0F, 0x8000},       {INFINITY, 0x7f80},
    };
    enum { KNOWN_COUNT = sizeof known / sizeof *known };
    const kernel_tensor from = {.batch = 1, .rows = 1, .cols = 1, .channels = KNOWN_COUNT};
    const kernel_tensor to = variant_of(from, 2);
    float values[KNOWN_COUNT];
    uint16_t got[KNOWN_COUNT];
    for (int i = 0; i < KNOWN_COUNT; i++)
        values[i] = known[i].value;
    void *x = put_bytes(values, sizeof values), *y = poison_of(&to);
    MUST_WORK(hpac_kernel_convert(&to, y, &from, x, false, bench_stream));
    get_bytes(got, y, sizeof got);
    for (int i = 0; i < KNOWN_COUNT; i++)
        cr_expect_eq(got[i], known[i].bits, "%g: %#x, expected %#x", (double)known[i].value, got[i],
                     known[i].bits);
}

/* ---- activations ---- */

static double activated(hpac_op_kind kind, double x)
{
    return kind == HPAC_OP_SIGMOID ? 1 / (1 + exp(-x)) : x < 0 ? 0 : x;
}

static double activated_back(hpac_op_kind kind, double y, double dy)
{
    return kind == HPAC_OP_SIGMOID ? dy * y * (1 - y) : y > 0 ? dy : 0;
}

static void check_activation(const kernel_tensor *tensor, hpac_op_kind kind)
{
    size_t count = count_of(tensor);
    double rtol = tensor->bf16 ? 0.008 : 1e-6;
    float *values = draw_values(3, count), *dy = draw_values(4, count), *got = new_values(count);
    values[0] = 1e4F;
    if (count > 2) {
        values[1] = -1e4F;
        values[2] = NAN;
    }
    void *x = put_tensor(tensor, values), *y = poison_of(tensor), *dx = put_tensor(tensor, dy);
    MUST_WORK(hpac_kernel_activate(tensor, kind, y, x, bench_stream));
    get_tensor(tensor, y, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(is_near((double)got[i], activated(kind, (double)rounded_to(tensor, values[i])),
                          1e-30, rtol),
                  "%s: value %zu is %g", name_of(tensor), i, (double)got[i]);
    float *out = got;
    got = new_values(count);
    MUST_WORK(hpac_kernel_activate_backward(tensor, kind, dx, y, dx, false, bench_stream));
    get_tensor(tensor, dx, got);
    for (size_t i = 0; i < count; i++)
        cr_assert(is_near((double)got[i],
                          activated_back(kind, (double)out[i], (double)rounded_to(tensor, dy[i])),
                          1e-30, rtol),
                  "%s: gradient %zu is %g", name_of(tensor), i, (double)got[i]);
    free(out);
    free(got);
    free(dy);
    free(values);
}

Test(kernel_elements, activations_and_their_gradients_in_place)
{
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor tensor = tensor_of(number);
        check_activation(&tensor, HPAC_OP_RELU);
        check_activation(&tensor, HPAC_OP_SIGMOID);
    }
}

/* ---- dropout ---- */

static const uint64_t seed = 0x123456789abcdef0U;

/* The step in device memory, set by the kernel for it. */
static kernel_dropout make_dropout(float rate, uint32_t stream, uint32_t step)
{
    hpac_step *address = put_bytes(NULL, sizeof *address);
    MUST_WORK(
        hpac_kernel_set_step(address, &(hpac_step){.seed = seed, .step = step}, bench_stream));
    return (kernel_dropout){.step = address,
                            .stream = stream,
                            .threshold = hpac_dropout_threshold(rate),
                            .scale = 1.0F / (1.0F - rate)};
}

static float dropped(const kernel_dropout *dropout, uint32_t step, float value, size_t index)
{
    uint32_t number = hpac_random_u32(seed, HPAC_PURPOSE_DROPOUT, dropout->stream, step, index);
    return number < dropout->threshold ? 0.0F : value * dropout->scale;
}

Test(kernel_elements, the_step_is_set)
{
    hpac_step got, *address = put_bytes(NULL, sizeof got);
    MUST_WORK(hpac_kernel_set_step(address, &(hpac_step){.seed = seed, .step = 0xfedcba98U},
                                   bench_stream));
    get_bytes(&got, address, sizeof got);
    cr_expect_eq(got.seed, seed);
    cr_expect_eq(got.step, 0xfedcba98U);
}

Test(kernel_elements, dropout_masks_are_the_hosts)
{
    static const float rates[] = {0.0F, 0.25F, 0.5F, 0.9F};
    for (int number = 0; number < TENSOR_COUNT; number++) {
        kernel_tensor tensor = tensor_of(number);
        uint32_t step = 0xfffffff0U + (uint32_t)number % 16, stream = number % 2 ? 0xffffff : 3;
        kernel_dropout dropout = make_dropout(rates[number % 4], stream, step);
        size_t count = count_of(&tensor);
        float *values = draw_values(5, count), *got = new_values(count);
        void *x = put_tensor(&tensor, values), *y = poison_of(&tensor);
        MUST_WORK(hpac_kernel_dropout(&tensor, &dropout, y, x, false, bench_stream));
        MUST_WORK(hpac_kernel_dropout(&tensor, &dropout, x, x, false, bench_stream));
        for (int in_place = 0; in_place < 2; in_place++) {
            get_tensor(&tensor, in_place ? x : y, got);
            for (size_t i = 0; i < count; i++)
                cr_assert_eq(
                    got[i],
                    rounded_to(&tensor, dropped(&dropout, step, rounded_to(&tensor, values[i]), i)),
                    "%s: value %zu", name_of(&tensor), i);
        }
        free(got);
        free(values);
    }
}

Test(kernel_elements, a_number_equal_to_the_threshold_keeps_its_value)
{
    const kernel_tensor one = {.batch = 1, .rows = 1, .cols = 1, .channels = 1};
    const float value = 1;
    float got[2];
    for (uint32_t above = 0; above < 2; above++) {
        kernel_dropout dropout = make_dropout(0.5F, 4, 2);
        dropout.threshold = hpac_random_u32(seed, HPAC_PURPOSE_DROPOUT, 4, 2, 0) + above;
        void *x = put_tensor(&one, &value);
        MUST_WORK(hpac_kernel_dropout(&one, &dropout, x, x, false, bench_stream));
        get_tensor(&one, x, &got[above]);
    }
    cr_expect_eq(got[0], 2);
    cr_expect_eq(got[1], 0);
}

/* ---- bias ---- */

typedef struct bias_case {
    kernel_tensor tensor;
    bool relu, drops;
    kernel_dropout dropout;
    uint32_t step;
    float *x, *bias, *y, *dy; /* y: what the kernel made */
} bias_case;

static bias_case make_bias_case(kernel_tensor tensor, int number)
{
    bias_case one = {.tensor = tensor, .relu = number & 1, .drops = number & 2, .step = 11};
    one.dropout = make_dropout(0.25F, 7, one.step);
    one.x = draw_values(6, count_of(&tensor));
    one.dy = draw_values(7, count_of(&tensor));
    one.bias = draw_values(8, (size_t)tensor.channels);
    one.y = new_values(count_of(&tensor));
    return one;
}

static void free_bias_case(bias_case *one)
{
    free(one->x);
    free(one->dy);
    free(one->bias);
    free(one->y);
}

static float biased(const bias_case *one, size_t i)
{
    float value = one->x[i] + one->bias[i % (size_t)one->tensor.channels];
    if (one->relu)
        value = value < 0 ? 0 : value;
    return one->drops ? dropped(&one->dropout, one->step, value, i) : value;
}

static void check_bias(bias_case *one)
{
    const kernel_tensor *tensor = &one->tensor;
    const kernel_dropout *dropout = one->drops ? &one->dropout : NULL;
    const kernel_tensor wide = variant_of(*tensor, tensor->nchw);
    void *x = put_tensor(&wide, one->x), *y = tensor->bf16 ? poison_of(tensor) : x;
    void *bias = put_bytes(one->bias, (size_t)tensor->channels * sizeof(float));
    MUST_WORK(hpac_kernel_bias(tensor, bias, one->relu, dropout, y, x, bench_stream));
    get_tensor(tensor, y, one->y);
    for (size_t i = 0; i < count_of(tensor); i++)
        cr_assert_eq(one->y[i], rounded_to(tensor, biased(one, i)), "%s: value %zu is %g",
                     name_of(tensor), i, (double)one->y[i]);
}

/* dz of one value. */
static float bias_gradient(const bias_case *one, size_t i)
{
    float dy = rounded_to(&one->tensor, one->dy[i]);
    if (one->relu)
        return !(one->y[i] > 0) ? 0 : one->drops ? dy * one->dropout.scale : dy;
    return one->drops ? dropped(&one->dropout, one->step, dy, i) : dy;
}

static void check_sums(const bias_case *one, const void *address)
{
    size_t channels = (size_t)one->tensor.channels, count = count_of(&one->tensor);
    float *got = new_values(channels);
    get_bytes(got, address, channels * sizeof *got);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, size = 0;
        for (size_t i = c; i < count; i += channels) {
            sum += (double)bias_gradient(one, i);
            size += fabs((double)bias_gradient(one, i));
        }
        cr_assert(is_near((double)got[c], sum, 1e-6 * size, 0), "%s: sum %zu is %g, expected %g",
                  name_of(&one->tensor), c, (double)got[c], sum);
    }
    free(got);
}

static void check_bias_backward(bias_case *one)
{
    const kernel_tensor *tensor = &one->tensor;
    const kernel_dropout *dropout = one->drops ? &one->dropout : NULL;
    float *got = new_values(count_of(tensor));
    void *y = put_tensor(tensor, one->y), *dy = put_tensor(tensor, one->dy);
    void *partials = put_bytes(NULL, hpac_kernel_partials_nbytes(tensor));
    for (int pass = 0; pass < 2; pass++) { /* without dz first, since dz takes the place of dy */
        void *sums = put_bytes(NULL, (size_t)tensor->channels * sizeof(float));
        MUST_WORK(hpac_kernel_bias_backward(tensor, one->relu, dropout, pass ? dy : NULL, y, dy,
                                            sums, partials, bench_stream));
        check_sums(one, sums);
    }
    get_tensor(tensor, dy, got);
    for (size_t i = 0; i < count_of(tensor); i++)
        cr_assert_eq(got[i], rounded_to(tensor, bias_gradient(one, i)), "%s: gradient %zu",
                     name_of(tensor), i);
    free(got);
}

Test(kernel_elements, bias_relu_dropout_forward_and_backward)
{
    for (int number = 0; number < 4 * TENSOR_COUNT; number++) {
        bias_case one = make_bias_case(tensor_of(number / 4), number % 4);
        check_bias(&one);
        check_bias_backward(&one);
        free_bias_case(&one);
    }
}

/* So many rows that the blocks' partial sums are added by a second kernel, up to as many of them as
 * there ever are. */
Test(kernel_elements, bias_gradients_of_many_rows)
{
    static const kernel_tensor large[] = {
        {.batch = 3000, .rows = 1, .cols = 1, .channels = 9},
        {.batch = 300, .rows = 1, .cols = 1, .channels = 300},
        {.batch = 40, .rows = 62, .cols = 61, .channels = 4},
        {.batch = 9, .rows = 64, .cols = 64, .channels = 5},
        {.batch = 3, .rows = 640, .cols = 640, .channels = 1},
    };
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        for (int variant = 0; variant < VARIANT_COUNT; variant++) {
            bias_case one = make_bias_case(variant_of(large[i], variant), 1);
            check_bias(&one);
            check_bias_backward(&one);
            free_bias_case(&one);
        }
}
