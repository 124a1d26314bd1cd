/*
 * A pool of prepared images, for several trainings on the same files: each file is decoded once,
 * and its prepared image kept for all of them.
 *
 *     hpac_image_pool_create(&pool);
 *     ... create and destroy the data sets to come, with .pool = pool: they are counted ...
 *     hpac_image_pool_begin(pool);
 *     for each training: hpac_dataset_create (.pool = pool), train, hpac_dataset_destroy;
 *     hpac_image_pool_destroy(pool);
 *
 * Data sets share their images when folder, Ids and their order, channels, size and pixels agree;
 * targets may differ. A set of images is given up after the last data set that was counted for it.
 *
 * Memory: a data set takes part with what its options allow (dataset.h). The pool never holds more
 * than the data set created last allows: sets that no data set uses are given up for it, the one
 * longest unused first, and prepared anew when they are wanted again. Data sets are created and
 * destroyed by one thread at a time; their readers may run in any number.
 */
#ifndef HPAC_DATA_IMAGE_POOL_H
#define HPAC_DATA_IMAGE_POOL_H

#include <hpac/status.h>

typedef struct hpac_image_pool hpac_image_pool;

/* An empty pool that counts what data sets there will be. Errors: INTERNAL (memory). */
hpac_status hpac_image_pool_create(hpac_image_pool **pool);
/* Ends the counting: from here on images are kept. No data set of the pool may be there. */
void hpac_image_pool_begin(hpac_image_pool *pool);
void hpac_image_pool_destroy(hpac_image_pool *pool); /* NULL is fine; no data set may be left */

/* Bytes of images that the pool has room for now. */
size_t hpac_image_pool_nbytes(const hpac_image_pool *pool);
/* Files decoded so far by the readers of all its data sets. */
size_t hpac_image_pool_files_decoded(const hpac_image_pool *pool);

#endif
