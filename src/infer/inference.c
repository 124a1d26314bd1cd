/* Probabilities of models for the images of a set: networks, and passes of a loop. */
#include <hpac/inference.h>

#include "base/memory.h"
#include "classifier.h"
#include "loop/loop.h"

#include <math.h>

#define MAX_WORKERS 256 /* as data.workers */

struct hpac_inference {
    hpac_inference_options options;
    hpac_inference_set set;
    hpac_batch_format format;
    hpac_network **networks; /* (classifier_count) */
    hpac_dataset *dataset;
    bool running;
};

void hpac_inference_destroy(hpac_inference *inference)
{
    if (!inference)
        return;
    hpac_dataset_destroy(inference->dataset);
    for (size_t i = 0; inference->networks && i < inference->options.classifier_count; i++)
        hpac_network_destroy(inference->networks[i]);
    free(inference->networks);
    free(inference);
}

static hpac_status create_networks(hpac_inference *inference)
{
    const hpac_classifier *classifiers = inference->options.classifiers;
    size_t count = inference->options.classifier_count;
    HPAC_TRY_NEW(inference->networks, count);
    for (size_t i = 0; i < count; i++) {
        HPAC_TRY(classifier_check(&classifiers[i]));
        HPAC_TRY(hpac_classifier_check_alike(&classifiers[0], &classifiers[i]));
        HPAC_TRY(classifier_create_network(&classifiers[i], inference->options.device,
                                           &inference->networks[i]));
    }
    return HPAC_OK;
}

static hpac_status create_dataset(const hpac_inference_options *options,
                                  const hpac_inference_set *set, hpac_dataset **dataset)
{
    const hpac_classifier *classifier = &options->classifiers[0];
    const hpac_batch_format format = classifier_batch_format(classifier);
    const hpac_dataset_options dataset_options = {
        .images = set->images,
        .labels = set->labels,
        .targets = classifier->model.targets,
        .target_count = set->labels->masks ? format.target_count : 0,
        .channels = format.channels,
        .channel_order = classifier->channel_order,
        .rows = format.rows,
        .cols = format.cols,
        .pixels = format.pixels,
        .skip_bad_images = options->skip_bad_images,
        .skip_option = "--on-bad-image skip",
    };
    HPAC_TRY(hpac_dataset_create(&dataset_options, dataset));
    return hpac_dataset_check(*dataset, set->rows, set->row_count, options->workers);
}

static void destroy_dataset(hpac_dataset **dataset)
{
    hpac_dataset_destroy(*dataset);
}

hpac_status inference_check_images(const hpac_inference_options *options,
                                   const hpac_inference_set *set)
{
    HPAC_AUTO(destroy_dataset) hpac_dataset *dataset = NULL;
    return create_dataset(options, set, &dataset);
}

static hpac_status check_arguments(const hpac_inference_options *options,
                                   const hpac_inference_set *set)
{
    if (options->classifier_count < 1 || options->workers < 0 || options->workers > MAX_WORKERS)
        return hpac_fail(HPAC_ERR_INTERNAL,
                         "inference of %zu classifiers with %d workers, expected at least 1 and "
                         "0 to %d",
                         options->classifier_count, options->workers, MAX_WORKERS);
    for (size_t i = 0; set->rows && i < set->row_count; i++)
        if (set->rows[i] >= set->labels->count)
            return hpac_fail(HPAC_ERR_INTERNAL, "inference of row %zu, but %zu labels",
                             set->rows[i], set->labels->count);
    return classifier_check(&options->classifiers[0]); /* the others with their networks */
}

hpac_status hpac_inference_create(const hpac_inference_options *options,
                                  const hpac_inference_set *set, hpac_inference **inference)
{
    HPAC_TRY_GIVEN(inference);
    *inference = NULL;
    HPAC_TRY_GIVEN(options);
    HPAC_TRY_GIVEN(options->device);
    HPAC_TRY_GIVEN(options->classifiers);
    HPAC_TRY_GIVEN(set);
    HPAC_TRY_GIVEN(set->images);
    HPAC_TRY_GIVEN(set->labels);
    HPAC_TRY(check_arguments(options, set));
    HPAC_TRY_NEW(*inference, 1);
    **inference = (hpac_inference){
        .options = *options,
        .set = *set,
        .format = classifier_batch_format(&options->classifiers[0]),
    };
    HPAC_TRY(create_networks(*inference));
    return create_dataset(options, set, &(*inference)->dataset);
}

static hpac_status on_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    const hpac_inference_pass *pass = user;
    return pass->on_batch(pass->user, batch->rows, batch->count, outcome->probabilities);
}

static hpac_status run_loop(const hpac_inference *inference, hpac_loop *loop,
                            hpac_inference_pass *pass)
{
    const hpac_inference_options *options = &inference->options;
    hpac_counts counts = {.classes = inference->format.target_count};
    hpac_loop_pass loop_pass = {
        .phase = HPAC_PHASE_PREDICT,
        .counts = inference->set.labels->masks ? &counts : NULL,
        .on_batch = on_batch,
        .user = pass,
    };
    hpac_status status = hpac_loop_run(loop, &loop_pass);
    hpac_loop_skipped(loop, &pass->skipped);
    pass->loss_sum =
        loop_pass.counts && options->classifier_count == 1 ? counts.loss_sum : (double)NAN;
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status, "interrupted; nothing was written");
    if (status == HPAC_ERR_NUMERIC)
        return hpac_fail_within(status, "%s", options->classifiers[loop_pass.failed_network].path);
    return status;
}

hpac_status hpac_inference_run(hpac_inference *inference, hpac_inference_pass *pass)
{
    HPAC_TRY_GIVEN(inference);
    HPAC_TRY_GIVEN(pass);
    HPAC_TRY_GIVEN(pass->on_batch);
    if (inference->running)
        return hpac_fail(HPAC_ERR_INTERNAL, "the inference is running: this is its callback");
    const hpac_inference_options *options = &inference->options;
    const hpac_loop_options loop_options = {
        .device = options->device,
        .networks = inference->networks,
        .network_count = options->classifier_count,
        .format = inference->format,
        .loader = {.dataset = inference->dataset,
                   .rows = pass->rows ? pass->rows : inference->set.rows,
                   .row_count = pass->rows ? pass->row_count : inference->set.row_count,
                   .workers = options->workers,
                   .skip_bad_images = options->skip_bad_images},
        .stop = options->stop,
        .progress = options->progress,
        .user = options->user,
    };
    hpac_loop *loop;
    inference->running = true;
    hpac_status status = hpac_loop_create(&loop_options, &loop);
    if (status == HPAC_OK)
        status = run_loop(inference, loop, pass);
    hpac_loop_destroy(loop);
    inference->running = false;
    return status;
}
