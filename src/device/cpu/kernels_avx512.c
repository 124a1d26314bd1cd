/* The kernels for AVX-512. */
#if defined(__x86_64__)

#include <immintrin.h>

#define LANES 16
#define SQRT(a) (vec) _mm512_sqrt_ps((__m512)(a))
#define MULTIPLY_LOW(a, b) (lvec) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#define STREAM(to, value) _mm512_stream_ps(to, (__m512)(value))
#define FENCE() _mm_sfence()
#define DENSE_ROWS 6 /* times 4 vectors: 24 of the 32 registers are sums */
#define DENSE_VECTORS 4
#define WINDOWS 9       /* times 2 vectors: 18 of the registers are sums */
#define PRODUCT_ROWS 12 /* times 2 vectors: 24 of the registers are sums */
#define MAX(a, b) (vec) _mm512_max_ps((__m512)(a), (__m512)(b))
#define WIDEN_BYTES(from) (ivec) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(from)))
#define NAME "avx512"
#define TABLE hpac_cpu_kernels_avx512

#include "kernels_body.h"

#else
typedef int no_avx512_here; /* ISO C wants a declaration */
#endif
