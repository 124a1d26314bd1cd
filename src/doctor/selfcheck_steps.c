/* The self-check of the loss and of the update. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

const hpac_adadelta hpac_selfcheck_optimizer = {
    .learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F};

#define MAX_ARRAYS 6

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

static hpac_status run_loss(step_check *check, size_t count, bool weighted)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    const hpac_loss loss = {
        .batch = LOSS_BATCH,
        .count = count,
        .classes = LOSS_CLASSES,
        .logits = arrays[LOGITS].device,
        .targets = arrays[TARGETS].device,
        .positive_weights = weighted ? arrays[WEIGHTS].device : NULL,
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
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static hpac_status check_counts(const check_array *arrays, size_t count)
{
    const hpac_step_result *result = arrays[RESULT].result;
    uint32_t expected[HPAC_DEVICE_MAX_CLASSES][3] = {0};
    for (size_t i = 0; i < count * LOSS_CLASSES; i++) {
        bool predicted = (float)(1 / (1 + exp(-(double)arrays[LOGITS].floats[i]))) > 0.5F;
        bool labelled = arrays[TARGETS].bytes[i];
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

static hpac_status check_loss(step_check *check, size_t count, bool weighted)
{
    const check_array *arrays = check->arrays;
    double dlogits[LOSS_COUNT] = {0}, loss_sum = 0;
    HPAC_TRY(run_loss(check, count, weighted));
    for (size_t i = 0; i < count * LOSS_CLASSES; i++) {
        bool labelled = arrays[TARGETS].bytes[i];
        double z = (double)arrays[LOGITS].floats[i], p = 1 / (1 + exp(-z));
        double weight = weighted ? (double)arrays[WEIGHTS].floats[i % LOSS_CLASSES] : 1;
        loss_sum += labelled ? weight * softplus(-z) : softplus(z);
        dlogits[i] = (labelled ? -weight / (1 + exp(z)) : p) / (double)(count * LOSS_CLASSES);
        /* Alone, not beside the large ones: small probabilities are to be right as well, down to
         * where float ends. */
        double expected = (double)(float)p;
        HPAC_TRY(hpac_selfcheck_compare(check->gauge, "probability",
                                        &arrays[PROBABILITIES].floats[i], &expected, 1, 1e-6, 0));
    }
    double got = arrays[RESULT].result->loss_sum;
    if (!hpac_selfcheck_allows(check->gauge, fabs(got - loss_sum), 1e-6 * loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "loss_sum is %.9g, expected %.9g", got, loss_sum);
    HPAC_TRY(check_counts(arrays, count));
    return hpac_selfcheck_compare(check->gauge, "dlogits", arrays[DLOGITS].floats, dlogits,
                                  LOSS_COUNT, 1e-6, 0);
}

hpac_status hpac_selfcheck_loss(selfcheck_gauge *gauge, const selfcheck_case *one, uint64_t seed)
{
    (void)one;
    HPAC_AUTO(free_arrays) step_check check = {.gauge = gauge, .memory.device = gauge->device};
    HPAC_TRY(add_array(&check, LOSS_COUNT));
    for (size_t i = LOGITS; i <= PROBABILITIES; i++)
        HPAC_TRY(add_array(&check, LOSS_COUNT * sizeof(float)));
    HPAC_TRY(add_array(&check, sizeof(hpac_step_result)));
    fill_loss(check.arrays, seed);
    for (size_t count = 1; count <= LOSS_BATCH; count += 4)
        for (int weighted = 0; weighted < 2; weighted++)
            HPAC_TRY(hpac_fail_within(check_loss(&check, count, weighted),
                                      "%zu of %d rows, %s weights", count, LOSS_BATCH,
                                      weighted ? "with" : "without"));
    check.arrays[LOGITS].floats[LOSS_COUNT / 2] = NAN;
    HPAC_TRY(run_loss(&check, LOSS_BATCH, true));
    if (isfinite(check.arrays[RESULT].result->loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "a NaN among the logits gives the finite loss %g",
                         check.arrays[RESULT].result->loss_sum);
    return HPAC_OK;
}

enum { ADADELTA_COUNT = 40003, ADADELTA_STEPS = 4 };

enum { W, G, A, U, FLAGS };

static hpac_status run_adadelta(step_check *check)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    arrays[FLAGS].result->nonfinite = 0;
    HPAC_TRY(begin(check));
    HPAC_TRY(device->ops->adadelta(device, &hpac_selfcheck_optimizer, arrays[W].device,
                                   arrays[G].device, arrays[A].device, arrays[U].device,
                                   ADADELTA_COUNT, arrays[FLAGS].device));
    return end(check, W);
}

/* Gradients from 1e-12 to 1e4, each of its own size, and zeros. */
static void draw_gradients(float *gradients, hpac_random *random)
{
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        gradients[i] = i % 7 == 0 ? 0.0F
                                  : (2 * hpac_random_uniform(random) - 1) *
                                        (float)pow(10, (double)(i % 17) - 12);
}

static hpac_status check_step(step_check *check, double (*expected)[ADADELTA_COUNT])
{
    const check_array *arrays = check->arrays;
    const float *gradients = arrays[G].floats;
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        hpac_reference_adadelta(&hpac_selfcheck_optimizer, (double)gradients[i], &expected[W][i],
                                &expected[A][i], &expected[U][i]);
    HPAC_TRY(run_adadelta(check));
    /* The weights together, since w - d cancels; the averages one by one, which differ in size. */
    HPAC_TRY(hpac_selfcheck_compare(check->gauge, "w", arrays[W].floats, expected[W],
                                    ADADELTA_COUNT, 2e-7, 0));
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        for (size_t array = A; array <= U; array++)
            HPAC_TRY(hpac_fail_within(hpac_selfcheck_compare(check->gauge, array == A ? "a" : "u",
                                                             &arrays[array].floats[i],
                                                             &expected[array][i], 1, 2e-6, 0),
                                      "parameter %zu, g = %g", i, (double)gradients[i]));
    if (arrays[FLAGS].result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "finite numbers are marked as not finite");
    return HPAC_OK;
}

static hpac_status check_steps(step_check *check, uint64_t seed)
{
    HPAC_AUTO_FREE double(*expected)[ADADELTA_COUNT] = NULL;
    HPAC_TRY_NEW(expected, FLAGS);
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 2, 0);
    for (size_t i = 0; i < ADADELTA_COUNT; i++) {
        float w = hpac_random_uniform(&random);
        check->arrays[W].floats[i] = w;
        expected[W][i] = (double)w;
    }
    for (size_t step = 0; step < ADADELTA_STEPS; step++) {
        draw_gradients(check->arrays[G].floats, &random);
        HPAC_TRY(hpac_fail_within(check_step(check, expected), "step %zu", step));
    }
    return HPAC_OK;
}

/* One parameter whose update is not finite, anywhere, must be reported. */
static hpac_status check_nonfinite(step_check *check)
{
    static const size_t indices[] = {0, 1, 15, 16, 1023, 1024, 31999, ADADELTA_COUNT - 1};
    static const struct {
        float values[FLAGS]; /* of w, g, a, u */
        const char *what;
    } cases[] = {
        {{NAN, 0, 0, 0}, "a weight of nan"},
        {{-INFINITY, 0, 0, 0}, "a weight of -inf"},
        {{0, NAN, 0, 0}, "a gradient of nan"},
        {{0, INFINITY, 0, 0}, "a gradient of inf"},
        {{0, 1e30F, 0, 0}, "a finite gradient whose square is not"},
        {{0, 1e15F, 0, 3e38F}, "a finite change whose square is not"},
    };
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++)
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            for (size_t array = 0; array < FLAGS; array++)
                check->arrays[array].floats[indices[i]] = cases[c].values[array];
            HPAC_TRY(run_adadelta(check));
            if (!check->arrays[FLAGS].result->nonfinite)
                return hpac_fail(HPAC_ERR_NUMERIC, "%s, parameter %zu, is not reported",
                                 cases[c].what, indices[i]);
            for (size_t array = 0; array < FLAGS; array++)
                check->arrays[array].floats[indices[i]] = 0;
        }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_adadelta(selfcheck_gauge *gauge, const selfcheck_case *one,
                                    uint64_t seed)
{
    (void)one;
    HPAC_AUTO(free_arrays) step_check check = {.gauge = gauge, .memory.device = gauge->device};
    for (size_t i = 0; i < FLAGS; i++)
        HPAC_TRY(add_array(&check, ADADELTA_COUNT * sizeof(float)));
    HPAC_TRY(add_array(&check, sizeof(hpac_step_result)));
    HPAC_TRY(check_steps(&check, seed));
    return check_nonfinite(&check);
}
