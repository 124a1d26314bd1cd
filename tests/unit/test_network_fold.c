/* Zeros around an image are padding of the window behind them where that is the same, and only
 * there: a training step and predictions are those of the network with one plan per operation. */
#include <hpac/network.h>

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, CLASSES = 2, MAX_LAYERS = 12 };

#define ZEROS(top, bottom, left, right)                                                            \
    {                                                                                              \
        .kind = HPAC_LAYER_ZERO_PAD, .zeros = { top, bottom, left, right }                         \
    }
#define WINDOW(kind_, ...)                                                                         \
    {                                                                                              \
        .kind = (kind_), .kernel_rows = 3, .kernel_cols = 3, __VA_ARGS__                           \
    }
#define HEAD                                                                                       \
    {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},                                                           \
    {                                                                                              \
        .kind = HPAC_LAYER_DENSE, .units = CLASSES, .activation = HPAC_ACTIVATION_SIGMOID          \
    }

typedef struct network_case {
    const char *name;
    size_t remaining; /* plans of zero_pad in the fused network */
    size_t layer_count;
    hpac_layer layers[MAX_LAYERS];
} network_case;

static const network_case cases[] = {
    {"in front of convolutions, and behind ReLU of a max-pool",
     1,
     9,
     {ZEROS(2, 1, 0, 2),
      WINDOW(HPAC_LAYER_CONV2D, .filters = 16, .stride_rows = 2, .stride_cols = 2,
             .activation = HPAC_ACTIVATION_RELU),
      ZEROS(1, 2, 2, 1), WINDOW(HPAC_LAYER_MAXPOOL, .stride_rows = 2, .stride_cols = 2),
      ZEROS(1, 1, 1, 1), WINDOW(HPAC_LAYER_DEPTHWISE_CONV2D, .activation = HPAC_ACTIVATION_TANH),
      ZEROS(1, 0, 0, 1), HEAD}},
    {"the maximum of values below zero",
     1,
     5,
     {WINDOW(HPAC_LAYER_CONV2D, .filters = 16), ZEROS(1, 1, 1, 1),
      WINDOW(HPAC_LAYER_MAXPOOL, .stride_rows = 2, .stride_cols = 2), HEAD}},
    {"windows of zeros alone",
     2,
     7,
     {ZEROS(0, 3, 0, 0),
      WINDOW(HPAC_LAYER_CONV2D, .filters = 16, .activation = HPAC_ACTIVATION_RELU),
      ZEROS(0, 0, 4, 0), WINDOW(HPAC_LAYER_MAXPOOL, .stride_rows = 3),
      WINDOW(HPAC_LAYER_CONV2D, .filters = 8), HEAD}},
    {"two readers",
     1,
     6,
     {ZEROS(1, 1, 1, 1),
      WINDOW(HPAC_LAYER_CONV2D, .filters = 4),
      WINDOW(HPAC_LAYER_CONV2D, .filters = 4, .input_count = 1, .inputs = {1}),
      {.kind = HPAC_LAYER_ADD, .input_count = 2, .inputs = {2, 3}},
      HEAD}},
};

static const hpac_batch_format format = {.batch_size = BATCH,
                                         .target_count = CLASSES,
                                         .rows = 11,
                                         .cols = 12,
                                         .channels = 4,
                                         .pixels = HPAC_PIXELS_FLOAT32};

/* What a network computes: loss, weights and predictions. */
typedef struct outcome {
    double loss;
    hpac_weights *weights; /* after a step of length 1 */
    float probabilities[BATCH * CLASSES];
    size_t zero_pads;
} outcome;

static void *make_slot(hpac_device *device)
{
    void *slot;
    size_t count = BATCH * format.rows * format.cols * format.channels;
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&format), &slot));
    unsigned char *targets = slot;
    float *pixels = (float *)(void *)(targets + hpac_batch_pixels_offset_nbytes(&format));
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        targets[i] = formula_label(i);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)formula_pixel(i) / 255.0F - 0.5F;
    return slot;
}

static size_t count_zero_pads(const hpac_network *network)
{
    char *text = NULL;
    size_t nbytes = 0, count = 0;
    FILE *stream = open_memstream(&text, &nbytes);
    hpac_network_print(network, stream);
    fclose(stream);
    for (const char *at = text; (at = strstr(at, "zero_pad")); at++)
        count++;
    free(text);
    return count;
}

static hpac_network *make_network(hpac_device *device, const network_case *tested,
                                  hpac_network_options options)
{
    hpac_network *network;
    options.device = device;
    options.layers = tested->layers;
    options.layer_count = tested->layer_count;
    options.format = format;
    options.optimizer = (hpac_optimizer){.kind = HPAC_OPTIMIZER_SGD, .learning_rate = 1};
    assert_ok(hpac_network_create(&options, &network));
    assert_ok(hpac_network_allocate(network));
    assert_ok(hpac_network_initialize(network, 3));
    return network;
}

static outcome compute(const network_case *tested, bool unfused)
{
    hpac_device *device =
        open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
    hpac_outcome collected;
    void *slot = make_slot(device);
    const hpac_network_batch batch = {.slot = slot, .count = BATCH};
    outcome found = {
        .weights = hpac_weights_create(tested->layers, tested->layer_count,
                                       (hpac_shape){3, format.rows, format.cols, format.channels})};
    hpac_network *network =
        make_network(device, tested, (hpac_network_options){.training = true, .unfused = unfused});
    found.zero_pads = count_zero_pads(network);
    assert_ok(hpac_network_train(network, &batch, 0));
    assert_ok(hpac_network_collect(network, &collected));
    found.loss = collected.result.loss_sum;
    assert_ok(hpac_network_export(network, found.weights, NULL));
    hpac_network_destroy(network);
    network = make_network(device, tested, (hpac_network_options){.unfused = unfused});
    assert_ok(hpac_network_evaluate(network, &batch));
    assert_ok(hpac_network_collect(network, &collected));
    memcpy(found.probabilities, collected.probabilities, sizeof found.probabilities);
    hpac_network_destroy(network);
    device->ops->free(device, HPAC_MEMORY_PINNED, slot);
    hpac_device_close(device);
    return found;
}

static void expect_near(const char *name, const char *what, double found, double expected)
{
    cr_expect(!!(fabs(found - expected) <= 1e-5 + 1e-4 * fabs(expected)),
              "%s, %s: %.9g, expected %.9g", name, what, found, expected);
}

static void expect_same(const network_case *tested, const outcome *found, const outcome *expected)
{
    expect_near(tested->name, "loss", found->loss, expected->loss);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        expect_near(tested->name, "probability", (double)found->probabilities[i],
                    (double)expected->probabilities[i]);
    for (size_t i = 0; i < tested->layer_count; i++)
        for (hpac_role role = 0; role < HPAC_MOVING_MEAN; role++)
            for (size_t k = 0; k < found->weights[i].tensors[role].count; k++)
                expect_near(tested->name, hpac_role_name(role),
                            (double)found->weights[i].tensors[role].values[k],
                            (double)expected->weights[i].tensors[role].values[k]);
}

Test(network_fold, zeros_are_padding_of_the_window_behind_them, .timeout = 60)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const network_case *tested = &cases[i];
        outcome fused = compute(tested, false), single = compute(tested, true);
        cr_expect_eq(fused.zero_pads, tested->remaining, "%s: %zu plans of zero_pad", tested->name,
                     fused.zero_pads);
        expect_same(tested, &fused, &single);
        hpac_weights_destroy(fused.weights, tested->layer_count);
        hpac_weights_destroy(single.weights, tested->layer_count);
    }
}
