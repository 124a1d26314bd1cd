/* What the files of training share. */
#ifndef HPAC_TRAIN_INTERNAL_H
#define HPAC_TRAIN_INTERNAL_H

#include <hpac/model.h>
#include <hpac/network.h>
#include <hpac/trainer.h>

#include "loop/loop.h"
#include "rundir/run_results.h"

#include <stdio.h>
#include <time.h>

/* The probabilities of the last validation. */
typedef struct train_predictions {
    size_t count;         /* images */
    size_t *rows;         /* (count) of the labels */
    float *probabilities; /* (count, targets) */
} train_predictions;

/* Sums over all passes, for the profile. */
typedef struct train_clock {
    double elapsed_s, waited_s; /* waited: for the loader */
    uint64_t batches;
} train_clock;

/* Everything a training holds. */
typedef struct train_job {
    const hpac_train_options *options;
    const hpac_config *config;
    hpac_device *device;
    hpac_device_info device_info; /* as it was at the start: a device that failed tells no more */

    hpac_labels labels, test_ids;
    hpac_split split;
    const hpac_fold *fold; /* of split */
    hpac_dataset *dataset, *test_dataset;
    float positive_weights[HPAC_CLASS_COUNT];
    double prior_loss; /* of the validation rows, for the shares of the training rows */

    hpac_network *network;
    /* Validates and predicts, with the plans of every model that is applied (loop.h); gets the
     * weights of `network` before each validation. */
    hpac_network *evaluation_network;
    hpac_loop *training_loop, *validation_loop;
    train_predictions validation_predictions;

    time_t started;
    train_clock clock;
    bool *skipped;         /* (labels) rows of bad images, of all parts of the run */
    size_t skipped_images; /* how many */

    hpac_model initial_model; /* of train.initial_model, loaded before anything is written */
    hpac_model model;         /* layers, weights and, in .training, where the training stands */
} train_job;

/* ---- setup.c ---- */

/* Reads labels, splits, checks all files, sizes the batch. Errors: CONFIG, DATA. */
hpac_status train_setup_data(train_job *training);
/* Of the batches of a phase. */
hpac_batch_format train_format(const train_job *training, hpac_phase phase);
/* Makes both networks (nothing allocated) and the model that mirrors the trained one on the host.
 */
hpac_status train_setup_networks(train_job *training);
/* Whether both fit the device. Errors: DEVICE. */
hpac_status train_check_memory(const train_job *training);
/* Allocates both. */
hpac_status train_allocate_networks(train_job *training);
/* The loops of training and validation; their images stay in the device's memory as device.resident
 * says. */
hpac_status train_open_loops(train_job *training);
void train_close_loops(train_job *training);
/* The loop that predicts the test set, which the caller destroys. */
hpac_status train_open_test_loop(train_job *training, const size_t *rows, hpac_loop **loop);
/* Runs a pass and adds its times to the clock. */
hpac_status train_run_pass(train_job *training, hpac_loop *loop, hpac_loop_pass *pass);
void train_teardown(train_job *training);

/* ---- skipped.c ---- */

/* Makes room for what is skipped; a resumed run begins with what run.json lists. */
hpac_status train_skipped_open(train_job *training, bool resume);
/* Adds what the loaders have skipped so far. */
void train_skipped_collect(train_job *training);
void train_skipped_close(train_job *training);

/* ---- history.c: the CSVs that grow with the training ---- */

typedef struct train_history {
    FILE *losses, *batch_losses, *batch_counts, *metrics, *class_metrics;
} train_history;

/* What one epoch came to. */
typedef struct history_epoch {
    uint32_t epoch; /* from 1 */
    uint32_t step;
    const hpac_counts *train, *validation;
    double prior_loss, elapsed_s, images_per_s, waiting;
} history_epoch;

/* Opens the CSVs of a folder. A fresh training begins them with their headers; one that is resumed
 * cuts them back to `epochs` and `steps` rows. Errors: DATA, when they hold fewer. */
hpac_status history_open(train_history *history, const train_job *training, bool fresh,
                         uint32_t epochs, uint32_t steps);
hpac_status history_add_batch(train_history *history, uint32_t step, double loss, size_t classes,
                              const hpac_step_result *result);
hpac_status history_add_epoch(train_history *history, const train_job *training,
                              const history_epoch *epoch);
/* Everything added so far is on the disk when this returns. */
hpac_status history_flush(train_history *history);
void history_close(train_history *history);

/* ---- rundir.c ---- */

typedef enum run_state {
    RUN_NEW,        /* nothing there */
    RUN_UNFINISHED, /* begun by an earlier run */
    RUN_FINISHED,
} run_state;

typedef struct rundir {
    int lock; /* descriptor of the folder, locked; -1: none */
    run_state state;
    bool failed;         /* unfinished, and not because somebody stopped it */
    bool has_checkpoint; /* resume.h5 is there */
    /* Of a finished run: */
    uint32_t epochs, epochs_without_best;
} rundir;

/* Locks a folder that is there. Errors: CONFIG, when another hpac is at work in it. */
hpac_status rundir_lock(const char *path, rundir *folder);
/* Whether nothing is in a folder but, maybe, what a killed program left of `files`; and its end. */
bool rundir_is_new(const char *path, const char *const *files, size_t count);
void rundir_tidy(const char *path, const char *const *files, size_t count);
/* Looks without touching. Errors: CONFIG, when it is not a folder, another hpac is at work in it,
 * or it holds files but no run.json. */
hpac_status rundir_inspect(const char *path, bool force, rundir *folder);
/* Makes the folder if it is not there, locks it, and tells whether it can be written. */
hpac_status rundir_claim(const char *path, rundir *folder);
/* Removes files; those that are not there are no error. */
hpac_status rundir_remove(const char *path, const char *const *files, size_t count);
/* Removes what an earlier run left. */
hpac_status rundir_clear(const char *path);
/* Removes what tells of a run as a whole, before it goes on: model.h5, predictions, submission,
 * profile, report. resume.h5 has the weights of model.h5. */
hpac_status rundir_clear_end(const char *path);
/* As rundir_clear, for a folder that nobody has locked, if it is there. */
hpac_status rundir_begin_anew(const char *path);
void rundir_release(rundir *folder);

/* Writes run.json: "running", "interrupted", "failed" or "finished". */
hpac_status rundir_write_json(const train_job *training, const char *state);
/* Writes config.yaml, and keeps its text in the model for the files of weights. */
hpac_status rundir_write_config(train_job *training);
/* A training can only go on with the configuration it began with: all keys but train.epochs, early
 * stopping, data.workers, data.cache_mib, device.resident and device.graph must agree with
 * config.yaml; of a finished one (NULL: it is not) train.epochs and early stopping as well, unless
 * early stopping has ended it within so many epochs. Errors: CONFIG, with the first line that
 * differs. */
hpac_status rundir_check_config(const char *folder, const hpac_config *config,
                                const rundir *finished);
/* Whether a finished run has fewer epochs than are wanted. */
bool rundir_wants_more(const rundir *folder, const hpac_config *config);
/* Inspects the folder of one run of several, and whether it can be finished or go on as this
 * configuration wants it; a finished one that wants more epochs is RUN_UNFINISHED. With `force`
 * anything may be there. Errors: those of rundir_inspect; CONFIG when it is the run of another
 * configuration, or stands beyond its epochs. */
hpac_status rundir_look(const char *path, const hpac_config *config, bool force, rundir *folder);
/* Warns when the run was begun on another device, or with another number of threads. */
hpac_status rundir_compare_device(const train_job *training);

/* ---- checkpoint.c ---- */

/* Loads train.initial_model, if there is one. */
hpac_status checkpoint_load_initial(train_job *training);
/* Loads resume.h5 in place of the model; nothing is written. Errors: DATA (a file that is none,
 * other layers, other rows of labels), CONFIG when it stands beyond train.epochs. */
hpac_status checkpoint_load(train_job *training);
/* The last of these checks alone, for a folder with resume.h5. */
hpac_status checkpoint_check_epochs(const char *folder, const hpac_config *config);
/* Sets the weights the training starts from: drawn or from train.initial_model, or those that
 * checkpoint_load has loaded. */
hpac_status checkpoint_start(train_job *training);
hpac_status checkpoint_resume(train_job *training);
/* Writes resume.h5 (weights, accumulators, state). */
hpac_status checkpoint_save(train_job *training);
/* Writes best.h5 or model.h5 (weights alone). */
hpac_status checkpoint_save_model(train_job *training, const char *name);

/* ---- epochs.c ---- */

/* Trains and validates until the last epoch or early stopping; a stop saves and is
 * HPAC_INTERRUPTED. */
hpac_status train_run_epochs(train_job *training, train_history *history);
/* Validates once; the probabilities are in validation_predictions then. */
hpac_status train_validate(train_job *training);

/* ---- profile.c ---- */

/* Logs the profile as a table and writes profile.csv. */
hpac_status train_report_profile(const train_job *training);

/* ---- run_report.c ---- */

/* Whether a report is wanted and can be drawn; where it cannot, warns and tells how to make it
 * later. */
bool train_report_probe(const hpac_train_options *options);
/* Writes the report of a run, a cross-validation or a sweep, and warns where it cannot. Errors:
 * HPAC_INTERRUPTED. */
hpac_status train_report_write(const char *folder, const volatile sig_atomic_t *stop);

/* ---- results.c ---- */

/* The rows of folds.csv. */
void train_folds_table(const hpac_run_results *results, int count, hpac_table *table);

/* ---- trainer.c ---- */

/* Logs a text of several lines line by line, when brief to train.log alone; the text is taken
 * apart. */
void train_log_lines(char *text, bool brief);

/* ---- finish.c ---- */

hpac_status train_finish(train_job *training);

#endif
