/* An image's prediction has the same bits at any batch size, at any position and beside any other
 * images. */
#include <hpac/network.h>

#include "formula.h"
#include "layers.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SIDE = 34, CHANNELS = 3, TARGETS = 5, IMAGES = 71, IMAGE_NBYTES = SIDE * SIDE * CHANNELS };

/* Layers of the default model: its dense layer sums thousands of terms. */
static const hpac_layer plain[] = {CONV2D(16), CONV2D(32), MAXPOOL,
                                   FLATTEN,    DENSE(64),  OUTPUT(TARGETS)};

/* And convolutions with padding, which the CPU computes by other ways. */
static const hpac_layer padded[] = {
    SAME_CONV2D(16), SAME_CONV2D(32), MAXPOOL, SAME_CONV2D(32), {.kind = HPAC_LAYER_GLOBAL_AVGPOOL},
    OUTPUT(TARGETS)};

typedef struct layer_list {
    const hpac_layer *layers;
    size_t count;
} layer_list;
static const layer_list lists[] = {{plain, sizeof plain / sizeof *plain},
                                   {padded, sizeof padded / sizeof *padded}};

typedef struct predictor {
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    void *slot;
} predictor;

static predictor open_predictor(hpac_device *device, const layer_list *list, size_t batch_size)
{
    predictor made = {.device = device,
                      .format = {.batch_size = batch_size,
                                 .target_count = TARGETS,
                                 .rows = SIDE,
                                 .cols = SIDE,
                                 .channels = CHANNELS}};
    const hpac_network_options options = {.device = device,
                                          .layers = list->layers,
                                          .layer_count = list->count,
                                          .format = made.format};
    assert_ok(hpac_network_create(&options, &made.network));
    assert_ok(hpac_network_allocate(made.network));
    assert_ok(hpac_network_initialize(made.network, 7));
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&made.format),
                                 &made.slot));
    return made;
}

static void close_predictor(predictor *made)
{
    made->device->ops->free(made->device, HPAC_MEMORY_PINNED, made->slot);
    hpac_network_destroy(made->network);
}

/* Image i of the batch is image (first + i) mod IMAGES; the images after `count` are bytes of 255.
 */
static const float *predict(predictor *made, size_t first, size_t count)
{
    uint8_t *pixels = (uint8_t *)made->slot + hpac_batch_pixels_offset_nbytes(&made->format);
    memset(pixels, 0xff, made->format.batch_size * IMAGE_NBYTES);
    for (size_t i = 0; i < count * IMAGE_NBYTES; i++)
        pixels[i] = (uint8_t)formula_hash(3, (first + i / IMAGE_NBYTES) % IMAGES * IMAGE_NBYTES +
                                                 i % IMAGE_NBYTES);
    const hpac_network_batch batch = {.slot = made->slot, .count = count};
    hpac_outcome outcome;
    assert_ok(hpac_network_evaluate(made->network, &batch));
    assert_ok(hpac_network_collect(made->network, &outcome));
    return outcome.probabilities;
}

static void expect_bits(float expected[IMAGES][TARGETS], const float *found, size_t first,
                        size_t count, size_t batch_size)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_arr_eq(found + i * TARGETS, expected[(first + i) % IMAGES],
                         TARGETS * sizeof(float),
                         "image %zu at position %zu of %zu, batch size %zu", (first + i) % IMAGES,
                         i, count, batch_size);
}

static void check_positions(hpac_device *device, const layer_list *list)
{
    static const size_t counts[] = {1, 2, 3, 7, 8, 64};
    float expected[IMAGES][TARGETS];
    predictor made = open_predictor(device, list, 64);
    for (size_t first = 0; first < IMAGES; first += 64)
        memcpy(expected[first], predict(&made, first, first ? IMAGES - first : 64),
               (first ? IMAGES - first : 64) * sizeof *expected);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t first = 5; first < IMAGES; first += 13)
            expect_bits(expected, predict(&made, first, counts[c]), first, counts[c], 64);
    close_predictor(&made);
}

/* One batch size, as hpac_micro_batch_size() gives: the guarantee on every device. */
Test(network_bits, do_not_depend_on_the_position_or_the_other_images, .timeout = 300)
{
    hpac_device *device = open_tested_device((hpac_device_options){.deterministic = true});
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_positions(device, &lists[i]);
    device->ops->close(device);
}

static void check_batch_sizes(const layer_list *list)
{
    static const size_t sizes[] = {1, 2, 3, 7, 8, 64};
    float expected[IMAGES][TARGETS] = {{0}};
    for (int threads = 1; threads <= 3; threads++) {
        hpac_device *device =
            open_tested_device((hpac_device_options){.threads = threads, .deterministic = true});
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            predictor made = open_predictor(device, list, sizes[s]);
            for (size_t first = 0; first + sizes[s] <= 64; first += sizes[s]) {
                const float *found = predict(&made, first, sizes[s]);
                if (threads == 1 && sizes[s] == 1)
                    memcpy(expected[first], found, sizeof *expected);
                expect_bits(expected, found, first, sizes[s], sizes[s]);
            }
            close_predictor(&made);
        }
        device->ops->close(device);
    }
}

/* On the CPU any batch size and number of threads gives the same bits, too. */
Test(network_bits, do_not_depend_on_the_batch_size_or_threads, .timeout = 300)
{
    if (tested_device_is_cuda())
        cr_skip_test("cuDNN chooses its algorithms by the batch size");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_batch_sizes(&lists[i]);
}
