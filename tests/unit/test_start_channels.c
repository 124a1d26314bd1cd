/* The first convolution of a file, for other channels or in another order than those of the data.
 */
#include "formula.h"
#include "start_file.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <hpac/network.h>
#include <stdlib.h>
#include <string.h>

TestSuite(start_channels);

enum { GREEN, BLUE, RED, YELLOW };
enum { FILTERS = 6, TAPS = 9, STEM = 1 };

/* The shares of the kernels of red, green and blue, as docs/model-files.md has them. */
static const struct {
    int order[4];
    size_t count;
    double shares[4][3];
} rules[] = {
    {{RED, GREEN, BLUE, YELLOW},
     4,
     {{2. / 3, 0, 0}, {0, 2. / 3, 0}, {0, 0, 1}, {1. / 3, 1. / 3, 0}}},
    {{GREEN, BLUE, RED, YELLOW},
     4,
     {{0, 2. / 3, 0}, {0, 0, 1}, {2. / 3, 0, 0}, {1. / 3, 1. / 3, 0}}},
    {{GREEN}, 1, {{1, 1, 1}}},
    {{YELLOW}, 1, {{1, 1, 1}}},
    {{GREEN, BLUE}, 2, {{0.5, 1, 0}, {0.5, 0, 1}}},
    {{YELLOW, RED}, 2, {{1. / 3, 1, 0.5}, {2. / 3, 0, 0.5}}},
};
enum { RULES = sizeof rules / sizeof *rules };

static double file_kernel(size_t tap, size_t channel, size_t filter)
{
    return (double)expected_value("stem_conv", HPAC_KERNEL, (tap * 3 + channel) * FILTERS + filter);
}

static void expect_rule(const hpac_tensor *kernel, size_t rule)
{
    size_t count = rules[rule].count;
    cr_assert_eq(kernel->count, TAPS * count * FILTERS);
    for (size_t i = 0; i < kernel->count; i++) {
        size_t filter = i % FILTERS, channel = i / FILTERS % count, tap = i / FILTERS / count;
        double expected = 0, value = (double)kernel->values[i];
        for (size_t c = 0; c < 3; c++)
            expected += rules[rule].shares[channel][c] * file_kernel(tap, c, filter);
        cr_expect(!!(fabs(value - expected) <= 1e-6), "rule %zu, %zu: %.9g, expected %.9g", rule, i,
                  value, expected);
    }
}

/* The network for the channels of a rule, with what it starts from. */
static void start_by_rule(size_t rule, hpac_model *model, hpac_start *start)
{
    *model = layers_without_normalization(rules[rule].count, 5);
    assert_ok(hpac_start_init(start, model, rules[rule].order));
    assert_ok(hpac_start_read(start, KERAS2_WEIGHTS));
}

Test(start_channels, kernels_go_to_the_channels_of_their_color)
{
    for (size_t r = 0; r < RULES; r++) {
        hpac_model model;
        hpac_start start;
        start_by_rule(r, &model, &start);
        cr_expect_eq(start.fits[STEM], HPAC_START_CONVERTED);
        cr_expect(start.file_channel_count == 3 &&
                  memcmp(start.file_channels, rgb, sizeof rgb) == 0);
        expect_rule(&start.weights[STEM].tensors[HPAC_KERNEL], r);
        cr_expect_eq(start.weights[STEM].tensors[HPAC_BIAS].values[2],
                     expected_value("stem_conv", HPAC_BIAS, 2));
        expect_stored(&start, "stem_bn", "stem_bn");
        hpac_start_fini(&start);
        hpac_model_fini(&model);
    }
}

/* ---- Keras's predictions ---- */

enum { CLASSES = 5, IMAGES = 3, PIXELS = 12 * 10 };

static void read_predictions(const char *kind, double expected[IMAGES][CLASSES])
{
    FILE *stream = fopen("tests/golden/start_predictions.csv", "r");
    char line[256];
    int rows = 0;
    cr_assert_not_null(stream);
    while (fgets(line, sizeof line, stream)) {
        if (strncmp(line, kind, strlen(kind)) != 0 || line[strlen(kind)] != ',')
            continue;
        char *rest;
        cr_assert_eq(strtol(line + strlen(kind) + 1, &rest, 10), rows);
        for (int k = 0; k < CLASSES; k++)
            expected[rows][k] = strtod(rest + 1, &rest);
        rows++;
    }
    fclose(stream);
    cr_assert_eq(rows, IMAGES);
}

/* The predictions of a network with these weights; gray: all channels of an image are equal. */
static void expect_predictions(const hpac_model *model, const hpac_start *start, bool gray)
{
    double expected[IMAGES][CLASSES];
    size_t channels = model->input.channels;
    hpac_device *device = open_tested_device((hpac_device_options){0});
    hpac_network *network;
    hpac_outcome outcome;
    void *memory;
    const hpac_network_options options = {
        .device = device,
        .layers = model->layers,
        .layer_count = model->layer_count,
        .format = {IMAGES, CLASSES, 12, 10, channels, HPAC_PIXELS_UINT8}};
    read_predictions(gray ? "gray" : "bgr", expected);
    assert_ok(hpac_network_create(&options, &network));
    assert_ok(hpac_network_allocate(network));
    assert_ok(hpac_network_import(network, start->weights, NULL));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&options.format),
                                 &memory));
    unsigned char *slot = memory, *pixels = slot + hpac_batch_pixels_offset_nbytes(&options.format);
    memset(slot, 0, hpac_batch_nbytes(&options.format));
    for (size_t k = 0; k < IMAGES * PIXELS * channels; k++)
        pixels[k] = formula_pixel(gray ? k / channels : k);
    assert_ok(hpac_network_evaluate(network, &(hpac_network_batch){.slot = slot, .count = IMAGES}));
    assert_ok(hpac_network_collect(network, &outcome));
    for (size_t i = 0; i < IMAGES * CLASSES; i++)
        cr_expect(
            !!(fabs((double)outcome.probabilities[i] - expected[i / CLASSES][i % CLASSES]) <= 2e-6),
            "%zu channels, %zu: %.9g, expected %.9g", channels, i, (double)outcome.probabilities[i],
            expected[i / CLASSES][i % CLASSES]);
    device->ops->free(device, HPAC_MEMORY_PINNED, memory);
    hpac_network_destroy(network);
    device->ops->close(device);
}

Test(start_channels, gray_images_are_predicted_as_by_keras)
{
    for (size_t r = 0; r < RULES; r++) {
        hpac_model model;
        hpac_start start;
        start_by_rule(r, &model, &start);
        expect_predictions(&model, &start, true);
        hpac_start_fini(&start);
        hpac_model_fini(&model);
    }
}

/* Takes the weights of a file whose channels have this order. */
static void take_in_order(hpac_start *start, const hpac_model *model, const int *order,
                          const int *file_order, size_t count)
{
    assert_ok(hpac_start_init(start, model, order));
    if (count > 0)
        hpac_start_set_channels(start, file_order, count);
    assert_ok(hpac_start_read(start, KERAS2_WEIGHTS));
}

/* The network of Keras reads blue, green, red; the data are red, green, blue. */
Test(start_channels, a_file_may_have_another_order)
{
    hpac_model model = layers_without_normalization(3, 5);
    hpac_start start;
    take_in_order(&start, &model, rgb, (const int[]){BLUE, GREEN, RED}, 3);
    cr_expect_eq(start.fits[STEM], HPAC_START_CONVERTED);
    cr_expect(start.reads_image);
    expect_predictions(&model, &start, false);
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* Of the same channels in the same order, or if nothing is known of them. */
Test(start_channels, three_channels_stay_as_they_are)
{
    static const int green_blue_yellow[] = {GREEN, BLUE, YELLOW};
    for (size_t known = 0; known < 2; known++) {
        hpac_model model = layers_without_normalization(3, 5);
        hpac_start start;
        take_in_order(&start, &model, green_blue_yellow, green_blue_yellow, known ? 3 : 0);
        expect_stored(&start, "stem_conv", "stem_conv");
        hpac_start_fini(&start);
        hpac_model_fini(&model);
    }
}

/* Green, blue and yellow: red, which the file does not have, is the mean of the three. Each kernel
 * has 1 + 1/3 shares then. */
Test(start_channels, a_color_that_the_file_lacks_is_the_mean)
{
    const int order[] = {RED, GREEN, BLUE, YELLOW};
    hpac_model model = layers_without_normalization(4, 5);
    hpac_start start;
    take_in_order(&start, &model, order, (const int[]){GREEN, BLUE, YELLOW}, 3);
    const float *values = start.weights[STEM].tensors[HPAC_KERNEL].values;
    for (size_t i = 0; i < TAPS * FILTERS; i++) {
        size_t tap = i / FILTERS, k = i % FILTERS;
        double sum = 0;
        for (size_t c = 0; c < 3; c++) {
            double own = file_kernel(tap, c, k);
            sum += own / 4;
            double value = (double)values[(tap * 4 + 1 + c) * FILTERS + k];
            cr_expect(!!(fabs(value - 0.75 * own) <= 1e-6), "%zu %zu: %.9g", i, c, value);
        }
        cr_expect(!!(fabs((double)values[tap * 4 * FILTERS + k] - sum) <= 1e-6));
    }
    hpac_start_fini(&start);
    hpac_model_fini(&model);
}

/* A file of hpac for two channels, in the other order: only the order may be another. */
Test(start_channels, files_of_other_counts_are_reordered_only)
{
    hpac_channel_mix swapped =
        hpac_channel_mix_make((const int[]){GREEN, BLUE}, 2, (const int[]){BLUE, GREEN}, 2);
    cr_expect(hpac_channel_mix_is_order(&swapped) && !hpac_channel_mix_is_identity(&swapped));
    hpac_channel_mix other =
        hpac_channel_mix_make((const int[]){GREEN, BLUE}, 2, (const int[]){GREEN, RED}, 2);
    cr_expect(!hpac_channel_mix_is_order(&other));
    hpac_channel_mix fewer =
        hpac_channel_mix_make((const int[]){GREEN, BLUE}, 2, (const int[]){GREEN}, 1);
    cr_expect(!hpac_channel_mix_is_order(&fewer) && !hpac_channel_mix_is_identity(&fewer));
}
