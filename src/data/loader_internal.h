/*
 * The inside of the loader, shared by its workers (loader_workers.c) and its consumer (loader.c).
 *
 * One mutex guards everything that threads share. A unit of work is one image: workers take the
 * samples of the batch being filled one after the other; when all are taken the next batch opens,
 * if a slot is free. A slot circulates: free -> filling (in the queue, in the order of batches) ->
 * complete -> out, with the consumer -> free. Free slots are a queue, too, so that which slot a
 * batch gets depends on the consumer alone.
 *
 * Without the mutex a worker may access its unit's targets, pixels and failure, and the consumer a
 * slot that is complete, or out. Idle threads sleep: the cores belong to the compute threads.
 */
#ifndef HPAC_LOADER_INTERNAL_H
#define HPAC_LOADER_INTERNAL_H

#include "loader.h"

#include <pthread.h>

/* Why a sample could not be read. */
struct failure {
    hpac_status status; /* OK: it was read */
    char *message;      /* owned; NULL: none, or out of memory */
};

struct slot {
    uint8_t *data; /* borrowed */
    size_t batch;
    size_t *rows;             /* (batch_size) */
    struct failure *failures; /* (batch_size) all OK when the slot is free */
    bool out;                 /* with the consumer */
    size_t count;             /* images of the batch */
    size_t handed;            /* sample indices given to workers */
    size_t done;
    size_t failed;
    size_t fatal; /* first sample index whose failure ends the epoch; SIZE_MAX: none */
};

/* A queue of slots. There are never more than the loader has. */
struct line {
    struct slot **slots; /* (slot_count) */
    int first, count, size;
};

struct worker {
    hpac_loader *loader;
    hpac_dataset_reader *reader;
    pthread_t thread;
};

struct hpac_loader {
    hpac_loader_options options;
    hpac_batch_format format;
    size_t batch_count;

    pthread_mutex_t mutex;
    pthread_cond_t work;     /* to the workers: there may be units, or the loader ends */
    pthread_cond_t progress; /* to the consumer: a batch is complete, or no worker is busy */
    bool ending;
    int busy;              /* workers on a unit */
    size_t *order;         /* (row_count) rows of this epoch */
    bool *reads;           /* (batch_count) batches of this epoch that are read, not retained */
    size_t given;          /* the batch the consumer gets next; its own, without the mutex */
    size_t next;           /* the batch to open next, one that is read */
    size_t end;            /* batches from here on are not opened */
    struct slot *filling;  /* the batch being filled, or NULL */
    struct line free;      /* slots to be filled */
    struct line queue;     /* slots opened and not yet given to the consumer */
    struct slot *slots;    /* (slot_count) */
    int out_count;         /* slots with the consumer */
    struct failure failed; /* what ended the epoch */

    size_t *slot_rows;             /* backing of slot.rows */
    struct failure *slot_failures; /* backing of slot.failures */
    struct slot **line_slots;      /* backing of both lines */
    size_t *skipped;               /* (row_count) ascending */
    size_t skipped_count;
    struct worker *workers;
    int worker_count;
    int started_count; /* threads running */
};

static inline void line_push(struct line *line, struct slot *slot)
{
    line->slots[(line->first + line->count++) % line->size] = slot;
}

static inline struct slot *line_pop(struct line *line)
{
    struct slot *slot = line->slots[line->first];
    line->first = (line->first + 1) % line->size;
    line->count--;
    return slot;
}

/* Advances `next` to a batch that is to be read. */
static inline void skip_kept_batches(hpac_loader *loader)
{
    while (loader->next < loader->end && !loader->reads[loader->next])
        loader->next++;
}

/* Whether a failure is more than a bad image to be skipped. */
static inline bool ends_epoch(const hpac_loader *loader, hpac_status status)
{
    return status != HPAC_OK && !(loader->options.skip_bad_images && status == HPAC_ERR_DATA);
}

static inline uint8_t *place_targets(const hpac_loader *loader, const struct slot *slot,
                                     size_t place)
{
    return slot->data + place * loader->format.target_count;
}

static inline uint8_t *place_pixels(const hpac_loader *loader, const struct slot *slot,
                                    size_t place)
{
    return slot->data + hpac_batch_pixels_offset_nbytes(&loader->format) +
           place * hpac_batch_image_nbytes(&loader->format);
}

/* The life of a worker: `user` is its struct worker. */
void *hpac_loader_run_worker(void *user);

#endif
