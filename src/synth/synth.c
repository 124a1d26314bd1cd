/* Writing a synthetic data set. */
#include "synth.h"

#include <hpac/labels.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/pause.h"
#include "image/image.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static const char *const channel_names[HPAC_SYNTH_CHANNELS] = {"green", "blue", "red", "yellow"};

typedef struct worker {
    hpac_synth_renderer *renderer;
    uint8_t *planes[HPAC_SYNTH_CHANNELS]; /* (size, size) */
} worker;

typedef struct list_row {
    char id[37];
    uint32_t labels;
} list_row;

typedef struct job {
    const hpac_synth_options *options;
    hpac_synth_sampler *sampler;
    char *train, *test; /* directories */
    list_row *rows;     /* (images) those of a list */
    worker *workers;    /* (threads) */
    int threads, done;
    pthread_mutex_t lock; /* of `done` and the progress callback */
} job;

static void job_fini(job *work)
{
    for (int i = 0; work->workers && i < work->threads; i++) {
        hpac_synth_renderer_destroy(work->workers[i].renderer);
        for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
            free(work->workers[i].planes[channel]);
    }
    free(work->workers);
    free(work->rows);
    free(work->train);
    free(work->test);
    hpac_synth_sampler_destroy(work->sampler);
}

static hpac_status check_options(const hpac_synth_options *options)
{
    const struct {
        const char *name;
        int value, min, max;
    } ranges[] = {
        {"count", options->count, 1, INT32_MAX},
        {"test count", options->test_count, 0, INT32_MAX - options->count},
        {"size", options->size, HPAC_SYNTH_MIN_SIZE, HPAC_SYNTH_MAX_SIZE},
        {"threads", options->threads, 0, INT32_MAX},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return hpac_fail(HPAC_ERR_CONFIG, "synth: %s %d, expected an integer in [%d, %d]",
                             ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
    return HPAC_OK;
}

/* An existing list is refused or, with force, removed first: while images are being replaced, no
 * list may claim that the data set is complete. */
static hpac_status clear_list(const hpac_synth_options *options, const char *name)
{
    HPAC_AUTO_FREE char *path = NULL;
    HPAC_TRY_MEMORY(path = hpac_path_join(options->folder, "%s", name), strlen(options->folder));
    if (!hpac_path_exists(path))
        return HPAC_OK;
    if (!options->force)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: data set exists; --force replaces it", path);
    if (unlink(path) != 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot replace: %s", path, strerror(errno));
    return HPAC_OK;
}

static hpac_status create_directory(const char *parent, const char *name, char **directory)
{
    HPAC_TRY_MEMORY(*directory = hpac_path_join(parent, "%s", name), strlen(parent));
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

static hpac_status create_workers(job *work, size_t images)
{
    const hpac_synth_options *options = work->options;
    size_t side = (size_t)options->size;
    size_t threads = (size_t)(options->threads ? options->threads : hpac_core_count());
    work->threads = (int)(threads < images ? threads : images);
    HPAC_TRY_NEW(work->workers, (size_t)work->threads);
    for (int i = 0; i < work->threads; i++) {
        HPAC_TRY(hpac_synth_renderer_create(options->size, &work->workers[i].renderer));
        for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
            HPAC_TRY_NEW(work->workers[i].planes[channel], side * side);
    }
    return HPAC_OK;
}

static hpac_status render_one(void *user, size_t index, int thread)
{
    job *work = user;
    const hpac_synth_options *options = work->options;
    const worker *own = &work->workers[thread];
    size_t size = (size_t)options->size;
    hpac_test_pause("image");
    if (options->stop && *options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted; %s has images but no train.csv yet",
                         options->folder);
    uint32_t number = (uint32_t)index;
    hpac_synth_render(own->renderer, options->seed, number,
                      hpac_synth_labels(work->sampler, number), own->planes);

    char id[37];
    hpac_synth_id(options->seed, number, id);
    const char *folder = index < (size_t)options->count ? work->train : work->test;
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
        HPAC_AUTO_FREE char *path = NULL;
        HPAC_TRY_MEMORY(path = hpac_path_join(folder, "%s_%s.png", id, channel_names[channel]),
                        strlen(folder));
        HPAC_TRY(hpac_png_write(path, own->planes[channel], size, size, 1));
    }
    pthread_mutex_lock(&work->lock);
    work->done++;
    if (options->progress)
        options->progress(options->user, work->done, options->count + options->test_count);
    pthread_mutex_unlock(&work->lock);
    return HPAC_OK;
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const list_row *)a)->id, ((const list_row *)b)->id);
}

/* Writes the list of images first .. first + count - 1, sorted by Id: with their labels, or with
 * the 0 that the competition's sample submission has. */
static hpac_status write_list(const job *work, const char *name, size_t first, size_t count,
                              bool with_labels)
{
    HPAC_AUTO_FREE char *path = NULL;
    list_row *rows = work->rows;
    hpac_file file;
    HPAC_TRY_MEMORY(path = hpac_path_join(work->options->folder, "%s", name), strlen(name));
    HPAC_TRY(hpac_file_create(&file, path));
    for (size_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)(first + i);
        hpac_synth_id(work->options->seed, number, rows[i].id);
        rows[i].labels = hpac_synth_labels(work->sampler, number);
    }
    qsort(rows, count, sizeof *rows, compare_rows);
    fputs(with_labels ? "Id,Target\n" : "Id,Predicted\n", file.stream);
    for (size_t i = 0; i < count; i++) {
        const char *separator = ",";
        fputs(rows[i].id, file.stream);
        for (int label = 0; with_labels && label < HPAC_CLASS_COUNT; label++)
            if (rows[i].labels >> label & 1) {
                fprintf(file.stream, "%s%d", separator, label);
                separator = " ";
            }
        fputs(with_labels ? "\n" : ",0\n", file.stream);
    }
    return hpac_file_commit(&file);
}

static hpac_status write_all(job *work)
{
    const hpac_synth_options *options = work->options;
    size_t count = (size_t)options->count, test_count = (size_t)options->test_count;
    HPAC_TRY(create_directories(work));
    HPAC_TRY(hpac_synth_sampler_create(options->seed, options->balance, &work->sampler));
    HPAC_TRY_NEW(work->rows, count + test_count);
    HPAC_TRY(create_workers(work, count + test_count));
    HPAC_TRY(hpac_parallel_for(work->threads, count + test_count, render_one, work));
    HPAC_TRY(write_list(work, "sample_submission.csv", count, test_count, false));
    return write_list(work, "train.csv", 0, count, true);
}

hpac_status hpac_synth_write(const hpac_synth_options *options)
{
    HPAC_TRY(check_options(options));
    job work = {.options = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    hpac_status status = write_all(&work);
    job_fini(&work);
    return status;
}
