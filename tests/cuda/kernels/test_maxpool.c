/* Max pooling: argmax, ties, NaN, what is left over, dropout, ReLU and the bias gradient. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(kernel_maxpool, .init = bench_start, .fini = bench_end);

static const struct {
    kernel_tensor before;
    int rows, cols;
} shapes[] = {
    {{.batch = 2, .rows = 8, .cols = 12, .channels = 8}, 2, 2},  /* whole vectors */
    {{.batch = 1, .rows = 9, .cols = 12, .channels = 4}, 2, 2},  /* a row left over */
    {{.batch = 2, .rows = 9, .cols = 11, .channels = 5}, 2, 2},  /* nothing fits */
    {{.batch = 2, .rows = 9, .cols = 11, .channels = 12}, 2, 2}, /* channels fit, columns do not */
    {{.batch = 3, .rows = 7, .cols = 12, .channels = 1}, 2, 2},  /* one channel */
    {{.batch = 2, .rows = 10, .cols = 14, .channels = 4}, 3, 4}, /* left over on both sides */
    {{.batch = 1, .rows = 17, .cols = 33, .channels = 4}, 16, 16}, /* argmax of 4 bytes */
    {{.batch = 1, .rows = 31, .cols = 17, .channels = 2}, 15, 17}, /* 255 values: argmax of 1 */
    {{.batch = 2, .rows = 5, .cols = 4, .channels = 3}, 5, 4},     /* the whole image */
    {{.batch = 2, .rows = 3, .cols = 5, .channels = 6}, 1, 1},
    {{.batch = 2, .rows = 70, .cols = 68, .channels = 36}, 2, 2}, /* several blocks a channel */
    {{.batch = 1, .rows = 130, .cols = 131, .channels = 1}, 2, 2},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes, PART_COUNT = 4 };

typedef struct pool_case {
    kernel_pool pool;
    kernel_tensor after;
    kernel_dropout dropout;
    float *x, *dy;
    float *y, *dz;    /* expected */
    uint32_t *argmax; /* expected, by index */
} pool_case;

static const uint64_t seed = 0xfeedULL;
enum { STEP = 5, STREAM = 9 };

/* Integers: many ties; here and there a NaN or an infinity. */
static float *draw_input(size_t count)
{
    float *x = draw_values(30, count);
    for (size_t i = 0; i < count; i++)
        x[i] = i % 97 == 13    ? NAN
               : i % 89 == 3   ? -INFINITY
               : i % 101 == 10 ? INFINITY
                               : floorf(3 * x[i]);
    return x;
}

static pool_case make_case(int number)
{
    int parts = number % PART_COUNT, variant = number / PART_COUNT % VARIANT_COUNT;
    int shape = number / (PART_COUNT * VARIANT_COUNT);
    pool_case one = {.pool = {.before = variant_of(shapes[shape].before, variant),
                              .window_rows = shapes[shape].rows,
                              .window_cols = shapes[shape].cols,
                              .relu = parts & 1}};
    one.after = one.pool.before;
    one.after.rows /= one.pool.window_rows;
    one.after.cols /= one.pool.window_cols;
    if (parts & 2) {
        hpac_step *step = put_bytes(NULL, sizeof *step);
        MUST_WORK(
            hpac_kernel_set_step(step, &(hpac_step){.seed = seed, .step = STEP}, bench_stream));
        one.dropout = (kernel_dropout){.step = step,
                                       .stream = STREAM,
                                       .threshold = hpac_dropout_threshold(0.25F),
                                       .scale = 1.0F / 0.75F};
    }
    one.x = draw_input(count_of(&one.pool.before));
    for (size_t i = 0; one.pool.relu && i < count_of(&one.pool.before); i++)
        one.x[i] = one.x[i] < 0 ? 0 : one.x[i];
    one.dy = draw_values(31, count_of(&one.after));
    one.y = new_values(count_of(&one.after));
    one.dz = new_values(count_of(&one.pool.before));
    one.argmax = calloc(count_of(&one.after), sizeof *one.argmax);
    return one;
}

static void free_case(pool_case *one)
{
    free(one->x);
    free(one->dy);
    free(one->y);
    free(one->dz);
    free(one->argmax);
}

static size_t index_of(const kernel_tensor *tensor, int image, int row, int col, int channel)
{
    size_t pixel =
        ((size_t)image * (size_t)tensor->rows + (size_t)row) * (size_t)tensor->cols + (size_t)col;
    return pixel * (size_t)tensor->channels + (size_t)channel;
}

/* The first NaN, else the first of the largest. */
static size_t best_of_window(const pool_case *one, int image, int row, int col, int channel,
                             uint32_t *index)
{
    const kernel_pool *pool = &one->pool;
    size_t best = 0;
    for (int i = 0; i < pool->window_rows; i++)
        for (int j = 0; j < pool->window_cols; j++) {
            size_t at = index_of(&pool->before, image, row * pool->window_rows + i,
                                 col * pool->window_cols + j, channel);
            if ((i == 0 && j == 0) ||
                (!isnan(one->x[best]) && (isnan(one->x[at]) || one->x[at] > one->x[best]))) {
                best = at;
                *index = (uint32_t)(i * pool->window_cols + j);
            }
        }
    return best;
}

static void expect_output(pool_case *one, int image, int row, int col, int channel)
{
    size_t at = index_of(&one->after, image, row, col, channel);
    size_t best = best_of_window(one, image, row, col, channel, &one->argmax[at]);
    bool drops = one->pool.dropout != NULL;
    bool retained = !drops || hpac_random_u32(seed, HPAC_PURPOSE_DROPOUT, STREAM, STEP, at) >=
                                  one->dropout.threshold;
    float scale = drops ? one->dropout.scale : 1;
    one->y[at] = retained ? rounded_to(&one->after, one->x[best] * scale) : 0;
    if (!retained || (one->pool.relu && !(one->x[best] > 0)))
        one->argmax[at] = (uint32_t)(one->pool.window_rows * one->pool.window_cols);
    else
        one->dz[best] = rounded_to(&one->after, rounded_to(&one->after, one->dy[at]) * scale);
}

static void expect(pool_case *one)
{
    one->pool.dropout = one->dropout.step ? &one->dropout : NULL;
    for (int image = 0; image < one->after.batch; image++)
        for (int row = 0; row < one->after.rows; row++)
            for (int col = 0; col < one->after.cols; col++)
                for (int channel = 0; channel < one->after.channels; channel++)
                    expect_output(one, image, row, col, channel);
}

static const char *name_of_case(const pool_case *one)
{
    static char name[160];
    snprintf(name, sizeof name, "%s, window %d x %d%s%s", name_of(&one->pool.before),
             one->pool.window_rows, one->pool.window_cols, one->pool.relu ? ", relu" : "",
             one->pool.dropout ? ", dropout" : "");
    return name;
}

static size_t nbytes_of(const kernel_tensor *tensor)
{
    return count_of(tensor) * (tensor->bf16 ? 2 : 4);
}

/* The argmax has the layout of the output; as floats they pass through get_tensor. */
static void check_argmax(const pool_case *one, const void *address)
{
    size_t count = count_of(&one->after), nbytes = hpac_kernel_argmax_nbytes(&one->pool);
    bool small = one->pool.window_rows * one->pool.window_cols < 256;
    cr_assert_eq(nbytes, count * (small ? 1 : 4));
    unsigned char *bytes = malloc(nbytes);
    float *wide = new_values(count), *got = new_values(count);
    get_bytes(bytes, address, nbytes);
    for (size_t i = 0; i < count; i++)
        wide[i] = (float)(small ? bytes[i] : ((const uint32_t *)(const void *)bytes)[i]);
    kernel_tensor as_floats = one->after;
    as_floats.bf16 = false;
    void *floats = put_bytes(wide, count * sizeof *wide);
    get_tensor(&as_floats, floats, got);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(got[i], (float)one->argmax[i], "%s: argmax %zu is %g, expected %u",
                     name_of_case(one), i, (double)got[i], one->argmax[i]);
    free(bytes);
    free(wide);
    free(got);
}

static void check_values(const pool_case *one, const char *what, const kernel_tensor *tensor,
                         const void *address, const float *expected)
{
    float *got = new_values(count_of(tensor));
    get_tensor(tensor, address, got);
    for (size_t i = 0; i < count_of(tensor); i++)
        cr_assert(is_near((double)got[i], (double)expected[i], 0, 0),
                  "%s: %s %zu is %g, expected %g", name_of_case(one), what, i, (double)got[i],
                  (double)expected[i]);
    free(got);
}

static void check_sums(const pool_case *one, const void *address)
{
    size_t channels = (size_t)one->after.channels;
    float *got = new_values(channels);
    get_bytes(got, address, channels * sizeof *got);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, size = 0;
        for (size_t i = c; i < count_of(&one->pool.before); i += channels) {
            sum += (double)one->dz[i];
            size += fabs((double)one->dz[i]);
        }
        double rtol = one->after.bf16 && one->pool.dropout ? 4e-3 : 1e-6; /* sums are of float32 */
        cr_assert(is_near((double)got[c], sum, rtol * size, 0), "%s: sum %zu is %g, expected %g",
                  name_of_case(one), c, (double)got[c], sum);
    }
    free(got);
}

static void check_case(pool_case *one)
{
    const kernel_pool *pool = &one->pool;
    expect(one);
    void *x = put_tensor(&pool->before, one->x), *dy = put_tensor(&one->after, one->dy);
    void *y = put_bytes(NULL, nbytes_of(&one->after));
    void *argmax = put_bytes(NULL, hpac_kernel_argmax_nbytes(pool));
    MUST_WORK(hpac_kernel_maxpool(pool, y, argmax, x, bench_stream));
    check_values(one, "y", &one->after, y, one->y);
    check_argmax(one, argmax);

    void *alone = put_bytes(NULL, nbytes_of(&one->after));
    MUST_WORK(hpac_kernel_maxpool(pool, alone, NULL, x, bench_stream));
    check_values(one, "y without argmax", &one->after, alone, one->y);

    void *dx = put_bytes(NULL, nbytes_of(&pool->before));
    void *sums = put_bytes(NULL, (size_t)one->after.channels * sizeof(float));
    void *partials = put_bytes(NULL, hpac_kernel_partials_nbytes(&pool->before));
    MUST_WORK(hpac_kernel_maxpool_backward(pool, dx, argmax, dy, sums, partials, bench_stream));
    check_values(one, "dx", &pool->before, dx, one->dz);
    check_sums(one, sums);

    dx = put_bytes(NULL, nbytes_of(&pool->before));
    MUST_WORK(hpac_kernel_maxpool_backward(pool, dx, argmax, dy, NULL, NULL, bench_stream));
    check_values(one, "dx without sums", &pool->before, dx, one->dz);
}

Test(kernel_maxpool, forward_and_backward)
{
    for (int number = 0; number < SHAPE_COUNT * VARIANT_COUNT * PART_COUNT; number++) {
        pool_case one = make_case(number);
        check_case(&one);
        free_case(&one);
    }
}
