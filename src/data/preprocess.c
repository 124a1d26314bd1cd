/* Writing prepared images, on several threads. */
#include "preprocess.h"

#include "base/file.h"
#include "base/machine.h"
#include "base/parallel.h"
#include "base/pause.h"
#include "image/image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct worker {
    hpac_dataset_reader *reader;
    uint8_t *pixels; /* (rows, cols, channels), then (rows, cols) for one channel */
} worker;

typedef struct job {
    const hpac_preprocess_options *options;
    const hpac_dataset_options *data;
    size_t row_count, channels, plane_nbytes;
    int worker_count;
    worker *workers;
    bool *added;     /* (row_count, channels): files that were not there before */
    char **problems; /* (row_count) messages of corrupt images; NULL: none */
    pthread_mutex_t progress_mutex;
    size_t done;
} job;

/* "<directory>/<Id>_<channel>.png", malloc'ed. */
static char *output_path(const job *work, size_t row, size_t channel)
{
    return hpac_path_join(work->options->folder, "%s_%s.png", work->data->labels->ids[row],
                          hpac_channel_names[work->data->channel_order[channel]]);
}

/* Overwriting the images themselves would destroy them. */
static hpac_status check_directory(const job *work)
{
    struct stat in, out;
    const char *path = work->options->folder;
    HPAC_TRY(hpac_directory_create(path));
    HPAC_TRY(hpac_directory_probe(path));
    if (stat(work->data->images, &in) == 0 && stat(path, &out) == 0 && in.st_dev == out.st_dev &&
        in.st_ino == out.st_ino)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: is the image directory; choose another --out", path);
    return HPAC_OK;
}

static hpac_status check_outputs(const job *work)
{
    hpac_problems problems = {0};
    for (size_t i = 0; i < work->row_count * work->channels; i++) {
        char *path = output_path(work, i / work->channels, i % work->channels);
        if (!path) {
            hpac_problems_finish(&problems, HPAC_ERR_INTERNAL, "out of memory");
            return hpac_fail_memory(1);
        }
        work->added[i] = false;
        if (hpac_path_exists(path) && !work->options->force)
            hpac_problems_add(&problems, "%s", path);
        free(path);
    }
    return hpac_problems_finish(&problems, HPAC_ERR_CONFIG,
                                "%s: existing files (--force replaces them)",
                                work->options->folder);
}

static hpac_status write_channel(job *work, const worker *own, size_t row, size_t channel)
{
    uint8_t *plane = own->pixels + work->plane_nbytes * work->channels;
    for (size_t i = 0; i < work->plane_nbytes; i++)
        plane[i] = own->pixels[i * work->channels + channel];
    char *path = output_path(work, row, channel);
    if (!path)
        return hpac_fail_memory(1);
    bool is_new = !hpac_path_exists(path);
    hpac_status status = hpac_png_write(path, plane, work->data->rows, work->data->cols, 1);
    work->added[row * work->channels + channel] = status == HPAC_OK && is_new;
    free(path);
    return status;
}

static void report(job *work)
{
    if (!work->options->progress)
        return;
    pthread_mutex_lock(&work->progress_mutex);
    work->options->progress(work->options->user, ++work->done, work->row_count);
    pthread_mutex_unlock(&work->progress_mutex);
}

/* A corrupt image is recorded, and the others continue; a file that cannot be written ends the
 * command. */
static hpac_status prepare_row(void *user, size_t row, int thread)
{
    job *work = user;
    worker *own = &work->workers[thread];
    hpac_test_pause("image");
    if (work->options->stop && *work->options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted; new files are removed");
    hpac_status status = hpac_dataset_read(own->reader, row, own->pixels);
    if (status == HPAC_ERR_DATA) {
        work->problems[row] = strdup(hpac_error_message());
        return work->problems[row] ? HPAC_OK : hpac_fail_memory(strlen(hpac_error_message()));
    }
    for (size_t channel = 0; channel < work->channels && status == HPAC_OK; channel++)
        status = write_channel(work, own, row, channel);
    if (status == HPAC_OK)
        report(work);
    return status;
}

static hpac_status list_problems(job *work)
{
    hpac_problems problems = {0};
    for (size_t row = 0; row < work->row_count; row++)
        if (work->problems[row])
            hpac_problems_add(&problems, "%s", work->problems[row]);
    return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: bad images", work->data->images);
}

static void remove_added(const job *work)
{
    for (size_t i = 0; i < work->row_count * work->channels; i++) {
        char *path =
            work->added[i] ? output_path(work, i / work->channels, i % work->channels) : NULL;
        if (path)
            unlink(path);
        free(path);
    }
}

static hpac_status allocate(job *work)
{
    size_t files = work->row_count * work->channels;
    work->workers = calloc((size_t)work->worker_count, sizeof *work->workers);
    work->added = calloc(files + 1, sizeof *work->added);
    work->problems = calloc(work->row_count + 1, sizeof *work->problems);
    if (!work->workers || !work->added || !work->problems)
        return hpac_fail_memory(files);
    for (int i = 0; i < work->worker_count; i++) {
        worker *own = &work->workers[i];
        HPAC_TRY(hpac_dataset_reader_create(work->options->dataset, &own->reader));
        own->pixels = malloc(work->plane_nbytes * (work->channels + 1));
        if (!own->pixels)
            return hpac_fail_memory(work->plane_nbytes * (work->channels + 1));
    }
    return HPAC_OK;
}

static void release(job *work)
{
    for (int i = 0; work->workers && i < work->worker_count; i++) {
        hpac_dataset_reader_destroy(work->workers[i].reader);
        free(work->workers[i].pixels);
    }
    for (size_t row = 0; work->problems && row < work->row_count; row++)
        free(work->problems[row]);
    free(work->workers);
    free(work->added);
    free(work->problems);
}

static hpac_status prepare(job *work)
{
    HPAC_TRY(hpac_dataset_check(work->options->dataset, NULL, 0, work->options->threads));
    HPAC_TRY(allocate(work));
    HPAC_TRY(check_directory(work));
    return check_outputs(work);
}

hpac_status hpac_preprocess_write(const hpac_preprocess_options *options)
{
    job work = {.options = options,
                .data = hpac_dataset_get_options(options->dataset),
                .worker_count = options->threads > 0 ? options->threads : hpac_core_count(),
                .progress_mutex = PTHREAD_MUTEX_INITIALIZER};
    work.row_count = work.data->labels->count;
    work.channels = work.data->channels;
    work.plane_nbytes = work.data->rows * work.data->cols;

    hpac_status status = prepare(&work);
    if (status == HPAC_OK) {
        status = hpac_parallel_for(work.worker_count, work.row_count, prepare_row, &work);
        if (status == HPAC_OK)
            status = list_problems(&work);
        if (status != HPAC_OK)
            remove_added(&work);
    }
    release(&work);
    return status;
}
