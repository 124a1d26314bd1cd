/*
 * What goes wrong with cuDNN and cuBLAS, one mistake a name, for tests/cudasim/libraries.bats:
 *
 *     library_faults short_workspace [right]
 *
 * With `right` the same is done as it should be. The exit code is 0 when the libraries took it, 3
 * when a call was refused, with its name and reason; the bed's own reports end the program with 96
 * (leaks) or 97.
 */
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const float one = 1, zero = 0;

static void fail(const char *call, const char *why)
{
    char reason[512] = "";
    cudnnGetLastErrorString(reason, sizeof(reason));
    printf("refused: %.*s: %s: %s\n", (int)strcspn(call, "("), call, why, reason);
    fflush(stdout);
    _Exit(3);
}

#define CUDNN(call)                                                                                \
    do {                                                                                           \
        cudnnStatus_t status_ = (call);                                                            \
        if (status_ != CUDNN_STATUS_SUCCESS)                                                       \
            fail(#call, cudnnGetErrorString(status_));                                             \
    } while (0)
#define CUBLAS(call)                                                                               \
    do {                                                                                           \
        cublasStatus_t status_ = (call);                                                           \
        if (status_ != CUBLAS_STATUS_SUCCESS)                                                      \
            fail(#call, cublasGetStatusName(status_));                                             \
    } while (0)
#define CUDA(call)                                                                                 \
    do {                                                                                           \
        cudaError_t status_ = (call);                                                              \
        if (status_ != cudaSuccess)                                                                \
            fail(#call, cudaGetErrorName(status_));                                                \
    } while (0)

static char *device_memory(const fault_scene *scene, size_t nbytes)
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

static void ask_workspace(fault_scene *scene)
{
    CUDNN(cudnnGetConvolutionForwardWorkspaceSize(scene->cudnn, scene->x_desc, scene->w_desc,
                                                  scene->conv_desc, scene->y_desc, scene->algo,
                                                  &scene->workspace_nbytes));
}

static void open_scene(fault_scene *scene)
{
    CUDA(cudaStreamCreateWithFlags(&scene->stream, cudaStreamNonBlocking));
    CUDNN(cudnnCreate(&scene->cudnn));
    CUDNN(cudnnSetStream(scene->cudnn, scene->stream));
    CUBLAS(cublasCreate(&scene->cublas));
    CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    describe(scene);
    scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    scene->x = device_memory(scene, X_NBYTES);
    scene->w = device_memory(scene, W_NBYTES);
    scene->y = device_memory(scene, Y_NBYTES);
    scene->bias = device_memory(scene, BIAS_NBYTES);
    ask_workspace(scene);
    scene->workspace = device_memory(scene, scene->workspace_nbytes);
}

static void close_scene(fault_scene *scene)
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

static void convolve(const fault_scene *scene)
{
    CUDNN(cudnnConvolutionForward(scene->cudnn, &one, scene->x_desc, scene->x, scene->w_desc,
                                  scene->w, scene->conv_desc, scene->algo, scene->workspace,
                                  scene->workspace_nbytes, &zero, scene->y_desc, scene->y));
}

static void convolve_fused(const fault_scene *scene)
{
    CUDNN(cudnnConvolutionBiasActivationForward(
        scene->cudnn, &one, scene->x_desc, scene->x, scene->w_desc, scene->w, scene->conv_desc,
        scene->algo, scene->workspace, scene->workspace_nbytes, &zero, scene->z_desc, scene->y,
        scene->bias_desc, scene->bias, scene->activation, scene->y_desc, scene->y));
}

/* C (4, 4) = A (4, 6) B (6, 4), in the memory of the convolution. */
static void multiply(const fault_scene *scene, int lda, int ldb, int ldc)
{
    CUBLAS(cublasSgemm(scene->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one,
                       (const float *)scene->x, lda, (const float *)scene->w, ldb, &zero,
                       (float *)scene->y, ldc));
}

/* ---- mistakes with cuDNN -----------------------------------------------------------------------
 */

static void short_workspace(fault_scene *scene)
{
    scene->workspace_nbytes -= scene->wrong ? 1 : 0;
    convolve(scene);
}

static void no_workspace(fault_scene *scene)
{
    char *workspace = scene->workspace;
    scene->workspace = scene->wrong ? NULL : workspace;
    convolve(scene);
    scene->workspace = workspace;
}

/* What is said to be there is more than there is. */
static void workspace_too_large(fault_scene *scene)
{
    scene->workspace_nbytes += scene->wrong ? 4096 : 0;
    convolve(scene);
}

/* Sizes belong to the math type they were asked for. */
static void workspace_of_another_math(fault_scene *scene)
{
    CUDNN(cudnnSetConvolutionMathType(scene->conv_desc, CUDNN_FMA_MATH));
    ask_workspace(scene);
    if (scene->wrong)
        CUDNN(cudnnSetConvolutionMathType(scene->conv_desc, CUDNN_DEFAULT_MATH));
    convolve(scene);
}

static void filter_layout(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    convolve(scene);
}

static void filter_layout_in_query(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    ask_workspace(scene);
}

static void filter_order(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 4, 8,
                                         3, 3));
    convolve(scene);
}

static void data_type(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, 8,
                                         4, 3, 3));
    convolve(scene);
}

static void output_size(fault_scene *scene)
{
    int rows = scene->wrong ? 8 : 6;
    CUDNN(cudnnSetTensor4dDescriptor(scene->y_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 8, rows,
                                     6));
    convolve(scene);
}

static void empty_batch(fault_scene *scene)
{
    int batch = scene->wrong ? 0 : 2;
    CUDNN(cudnnSetTensor4dDescriptor(scene->x_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, batch, 4,
                                     8, 8));
    convolve(scene);
}

static void algorithm_for_layout(fault_scene *scene)
{
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    convolve(scene);
}

static void algorithm_for_layout_in_query(fault_scene *scene)
{
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    ask_workspace(scene);
}

static void misaligned(fault_scene *scene)
{
    char *x = scene->x, *small = device_memory(scene, X_NBYTES + 16);
    scene->x = small + (scene->wrong ? 4 : 16);
    convolve(scene);
    scene->x = x;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(small));
}

static void small_output(fault_scene *scene)
{
    char *y = scene->y, *small = device_memory(scene, Y_NBYTES - (scene->wrong ? 4 : 0));
    scene->y = small;
    convolve(scene);
    scene->y = y;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(small));
}

static void freed_input(fault_scene *scene)
{
    char *x = scene->x, *other = device_memory(scene, X_NBYTES);
    if (scene->wrong)
        CUDA(cudaFree(other));
    scene->x = other;
    convolve(scene);
    scene->x = x;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(other));
}

static void host_input(fault_scene *scene)
{
    char *x = scene->x;
    void *pinned;
    CUDA(cudaMallocHost(&pinned, X_NBYTES));
    scene->x = scene->wrong ? pinned : x;
    convolve(scene);
    scene->x = x;
    CUDA(cudaFreeHost(pinned));
}

static void same_input_and_output(fault_scene *scene)
{
    char *y = scene->y;
    char *both = device_memory(scene, X_NBYTES + Y_NBYTES), *x = scene->x;
    scene->x = both;
    scene->y = scene->wrong ? both : both + X_NBYTES;
    convolve_fused(scene);
    scene->x = x;
    scene->y = y;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(both));
}

static void workspace_over_output(fault_scene *scene)
{
    char *workspace = scene->workspace;
    scene->workspace = scene->wrong ? scene->y + 512 : workspace;
    convolve(scene);
    scene->workspace = workspace;
}

static void bias_shape(fault_scene *scene)
{
    int filters = scene->wrong ? 4 : 8;
    CUDNN(cudnnSetTensor4dDescriptor(scene->bias_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1,
                                     filters, 1, 1));
    convolve_fused(scene);
}

static void bias_type(fault_scene *scene)
{
    CUDNN(cudnnSetTensor4dDescriptor(scene->bias_desc, CUDNN_TENSOR_NHWC,
                                     scene->wrong ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 1, 8, 1,
                                     1));
    convolve_fused(scene);
}

static void z_shape(fault_scene *scene)
{
    CUDNN(cudnnSetTensor4dDescriptor(scene->z_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT,
                                     scene->wrong ? 1 : 2, 8, 6, 6));
    convolve_fused(scene);
}

static void identity_algorithm(fault_scene *scene)
{
    CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_IDENTITY,
                                       CUDNN_NOT_PROPAGATE_NAN, 0));
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
    convolve_fused(scene);
}

static void nan_option(fault_scene *scene)
{
    CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_RELU,
                                       scene->wrong ? CUDNN_PROPAGATE_NAN : CUDNN_NOT_PROPAGATE_NAN,
                                       0));
    convolve_fused(scene);
}

static void other_activation(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_SIGMOID,
                                           CUDNN_NOT_PROPAGATE_NAN, 0));
    convolve_fused(scene);
}

static void pooling_size(fault_scene *scene)
{
    cudnnPoolingDescriptor_t window;
    cudnnTensorDescriptor_t pooled;
    CUDNN(cudnnCreatePoolingDescriptor(&window));
    CUDNN(cudnnCreateTensorDescriptor(&pooled));
    CUDNN(cudnnSetPooling2dDescriptor(window, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 2,
                                      2));
    CUDNN(cudnnSetTensor4dDescriptor(pooled, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 4,
                                     scene->wrong ? 5 : 4, 4));
    CUDNN(cudnnPoolingForward(scene->cudnn, window, &one, scene->x_desc, scene->x, &zero, pooled,
                              scene->y));
    CUDNN(cudnnDestroyPoolingDescriptor(window));
    CUDNN(cudnnDestroyTensorDescriptor(pooled));
}

static void leaked_descriptor(fault_scene *scene)
{
    cudnnFilterDescriptor_t filter;
    CUDNN(cudnnCreateFilterDescriptor(&filter));
    if (!scene->wrong)
        CUDNN(cudnnDestroyFilterDescriptor(filter));
}

static void leaked_handle(fault_scene *scene)
{
    cudnnHandle_t handle;
    CUDNN(cudnnCreate(&handle));
    if (!scene->wrong)
        CUDNN(cudnnDestroy(handle));
}

static void destroyed_handle(fault_scene *scene)
{
    cudnnHandle_t handle = scene->cudnn, other;
    CUDNN(cudnnCreate(&other));
    CUDNN(cudnnSetStream(other, scene->stream));
    if (scene->wrong)
        CUDNN(cudnnDestroy(other));
    scene->cudnn = other;
    convolve(scene);
    scene->cudnn = handle;
    CUDNN(cudnnDestroy(other));
}

static void no_stream(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetStream(scene->cudnn, NULL));
    convolve(scene);
}

/* ---- captures ----------------------------------------------------------------------------------
 */

static void capture(fault_scene *scene, void (*call)(const fault_scene *))
{
    cudaGraph_t graph;
    CUDA(cudaStreamBeginCapture(scene->stream, cudaStreamCaptureModeThreadLocal));
    call(scene);
    CUDA(cudaStreamEndCapture(scene->stream, &graph));
    CUDA(cudaGraphDestroy(graph));
}

static void first_use_in_capture(fault_scene *scene)
{
    if (!scene->wrong)
        convolve(scene);
    capture(scene, convolve);
}

static void find(const fault_scene *scene)
{
    cudnnConvolutionFwdAlgoPerf_t results[8];
    int count;
    CUDNN(cudnnFindConvolutionForwardAlgorithmEx(
        scene->cudnn, scene->x_desc, scene->x, scene->w_desc, scene->w, scene->conv_desc,
        scene->y_desc, scene->y, 8, &count, results, scene->workspace, scene->workspace_nbytes));
}

static void find_in_capture(fault_scene *scene)
{
    if (scene->wrong)
        capture(scene, find);
    else
        find(scene);
}

static void multiply_simply(const fault_scene *scene)
{
    multiply(scene, 4, 6, 4);
}

static void gemm_capture_without_workspace(fault_scene *scene)
{
    char *workspace = device_memory(scene, CUBLAS_NBYTES);
    multiply_simply(scene);
    if (!scene->wrong)
        CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    capture(scene, multiply_simply);
    CUDA(cudaFree(workspace));
}

/* cublasSetStream takes the workspace away. */
static void stream_after_workspace(fault_scene *scene)
{
    char *workspace = device_memory(scene, CUBLAS_NBYTES);
    multiply_simply(scene);
    if (!scene->wrong)
        CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    if (scene->wrong)
        CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    capture(scene, multiply_simply);
    CUDA(cudaFree(workspace));
}

/* ---- mistakes with cuBLAS ----------------------------------------------------------------------
 */

static void lda_too_small(fault_scene *scene)
{
    multiply(scene, scene->wrong ? 3 : 4, 6, 4);
}

static void ldb_too_small(fault_scene *scene)
{
    multiply(scene, 4, scene->wrong ? 4 : 6, 4);
}

static void ldc_too_small(fault_scene *scene)
{
    multiply(scene, 4, 6, scene->wrong ? 3 : 4);
}

/* A leading dimension larger than the memory has columns for. */
static void lda_too_large(fault_scene *scene)
{
    multiply(scene, scene->wrong ? 200 : 4, 6, 4);
}

static void gemm_workspace_misaligned(fault_scene *scene)
{
    char *workspace = device_memory(scene, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace + (scene->wrong ? 128 : 256), 1024));
    multiply_simply(scene);
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(workspace));
}

static void gemm_workspace_short_lived(fault_scene *scene)
{
    char *workspace = device_memory(scene, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    if (scene->wrong)
        CUDA(cudaFree(workspace));
    multiply_simply(scene);
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(workspace));
}

static void bf16_misaligned(fault_scene *scene)
{
    const char *a = scene->x + (scene->wrong ? 2 : 16);
    CUBLAS(cublasGemmEx(scene->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one, a, CUDA_R_16BF, 4,
                        scene->w, CUDA_R_16BF, 6, &zero, scene->y, CUDA_R_32F, 4,
                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void mixed_gemm(fault_scene *scene)
{
    CUBLAS(cublasGemmEx(scene->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one, scene->x,
                        CUDA_R_32F, 4, scene->w, scene->wrong ? CUDA_R_16BF : CUDA_R_32F, 6, &zero,
                        scene->y, CUDA_R_32F, 4, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void gemm_in_place(fault_scene *scene)
{
    char *y = scene->y;
    scene->y = scene->wrong ? scene->x : y;
    multiply_simply(scene);
    scene->y = y;
}

/* ---- which -------------------------------------------------------------------------------------
 */

typedef struct mistake {
    const char *name;
    void (*make)(fault_scene *scene);
} mistake;

#define MISTAKE(name)                                                                              \
    {                                                                                              \
#name, name                                                                                \
    }

static const mistake mistakes[] = {
    MISTAKE(short_workspace),
    MISTAKE(no_workspace),
    MISTAKE(workspace_too_large),
    MISTAKE(workspace_of_another_math),
    MISTAKE(filter_layout),
    MISTAKE(filter_layout_in_query),
    MISTAKE(filter_order),
    MISTAKE(data_type),
    MISTAKE(output_size),
    MISTAKE(empty_batch),
    MISTAKE(algorithm_for_layout),
    MISTAKE(algorithm_for_layout_in_query),
    MISTAKE(misaligned),
    MISTAKE(small_output),
    MISTAKE(freed_input),
    MISTAKE(host_input),
    MISTAKE(same_input_and_output),
    MISTAKE(workspace_over_output),
    MISTAKE(bias_shape),
    MISTAKE(bias_type),
    MISTAKE(z_shape),
    MISTAKE(identity_algorithm),
    MISTAKE(nan_option),
    MISTAKE(other_activation),
    MISTAKE(pooling_size),
    MISTAKE(leaked_descriptor),
    MISTAKE(leaked_handle),
    MISTAKE(destroyed_handle),
    MISTAKE(no_stream),
    MISTAKE(first_use_in_capture),
    MISTAKE(find_in_capture),
    MISTAKE(gemm_capture_without_workspace),
    MISTAKE(stream_after_workspace),
    MISTAKE(lda_too_small),
    MISTAKE(ldb_too_small),
    MISTAKE(ldc_too_small),
    MISTAKE(lda_too_large),
    MISTAKE(gemm_workspace_misaligned),
    MISTAKE(gemm_workspace_short_lived),
    MISTAKE(bf16_misaligned),
    MISTAKE(mixed_gemm),
    MISTAKE(gemm_in_place),
};

int main(int argc, char **argv)
{
    fault_scene scene = {.wrong = argc < 3 || strcmp(argv[2], "right") != 0};
    for (size_t i = 0; argc > 1 && i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        if (strcmp(mistakes[i].name, argv[1]) != 0)
            continue;
        open_scene(&scene);
        mistakes[i].make(&scene);
        close_scene(&scene);
        return 0;
    }
    fprintf(stderr, "no such mistake\n");
    return 2;
}
