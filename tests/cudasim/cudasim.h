/*
 * The CUDA simulator: stand-ins for libcudart, libcublas and libcudnn that run libhpac_cuda.so on a
 * machine without a GPU. This header is what the stand-ins share, and what tests ask of them; it is
 * no part of the product.
 *
 * Device addresses are never mapped for the host. A stand-in that computes gets the memory behind
 * one by cudasim_memory(), inside an operation that cudasim_enqueue() has put on a stream.
 *
 * Environment, beside the settings of runtime.h:
 *     CUDASIM_CUDNN_REFUSE=fwd1,bwddata1,bwdfilter3,biasact
 *         cuDNN does not support these: forward, backward data and backward filter by the number of
 *         the algorithm, and the convolution with bias and activation
 *     CUDASIM_FAIL_CALL=cublasGemmEx:3
 *         the third call of this function of cuDNN or cuBLAS fails
 */
#ifndef CUDASIM_H
#define CUDASIM_H

#include "counts.h"

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the host finds the `nbytes` at a device address. All of them must lie in one live block of
 * device memory; else it reports `what` (printf) and ends the program. */
void *cudasim_memory(const void *address, size_t nbytes, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends an operation to a stream, or to the graph that the stream is being captured into; the
 * context is copied. `name` must live for ever. */
typedef void cudasim_operation(void *context);
void cudasim_enqueue(cudaStream_t stream, const char *name, cudasim_operation *operation,
                     const void *context, size_t context_nbytes);

/* Reports a misuse and ends the program with exit code 97. */
void cudasim_fail(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Reports something not given back; the program will end with exit code 96. For destructors of the
 * stand-ins' libraries; NULL ends the program if there was any. */
void cudasim_leak(const char *what, ...) __attribute__((format(printf, 1, 2)));

void cudasim_count_library_call(cudaStream_t stream); /* by the stand-ins, once a call */

#ifdef __cplusplus
}
#endif

#endif
