/* The kernels for AVX2 with FMA. */
#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 8
#define SQRT(a) (vec) _mm256_sqrt_ps((__m256)(a))
#define MULTIPLY_LOW(a, b) (lvec) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#define STREAM(to, value) _mm256_stream_ps(to, (__m256)(value))
#define FENCE() _mm_sfence()
#define DENSE_ROWS 6 /* times 2 vectors: 12 of the 16 registers are sums */
#define DENSE_VECTORS 2
#define WINDOWS 6      /* times 2 vectors: 12 of the registers are sums */
#define PRODUCT_ROWS 6 /* times 2 vectors: 12 of the registers are sums */
#define MAX(a, b) (vec) _mm256_max_ps((__m256)(a), (__m256)(b))
#define WIDEN_BYTES(from) (ivec) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from)))
#define NAME "avx2"
#define TABLE hpac_cpu_kernels_avx2

#include "kernels_body.h"

#else
typedef int no_avx2_here; /* ISO C wants a declaration */
#endif
