/*
 * The loader: worker threads that fill a ring of batch slots in the background.
 *
 *     hpac_loader_begin(loader, epoch, 0);
 *     while ((status = hpac_loader_next(loader, &batch)) == HPAC_OK && batch.count > 0) {
 *         ... use batch.slot ...
 *         hpac_loader_release(loader, &batch);
 *     }
 *
 * The order of rows is a function of (seed, epoch) alone: as given, or shuffled by Fisher and Yates
 * with Philox. Threads and buffers are created once, none per batch. One consumer thread.
 */
#ifndef HPAC_DATA_LOADER_H
#define HPAC_DATA_LOADER_H

#include "dataset.h"

typedef struct hpac_loader_options {
    hpac_dataset *dataset;
    const size_t *rows; /* (row_count) of the data set, borrowed; must outlive the loader */
    size_t row_count;
    size_t batch_size;
    size_t slot_targets; /* bytes for the targets of an image in a slot; 0: those of the data set.
                            Not written for rows without labels */
    bool drop_last;      /* leave out the last batch when it is not full */
    bool shuffle;
    uint64_t seed;
    int workers; /* 0: one per core */
    /* By row of the data set, borrowed: the consumer has its image. A batch of such rows only is
     * not read. Read by hpac_loader_begin. NULL: every batch is read. */
    const bool *resident;
    bool skip_bad_images; /* else the first bad image ends the epoch with its error */
    /* (slot_count) memory of hpac_batch_nbytes() each, from the device; borrowed. */
    uint8_t *const *slots;
    size_t slot_count; /* >= 2 */
} hpac_loader_options;

typedef struct hpac_batch {
    int slot;            /* number of the slot; -1: none, all rows are resident */
    const uint8_t *data; /* targets, then pixels (hpac_batch_format); NULL without a slot */
    size_t count;        /* images in it; 0: the epoch is over */
    size_t index;        /* of the batch in its epoch */
    const size_t *rows;  /* (count) row of the data set, by sample index */
    double waited_ms;    /* how long the consumer waited for it */
} hpac_batch;

typedef struct hpac_loader hpac_loader;

/* Errors: CONFIG when drop_last leaves no batch (batch and row counts in the message), INTERNAL
 * (memory, threads; rows that the data set does not have). */
hpac_status hpac_loader_create(const hpac_loader_options *options, hpac_loader **loader);
/* Stops the workers, also in the middle of an epoch. NULL is fine. */
void hpac_loader_destroy(hpac_loader *loader);

/* Batches per epoch. */
size_t hpac_loader_batch_count(const hpac_loader *loader);

/* Starts filling slots with the batches of `epoch` from `first_batch` on; a running epoch is
 * abandoned. Errors: INTERNAL when a batch handed out has not been released, or first_batch is
 * larger than the number of batches. */
hpac_status hpac_loader_begin(hpac_loader *loader, uint32_t epoch, size_t first_batch);

/* Waits for the next batch, in order. Bad images that are skipped leave the batch smaller, the
 * others move up, and a batch of which none is left is skipped. count == 0 after the last batch.
 * Errors: those of hpac_dataset_read, of the first bad image in the order of rows, again at each
 * call until the next epoch is begun; INTERNAL when all slots are in use. */
hpac_status hpac_loader_next(hpac_loader *loader, hpac_batch *batch);
/* Releases the slot, in any order; the batch's memory may be filled again from here on. A batch of
 * count 0, or one released already, is fine. */
void hpac_loader_release(hpac_loader *loader, const hpac_batch *batch);

/* Rows skipped since creation, each once (and logged once), in ascending order; the array is valid
 * until the next call of a function of this loader. */
const size_t *hpac_loader_skipped(hpac_loader *loader, size_t *count);

#endif
