/* Running a sweep: check every run, then train one after the other, and keep sweep.csv. */
#include "sweep_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

/* What the sweep itself writes into its directory. */
static const char *const sweep_files[] = {"sweep.csv", "sweep.yaml", NULL};

typedef struct sweep_job {
    const hpac_sweep_options *options;
    const hpac_sweep *sweep;
    sweep_row *rows; /* (runs) */
    hpac_image_pool *images;
    hpac_device *device; /* NULL: none is open */
    hpac_device_options device_options;
    rundir folder; /* of the sweep, locked */
    hpac_table *results;
    bool report; /* requested, and gnuplot is there */
} sweep_job;

static bool must_stop(const sweep_job *job)
{
    return job->options->stop && *job->options->stop;
}

/* How to continue after an interruption. */
static const char *go_on(const sweep_job *job)
{
    return job->options->force ? "continue with the same command without --force"
                               : "continue with the same command";
}

/* ---- the device, reopened for a run with other device options ---- */

static void close_device(sweep_job *job)
{
    if (job->device)
        job->device->ops->close(job->device);
    job->device = NULL;
}

static hpac_status open_device(sweep_job *job, const hpac_config *config)
{
    hpac_device_options wanted = hpac_config_device_options(config, job->options->device);
    if (job->device && hpac_device_options_equal(&job->device_options, &wanted))
        return HPAC_OK;
    close_device(job);
    job->device_options = wanted;
    return hpac_device_open(&wanted, &job->device);
}

/* ---- one run ---- */

static hpac_train_options options_of(const sweep_job *job, int run)
{
    return (hpac_train_options){
        .config = &job->sweep->runs[run].config,
        .device = job->device,
        .directory = job->rows[run].folder,
        .resume = !job->options->force,
        .force = job->options->force,
        .brief = true,
        .images = job->images,
        .stop = job->options->stop,
        .progress = job->options->progress,
        .user = job->options->user,
    };
}

/* The state of a run's directory, and whether it has this configuration. Errors: CONFIG. */
static hpac_status look_at_run(sweep_job *job, int run)
{
    sweep_row *row = &job->rows[run];
    rundir folder;
    hpac_status status =
        train_inspect(row->folder, &job->sweep->runs[run].config, job->options->force, &folder);
    row->state = folder.state == RUN_FINISHED ? SWEEP_FINISHED
                 : folder.failed              ? SWEEP_FAILED
                                              : SWEEP_MISSING;
    row->begun = !job->options->force && folder.state == RUN_UNFINISHED;
    rundir_release(&folder);
    return status;
}

static hpac_status check_run(sweep_job *job, int run)
{
    if (must_stop(job))
        return hpac_fail(HPAC_INTERRUPTED, "interrupted before the first step");
    if (job->rows[run].state == SWEEP_FINISHED && !job->options->dry_run)
        return HPAC_OK;
    HPAC_TRY(open_device(job, &job->sweep->runs[run].config));
    const hpac_train_options options = options_of(job, run);
    return hpac_train_check(&options, &job->rows[run].plan);
}

/* Does this for every run, and reports what the user can mend in all of them at once. */
static hpac_status for_all_runs(sweep_job *job, const char *headline,
                                hpac_status (*check)(sweep_job *job, int run))
{
    hpac_problems problems = {0};
    hpac_status first = HPAC_OK;
    for (int run = 0; run < job->sweep->run_count; run++) {
        hpac_status status = check(job, run);
        if (status == HPAC_OK)
            continue;
        if (status != HPAC_ERR_CONFIG && status != HPAC_ERR_DATA) {
            free(problems.text);
            return status == HPAC_INTERRUPTED
                       ? status
                       : hpac_fail_within(status, "run %s", job->sweep->runs[run].name);
        }
        hpac_problems_add(&problems, "run %s: %s", job->sweep->runs[run].name,
                          hpac_error_message());
        first = first == HPAC_OK ? status : first;
    }
    return hpac_problems_finish(&problems, first, "%s", headline);
}

/* ---- the sweep's directory ---- */

/* Nobody else may look at the runs at the same time; a dry run creates no directory. */
static hpac_status lock_folder(sweep_job *job)
{
    const hpac_sweep_options *options = job->options;
    const char *folder = options->folder;
    bool exists = hpac_path_exists(folder);
    if (hpac_directory_has(folder, "run.json"))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: directory of a single run; choose another one with --out", folder);
    if (exists && !hpac_directory_has(folder, "sweep.yaml") && !options->force &&
        !rundir_is_new(folder, sweep_files))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: has files, but no sweep.yaml of an earlier sweep; choose another "
                         "directory with --out, or use --force",
                         folder);
    if (options->dry_run && !exists)
        return HPAC_OK;
    if (!options->dry_run)
        HPAC_TRY(hpac_directory_create(folder));
    return rundir_lock(folder, &job->folder);
}

static hpac_status write_copy(const sweep_job *job)
{
    hpac_file file;
    char *path = hpac_path_join(job->options->folder, "sweep.yaml");
    hpac_status status =
        path ? hpac_file_create(&file, path) : hpac_fail_memory(strlen(job->options->folder));
    free(path);
    HPAC_TRY(status);
    fwrite(job->sweep->text, 1, job->sweep->text_nbytes, file.stream);
    return hpac_file_commit(&file);
}

/* A report of runs that are not finished yet would be out of date. */
static hpac_status begin_folder(const sweep_job *job)
{
    const char *folder = job->options->folder;
    bool complete = true;
    for (int run = 0; run < job->sweep->run_count; run++)
        complete = complete && job->rows[run].state == SWEEP_FINISHED;
    HPAC_TRY(hpac_directory_probe(folder));
    HPAC_TRY(rundir_tidy(folder, sweep_files));
    if (!complete)
        HPAC_TRY(hpac_report_remove(folder));
    return write_copy(job);
}

/* The rows as they are now, as `results` and as sweep.csv. */
static hpac_status write_results(sweep_job *job)
{
    hpac_table_fini(job->results);
    HPAC_TRY(sweep_results_read(job->options, job->rows, job->results));
    return job->options->dry_run
               ? HPAC_OK
               : hpac_table_write_csv(job->results, job->options->folder, "sweep.csv");
}

/* ---- training ---- */

/* A run that is not finite is marked as failed, and the sweep continues; other failures end it. */
static hpac_status note_end(sweep_job *job, int run, hpac_status status)
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
        return hpac_fail(status, "interrupted in run %s; saved, %s", name, go_on(job));
    return hpac_fail_within(status, "run %s", name);
}

/* The sweep writes the report of a run: a sweep that was killed may have left a finished run
 * without, and one that is interrupted here leaves a finished run. */
static hpac_status train_run(sweep_job *job, int run)
{
    const char *name = job->sweep->runs[run].name;
    sweep_row *row = &job->rows[run];
    hpac_log_info("run %d of %d: %s%s", run + 1, job->sweep->run_count, name,
                  row->state == SWEEP_FINISHED ? ": already finished"
                  : row->begun                 ? ": continuing"
                                               : "");
    if (row->state != SWEEP_FINISHED) {
        HPAC_TRY(open_device(job, &job->sweep->runs[run].config));
        const hpac_train_options options = options_of(job, run);
        HPAC_TRY(note_end(job, run, hpac_train(&options)));
    }
    if (row->state != SWEEP_FINISHED || !job->report ||
        hpac_directory_has(row->folder, "report.html"))
        return HPAC_OK;
    hpac_status status = train_report_write(row->folder, job->options->stop);
    return status == HPAC_INTERRUPTED
               ? hpac_fail(status, "interrupted in the report of run %s; saved, %s", name,
                           go_on(job))
               : status;
}

/* Trains a run and writes sweep.csv whatever its status; the failure of the run takes
 * precedence. */
static hpac_status train_and_write(sweep_job *job, int run)
{
    if (must_stop(job))
        return hpac_fail(HPAC_INTERRUPTED, "interrupted before run %s; the others are saved, %s",
                         job->sweep->runs[run].name, go_on(job));
    hpac_status status = train_run(job, run);
    if (status == HPAC_OK)
        return write_results(job);
    char *message = strdup(hpac_error_message());
    (void)write_results(job);
    hpac_fail(status, "%s", message ? message : "(no memory for the reason)");
    free(message);
    return status;
}

static hpac_status train_runs(sweep_job *job)
{
    const hpac_train_options reported = {.report = job->options->report,
                                         .directory = job->options->folder};
    int count = job->sweep->run_count, failed = 0;
    job->report = train_report_probe(&reported);
    HPAC_TRY(begin_folder(job));
    HPAC_TRY(write_results(job));
    /* All at once, so that a sweep that ends early leaves no earlier run that looks finished. */
    for (int run = 0; run < count && job->options->force; run++)
        HPAC_TRY(train_begin_anew(job->rows[run].folder));
    for (int run = 0; run < count; run++) {
        HPAC_TRY(train_and_write(job, run));
        failed += job->rows[run].state == SWEEP_FAILED;
    }
    hpac_log_info("data: %zu image files decoded for this sweep",
                  hpac_image_pool_files_decoded(job->images));
    if (job->report)
        HPAC_TRY(train_report_write(job->options->folder, job->options->stop));
    return failed == 0
               ? HPAC_OK
               : hpac_fail(HPAC_ERR_NUMERIC,
                           "%d of %d runs failed: a loss, gradient or weight was not finite",
                           failed, count);
}

static hpac_status run_all(sweep_job *job)
{
    for (int run = 0; run < job->sweep->run_count; run++) {
        job->rows[run].folder =
            hpac_path_join(job->options->folder, "%s", job->sweep->runs[run].name);
        if (!job->rows[run].folder)
            return hpac_fail_memory(strlen(job->options->folder));
    }
    HPAC_TRY(hpac_image_pool_create(&job->images));
    HPAC_TRY(lock_folder(job));
    HPAC_TRY(for_all_runs(job, job->options->folder, look_at_run));
    HPAC_TRY(for_all_runs(job, job->sweep->name, check_run));
    return job->options->dry_run ? write_results(job) : train_runs(job);
}

hpac_status hpac_sweep_run_all(const hpac_sweep_options *options, hpac_table *results)
{
    *results = (hpac_table){0};
    int count = options->sweep->run_count;
    sweep_job job = {
        .options = options, .sweep = options->sweep, .folder.lock = -1, .results = results};
    job.rows = calloc((size_t)count, sizeof *job.rows);
    hpac_status status =
        job.rows ? run_all(&job) : hpac_fail_memory((size_t)count * sizeof *job.rows);
    close_device(&job);
    hpac_image_pool_destroy(job.images);
    rundir_release(&job.folder);
    for (int run = 0; job.rows && run < count; run++)
        free(job.rows[run].folder);
    free(job.rows);
    return status;
}
