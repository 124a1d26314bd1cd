/* The update, where the cases of the self-check do not reach: tails, addresses, flags, the norm. */
#include "bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(kernel_update, .init = bench_start, .fini = bench_end);

enum { W, G, A, U, ARRAY_COUNT };

static const hpac_optimizer optimizer = {.rho = 0.9F, .epsilon = 1e-6F};
static const hpac_step step = {.learning_rate = 0.5F, .correction = 1};
static const hpac_update_range range = {.learning_rate_factor = 1};

/* Adadelta with the arrays from `first` on. */
static hpac_update make_update(float *const at[ARRAY_COUNT], size_t first, size_t count,
                               hpac_step_result *result)
{
    return (hpac_update){
        .optimizer = &optimizer,
        .ranges = put_bytes(&range, sizeof range),
        .range_count = 1,
        .count = count,
        .parameters = at[W] + first,
        .gradients = at[G] + first,
        .state = {at[A] + first, at[U] + first},
        .result = result,
    };
}

static void run_update(const hpac_update *update)
{
    MUST_WORK(hpac_kernel_update(update, put_bytes(&step, sizeof step), bench_stream));
}

/* `count` parameters from `first` on, among others which must stay what they are. */
static void check_update(size_t first, size_t count)
{
    enum { ALL = 80 };
    float *values[ARRAY_COUNT], got[ARRAY_COUNT][ALL], *at[ARRAY_COUNT];
    hpac_step_result result = {0};
    for (uint32_t i = 0; i < ARRAY_COUNT; i++) {
        values[i] = draw_values(50 + i, ALL);
        for (int j = 0; i >= A && j < ALL; j++)
            values[i][j] = fabsf(values[i][j]);
        at[i] = put_bytes(values[i], sizeof got[i]);
    }
    hpac_step_result *on_device = put_bytes(&result, sizeof result);
    const hpac_update update = make_update(at, first, count, on_device);
    run_update(&update);
    for (int i = 0; i < ARRAY_COUNT; i++)
        get_bytes(got[i], at[i], sizeof got[i]);
    get_bytes(&result, on_device, sizeof result);
    cr_expect_eq(result.nonfinite, 0);
    for (size_t j = 0; j < ALL; j++) {
        double w = (double)values[W][j], g = (double)values[G][j], a = (double)values[A][j],
               u = (double)values[U][j];
        if (j >= first && j < first + count) {
            a = 0.9 * a + 0.1 * g * g;
            double d = g * sqrt(u + 1e-6) / sqrt(a + 1e-6);
            u = 0.9 * u + 0.1 * d * d;
            w -= 0.5 * d;
        }
        cr_assert(is_near((double)got[W][j], w, 1e-6, 0), "%zu from %zu: w %zu", count, first, j);
        cr_assert(is_near((double)got[A][j], a, 0, 1e-6), "%zu from %zu: a %zu", count, first, j);
        cr_assert(is_near((double)got[U][j], u, 0, 1e-5), "%zu from %zu: u %zu", count, first, j);
        cr_assert_eq(got[G][j], values[G][j]);
    }
    for (int i = 0; i < ARRAY_COUNT; i++)
        free(values[i]);
}

Test(kernel_update, any_count_from_anywhere)
{
    for (size_t first = 0; first < 5; first++)
        for (size_t count = 0; count < 10; count++)
            check_update(first, count);
    check_update(0, 80);
    check_update(3, 70);
}

/* A flag that is up stays up. */
Test(kernel_update, raises_the_flag_and_leaves_it)
{
    float one = 1, bad = INFINITY, zero = 0;
    hpac_step_result result = {0};
    hpac_step_result *on_device = put_bytes(&result, sizeof result);
    for (int turn = 0; turn < 2; turn++) {
        float *const at[] = {put_bytes(&one, sizeof one), put_bytes(turn ? &one : &bad, sizeof one),
                             put_bytes(&zero, sizeof zero), put_bytes(&zero, sizeof zero)};
        const hpac_update update = make_update(at, 0, 1, on_device);
        run_update(&update);
        get_bytes(&result, on_device, sizeof result);
        cr_expect_neq(result.nonfinite, 0, "turn %d", turn);
    }
}

/* What is not finite, from what: each of these leaves all but one array finite. */
Test(kernel_update, flags_any_array_that_is_not_finite)
{
    static const struct {
        const char *what;
        float w, g, a, u;
        bool bad;
    } cases[] = {
        {"finite", 1, 1, 1, 1, false},
        {"large, but finite", 1e38F, 1e18F, 3e38F, 3e38F, false},
        {"the square of a gradient", 1, 3e19F, 0, 0, true},
        {"the square of a step", 1, 1e15F, 0, 1e38F, true},
        {"a weight", INFINITY, 0, 0, 0, true},
        {"a weight of -infinity beside a square average of infinity", -INFINITY, 3e19F, 0, 0, true},
        {"a gradient", 1, INFINITY, 1, 1, true},
        {"a gradient that is NaN", 1, NAN, 1, 1, true},
        {"the square average", 1, 1, INFINITY, 1, true},
        {"the step average", 1, 0, 1, INFINITY, true},
    };
    enum { COUNT = 7 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t index = 0; index < COUNT; index++) {
            float values[ARRAY_COUNT][COUNT], *at[ARRAY_COUNT];
            for (size_t j = 0; j < COUNT; j++)
                values[W][j] = values[G][j] = values[A][j] = values[U][j] = 1;
            values[W][index] = cases[i].w;
            values[G][index] = cases[i].g;
            values[A][index] = cases[i].a;
            values[U][index] = cases[i].u;
            for (int array = 0; array < ARRAY_COUNT; array++)
                at[array] = put_bytes(values[array], sizeof values[array]);
            hpac_step_result result = {0}, *on_device = put_bytes(&result, sizeof result);
            const hpac_update update = make_update(at, 0, COUNT, on_device);
            run_update(&update);
            get_bytes(&result, on_device, sizeof result);
            cr_expect_eq(result.nonfinite != 0, cases[i].bad, "%s, parameter %zu", cases[i].what,
                         index);
        }
}

/* Counts around those where blocks of the sum of squares end: one tile has 1024 parameters, and up
 * to 1024 tiles have a block each. SGD with a learning rate of 0.5 shows the clipped gradient. */
Test(kernel_update, clips_to_a_norm_over_all_blocks)
{
    static const size_t counts[] = {1, 1023, 1024, 1025, 1024 * 1024, 1024 * 1024 + 1};
    static const hpac_optimizer sgd = {.kind = HPAC_OPTIMIZER_SGD};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t count = counts[i];
        float *g = draw_values(60, count), *w = calloc(count, sizeof *w);
        double sum = 0;
        for (size_t j = 0; j < count; j++)
            sum += (double)g[j] * (double)g[j];
        float *const at[] = {put_bytes(w, count * sizeof *w), put_bytes(g, count * sizeof *g), NULL,
                             NULL};
        hpac_step_result result = {0}, *on_device = put_bytes(&result, sizeof result);
        hpac_update update = make_update(at, 0, count, on_device);
        update.optimizer = &sgd;
        update.state[0] = update.state[1] = NULL;
        update.clip_norm = 0.01F;
        update.workspace = put_bytes(NULL, HPAC_UPDATE_WORKSPACE_NBYTES);
        run_update(&update);
        get_bytes(w, at[W], count * sizeof *w);
        for (size_t j = 0; j < count; j++)
            cr_assert(is_near((double)w[j], -0.5 * 0.01 / sqrt(sum) * (double)g[j], 0, 1e-6),
                      "%zu of %zu", j, count);
        free(g);
        free(w);
    }
}
