/*
 * Networks in Keras (tools/reference/make_keras_networks.py), from the files that it saves: the
 * predictions, and trainings from the same weights: gradients of the first step, losses of ten,
 * weights and moving statistics after them.
 */
#include <hpac/model.h>

#include "formula.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 6, STEPS = 10 };

static const char rows_path[] = "tests/golden/keras_networks.csv";

typedef struct training {
    hpac_device *device;
    hpac_network *network;
    hpac_batch_format format;
    hpac_model model;
    hpac_weights *gradients; /* of the first step; NULL: not wanted */
    bool frozen;             /* the run "frozen": the statistics of batch normalization are */
    hpac_tensor predictions; /* of the first batch */
    void *slot;
    double losses[STEPS];
} training;

static void open_network(training *run, const hpac_optimizer *optimizer, bool unfused)
{
    const hpac_network_options options = {
        .device = run->device,
        .layers = run->model.layers,
        .layer_count = run->model.layer_count,
        .format = run->format,
        .training = optimizer != NULL,
        .unfused = unfused,
        .batch_norm_frozen = run->frozen,
        .optimizer = optimizer ? *optimizer : (hpac_optimizer){0},
    };
    hpac_network_destroy(run->network);
    assert_ok(hpac_network_create(&options, &run->network));
    assert_ok(hpac_network_allocate(run->network));
    assert_ok(hpac_network_import(run->network, run->model.weights, NULL));
}

static void open_training(training *run, const char *network, bool unfused,
                          const hpac_device_options *device_options)
{
    char path[64];
    snprintf(path, sizeof path, "tests/golden/keras3_%s.h5", network);
    *run = (training){.device = open_tested_device(*device_options)};
    assert_ok(hpac_model_load(path, &run->model));
    const hpac_shape input = run->model.input;
    run->format = (hpac_batch_format){.batch_size = BATCH,
                                      .target_count = hpac_model_output_count(&run->model),
                                      .rows = input.rows,
                                      .cols = input.cols,
                                      .channels = input.channels,
                                      .pixels = HPAC_PIXELS_UINT8};
    assert_ok(run->device->ops->alloc(run->device, HPAC_MEMORY_PINNED,
                                      hpac_batch_nbytes(&run->format), &run->slot));
    if (unfused)
        cr_assert_not_null(
            run->gradients = hpac_weights_create(run->model.layers, run->model.layer_count, input));
}

static void close_training(training *run)
{
    run->device->ops->free(run->device, HPAC_MEMORY_PINNED, run->slot);
    hpac_network_destroy(run->network);
    hpac_weights_destroy(run->gradients, run->model.layer_count);
    free(run->predictions.values);
    hpac_model_fini(&run->model);
    run->device->ops->close(run->device);
}

static void fill_slot(const training *run, size_t step)
{
    unsigned char *slot = run->slot, *pixels = slot + hpac_batch_pixels_offset_nbytes(&run->format);
    size_t label_count = BATCH * run->format.target_count;
    size_t nbytes = BATCH * hpac_batch_image_nbytes(&run->format);
    for (size_t k = 0; k < label_count; k++)
        slot[k] = formula_label(step * label_count + k);
    for (size_t k = 0; k < nbytes; k++)
        pixels[k] = formula_pixel(step * nbytes + k);
}

static void predict(training *run)
{
    hpac_outcome outcome;
    size_t count = BATCH * run->format.target_count;
    fill_slot(run, 0);
    assert_ok(hpac_network_evaluate(run->network,
                                    &(hpac_network_batch){.slot = run->slot, .count = BATCH}));
    assert_ok(hpac_network_collect(run->network, &outcome));
    run->predictions = (hpac_tensor){.count = count, .values = malloc(count * sizeof(float))};
    cr_assert_not_null(run->predictions.values);
    memcpy(run->predictions.values, outcome.probabilities, count * sizeof(float));
}

static void train(training *run)
{
    for (size_t step = 0; step < STEPS; step++) {
        hpac_outcome outcome;
        fill_slot(run, step);
        assert_ok(hpac_network_train(run->network,
                                     &(hpac_network_batch){.slot = run->slot, .count = BATCH},
                                     (uint32_t)step));
        assert_ok(hpac_network_collect(run->network, &outcome));
        run->losses[step] = outcome.result.loss_sum / (double)(BATCH * run->format.target_count);
        if (step == 0 && run->gradients)
            assert_ok(hpac_network_export_gradients(run->network, run->gradients));
    }
    assert_ok(hpac_network_export(run->network, run->model.weights, NULL));
}

/* ---- comparing ---- */

/* hpac's names of layers whose Keras names are none for it. */
static const char *const renamed[][2] = {
    {"input", "input_1"},
    {"input; normalized", "input__normalized"},
    {"wide bn", "wide_bn"}, /* the activation layer wide_bn is wide_bn_1 then */
};

static size_t find_layer(const hpac_model *model, const char *name)
{
    size_t i = 0;
    for (size_t k = 0; k < sizeof renamed / sizeof *renamed; k++)
        if (strcmp(name, renamed[k][0]) == 0)
            name = renamed[k][1];
    while (i < model->layer_count && strcmp(model->layers[i].name, name) != 0)
        i++;
    cr_assert_lt(i, model->layer_count, "no layer %s", name);
    return i;
}

static hpac_role find_role(const char *name)
{
    hpac_role role = 0;
    while (role < HPAC_ROLE_COUNT && strcmp(hpac_role_name(role), name) != 0)
        role++;
    cr_assert_lt(role, HPAC_ROLE_COUNT, "no role %s", name);
    return role;
}

/* Compares a row of numbers with a tensor: to `tolerance` of its root mean square. */
static void check_tensor(char *values, const hpac_tensor *tensor, double tolerance,
                         const char *what)
{
    double squares = 0, largest = 0;
    for (size_t k = 0; k < tensor->count; k++) {
        double expected = strtod(values, &values);
        double apart = fabs((double)tensor->values[k] - expected);
        cr_assert(*values == (k + 1 < tensor->count ? ',' : '\n'), "%s: other sizes", what);
        values++;
        squares += expected * expected;
        if (!(apart <= largest))
            largest = apart;
    }
    double scale = sqrt(squares / (double)tensor->count);
    cr_expect(!!(largest <= tolerance * scale), "%s: off by %g, scale %g", what, largest, scale);
}

static void check_losses(char *values, const double losses[STEPS], const char *run)
{
    for (size_t step = 0; step < STEPS; step++) {
        double expected = strtod(values, &values);
        values++;
        cr_expect(!!(fabs(losses[step] - expected) <= 1e-5 * expected),
                  "%s, step %zu: loss %.9g, Keras %.9g", run, step + 1, losses[step], expected);
    }
}

static void check_weights(char *const fields[4], char *values, const training *run)
{
    bool gradient = strcmp(fields[1], "first") == 0;
    size_t layer = find_layer(&run->model, fields[3]);
    hpac_role role = find_role(fields[2]);
    const hpac_weights *weights = gradient ? run->gradients : run->model.weights;
    char text[160];
    snprintf(text, sizeof text, "%s, %s: %s%s of %s", fields[0], fields[1],
             gradient ? "gradient of " : "", fields[2], fields[3]);
    check_tensor(values, &weights[layer].tensors[role], gradient ? 1e-4 : 1e-5, text);
}

/* Whether a row, "network,run,what,layer,values", is one of this run's. */
static bool check_row(char *line, const training *run, const char *network, const char *name)
{
    char *fields[5] = {line};
    for (int i = 1; i < 5; i++) {
        fields[i] = strchr(fields[i - 1], ',');
        cr_assert_not_null(fields[i]);
        *fields[i]++ = '\0';
    }
    if (strcmp(fields[0], network) != 0)
        return false;
    if (strcmp(fields[1], "start") == 0)
        check_tensor(fields[4], &run->predictions, 1e-5, "predictions");
    else if (strcmp(fields[1], "first") == 0 ? !run->gradients || run->frozen
                                             : strcmp(fields[1], name) != 0)
        return false;
    else if (strcmp(fields[2], "loss") == 0)
        check_losses(fields[4], run->losses, name);
    else
        check_weights(fields, fields[4], run);
    return true;
}

static void check_rows(const training *run, const char *network, const char *name)
{
    FILE *stream = fopen(rows_path, "r");
    cr_assert_not_null(stream, "%s: run the tests from the root of the repository", rows_path);
    char *line = NULL;
    size_t capacity = 0, checked = 0;
    while (getline(&line, &capacity, stream) > 0)
        if (*line != '#')
            checked += check_row(line, run, network, name);
    free(line);
    fclose(stream);
    cr_assert_gt(checked, 10);
}

static void check_run_with(const char *network, const char *name, const hpac_optimizer *optimizer,
                           const hpac_device_options *device_options)
{
    for (int unfused = 0; unfused < 2; unfused++) {
        training run;
        open_training(&run, network, unfused, device_options);
        run.frozen = strcmp(name, "frozen") == 0;
        open_network(&run, NULL, unfused);
        predict(&run);
        for (size_t i = 0; i < run.model.layer_count; i++)
            run.model.layers[i].rate = 0;
        open_network(&run, optimizer, unfused);
        train(&run);
        check_rows(&run, network, name);
        close_training(&run);
    }
}

static void check_run(const char *network, const char *name, const hpac_optimizer *optimizer)
{
    hpac_device_options options = {.precision = HPAC_PRECISION_FP32, .deterministic = true};
    check_run_with(network, name, optimizer, &options);
    options.image_layout = HPAC_IMAGE_LAYOUT_NHWC; /* auto is NCHW on CUDA */
    if (tested_device_is_cuda())
        check_run_with(network, name, optimizer, &options);
}

static const hpac_optimizer sgd = {
    .kind = HPAC_OPTIMIZER_SGD, .learning_rate = 0.01F, .momentum = 0.9F};

Test(keras_networks, blocks)
{
    check_run("blocks", "sgd", &sgd);
}

/* Its concats are in place: test_network_views.c. */
Test(keras_networks, dense_block)
{
    check_run("dense", "sgd", &sgd);
}

Test(keras_networks, residual_sgd)
{
    check_run("residual", "sgd", &sgd);
}

Test(keras_networks, residual_with_frozen_statistics)
{
    check_run("residual", "frozen", &sgd);
}

Test(keras_networks, residual_nesterov)
{
    check_run("residual", "nesterov",
              &(hpac_optimizer){.kind = HPAC_OPTIMIZER_SGD,
                                .learning_rate = 0.01F,
                                .momentum = 0.9F,
                                .nesterov = true});
}

Test(keras_networks, residual_adam)
{
    check_run("residual", "adam",
              &(hpac_optimizer){.kind = HPAC_OPTIMIZER_ADAM,
                                .learning_rate = 1e-3F,
                                .beta_1 = 0.9F,
                                .beta_2 = 0.999F,
                                .epsilon = 1e-7F});
}

Test(keras_networks, residual_adamw)
{
    check_run("residual", "adamw",
              &(hpac_optimizer){.kind = HPAC_OPTIMIZER_ADAMW,
                                .learning_rate = 1e-3F,
                                .beta_1 = 0.9F,
                                .beta_2 = 0.999F,
                                .epsilon = 1e-7F,
                                .weight_decay = 0.05F});
}
