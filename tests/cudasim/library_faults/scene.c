/* Opening and closing the scene, and the calls that mistakes are made in. */
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float one = 1, zero = 0;

void scene_refused(const char *call, const char *why)
{
    char reason[512] = "";
    cudnnGetLastErrorString(reason, sizeof(reason));
    printf("refused: %.*s: %s: %s\n", (int)strcspn(call, "("), call, why, reason);
    fflush(stdout);
    _Exit(3);
}

char *scene_device_memory(const fault_scene *scene, size_t nbytes)
{
    void *address;
    CUDA(cudaMalloc(&address, nbytes));
    CUDA(cudaMemsetAsync(address, 0, nbytes, scene->stream));
    return address;
}

static void describe(fault_scene *scene)
{
    cudnnTensorFormat_t nhwc = CUDNN_TENSOR_NHWC;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnTensorDescriptor_t *tensors[] = {&scene->x_desc, &scene->y_desc, &scene->z_desc,
                                          &scene->bias_desc};
    for (int i = 0; i < 4; i++)
        CUDNN(cudnnCreateTensorDescriptor(tensors[i]));
    CUDNN(cudnnCreateFilterDescriptor(&scene->w_desc));
    CUDNN(cudnnCreateConvolutionDescriptor(&scene->conv_desc));
    CUDNN(cudnnCreateActivationDescriptor(&scene->activation));
    CUDNN(cudnnSetTensor4dDescriptor(scene->x_desc, nhwc, type, 2, 4, 8, 8));
    CUDNN(cudnnSetTensor4dDescriptor(scene->y_desc, nhwc, type, 2, 8, 6, 6));
    CUDNN(cudnnSetTensor4dDescriptor(scene->z_desc, nhwc, type, 2, 8, 6, 6));
    CUDNN(cudnnSetTensor4dDescriptor(scene->bias_desc, nhwc, type, 1, 8, 1, 1));
    CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, type, nhwc, 8, 4, 3, 3));
    CUDNN(cudnnSetConvolution2dDescriptor(scene->conv_desc, 0, 0, 1, 1, 1, 1,
                                          CUDNN_CROSS_CORRELATION, type));
    CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_RELU,
                                       CUDNN_NOT_PROPAGATE_NAN, 0));
}

void scene_ask_workspace(fault_scene *scene)
{
    CUDNN(cudnnGetConvolutionForwardWorkspaceSize(scene->cudnn, scene->x_desc, scene->w_desc,
                                                  scene->conv_desc, scene->y_desc, scene->algo,
                                                  &scene->workspace_nbytes));
}

void scene_open(fault_scene *scene)
{
    CUDA(cudaStreamCreateWithFlags(&scene->stream, cudaStreamNonBlocking));
    CUDNN(cudnnCreate(&scene->cudnn));
    CUDNN(cudnnSetStream(scene->cudnn, scene->stream));
    CUBLAS(cublasCreate(&scene->cublas));
    CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    describe(scene);
    scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    scene->x = scene_device_memory(scene, X_NBYTES);
    scene->w = scene_device_memory(scene, W_NBYTES);
    scene->y = scene_device_memory(scene, Y_NBYTES);
    scene->bias = scene_device_memory(scene, BIAS_NBYTES);
    scene_ask_workspace(scene);
    scene->workspace = scene_device_memory(scene, scene->workspace_nbytes);
}

void scene_close(fault_scene *scene)
{
    char *const blocks[] = {scene->x, scene->w, scene->y, scene->bias, scene->workspace};
    CUDA(cudaStreamSynchronize(scene->stream));
    for (int i = 0; i < 5; i++)
        CUDA(cudaFree(blocks[i]));
    CUDNN(cudnnDestroyTensorDescriptor(scene->x_desc));
    CUDNN(cudnnDestroyTensorDescriptor(scene->y_desc));
    CUDNN(cudnnDestroyTensorDescriptor(scene->z_desc));
    CUDNN(cudnnDestroyTensorDescriptor(scene->bias_desc));
    CUDNN(cudnnDestroyFilterDescriptor(scene->w_desc));
    CUDNN(cudnnDestroyConvolutionDescriptor(scene->conv_desc));
    CUDNN(cudnnDestroyActivationDescriptor(scene->activation));
    CUDNN(cudnnDestroy(scene->cudnn));
    CUBLAS(cublasDestroy(scene->cublas));
    CUDA(cudaStreamDestroy(scene->stream));
}

void scene_convolve(const fault_scene *scene)
{
    CUDNN(cudnnConvolutionForward(scene->cudnn, &one, scene->x_desc, scene->x, scene->w_desc,
                                  scene->w, scene->conv_desc, scene->algo, scene->workspace,
                                  scene->workspace_nbytes, &zero, scene->y_desc, scene->y));
}

void scene_convolve_fused(const fault_scene *scene)
{
    CUDNN(cudnnConvolutionBiasActivationForward(
        scene->cudnn, &one, scene->x_desc, scene->x, scene->w_desc, scene->w, scene->conv_desc,
        scene->algo, scene->workspace, scene->workspace_nbytes, &zero, scene->z_desc, scene->y,
        scene->bias_desc, scene->bias, scene->activation, scene->y_desc, scene->y));
}

void scene_multiply(const fault_scene *scene, int lda, int ldb, int ldc)
{
    CUBLAS(cublasSgemm(scene->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one,
                       (const float *)scene->x, lda, (const float *)scene->w, ldb, &zero,
                       (float *)scene->y, ldc));
}

void scene_multiply_packed(const fault_scene *scene)
{
    scene_multiply(scene, 4, 6, 4);
}
