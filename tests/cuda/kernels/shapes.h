/* The shapes that kernels of single values are tested on: less than a vector, channels that fill no
 * vector, whole ones, more than a block. */
#ifndef HPAC_TESTS_CUDA_KERNELS_SHAPES_H
#define HPAC_TESTS_CUDA_KERNELS_SHAPES_H

#include "bench.h"

static const kernel_tensor shapes[] = {
    {.batch = 1, .rows = 1, .cols = 1, .channels = 1},
    {.batch = 7, .rows = 1, .cols = 1, .channels = 61},
    {.batch = 3, .rows = 5, .cols = 7, .channels = 3},
    {.batch = 2, .rows = 6, .cols = 6, .channels = 16},
    {.batch = 3, .rows = 4, .cols = 8, .channels = 6},
    {.batch = 2, .rows = 33, .cols = 40, .channels = 36},
};
enum {
    SHAPE_COUNT = sizeof shapes / sizeof *shapes,
    TENSOR_COUNT = SHAPE_COUNT * VARIANT_COUNT,
};

/* Each shape in each layout and number format. */
static inline kernel_tensor tensor_of(int number)
{
    return variant_of(shapes[number / VARIANT_COUNT], number % VARIANT_COUNT);
}

#endif
