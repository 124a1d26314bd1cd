/* Synthetic data: painting one image, and writing a whole data set. */
#include "synth_paint.h"

#include <hpac/labels.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "image/image.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hpac_synth_painter {
    synth_scene scene;
    synth_camera camera;
    synth_canvas canvas, layer;
};

hpac_status hpac_synth_painter_create(int size, hpac_synth_painter **painter)
{
    if (size < HPAC_SYNTH_MIN_SIZE || size > HPAC_SYNTH_MAX_SIZE)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: size %d is not in %d..%d", size,
                         HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE);
    hpac_synth_painter *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    hpac_status status = synth_scene_init(&made->scene, size);
    if (status == HPAC_OK)
        status = synth_camera_init(&made->camera);
    if (status != HPAC_OK)
        goto fail;
    size_t nbytes = (size_t)size * (size_t)size * sizeof(float);
    made->canvas = (synth_canvas){size, made->scene.scale, malloc(nbytes)};
    made->layer = (synth_canvas){size, made->scene.scale, malloc(nbytes)};
    if (!made->canvas.values || !made->layer.values) {
        status = hpac_fail_memory(nbytes);
        goto fail;
    }
    *painter = made;
    return HPAC_OK;

fail:
    hpac_synth_painter_destroy(made);
    return status;
}

void hpac_synth_painter_destroy(hpac_synth_painter *painter)
{
    if (!painter)
        return;
    synth_scene_fini(&painter->scene);
    synth_camera_fini(&painter->camera);
    free(painter->canvas.values);
    free(painter->layer.values);
    free(painter);
}

void hpac_synth_paint(hpac_synth_painter *painter, uint64_t seed, uint32_t number, uint32_t labels,
                      uint8_t *const planes[HPAC_SYNTH_CHANNELS])
{
    const synth_scene *scene = &painter->scene;
    const synth_canvas *canvas = &painter->canvas;
    size_t nbytes = (size_t)scene->size * (size_t)scene->size * sizeof *canvas->values;
    synth_scene_build(&painter->scene, seed, number, labels);
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
        hpac_random random;
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, (uint32_t)(SYNTH_PART_STAIN + channel),
                         number);
        memset(canvas->values, 0, nbytes);
        if (channel == 0)
            synth_stain_green(scene, canvas, &painter->layer, labels, seed, number);
        else if (channel == 1)
            synth_stain_blue(scene, canvas, &random);
        else if (channel == 2)
            synth_stain_red(scene, canvas, &random);
        else
            synth_stain_yellow(scene, canvas, &random);
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, (uint32_t)(SYNTH_PART_CAMERA + channel),
                         number);
        synth_camera_expose(&painter->camera, canvas, channel, &random, planes[channel]);
    }
}

/* ---- The data set ---- */

static const char *const channel_names[HPAC_SYNTH_CHANNELS] = {"green", "blue", "red", "yellow"};

/* What a thread of its own needs to paint and write. */
typedef struct easel {
    hpac_synth_painter *painter;
    uint8_t *pixels; /* (4, size, size) */
} easel;

typedef struct job {
    const hpac_synth_options *options;
    hpac_synth_sampler *sampler;
    char *train, *test; /* folders */
    easel *easels;      /* (threads) */
    int threads, painted;
    pthread_mutex_t lock; /* of `painted` and the progress callback */
} job;

static hpac_status check_options(const hpac_synth_options *options)
{
    if (options->count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: count %d is not positive", options->count);
    if (options->test_count < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: test count %d is negative", options->test_count);
    if (options->test_count > INT32_MAX - options->count)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: %d training and %d test images are too many",
                         options->count, options->test_count);
    if (options->size < HPAC_SYNTH_MIN_SIZE || options->size > HPAC_SYNTH_MAX_SIZE)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: size %d is not in %d..%d", options->size,
                         HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE);
    if (options->threads < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: %d threads: expected 0 or more",
                         options->threads);
    return HPAC_OK;
}

/* A list that is there already is refused or, with force, taken away first: while images are being
 * painted over, no list may say that the folder is whole. */
static hpac_status clear_list(const hpac_synth_options *options, const char *name)
{
    char *path = hpac_path_join(options->folder, "%s", name);
    if (!path)
        return hpac_fail_memory(strlen(options->folder));
    hpac_status status = HPAC_OK;
    if (hpac_path_exists(path)) {
        if (!options->force)
            status = hpac_fail(HPAC_ERR_CONFIG,
                               "%s: there is a data set already; --force writes over it", path);
        else if (unlink(path) != 0)
            status =
                hpac_fail(HPAC_ERR_CONFIG, "%s: cannot be replaced: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

static hpac_status make_folder(const char *parent, const char *name, char **folder)
{
    *folder = hpac_path_join(parent, "%s", name);
    if (!*folder)
        return hpac_fail_memory(strlen(parent));
    hpac_status status = hpac_directory_create(*folder);
    return status == HPAC_OK ? hpac_directory_probe(*folder) : status;
}

static hpac_status make_folders(job *work)
{
    const hpac_synth_options *options = work->options;
    hpac_status status = hpac_directory_create(options->folder);
    if (status == HPAC_OK)
        status = clear_list(options, "train.csv");
    if (status == HPAC_OK)
        status = clear_list(options, "sample_submission.csv");
    if (status == HPAC_OK)
        status = hpac_directory_probe(options->folder);
    if (status == HPAC_OK)
        status = make_folder(options->folder, "train", &work->train);
    if (status == HPAC_OK)
        status = make_folder(options->folder, "test", &work->test);
    return status;
}

static hpac_status set_up_easels(job *work)
{
    const hpac_synth_options *options = work->options;
    size_t nbytes = HPAC_SYNTH_CHANNELS * (size_t)options->size * (size_t)options->size;
    long long images = (long long)options->count + options->test_count;
    int threads = options->threads ? options->threads : hpac_core_count();
    work->threads = threads < images ? threads : (int)images;
    work->easels = calloc((size_t)work->threads, sizeof *work->easels);
    if (!work->easels)
        return hpac_fail_memory((size_t)work->threads * sizeof *work->easels);
    for (int i = 0; i < work->threads; i++) {
        hpac_status status = hpac_synth_painter_create(options->size, &work->easels[i].painter);
        if (status != HPAC_OK)
            return status;
        work->easels[i].pixels = malloc(nbytes);
        if (!work->easels[i].pixels)
            return hpac_fail_memory(nbytes);
    }
    return HPAC_OK;
}

static hpac_status write_channel(const job *work, const char *folder, const char *id, int channel,
                                 const uint8_t *pixels)
{
    char *path = hpac_path_join(folder, "%s_%s.png", id, channel_names[channel]);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_status status = hpac_png_write(path, pixels, work->options->size, work->options->size);
    free(path);
    return status;
}

static hpac_status paint_one(void *user, size_t index, int thread)
{
    job *work = user;
    const hpac_synth_options *options = work->options;
    const easel *own = &work->easels[thread];
    if (options->stop && *options->stop)
        return hpac_fail(
            HPAC_INTERRUPTED,
            "interrupted; %s has images, but no list of them: it is not a data set yet",
            options->folder);
    uint32_t number = (uint32_t)index;
    size_t pixels = (size_t)options->size * (size_t)options->size;
    uint8_t *planes[HPAC_SYNTH_CHANNELS];
    for (size_t channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
        planes[channel] = own->pixels + channel * pixels;
    hpac_synth_paint(own->painter, options->seed, number, hpac_synth_labels(work->sampler, number),
                     planes);

    char id[37];
    hpac_synth_id(options->seed, number, id);
    const char *folder = index < (size_t)options->count ? work->train : work->test;
    hpac_status status = HPAC_OK;
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS && status == HPAC_OK; channel++)
        status = write_channel(work, folder, id, channel, planes[channel]);
    if (status != HPAC_OK)
        return status;
    pthread_mutex_lock(&work->lock);
    work->painted++;
    if (options->progress)
        options->progress(options->user, work->painted, options->count + options->test_count);
    pthread_mutex_unlock(&work->lock);
    return HPAC_OK;
}

typedef struct list_row {
    char id[37];
    uint32_t labels;
} list_row;

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const list_row *)a)->id, ((const list_row *)b)->id);
}

static void print_row(FILE *stream, const list_row *row, bool with_labels)
{
    fprintf(stream, "%s,", row->id);
    const char *space = "";
    for (int label = 0; with_labels && label < HPAC_CLASS_COUNT; label++) {
        if (row->labels >> label & 1) {
            fprintf(stream, "%s%d", space, label);
            space = " ";
        }
    }
    fputs(with_labels ? "\n" : "0\n", stream);
}

/* Writes the list of images first .. first + count - 1, sorted by Id: with their labels, or with
 * the 0 that the competition's sample submission has. */
static hpac_status write_list(const job *work, const char *name, int first, int count,
                              bool with_labels)
{
    size_t nbytes = ((size_t)count + 1) * sizeof(list_row);
    char *path = hpac_path_join(work->options->folder, "%s", name);
    list_row *rows = malloc(nbytes);
    hpac_file file = {0};
    hpac_status status = path && rows ? hpac_file_create(&file, path) : hpac_fail_memory(nbytes);
    if (status == HPAC_OK) {
        for (int i = 0; i < count; i++) {
            uint32_t number = (uint32_t)(first + i);
            hpac_synth_id(work->options->seed, number, rows[i].id);
            rows[i].labels = hpac_synth_labels(work->sampler, number);
        }
        qsort(rows, (size_t)count, sizeof *rows, compare_rows);
        fputs(with_labels ? "Id,Target\n" : "Id,Predicted\n", file.stream);
        for (int i = 0; i < count; i++)
            print_row(file.stream, &rows[i], with_labels);
        status = hpac_file_commit(&file);
    }
    free(rows);
    free(path);
    return status;
}

hpac_status hpac_synth_write(const hpac_synth_options *options)
{
    hpac_status status = check_options(options);
    if (status != HPAC_OK)
        return status;
    job work = {.options = options};
    pthread_mutex_init(&work.lock, NULL);
    status = make_folders(&work);
    if (status == HPAC_OK)
        status = hpac_synth_sampler_create(options->seed, options->balance, &work.sampler);
    if (status == HPAC_OK)
        status = set_up_easels(&work);
    if (status == HPAC_OK)
        status = hpac_parallel_for(
            work.threads, (size_t)options->count + (size_t)options->test_count, paint_one, &work);
    if (status == HPAC_OK)
        status =
            write_list(&work, "sample_submission.csv", options->count, options->test_count, false);
    if (status == HPAC_OK)
        status = write_list(&work, "train.csv", 0, options->count, true);
    for (int i = 0; work.easels && i < work.threads; i++) {
        hpac_synth_painter_destroy(work.easels[i].painter);
        free(work.easels[i].pixels);
    }
    free(work.easels);
    free(work.train);
    free(work.test);
    hpac_synth_sampler_destroy(work.sampler);
    pthread_mutex_destroy(&work.lock);
    return status;
}
