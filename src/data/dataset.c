/* A data set: label rows, their images as the network sees them, and the cache of those. */
#include <hpac/dataset.h>

#include <hpac/file.h>
#include <hpac/image.h>
#include <hpac/parallel.h>
#include <hpac/resize.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const hpac_channel_names[HPAC_MAX_CHANNELS] = {"green", "blue", "red", "yellow"};

/* What the cache knows of a row. One reader wins EMPTY -> FILLING and prepares the image in its
 * place; until it is KEPT the others prepare their own, so that nobody waits and nobody sees half
 * an image. */
enum {
    ROW_EMPTY, /* what calloc gives */
    ROW_FILLING,
    ROW_KEPT,
};

struct hpac_dataset {
    hpac_dataset_options options; /* `images` and `targets` point to the two copies below */
    char *images;
    int targets[HPAC_CLASS_COUNT];
    size_t image_nbytes;
    unsigned char *cache; /* (labels->count, image_nbytes), or NULL */
    atomic_uchar *states; /* (labels->count), with the cache */
};

static hpac_status check_options(const hpac_dataset_options *options)
{
    if (options->channels < 1 || options->channels > HPAC_MAX_CHANNELS)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set of %d channels, expected 1 to %d",
                         options->channels, HPAC_MAX_CHANNELS);
    if (options->rows < 1 || options->cols < 1 ||
        (size_t)options->rows > HPAC_IMAGE_MAX_PIXELS / (size_t)options->cols)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set of %d x %d images, expected 1 to %zu pixels",
                         options->rows, options->cols, HPAC_IMAGE_MAX_PIXELS);
    if (options->target_count < 0 || options->target_count > HPAC_CLASS_COUNT)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set with %d targets, expected 0 to %d",
                         options->target_count, HPAC_CLASS_COUNT);
    if (options->target_count > 0 && !options->labels->masks)
        return hpac_fail(HPAC_ERR_INTERNAL, "data set with %d targets of rows without labels",
                         options->target_count);
    for (int i = 0; i < options->target_count; i++)
        if (options->targets[i] < 0 || options->targets[i] >= HPAC_CLASS_COUNT)
            return hpac_fail(HPAC_ERR_INTERNAL, "data set with target %d, expected 0 to %d",
                             options->targets[i], HPAC_CLASS_COUNT - 1);
    return HPAC_OK;
}

static size_t image_nbytes(const hpac_dataset_options *options)
{
    const hpac_batch_format format = {.rows = options->rows,
                                      .cols = options->cols,
                                      .channels = options->channels,
                                      .pixels = options->pixels};
    return hpac_batch_image_nbytes(&format);
}

/* Address space for all rows, if they fit. calloc takes such blocks from the kernel, which backs a
 * page with memory only when an image is put into it. */
static hpac_status create_cache(hpac_dataset *dataset)
{
    size_t count = dataset->options.labels->count;
    if (count == 0 || count > dataset->options.cache_nbytes / dataset->image_nbytes)
        return HPAC_OK;
    dataset->cache = calloc(count, dataset->image_nbytes);
    if (!dataset->cache)
        return hpac_fail_memory(count * dataset->image_nbytes);
    dataset->states = calloc(count, sizeof *dataset->states);
    if (!dataset->states)
        return hpac_fail_memory(count * sizeof *dataset->states);
    return HPAC_OK;
}

hpac_status hpac_dataset_create(const hpac_dataset_options *options, hpac_dataset **dataset)
{
    *dataset = NULL;
    hpac_status status = check_options(options);
    if (status != HPAC_OK)
        return status;
    hpac_dataset *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    made->options = *options;
    made->image_nbytes = image_nbytes(options);
    made->options.targets = made->targets;
    for (int i = 0; i < options->target_count; i++)
        made->targets[i] = options->targets[i];
    made->options.images = made->images = strdup(options->images);
    status = made->images ? create_cache(made) : hpac_fail_memory(strlen(options->images) + 1);
    if (status != HPAC_OK) {
        hpac_dataset_destroy(made);
        return status;
    }
    *dataset = made;
    return HPAC_OK;
}

void hpac_dataset_destroy(hpac_dataset *dataset)
{
    if (!dataset)
        return;
    free(dataset->states);
    free(dataset->cache);
    free(dataset->images);
    free(dataset);
}

const hpac_dataset_options *hpac_dataset_get_options(const hpac_dataset *dataset)
{
    return &dataset->options;
}

bool hpac_dataset_is_cached(const hpac_dataset *dataset)
{
    return dataset->cache != NULL;
}

void hpac_dataset_targets(const hpac_dataset *dataset, size_t row, uint8_t *targets)
{
    for (int i = 0; i < dataset->options.target_count; i++)
        targets[i] = dataset->options.labels->masks[row] >> dataset->targets[i] & 1;
}

/* "<images>/<Id>_<channel>.png", malloc'ed. */
static char *image_path(const hpac_dataset *dataset, size_t row, int channel)
{
    return hpac_path_join(dataset->images, "%s_%s.png", dataset->options.labels->ids[row],
                          hpac_channel_names[channel]);
}

/* A check of files, one after the other: those of the first row, those of the second, ... */
struct check {
    const hpac_dataset *dataset;
    const size_t *rows; /* NULL: all */
    char **problems;    /* (rows, channels) NULL: none */
};

static hpac_status check_file(void *user, size_t index, int thread)
{
    (void)thread;
    struct check *check = user;
    size_t channels = (size_t)check->dataset->options.channels;
    size_t row = check->rows ? check->rows[index / channels] : index / channels;
    char *path = image_path(check->dataset, row, (int)(index % channels));
    if (!path)
        return hpac_fail_memory(1);
    int rows, cols;
    hpac_status status = hpac_png_probe(path, &rows, &cols);
    free(path);
    if (status != HPAC_ERR_DATA)
        return status;
    check->problems[index] = strdup(hpac_error_message());
    return check->problems[index] ? HPAC_OK : hpac_fail_memory(strlen(hpac_error_message()) + 1);
}

static hpac_status check_folder(const hpac_dataset *dataset)
{
    struct stat info;
    if (stat(dataset->images, &info) != 0 || !S_ISDIR(info.st_mode))
        return hpac_fail(HPAC_ERR_DATA, "%s: no such folder; expected the images <Id>_%s.png in it",
                         dataset->images, hpac_channel_names[0]);
    return HPAC_OK;
}

hpac_status hpac_dataset_check(const hpac_dataset *dataset, const size_t *rows, size_t row_count,
                               int threads)
{
    hpac_status status = check_folder(dataset);
    if (status != HPAC_OK)
        return status;
    size_t file_count =
        (rows ? row_count : dataset->options.labels->count) * (size_t)dataset->options.channels;
    struct check check = {.dataset = dataset, .rows = rows};
    check.problems = calloc(file_count + 1, sizeof *check.problems); /* + 1: none is no failure */
    if (!check.problems)
        return hpac_fail_memory((file_count + 1) * sizeof *check.problems);
    status = hpac_parallel_for(threads, file_count, check_file, &check);
    hpac_problems problems = {0};
    for (size_t i = 0; i < file_count; i++) {
        if (check.problems[i] && status == HPAC_OK)
            hpac_problems_add(&problems, "%s", check.problems[i]);
        free(check.problems[i]);
    }
    free(check.problems);
    if (status != HPAC_OK)
        return status;
    return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad images", dataset->images);
}

/* Sizes of which a reader keeps the resizer. The competition's images have one size, its large
 * edition a handful; with more the oldest is given up. */
#define KEPT_RESIZERS 8

typedef struct sized_resizer {
    int rows, cols; /* of the file */
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
    if (status != HPAC_OK) {
        hpac_dataset_reader_destroy(made);
        return status;
    }
    *reader = made;
    return HPAC_OK;
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
static hpac_status find_resizer(hpac_dataset_reader *reader, int rows, int cols,
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
    hpac_status status = hpac_resizer_create(rows, cols, options->rows, options->cols, resizer);
    if (status != HPAC_OK)
        return status;
    sized_resizer *place = &reader->resizers[reader->oldest];
    reader->oldest = (reader->oldest + 1) % KEPT_RESIZERS;
    hpac_resizer_destroy(place->resizer);
    *place = (sized_resizer){.rows = rows, .cols = cols, .resizer = *resizer};
    return HPAC_OK;
}

/* Puts one channel of a row into its place between the others. */
static hpac_status read_channel(hpac_dataset_reader *reader, size_t row, int channel, void *pixels)
{
    const hpac_dataset_options *options = &reader->dataset->options;
    char *path = image_path(reader->dataset, row, channel);
    if (!path)
        return hpac_fail_memory(1);
    hpac_image *image = &reader->image;
    hpac_resizer *resizer;
    hpac_status status = hpac_png_read(reader->decoder, path, image);
    if (status == HPAC_OK)
        status = find_resizer(reader, image->rows, image->cols, &resizer);
    free(path);
    if (status != HPAC_OK)
        return status;
    if (options->pixels == HPAC_PIXELS_UINT8)
        hpac_resize_u8(resizer, image->pixels, (uint8_t *)pixels + channel, options->channels);
    else
        hpac_resize_f32(resizer, image->pixels, (float *)pixels + channel, options->channels);
    return HPAC_OK;
}

static hpac_status read_files(hpac_dataset_reader *reader, size_t row, void *pixels)
{
    for (int channel = 0; channel < reader->dataset->options.channels; channel++) {
        hpac_status status = read_channel(reader, row, channel, pixels);
        if (status != HPAC_OK)
            return status;
    }
    return HPAC_OK;
}

hpac_status hpac_dataset_read(hpac_dataset_reader *reader, size_t row, void *pixels)
{
    hpac_dataset *dataset = reader->dataset;
    if (!dataset->cache)
        return read_files(reader, row, pixels);
    unsigned char *kept = dataset->cache + row * dataset->image_nbytes;
    atomic_uchar *state = &dataset->states[row];
    unsigned char seen = atomic_load_explicit(state, memory_order_acquire);
    if (seen == ROW_EMPTY &&
        atomic_compare_exchange_strong_explicit(state, &seen, ROW_FILLING, memory_order_acquire,
                                                memory_order_acquire)) {
        hpac_status status = read_files(reader, row, kept);
        seen = status == HPAC_OK ? ROW_KEPT : ROW_EMPTY;
        atomic_store_explicit(state, seen, memory_order_release);
        if (status != HPAC_OK)
            return status;
    }
    if (seen == ROW_KEPT) {
        memcpy(pixels, kept, dataset->image_nbytes);
        return HPAC_OK;
    }
    return read_files(reader, row, pixels);
}
