/* Networks with branches: what the memory plan gives away is read by none, a batch norm folded into
 * its convolution predicts the same, and the gradients are the slopes of the loss. */
#include <hpac/network.h>

#include "base/random.h"
#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { BATCH = 4, CLASSES = 3, STEPS = 3 };

#define CONVOLUTION(filters_, ...)                                                                 \
    {                                                                                              \
        .kind = HPAC_LAYER_CONV2D, .filters = (filters_), .kernel_rows = 3, .kernel_cols = 3,      \
        .padding = HPAC_PADDING_SAME, .no_bias = true, __VA_ARGS__                                 \
    }
#define NORM                                                                                       \
    {                                                                                              \
        .kind = HPAC_LAYER_BATCH_NORM, .momentum = 0.5F                                            \
    }

/* A residual block with a convolution on its shortcut, squeeze and excitation, and two poolings
 * side by side. The activations are smooth, so that the loss has slopes everywhere. */
static const hpac_layer layers[] = {
    CONVOLUTION(6, .activation = HPAC_ACTIVATION_LINEAR),                /* 1 */
    NORM,                                                                /* 2 */
    {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_SILU}, /* 3 */
    CONVOLUTION(8, .stride_rows = 2, .stride_cols = 2),                  /* 4 */
    NORM,                                                                /* 5 */
    {.kind = HPAC_LAYER_CONV2D,
     .filters = 8,
     .kernel_rows = 1,
     .kernel_cols = 1,
     .stride_rows = 2,
     .stride_cols = 2,
     .input_count = 1,
     .inputs = {3}},                                                     /* 6 */
    {.kind = HPAC_LAYER_ADD, .input_count = 2, .inputs = {5, 6}},        /* 7 */
    {.kind = HPAC_LAYER_ACTIVATION, .activation = HPAC_ACTIVATION_TANH}, /* 8 */
    {.kind = HPAC_LAYER_GLOBAL_AVGPOOL, .keep_dims = true},              /* 9 */
    {.kind = HPAC_LAYER_CONV2D,
     .filters = 8,
     .kernel_rows = 1,
     .kernel_cols = 1,
     .activation = HPAC_ACTIVATION_SIGMOID},                                             /* 10 */
    {.kind = HPAC_LAYER_MULTIPLY, .input_count = 2, .inputs = {8, 10}},                  /* 11 */
    {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},                                                 /* 12 */
    {.kind = HPAC_LAYER_GLOBAL_MAXPOOL, .input_count = 1, .inputs = {11}},               /* 13 */
    {.kind = HPAC_LAYER_CONCAT, .input_count = 2, .inputs = {12, 13}},                   /* 14 */
    {.kind = HPAC_LAYER_DENSE, .units = CLASSES, .activation = HPAC_ACTIVATION_SIGMOID}, /* 15 */
};
enum { LAYERS = sizeof layers / sizeof *layers };

static const hpac_batch_format format = {.batch_size = BATCH,
                                         .target_count = CLASSES,
                                         .rows = 9,
                                         .cols = 10,
                                         .channels = 2,
                                         .pixels = HPAC_PIXELS_FLOAT32};
static const hpac_shape input = {3, 9, 10, 2};

typedef struct setup {
    hpac_device *device;
    hpac_network *network;
    void *slot;
} setup;

/* A network with the weights given. */
static setup set_up(hpac_network_options options, const hpac_weights *weights)
{
    setup made;
    made.device = open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
    options.device = made.device;
    options.layers = layers;
    options.layer_count = LAYERS;
    options.format = format;
    options.optimizer =
        (hpac_optimizer){.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.1F, .momentum = 0.9F};
    assert_ok(hpac_network_create(&options, &made.network));
    assert_ok(hpac_network_allocate(made.network));
    assert_ok(hpac_network_import(made.network, weights, NULL));
    assert_ok(made.device->ops->alloc(made.device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&format),
                                      &made.slot));
    return made;
}

static void tear_down(setup *made)
{
    made->device->ops->free(made->device, HPAC_MEMORY_PINNED, made->slot);
    hpac_network_destroy(made->network);
    hpac_device_close(made->device);
}

static hpac_weights *draw_weights(void)
{
    hpac_weights *weights = hpac_weights_create(layers, LAYERS, input);
    hpac_random random;
    cr_assert_not_null(weights);
    hpac_random_init(&random, 5, HPAC_PURPOSE_SYNTH, 0, 0);
    for (size_t i = 0; i < LAYERS; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++) {
            hpac_tensor *tensor = &weights[i].tensors[role];
            bool around_1 = role == HPAC_GAMMA || role == HPAC_MOVING_VARIANCE;
            for (size_t k = 0; k < tensor->count; k++)
                tensor->values[k] = (float)around_1 + 0.8F * (hpac_random_uniform(&random) - 0.5F);
        }
    return weights;
}

static void fill_slot(const setup *made, uint32_t step)
{
    unsigned char *targets = made->slot;
    float *pixels = (float *)(targets + hpac_batch_pixels_offset_nbytes(&format));
    size_t count = BATCH * hpac_shape_count(input);
    for (size_t k = 0; k < BATCH * CLASSES; k++)
        targets[k] = formula_label(step * BATCH * CLASSES + k);
    for (size_t k = 0; k < count; k++)
        pixels[k] = (float)formula_pixel(step * count + k) / 255.0F;
}

static double train_step(const setup *made, uint32_t step)
{
    const hpac_network_batch batch = {.slot = made->slot, .count = BATCH};
    hpac_outcome outcome;
    fill_slot(made, step);
    assert_ok(hpac_network_train(made->network, &batch, step));
    assert_ok(hpac_network_collect(made->network, &outcome));
    cr_assert_eq(outcome.result.nonfinite, 0);
    return outcome.result.loss_sum;
}

static void evaluate(const setup *made, float probabilities[BATCH * CLASSES])
{
    const hpac_network_batch batch = {.slot = made->slot, .count = BATCH};
    hpac_outcome outcome;
    fill_slot(made, 7);
    assert_ok(hpac_network_evaluate(made->network, &batch));
    assert_ok(hpac_network_collect(made->network, &outcome));
    memcpy(probabilities, outcome.probabilities, BATCH * CLASSES * sizeof(float));
}

static void expect_same_weights(const hpac_weights *a, const hpac_weights *b)
{
    for (size_t i = 0; i < LAYERS; i++)
        for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
            if (a[i].tensors[role].count > 0)
                cr_expect_arr_eq(a[i].tensors[role].values, b[i].tensors[role].values,
                                 a[i].tensors[role].count * sizeof(float), "layer %zu, %s", i + 1,
                                 hpac_role_name(role));
}

static void train_poisoned(bool unfused)
{
    hpac_weights *weights = draw_weights(), *other = draw_weights();
    setup plain = set_up((hpac_network_options){.training = true, .unfused = unfused}, weights);
    setup poisoned = set_up(
        (hpac_network_options){.training = true, .unfused = unfused, .poison = true}, weights);
    float expected[BATCH * CLASSES], found[BATCH * CLASSES];
    for (uint32_t step = 0; step < STEPS; step++) {
        double loss = train_step(&plain, step), again = train_step(&poisoned, step);
        cr_expect(loss == again, "step %u: %.9g, with NaN where nothing is needed %.9g", step, loss,
                  again);
    }
    assert_ok(hpac_network_export(plain.network, weights, NULL));
    assert_ok(hpac_network_export(poisoned.network, other, NULL));
    expect_same_weights(weights, other);
    evaluate(&plain, expected);
    evaluate(&poisoned, found);
    cr_expect_arr_eq(expected, found, sizeof expected);
    tear_down(&plain);
    tear_down(&poisoned);
    hpac_weights_destroy(weights, LAYERS);
    hpac_weights_destroy(other, LAYERS);
}

Test(network_graph, nothing_reads_memory_that_the_plan_gave_away)
{
    train_poisoned(false);
    train_poisoned(true);
}

/* One plan per operation has the batch norms as they are. */
Test(network_graph, predicts_the_same_with_batch_norm_folded_into_convolutions)
{
    hpac_weights *weights = draw_weights();
    setup folded = set_up((hpac_network_options){.training = false}, weights);
    setup single = set_up((hpac_network_options){.unfused = true}, weights);
    float expected[BATCH * CLASSES], found[BATCH * CLASSES];
    evaluate(&single, expected);
    evaluate(&folded, found);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        cr_expect(!!(fabsf(found[i] - expected[i]) <= 1e-6F), "%zu: %.9g, expected %.9g", i,
                  (double)found[i], (double)expected[i]);
    tear_down(&folded);
    tear_down(&single);
    hpac_weights_destroy(weights, LAYERS);
}

/* The mean loss in training of a network with these weights: with batch statistics, or frozen
 * ones. */
static double loss_of(const hpac_weights *weights, bool frozen)
{
    setup made = set_up(
        (hpac_network_options){.training = true, .unfused = true, .batch_norm_frozen = frozen},
        weights);
    double loss = train_step(&made, 0) / (BATCH * CLASSES);
    tear_down(&made);
    return loss;
}

/* Central differences, along the gradient of each tensor: float32 sums are too coarse for the slope
 * of a single weight. */
static void expect_slopes(bool frozen)
{
    hpac_weights *weights = draw_weights(), *gradients = draw_weights();
    setup made = set_up(
        (hpac_network_options){.training = true, .unfused = true, .batch_norm_frozen = frozen},
        weights);
    (void)train_step(&made, 0);
    assert_ok(hpac_network_export_gradients(made.network, gradients));
    tear_down(&made);
    for (size_t i = 0; i < LAYERS; i++)
        for (hpac_role role = 0; role < HPAC_MOVING_MEAN; role++) {
            hpac_tensor *tensor = &weights[i].tensors[role];
            const float *slope = gradients[i].tensors[role].values;
            double norm = 0, losses[2];
            for (size_t k = 0; k < tensor->count; k++)
                norm += (double)slope[k] * (double)slope[k];
            norm = sqrt(norm);
            if (tensor->count == 0)
                continue;
            cr_expect_gt(norm, 1e-4, "layer %zu, %s", i + 1, hpac_role_name(role));
            const double reach = 4e-3;
            for (int side = 0; side < 2; side++) {
                double move = (side ? 1 : -1) * (side ? 2 : 1) * reach / norm; /* -1, then +1 */
                for (size_t k = 0; k < tensor->count; k++)
                    tensor->values[k] += (float)(move * (double)slope[k]);
                losses[side] = loss_of(weights, frozen);
            }
            for (size_t k = 0; k < tensor->count; k++)
                tensor->values[k] -= (float)(reach / norm * (double)slope[k]);
            double found = (losses[1] - losses[0]) / (2 * reach);
            cr_expect(!!(fabs(found - norm) <= 0.02 * norm + 1e-4),
                      "layer %zu, %s: slope %.6g, gradient %.6g", i + 1, hpac_role_name(role),
                      found, norm);
        }
    hpac_weights_destroy(weights, LAYERS);
    hpac_weights_destroy(gradients, LAYERS);
}

Test(network_graph, gradients_are_slopes_of_the_loss)
{
    expect_slopes(false);
}

/* Through statistics that are constants. */
Test(network_graph, gradients_are_slopes_of_the_loss_with_frozen_statistics)
{
    expect_slopes(true);
}

/* Whether a step changes the tensors of a role. */
static void expect_moves(hpac_role role, bool moves, const hpac_weights *a, const hpac_weights *b)
{
    for (size_t i = 0; i < LAYERS; i++) {
        const hpac_tensor *tensor = &a[i].tensors[role];
        if (tensor->count > 0)
            cr_expect_eq(memcmp(tensor->values, b[i].tensors[role].values,
                                tensor->count * sizeof(float)) != 0,
                         moves, "layer %zu, %s", i + 1, hpac_role_name(role));
    }
}

/* In training as in predictions, by the moving averages, which stay; the rest is trained. */
static void train_frozen(bool unfused)
{
    hpac_weights *weights = draw_weights(), *after = draw_weights();
    hpac_network_options options = {
        .training = true, .unfused = unfused, .batch_norm_frozen = true};
    setup frozen = set_up(options, weights);
    double loss = train_step(&frozen, 7), expected = 0;
    assert_ok(hpac_network_export(frozen.network, after, NULL));
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        expect_moves(role, hpac_role_is_trained(role), weights, after);
    tear_down(&frozen);

    setup single = set_up((hpac_network_options){.unfused = true}, weights);
    float probabilities[BATCH * CLASSES];
    evaluate(&single, probabilities);
    for (size_t k = 0; k < BATCH * CLASSES; k++) {
        double p = (double)probabilities[k];
        expected -= log(formula_label(7 * BATCH * CLASSES + k) ? p : 1 - p);
    }
    cr_expect(!!(fabs(loss - expected) <= 1e-5 * expected), "loss %.9g, expected %.9g", loss,
              expected);
    tear_down(&single);
    hpac_weights_destroy(weights, LAYERS);
    hpac_weights_destroy(after, LAYERS);
}

Test(network_graph, frozen_statistics_stay_and_are_those_of_predictions)
{
    train_frozen(false);
    train_frozen(true);
}
