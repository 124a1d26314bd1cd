/* What a training needs before its first step: labels, split, checked files, network, loaders. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/machine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A quarter of the memory that the process may use, for `cache_mib: auto`. */
static size_t cache_nbytes(const hpac_config *config)
{
    return config->data.cache_mib >= 0 ? (size_t)config->data.cache_mib << 20
                                       : hpac_memory_total() / 4;
}

static hpac_status open_datasets(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_shape input = hpac_config_input_shape(config);
    hpac_image_pool *pool = training->options->images;
    size_t cache_limit = cache_nbytes(config);
    hpac_dataset_options options = {
        .images = config->data.images,
        .labels = &training->labels,
        .targets = config->data.targets,
        .target_count = config->data.target_count,
        .channels = input.channels,
        .channel_order = config->data.channel_order,
        .rows = input.rows,
        .cols = input.cols,
        .pixels = config->data.pixels,
        .skip_bad_images = config->data.skip_bad_images,
        .cache_nbytes = config->train.epochs > 1 || pool ? cache_limit : 0,
        .pool = pool,
    };
    hpac_status status = hpac_dataset_create(&options, &training->dataset);
    if (status != HPAC_OK || !config->data.test_ids)
        return status;
    options.images = config->data.test_images;
    options.labels = &training->test_ids;
    options.target_count = 0;
    options.skip_bad_images = false;               /* a submission has all Ids */
    options.cache_nbytes = pool ? cache_limit : 0; /* one training reads them once */
    return hpac_dataset_create(&options, &training->test_dataset);
}

static hpac_status check_files(train_job *training)
{
    int threads = training->config->data.workers;
    hpac_status status = hpac_dataset_check(training->dataset, NULL, 0, threads);
    if (status == HPAC_OK && training->test_dataset)
        status = hpac_dataset_check(training->test_dataset, NULL, 0, threads);
    return status;
}

static size_t count_positives(const train_job *training, int class)
{
    size_t count = 0;
    for (size_t i = 0; i < training->fold->train_count; i++)
        count += training->labels.masks[training->fold->train[i]] >> class & 1;
    return count;
}

static hpac_status weigh_classes(train_job *training)
{
    const hpac_config *config = training->config;
    const hpac_config_train *train = &config->train;
    for (size_t t = 0; t < config->data.target_count; t++) {
        training->positive_weights[t] = 1;
        if (train->weighting == HPAC_WEIGHTING_LIST)
            training->positive_weights[t] = train->positive_weights[t];
        if (train->weighting != HPAC_WEIGHTING_BALANCED)
            continue;
        size_t ones = count_positives(training, config->data.targets[t]);
        if (ones == 0)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "train.positive_weights: balanced: no training image carries %s",
                             hpac_class_names[config->data.targets[t]]);
        training->positive_weights[t] = (float)(training->fold->train_count - ones) / (float)ones;
    }
    return HPAC_OK;
}

static hpac_status check_sizes(const train_job *training)
{
    const hpac_config *config = training->config;
    size_t batch_size = config->train.batch_size;
    if (config->train.drop_last && training->fold->train_count < batch_size)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "train.batch_size: %zu is larger than the training set of %zu images (fold "
            "%d); lower it, or set train.drop_last=false",
            batch_size, training->fold->train_count,
            config->data.split.folds > 0 ? config->data.fold : 0);
    return HPAC_OK;
}

hpac_status train_setup_data(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_status status = hpac_labels_read_csv(config->data.labels, &training->labels);
    if (status == HPAC_OK && config->data.test_ids)
        status = hpac_ids_read_csv(config->data.test_ids, &training->test_ids);
    if (status == HPAC_OK)
        status = hpac_split_create(&config->data.split, training->labels.count,
                                   training->labels.masks, &training->split);
    if (status != HPAC_OK)
        return status;
    training->fold = &training->split.folds[config->data.fold];

    status = check_sizes(training);
    if (status == HPAC_OK)
        status = weigh_classes(training);
    if (status == HPAC_OK)
        status = open_datasets(training);
    if (status == HPAC_OK)
        status = check_files(training);
    if (status != HPAC_OK)
        return status;

    training->prior_loss =
        hpac_prior_loss(training->labels.masks, config->data.targets, config->data.target_count,
                        training->fold->train, training->fold->train_count,
                        training->fold->validation, training->fold->validation_count);
    return HPAC_OK;
}

/* FNV-1a (Fowler, Noll, Vo; 64 bits) over Ids and targets: a resumed run must continue with the
 * rows it was started with. */
static uint64_t digest_labels(const hpac_labels *labels)
{
    uint64_t digest = 0xcbf29ce484222325;
    for (size_t i = 0; i < labels->count; i++) {
        for (const char *c = labels->ids[i]; *c; c++)
            digest = (digest ^ (unsigned char)*c) * 0x100000001b3;
        for (int byte = 0; byte < 4; byte++)
            digest = (digest ^ (labels->masks[i] >> (8 * byte) & 0xff)) * 0x100000001b3;
    }
    return digest;
}

/* The host's copy of the network's weights and accumulators. */
static hpac_status make_model(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_model *model = &training->model;
    hpac_shape input = hpac_config_input_shape(config);
    size_t layer_count = config->layer_count;
    size_t layers_nbytes = layer_count * sizeof *model->layers;
    model->input = input;
    model->layer_count = layer_count;
    model->layers = malloc(layers_nbytes);
    model->weights = hpac_weights_create(config->layers, layer_count, input);
    model->training = calloc(1, sizeof *model->training);
    if (!model->layers || !model->weights || !model->training)
        return hpac_fail_memory(layers_nbytes);
    memcpy(model->layers, config->layers, layers_nbytes);
    memcpy(model->targets, config->data.targets, sizeof model->targets);
    model->target_count = config->data.target_count;

    hpac_training_state *state = model->training;
    state->optimizer = config->train.optimizer;
    state->seed = config->train.seed;
    state->best_loss = INFINITY;
    state->patience_loss = INFINITY;
    state->labels_digest = digest_labels(&training->labels);
    state->square_average = hpac_weights_create(config->layers, layer_count, input);
    state->delta_average = hpac_weights_create(config->layers, layer_count, input);
    return state->square_average && state->delta_average ? HPAC_OK
                                                         : hpac_fail_memory(layers_nbytes);
}

hpac_batch_format train_format(const train_job *training, hpac_phase phase)
{
    const hpac_config *config = training->config;
    hpac_shape input = hpac_config_input_shape(config);
    return (hpac_batch_format){
        .batch_size = phase == HPAC_PHASE_TRAIN ? config->train.batch_size
                                                : hpac_micro_batch_size(input.rows, input.cols),
        .target_count = config->data.target_count,
        .rows = input.rows,
        .cols = input.cols,
        .channels = input.channels,
        .pixels = config->data.pixels,
    };
}

hpac_status train_setup_networks(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_network_options options = {
        .device = training->device,
        .layers = config->layers,
        .layer_count = config->layer_count,
        .format = train_format(training, HPAC_PHASE_TRAIN),
        .training = true,
        .graph = config->device.graph != HPAC_SWITCH_OFF,
        .optimizer = config->train.optimizer,
        .positive_weights =
            config->train.weighting == HPAC_WEIGHTING_NONE ? NULL : training->positive_weights,
        .seed = config->train.seed,
        .profile = training->options->profile,
    };
    if (config->device.graph == HPAC_SWITCH_ON && !training->device->ops->graph_launch)
        return hpac_fail(HPAC_ERR_CONFIG, "device.graph: device %s has no graphs",
                         training->device->ops->name);
    HPAC_TRY(hpac_network_create(&options, &training->network));
    options.training = options.graph = false;
    options.format = train_format(training, HPAC_PHASE_VALIDATE);
    HPAC_TRY(hpac_network_create(&options, &training->evaluation_network));
    return make_model(training);
}

hpac_status train_check_memory(const train_job *training)
{
    return hpac_network_check_memory(training->network, training->evaluation_network);
}

hpac_status train_allocate_networks(train_job *training)
{
    HPAC_TRY(train_check_memory(training));
    HPAC_TRY(hpac_network_allocate(training->network));
    return hpac_network_allocate(training->evaluation_network);
}

/* ---- loops ---- */

/* What the loops of a training have in common. */
static hpac_loop_options loop_options(const train_job *training, hpac_phase phase,
                                      hpac_dataset *dataset, const size_t *rows, size_t row_count)
{
    const hpac_config *config = training->config;
    return (hpac_loop_options){
        .device = training->device,
        .networks = phase == HPAC_PHASE_TRAIN ? &training->network : &training->evaluation_network,
        .network_count = 1,
        .format = train_format(training, phase),
        .dataset = dataset,
        .rows = rows,
        .row_count = row_count,
        .seed = config->train.seed,
        .workers = config->data.workers,
        .stop = training->options->stop,
        .progress = training->options->progress,
        .user = training->options->user,
    };
}

static hpac_status open_loops(train_job *training, bool resident)
{
    const hpac_config *config = training->config;
    const hpac_fold *fold = training->fold;
    hpac_loop_options options =
        loop_options(training, HPAC_PHASE_TRAIN, training->dataset, fold->train, fold->train_count);
    options.drop_last = config->train.drop_last;
    options.shuffle = config->train.shuffle;
    options.skip_bad_images = config->data.skip_bad_images;
    options.resident = resident;
    HPAC_TRY(hpac_loop_create(&options, &training->training_loop));
    options = loop_options(training, HPAC_PHASE_VALIDATE, training->dataset, fold->validation,
                           fold->validation_count);
    options.skip_bad_images = config->data.skip_bad_images;
    options.resident = resident;
    return hpac_loop_create(&options, &training->validation_loop);
}

/* Free device memory that resident images leave to libraries, which load code late, and to other
 * processes. */
#define SPARE_SHARE 0.1

/* Whether the images fit beside the networks, which have their memory already. */
static hpac_status fit_device(const train_job *training, bool *fit)
{
    hpac_device_info info;
    HPAC_TRY(training->device->ops->describe(training->device, &info));
    double nbytes = (double)hpac_network_retained_nbytes(training->network, training->labels.count);
    *fit = nbytes + SPARE_SHARE * (double)info.total_nbytes <= (double)info.free_nbytes;
    hpac_log_info("data: %zu images %s the device's memory (%.1f MiB, %.1f MiB free)",
                  training->labels.count, *fit ? "stay in" : "do not fit", nbytes * 0x1p-20,
                  (double)info.free_nbytes * 0x1p-20);
    return HPAC_OK;
}

hpac_status train_open_loops(train_job *training)
{
    hpac_switch wanted = training->config->device.resident;
    bool can = training->device->ops->gather != NULL, fit = true;
    if (wanted == HPAC_SWITCH_OFF ||
        (wanted == HPAC_SWITCH_AUTO && (!can || training->config->train.epochs == 1)))
        return open_loops(training, false);
    if (can)
        HPAC_TRY(fit_device(training, &fit));
    if (wanted == HPAC_SWITCH_ON)
        return hpac_fail_within(open_loops(training, true), "device.resident");
    if (fit) {
        hpac_status status = open_loops(training, true);
        if (status != HPAC_ERR_DEVICE)
            return status;
        /* Another process took the memory in the meantime. */
        hpac_log_warning("data: the images are uploaded for each batch: %s", hpac_error_message());
        train_close_loops(training);
    }
    return open_loops(training, false);
}

hpac_status train_open_test_loop(train_job *training, const size_t *rows, hpac_loop **loop)
{
    const hpac_loop_options options = loop_options(
        training, HPAC_PHASE_PREDICT, training->test_dataset, rows, training->test_ids.count);
    return hpac_loop_create(&options, loop);
}

hpac_status train_run_pass(train_job *training, hpac_loop *loop, hpac_loop_pass *pass)
{
    hpac_status status = hpac_loop_run(loop, pass);
    training->clock.elapsed_s += pass->elapsed_s;
    training->clock.waited_s += pass->waited_s;
    training->clock.batches += pass->batches;
    return status;
}

void train_close_loops(train_job *training)
{
    hpac_loop_destroy(training->training_loop);
    hpac_loop_destroy(training->validation_loop);
    training->training_loop = training->validation_loop = NULL;
}

void train_teardown(train_job *training)
{
    train_close_loops(training);
    hpac_network_destroy(training->network);
    hpac_network_destroy(training->evaluation_network);
    train_skipped_close(training);
    free(training->validation_predictions.rows);
    free(training->validation_predictions.probabilities);
    hpac_model_fini(&training->model);
    hpac_model_fini(&training->initial_model);
    hpac_dataset_destroy(training->dataset);
    hpac_dataset_destroy(training->test_dataset);
    hpac_split_fini(&training->split);
    hpac_labels_fini(&training->labels);
    hpac_labels_fini(&training->test_ids);
}
