/* Mistakes with captures into graphs. */
#include "scene.h"

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
        scene_convolve(scene);
    capture(scene, scene_convolve);
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

static void gemm_capture_without_workspace(fault_scene *scene)
{
    char *workspace = scene_device_memory(scene, CUBLAS_NBYTES);
    scene_multiply_packed(scene);
    if (!scene->wrong)
        CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    capture(scene, scene_multiply_packed);
    CUDA(cudaFree(workspace));
}

/* cublasSetStream takes the workspace away. */
static void stream_after_workspace(fault_scene *scene)
{
    char *workspace = scene_device_memory(scene, CUBLAS_NBYTES);
    scene_multiply_packed(scene);
    if (!scene->wrong)
        CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    if (scene->wrong)
        CUBLAS(cublasSetStream(scene->cublas, scene->stream));
    capture(scene, scene_multiply_packed);
    CUDA(cudaFree(workspace));
}

const scene_mistake capture_mistakes[] = {
    MISTAKE(first_use_in_capture),
    MISTAKE(find_in_capture),
    MISTAKE(gemm_capture_without_workspace),
    MISTAKE(stream_after_workspace),
    {NULL, NULL},
};
