/* Loss and gathering, where the cases of the self-check do not reach. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kernel_step, .init = bench_start, .fini = bench_end);

/* ---- loss ---- */

typedef struct loss_case {
    size_t batch, count, classes;
    float *logits, *weights;
    uint8_t *targets;
    float *dlogits, *probabilities; /* what the kernel made */
    hpac_step_result result;
} loss_case;

static loss_case make_loss(size_t batch, size_t count, size_t classes)
{
    size_t all = batch * classes;
    loss_case one = {.batch = batch, .count = count, .classes = classes};
    one.logits = draw_values(40, all);
    one.weights = draw_values(41, (size_t)classes);
    one.targets = malloc(all);
    one.dlogits = new_values(all);
    one.probabilities = new_values(all);
    for (size_t i = 0; i < all; i++) {
        one.logits[i] *= i % 11 == 0 ? 1e3F : 5.0F;
        one.targets[i] = i % 3 == 0;
    }
    for (size_t c = 0; c < classes; c++)
        one.weights[c] = 1 + fabsf(one.weights[c]);
    return one;
}

static void free_loss(loss_case *one)
{
    free(one->logits);
    free(one->weights);
    free(one->targets);
    free(one->dlogits);
    free(one->probabilities);
}

static void run_loss(loss_case *one, bool all_wanted)
{
    size_t all = one->batch * one->classes;
    hpac_loss loss = {
        .batch = one->batch,
        .count = one->count,
        .classes = one->classes,
        .logits = put_bytes(one->logits, all * sizeof(float)),
        .targets = put_bytes(one->targets, all),
        .result = put_bytes(NULL, sizeof one->result),
    };
    if (all_wanted) {
        loss.positive_weights = put_bytes(one->weights, one->classes * sizeof(float));
        loss.dlogits = put_bytes(NULL, all * sizeof(float));
        loss.probabilities = put_bytes(NULL, all * sizeof(float));
    }
    MUST_WORK(hpac_kernel_loss(&loss, bench_stream));
    get_bytes(&one->result, loss.result, sizeof one->result);
    if (all_wanted) {
        get_bytes(one->dlogits, loss.dlogits, all * sizeof(float));
        get_bytes(one->probabilities, loss.probabilities, all * sizeof(float));
    }
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static void check_counts(const loss_case *one)
{
    hpac_step_result expected = {0};
    for (size_t i = 0; i < one->count * one->classes; i++) {
        size_t c = i % one->classes;
        bool predicted = one->logits[i] > 0;
        expected.true_positives[c] += predicted && one->targets[i];
        expected.false_positives[c] += predicted && !one->targets[i];
        expected.false_negatives[c] += !predicted && one->targets[i];
    }
    size_t nbytes = sizeof expected.true_positives;
    cr_expect_eq(memcmp(one->result.true_positives, expected.true_positives, nbytes), 0);
    cr_expect_eq(memcmp(one->result.false_positives, expected.false_positives, nbytes), 0);
    cr_expect_eq(memcmp(one->result.false_negatives, expected.false_negatives, nbytes), 0);
    cr_expect_eq(one->result.nonfinite, 0);
}

static void check_loss(const loss_case *one, bool all_wanted)
{
    double sum = 0, scale = 1 / (double)(one->count * one->classes);
    for (size_t i = 0; i < one->batch * one->classes; i++) {
        double z = (double)one->logits[i];
        double weight = all_wanted ? (double)one->weights[i % one->classes] : 1;
        bool there = i < one->count * one->classes;
        double p = there ? 1 / (1 + exp(-z)) : 0;
        double dz = !there ? 0 : one->targets[i] ? -weight / (1 + exp(z)) : p;
        if (there)
            sum += one->targets[i] ? weight * softplus(-z) : softplus(z);
        if (!all_wanted)
            continue;
        cr_expect(is_near((double)one->dlogits[i], dz * scale, 1e-38, 1e-6), "gradient %zu", i);
        cr_expect(is_near((double)one->probabilities[i], p, 1e-38, 1e-6), "probability %zu", i);
    }
    cr_expect(is_near(one->result.loss_sum, sum, 0, 1e-12), "%.17g, expected %.17g",
              one->result.loss_sum, sum);
}

/* More logits than the block has threads, all classes there may be, and rows behind the last. */
Test(kernel_step, loss_of_any_shape)
{
    static const size_t shapes[][3] = {{1, 1, 1},      {128, 128, 3}, {5, 3, 28},
                                       {200, 199, 32}, {64, 1, 31},   {1100, 1100, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int all_wanted = 0; all_wanted < 2; all_wanted++) {
            loss_case one = make_loss(shapes[i][0], shapes[i][1], shapes[i][2]);
            run_loss(&one, all_wanted);
            check_loss(&one, all_wanted);
            check_counts(&one);
            free_loss(&one);
        }
}

/* Between 0 and the smallest logit whose probability is above 0.5 as a float, all are negative. */
Test(kernel_step, a_probability_of_one_half_is_no_positive)
{
    loss_case one = make_loss(1, 1, 4);
    one.logits[0] = 0.0F;
    one.logits[1] = 1e-8F; /* p = 0.5 + 2.5e-9: 0.5 as a float */
    one.logits[2] = 1e-6F; /* p = 0.5 + 2.5e-7 */
    one.logits[3] = -1e-8F;
    memset(one.targets, 1, 4);
    run_loss(&one, true);
    for (int c = 0; c < 4; c++) {
        cr_expect_eq(one.result.true_positives[c], c == 2, "class %d", c);
        cr_expect_eq(one.result.false_negatives[c], c != 2, "class %d", c);
    }
    free_loss(&one);
}

Test(kernel_step, a_nan_among_the_logits_stays_one)
{
    for (int target = 0; target < 2; target++) {
        loss_case one = make_loss(50, 50, 3);
        one.logits[77] = NAN;
        one.targets[77] = (uint8_t)target;
        run_loss(&one, true);
        cr_expect(isnan(one.result.loss_sum));
        cr_expect(isnan(one.dlogits[77]));
        cr_expect(isnan(one.probabilities[77]));
        free_loss(&one);
    }
}

/* ---- gather ---- */

static void check_gather(size_t row_nbytes, size_t shift)
{
    static const uint32_t rows[] = {6, 0, 6, 3, 1, 5, 2, 4, 0};
    enum { ROW_COUNT = 7, PICKED = sizeof rows / sizeof *rows };
    size_t table_nbytes = ROW_COUNT * row_nbytes + shift,
           picked_nbytes = PICKED * row_nbytes + shift;
    unsigned char *table = malloc(table_nbytes), *got = malloc(picked_nbytes);
    for (size_t i = 0; i < table_nbytes; i++)
        table[i] = (unsigned char)(i * 31 + i / 256);
    unsigned char *from = put_bytes(table, table_nbytes), *to = put_bytes(NULL, picked_nbytes);
    hpac_gather gather = {.to = to + shift,
                          .from = from + shift,
                          .rows = put_bytes(rows, sizeof rows),
                          .count = PICKED,
                          .row_nbytes = row_nbytes};
    MUST_WORK(hpac_kernel_gather(&gather, bench_stream));
    get_bytes(got, to, picked_nbytes);
    for (size_t i = 0; i < PICKED; i++)
        cr_assert_eq(
            memcmp(got + shift + i * row_nbytes, table + shift + rows[i] * row_nbytes, row_nbytes),
            0, "row %zu of %zu bytes, %zu behind an aligned address", i, row_nbytes, shift);
    for (size_t i = 0; i < shift; i++)
        cr_assert_eq(got[i], 0xff);
    free(table);
    free(got);
}

/* Pieces of 16, 4 and 1 bytes. */
Test(kernel_step, rows_of_any_length_are_gathered)
{
    static const size_t lengths[] = {1, 3, 4, 16, 28, 48, 1000, 4096, 5003};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (size_t shift = 0; shift < 9; shift += 4)
            check_gather(lengths[i], shift);
    check_gather(16, 1);
}
