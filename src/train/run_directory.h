/* The run directory of a training, for those who run one or several (src/experiment). */
#ifndef HPAC_TRAIN_RUN_DIRECTORY_H
#define HPAC_TRAIN_RUN_DIRECTORY_H

#include <hpac/trainer.h>

#include "rundir/rundir.h"

/* Removes the files of a run (all, or those written at its end), and its report. */
hpac_status train_clear_directory(const char *path, bool all);
/* Clears a directory that no process has locked, if it exists. */
hpac_status train_begin_anew(const char *path);
/* Makes a finished run one to be continued. Errors: CONFIG without a checkpoint. */
hpac_status train_reopen(const char *path, rundir *dir);
/* Inspects the directory of one run of several, and whether the run can continue with this
 * configuration; a finished one with fewer epochs than configured is RUN_UNFINISHED. With `force`
 * it may hold anything. Errors: those of rundir_inspect; CONFIG when the run has another
 * configuration, or more epochs. */
hpac_status train_inspect(const char *path, const hpac_config *config, bool force, rundir *dir);
/* Whether a report is wanted and can be drawn; if it cannot, logs a warning with the command that
 * writes it later. */
bool train_report_probe(const hpac_train_options *options);
/* Writes the report of a run, a cross-validation or a sweep, and warns where it cannot. Errors:
 * HPAC_INTERRUPTED. */
hpac_status train_report_write(const char *path, const volatile sig_atomic_t *stop);

#endif
