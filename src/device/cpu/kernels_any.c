/* The kernels for any processor: four lanes, which the compiler makes of what there is. */
#include <math.h>

#define LANES 4
#define SQRT(a) square_roots(a)
#define MULTIPLY_LOW(a, b) (((a)&0xffffffffU) * (b))
#define STREAM(to, value) store(to, value)
#define FENCE() (void)0
#define DENSE_ROWS 4
#define DENSE_VECTORS 2
#define TABLE hpac_cpu_kernels_any

typedef float four_floats __attribute__((vector_size(16)));

static inline four_floats square_roots(four_floats a)
{
    return (four_floats){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}

#include "kernels_body.h"
