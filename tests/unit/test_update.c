/*
 * Updates of given gradients against the real Keras (tools/reference/make_keras_optimizers.py),
 * through what a network gives its device: steps, ranges, accumulation, norm and average.
 */
#include "net/network_internal.h"
#include "train/schedule.h"

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, KERNEL_COUNT = 12, COUNT = 15, LAYERS = 2 };

/* A kernel (4, 3) and a bias (3). */
static const hpac_layer layers[LAYERS] = {
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID},
};

#define ADAM .learning_rate = 0.001F, .beta_1 = 0.9F, .beta_2 = 0.999F, .epsilon = 1e-7F

static const train_schedule cosine = {
    .options = {.kind = HPAC_SCHEDULE_COSINE, .warm_up = 1, .final_factor = 0.01F},
    .learning_rate = 0.001,
    .updates_per_epoch = 8,
    .updates = 40,
};
static const hpac_layer_training with_l2[LAYERS] = {
    {.learning_rate_factor = 1},
    {.learning_rate_factor = 1, .l2 = 0.01F},
};

typedef struct update_case {
    const char *name;
    hpac_network_options options; /* those of the update */
} update_case;

static const update_case cases[] = {
    {"adadelta",
     {.optimizer =
          {.kind = HPAC_OPTIMIZER_ADADELTA, .learning_rate = 1, .rho = 0.95F, .epsilon = 1e-7F}}},
    {"sgd", {.optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F}}},
    {"momentum",
     {.optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F}}},
    {"nesterov",
     {.optimizer = {.kind = HPAC_OPTIMIZER_SGD,
                    .learning_rate = 0.01F,
                    .momentum = 0.9F,
                    .nesterov = true}}},
    {"adam", {.optimizer = {.kind = HPAC_OPTIMIZER_ADAM, ADAM}}},
    {"adamw", {.optimizer = {.kind = HPAC_OPTIMIZER_ADAMW, ADAM, .weight_decay = 0.004F}}},
    {"cosine",
     {.optimizer = {.kind = HPAC_OPTIMIZER_ADAMW, ADAM, .weight_decay = 0.004F},
      .learning_rate = train_schedule_at,
      .schedule = &cosine}},
    {"clipped",
     {.optimizer = {.kind = HPAC_OPTIMIZER_ADAMW, ADAM, .weight_decay = 0.004F},
      .clip_norm = 0.5F}},
    {"l2",
     {.optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F},
      .layer_training = with_l2}},
    /* Not Adam, to which a sum is as good as a mean. */
    {"accumulated",
     {.optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F},
      .accumulate = 3}},
    {"average", {.optimizer = {.kind = HPAC_OPTIMIZER_ADAM, ADAM}, .ema = 0.9F}},
};

static hpac_weights *fill(hpac_weights *weights, uint32_t seed, double limit)
{
    for (hpac_role role = HPAC_KERNEL; role <= HPAC_BIAS; role++) {
        hpac_tensor *tensor = &weights[1].tensors[role];
        for (size_t k = 0; k < tensor->count; k++)
            tensor->values[k] = formula_symmetric(seed + (uint32_t)role, k, limit);
    }
    return weights;
}

static hpac_network *make_network(hpac_device *device, const update_case *one)
{
    hpac_network_options options = one->options;
    hpac_network *network;
    options.device = device;
    options.layers = layers;
    options.layer_count = LAYERS;
    options.format = (hpac_batch_format){
        .batch_size = 1, .target_count = 3, .rows = 2, .cols = 2, .channels = 1};
    options.training = options.unfused = true;
    cr_assert_eq(hpac_network_create(&options, &network), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_network_allocate(network), HPAC_OK, "%s", hpac_error_message());
    return network;
}

/* As if backward had computed these. */
static void set_gradients(hpac_network *network, const hpac_weights *gradients)
{
    const hpac_device_ops *ops = network->options.device->ops;
    for (size_t i = 0; i < network->stage_count; i++) {
        const network_stage *stage = &network->stages[i];
        void *slice = network_at(network->gradients, stage->parameters_offset);
        for (size_t p = 0; p < stage->plan->parameter_count; p++)
            cr_assert_eq(
                ops->parameter_write(stage->plan, p, slice,
                                     gradients[1].tensors[stage->plan->parameters[p].role].values),
                HPAC_OK);
    }
}

static void update(hpac_network *network, uint32_t step)
{
    cr_assert_eq(network_set_step(network, step), HPAC_OK);
    cr_assert_eq(network_enqueue_update(network, network->flights[0].result), HPAC_OK, "%s",
                 hpac_error_message());
}

/* The row of a case and step: COUNT values. */
static void read_golden(FILE *file, const char *name, uint32_t step, double values[COUNT])
{
    char line[1024], beginning[64];
    size_t length = (size_t)snprintf(beginning, sizeof beginning, "%s,%u,", name, (unsigned)step);
    rewind(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, beginning, length) != 0)
            continue;
        char *at = line + length;
        for (size_t i = 0; i < COUNT; i++)
            values[i] = strtod(at, &at);
        return;
    }
    cr_assert_fail("no row %s", beginning);
}

static void compare(const update_case *one, uint32_t step, const hpac_weights *got,
                    const double expected[COUNT])
{
    for (size_t i = 0; i < COUNT; i++) {
        hpac_role role = i < KERNEL_COUNT ? HPAC_KERNEL : HPAC_BIAS;
        double value = (double)got[1].tensors[role].values[i % KERNEL_COUNT];
        cr_assert(fabs(value - expected[i]) <= 1e-6 * fmax(1, fabs(expected[i])),
                  "%s, step %u, weight %zu: %.9g, Keras has %.9g", one->name, (unsigned)step, i,
                  value, expected[i]);
    }
}

static void check_case(hpac_device *device, const update_case *one, FILE *file)
{
    hpac_network *network = make_network(device, one);
    const hpac_shape image = {3, 2, 2, 1};
    hpac_weights *weights = hpac_weights_create(layers, LAYERS, image);
    hpac_weights *gradients = hpac_weights_create(layers, LAYERS, image);
    hpac_weights *const states[HPAC_STATE_COUNT] = {[HPAC_STATE_AVERAGE] =
                                                        one->options.ema > 0 ? weights : NULL};
    cr_assert_eq(hpac_network_import(network, fill(weights, 0, 0.5), NULL), HPAC_OK);
    for (uint32_t step = 0; step < STEPS; step++) {
        double expected[COUNT];
        set_gradients(network, fill(gradients, 100 + 2 * step, 1));
        update(network, step);
        cr_assert_eq(
            hpac_network_export(network, states[HPAC_STATE_AVERAGE] ? NULL : weights, states),
            HPAC_OK, "%s", hpac_error_message());
        read_golden(file, one->name, step, expected);
        compare(one, step, weights, expected);
    }
    hpac_weights_destroy(weights, LAYERS);
    hpac_weights_destroy(gradients, LAYERS);
    hpac_network_destroy(network);
}

Test(update, of_given_gradients_is_kerass)
{
    FILE *file = fopen("tests/golden/keras_optimizers.csv", "re");
    hpac_device *device = open_tested_device((hpac_device_options){0});
    cr_assert_not_null(file);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(device, &cases[i], file);
    fclose(file);
    hpac_device_close(device);
}

/* A factor scales what an update changes, and what is frozen does not change. */
Test(update, follows_the_training_of_layers)
{
    static const hpac_layer two[] = {
        {.kind = HPAC_LAYER_FLATTEN},
        {.kind = HPAC_LAYER_DENSE, .units = 4},
        {.kind = HPAC_LAYER_DENSE, .units = 4},
        {.kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID},
    };
    enum { ALL = sizeof two / sizeof *two };
    static const hpac_layer_training training[ALL] = {
        {.learning_rate_factor = 1},
        {.learning_rate_factor = 1},
        {.frozen = true, .learning_rate_factor = 1},
        {.learning_rate_factor = 0.25F},
    };
    const hpac_shape image = {3, 2, 2, 1};
    hpac_device *device = open_tested_device((hpac_device_options){0});
    hpac_weights *before = hpac_weights_create(two, ALL, image), *after[2];
    uint64_t seed = 5;
    void *slot;
    for (size_t i = 0; i < 2; i++) {
        hpac_network *network;
        hpac_network_options options = {
            .device = device,
            .layers = two,
            .layer_count = ALL,
            .training = true,
            .optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 1},
            .format = {.batch_size = 1, .target_count = 3, .rows = 2, .cols = 2, .channels = 1},
            .layer_training = i ? training : NULL};
        after[i] = hpac_weights_create(two, ALL, image);
        cr_assert_eq(hpac_network_create(&options, &network), HPAC_OK, "%s", hpac_error_message());
        cr_assert_eq(hpac_network_allocate(network), HPAC_OK);
        cr_assert_eq(hpac_network_initialize(network, seed), HPAC_OK);
        cr_assert_eq(hpac_network_export(network, before, NULL), HPAC_OK);
        size_t nbytes = hpac_batch_nbytes(&options.format);
        cr_assert_eq(device->ops->alloc(device, HPAC_MEMORY_PINNED, nbytes, &slot), HPAC_OK);
        memset(slot, 1, nbytes);
        hpac_outcome outcome;
        const hpac_network_batch batch = {.slot = slot, .count = 1};
        cr_assert_eq(hpac_network_train(network, &batch, 0), HPAC_OK, "%s", hpac_error_message());
        cr_assert_eq(hpac_network_collect(network, &outcome), HPAC_OK);
        cr_assert_eq(hpac_network_export(network, after[i], NULL), HPAC_OK);
        device->ops->free(device, HPAC_MEMORY_PINNED, slot);
        hpac_network_destroy(network);
    }
    for (size_t layer = 1; layer < ALL; layer++)
        for (size_t k = 0; k < before[layer].tensors[HPAC_BIAS].count; k++) {
            double factor =
                training[layer].frozen ? 0 : (double)training[layer].learning_rate_factor;
            double old = (double)before[layer].tensors[HPAC_BIAS].values[k];
            double plain = (double)after[0][layer].tensors[HPAC_BIAS].values[k] - old;
            double changed = (double)after[1][layer].tensors[HPAC_BIAS].values[k] - old;
            cr_expect_neq(plain, 0);
            cr_expect(fabs(changed - factor * plain) <= 1e-6 * fabs(plain),
                      "layer %zu: %.9g, expected %.9g", layer + 1, changed, factor * plain);
        }
    hpac_weights_destroy(before, ALL);
    for (size_t i = 0; i < 2; i++)
        hpac_weights_destroy(after[i], ALL);
    hpac_device_close(device);
}
