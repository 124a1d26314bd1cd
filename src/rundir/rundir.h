/*
 * A run directory: its lock, the state of its run, and whether a configuration may continue the
 * run.
 */
#ifndef HPAC_RUNDIR_RUNDIR_H
#define HPAC_RUNDIR_RUNDIR_H

#include <hpac/config.h>

#include "run_files.h"

typedef enum run_state {
    RUN_NEW,        /* no run yet */
    RUN_UNFINISHED, /* a run was started and has not finished */
    RUN_FINISHED,
} run_state;

typedef struct rundir {
    int lock; /* descriptor of the directory, locked; -1: none */
    run_state state;
    bool failed;         /* unfinished because of an error, not of a signal */
    bool has_checkpoint; /* resume.h5 is there */
    /* Of a finished run: */
    uint32_t epochs, epochs_without_best;
} rundir;

/* Locks an existing directory. On a file system without locks a warning is logged. Errors: CONFIG,
 * when another hpac has it locked; those of hpac_fail_access (base/file.h). */
hpac_status rundir_lock(const char *path, rundir *dir);
void rundir_release(rundir *dir);
/* Whether no hpac has it locked; false also where locks do not work. */
bool rundir_is_unlocked(const char *path);

/* A directory of several runs: a sweep or a cross-validation. */
typedef struct rundir_group {
    const char *const *files; /* names, then NULL, that are written into it */
    const char *mark;         /* a file that each has: "fold0/run.json" */
    const char *missing;      /* "fold of an earlier cross-validation" */
} rundir_group;

/* Locks such a directory, if it exists. Errors: those of rundir_lock; CONFIG when it is a run's or,
 * without `force`, when it has other files. */
hpac_status rundir_lock_group(const char *path, const rundir_group *group, bool force, rundir *dir);
/* Creates and locks a directory that did not exist when it was inspected. Errors: those of
 * rundir_lock and hpac_directory_create; CONFIG, when another program wrote into it meanwhile.
 * `files`: names, then NULL, of which a killed program may have left temporary ones. */
hpac_status rundir_create(const char *path, const char *const *files, rundir *dir);
/* Removes what a killed program left while it wrote `files` (names, then NULL). Errors: those of
 * hpac_fail_access. */
hpac_status rundir_tidy(const char *path, const char *const *files);
/* Inspects a directory without writing. Errors: CONFIG, when it is not a directory, another hpac
 * has it locked, or it holds files but no run.json. */
hpac_status rundir_inspect(const char *path, bool force, rundir *dir);
/* Creates the directory if it is missing, locks it, and checks that it can be written to. */
hpac_status rundir_claim(const char *path, rundir *dir);
/* Removes the files of a run (run_files.h): all, run.json first, so that what a crash leaves is no
 * run; or those written at the end. Errors: those of hpac_fail_access. */
hpac_status rundir_clear(const char *path, bool all);

/* A run can only continue with the configuration it was started with: all keys must agree with
 * config.yaml, except train.epochs, early stopping, the paths of the data (whose rows the
 * checkpoint checks), data.workers, data.cache_mib, device.resident and device.graph; of a finished
 * run (NULL: not finished) early stopping and train.epochs must agree as well, but train.epochs may
 * be larger if early stopping ended the run. Errors: CONFIG, with the keys that differ. */
hpac_status rundir_check_config(const char *path, const hpac_config *config,
                                const rundir *finished);
/* The directory, malloc'ed, for a training that names none: `base`, or the first of base-2, base-3,
 * ... that is new or has a run of this configuration (if `folds`, a cross-validation). With
 * `resume` the first that has one, or a finished one with fewer epochs, or base itself. Errors:
 * INTERNAL. */
hpac_status rundir_choose(const char *base, const hpac_config *config, bool folds, bool resume,
                          char **path);
/* Whether a finished run has fewer epochs than the configuration asks for. */
bool rundir_wants_more(const rundir *dir, const hpac_config *config);

#endif
