/* Running a sweep: check every run, then train one after the other, and update sweep.csv. */
#include "sweep_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "report/report.h"

#include <string.h>

/* What the sweep itself writes into its directory. */
static const char *const sweep_files[] = {"sweep.csv", "sweep.yaml", NULL};
static const rundir_group sweep_group = {sweep_files, "sweep.yaml",
                                         "sweep.yaml of an earlier sweep"};

typedef struct sweep_job {
    const hpac_sweep_options *options;
    const hpac_sweep *sweep;
    sweep_row *rows; /* (runs) */
    hpac_image_pool *images;
    hpac_device *device; /* NULL: none is open */
    hpac_device_options device_options;
    rundir dir;             /* of the sweep, locked */
    size_t existing_nbytes; /* of its path, before it was created; SIZE_MAX: it was not */
    hpac_table *results;
    bool report; /* requested, and gnuplot is there */
} sweep_job;

static bool must_stop(const sweep_job *job)
{
    return job->options->stop && *job->options->stop;
}

/* How to continue after an interruption. */
static const char *continuation(const sweep_job *job)
{
    return job->options->force ? "continue with the same command without --force"
                               : "continue with the same command";
}

static void close_device(sweep_job *job)
{
    hpac_device_close(job->device);
    job->device = NULL;
}

/* The options of a run, with the device open, which is reopened for other device options. */
static hpac_status prepare_run(sweep_job *job, size_t run, hpac_train_options *options)
{
    const hpac_config *config = &job->sweep->runs[run].config;
    hpac_device_options device = hpac_config_device_options(config, job->options->device);
    if (!job->device || !hpac_device_options_equal(&job->device_options, &device)) {
        close_device(job);
        job->device_options = device;
        HPAC_TRY(hpac_device_open(&device, &job->device));
    }
    *options = (hpac_train_options){
        .config = config,
        .device = job->device,
        .directory = job->rows[run].directory,
        .resume = !job->options->force,
        .force = job->options->force,
        .brief = true,
        .images = job->images,
        .stop = job->options->stop,
        .progress = job->options->progress,
        .user = job->options->user,
    };
    return HPAC_OK;
}

/* The state of a run's directory, and whether it has this configuration. Errors: CONFIG. */
static hpac_status inspect_run(sweep_job *job, size_t run)
{
    sweep_row *row = &job->rows[run];
    HPAC_AUTO(rundir_release) rundir dir = {.lock = -1};
    HPAC_TRY(
        train_inspect(row->directory, &job->sweep->runs[run].config, job->options->force, &dir));
    row->state = dir.state == RUN_FINISHED ? SWEEP_FINISHED
                 : dir.failed              ? SWEEP_FAILED
                                           : SWEEP_MISSING;
    row->begun = !job->options->force && dir.state == RUN_UNFINISHED;
    return HPAC_OK;
}

static hpac_status check_run(sweep_job *job, size_t run)
{
    hpac_train_options options;
    if (must_stop(job))
        return hpac_fail(HPAC_INTERRUPTED, "interrupted before the first step");
    if (job->rows[run].state == SWEEP_FINISHED && !job->options->dry_run)
        return HPAC_OK;
    HPAC_TRY(prepare_run(job, run, &options));
    return hpac_train_check(&options, &job->rows[run].plan);
}

/* Checks every run, and reports what the user can correct in all of them at once. */
static hpac_status for_all_runs(sweep_job *job, const char *headline,
                                hpac_status (*check)(sweep_job *job, size_t run))
{
    hpac_problems problems = {0};
    hpac_status first = HPAC_OK;
    for (size_t run = 0; run < job->sweep->run_count; run++) {
        const char *name = job->sweep->runs[run].name;
        hpac_status status = check(job, run);
        if (status == HPAC_OK)
            continue;
        if (status != HPAC_ERR_CONFIG && status != HPAC_ERR_DATA) {
            free(problems.text);
            return status == HPAC_INTERRUPTED ? status : hpac_fail_within(status, "run %s", name);
        }
        hpac_problems_add(&problems, "run %s: %s", name, hpac_error_message());
        first = first == HPAC_OK ? status : first;
    }
    return hpac_problems_finish(&problems, first, "%s", headline);
}

/* No other process may read or write the runs at the same time; a dry run creates no directory. */
static hpac_status claim_directory(sweep_job *job)
{
    const char *path = job->options->directory;
    HPAC_TRY(rundir_lock_group(path, &sweep_group, job->options->force, &job->dir));
    if (job->options->dry_run || job->dir.lock >= 0)
        return HPAC_OK;
    size_t existing_nbytes = hpac_path_existing(path);
    HPAC_TRY(rundir_create(path, sweep_files, &job->dir));
    job->existing_nbytes = existing_nbytes; /* it is this sweep's */
    return HPAC_OK;
}

static bool is_sweep_file(const void *user, const char *name)
{
    (void)user;
    return strcmp(name, sweep_files[0]) == 0 || strcmp(name, sweep_files[1]) == 0;
}

/* With force all runs go at once, so that a sweep that ends early leaves no earlier run that looks
 * finished. Until all are gone there is no sweep.yaml: killed meanwhile, it needs force again. */
static hpac_status remove_runs(const sweep_job *job)
{
    HPAC_TRY(hpac_directory_remove_files(job->options->directory, is_sweep_file, NULL));
    for (size_t run = 0; run < job->sweep->run_count; run++)
        HPAC_TRY(train_begin_anew(job->rows[run].directory));
    return HPAC_OK;
}

/* A report of runs that are not finished yet would be out of date. */
static hpac_status begin_directory(const sweep_job *job)
{
    const char *directory = job->options->directory;
    HPAC_AUTO_FREE char *path = NULL;
    hpac_file file;
    bool complete = true;
    for (size_t run = 0; run < job->sweep->run_count; run++)
        complete = complete && job->rows[run].state == SWEEP_FINISHED;
    HPAC_TRY(hpac_directory_probe(directory));
    HPAC_TRY(rundir_tidy(directory, sweep_files));
    if (!complete)
        HPAC_TRY(hpac_report_remove(directory));
    if (job->options->force)
        HPAC_TRY(remove_runs(job));
    HPAC_TRY_MEMORY(path = hpac_path_join(directory, "sweep.yaml"), strlen(directory));
    HPAC_TRY(hpac_file_create(&file, path));
    fputs(job->sweep->text, file.stream);
    return hpac_file_commit(&file);
}

/* The rows as they are now, as `results` and as sweep.csv. */
static hpac_status write_results(sweep_job *job)
{
    hpac_table_fini(job->results);
    HPAC_TRY(sweep_results_read(job->options, job->rows, job->results));
    return job->options->dry_run
               ? HPAC_OK
               : hpac_table_write_csv(job->results, job->options->directory, "sweep.csv");
}

/* A run that is not finite is marked as failed, and the sweep continues; other failures end it. */
static hpac_status note_end(sweep_job *job, size_t run, hpac_status status)
{
    const char *name = job->sweep->runs[run].name;
    job->rows[run].state = status == HPAC_OK            ? SWEEP_FINISHED
                           : status == HPAC_INTERRUPTED ? SWEEP_MISSING
                                                        : SWEEP_FAILED;
    if (status == HPAC_ERR_NUMERIC) {
        hpac_log_error("run %s failed: %s", name, hpac_error_message());
        return HPAC_OK;
    }
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status, "interrupted in run %s; saved, %s", name, continuation(job));
    return hpac_fail_within(status, "run %s", name);
}

/* The sweep writes the report of a run: a sweep that was killed may have left a finished run
 * without, and one that is interrupted here leaves a finished run. */
static hpac_status train_run(sweep_job *job, size_t run)
{
    const char *name = job->sweep->runs[run].name;
    sweep_row *row = &job->rows[run];
    hpac_log_info("run %zu of %zu: %s%s", run + 1, job->sweep->run_count, name,
                  row->state == SWEEP_FINISHED ? ": already finished"
                  : row->begun                 ? ": continuing"
                                               : "");
    if (row->state != SWEEP_FINISHED) {
        hpac_train_options options;
        HPAC_TRY(prepare_run(job, run, &options));
        HPAC_TRY(note_end(job, run, hpac_train(&options)));
    }
    if (row->state != SWEEP_FINISHED || !job->report ||
        hpac_directory_has(row->directory, "report.html"))
        return HPAC_OK;
    hpac_status status = train_report_write(row->directory, job->options->stop);
    return status == HPAC_INTERRUPTED
               ? hpac_fail(status, "interrupted in the report of run %s; saved, %s", name,
                           continuation(job))
               : status;
}

/* Trains a run and writes sweep.csv whatever its status; the failure of the run takes
 * precedence. */
static hpac_status train_and_write(sweep_job *job, size_t run)
{
    if (must_stop(job))
        return hpac_fail(HPAC_INTERRUPTED, "interrupted before run %s; the others are saved, %s",
                         job->sweep->runs[run].name, continuation(job));
    hpac_status status = train_run(job, run);
    if (status == HPAC_OK)
        return write_results(job);
    HPAC_AUTO_FREE char *message = strdup(hpac_error_message());
    (void)write_results(job);
    return hpac_fail(status, "%s", message ? message : "(no memory for the reason)");
}

static hpac_status train_runs(sweep_job *job)
{
    const hpac_train_options reported = {.report = job->options->report,
                                         .directory = job->options->directory};
    size_t count = job->sweep->run_count, failed = 0;
    job->report = train_report_probe(&reported);
    HPAC_TRY(begin_directory(job));
    HPAC_TRY(write_results(job));
    for (size_t run = 0; run < count; run++) {
        HPAC_TRY(train_and_write(job, run));
        failed += job->rows[run].state == SWEEP_FAILED;
    }
    hpac_log_info("data: %zu image files decoded for this sweep",
                  hpac_image_pool_files_decoded(job->images));
    if (job->report)
        HPAC_TRY(train_report_write(job->options->directory, job->options->stop));
    return failed == 0
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_NUMERIC,
                           "%zu of %zu runs failed: a loss, gradient or weight was not finite",
                           failed, count);
}

static void job_fini(sweep_job *job)
{
    close_device(job);
    hpac_image_pool_destroy(job->images);
    if (job->existing_nbytes < SIZE_MAX) /* nothing is in it if no run could begin */
        hpac_directory_remove_empty(job->options->directory, job->existing_nbytes);
    rundir_release(&job->dir);
    for (size_t run = 0; job->rows && run < job->sweep->run_count; run++)
        free(job->rows[run].directory);
    free(job->rows);
}

hpac_status hpac_sweep_run_all(const hpac_sweep_options *options, hpac_table *results)
{
    const hpac_sweep *sweep = options->sweep;
    *results = (hpac_table){0};
    HPAC_AUTO(job_fini)
    sweep_job job = {.options = options,
                     .sweep = sweep,
                     .dir.lock = -1,
                     .existing_nbytes = SIZE_MAX,
                     .results = results};
    HPAC_TRY_NEW(job.rows, sweep->run_count);
    for (size_t run = 0; run < sweep->run_count; run++)
        HPAC_TRY_MEMORY(job.rows[run].directory =
                            hpac_path_join(options->directory, "%s", sweep->runs[run].name),
                        strlen(options->directory));
    HPAC_TRY(hpac_image_pool_create(&job.images));
    HPAC_TRY(claim_directory(&job));
    HPAC_TRY(for_all_runs(&job, options->directory, inspect_run));
    HPAC_TRY(for_all_runs(&job, sweep->name, check_run));
    return options->dry_run ? write_results(&job) : train_runs(&job);
}
