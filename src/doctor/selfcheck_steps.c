/* The self-check of the loss and of the update. */
#include "selfcheck_internal.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ loss */

enum { LOSS_BATCH = 9, LOSS_CLASSES = 28, LOSS_COUNT = LOSS_BATCH * LOSS_CLASSES };

typedef struct loss_check {
    selfcheck_memory memory;
    selfcheck_gauge *gauge;
    hpac_device *device;
    float *logits, *weights, *dlogits, *probabilities, *poison; /* pinned */
    uint8_t *targets;                                           /* pinned */
    hpac_step_result *result;                                   /* pinned */
    void *on_logits, *on_weights, *on_targets, *on_dlogits, *on_result, *on_probabilities;
    size_t count;
    bool weighted;
} loss_check;

static hpac_status allocate_loss(loss_check *check)
{
    const size_t nbytes = LOSS_COUNT * sizeof(float);
    const struct {
        hpac_memory kind;
        size_t nbytes;
        void **address;
    } blocks[] = {
        {HPAC_MEMORY_PINNED, nbytes, (void **)&check->logits},
        {HPAC_MEMORY_PINNED, nbytes, (void **)&check->weights},
        {HPAC_MEMORY_PINNED, nbytes, (void **)&check->dlogits},
        {HPAC_MEMORY_PINNED, nbytes, (void **)&check->probabilities},
        {HPAC_MEMORY_PINNED, nbytes + sizeof *check->result, (void **)&check->poison},
        {HPAC_MEMORY_PINNED, LOSS_COUNT, (void **)&check->targets},
        {HPAC_MEMORY_PINNED, sizeof *check->result, (void **)&check->result},
        {HPAC_MEMORY_DEVICE, nbytes, &check->on_logits},
        {HPAC_MEMORY_DEVICE, nbytes, &check->on_weights},
        {HPAC_MEMORY_DEVICE, LOSS_COUNT, &check->on_targets},
        {HPAC_MEMORY_DEVICE, nbytes, &check->on_dlogits},
        {HPAC_MEMORY_DEVICE, nbytes, &check->on_probabilities},
        {HPAC_MEMORY_DEVICE, sizeof *check->result, &check->on_result},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        HPAC_TRY(hpac_selfcheck_alloc(&check->memory, blocks[i].kind, blocks[i].nbytes,
                                      blocks[i].address));
    memset(check->poison, 0xff, nbytes + sizeof *check->result);
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
    const size_t nbytes = LOSS_COUNT * sizeof(float);
    const hpac_device_ops *call = check->device->ops;
    const hpac_queue queue = HPAC_QUEUE_COMPUTE;
    const hpac_loss loss = {
        .batch = LOSS_BATCH,
        .count = check->count,
        .classes = LOSS_CLASSES,
        .logits = check->on_logits,
        .targets = check->on_targets,
        .positive_weights = check->weighted ? check->on_weights : NULL,
        .dlogits = check->on_dlogits,
        .probabilities = check->on_probabilities,
        .result = check->on_result,
    };
    const struct {
        void *to;
        const void *from;
        size_t nbytes;
    } uploads[] = {
        {check->on_logits, check->logits, nbytes},
        {check->on_weights, check->weights, nbytes},
        {check->on_targets, check->targets, LOSS_COUNT},
        {check->on_dlogits, check->poison, nbytes},
        {check->on_probabilities, check->poison, nbytes},
        {check->on_result, check->poison, sizeof *check->result},
    };
    for (size_t i = 0; i < sizeof uploads / sizeof *uploads; i++)
        HPAC_TRY(
            call->upload(check->device, queue, uploads[i].to, uploads[i].from, uploads[i].nbytes));
    HPAC_TRY(hpac_selfcheck_begin(check->gauge));
    HPAC_TRY(call->loss(check->device, &loss));
    HPAC_TRY(hpac_selfcheck_end(check->gauge));
    HPAC_TRY(call->download(check->device, queue, check->dlogits, check->on_dlogits, nbytes));
    HPAC_TRY(call->download(check->device, queue, check->probabilities, check->on_probabilities,
                            nbytes));
    HPAC_TRY(call->download(check->device, queue, check->result, check->on_result,
                            sizeof *check->result));
    return call->synchronize(check->device);
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
                                        &expected, 1, 1e-6));
    }
    if (!hpac_selfcheck_allows(check->gauge, fabs(check->result->loss_sum - loss_sum),
                               1e-6 * loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "loss_sum is %.9g, expected %.9g",
                         check->result->loss_sum, loss_sum);
    HPAC_TRY(check_counts(check));
    return hpac_selfcheck_compare(check->gauge, "dlogits", check->dlogits, dlogits, LOSS_COUNT,
                                  1e-6);
}

static hpac_status check_losses(loss_check *check, uint64_t seed)
{
    HPAC_TRY(allocate_loss(check));
    fill_loss(check, seed);
    for (check->count = 1; check->count <= LOSS_BATCH; check->count += 4)
        for (size_t weighted = 0; weighted < 2; weighted++) {
            check->weighted = weighted;
            HPAC_TRY(hpac_fail_within(check_loss(check), "%zu of %d rows, %s weights", check->count,
                                      LOSS_BATCH, weighted ? "with" : "without"));
        }
    check->count = LOSS_BATCH;
    check->logits[LOSS_COUNT / 2] = NAN;
    HPAC_TRY(run_loss(check));
    if (isfinite(check->result->loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "a NaN among the logits gives the finite loss %g",
                         check->result->loss_sum);
    return HPAC_OK;
}

hpac_status hpac_selfcheck_loss(selfcheck_gauge *gauge, uint64_t seed)
{
    loss_check check = {.gauge = gauge, .device = gauge->device, .memory.device = gauge->device};
    hpac_status status = check_losses(&check, seed);
    hpac_selfcheck_free(&check.memory);
    return status;
}

/* -------------------------------------------------------------------------------- adadelta */

enum { ADADELTA_COUNT = 40003, ADADELTA_STEPS = 4 };

enum { W, G, A, U, ARRAY_COUNT };

typedef struct adadelta_check {
    selfcheck_memory memory;
    selfcheck_gauge *gauge;
    hpac_device *device;
    float *host[ARRAY_COUNT];
    double *expected[ARRAY_COUNT]; /* pinned, like all host blocks here */
    void *on_device[ARRAY_COUNT], *on_result;
    hpac_step_result *result;
} adadelta_check;

static const size_t adadelta_nbytes = ADADELTA_COUNT * sizeof(float);

static hpac_status allocate_adadelta(adadelta_check *check)
{
    selfcheck_memory *memory = &check->memory;
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_PINNED, adadelta_nbytes,
                                      (void **)&check->host[i]));
        HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_PINNED, 2 * adadelta_nbytes,
                                      (void **)&check->expected[i]));
        HPAC_TRY(hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, adadelta_nbytes,
                                      &check->on_device[i]));
    }
    HPAC_TRY(
        hpac_selfcheck_alloc(memory, HPAC_MEMORY_DEVICE, sizeof *check->result, &check->on_result));
    return hpac_selfcheck_alloc(memory, HPAC_MEMORY_PINNED, sizeof *check->result,
                                (void **)&check->result);
}

static hpac_status copy_arrays(adadelta_check *check, bool up)
{
    const hpac_device_ops *call = check->device->ops;
    for (size_t i = 0; i < ARRAY_COUNT; i++)
        HPAC_TRY(up ? call->upload(check->device, HPAC_QUEUE_COMPUTE, check->on_device[i],
                                   check->host[i], adadelta_nbytes)
                    : call->download(check->device, HPAC_QUEUE_COMPUTE, check->host[i],
                                     check->on_device[i], adadelta_nbytes));
    HPAC_TRY(up ? call->upload(check->device, HPAC_QUEUE_COMPUTE, check->on_result, check->result,
                               sizeof *check->result)
                : call->download(check->device, HPAC_QUEUE_COMPUTE, check->result, check->on_result,
                                 sizeof *check->result));
    return call->synchronize(check->device);
}

static hpac_status run_adadelta(adadelta_check *check)
{
    const hpac_adadelta adadelta = {.learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F};
    check->result->nonfinite = 0;
    HPAC_TRY(copy_arrays(check, true));
    HPAC_TRY(hpac_selfcheck_begin(check->gauge));
    HPAC_TRY(check->device->ops->adadelta(check->device, &adadelta, check->on_device[W],
                                          check->on_device[G], check->on_device[A],
                                          check->on_device[U], ADADELTA_COUNT, check->on_result));
    HPAC_TRY(hpac_selfcheck_end(check->gauge));
    return copy_arrays(check, false);
}

static void expect_adadelta(adadelta_check *check)
{
    const double rho = 0.95, epsilon = 1e-7;
    for (size_t i = 0; i < ADADELTA_COUNT; i++) {
        double g = (double)check->host[G][i];
        double *a = &check->expected[A][i], *u = &check->expected[U][i];
        *a = rho * *a + (1 - rho) * g * g;
        double d = g * sqrt(*u + epsilon) / sqrt(*a + epsilon);
        *u = rho * *u + (1 - rho) * d * d;
        check->expected[W][i] -= d;
    }
}

/* Gradients from 1e-12 to 1e4, each of its own size, and zeros. */
static void draw_gradients(adadelta_check *check, hpac_random *random)
{
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        check->host[G][i] = i % 7 == 0 ? 0.0F
                                       : (2 * hpac_random_uniform(random) - 1) *
                                             (float)pow(10, (double)(i % 17) - 12);
}

static hpac_status check_steps(adadelta_check *check, hpac_random *random)
{
    for (size_t i = 0; i < ADADELTA_COUNT; i++)
        check->expected[W][i] = (double)(check->host[W][i] = hpac_random_uniform(random));
    for (size_t step = 0; step < ADADELTA_STEPS; step++) {
        draw_gradients(check, random);
        expect_adadelta(check);
        HPAC_TRY(run_adadelta(check));
        /* The weights together, since w - d cancels; the averages one by one, which differ in size.
         */
        HPAC_TRY(hpac_selfcheck_compare(check->gauge, "w", check->host[W], check->expected[W],
                                        ADADELTA_COUNT, 2e-7));
        for (size_t i = 0; i < ADADELTA_COUNT; i++)
            for (size_t array = A; array <= U; array++)
                HPAC_TRY(hpac_fail_within(
                    hpac_selfcheck_compare(check->gauge, array == A ? "a" : "u",
                                           &check->host[array][i], &check->expected[array][i], 1,
                                           2e-6),
                    "step %zu, parameter %zu, g = %g", step, i, (double)check->host[G][i]));
        if (check->result->nonfinite)
            return hpac_fail(HPAC_ERR_NUMERIC, "finite numbers are marked as not finite");
    }
    return HPAC_OK;
}

/* One parameter whose update is not finite, anywhere, must be reported; the values of w, g, a, u.
 */
static hpac_status check_nonfinite(adadelta_check *check)
{
    static const size_t indices[] = {0, 1, 15, 16, 1023, 1024, 31999, ADADELTA_COUNT - 1};
    static const struct {
        float values[ARRAY_COUNT];
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
            for (size_t array = 0; array < ARRAY_COUNT; array++)
                check->host[array][indices[i]] = cases[c].values[array];
            HPAC_TRY(run_adadelta(check));
            if (!check->result->nonfinite)
                return hpac_fail(HPAC_ERR_NUMERIC, "%s, parameter %zu, is not reported",
                                 cases[c].what, indices[i]);
            for (size_t array = 0; array < ARRAY_COUNT; array++)
                check->host[array][indices[i]] = 0;
        }
    return HPAC_OK;
}

hpac_status hpac_selfcheck_adadelta(selfcheck_gauge *gauge, uint64_t seed)
{
    adadelta_check check = {
        .gauge = gauge, .device = gauge->device, .memory.device = gauge->device};
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, 2, 0);
    hpac_status status = allocate_adadelta(&check);
    if (status == HPAC_OK)
        status = check_steps(&check, &random);
    if (status == HPAC_OK)
        status = check_nonfinite(&check);
    hpac_selfcheck_free(&check.memory);
    return status;
}
