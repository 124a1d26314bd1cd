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

static hpac_status predict_test_set(train_job *training)
{
    const hpac_config_data *data = &training->config->data;
    size_t count = training->test_ids.count;
    size_t *rows = malloc(count * sizeof *rows);
    if (!rows)
        return hpac_fail_memory(count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = i;
    train_feed feed = {0};
    test_run run = {.training = training};
    hpac_status status =
        train_feed_open(training, training->test_dataset, rows, count, false, &feed);
    const hpac_submission_options options = {.folder = training->options->folder,
                                             .targets = data->targets,
                                             .target_count = data->target_count};
    if (status == HPAC_OK)
        status = hpac_submission_create(&run.submission, &options);
    if (status == HPAC_OK) {
        hpac_counts counts = {.classes = data->target_count};
        train_pass pass = {
            .training = training,
            .feed = &feed,
            .phase = HPAC_PHASE_PREDICT,
            .epoch = training->model.training->epoch - 1,
            .counts = &counts,
            .on_batch = on_test_batch,
            .user = &run,
        };
        status = train_run_pass(&pass);
        if (status == HPAC_OK)
            status = hpac_submission_commit(&run.submission);
        else
            hpac_submission_discard(&run.submission);
    }
    train_feed_close(training, &feed);
    free(rows);
    return status;
}

hpac_status train_finish(train_job *training)
{
    hpac_status status = HPAC_OK;
    if (training->validation_predictions.count == 0) { /* resumed after the last epoch */
        status = train_validate(training);
    }
    if (status == HPAC_OK)
        status = checkpoint_save_model(training, "model.h5");
    if (status == HPAC_OK)
        status = write_predictions(training);
    if (status == HPAC_OK && training->test_dataset)
        status = predict_test_set(training);
    return status;
}
