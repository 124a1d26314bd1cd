/*
 * What a training step of the improved model may cost the CUDA device: copies, launches, waits and
 * allocations, as the CUDA simulator counts them. Skipped where the device is another, or a real
 * GPU.
 */
#include <hpac/config.h>
#include <hpac/network.h>

#include "../cudasim/counts.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <string.h>

/* The design allows 30. bf16 casts the parameters of four plans, two gradients of kernels and the
 * logits besides: 33 with a resident data set. */
enum { BATCH = 8, STEPS = 4, MAX_LAUNCHES = 30, MAX_LAUNCHES_BF16 = 33 };

typedef void counter(cudasim_counts *counts);

typedef struct fixture {
    hpac_config config;
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    void *slots[HPAC_NETWORK_IN_FLIGHT];
    counter *count;
} fixture;

/* False, and nothing open, where there is no simulator. */
static bool open_fixture(fixture *fix, bool graph, hpac_precision precision)
{
    *fix = (fixture){0};
    if (!tested_device_is_cuda())
        return false;
    fix->device =
        open_tested_device((hpac_device_options){.precision = precision, .deterministic = true});
    void *symbol = find_in_simulator("cudasim_get_counts");
    memcpy(&fix->count, &symbol, sizeof symbol);
    if (!fix->count) {
        fix->device->ops->close(fix->device);
        return false;
    }
    const char *const sets[] = {"train.batch_size=8"};
    assert_ok(hpac_config_load("configs/improved_batch128.yaml", sets, 1, &fix->config));
    hpac_shape input = hpac_config_input_shape(&fix->config);
    fix->format = (hpac_batch_format){.batch_size = BATCH,
                                      .target_count = fix->config.data.target_count,
                                      .rows = input.rows,
                                      .cols = input.cols,
                                      .channels = input.channels,
                                      .pixels = HPAC_PIXELS_UINT8};
    const hpac_network_options options = {.device = fix->device,
                                          .layers = fix->config.layers,
                                          .layer_count = fix->config.layer_count,
                                          .format = fix->format,
                                          .training = true,
                                          .graph = graph,
                                          .optimizer = fix->config.train.optimizer,
                                          .seed = 1};
    assert_ok(hpac_network_create(&options, &fix->network));
    assert_ok(hpac_network_allocate(fix->network));
    assert_ok(hpac_network_initialize(fix->network, 1));
    for (int i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        assert_ok(fix->device->ops->alloc(fix->device, HPAC_MEMORY_PINNED,
                                          hpac_batch_nbytes(&fix->format), &fix->slots[i]));
        memset(fix->slots[i], 1, hpac_batch_nbytes(&fix->format));
    }
    return true;
}

static void close_fixture(fixture *fix)
{
    for (int i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        fix->device->ops->free(fix->device, HPAC_MEMORY_PINNED, fix->slots[i]);
    hpac_network_destroy(fix->network);
    fix->device->ops->close(fix->device);
    hpac_config_fini(&fix->config);
}

/* Trains steps as the trainer does, two in flight; resident images instead of slots with `rows`. */
static void train(fixture *fix, const uint32_t *rows)
{
    hpac_outcome outcome;
    for (int step = 0; step < STEPS; step++) {
        if (hpac_network_in_flight(fix->network) == HPAC_NETWORK_IN_FLIGHT)
            assert_ok(hpac_network_collect(fix->network, &outcome));
        const hpac_network_batch batch = {.slot = rows ? NULL
                                                       : fix->slots[step % HPAC_NETWORK_IN_FLIGHT],
                                          .count = BATCH,
                                          .resident_rows = rows};
        assert_ok(hpac_network_train(fix->network, &batch, (uint32_t)step));
    }
    while (hpac_network_in_flight(fix->network) > 0)
        assert_ok(hpac_network_collect(fix->network, &outcome));
}

static void check_budget(const fixture *fix, const cudasim_counts *before, size_t upload_nbytes,
                         int launches)
{
    cudasim_counts after;
    fix->count(&after);
    uint64_t calls = after.kernels + after.library_calls - before->kernels - before->library_calls;
    cr_log_info("%g launches and library calls per step", (double)calls / STEPS);
    cr_expect_leq(calls, (uint64_t)(launches * STEPS), "%g launches and library calls per step",
                  (double)calls / STEPS);
    cr_expect_eq(after.uploads - before->uploads, STEPS, "one upload per step");
    cr_expect_eq(after.upload_nbytes - before->upload_nbytes, STEPS * upload_nbytes);
    cr_expect_eq(after.downloads - before->downloads, STEPS, "one download per step: the result");
    cr_expect_eq(after.download_nbytes - before->download_nbytes, STEPS * sizeof(hpac_step_result));
    cr_expect_eq(after.synchronizations - before->synchronizations, STEPS,
                 "one wait per step, for the result of the step before");
    cr_expect_eq(after.allocations, before->allocations);
    cr_expect_eq(after.frees, before->frees);
    cr_expect_eq(after.device_copies, before->device_copies);
}

static void check_training(bool graph, hpac_precision precision)
{
    fixture fix;
    if (!open_fixture(&fix, graph, precision))
        cr_skip("only the CUDA simulator counts");
    cudasim_counts before;
    train(&fix, NULL); /* first steps, recordings */
    fix.count(&before);
    train(&fix, NULL);
    check_budget(&fix, &before, hpac_batch_nbytes(&fix.format),
                 precision == HPAC_PRECISION_BF16 ? MAX_LAUNCHES_BF16 : MAX_LAUNCHES);
    cudasim_counts after;
    fix.count(&after);
    cr_expect_eq(after.graph_launches - before.graph_launches, graph ? STEPS : 0);
    close_fixture(&fix);
}

Test(cuda_budget, of_steps_call_by_call)
{
    check_training(false, HPAC_PRECISION_FP32);
}

Test(cuda_budget, of_steps_as_graphs)
{
    check_training(true, HPAC_PRECISION_FP32);
}

Test(cuda_budget, of_steps_in_bf16)
{
    check_training(true, HPAC_PRECISION_BF16);
}

/* The slot is what an image and its targets take, and at most 63 bytes between the two. */
Test(cuda_budget, an_upload_is_the_batch_and_nothing_else)
{
    fixture fix;
    if (!open_fixture(&fix, true, HPAC_PRECISION_FP32))
        cr_skip("only the CUDA simulator counts");
    size_t min_nbytes =
        BATCH * (hpac_batch_image_nbytes(&fix.format) + (size_t)fix.format.target_count);
    cr_expect_lt(hpac_batch_nbytes(&fix.format) - min_nbytes, 64);
    close_fixture(&fix);
}

Test(cuda_budget, of_a_resident_data_set_is_four_bytes_an_image)
{
    fixture fix;
    if (!open_fixture(&fix, true, HPAC_PRECISION_FP32))
        cr_skip("only the CUDA simulator counts");
    uint32_t rows[BATCH];
    hpac_outcome outcome;
    for (uint32_t i = 0; i < BATCH; i++)
        rows[i] = i;
    assert_ok(hpac_network_retain_images(fix.network, BATCH));
    const hpac_network_batch retained = {
        .slot = fix.slots[0], .count = BATCH, .resident_rows = rows};
    assert_ok(hpac_network_evaluate(fix.network, &retained));
    assert_ok(hpac_network_collect(fix.network, &outcome));
    cudasim_counts before;
    train(&fix, rows);
    fix.count(&before);
    train(&fix, rows);
    check_budget(&fix, &before, BATCH * sizeof *rows, MAX_LAUNCHES);
    close_fixture(&fix);
}
