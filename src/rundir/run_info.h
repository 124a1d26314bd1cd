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

/* Of a file read: keys that are not in it are NULL and 0, texts belong to `json`. */
typedef struct hpac_run_info {
    json_t *json;      /* the whole file, owned; NULL of one to be written */
    const char *state; /* "running", "interrupted", "failed", "finished"; never NULL when read */
    const char *version, *configuration, *device, *libraries, *cpu_path;
    const char *started, *updated; /* "2026-11-30T20:45:03Z" */
    long long seed, epochs, steps, best_epoch, epochs_without_best;
    double elapsed_s;
    long long train_images, validation_images, skipped_images;
    json_t *skipped; /* list of the Ids of skipped images */
} hpac_run_info;

/* Errors: DATA, with file and line, also when there is no state; INTERNAL. On error `info` is
 * zeroed. */
hpac_status hpac_run_info_read(const char *directory, hpac_run_info *info);
/* Writes all keys. Errors: those of file.h; INTERNAL. */
hpac_status hpac_run_info_write(const hpac_run_info *info, const char *directory);
/* NULL'ed fields and a zeroed struct are fine. */
void hpac_run_info_fini(hpac_run_info *info);

#endif
