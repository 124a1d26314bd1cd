/* Seed and step of the next dropouts, in device memory because a graph freezes arguments. */
#ifndef HPAC_KERNELS_STEP_CUH
#define HPAC_KERNELS_STEP_CUH

#include "common.cuh"

/* 12 bytes: nothing but a launch, about 2 us, and outside of graphs. */
__global__ void set_step(kernel_step *__restrict__ step, kernel_step value)
{
    *step = value;
}

#endif
