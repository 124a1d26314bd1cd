/*
 * What the CUDA simulator counts and how a test makes a call fail. Tests look these functions up in
 * the simulated libcudart with dlsym(); no CUDA header is needed here.
 */
#ifndef CUDASIM_COUNTS_H
#define CUDASIM_COUNTS_H

#include <stdint.h>

/* What has been called so far; a graph's launch counts its operations as well as itself. */
typedef struct cudasim_counts {
    uint64_t kernels;       /* kernels launched, by themselves or in graphs */
    uint64_t library_calls; /* cuBLAS and cuDNN calls that enqueue work, likewise */
    /* convolutions and matrix products among them, by the type they multiply in */
    uint64_t float32_products, tf32_products, bf16_products;
    uint64_t reduced_sums; /* of bf16 products: cuBLAS may round partial sums to bf16 */
    uint64_t graph_launches;
    uint64_t uploads, upload_nbytes;
    uint64_t downloads, download_nbytes;
    uint64_t device_copies, memsets;
    uint64_t synchronizations; /* host waits: streams, events, device, blocking copies */
    uint64_t allocations, frees;
    uint64_t live_nbytes;             /* of device memory now */
    uint64_t cublas_workspace_nbytes; /* of the last cublasSetWorkspace */
    uint64_t live_objects; /* blocks, streams, events, graphs, handles, descriptors now */
} cudasim_counts;

#ifdef __cplusplus
extern "C" {
#endif

typedef void cudasim_get_counts_function(cudasim_counts *counts);
typedef void cudasim_get_device_counts_function(int device, cudasim_counts *counts);
typedef void cudasim_fail_nth_function(uint64_t n);
typedef const char *cudasim_failed_call_function(void);
typedef void cudasim_take_memory_function(uint64_t nbytes);

cudasim_get_counts_function cudasim_get_counts; /* of all devices */
cudasim_get_device_counts_function cudasim_get_device_counts;

/* From now on the n-th call of the runtime, cuBLAS or cuDNN fails; 0: none does. */
cudasim_fail_nth_function cudasim_fail_nth;
/* The name of the call that failed; NULL: none did. Functions that release do their work first. */
cudasim_failed_call_function cudasim_failed_call;

/* Another process has this much of each device's memory, or as much as is free; 0: none. */
cudasim_take_memory_function cudasim_take_memory;

#ifdef __cplusplus
}
#endif

#endif
