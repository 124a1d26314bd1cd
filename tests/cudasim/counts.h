/*
 * What the CUDA simulator counts, for tests that find it by name in the runtime's stand-in: no
 * header of CUDA is needed here.
 */
#ifndef CUDASIM_COUNTS_H
#define CUDASIM_COUNTS_H

#include <stdint.h>

/* What has been called so far; a graph's launch counts its operations as well as itself. */
typedef struct cudasim_counts {
    uint64_t kernels;       /* kernels launched, by themselves or in graphs */
    uint64_t library_calls; /* cuBLAS and cuDNN calls that enqueue work, likewise */
    uint64_t graph_launches;
    uint64_t uploads, upload_nbytes;
    uint64_t downloads, download_nbytes;
    uint64_t device_copies, memsets;
    uint64_t synchronizations; /* host waits: streams, events, device, blocking copies */
    uint64_t allocations, frees;
    uint64_t live_nbytes; /* of device memory now */
} cudasim_counts;

/* Exported by the libcudart stand-in as "cudasim_get_counts". */
#ifdef __cplusplus
extern "C"
#endif
    void
    cudasim_get_counts(cudasim_counts *counts);

#endif
