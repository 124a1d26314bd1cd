/* The scene of the mistakes: a stream, handles, and one convolution with its memory. */
#ifndef CUDASIM_LIBRARY_FAULTS_SCENE_H
#define CUDASIM_LIBRARY_FAULTS_SCENE_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stddef.h>

/* One convolution with bias and ReLU in NHWC, and everything it needs: 2 images of 8 x 8 x 4, 8
 * filters of 3 x 3. Mistakes change something of it. */
typedef struct fault_scene {
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
} fault_scene;

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
void scene_refused(const char *call, const char *why);

#define CUDNN(call)                                                                                \
    do {                                                                                           \
        cudnnStatus_t status_ = (call);                                                            \
        if (status_ != CUDNN_STATUS_SUCCESS)                                                       \
            scene_refused(#call, cudnnGetErrorString(status_));                                    \
    } while (0)
#define CUBLAS(call)                                                                               \
    do {                                                                                           \
        cublasStatus_t status_ = (call);                                                           \
        if (status_ != CUBLAS_STATUS_SUCCESS)                                                      \
            scene_refused(#call, cublasGetStatusName(status_));                                    \
    } while (0)
#define CUDA(call)                                                                                 \
    do {                                                                                           \
        cudaError_t status_ = (call);                                                              \
        if (status_ != cudaSuccess)                                                                \
            scene_refused(#call, cudaGetErrorName(status_));                                       \
    } while (0)

void scene_open(fault_scene *scene);
void scene_close(fault_scene *scene);
/* Zeroed memory; the caller frees. */
char *scene_device_memory(const fault_scene *scene, size_t nbytes);
/* Sets workspace_nbytes to what the algorithm wants now. */
void scene_ask_workspace(fault_scene *scene);
void scene_convolve(const fault_scene *scene);
void scene_convolve_fused(const fault_scene *scene);
/* C (4, 4) = A (4, 6) B (6, 4), in the memory of the convolution. */
void scene_multiply(const fault_scene *scene, int lda, int ldb, int ldc);
void scene_multiply_packed(const fault_scene *scene);

/* A mistake, made when scene->wrong. The tables end with a name of NULL. */
typedef struct scene_mistake {
    const char *name;
    void (*make)(fault_scene *scene);
} scene_mistake;

#define MISTAKE(name)                                                                              \
    {                                                                                              \
#name, name                                                                                \
    }

extern const scene_mistake cudnn_mistakes[], cublas_mistakes[], capture_mistakes[];

#endif
