/* What the tests of the simulated libraries share: a stream with both libraries on it, and device
 * memory that is written and read from the host. */
#ifndef CUDASIM_UNIT_FIXTURE_H
#define CUDASIM_UNIT_FIXTURE_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_fixture {
    cudaStream_t stream;
    cudnnHandle_t cudnn;
    cublasHandle_t cublas;
} sim_fixture;

sim_fixture fixture_open(void);
void fixture_close(sim_fixture *fixture);

/* Numbers in device memory: floats, or bf16 rounded to nearest. The caller frees (cudaFree). */
void *put_floats(const sim_fixture *fixture, const float *values, size_t count, int bf16);
/* The numbers as they are now; waits. */
void get_floats(const sim_fixture *fixture, const void *address, float *values, size_t count,
                int bf16);

/* Values in -1 .. 1 that bf16 has exactly, the same for the same seed. */
void fill_floats(float *values, size_t count, uint32_t seed);
/* Integers in [-3, 3]. */
void fill_integers(float *values, size_t count, uint32_t seed);

float *new_floats(size_t count);

#define DONE(call) cr_assert_eq((int)(call), 0, #call)

#endif
