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
static const train_schedule falling = {
    .options = {.kind = HPAC_SCHEDULE_EXPONENTIAL, .every = 1, .factor = 0.5F},
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
    /* The norm is above this in some updates, and in some only its square is. */
    {"everything",
     {.optimizer = {.kind = HPAC_OPTIMIZER_ADAMW, ADAM, .weight_decay = 0.004F},
      .learning_rate = train_schedule_at,
      .schedule = &falling,
      .accumulate = 3,
      .clip_norm = 1.3F,
      .ema = 0.9F}},
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
    cr_assert_eq(hpac_network_import(network, fill(weights, 0, 0.5), states), HPAC_OK);
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

/* ---- complete steps ---- */

static const hpac_layer stack[] = {
    {.kind = HPAC_LAYER_BATCH_NORM},
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = 64},
    {.kind = HPAC_LAYER_DENSE, .units = 4},
    {.kind = HPAC_LAYER_DENSE, .units = 3, .activation = HPAC_ACTIVATION_SIGMOID},
};
enum { STACK = sizeof stack / sizeof *stack };
static const hpac_shape stack_input = {3, 2, 2, 1};

/* The weights, or with an average that, after so many steps with the same image: the caller's. */
static hpac_weights *train(hpac_network_options options, uint32_t steps)
{
    hpac_device *device = open_tested_device((hpac_device_options){0});
    hpac_weights *weights = hpac_weights_create(stack, STACK, stack_input);
    hpac_weights *const states[HPAC_STATE_COUNT] = {[HPAC_STATE_AVERAGE] =
                                                        options.ema > 0 ? weights : NULL};
    hpac_network *network;
    unsigned char *slot;
    options.device = device;
    options.layers = stack;
    options.layer_count = STACK;
    options.training = true;
    options.format = (hpac_batch_format){
        .batch_size = 1, .target_count = 3, .rows = 2, .cols = 2, .channels = 1};
    size_t nbytes = hpac_batch_nbytes(&options.format);
    cr_assert_eq(hpac_network_create(&options, &network), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(hpac_network_allocate(network), HPAC_OK);
    cr_assert_eq(hpac_network_initialize(network, 5), HPAC_OK);
    cr_assert_eq(device->ops->alloc(device, HPAC_MEMORY_PINNED, nbytes, (void **)&slot), HPAC_OK);
    memset(slot, 1, nbytes);
    for (size_t i = 0; i < 4; i++)
        slot[hpac_batch_pixels_offset_nbytes(&options.format) + i] = (unsigned char)(200 - 60 * i);
    for (uint32_t step = 0; step < steps; step++) {
        hpac_outcome outcome;
        const hpac_network_batch batch = {.slot = slot, .count = 1};
        cr_assert_eq(hpac_network_train(network, &batch, step), HPAC_OK, "%s",
                     hpac_error_message());
        cr_assert_eq(hpac_network_collect(network, &outcome), HPAC_OK);
    }
    cr_assert_eq(hpac_network_export(network, weights, states[HPAC_STATE_AVERAGE] ? states : NULL),
                 HPAC_OK);
    device->ops->free(device, HPAC_MEMORY_PINNED, slot);
    hpac_network_destroy(network);
    hpac_device_close(device);
    return weights;
}

static double largest_difference(const hpac_weights *a, const hpac_weights *b)
{
    double largest = 0;
    for (size_t i = 0; i < STACK; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            for (size_t k = 0; k < a[i].tensors[role].count; k++)
                largest = fmax(largest, fabs((double)a[i].tensors[role].values[k] -
                                             (double)b[i].tensors[role].values[k]));
    return largest;
}

static void check_factor(const hpac_tensor *before, const hpac_tensor *plain,
                         const hpac_tensor *scaled, float factor)
{
    for (size_t k = 0; k < before->count; k++) {
        double change = (double)plain->values[k] - (double)before->values[k];
        double expected = (double)before->values[k] + (double)factor * change;
        cr_expect_neq(change, 0);
        cr_expect(fabs((double)scaled->values[k] - expected) <= 1e-7,
                  "value %zu of %zu, factor %g: %.9g, expected %.9g", k, before->count,
                  (double)factor, (double)scaled->values[k], expected);
    }
}

/* A factor scales what an update changes, decay included, and what is frozen does not change. */
Test(update, follows_the_training_of_layers)
{
    static const hpac_layer_training training[STACK] = {
        {.learning_rate_factor = 1},     {.learning_rate_factor = 1},
        {.learning_rate_factor = 1},     {.frozen = true, .learning_rate_factor = 1},
        {.learning_rate_factor = 0.25F},
    };
    hpac_network_options options = {.optimizer = {.kind = HPAC_OPTIMIZER_ADAMW,
                                                  .learning_rate = 0.0625F,
                                                  .beta_1 = 0.9F,
                                                  .beta_2 = 0.999F,
                                                  .epsilon = 1e-7F,
                                                  .weight_decay = 0.5F}};
    hpac_weights *before = train(options, 0), *plain = train(options, 1);
    options.layer_training = training;
    hpac_weights *scaled = train(options, 1);
    for (size_t layer = 2; layer < STACK; layer++)
        for (hpac_role role = HPAC_KERNEL; role <= HPAC_BIAS; role++)
            check_factor(&before[layer].tensors[role], &plain[layer].tensors[role],
                         &scaled[layer].tensors[role],
                         training[layer].frozen ? 0 : training[layer].learning_rate_factor);
    hpac_weights_destroy(before, STACK);
    hpac_weights_destroy(plain, STACK);
    hpac_weights_destroy(scaled, STACK);
}

/* Keras's `trainable = False`: its moving averages stay, too, and they are what it normalizes with:
 * here with zeros and ones, by which the gradients behind it are not those of another variance. */
Test(update, frozen_batch_normalization_keeps_its_averages)
{
    static const hpac_layer_training training[STACK] = {
        {.frozen = true, .learning_rate_factor = 1},
        {.learning_rate_factor = 1},
        {.learning_rate_factor = 1},
        {.learning_rate_factor = 1},
        {.learning_rate_factor = 1},
    };
    hpac_network_options options = {
        .optimizer = {.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.0625F}};
    hpac_weights *before = train(options, 0), *moved = train(options, 1);
    options.layer_training = training;
    hpac_weights *frozen = train(options, 1);
    for (hpac_role role = HPAC_GAMMA; role <= HPAC_MOVING_VARIANCE; role++) {
        const size_t nbytes = before->tensors[role].count * sizeof(float);
        cr_expect_arr_neq(moved->tensors[role].values, before->tensors[role].values, nbytes);
        cr_expect_arr_eq(frozen->tensors[role].values, before->tensors[role].values, nbytes);
    }
    /* The kernel's gradients are proportional to its inputs, the pixels that lie 60 apart. */
    const hpac_tensor *old = &before[2].tensors[HPAC_KERNEL],
                      *new = &frozen[2].tensors[HPAC_KERNEL];
    double first = (double)new->values[0] - (double)old->values[0];
    for (size_t row = 1; row < 4; row++) {
        double change = (double)new->values[row * 64] - (double)old->values[row * 64];
        cr_expect(fabs(change / first - (200 - 60 * (double)row) / 200) < 1e-3, "%g", change);
    }
    hpac_weights_destroy(before, STACK);
    hpac_weights_destroy(moved, STACK);
    hpac_weights_destroy(frozen, STACK);
}

/* A plan that updates its own parameters knows the optimizer alone: where there is more to an
 * update, none does. */
Test(update, options_reach_the_parameters_of_plans_that_update)
{
    static const hpac_layer_training halved[STACK] = {{.learning_rate_factor = 1},
                                                      {.learning_rate_factor = 1},
                                                      {.learning_rate_factor = 0.5F},
                                                      {.learning_rate_factor = 1},
                                                      {.learning_rate_factor = 1}};
    static const hpac_layer_training decayed[STACK] = {{.learning_rate_factor = 1},
                                                       {.learning_rate_factor = 1},
                                                       {.learning_rate_factor = 1, .l2 = 0.1F},
                                                       {.learning_rate_factor = 1},
                                                       {.learning_rate_factor = 1}};
    static const hpac_network_options more[] = {
        {.accumulate = 2},          {.clip_norm = 0.01F},        {.ema = 0.5F},
        {.layer_training = halved}, {.layer_training = decayed},
    };
    const hpac_optimizer adadelta = {
        .kind = HPAC_OPTIMIZER_ADADELTA, .learning_rate = 1, .rho = 0.95F, .epsilon = 1e-4F};
    hpac_weights *plain = train((hpac_network_options){.optimizer = adadelta}, 4);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        hpac_network_options options = more[i];
        options.optimizer = adadelta;
        hpac_weights *fused = train(options, 4);
        options.unfused = true;
        hpac_weights *single = train(options, 4);
        cr_expect_gt(largest_difference(single, plain), 1e-3, "option %zu changes nothing", i);
        cr_expect_lt(largest_difference(fused, single), 1e-6, "option %zu is lost", i);
        hpac_weights_destroy(fused, STACK);
        hpac_weights_destroy(single, STACK);
    }
    hpac_weights_destroy(plain, STACK);
}
