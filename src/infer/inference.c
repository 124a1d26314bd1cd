/* Probabilities of models for the images of a set: networks, and one pass of a loop. */
#include <hpac/inference.h>

#include "base/memory.h"
#include "loop/loop.h"

#include <math.h>

/* What a run holds. */
typedef struct inference {
    const hpac_inference_options *options;
    const hpac_inference_set *set;
    hpac_batch_format format;
    hpac_network **networks; /* (classifier_count) */
    hpac_dataset *dataset;
    hpac_loop *loop;
} inference;

static void inference_fini(inference *run)
{
    hpac_loop_destroy(run->loop);
    hpac_dataset_destroy(run->dataset);
    for (size_t i = 0; run->networks && i < run->options->classifier_count; i++)
        hpac_network_destroy(run->networks[i]);
    free(run->networks);
}

static hpac_status create_network(const inference *run, const hpac_classifier *classifier,
                                  hpac_network **network)
{
    const hpac_network_options options = {
        .device = run->options->device,
        .layers = classifier->model.layers,
        .layer_count = classifier->model.layer_count,
        .format = run->format,
    };
    HPAC_TRY(hpac_network_create(&options, network));
    HPAC_TRY(hpac_network_allocate(*network));
    return hpac_network_import(*network, classifier->model.weights, NULL, NULL);
}

static hpac_status create_networks(inference *run)
{
    const hpac_classifier *classifiers = run->options->classifiers;
    size_t count = run->options->classifier_count;
    HPAC_TRY_NEW(run->networks, count);
    for (size_t i = 0; i < count; i++) {
        HPAC_TRY(hpac_classifier_check_alike(&classifiers[0], &classifiers[i]));
        HPAC_TRY(hpac_fail_within(create_network(run, &classifiers[i], &run->networks[i]), "%s",
                                  classifiers[i].path));
    }
    return HPAC_OK;
}

static hpac_status create_dataset(inference *run)
{
    const hpac_batch_format *format = &run->format;
    const hpac_inference_set *set = run->set;
    const hpac_dataset_options options = {
        .images = set->images,
        .labels = set->labels,
        .targets = run->options->classifiers[0].model.targets,
        .target_count = set->labels->masks ? format->target_count : 0,
        .channels = format->channels,
        .channel_order = run->options->classifiers[0].channel_order,
        .rows = format->rows,
        .cols = format->cols,
        .pixels = format->pixels,
        .skip_bad_images = run->options->skip_bad_images,
    };
    HPAC_TRY(hpac_dataset_create(&options, &run->dataset));
    return hpac_dataset_check(run->dataset, set->rows, set->row_count, run->options->workers);
}

static hpac_status create_loop(inference *run)
{
    const hpac_inference_options *options = run->options;
    const hpac_loop_options loop_options = {
        .device = options->device,
        .networks = run->networks,
        .network_count = options->classifier_count,
        .format = run->format,
        .loader = {.dataset = run->dataset,
                   .rows = run->set->rows,
                   .row_count = run->set->row_count,
                   .workers = options->workers,
                   .skip_bad_images = options->skip_bad_images},
        .stop = options->stop,
        .progress = options->progress,
        .user = options->user,
    };
    return hpac_loop_create(&loop_options, &run->loop);
}

static hpac_status on_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    const hpac_inference_set *set = user;
    return set->on_batch(set->user, batch->rows, batch->count, outcome->probabilities);
}

hpac_status hpac_inference_run(const hpac_inference_options *options, const hpac_inference_set *set)
{
    const hpac_model *model = &options->classifiers[0].model;
    HPAC_AUTO(inference_fini)
    inference run = {
        .options = options,
        .set = set,
        .format = {.batch_size = hpac_micro_batch_size(model->input.rows, model->input.cols),
                   .target_count = model->target_count,
                   .rows = model->input.rows,
                   .cols = model->input.cols,
                   .channels = model->input.channels,
                   .pixels = options->classifiers[0].pixels},
    };
    hpac_counts counts = {.classes = model->target_count};
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_PREDICT,
        .counts = set->labels->masks ? &counts : NULL,
        .on_batch = on_batch,
        .user = (void *)set,
    };
    HPAC_TRY(create_networks(&run));
    HPAC_TRY(create_dataset(&run));
    HPAC_TRY(create_loop(&run));
    if (set->on_start)
        HPAC_TRY(set->on_start(set->user));
    hpac_status status = hpac_loop_run(run.loop, &pass);
    if (set->skipped)
        hpac_loop_skipped(run.loop, set->skipped);
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status, "interrupted; nothing was written");
    if (status == HPAC_ERR_NUMERIC)
        return hpac_fail_within(status, "%s", options->classifiers[pass.failed_network].path);
    if (set->loss_sum)
        *set->loss_sum = pass.counts && options->classifier_count == 1 ? counts.loss_sum : NAN;
    return status;
}
