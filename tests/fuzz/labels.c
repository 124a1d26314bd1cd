/* Label files: whatever the bytes, there is an answer, and a good one keeps its promises. */
#include "input.h"

#include <hpac/labels.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    hpac_labels labels = {0};
    if (hpac_labels_read_csv(fuzz_file(bytes, nbytes), &labels) == HPAC_OK) {
        if (labels.count == 0)
            abort();
        for (size_t row = 0; row < labels.count; row++)
            if (labels.masks[row] == 0 || labels.masks[row] >> HPAC_CLASS_COUNT != 0)
                abort();
    }
    hpac_labels_fini(&labels);
    if (hpac_ids_read_csv(fuzz_file(bytes, nbytes), &labels) == HPAC_OK && labels.masks)
        abort();
    hpac_labels_fini(&labels);
    return 0;
}
