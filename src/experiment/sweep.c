/* Running a sweep: look at every run, then train one after the other, and keep sweep.csv. */
#include "sweep_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

/* What the sweep itself writes into its folder. */
static const char *const sweep_files[] = {"sweep.csv", "sweep.yaml"};
#define SWEEP_FILE_COUNT (sizeof sweep_files / sizeof *sweep_files)

typedef struct sweep_job {
    const hpac_sweep_options *options;
    const hpac_sweep *sweep;
    sweep_row *rows; /* (runs) */
    hpac_image_pool *images;
    hpac_device *device; /* NULL: none is open */
    hpac_device_options device_options;
    rundir folder; /* of the sweep, locked */
    hpac_table *results;
    hpac_status failure; /* NUMERIC when a run failed so */
    bool report;         /* wanted, and it can be drawn */
} sweep_job;

/* ---- the device, opened anew when a run wants it otherwise ---- */

static void close_device(sweep_job *job)
{
    if (job->device)
        job->device->ops->close(job->device);
    job->device = NULL;
}

static hpac_status open_device(sweep_job *job, const hpac_config *config)
{
    const hpac_device_options *open = &job->device_options;
    hpac_device_options wanted = hpac_config_device_options(config, job->options->device);
    if (job->device && open->threads == wanted.threads && open->precision == wanted.precision &&
        open->deterministic == wanted.deterministic && open->image_layout == wanted.image_layout)
        return HPAC_OK;
    close_device(job);
    job->device_options = wanted;
    return hpac_device_open(&wanted, &job->device);
}

/* ---- one run ---- */

static char *folder_of(const sweep_job *job, int run)
{
    return hpac_path_join(job->options->folder, "%s", job->sweep->runs[run].name);
}

static hpac_train_options options_of(const sweep_job *job, int run, const char *folder)
{
    return (hpac_train_options){
        .config = &job->sweep->runs[run].config,
        .device = job->device,
        .folder = folder,
        .resume = !job->options->force,
        .force = job->options->force,
        .brief = true,
        .images = job->images,
        .stop = job->options->stop,
        .progress = job->options->progress,
        .user = job->options->user,
    };
}

/* How far a run has come, and whether it is this one. Errors: CONFIG. */
static hpac_status look_at_folder(const sweep_job *job, int run, sweep_row *row)
{
    char *path = folder_of(job, run);
    if (!path)
        return hpac_fail_memory(strlen(job->options->folder));
    rundir folder;
    hpac_status status =
        rundir_look(path, &job->sweep->runs[run].config, job->options->force, &folder);
    row->state = folder.state == RUN_FINISHED ? SWEEP_FINISHED
                 : folder.failed              ? SWEEP_FAILED
                                              : SWEEP_MISSING;
    row->begun = !job->options->force && folder.state == RUN_UNFINISHED;
    rundir_release(&folder);
    free(path);
    return status;
}

static hpac_status check_run(sweep_job *job, int run)
{
    hpac_status status = open_device(job, &job->sweep->runs[run].config);
    if (status != HPAC_OK)
        return status;
    const hpac_train_options options = options_of(job, run, "");
    return hpac_train_check(&options, &job->rows[run].plan);
}

/* ---- all that can be wrong before the first step ---- */

/* Goes on after what the user can mend in all runs at once. */
static hpac_status note_problem(hpac_problems *problems, const hpac_sweep_run *run,
                                hpac_status status, hpac_status *worst)
{
    if (status != HPAC_ERR_CONFIG && status != HPAC_ERR_DATA)
        return status;
    hpac_problems_add(problems, "run %s: %s", run->name, hpac_error_message());
    if (*worst == HPAC_OK)
        *worst = status;
    return HPAC_OK;
}

static hpac_status look_at_folders(sweep_job *job)
{
    hpac_problems problems = {0};
    hpac_status status = HPAC_OK, worst = HPAC_OK;
    for (int i = 0; i < job->sweep->run_count && status == HPAC_OK; i++)
        status = note_problem(&problems, &job->sweep->runs[i],
                              look_at_folder(job, i, &job->rows[i]), &worst);
    if (status == HPAC_OK)
        return hpac_problems_finish(&problems, worst, "%s", job->options->folder);
    free(problems.text);
    return status;
}

static hpac_status check_runs(sweep_job *job)
{
    hpac_problems problems = {0};
    hpac_status status = HPAC_OK, worst = HPAC_OK;
    for (int i = 0; i < job->sweep->run_count && status == HPAC_OK; i++) {
        if (job->options->stop && *job->options->stop)
            status = hpac_fail(HPAC_INTERRUPTED, "interrupted before the first step");
        else if (job->rows[i].state != SWEEP_FINISHED || job->options->dry_run)
            status = note_problem(&problems, &job->sweep->runs[i], check_run(job, i), &worst);
    }
    if (status == HPAC_OK)
        return hpac_problems_finish(&problems, worst, "%s", job->sweep->name);
    free(problems.text);
    return status;
}

/* ---- the sweep's folder ---- */

static hpac_status check_folder(const hpac_sweep_options *options)
{
    const char *folder = options->folder;
    if (hpac_directory_has(folder, "run.json"))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: holds a single run; name another folder for the sweep with --out",
                         folder);
    if (hpac_path_exists(folder) && !hpac_directory_has(folder, "sweep.yaml") && !options->force &&
        !rundir_is_new(folder, sweep_files, SWEEP_FILE_COUNT))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: holds files, but no sweep.yaml of an earlier sweep; name another "
                         "folder with --out, or use --force",
                         folder);
    return HPAC_OK;
}

/* Nobody else may look at the runs while they are looked at; a dry run makes no folder. */
static hpac_status lock_folder(sweep_job *job)
{
    const char *folder = job->options->folder;
    hpac_status status = check_folder(job->options);
    if (status != HPAC_OK || (job->options->dry_run && !hpac_path_exists(folder)))
        return status;
    status = job->options->dry_run ? HPAC_OK : hpac_directory_create(folder);
    return status == HPAC_OK ? rundir_lock(folder, &job->folder) : status;
}

static hpac_status write_copy(const sweep_job *job)
{
    char *path = hpac_path_join(job->options->folder, "sweep.yaml");
    if (!path)
        return hpac_fail_memory(strlen(job->options->folder));
    hpac_file file;
    hpac_status status = hpac_file_create(&file, path);
    free(path);
    if (status != HPAC_OK)
        return status;
    fwrite(job->sweep->text, 1, job->sweep->text_nbytes, file.stream);
    return hpac_file_commit(&file);
}

static bool is_complete(const sweep_job *job)
{
    for (int i = 0; i < job->sweep->run_count; i++)
        if (job->rows[i].state != SWEEP_FINISHED)
            return false;
    return true;
}

/* A report of runs that have still to go on would tell of what is no more. */
static hpac_status begin_folder(const sweep_job *job)
{
    hpac_status status = hpac_directory_probe(job->options->folder);
    if (status != HPAC_OK)
        return status;
    rundir_tidy(job->options->folder, sweep_files, SWEEP_FILE_COUNT);
    if (!is_complete(job))
        status = hpac_report_remove(job->options->folder);
    return status == HPAC_OK ? write_copy(job) : status;
}

/* With force: all at once, so that a sweep that ends early leaves no run of before for finished. */
static hpac_status clear_runs(const sweep_job *job)
{
    hpac_status status = HPAC_OK;
    for (int i = 0; i < job->sweep->run_count && status == HPAC_OK; i++) {
        char *folder = folder_of(job, i);
        status =
            folder ? rundir_begin_anew(folder) : hpac_fail_memory(strlen(job->options->folder));
        free(folder);
    }
    return status;
}

/* Tells in `results` and in sweep.csv how things stand. */
static hpac_status write_results(sweep_job *job)
{
    hpac_table_fini(job->results);
    hpac_status status = sweep_results_read(job->options, job->rows, job->results);
    if (status != HPAC_OK || job->options->dry_run)
        return status;
    char *path = hpac_path_join(job->options->folder, "sweep.csv");
    if (!path)
        return hpac_fail_memory(strlen(job->options->folder));
    status = hpac_table_write_csv(job->results, path);
    free(path);
    return status;
}

/* ---- training ---- */

static void announce(const sweep_job *job, int run)
{
    const hpac_sweep_run *found = &job->sweep->runs[run];
    const sweep_row *row = &job->rows[run];
    hpac_log_info("run %d of %d: %s%s", run + 1, job->sweep->run_count, found->name,
                  row->state == SWEEP_FINISHED ? ": finished already"
                  : row->begun                 ? ": going on"
                                               : "");
}

/* A run that is not finite is noted, and the sweep goes on; other failures end it. */
static hpac_status settle(sweep_job *job, int run, hpac_status status)
{
    const char *name = job->sweep->runs[run].name;
    job->rows[run].state = status == HPAC_OK            ? SWEEP_FINISHED
                           : status == HPAC_INTERRUPTED ? SWEEP_MISSING
                                                        : SWEEP_FAILED;
    if (status == HPAC_ERR_NUMERIC) {
        hpac_log_error("run %s failed: %s", name, hpac_error_message());
        job->failure = HPAC_ERR_NUMERIC;
        return HPAC_OK;
    }
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status,
                         "interrupted in run %s; all is saved, go on with the same command%s", name,
                         job->options->force ? " without --force" : "");
    return hpac_fail_within(status, "run %s", name);
}

static hpac_status train_in(sweep_job *job, int run, const char *folder)
{
    hpac_status status = open_device(job, &job->sweep->runs[run].config);
    if (status != HPAC_OK)
        return status;
    const hpac_train_options options = options_of(job, run, folder);
    return settle(job, run, hpac_train(&options));
}

/* The report of a run is the sweep's own affair: a sweep that was killed may have left a finished
 * run without, and one that is interrupted here leaves a finished run. */
static hpac_status train_run(sweep_job *job, int run)
{
    announce(job, run);
    char *folder = folder_of(job, run);
    if (!folder)
        return hpac_fail_memory(strlen(job->options->folder));
    hpac_status status = HPAC_OK;
    if (job->rows[run].state != SWEEP_FINISHED)
        status = train_in(job, run, folder);
    if (status == HPAC_OK && job->rows[run].state == SWEEP_FINISHED && job->report &&
        !hpac_directory_has(folder, "report.html"))
        status = train_report_write(folder, job->options->stop);
    if (status == HPAC_INTERRUPTED && job->rows[run].state == SWEEP_FINISHED)
        hpac_fail(
            status,
            "interrupted in the report of run %s; all is saved, go on with the same command%s",
            job->sweep->runs[run].name, job->options->force ? " without --force" : "");
    free(folder);
    return status;
}

/* The rows are written whatever became of the run; its own failure is the one to tell. */
static hpac_status write_after(sweep_job *job, hpac_status status)
{
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
                                         .folder = job->options->folder};
    job->report = train_report_probe(&reported);
    hpac_status status = begin_folder(job);
    if (status == HPAC_OK)
        status = write_results(job);
    if (status == HPAC_OK && job->options->force)
        status = clear_runs(job);
    for (int run = 0; run < job->sweep->run_count && status == HPAC_OK; run++) {
        if (job->options->stop && *job->options->stop)
            return hpac_fail(HPAC_INTERRUPTED,
                             "interrupted before run %s; the others are saved, go on with the same "
                             "command%s",
                             job->sweep->runs[run].name,
                             job->options->force ? " without --force" : "");
        status = write_after(job, train_run(job, run));
    }
    return status;
}

static hpac_status finish(const sweep_job *job)
{
    hpac_log_info("data: %zu image files decoded for this sweep",
                  hpac_image_pool_files_decoded(job->images));
    hpac_status status = HPAC_OK;
    if (job->report)
        status = train_report_write(job->options->folder, job->options->stop);
    if (status != HPAC_OK || job->failure == HPAC_OK)
        return status;
    int failed = 0;
    for (int i = 0; i < job->sweep->run_count; i++)
        failed += job->rows[i].state == SWEEP_FAILED;
    return hpac_fail(job->failure,
                     "%d of %d runs failed: a loss, gradient or weight was not finite", failed,
                     job->sweep->run_count);
}

static hpac_status run_all(sweep_job *job)
{
    hpac_status status = hpac_image_pool_create(&job->images);
    if (status == HPAC_OK)
        status = lock_folder(job);
    if (status == HPAC_OK)
        status = look_at_folders(job);
    if (status == HPAC_OK)
        status = check_runs(job);
    if (status == HPAC_OK && job->options->dry_run)
        return write_results(job);
    if (status == HPAC_OK)
        status = train_runs(job);
    return status == HPAC_OK ? finish(job) : status;
}

hpac_status hpac_sweep_run_all(const hpac_sweep_options *options, hpac_table *results)
{
    *results = (hpac_table){0};
    sweep_job job = {
        .options = options,
        .sweep = options->sweep,
        .folder.lock = -1,
        .results = results,
    };
    job.rows = calloc((size_t)options->sweep->run_count, sizeof *job.rows);
    hpac_status status =
        job.rows ? run_all(&job)
                 : hpac_fail_memory((size_t)options->sweep->run_count * sizeof *job.rows);
    close_device(&job);
    hpac_image_pool_destroy(job.images);
    rundir_release(&job.folder);
    free(job.rows);
    return status;
}
