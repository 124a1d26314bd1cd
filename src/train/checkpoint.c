/* The files that a training saves its weights to, and continues from. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/memory.h"

#include <string.h>

static hpac_status load_matching(const train_job *training, const char *path, hpac_model *model)
{
    HPAC_TRY(hpac_model_load(path, model));
    return hpac_fail_within(train_check_layers(&training->model, model, true), "%s", path);
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
    HPAC_TRY(train_set_start(training));
    return start_average(training);
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
