/* Device functions that also run on the host, for the tests: numbers too large for tensors that fit
 * into a test. */
#ifndef TESTS_CUDA_KERNELS_NUMBERS_H
#define TESTS_CUDA_KERNELS_NUMBERS_H

#include "../../../kernels/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* value / by and value % by as kernels compute them. */
void numbers_divide(uint64_t value, uint32_t by, uint64_t *quotient, uint32_t *rest);
/* Where the gathering kernel reads a piece of a row. */
uint64_t numbers_gather_offset(uint32_t row, uint32_t row_pieces, uint32_t piece);
void numbers_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* The number that dropout draws for an index; dropout->step is an address of the host. */
uint32_t numbers_draw(const kernel_dropout *dropout, uint64_t index);

#ifdef __cplusplus
}
#endif

#endif
