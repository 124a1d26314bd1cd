/*
 * Planted bugs: each case is a small program that is right, or wrong in one way. It gives 0 when it
 * worked and its result is right, FAULT_WRONG when the result is wrong, FAULT_REFUSED when a call
 * was; what the CUDA simulator itself reports ends the program (cudasim.h).
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "kernels.h"

#include <stddef.h>

#define FAULT_WRONG 1
#define FAULT_REFUSED 4

/* What a case works with: made before it, given back after it, whatever it did. */
typedef struct fixture {
    cudaStream_t compute, copy;
    cudaEvent_t event;
    float *device, *second; /* FAULT_COUNT values, all 0 */
    float *pinned;          /* likewise: 0, 1, 2, ... */
} fixture;

#define FAULT_COUNT 1024

typedef struct fault_case {
    const char *name;
    int (*run)(const fixture *with, bool planted);
} fault_case;

extern const fault_case memory_cases[], leak_cases[], stream_cases[], block_cases[],
    capture_cases[], launch_cases[];

/* Prints what failed; FAULT_REFUSED, or 0. */
int fault_report(cudaError_t error, const char *call);

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int refused = fault_report(call, #call);                                                   \
        if (refused != 0)                                                                          \
            return refused;                                                                        \
    } while (0)

/* Copies device memory to pinned memory on a stream, and waits. */
int fault_download(const fixture *with, const float *from, int count);
/* 0, or FAULT_WRONG and what differs, of the first values in pinned memory. */
int fault_compare(const fixture *with, float expected, float slope, int count);

#endif
