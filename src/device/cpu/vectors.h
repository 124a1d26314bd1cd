/*
 * Vectors of LANES floats, for the kernels that are compiled once for each kind of processor. The
 * file that includes this says how wide vectors are (LANES).
 */
#ifndef HPAC_DEVICE_CPU_VECTORS_H
#define HPAC_DEVICE_CPU_VECTORS_H

#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void store(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

INLINE vec splat(float value)
{
    return value - (vec){0};
}

#endif
