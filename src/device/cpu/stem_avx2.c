/* The fused stem for AVX2 and FMA: 16 registers of 8 floats, 12 of them sums. */
#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 8
#define WINDOWS 6
#define MAX(a, b) (vec) _mm256_max_ps((__m256)(a), (__m256)(b))
#define TABLE hpac_stem_avx2
#define NAME "avx2"

#include "stem_kernels.h"

#else
typedef int no_avx2_here; /* ISO C wants a declaration */
#endif
