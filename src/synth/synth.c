/* Synthetic data: rendering one image, and writing a whole data set. */
#include "synth_scene.h"

#include <hpac/labels.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "base/pause.h"
#include "image/image.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hpac_synth_renderer {
    synth_scene scene;
    synth_plane plane, layer;
};

static hpac_status check_size(int size)
{
    if (size >= HPAC_SYNTH_MIN_SIZE && size <= HPAC_SYNTH_MAX_SIZE)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_CONFIG, "synth: size %d, expected an integer in [%d, %d]", size,
                     HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE);
}

hpac_status hpac_synth_renderer_create(int size, hpac_synth_renderer **renderer)
{
    HPAC_TRY(check_size(size));
    hpac_synth_renderer *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    size_t nbytes = (size_t)size * (size_t)size * sizeof(float);
    hpac_status status = synth_scene_init(&made->scene, size);
    made->plane = (synth_plane){size, made->scene.scale, malloc(nbytes)};
    made->layer = (synth_plane){size, made->scene.scale, malloc(nbytes)};
    if (status == HPAC_OK && (!made->plane.values || !made->layer.values))
        status = hpac_fail_memory(nbytes);
    if (status == HPAC_OK)
        *renderer = made;
    else
        hpac_synth_renderer_destroy(made);
    return status;
}

void hpac_synth_renderer_destroy(hpac_synth_renderer *renderer)
{
    if (!renderer)
        return;
    synth_scene_fini(&renderer->scene);
    free(renderer->plane.values);
    free(renderer->layer.values);
    free(renderer);
}

void hpac_synth_render(hpac_synth_renderer *renderer, uint64_t seed, uint32_t number,
                       uint32_t labels, uint8_t *const planes[HPAC_SYNTH_CHANNELS])
{
    synth_scene *scene = &renderer->scene;
    const synth_plane *plane = &renderer->plane;
    size_t nbytes = (size_t)scene->size * (size_t)scene->size * sizeof *plane->values;
    synth_scene_build(scene, seed, number, labels);
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
        hpac_random random;
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH,
                         (uint32_t)(SYNTH_STREAM_STAIN + channel), number);
        memset(plane->values, 0, nbytes);
        if (channel == 0)
            synth_draw_protein(scene, plane, &renderer->layer, labels, seed, number);
        else
            synth_draw_reference(scene, plane, channel, &random);
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH,
                         (uint32_t)(SYNTH_STREAM_CAMERA + channel), number);
        synth_expose(plane, channel, &random, planes[channel]);
    }
}

/* ---- the data set ---- */

static const char *const channel_names[HPAC_SYNTH_CHANNELS] = {"green", "blue", "red", "yellow"};

typedef struct worker {
    hpac_synth_renderer *renderer;
    uint8_t *pixels; /* (4, size, size) */
} worker;

typedef struct job {
    const hpac_synth_options *options;
    hpac_synth_sampler *sampler;
    char *train, *test; /* directories */
    worker *workers;    /* (threads) */
    int threads, done;
    pthread_mutex_t lock; /* of `done` and the progress callback */
} job;

static hpac_status check_options(const hpac_synth_options *options)
{
    if (options->count < 1)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: count %d, expected at least 1", options->count);
    if (options->test_count < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: test count %d, expected at least 0",
                         options->test_count);
    if (options->test_count > INT32_MAX - options->count)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: %d training and %d test images are too many",
                         options->count, options->test_count);
    if (options->threads < 0)
        return hpac_fail(HPAC_ERR_CONFIG, "synth: %d threads, expected at least 0",
                         options->threads);
    return check_size(options->size);
}

/* An existing list is refused or, with force, removed first: while images are being replaced, no
 * list may claim that the data set is complete. */
static hpac_status clear_list(const hpac_synth_options *options, const char *name)
{
    char *path = hpac_path_join(options->folder, "%s", name);
    if (!path)
        return hpac_fail_memory(strlen(options->folder));
    hpac_status status = HPAC_OK;
    if (hpac_path_exists(path)) {
        if (!options->force)
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: data set exists; --force replaces it", path);
        else if (unlink(path) != 0)
            status = hpac_fail(HPAC_ERR_CONFIG, "%s: cannot replace: %s", path, strerror(errno));
    }
    free(path);
    return status;
}

static hpac_status create_directory(const char *parent, const char *name, char **directory)
{
    *directory = hpac_path_join(parent, "%s", name);
    if (!*directory)
        return hpac_fail_memory(strlen(parent));
    HPAC_TRY(hpac_directory_create(*directory));
    return hpac_directory_probe(*directory);
}

static hpac_status create_directories(job *work)
{
    const hpac_synth_options *options = work->options;
    HPAC_TRY(hpac_directory_create(options->folder));
    HPAC_TRY(clear_list(options, "train.csv"));
    HPAC_TRY(clear_list(options, "sample_submission.csv"));
    HPAC_TRY(hpac_directory_probe(options->folder));
    HPAC_TRY(create_directory(options->folder, "train", &work->train));
    return create_directory(options->folder, "test", &work->test);
}

static hpac_status create_workers(job *work)
{
    const hpac_synth_options *options = work->options;
    size_t nbytes = HPAC_SYNTH_CHANNELS * (size_t)options->size * (size_t)options->size;
    int images = options->count + options->test_count;
    int threads = options->threads ? options->threads : hpac_core_count();
    work->threads = threads < images ? threads : images;
    work->workers = calloc((size_t)work->threads, sizeof *work->workers);
    if (!work->workers)
        return hpac_fail_memory((size_t)work->threads * sizeof *work->workers);
    for (int i = 0; i < work->threads; i++) {
        HPAC_TRY(hpac_synth_renderer_create(options->size, &work->workers[i].renderer));
        work->workers[i].pixels = malloc(nbytes);
        if (!work->workers[i].pixels)
            return hpac_fail_memory(nbytes);
    }
    return HPAC_OK;
}

static hpac_status write_channel(const job *work, const char *folder, const char *id, int channel,
                                 const uint8_t *pixels)
{
    size_t size = (size_t)work->options->size;
    char *path = hpac_path_join(folder, "%s_%s.png", id, channel_names[channel]);
    if (!path)
        return hpac_fail_memory(strlen(folder));
    hpac_status status = hpac_png_write(path, pixels, size, size, 1);
    free(path);
    return status;
}

static hpac_status render_one(void *user, size_t index, int thread)
{
    job *work = user;
    const hpac_synth_options *options = work->options;
    const worker *own = &work->workers[thread];
    hpac_test_pause("image");
    if (options->stop && *options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted; %s has images but no train.csv yet",
                         options->folder);
    uint32_t number = (uint32_t)index;
    size_t pixels = (size_t)options->size * (size_t)options->size;
    uint8_t *planes[HPAC_SYNTH_CHANNELS];
    for (size_t channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
        planes[channel] = own->pixels + channel * pixels;
    hpac_synth_render(own->renderer, options->seed, number,
                      hpac_synth_labels(work->sampler, number), planes);

    char id[37];
    hpac_synth_id(options->seed, number, id);
    const char *folder = index < (size_t)options->count ? work->train : work->test;
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
        HPAC_TRY(write_channel(work, folder, id, channel, planes[channel]));
    pthread_mutex_lock(&work->lock);
    work->done++;
    if (options->progress)
        options->progress(options->user, work->done, options->count + options->test_count);
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

static hpac_status write_all(job *work)
{
    const hpac_synth_options *options = work->options;
    size_t images = (size_t)options->count + (size_t)options->test_count;
    HPAC_TRY(create_directories(work));
    HPAC_TRY(hpac_synth_sampler_create(options->seed, options->balance, &work->sampler));
    HPAC_TRY(create_workers(work));
    HPAC_TRY(hpac_parallel_for(work->threads, images, render_one, work));
    HPAC_TRY(write_list(work, "sample_submission.csv", options->count, options->test_count, false));
    return write_list(work, "train.csv", 0, options->count, true);
}

hpac_status hpac_synth_write(const hpac_synth_options *options)
{
    HPAC_TRY(check_options(options));
    job work = {.options = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    hpac_status status = write_all(&work);
    for (int i = 0; work.workers && i < work.threads; i++) {
        hpac_synth_renderer_destroy(work.workers[i].renderer);
        free(work.workers[i].pixels);
    }
    free(work.workers);
    free(work.train);
    free(work.test);
    hpac_synth_sampler_destroy(work.sampler);
    return status;
}
