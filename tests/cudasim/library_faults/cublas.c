/* Mistakes with cuBLAS. */
#include "scene.h"

static void lda_too_small(fault_scene *scene)
{
    scene_multiply(scene, scene->wrong ? 3 : 4, 6, 4);
}

static void ldb_too_small(fault_scene *scene)
{
    scene_multiply(scene, 4, scene->wrong ? 4 : 6, 4);
}

static void ldc_too_small(fault_scene *scene)
{
    scene_multiply(scene, 4, 6, scene->wrong ? 3 : 4);
}

/* A leading dimension larger than the memory has columns for. */
static void lda_too_large(fault_scene *scene)
{
    scene_multiply(scene, scene->wrong ? 200 : 4, 6, 4);
}

static void gemm_workspace_misaligned(fault_scene *scene)
{
    char *workspace = scene_device_memory(scene, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace + (scene->wrong ? 128 : 256), 1024));
    scene_multiply_packed(scene);
    CUDA(cudaStreamSynchronize(scene->stream));
    CUDA(cudaFree(workspace));
}

static void gemm_workspace_short_lived(fault_scene *scene)
{
    char *workspace = scene_device_memory(scene, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(scene->cublas, workspace, CUBLAS_NBYTES));
    if (scene->wrong)
        CUDA(cudaFree(workspace));
    scene_multiply_packed(scene);
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
    scene_multiply_packed(scene);
    scene->y = y;
}

const scene_mistake cublas_mistakes[] = {
    MISTAKE(lda_too_small),
    MISTAKE(ldb_too_small),
    MISTAKE(ldc_too_small),
    MISTAKE(lda_too_large),
    MISTAKE(gemm_workspace_misaligned),
    MISTAKE(gemm_workspace_short_lived),
    MISTAKE(bf16_misaligned),
    MISTAKE(mixed_gemm),
    MISTAKE(gemm_in_place),
    {NULL, NULL},
};
