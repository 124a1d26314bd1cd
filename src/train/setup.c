/* What a training needs before its first step: labels, split, checked files, network, loaders. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/machine.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

static hpac_status open_datasets(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_shape input = hpac_config_input_shape(config);
    hpac_image_pool *pool = training->options->images;
    /* auto: a quarter of the memory that the process may use */
    size_t cache_nbytes = config->data.cache_mib >= 0 ? (size_t)config->data.cache_mib << 20
                                                      : hpac_memory_total() / 4;
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
        .skip_option = "--set data.on_bad_image=skip",
        .cache_nbytes = config->train.epochs > 1 || pool ? cache_nbytes : 0,
        .pool = pool,
    };
    HPAC_TRY(hpac_dataset_create(&options, &training->dataset));
    HPAC_TRY(hpac_dataset_check(training->dataset, NULL, 0, config->data.workers));
    if (!config->data.test_ids)
        return HPAC_OK;
    options.images = config->data.test_images;
    options.labels = &training->test_ids;
    options.target_count = 0;
    options.skip_bad_images = false; /* a submission has all Ids */
    options.skip_option = NULL;
    options.cache_nbytes = pool ? cache_nbytes : 0; /* one training reads them once */
    HPAC_TRY(hpac_dataset_create(&options, &training->test_dataset));
    return hpac_dataset_check(training->test_dataset, NULL, 0, config->data.workers);
}

static hpac_status weigh_classes(train_job *training)
{
    const hpac_config_data *data = &training->config->data;
    const hpac_config_train *train = &training->config->train;
    const hpac_fold *fold = training->fold;
    for (size_t t = 0; t < data->target_count; t++) {
        float *weight = &training->positive_weights[t];
        *weight = train->weighting == HPAC_WEIGHTING_LIST ? train->positive_weights[t] : 1;
        if (train->weighting != HPAC_WEIGHTING_BALANCED)
            continue;
        size_t ones = 0;
        for (size_t i = 0; i < fold->train_count; i++)
            ones += training->labels.masks[fold->train[i]] >> data->targets[t] & 1;
        if (ones == 0)
            return hpac_fail(HPAC_ERR_CONFIG,
                             "train.positive_weights: balanced: no training image carries %s",
                             hpac_class_names[data->targets[t]]);
        *weight = (float)(fold->train_count - ones) / (float)ones;
    }
    return HPAC_OK;
}

/* A softmax has one class per image; labels of none or several are never fitted. */
static void warn_of_softmax(const train_job *training)
{
    const hpac_config *config = training->config;
    const hpac_fold *fold = training->fold;
    size_t others = 0;
    if (config->layers[config->layer_count - 1].activation != HPAC_ACTIVATION_SOFTMAX)
        return;
    for (size_t i = 0; i < fold->train_count; i++) {
        size_t ones = 0;
        for (size_t t = 0; t < config->data.target_count; t++)
            ones += training->labels.masks[fold->train[i]] >> config->data.targets[t] & 1;
        others += ones != 1;
    }
    if (others > 0)
        hpac_log_warning(
            "model: softmax is for images of one class, but %zu of %zu training images "
            "have none or several; --set model.N.activation=sigmoid, N being the last "
            "layer, is for those",
            others, fold->train_count);
}

bool train_weighs_losses(const train_job *training)
{
    const hpac_config_train *train = &training->config->train;
    const hpac_loss_formula formula = hpac_config_loss_formula(&train->loss);
    return train->weighting != HPAC_WEIGHTING_NONE || !hpac_loss_is_plain(&formula);
}

static const float *weights_of(const train_job *training)
{
    bool weighs = training->config->train.weighting != HPAC_WEIGHTING_NONE;
    return weighs ? training->positive_weights : NULL;
}

hpac_status train_setup_data(train_job *training)
{
    const hpac_config_data *data = &training->config->data;
    const hpac_config_train *train = &training->config->train;
    const hpac_labels *labels = &training->labels;
    HPAC_TRY(hpac_labels_read_csv(data->labels, &training->labels));
    if (data->test_ids)
        HPAC_TRY(hpac_ids_read_csv(data->test_ids, &training->test_ids));
    HPAC_TRY(hpac_split_create(&data->split, labels->count, labels->masks, &training->split));
    HPAC_TRY_NEW(training->skipped, labels->count);
    const hpac_fold *fold = training->fold = &training->split.folds[data->fold];
    if (train->drop_last && fold->train_count < train->batch_size)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "train.batch_size: %zu is larger than the training set of %zu images (fold "
            "%d); lower it, or set train.drop_last=false",
            train->batch_size, fold->train_count, data->fold);
    HPAC_TRY(weigh_classes(training));
    warn_of_softmax(training);
    HPAC_TRY(open_datasets(training));
    const hpac_loss_formula formula = hpac_config_loss_formula(&train->loss);
    const hpac_prior prior = {
        .masks = labels->masks,
        .targets = data->targets,
        .target_count = data->target_count,
        .rows = fold->train,
        .count = fold->train_count,
        .evaluated_rows = fold->validation,
        .evaluated_count = fold->validation_count,
    };
    training->prior_loss = hpac_prior_loss_by(&formula, weights_of(training), &prior);
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

static hpac_weights *create_weights(const hpac_config *config)
{
    return hpac_weights_create(config->layers, config->layer_count,
                               hpac_config_input_shape(config));
}

/* The host's copy of the network's weights and states. */
static hpac_status make_model(train_job *training)
{
    const hpac_config *config = training->config;
    hpac_model *model = &training->model;
    HPAC_TRY_NEW(model->layers, config->layer_count);
    HPAC_TRY_NEW(model->training, 1);
    memcpy(model->layers, config->layers, config->layer_count * sizeof *model->layers);
    memcpy(model->targets, config->data.targets, sizeof model->targets);
    model->input = hpac_config_input_shape(config);
    model->layer_count = config->layer_count;
    model->target_count = config->data.target_count;

    hpac_training_state *state = model->training;
    state->optimizer = config->train.optimizer;
    state->accumulate = config->train.accumulate;
    state->ema = config->train.ema;
    state->seed = config->train.seed;
    state->best_loss = INFINITY;
    state->patience_loss = INFINITY;
    state->labels_digest = digest_labels(&training->labels);
    HPAC_TRY_MEMORY(model->weights = create_weights(config), 1);
    const hpac_network_options options = {
        .optimizer = state->optimizer, .accumulate = state->accumulate, .ema = state->ema};
    for (hpac_state i = 0; i < HPAC_STATE_COUNT; i++)
        if (hpac_state_name(&options, i))
            HPAC_TRY_MEMORY(state->states[i] = create_weights(config), 1);
    return HPAC_OK;
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

/* The batches of an epoch. */
static size_t count_batches(const train_job *training)
{
    const hpac_config_train *train = &training->config->train;
    size_t images = training->fold->train_count, batch = train->batch_size;
    return images / batch + (!train->drop_last && images % batch > 0);
}

/* Gradients that are accumulated beyond the last epoch update nothing. */
static void warn_of_accumulation(const train_job *training)
{
    const hpac_config_train *train = &training->config->train;
    size_t batches = (size_t)train->epochs * count_batches(training);
    if (train->accumulate > batches)
        hpac_log_warning("train.accumulate: %zu batches per update, but the training has %zu; the "
                         "weights stay as they are",
                         train->accumulate, batches);
}

hpac_status train_setup_networks(train_job *training)
{
    const hpac_config *config = training->config;
    const hpac_config_train *train = &config->train;
    warn_of_accumulation(training);
    HPAC_TRY(make_model(training));
    HPAC_TRY(train_apply_layer_rules(training));
    training->schedule = train_schedule_make(train, count_batches(training));
    hpac_network_options options = {
        .device = training->device,
        .layers = config->layers,
        .layer_count = config->layer_count,
        .format = train_format(training, HPAC_PHASE_TRAIN),
        .training = true,
        .graph = config->device.graph != HPAC_SWITCH_OFF,
        .loss = hpac_config_loss_formula(&train->loss),
        .optimizer = train->optimizer,
        .learning_rate = train_schedule_at,
        .schedule = &training->schedule,
        .clip_norm = train->clip_norm,
        .accumulate = train->accumulate,
        .ema = train->ema,
        .layer_training = training->layer_training,
        .batch_norm_frozen = train->batch_norm_frozen,
        .positive_weights = weights_of(training),
        .seed = config->train.seed,
        .profile = training->options->profile,
    };
    if (config->device.graph == HPAC_SWITCH_ON && !training->device->ops->graph_launch)
        return hpac_fail(HPAC_ERR_CONFIG, "device.graph: device %s has no graphs",
                         training->device->ops->name);
    HPAC_TRY(hpac_network_create(&options, &training->network));
    options.training = options.graph = false;
    options.format = train_format(training, HPAC_PHASE_VALIDATE);
    return hpac_network_create(&options, &training->evaluation_network);
}

hpac_status train_open_loop(const train_job *training, hpac_phase phase, bool resident,
                            hpac_loop **loop)
{
    const hpac_config *config = training->config;
    const hpac_fold *fold = training->fold;
    bool train = phase == HPAC_PHASE_TRAIN, predict = phase == HPAC_PHASE_PREDICT;
    const size_t *rows = train ? fold->train : fold->validation;
    const hpac_loop_options options = {
        .device = training->device,
        .networks = train ? &training->network : &training->evaluation_network,
        .network_count = 1,
        .format = train_format(training, phase),
        .loader = {.dataset = predict ? training->test_dataset : training->dataset,
                   .rows = predict ? NULL : rows,
                   .row_count = train ? fold->train_count : fold->validation_count,
                   .drop_last = train && config->train.drop_last,
                   .shuffle = train && config->train.shuffle,
                   .seed = config->train.seed,
                   .workers = config->data.workers,
                   .skip_bad_images = config->data.skip_bad_images && !predict},
        .resident = resident,
        .stop = training->options->stop,
        .progress = training->options->progress,
        .user = training->options->user,
    };
    return hpac_loop_create(&options, loop);
}

static hpac_status open_loops(train_job *training, bool resident)
{
    HPAC_TRY(train_open_loop(training, HPAC_PHASE_TRAIN, resident, &training->training_loop));
    return train_open_loop(training, HPAC_PHASE_VALIDATE, resident, &training->validation_loop);
}

static void close_loops(train_job *training)
{
    hpac_loop **loops[] = {&training->training_loop, &training->validation_loop,
                           &training->test_loop};
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        hpac_loop_destroy(*loops[i]);
        *loops[i] = NULL;
    }
}

/* Free device memory that resident images leave to libraries, which load code late, and to other
 * processes. */
#define SPARE_SHARE 0.1

/* Whether the images fit beside the networks, which have their memory already. */
static hpac_status fit_device(const train_job *training, bool *fit)
{
    hpac_device_info info;
    HPAC_TRY(training->device->ops->describe(training->device, &info));
    const hpac_batch_format format = train_format(training, HPAC_PHASE_TRAIN);
    size_t image_nbytes = format.target_count + hpac_batch_image_nbytes(&format);
    double nbytes = (double)(training->labels.count * image_nbytes);
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
        close_loops(training);
    }
    return open_loops(training, false);
}

hpac_status train_run_pass(train_job *training, hpac_loop *loop, hpac_loop_pass *pass)
{
    hpac_status status = hpac_loop_run(loop, pass);
    training->clock.elapsed_s += pass->elapsed_s;
    training->clock.waited_s += pass->waited_s;
    training->clock.batches += pass->batches;
    return status;
}

void train_teardown(train_job *training)
{
    history_close(&training->history);
    close_loops(training);
    hpac_network_destroy(training->network);
    hpac_network_destroy(training->evaluation_network);
    free(training->layer_training);
    free(training->skipped);
    hpac_predictions_fini(&training->validation_predictions);
    hpac_start_fini(&training->start); /* it has as many layers as the model */
    hpac_model_fini(&training->model);
    hpac_model_fini(&training->initial_model);
    json_decref(training->start_json);
    hpac_dataset_destroy(training->dataset);
    hpac_dataset_destroy(training->test_dataset);
    hpac_split_fini(&training->split);
    hpac_labels_fini(&training->labels);
    hpac_labels_fini(&training->test_ids);
}
