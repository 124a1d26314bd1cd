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

enum { BATCH = 6, STEPS = 20, PARTIAL_STEP = 12, PARTIAL_COUNT = 3 };

/* The improved model for images of 24 x 22. */
static hpac_config load_small(void)
{
    const char *const sets[] = {"data.image.rows=96", "data.image.cols=88"};
    hpac_config config;
    assert_ok(hpac_config_load("configs/improved_batch128.yaml", sets, 2, &config));
    config.train.batch_size = BATCH;
    return config;
}

/* A network on its device, with weights from the formula and a pinned slot for each step in flight.
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

/* `retained`: with memory for the images of all steps. */
static void open_trained(trained *run, const hpac_config *config, bool graph, bool retained)
{
    *run = (trained){.config = config};
    run->device = open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
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
                                          .graph = graph,
                                          .optimizer = config->train.optimizer,
                                          .seed = DROPOUT_SEED};
    assert_ok(hpac_network_create(&options, &run->network));
    assert_ok(hpac_network_allocate(run->network));
    run->weights = hpac_weights_create(config->layers, config->layer_count, input);
    cr_assert_not_null(run->weights);
    formula_fill_weights(run->weights, config->layers, config->layer_count);
    assert_ok(hpac_network_import(run->network, run->weights, NULL));
    for (int i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        assert_ok(run->device->ops->alloc(run->device, HPAC_MEMORY_PINNED,
                                          hpac_batch_nbytes(&run->format), &run->slots[i]));
    if (retained)
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

/* Steps `first` .. `end` - 1, two in flight, and waits for them. */
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
    assert_ok(hpac_network_export(run->network, run->weights, NULL));
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
        widen(&largest, one->tensors[HPAC_KERNEL].values, other->tensors[HPAC_KERNEL].values,
              one->tensors[HPAC_KERNEL].count);
        widen(&largest, one->tensors[HPAC_BIAS].values, other->tensors[HPAC_BIAS].values,
              one->tensors[HPAC_BIAS].count);
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
    hpac_config config = load_small();
    trained with, without;
    open_trained(&with, &config, true, false);
    open_trained(&without, &config, false, false);
    train(&with, 0, STEPS);
    train(&without, 0, STEPS);
    check_same_bits(&with, &without);
    close_trained(&with);
    close_trained(&without);
    hpac_config_fini(&config);
}

/* ---- retained images ---- */

/* The index, in the order of the first epoch, of image i of a step: each batch mixes several. */
static uint32_t mixed_index(int step, int i)
{
    return (uint32_t)((step * BATCH + i) * 7 % (BATCH * STEPS));
}

/* Fills a slot with the images of the mixed indices. */
static void fill_mixed(const trained *run, unsigned char *slot, int step)
{
    size_t targets = run->format.target_count;
    size_t image = hpac_batch_image_nbytes(&run->format);
    unsigned char *pixels = slot + hpac_batch_pixels_offset_nbytes(&run->format);
    for (int i = 0; i < BATCH; i++) {
        size_t index = mixed_index(step, i);
        for (size_t k = 0; k < targets; k++)
            slot[(size_t)i * targets + k] = formula_label(index * targets + k);
        for (size_t k = 0; k < image; k++)
            pixels[(size_t)i * image + k] = formula_pixel(index * image + k);
    }
}

/* Evaluates every batch from its slot and retains its images: in two ranges of rows, and the one
 * between them by a second call. */
static void retain_all(trained *run)
{
    for (int step = 0; step < STEPS; step++) {
        uint32_t rows[BATCH];
        hpac_outcome outcome;
        fill_slot(run, run->slots[0], step);
        for (int part = 0; part < 2; part++) {
            for (int i = 0; i < BATCH; i++)
                rows[i] = (i == 2) == (part == 1) ? (uint32_t)(step * BATCH + i)
                                                  : HPAC_NETWORK_NOT_RETAINED;
            const hpac_network_batch batch = {
                .slot = run->slots[0], .count = BATCH, .resident_rows = rows};
            assert_ok(hpac_network_evaluate(run->network, &batch));
            assert_ok(hpac_network_collect(run->network, &outcome));
        }
    }
}

static void train_mixed(trained *run, bool retained)
{
    for (int step = 0; step < STEPS; step++) {
        void *slot = run->slots[step % HPAC_NETWORK_IN_FLIGHT];
        uint32_t rows[BATCH];
        if (step >= HPAC_NETWORK_IN_FLIGHT)
            collect(run, step - HPAC_NETWORK_IN_FLIGHT);
        for (int i = 0; i < BATCH; i++)
            rows[i] = mixed_index(step, i);
        if (!retained)
            fill_mixed(run, slot, step);
        const hpac_network_batch batch = {.slot = retained ? NULL : slot,
                                          .count = count_of(run, step),
                                          .resident_rows = retained ? rows : NULL};
        assert_ok(hpac_network_train(run->network, &batch, (uint32_t)step));
    }
    for (int step = STEPS - (int)hpac_network_in_flight(run->network); step < STEPS; step++)
        collect(run, step);
    assert_ok(hpac_network_export(run->network, run->weights, NULL));
}

/* Both sides of a comparison would draw alike for a wrong step: the device must get each one as it
 * is, also where a graph repeats the rest of the step. */
Test(network_devices, dropout_is_drawn_for_the_seed_and_step_given)
{
    hpac_config config = load_small();
    trained run;
    open_trained(&run, &config, true, false);
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

Test(network_devices, train_the_same_bits_from_retained_images)
{
    hpac_config config = load_small();
    trained uploaded, retained;
    open_trained(&uploaded, &config, true, false);
    if (!uploaded.device->ops->gather) {
        close_trained(&uploaded);
        hpac_config_fini(&config);
        cr_skip("the device retains no images");
    }
    open_trained(&retained, &config, true, true);
    retain_all(&retained);
    train_mixed(&uploaded, false);
    train_mixed(&retained, true);
    check_same_bits(&uploaded, &retained);
    close_trained(&uploaded);
    close_trained(&retained);
    hpac_config_fini(&config);
}

Test(network_devices, impossible_rows_are_refused)
{
    hpac_config config = load_small();
    trained run;
    uint32_t rows[BATCH] = {0};
    const hpac_network_batch batch = {.count = BATCH, .resident_rows = rows};
    open_trained(&run, &config, true, false);
    cr_expect_neq(hpac_network_train(run.network, &batch, 0), HPAC_OK, "nothing is retained");
    if (run.device->ops->gather) {
        assert_ok(hpac_network_retain_images(run.network, 3));
        cr_expect_eq(hpac_network_retain_images(run.network, 3), HPAC_ERR_INTERNAL);
        rows[4] = 3;
        cr_expect_eq(hpac_network_train(run.network, &batch, 0), HPAC_ERR_INTERNAL);
        cr_expect_not_null(strstr(hpac_error_message(), "row 3 for image 4, of 3"));
    } else {
        cr_expect_eq(hpac_network_retain_images(run.network, 3), HPAC_ERR_DEVICE);
    }
    close_trained(&run);
    hpac_config_fini(&config);
}

/* Counts that would write beyond the memory of a batch, or of its result. */
Test(network_devices, impossible_counts_are_refused)
{
    static const size_t counts[] = {0, BATCH + 1};
    hpac_config config = load_small();
    trained run;
    open_trained(&run, &config, true, false);
    for (int i = 0; i < 2; i++) {
        const hpac_network_batch batch = {.slot = run.slots[0], .count = counts[i]};
        cr_expect_eq(hpac_network_train(run.network, &batch, 0), HPAC_ERR_INTERNAL);
        cr_expect_eq(hpac_network_evaluate(run.network, &batch), HPAC_ERR_INTERNAL);
        cr_expect_not_null(strstr(hpac_error_message(), " images in a batch of 6"));
    }
    hpac_layer dense[] = {{.kind = HPAC_LAYER_FLATTEN},
                          {.kind = HPAC_LAYER_DENSE,
                           .units = HPAC_DEVICE_MAX_CLASSES + 1,
                           .activation = HPAC_ACTIVATION_SIGMOID}};
    hpac_network_options options = {
        .device = run.device, .layers = dense, .layer_count = 2, .format = run.format};
    hpac_network *network;
    for (; dense[1].units > HPAC_DEVICE_MAX_CLASSES - 1; dense[1].units--) {
        options.format.target_count = dense[1].units;
        cr_expect_eq(hpac_network_create(&options, &network),
                     dense[1].units > HPAC_DEVICE_MAX_CLASSES ? HPAC_ERR_CONFIG : HPAC_OK);
        hpac_network_destroy(network);
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
    hpac_config config = load_small();
    trained run;
    open_trained(&run, &config, true, false);
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
