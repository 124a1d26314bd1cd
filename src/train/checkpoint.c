/* Where the weights come from, and the files they go to. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "config/config_schema.h"

#include <string.h>

static bool are_same(const size_t *a, const size_t *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static bool reads_same(const hpac_layer *a, const hpac_layer *b)
{
    return a->input_count == b->input_count && are_same(a->inputs, b->inputs, a->input_count);
}

static bool has_same_windows(const hpac_layer *a, const hpac_layer *b)
{
    return a->kernel_rows == b->kernel_rows && a->kernel_cols == b->kernel_cols &&
           a->stride_rows == b->stride_rows && a->stride_cols == b->stride_cols &&
           a->dilation_rows == b->dilation_rows && a->dilation_cols == b->dilation_cols &&
           a->padding == b->padding && are_same(a->zeros, b->zeros, 4);
}

static bool is_rescaled_alike(const hpac_layer *a, const hpac_layer *b)
{
    bool same = a->rescaled == b->rescaled;
    for (size_t i = 0; same && i < a->rescaled; i++)
        same = a->mean[i] == b->mean[i] && a->deviation[i] == b->deviation[i];
    return same;
}

/* Whatever their names, dropout rates, initializers, weight decays and momenta. */
static bool is_same_layer(const hpac_layer *a, const hpac_layer *b)
{
    return a->kind == b->kind && a->filters == b->filters && a->units == b->units &&
           has_same_windows(a, b) && a->groups == b->groups &&
           a->depth_multiplier == b->depth_multiplier && a->activation == b->activation &&
           a->no_bias == b->no_bias && a->no_scale == b->no_scale && a->no_center == b->no_center &&
           a->epsilon == b->epsilon && a->keep_dims == b->keep_dims &&
           are_same(a->shape, b->shape, 3) && is_rescaled_alike(a, b) && reads_same(a, b);
}

/* Errors: DATA, naming the first difference between a file and the configuration's model. */
static hpac_status check_layers(const hpac_model *expected, const hpac_model *found)
{
    const hpac_shape *a = &expected->input, *b = &found->input;
    if (a->rows != b->rows || a->cols != b->cols || a->channels != b->channels)
        return hpac_fail(HPAC_ERR_DATA,
                         "input of %zu x %zu x %zu, expected %zu x %zu x %zu as in the "
                         "configuration",
                         b->rows, b->cols, b->channels, a->rows, a->cols, a->channels);
    for (size_t i = 0; i < expected->layer_count && i < found->layer_count; i++) {
        const hpac_layer *x = &expected->layers[i], *y = &found->layers[i];
        char wanted[HPAC_LAYER_TEXT_NBYTES], given[HPAC_LAYER_TEXT_NBYTES];
        hpac_layer_describe(x, wanted);
        hpac_layer_describe(y, given);
        if (!is_same_layer(x, y))
            return hpac_fail(HPAC_ERR_DATA,
                             "layer %zu is %s %s, expected %s %s as in the configuration", i + 1,
                             hpac_layer_name(y), given, hpac_layer_name(x), wanted);
    }
    if (expected->layer_count != found->layer_count)
        return hpac_fail(HPAC_ERR_DATA, "%zu layers, expected %zu as in the configuration",
                         found->layer_count, expected->layer_count);
    return HPAC_OK;
}

static hpac_status load_matching(const train_job *training, const char *path, hpac_model *model)
{
    HPAC_TRY(hpac_model_load(path, model));
    return hpac_fail_within(check_layers(&training->model, model), "%s", path);
}

hpac_status checkpoint_load_initial(train_job *training)
{
    const char *path = training->config->train.initial_model;
    return path ? hpac_fail_within(load_matching(training, path, &training->initial_model),
                                   "train.initial_model")
                : HPAC_OK;
}

/* Filters of the first layer were learned for the stains of their channels. A file of Keras does
 * not have these. */
static void warn_of_channels(const train_job *training)
{
    const hpac_config *config = training->config;
    HPAC_AUTO(hpac_config_fini) hpac_config old = {0};
    const char *yaml = training->initial_model.config_yaml;
    if (!yaml || hpac_config_parse("hpac/config", yaml, &old) != HPAC_OK ||
        old.data.channels != config->data.channels ||
        memcmp(old.data.channel_order, config->data.channel_order,
               config->data.channels * sizeof *old.data.channel_order) == 0)
        return;
    HPAC_AUTO_FREE char *before = hpac_config_value_text(&old, "data.channels");
    HPAC_AUTO_FREE char *now = hpac_config_value_text(config, "data.channels");
    hpac_log_warning("%s: was trained with data.channels %s, this run has %s",
                     config->train.initial_model, before ? before : "", now ? now : "");
}

/* Until the first update the average is the weights. */
static hpac_status start_average(train_job *training)
{
    hpac_weights *average = training->model.training->states[HPAC_STATE_AVERAGE];
    hpac_weights *const states[HPAC_STATE_COUNT] = {[HPAC_STATE_AVERAGE] = average};
    if (!average)
        return HPAC_OK;
    HPAC_TRY(hpac_network_export(training->network, average, NULL));
    return hpac_network_import(training->network, NULL, states);
}

hpac_status checkpoint_start(train_job *training)
{
    const hpac_config_train *train = &training->config->train;
    if (!train->initial_model) {
        HPAC_TRY(hpac_network_initialize(training->network, train->seed));
        return start_average(training);
    }
    hpac_log_info("weights: from %s", train->initial_model);
    if (training->initial_model.keras.frozen)
        hpac_log_warning("%s: has layers with trainable=False; hpac trains all layers",
                         train->initial_model);
    if (training->initial_model.keras.regularized)
        hpac_log_warning("%s: has regularizers or constraints, which hpac does not support: "
                         "training ignores them",
                         train->initial_model);
    if (training->initial_model.keras.drops_images)
        hpac_log_warning("%s: has dropouts of whole images, which hpac does not support: training "
                         "does without",
                         train->initial_model);
    warn_of_channels(training);
    hpac_status status =
        hpac_network_import(training->network, training->initial_model.weights, NULL);
    hpac_model_fini(&training->initial_model);
    return status == HPAC_OK ? start_average(training) : status;
}

/* A training that ended in the middle of an epoch, or after the last configured one, would not
 * equal any uninterrupted training. */
static hpac_status check_epochs(const char *path, const hpac_training_state *state, int epochs)
{
    uint32_t wanted = (uint32_t)epochs;
    if (state->epoch < wanted || (state->epoch == wanted && state->batch == 0))
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG,
                     "train.epochs: %u, but %s has %u epochs and %u batches already; expected %u "
                     "or more",
                     wanted, path, state->epoch, state->batch,
                     state->epoch + (state->batch > 0 ? 1 : 0));
}

hpac_status checkpoint_check_epochs(const char *directory, const hpac_config *config)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, HPAC_RUN_CHECKPOINT);
    HPAC_TRY_MEMORY(path, strlen(directory));
    HPAC_AUTO(hpac_model_fini) hpac_model saved = {0};
    HPAC_TRY(hpac_model_load(path, &saved));
    return saved.training ? check_epochs(path, saved.training, config->train.epochs) : HPAC_OK;
}

hpac_status checkpoint_load(train_job *training)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(training->options->directory, HPAC_RUN_CHECKPOINT);
    HPAC_TRY_MEMORY(path, 1);
    HPAC_AUTO(hpac_model_fini) hpac_model saved = {0};
    HPAC_TRY(load_matching(training, path, &saved));
    if (!saved.training)
        return hpac_fail(HPAC_ERR_DATA, "%s: contains no training state", path);
    if (saved.training->labels_digest != training->model.training->labels_digest)
        return hpac_fail(
            HPAC_ERR_DATA,
            "%s: rows differ from those the run was started with; restore the file, or "
            "start again with --force",
            training->config->data.labels);
    HPAC_TRY(check_epochs(path, saved.training, training->config->train.epochs));
    hpac_model_fini(&training->model);
    training->model = saved;
    saved = (hpac_model){0};
    return HPAC_OK;
}

hpac_status checkpoint_resume(train_job *training)
{
    const hpac_training_state *state = training->model.training;
    hpac_log_info("resuming after %u epoch%s and %u batch%s (%u step%s)", state->epoch,
                  state->epoch == 1 ? "" : "s", state->batch, state->batch == 1 ? "" : "es",
                  state->step, state->step == 1 ? "" : "s");
    return hpac_network_import(training->network, training->model.weights, state->states);
}

static void take_average(const train_job *training, size_t layer)
{
    const hpac_weights *from = &training->model.training->states[HPAC_STATE_AVERAGE][layer];
    const hpac_weights *to = &training->model.weights[layer];
    for (hpac_role role = 0; role < HPAC_ROLE_COUNT; role++)
        if (hpac_role_is_trained(role) && to->tensors[role].values)
            memcpy(to->tensors[role].values, from->tensors[role].values,
                   to->tensors[role].count * sizeof(float));
}

hpac_status checkpoint_export_evaluated(train_job *training)
{
    hpac_weights *average = training->model.training->states[HPAC_STATE_AVERAGE];
    hpac_weights *const states[HPAC_STATE_COUNT] = {[HPAC_STATE_AVERAGE] = average};
    HPAC_TRY(hpac_network_export(training->network, training->model.weights, states));
    for (size_t i = 0; average && i < training->model.layer_count; i++)
        if (!training->layer_training[i].frozen)
            take_average(training, i);
    return HPAC_OK;
}

hpac_status checkpoint_save(train_job *training, hpac_run_file_number file)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(training->options->directory, file);
    HPAC_TRY_MEMORY(path, 1);
    hpac_model model = training->model;
    if (file == HPAC_RUN_CHECKPOINT) {
        HPAC_TRY(hpac_network_export(training->network, model.weights, model.training->states));
    } else {
        HPAC_TRY(checkpoint_export_evaluated(training));
        model.training = NULL;
    }
    return hpac_model_save(&model, path);
}
