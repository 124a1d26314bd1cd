/*
 * The loader: worker threads fill slots, one consumer takes them.
 *
 * One mutex guards everything that threads share. A unit of work is one image: workers take the
 * samples of the batch being filled one after the other; when all are taken the next batch opens,
 * if a slot is free. A slot circulates: free -> open, its samples being read -> out, with the
 * consumer -> free. Free slots are taken in the order of their release, so that which slot a batch
 * gets depends on the consumer alone.
 *
 * Without the mutex a worker may access its sample's targets, pixels and failure, and the consumer
 * a slot whose samples are all read. Idle threads sleep: the cores belong to the compute threads.
 */
#include "loader.h"

#include <hpac/log.h>

#include "base/clock.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/random.h"

#include <pthread.h>
#include <string.h>

/* Why a sample could not be read. */
typedef struct failure {
    hpac_status status; /* OK: it was read */
    char *message;      /* owned; NULL: none, or out of memory */
} failure;

typedef enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_OUT } slot_state;

typedef struct loader_slot {
    slot_state state;
    size_t number;                       /* of the batch; free: in the order of release */
    uint8_t *data;                       /* borrowed */
    size_t *rows;                        /* (batch_size) */
    failure *failures;                   /* (batch_size) all OK when the slot is free */
    size_t count, started, done, failed; /* samples of the batch */
} loader_slot;

typedef struct loader_worker {
    hpac_loader *loader;
    hpac_dataset_reader *reader;
    pthread_t thread;
} loader_worker;

struct hpac_loader {
    hpac_loader_options options;
    hpac_batch_format format;
    size_t batch_count;

    pthread_mutex_t mutex;
    pthread_cond_t work;     /* to the workers: there may be samples, or the loader ends */
    pthread_cond_t progress; /* to the consumer: a batch is complete, or no worker is busy */
    bool ending;
    int busy;             /* workers on a sample */
    size_t *order;        /* (row_count) rows of this epoch */
    bool *reads;          /* (batch_count) batches of this epoch that are read, not resident */
    size_t given;         /* the batch the consumer gets next; its own, without the mutex */
    size_t next;          /* the batch to open next, one that is read */
    size_t end;           /* batches from here on are not opened */
    loader_slot *filling; /* the batch being filled, or NULL */
    loader_slot *slots;   /* (slot_count) */
    size_t out_count;     /* slots with the consumer */
    size_t released;      /* slots so far */
    failure failed;       /* what ended the epoch */
    bool *is_skipped;     /* by row of the data set */
    size_t *skipped;      /* (row_count) for hpac_loader_skipped */
    size_t skipped_count;
    loader_worker *workers; /* (worker_count) */
    size_t worker_count, started_count;
};

/* The slot in this state with the lowest number; NULL: none. */
static loader_slot *first_slot(const hpac_loader *loader, slot_state state)
{
    loader_slot *first = NULL;
    for (size_t i = 0; i < loader->options.slot_count; i++) {
        loader_slot *slot = &loader->slots[i];
        if (slot->state == state && (!first || slot->number < first->number))
            first = slot;
    }
    return first;
}

/* Whether a failure is more than a bad image to be skipped. */
static bool ends_epoch(const hpac_loader *loader, hpac_status status)
{
    return status != HPAC_OK && !(loader->options.skip_bad_images && status == HPAC_ERR_DATA);
}

static uint8_t *targets_of(const hpac_loader *loader, const loader_slot *slot, size_t sample)
{
    return slot->data + sample * loader->format.target_count;
}

static uint8_t *pixels_of(const hpac_loader *loader, const loader_slot *slot, size_t sample)
{
    return slot->data + hpac_batch_pixels_offset_nbytes(&loader->format) +
           sample * hpac_batch_image_nbytes(&loader->format);
}

static size_t count_of_batch(const hpac_loader *loader, size_t batch)
{
    size_t left = loader->options.row_count - batch * loader->options.batch_size;
    return left < loader->options.batch_size ? left : loader->options.batch_size;
}

static const size_t *rows_of_batch(const hpac_loader *loader, size_t batch)
{
    return loader->order + batch * loader->options.batch_size;
}

static void clear_failures(loader_slot *slot)
{
    for (size_t i = 0; slot->failed > 0 && i < slot->count; i++) {
        free(slot->failures[i].message);
        slot->failures[i] = (failure){.status = HPAC_OK};
    }
    slot->failed = 0;
}

/* Advances `next` to a batch that is to be read. */
static void skip_resident_batches(hpac_loader *loader)
{
    while (loader->next < loader->end && !loader->reads[loader->next])
        loader->next++;
}

static void open_batch(hpac_loader *loader, loader_slot *slot)
{
    slot->state = SLOT_OPEN;
    slot->number = loader->next++;
    slot->count = count_of_batch(loader, slot->number);
    slot->started = slot->done = slot->failed = 0;
    memcpy(slot->rows, rows_of_batch(loader, slot->number), slot->count * sizeof *slot->rows);
    loader->filling = slot;
    skip_resident_batches(loader);
}

/* Takes the next image; NULL when there is nothing to do for now. */
static loader_slot *start_sample(hpac_loader *loader, size_t *sample)
{
    loader_slot *free_slot = loader->filling ? NULL : first_slot(loader, SLOT_FREE);
    if (free_slot && loader->next < loader->end)
        open_batch(loader, free_slot);
    loader_slot *filling = loader->filling;
    if (!filling)
        return NULL;
    *sample = filling->started++;
    if (filling->started == filling->count)
        loader->filling = NULL;
    loader->busy++;
    return filling;
}

/* Targets and pixels of one image; the mutex is not held. */
static hpac_status read_sample(loader_worker *worker, loader_slot *slot, size_t sample)
{
    const hpac_loader *loader = worker->loader;
    size_t row = slot->rows[sample];
    hpac_dataset_targets(loader->options.dataset, row, targets_of(loader, slot, sample));
    hpac_status status = hpac_dataset_read(worker->reader, row, pixels_of(loader, slot, sample));
    if (status != HPAC_OK)
        slot->failures[sample] =
            (failure){.status = status, .message = strdup(hpac_error_message())};
    return status;
}

static void finish_sample(hpac_loader *loader, loader_slot *slot, hpac_status status)
{
    slot->done++;
    slot->failed += status != HPAC_OK;
    if (ends_epoch(loader, status) && slot->number + 1 < loader->end)
        loader->end = slot->number + 1;
    loader->busy--;
    if (slot->done == slot->count || loader->busy == 0)
        pthread_cond_signal(&loader->progress);
}

static void *run_worker(void *user)
{
    loader_worker *self = user;
    hpac_loader *loader = self->loader;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->ending) {
        size_t sample;
        loader_slot *slot = start_sample(loader, &sample);
        if (!slot) {
            pthread_cond_wait(&loader->work, &loader->mutex);
            continue;
        }
        pthread_mutex_unlock(&loader->mutex);
        hpac_status status = read_sample(self, slot, sample);
        pthread_mutex_lock(&loader->mutex);
        finish_sample(loader, slot, status);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

static hpac_status check_options(const hpac_loader_options *options)
{
    if (options->batch_size < 1 || options->slot_count < 2 || options->workers < 0 ||
        options->row_count > UINT32_MAX)
        return hpac_fail(
            HPAC_ERR_INTERNAL, "loader: batch size %zu, %zu slots, %d workers, %zu rows",
            options->batch_size, options->slot_count, options->workers, options->row_count);
    size_t labels = hpac_dataset_get_options(options->dataset)->labels->count;
    for (size_t i = 0; i < options->row_count; i++)
        if (options->rows[i] >= labels)
            return hpac_fail(HPAC_ERR_INTERNAL, "loader of row %zu in a data set of %zu rows",
                             options->rows[i], labels);
    if (options->drop_last && options->row_count < options->batch_size)
        return hpac_fail(HPAC_ERR_CONFIG,
                         "batch size %zu is larger than the %zu images: drop_last leaves no batch",
                         options->batch_size, options->row_count);
    return HPAC_OK;
}

static hpac_status start_workers(hpac_loader *loader)
{
    HPAC_TRY_NEW(loader->workers, loader->worker_count);
    for (; loader->started_count < loader->worker_count; loader->started_count++) {
        loader_worker *worker = &loader->workers[loader->started_count];
        worker->loader = loader;
        HPAC_TRY(hpac_dataset_reader_create(loader->options.dataset, &worker->reader));
        int error = pthread_create(&worker->thread, NULL, run_worker, worker);
        if (error != 0)
            return hpac_fail(HPAC_ERR_INTERNAL, "cannot start loader thread %zu of %zu: %s",
                             loader->started_count + 1, loader->worker_count, strerror(error));
    }
    return HPAC_OK;
}

static hpac_status init(hpac_loader *loader, const hpac_loader_options *options)
{
    const hpac_dataset_options *data = hpac_dataset_get_options(options->dataset);
    loader->options = *options;
    loader->format = (hpac_batch_format){
        .batch_size = options->batch_size,
        .target_count = options->slot_targets > 0 ? options->slot_targets : data->target_count,
        .rows = data->rows,
        .cols = data->cols,
        .channels = data->channels,
        .pixels = data->pixels};
    size_t partial = options->drop_last ? 0 : options->batch_size - 1;
    loader->batch_count = (options->row_count + partial) / options->batch_size;
    loader->given = loader->batch_count;
    loader->worker_count = (size_t)(options->workers > 0 ? options->workers : hpac_core_count());
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->progress, NULL);
    HPAC_TRY_NEW(loader->order, options->row_count + 1); /* + 1: no rows are no failure */
    HPAC_TRY_NEW(loader->reads, loader->batch_count + 1);
    HPAC_TRY_NEW(loader->is_skipped, data->labels->count + 1);
    HPAC_TRY_NEW(loader->skipped, options->row_count + 1);
    HPAC_TRY_NEW(loader->slots, options->slot_count);
    for (size_t i = 0; i < options->slot_count; i++) {
        loader_slot *slot = &loader->slots[i];
        slot->number = loader->released++;
        slot->data = options->slots[i];
        HPAC_TRY_NEW(slot->rows, options->batch_size);
        HPAC_TRY_NEW(slot->failures, options->batch_size);
    }
    return start_workers(loader);
}

hpac_status hpac_loader_create(const hpac_loader_options *options, hpac_loader **loader)
{
    *loader = NULL;
    HPAC_TRY(check_options(options));
    HPAC_TRY_NEW(*loader, 1);
    hpac_status status = init(*loader, options);
    if (status != HPAC_OK) {
        hpac_loader_destroy(*loader);
        *loader = NULL;
    }
    return status;
}

void hpac_loader_destroy(hpac_loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->mutex);
    loader->ending = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (size_t i = 0; i < loader->started_count; i++)
        pthread_join(loader->workers[i].thread, NULL);
    for (size_t i = 0; loader->workers && i < loader->worker_count; i++)
        hpac_dataset_reader_destroy(loader->workers[i].reader);
    for (size_t i = 0; loader->slots && i < loader->options.slot_count; i++) {
        clear_failures(&loader->slots[i]);
        free(loader->slots[i].failures);
        free(loader->slots[i].rows);
    }
    pthread_cond_destroy(&loader->progress);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    free(loader->failed.message);
    free(loader->workers);
    free(loader->slots);
    free(loader->skipped);
    free(loader->is_skipped);
    free(loader->reads);
    free(loader->order);
    free(loader);
}

size_t hpac_loader_batch_count(const hpac_loader *loader)
{
    return loader->batch_count;
}

/* Makes a slot free for the workers. The mutex is held. */
static void release_slot(hpac_loader *loader, loader_slot *slot)
{
    clear_failures(slot);
    slot->state = SLOT_FREE;
    slot->number = loader->released++;
    pthread_cond_broadcast(&loader->work);
}

/* Abandons the rest of an epoch, waiting for images being read. The mutex is held. */
static void drop_epoch(hpac_loader *loader)
{
    loader->next = loader->end = 0;
    loader->filling = NULL;
    while (loader->busy > 0)
        pthread_cond_wait(&loader->progress, &loader->mutex);
    for (loader_slot *slot; (slot = first_slot(loader, SLOT_OPEN));)
        release_slot(loader, slot);
    free(loader->failed.message);
    loader->failed = (failure){.status = HPAC_OK};
}

static void order_rows(hpac_loader *loader, uint32_t epoch)
{
    const hpac_loader_options *options = &loader->options;
    for (size_t i = 0; i < options->row_count; i++)
        loader->order[i] = options->rows[i];
    hpac_random random;
    hpac_random_init(&random, options->seed, HPAC_PURPOSE_SHUFFLE, 0, epoch);
    if (options->shuffle)
        hpac_random_shuffle(&random, loader->order, options->row_count);
}

static void find_batches_to_read(hpac_loader *loader)
{
    const bool *resident = loader->options.resident;
    for (size_t batch = 0; batch < loader->batch_count; batch++) {
        const size_t *rows = rows_of_batch(loader, batch);
        loader->reads[batch] = !resident;
        for (size_t i = 0; resident && i < count_of_batch(loader, batch); i++)
            loader->reads[batch] |= !resident[rows[i]];
    }
}

hpac_status hpac_loader_begin(hpac_loader *loader, uint32_t epoch, size_t first_batch)
{
    if (loader->out_count > 0)
        return hpac_fail(HPAC_ERR_INTERNAL, "epoch started while %zu batches are not released",
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
    skip_resident_batches(loader);
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    return HPAC_OK;
}

/* The next batch in order once it is complete, or NULL after the last. Adds to `waited_ms`. */
static hpac_status await_batch(hpac_loader *loader, loader_slot **complete, double *waited_ms)
{
    hpac_status status = HPAC_OK;
    pthread_mutex_lock(&loader->mutex);
    loader_slot *slot = first_slot(loader, SLOT_OPEN);
    bool over = !slot && loader->next >= loader->end;
    if (!over && loader->out_count == loader->options.slot_count)
        status = hpac_fail(HPAC_ERR_INTERNAL, "batch requested while all %zu slots are in use",
                           loader->out_count);
    else if (!over) {
        for (; !slot || slot->done < slot->count; slot = first_slot(loader, SLOT_OPEN)) {
            double start_s = hpac_clock_s();
            pthread_cond_wait(&loader->progress, &loader->mutex);
            *waited_ms += 1e3 * (hpac_clock_s() - start_s);
        }
        slot->state = SLOT_OUT;
        loader->out_count++;
    }
    pthread_mutex_unlock(&loader->mutex);
    *complete = slot;
    return status;
}

void hpac_loader_release(hpac_loader *loader, const hpac_batch *batch)
{
    pthread_mutex_lock(&loader->mutex);
    loader_slot *slot = batch->slot >= 0 ? &loader->slots[batch->slot] : NULL;
    if (slot && slot->state == SLOT_OUT) {
        loader->out_count--;
        release_slot(loader, slot);
    }
    pthread_mutex_unlock(&loader->mutex);
}

enum { MAX_LOGGED_SKIPS = 10 }; /* a directory may lack thousands */

/* Counts and logs a row, the first time. */
static void note_skipped(hpac_loader *loader, size_t row, const char *reason)
{
    if (loader->is_skipped[row])
        return;
    loader->is_skipped[row] = true;
    if (++loader->skipped_count <= MAX_LOGGED_SKIPS)
        hpac_log_warning("image skipped: %s", reason ? reason : "(no memory for the reason)");
    if (loader->skipped_count == MAX_LOGGED_SKIPS)
        hpac_log_warning("images skipped after these %d are counted, not logged", MAX_LOGGED_SKIPS);
}

static void move_sample(const hpac_loader *loader, loader_slot *slot, size_t from, size_t to)
{
    slot->rows[to] = slot->rows[from];
    memmove(targets_of(loader, slot, to), targets_of(loader, slot, from),
            loader->format.target_count);
    memmove(pixels_of(loader, slot, to), pixels_of(loader, slot, from),
            hpac_batch_image_nbytes(&loader->format));
}

/* Resolves the failures of a complete batch in the order of samples: bad images to be skipped are
 * removed, the first other failure ends the epoch. */
static void resolve_failures(hpac_loader *loader, loader_slot *slot)
{
    if (slot->failed == 0)
        return;
    size_t good = 0;
    for (size_t i = 0; i < slot->count && loader->failed.status == HPAC_OK; i++) {
        failure *failed = &slot->failures[i];
        if (failed->status == HPAC_OK)
            move_sample(loader, slot, i, good++);
        else if (ends_epoch(loader, failed->status)) {
            loader->failed = *failed;
            failed->message = NULL;
        } else
            note_skipped(loader, slot->rows[i], failed->message);
    }
    clear_failures(slot);
    slot->count = good;
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
        loader_slot *slot;
        HPAC_TRY(await_batch(loader, &slot, &batch->waited_ms));
        if (!slot)
            return HPAC_OK;
        loader->given = slot->number + 1;
        resolve_failures(loader, slot);
        int number = (int)(slot - loader->slots);
        if (loader->failed.status == HPAC_OK && slot->count > 0) {
            batch->slot = number;
            batch->data = slot->data;
            batch->count = slot->count;
            batch->index = slot->number;
            batch->rows = slot->rows;
            return HPAC_OK;
        }
        hpac_loader_release(loader, &(hpac_batch){.slot = number});
    }
    const char *reason = loader->failed.message;
    return hpac_fail(loader->failed.status, "%s", reason ? reason : "(no memory for the reason)");
}

const size_t *hpac_loader_skipped(hpac_loader *loader, size_t *count)
{
    *count = 0;
    for (size_t row = 0; *count < loader->skipped_count; row++)
        if (loader->is_skipped[row])
            loader->skipped[(*count)++] = row;
    return loader->skipped;
}
