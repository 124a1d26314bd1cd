/*
 * The number formats of cuBLAS and cuDNN on the host, and the product of matrices: all arithmetic
 * of the simulated libraries goes through floats and through this one product.
 */
#ifndef CUDASIM_NUMBERS_H
#define CUDASIM_NUMBERS_H

#include "cudasim.h"

size_t cudasim_number_nbytes(cudasim_numbers numbers);

/* `count` numbers as a product reads them: where they lie if they are floats as they are, else
 * converted into `buffer`. */
const float *cudasim_as_floats(cudasim_numbers numbers, const void *memory, size_t count,
                               float *buffer);

/* The same without the rounding to TF32: what is added, not multiplied. */
const float *cudasim_as_addends(cudasim_numbers numbers, const void *memory, size_t count,
                                float *buffer);

/* Writes floats, to bf16 rounded to nearest, ties to even, NaN staying NaN. */
void cudasim_store(cudasim_numbers numbers, void *to, const float *from, size_t count);

/* c (rows, cols) = a b + beta c, row-major; a is (rows, depth), b (depth, cols), or with
 * `transposed` lies the other way round. beta = 0: c is not read. */
typedef struct cudasim_product {
    size_t rows, cols, depth;
    const float *a, *b;
    float *c;
    size_t lda, ldb, ldc; /* elements from row to row, as they lie in memory */
    bool a_transposed, b_transposed;
    float beta;
} cudasim_product;
void cudasim_multiply(const cudasim_product *product);

/* Host memory, or a report and the end. */
float *cudasim_floats(size_t count);

#endif
