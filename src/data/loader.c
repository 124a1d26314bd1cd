/* The loader: its making and ending, its epochs, and what the consumer sees of them. */
#include "loader_internal.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/machine.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

static void clear_failures(struct slot *slot)
{
    for (size_t place = 0; place < slot->count && slot->failed > 0; place++) {
        free(slot->failures[place].message);
        slot->failures[place] = (struct failure){.status = HPAC_OK};
    }
    slot->failed = 0;
}

/* --- Making and ending ----------------------------------------------------------------------- */

static hpac_status check_options(const hpac_loader_options *options, size_t batch_count)
{
    if (options->batch_size < 1 || options->slot_count < 2 || options->workers < 0)
        return hpac_fail(
            HPAC_ERR_INTERNAL,
            "loader with batches of %zu, %d slots and %d workers, expected at least 1, "
            "2 and 0",
            options->batch_size, options->slot_count, options->workers);
    if (options->row_count > UINT32_MAX)
        return hpac_fail(HPAC_ERR_INTERNAL, "loader of %zu rows, expected at most %u",
                         options->row_count, UINT32_MAX);
    size_t labels = hpac_dataset_get_options(options->dataset)->labels->count;
    for (size_t i = 0; i < options->row_count; i++)
        if (options->rows[i] >= labels)
            return hpac_fail(HPAC_ERR_INTERNAL, "loader of row %zu in a data set of %zu rows",
                             options->rows[i], labels);
    if (options->drop_last && batch_count == 0)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "batch size %zu is larger than the %zu images: drop_last leaves no batch",
                         options->batch_size, options->row_count);
    return HPAC_OK;
}

static hpac_status allocate(hpac_loader *loader)
{
    const hpac_loader_options *options = &loader->options;
    size_t slots = (size_t)options->slot_count;
    size_t places = slots * options->batch_size;
    size_t rows = options->row_count + 1; /* + 1: no rows are no failure */
    loader->slots = calloc(slots, sizeof *loader->slots);
    loader->slot_rows = calloc(places, sizeof *loader->slot_rows);
    loader->slot_failures = calloc(places, sizeof *loader->slot_failures);
    loader->line_slots = calloc(2 * slots, sizeof *loader->line_slots);
    loader->order = calloc(rows, sizeof *loader->order);
    loader->reads = calloc(loader->batch_count + 1, sizeof *loader->reads);
    loader->skipped = calloc(rows, sizeof *loader->skipped);
    loader->workers = calloc((size_t)loader->worker_count, sizeof *loader->workers);
    if (!loader->slots || !loader->slot_rows || !loader->slot_failures || !loader->line_slots ||
        !loader->order || !loader->reads || !loader->skipped || !loader->workers)
        return hpac_fail(HPAC_ERR_INTERNAL,
                         "out of memory for a loader of %zu rows, %zu slots and %d workers",
                         options->row_count, slots, loader->worker_count);
    return HPAC_OK;
}

static void lay_out(hpac_loader *loader)
{
    int slots = loader->options.slot_count;
    loader->free = (struct line){.slots = loader->line_slots, .size = slots};
    loader->queue = (struct line){.slots = loader->line_slots + slots, .size = slots};
    for (int i = 0; i < slots; i++) {
        struct slot *slot = &loader->slots[i];
        size_t place = (size_t)i * loader->options.batch_size;
        slot->data = loader->options.slots[i];
        slot->rows = loader->slot_rows + place;
        slot->failures = loader->slot_failures + place;
        line_push(&loader->free, slot);
    }
}

static hpac_status start_workers(hpac_loader *loader)
{
    for (int i = 0; i < loader->worker_count; i++) {
        struct worker *worker = &loader->workers[i];
        worker->loader = loader;
        HPAC_TRY(hpac_dataset_reader_create(loader->options.dataset, &worker->reader));
        int error = pthread_create(&worker->thread, NULL, hpac_loader_run_worker, worker);
        if (error != 0)
            return hpac_fail(HPAC_ERR_INTERNAL, "cannot start loader thread %d of %d: %s", i + 1,
                             loader->worker_count, strerror(error));
        loader->started_count++;
    }
    return HPAC_OK;
}

hpac_status hpac_loader_create(const hpac_loader_options *options, hpac_loader **loader)
{
    *loader = NULL;
    size_t batch_size = options->batch_size > 0 ? options->batch_size : 1;
    size_t batch_count = options->row_count / batch_size;
    if (!options->drop_last && options->row_count % batch_size > 0)
        batch_count++;
    HPAC_TRY(check_options(options, batch_count));
    hpac_loader *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    const hpac_dataset_options *dataset = hpac_dataset_get_options(options->dataset);
    made->options = *options;
    made->format = (hpac_batch_format){
        .batch_size = options->batch_size,
        .target_count = options->slot_targets > 0 ? options->slot_targets : dataset->target_count,
        .rows = dataset->rows,
        .cols = dataset->cols,
        .channels = dataset->channels,
        .pixels = dataset->pixels};
    made->batch_count = made->given = batch_count;
    made->worker_count = options->workers > 0 ? options->workers : hpac_core_count();
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->progress, NULL);
    hpac_status status = allocate(made);
    if (status == HPAC_OK) {
        lay_out(made);
        status = start_workers(made);
    }
    if (status != HPAC_OK) {
        hpac_loader_destroy(made);
        return status;
    }
    *loader = made;
    return HPAC_OK;
}

static void end_workers(hpac_loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    loader->ending = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->started_count; i++)
        pthread_join(loader->workers[i].thread, NULL);
    for (int i = 0; loader->workers && i < loader->worker_count; i++)
        hpac_dataset_reader_destroy(loader->workers[i].reader);
}

void hpac_loader_destroy(hpac_loader *loader)
{
    if (!loader)
        return;
    end_workers(loader);
    for (int i = 0; loader->slot_failures && i < loader->options.slot_count; i++)
        clear_failures(&loader->slots[i]);
    pthread_cond_destroy(&loader->progress);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    free(loader->failed.message);
    free(loader->workers);
    free(loader->skipped);
    free(loader->reads);
    free(loader->order);
    free(loader->line_slots);
    free(loader->slot_failures);
    free(loader->slot_rows);
    free(loader->slots);
    free(loader);
}

/* --- The consumer ---------------------------------------------------------------------------- */

size_t hpac_loader_batch_count(const hpac_loader *loader)
{
    return loader->batch_count;
}

/* Abandons the rest of an epoch, waiting for images being read. The mutex is held. */
static void drop_epoch(hpac_loader *loader)
{
    loader->next = loader->end = 0;
    loader->filling = NULL;
    while (loader->busy > 0)
        pthread_cond_wait(&loader->progress, &loader->mutex);
    while (loader->queue.count > 0) {
        struct slot *slot = line_pop(&loader->queue);
        clear_failures(slot);
        line_push(&loader->free, slot);
    }
    free(loader->failed.message);
    loader->failed = (struct failure){.status = HPAC_OK};
}

/* Fisher and Yates, from the end: the last row is swapped with a random one up to itself, then the
 * one before it, ... */
static void order_rows(hpac_loader *loader, uint32_t epoch)
{
    const hpac_loader_options *options = &loader->options;
    size_t *order = loader->order;
    for (size_t i = 0; i < options->row_count; i++)
        order[i] = options->rows[i];
    if (!options->shuffle)
        return;
    hpac_random random;
    hpac_random_init(&random, options->seed, HPAC_PURPOSE_SHUFFLE, 0, epoch);
    for (size_t i = options->row_count; i > 1; i--) {
        size_t other = hpac_random_below(&random, (uint32_t)i);
        size_t row = order[i - 1];
        order[i - 1] = order[other];
        order[other] = row;
    }
}

static size_t count_of_batch(const hpac_loader *loader, size_t batch)
{
    size_t batch_size = loader->options.batch_size;
    size_t left = loader->options.row_count - batch * batch_size;
    return left < batch_size ? left : batch_size;
}

static const size_t *rows_of_batch(const hpac_loader *loader, size_t batch)
{
    return loader->order + batch * loader->options.batch_size;
}

static void find_batches_to_read(hpac_loader *loader)
{
    const bool *kept = loader->options.kept;
    for (size_t batch = 0; batch < loader->batch_count; batch++) {
        const size_t *rows = rows_of_batch(loader, batch);
        loader->reads[batch] = !kept;
        for (size_t i = 0; kept && i < count_of_batch(loader, batch); i++)
            loader->reads[batch] |= !kept[rows[i]];
    }
}

hpac_status hpac_loader_begin(hpac_loader *loader, uint32_t epoch, size_t first_batch)
{
    if (loader->out_count > 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "epoch started while %d batches are not released",
                         loader->out_count);
    if (first_batch > loader->batch_count)
        return hpac_fail(HPAC_ERR_INTERNAL, "epoch started at batch %zu of %zu", first_batch,
                         loader->batch_count);
    pthread_mutex_lock(&loader->mutex);
    drop_epoch(loader);
    order_rows(loader, epoch);
    find_batches_to_read(loader);
    loader->given = loader->next = first_batch;
    loader->end = loader->batch_count;
    skip_kept_batches(loader);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return HPAC_OK;
}

/* The next batch in order once it is complete, or NULL after the last. Adds to `waited_ms`. */
static hpac_status await_batch(hpac_loader *loader, struct slot **complete, double *waited_ms)
{
    *complete = NULL;
    hpac_status status = HPAC_OK;
    pthread_mutex_lock(&loader->mutex);
    bool over = loader->queue.count == 0 && loader->next >= loader->end;
    if (!over && loader->out_count == loader->options.slot_count)
        status = hpac_fail(HPAC_ERR_INTERNAL, "batch requested while all %d slots are in use",
                           loader->out_count);
    else if (!over) {
        const struct line *queue = &loader->queue;
        double start_ms = 0;
        while (queue->count == 0 ||
               queue->slots[queue->first]->done < queue->slots[queue->first]->count) {
            start_ms = start_ms > 0 ? start_ms : 1e3 * hpac_clock_s();
            pthread_cond_wait(&loader->progress, &loader->mutex);
        }
        if (start_ms > 0)
            *waited_ms += 1e3 * hpac_clock_s() - start_ms;
        *complete = line_pop(&loader->queue);
    }
    pthread_mutex_unlock(&loader->mutex);
    return status;
}

static void free_slot(hpac_loader *loader, struct slot *slot)
{
    pthread_mutex_lock(&loader->mutex);
    line_push(&loader->free, slot);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
}

/* Each skipped image is logged, up to these: a directory may lack thousands. */
enum { MAX_LOGGED_SKIPS = 10 };

/* Counts and logs a row, the first time. */
static void note_skipped(hpac_loader *loader, size_t row, const char *reason)
{
    size_t low = 0, high = loader->skipped_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (loader->skipped[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < loader->skipped_count && loader->skipped[low] == row)
        return;
    memmove(loader->skipped + low + 1, loader->skipped + low,
            (loader->skipped_count - low) * sizeof *loader->skipped);
    loader->skipped[low] = row;
    loader->skipped_count++;
    if (loader->skipped_count <= MAX_LOGGED_SKIPS)
        hpac_log_warning("image skipped: %s", reason ? reason : "(no memory for the reason)");
    if (loader->skipped_count == MAX_LOGGED_SKIPS)
        hpac_log_warning("images skipped after these %d are counted, not logged", MAX_LOGGED_SKIPS);
}

static void move_place(const hpac_loader *loader, struct slot *slot, size_t from, size_t to)
{
    if (from == to)
        return;
    slot->rows[to] = slot->rows[from];
    memcpy(place_targets(loader, slot, to), place_targets(loader, slot, from),
           loader->format.target_count);
    memcpy(place_pixels(loader, slot, to), place_pixels(loader, slot, from),
           hpac_batch_image_nbytes(&loader->format));
}

/* Resolves the failures of a complete batch in the order of samples: bad images to be skipped are
 * removed, the first other failure ends the epoch. */
static hpac_status resolve_failures(hpac_loader *loader, struct slot *slot)
{
    size_t kept = 0;
    for (size_t place = 0; place < slot->count && loader->failed.status == HPAC_OK; place++) {
        struct failure *failed = &slot->failures[place];
        if (failed->status == HPAC_OK)
            move_place(loader, slot, place, kept++);
        else if (ends_epoch(loader, failed->status)) {
            loader->failed = *failed;
            failed->message = NULL;
        } else
            note_skipped(loader, slot->rows[place], failed->message);
    }
    clear_failures(slot);
    slot->count = kept;
    return loader->failed.status;
}

hpac_status hpac_loader_next(hpac_loader *loader, hpac_batch *batch)
{
    *batch = (hpac_batch){.slot = -1};
    while (loader->failed.status == HPAC_OK) {
        if (loader->given < loader->batch_count && !loader->reads[loader->given]) {
            batch->index = loader->given++;
            batch->count = count_of_batch(loader, batch->index);
            batch->rows = rows_of_batch(loader, batch->index);
            return HPAC_OK;
        }
        struct slot *slot;
        hpac_status status = await_batch(loader, &slot, &batch->waited_ms);
        if (status != HPAC_OK || !slot)
            return status;
        loader->given = slot->batch + 1;
        if (slot->failed == 0 || (resolve_failures(loader, slot) == HPAC_OK && slot->count > 0)) {
            batch->slot = (int)(slot - loader->slots);
            batch->data = slot->data;
            batch->count = slot->count;
            batch->index = slot->batch;
            batch->rows = slot->rows;
            slot->out = true;
            loader->out_count++;
            return HPAC_OK;
        }
        free_slot(loader, slot);
    }
    const char *reason = loader->failed.message;
    return hpac_fail(loader->failed.status, "%s", reason ? reason : "(no memory for the reason)");
}

void hpac_loader_release(hpac_loader *loader, const hpac_batch *batch)
{
    if (batch->count == 0 || batch->slot < 0 || !loader->slots[batch->slot].out)
        return;
    loader->slots[batch->slot].out = false;
    loader->out_count--;
    free_slot(loader, &loader->slots[batch->slot]);
}

const size_t *hpac_loader_skipped(hpac_loader *loader, size_t *count)
{
    *count = loader->skipped_count;
    return loader->skipped;
}
