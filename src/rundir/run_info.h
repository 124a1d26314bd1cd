/*
 * run.json: what a run is, on which machine, and how far it got.
 *
 *     hpac_run_info info;
 *     HPAC_TRY(hpac_run_info_read("runs/demo", &info));
 *     printf("%s after %lld epochs\n", info.state, info.epochs);
 *     hpac_run_info_fini(&info);
 */
#ifndef HPAC_RUNDIR_RUN_INFO_H
#define HPAC_RUNDIR_RUN_INFO_H

#include <hpac/status.h>

#include <jansson.h>

/* What is read of it: keys that are not there are NULL and 0; texts and lists belong to `json`. */
typedef struct hpac_run_info {
    json_t *json;      /* the whole file, owned */
    const char *state; /* "running", "interrupted", "failed", "finished"; never NULL */
    const char *device, *libraries;
    long long epochs, steps, best_epoch, epochs_without_best;
    double elapsed_s;
    json_t *skipped; /* list of the Ids of skipped images */
} hpac_run_info;

/* Errors: DATA, with file and line, also when there is no state; INTERNAL. On error `info` is
 * zeroed. */
hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info);
void hpac_run_info_fini(hpac_run_info *info); /* a zeroed one is fine */

#endif
