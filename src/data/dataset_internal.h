/* Shared by dataset.c, dataset_check.c and image_pool.c. */
#ifndef HPAC_DATA_DATASET_INTERNAL_H
#define HPAC_DATA_DATASET_INTERNAL_H

#include "dataset.h"

#include <stdatomic.h>

/* The state of a row. One reader changes EMPTY to FILLING and prepares the image in the cache;
 * until it is CACHED the others prepare their own, so that none waits and none sees an incomplete
 * image. */
enum {
    IMAGE_EMPTY, /* what calloc gives */
    IMAGE_FILLING,
    IMAGE_CACHED,
};

/* A set of images that data sets may share. */
typedef struct image_set {
    struct image_set *next;
    char *key; /* (key_nbytes) what the images depend on: sets with the same images have it */
    size_t key_nbytes;
    size_t users;    /* data sets */
    size_t last_use; /* by the pool's count of data sets */
    bool checked;    /* all its files are known to be good */
    size_t count, image_nbytes;
    unsigned char *bytes; /* (count, image_nbytes) NULL: not cached. Changes without users only */
    atomic_uchar *states; /* (count), with the bytes */
} image_set;

struct hpac_image_pool {
    image_set *sets;
    size_t nbytes; /* of all cached sets */
    size_t uses;
    atomic_size_t files_decoded;
};

/* Finds or makes the set of a data set, adds it to its users, and caches its images if they fit
 * into options->cache_nbytes. Errors: INTERNAL (memory). */
hpac_status image_pool_join(hpac_image_pool *pool, const hpac_dataset_options *options,
                            image_set **set);

struct hpac_dataset {
    hpac_dataset_options options; /* its arrays are the copies below */
    char *images;
    int targets[HPAC_CLASS_COUNT];
    int channel_order[HPAC_MAX_CHANNELS];
    hpac_image_pool *own_pool; /* without options.pool */
    hpac_image_pool *pool;
    image_set *set;
    atomic_uint remarks; /* kinds of HPAC_REMARK_... that were logged */
};

/* "<directory>/<Id>_<channel>.png" of file row * channels + channel, malloc'ed; NULL: no memory. */
char *dataset_file_path(const hpac_dataset *dataset, const char *directory, size_t file);

#endif
