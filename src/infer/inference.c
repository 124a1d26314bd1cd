/* Probabilities in batches. The passes are those of training (pass.c), over a train_job that only
 * predicts; of several classifiers the first is driven by the pass, the others look at its slots.
 */
#include <hpac/inference.h>

#include <hpac/log.h>

#include "train/train_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct hpac_inference {
    hpac_inference_options options;
    hpac_train_options pass_options; /* what the pass asks for: stop, progress */
    hpac_config config;              /* likewise; owns nothing */
    hpac_training_state state;       /* likewise */
    train_job job;
    hpac_network **networks; /* (classifier_count); the first is job.network */
    float *mean;             /* (batch_size, targets); NULL with one classifier */
};

/* ---- networks ---- */

static hpac_status make_network(hpac_inference *inference, const hpac_classifier *classifier,
                                hpac_network **network)
{
    const hpac_network_options options = {
        .device = inference->options.device,
        .layers = classifier->model.layers,
        .layer_count = classifier->model.layer_count,
        .format = inference->job.format,
    };
    hpac_status status = hpac_network_create(&options, network);
    if (status == HPAC_OK)
        status = hpac_network_allocate(*network);
    if (status == HPAC_OK)
        status = hpac_network_import(*network, classifier->model.weights, NULL, NULL);
    return hpac_fail_within(status, "%s", classifier->path);
}

static hpac_status make_networks(hpac_inference *inference)
{
    int count = inference->options.classifier_count;
    inference->networks = calloc((size_t)count, sizeof *inference->networks);
    if (!inference->networks)
        return hpac_fail_memory((size_t)count * sizeof *inference->networks);
    hpac_status status = HPAC_OK;
    for (int i = 0; i < count && status == HPAC_OK; i++) {
        const hpac_classifier *classifiers = inference->options.classifiers;
        status = hpac_classifier_check_alike(&classifiers[0], &classifiers[i]);
        if (status == HPAC_OK)
            status = make_network(inference, &classifiers[i], &inference->networks[i]);
    }
    inference->job.network = inference->networks[0];
    if (status != HPAC_OK || count == 1)
        return status;
    const hpac_batch_format *format = &inference->job.format;
    size_t values = format->batch_size * format->target_count;
    inference->mean = malloc(values * sizeof *inference->mean);
    return inference->mean ? HPAC_OK : hpac_fail_memory(values * sizeof *inference->mean);
}

/* What the pass wants to know of a training. */
static void describe_job(hpac_inference *inference)
{
    const hpac_inference_options *options = &inference->options;
    const hpac_classifier *classifier = &options->classifiers[0];
    const hpac_model *model = &classifier->model;
    inference->pass_options = (hpac_train_options){
        .config = &inference->config,
        .device = options->device,
        .stop = options->stop,
        .progress = options->progress,
        .user = options->user,
    };
    inference->config.train.epochs = 1;
    inference->config.train.batch_size = options->batch_size;
    inference->config.data.workers = options->workers;
    inference->config.data.skip_bad_images = options->skip_bad_images;
    inference->job = (train_job){
        .options = &inference->pass_options,
        .config = &inference->config,
        .device = options->device,
        .format = {.batch_size = options->batch_size,
                   .target_count = model->target_count,
                   .rows = model->input.rows,
                   .cols = model->input.cols,
                   .channels = model->input.channels,
                   .pixels = classifier->pixels},
        .model = {.training = &inference->state},
    };
}

hpac_status hpac_inference_create(const hpac_inference_options *options, hpac_inference **result)
{
    *result = NULL;
    if (options->batch_size < 1 || options->classifier_count < 1)
        return hpac_fail(HPAC_ERR_INTERNAL, "inference needs a classifier and a batch");
    hpac_inference *inference = calloc(1, sizeof *inference);
    if (!inference)
        return hpac_fail_memory(sizeof *inference);
    inference->options = *options;
    describe_job(inference);
    hpac_status status = make_networks(inference);
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
    free(inference->mean);
    free(inference);
}

/* ---- one run ---- */

typedef struct inference_run {
    hpac_inference *inference;
    const hpac_inference_set *set;
    hpac_labels blank; /* of a set without labels: its Ids (borrowed) with targets of 0 (owned) */
} inference_run;

static hpac_status collect_other(const inference_run *run, int network, size_t values)
{
    hpac_inference *inference = run->inference;
    hpac_outcome outcome;
    hpac_status status = hpac_network_collect(inference->networks[network], &outcome);
    if (status != HPAC_OK)
        return status;
    if (!isfinite(outcome.result.loss_sum))
        return hpac_fail(HPAC_ERR_NUMERIC, "%s: its answers are not finite",
                         inference->options.classifiers[network].path);
    for (size_t i = 0; i < values; i++)
        inference->mean[i] += outcome.probabilities[i];
    return HPAC_OK;
}

/* The batch's slot is still filled: the other networks take it, too. */
static hpac_status average(const inference_run *run, const hpac_batch *batch,
                           const float *probabilities)
{
    hpac_inference *inference = run->inference;
    int count = inference->options.classifier_count;
    size_t values = batch->count * inference->job.format.target_count;
    const hpac_network_batch input = {.slot = batch->data, .count = batch->count};
    memcpy(inference->mean, probabilities, values * sizeof *inference->mean);
    hpac_status status = HPAC_OK;
    for (int i = 1; i < count && status == HPAC_OK; i++)
        status = hpac_network_evaluate(inference->networks[i], &input);
    for (int i = 1; i < count && status == HPAC_OK; i++)
        status = collect_other(run, i, values);
    for (size_t i = 0; i < values; i++)
        inference->mean[i] /= (float)count;
    return status;
}

static hpac_status on_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    const inference_run *run = user;
    const float *probabilities = outcome->probabilities;
    hpac_status status = HPAC_OK;
    if (run->inference->mean) {
        status = average(run, batch, probabilities);
        probabilities = run->inference->mean;
    }
    return status == HPAC_OK
               ? run->set->on_batch(run->set->user, batch->rows, batch->count, probabilities)
               : status;
}

/* Steps that an error has left behind would be collected in the next run. */
static void drain_others(hpac_inference *inference)
{
    hpac_outcome outcome;
    for (int i = 1; i < inference->options.classifier_count; i++)
        while (hpac_network_in_flight(inference->networks[i]) > 0 &&
               hpac_network_collect(inference->networks[i], &outcome) == HPAC_OK)
            continue;
}

static hpac_status check_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode)
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_DATA, "%s: no such folder; expected images in it", path);
}

static hpac_status open_dataset(inference_run *run)
{
    hpac_inference *inference = run->inference;
    const hpac_inference_set *set = run->set;
    const hpac_batch_format *format = &inference->job.format;
    const hpac_labels *labels = set->labels;
    if (!labels->masks) {
        run->blank = *labels;
        hpac_status status = train_blank_targets(&run->blank);
        if (status != HPAC_OK)
            return status;
        labels = &run->blank;
    }
    const hpac_dataset_options options = {
        .images = set->images,
        .labels = labels,
        .targets = inference->options.classifiers[0].model.targets,
        .target_count = format->target_count,
        .channels = format->channels,
        .channel_order = inference->options.classifiers[0].channel_order,
        .rows = format->rows,
        .cols = format->cols,
        .pixels = format->pixels,
    };
    train_job *job = &inference->job;
    hpac_status status = hpac_dataset_create(&options, &job->dataset);
    job->test_dataset = job->dataset;
    if (status != HPAC_OK)
        return status;
    return inference->options.skip_bad_images
               ? check_folder(set->images)
               : hpac_dataset_check(job->dataset, set->rows, set->row_count,
                                    inference->options.workers);
}

/* All rows of the labels, malloc'ed. */
static size_t *every_row(size_t count)
{
    size_t *rows = malloc(count * sizeof *rows);
    for (size_t i = 0; rows && i < count; i++)
        rows[i] = i;
    return rows;
}

static hpac_status go_through(inference_run *run, const size_t *rows, size_t row_count,
                              hpac_counts *counts)
{
    train_job *job = &run->inference->job;
    train_feed feed = {0};
    hpac_status status = train_feed_open(job, job->dataset, rows, row_count, false, &feed);
    if (status == HPAC_OK && run->set->on_start)
        status = run->set->on_start(run->set->user);
    if (status == HPAC_OK) {
        train_pass pass = {
            .training = job,
            .feed = &feed,
            .phase = HPAC_PHASE_PREDICT,
            .counts = counts,
            .on_batch = on_batch,
            .user = run,
        };
        status = train_run_pass(&pass);
        drain_others(run->inference);
    }
    if (feed.loader && run->set->skipped)
        hpac_loader_skipped(feed.loader, run->set->skipped);
    train_feed_close(job, &feed);
    return status;
}

static hpac_status go_through_rows(inference_run *run, hpac_counts *counts)
{
    const hpac_inference_set *set = run->set;
    if (set->rows)
        return go_through(run, set->rows, set->row_count, counts);
    size_t *rows = every_row(set->labels->count);
    if (!rows)
        return hpac_fail_memory(set->labels->count * sizeof *rows);
    hpac_status status = go_through(run, rows, set->labels->count, counts);
    free(rows);
    return status;
}

hpac_status hpac_inference_run(hpac_inference *inference, const hpac_inference_set *set)
{
    train_job *job = &inference->job;
    inference_run run = {.inference = inference, .set = set};
    hpac_counts counts = {.classes = job->format.target_count};
    if (set->skipped)
        *set->skipped = 0;
    hpac_status status = open_dataset(&run);
    if (status == HPAC_OK)
        status = go_through_rows(&run, &counts);
    if (set->loss_sum)
        *set->loss_sum = inference->mean || !set->labels->masks ? NAN : counts.loss_sum;
    hpac_dataset_destroy(job->dataset);
    job->dataset = job->test_dataset = NULL;
    free(run.blank.masks);
    return status == HPAC_INTERRUPTED
               ? hpac_fail(HPAC_INTERRUPTED, "interrupted; nothing was written")
               : status;
}
