/* The self-check of the loss and of the update. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

const hpac_optimizer hpac_selfcheck_optimizer = {
    .kind = HPAC_OPTIMIZER_ADADELTA, .learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F};

hpac_step hpac_selfcheck_step(const reference_draw *draw)
{
    return (hpac_step){.seed = draw->seed,
                       .step = draw->step,
                       .learning_rate = hpac_selfcheck_optimizer.learning_rate,
                       .correction = 1};
}

#define MAX_ARRAYS 9

/* An array, pinned on the host, and on the device. */
typedef struct check_array {
    union {
        void *host;
        float *floats;
        uint8_t *bytes;
        hpac_step_result *result;
    };
    void *device;
    size_t nbytes;
} check_array;

/* What one function of the device reads and writes. */
typedef struct step_check {
    selfcheck_gauge *gauge;
    selfcheck_memory memory;
    check_array arrays[MAX_ARRAYS];
    size_t array_count;
} step_check;

static void free_arrays(step_check *check)
{
    hpac_selfcheck_free(&check->memory);
}

static hpac_status add_array(step_check *check, size_t nbytes)
{
    check_array *array = &check->arrays[check->array_count++];
    array->nbytes = nbytes;
    HPAC_TRY(hpac_selfcheck_alloc(&check->memory, HPAC_MEMORY_PINNED, nbytes, &array->host));
    return hpac_selfcheck_alloc(&check->memory, HPAC_MEMORY_DEVICE, nbytes, &array->device);
}

/* Uploads all arrays and begins to measure. */
static hpac_status begin(step_check *check)
{
    hpac_device *device = check->gauge->device;
    for (size_t i = 0; i < check->array_count; i++)
        HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COMPUTE, check->arrays[i].device,
                                     check->arrays[i].host, check->arrays[i].nbytes));
    return hpac_selfcheck_begin(check->gauge);
}

/* Ends the measurement and downloads the arrays from `first` on. */
static hpac_status end(step_check *check, size_t first)
{
    hpac_device *device = check->gauge->device;
    HPAC_TRY(hpac_selfcheck_end(check->gauge));
    for (size_t i = first; i < check->array_count; i++)
        HPAC_TRY(device->ops->download(device, HPAC_QUEUE_COMPUTE, check->arrays[i].host,
                                       check->arrays[i].device, check->arrays[i].nbytes));
    return device->ops->synchronize(device);
}

enum { LOSS_BATCH = 9, LOSS_CLASSES = 28, LOSS_COUNT = LOSS_BATCH * LOSS_CLASSES };

enum { TARGETS, LOGITS, WEIGHTS, DLOGITS, PROBABILITIES, RESULT };

static void fill_loss(const check_array *arrays, uint64_t seed)
{
    static const float extremes[] = {1e4F, -1e4F, 0.0F, -0.0F, 1e-9F, -1e-9F, 88.0F, -104.0F};
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 1, 0);
    for (size_t i = 0; i < LOSS_COUNT; i++) {
        arrays[TARGETS].bytes[i] = (uint8_t)hpac_random_below(&random, 2);
        arrays[LOGITS].floats[i] = i % 3 == 0 ? extremes[hpac_random_below(&random, 8)]
                                              : 16.0F * hpac_random_uniform(&random) - 8.0F;
        arrays[WEIGHTS].floats[i] = 0.25F + 4.0F * hpac_random_uniform(&random);
    }
}

/* Which loss is computed. */
typedef struct loss_kind {
    size_t count;
    bool weighted, softmax;
    hpac_loss_formula formula;
} loss_kind;

/* Cross-entropy, focal loss, asymmetric loss, and what no configuration has. */
static const hpac_loss_formula formulas[] = {
    {0},
    {.gamma_pos = 2, .gamma_neg = 2, .alpha = 0.25F},
    {.gamma_pos = 1, .gamma_neg = 4, .clip = 0.05F},
    {.label_smoothing = 0.1F},
    {.gamma_pos = 0.5F, .gamma_neg = 1.5F, .clip = 0.125F, .alpha = 0.75F, .label_smoothing = 0.2F},
};
#define FORMULA_COUNT (sizeof formulas / sizeof *formulas)

static hpac_status run_loss(step_check *check, loss_kind kind)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    const hpac_loss loss = {
        .batch = LOSS_BATCH,
        .count = kind.count,
        .classes = LOSS_CLASSES,
        .softmax = kind.softmax,
        .formula = kind.formula,
        .logits = arrays[LOGITS].device,
        .targets = arrays[TARGETS].device,
        .positive_weights = kind.weighted ? arrays[WEIGHTS].device : NULL,
        .dlogits = arrays[DLOGITS].device,
        .probabilities = arrays[PROBABILITIES].device,
        .result = arrays[RESULT].device,
    };
    for (size_t i = DLOGITS; i <= RESULT; i++)
        memset(arrays[i].host, 0xff, arrays[i].nbytes); /* NaN */
    HPAC_TRY(begin(check));
    HPAC_TRY(device->ops->loss(device, &loss));
    return end(check, DLOGITS);
}

/* log(1 + exp(x)) without overflow. */
static long double softplus(long double x)
{
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

/* What is expected of all logits: the first `count` rows, and zeros. */
typedef struct loss_values {
    double sum, probabilities[LOSS_COUNT], dlogits[LOSS_COUNT];
} loss_values;

static double weight_of(const check_array *arrays, loss_kind kind, size_t class)
{
    return kind.weighted ? (double)arrays[WEIGHTS].floats[class] : 1;
}

/* hpac_loss_formula as device.h writes it. */
static long double loss_by(const hpac_loss_formula *formula, long double weight, bool labelled,
                           long double z)
{
    long double smoothing = formula->label_smoothing, clip = formula->clip;
    long double y = (labelled ? 1 - smoothing : 0) + smoothing / 2;
    long double p = 1 / (1 + expl(-z)), n = fminl(1 / (1 + expl(z)) + clip, 1);
    long double log_p = -softplus(-z);
    long double log_n = clip > 0 ? logl(n) : -softplus(z);
    long double u = y / (1 + expl(z)) + (1 - y) * (clip > 0 ? 1 - n : p);
    long double a = formula->alpha > 0 ? y * formula->alpha + (1 - y) * (1 - formula->alpha) : 1;
    return -a * powl(u, y * formula->gamma_pos + (1 - y) * formula->gamma_neg) *
           (weight * y * log_p + (1 - y) * log_n);
}

/* The gradient by central differences, where it has no formula of its own. */
static double gradient_by(const hpac_loss_formula *formula, double weight, bool labelled, double z)
{
    const double step = 1e-5;
    if (hpac_loss_is_plain(formula))
        return labelled ? -weight / (1 + exp(z)) : 1 / (1 + exp(-z));
    return (double)((loss_by(formula, weight, labelled, z + step) -
                     loss_by(formula, weight, labelled, z - step)) /
                    (2 * step));
}

static void expect_sigmoid(const check_array *arrays, loss_kind kind, loss_values *expected)
{
    for (size_t i = 0; i < kind.count * LOSS_CLASSES; i++) {
        double z = (double)arrays[LOGITS].floats[i];
        double weight = weight_of(arrays, kind, i % LOSS_CLASSES);
        bool labelled = arrays[TARGETS].bytes[i];
        expected->probabilities[i] = 1 / (1 + exp(-z));
        expected->sum += (double)loss_by(&kind.formula, weight, labelled, z);
        expected->dlogits[i] =
            gradient_by(&kind.formula, weight, labelled, z) / (double)(kind.count * LOSS_CLASSES);
    }
}

/* One row: the gradients of the probabilities, times the matrix of their derivatives. */
static void expect_softmax_row(const check_array *arrays, loss_kind kind, size_t first,
                               loss_values *expected)
{
    double *p = &expected->probabilities[first], slopes[LOSS_CLASSES], sum = 0;
    double max = -INFINITY;
    for (size_t k = 0; k < LOSS_CLASSES; k++)
        max = fmax(max, (double)arrays[LOGITS].floats[first + k]);
    for (size_t k = 0; k < LOSS_CLASSES; k++)
        sum += p[k] = exp((double)arrays[LOGITS].floats[first + k] - max);
    for (size_t k = 0; k < LOSS_CLASSES; k++) {
        double weight = weight_of(arrays, kind, k);
        p[k] /= sum;
        double c = fmin(fmax(p[k], 1e-7), 1 - 1e-7);
        bool labelled = arrays[TARGETS].bytes[first + k];
        expected->sum -= labelled ? weight * log(c) : log(1 - c);
        slopes[k] = c != p[k] ? 0 : labelled ? -weight / c : 1 / (1 - c);
    }
    for (size_t i = 0; i < LOSS_CLASSES; i++) {
        double gradient = 0;
        for (size_t k = 0; k < LOSS_CLASSES; k++)
            gradient += slopes[k] * p[k] * ((k == i) - p[i]);
        expected->dlogits[first + i] = gradient / (double)(kind.count * LOSS_CLASSES);
    }
}

static void expect_loss(const check_array *arrays, loss_kind kind, loss_values *expected)
{
    *expected = (loss_values){0};
    if (!kind.softmax)
        expect_sigmoid(arrays, kind, expected);
    for (size_t row = 0; kind.softmax && row < kind.count; row++)
        expect_softmax_row(arrays, kind, row * LOSS_CLASSES, expected);
}

static hpac_status check_counts(const check_array *arrays, size_t count, const double *p)
{
    const hpac_step_result *result = arrays[RESULT].result;
    uint32_t expected[HPAC_DEVICE_MAX_CLASSES][3] = {0};
    for (size_t i = 0; i < count * LOSS_CLASSES; i++) {
        bool predicted = (float)p[i] > 0.5F, labelled = arrays[TARGETS].bytes[i];
        expected[i % LOSS_CLASSES][0] += predicted && labelled;
        expected[i % LOSS_CLASSES][1] += predicted && !labelled;
        expected[i % LOSS_CLASSES][2] += !predicted && labelled;
    }
    for (size_t k = 0; k < HPAC_DEVICE_MAX_CLASSES; k++) {
        const uint32_t counts[3] = {result->true_positives[k], result->false_positives[k],
                                    result->false_negatives[k]};
        if (memcmp(counts, expected[k], sizeof counts) != 0)
            return hpac_fail(HPAC_ERR_NUMERIC, "class %zu: counts %u %u %u, expected %u %u %u", k,
                             counts[0], counts[1], counts[2], expected[k][0], expected[k][1],
                             expected[k][2]);
    }
    if (result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "the loss of finite logits is marked not finite");
    return HPAC_OK;
}

static hpac_status check_loss(step_check *check, loss_kind kind)
{
    const check_array *arrays = check->arrays;
    loss_values values;
    HPAC_TRY(run_loss(check, kind));
    expect_loss(arrays, kind, &values);
    for (size_t i = 0; i < LOSS_COUNT; i++) {
        /* Alone, not beside the large ones: small probabilities are to be right as well, down to
         * where float ends. */
        double expected = (double)(float)values.probabilities[i];
        HPAC_TRY(hpac_selfcheck_compare(check->gauge, "probability",
                                        &arrays[PROBABILITIES].floats[i], &expected, 1, 1e-6, 0));
    }
    double got = arrays[RESULT].result->loss_sum;
    if (!hpac_selfcheck_allows(check->gauge, fabs(got - values.sum), 1e-6 * values.sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "loss_sum is %.9g, expected %.9g", got, values.sum);
    HPAC_TRY(check_counts(arrays, kind.count, values.probabilities));
    return hpac_selfcheck_compare(check->gauge, "dlogits", arrays[DLOGITS].floats, values.dlogits,
                                  LOSS_COUNT, 1e-6, 0);
}

/* A NaN must not disappear. */
static hpac_status check_nan(step_check *check, loss_kind kind)
{
    kind.count = LOSS_BATCH;
    kind.weighted = true;
    check->arrays[LOGITS].floats[LOSS_COUNT / 2] = NAN;
    HPAC_TRY(run_loss(check, kind));
    double sum = check->arrays[RESULT].result->loss_sum;
    if (isfinite(sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "a NaN among the logits gives the finite loss %g", sum);
    return HPAC_OK;
}

/* By one formula, with all numbers of images, with and without weights. */
static hpac_status check_formula(step_check *check, loss_kind kind, uint64_t seed)
{
    const hpac_loss_formula *formula = &kind.formula;
    fill_loss(check->arrays, seed);
    for (kind.count = 1; kind.count <= LOSS_BATCH; kind.count += 4)
        for (int weighted = 0; weighted < 2; weighted++) {
            kind.weighted = weighted;
            HPAC_TRY(hpac_fail_within(
                check_loss(check, kind),
                "%s, gamma_pos %g, gamma_neg %g, clip %g, alpha %g, label_smoothing %g, %zu of %d "
                "rows, %s weights",
                kind.softmax ? "softmax" : "sigmoid", (double)formula->gamma_pos,
                (double)formula->gamma_neg, (double)formula->clip, (double)formula->alpha,
                (double)formula->label_smoothing, kind.count, LOSS_BATCH,
                weighted ? "with" : "without"));
        }
    return check_nan(check, kind);
}

hpac_status hpac_selfcheck_loss(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    (void)one;
    HPAC_AUTO(free_arrays) step_check check = {.gauge = gauge, .memory.device = gauge->device};
    HPAC_TRY(add_array(&check, LOSS_COUNT));
    for (size_t i = LOGITS; i <= PROBABILITIES; i++)
        HPAC_TRY(add_array(&check, LOSS_COUNT * sizeof(float)));
    HPAC_TRY(add_array(&check, sizeof(hpac_step_result)));
    for (size_t i = 0; i < FORMULA_COUNT; i++)
        HPAC_TRY(check_formula(&check, (loss_kind){.formula = formulas[i]}, seed));
    return check_formula(&check, (loss_kind){.softmax = true}, seed);
}

enum { UPDATE_COUNT = 40003, UPDATE_STEPS = 4, UPDATE_RANGES = 3, UPDATE_ACCUMULATE = 2 };

/* The last is the norm's workspace, which is not compared. */
enum { W, FIRST, SECOND, ACCUMULATED, AVERAGE, FLAGS, G, RANGES, NORM };
#define UPDATE_VALUES FLAGS

static const hpac_update_range update_ranges[UPDATE_RANGES] = {
    {.learning_rate_factor = 1, .weight_decay = 0.004F, .l2 = 0.002F},
    {.first = 64, .learning_rate_factor = 0.25F},
    {.first = 30016, .learning_rate_factor = 1, .weight_decay = 0.004F},
};
#define CLIP_NORM 10.0F

static bool has_array(const selfcheck_case *one, size_t array)
{
    if (array == ACCUMULATED || array == AVERAGE)
        return one->complete;
    return array == W || array - FIRST < hpac_optimizer_state_count(&one->optimizer);
}

static hpac_step make_step(const selfcheck_case *one, uint32_t number)
{
    const hpac_optimizer *optimizer = &one->optimizer;
    uint32_t update = one->complete ? number / UPDATE_ACCUMULATE : number;
    double t = (double)update + 1;
    bool is_adam = optimizer->beta_1 > 0;
    return (hpac_step){
        .step = number,
        .accumulates = one->complete && (number + 1) % UPDATE_ACCUMULATE != 0,
        .learning_rate = optimizer->learning_rate / (float)t, /* another one each time */
        .correction = is_adam ? (float)(sqrt(1 - pow((double)optimizer->beta_2, t)) /
                                        (1 - pow((double)optimizer->beta_1, t)))
                              : 1,
        .average_momentum = update > 0 ? 0.9F : 0,
    };
}

static hpac_status run_update(step_check *check, const selfcheck_case *one, const hpac_step *step)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    void *states[FLAGS];
    for (size_t i = 0; i < FLAGS; i++)
        states[i] = has_array(one, i) ? arrays[i].device : NULL;
    const hpac_update update = {
        .optimizer = &one->optimizer,
        .ranges = arrays[RANGES].device,
        .range_count = one->complete ? UPDATE_RANGES : 1,
        .count = UPDATE_COUNT,
        .parameters = arrays[W].device,
        .gradients = arrays[G].device,
        .state = {states[FIRST], states[SECOND]},
        .accumulated = states[ACCUMULATED],
        .accumulate = one->complete ? UPDATE_ACCUMULATE : 1,
        .average = states[AVERAGE],
        .clip_norm = one->complete ? CLIP_NORM : 0,
        .workspace = arrays[NORM].device,
        .result = arrays[FLAGS].device,
    };
    arrays[FLAGS].result->nonfinite = 0;
    HPAC_TRY(device->ops->set_step(device, step));
    HPAC_TRY(begin(check));
    HPAC_TRY(device->ops->update(device, &update));
    return end(check, W);
}

/* Gradients from 1e-12 to 1e4, each of its own size, and zeros. Without a sign where they are
 * added to each other, so that nothing cancels. */
static void draw_gradients(float *gradients, bool positive, hpac_random *random)
{
    for (size_t i = 0; i < UPDATE_COUNT; i++) {
        float value = 2 * hpac_random_uniform(random) - 1;
        gradients[i] =
            i % 7 == 0 ? 0.0F
                       : (positive ? fabsf(value) : value) * (float)pow(10, (double)(i % 17) - 12);
    }
}

static const hpac_update_range *range_of(const selfcheck_case *one, size_t parameter)
{
    size_t range = 0;
    while (one->complete && range + 1 < UPDATE_RANGES &&
           update_ranges[range + 1].first <= parameter)
        range++;
    return &update_ranges[range];
}

/* From the gradients of the step to those that the optimizer gets; `scale`: 1, then the norm's. */
static double gradient_of(const step_check *check, const selfcheck_case *one,
                          double (*expected)[UPDATE_COUNT], size_t i)
{
    double g = (double)check->arrays[G].floats[i];
    if (!one->complete)
        return g;
    return (expected[ACCUMULATED][i] + g) / UPDATE_ACCUMULATE +
           (double)range_of(one, i)->l2 * expected[W][i];
}

static double expect_scale(const step_check *check, const selfcheck_case *one,
                           double (*expected)[UPDATE_COUNT])
{
    double sum = 0;
    for (size_t i = 0; i < UPDATE_COUNT; i++)
        sum += pow(gradient_of(check, one, expected, i), 2);
    return one->complete ? fmin(1, (double)CLIP_NORM / sqrt(sum)) : 1;
}

static void expect_update(const step_check *check, const selfcheck_case *one, const hpac_step *step,
                          double (*expected)[UPDATE_COUNT], double *scales)
{
    double scale = expect_scale(check, one, expected), m = (double)step->average_momentum;
    for (size_t i = 0; i < UPDATE_COUNT; i++) {
        double gradient = scale * gradient_of(check, one, expected, i);
        hpac_optimizer optimizer = one->optimizer;
        hpac_step own = *step;
        own.learning_rate *= range_of(one, i)->learning_rate_factor;
        optimizer.weight_decay = range_of(one, i)->weight_decay;
        scales[i] = fmax(scales[i], fabs(gradient));
        hpac_reference_update(&optimizer, &own, gradient, &expected[W][i], &expected[FIRST][i],
                              &expected[SECOND][i]);
        expected[ACCUMULATED][i] = 0;
        expected[AVERAGE][i] = m * expected[AVERAGE][i] + (1 - m) * expected[W][i];
    }
}

/* Weights and their average together, since w - d cancels; the others one by one, which differ in
 * size. */
static hpac_status compare_arrays(const step_check *check, const selfcheck_case *one,
                                  double (*expected)[UPDATE_COUNT], const double *scales)
{
    static const char *const names[] = {"w", "first state", "second state", "accumulated",
                                        "average"};
    bool is_signed = one->optimizer.kind != HPAC_OPTIMIZER_ADADELTA;
    for (size_t array = W; array < UPDATE_VALUES; array++) {
        const float *got = check->arrays[array].floats;
        if (has_array(one, array) && (array == W || array == AVERAGE))
            HPAC_TRY(hpac_selfcheck_compare(check->gauge, names[array], got, expected[array],
                                            UPDATE_COUNT, 2e-7, 0));
        else if (has_array(one, array))
            for (size_t i = 0; i < UPDATE_COUNT; i++)
                HPAC_TRY(hpac_fail_within(
                    hpac_selfcheck_compare(check->gauge, names[array], &got[i], &expected[array][i],
                                           1, 2e-6, is_signed && array == FIRST ? scales[i] : 0),
                    "parameter %zu, g = %g", i, (double)check->arrays[G].floats[i]));
    }
    return HPAC_OK;
}

static hpac_status check_step(step_check *check, const selfcheck_case *one, uint32_t number,
                              double (*expected)[UPDATE_COUNT], double *scales)
{
    const hpac_step step = make_step(one, number);
    if (step.accumulates)
        for (size_t i = 0; i < UPDATE_COUNT; i++)
            expected[ACCUMULATED][i] += (double)check->arrays[G].floats[i];
    else
        expect_update(check, one, &step, expected, scales);
    HPAC_TRY(run_update(check, one, &step));
    HPAC_TRY(compare_arrays(check, one, expected, scales));
    if (check->arrays[FLAGS].result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "finite numbers are marked as not finite");
    return HPAC_OK;
}

static hpac_status check_steps(step_check *check, const selfcheck_case *one, uint64_t seed)
{
    HPAC_AUTO_FREE double(*expected)[UPDATE_COUNT] = NULL;
    HPAC_AUTO_FREE double *scales =
        NULL; /* the largest gradient of each: momenta of both signs cancel */
    HPAC_TRY_NEW(expected, UPDATE_VALUES);
    HPAC_TRY_NEW(scales, UPDATE_COUNT);
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 2, 0);
    for (size_t i = 0; i < UPDATE_COUNT; i++) {
        float w = hpac_random_uniform(&random) + (one->complete ? 0.5F : 0.0F);
        check->arrays[W].floats[i] = w;
        expected[W][i] = (double)w;
    }
    for (uint32_t step = 0; step < UPDATE_STEPS; step++) {
        draw_gradients(check->arrays[G].floats, one->complete, &random);
        HPAC_TRY(hpac_fail_within(check_step(check, one, step, expected, scales), "step %u", step));
    }
    return HPAC_OK;
}

/* One parameter whose update is not finite, anywhere, must be reported. */
static hpac_status check_nonfinite(step_check *check, const selfcheck_case *one)
{
    static const size_t indices[] = {0, 1, 15, 16, 1023, 1024, 31999, UPDATE_COUNT - 1};
    static const struct {
        float w, g, first, second;
        bool adadelta; /* only of it */
        const char *what;
    } cases[] = {
        {NAN, 0, 0, 0, false, "a weight of nan"},
        {-INFINITY, 0, 0, 0, false, "a weight of -inf"},
        {0, NAN, 0, 0, false, "a gradient of nan"},
        {0, INFINITY, 0, 0, false, "a gradient of inf"},
        {0, 1e30F, 0, 0, true, "a finite gradient whose square is not"},
        {0, 1e15F, 0, 3e38F, true, "a finite change whose square is not"},
    };
    bool adadelta = one->optimizer.kind == HPAC_OPTIMIZER_ADADELTA;
    hpac_step step = make_step(one, UPDATE_ACCUMULATE - 1);
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            float *const at[] = {check->arrays[W].floats, check->arrays[G].floats,
                                 check->arrays[FIRST].floats, check->arrays[SECOND].floats};
            const float values[] = {cases[c].w, cases[c].g, cases[c].first, cases[c].second};
            if (cases[c].adadelta && !(adadelta && !one->complete))
                continue;
            for (size_t array = W; array < FLAGS; array++)
                memset(check->arrays[array].host, 0, check->arrays[array].nbytes);
            memset(check->arrays[G].host, 0, check->arrays[G].nbytes);
            for (size_t array = 0; array < sizeof at / sizeof *at; array++)
                at[array][indices[i]] = values[array];
            HPAC_TRY(run_update(check, one, &step));
            if (!check->arrays[FLAGS].result->nonfinite)
                return hpac_fail(HPAC_ERR_NUMERIC, "%s, parameter %zu, is not reported",
                                 cases[c].what, indices[i]);
        }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_update(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    HPAC_AUTO(free_arrays) step_check check = {.gauge = gauge, .memory.device = gauge->device};
    for (size_t i = 0; i < FLAGS; i++)
        HPAC_TRY(add_array(&check, UPDATE_COUNT * sizeof(float)));
    HPAC_TRY(add_array(&check, sizeof(hpac_step_result)));
    HPAC_TRY(add_array(&check, UPDATE_COUNT * sizeof(float)));
    HPAC_TRY(add_array(&check, sizeof update_ranges));
    HPAC_TRY(add_array(&check, HPAC_UPDATE_WORKSPACE_NBYTES));
    hpac_update_range *ranges = check.arrays[RANGES].host;
    memcpy(ranges, update_ranges, sizeof update_ranges);
    if (!one->complete)
        ranges[0].l2 = 0;
    HPAC_TRY(check_steps(&check, one, seed));
    return check_nonfinite(&check, one);
}
