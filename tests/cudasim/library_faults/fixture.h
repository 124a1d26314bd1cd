/* The fixture of the mistakes: a stream, handles, and one convolution with its memory. */
#ifndef CUDASIM_LIBRARY_FAULTS_FIXTURE_H
#define CUDASIM_LIBRARY_FAULTS_FIXTURE_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stddef.h>

/* One convolution with bias and ReLU in NHWC, and everything it needs: 2 images of 8 x 8 x 4, 8
 * filters of 3 x 3. Mistakes change something of it. */
typedef struct fault_fixture {
    bool wrong;
    cudaStream_t stream;
    cudnnHandle_t cudnn;
    cublasHandle_t cublas;
    cudnnTensorDescriptor_t x_desc, y_desc, z_desc, bias_desc;
    cudnnFilterDescriptor_t w_desc;
    cudnnConvolutionDescriptor_t conv_desc;
    cudnnActivationDescriptor_t activation;
    cudnnConvolutionFwdAlgo_t algo;
    char *x, *w, *y, *bias, *workspace;
    size_t workspace_nbytes;
} fault_fixture;

enum {
    X_NBYTES = 2 * 8 * 8 * 4 * 4,
    W_NBYTES = 8 * 3 * 3 * 4 * 4,
    Y_NBYTES = 2 * 6 * 6 * 8 * 4,
    BIAS_NBYTES = 8 * 4,
    CUBLAS_NBYTES = 4096,
};

/* For alpha and beta. */
extern const float one, zero;

/* Says which call was refused and why, and ends the program with exit code 3. */
void fixture_refused(const char *call, const char *why);

#define CUDNN(call)                                                                                \
    do {                                                                                           \
        cudnnStatus_t status_ = (call);                                                            \
        if (status_ != CUDNN_STATUS_SUCCESS)                                                       \
            fixture_refused(#call, cudnnGetErrorString(status_));                                  \
    } while (0)
#define CUBLAS(call)                                                                               \
    do {                                                                                           \
        cublasStatus_t status_ = (call);                                                           \
        if (status_ != CUBLAS_STATUS_SUCCESS)                                                      \
            fixture_refused(#call, cublasGetStatusName(status_));                                  \
    } while (0)
#define CUDA(call)                                                                                 \
    do {                                                                                           \
        cudaError_t status_ = (call);                                                              \
        if (status_ != cudaSuccess)                                                                \
            fixture_refused(#call, cudaGetErrorName(status_));                                     \
    } while (0)

void fixture_open(fault_fixture *fixture);
void fixture_close(fault_fixture *fixture);
/* Zeroed memory; the caller frees. */
char *fixture_device_memory(const fault_fixture *fixture, size_t nbytes);
/* Sets workspace_nbytes to what the algorithm wants now. */
void fixture_ask_workspace(fault_fixture *fixture);
void fixture_convolve(const fault_fixture *fixture);
void fixture_convolve_fused(const fault_fixture *fixture);
/* C (4, 4) = A (4, 6) B (6, 4), in the memory of the convolution. */
void fixture_multiply(const fault_fixture *fixture, int lda, int ldb, int ldc);
void fixture_multiply_packed(const fault_fixture *fixture);

/* A mistake, made when fixture->wrong. The tables end with a name of NULL. */
typedef struct fault_case {
    const char *name;
    void (*make)(fault_fixture *fixture);
} fault_case;

#define MISTAKE(name)                                                                              \
    {                                                                                              \
#name, name                                                                                \
    }

extern const fault_case cudnn_mistakes[], cublas_mistakes[], capture_mistakes[];

#endif
