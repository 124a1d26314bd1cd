/*
 * The bench on which single kernels are tested: device memory, tensors of any layout and format,
 * and comparing. On the CUDA simulator (LD_LIBRARY_PATH=build/cudasim) or on a GPU.
 *
 * Values on the host are floats in NHWC order; put_tensor and get_tensor bring them into a tensor's
 * layout and format and back, by plain code of their own.
 */
#ifndef TESTS_CUDA_KERNELS_BENCH_H
#define TESTS_CUDA_KERNELS_BENCH_H

#include "base/random.h"

#include "../../../kernels/kernels.h"

#include <criterion/criterion.h>

extern cudaStream_t bench_stream;

/* Before and after each test: the stream; frees what was put. */
void bench_start(void);
void bench_end(void);

/* New device memory with these bytes, or with all bits set (NaN) when `from` is NULL. */
void *put_bytes(const void *from, size_t nbytes);
void get_bytes(void *to, const void *address, size_t nbytes);

size_t count_of(const kernel_tensor *tensor);
/* A view begins at channel BENCH_FIRST of its image, whose other channels have all bits set; that
 * they still have is checked when it is read. */
#define BENCH_FIRST 4
void *put_tensor(const kernel_tensor *tensor, const float *values);
void get_tensor(const kernel_tensor *tensor, const void *address, float *values);

/* bf16 by its definition: the nearest, of two as near the one with an even last bit. */
uint16_t to_bf16(float value);
float from_bf16(uint16_t bits);
/* The value in the format of the tensor. */
float rounded_to(const kernel_tensor *tensor, float value);

/* count random values on -1..1, every eighth 0; the caller frees them. */
float *draw_values(uint32_t stream, size_t count);
float *new_values(size_t count);

/* One of all combinations of layout and format of a shape. */
kernel_tensor variant_of(kernel_tensor shape, int number);
#define VARIANT_COUNT 4
/* "3 x 4 x 5 x 6 nchw bf16" */
const char *name_of(const kernel_tensor *tensor);

/* |got - expected| <= atol + rtol |expected|, or both are NaN. */
bool is_near(double got, double expected, double atol, double rtol);

#define MUST_WORK(call)                                                                            \
    do {                                                                                           \
        cudaError_t error_ = (call);                                                               \
        cr_assert_eq(error_, cudaSuccess, "%s: %s", #call, cudaGetErrorName(error_));              \
    } while (0)

#endif
