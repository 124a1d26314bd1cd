/*
 * What conv2d.c and conv2d_algorithms.c share: the convolution as cuDNN knows it, and how each of
 * its passes is computed.
 */
#ifndef HPAC_DEVICE_CUDA_CONV2D_H
#define HPAC_DEVICE_CUDA_CONV2D_H

#include "cuda.h"

typedef enum conv2d_pass {
    CONV2D_FORWARD,
    CONV2D_DATA,   /* the gradient of the input */
    CONV2D_FILTER, /* the gradient of the kernel */
    CONV2D_PASS_COUNT,
} conv2d_pass;

/* How a pass is computed. Each has a descriptor of its own: the math type is part of it. */
typedef struct conv2d_choice {
    cudnnConvolutionDescriptor_t convolution;
    int algorithm; /* a cudnnConvolution...Algo_t of the pass */
    size_t workspace_nbytes;
    const char *name; /* "PRECOMP_GEMM"; NULL: a pass that is not wanted */
} conv2d_choice;

typedef struct conv2d_library {
    cudnnTensorDescriptor_t x, y, bias;
    cudnnFilterDescriptor_t kernel;
    cudnnActivationDescriptor_t activation;
    size_t x_nbytes, y_nbytes, kernel_nbytes;
    cudnnMathType_t math;
    conv2d_choice choices[CONV2D_PASS_COUNT];
    bool lacks_pass; /* the error was that cuDNN has no algorithm for a pass */
} conv2d_library;

/* Chooses the algorithm of a pass, whose convolution descriptor is made already: the first of a
 * fixed list that cuDNN has for the shape, or on devices that need not be deterministic, the
 * fastest. */
hpac_status hpac_cuda_conv2d_choose(cuda_device *device, conv2d_library *library, conv2d_pass pass);

#endif
