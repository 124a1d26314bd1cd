/* Opening and closing the fixture, and the calls that mistakes are made in. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float one = 1, zero = 0;

void fixture_refused(const char *call, const char *why)
{
    char reason[512] = "";
    cudnnGetLastErrorString(reason, sizeof(reason));
    printf("refused: %.*s: %s: %s\n", (int)strcspn(call, "("), call, why, reason);
    fflush(stdout);
    _Exit(3);
}

char *fixture_device_memory(const fault_fixture *fixture, size_t nbytes)
{
    void *address;
    CUDA(cudaMalloc(&address, nbytes));
    CUDA(cudaMemsetAsync(address, 0, nbytes, fixture->stream));
    return address;
}

static void describe(fault_fixture *fixture)
{
    cudnnTensorFormat_t nhwc = CUDNN_TENSOR_NHWC;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnTensorDescriptor_t *tensors[] = {&fixture->x_desc, &fixture->y_desc, &fixture->z_desc,
                                          &fixture->bias_desc};
    for (int i = 0; i < 4; i++)
        CUDNN(cudnnCreateTensorDescriptor(tensors[i]));
    CUDNN(cudnnCreateFilterDescriptor(&fixture->w_desc));
    CUDNN(cudnnCreateConvolutionDescriptor(&fixture->conv_desc));
    CUDNN(cudnnCreateActivationDescriptor(&fixture->activation));
    CUDNN(cudnnSetTensor4dDescriptor(fixture->x_desc, nhwc, type, 2, 4, 8, 8));
    CUDNN(cudnnSetTensor4dDescriptor(fixture->y_desc, nhwc, type, 2, 8, 6, 6));
    CUDNN(cudnnSetTensor4dDescriptor(fixture->z_desc, nhwc, type, 2, 8, 6, 6));
    CUDNN(cudnnSetTensor4dDescriptor(fixture->bias_desc, nhwc, type, 1, 8, 1, 1));
    CUDNN(cudnnSetFilter4dDescriptor(fixture->w_desc, type, nhwc, 8, 4, 3, 3));
    CUDNN(cudnnSetConvolution2dDescriptor(fixture->conv_desc, 0, 0, 1, 1, 1, 1,
                                          CUDNN_CROSS_CORRELATION, type));
    CUDNN(cudnnSetActivationDescriptor(fixture->activation, CUDNN_ACTIVATION_RELU,
                                       CUDNN_NOT_PROPAGATE_NAN, 0));
}

void fixture_ask_workspace(fault_fixture *fixture)
{
    CUDNN(cudnnGetConvolutionForwardWorkspaceSize(fixture->cudnn, fixture->x_desc, fixture->w_desc,
                                                  fixture->conv_desc, fixture->y_desc,
                                                  fixture->algo, &fixture->workspace_nbytes));
}

void fixture_open(fault_fixture *fixture)
{
    CUDA(cudaStreamCreateWithFlags(&fixture->stream, cudaStreamNonBlocking));
    CUDNN(cudnnCreate(&fixture->cudnn));
    CUDNN(cudnnSetStream(fixture->cudnn, fixture->stream));
    CUBLAS(cublasCreate(&fixture->cublas));
    CUBLAS(cublasSetStream(fixture->cublas, fixture->stream));
    describe(fixture);
    fixture->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    fixture->x = fixture_device_memory(fixture, X_NBYTES);
    fixture->w = fixture_device_memory(fixture, W_NBYTES);
    fixture->y = fixture_device_memory(fixture, Y_NBYTES);
    fixture->bias = fixture_device_memory(fixture, BIAS_NBYTES);
    fixture_ask_workspace(fixture);
    fixture->workspace = fixture_device_memory(fixture, fixture->workspace_nbytes);
}

void fixture_close(fault_fixture *fixture)
{
    char *const blocks[] = {fixture->x, fixture->w, fixture->y, fixture->bias, fixture->workspace};
    CUDA(cudaStreamSynchronize(fixture->stream));
    for (int i = 0; i < 5; i++)
        CUDA(cudaFree(blocks[i]));
    CUDNN(cudnnDestroyTensorDescriptor(fixture->x_desc));
    CUDNN(cudnnDestroyTensorDescriptor(fixture->y_desc));
    CUDNN(cudnnDestroyTensorDescriptor(fixture->z_desc));
    CUDNN(cudnnDestroyTensorDescriptor(fixture->bias_desc));
    CUDNN(cudnnDestroyFilterDescriptor(fixture->w_desc));
    CUDNN(cudnnDestroyConvolutionDescriptor(fixture->conv_desc));
    CUDNN(cudnnDestroyActivationDescriptor(fixture->activation));
    CUDNN(cudnnDestroy(fixture->cudnn));
    CUBLAS(cublasDestroy(fixture->cublas));
    CUDA(cudaStreamDestroy(fixture->stream));
}

void fixture_convolve(const fault_fixture *fixture)
{
    CUDNN(cudnnConvolutionForward(fixture->cudnn, &one, fixture->x_desc, fixture->x,
                                  fixture->w_desc, fixture->w, fixture->conv_desc, fixture->algo,
                                  fixture->workspace, fixture->workspace_nbytes, &zero,
                                  fixture->y_desc, fixture->y));
}

void fixture_convolve_fused(const fault_fixture *fixture)
{
    CUDNN(cudnnConvolutionBiasActivationForward(
        fixture->cudnn, &one, fixture->x_desc, fixture->x, fixture->w_desc, fixture->w,
        fixture->conv_desc, fixture->algo, fixture->workspace, fixture->workspace_nbytes, &zero,
        fixture->z_desc, fixture->y, fixture->bias_desc, fixture->bias, fixture->activation,
        fixture->y_desc, fixture->y));
}

void fixture_multiply(const fault_fixture *fixture, int lda, int ldb, int ldc)
{
    CUBLAS(cublasSgemm(fixture->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one,
                       (const float *)fixture->x, lda, (const float *)fixture->w, ldb, &zero,
                       (float *)fixture->y, ldc));
}

void fixture_multiply_packed(const fault_fixture *fixture)
{
    fixture_multiply(fixture, 4, 6, 4);
}
