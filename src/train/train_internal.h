/* What the files of training share. */
#ifndef HPAC_TRAIN_INTERNAL_H
#define HPAC_TRAIN_INTERNAL_H

#include <hpac/model.h>
#include <hpac/network.h>

#include "run_directory.h"
#include "schedule.h"

#include "loop/loop.h"
#include "model/start_weights.h"
#include "rundir/history.h"
#include "rundir/submission.h"

#include <jansson.h>
#include <time.h>

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
    hpac_device_info device_info; /* at the start: a failed device cannot be described */

    hpac_labels labels, test_ids;
    hpac_split split;
    const hpac_fold *fold; /* of split */
    hpac_dataset *dataset, *test_dataset;
    float positive_weights[HPAC_CLASS_COUNT];
    double prior_loss; /* of the validation rows, for the shares of the training rows */

    train_schedule schedule;
    hpac_layer_training *layer_training; /* (layer_count) by train.layers and train.l2 */
    hpac_network *network;
    /* Validates and predicts, with the plans of every model that is applied (loop.h); gets the
     * weights of `network` before each validation. */
    hpac_network *evaluation_network;
    hpac_loop *training_loop, *validation_loop, *test_loop;
    hpac_counts validation_counts; /* of the last validation */
    hpac_predictions validation_predictions;

    train_history history;
    time_t started;
    train_clock clock;
    bool *skipped;         /* (labels) rows of bad images, of all parts of the run */
    size_t skipped_images; /* how many */

    /* What the training starts from, loaded before anything is written. */
    hpac_model initial_model; /* of train.initial_model, without its weights */
    hpac_start start;         /* of this or of train.initial_weights; zeroed: neither */
    json_t *start_json;       /* what was taken of it, for run.json; NULL: nothing */
    hpac_model model;         /* layers, weights and, in .training, the state of the training */
} train_job;

/* ---- setup.c ---- */

/* Reads labels, splits, checks all files, sizes the batch. Errors: CONFIG, DATA. */
hpac_status train_setup_data(train_job *training);
/* Whether the loss is other than plain cross-entropy, so that its best constant guess is not the
 * class's frequency. */
bool train_weighs_losses(const train_job *training);
/* Of the batches of a phase. */
hpac_batch_format train_format(const train_job *training, hpac_phase phase);
/* Makes both networks (nothing allocated) and the model that mirrors the trained one. */
hpac_status train_setup_networks(train_job *training);
/* The loops of training and validation; their images stay in the device's memory as device.resident
 * says. */
hpac_status train_open_loops(train_job *training);
/* The loop of one phase; of PREDICT over the test set. */
hpac_status train_open_loop(const train_job *training, hpac_phase phase, bool resident,
                            hpac_loop **loop);
/* Runs a pass and adds its times to the clock. */
hpac_status train_run_pass(train_job *training, hpac_loop *loop, hpac_loop_pass *pass);
void train_teardown(train_job *training);

/* ---- run_directory.c; the rest of it is in run_directory.h ---- */

/* The skipped images of a run that is resumed; warns when it was started on another device, or with
 * another number of threads. */
void train_read_run_json(train_job *training);
/* Writes config.yaml, and keeps its text in the model for the files of weights. */
hpac_status train_write_config(train_job *training);
/* Adds what the loaders have skipped so far. */
void train_collect_skipped(train_job *training);
/* Writes run.json: "running", "interrupted", "failed" or "finished". */
hpac_status train_write_run_json(const train_job *training, const char *state);

/* ---- layer_rules.c ---- */

/* Makes training->layer_training. Errors: CONFIG for a rule that matches no layer with weights. */
hpac_status train_apply_layer_rules(train_job *training);

/* ---- initial_weights.c ---- */

/* Loads train.initial_model or train.initial_weights, if there is one. Errors: DATA. */
hpac_status train_load_start(train_job *training);
/* HPAC_OK when a model has the layers of the configuration; else DATA, naming the first difference.
 * Without `exactly` the number of its outputs and of its channels may differ, and it may have the
 * first layers alone. */
hpac_status train_check_layers(const hpac_model *expected, const hpac_model *found, bool exactly);
/* Prints what was taken of the file, and what was not. */
void train_print_start(const train_job *training, FILE *stream);
/* Draws the weights and sets those of the file, whose memory is freed. */
hpac_status train_set_start(train_job *training);

/* ---- checkpoint.c ---- */

/* Loads resume.h5 in place of the model; nothing is written. Errors: DATA (not a checkpoint, other
 * layers, other rows of labels), CONFIG when it is beyond train.epochs. */
hpac_status checkpoint_load(train_job *training);
/* The last of these checks alone, for a directory with resume.h5. */
hpac_status checkpoint_check_epochs(const char *directory, const hpac_config *config);
/* Sets the weights the training starts from: those of train_set_start, or those that
 * checkpoint_load has loaded. */
hpac_status checkpoint_start(train_job *training);
hpac_status checkpoint_resume(train_job *training);
/* Copies the weights that are evaluated and saved to the host's model: with train.ema their
 * average. */
hpac_status checkpoint_export_evaluated(train_job *training);
/* Writes resume.h5 (weights, states), best.h5 or model.h5 (the evaluated weights alone). */
hpac_status checkpoint_save(train_job *training, hpac_run_file_number file);

/* ---- epochs.c ---- */

/* Begins or continues the CSVs; trains and validates until the last epoch or early stopping; then
 * writes model.h5, predictions.csv and the submission. A stop saves and is HPAC_INTERRUPTED. */
hpac_status train_run_epochs(train_job *training, bool resume);

#endif
