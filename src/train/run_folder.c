/* The run directory of a training: what is read from it before, and written to it meanwhile. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/cpu.h"
#include "base/file.h"
#include "report/report.h"
#include "rundir/run_files.h"
#include "rundir/run_info.h"

#include <stdlib.h>
#include <string.h>

hpac_status train_clear_folder(const char *path, bool all)
{
    HPAC_TRY(rundir_clear(path, all));
    return hpac_report_remove(path);
}

hpac_status train_begin_anew(const char *path)
{
    rundir folder;
    hpac_status status = rundir_inspect(path, true, &folder);
    if (status == HPAC_OK && folder.state != RUN_NEW)
        status = train_clear_folder(path, true);
    rundir_release(&folder);
    return status;
}

static hpac_status check_finished(const char *path, const hpac_config *config, rundir *folder)
{
    if (!rundir_wants_more(folder, config))
        return rundir_check_config(path, config, folder);
    if (!folder->has_checkpoint)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: finished after %u epochs, without a resume.h5 to continue from; start "
            "again with --force",
            path, folder->epochs);
    folder->state = RUN_UNFINISHED;
    return rundir_check_config(path, config, NULL);
}

hpac_status train_inspect(const char *path, const hpac_config *config, bool force, rundir *folder)
{
    HPAC_TRY(rundir_inspect(path, force, folder));
    if (force)
        return HPAC_OK;
    if (folder->state == RUN_FINISHED)
        return check_finished(path, config, folder);
    if (!folder->has_checkpoint)
        return HPAC_OK;
    HPAC_TRY(rundir_check_config(path, config, NULL));
    return checkpoint_check_epochs(path, config);
}

hpac_status train_write_config(train_job *training)
{
    free(training->model.config_yaml);
    training->model.config_yaml = NULL;
    HPAC_TRY(hpac_config_text(training->config, &training->model.config_yaml));
    char *path = hpac_run_path(training->options->folder, HPAC_RUN_CONFIG);
    if (!path)
        return hpac_fail_memory(0);
    hpac_file file = {0};
    hpac_status status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        fputs(training->model.config_yaml, file.stream);
        status = hpac_file_commit(&file);
    }
    free(path);
    return status;
}

void train_compare_device(const train_job *training)
{
    const hpac_device_info *device = &training->device_info;
    hpac_run_info info;
    if (hpac_run_info_read(training->options->folder, &info) != HPAC_OK)
        return;
    if (info.device && info.libraries &&
        (strcmp(info.device, device->name) != 0 || strcmp(info.libraries, device->libraries) != 0))
        hpac_log_warning(
            "the run was started on %s (%s) and continues on %s (%s): the last bits may "
            "differ from those of an uninterrupted run",
            info.device, info.libraries, device->name, device->libraries);
    hpac_run_info_fini(&info);
}

static void format_time(time_t when, char text[32])
{
    struct tm utc;
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
}

/* The Ids of the bad images, in the order of the label file; NULL: no memory. */
static json_t *list_skipped(const train_job *training)
{
    json_t *list = json_array();
    for (size_t row = 0; list && training->skipped && row < training->labels.count; row++)
        if (training->skipped[row] &&
            json_array_append_new(list, json_string(training->labels.ids[row])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

hpac_status train_write_run_json(const train_job *training, const char *state)
{
    const hpac_training_state *progress = training->model.training;
    char now[32], started[32];
    hpac_cpu_path cpu_path;
    HPAC_TRY(hpac_cpu_path_get(&cpu_path));
    format_time(time(NULL), now);
    format_time(training->started, started);
    json_t *skipped = list_skipped(training);
    const hpac_run_info info = {
        .state = state,
        .version = HPAC_VERSION,
        .configuration = training->config->name,
        .device = training->device_info.name,
        .libraries = training->device_info.libraries,
        .cpu_path = hpac_cpu_path_name(cpu_path),
        .started = started,
        .updated = now,
        .seed = (long long)training->config->train.seed,
        .epochs = progress->epoch,
        .steps = progress->step,
        .best_epoch = progress->best_epoch,
        .epochs_without_best = progress->epochs_without_best,
        .elapsed_s = progress->elapsed_s,
        .train_images = (long long)training->fold->train_count,
        .validation_images = (long long)training->fold->validation_count,
        .skipped_images = (long long)training->skipped_images,
        .skipped = skipped,
    };
    hpac_status status = hpac_run_info_write(&info, training->options->folder);
    json_decref(skipped);
    return status;
}
