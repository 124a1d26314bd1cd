/*
 * Sweeps: many trainings from one file, side by side in one directory.
 *
 *     hpac_sweep sweep;
 *     status = hpac_sweep_load("configs/sweep.yaml", sets, set_count, &sweep);
 *     hpac_table results;
 *     status = hpac_sweep_run_all(&(hpac_sweep_options){.sweep = &sweep, .directory = "runs/sweep",
 *                                                   .device = "auto"}, &results);
 *     hpac_sweep_rank(&results, &ranking);        // best first
 *     hpac_table_fini(&ranking); hpac_table_fini(&results); hpac_sweep_fini(&sweep);
 *
 * docs/sweeps.md describes the file. Its keys are those of configurations (config.h), with dots or
 * as nested sections, which are merged; values are checked by the same schema.
 */
#ifndef HPAC_EXPERIMENT_SWEEP_H
#define HPAC_EXPERIMENT_SWEEP_H

#include <hpac/config.h>
#include <hpac/trainer.h>

#include "render/table.h"

/* More runs are refused: most likely a mistake in a grid. */
#define HPAC_SWEEP_MAX_RUNS 1000

typedef struct hpac_sweep_run {
    char *name; /* of its directory: given, or made from what differs: "batch_size=64,epochs=5" */
    hpac_config config;
} hpac_sweep_run;

typedef struct hpac_sweep {
    char *name;  /* the file's name without .yaml */
    char *text;  /* of the file */
    char **keys; /* (key_count) what runs or grid set, in their order: "train.epochs" */
    size_t key_count, key_capacity;
    hpac_sweep_run *runs; /* (run_count) in the order of the file */
    size_t run_count;
} hpac_sweep;

/* Reads a sweep and makes all its configurations; `sets` ("key=value") override in every one. The
 * path of a `config` is relative to the directory of the sweep file. On error the sweep is left
 * zeroed. Errors: CONFIG, all problems together, each with the line of the file and the runs it
 * concerns; two runs with the same name or configuration are problems, too. */
hpac_status hpac_sweep_load(const char *path, const char *const *sets, int set_count,
                            hpac_sweep *sweep);
/* Frees what hpac_sweep_load allocated and zeroes the struct. */
void hpac_sweep_fini(hpac_sweep *sweep);

typedef struct hpac_sweep_options {
    const hpac_sweep *sweep;
    const char *directory; /* of the sweep, with one directory per run */
    const char *device;    /* as hpac_device_options.name */
    bool force;            /* train finished runs again, and in a directory with other files */
    bool dry_run;          /* all checks; nothing is written, nothing trained */
    bool report;           /* write the report (report.h) of each run and of the sweep */
    /* Nonzero: finish the batch, save, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, const hpac_progress *progress); /* may be NULL */
    void *user;
} hpac_sweep_options;

/* Checks every run (labels, files, memory, contents of its directory), then trains them one after
 * the other, as hpac_train does: the same bits. Finished runs are not changed, unfinished ones
 * resume, and finished ones whose train.epochs was raised continue to that epoch, bit for bit
 * (fewer epochs are a CONFIG error). With force all runs are deleted after the checks and before
 * the first step, so that a sweep that ends early resumes without force. Prepared images are shared
 * (data/dataset.h), and prepared before the clock of the first epoch that needs them.
 * <directory>/sweep.csv is written after every run; <directory>/sweep.yaml is a copy of the file.
 *
 * `results` gets the rows of sweep.csv in the order of the sweep, for hpac_table_fini whatever the
 * status; with dry_run the runs, their schedule and their update steps. It borrows from `sweep`.
 *
 * Errors: those of hpac_train and hpac_device_open; CONFIG when a run's directory holds a
 * run of another configuration, when the directory is not a sweep's, or another process uses it.
 * NUMERIC: some runs were not finite, and all others are finished. Other errors end the sweep. */
hpac_status hpac_sweep_run_all(const hpac_sweep_options *options, hpac_table *results);

/* The results best first, in 120 columns: by the mean F1 on the validation images after the last
 * epoch, ties by the lower validation loss; runs that are not finished last. */
void hpac_sweep_rank(const hpac_table *results, hpac_table *ranking);
/* The plan of a dry run, in 120 columns: schedules and update steps in the order of the sweep. */
void hpac_sweep_list(const hpac_table *plan, hpac_table *listing);

#endif
