/* Mistakes with captures into graphs. */
#include "fixture.h"

static void capture(fault_fixture *fixture, void (*call)(const fault_fixture *))
{
    cudaGraph_t graph;
    CUDA(cudaStreamBeginCapture(fixture->stream, cudaStreamCaptureModeThreadLocal));
    call(fixture);
    CUDA(cudaStreamEndCapture(fixture->stream, &graph));
    CUDA(cudaGraphDestroy(graph));
}

static void first_use_in_capture(fault_fixture *fixture)
{
    if (!fixture->wrong)
        fixture_convolve(fixture);
    capture(fixture, fixture_convolve);
}

static void find(const fault_fixture *fixture)
{
    cudnnConvolutionFwdAlgoPerf_t results[8];
    int count;
    CUDNN(cudnnFindConvolutionForwardAlgorithmEx(fixture->cudnn, fixture->x_desc, fixture->x,
                                                 fixture->w_desc, fixture->w, fixture->conv_desc,
                                                 fixture->y_desc, fixture->y, 8, &count, results,
                                                 fixture->workspace, fixture->workspace_nbytes));
}

static void find_in_capture(fault_fixture *fixture)
{
    if (fixture->wrong)
        capture(fixture, find);
    else
        find(fixture);
}

static void gemm_capture_without_workspace(fault_fixture *fixture)
{
    char *workspace = fixture_device_memory(fixture, CUBLAS_NBYTES);
    fixture_multiply_packed(fixture);
    if (!fixture->wrong)
        CUBLAS(cublasSetWorkspace(fixture->cublas, workspace, CUBLAS_NBYTES));
    capture(fixture, fixture_multiply_packed);
    CUDA(cudaFree(workspace));
}

/* cublasSetStream takes the workspace away. */
static void stream_after_workspace(fault_fixture *fixture)
{
    char *workspace = fixture_device_memory(fixture, CUBLAS_NBYTES);
    fixture_multiply_packed(fixture);
    if (!fixture->wrong)
        CUBLAS(cublasSetStream(fixture->cublas, fixture->stream));
    CUBLAS(cublasSetWorkspace(fixture->cublas, workspace, CUBLAS_NBYTES));
    if (fixture->wrong)
        CUBLAS(cublasSetStream(fixture->cublas, fixture->stream));
    capture(fixture, fixture_multiply_packed);
    CUDA(cudaFree(workspace));
}

const fault_case capture_mistakes[] = {
    MISTAKE(first_use_in_capture),
    MISTAKE(find_in_capture),
    MISTAKE(gemm_capture_without_workspace),
    MISTAKE(stream_after_workspace),
    {NULL, NULL},
};
