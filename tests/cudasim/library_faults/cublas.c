/* Mistakes with cuBLAS. */
#include "fixture.h"

static void lda_too_small(fault_fixture *fixture)
{
    fixture_multiply(fixture, fixture->wrong ? 3 : 4, 6, 4);
}

static void ldb_too_small(fault_fixture *fixture)
{
    fixture_multiply(fixture, 4, fixture->wrong ? 4 : 6, 4);
}

static void ldc_too_small(fault_fixture *fixture)
{
    fixture_multiply(fixture, 4, 6, fixture->wrong ? 3 : 4);
}

/* A leading dimension larger than the memory has columns for. */
static void lda_too_large(fault_fixture *fixture)
{
    fixture_multiply(fixture, fixture->wrong ? 200 : 4, 6, 4);
}

static void gemm_workspace_misaligned(fault_fixture *fixture)
{
    char *workspace = fixture_device_memory(fixture, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(fixture->cublas, workspace + (fixture->wrong ? 128 : 256), 1024));
    fixture_multiply_packed(fixture);
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(workspace));
}

static void gemm_workspace_short_lived(fault_fixture *fixture)
{
    char *workspace = fixture_device_memory(fixture, CUBLAS_NBYTES);
    CUBLAS(cublasSetWorkspace(fixture->cublas, workspace, CUBLAS_NBYTES));
    if (fixture->wrong)
        CUDA(cudaFree(workspace));
    fixture_multiply_packed(fixture);
    CUDA(cudaStreamSynchronize(fixture->stream));
    CUDA(cudaFree(workspace));
}

static void bf16_misaligned(fault_fixture *fixture)
{
    const char *a = fixture->x + (fixture->wrong ? 2 : 16);
    CUBLAS(cublasGemmEx(fixture->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one, a, CUDA_R_16BF, 4,
                        fixture->w, CUDA_R_16BF, 6, &zero, fixture->y, CUDA_R_32F, 4,
                        CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void mixed_gemm(fault_fixture *fixture)
{
    CUBLAS(cublasGemmEx(fixture->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 6, &one, fixture->x,
                        CUDA_R_32F, 4, fixture->w, fixture->wrong ? CUDA_R_16BF : CUDA_R_32F, 6,
                        &zero, fixture->y, CUDA_R_32F, 4, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void gemm_in_place(fault_fixture *fixture)
{
    char *y = fixture->y;
    fixture->y = fixture->wrong ? fixture->x : y;
    fixture_multiply_packed(fixture);
    fixture->y = y;
}

const fault_case cublas_mistakes[] = {
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
