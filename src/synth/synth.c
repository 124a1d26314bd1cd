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

typedef struct sample {
    char id[37];
    uint32_t labels;
} sample;

typedef struct job {
    const hpac_synth_options *options;
    sample *samples;                 /* (count): training and test images, by number */
    hpac_synth_renderer **renderers; /* (threads) */
    size_t count, threads;
    int done;
    pthread_mutex_t lock; /* of `done` and the progress callback */
} job;

static void job_fini(job *work)
{
    for (size_t i = 0; work->renderers && i < work->threads; i++)
        hpac_synth_renderer_destroy(work->renderers[i]);
    free(work->renderers);
    free(work->samples);
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
    HPAC_TRY_MEMORY(path = hpac_path_join(options->directory, "%s", name),
                    strlen(options->directory));
    if (!hpac_path_exists(path))
        return HPAC_OK;
    if (!options->force)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: data set exists; --force replaces it", path);
    if (unlink(path) != 0)
        return hpac_fail(HPAC_ERR_CONFIG, "%s: cannot replace: %s", path, strerror(errno));
    return HPAC_OK;
}

static hpac_status create_directories(const hpac_synth_options *options)
{
    static const char *const names[] = {"train", "test"};
    HPAC_TRY(hpac_directory_create(options->directory));
    HPAC_TRY(clear_list(options, "train.csv"));
    HPAC_TRY(clear_list(options, "sample_submission.csv"));
    HPAC_TRY(hpac_directory_probe(options->directory));
    for (int i = 0; i < 2; i++) {
        HPAC_AUTO_FREE char *path = hpac_path_join(options->directory, "%s", names[i]);
        HPAC_TRY_MEMORY(path, strlen(options->directory));
        HPAC_TRY(hpac_directory_create(path));
        HPAC_TRY(hpac_directory_probe(path));
    }
    return HPAC_OK;
}

static hpac_status render_one(void *user, size_t index, int thread)
{
    job *work = user;
    const hpac_synth_options *options = work->options;
    const sample *own = &work->samples[index];
    size_t size = (size_t)options->size;
    hpac_test_pause("image");
    if (options->stop && *options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted; %s has images but no train.csv yet",
                         options->directory);
    const uint8_t *plane =
        hpac_synth_render(work->renderers[thread], options->seed, (uint32_t)index, own->labels);
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++, plane += size * size) {
        HPAC_AUTO_FREE char *path = hpac_path_join(
            options->directory, "%s/%s_%s.png", index < (size_t)options->count ? "train" : "test",
            own->id, hpac_channel_names[channel]);
        HPAC_TRY_MEMORY(path, strlen(options->directory));
        HPAC_TRY(hpac_png_write(path, plane, size, size, 1));
    }
    pthread_mutex_lock(&work->lock);
    work->done++;
    if (options->progress)
        options->progress(options->user, work->done, (int)work->count);
    pthread_mutex_unlock(&work->lock);
    return HPAC_OK;
}

static int compare_samples(const void *a, const void *b)
{
    return strcmp(((const sample *)a)->id, ((const sample *)b)->id);
}

/* Sorts samples by Id and lists them: with their labels, or with the 0 that the competition's
 * sample submission has. */
static hpac_status write_list(const char *directory, const char *name, sample *samples,
                              size_t count, bool with_labels)
{
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
    hpac_file file;
    HPAC_TRY_MEMORY(path, strlen(directory));
    HPAC_TRY(hpac_file_create(&file, path));
    qsort(samples, count, sizeof *samples, compare_samples);
    fputs(with_labels ? "Id,Target\n" : "Id,Predicted\n", file.stream);
    for (size_t i = 0; i < count; i++) {
        const char *separator = ",";
        fputs(samples[i].id, file.stream);
        for (int label = 0; with_labels && label < HPAC_CLASS_COUNT; label++)
            if (samples[i].labels >> label & 1) {
                fprintf(file.stream, "%s%d", separator, label);
                separator = " ";
            }
        fputs(with_labels ? "\n" : ",0\n", file.stream);
    }
    return hpac_file_commit(&file);
}

hpac_status hpac_synth_write(const hpac_synth_options *options)
{
    HPAC_TRY(check_options(options));
    HPAC_TRY(create_directories(options));
    size_t count = (size_t)options->count, test_count = (size_t)options->test_count;
    size_t threads = (size_t)(options->threads ? options->threads : hpac_core_count());
    HPAC_AUTO(job_fini)
    job work = {.options = options,
                .count = count + test_count,
                .threads = threads < count + test_count ? threads : count + test_count,
                .lock = PTHREAD_MUTEX_INITIALIZER};
    hpac_synth_sampler sampler = {0};
    hpac_synth_sampler_init(options->seed, options->balance, &sampler);
    HPAC_TRY_NEW(work.samples, work.count);
    for (size_t i = 0; i < work.count; i++) {
        hpac_synth_id(options->seed, (uint32_t)i, work.samples[i].id);
        work.samples[i].labels = hpac_synth_labels(&sampler, (uint32_t)i);
    }
    HPAC_TRY_NEW(work.renderers, work.threads);
    for (size_t i = 0; i < work.threads; i++)
        HPAC_TRY(hpac_synth_renderer_create(options->size, &work.renderers[i]));
    HPAC_TRY(hpac_parallel_for((int)work.threads, work.count, render_one, &work));
    HPAC_TRY(write_list(options->directory, "sample_submission.csv", work.samples + count,
                        test_count, false));
    return write_list(options->directory, "train.csv", work.samples, count, true);
}
