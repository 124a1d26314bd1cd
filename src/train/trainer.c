/* Training: checks, the run directory, and the order of steps. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/file.h"
#include "rundir/run_files.h"

#include <stdlib.h>
#include <string.h>

/* ---- the start ---- */

void train_log_lines(char *text, bool brief)
{
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line && brief)
            hpac_log_record(HPAC_LOG_INFO, "%s", line);
        else if (*line)
            hpac_log_info("%s", line);
}

static void print_data(const train_job *training, FILE *stream)
{
    const hpac_fold *fold = training->fold;
    fprintf(stream, "data: %zu images, %zu for training, %zu for validation (fold %d of %zu)\n",
            training->labels.count, fold->train_count, fold->validation_count,
            training->config->data.fold, training->split.count);
    size_t left_out = fold->train_count % training->config->train.batch_size;
    if (training->config->train.drop_last && left_out > 0)
        fprintf(stream, "data: %zu training images are left out each epoch (train.drop_last)\n",
                left_out);
    fprintf(stream, "data: %s\n",
            !hpac_dataset_is_cached(training->dataset) ? "images are prepared again in every epoch"
            : training->options->images ? "prepared images are kept in memory, for all runs"
                                        : "prepared images are kept in memory");
    if (training->test_dataset)
        fprintf(stream, "data: %zu test images\n", training->test_ids.count);
}

/* What the memory plan of the device does not know. */
static void print_host_memory(const train_job *training, FILE *stream)
{
    double mib = 0x1p-20;
    const hpac_batch_format training_format = train_format(training, HPAC_PHASE_TRAIN);
    const hpac_batch_format evaluation_format = train_format(training, HPAC_PHASE_VALIDATE);
    double slots = (double)HPAC_LOOP_SLOTS * (double)(hpac_batch_nbytes(&training_format) +
                                                      hpac_batch_nbytes(&evaluation_format));
    const hpac_image_pool *pool = training->options->images;
    double images =
        pool ? (double)hpac_image_pool_nbytes(pool)
        : hpac_dataset_is_cached(training->dataset)
            ? (double)training->labels.count * (double)hpac_batch_image_nbytes(&training_format)
            : 0;
    /* Weights and both accumulators; once more while a checkpoint is put together. */
    double model = 2 * 3 * sizeof(float) * (double)hpac_network_parameter_count(training->network);
    fprintf(stream, "host memory, MiB: batch slots %.1f, prepared images %.1f, checkpoints %.1f\n",
            slots * mib, images * mib, model * mib);
}

static void print_tables(const train_job *training, FILE *stream)
{
    const hpac_device_info *info = &training->device_info;
    print_data(training, stream);
    fprintf(stream, "configuration: %s\n", training->config->name);
    hpac_config_print(training->config, stream);
    fprintf(stream, "device: %s; %s\n", info->name, info->libraries);
    hpac_network_print(training->network, stream);
    fprintf(
        stream, "memory of the evaluation network, MiB: %.1f (batches of %zu images)\n",
        (double)hpac_memory_plan_nbytes(hpac_network_memory_plan(training->evaluation_network)) *
            0x1p-20,
        train_format(training, HPAC_PHASE_VALIDATE).batch_size);
    print_host_memory(training, stream);
    if (training->options->profile)
        fprintf(stream, "profile: every call is timed%s\n",
                training->device->ops->graph_launch ? "; steps run call by call, not as a graph"
                                                    : "");
}

static hpac_status log_tables(const train_job *training)
{
    hpac_status status = HPAC_OK;
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return hpac_fail_memory(0);
    print_tables(training, stream);
    if (fclose(stream) != 0)
        status = hpac_fail_memory(length);
    else
        train_log_lines(text, training->options->brief);
    free(text);
    return status;
}

/* ---- the whole ---- */

static hpac_status allocate_predictions(train_job *training)
{
    train_predictions *predictions = &training->validation_predictions;
    size_t count = training->fold->validation_count;
    size_t nbytes = count * training->config->data.target_count * sizeof(float);
    predictions->probabilities = malloc(nbytes);
    predictions->rows = malloc(count * sizeof *predictions->rows);
    return predictions->probabilities && predictions->rows ? HPAC_OK : hpac_fail_memory(nbytes);
}

static void show_preparation(void *user, size_t done, size_t total)
{
    const train_job *training = user;
    const hpac_train_options *options = training->options;
    const hpac_progress progress = {.phase = HPAC_PHASE_PREPARE, .batch = done, .batches = total};
    if (options->progress)
        options->progress(options->user, &progress);
}

/* Fills the pool for this training and those to come, so that all epochs of all of them find their
 * images in memory, and their times can be compared. */
static hpac_status prepare_images(train_job *training)
{
    const hpac_train_options *options = training->options;
    if (!options->images)
        return HPAC_OK;
    const hpac_dataset_preparation preparation = {
        .threads = training->config->data.workers,
        .stop = options->stop,
        .progress = show_preparation,
        .user = training,
    };
    double start_s = hpac_clock_s();
    size_t prepared;
    HPAC_TRY(hpac_dataset_prepare(training->dataset, &preparation, &prepared));
    if (prepared > 0)
        hpac_log_info("data: %zu images prepared in %.1f s, before the clock of the epochs starts",
                      prepared, hpac_clock_s() - start_s);
    return HPAC_OK;
}

static hpac_status train_epochs(train_job *training, train_history *history, bool resume)
{
    const hpac_training_state *state = training->model.training;
    const history_options options = {
        .folder = training->options->folder,
        .targets = training->config->data.targets,
        .target_count = training->config->data.target_count,
        .resume = resume,
        .epochs = state->epoch,
        .steps = state->step,
    };
    HPAC_TRY(history_open(history, &options));
    HPAC_TRY(train_run_epochs(training, history));
    return train_finish(training);
}

/* Everything after the checks. The run directory is locked; `resume`: it holds a checkpoint to
 * continue from. */
static hpac_status train_in_folder(train_job *training, bool resume)
{
    train_history history = {0};
    HPAC_TRY(train_allocate_networks(training));
    HPAC_TRY(resume ? checkpoint_resume(training) : checkpoint_start(training));
    HPAC_TRY(train_open_loops(training));
    HPAC_TRY(allocate_predictions(training));
    HPAC_TRY(prepare_images(training));
    hpac_status status = train_epochs(training, &history, resume);
    history_close(&history);
    if (training->options->profile && (status == HPAC_OK || status == HPAC_INTERRUPTED))
        HPAC_TRY(train_report_profile(training));
    return status;
}

static const char *state_name(hpac_status status)
{
    return status == HPAC_OK ? "finished" : status == HPAC_INTERRUPTED ? "interrupted" : "failed";
}

static hpac_status claim_folder(train_job *training, rundir *folder, bool resume)
{
    const char *path = training->options->folder;
    HPAC_TRY(rundir_claim(path, folder));
    if (!resume)
        HPAC_TRY(train_clear_folder(path, true));
    HPAC_TRY(train_write_run_json(training, "running"));
    HPAC_TRY(train_write_config(training));
    if (resume)
        HPAC_TRY(train_clear_folder(path, false));
    char *log = hpac_run_path(path, HPAC_RUN_LOG);
    hpac_status status = log ? hpac_log_open_file(log) : hpac_fail_memory(strlen(path));
    free(log);
    return status;
}

static hpac_status set_up(train_job *training, bool resume)
{
    HPAC_TRY(train_setup_data(training));
    HPAC_TRY(train_skipped_open(training, resume));
    HPAC_TRY(train_setup_networks(training));
    return resume ? checkpoint_load(training) : checkpoint_load_initial(training);
}

/* All checks; of a dry run their tables. */
static hpac_status check(train_job *training, bool resume)
{
    const hpac_train_options *options = training->options;
    if (resume) {
        HPAC_TRY(rundir_check_config(options->folder, options->config, NULL));
        train_compare_device(training);
    }
    HPAC_TRY(set_up(training, resume));
    if (options->dry_run)
        print_tables(training, options->plan);
    hpac_status status = train_check_memory(training);
    if (status == HPAC_ERR_DEVICE && options->dry_run) { /* another machine may train it */
        hpac_log_warning("%s", hpac_error_message());
        return HPAC_OK;
    }
    return status;
}

static hpac_status train(train_job *training, rundir *folder)
{
    const hpac_train_options *options = training->options;
    bool resume = options->resume && folder->state == RUN_UNFINISHED && folder->has_checkpoint;
    HPAC_TRY(check(training, resume));
    if (options->dry_run)
        return HPAC_OK;
    HPAC_TRY(claim_folder(training, folder, resume));

    bool report = train_report_probe(options);
    hpac_status status = log_tables(training);
    if (status == HPAC_OK)
        status = train_in_folder(training, resume);
    if (status == HPAC_INTERRUPTED)
        hpac_fail(status,
                  "interrupted after %u epochs and %u batches; saved, continue with "
                  "--resume%s",
                  training->model.training->epoch, training->model.training->batch,
                  options->force ? " in place of --force" : "");
    train_skipped_collect(training);
    if (training->skipped_images > 0)
        hpac_log_warning("bad images that were skipped: %zu; run.json lists them",
                         training->skipped_images);
    char *message = status == HPAC_OK ? NULL : strdup(hpac_error_message());
    hpac_status written = train_write_run_json(training, state_name(status));
    if (message) {
        hpac_log_record(HPAC_LOG_ERROR, "%s", message);
        hpac_fail(status, "%s", message); /* the first error is reported */
    }
    free(message);
    status = status == HPAC_OK ? written : status;
    if (report && status == HPAC_OK)
        status = train_report_write(options->folder, options->stop);
    hpac_log_close_file();
    return status;
}

static void report_plan(const train_job *training, hpac_train_plan *plan)
{
    const hpac_config_train *train = &training->config->train;
    size_t images = training->fold->train_count, batch = train->batch_size;
    size_t batches = images / batch + (!train->drop_last && images % batch > 0);
    *plan = (hpac_train_plan){
        .train_images = images,
        .validation_images = training->fold->validation_count,
        .steps = (uint64_t)batches * (uint64_t)train->epochs,
    };
}

hpac_status hpac_train_check(const hpac_train_options *options, hpac_train_plan *plan)
{
    *plan = (hpac_train_plan){0};
    train_job training = {
        .options = options,
        .config = options->config,
        .device = options->device,
    };
    hpac_status status = options->device->ops->describe(options->device, &training.device_info);
    if (status == HPAC_OK)
        status = set_up(&training, false);
    if (status == HPAC_OK)
        status = train_check_memory(&training);
    if (status == HPAC_OK)
        report_plan(&training, plan);
    train_teardown(&training);
    return status;
}

/* A finished run is not changed, unless it is to continue to more epochs. */
static hpac_status resolve_finished_run(const train_job *training, rundir *folder, bool *done)
{
    const hpac_train_options *options = training->options;
    bool more = rundir_wants_more(folder, options->config);
    if (more && options->resume && !folder->has_checkpoint)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: finished after %u epochs, without a resume.h5 to continue from; start "
            "again with --force",
            options->folder, folder->epochs);
    if (more && options->resume) {
        folder->state = RUN_UNFINISHED;
        return HPAC_OK;
    }
    if (rundir_check_config(options->folder, options->config, NULL) != HPAC_OK)
        hpac_log_warning("%s", hpac_error_message());
    if (more)
        hpac_log_info("%s: already finished after %u epochs; --resume continues to %d, --force "
                      "trains again",
                      options->folder, folder->epochs, training->config->train.epochs);
    else
        hpac_log_info("%s: already finished; --force trains again", options->folder);
    *done = true;
    return HPAC_OK;
}

static hpac_status resolve_earlier_run(const train_job *training, rundir *folder, bool *done)
{
    const hpac_train_options *options = training->options;
    if (folder->state == RUN_FINISHED)
        return resolve_finished_run(training, folder, done);
    if (folder->state == RUN_UNFINISHED && !options->resume)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: unfinished run; continue with --resume, or delete it with --force",
                         options->folder);
    return HPAC_OK;
}

hpac_status hpac_train(const hpac_train_options *options)
{
    train_job training = {
        .options = options,
        .config = options->config,
        .device = options->device,
        .started = time(NULL),
    };
    rundir folder = {.lock = -1};
    hpac_status status = options->device->ops->describe(options->device, &training.device_info);
    if (status == HPAC_OK && !options->dry_run)
        status = rundir_inspect(options->folder, options->force, &folder);
    bool done = false;
    if (status == HPAC_OK && !options->force && !options->dry_run)
        status = resolve_earlier_run(&training, &folder, &done);
    if (status == HPAC_OK && !done)
        status = train(&training, &folder);
    train_teardown(&training);
    rundir_release(&folder);
    return status;
}
