/* The profile of a network: the same bits with and without, nothing waits for a timer within a
 * step, and what the rows say. */
#include <hpac/network.h>

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <string.h>

enum { LAYER_COUNT = 4, BATCH = 3, CLASSES = 2, STEPS = 4 };

static const hpac_layer layers[LAYER_COUNT] = {
    {.kind = HPAC_LAYER_CONV2D,
     .filters = 4,
     .kernel_rows = 3,
     .kernel_cols = 2,
     .activation = HPAC_ACTIVATION_RELU},
    {.kind = HPAC_LAYER_DROPOUT, .rate = 0.5F},
    {.kind = HPAC_LAYER_FLATTEN},
    {.kind = HPAC_LAYER_DENSE, .units = CLASSES, .activation = HPAC_ACTIVATION_SIGMOID},
};

static const hpac_batch_format format = {.batch_size = BATCH,
                                         .target_count = CLASSES,
                                         .rows = 8,
                                         .cols = 9,
                                         .channels = 1,
                                         .pixels = HPAC_PIXELS_UINT8};

/* A network with its weights, and a slot to feed it. */
typedef struct setup {
    hpac_device *device;
    hpac_network *network;
    hpac_weights *weights;
    unsigned char *slot;
} setup;

static setup set_up(bool profile, bool unfused)
{
    setup made;
    hpac_shape input = {3, format.rows, format.cols, format.channels};
    made.device = open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
    hpac_network_options options = {
        .device = made.device,
        .layers = layers,
        .layer_count = LAYER_COUNT,
        .format = format,
        .training = true,
        .unfused = unfused,
        .profile = profile,
        .optimizer = {.learning_rate = 1.0F, .rho = 0.95F, .epsilon = 1e-7F},
    };
    assert_ok(hpac_network_create(&options, &made.network));
    assert_ok(hpac_network_allocate(made.network));
    made.weights = hpac_weights_create(layers, LAYER_COUNT, input);
    cr_assert_not_null(made.weights);
    formula_fill_weights(made.weights, layers, LAYER_COUNT);
    assert_ok(hpac_network_import(made.network, made.weights, NULL));
    void *slot;
    assert_ok(made.device->ops->alloc(made.device, HPAC_MEMORY_PINNED, hpac_batch_nbytes(&format),
                                      &slot));
    made.slot = slot;
    return made;
}

static void tear_down(setup *made)
{
    made->device->ops->free(made->device, HPAC_MEMORY_PINNED, made->slot);
    hpac_weights_destroy(made->weights, LAYER_COUNT);
    hpac_network_destroy(made->network);
    made->device->ops->close(made->device);
}

static void fill_slot(unsigned char *slot, uint32_t step)
{
    for (size_t k = 0; k < BATCH * CLASSES; k++)
        slot[k] = formula_label(step * BATCH * CLASSES + k);
    unsigned char *pixels = slot + hpac_batch_pixels_offset_nbytes(&format);
    size_t bytes = BATCH * hpac_batch_image_nbytes(&format);
    for (size_t k = 0; k < bytes; k++)
        pixels[k] = formula_pixel(step * bytes + k);
}

/* Returns the loss. */
static double train_step(setup *made, uint32_t step)
{
    hpac_outcome outcome;
    fill_slot(made->slot, step);
    assert_ok(hpac_network_train(made->network,
                                 &(hpac_network_batch){.slot = made->slot, .count = BATCH}, step));
    assert_ok(hpac_network_collect(made->network, &outcome));
    return outcome.result.loss_sum;
}

static void evaluate_step(setup *made)
{
    hpac_outcome outcome;
    assert_ok(hpac_network_evaluate(made->network,
                                    &(hpac_network_batch){.slot = made->slot, .count = BATCH}));
    assert_ok(hpac_network_collect(made->network, &outcome));
}

static void check_same_bits(bool unfused)
{
    setup plain = set_up(false, unfused), profiled = set_up(true, unfused);
    for (uint32_t step = 0; step < STEPS; step++) {
        double expected = train_step(&plain, step), loss = train_step(&profiled, step);
        cr_expect_eq(memcmp(&expected, &loss, sizeof loss), 0, "step %u", step);
    }
    assert_ok(hpac_network_export(plain.network, plain.weights, NULL));
    assert_ok(hpac_network_export(profiled.network, profiled.weights, NULL));
    for (int i = 0; i < LAYER_COUNT; i++) {
        const hpac_weights *one = &plain.weights[i], *other = &profiled.weights[i];
        if (one->tensors[HPAC_KERNEL].count == 0)
            continue;
        cr_expect_eq(memcmp(one->tensors[HPAC_KERNEL].values, other->tensors[HPAC_KERNEL].values,
                            one->tensors[HPAC_KERNEL].count * sizeof(float)),
                     0);
        cr_expect_eq(memcmp(one->tensors[HPAC_BIAS].values, other->tensors[HPAC_BIAS].values,
                            one->tensors[HPAC_BIAS].count * sizeof(float)),
                     0);
    }
    tear_down(&plain);
    tear_down(&profiled);
}

Test(network_profile, profiled_training_gives_the_same_bits)
{
    check_same_bits(false);
    check_same_bits(true);
}

/* ---- when timers are read ---- */

static hpac_device_ops device_calls; /* the device's own */
static int waits;

static hpac_status count_synchronize(hpac_device *device, hpac_event *event)
{
    waits++;
    return device_calls.event_synchronize(device, event);
}

static hpac_status count_elapsed(hpac_device *device, hpac_event *from, hpac_event *to, double *ms)
{
    waits++;
    return device_calls.elapsed_ms(device, from, to, ms);
}

static hpac_status count_wait(hpac_device *device)
{
    waits++;
    return device_calls.synchronize(device);
}

Test(network_profile, nothing_waits_within_a_step)
{
    setup made = set_up(true, false);
    device_calls = *made.device->ops;
    hpac_device_ops counting = device_calls;
    counting.event_synchronize = count_synchronize;
    counting.elapsed_ms = count_elapsed;
    counting.synchronize = count_wait;
    made.device->ops = &counting;
    fill_slot(made.slot, 0);
    assert_ok(hpac_network_train(made.network,
                                 &(hpac_network_batch){.slot = made.slot, .count = BATCH}, 0));
    assert_ok(hpac_network_train(made.network,
                                 &(hpac_network_batch){.slot = made.slot, .count = BATCH}, 1));
    cr_expect_eq(waits, 0);
    hpac_outcome outcome;
    assert_ok(hpac_network_collect(made.network, &outcome));
    cr_expect_gt(waits, 1);
    assert_ok(hpac_network_collect(made.network, &outcome));
    made.device->ops = &device_calls;
    tear_down(&made);
}

/* ---- what the rows say ---- */

typedef struct expected_row {
    const char *name;
    uint64_t calls;
    double nbytes, flops;
} expected_row;

/* Sizes by hand: images of 8 x 9, convolved to 6 x 8 x 4, three at a time. How values, parameters
 * and masks lie is the device's, padding included: bytes may be more, but not ten times as many. */
static const expected_row expected_rows[] = {
    {"upload", STEPS + 1, 3 * (72 + 2), 0},
    {"forward 1: pixels", STEPS, 3 * 72 + 4 * 3 * 72, 0},
    {"forward 2: conv2d", STEPS, 4 * 3 * (72 + 192) + 4 * (24 + 4), 2.0 * 3 * 192 * 6},
    {"forward 3: relu", STEPS, 4 * 3 * (192 + 192), 0},
    {"forward 4: dropout", STEPS, 4 * 3 * (192 + 192), 0},
    {"forward 5: flatten", STEPS, 4 * 3 * (192 + 192), 0},
    {"forward 6: dense", STEPS, 4 * 3 * (192 + 2) + 4 * (384 + 2), 2.0 * 3 * 192 * 2},
    {"loss", STEPS, 3 * 2 * (4 + 4 + 1), 0},
    {"backward 2: conv2d", STEPS, 4 * 3 * (72 + 2 * 192) + 2 * 4 * (24 + 4), 2.0 * 3 * 192 * 6},
    {"backward 3: relu", STEPS, 4 * 3 * 4 * 192, 0},
    {"backward 4: dropout", STEPS, 4 * 3 * 4 * 192, 0},
    {"backward 5: flatten", STEPS, 4 * 3 * 4 * 192, 0},
    {"backward 6: dense", STEPS, 4 * 3 * (2 * 192 + 2 * 2) + 2 * 4 * (384 + 2),
     2 * 2.0 * 3 * 192 * 2},
    {"update", STEPS, 7 * 4 * (24 + 4 + 384 + 2), 0},
    {"evaluate 1: pixels", 1, 3 * 72 + 4 * 3 * 72, 0},
    {"evaluate 2: conv2d", 1, 4 * 3 * (72 + 192) + 4 * (24 + 4), 2.0 * 3 * 192 * 6},
    {"evaluate 3: relu", 1, 4 * 3 * (192 + 192), 0},
    {"evaluate 4: dropout", 1, 4 * 3 * (192 + 192), 0},
    {"evaluate 5: flatten", 1, 4 * 3 * (192 + 192), 0},
    {"evaluate 6: dense", 1, 4 * 3 * (192 + 2) + 4 * (384 + 2), 2.0 * 3 * 192 * 2},
    {"evaluate: loss", 1, 3 * 2 * (4 + 4 + 1), 0},
};

Test(network_profile, rows_tell_calls_bytes_and_operations)
{
    setup made = set_up(true, true);
    for (uint32_t step = 0; step < STEPS; step++)
        (void)train_step(&made, step);
    evaluate_step(&made);
    const hpac_profile_row *rows;
    size_t found = 0;
    size_t count = hpac_network_profile(made.network, &rows);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].calls == 0)
            continue;
        cr_assert_lt(found, sizeof expected_rows / sizeof *expected_rows, "%s", rows[i].name);
        const expected_row *expected = &expected_rows[found++];
        cr_expect_str_eq(rows[i].name, expected->name);
        cr_expect_eq(rows[i].calls, expected->calls, "%s", rows[i].name);
        cr_expect(rows[i].nbytes >= expected->nbytes && rows[i].nbytes <= 10 * expected->nbytes,
                  "%s: %g bytes", rows[i].name, rows[i].nbytes);
        cr_expect_eq(rows[i].flops, expected->flops, "%s: %g", rows[i].name, rows[i].flops);
        cr_expect(rows[i].total_ms >= 0 && rows[i].total_ms < 60e3, "%s", rows[i].name);
    }
    cr_expect_eq(found, sizeof expected_rows / sizeof *expected_rows);
    tear_down(&made);
}

Test(network_profile, is_empty_without_the_option)
{
    setup made = set_up(false, false);
    const hpac_profile_row *rows;
    cr_expect_eq(hpac_network_profile(made.network, &rows), 0);
    cr_expect_null(rows);
    tear_down(&made);
}
