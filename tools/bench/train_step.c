/*
 * hpac's side of train_step.py: trains --steps batches of a configuration's network, or with
 * --predict evaluates them, for each line it reads and prints images/s. Without --config the
 * network is that of the reference notebooks. --profile prints the time of each call at the end.
 *
 *     build/bench/train_step --steps 10 --batch 64 --threads 2 [--device cpu] [--predict]
 *         [--config configs/resnet18.yaml] [--set KEY=VALUE ...] [--profile]
 */
#include <hpac/config.h>
#include <hpac/network.h>

#include "../options.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct settings {
    int steps;
    size_t batch;
    hpac_device_options device;
    const char *config; /* NULL: the default */
    tool_texts sets;
    bool predicts, profiles;
} settings;

typedef struct bench {
    settings set;
    hpac_device *device;
    hpac_network *network;
    void **slots; /* (steps) prepared batches */
    uint32_t step;
} bench;

static settings parse(int argc, char **argv)
{
    settings set = {
        .steps = 10, .batch = 64, .device = {.name = "cpu", .threads = 2, .deterministic = true}};
    tool_parse(argc, argv,
               (tool_option[]){{"steps", TOOL_INT, &set.steps},
                               {"batch", TOOL_SIZE, &set.batch},
                               {"threads", TOOL_INT, &set.device.threads},
                               {"device", TOOL_TEXT, &set.device.name},
                               {"config", TOOL_TEXT, &set.config},
                               {"set", TOOL_TEXTS, &set.sets},
                               {"predict", TOOL_FLAG, &set.predicts},
                               {"profile", TOOL_FLAG, &set.profiles},
                               {0}});
    return set;
}

static void make_slots(bench *run, const hpac_batch_format *format)
{
    size_t nbytes = hpac_batch_nbytes(format), pixels = hpac_batch_pixels_offset_nbytes(format);
    run->slots = calloc((size_t)run->set.steps, sizeof *run->slots);
    if (!run->slots)
        tool_check(hpac_fail_memory((size_t)run->set.steps * sizeof *run->slots));
    uint32_t noise = 1;
    for (int i = 0; i < run->set.steps; i++) {
        tool_check(
            run->device->ops->alloc(run->device, HPAC_MEMORY_PINNED, nbytes, &run->slots[i]));
        unsigned char *bytes = run->slots[i];
        for (size_t k = 0; k < nbytes; k++) {
            noise = noise * 1664525u + 1013904223u;
            unsigned char byte = (unsigned char)(noise >> 24);
            bytes[k] = k < pixels ? byte < 15 : byte; /* labels: 6 % ones */
        }
    }
}

static void collect(bench *run)
{
    hpac_outcome outcome;
    tool_check(hpac_network_collect(run->network, &outcome));
    if (outcome.result.nonfinite)
        tool_check(hpac_fail(HPAC_ERR_NUMERIC, "a gradient or weight is not finite"));
}

/* Trains or evaluates all slots once, as the program does: two steps under way. */
static void run_steps(bench *run)
{
    for (int i = 0; i < run->set.steps; i++) {
        if (hpac_network_in_flight(run->network) == HPAC_NETWORK_IN_FLIGHT)
            collect(run);
        hpac_network_batch batch = {.slot = run->slots[i], .count = run->set.batch};
        tool_check(run->set.predicts ? hpac_network_evaluate(run->network, &batch)
                                     : hpac_network_train(run->network, &batch, run->step++));
    }
    while (hpac_network_in_flight(run->network) > 0)
        collect(run);
}

static void load(const settings *set, hpac_config *config)
{
    tool_check(set->config
                   ? hpac_config_load(set->config, set->sets.texts, set->sets.count, config)
                   : hpac_config_parse("default", "data: {labels: none, images: none}", config));
}

static void print_profile(const hpac_network *network)
{
    const hpac_profile_row *rows;
    size_t count = hpac_network_profile(network, &rows);
    for (size_t i = 0; i < count; i++)
        if (rows[i].calls > 0)
            fprintf(stderr, "%-60s %10.3f ms %8.1f GFLOP/s %8.1f GB/s\n", rows[i].name,
                    rows[i].total_ms / (double)rows[i].calls,
                    rows[i].flops * (double)rows[i].calls / rows[i].total_ms * 1e-6,
                    rows[i].nbytes * (double)rows[i].calls / rows[i].total_ms * 1e-6);
}

int main(int argc, char **argv)
{
    bench run = {.set = parse(argc, argv)};
    hpac_config config;
    load(&run.set, &config);
    const hpac_shape input = hpac_config_input_shape(&config);
    tool_check(hpac_device_open(&run.set.device, &run.device));
    hpac_network_options options = {
        .device = run.device,
        .layers = config.layers,
        .layer_count = config.layer_count,
        .format = {.batch_size = run.set.batch,
                   .target_count = config.data.target_count,
                   .rows = input.rows,
                   .cols = input.cols,
                   .channels = input.channels,
                   .pixels = HPAC_PIXELS_UINT8},
        .training = !run.set.predicts,
        .profile = run.set.profiles,
        .optimizer = config.train.optimizer,
    };
    tool_check(hpac_network_create(&options, &run.network));
    tool_check(hpac_network_allocate(run.network));
    tool_check(hpac_network_initialize(run.network, 0));
    make_slots(&run, &options.format);
    run_steps(&run);
    if (run.set.profiles)
        hpac_network_print(run.network, stderr);
    hpac_device_info info;
    tool_check(run.device->ops->describe(run.device, &info));
    printf("ready %s, %s\n", hpac_version(), info.libraries);
    fflush(stdout);
    for (int byte; (byte = getchar()) != EOF;) {
        if (byte != '\n')
            continue;
        double start_s = hpac_clock_s();
        run_steps(&run);
        printf("%.3f\n", run.set.steps * (double)run.set.batch / (hpac_clock_s() - start_s));
        fflush(stdout);
    }
    for (int i = 0; i < run.set.steps; i++)
        run.device->ops->free(run.device, HPAC_MEMORY_PINNED, run.slots[i]);
    free(run.slots);
    print_profile(run.network);
    hpac_network_destroy(run.network);
    hpac_config_fini(&config);
    run.device->ops->close(run.device);
    return 0;
}
