/*
 * Training runs of the real Keras (tools/reference/make_keras_golden.py), repeated through the
 * network: losses, gradients of the first step, weights after five.
 */
#include <hpac/network.h>

#include "formula.h"
#include "layers.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYER_COUNT 6
#define TENSOR_COUNT 8
#define MAX_STEPS 20

typedef struct golden_case {
    const char *path;
    hpac_shape input;
    size_t filters[2], hidden, classes, batch;
    int steps;
} golden_case;

static const golden_case small = {
    "tests/golden/keras_train_small.csv", {3, 12, 12, 2}, {4, 5}, 8, 3, 6, 20,
};
/* No size fits a vector of the processor, and pooling leaves a row and a column over. */
static const golden_case odd = {
    "tests/golden/keras_train_odd.csv", {3, 13, 11, 3}, {3, 7}, 5, 2, 3, 20,
};
static const golden_case full = {
    "tests/golden/keras_train_full.csv", {3, 128, 128, 1}, {16, 32}, 64, 28, 8, 20,
};
static const golden_case color = {
    "tests/golden/keras_train_color.csv", {3, 64, 48, 4}, {16, 32}, 64, 3, 5, 20,
};

/* ---- what Keras computed ---- */

typedef struct golden_tensor {
    size_t stride, count, kept;
    double norm;
    float *values; /* (kept) */
} golden_tensor;

typedef struct golden {
    golden_tensor loss, gradients[TENSOR_COUNT], weights5[TENSOR_COUNT];
} golden;

static void read_tensor(char *rest, golden_tensor *tensor)
{
    tensor->stride = strtoul(rest, &rest, 10);
    tensor->count = strtoul(rest + 1, &rest, 10);
    tensor->norm = strtod(rest + 1, &rest);
    tensor->kept = (tensor->count + tensor->stride - 1) / tensor->stride;
    tensor->values = malloc(tensor->kept * sizeof *tensor->values);
    cr_assert_not_null(tensor->values);
    for (size_t k = 0; k < tensor->kept; k++) {
        cr_assert_eq(*rest, ',');
        tensor->values[k] = strtof(rest + 1, &rest);
    }
    cr_assert_eq(*rest, '\n');
}

static golden read_golden(const char *path)
{
    golden read = {0};
    FILE *stream = fopen(path, "r");
    cr_assert_not_null(stream, "%s: run the tests from the root of the repository", path);
    char *line = NULL;
    size_t capacity = 0;
    int rows = 0;
    while (getline(&line, &capacity, stream) > 0) {
        char what[16];
        int tensor, used;
        if (sscanf(line, "%15[a-z0-9],%d,%n", what, &tensor, &used) != 2)
            continue;
        cr_assert(tensor >= 0 && tensor < TENSOR_COUNT);
        rows++;
        if (strcmp(what, "loss") == 0)
            read_tensor(line + used, &read.loss);
        else if (strcmp(what, "gradient") == 0)
            read_tensor(line + used, &read.gradients[tensor]);
        else
            read_tensor(line + used, &read.weights5[tensor]);
    }
    free(line);
    fclose(stream);
    cr_assert_eq(rows, 1 + 2 * TENSOR_COUNT, "%s", path);
    return read;
}

static void free_golden(golden *read)
{
    free(read->loss.values);
    for (int i = 0; i < TENSOR_COUNT; i++) {
        free(read->gradients[i].values);
        free(read->weights5[i].values);
    }
}

/* ---- comparing ---- */

/* Tensor i counts over kernels and biases of the layers that have any. */
static const float *find_tensor(const hpac_weights *weights, int index, size_t *count)
{
    for (int i = 0; i < LAYER_COUNT; i++) {
        if (weights[i].tensors[HPAC_KERNEL].count == 0)
            continue;
        if (index < 2) {
            *count = index == 0 ? weights[i].tensors[HPAC_KERNEL].count
                                : weights[i].tensors[HPAC_BIAS].count;
            return index == 0 ? weights[i].tensors[HPAC_KERNEL].values
                              : weights[i].tensors[HPAC_BIAS].values;
        }
        index -= 2;
    }
    cr_assert_fail("no such tensor");
    return NULL;
}

/* Largest difference of the values kept, and how far apart the norms are. */
typedef struct difference {
    double largest, norm;
} difference;

static difference compare(const golden_tensor *keras, const hpac_weights *weights, int index)
{
    size_t count = 0;
    const float *values = find_tensor(weights, index, &count);
    cr_assert_eq(count, keras->count);
    difference found = {0};
    double squares = 0;
    for (size_t k = 0; k < count; k++)
        squares += (double)values[k] * (double)values[k];
    found.norm = fabs(sqrt(squares) - keras->norm);
    for (size_t k = 0; k < keras->kept; k++) {
        double apart = fabs((double)values[k * keras->stride] - (double)keras->values[k]);
        if (!(apart <= found.largest) && !isnan(found.largest)) /* a NaN stays */
            found.largest = apart;
    }
    return found;
}

/* Gradients agree to 1e-4 of the tensor's scale, its root mean square; so do their norms. */
static void check_gradients(const golden *keras, const hpac_weights *gradients)
{
    for (int i = 0; i < TENSOR_COUNT; i++) {
        const golden_tensor *expected = &keras->gradients[i];
        double scale = expected->norm / sqrt((double)expected->count);
        difference found = compare(expected, gradients, i);
        cr_expect(!!(found.largest <= 1e-4 * scale), "gradient %d: off by %g, scale %g", i,
                  found.largest, scale);
        cr_expect(!!(found.norm <= 1e-4 * expected->norm), "gradient %d: norm %g off by %g", i,
                  expected->norm, found.norm);
    }
}

static void check_weights(const golden *keras, const hpac_weights *weights)
{
    for (int i = 0; i < TENSOR_COUNT; i++) {
        difference found = compare(&keras->weights5[i], weights, i);
        cr_expect(!!(found.largest <= 1e-5), "weights %d after 5 steps: off by %g", i,
                  found.largest);
        cr_expect(!!(found.norm <= 1e-5 * keras->weights5[i].norm),
                  "weights %d after 5 steps: norm %g off by %g", i, keras->weights5[i].norm,
                  found.norm);
    }
}

/* ---- running ---- */

static void make_layers(const golden_case *run, hpac_layer layers[LAYER_COUNT])
{
    const hpac_layer stack[LAYER_COUNT] = {
        CONV2D(run->filters[0]), CONV2D(run->filters[1]), MAXPOOL, FLATTEN,
        DENSE(run->hidden),      OUTPUT(run->classes),
    };
    memcpy(layers, stack, sizeof stack);
}

static void fill_slot(unsigned char *slot, const hpac_batch_format *format, int step)
{
    size_t labels = (size_t)format->batch_size * (size_t)format->target_count;
    for (size_t k = 0; k < labels; k++)
        slot[k] = formula_label((size_t)step * labels + k);
    unsigned char *pixels = slot + hpac_batch_pixels_offset_nbytes(format);
    size_t bytes = (size_t)format->batch_size * hpac_batch_image_nbytes(format);
    for (size_t k = 0; k < bytes; k++)
        pixels[k] = formula_pixel((size_t)step * bytes + k);
}

/* Trains one step and returns its mean loss. */
static double train_step(hpac_network *network, const hpac_batch_format *format, void *slot,
                         int step)
{
    fill_slot(slot, format, step);
    hpac_outcome outcome;
    assert_ok(hpac_network_train(
        network, &(hpac_network_batch){.slot = slot, .count = format->batch_size}, (uint32_t)step));
    assert_ok(hpac_network_collect(network, &outcome));
    cr_assert_eq(outcome.result.nonfinite, 0);
    return outcome.result.loss_sum / ((double)format->batch_size * (double)format->target_count);
}

static void train_and_check(const golden_case *run, hpac_network *network,
                            const hpac_batch_format *format, void *slot, hpac_weights *weights,
                            bool unfused)
{
    golden keras = read_golden(run->path);
    cr_assert_eq(keras.loss.count, (size_t)run->steps);
    for (int step = 0; step < run->steps; step++) {
        double loss = train_step(network, format, slot, step),
               expected = (double)keras.loss.values[step];
        cr_expect(!!(fabs(loss - expected) <= 1e-4 * expected), "step %d: loss %.9g, Keras %.9g",
                  step + 1, loss, expected);
        if (step == 0 && unfused) {
            assert_ok(hpac_network_export_gradients(network, weights));
            check_gradients(&keras, weights);
        }
        if (step == 4) {
            assert_ok(hpac_network_export(network, weights, NULL));
            check_weights(&keras, weights);
        }
    }
    free_golden(&keras);
}

static void check_run_with(const golden_case *run, bool unfused,
                           const hpac_device_options *device_options)
{
    hpac_device *device = open_tested_device(*device_options);

    hpac_layer layers[LAYER_COUNT];
    make_layers(run, layers);
    hpac_network_options options = {
        .device = device,
        .layers = layers,
        .layer_count = LAYER_COUNT,
        .format = {.batch_size = run->batch,
                   .target_count = run->classes,
                   .rows = run->input.rows,
                   .cols = run->input.cols,
                   .channels = run->input.channels,
                   .pixels = HPAC_PIXELS_UINT8},
        .training = true,
        .unfused = unfused,
        .optimizer = {.learning_rate = 1.0f, .rho = 0.95f, .epsilon = 1e-7f},
    };
    hpac_network *network;
    assert_ok(hpac_network_create(&options, &network));
    assert_ok(hpac_network_allocate(network));

    hpac_weights *weights = hpac_weights_create(layers, LAYER_COUNT, run->input);
    cr_assert_not_null(weights);
    formula_fill_weights(weights, layers, LAYER_COUNT);
    assert_ok(hpac_network_import(network, weights, NULL));

    void *slot;
    assert_ok(
        device->ops->alloc(device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&options.format), &slot));
    train_and_check(run, network, &options.format, slot, weights, unfused);

    device->ops->free(device, HPAC_MEMORY_PINNED, slot);
    hpac_weights_destroy(weights, LAYER_COUNT);
    hpac_network_destroy(network);
    device->ops->close(device);
}

static void check_run(const golden_case *run, bool unfused)
{
    hpac_device_options options = {.precision = HPAC_PRECISION_FP32, .deterministic = true};
    check_run_with(run, unfused, &options);
    options.image_layout = HPAC_IMAGE_LAYOUT_NHWC; /* auto is NCHW on CUDA */
    if (tested_device_is_cuda())
        check_run_with(run, unfused, &options);
}

Test(keras_golden, small_stack_op_by_op)
{
    check_run(&small, true);
}

Test(keras_golden, small_stack_fused)
{
    check_run(&small, false);
}

Test(keras_golden, odd_sizes_op_by_op)
{
    check_run(&odd, true);
}

Test(keras_golden, odd_sizes_fused)
{
    check_run(&odd, false);
}

Test(keras_golden, full_network_op_by_op)
{
    check_run(&full, true);
}

Test(keras_golden, full_network_fused)
{
    check_run(&full, false);
}

Test(keras_golden, color_network_op_by_op)
{
    check_run(&color, true);
}

Test(keras_golden, color_network_fused)
{
    check_run(&color, false);
}

/* By the algorithms that are measured as the fastest. */
Test(keras_golden, odd_sizes_without_determinism)
{
    check_run_with(&odd, false, &(hpac_device_options){.deterministic = false});
}
