/* Probabilities of models for the images of a set: networks, and one pass of a loop. */
#include <hpac/inference.h>

#include "base/memory.h"
#include "loop/loop.h"

#include <math.h>

struct hpac_inference {
    hpac_inference_options options;
    hpac_batch_format format;
    hpac_network **networks; /* (classifier_count) */
};

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

hpac_status hpac_inference_create(const hpac_inference_options *options, hpac_inference **result)
{
    HPAC_TRY_NEW(*result, 1);
    hpac_inference *inference = *result;
    const hpac_classifier *classifiers = options->classifiers;
    const hpac_model *model = &classifiers[0].model;
    inference->options = *options;
    inference->format = (hpac_batch_format){
        .batch_size = hpac_micro_batch_size(model->input.rows, model->input.cols),
        .target_count = model->target_count,
        .rows = model->input.rows,
        .cols = model->input.cols,
        .channels = model->input.channels,
        .pixels = classifiers[0].pixels,
    };
    HPAC_TRY_NEW(inference->networks, options->classifier_count);
    for (size_t i = 0; i < options->classifier_count; i++) {
        HPAC_TRY(hpac_classifier_check_alike(&classifiers[0], &classifiers[i]));
        HPAC_TRY(
            hpac_fail_within(create_network(inference, &classifiers[i], &inference->networks[i]),
                             "%s", classifiers[i].path));
    }
    return HPAC_OK;
}

void hpac_inference_destroy(hpac_inference *inference)
{
    if (!inference)
        return;
    for (size_t i = 0; inference->networks && i < inference->options.classifier_count; i++)
        hpac_network_destroy(inference->networks[i]);
    free(inference->networks);
    free(inference);
}

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

static hpac_status run_set(const hpac_inference *inference, const hpac_inference_set *set,
                           hpac_dataset **dataset, hpac_loop **loop)
{
    const hpac_inference_options *options = &inference->options;
    HPAC_TRY(create_dataset(inference, set, dataset));
    const hpac_loop_options loop_options = {
        .device = options->device,
        .networks = inference->networks,
        .network_count = options->classifier_count,
        .format = inference->format,
        .loader = {.dataset = *dataset,
                   .rows = set->rows,
                   .row_count = set->row_count,
                   .workers = options->workers,
                   .skip_bad_images = options->skip_bad_images},
        .stop = options->stop,
        .progress = options->progress,
        .user = options->user,
    };
    HPAC_TRY(hpac_loop_create(&loop_options, loop));
    if (set->on_start)
        HPAC_TRY(set->on_start(set->user));
    hpac_counts counts = {.classes = inference->format.target_count};
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_PREDICT,
        .counts = set->labels->masks ? &counts : NULL,
        .on_batch = on_batch,
        .user = (void *)set,
    };
    hpac_status status = hpac_loop_run(*loop, &pass);
    if (set->skipped)
        hpac_loop_skipped(*loop, set->skipped);
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status, "interrupted; nothing was written");
    if (status == HPAC_ERR_NUMERIC)
        return hpac_fail_within(status, "%s", options->classifiers[pass.failed_network].path);
    if (set->loss_sum)
        *set->loss_sum = pass.counts && options->classifier_count == 1 ? counts.loss_sum : NAN;
    return status;
}

hpac_status hpac_inference_run(hpac_inference *inference, const hpac_inference_set *set)
{
    hpac_dataset *dataset = NULL;
    hpac_loop *loop = NULL;
    if (set->skipped)
        *set->skipped = 0;
    hpac_status status = run_set(inference, set, &dataset, &loop);
    hpac_loop_destroy(loop);
    hpac_dataset_destroy(dataset);
    return status;
}
