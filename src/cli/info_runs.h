/* What a directory with runs holds: one run, a cross-validation, a sweep, or several. */
#ifndef HPAC_CLI_INFO_RUNS_H
#define HPAC_CLI_INFO_RUNS_H

#include <hpac/status.h>

#include "render/table.h"

#include <stdio.h>

typedef struct info_runs {
    const char *directory; /* borrowed */
    const char *kind;      /* "run", "cross-validation", "sweep", "directory of runs" */
    hpac_table table;      /* one row per run */
    char *model;           /* of one run: model.h5, or best.h5 as long as there is none; NULL */
} info_runs;

/* Reads the state and the results of the runs. To be released whatever the status. Errors: CONFIG
 * for a directory without a run, DATA. */
hpac_status info_runs_read(const char *directory, info_runs *runs);
void info_runs_fini(info_runs *runs);
hpac_status info_runs_print(const info_runs *runs, FILE *stream);

#endif
