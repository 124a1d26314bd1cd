/* What a finished training leaves: model.h5, predictions.csv, the submission. */
#include "train_internal.h"

#include <hpac/log.h>

#include "rundir/submission.h"

#include <stdlib.h>
#include <string.h>

static hpac_status write_predictions(train_job *training)
{
    const train_predictions *predictions = &training->validation_predictions;
    const hpac_config_data *data = &training->config->data;
    char *path = hpac_path_join(training->options->folder, "predictions.csv");
    if (!path)
        return hpac_fail_memory(0);
    hpac_predictions file;
    hpac_status status = hpac_predictions_create(&file, path, data->targets, data->target_count);
    free(path);
    if (status != HPAC_OK)
        return status;
    for (size_t i = 0; i < predictions->count; i++)
        hpac_predictions_add(&file, training->labels.ids[predictions->rows[i]],
                             predictions->probabilities + i * data->target_count);
    return hpac_predictions_commit(&file);
}

typedef struct test_run {
    train_job *training;
    hpac_submission submission;
} test_run;

static hpac_status on_test_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    test_run *run = user;
    size_t classes = run->training->config->data.target_count;
    for (size_t i = 0; i < batch->count; i++)
        hpac_submission_add(&run->submission, run->training->test_ids.ids[batch->rows[i]],
                            outcome->probabilities + i * classes);
    return HPAC_OK;
}

static hpac_status predict_test_rows(train_job *training, const size_t *rows)
{
    const hpac_config_data *data = &training->config->data;
    const hpac_submission_options options = {.folder = training->options->folder,
                                             .targets = data->targets,
                                             .target_count = data->target_count};
    test_run run = {.training = training};
    hpac_loop_pass pass = {.phase = HPAC_PHASE_PREDICT, .on_batch = on_test_batch, .user = &run};
    hpac_loop *loop;
    HPAC_TRY(train_open_test_loop(training, rows, &loop));
    hpac_status status = hpac_submission_create(&run.submission, &options);
    if (status == HPAC_OK) {
        status = train_run_pass(training, loop, &pass);
        if (status == HPAC_OK)
            status = hpac_submission_commit(&run.submission);
        else
            hpac_submission_discard(&run.submission);
    }
    hpac_loop_destroy(loop);
    return status;
}

static hpac_status predict_test_set(train_job *training)
{
    size_t count = training->test_ids.count;
    size_t *rows = malloc(count * sizeof *rows);
    if (!rows)
        return hpac_fail_memory(count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = i;
    hpac_status status = predict_test_rows(training, rows);
    free(rows);
    return status;
}

hpac_status train_finish(train_job *training)
{
    if (training->validation_predictions.count == 0) /* resumed after the last epoch */
        HPAC_TRY(train_validate(training));
    HPAC_TRY(checkpoint_save_model(training, "model.h5"));
    HPAC_TRY(write_predictions(training));
    return training->test_dataset ? predict_test_set(training) : HPAC_OK;
}
