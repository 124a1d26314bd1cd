/* A data set: label rows, their images as the network sees them, and the cache of those. */
#include "dataset_internal.h"
#include "preparer.h"

#include "base/file.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <pthread.h>
#include <string.h>

static hpac_status check_options(const hpac_dataset_options *options)
{
    bool has_labels = options->labels->masks;
    if (options->channels < 1 || options->channels > HPAC_MAX_CHANNELS || options->rows < 1 ||
        options->cols < 1 || options->rows > HPAC_IMAGE_MAX_PIXELS / options->cols ||
        options->target_count > HPAC_CLASS_COUNT || (options->target_count > 0 && !has_labels))
        return hpac_fail(
            HPAC_ERR_INTERNAL,
            "data set of %zu channels, %zu x %zu pixels, %zu targets of rows %s labels",
            options->channels, options->rows, options->cols, options->target_count,
            has_labels ? "with" : "without");
    const hpac_labels *labels = options->labels;
    for (size_t i = 0; i < labels->count; i++)
        if (!labels->ids || !labels->ids[i])
            return hpac_fail(HPAC_ERR_INTERNAL, "data set of %zu labels, the Id of row %zu is NULL",
                             labels->count, i);
    for (size_t i = 0; i < options->target_count; i++)
        if (options->targets[i] < 0 || options->targets[i] >= HPAC_CLASS_COUNT)
            return hpac_fail(HPAC_ERR_INTERNAL, "data set with target %d, expected 0 to %d",
                             options->targets[i], HPAC_CLASS_COUNT - 1);
    return HPAC_OK;
}

static hpac_status init(hpac_dataset *dataset, const hpac_dataset_options *options)
{
    dataset->options = *options;
    dataset->options.targets = dataset->targets;
    for (size_t i = 0; i < options->target_count; i++)
        dataset->targets[i] = options->targets[i];
    dataset->options.channel_order = dataset->channel_order;
    for (size_t i = 0; i < options->channels; i++)
        dataset->channel_order[i] = options->channel_order ? options->channel_order[i] : (int)i;
    HPAC_TRY_MEMORY(dataset->images = strdup(options->images), strlen(options->images) + 1);
    dataset->options.images = dataset->images;
    if (!options->pool)
        HPAC_TRY(hpac_image_pool_create(&dataset->own_pool));
    dataset->pool = options->pool ? options->pool : dataset->own_pool;
    return image_pool_join(dataset->pool, &dataset->options, &dataset->set);
}

hpac_status hpac_dataset_create(const hpac_dataset_options *options, hpac_dataset **dataset)
{
    *dataset = NULL;
    HPAC_TRY(check_options(options));
    HPAC_TRY_NEW(*dataset, 1);
    hpac_status status = init(*dataset, options);
    if (status != HPAC_OK) {
        hpac_dataset_destroy(*dataset);
        *dataset = NULL;
    }
    return status;
}

void hpac_dataset_destroy(hpac_dataset *dataset)
{
    if (!dataset)
        return;
    if (dataset->set)
        dataset->set->users--;
    hpac_image_pool_destroy(dataset->own_pool);
    free(dataset->images);
    free(dataset);
}

const hpac_dataset_options *hpac_dataset_get_options(const hpac_dataset *dataset)
{
    return &dataset->options;
}

bool hpac_dataset_is_cached(const hpac_dataset *dataset)
{
    return dataset->set->bytes != NULL;
}

void hpac_dataset_targets(const hpac_dataset *dataset, size_t row, uint8_t *targets)
{
    for (size_t i = 0; i < dataset->options.target_count; i++)
        targets[i] = dataset->options.labels->masks[row] >> dataset->targets[i] & 1;
}

char *dataset_file_path(const hpac_dataset *dataset, const char *directory, size_t file)
{
    size_t channels = dataset->options.channels;
    return hpac_path_join(directory, "%s_%s.png", dataset->options.labels->ids[file / channels],
                          hpac_channel_names[dataset->channel_order[file % channels]]);
}

struct hpac_dataset_reader {
    hpac_dataset *dataset;
    hpac_preparer *preparer;
};

hpac_status hpac_dataset_reader_create(hpac_dataset *dataset, hpac_dataset_reader **reader)
{
    const hpac_dataset_options *options = &dataset->options;
    const hpac_preparer_options preparing = {
        .rows = options->rows,
        .cols = options->cols,
        .channels = options->channels,
        .pixels = options->pixels,
        .remarks = &dataset->remarks,
    };
    HPAC_TRY_NEW(*reader, 1);
    (*reader)->dataset = dataset;
    hpac_status status = hpac_preparer_create(&preparing, &(*reader)->preparer);
    if (status != HPAC_OK) {
        hpac_dataset_reader_destroy(*reader);
        *reader = NULL;
    }
    return status;
}

void hpac_dataset_reader_destroy(hpac_dataset_reader *reader)
{
    if (!reader)
        return;
    hpac_preparer_destroy(reader->preparer);
    free(reader);
}

static hpac_status read_channel(hpac_dataset_reader *reader, size_t row, size_t channel,
                                void *pixels)
{
    hpac_dataset *dataset = reader->dataset;
    HPAC_AUTO_FREE char *path = NULL;
    size_t file = row * dataset->options.channels + channel;
    HPAC_TRY_MEMORY(path = dataset_file_path(dataset, dataset->images, file), 1);
    HPAC_TRY(hpac_preparer_read(reader->preparer, path, dataset->channel_order[channel], channel,
                                pixels));
    atomic_fetch_add(&dataset->pool->files_decoded, 1);
    return HPAC_OK;
}

static hpac_status read_files(hpac_dataset_reader *reader, size_t row, void *pixels)
{
    for (size_t channel = 0; channel < reader->dataset->options.channels; channel++)
        HPAC_TRY(read_channel(reader, row, channel, pixels));
    return HPAC_OK;
}

/* The cached image of a row, prepared now if it is not yet; NULL when nothing is cached, or another
 * reader is preparing it. */
static hpac_status find_cached(hpac_dataset_reader *reader, size_t row,
                               const unsigned char **cached)
{
    const image_set *set = reader->dataset->set;
    *cached = NULL;
    if (!set->bytes)
        return HPAC_OK;
    unsigned char *image = set->bytes + row * set->image_nbytes;
    atomic_uchar *state = &set->states[row];
    unsigned char seen = atomic_load_explicit(state, memory_order_acquire);
    hpac_status status = HPAC_OK;
    if (seen == IMAGE_EMPTY &&
        atomic_compare_exchange_strong_explicit(state, &seen, IMAGE_FILLING, memory_order_acquire,
                                                memory_order_acquire)) {
        status = read_files(reader, row, image);
        seen = status == HPAC_OK ? IMAGE_CACHED : IMAGE_EMPTY;
        atomic_store_explicit(state, seen, memory_order_release);
    }
    if (seen == IMAGE_CACHED)
        *cached = image;
    return status;
}

hpac_status hpac_dataset_read(hpac_dataset_reader *reader, size_t row, void *pixels)
{
    const unsigned char *cached;
    HPAC_TRY(find_cached(reader, row, &cached));
    if (!cached)
        return read_files(reader, row, pixels);
    memcpy(pixels, cached, reader->dataset->set->image_nbytes);
    return HPAC_OK;
}

/* ---- all rows, on several threads ---- */

typedef struct row_pass {
    const hpac_dataset_pass *options;
    hpac_status (*body)(void *user, hpac_dataset_reader *reader, size_t row);
    void *user;
    hpac_dataset_reader **readers; /* (reader_count) one per thread */
    size_t reader_count, row_count;
    pthread_mutex_t mutex; /* for `done` and the callback */
    size_t done;
} row_pass;

static void row_pass_fini(row_pass *pass)
{
    for (size_t i = 0; pass->readers && i < pass->reader_count; i++)
        hpac_dataset_reader_destroy(pass->readers[i]);
    free(pass->readers);
    pthread_mutex_destroy(&pass->mutex);
}

static hpac_status visit_row(void *user, size_t row, int thread)
{
    row_pass *pass = user;
    const hpac_dataset_pass *options = pass->options;
    if (options->stop && *options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted while preparing images");
    HPAC_TRY(pass->body(pass->user, pass->readers[thread], row));
    if (options->progress) {
        pthread_mutex_lock(&pass->mutex);
        options->progress(options->user, ++pass->done, pass->row_count);
        pthread_mutex_unlock(&pass->mutex);
    }
    return HPAC_OK;
}

hpac_status hpac_dataset_for_each_row(hpac_dataset *dataset, const hpac_dataset_pass *options,
                                      hpac_status (*body)(void *user, hpac_dataset_reader *reader,
                                                          size_t row),
                                      void *user)
{
    int threads = options->threads > 0 ? options->threads : hpac_core_count();
    HPAC_AUTO(row_pass_fini)
    row_pass pass = {.options = options,
                     .body = body,
                     .user = user,
                     .reader_count = (size_t)threads,
                     .row_count = dataset->options.labels->count,
                     .mutex = PTHREAD_MUTEX_INITIALIZER};
    HPAC_TRY_NEW(pass.readers, pass.reader_count);
    for (size_t i = 0; i < pass.reader_count; i++)
        HPAC_TRY(hpac_dataset_reader_create(dataset, &pass.readers[i]));
    return hpac_parallel_for(threads, pass.row_count, visit_row, &pass);
}

/* A bad image is left to the reader who meets it in its turn. */
static hpac_status prepare_row(void *user, hpac_dataset_reader *reader, size_t row)
{
    atomic_size_t *prepared = user;
    const unsigned char *cached;
    if (atomic_load(&reader->dataset->set->states[row]) == IMAGE_CACHED)
        return HPAC_OK;
    hpac_status status = find_cached(reader, row, &cached);
    if (status == HPAC_OK && cached)
        atomic_fetch_add(prepared, 1);
    return status == HPAC_ERR_DATA ? HPAC_OK : status;
}

hpac_status hpac_dataset_prepare(hpac_dataset *dataset, const hpac_dataset_pass *options,
                                 size_t *prepared)
{
    atomic_size_t count = 0;
    *prepared = 0;
    if (dataset->set->bytes)
        HPAC_TRY(hpac_dataset_for_each_row(dataset, options, prepare_row, &count));
    *prepared = atomic_load(&count);
    return HPAC_OK;
}
