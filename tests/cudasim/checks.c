/*
 * What the compiler checks in the host builds (-fsanitize=alignment,bounds) ends here: an address
 * that is not aligned for what is loaded from it, which a GPU refuses, and an index beyond an
 * array, where shared memory has no guard pages. The functions and their data are those of GCC and
 * clang's undefined-behavior sanitizer.
 */
#include "cudasim.h"

typedef struct source_place {
    const char *file;
    uint32_t line, column;
} source_place;

typedef struct source_type {
    uint16_t kind, info;
    char name[];
} source_type;

typedef struct mismatch {
    source_place place;
    const source_type *type;
    unsigned char log_alignment, check;
} mismatch;

typedef struct out_of_bounds {
    source_place place;
    const source_type *array, *index;
} out_of_bounds;

void __ubsan_handle_type_mismatch_v1(const mismatch *found, uintptr_t address);
void __ubsan_handle_out_of_bounds(const out_of_bounds *found, uintptr_t index);

void __ubsan_handle_type_mismatch_v1(const mismatch *found, uintptr_t address)
{
    cudasim_fail("%s:%u: an address ending in 0x%03x is misaligned for %s, which wants a multiple "
                 "of %u",
                 found->place.file, found->place.line, (unsigned)(address & 0xfff),
                 found->type->name, 1u << found->log_alignment);
}

void __ubsan_handle_out_of_bounds(const out_of_bounds *found, uintptr_t index)
{
    cudasim_fail("%s:%u: index %lld is out of bounds of %s", found->place.file, found->place.line,
                 (long long)index, found->array->name);
}
