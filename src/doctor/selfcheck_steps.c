/* The self-check of the loss and of the update. */
#include "selfcheck_internal.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

const hpac_adadelta hpac_selfcheck_optimizer = {
    .learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F};

/* An array, pinned on the host, and on the device. */
typedef struct check_array {
    void *host, *device;
    size_t nbytes;
} check_array;

static hpac_status allocate(selfcheck_memory *memory, size_t nbytes, check_array *array)
{
    array->nbytes = nbytes;
    HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_PINNED, nbytes, &array->host));
    return hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, nbytes, &array->device);
}

static hpac_status upload(hpac_device *device, const check_array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COMPUTE, arrays[i].device, arrays[i].host,
                                     arrays[i].nbytes));
    return HPAC_OK;
}

static hpac_status download(hpac_device *device, const check_array *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        HPAC_TRY(device->ops->download(device, HPAC_QUEUE_COMPUTE, arrays[i].host, arrays[i].device,
                                       arrays[i].nbytes));
    return device->ops->synchronize(device);
}

/* ---- loss ---- */

enum { LOSS_BATCH = 9, LOSS_CLASSES = 28, LOSS_COUNT = LOSS_BATCH * LOSS_CLASSES };

enum { TARGETS, LOGITS, WEIGHTS, DLOGITS, PROBABILITIES, RESULT, LOSS_ARRAYS };

typedef struct loss_check {
    selfcheck_gauge *gauge;
    check_array arrays[LOSS_ARRAYS];
    uint8_t *targets; /* on the host, like the following */
    float *logits, *weights, *dlogits, *probabilities;
    hpac_step_result *result;
    size_t count;
    bool weighted;
} loss_check;

static hpac_status allocate_loss(loss_check *check, selfcheck_memory *memory)
{
    check_array *arrays = check->arrays;
    HPAC_TRY(allocate(memory, LOSS_COUNT, &arrays[TARGETS]));
    for (size_t i = LOGITS; i <= PROBABILITIES; i++)
        HPAC_TRY(allocate(memory, LOSS_COUNT * sizeof(float), &arrays[i]));
    HPAC_TRY(allocate(memory, sizeof *check->result, &arrays[RESULT]));
    check->targets = arrays[TARGETS].host;
    check->logits = arrays[LOGITS].host;
    check->weights = arrays[WEIGHTS].host;
    check->dlogits = arrays[DLOGITS].host;
    check->probabilities = arrays[PROBABILITIES].host;
    check->result = arrays[RESULT].host;
    return HPAC_OK;
}

static void fill_loss(loss_check *check, uint64_t seed)
{
    static const float extremes[] = {1e4F, -1e4F, 0.0F, -0.0F, 1e-9F, -1e-9F, 88.0F, -104.0F};
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 1, 0);
    for (size_t i = 0; i < LOSS_COUNT; i++) {
        check->targets[i] = (uint8_t)hpac_random_below(&random, 2);
        check->logits[i] = i % 3 == 0 ? extremes[hpac_random_below(&random, 8)]
                                      : 16.0F * hpac_random_uniform(&random) - 8.0F;
        check->weights[i] = 0.25F + 4.0F * hpac_random_uniform(&random);
    }
}

static hpac_status run_loss(loss_check *check)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    const hpac_loss loss = {
        .batch = LOSS_BATCH,
        .count = check->count,
        .classes = LOSS_CLASSES,
        .logits = arrays[LOGITS].device,
        .targets = arrays[TARGETS].device,
        .positive_weights = check->weighted ? arrays[WEIGHTS].device : NULL,
        .dlogits = arrays[DLOGITS].device,
        .probabilities = arrays[PROBABILITIES].device,
        .result = arrays[RESULT].device,
    };
    for (size_t i = DLOGITS; i <= RESULT; i++)
        memset(arrays[i].host, 0xff, arrays[i].nbytes); /* NaN */
    HPAC_TRY(upload(device, arrays, LOSS_ARRAYS));
    HPAC_TRY(hpac_selfcheck_begin(check->gauge));
    HPAC_TRY(device->ops->loss(device, &loss));
    HPAC_TRY(hpac_selfcheck_end(check->gauge));
    return download(device, &arrays[DLOGITS], LOSS_ARRAYS - DLOGITS);
}

/* log(1 + exp(x)) without overflow. */
static double softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static hpac_status check_counts(const loss_check *check)
{
    hpac_step_result expected = {0};
    for (size_t i = 0; i < check->count * LOSS_CLASSES; i++) {
        bool predicted = (float)(1 / (1 + exp(-(double)check->logits[i]))) > 0.5F;
        expected.true_positives[i % LOSS_CLASSES] += predicted && check->targets[i];
        expected.false_positives[i % LOSS_CLASSES] += predicted && !check->targets[i];
        expected.false_negatives[i % LOSS_CLASSES] += !predicted && check->targets[i];
    }
    for (size_t k = 0; k < HPAC_DEVICE_MAX_CLASSES; k++)
        if (check->result->true_positives[k] != expected.true_positives[k] ||
            check->result->false_positives[k] != expected.false_positives[k] ||
            check->result->false_negatives[k] != expected.false_negatives[k])
            return hpac_fail(HPAC_ERR_NUMERIC, "class %zu: counts %u %u %u, expected %u %u %u", k,
                             check->result->true_positives[k], check->result->false_positives[k],
                             check->result->false_negatives[k], expected.true_positives[k],
                             expected.false_positives[k], expected.false_negatives[k]);
    if (check->result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "the loss of finite logits is marked not finite");
    return HPAC_OK;
}

static hpac_status check_loss(loss_check *check)
{
    double dlogits[LOSS_COUNT] = {0}, loss_sum = 0;
    HPAC_TRY(run_loss(check));
    for (size_t i = 0; i < check->count * LOSS_CLASSES; i++) {
        double z = (double)check->logits[i], p = 1 / (1 + exp(-z));
        double weight = check->weighted ? (double)check->weights[i % LOSS_CLASSES] : 1;
        loss_sum += check->targets[i] ? weight * softplus(-z) : softplus(z);
        dlogits[i] = (check->targets[i] ? -weight / (1 + exp(z)) : p) /
                     (double)(check->count * LOSS_CLASSES);
        /* Alone, not beside the large ones: small probabilities are to be right as well, down to
         * where float ends. */
        double expected = (double)(float)p;
        HPAC_TRY(hpac_selfcheck_compare(check->gauge, "probability", &check->probabilities[i],
                                        &expected, 1, 1e-6, 0));
    }
    if (!hpac_selfcheck_allows(check->gauge, fabs(check->result->loss_sum - loss_sum),
                               1e-6 * loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "loss_sum is %.9g, expected %.9g",
                         check->result->loss_sum, loss_sum);
    HPAC_TRY(check_counts(check));
    return hpac_selfcheck_compare(check->gauge, "dlogits", check->dlogits, dlogits, LOSS_COUNT,
                                  1e-6, 0);
}

hpac_status hpac_selfcheck_loss(selfcheck_gauge *gauge, uint64_t seed)
{
    HPAC_AUTO(hpac_selfcheck_free) selfcheck_memory memory = {.device = gauge->device};
    loss_check check = {.gauge = gauge};
    HPAC_TRY(allocate_loss(&check, &memory));
    fill_loss(&check, seed);
    for (check.count = 1; check.count <= LOSS_BATCH; check.count += 4)
        for (size_t weighted = 0; weighted < 2; weighted++) {
            check.weighted = weighted;
            HPAC_TRY(hpac_fail_within(check_loss(&check), "%zu of %d rows, %s weights", check.count,
                                      LOSS_BATCH, weighted ? "with" : "without"));
        }
    check.count = LOSS_BATCH;
    check.logits[LOSS_COUNT / 2] = NAN;
    HPAC_TRY(run_loss(&check));
    if (isfinite(check.result->loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "a NaN among the logits gives the finite loss %g",
                         check.result->loss_sum);
    return HPAC_OK;
}

/* ---- Adadelta ---- */

enum { ADADELTA_COUNT = 40003, ADADELTA_STEPS = 4 };

enum { W, G, A, U, FLAGS, ADADELTA_ARRAYS };

typedef struct adadelta_check {
    selfcheck_gauge *gauge;
    check_array arrays[ADADELTA_ARRAYS];
    float *host[FLAGS]; /* of `arrays` */
    hpac_step_result *result;
} adadelta_check;

static hpac_status allocate_adadelta(adadelta_check *check, selfcheck_memory *memory)
{
    for (size_t i = 0; i < FLAGS; i++) {
        HPAC_TRY(allocate(memory, ADADELTA_COUNT * sizeof(float), &check->arrays[i]));
        check->host[i] = check->arrays[i].host;
    }
    HPAC_TRY(allocate(memory, sizeof *check->result, &check->arrays[FLAGS]));
    check->result = check->arrays[FLAGS].host;
    return HPAC_OK;
}

static hpac_status run_adadelta(adadelta_check *check)
{
    const check_array *arrays = check->arrays;
    hpac_device *device = check->gauge->device;
    check->result->nonfinite = 0;
    HPAC_TRY(upload(device, arrays, ADADELTA_ARRAYS));
    HPAC_TRY(hpac_selfcheck_begin(check->gauge));
    HPAC_TRY(device->ops->adadelta(device, &hpac_selfcheck_optimizer, arrays[W].device,
                                   arrays[G].device, arrays[A].device, arrays[U].device,
                                   ADADELTA_COUNT, arrays[FLAGS].device));
    HPAC_TRY(hpac_selfcheck_end(check->gauge));
    return download(device, arrays, ADADELTA_ARRAYS);
}

/* Gradients from 1e-12 to 1e4, each of its own size, and zeros. */
static void draw_gradients(float *gradients, hpac_random *random)
{
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        gradients[i] = i % 7 == 0 ? 0.0F
                                  : (2 * hpac_random_uniform(random) - 1) *
                                        (float)pow(10, (double)(i % 17) - 12);
}

static hpac_status check_step(adadelta_check *check, double *const expected[FLAGS])
{
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        hpac_reference_adadelta(&hpac_selfcheck_optimizer, (double)check->host[G][i],
                                &expected[W][i], &expected[A][i], &expected[U][i]);
    HPAC_TRY(run_adadelta(check));
    /* The weights together, since w - d cancels; the averages one by one, which differ in size. */
    HPAC_TRY(hpac_selfcheck_compare(check->gauge, "w", check->host[W], expected[W], ADADELTA_COUNT,
                                    2e-7, 0));
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        for (size_t array = A; array <= U; array++)
            HPAC_TRY(hpac_fail_within(hpac_selfcheck_compare(check->gauge, array == A ? "a" : "u",
                                                             &check->host[array][i],
                                                             &expected[array][i], 1, 2e-6, 0),
                                      "parameter %zu, g = %g", i, (double)check->host[G][i]));
    if (check->result->nonfinite)
        return hpac_fail(HPAC_ERR_NUMERIC, "finite numbers are marked as not finite");
    return HPAC_OK;
}

static hpac_status check_steps(adadelta_check *check, uint64_t seed)
{
    HPAC_AUTO_FREE double *values = NULL;
    HPAC_TRY_NEW(values, (size_t)FLAGS * ADADELTA_COUNT);
    double *expected[FLAGS];
    for (size_t array = 0; array < FLAGS; array++)
        expected[array] = values + array * ADADELTA_COUNT;
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 2, 0);
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        expected[W][i] = (double)(check->host[W][i] = hpac_random_uniform(&random));
    for (size_t step = 0; step < ADADELTA_STEPS; step++) {
        draw_gradients(check->host[G], &random);
        HPAC_TRY(hpac_fail_within(check_step(check, expected), "step %zu", step));
    }
    return HPAC_OK;
}

/* One parameter whose update is not finite, anywhere, must be reported. */
static hpac_status check_nonfinite(adadelta_check *check)
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
                check->host[array][indices[i]] = cases[c].values[array];
            HPAC_TRY(run_adadelta(check));
            if (!check->result->nonfinite)
                return hpac_fail(HPAC_ERR_NUMERIC, "%s, parameter %zu, is not reported",
                                 cases[c].what, indices[i]);
            for (size_t array = 0; array < FLAGS; array++)
                check->host[array][indices[i]] = 0;
        }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_adadelta(selfcheck_gauge *gauge, uint64_t seed)
{
    HPAC_AUTO(hpac_selfcheck_free) selfcheck_memory memory = {.device = gauge->device};
    adadelta_check check = {.gauge = gauge};
    HPAC_TRY(allocate_adadelta(&check, &memory));
    HPAC_TRY(check_steps(&check, seed));
    return check_nonfinite(&check);
}
