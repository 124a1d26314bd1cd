/*
 * A pool of prepared images: each file is decoded once for all data sets that share the pool, such
 * as the runs of a sweep or the folds of a cross-validation.
 *
 *     hpac_image_pool_create(&pool);
 *     for each training: hpac_dataset_create (.pool = pool), train, hpac_dataset_destroy;
 *     hpac_image_pool_destroy(pool);
 *
 * Data sets share a set of images when directory, Ids and their order, channels, size and pixels
 * agree; targets may differ. A set is cached as a whole or not at all. The pool is an LRU cache: if
 * a new data set's images do not fit into its options.cache_nbytes beside the others, sets that no
 * data set uses are evicted, the least recently used first, and decoded again when needed. Data
 * sets are created and destroyed by one thread at a time; their readers may be many. Caching never
 * changes the bits that are read.
 */
#ifndef HPAC_DATA_IMAGE_POOL_H
#define HPAC_DATA_IMAGE_POOL_H

#include <hpac/status.h>

typedef struct hpac_image_pool hpac_image_pool;

/* Errors: INTERNAL (memory). */
hpac_status hpac_image_pool_create(hpac_image_pool **pool);
void hpac_image_pool_destroy(hpac_image_pool *pool); /* NULL is fine; no data set may be left */

/* Bytes reserved for images now. */
size_t hpac_image_pool_nbytes(const hpac_image_pool *pool);
/* Files decoded so far by the readers of all its data sets. */
size_t hpac_image_pool_files_decoded(const hpac_image_pool *pool);

#endif
