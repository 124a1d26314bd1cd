/* What dataset.c and dataset_check.c share. */
#ifndef HPAC_DATASET_INTERNAL_H
#define HPAC_DATASET_INTERNAL_H

#include "image_cache.h"

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

/* "<images>/<Id>_<channel>.png", malloc'ed; NULL: out of memory. */
char *dataset_image_path(const hpac_dataset *dataset, size_t row, size_t channel);

#endif
