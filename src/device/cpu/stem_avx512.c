/* The fused stem for AVX-512: 32 registers of 16 floats, 18 of them sums. */
#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 16
#define WINDOWS 9
#define MAX(a, b) (vec) _mm512_max_ps((__m512)(a), (__m512)(b))
#define TABLE hpac_stem_avx512
#define NAME "avx512"

#include "stem_kernels.h"

#else
typedef int no_avx512_here; /* ISO C wants a declaration */
#endif
