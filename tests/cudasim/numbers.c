/* Number formats and the matrix product, by oneDNN: fast enough for whole trainings. Sums of small
 * integers are exact, and the order of a sum depends on the shape alone. */
#include "numbers.h"

#include "cudasim.h"

#include <dnnl.h>
#include <stdlib.h>
#include <string.h>

size_t cudasim_number_nbytes(cudasim_numbers numbers)
{
    return numbers == CUDASIM_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static void widen_bf16(float *to, const uint16_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof(bits));
    }
}

/* To nearest; a carry out of the mantissa raises the exponent as it should. */
static void round_to_tf32(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof(bits));
        bool finite = (bits & 0x7f800000u) != 0x7f800000u;
        bits = finite ? (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu : bits;
        memcpy(&to[i], &bits, sizeof(bits));
    }
}

const float *cudasim_as_floats(cudasim_numbers numbers, const void *memory, size_t count,
                               float *buffer)
{
    if (numbers != CUDASIM_TF32)
        return cudasim_as_addends(numbers, memory, count, buffer);
    round_to_tf32(buffer, memory, count);
    return buffer;
}

const float *cudasim_as_addends(cudasim_numbers numbers, const void *memory, size_t count,
                                float *buffer)
{
    if (numbers != CUDASIM_BF16)
        return memory;
    widen_bf16(buffer, memory, count);
    return buffer;
}

void cudasim_store(cudasim_numbers numbers, void *to, const float *from, size_t count)
{
    if (numbers != CUDASIM_BF16) {
        memcpy(to, from, count * sizeof(float));
        return;
    }
    uint16_t *rounded = to;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof(bits));
        bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
        bits = nan ? bits | 0x00400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
        rounded[i] = (uint16_t)(bits >> 16);
    }
}

void cudasim_multiply(const cudasim_product *product)
{
    dnnl_status_t status =
        dnnl_sgemm(product->a_transposed ? 'T' : 'N', product->b_transposed ? 'T' : 'N',
                   (dnnl_dim_t)product->rows, (dnnl_dim_t)product->cols, (dnnl_dim_t)product->depth,
                   1.0f, product->a, (dnnl_dim_t)product->lda, product->b, (dnnl_dim_t)product->ldb,
                   product->beta, product->c, (dnnl_dim_t)product->ldc);
    if (status != dnnl_success)
        cudasim_fail("the simulator's own product of %zu x %zu x %zu failed (%d)", product->rows,
                     product->cols, product->depth, (int)status);
}

float *cudasim_floats(size_t count)
{
    float *floats = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    if (!floats)
        cudasim_fail("no host memory for %zu floats", count);
    return floats;
}
