/* A data set: label rows, their images as the network sees them, and the cache of those. */
#include "dataset_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "image/image.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

const char *const hpac_channel_names[HPAC_MAX_CHANNELS] = {"green", "blue", "red", "yellow"};

const hpac_stain hpac_channel_stains[HPAC_MAX_CHANNELS] = {HPAC_STAIN_GREEN, HPAC_STAIN_BLUE,
                                                           HPAC_STAIN_RED, HPAC_STAIN_YELLOW};

/* What is used of a file of mixed colors, by hpac_stain. */
static const char *const stain_samples[] = {"luma", "red", "green", "blue",
                                            "mean of red and green"};

static hpac_status check_options(const hpac_dataset_options *options)
{
    if (options->channels < 1 || options->channels > HPAC_MAX_CHANNELS)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set of %zu channels, expected 1 to %d",
                         options->channels, HPAC_MAX_CHANNELS);
    for (size_t i = 0; options->channel_order && i < options->channels; i++)
        if (options->channel_order[i] < 0 || options->channel_order[i] >= HPAC_MAX_CHANNELS)
            return hpac_fail(HPAC_ERR_INTERNAL, "data set with channel %d, expected 0 to %d",
                             options->channel_order[i], HPAC_MAX_CHANNELS - 1);
    if (options->rows < 1 || options->cols < 1 ||
        options->rows > HPAC_IMAGE_MAX_PIXELS / options->cols)
        return hpac_fail(HPAC_ERR_INTERNAL,
                         "data set of %zu x %zu images, expected 1 to %zu pixels", options->rows,
                         options->cols, HPAC_IMAGE_MAX_PIXELS);
    if (options->target_count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set with %zu targets, expected 0 to %d",
                         options->target_count, HPAC_CLASS_COUNT);
    if (options->target_count > 0 && !options->labels->masks)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set with %zu targets of rows without labels",
                         options->target_count);
    for (size_t i = 0; i < options->target_count; i++)
        if (options->targets[i] < 0 || options->targets[i] >= HPAC_CLASS_COUNT)
            return hpac_fail(HPAC_ERR_INTERNAL, "data set with target %d, expected 0 to %d",
                             options->targets[i], HPAC_CLASS_COUNT - 1);
    return HPAC_OK;
}

static hpac_status set_up(hpac_dataset *dataset, const hpac_dataset_options *options)
{
    dataset->options = *options;
    dataset->options.targets = dataset->targets;
    for (size_t i = 0; i < options->target_count; i++)
        dataset->targets[i] = options->targets[i];
    dataset->options.channel_order = dataset->channel_order;
    for (size_t i = 0; i < options->channels; i++)
        dataset->channel_order[i] = options->channel_order ? options->channel_order[i] : (int)i;
    dataset->options.images = dataset->images = strdup(options->images);
    if (!dataset->images)
        return hpac_fail_memory(strlen(options->images) + 1);
    if (!options->pool)
        HPAC_TRY(hpac_image_pool_create(&dataset->own_pool));
    dataset->pool = options->pool ? options->pool : dataset->own_pool;
    return image_pool_join(dataset->pool, &dataset->options, &dataset->set);
}

hpac_status hpac_dataset_create(const hpac_dataset_options *options, hpac_dataset **dataset)
{
    *dataset = NULL;
    HPAC_TRY(check_options(options));
    hpac_dataset *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    hpac_status status = set_up(made, options);
    if (status == HPAC_OK)
        *dataset = made;
    else
        hpac_dataset_destroy(made);
    return status;
}

void hpac_dataset_destroy(hpac_dataset *dataset)
{
    if (!dataset)
        return;
    if (dataset->set)
        image_pool_leave(dataset->set);
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

char *dataset_image_path(const hpac_dataset *dataset, size_t row, size_t channel)
{
    return hpac_path_join(dataset->images, "%s_%s.png", dataset->options.labels->ids[row],
                          hpac_channel_names[dataset->channel_order[channel]]);
}

/* Sizes for which a reader keeps a resizer; the oldest is dropped. The competition's images have
 * one size, its large edition a handful. */
#define KEPT_RESIZERS 8

typedef struct sized_resizer {
    size_t rows, cols; /* of the file */
    hpac_resizer *resizer;
} sized_resizer;

struct hpac_dataset_reader {
    hpac_dataset *dataset;
    hpac_png_decoder *decoder;
    hpac_image image;
    sized_resizer resizers[KEPT_RESIZERS];
    int oldest;
};

hpac_status hpac_dataset_reader_create(hpac_dataset *dataset, hpac_dataset_reader **reader)
{
    *reader = NULL;
    hpac_dataset_reader *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    made->dataset = dataset;
    hpac_status status = hpac_png_decoder_create(&made->decoder);
    if (status == HPAC_OK)
        *reader = made;
    else
        hpac_dataset_reader_destroy(made);
    return status;
}

void hpac_dataset_reader_destroy(hpac_dataset_reader *reader)
{
    if (!reader)
        return;
    for (int i = 0; i < KEPT_RESIZERS; i++)
        hpac_resizer_destroy(reader->resizers[i].resizer);
    hpac_image_fini(&reader->image);
    hpac_png_decoder_destroy(reader->decoder);
    free(reader);
}

/* The resizer for files of this size. Errors: those of hpac_resizer_create. */
static hpac_status find_resizer(hpac_dataset_reader *reader, size_t rows, size_t cols,
                                hpac_resizer **resizer)
{
    for (int i = 0; i < KEPT_RESIZERS; i++) {
        const sized_resizer *kept = &reader->resizers[i];
        if (kept->resizer && kept->rows == rows && kept->cols == cols) {
            *resizer = kept->resizer;
            return HPAC_OK;
        }
    }
    const hpac_dataset_options *options = &reader->dataset->options;
    HPAC_TRY(hpac_resizer_create(rows, cols, options->rows, options->cols, resizer));
    sized_resizer *place = &reader->resizers[reader->oldest];
    reader->oldest = (reader->oldest + 1) % KEPT_RESIZERS;
    hpac_resizer_destroy(place->resizer);
    *place = (sized_resizer){.rows = rows, .cols = cols, .resizer = *resizer};
    return HPAC_OK;
}

/* Logs what may surprise about a file, for the first file of each kind. */
static void log_remarks(hpac_dataset *dataset, const char *path, const hpac_image *image)
{
    unsigned fresh = image->remarks & ~atomic_fetch_or(&dataset->remarks, image->remarks);
    const char *others = "; other such files are not listed";
    if (fresh & HPAC_REMARK_MIXED_COLORS)
        hpac_log_warning("%s: RGB file with mixed colors, expected gray; using its %s%s", path,
                         stain_samples[image->stain], others);
    if (fresh & HPAC_REMARK_DIM)
        hpac_log_warning("%s: a 16-bit file that is nearly black: its largest sample is %u of "
                         "65535. If these are 12-bit samples, scale them or add an sBIT chunk%s",
                         path, image->max_sample, others);
    if (fresh & HPAC_REMARK_SCALED)
        hpac_log_warning("%s: a 16-bit file of fewer significant bits (largest sample %u): "
                         "brightened as its sBIT chunk declares%s",
                         path, image->max_sample, others);
}

/* Interleaves one channel of a row with the others. */
static hpac_status read_channel(hpac_dataset_reader *reader, size_t row, size_t channel,
                                void *pixels)
{
    const hpac_dataset_options *options = &reader->dataset->options;
    char *path = dataset_image_path(reader->dataset, row, channel);
    if (!path)
        return hpac_fail_memory(1);
    hpac_image *image = &reader->image;
    image->stain = hpac_channel_stains[reader->dataset->channel_order[channel]];
    hpac_resizer *resizer;
    hpac_status status = hpac_png_read(reader->decoder, path, image);
    if (status == HPAC_OK && image->remarks)
        log_remarks(reader->dataset, path, image);
    free(path);
    HPAC_TRY(status);
    HPAC_TRY(find_resizer(reader, image->rows, image->cols, &resizer));
    atomic_fetch_add(&reader->dataset->pool->files_decoded, 1);
    if (options->pixels == HPAC_PIXELS_UINT8)
        hpac_resize_u8(resizer, image->pixels, (uint8_t *)pixels + channel, options->channels);
    else
        hpac_resize_f32(resizer, image->pixels, (float *)pixels + channel, options->channels);
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
static hpac_status keep(hpac_dataset_reader *reader, size_t row, const unsigned char **kept)
{
    const image_set *set = reader->dataset->set;
    *kept = NULL;
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
        seen = status == HPAC_OK ? IMAGE_KEPT : IMAGE_EMPTY;
        atomic_store_explicit(state, seen, memory_order_release);
    }
    if (seen == IMAGE_KEPT)
        *kept = image;
    return status;
}

hpac_status hpac_dataset_read(hpac_dataset_reader *reader, size_t row, void *pixels)
{
    const unsigned char *kept;
    HPAC_TRY(keep(reader, row, &kept));
    if (!kept)
        return read_files(reader, row, pixels);
    memcpy(pixels, kept, reader->dataset->set->image_nbytes);
    return HPAC_OK;
}

/* ---- preparing all images ahead ---- */

/* Images between two looks at `stop`. */
#define PREPARE_STRIDE 256

typedef struct preparation {
    hpac_dataset_reader **readers; /* (threads) */
    size_t first;                  /* row of this stride */
    atomic_size_t prepared;
} preparation;

/* A bad image is left to the reader who meets it in its turn. */
static hpac_status prepare_row(void *user, size_t index, int thread)
{
    preparation *work = user;
    hpac_dataset_reader *reader = work->readers[thread];
    size_t row = work->first + index;
    const unsigned char *kept;
    if (atomic_load(&reader->dataset->set->states[row]) == IMAGE_KEPT)
        return HPAC_OK;
    hpac_status status = keep(reader, row, &kept);
    if (status == HPAC_OK && kept)
        atomic_fetch_add(&work->prepared, 1);
    return status == HPAC_ERR_DATA ? HPAC_OK : status;
}

static hpac_status prepare_rows(const hpac_dataset_preparation *options, int threads, size_t count,
                                preparation *work)
{
    for (; work->first < count; work->first += PREPARE_STRIDE) {
        if (options->stop && *options->stop)
            return hpac_fail(HPAC_INTERRUPTED, "interrupted while preparing images");
        size_t left = count - work->first;
        size_t stride = left < PREPARE_STRIDE ? left : PREPARE_STRIDE;
        HPAC_TRY(hpac_parallel_for(threads, stride, prepare_row, work));
        if (options->progress)
            options->progress(options->user, work->first + stride, count);
    }
    return HPAC_OK;
}

hpac_status hpac_dataset_prepare(hpac_dataset *dataset, const hpac_dataset_preparation *options,
                                 size_t *prepared)
{
    *prepared = 0;
    if (!dataset->set->bytes)
        return HPAC_OK;
    int threads = options->threads > 0 ? options->threads : hpac_core_count();
    preparation work = {.readers = calloc((size_t)threads, sizeof(hpac_dataset_reader *))};
    hpac_status status = HPAC_OK;
    if (!work.readers)
        return hpac_fail_memory((size_t)threads * sizeof(hpac_dataset_reader *));
    for (int i = 0; i < threads && status == HPAC_OK; i++)
        status = hpac_dataset_reader_create(dataset, &work.readers[i]);
    if (status == HPAC_OK)
        status = prepare_rows(options, threads, dataset->set->count, &work);
    *prepared = atomic_load(&work.prepared);
    for (int i = 0; i < threads; i++)
        hpac_dataset_reader_destroy(work.readers[i]);
    free(work.readers);
    return status;
}
