/* What the launchers (*.cu) share. Host code. */
#ifndef HPAC_KERNELS_LAUNCH_H
#define HPAC_KERNELS_LAUNCH_H

#include "common.cuh"

static inline uint64_t tensor_pixels(const kernel_tensor *tensor)
{
    return (uint64_t)tensor->rows * (uint64_t)tensor->cols;
}

static inline uint64_t tensor_count(const kernel_tensor *tensor)
{
    return (uint64_t)tensor->batch * tensor_pixels(tensor) * (uint64_t)tensor->channels;
}

/* Whether memory order is another than NHWC. */
static inline bool has_planes(const kernel_tensor *tensor)
{
    return tensor->nchw && tensor->channels > 1 && tensor_pixels(tensor) > 1;
}

static inline uint64_t divide_up(uint64_t value, uint64_t by)
{
    return (value + by - 1) / by;
}

/* Blocks for one thread per item. */
static inline unsigned blocks_for(uint64_t items)
{
    return (unsigned)divide_up(items, KERNEL_THREADS);
}

/* The largest power of two up to `limit` that is not above what `needed` rounds up to. */
static inline unsigned power_of_two(uint64_t needed, unsigned limit)
{
    unsigned power = 1;
    while (power < needed && power < limit)
        power *= 2;
    return power;
}

template <typename T> static inline bool is_aligned(const T *address, size_t count)
{
    return (uintptr_t)address % (count * sizeof(T)) == 0;
}

#endif
