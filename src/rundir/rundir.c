/* The run folder: whose it is, how far it came, and its descriptions config.yaml and run.json. */
#include <hpac/log.h>

#include "base/cpu.h"
#include "base/file.h"
#include "report/report.h"
#include "train/train_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* Everything a run may write; what --force removes. */
static const char *const run_files[] = {
    "config.yaml",      "run.json",
    "train.log",        "losses.csv",
    "batch_losses.csv", "batch_counts.csv",
    "metrics.csv",      "class_metrics.csv",
    "predictions.csv",  "submission_proba.csv",
    "submission.csv",   "model.h5",
    "best.h5",          "resume.h5",
    "profile.csv",
};

#define RUN_FILE_COUNT (sizeof run_files / sizeof *run_files)

/* Of these, what is there only after the last epoch, or tells of all of them. */
static const char *const end_files[] = {
    "predictions.csv", "submission_proba.csv", "submission.csv", "model.h5", "profile.csv",
};

#define END_FILE_COUNT (sizeof end_files / sizeof *end_files)

/* ---- whose it is, how far it came ---- */

hpac_status rundir_lock(const char *path, rundir *folder)
{
    folder->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be opened as a folder: %s", path,
                         strerror(errno));
    if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0)
        return HPAC_OK;
    if (errno == EWOULDBLOCK)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: another hpac is training into this folder", path);
    return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be locked: %s", path, strerror(errno));
}

static hpac_status read_state(const char *path, rundir *folder)
{
    char *file = hpac_path_join(path, "run.json");
    if (!file)
        return hpac_fail_memory(strlen(path));
    json_error_t error;
    json_t *root = json_load_file(file, 0, &error);
    const char *text = json_string_value(json_object_get(root, "state"));
    hpac_status status = HPAC_OK;
    if (!text)
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot be read (%s); begin anew with --force", file,
                           root ? "no state" : error.text);
    else
        folder->state = strcmp(text, "finished") == 0 ? RUN_FINISHED : RUN_UNFINISHED;
    folder->epochs = (uint32_t)json_integer_value(json_object_get(root, "epochs"));
    folder->epochs_without_best =
        (uint32_t)json_integer_value(json_object_get(root, "epochs_without_best"));
    folder->failed = text && strcmp(text, "failed") == 0;
    json_decref(root);
    free(file);
    return status;
}

/* What a program that was killed leaves of a file it was about to write ("resume.h5.tmp.<pid>") or
 * of a look whether it can. */
static bool is_temporary(const char *name, const char *const *files, size_t count)
{
    if (strncmp(name, ".hpac-probe-", 12) == 0)
        return true;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(files[i]);
        if (strncmp(name, files[i], length) == 0 && strncmp(name + length, ".tmp.", 5) == 0)
            return true;
    }
    return false;
}

void rundir_tidy(const char *path, const char *const *files, size_t count)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_temporary(entry->d_name, files, count))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
}

bool rundir_is_new(const char *path, const char *const *files, size_t count)
{
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    bool new = true;
    for (struct dirent *entry; new && (entry = readdir(folder));)
        new = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
              is_temporary(entry->d_name, files, count);
    closedir(folder);
    return new;
}

hpac_status rundir_inspect(const char *path, bool force, rundir *folder)
{
    *folder = (rundir){.lock = -1, .state = RUN_NEW};
    if (!hpac_path_exists(path))
        return HPAC_OK;
    hpac_status status = rundir_lock(path, folder);
    if (status != HPAC_OK || rundir_is_new(path, run_files, RUN_FILE_COUNT))
        return status;
    folder->has_checkpoint = hpac_directory_has(path, "resume.h5");
    if (force)
        folder->state = RUN_UNFINISHED;
    else if (hpac_directory_has(path, "run.json"))
        status = read_state(path, folder);
    else
        status =
            hpac_fail(HPAC_ERR_CONFIG,
                      "%s: holds files, but no run.json of an earlier run; name another folder "
                      "with --out, or use --force",
                      path);
    return status;
}

hpac_status rundir_claim(const char *path, rundir *folder)
{
    hpac_status status = hpac_directory_create(path);
    if (status == HPAC_OK && folder->lock < 0)
        status = rundir_lock(path, folder);
    if (status == HPAC_OK && folder->state == RUN_NEW &&
        !rundir_is_new(path, run_files, RUN_FILE_COUNT))
        status = hpac_fail(HPAC_ERR_CONFIG,
                           "%s: files have come into this folder since it was looked at; another "
                           "hpac?",
                           path);
    if (status == HPAC_OK)
        status = hpac_directory_probe(path);
    if (status == HPAC_OK)
        rundir_tidy(path, run_files, RUN_FILE_COUNT);
    return status;
}

hpac_status rundir_remove(const char *path, const char *const *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *file = hpac_path_join(path, "%s", files[i]);
        if (!file)
            return hpac_fail_memory(strlen(path));
        int failed = unlink(file) != 0 && errno != ENOENT;
        if (failed)
            hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be removed: %s", file, strerror(errno));
        free(file);
        if (failed)
            return HPAC_ERR_CONFIG;
    }
    return HPAC_OK;
}

hpac_status rundir_clear(const char *path)
{
    hpac_status status = rundir_remove(path, run_files, RUN_FILE_COUNT);
    return status == HPAC_OK ? hpac_report_remove(path) : status;
}

hpac_status rundir_clear_end(const char *path)
{
    hpac_status status = rundir_remove(path, end_files, END_FILE_COUNT);
    return status == HPAC_OK ? hpac_report_remove(path) : status;
}

hpac_status rundir_begin_anew(const char *path)
{
    rundir folder;
    hpac_status status = rundir_inspect(path, true, &folder);
    if (status == HPAC_OK && folder.state != RUN_NEW)
        status = rundir_clear(path);
    rundir_release(&folder);
    return status;
}

void rundir_release(rundir *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    folder->lock = -1;
}

/* ---- config.yaml ---- */

hpac_status rundir_write_config(train_job *training)
{
    free(training->model.config_yaml);
    training->model.config_yaml = NULL;
    hpac_status status = hpac_config_text(training->config, &training->model.config_yaml);
    if (status != HPAC_OK)
        return status;
    char *path = hpac_path_join(training->options->folder, "config.yaml");
    if (!path)
        return hpac_fail_memory(0);
    hpac_file file = {0};
    status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        fputs(training->model.config_yaml, file.stream);
        status = hpac_file_commit(&file);
    }
    free(path);
    return status;
}

/* The first line in which two texts differ, as "was ... is now ...". */
static hpac_status fail_with_difference(const char *path, const char *old, const char *new)
{
    while (*old && *new) {
        size_t old_length = strcspn(old, "\n"), new_length = strcspn(new, "\n");
        if (old_length != new_length || memcmp(old, new, old_length) != 0)
            break;
        old += old_length + (old[old_length] == '\n');
        new += new_length + (new[new_length] == '\n');
    }
    return hpac_fail(HPAC_ERR_CONFIG,
                     "%s: the run was begun with another configuration: it says \"%.*s\", now it "
                     "is \"%.*s\"; begin anew with --force, or name another folder with --out",
                     path, (int)strcspn(old, "\n"), old, (int)strcspn(new, "\n"), new);
}

/* Early stopping has ended it: it has all the epochs it would ever get. */
static bool has_stopped_early(const rundir *folder, const hpac_config_train *train)
{
    return train->patience > 0 && folder->epochs_without_best >= (uint32_t)train->patience;
}

bool rundir_wants_more(const rundir *folder, const hpac_config *config)
{
    return folder->epochs < (uint32_t)config->train.epochs &&
           !has_stopped_early(folder, &config->train);
}

/* What may change between the parts of a run, since it does not change what a step computes; of a
 * finished run (NULL: it is not), since it does not change what it computed. */
static void take_over(const hpac_config *config, const rundir *finished, hpac_config *old)
{
    old->data.workers = config->data.workers;
    old->data.cache_mib = config->data.cache_mib;
    old->device.resident = config->device.resident;
    old->device.graph = config->device.graph;
    if (!finished || (has_stopped_early(finished, &config->train) &&
                      finished->epochs <= (uint32_t)config->train.epochs))
        old->train.epochs = config->train.epochs;
    if (finished)
        return;
    old->train.patience = config->train.patience;
    old->train.min_delta = config->train.min_delta;
}

hpac_status rundir_check_config(const char *folder, const hpac_config *config,
                                const rundir *finished)
{
    char *path = hpac_path_join(folder, "config.yaml");
    if (!path)
        return hpac_fail_memory(0);
    hpac_config old;
    hpac_status status = hpac_config_load(path, NULL, 0, &old);
    if (status != HPAC_OK) {
        free(path);
        return status;
    }
    take_over(config, finished, &old);
    char *old_text = NULL, *new_text = NULL;
    status = hpac_config_text(&old, &old_text);
    if (status == HPAC_OK)
        status = hpac_config_text(config, &new_text);
    if (status == HPAC_OK && strcmp(old_text, new_text) != 0)
        status = fail_with_difference(path, old_text, new_text);
    free(old_text);
    free(new_text);
    free(path);
    hpac_config_fini(&old);
    return status;
}

static hpac_status check_finished(const char *path, const hpac_config *config, rundir *folder)
{
    if (!rundir_wants_more(folder, config))
        return rundir_check_config(path, config, folder);
    if (!folder->has_checkpoint)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: finished after %u epochs, and has no resume.h5 to go on from; begin "
                         "anew with --force",
                         path, folder->epochs);
    folder->state = RUN_UNFINISHED;
    return rundir_check_config(path, config, NULL);
}

hpac_status rundir_look(const char *path, const hpac_config *config, bool force, rundir *folder)
{
    hpac_status status = rundir_inspect(path, force, folder);
    if (status != HPAC_OK || force)
        return status;
    if (folder->state == RUN_FINISHED)
        return check_finished(path, config, folder);
    if (folder->has_checkpoint)
        status = rundir_check_config(path, config, NULL);
    if (status == HPAC_OK && folder->has_checkpoint)
        status = checkpoint_check_epochs(path, config);
    return status;
}

/* ---- run.json ---- */

static void iso_time(time_t when, char text[32])
{
    struct tm utc;
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&when, &utc));
}

hpac_status rundir_compare_device(const train_job *training)
{
    char *path = hpac_path_join(training->options->folder, "run.json");
    if (!path)
        return hpac_fail_memory(0);
    const hpac_device_info *info = &training->device_info;
    json_t *root = json_load_file(path, 0, NULL);
    const char *device = json_string_value(json_object_get(root, "device"));
    const char *libraries = json_string_value(json_object_get(root, "libraries"));
    if (device && libraries &&
        (strcmp(device, info->name) != 0 || strcmp(libraries, info->libraries) != 0))
        hpac_log_warning("the run was begun on %s (%s) and goes on with %s (%s): the last bits may "
                         "differ from those of an unbroken run",
                         device, libraries, info->name, info->libraries);
    json_decref(root);
    free(path);
    return HPAC_OK;
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

hpac_status rundir_write_json(const train_job *training, const char *state)
{
    const hpac_device_info *info = &training->device_info;
    const hpac_training_state *progress = training->model.training;
    char now[32], started[32];
    iso_time(time(NULL), now);
    iso_time(training->started, started);
    hpac_cpu_path cpu_path;
    HPAC_TRY(hpac_cpu_path_get(&cpu_path));
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, "
        "s:o}",
        "state", state, "hpac", HPAC_VERSION, "configuration", training->config->name, "device",
        info->name, "libraries", info->libraries, "cpu_path", hpac_cpu_path_name(cpu_path), "seed",
        (json_int_t)training->config->train.seed, "started", started, "updated", now, "epochs",
        (json_int_t)progress->epoch, "steps", (json_int_t)progress->step, "best_epoch",
        (json_int_t)progress->best_epoch, "epochs_without_best",
        (json_int_t)progress->epochs_without_best, "elapsed_s", progress->elapsed_s, "train_images",
        (json_int_t)training->fold->train_count, "validation_images",
        (json_int_t)training->fold->validation_count, "skipped_images",
        (json_int_t)training->skipped_images, "skipped", list_skipped(training));
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    char *path = hpac_path_join(training->options->folder, "run.json");
    hpac_status status = HPAC_OK;
    hpac_file file = {0};
    if (!text || !path)
        status = hpac_fail(HPAC_ERR_INTERNAL, "out of memory for run.json");
    else
        status = hpac_file_create(&file, path);
    if (status == HPAC_OK) {
        fprintf(file.stream, "%s\n", text);
        status = hpac_file_commit(&file);
    }
    free(path);
    free(text);
    json_decref(root);
    return status;
}
