/*
 * Synthetic data like the competition's: images of cells in four channels, with labels, in the
 * files train/<Id>_<channel>.png, train.csv, test/<Id>_<channel>.png, sample_submission.csv.
 * Everything is a function of the options alone, never of threads:
 *
 *     hpac_synth_options options = {.directory = "data", .count = 600, .test_count = 228,
 *                                   .size = 512, .seed = 7};
 *     status = hpac_synth_write(&options);
 *
 * An image is a function of (seed, number, size) and its labels; training images have the numbers
 * 0 .. count - 1, test images the next ones.
 */
#ifndef HPAC_SYNTH_SYNTH_H
#define HPAC_SYNTH_SYNTH_H

#include <hpac/status.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define HPAC_SYNTH_CHANNELS 4 /* green, blue, red, yellow */
#define HPAC_SYNTH_MIN_SIZE 64
#define HPAC_SYNTH_MAX_SIZE 4096
#define HPAC_SYNTH_SETS 577 /* of classes, in the competition's train.csv */

typedef struct hpac_synth_options {
    const char *directory;
    int count;      /* training images, >= 1 */
    int test_count; /* test images, >= 0 */
    int size;       /* pixels per side, 64 .. 4096 */
    uint64_t seed;
    bool balance; /* equal class frequencies instead of the real ones */
    bool force;   /* replace an existing data set; images with other Ids are not changed */
    int threads;  /* 0: one per core */
    /* Nonzero: finish the current images, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    /* Called from any thread, one at a time. May be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user;
} hpac_synth_options;

/* train.csv is written last: a directory with one is complete. Errors: CONFIG for options out of
 * range, a directory that cannot be created or that has a train.csv (unless force), DATA when
 * writing fails, HPAC_INTERRUPTED. */
hpac_status hpac_synth_write(const hpac_synth_options *options);

/* Draws sets of classes with the frequencies of the competition's train.csv, so that class counts,
 * labels per image and co-occurrences are the real ones. With `balance` the sets are weighted so
 * that all classes are equally frequent, and the weights closest to the real frequencies
 * (iterative proportional fitting). */
typedef struct hpac_synth_sampler {
    uint64_t seed;
    bool balance;
    double cumulative[HPAC_SYNTH_SETS]; /* weights of the sets up to this one; the last is 1 */
} hpac_synth_sampler;
void hpac_synth_sampler_init(uint64_t seed, bool balance, hpac_synth_sampler *sampler);

/* The classes of an image: bit c set for class c, at least one. Safe from several threads. */
uint32_t hpac_synth_labels(const hpac_synth_sampler *sampler, uint32_t number);

/* The Id of an image, a UUID like the real ones, NUL-terminated. */
void hpac_synth_id(uint64_t seed, uint32_t number, char id[37]);

/* Renders image `number` with the classes in `labels` to `planes`, (HPAC_SYNTH_CHANNELS, size,
 * size), size 64 .. 4096. The cells depend on the labels only where they must (a mitotic spindle
 * needs a dividing cell). Safe from several threads. Errors: INTERNAL (memory). */
hpac_status hpac_synth_render(int size, uint64_t seed, uint32_t number, uint32_t labels,
                              uint8_t *planes);

#endif
