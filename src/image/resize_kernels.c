/* The loops of resizing, for each instruction set, and the choice among them. */
#include "resize_internal.h"

#include <string.h>

/* Input rows that are floats at a time: with the sums they stay in the first cache. */
enum { ROW_CHUNK = 32 };

typedef float floats4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int ints4 __attribute__((vector_size(16)));

/* The elements i, j, k, l of a and b, which are 0 to 3 and 4 to 7. */
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE __builtin_shufflevector
#else /* gcc 11 */
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (ints4){i, j, k, l})
#endif

#define LOOPS(name) name##_plain
#define TARGET
#define WIDTH 4
#include "resize_loops.h"

#if defined(__x86_64__)
#define LOOPS(name) name##_avx2
#define TARGET __attribute__((target("avx2")))
#define WIDTH 8
#include "resize_loops.h"

#define LOOPS(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define WIDTH 16
#include "resize_loops.h"

#endif

const resize_kernels resize_all_kernels[HPAC_CPU_PATH_COUNT] = {
    [HPAC_CPU_PATH_PORTABLE] = {filter_rows_plain, filter_cols_plain, to_u8_plain, to_unit_plain},
#if defined(__x86_64__)
    [HPAC_CPU_PATH_AVX2] = {filter_rows_avx2, filter_cols_avx2, to_u8_avx2, to_unit_avx2},
    [HPAC_CPU_PATH_AVX512] = {filter_rows_avx512, filter_cols_avx512, to_u8_avx512, to_unit_avx512},
#endif
};
