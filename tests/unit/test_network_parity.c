/*
 * Device parity: the tested device (HPAC_TEST_DEVICE, else the CPU with fused plans) computes what
 * the CPU computes with single operations. Both get the same weights and accumulators before every
 * one of twenty steps of the four configurations, scaled down; then the loss, every gradient and
 * every updated value are compared. Free-running trajectories are not: they part at the first ReLU
 * or max-pool whose inputs nearly tie, on any two machines.
 *
 * No input nearly ties here: pixels are multiples of 1/16 and the weights of convolutions multiples
 * of 1/64, so that convolutions (Winograd's, too) are exact in float32 and ties are exact; those go
 * to the first of equals on every device. Hidden dense layers have biases of +-1, about ten
 * standard deviations of their sums, so that their ReLUs are decided.
 *
 * Limits. A sum of n products in float32, in any order, has a relative error of about sqrt(n) u (u
 * = 2^-24), of the tensor's largest element where its terms cancel. A gradient is the end of a
 * chain of such sums: all forward sums, the backward sums of the layers above, and its own over
 * images and positions. Its limit is u times the sum of these sqrt(n): 5e-6 to 1e-5 for these
 * networks, two to five times what was seen. The loss averages the errors of images and classes,
 * which leaves 1e-6.
 */
#include <hpac/config.h>
#include <hpac/network.h>

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_ROUNDOFF 0x1p-24

enum { STEPS = 20, PARTIAL_STEP = 12, PARTIAL_COUNT = 3, BATCH = 6, DROPOUT_SEED = 7 };

typedef struct variant {
    const char *name, *device;
    int threads;
    bool unfused;
    hpac_image_layout image_layout;
} variant;

/* One of the two devices, with what it computed in the last step. */
typedef struct side {
    hpac_device *device;
    hpac_network *network;
    void *slot; /* pinned */
    hpac_weights *weights, *states[HPAC_STATE_COUNT], *gradients;
    double loss;
} side;

typedef struct parity {
    hpac_config config;
    hpac_shape input;
    hpac_shape shapes[32]; /* output of each layer */
    hpac_batch_format format;
    /* What both sides start the step with. */
    hpac_weights *weights, *states[HPAC_STATE_COUNT];
    side reference, tested;
    bool has_gradients; /* of the tested side: plans that update their parameters keep none */
    double worst;       /* difference / limit, with a message about it */
    char message[256];
} parity;

static hpac_weights *create_weights(const parity *test)
{
    hpac_weights *weights =
        hpac_weights_create(test->config.layers, test->config.layer_count, test->input);
    cr_assert_not_null(weights);
    return weights;
}

static void open_side(const parity *test, const variant *how, side *opened)
{
    const hpac_device_options device = {.name = how->device,
                                        .threads = how->threads,
                                        .deterministic = true,
                                        .image_layout = how->image_layout};
    assert_ok(hpac_device_open(&device, &opened->device));
    const hpac_network_options options = {.device = opened->device,
                                          .layers = test->config.layers,
                                          .layer_count = test->config.layer_count,
                                          .format = test->format,
                                          .training = true,
                                          .unfused = how->unfused,
                                          .graph = true,
                                          .optimizer = test->config.train.optimizer,
                                          .seed = DROPOUT_SEED};
    assert_ok(hpac_network_create(&options, &opened->network));
    assert_ok(hpac_network_allocate(opened->network));
    assert_ok(opened->device->ops->alloc(opened->device, HPAC_MEMORY_PINNED,
                                         hpac_batch_nbytes(&test->format), &opened->slot));
    opened->weights = create_weights(test);
    opened->states[0] = create_weights(test);
    opened->states[1] = create_weights(test);
    opened->gradients = create_weights(test);
}

static void close_side(const parity *test, side *opened)
{
    hpac_weights *const all[] = {opened->weights, opened->states[0], opened->states[1],
                                 opened->gradients};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        hpac_weights_destroy(all[i], test->config.layer_count);
    opened->device->ops->free(opened->device, HPAC_MEMORY_PINNED, opened->slot);
    hpac_network_destroy(opened->network);
    opened->device->ops->close(opened->device);
}

/* ---- exact inputs ---- */

static float round_to(float value, float quantum)
{
    return roundf(value / quantum) * quantum;
}

/* The weights of a step: uniform, other ones in every step. */
static void draw_weights(const parity *test, uint32_t step)
{
    for (size_t i = 0; i < test->config.layer_count; i++) {
        const hpac_layer *layer = &test->config.layers[i];
        hpac_weights *own = &test->weights[i];
        if (own->tensors[HPAC_KERNEL].count == 0)
            continue;
        bool hidden = layer->kind == HPAC_LAYER_DENSE && layer->activation == HPAC_ACTIVATION_RELU;
        uint32_t seed = 1000 + 100 * step + 2 * (uint32_t)i;
        double fan_in = (double)(own->tensors[HPAC_KERNEL].count / own->tensors[HPAC_BIAS].count);
        double limit = sqrt(3.0 / fan_in) / (hidden ? 8 : 1);
        for (size_t k = 0; k < own->tensors[HPAC_KERNEL].count; k++)
            own->tensors[HPAC_KERNEL].values[k] = formula_symmetric(seed, k, limit);
        for (size_t k = 0; k < own->tensors[HPAC_BIAS].count; k++)
            own->tensors[HPAC_BIAS].values[k] =
                hidden ? (k % 2 ? 1.0F : -1.0F) : formula_symmetric(seed + 1, k, 0.05);
        if (layer->kind != HPAC_LAYER_CONV2D)
            continue;
        for (size_t k = 0; k < own->tensors[HPAC_KERNEL].count; k++)
            own->tensors[HPAC_KERNEL].values[k] =
                round_to(own->tensors[HPAC_KERNEL].values[k], 0x1p-6F);
        for (size_t k = 0; k < own->tensors[HPAC_BIAS].count; k++)
            own->tensors[HPAC_BIAS].values[k] =
                round_to(own->tensors[HPAC_BIAS].values[k], 0x1p-6F);
    }
}

static void fill_slot(const parity *test, unsigned char *slot, size_t step)
{
    size_t labels = test->format.batch_size * test->format.target_count;
    for (size_t k = 0; k < labels; k++)
        slot[k] = formula_label(step * labels + k);
    size_t offset = hpac_batch_pixels_offset_nbytes(&test->format);
    size_t count = test->format.batch_size * hpac_batch_image_nbytes(&test->format) / sizeof(float);
    float *pixels = (float *)(void *)(slot + offset);
    for (size_t k = 0; k < count; k++)
        pixels[k] = (float)(formula_pixel(step * count + k) / 16) / 16.0F;
}

static size_t count_of(size_t step)
{
    return step == PARTIAL_STEP ? PARTIAL_COUNT : BATCH;
}

static void train_step(const parity *test, side *trained, size_t step, bool has_gradients)
{
    hpac_outcome outcome;
    const hpac_network_batch batch = {.slot = trained->slot, .count = count_of(step)};
    fill_slot(test, trained->slot, step);
    assert_ok(hpac_network_import(trained->network, test->weights, test->states));
    assert_ok(hpac_network_train(trained->network, &batch, (uint32_t)step));
    assert_ok(hpac_network_collect(trained->network, &outcome));
    cr_assert_eq(outcome.result.nonfinite, 0);
    trained->loss = outcome.result.loss_sum;
    assert_ok(hpac_network_export(trained->network, trained->weights, trained->states));
    if (has_gradients)
        assert_ok(hpac_network_export_gradients(trained->network, trained->gradients));
}

/* ---- limits ---- */

/* Terms of a layer's sums: forward, backward, and of its kernel's gradient. */
typedef struct sum_lengths {
    double forward, backward, gradient;
} sum_lengths;

static sum_lengths lengths_of(const parity *test, size_t layer)
{
    const hpac_weights *own = &test->weights[layer];
    hpac_shape out = test->shapes[layer];
    if (own->tensors[HPAC_KERNEL].count == 0)
        return (sum_lengths){0};
    size_t inputs = layer > 0 ? test->shapes[layer - 1].channels : test->input.channels;
    return (sum_lengths){
        .forward = (double)(own->tensors[HPAC_KERNEL].count / own->tensors[HPAC_BIAS].count),
        .backward = (double)(own->tensors[HPAC_KERNEL].count / inputs),
        .gradient = (double)(BATCH * out.rows * out.cols),
    };
}

/* The relative error of a sum over the whole forward pass. */
static double forward_error(const parity *test)
{
    double sum = 0;
    for (size_t i = 0; i < test->config.layer_count; i++)
        sum += sqrt(lengths_of(test, i).forward);
    return UNIT_ROUNDOFF * sum;
}

static double gradient_error(const parity *test, size_t layer)
{
    double sum = sqrt(lengths_of(test, layer).gradient);
    for (size_t i = layer + 1; i < test->config.layer_count; i++)
        sum += sqrt(lengths_of(test, i).backward);
    return forward_error(test) + UNIT_ROUNDOFF * sum;
}

/* ---- comparison ---- */

static void compare(parity *test, const char *what, size_t layer, size_t index, double tested,
                    double reference, double limit)
{
    double ratio = tested == reference ? 0 : fabs(tested - reference) / limit;
    if (ratio <= test->worst)
        return;
    test->worst = ratio; /* a NaN stays */
    snprintf(test->message, sizeof test->message,
             "%s of layer %zu, element %zu: %.9g, reference %.9g, limit %.2g", what, layer + 1,
             index, tested, reference, limit);
}

/* A kernel or a bias: its values before the step, and after it on both sides. */
typedef struct tensor {
    size_t layer, count;
    const float *square_average, *delta_average; /* before */
    const float *gradient, *new_weight, *new_square, *new_delta;
    const float *tested_gradient, *tested_weight, *tested_square, *tested_delta;
} tensor;

/*
 * Adadelta by element: a' = rho a + (1 - rho) g^2, d = g sqrt((u + eps) / (a' + eps)), u' = rho u +
 * (1 - rho) d^2, w' = w - lr d. An error of g reaches d with the factor of that root at most; the
 * operations themselves round a few times.
 */
static void compare_tensor(parity *test, const tensor *t)
{
    const hpac_optimizer *adadelta = &test->config.train.optimizer;
    const double rho = adadelta->rho, roundings = 8 * UNIT_ROUNDOFF;
    double largest = 0;
    for (size_t k = 0; k < t->count; k++)
        largest = fmax(largest, fabs((double)t->gradient[k]));
    double error = gradient_error(test, t->layer) * largest;
    for (size_t k = 0; k < t->count; k++) {
        double g = t->gradient[k], a = t->new_square[k], u = t->delta_average[k];
        double factor = sqrt((u + adadelta->epsilon) / (a + adadelta->epsilon));
        double delta = fabs(g) * factor, delta_error = factor * error + roundings * delta;
        if (test->has_gradients)
            compare(test, "gradient", t->layer, k, t->tested_gradient[k], g, error);
        compare(test, "average of squared gradients", t->layer, k, t->tested_square[k], a,
                (1 - rho) * (2 * fabs(g) + error) * error + roundings * a + 1e-44);
        compare(test, "average of squared changes", t->layer, k, t->tested_delta[k],
                t->new_delta[k],
                (1 - rho) * (2 * delta + delta_error) * delta_error +
                    roundings * (double)t->new_delta[k] + 1e-44);
        compare(test, "weight", t->layer, k, t->tested_weight[k], t->new_weight[k],
                adadelta->learning_rate * delta_error +
                    2 * UNIT_ROUNDOFF * fabs((double)t->new_weight[k]));
    }
}

static void compare_step(parity *test)
{
    const side *reference = &test->reference, *tested = &test->tested;
    compare(test, "loss", 0, 0, tested->loss, reference->loss,
            forward_error(test) / sqrt((double)(BATCH * test->format.target_count)) *
                fabs(reference->loss));
#define TENSOR(part, count_)                                                                       \
    (tensor)                                                                                       \
    {                                                                                              \
        .layer = i, .count = (count_), .square_average = test->states[0][i].tensors[part].values,  \
        .delta_average = test->states[1][i].tensors[part].values,                                  \
        .gradient = reference->gradients[i].tensors[part].values,                                  \
        .new_weight = reference->weights[i].tensors[part].values,                                  \
        .new_square = reference->states[0][i].tensors[part].values,                                \
        .new_delta = reference->states[1][i].tensors[part].values,                                 \
        .tested_gradient = tested->gradients[i].tensors[part].values,                              \
        .tested_weight = tested->weights[i].tensors[part].values,                                  \
        .tested_square = tested->states[0][i].tensors[part].values,                                \
        .tested_delta = tested->states[1][i].tensors[part].values,                                 \
    }
    for (size_t i = 0; i < test->config.layer_count; i++) {
        compare_tensor(test, &TENSOR(HPAC_KERNEL, test->weights[i].tensors[HPAC_KERNEL].count));
        compare_tensor(test, &TENSOR(HPAC_BIAS, test->weights[i].tensors[HPAC_BIAS].count));
    }
#undef TENSOR
}

static void copy_all(hpac_weights *to, const hpac_weights *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (from[i].tensors[HPAC_KERNEL].count == 0)
            continue;
        memcpy(to[i].tensors[HPAC_KERNEL].values, from[i].tensors[HPAC_KERNEL].values,
               from[i].tensors[HPAC_KERNEL].count * sizeof(float));
        memcpy(to[i].tensors[HPAC_BIAS].values, from[i].tensors[HPAC_BIAS].values,
               from[i].tensors[HPAC_BIAS].count * sizeof(float));
    }
}

static void check_configuration(const char *path, const variant *how)
{
    /* 40 x 38: the smallest for which the CPU fuses the stem on every path. */
    const char *const sets[] = {"data.image.rows=160", "data.image.cols=152"};
    parity test = {.has_gradients = how->unfused};
    assert_ok(hpac_config_load(path, sets, 2, &test.config));
    size_t layers = test.config.layer_count;
    test.input = hpac_config_input_shape(&test.config);
    assert_ok(hpac_layers_check(test.config.layers, layers, test.input,
                                test.config.data.target_count, test.shapes));
    test.format = (hpac_batch_format){.batch_size = BATCH,
                                      .target_count = test.config.data.target_count,
                                      .rows = test.input.rows,
                                      .cols = test.input.cols,
                                      .channels = test.input.channels,
                                      .pixels = HPAC_PIXELS_FLOAT32};
    test.weights = create_weights(&test);
    test.states[0] = create_weights(&test);
    test.states[1] = create_weights(&test);
    open_side(&test, &(variant){.device = "cpu", .threads = 1, .unfused = true}, &test.reference);
    open_side(&test, how, &test.tested);
    size_t step = 0;
    for (; step < STEPS; step++) {
        draw_weights(&test, (uint32_t)step);
        train_step(&test, &test.reference, step, true);
        train_step(&test, &test.tested, step, test.has_gradients);
        compare_step(&test);
        if (!(test.worst <= 1))
            break;
        copy_all(test.states[0], test.reference.states[0], layers);
        copy_all(test.states[1], test.reference.states[1], layers);
    }
    close_side(&test, &test.reference);
    close_side(&test, &test.tested);
    hpac_weights_destroy(test.weights, layers);
    hpac_weights_destroy(test.states[0], layers);
    hpac_weights_destroy(test.states[1], layers);
    hpac_config_fini(&test.config);
    cr_expect(!!(test.worst <= 1), "%s, %s, step %zu: %s", path, how->name, step, test.message);
    if (getenv("HPAC_TEST_VERBOSE"))
        fprintf(stderr, "%s, %s: %.2f of the limit: %s\n", path, how->name, test.worst,
                test.message);
}

static void check_configurations(variant how)
{
    static const char *const paths[] = {"configs/baseline.yaml", "configs/improved.yaml",
                                        "configs/improved_batch128.yaml",
                                        "configs/improved_nodropout.yaml"};
    how.device = tested_device();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        check_configuration(paths[i], &how);
}

Test(network_parity, fused_plans_agree_with_single_operations_of_the_cpu)
{
    check_configurations((variant){.name = "fused", .threads = 1});
}

/* On the CPU these are the reference's own operations, in the order of three threads. */
Test(network_parity, single_operations_agree_gradient_by_gradient)
{
    check_configurations((variant){.name = "unfused", .threads = 3, .unfused = true});
}

Test(network_parity, fused_plans_on_several_threads_agree)
{
    if (tested_device_is_cuda())
        cr_skip("threads are the CPU's");
    for (int threads = 2; threads <= 7; threads++)
        check_configuration("configs/improved_batch128.yaml",
                            &(variant){.name = "threads", .device = "cpu", .threads = threads});
}

/* Devices that let one choose; the CPU does not. */
Test(network_parity, both_layouts_agree)
{
    if (!tested_device_is_cuda())
        cr_skip("the CPU chooses layouts itself");
    check_configurations((variant){.name = "NHWC", .image_layout = HPAC_IMAGE_LAYOUT_NHWC});
    check_configurations((variant){.name = "NCHW", .image_layout = HPAC_IMAGE_LAYOUT_NCHW});
}
