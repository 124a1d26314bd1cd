/* The epochs: train, validate, keep the history, the best weights and a checkpoint; then what a
 * finished training leaves: model.h5, predictions.csv, the submission. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/pause.h"

#include <stdio.h>

static hpac_status on_train_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    train_job *training = user;
    hpac_training_state *state = training->model.training;
    uint32_t accumulate = (uint32_t)training->config->train.accumulate;
    double learning_rate = train_schedule_at(&training->schedule, state->step / accumulate);
    state->step++;
    state->batch = (uint32_t)batch->index + 1;
    double values = (double)(batch->count * state->counts.classes);
    return history_add_batch(&training->history, state->step, outcome->result.loss_sum / values,
                             learning_rate, &outcome->result);
}

/* Counts and times of the epoch are part of the training state, so that a run can stop in the
 * middle of an epoch. */
static hpac_status train_epoch(train_job *training)
{
    hpac_training_state *state = training->model.training;
    state->counts.classes = training->config->data.target_count;
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_TRAIN,
        .epoch = state->epoch,
        .epochs = (uint32_t)training->config->train.epochs,
        .first_batch = state->batch,
        .step = state->step,
        .counts = &state->counts,
        .on_batch = on_train_batch,
        .user = training,
    };
    hpac_status status = train_run_pass(training, training->training_loop, &pass);
    state->epoch_train_s += pass.elapsed_s;
    state->epoch_waited_s += pass.waited_s;
    state->epoch_timed_image_count += pass.images;
    return status;
}

static hpac_status on_validation_batch(void *user, const hpac_batch *batch,
                                       const hpac_outcome *outcome)
{
    hpac_predictions_add(&((train_job *)user)->validation_predictions, batch->rows, batch->count,
                         outcome->probabilities);
    return HPAC_OK;
}

static hpac_status validate(train_job *training)
{
    training->validation_counts = (hpac_counts){.classes = training->config->data.target_count};
    training->validation_predictions.count = 0;
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_VALIDATE,
        .epoch = training->model.training->epoch,
        .epochs = (uint32_t)training->config->train.epochs,
        .counts = &training->validation_counts,
        .on_batch = on_validation_batch,
        .user = training,
    };
    /* The host's copy of the weights, which checkpoints overwrite, takes them to this network. */
    HPAC_TRY(checkpoint_export_evaluated(training));
    HPAC_TRY(hpac_network_import(training->evaluation_network, training->model.weights, NULL));
    return train_run_pass(training, training->validation_loop, &pass);
}

static hpac_status train_and_validate(train_job *training)
{
    HPAC_TRY(train_epoch(training));
    return validate(training);
}

static void log_epoch(const train_job *training, const history_epoch *row, bool best)
{
    const hpac_counts *validation = row->validation;
    hpac_f1_summary f1 = hpac_f1_summarize(validation);
    char waited[32] = "";
    if (row->waiting >= 0.02)
        snprintf(waited, sizeof waited, "  waited %.0f %%", 100 * row->waiting);
    hpac_log_parts("epoch %u/%d  loss %.4f  val_loss %.4f%s (prior %.4f)  F1 %.3f  %.0f img/s%s  "
                   "accuracy %.4f (all zero %.4f)  F1 of a class %.3f..%.3f, std %.3f",
                   row->epoch, training->config->train.epochs, hpac_mean_loss(row->train),
                   hpac_mean_loss(validation), best ? "*" : "", row->prior_loss, f1.mean,
                   row->images_per_s, waited, hpac_accuracy(validation),
                   hpac_all_zero_accuracy(validation), f1.min, f1.max, f1.std);
}

/* Saves the weights of the lowest validation loss; counts epochs for early stopping. */
static hpac_status note_epoch(train_job *training, double validation_loss, bool *best)
{
    hpac_training_state *state = training->model.training;
    *best = validation_loss < state->best_loss;
    if (validation_loss < state->patience_loss - (double)training->config->train.min_delta) {
        state->patience_loss = validation_loss;
        state->epochs_without_best = 0;
    } else {
        state->epochs_without_best++;
    }
    if (!*best)
        return HPAC_OK;
    state->best_loss = validation_loss;
    state->best_epoch = state->epoch + 1;
    return checkpoint_save(training, HPAC_RUN_BEST_MODEL);
}

/* run.json comes first: what it lists as skipped is then at least what the checkpoint has seen. */
static hpac_status save_progress(train_job *training)
{
    train_collect_skipped(training);
    HPAC_TRY(train_write_run_json(training, "running"));
    return checkpoint_save(training, HPAC_RUN_CHECKPOINT);
}

static hpac_status run_epoch(train_job *training)
{
    double start_s = hpac_clock_s();
    hpac_training_state *state = training->model.training;
    hpac_status status = train_and_validate(training);
    state->elapsed_s += hpac_clock_s() - start_s;
    HPAC_TRY(status);

    double train_s = state->epoch_train_s;
    const history_epoch row = {
        .epoch = state->epoch + 1,
        .step = state->step,
        .train = &state->counts,
        .validation = &training->validation_counts,
        .prior_loss = training->prior_loss,
        .elapsed_s = state->elapsed_s,
        .images_per_s = train_s > 0 ? (double)state->epoch_timed_image_count / train_s : 0,
        .waiting = train_s > 0 ? state->epoch_waited_s / train_s : 0,
    };
    bool best;
    HPAC_TRY(history_add_epoch(&training->history, &row));
    HPAC_TRY(note_epoch(training, hpac_mean_loss(row.validation), &best));
    log_epoch(training, &row, best);
    state->epoch++;
    state->batch = 0;
    state->counts = (hpac_counts){0};
    state->epoch_train_s = state->epoch_waited_s = 0;
    state->epoch_timed_image_count = 0;
    HPAC_TRY(save_progress(training));
    hpac_test_pause("epoch");
    return HPAC_OK;
}

static hpac_status run_epochs(train_job *training, bool resume)
{
    const hpac_training_state *state = training->model.training;
    const hpac_config *config = training->config;
    training->history =
        (train_history){.targets = config->data.targets,
                        .target_count = config->data.target_count,
                        .scheduled = config->train.schedule.kind != HPAC_SCHEDULE_CONSTANT ||
                                     config->train.schedule.warm_up > 0};
    HPAC_TRY(history_open(&training->history, training->options->directory, resume, state->epoch,
                          state->step));
    while (state->epoch < (uint32_t)config->train.epochs) {
        if (state->batch == 0 && config->train.patience > 0 &&
            state->epochs_without_best >= (uint32_t)config->train.patience) {
            hpac_log_info("stopping early: no better validation loss for %u epochs",
                          state->epochs_without_best);
            break;
        }
        HPAC_TRY(run_epoch(training));
    }
    return HPAC_OK;
}

static hpac_status on_test_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    return hpac_submission_add(user, batch->rows, batch->count, outcome->probabilities);
}

static hpac_status predict_test_set(train_job *training)
{
    HPAC_AUTO(hpac_submission_discard)
    hpac_submission submission = {
        .directory = training->options->directory,
        .ids = &training->test_ids,
        .targets = training->config->data.targets,
        .target_count = training->config->data.target_count,
    };
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_PREDICT, .on_batch = on_test_batch, .user = &submission};
    HPAC_TRY(train_open_loop(training, HPAC_PHASE_PREDICT, false, &training->test_loop));
    HPAC_TRY(hpac_submission_begin(&submission));
    HPAC_TRY(train_run_pass(training, training->test_loop, &pass));
    return hpac_submission_commit(&submission);
}

hpac_status train_run_epochs(train_job *training, bool resume)
{
    hpac_status status = run_epochs(training, resume);
    if (status == HPAC_INTERRUPTED) {
        HPAC_TRY(history_flush(&training->history));
        HPAC_TRY(save_progress(training));
    }
    HPAC_TRY(status);
    if (training->validation_predictions.count == 0) /* resumed after the last epoch */
        HPAC_TRY(validate(training));
    HPAC_TRY(checkpoint_save(training, HPAC_RUN_MODEL));
    HPAC_TRY(hpac_predictions_write(
        &training->validation_predictions, training->config->data.targets, training->labels.ids,
        training->options->directory, hpac_run_files[HPAC_RUN_PREDICTIONS].name));
    return training->test_dataset ? predict_test_set(training) : HPAC_OK;
}
