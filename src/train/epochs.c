/* The epochs: train, validate, keep the history, the best weights and a checkpoint. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/pause.h"

#include <stdio.h>
#include <string.h>

/* The counts and times of the current epoch are part of the training state, so that a run can stop
 * in the middle of an epoch. */
static hpac_counts counts_of_state(const train_job *training)
{
    const hpac_training_state *state = training->model.training;
    hpac_counts counts = {.classes = training->config->data.target_count,
                          .images = state->epoch_image_count,
                          .loss_sum = state->epoch_loss_sum};
    memcpy(counts.confusion, state->confusion, sizeof counts.confusion);
    return counts;
}

static void keep_counts(hpac_training_state *state, const hpac_counts *counts)
{
    state->epoch_image_count = counts->images;
    state->epoch_loss_sum = counts->loss_sum;
    memcpy(state->confusion, counts->confusion, sizeof counts->confusion);
}

typedef struct epoch_run {
    train_job *training;
    train_history *history;
    hpac_counts train, validation;
    double images_per_s, waiting; /* of the whole epoch's training, in however many parts */
} epoch_run;

static hpac_status on_train_batch(void *user, const hpac_batch *batch, const hpac_outcome *outcome)
{
    epoch_run *run = user;
    hpac_training_state *state = run->training->model.training;
    state->step++;
    state->batch = (uint32_t)batch->index + 1;
    size_t classes = run->train.classes;
    double loss = outcome->result.loss_sum / ((double)batch->count * (double)classes);
    return history_add_batch(run->history, state->step, loss, &outcome->result);
}

static hpac_status on_validation_batch(void *user, const hpac_batch *batch,
                                       const hpac_outcome *outcome)
{
    train_job *training = ((epoch_run *)user)->training;
    size_t classes = training->config->data.target_count;
    train_predictions *predictions = &training->validation_predictions;
    memcpy(predictions->probabilities + predictions->count * classes, outcome->probabilities,
           batch->count * classes * sizeof(float));
    memcpy(predictions->rows + predictions->count, batch->rows, batch->count * sizeof *batch->rows);
    predictions->count += batch->count;
    return HPAC_OK;
}

static hpac_status train_epoch(epoch_run *run)
{
    train_job *training = run->training;
    hpac_training_state *state = training->model.training;
    run->train = counts_of_state(training);
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_TRAIN,
        .epoch = state->epoch,
        .epochs = (uint32_t)training->config->train.epochs,
        .first_batch = state->batch,
        .step = state->step,
        .counts = &run->train,
        .on_batch = on_train_batch,
        .user = run,
    };
    hpac_status status = train_run_pass(training, training->training_loop, &pass);
    keep_counts(state, &run->train);
    state->epoch_train_s += pass.elapsed_s;
    state->epoch_waited_s += pass.waited_s;
    state->epoch_timed_image_count += pass.images;
    double seconds = state->epoch_train_s;
    run->images_per_s = seconds > 0 ? (double)state->epoch_timed_image_count / seconds : 0;
    run->waiting = seconds > 0 ? state->epoch_waited_s / seconds : 0;
    return status;
}

static hpac_status validate(epoch_run *run)
{
    train_job *training = run->training;
    run->validation = (hpac_counts){.classes = training->config->data.target_count};
    training->validation_predictions.count = 0;
    hpac_loop_pass pass = {
        .phase = HPAC_PHASE_VALIDATE,
        .epoch = training->model.training->epoch,
        .epochs = (uint32_t)training->config->train.epochs,
        .counts = &run->validation,
        .on_batch = on_validation_batch,
        .user = run,
    };
    /* The host's copy of the weights, which checkpoints overwrite, takes them to this network. */
    hpac_weights *weights = training->model.weights;
    HPAC_TRY(hpac_network_export(training->network, weights, NULL, NULL));
    HPAC_TRY(hpac_network_import(training->evaluation_network, weights, NULL, NULL));
    return train_run_pass(training, training->validation_loop, &pass);
}

static hpac_status train_and_validate(epoch_run *run)
{
    HPAC_TRY(train_epoch(run));
    return validate(run);
}

static void log_epoch(const epoch_run *run, double validation_loss, bool best)
{
    const train_job *training = run->training;
    hpac_f1_summary f1 = hpac_f1_summarize(&run->validation);
    char waited[32] = "";
    if (run->waiting >= 0.02)
        snprintf(waited, sizeof waited, ", waited %.0f %%", 100 * run->waiting);
    hpac_log_info("epoch %u/%d  loss %.4f  val_loss %.4f%s (prior %.4f)  accuracy %.4f (all zero "
                  "%.4f)  F1 %.3f (%.3f..%.3f, std %.3f)  %.0f img/s%s",
                  training->model.training->epoch + 1, training->config->train.epochs,
                  hpac_mean_loss(&run->train), validation_loss, best ? " best" : "",
                  training->prior_loss, hpac_accuracy(&run->validation),
                  hpac_all_zero_accuracy(&run->validation), f1.mean, f1.min, f1.max, f1.std,
                  run->images_per_s, waited);
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

static hpac_status run_epoch(train_job *training, train_history *history)
{
    double start_s = hpac_clock_s();
    hpac_training_state *state = training->model.training;
    epoch_run run = {.training = training, .history = history};
    hpac_status status = train_and_validate(&run);
    state->elapsed_s += hpac_clock_s() - start_s;
    HPAC_TRY(status);

    double validation_loss = hpac_mean_loss(&run.validation);
    const history_epoch row = {
        .epoch = state->epoch + 1,
        .step = state->step,
        .train = &run.train,
        .validation = &run.validation,
        .prior_loss = training->prior_loss,
        .elapsed_s = state->elapsed_s,
        .images_per_s = run.images_per_s,
        .waiting = run.waiting,
    };
    bool best;
    HPAC_TRY(history_add_epoch(history, &row));
    HPAC_TRY(note_epoch(training, validation_loss, &best));
    log_epoch(&run, validation_loss, best);
    state->epoch++;
    state->batch = 0;
    keep_counts(state, &(hpac_counts){0});
    state->epoch_train_s = state->epoch_waited_s = 0;
    state->epoch_timed_image_count = 0;
    HPAC_TRY(save_progress(training));
    hpac_test_pause("epoch");
    return HPAC_OK;
}

static hpac_status run_epochs(train_job *training, train_history *history)
{
    const hpac_training_state *state = training->model.training;
    const hpac_config_train *train = &training->config->train;
    while (state->epoch < (uint32_t)train->epochs) {
        if (state->batch == 0 && train->patience > 0 &&
            state->epochs_without_best >= (uint32_t)train->patience) {
            hpac_log_info("stopping early: no better validation loss for %u epochs",
                          state->epochs_without_best);
            break;
        }
        HPAC_TRY(run_epoch(training, history));
    }
    return HPAC_OK;
}

hpac_status train_run_epochs(train_job *training, train_history *history)
{
    hpac_status status = run_epochs(training, history);
    if (status != HPAC_INTERRUPTED)
        return status;
    HPAC_TRY(history_flush(history));
    HPAC_TRY(save_progress(training));
    return HPAC_INTERRUPTED;
}

hpac_status train_validate(train_job *training)
{
    epoch_run run = {.training = training};
    return validate(&run);
}
