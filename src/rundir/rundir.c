/* The run directory: its lock, the state of its run, and whether a configuration may continue
 * it. */
#include "rundir.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "base/pause.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define RUN_FILE_NAME(NAME, name, time, description) name,
static const char *const run_file_names[] = {HPAC_RUN_FILES(RUN_FILE_NAME) NULL};

/* Network file systems may have no locks: NFS without lockd, some FUSE and Lustre mounts. */
static bool has_no_locks(int error)
{
    return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP;
}

hpac_status rundir_lock(const char *path, rundir *dir)
{
    dir->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->lock < 0)
        return hpac_fail_access(path, "cannot open directory");
    if (flock(dir->lock, LOCK_EX | LOCK_NB) == 0)
        return HPAC_OK;
    if (errno == EWOULDBLOCK)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: another hpac is training into this directory; wait for it, or "
                         "choose another one with --out",
                         path);
    if (!has_no_locks(errno))
        return hpac_fail_access(path, "cannot lock directory");
    hpac_log_warning(
        "%s: cannot lock directory: %s; a second training into it would not be noticed", path,
        strerror(errno));
    return HPAC_OK;
}

bool rundir_is_unlocked(const char *path)
{
    HPAC_AUTO(hpac_descriptor_close) int lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) == 0;
}

void rundir_release(rundir *dir)
{
    if (dir->lock >= 0)
        close(dir->lock);
    dir->lock = -1;
}

/* What a killed program leaves: a file that it was writing ("resume.h5.tmp.<pid>"), or the probe
 * for write permission. `files`: as in the header. */
static bool is_temporary(const void *files, const char *name)
{
    if (strncmp(name, ".hpac-probe-", 12) == 0)
        return true;
    for (const char *const *file = files; *file; file++) {
        size_t length = strlen(*file);
        if (strncmp(name, *file, length) == 0 && strncmp(name + length, ".tmp.", 5) == 0)
            return true;
    }
    return false;
}

hpac_status rundir_tidy(const char *path, const char *const *files)
{
    return hpac_directory_remove_files(path, is_temporary, files);
}

/* Whether a directory holds nothing but what a killed program left while it wrote `files` (names,
 * then NULL). */
static bool is_new(const char *path, const char *const *files)
{
    DIR *stream = opendir(path);
    bool new = stream != NULL;
    for (struct dirent *entry; new && (entry = readdir(stream));)
        new = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
              is_temporary(files, entry->d_name);
    if (stream)
        closedir(stream);
    return new;
}

hpac_status rundir_lock_group(const char *path, const rundir_group *group, bool force, rundir *dir)
{
    if (!hpac_path_exists(path))
        return HPAC_OK;
    HPAC_TRY(rundir_lock(path, dir)); /* first: without it the files may be half of a new run's */
    if (hpac_directory_has(path, hpac_run_files[HPAC_RUN_RUN_JSON].name))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: directory of a single run; choose another one with --out", path);
    if (!force && !hpac_directory_has(path, group->mark) && !is_new(path, group->files))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: has files, but no %s; choose another directory with --out, or use "
                         "--force",
                         path, group->missing);
    return HPAC_OK;
}

static hpac_status check_still_new(const char *path, const char *const *files)
{
    return is_new(path, files) ? HPAC_OK
                               : hpac_fail(HPAC_ERR_CONFIG,
                                           "%s: files were added to this directory since it was "
                                           "checked; another hpac?",
                                           path);
}

hpac_status rundir_create(const char *path, const char *const *files, rundir *dir)
{
    hpac_test_pause("create");
    HPAC_TRY(hpac_directory_create(path));
    HPAC_TRY(rundir_lock(path, dir));
    return check_still_new(path, files);
}

static hpac_status read_state(const char *path, rundir *dir)
{
    HPAC_AUTO(hpac_run_info_fini) hpac_run_info info = {0};
    if (!hpac_directory_has(path, hpac_run_files[HPAC_RUN_RUN_JSON].name))
        return hpac_fail(HPAC_ERR_CONFIG,
                         "%s: holds files, but no run.json of an earlier run; name another "
                         "directory with --out, or use --force",
                         path);
    hpac_status status = hpac_run_info_read(path, &info);
    if (status != HPAC_OK)
        return hpac_fail(status, "%s; start again with --force", hpac_error_message());
    dir->state = strcmp(info.state, "finished") == 0 ? RUN_FINISHED : RUN_UNFINISHED;
    dir->failed = strcmp(info.state, "failed") == 0;
    dir->epochs = (uint32_t)info.epochs;
    dir->epochs_without_best = (uint32_t)info.epochs_without_best;
    return HPAC_OK;
}

hpac_status rundir_inspect(const char *path, bool force, rundir *dir)
{
    *dir = (rundir){.lock = -1, .state = RUN_NEW};
    if (!hpac_path_exists(path))
        return HPAC_OK;
    HPAC_TRY(rundir_lock(path, dir));
    if (is_new(path, run_file_names))
        return HPAC_OK;
    dir->has_checkpoint = hpac_directory_has(path, hpac_run_files[HPAC_RUN_CHECKPOINT].name);
    dir->state = RUN_UNFINISHED;
    return force ? HPAC_OK : read_state(path, dir);
}

hpac_status rundir_claim(const char *path, rundir *dir)
{
    if (dir->lock < 0)
        HPAC_TRY(rundir_create(path, run_file_names, dir));
    if (dir->state == RUN_NEW)
        HPAC_TRY(check_still_new(path, run_file_names));
    HPAC_TRY(hpac_directory_probe(path));
    return rundir_tidy(path, run_file_names);
}

static hpac_status remove_run_file(const char *directory, hpac_run_file_number number)
{
    HPAC_AUTO_FREE char *path = hpac_run_path(directory, number);
    HPAC_TRY_MEMORY(path, strlen(directory));
    return unlink(path) == 0 || errno == ENOENT ? HPAC_OK
                                                : hpac_fail_access(path, "cannot remove file");
}

hpac_status rundir_clear(const char *path, bool all)
{
    if (all) /* first: without it a half removed run is not taken for a finished one */
        HPAC_TRY(remove_run_file(path, HPAC_RUN_RUN_JSON));
    for (hpac_run_file_number file = 0; file < HPAC_RUN_FILE_COUNT; file++)
        if (all || hpac_run_files[file].written == HPAC_WRITTEN_AT_END)
            HPAC_TRY(remove_run_file(path, file));
    return HPAC_OK;
}

/* Whether early stopping has ended it, so that it gets no more epochs. */
static bool has_stopped_early(const rundir *dir, const hpac_config_train *train)
{
    return train->patience > 0 && dir->epochs_without_best >= (uint32_t)train->patience;
}

bool rundir_wants_more(const rundir *dir, const hpac_config *config)
{
    return dir->epochs < (uint32_t)config->train.epochs && !has_stopped_early(dir, &config->train);
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
    bool needs_end = hpac_schedule_needs_end(&config->train.schedule);
    if ((!finished && !needs_end) || (finished && has_stopped_early(finished, &config->train) &&
                                      finished->epochs <= (uint32_t)config->train.epochs))
        old->train.epochs = config->train.epochs;
    if (finished)
        return;
    old->train.patience = config->train.patience;
    old->train.min_delta = config->train.min_delta;
}

/* The keys (malloc'ed) that keep a configuration from continuing a run, "" for none. */
static hpac_status find_differences(const char *path, const hpac_config *config,
                                    const rundir *finished, char **keys)
{
    HPAC_AUTO_FREE char *file = hpac_run_path(path, HPAC_RUN_CONFIG);
    HPAC_TRY_MEMORY(file, strlen(path));
    HPAC_AUTO(hpac_config_fini) hpac_config started = {0};
    HPAC_TRY(hpac_config_load(file, NULL, 0, &started));
    hpac_config old = started;
    take_over(config, finished, &old);
    return hpac_config_differences(&old, config, keys);
}

hpac_status rundir_check_config(const char *path, const hpac_config *config, const rundir *finished)
{
    HPAC_AUTO_FREE char *keys = NULL;
    HPAC_TRY(find_differences(path, config, finished, &keys));
    bool ends = hpac_schedule_needs_end(&config->train.schedule) && strstr(keys, "train.epochs (");
    return !*keys ? HPAC_OK
                  : hpac_fail(HPAC_ERR_CONFIG,
                              "%s: the run was started with another configuration: %s%s; start "
                              "again with --force, or choose another directory with --out",
                              path, keys, ends ? " (its schedule depends on train.epochs)" : "");
}

/* What kind of directory it is, if trainings of this kind have no place in it; else NULL. */
static const char *find_other_kind(const char *path, bool folds)
{
    if (hpac_directory_has(path, hpac_run_files[HPAC_RUN_RUN_JSON].name))
        return folds ? "a single run" : NULL;
    return hpac_directory_has(path, "sweep.yaml")        ? "a sweep"
           : !folds && hpac_directory_has(path, "fold0") ? "a cross-validation"
                                                         : NULL;
}

/* What makes a directory (a cross-validation's if `folds`) one of another run, malloc'ed; NULL: a
 * training with this configuration belongs there; if `extend`, also one that adds epochs to a
 * finished run. A run.json that cannot be read is left to the training. */
static hpac_status find_other_run(const char *path, const hpac_config *config, bool folds,
                                  bool extend, char **other)
{
    HPAC_AUTO_FREE char *first_fold = hpac_path_join(path, "fold0");
    HPAC_AUTO_FREE char *keys = NULL;
    HPAC_TRY_MEMORY(first_fold, strlen(path));
    const char *run = folds ? first_fold : path, *kind = find_other_kind(path, folds);
    rundir dir = {.lock = -1};
    hpac_config own = *config; /* borrows what it points to */
    own.data.fold = folds ? 0 : own.data.fold;
    if (kind) {
        HPAC_TRY_MEMORY(*other = strdup(kind), strlen(kind));
        return HPAC_OK;
    }
    if (read_state(run, &dir) != HPAC_OK)
        return HPAC_OK;
    bool finished = dir.state == RUN_FINISHED && !(extend && rundir_wants_more(&dir, config));
    if (find_differences(run, &own, finished ? &dir : NULL, &keys) != HPAC_OK) {
        /* Not this configuration: --force must not remove it. Killed at its start, it has none. */
        if (hpac_directory_has(run, hpac_run_files[HPAC_RUN_CONFIG].name))
            HPAC_TRY_MEMORY(*other = strdup("a run whose config.yaml cannot be read"), 1);
        return HPAC_OK;
    }
    if (*keys)
        HPAC_TRY_MEMORY(asprintf(other, "a run of another configuration: %s", keys) >= 0,
                        strlen(keys));
    return HPAC_OK;
}

/* The first of base, base-2, base-3, ... that is no other run's, malloc'ed; if `existing`, of those
 * that exist, else NULL. */
static hpac_status find_own(const char *base, const hpac_config *config, bool folds, bool extend,
                            bool existing, char **path)
{
    HPAC_AUTO_FREE char *first = NULL; /* what base has */
    for (int number = 1;; number++) {
        HPAC_AUTO_FREE char *next = NULL;
        HPAC_AUTO_FREE char *other = NULL;
        HPAC_TRY_MEMORY(number == 1 ? (next = strdup(base)) != NULL
                                    : asprintf(&next, "%s-%d", base, number) >= 0,
                        strlen(base));
        if (number > 1 && existing && !hpac_path_exists(next))
            return HPAC_OK;
        HPAC_TRY(find_other_run(next, config, folds, extend, &other));
        if (!other) {
            if (first)
                hpac_log_info("%s has %s. The directory of this run: %s", base, first, next);
            *path = next;
            next = NULL;
            return HPAC_OK;
        }
        if (!first) {
            first = other;
            other = NULL;
        }
    }
}

hpac_status rundir_choose(const char *base, const hpac_config *config, bool folds, bool resume,
                          char **path)
{
    *path = NULL;
    HPAC_TRY(find_own(base, config, folds, false, resume, path));
    if (!*path && resume) /* what an interruption left, before what is complete with fewer epochs */
        HPAC_TRY(find_own(base, config, folds, true, true, path));
    if (!*path) /* none to continue: the training says why */
        HPAC_TRY_MEMORY(*path = strdup(base), strlen(base));
    return HPAC_OK;
}
