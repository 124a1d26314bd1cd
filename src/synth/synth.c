/* Synthetic data sets: labels and Ids, and writing the files. */
#include "synth_scene.h"
#include "synth_table.h"

#include <hpac/labels.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/pause.h"
#include "image/image.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* After these every class is within 1 % of the mean. Endosomes converge last: lysosomes never occur
 * without them. */
#define FITTING_ROUNDS 100

/* Iterative proportional fitting (Deming, Stephan 1940): scales the sets of each class in turn to
 * the mean weight, until all have it. */
static void equalize(double *weights)
{
    double mean = 0.0;
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        mean += weights[set] * __builtin_popcount(synth_masks[set]) / HPAC_CLASS_COUNT;
    for (int i = 0; i < FITTING_ROUNDS * HPAC_CLASS_COUNT; i++) {
        int label = i % HPAC_CLASS_COUNT;
        double sum = 0.0;
        for (int set = 0; set < HPAC_SYNTH_SETS; set++)
            sum += synth_masks[set] >> label & 1 ? weights[set] : 0.0;
        for (int set = 0; set < HPAC_SYNTH_SETS; set++)
            weights[set] *= synth_masks[set] >> label & 1 ? mean / sum : 1.0;
    }
}

void hpac_synth_sampler_init(uint64_t seed, bool balance, hpac_synth_sampler *sampler)
{
    *sampler = (hpac_synth_sampler){.seed = seed, .balance = balance};
    double *weights = sampler->cumulative, sum = 0.0;
    for (size_t run = 0, set = 0; run < sizeof synth_runs / sizeof *synth_runs; run++)
        for (int i = 0; i < synth_runs[run].sets; i++)
            weights[set++] = synth_runs[run].images;
    if (balance)
        equalize(weights);
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        weights[set] = sum += weights[set];
    for (int set = 0; set < HPAC_SYNTH_SETS; set++)
        weights[set] /= sum;
}

uint32_t hpac_synth_labels(const hpac_synth_sampler *sampler, uint32_t number)
{
    double draw = hpac_random_u32(sampler->seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_LABELS,
                                  sampler->balance ? UINT32_MAX : number, 0) *
                  0x1p-32;
    if (sampler->balance) /* steps of the golden ratio: any stretch of images is nearly balanced */
        draw = fmod(draw + number * 0.6180339887498949, 1.0);
    int set = 0; /* the frequent sets are the first */
    while (draw >= sampler->cumulative[set])
        set++;
    return synth_masks[set];
}

void hpac_synth_id(uint64_t seed, uint32_t number, char id[37])
{
    uint32_t words[4];
    for (uint32_t i = 0; i < 4; i++)
        words[i] = hpac_random_u32(seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_ID, number, i);
    /* Version 4 and variant 1 in their places (RFC 4122, 4.4). */
    snprintf(id, 37, "%08x-%04x-4%03x-%04x-%04x%08x", words[0], words[1] >> 16, words[1] & 0xfff,
             (words[2] >> 16 & 0x3fff) | 0x8000, words[2] & 0xffff, words[3]);
}

typedef struct sample {
    char id[37];
    uint32_t labels;
} sample;

typedef struct job {
    const hpac_synth_options *options;
    sample *samples; /* (count): training and test images, by number */
    size_t count, done;
    pthread_mutex_t lock; /* of `done` and the progress callback */
} job;

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

static const char *const list_names[] = {"train.csv", "sample_submission.csv"};

static bool is_list(const void *user, const char *name)
{
    (void)user;
    return strcmp(name, list_names[0]) == 0 || strcmp(name, list_names[1]) == 0;
}

/* Lists of an earlier data set are refused or, with force, removed first: while images are being
 * replaced, no list may claim that the data set is complete. */
static hpac_status create_directories(const hpac_synth_options *options)
{
    static const char *const names[] = {"train", "test"};
    if (!options->force)
        HPAC_TRY(hpac_directory_check_free(options->directory, list_names, 2));
    HPAC_TRY(hpac_directory_create(options->directory));
    HPAC_TRY(hpac_directory_probe(options->directory));
    for (int i = 0; i < 2; i++) {
        HPAC_AUTO_FREE char *path = hpac_path_join(options->directory, "%s", names[i]);
        HPAC_TRY_MEMORY(path, strlen(options->directory));
        HPAC_TRY(hpac_directory_create(path));
        HPAC_TRY(hpac_directory_probe(path));
    }
    return hpac_directory_remove_files(options->directory, is_list, NULL);
}

static hpac_status render_one(void *user, size_t index, int thread)
{
    (void)thread;
    job *work = user;
    const hpac_synth_options *options = work->options;
    const sample *own = &work->samples[index];
    size_t size = (size_t)options->size;
    HPAC_AUTO_FREE uint8_t *planes = NULL;
    hpac_test_pause("image");
    if (options->stop && *options->stop)
        return hpac_fail(HPAC_INTERRUPTED, "interrupted; %s has images but no train.csv yet",
                         options->directory);
    HPAC_TRY_NEW(planes, HPAC_SYNTH_CHANNELS * size * size);
    HPAC_TRY(hpac_synth_render(options->size, options->seed, (uint32_t)index, own->labels, planes));
    for (size_t channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
        HPAC_AUTO_FREE char *path = hpac_path_join(
            options->directory, "%s/%s_%s.png", index < (size_t)options->count ? "train" : "test",
            own->id, hpac_channel_names[channel]);
        HPAC_TRY_MEMORY(path, strlen(options->directory));
        HPAC_TRY(hpac_png_write(path, planes + channel * size * size, size, size, 1));
    }
    pthread_mutex_lock(&work->lock);
    work->done++;
    if (options->progress)
        options->progress(options->user, work->done, work->count);
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
    HPAC_AUTO_FREE sample *samples = NULL;
    HPAC_TRY_NEW(samples, count + test_count);
    hpac_synth_sampler sampler;
    hpac_synth_sampler_init(options->seed, options->balance, &sampler);
    for (size_t i = 0; i < count + test_count; i++) {
        hpac_synth_id(options->seed, (uint32_t)i, samples[i].id);
        samples[i].labels = hpac_synth_labels(&sampler, (uint32_t)i);
    }
    job work = {.options = options,
                .samples = samples,
                .count = count + test_count,
                .lock = PTHREAD_MUTEX_INITIALIZER};
    HPAC_TRY(hpac_parallel_for(options->threads, work.count, render_one, &work));
    HPAC_TRY(write_list(options->directory, list_names[1], samples + count, test_count, false));
    return write_list(options->directory, list_names[0], samples, count, true);
}
