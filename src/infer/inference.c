/* Probabilities of models for the images of a set: networks, and one pass of a loop. */
#include <hpac/inference.h>

#include "loop/loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hpac_inference {
    hpac_inference_options options;
    hpac_batch_format format;
    hpac_network **networks; /* (classifier_count) */
};

/* ---- networks ---- */

static hpac_status create_network(hpac_inference *inference, const hpac_classifier *classifier,
                                  hpac_network **network)
{
    const hpac_network_options options = {
        .device = inference->options.device,
        .layers = classifier->model.layers,
        .layer_count = classifier->model.layer_count,
        .format = inference->format,
    };
    HPAC_TRY(hpac_network_create(&options, network));
    HPAC_TRY(hpac_network_allocate(*network));
    return hpac_network_import(*network, classifier->model.weights, NULL, NULL);
}

static hpac_status create_networks(hpac_inference *inference)
{
    const hpac_classifier *classifiers = inference->options.classifiers;
    size_t count = (size_t)inference->options.classifier_count;
    inference->networks = calloc(count, sizeof *inference->networks);
    if (!inference->networks)
        return hpac_fail_memory(count * sizeof *inference->networks);
    for (size_t i = 0; i < count; i++) {
        HPAC_TRY(hpac_classifier_check_alike(&classifiers[0], &classifiers[i]));
        HPAC_TRY(
            hpac_fail_within(create_network(inference, &classifiers[i], &inference->networks[i]),
                             "%s", classifiers[i].path));
    }
    return HPAC_OK;
}

hpac_status hpac_inference_create(const hpac_inference_options *options, hpac_inference **result)
{
    *result = NULL;
    if (options->classifier_count < 1)
        return hpac_fail(HPAC_ERR_INTERNAL, "inference without a classifier");
    hpac_inference *inference = calloc(1, sizeof *inference);
    if (!inference)
        return hpac_fail_memory(sizeof *inference);
    const hpac_model *model = &options->classifiers[0].model;
    inference->options = *options;
    inference->format = (hpac_batch_format){
        .batch_size = hpac_micro_batch_size(model->input.rows, model->input.cols),
        .target_count = model->target_count,
        .rows = model->input.rows,
        .cols = model->input.cols,
        .channels = model->input.channels,
        .pixels = options->classifiers[0].pixels,
    };
    hpac_status status = create_networks(inference);
    if (status == HPAC_OK)
        *result = inference;
    else
        hpac_inference_destroy(inference);
    return status;
}

void hpac_inference_destroy(hpac_inference *inference)
{
    if (!inference)
        return;
    for (int i = 0; inference->networks && i < inference->options.classifier_count; i++)
        hpac_network_destroy(inference->networks[i]);
    free(inference->networks);
    free(inference);
}

/* ---- one set ---- */

static hpac_status create_dataset(const hpac_inference *inference, const hpac_inference_set *set,
                                  hpac_dataset **dataset)
{
    const hpac_batch_format *format = &inference->format;
    const hpac_dataset_options options = {
        .images = set->images,
        .labels = set->labels,
        .targets = inference->options.classifiers[0].model.targets,
        .target_count = set->labels->masks ? format->target_count : 0,
        .channels = format->channels,
        .channel_order = inference->options.classifiers[0].channel_order,
        .rows = format->rows,
        .cols = format->cols,
        .pixels = format->pixels,
        .skip_bad_images = inference->options.skip_bad_images,
    };
    HPAC_TRY(hpac_dataset_create(&options, dataset));
    return hpac_dataset_check(*dataset, set->rows, set->row_count, inference->options.workers);
}

static hpac_status on_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    const hpac_inference_set *set = user;
    return set->on_batch(set->user, batch->rows, batch->count, outcome->probabilities);
}

static hpac_status run_loop(const hpac_inference *inference, const hpac_inference_set *set,
                            hpac_loop *loop)
{
    hpac_counts counts = {.classes = inference->format.target_count};
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_PREDICT,
        .counts = set->labels->masks ? &counts : NULL,
        .on_batch = on_batch,
        .user = (void *)set,
    };
    if (set->on_start)
        HPAC_TRY(set->on_start(set->user));
    hpac_status status = hpac_loop_run(loop, &pass);
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status, "interrupted; nothing was written");
    if (status == HPAC_ERR_NUMERIC)
        return hpac_fail_within(status, "%s",
                                inference->options.classifiers[pass.failed_network].path);
    if (set->loss_sum)
        *set->loss_sum =
            pass.counts && inference->options.classifier_count == 1 ? counts.loss_sum : NAN;
    return status;
}

static hpac_status run_rows(const hpac_inference *inference, const hpac_inference_set *set,
                            hpac_dataset *dataset, const size_t *rows, size_t row_count)
{
    const hpac_loop_options options = {
        .device = inference->options.device,
        .networks = inference->networks,
        .network_count = (size_t)inference->options.classifier_count,
        .format = inference->format,
        .dataset = dataset,
        .rows = rows,
        .row_count = row_count,
        .workers = inference->options.workers,
        .skip_bad_images = inference->options.skip_bad_images,
        .stop = inference->options.stop,
        .progress = inference->options.progress,
        .user = inference->options.user,
    };
    hpac_loop *loop;
    HPAC_TRY(hpac_loop_create(&options, &loop));
    hpac_status status = run_loop(inference, set, loop);
    if (set->skipped)
        hpac_loop_skipped(loop, set->skipped);
    hpac_loop_destroy(loop);
    return status;
}

static hpac_status run_all_rows(const hpac_inference *inference, const hpac_inference_set *set,
                                hpac_dataset *dataset)
{
    size_t count = set->labels->count;
    size_t *rows = malloc(count * sizeof *rows);
    if (!rows)
        return hpac_fail_memory(count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = i;
    hpac_status status = run_rows(inference, set, dataset, rows, count);
    free(rows);
    return status;
}

hpac_status hpac_inference_run(hpac_inference *inference, const hpac_inference_set *set)
{
    hpac_dataset *dataset = NULL;
    if (set->skipped)
        *set->skipped = 0;
    hpac_status status = create_dataset(inference, set, &dataset);
    if (status == HPAC_OK)
        status = set->rows ? run_rows(inference, set, dataset, set->rows, set->row_count)
                           : run_all_rows(inference, set, dataset);
    hpac_dataset_destroy(dataset);
    return status;
}
