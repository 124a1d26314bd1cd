/*
 * Training: from a configuration to a run folder.
 *
 * The folder holds config.yaml, run.json, train.log; losses.csv, batch_losses.csv,
 * batch_counts.csv, metrics.csv, class_metrics.csv; model.h5, best.h5, resume.h5; predictions.csv
 * and, with a test set, submission_proba.csv and submission.csv; profile.csv of a profiled one;
 * with a report, report.html and plots/. docs/design.md tells what is in them.
 */
#ifndef HPAC_TRAINER_H
#define HPAC_TRAINER_H

#include <hpac/config.h>
#include <hpac/metrics.h>
#include <hpac/progress.h>

#include <signal.h>
#include <stdio.h>

struct hpac_image_pool; /* src/data/image_pool.h */
struct hpac_table;      /* src/render/table.h */

typedef struct hpac_train_options {
    const hpac_config *config;
    hpac_device *device;
    const char *folder; /* the run folder */
    bool resume;        /* go on from resume.h5 if it is there, also with a finished run of which
                           more epochs are wanted than it has */
    bool force;         /* throw away what an earlier run left in the folder */
    bool dry_run;       /* all checks and the memory plan, nothing written, no training */
    FILE *plan;         /* of a dry run: where its tables go (data, network, memory) */
    bool brief;         /* the tables of the start stand in train.log alone */
    bool profile;       /* time every call of the network, log the table at the end, and write
                           profile.csv; the same weights, a little slower */
    bool report; /* write report.html and plots/ (report.h) when the training has finished; what
                    goes wrong with it is a warning */
    /* Prepared images are shared with other trainings through this, and are all prepared before the
     * first epoch. NULL: the training keeps its own. */
    struct hpac_image_pool *images;
    /* Nonzero: finish the batch, save, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, const hpac_progress *progress); /* may be NULL */
    void *user;
} hpac_train_options;

/* Trains. A finished folder is left as it is, with a log line that says so; with resume and more
 * epochs than it has, the training goes on, and at its end all files are those of an unbroken one
 * (one that stopped early has all it would ever get). Errors: CONFIG (an unfinished folder without
 * resume or force, a batch larger than the training set, ...), DATA, DEVICE, NUMERIC for a loss,
 * gradient or weight that is not finite (the Ids of the batch in the message; the last checkpoint
 * stays), HPAC_INTERRUPTED. */
hpac_status hpac_train(const hpac_train_options *options);

/* What a training comes to. */
typedef struct hpac_train_plan {
    size_t train_images, validation_images;
    uint64_t steps; /* updates of all its epochs, unless it stops early */
} hpac_train_plan;

/* Makes all checks that hpac_train makes before its first step (labels, split, files, network,
 * weights to start from, memory) and looks at no folder; nothing is written or logged. A pool of
 * images counts the training. Errors: those of hpac_train. */
hpac_status hpac_train_check(const hpac_train_options *options, hpac_train_plan *plan);

/* Cross-validation: trains every fold of data.split (its key `fold` does not matter) in
 * <folder>/fold0, <folder>/fold1, ..., each an ordinary run folder with its own config.yaml. Folds
 * that are finished are left as they are, or with resume go on to more epochs; for one that is not,
 * resume means what it means for a run; force throws all of them away before the first begins. At
 * the end <folder>/folds.csv has a row a fold (the last epoch's metrics and the
 * lowest validation loss), and mean and spread are logged, in <folder>/train.log too. All folds are
 * checked before the first begins, and share their prepared images. Errors: those
 * of hpac_train; CONFIG when the folder is a single run's, holds files of somebody else's, or a
 * fold of another configuration. */
hpac_status hpac_train_folds(const hpac_train_options *options);

/* What a finished training came to, as read from its folder: of a run (`folds` 0) one row with the
 * columns steps to best_... of sweep.csv (run_results.h), of a cross-validation the rows of
 * folds.csv. For hpac_table_fini whatever the status. Errors: DATA (metrics.csv of a run is not
 * there, is none, or has no epochs), INTERNAL. */
hpac_status hpac_train_results(const char *folder, int folds, struct hpac_table *results);

#endif
