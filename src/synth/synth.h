/*
 * Synthetic data in the likeness of the competition's: painted cells in four channels, with labels.
 *
 * Writes into a folder what the competition hands out: train/<Id>_<channel>.png, train.csv,
 * test/<Id>_<channel>.png, sample_submission.csv. Everything is a function of the options alone,
 * never of threads:
 *
 *     hpac_synth_options options = {.folder = "data", .count = 600, .test_count = 228,
 *                                   .size = 512, .seed = 7};
 *     status = hpac_synth_write(&options);
 *
 * The steps can be had alone: hpac_synth_sampler draws labels, hpac_synth_painter paints one image.
 * An image is a function of (seed, number, size); training images have the numbers 0 .. count - 1,
 * test images go on from there.
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

typedef struct hpac_synth_options {
    const char *folder;
    int count;      /* training images, >= 1 */
    int test_count; /* test images, >= 0 */
    int size;       /* pixels a side, 64 .. 4096 */
    uint64_t seed;
    bool balance; /* equal class frequencies instead of the real ones */
    bool force;   /* write over a data set that is there; images of other Ids are left alone */
    int threads;  /* 0: one a core */
    /* Nonzero: finish the images under way, return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, int painted,
                     int total); /* from any thread, one at a time; may be NULL */
    void *user;
} hpac_synth_options;

/* train.csv comes last: a folder with one is whole. Errors: CONFIG for options out of range, a
 * folder that cannot be made or that holds a train.csv (unless force), DATA when writing fails,
 * HPAC_INTERRUPTED. */
hpac_status hpac_synth_write(const hpac_synth_options *options);

/* Draws labels as they stand in the competition's train.csv: whole sets of classes, so that class
 * counts, labels an image and co-occurrence are the real ones. With `balance` the sets are weighted
 * anew so that all classes are as frequent as each other: of all such weights those nearest to the
 * real frequencies (iterative proportional fitting). */
typedef struct hpac_synth_sampler hpac_synth_sampler;
/* A sampler of label sets. Errors: INTERNAL (memory). */
hpac_status hpac_synth_sampler_create(uint64_t seed, bool balance, hpac_synth_sampler **sampler);
void hpac_synth_sampler_destroy(hpac_synth_sampler *sampler); /* NULL is fine */

/* The classes of an image: bit c set for class c, at least one. Safe from several threads. */
uint32_t hpac_synth_labels(const hpac_synth_sampler *sampler, uint32_t number);

/* The Id of an image, shaped as the real ones (a UUID), with its NUL. */
void hpac_synth_id(uint64_t seed, uint32_t number, char id[37]);

/* Paints images of one size. Not safe to use by several threads at once. */
typedef struct hpac_synth_painter hpac_synth_painter;
/* A painter of pictures of `size` pixels a side, for one thread at a time. Errors: INTERNAL. */
hpac_status hpac_synth_painter_create(int size, hpac_synth_painter **painter);
void hpac_synth_painter_destroy(hpac_synth_painter *painter); /* NULL is fine */

/* Paints image `number` with the classes in `labels` into planes[channel], (size, size) each. The
 * scene depends on the labels only where it must (a mitotic spindle needs a dividing cell). */
void hpac_synth_paint(hpac_synth_painter *painter, uint64_t seed, uint32_t number, uint32_t labels,
                      uint8_t *const planes[HPAC_SYNTH_CHANNELS]);

#endif
