/* Mistakes with cuDNN. */
#include "scene.h"

static void short_workspace(fault_scene *scene)
{
    scene->workspace_nbytes -= scene->wrong ? 1 : 0;
    scene_convolve(scene);
}

static void no_workspace(fault_scene *scene)
{
    char *workspace = scene->workspace;
    scene->workspace = scene->wrong ? NULL : workspace;
    scene_convolve(scene);
    scene->workspace = workspace;
}

/* What is said to be there is more than there is. */
static void workspace_too_large(fault_scene *scene)
{
    scene->workspace_nbytes += scene->wrong ? 4096 : 0;
    scene_convolve(scene);
}

/* Sizes belong to the math type they were asked for. */
static void workspace_of_another_math(fault_scene *scene)
{
    CUDNN(cudnnSetConvolutionMathType(scene->conv_desc, CUDNN_FMA_MATH));
    scene_ask_workspace(scene);
    if (scene->wrong)
        CUDNN(cudnnSetConvolutionMathType(scene->conv_desc, CUDNN_DEFAULT_MATH));
    scene_convolve(scene);
}

static void filter_layout(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    scene_convolve(scene);
}

static void filter_layout_in_query(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    scene_ask_workspace(scene);
}

static void filter_order(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 4, 8,
                                         3, 3));
    scene_convolve(scene);
}

static void data_type(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(scene->w_desc, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, 8,
                                         4, 3, 3));
    scene_convolve(scene);
}

static void output_size(fault_scene *scene)
{
    int rows = scene->wrong ? 8 : 6;
    CUDNN(cudnnSetTensor4dDescriptor(scene->y_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 8, rows,
                                     6));
    scene_convolve(scene);
}

static void empty_batch(fault_scene *scene)
{
    int batch = scene->wrong ? 0 : 2;
    CUDNN(cudnnSetTensor4dDescriptor(scene->x_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, batch, 4,
                                     8, 8));
    scene_convolve(scene);
}

static void algorithm_for_layout(fault_scene *scene)
{
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    scene_convolve(scene);
}

static void algorithm_for_layout_in_query(fault_scene *scene)
{
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    scene_ask_workspace(scene);
}

static void misaligned(fault_scene *scene)
{
    char *x = scene->x, *small = scene_device_memory(scene, X_NBYTES + 16);
    scene->x = small + (scene->wrong ? 4 : 16);
    scene_convolve(scene);
    scene->x = x;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(small));
}

static void small_output(fault_scene *scene)
{
    char *y = scene->y, *small = scene_device_memory(scene, Y_NBYTES - (scene->wrong ? 4 : 0));
    scene->y = small;
    scene_convolve(scene);
    scene->y = y;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(small));
}

static void freed_input(fault_scene *scene)
{
    char *x = scene->x, *other = scene_device_memory(scene, X_NBYTES);
    if (scene->wrong)
        CUDA(cudaFree(other));
    scene->x = other;
    scene_convolve(scene);
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
    scene_convolve(scene);
    scene->x = x;
    CUDA(cudaFreeHost(pinned));
}

static void same_input_and_output(fault_scene *scene)
{
    char *y = scene->y;
    char *both = scene_device_memory(scene, X_NBYTES + Y_NBYTES), *x = scene->x;
    scene->x = both;
    scene->y = scene->wrong ? both : both + X_NBYTES;
    scene_convolve_fused(scene);
    scene->x = x;
    scene->y = y;
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(both));
}

static void workspace_over_output(fault_scene *scene)
{
    char *workspace = scene->workspace;
    scene->workspace = scene->wrong ? scene->y + 512 : workspace;
    scene_convolve(scene);
    scene->workspace = workspace;
}

static void bias_shape(fault_scene *scene)
{
    int filters = scene->wrong ? 4 : 8;
    CUDNN(cudnnSetTensor4dDescriptor(scene->bias_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1,
                                     filters, 1, 1));
    scene_convolve_fused(scene);
}

static void bias_type(fault_scene *scene)
{
    CUDNN(cudnnSetTensor4dDescriptor(scene->bias_desc, CUDNN_TENSOR_NHWC,
                                     scene->wrong ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 1, 8, 1,
                                     1));
    scene_convolve_fused(scene);
}

static void z_shape(fault_scene *scene)
{
    CUDNN(cudnnSetTensor4dDescriptor(scene->z_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT,
                                     scene->wrong ? 1 : 2, 8, 6, 6));
    scene_convolve_fused(scene);
}

static void identity_algorithm(fault_scene *scene)
{
    CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_IDENTITY,
                                       CUDNN_NOT_PROPAGATE_NAN, 0));
    if (scene->wrong)
        scene->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
    scene_convolve_fused(scene);
}

static void nan_option(fault_scene *scene)
{
    CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_RELU,
                                       scene->wrong ? CUDNN_PROPAGATE_NAN : CUDNN_NOT_PROPAGATE_NAN,
                                       0));
    scene_convolve_fused(scene);
}

static void other_activation(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetActivationDescriptor(scene->activation, CUDNN_ACTIVATION_SIGMOID,
                                           CUDNN_NOT_PROPAGATE_NAN, 0));
    scene_convolve_fused(scene);
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
    scene_convolve(scene);
    scene->cudnn = handle;
    CUDNN(cudnnDestroy(other));
}

static void no_stream(fault_scene *scene)
{
    if (scene->wrong)
        CUDNN(cudnnSetStream(scene->cudnn, NULL));
    scene_convolve(scene);
}

const scene_mistake cudnn_mistakes[] = {
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
    {NULL, NULL},
};
