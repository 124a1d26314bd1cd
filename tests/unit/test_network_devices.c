/*
 * A device trains to the same bits with and without graphs, and from resident images: the tested
 * one (HPAC_TEST_DEVICE, else the CPU), on twenty steps of a configuration scaled down, dropout and
 * all.
 */
#include <hpac/config.h>
#include <hpac/network.h>

#include "formula.h"
#include "recorded_steps.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { DROPOUT_SEED = 11 };

enum { BATCH = 6, SMALL_BATCH = 4, STEPS = 20, PARTIAL_STEP = 12, PARTIAL_COUNT = 3 };

/* A configuration of the project for images of 24 x 22; the one with small batches (64) keeps
 * smaller ones than the others. */
static hpac_config load_small(const char *path)
{
    const char *const sets[] = {"data.image.rows=96", "data.image.cols=88"};
    hpac_config config;
    assert_ok(hpac_config_load(path, sets, 2, &config));
    config.train.batch_size = config.train.batch_size < 100 ? SMALL_BATCH : BATCH;
    return config;
}

/* A network on its device, with weights from the formula and a pinned slot for each step under way.
 */
typedef struct trained {
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    hpac_weights *weights;
    const hpac_config *config;
    void *slots[HPAC_NETWORK_IN_FLIGHT];
    double losses[STEPS];
} trained;

typedef struct manner {
    const char *device;
    hpac_image_layout image_layout;
    bool no_graph, kept;
} manner;

static void open_trained(trained *run, const hpac_config *config, const manner *how)
{
    const hpac_device_options device = {.name = how->device,
                                        .threads = 1,
                                        .deterministic = true,
                                        .image_layout = how->image_layout};
    *run = (trained){.config = config};
    assert_ok(hpac_device_open(&device, &run->device));
    hpac_shape input = hpac_config_input_shape(config);
    run->format = (hpac_batch_format){.batch_size = config->train.batch_size,
                                      .target_count = config->data.target_count,
                                      .rows = input.rows,
                                      .cols = input.cols,
                                      .channels = input.channels,
                                      .pixels = HPAC_PIXELS_UINT8};
    const hpac_network_options options = {.device = run->device,
                                          .layers = config->layers,
                                          .layer_count = config->layer_count,
                                          .format = run->format,
                                          .training = true,
                                          .graph = !how->no_graph,
                                          .optimizer = config->train.optimizer,
                                          .seed = DROPOUT_SEED};
    assert_ok(hpac_network_create(&options, &run->network));
    assert_ok(hpac_network_allocate(run->network));
    run->weights = hpac_weights_create(config->layers, config->layer_count, input);
    cr_assert_not_null(run->weights);
    formula_fill_weights(run->weights, config->layers, config->layer_count);
    assert_ok(hpac_network_import(run->network, run->weights, NULL, NULL));
    for (int i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        assert_ok(run->device->ops->alloc(run->device, HPAC_MEMORY_PINNED,
                                          hpac_batch_nbytes(&run->format), &run->slots[i]));
    if (how->kept)
        assert_ok(hpac_network_retain_images(run->network, BATCH * STEPS));
}

static void close_trained(trained *run)
{
    for (int i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        run->device->ops->free(run->device, HPAC_MEMORY_PINNED, run->slots[i]);
    hpac_weights_destroy(run->weights, run->config->layer_count);
    hpac_network_destroy(run->network);
    run->device->ops->close(run->device);
}

static size_t count_of(const trained *run, int step)
{
    return step == PARTIAL_STEP ? PARTIAL_COUNT : run->format.batch_size;
}

/* The labels and pixels of step `step`; its first image is number batch size x step of all. */
static void fill_slot(const trained *run, unsigned char *slot, int step)
{
    size_t batch = run->format.batch_size;
    size_t labels = batch * run->format.target_count;
    for (size_t k = 0; k < labels; k++)
        slot[k] = formula_label((size_t)step * labels + k);
    unsigned char *pixels = slot + hpac_batch_pixels_offset_nbytes(&run->format);
    size_t nbytes = batch * hpac_batch_image_nbytes(&run->format);
    for (size_t k = 0; k < nbytes; k++)
        pixels[k] = formula_pixel((size_t)step * nbytes + k);
}

static void collect(trained *run, int step)
{
    hpac_outcome outcome;
    assert_ok(hpac_network_collect(run->network, &outcome));
    cr_assert_eq(outcome.result.nonfinite, 0);
    run->losses[step] =
        outcome.result.loss_sum / ((double)count_of(run, step) * (double)run->format.target_count);
}

/* Steps `first` .. `end` - 1, two under way, and waits for them. */
static void train(trained *run, int first, int end)
{
    for (int step = first; step < end; step++) {
        void *slot = run->slots[step % HPAC_NETWORK_IN_FLIGHT];
        if (step - first >= HPAC_NETWORK_IN_FLIGHT)
            collect(run, step - HPAC_NETWORK_IN_FLIGHT);
        fill_slot(run, slot, step);
        const hpac_network_batch batch = {.slot = slot, .count = count_of(run, step)};
        assert_ok(hpac_network_train(run->network, &batch, (uint32_t)step));
    }
    for (int step = end - (int)hpac_network_in_flight(run->network); step < end; step++)
        collect(run, step);
    assert_ok(hpac_network_export(run->network, run->weights, NULL, NULL));
}

/* A NaN stays. */
static void widen(double *largest, const float *a, const float *b, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        double apart = fabs((double)a[k] - (double)b[k]);
        if (!(apart <= *largest) && !isnan(*largest))
            *largest = apart;
    }
}

static double largest_difference(const trained *a, const trained *b)
{
    double largest = 0;
    for (size_t i = 0; i < a->config->layer_count; i++) {
        const hpac_weights *one = &a->weights[i], *other = &b->weights[i];
        widen(&largest, one->kernel, other->kernel, one->kernel_count);
        widen(&largest, one->bias, other->bias, one->bias_count);
    }
    return largest;
}

static void check_same_bits(const trained *a, const trained *b)
{
    cr_expect_eq(largest_difference(a, b), 0, "weights differ");
    for (int i = 0; i < STEPS; i++)
        cr_expect_eq(a->losses[i], b->losses[i], "losses of step %d differ", i + 1);
}

Test(network_devices, train_the_same_bits_with_and_without_graphs)
{
    hpac_config config = load_small("configs/improved_batch128.yaml");
    trained with, without;
    open_trained(&with, &config, &(manner){.device = tested_device()});
    open_trained(&without, &config, &(manner){.device = tested_device(), .no_graph = true});
    train(&with, 0, STEPS);
    train(&without, 0, STEPS);
    check_same_bits(&with, &without);
    close_trained(&with);
    close_trained(&without);
    hpac_config_fini(&config);
}

/* ---- retained images ---- */

/* Images of two batches of an epoch ago make one: number i of step s was in this place. */
static uint32_t mixed_place(int step, int i)
{
    return (uint32_t)((step * BATCH + i) * 7 % (BATCH * STEPS));
}

/* Fills a slot with the images that lie in mixed places. */
static void fill_mixed(const trained *run, unsigned char *slot, int step)
{
    size_t targets = run->format.target_count;
    size_t image = hpac_batch_image_nbytes(&run->format);
    unsigned char *pixels = slot + hpac_batch_pixels_offset_nbytes(&run->format);
    for (int i = 0; i < BATCH; i++) {
        size_t place = mixed_place(step, i);
        for (size_t k = 0; k < targets; k++)
            slot[(size_t)i * targets + k] = formula_label(place * targets + k);
        for (size_t k = 0; k < image; k++)
            pixels[(size_t)i * image + k] = formula_pixel(place * image + k);
    }
}

/* Evaluates every batch from its slot; those of `kept` are kept on the way, in two runs and a hole
 * that is filled by a second call. */
static void keep_all(trained *run)
{
    for (int step = 0; step < STEPS; step++) {
        uint32_t places[BATCH];
        hpac_outcome outcome;
        fill_slot(run, run->slots[0], step);
        for (int part = 0; part < 2; part++) {
            for (int i = 0; i < BATCH; i++)
                places[i] = (i == 2) == (part == 1) ? (uint32_t)(step * BATCH + i)
                                                    : HPAC_NETWORK_NOT_RETAINED;
            const hpac_network_batch batch = {
                .slot = run->slots[0], .count = BATCH, .resident_rows = places};
            assert_ok(hpac_network_evaluate(run->network, &batch));
            assert_ok(hpac_network_collect(run->network, &outcome));
        }
    }
}

static void train_mixed(trained *run, bool kept)
{
    for (int step = 0; step < STEPS; step++) {
        void *slot = run->slots[step % HPAC_NETWORK_IN_FLIGHT];
        uint32_t places[BATCH];
        if (step >= HPAC_NETWORK_IN_FLIGHT)
            collect(run, step - HPAC_NETWORK_IN_FLIGHT);
        for (int i = 0; i < BATCH; i++)
            places[i] = mixed_place(step, i);
        if (!kept)
            fill_mixed(run, slot, step);
        const hpac_network_batch batch = {.slot = kept ? NULL : slot,
                                          .count = count_of(run, step),
                                          .resident_rows = kept ? places : NULL};
        assert_ok(hpac_network_train(run->network, &batch, (uint32_t)step));
    }
    for (int step = STEPS - (int)hpac_network_in_flight(run->network); step < STEPS; step++)
        collect(run, step);
    assert_ok(hpac_network_export(run->network, run->weights, NULL, NULL));
}

/* Both sides of a comparison would draw alike for a wrong step: the device must get each one as it
 * is, also where a graph repeats the rest of the step. */
Test(network_devices, dropout_is_drawn_for_the_seed_and_step_given)
{
    hpac_config config = load_small("configs/improved_batch128.yaml");
    trained run;
    open_trained(&run, &config, &(manner){.device = tested_device()});
    recorded_steps_start(run.device);
    train(&run, 0, STEPS);
    recorded_steps_stop(run.device);
    cr_assert_eq(recorded_step_count, STEPS);
    for (uint32_t step = 0; step < STEPS; step++) {
        cr_expect_eq(recorded_steps[step].seed, DROPOUT_SEED, "step %u", step);
        cr_expect_eq(recorded_steps[step].step, step, "%u for step %u", recorded_steps[step].step,
                     step);
    }
    close_trained(&run);
    hpac_config_fini(&config);
}

Test(network_devices, train_the_same_bits_from_kept_images)
{
    hpac_config config = load_small("configs/improved_batch128.yaml");
    trained uploaded, kept;
    open_trained(&uploaded, &config, &(manner){.device = tested_device()});
    if (!uploaded.device->ops->gather) {
        close_trained(&uploaded);
        hpac_config_fini(&config);
        cr_skip("the device keeps no images");
    }
    open_trained(&kept, &config, &(manner){.device = tested_device(), .kept = true});
    keep_all(&kept);
    train_mixed(&uploaded, false);
    train_mixed(&kept, true);
    check_same_bits(&uploaded, &kept);
    close_trained(&uploaded);
    close_trained(&kept);
    hpac_config_fini(&config);
}

Test(network_devices, impossible_places_are_refused)
{
    hpac_config config = load_small("configs/improved_batch128.yaml");
    trained run;
    uint32_t places[BATCH] = {0};
    const hpac_network_batch batch = {.count = BATCH, .resident_rows = places};
    open_trained(&run, &config, &(manner){.device = tested_device()});
    cr_expect_neq(hpac_network_train(run.network, &batch, 0), HPAC_OK, "nothing is kept");
    if (run.device->ops->gather) {
        assert_ok(hpac_network_retain_images(run.network, 3));
        cr_expect_eq(hpac_network_retain_images(run.network, 3), HPAC_ERR_INTERNAL);
        places[4] = 3;
        cr_expect_eq(hpac_network_train(run.network, &batch, 0), HPAC_ERR_INTERNAL);
        cr_expect_not_null(strstr(hpac_error_message(), "row 3 for image 4, of 3"));
    } else {
        cr_expect_eq(hpac_network_retain_images(run.network, 3), HPAC_ERR_DEVICE);
    }
    close_trained(&run);
    hpac_config_fini(&config);
}

/* ---- memory ---- */

static const hpac_device_ops *device_ops;
static size_t free_nbytes; /* that the device reports */

static hpac_status describe_full(hpac_device *device, hpac_device_info *info)
{
    HPAC_TRY(device_ops->describe(device, info));
    info->free_nbytes = free_nbytes;
    return HPAC_OK;
}

/* What is missing is known before anything is allocated. */
Test(network_devices, memory_is_checked_with_both_sizes)
{
    hpac_config config = load_small("configs/improved_batch128.yaml");
    trained run;
    open_trained(&run, &config, &(manner){.device = tested_device()});
    device_ops = run.device->ops;
    hpac_device_ops full = *device_ops;
    full.describe = describe_full;
    run.device->ops = &full;
    size_t needed = hpac_memory_plan_nbytes(hpac_network_memory_plan(run.network));
    free_nbytes = needed;
    assert_ok(hpac_network_check_memory(run.network, NULL));
    cr_expect_eq(hpac_network_check_memory(run.network, run.network), HPAC_ERR_DEVICE);
    free_nbytes = needed - 1;
    cr_expect_eq(hpac_network_check_memory(run.network, NULL), HPAC_ERR_DEVICE);
    char sizes[96];
    snprintf(sizes, sizeof sizes, "the network needs %.1f MiB, %.1f MiB of ",
             (double)needed / 0x1p20, (double)free_nbytes / 0x1p20);
    expect_message(sizes);
    expect_message("are free; lower train.batch_size");
    free_nbytes = 1000;
    hpac_network_options options = {.device = run.device,
                                    .layers = config.layers,
                                    .layer_count = config.layer_count,
                                    .format = run.format};
    hpac_network *evaluation;
    assert_ok(hpac_network_create(&options, &evaluation));
    cr_expect_eq(hpac_network_allocate(evaluation), HPAC_ERR_DEVICE);
    cr_expect_null(strstr(hpac_error_message(), "batch_size"), "%s", hpac_error_message());
    hpac_network_destroy(evaluation);
    run.device->ops = device_ops;
    close_trained(&run);
    hpac_config_fini(&config);
}
