/*
 * One pass over rows of a data set: batches are loaded in the background, computed on the device
 * and passed to a callback in order. Training, validation, evaluation and prediction all use it.
 */
#ifndef HPAC_LOOP_LOOP_H
#define HPAC_LOOP_LOOP_H

#include <hpac/metrics.h>
#include <hpac/network.h>
#include <hpac/progress.h>

#include "data/dataset.h"
#include "data/loader.h"

/* Batch slots of a loop: those of the steps in flight, and two that are filled meanwhile. */
#define HPAC_LOOP_SLOTS (HPAC_NETWORK_IN_FLIGHT + 2)

/* The batch size of every network that evaluates or predicts, a function of the image size alone:
 * with one batch size there is one choice of algorithms, so that an image's prediction has the same
 * bits in validation, evaluation and prediction, whatever images are computed beside it. 64 up to
 * 256 x 256 pixels, fewer beyond, for memory. */
size_t hpac_micro_batch_size(size_t rows, size_t cols);

typedef struct hpac_loop_options {
    hpac_device *device;
    /* (network_count) borrowed. Several, of one format: every batch goes through all of them, and
     * its probabilities are the mean of theirs. */
    hpac_network *const *networks;
    size_t network_count;
    hpac_batch_format format; /* of the networks */
    /* Its dataset (with labels there are losses and counts), rows (NULL: all of the data set),
     * drop_last, shuffle, seed, workers and skip_bad_images; the rest is set here. */
    hpac_loader_options loader;
    bool resident; /* keep the images in the device's memory after their first upload */
    const volatile sig_atomic_t *stop; /* nonzero: finish the batches in flight and return */
    void (*progress)(void *user, const hpac_progress *progress); /* may be NULL, like stop */
    void *user;
} hpac_loop_options;

typedef struct hpac_loop hpac_loop;

/* Loader, slots and, with `resident`, device memory for the images. To be destroyed whatever the
 * status. Errors: those of hpac_loader_create and hpac_network_retain_images; DEVICE. */
hpac_status hpac_loop_create(const hpac_loop_options *options, hpac_loop **loop);
void hpac_loop_destroy(hpac_loop *loop); /* NULL is fine */

typedef struct hpac_loop_pass {
    hpac_phase phase;       /* TRAIN updates the weights, the others do not */
    uint32_t epoch, epochs; /* epoch from 0: seeds the order of rows */
    size_t first_batch;     /* of the epoch */
    uint32_t step;          /* TRAIN: the number of the first update */
    hpac_counts *counts;    /* with labels: added to; else NULL */
    /* Called for every batch in order, after its step was collected. */
    hpac_status (*on_batch)(void *user, const hpac_batch *batch, const hpac_outcome *outcome);
    void *user;
    /* Set by hpac_loop_run. */
    double elapsed_s, waited_s; /* waited: for the loader */
    uint64_t images, batches;   /* finished; without bad images */
    size_t failed_network;      /* after NUMERIC: the one whose result is not finite */
} hpac_loop_pass;

/* Errors: NUMERIC with the Ids of the batch; DATA, also when no image can be read;
 * HPAC_INTERRUPTED when `stop` was raised; those of the callback, the loader and the device. No
 * step is in flight when it returns. */
hpac_status hpac_loop_run(hpac_loop *loop, hpac_loop_pass *pass);

/* Rows skipped so far, as hpac_loader_skipped; none where the loader could not be created. */
const size_t *hpac_loop_skipped(hpac_loop *loop, size_t *count);

#endif
