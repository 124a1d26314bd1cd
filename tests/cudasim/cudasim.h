/*
 * The CUDA simulator: simulated libcudart, libcublas and libcudnn, which run libhpac_cuda.so on a
 * machine without a GPU. This header is what the simulated libraries share, and what tests ask of
 * them; it is no part of the product.
 *
 * Device addresses are never mapped for the host. A library function gets the memory behind
 * one by cudasim_memory(), inside an operation that cudasim_enqueue() has put on a stream.
 *
 * Environment, beside the settings of runtime.h:
 *     CUDASIM_CUDNN_REFUSE=fwd1,bwddata1,bwdfilter3,biasact
 *         cuDNN does not support these: forward, backward data and backward filter by the number of
 *         the algorithm, and the convolution with bias and activation
 *     CUDASIM_CUDNN_ABSURD=fwd1
 *         cuDNN asks for 2 TiB of workspace for these algorithms
 *     CUDASIM_CUDNN_LARGE=fwd1
 *         cuDNN asks for 2 GiB of workspace for these algorithms
 *     CUDASIM_CUDNN_VERSION=90000, CUDASIM_CUDNN_CUDART=12080
 *         what cuDNN reports as its version and the CUDA version it was built for
 *     CUDASIM_FAIL=cublasGemmEx:3
 *         the third call of this function of the runtime, cuDNN or cuBLAS fails (without a number
 *         the first); CUDASIM_FAIL=17: the 17th call of any of them
 */
#ifndef CUDASIM_H
#define CUDASIM_H

#include "counts.h"

#include <cuda_runtime_api.h>
#include <stdbool.h>
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

/* A kind of object that must be destroyed; what is left when the program ends is a leak. */
typedef struct cudasim_kind {
    const char *plural;
    int live;
    bool known;
    struct cudasim_kind *next;
} cudasim_kind;
void cudasim_live_add(cudasim_kind *kind, int change);

/* Whether CUDASIM_FAIL or cudasim_fail_nth() wants this call to fail. Counts the call. */
bool cudasim_call_fails(const char *call);

/* The thread's current GPU (-1: there is none), and the GPU of a stream. */
int cudasim_current_device(void);
int cudasim_stream_device(cudaStream_t stream);
/* Ends the program if the memory at the address is another GPU's than `device`. */
void cudasim_check_device(const void *address, int device, const char *what);

bool cudasim_is_capturing(cudaStream_t stream);
void cudasim_synchronize(cudaStream_t stream); /* NULL: all streams */

/* The type in which a library call multiplies. */
typedef enum cudasim_numbers {
    CUDASIM_FLOAT,
    CUDASIM_TF32, /* float32 in memory; factors are rounded to 10 bits of mantissa */
    CUDASIM_BF16,
} cudasim_numbers;
/* Once per call of a library that enqueues work. */
void cudasim_count_library_call(cudaStream_t stream);
void cudasim_note_cublas_workspace(cudaStream_t stream, size_t nbytes);
void cudasim_count_product(cudaStream_t stream, cudasim_numbers numbers, bool reduced_sums);

#ifdef __cplusplus
}
#endif

#endif
