/* What a finished training leaves: model.h5, predictions.csv, the submission. */
#include "train_internal.h"

#include "base/memory.h"
#include "rundir/submission.h"

static hpac_status write_predictions(const train_job *training)
{
    const hpac_config_data *data = &training->config->data;
    const hpac_scored predictions = {
        .count = training->validation_predictions.count,
        .target_count = data->target_count,
        .targets = data->targets,
        .rows = training->validation_predictions.rows,
        .probabilities = training->validation_predictions.probabilities,
    };
    HPAC_AUTO_FREE char *path = hpac_run_path(training->options->directory, HPAC_RUN_PREDICTIONS);
    HPAC_TRY_MEMORY(path, 1);
    return hpac_predictions_write(&predictions, training->labels.ids, path);
}

static hpac_status on_test_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    return hpac_submission_add(user, batch->rows, batch->count, outcome->probabilities);
}

static hpac_status predict_test_set(train_job *training)
{
    const hpac_submission_options options = {
        .directory = training->options->directory,
        .ids = &training->test_ids,
        .targets = training->config->data.targets,
        .target_count = training->config->data.target_count,
    };
    HPAC_AUTO(hpac_submission_discard) hpac_submission submission = {0};
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_PREDICT, .on_batch = on_test_batch, .user = &submission};
    HPAC_TRY(train_open_loop(training, HPAC_PHASE_PREDICT, false, &training->test_loop));
    HPAC_TRY(hpac_submission_create(&submission, &options));
    HPAC_TRY(train_run_pass(training, training->test_loop, &pass));
    return hpac_submission_commit(&submission);
}

hpac_status train_finish(train_job *training)
{
    if (training->validation_predictions.count == 0) /* resumed after the last epoch */
        HPAC_TRY(train_validate(training));
    HPAC_TRY(checkpoint_save(training, HPAC_RUN_MODEL));
    HPAC_TRY(write_predictions(training));
    return training->test_dataset ? predict_test_set(training) : HPAC_OK;
}
