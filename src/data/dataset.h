/*
 * A data set: the rows of a label file and the images that belong to them, as the network sees
 * them.
 *
 * Row r has the images <images>/<Id>_<channel>.png, in the order of options.channel_order. Each
 * is resized from whatever size it has to (rows, cols) and interleaved: (rows, cols, channels),
 * bytes 0..255 or floats 0..1. Prepared images stay in memory (the cache) if they fit, so that
 * later epochs do not decode again.
 */
#ifndef HPAC_DATA_DATASET_H
#define HPAC_DATA_DATASET_H

#include <hpac/labels.h>
#include <hpac/op.h>

#include "image/image.h"

#include <signal.h>
#include <stdbool.h>

/*
 * A pool of prepared images: each file is decoded once for all data sets that share the pool, such
 * as the runs of a sweep or the folds of a cross-validation.
 *
 * Data sets share a set of images when directory, Ids and their order, channels, size and pixels
 * agree; targets may differ. A set is cached as a whole or not at all. The pool is an LRU cache: if
 * a new data set's images do not fit into its options.cache_nbytes beside the others, sets that no
 * data set uses are evicted, the least recently used first, and decoded again when needed. Data
 * sets are created and destroyed by one thread at a time; their readers may be many. Caching never
 * changes the bits that are read.
 */
typedef struct hpac_image_pool hpac_image_pool;

/* Errors: INTERNAL (memory). */
hpac_status hpac_image_pool_create(hpac_image_pool **pool);
void hpac_image_pool_destroy(hpac_image_pool *pool); /* NULL is fine; no data set may be left */
/* Bytes reserved for images now. */
size_t hpac_image_pool_nbytes(const hpac_image_pool *pool);
/* Files decoded so far by the readers of all its data sets. */
size_t hpac_image_pool_files_decoded(const hpac_image_pool *pool);

typedef struct hpac_dataset_options {
    const char *images;        /* directory; copied */
    const hpac_labels *labels; /* borrowed; must outlive the data set. masks NULL: no targets */
    const int *targets;        /* (target_count) classes in the order of the outputs; copied */
    size_t target_count;       /* 0 when the labels have no masks */
    size_t channels;           /* 1 .. HPAC_MAX_CHANNELS */
    const int *channel_order;  /* (channels) indices into hpac_channel_names, all different; copied;
                                  NULL: the first ones */
    size_t rows, cols;         /* after resizing */
    hpac_pixels pixels;
    bool skip_bad_images;    /* missing and bad files are a warning of hpac_dataset_check, not an
                                error, unless no image is left */
    const char *skip_option; /* what sets skip_bad_images, for that error; NULL: nothing does */
    size_t cache_nbytes;     /* cache prepared images if all of them fit into this; 0: never */
    hpac_image_pool *pool;   /* shares prepared images; NULL: not shared */
} hpac_dataset_options;

typedef struct hpac_dataset hpac_dataset;

/* Errors: INTERNAL (memory; options out of range, targets of rows without labels). */
hpac_status hpac_dataset_create(const hpac_dataset_options *options, hpac_dataset **dataset);
void hpac_dataset_destroy(hpac_dataset *dataset); /* NULL is fine; destroy its readers before */

/* The options it was created with; valid as long as the data set. */
const hpac_dataset_options *hpac_dataset_get_options(const hpac_dataset *dataset);
/* Whether prepared images are cached. */
bool hpac_dataset_is_cached(const hpac_dataset *dataset);

/* Checks every file of these rows (NULL: all rows): present, PNG signature, size in range. All bad
 * ones are reported in one DATA error, in the order of rows and channels, with the name of a
 * similar file if there is one. Without `rows` a warning is logged if files differ in size.
 * `threads` as in hpac_parallel_for. Images of a pool that are all good are checked once. */
hpac_status hpac_dataset_check(const hpac_dataset *dataset, const size_t *rows, size_t row_count,
                               int threads);

/* The targets of a row: one byte 0 or 1 each, in the order of options.targets. */
void hpac_dataset_targets(const hpac_dataset *dataset, size_t row, uint8_t *targets);

/* A thread's decoder, and its resizers for the sizes met so far. */
typedef struct hpac_dataset_reader hpac_dataset_reader;
/* A reader for one thread at a time. Errors: INTERNAL (memory). */
hpac_status hpac_dataset_reader_create(hpac_dataset *dataset, hpac_dataset_reader **reader);
void hpac_dataset_reader_destroy(hpac_dataset_reader *reader); /* NULL is fine */

/* Writes the prepared image of a row to `pixels`, from the cache or from its files. On error the
 * pixels are undefined. Errors: DATA, naming the file; INTERNAL (memory). */
hpac_status hpac_dataset_read(hpac_dataset_reader *reader, size_t row, void *pixels);

/* How to visit all rows on several threads. */
typedef struct hpac_dataset_pass {
    int threads; /* 0: one per core */
    /* Nonzero: finish the rows under way and return HPAC_INTERRUPTED. May be NULL. */
    const volatile sig_atomic_t *stop;
    /* Called after each row, one call at a time, from any thread; may be NULL. */
    void (*progress)(void *user, size_t done, size_t total);
    void *user; /* of `progress` */
} hpac_dataset_pass;

/* Calls body(user, reader, row) for every row, with the reader of the calling thread. Errors: as
 * hpac_parallel_for; HPAC_INTERRUPTED. */
hpac_status hpac_dataset_for_each_row(hpac_dataset *dataset, const hpac_dataset_pass *options,
                                      hpac_status (*body)(void *user, hpac_dataset_reader *reader,
                                                          size_t row),
                                      void *user);

/* Prepares all images that are to be cached and are not yet; none if nothing is cached. *prepared:
 * how many these were. Bad images are left to hpac_dataset_read. Errors: INTERNAL,
 * HPAC_INTERRUPTED. */
hpac_status hpac_dataset_prepare(hpac_dataset *dataset, const hpac_dataset_pass *options,
                                 size_t *prepared);

#endif
