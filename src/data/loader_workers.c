/* The loader's workers: they open batches and read their samples one by one. */
#include "loader_internal.h"

#include <stdlib.h>
#include <string.h>

/* Gives the next batch a slot. */
static void open_batch(hpac_loader *loader)
{
    struct slot *slot = line_pop(&loader->free);
    size_t batch_size = loader->options.batch_size;
    size_t first = loader->next * batch_size;
    size_t left = loader->options.row_count - first;
    slot->batch = loader->next++;
    slot->count = left < batch_size ? left : batch_size;
    slot->handed = slot->done = slot->failed = 0;
    slot->fatal = SIZE_MAX;
    memcpy(slot->rows, loader->order + first, slot->count * sizeof *slot->rows);
    line_push(&loader->queue, slot);
    loader->filling = slot;
    skip_kept_batches(loader);
}

struct unit {
    struct slot *slot;
    size_t place;
    bool needless; /* an image before it has ended the epoch already */
};

/* Takes the next image; false when there is nothing to do for now. */
static bool take_unit(hpac_loader *loader, struct unit *unit)
{
    if (!loader->filling) {
        if (loader->next >= loader->end || loader->free.count == 0)
            return false;
        open_batch(loader);
    }
    struct slot *slot = loader->filling;
    unit->slot = slot;
    unit->place = slot->handed++;
    unit->needless = slot->fatal < unit->place;
    if (slot->handed == slot->count)
        loader->filling = NULL;
    loader->busy++;
    return true;
}

/* Targets and pixels of one image; the mutex is not held. */
static hpac_status fill_place(struct worker *worker, const struct unit *unit)
{
    if (unit->needless)
        return HPAC_OK;
    hpac_loader *loader = worker->loader;
    struct slot *slot = unit->slot;
    size_t row = slot->rows[unit->place];
    hpac_dataset_targets(loader->options.dataset, row, place_targets(loader, slot, unit->place));
    hpac_status status =
        hpac_dataset_read(worker->reader, row, place_pixels(loader, slot, unit->place));
    if (status != HPAC_OK)
        slot->failures[unit->place] =
            (struct failure){.status = status, .message = strdup(hpac_error_message())};
    return status;
}

static void finish_unit(hpac_loader *loader, const struct unit *unit, hpac_status status)
{
    struct slot *slot = unit->slot;
    slot->done++;
    slot->failed += status != HPAC_OK;
    if (ends_epoch(loader, status)) {
        if (unit->place < slot->fatal)
            slot->fatal = unit->place;
        if (slot->batch + 1 < loader->end)
            loader->end = slot->batch + 1;
    }
    loader->busy--;
    if (slot->done == slot->count || loader->busy == 0)
        pthread_cond_signal(&loader->progress);
}

void *hpac_loader_run_worker(void *user)
{
    struct worker *worker = user;
    hpac_loader *loader = worker->loader;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->ending) {
        struct unit unit;
        if (!take_unit(loader, &unit)) {
            pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }
        pthread_mutex_unlock(&loader->mutex);
        hpac_status status = fill_place(worker, &unit);
        pthread_mutex_lock(&loader->mutex);
        finish_unit(loader, &unit, status);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}
