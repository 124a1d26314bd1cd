/* Between split.c and stratify.c. */
#ifndef HPAC_DATA_STRATIFY_H
#define HPAC_DATA_STRATIFY_H

#include <hpac/status.h>

#include <stdint.h>

/* Deals rows 0 .. row_count - 1 to `folds` folds whose sizes differ by one at most, writing each
 * row's fold to fold_of (row_count). Masks as in hpac_labels. */
hpac_status stratify(uint32_t seed, uint32_t repeat, size_t folds, size_t row_count,
                     const uint32_t *masks, size_t *fold_of);

#endif
