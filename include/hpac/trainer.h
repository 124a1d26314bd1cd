/* Training: from a configuration to a run directory, whose files docs/design.md describes. */
#ifndef HPAC_TRAINER_H
#define HPAC_TRAINER_H

#include <hpac/config.h>
#include <hpac/metrics.h>
#include <hpac/progress.h>

#include <signal.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hpac_image_pool; /* src/data/dataset.h */

typedef struct hpac_train_options {
    const hpac_config *config;
    hpac_device *device;
    const char *directory; /* of the run */
    bool resume;           /* continue from resume.h5 if it exists, also a finished run */
    bool force;            /* delete the files of an earlier run */
    bool dry_run;          /* checks and memory plan only; nothing is written */
    FILE *plan;   /* a dry run prints its tables to it (data, network, memory), unless NULL */
    bool brief;   /* print the tables at the start to train.log only */
    bool profile; /* time every call of the network; log and write profile.csv */
    bool report;  /* write report.html and plots/ at the end; failures are warnings */
    /* Prepared images are shared with other trainings through this pool, and are all prepared
     * before the first epoch. NULL: not shared. */
    struct hpac_image_pool *images;
    /* Nonzero: finish the batch, save, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, const hpac_progress *progress); /* may be NULL */
    void *user;
} hpac_train_options;

/* Trains. A finished run is not changed, which is logged; with resume and more epochs (after early
 * stopping, more patience) it continues, and ends with the files of an uninterrupted run. Errors:
 * CONFIG (an unfinished run without resume or force, a batch larger than the training set, a value
 * that the configuration could not be loaded with, ...),
 * DATA, DEVICE, NUMERIC for a non-finite loss, gradient or weight (the message has the Ids of the
 * batch; the last checkpoint is kept), HPAC_INTERRUPTED. */
hpac_status hpac_train(const hpac_train_options *options);

/* The size of a training. */
typedef struct hpac_train_plan {
    size_t train_images, validation_images;
    uint64_t steps; /* updates of all its epochs, unless it stops early */
} hpac_train_plan;

/* Makes the checks of hpac_train before its first step, but not of the run directory; nothing is
 * written or logged. Errors: those of hpac_train. */
hpac_status hpac_train_check(const hpac_train_options *options, hpac_train_plan *plan);

/* Cross-validation: trains every fold of data.split (its key `fold` is ignored) in the run
 * directories <directory>/fold0, <directory>/fold1, ... Finished folds are skipped, or with resume
 * continue to more epochs; unfinished ones need resume or force. All folds are checked, and with
 * force deleted, before the first starts; they share their prepared images. At the end folds.csv
 * has one row per fold (metrics of the last epoch, lowest validation loss), and mean and spread are
 * logged, in train.log too. Errors: those of hpac_train; CONFIG when the directory has a single
 * run, other files, or a fold of another configuration. */
hpac_status hpac_train_folds(const hpac_train_options *options);

#ifdef __cplusplus
}
#endif

#endif
