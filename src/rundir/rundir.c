/* The run directory: its lock, the state of its run, and whether a configuration may continue
 * it. */
#include "rundir.h"

#include <hpac/log.h>

#include "run_files.h"
#include "run_info.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- whose it is, how far it came ---- */

/* Network file systems may have no locks: NFS without lockd, some FUSE and Lustre mounts. */
static bool has_no_locks(int error)
{
    return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP;
}

hpac_status rundir_lock(const char *path, rundir *folder)
{
    folder->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot open directory: %s", path, strerror(errno));
    if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0)
        return HPAC_OK;
    if (errno == EWOULDBLOCK)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: another hpac is training into this directory", path);
    if (!has_no_locks(errno))
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot lock directory: %s", path, strerror(errno));
    hpac_log_warning(
        "%s: cannot lock directory: %s; a second training into it would not be noticed", path,
        strerror(errno));
    return HPAC_OK;
}

void rundir_release(rundir *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    folder->lock = -1;
}

static hpac_status read_state(const char *path, rundir *folder)
{
    hpac_run_info info;
    HPAC_TRY(hpac_run_info_read(path, &info));
    folder->state = hpac_run_info_is(&info, "finished") ? RUN_FINISHED : RUN_UNFINISHED;
    folder->failed = hpac_run_info_is(&info, "failed");
    folder->epochs = (uint32_t)info.epochs;
    folder->epochs_without_best = (uint32_t)info.epochs_without_best;
    hpac_run_info_fini(&info);
    return HPAC_OK;
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

static bool is_new_run(const char *path)
{
    const char *names[HPAC_RUN_FILE_COUNT];
    for (size_t i = 0; i < HPAC_RUN_FILE_COUNT; i++)
        names[i] = hpac_run_files[i].name;
    return rundir_is_new(path, names, HPAC_RUN_FILE_COUNT);
}

hpac_status rundir_inspect(const char *path, bool force, rundir *folder)
{
    *folder = (rundir){.lock = -1, .state = RUN_NEW};
    if (!hpac_path_exists(path))
        return HPAC_OK;
    HPAC_TRY(rundir_lock(path, folder));
    if (is_new_run(path))
        return HPAC_OK;
    folder->has_checkpoint = hpac_directory_has(path, hpac_run_files[HPAC_RUN_CHECKPOINT].name);
    folder->state = RUN_UNFINISHED;
    if (force)
        return HPAC_OK;
    if (!hpac_directory_has(path, hpac_run_files[HPAC_RUN_RUN_JSON].name))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: holds files, but no run.json of an earlier run; name another "
                         "directory with --out, or use --force",
                         path);
    hpac_status status = read_state(path, folder);
    return status == HPAC_OK
               ? status
               : hpac_fail(status, "%s; start again with --force", hpac_error_message());
}

hpac_status rundir_claim(const char *path, rundir *folder)
{
    HPAC_TRY(hpac_directory_create(path));
    if (folder->lock < 0)
        HPAC_TRY(rundir_lock(path, folder));
    if (folder->state == RUN_NEW && !is_new_run(path))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: files were added to this directory since it was checked; another "
                         "hpac?",
                         path);
    HPAC_TRY(hpac_directory_probe(path));
    const char *names[HPAC_RUN_FILE_COUNT];
    for (size_t i = 0; i < HPAC_RUN_FILE_COUNT; i++)
        names[i] = hpac_run_files[i].name;
    rundir_tidy(path, names, HPAC_RUN_FILE_COUNT);
    return HPAC_OK;
}

hpac_status rundir_remove(const char *path, const char *const *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *file = hpac_path_join(path, "%s", files[i]);
        if (!file)
            return hpac_fail_memory(strlen(path));
        int failed = unlink(file) != 0 && errno != ENOENT;
        if (failed)
            hpac_fail(HPAC_ERR_CONFIG, "%s: cannot remove: %s", file, strerror(errno));
        free(file);
        if (failed)
            return HPAC_ERR_CONFIG;
    }
    return HPAC_OK;
}

hpac_status rundir_clear(const char *path, bool all)
{
    for (size_t i = 0; i < HPAC_RUN_FILE_COUNT; i++)
        if (all || hpac_run_files[i].written == HPAC_WRITTEN_AT_END)
            HPAC_TRY(rundir_remove(path, &hpac_run_files[i].name, 1));
    return HPAC_OK;
}

/* ---- the configuration ---- */

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
    return hpac_fail(
        HPAC_ERR_CONFIG,
        "%s: the run was started with another configuration: config.yaml has \"%.*s\", now it "
        "is \"%.*s\"; start again with --force, or choose another directory with --out",
        path, (int)strcspn(old, "\n"), old, (int)strcspn(new, "\n"), new);
}

/* Whether early stopping has ended it, so that it gets no more epochs. */
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
 * finished run (NULL: it is not), since it does not change what it computed. `old` borrows it. The
 * data may have moved: the checkpoint knows their rows and labels. */
static void take_over(const hpac_config *config, const rundir *finished, hpac_config *old)
{
    old->data.labels = config->data.labels;
    old->data.images = config->data.images;
    if (old->data.test_ids && config->data.test_ids) {
        old->data.test_ids = config->data.test_ids;
        old->data.test_images = config->data.test_images;
    }
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

static hpac_status compare_configs(const char *path, const hpac_config *old,
                                   const hpac_config *config)
{
    char *old_text = NULL, *new_text = NULL;
    hpac_status status = hpac_config_text(old, &old_text);
    if (status == HPAC_OK)
        status = hpac_config_text(config, &new_text);
    if (status == HPAC_OK && strcmp(old_text, new_text) != 0)
        status = fail_with_difference(path, old_text, new_text);
    free(old_text);
    free(new_text);
    return status;
}

hpac_status rundir_check_config(const char *folder, const hpac_config *config,
                                const rundir *finished)
{
    char *path = hpac_run_path(folder, HPAC_RUN_CONFIG);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_config loaded;
    hpac_status status = hpac_config_load(path, NULL, 0, &loaded);
    if (status == HPAC_OK) {
        hpac_config old = loaded;
        take_over(config, finished, &old);
        status = compare_configs(path, &old, config);
        hpac_config_fini(&loaded);
    }
    free(path);
    return status;
}
