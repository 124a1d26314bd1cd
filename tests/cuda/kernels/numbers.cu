/* The kernels' arithmetic, compiled for the host. */
#include "numbers.h"

#include "../../../kernels/philox.cuh"

void numbers_divide(uint64_t value, uint32_t by, uint64_t *quotient, uint32_t *rest)
{
    const divided result = divide(value, make_divisor(by));
    *quotient = result.quotient;
    *rest = result.remainder;
}

uint64_t numbers_gather_offset(uint32_t row, uint32_t row_pieces, uint32_t piece)
{
    return gather_offset(row, make_divisor(row_pieces), piece);
}

void numbers_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    const philox_words words = philox4x32(counter, (uint64_t)key[1] << 32 | key[0]);
    for (int i = 0; i < 4; i++)
        out[i] = words.v[i];
}

uint32_t numbers_draw(const kernel_dropout *dropout, uint64_t index)
{
    return draw_one(*dropout, index);
}
