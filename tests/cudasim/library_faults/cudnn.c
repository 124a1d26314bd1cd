/* Mistakes with cuDNN. */
#include "fixture.h"

static void short_workspace(fault_fixture *fixture)
{
    fixture->workspace_nbytes -= fixture->wrong ? 1 : 0;
    fixture_convolve(fixture);
}

static void no_workspace(fault_fixture *fixture)
{
    char *workspace = fixture->workspace;
    fixture->workspace = fixture->wrong ? NULL : workspace;
    fixture_convolve(fixture);
    fixture->workspace = workspace;
}

/* More is reported than there is. */
static void workspace_too_large(fault_fixture *fixture)
{
    fixture->workspace_nbytes += fixture->wrong ? 4096 : 0;
    fixture_convolve(fixture);
}

/* Sizes belong to the math type they were asked for. */
static void workspace_of_another_math(fault_fixture *fixture)
{
    CUDNN(cudnnSetConvolutionMathType(fixture->conv_desc, CUDNN_FMA_MATH));
    fixture_ask_workspace(fixture);
    if (fixture->wrong)
        CUDNN(cudnnSetConvolutionMathType(fixture->conv_desc, CUDNN_DEFAULT_MATH));
    fixture_convolve(fixture);
}

static void filter_layout(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(fixture->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    fixture_convolve(fixture);
}

static void filter_layout_in_query(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(fixture->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, 8, 4,
                                         3, 3));
    fixture_ask_workspace(fixture);
}

static void filter_order(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(fixture->w_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 4, 8,
                                         3, 3));
    fixture_convolve(fixture);
}

static void data_type(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetFilter4dDescriptor(fixture->w_desc, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, 8,
                                         4, 3, 3));
    fixture_convolve(fixture);
}

static void output_size(fault_fixture *fixture)
{
    int rows = fixture->wrong ? 8 : 6;
    CUDNN(cudnnSetTensor4dDescriptor(fixture->y_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 2, 8,
                                     rows, 6));
    fixture_convolve(fixture);
}

static void empty_batch(fault_fixture *fixture)
{
    int batch = fixture->wrong ? 0 : 2;
    CUDNN(cudnnSetTensor4dDescriptor(fixture->x_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, batch, 4,
                                     8, 8));
    fixture_convolve(fixture);
}

static void algorithm_for_layout(fault_fixture *fixture)
{
    if (fixture->wrong)
        fixture->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    fixture_convolve(fixture);
}

static void algorithm_for_layout_in_query(fault_fixture *fixture)
{
    if (fixture->wrong)
        fixture->algo = CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD;
    fixture_ask_workspace(fixture);
}

static void misaligned(fault_fixture *fixture)
{
    char *x = fixture->x, *small = fixture_device_memory(fixture, X_NBYTES + 16);
    fixture->x = small + (fixture->wrong ? 4 : 16);
    fixture_convolve(fixture);
    fixture->x = x;
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(small));
}

static void small_output(fault_fixture *fixture)
{
    char *y = fixture->y,
         *small = fixture_device_memory(fixture, Y_NBYTES - (fixture->wrong ? 4 : 0));
    fixture->y = small;
    fixture_convolve(fixture);
    fixture->y = y;
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(small));
}

static void freed_input(fault_fixture *fixture)
{
    char *x = fixture->x, *other = fixture_device_memory(fixture, X_NBYTES);
    if (fixture->wrong)
        CUDA(cudaFree(other));
    fixture->x = other;
    fixture_convolve(fixture);
    fixture->x = x;
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(other));
}

static void host_input(fault_fixture *fixture)
{
    char *x = fixture->x;
    void *pinned;
    CUDA(cudaMallocHost(&pinned, X_NBYTES));
    fixture->x = fixture->wrong ? pinned : x;
    fixture_convolve(fixture);
    fixture->x = x;
    CUDA(cudaFreeHost(pinned));
}

static void same_input_and_output(fault_fixture *fixture)
{
    char *y = fixture->y;
    char *both = fixture_device_memory(fixture, X_NBYTES + Y_NBYTES), *x = fixture->x;
    fixture->x = both;
    fixture->y = fixture->wrong ? both : both + X_NBYTES;
    fixture_convolve_fused(fixture);
    fixture->x = x;
    fixture->y = y;
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(both));
}

static void workspace_over_output(fault_fixture *fixture)
{
    char *workspace = fixture->workspace;
    fixture->workspace = fixture->wrong ? fixture->y + 512 : workspace;
    fixture_convolve(fixture);
    fixture->workspace = workspace;
}

static void bias_shape(fault_fixture *fixture)
{
    int filters = fixture->wrong ? 4 : 8;
    CUDNN(cudnnSetTensor4dDescriptor(fixture->bias_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1,
                                     filters, 1, 1));
    fixture_convolve_fused(fixture);
}

static void bias_type(fault_fixture *fixture)
{
    CUDNN(cudnnSetTensor4dDescriptor(fixture->bias_desc, CUDNN_TENSOR_NHWC,
                                     fixture->wrong ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 1, 8,
                                     1, 1));
    fixture_convolve_fused(fixture);
}

static void z_shape(fault_fixture *fixture)
{
    CUDNN(cudnnSetTensor4dDescriptor(fixture->z_desc, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT,
                                     fixture->wrong ? 1 : 2, 8, 6, 6));
    fixture_convolve_fused(fixture);
}

static void identity_algorithm(fault_fixture *fixture)
{
    CUDNN(cudnnSetActivationDescriptor(fixture->activation, CUDNN_ACTIVATION_IDENTITY,
                                       CUDNN_NOT_PROPAGATE_NAN, 0));
    if (fixture->wrong)
        fixture->algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
    fixture_convolve_fused(fixture);
}

static void nan_option(fault_fixture *fixture)
{
    CUDNN(cudnnSetActivationDescriptor(
        fixture->activation, CUDNN_ACTIVATION_RELU,
        fixture->wrong ? CUDNN_PROPAGATE_NAN : CUDNN_NOT_PROPAGATE_NAN, 0));
    fixture_convolve_fused(fixture);
}

static void other_activation(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetActivationDescriptor(fixture->activation, CUDNN_ACTIVATION_SIGMOID,
                                           CUDNN_NOT_PROPAGATE_NAN, 0));
    fixture_convolve_fused(fixture);
}

static void leaked_descriptor(fault_fixture *fixture)
{
    cudnnFilterDescriptor_t filter;
    CUDNN(cudnnCreateFilterDescriptor(&filter));
    if (!fixture->wrong)
        CUDNN(cudnnDestroyFilterDescriptor(filter));
}

static void leaked_handle(fault_fixture *fixture)
{
    cudnnHandle_t handle;
    CUDNN(cudnnCreate(&handle));
    if (!fixture->wrong)
        CUDNN(cudnnDestroy(handle));
}

static void destroyed_handle(fault_fixture *fixture)
{
    cudnnHandle_t handle = fixture->cudnn, other;
    CUDNN(cudnnCreate(&other));
    CUDNN(cudnnSetStream(other, fixture->stream));
    if (fixture->wrong)
        CUDNN(cudnnDestroy(other));
    fixture->cudnn = other;
    fixture_convolve(fixture);
    fixture->cudnn = handle;
    CUDNN(cudnnDestroy(other));
}

static void no_stream(fault_fixture *fixture)
{
    if (fixture->wrong)
        CUDNN(cudnnSetStream(fixture->cudnn, NULL));
    fixture_convolve(fixture);
}

const fault_case cudnn_mistakes[] = {
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
    MISTAKE(leaked_descriptor),
    MISTAKE(leaked_handle),
    MISTAKE(destroyed_handle),
    MISTAKE(no_stream),
    {NULL, NULL},
};
