/* What the tests of the stand-ins share: a stream with both libraries on it, and device memory that
 * is written and read from the host. */
#ifndef CUDASIM_TEST_ROOM_H
#define CUDASIM_TEST_ROOM_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_room {
    cudaStream_t stream;
    cudnnHandle_t cudnn;
    cublasHandle_t cublas;
} test_room;

test_room room_open(void);
void room_close(test_room *room);

/* Numbers in device memory: floats, or bf16 rounded to nearest. The caller frees (cudaFree). */
void *room_put(const test_room *room, const float *values, size_t count, int bf16);
/* The numbers as they are now; waits. */
void room_get(const test_room *room, const void *address, float *values, size_t count, int bf16);

/* Values in -1 .. 1 that bf16 has exactly, the same for the same seed. */
void room_fill(float *values, size_t count, uint32_t seed);
/* Whole numbers in -3 .. 3. */
void room_fill_whole(float *values, size_t count, uint32_t seed);

float *room_floats(size_t count);

#define DONE(call) cr_assert_eq((int)(call), 0, #call)

#endif
