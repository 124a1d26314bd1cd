/* Prepared images in memory, by row: one data set's own, or shared through a pool. */
#ifndef HPAC_IMAGE_CACHE_H
#define HPAC_IMAGE_CACHE_H

#include "dataset.h"
#include "image_pool.h"

/* What the cache knows of a row. One reader wins EMPTY -> FILLING and prepares the image in its
 * place; until it is KEPT the others prepare their own, so that nobody waits and nobody sees half
 * an image. */
enum {
    IMAGE_EMPTY, /* what calloc gives */
    IMAGE_FILLING,
    IMAGE_KEPT,
};

typedef struct image_cache {
    size_t count, image_nbytes;
    unsigned char *bytes; /* (count, image_nbytes); NULL: nothing is kept */
    atomic_uchar *states; /* (count), with the bytes */
} image_cache;

/* Sets count and size from what a data set is asked for; nothing is kept yet. */
void image_cache_init(image_cache *cache, const hpac_dataset_options *options);
/* Whether there are images, and all of them fit. */
bool image_cache_fits(const image_cache *cache, size_t limit_nbytes);
/* Makes room for the images. Errors: INTERNAL (memory). */
hpac_status image_cache_open(image_cache *cache);
/* Gives the memory back; count and size stay. */
void image_cache_close(image_cache *cache);

/* One set of images in a pool. */
typedef struct pool_set {
    struct pool_set *next;
    char *images; /* the folder, as realpath tells it */
    char **ids;   /* (cache.count) */
    hpac_batch_format format;
    int channel_order[HPAC_MAX_CHANNELS];
    size_t planned; /* data sets that were counted */
    size_t left;    /* of them, those that have not gone yet */
    size_t users;   /* data sets that are there now */
    size_t used;    /* the pool's time of the last use */
    bool checked;   /* all its files are known to be good */
    image_cache cache;
} pool_set;

struct hpac_image_pool {
    bool planning;
    pool_set *sets;
    size_t nbytes; /* of all caches */
    size_t time;   /* counts the data sets */
    atomic_size_t files_decoded;
};

/* Finds or makes the set of a data set, which uses it until image_pool_leave. *kept tells whether
 * its images are kept (or, while the pool counts, would be kept by what is known so far). Errors:
 * INTERNAL. */
hpac_status image_pool_join(hpac_image_pool *pool, const hpac_dataset_options *options,
                            pool_set **set, bool *kept);
void image_pool_leave(hpac_image_pool *pool, pool_set *set);

#endif
