/*
 * Images per second of the loader without training.
 *
 *     build/bench/loader data/train data/train.csv
 *
 * Reads the green channel as 128 x 128 bytes in batches of 64, from the files and from the cache,
 * with one worker and with two. The settings take turns, so that whatever else the machine does
 * falls on all of them; the median round of each is printed, with the slowest and the fastest, and
 * the CPU time per image, which other load changes less.
 */
#include "data/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 7,
    BATCH = 64,
    SLOTS = 3,
    FILE_IMAGES = 1024,    /* per round, a second or so */
    CACHED_IMAGES = 65536, /* the same */
};

struct setting {
    const char *from;
    size_t cache_nbytes;
    size_t images;
    int workers;
    hpac_dataset *dataset;
    hpac_loader *loader;
    size_t *rows;             /* (images) all rows over and over */
    double rates[ROUNDS];     /* images per second */
    double processor[ROUNDS]; /* microseconds per image */
};

static struct setting settings[] = {
    {.from = "files", .images = FILE_IMAGES, .workers = 1},
    {.from = "files", .images = FILE_IMAGES, .workers = 2},
    {.from = "cache", .images = CACHED_IMAGES, .workers = 1, .cache_nbytes = SIZE_MAX},
    {.from = "cache", .images = CACHED_IMAGES, .workers = 2, .cache_nbytes = SIZE_MAX},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static uint8_t *slots[SLOTS];

static void check(hpac_status status)
{
    if (status == HPAC_OK)
        return;
    fprintf(stderr, "loader: %s\n", hpac_error_message());
    exit((int)status);
}

static void *allocate(size_t nbytes)
{
    void *memory = malloc(nbytes);
    if (!memory)
        check(hpac_fail_memory(nbytes));
    return memory;
}

static void open_setting(struct setting *setting, const char *images, const hpac_labels *labels)
{
    static const int targets[] = {0, 25, 21};
    const hpac_dataset_options dataset = {.images = images,
                                          .labels = labels,
                                          .targets = targets,
                                          .target_count = 3,
                                          .channels = 1,
                                          .rows = 128,
                                          .cols = 128,
                                          .cache_nbytes = setting->cache_nbytes};
    check(hpac_dataset_create(&dataset, &setting->dataset));
    setting->rows = allocate(setting->images * sizeof *setting->rows);
    for (size_t i = 0; i < setting->images; i++)
        setting->rows[i] = i % labels->count;
    const hpac_loader_options loader = {.dataset = setting->dataset,
                                        .rows = setting->rows,
                                        .row_count = setting->images,
                                        .batch_size = BATCH,
                                        .shuffle = true,
                                        .workers = setting->workers,
                                        .slots = slots,
                                        .slot_count = SLOTS};
    check(hpac_loader_create(&loader, &setting->loader));
}

static void close_setting(struct setting *setting)
{
    hpac_loader_destroy(setting->loader);
    hpac_dataset_destroy(setting->dataset);
    free(setting->rows);
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* One epoch. Round 0 warms up and fills the cache. */
static void run_round(struct setting *setting, int round)
{
    double start = seconds_of(CLOCK_MONOTONIC);
    double processor_start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    check(hpac_loader_begin(setting->loader, (uint32_t)round, 0));
    hpac_batch batch;
    do {
        check(hpac_loader_next(setting->loader, &batch));
        hpac_loader_release(setting->loader, &batch);
    } while (batch.count > 0);
    double images = (double)setting->images;
    if (round > 0) {
        setting->rates[round - 1] = images / (seconds_of(CLOCK_MONOTONIC) - start);
        setting->processor[round - 1] =
            (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor_start) * 1e6 / images;
    }
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_setting(struct setting *setting)
{
    qsort(setting->rates, ROUNDS, sizeof(double), compare_numbers);
    qsort(setting->processor, ROUNDS, sizeof(double), compare_numbers);
    printf("%s,%d,%.0f,%.0f,%.0f,%.1f\n", setting->from, setting->workers,
           setting->rates[ROUNDS / 2], setting->rates[0], setting->rates[ROUNDS - 1],
           setting->processor[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: loader IMAGES LABELS.csv\n");
        return HPAC_ERR_CONFIG;
    }
    hpac_labels labels;
    check(hpac_labels_read_csv(argv[2], &labels));
    const hpac_batch_format format = {
        .batch_size = BATCH, .target_count = 3, .rows = 128, .cols = 128, .channels = 1};
    for (int i = 0; i < SLOTS; i++)
        slots[i] = allocate(hpac_batch_nbytes(&format));
    for (int s = 0; s < SETTINGS; s++)
        open_setting(&settings[s], argv[1], &labels);
    for (int round = 0; round <= ROUNDS; round++)
        for (int s = 0; s < SETTINGS; s++)
            run_round(&settings[s], round);
    printf("from,workers,images_per_second,slowest,fastest,processor_us_per_image\n");
    for (int s = 0; s < SETTINGS; s++) {
        print_setting(&settings[s]);
        close_setting(&settings[s]);
    }
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    hpac_labels_fini(&labels);
    return HPAC_OK;
}
