/* The run directory of a training: what is read from it before, what is recorded in it meanwhile,
 * and its report. */
#include "train_internal.h"

#include <hpac/log.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/pause.h"
#include "render/json.h"
#include "render/plot.h"
#include "report/report.h"

#include <inttypes.h>
#include <string.h>

hpac_status train_clear_directory(const char *path, bool all)
{
    HPAC_TRY(rundir_clear(path, all));
    return hpac_report_remove(path);
}

hpac_status train_begin_anew(const char *path)
{
    HPAC_AUTO(rundir_release) rundir dir = {.lock = -1};
    HPAC_TRY(rundir_inspect(path, true, &dir));
    if (dir.state == RUN_NEW)
        return HPAC_OK;
    HPAC_TRY(train_clear_directory(path, true));
    hpac_test_pause("cleared");
    return HPAC_OK;
}

hpac_status train_reopen(const char *path, rundir *dir)
{
    if (!dir->has_checkpoint)
        return hpac_fail(
            HPAC_ERR_CONFIG,
            "%s: finished after %u epochs, without a resume.h5 to continue from; start "
            "again with --force",
            path, dir->epochs);
    dir->state = RUN_UNFINISHED;
    return HPAC_OK;
}

hpac_status train_inspect(const char *path, const hpac_config *config, bool force, rundir *dir)
{
    HPAC_TRY(rundir_inspect(path, force, dir));
    if (force)
        return HPAC_OK;
    if (dir->state == RUN_FINISHED) {
        if (!rundir_wants_more(dir, config))
            return rundir_check_config(path, config, dir);
        HPAC_TRY(train_reopen(path, dir));
        return rundir_check_config(path, config, NULL);
    }
    if (!dir->has_checkpoint)
        return HPAC_OK;
    HPAC_TRY(rundir_check_config(path, config, NULL));
    return checkpoint_check_epochs(path, config);
}

void train_read_run_json(train_job *training)
{
    const hpac_device_info *device = &training->device_info;
    const hpac_labels *labels = &training->labels;
    HPAC_AUTO(hpac_run_info_fini) hpac_run_info info = {0};
    /* It may be missing, and those of older versions have no list of skipped images. */
    if (hpac_run_info_read(training->options->directory, &info) != HPAC_OK)
        return;
    if (info.device && info.libraries &&
        (strcmp(info.device, device->name) != 0 || strcmp(info.libraries, device->libraries) != 0))
        hpac_log_warning(
            "the run was started on %s (%s) and continues on %s (%s): the last bits may "
            "differ from those of an uninterrupted run",
            info.device, info.libraries, device->name, device->libraries);
    training->start_json = json_incref(json_object_get(info.json, "initial_weights"));
    for (size_t row = 0, next = 0; row < labels->count; row++) { /* the list has their order */
        json_auto_t *id = hpac_json_text(labels->ids[row]);
        training->skipped[row] = json_equal(json_array_get(info.skipped, next), id);
        next += training->skipped[row];
        training->skipped_images = next;
    }
}

hpac_status train_write_config(train_job *training)
{
    char **text = &training->model.config_yaml;
    free(*text);
    *text = NULL;
    HPAC_TRY(hpac_config_text(training->config, text));
    hpac_file file;
    HPAC_TRY(hpac_run_file_create(training->options->directory, HPAC_RUN_CONFIG, &file));
    fputs(*text, file.stream);
    return hpac_file_commit(&file);
}

static void add_skipped(train_job *training, hpac_loop *loop)
{
    size_t count = 0;
    const size_t *rows = loop ? hpac_loop_skipped(loop, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        training->skipped_images += !training->skipped[rows[i]];
        training->skipped[rows[i]] = true;
    }
}

void train_collect_skipped(train_job *training)
{
    add_skipped(training, training->training_loop);
    add_skipped(training, training->validation_loop);
}

static void format_time(time_t when, char text[32])
{
    struct tm utc;
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
}

/* As a text where it does not fit into jansson's integers. */
static json_t *seed_value(uint64_t seed)
{
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_sprintf("%" PRIu64, seed);
}

hpac_status train_write_run_json(const train_job *training, const char *state)
{
    const hpac_training_state *progress = training->model.training;
    char now[32], started[32];
    hpac_cpu_path cpu_path;
    HPAC_TRY(hpac_cpu_path_get(&cpu_path));
    format_time(time(NULL), now);
    format_time(training->started, started);
    json_auto_t *skipped = json_array();
    for (size_t row = 0; row < training->labels.count; row++)
        if (training->skipped[row] &&
            json_array_append_new(skipped, hpac_json_text(training->labels.ids[row])) != 0)
            return hpac_fail_memory(1);
    json_auto_t *json = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, "
        "s:O}",
        "state", state, "hpac", hpac_version(), "configuration",
        hpac_json_text(training->config->name), "device", training->device_info.name, "libraries",
        training->device_info.libraries, "cpu_path", hpac_cpu_path_name(cpu_path), "seed",
        seed_value(training->config->train.seed), "started", started, "updated", now, "epochs",
        (json_int_t)progress->epoch, "steps", (json_int_t)progress->step, "best_epoch",
        (json_int_t)progress->best_epoch, "epochs_without_best",
        (json_int_t)progress->epochs_without_best, "elapsed_s", progress->elapsed_s, "train_images",
        (json_int_t)training->fold->train_count, "validation_images",
        (json_int_t)training->fold->validation_count, "skipped_images",
        (json_int_t)training->skipped_images, "skipped", skipped);
    if (!json || (training->start_json &&
                  json_object_set(json, "initial_weights", training->start_json) != 0))
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot make run.json: out of memory");
    hpac_file file;
    HPAC_TRY(hpac_run_file_create(training->options->directory, HPAC_RUN_RUN_JSON, &file));
    (void)hpac_json_write(json, file.stream); /* a failure is found when the file is finished */
    return hpac_file_commit(&file);
}

static void warn_of_report(const char *path)
{
    hpac_log_warning("no report is written: %s. To write it later: hpac report %s",
                     hpac_error_message(), path);
}

bool train_report_probe(const hpac_train_options *options)
{
    if (!options->report || options->dry_run)
        return false;
    if (hpac_plot_probe() == HPAC_OK)
        return true;
    warn_of_report(options->directory);
    return false;
}

hpac_status train_report_write(const char *path, const volatile sig_atomic_t *stop)
{
    const hpac_report_options options = {.runs = &path, .run_count = 1, .stop = stop};
    hpac_status status = hpac_report_write(&options);
    if (status == HPAC_INTERRUPTED)
        return hpac_fail(status,
                         "%s: all is trained and saved, but the report was interrupted; to write "
                         "it: hpac report %s",
                         path, path);
    if (status != HPAC_OK)
        warn_of_report(path);
    return HPAC_OK;
}
