/* Training: checks, the run directory, and the order of steps. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config/config_schema.h"
#include "rundir/run_results.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Logs what `print` prints, line by line. */
static hpac_status log_printed(hpac_log_level level,
                               hpac_status (*print)(const void *what, FILE *stream),
                               const void *what)
{
    HPAC_AUTO_FREE char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    HPAC_TRY_MEMORY(stream, 1);
    hpac_status status = print(what, stream);
    if (fclose(stream) != 0)
        return hpac_fail_memory(length);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            hpac_log_line(level, "%s", line);
    return status;
}

static void print_data(const train_job *training, FILE *stream)
{
    const hpac_fold *fold = training->fold;
    fprintf(stream, "data: %zu images, %zu for training, %zu for validation (fold %d of %zu)\n",
            training->labels.count, fold->train_count, fold->validation_count,
            training->config->data.fold, training->split.count);
    size_t left_out = fold->train_count % training->config->train.batch_size;
    if (training->config->train.drop_last && left_out > 0)
        fprintf(stream, "data: %zu training image%s left out each epoch (train.drop_last)\n",
                left_out, left_out == 1 ? " is" : "s are");
    if (hpac_dataset_is_cached(training->dataset))
        fprintf(stream, "data: prepared images are kept in memory%s\n",
                training->options->images ? ", for all runs" : "");
    else
        fputs("data: images are prepared again in every epoch\n", stream);
    if (training->test_dataset)
        fprintf(stream, "data: %zu test image%s\n", training->test_ids.count,
                training->test_ids.count == 1 ? "" : "s");
}

/* What the memory plan of the device does not know. */
static void print_host_memory(const train_job *training, FILE *stream)
{
    const double mib = 0x1p-20;
    const hpac_batch_format training_format = train_format(training, HPAC_PHASE_TRAIN);
    const hpac_batch_format evaluation_format = train_format(training, HPAC_PHASE_VALIDATE);
    const hpac_image_pool *pool = training->options->images;
    size_t slots = HPAC_LOOP_SLOTS *
                   (hpac_batch_nbytes(&training_format) + hpac_batch_nbytes(&evaluation_format));
    size_t images = 0;
    if (pool)
        images = hpac_image_pool_nbytes(pool);
    else if (hpac_dataset_is_cached(training->dataset))
        images = training->labels.count * hpac_batch_image_nbytes(&training_format);
    /* Weights and both accumulators; once more while a checkpoint is put together. */
    size_t model = 0;
    for (size_t i = 0; i < training->model.layer_count; i++)
        model += 2 * 3 * sizeof(float) * hpac_weights_parameter_count(&training->model.weights[i]);
    fprintf(stream, "host memory, MiB: batch slots %.1f, prepared images %.1f, checkpoints %.1f\n",
            (double)slots * mib, (double)images * mib, (double)model * mib);
}

/* A longer table of layers is a detail. */
#define MOST_LAYERS 12

static void print_layers(const hpac_config *config, FILE *stream)
{
    hpac_layers_print(config->layers, config->layer_count, hpac_config_input_shape(config), stream);
}

static const char *const optimizer_names[HPAC_OPTIMIZER_COUNT] = {
    [HPAC_OPTIMIZER_ADADELTA] = "Adadelta",
    [HPAC_OPTIMIZER_SGD] = "SGD",
    [HPAC_OPTIMIZER_ADAM] = "Adam",
    [HPAC_OPTIMIZER_ADAMW] = "AdamW",
};

/* What is not usual about the updates. */
static void print_recipe(const train_job *training, FILE *stream)
{
    const hpac_config_train *train = &training->config->train;
    size_t frozen = 0;
    for (size_t i = 0; i < training->config->layer_count; i++)
        frozen += training->layer_training[i].frozen;
    if (train->schedule.kind != HPAC_SCHEDULE_CONSTANT || train->schedule.warm_up > 0)
        fprintf(stream, "learning rate: first %.3g, in the middle %.3g, last %.3g\n",
                train_schedule_at(&training->schedule, 0),
                train_schedule_at(&training->schedule, (uint32_t)(training->schedule.updates / 2)),
                train_schedule_at(&training->schedule,
                                  (uint32_t)fmax(0, training->schedule.updates - 1)));
    if (train->batch_norm_frozen)
        fprintf(stream, "batch normalization: with moving averages, which stay as they are\n");
    if (train->accumulate > 1)
        fprintf(stream, "accumulation: %zu batches, %zu images per update\n", train->accumulate,
                train->accumulate * train->batch_size);
    if (train->ema > 0)
        fprintf(stream, "evaluated and saved: the moving average of the weights, momentum %g\n",
                (double)train->ema);
    if (frozen > 0)
        fprintf(stream, "frozen: %zu layers\n", frozen);
}

/* What everyone should see: at most 25 lines. */
static hpac_status print_start(const void *job, FILE *stream)
{
    const double mib = 0x1p-20;
    const train_job *training = job;
    const hpac_device_info *info = &training->device_info;
    const hpac_config_train *train = &training->config->train;
    print_data(training, stream);
    fprintf(stream, "device: %s; %s\n", info->name, info->libraries);
    if (training->config->layer_count <= MOST_LAYERS)
        print_layers(training->config, stream);
    else
        fprintf(stream, "model: %zu layers\n", training->config->layer_count);
    fprintf(stream,
            "training: %s, epochs %d, batch size %zu, %s with learning rate %g, seed %" PRIu64 "\n",
            training->config->name, train->epochs, train->batch_size,
            optimizer_names[train->optimizer.kind], (double)train->optimizer.learning_rate,
            train->seed);
    print_recipe(training, stream);
    train_print_start(training, stream);
    size_t nbytes = hpac_memory_plan_nbytes(hpac_network_memory_plan(training->network)) +
                    hpac_memory_plan_nbytes(hpac_network_memory_plan(training->evaluation_network));
    fprintf(stream, "memory: %.1f MiB on the device\n", (double)nbytes * mib);
    if (training->options->profile)
        fprintf(stream, "profile: every call is timed%s\n",
                training->device->ops->graph_launch ? "; steps run call by call, not as a graph"
                                                    : "");
    return HPAC_OK;
}

static hpac_status print_details(const void *job, FILE *stream)
{
    const train_job *training = job;
    const hpac_config *config = training->config;
    fprintf(stream, "configuration: %s\n", config->name);
    hpac_config_print(config, stream);
    if (config->layer_count > MOST_LAYERS)
        print_layers(config, stream);
    hpac_network_print(training->network, stream);
    fprintf(
        stream, "memory of the evaluation network, MiB: %.1f (batches of %zu images)\n",
        (double)hpac_memory_plan_nbytes(hpac_network_memory_plan(training->evaluation_network)) *
            0x1p-20,
        train_format(training, HPAC_PHASE_VALIDATE).batch_size);
    print_host_memory(training, stream);
    return HPAC_OK;
}

static const hpac_column profile_columns[] = {
    HPAC_COLUMN_TEXT("call", NULL),
    HPAC_COLUMN_INTEGER("calls", NULL),
    HPAC_COLUMN_REAL("total_ms", "total ms", 3),
    HPAC_COLUMN_REAL("mean_ms", "mean ms", 3),
    HPAC_COLUMN_REAL("share", NULL, 3),
    HPAC_COLUMN_REAL("bytes", NULL, 0),
    HPAC_COLUMN_REAL("gb_per_s", "GB/s", 2),
    HPAC_COLUMN_REAL("gflop", "GFLOP", 3),
    HPAC_COLUMN_REAL("gflop_per_s", "GFLOP/s", 1),
};

/* Adds the rows with calls, under their names behind the prefix. */
static void add_rows(const train_job *training, const hpac_profile_row *rows, size_t count,
                     const char *prefix, hpac_table *table)
{
    for (size_t i = 0; i < count; i++) {
        const hpac_profile_row *row = &rows[i];
        if (row->calls == 0)
            continue;
        char name[160];
        bool named = strncmp(row->name, prefix, strcspn(prefix, ":")) == 0;
        snprintf(name, sizeof name, "%s%s", named ? "" : prefix, row->name);
        double elapsed_ms = 1000 * training->clock.elapsed_s;
        double mean_ms = row->total_ms / (double)row->calls;
        double per_ms = mean_ms > 0 ? 1 / mean_ms : 0;
        hpac_table_add_row(
            table,
            HPAC_CELLS(HPAC_TEXT_CELL(name), HPAC_NUMBER_CELL(row->calls),
                       HPAC_NUMBER_CELL(row->total_ms), HPAC_NUMBER_CELL(mean_ms),
                       HPAC_NUMBER_CELL(elapsed_ms > 0 ? row->total_ms / elapsed_ms : 0),
                       HPAC_NUMBER_CELL(row->nbytes), HPAC_NUMBER_CELL(row->nbytes * per_ms * 1e-6),
                       HPAC_NUMBER_CELL(row->flops * 1e-9),
                       HPAC_NUMBER_CELL(row->flops * per_ms * 1e-6)));
    }
}

static hpac_status print_table(const void *table, FILE *stream)
{
    return hpac_table_print(table, 0, stream);
}

/* Logs the profile as a table and writes profile.csv. */
static hpac_status report_profile(const train_job *training)
{
    const train_clock *clock = &training->clock;
    const hpac_profile_row loader = {
        .name = "wait for the loader", .calls = clock->batches, .total_ms = 1000 * clock->waited_s};
    const hpac_profile_row *rows;
    char title[96];
    snprintf(title, sizeof title, "profile: %llu steps in %.3f s; concurrent calls add up to more",
             (unsigned long long)clock->batches, clock->elapsed_s);
    HPAC_AUTO(hpac_table_fini) hpac_table table = {0};
    hpac_table_init(&table, "profile", title, profile_columns,
                    sizeof profile_columns / sizeof *profile_columns);
    add_rows(training, &loader, 1, "", &table);
    size_t count = hpac_network_profile(training->network, &rows);
    add_rows(training, rows, count, "", &table);
    count = hpac_network_profile(training->evaluation_network, &rows);
    add_rows(training, rows, count, "evaluate: ", &table);
    HPAC_TRY(log_printed(HPAC_LOG_INFO, print_table, &table));
    return hpac_table_write_csv(&table, training->options->directory, "%s",
                                hpac_run_files[HPAC_RUN_PROFILE].name);
}

static void report_preparation(void *user, size_t done, size_t total)
{
    const hpac_train_options *options = user;
    const hpac_progress progress = {.phase = HPAC_PHASE_PREPARE, .batch = done, .batches = total};
    options->progress(options->user, &progress);
}

/* Fills the pool for this training and those to come, so that all epochs of all of them find their
 * images in memory, and their times can be compared. */
static hpac_status prepare_images(train_job *training)
{
    const hpac_train_options *options = training->options;
    const hpac_dataset_pass preparation = {
        .threads = training->config->data.workers,
        .stop = options->stop,
        .progress = options->progress ? report_preparation : NULL,
        .user = (void *)options,
    };
    double start_s = hpac_clock_s();
    size_t prepared;
    HPAC_TRY(hpac_dataset_prepare(training->dataset, &preparation, &prepared));
    if (prepared > 0)
        hpac_log_info("data: %zu images prepared in %.1f s, before the clock of the epochs starts",
                      prepared, hpac_clock_s() - start_s);
    return HPAC_OK;
}

/* Everything after the checks. `resume`: the run directory holds a checkpoint to continue from. */
static hpac_status run_training(train_job *training, bool resume)
{
    hpac_predictions *predictions = &training->validation_predictions;
    hpac_log_level level = training->options->brief ? HPAC_LOG_DETAIL : HPAC_LOG_INFO;
    HPAC_TRY(log_printed(level, print_start, training));
    HPAC_TRY(log_printed(HPAC_LOG_DETAIL, print_details, training));
    HPAC_TRY(hpac_network_allocate(training->network));
    HPAC_TRY(hpac_network_allocate(training->evaluation_network));
    HPAC_TRY(resume ? checkpoint_resume(training) : checkpoint_start(training));
    HPAC_TRY(train_open_loops(training));
    predictions->target_count = training->config->data.target_count;
    HPAC_TRY(hpac_predictions_reserve(predictions, training->fold->validation_count));
    if (training->options->images)
        HPAC_TRY(prepare_images(training));
    hpac_status status = train_run_epochs(training, resume);
    if (training->options->profile && (status == HPAC_OK || status == HPAC_INTERRUPTED))
        HPAC_TRY(report_profile(training));
    return status;
}

/* Records how the run ended, and returns `status`, or the error of recording it. */
static hpac_status record_end(train_job *training, hpac_status status)
{
    const hpac_training_state *state = training->model.training;
    if (status == HPAC_INTERRUPTED)
        hpac_fail(status,
                  "interrupted after %u epoch%s and %u batch%s; saved, continue with "
                  "--resume%s",
                  state->epoch, state->epoch == 1 ? "" : "s", state->batch,
                  state->batch == 1 ? "" : "es",
                  training->options->force ? " in place of --force" : "");
    train_collect_skipped(training);
    if (training->skipped_images > 0)
        hpac_log_warning("bad images that were skipped: %zu; run.json lists them",
                         training->skipped_images);
    if (status == HPAC_OK)
        return train_write_run_json(training, "finished");
    HPAC_AUTO_FREE char *message = strdup(hpac_error_message());
    (void)train_write_run_json(training, status == HPAC_INTERRUPTED ? "interrupted" : "failed");
    if (!message)
        return status;
    hpac_log_record(HPAC_LOG_ERROR, "%s", message);
    return hpac_fail(status, "%s", message); /* the first error is reported */
}

static hpac_status claim_directory(train_job *training, rundir *dir, bool resume)
{
    const char *path = training->options->directory;
    HPAC_TRY(rundir_claim(path, dir));
    if (!resume)
        HPAC_TRY(train_clear_directory(path, true));
    HPAC_TRY(train_write_run_json(training, "running"));
    HPAC_TRY(train_write_config(training));
    if (resume)
        HPAC_TRY(train_clear_directory(path, false));
    HPAC_AUTO_FREE char *log = hpac_run_path(path, HPAC_RUN_LOG);
    HPAC_TRY_MEMORY(log, strlen(path));
    return hpac_log_open_file(log);
}

/* What has ended the training must be larger, unless its schedule has ended, too. */
static void log_continuation(const char *directory, const hpac_config_train *train,
                             const hpac_training_state *state)
{
    bool stopped = train->patience > 0 && state->epochs_without_best >= (uint32_t)train->patience;
    bool ended = state->epoch >= (uint32_t)train->epochs;
    char patience[64] = "", epochs[64] = "";
    if (ended && hpac_schedule_needs_end(&train->schedule)) {
        hpac_log_info("to train on: another run, with --set train.initial_model=%s/%s", directory,
                      hpac_run_files[HPAC_RUN_MODEL].name);
        return;
    }
    if (stopped)
        snprintf(patience, sizeof patience, " --set train.early_stopping.patience=%d",
                 2 * train->patience);
    if (ended)
        snprintf(epochs, sizeof epochs, " --set train.epochs=%d", 2 * train->epochs);
    hpac_log_info("to continue: the same command with --resume%s%s", patience, epochs);
}

/* How good the run is, beside guessing, and what to do next. */
static hpac_status log_summary(const train_job *training, bool report)
{
    const char *directory = training->options->directory;
    hpac_run_results results;
    HPAC_TRY(hpac_run_results_read(directory, &results));
    const double *best = results.best;
    int seconds = (int)lround(results.last[HPAC_METRIC_ELAPSED_S]);
    hpac_log_info("finished: %zu epoch%s in %d:%02d:%02d", results.epochs,
                  results.epochs == 1 ? "" : "s", seconds / 3600, seconds / 60 % 60, seconds % 60);
    hpac_log_info("best epoch: %.0f, val_loss %.4f (guessing the %s: %.4f)",
                  best[HPAC_METRIC_EPOCH], best[HPAC_METRIC_VAL_LOSS],
                  train_weighs_losses(training) ? "best constants" : "class frequencies",
                  best[HPAC_METRIC_VAL_PRIOR_LOSS]);
    hpac_log_info("  F1 %.3f, accuracy %.4f (all zero: %.4f); its weights: %s/%s",
                  best[HPAC_METRIC_VAL_F1_MEAN], best[HPAC_METRIC_VAL_ACCURACY],
                  best[HPAC_METRIC_VAL_ALL_ZERO_ACCURACY], directory,
                  hpac_run_files[HPAC_RUN_BEST_MODEL].name);
    if (report)
        hpac_log_info("all plots and tables: %s/report.html", directory);
    if (training->test_dataset)
        hpac_log_info("to submit: %s/%s", directory, hpac_run_files[HPAC_RUN_SUBMISSION].name);
    log_continuation(directory, &training->config->train, training->model.training);
    return HPAC_OK;
}

static hpac_status train_and_report(train_job *training, bool resume)
{
    const hpac_train_options *options = training->options;
    bool report = train_report_probe(options);
    HPAC_TRY(record_end(training, run_training(training, resume)));
    if (report)
        HPAC_TRY(train_report_write(options->directory, options->stop));
    return options->brief ? HPAC_OK : log_summary(training, report);
}

static hpac_status set_up(train_job *training, bool resume)
{
    HPAC_TRY(train_setup_data(training));
    HPAC_TRY(train_setup_networks(training));
    return resume ? checkpoint_load(training) : train_load_start(training);
}

/* All checks; of a dry run their tables. */
static hpac_status check(train_job *training, bool resume)
{
    const hpac_train_options *options = training->options;
    if (resume)
        HPAC_TRY(rundir_check_config(options->directory, options->config, NULL));
    HPAC_TRY(set_up(training, resume));
    if (resume)
        train_read_run_json(training);
    if (options->dry_run && options->plan) {
        HPAC_TRY(print_start(training, options->plan));
        HPAC_TRY(print_details(training, options->plan));
    }
    hpac_status status = hpac_network_check_memory(training->network, training->evaluation_network);
    if (status == HPAC_ERR_DEVICE && options->dry_run) { /* another machine may train it */
        hpac_log_warning("%s", hpac_error_message());
        return HPAC_OK;
    }
    return status;
}

static hpac_status train(train_job *training, rundir *dir)
{
    const hpac_train_options *options = training->options;
    bool resume = options->resume && dir->state == RUN_UNFINISHED && dir->has_checkpoint;
    HPAC_TRY(check(training, resume));
    if (options->dry_run)
        return HPAC_OK;
    HPAC_TRY(claim_directory(training, dir, resume));
    hpac_status status = train_and_report(training, resume);
    hpac_log_close_file();
    return status;
}

hpac_status hpac_train_check(const hpac_train_options *options, hpac_train_plan *plan)
{
    HPAC_TRY_GIVEN(plan);
    *plan = (hpac_train_plan){0};
    HPAC_TRY_GIVEN(options);
    HPAC_TRY_GIVEN(options->config);
    HPAC_TRY_GIVEN(options->device);
    HPAC_TRY(hpac_config_check(options->config));
    const hpac_config_train *train = &options->config->train;
    HPAC_AUTO(train_teardown)
    train_job training = {.options = options, .config = options->config, .device = options->device};
    HPAC_TRY(options->device->ops->describe(options->device, &training.device_info));
    HPAC_TRY(set_up(&training, false));
    HPAC_TRY(hpac_network_check_memory(training.network, training.evaluation_network));
    size_t images = training.fold->train_count, batch = train->batch_size;
    size_t batches = images / batch + (!train->drop_last && images % batch > 0);
    *plan = (hpac_train_plan){
        .train_images = images,
        .validation_images = training.fold->validation_count,
        .steps = (uint64_t)batches * (uint64_t)train->epochs,
    };
    return HPAC_OK;
}

/* An earlier run in the directory is continued or refused. A finished one is not changed (*done),
 * unless it is to continue to more epochs. */
static hpac_status resolve_earlier_run(const hpac_train_options *options, rundir *dir, bool *done)
{
    const char *path = options->directory;
    if (dir->state == RUN_UNFINISHED && !options->resume)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: unfinished run; continue with --resume, or delete it with --force",
                         path);
    if (dir->state != RUN_FINISHED)
        return HPAC_OK;
    if (rundir_wants_more(dir, options->config)) {
        if (options->resume)
            return train_reopen(path, dir);
        HPAC_TRY(rundir_check_config(path, options->config, NULL));
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: finished after %u epochs, not %d; --resume continues it, --force "
                         "trains again",
                         path, dir->epochs, options->config->train.epochs);
    }
    HPAC_TRY(rundir_check_config(path, options->config, dir));
    hpac_log_info("%s: already finished; --force trains again", path);
    *done = true;
    return HPAC_OK;
}

hpac_status hpac_train(const hpac_train_options *options)
{
    HPAC_TRY_GIVEN(options);
    HPAC_TRY_GIVEN(options->config);
    HPAC_TRY_GIVEN(options->device);
    HPAC_TRY_GIVEN(options->directory);
    HPAC_TRY(hpac_config_check(options->config));
    HPAC_AUTO(rundir_release) rundir dir = {.lock = -1}; /* after the teardown */
    HPAC_AUTO(train_teardown)
    train_job training = {
        .options = options,
        .config = options->config,
        .device = options->device,
        .started = time(NULL),
    };
    bool done = false;
    HPAC_TRY(options->device->ops->describe(options->device, &training.device_info));
    if (!options->dry_run)
        HPAC_TRY(rundir_inspect(options->directory, options->force, &dir));
    if (!options->dry_run && !options->force)
        HPAC_TRY(resolve_earlier_run(options, &dir, &done));
    return done ? HPAC_OK : train(&training, &dir);
}
