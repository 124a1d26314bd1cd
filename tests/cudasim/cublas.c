/*
 * The simulated libcublas.so.13: handles, workspace, and products of matrices.
 *
 * Matrices are column-major, as in cuBLAS. What the real library answers with a status gets that
 * status, INVALID_VALUE with a line on stderr; what it would not notice ends the program.
 */
#include "library.h"

#include <cublas_v2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDLE_MAGIC = 0x0b1a5, WORKSPACE_ALIGNMENT = 256, BF16_ALIGNMENT = 16 };

struct cublasContext {
    unsigned magic;
    cudaStream_t stream;
    cublasMath_t math;
    int device;
    cudasim_operand workspace; /* of no bytes: the library's own */
};

static cudasim_kind handles = {.plural = "cuBLAS handles"};

static cublasStatus_t check_handle(cublasHandle_t handle, const char *call)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (handle->magic != HANDLE_MAGIC)
        cudasim_fail("%s: %p is no cuBLAS handle, or one that was destroyed", call, (void *)handle);
    if (handle->device != cudasim_current_device())
        cudasim_fail("%s: the handle is of GPU %d, the current one is GPU %d", call, handle->device,
                     cudasim_current_device());
    return cudasim_call_fails(call) ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

/* ---- handles -----------------------------------------------------------------------------------
 */

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle)
{
    if (!handle)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (cudasim_call_fails(__func__))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    if (cudasim_current_device() < 0)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = calloc(1, sizeof(**handle));
    if (!*handle)
        return CUBLAS_STATUS_ALLOC_FAILED;
    (*handle)->magic = HANDLE_MAGIC;
    (*handle)->device = cudasim_current_device();
    cudasim_live_add(&handles, 1);
    return CUBLAS_STATUS_SUCCESS;
}

/* As the real one, waits for the device. The memory stays, so that later use is recognized.
 * Destroys also when CUDASIM_FAIL names it. */
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle)
{
    cublasStatus_t status = check_handle(handle, __func__);
    if (status == CUBLAS_STATUS_NOT_INITIALIZED)
        return status;
    cudasim_synchronize(NULL);
    handle->magic = 0;
    cudasim_live_add(&handles, -1);
    return status;
}

static void check_stream(cublasHandle_t handle, cudaStream_t stream)
{
    if (stream != NULL && cudasim_stream_device(stream) != handle->device)
        cudasim_fail("cublasSetStream: a stream of GPU %d for a handle of GPU %d",
                     cudasim_stream_device(stream), handle->device);
}

/* Gives the workspace back for the library's own, as documented. */
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream)
{
    cublasStatus_t status = check_handle(handle, __func__);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    check_stream(handle, stream);
    handle->stream = stream;
    handle->workspace = (cudasim_operand){0};
    return status;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t nbytes)
{
    cublasStatus_t status = check_handle(handle, __func__);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    if ((uintptr_t)workspace % WORKSPACE_ALIGNMENT != 0) {
        fprintf(stderr,
                "cudasim: %s: the workspace at %p is misaligned: it must be a multiple of "
                "%d bytes\n",
                __func__, workspace, WORKSPACE_ALIGNMENT);
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    handle->workspace =
        (cudasim_operand){"workspace", workspace, workspace ? nbytes : 0, .written = true};
    cudasim_check_operands(__func__, handle->device, &handle->workspace, 1);
    if (handle->stream != NULL)
        cudasim_note_cublas_workspace(handle->stream, handle->workspace.nbytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t math)
{
    cublasStatus_t status = check_handle(handle, __func__);
    if (status == CUBLAS_STATUS_SUCCESS)
        handle->math = math;
    return status;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *version)
{
    (void)handle; /* the real one does without, too */
    if (cudasim_call_fails(__func__))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
}

typedef struct status_text {
    cublasStatus_t status;
    const char *name, *text;
} status_text;

/* The texts of libcublas 13.1. */
static const status_text *find_text(cublasStatus_t status)
{
    static const status_text texts[] = {
        {CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS", "success"},
        {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED",
         "the library was not initialized"},
        {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED",
         "the resource allocation failed"},
        {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE",
         "an unsupported value or parameter was passed to the function"},
        {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH",
         "the function requires an architectural feature absent from the device"},
        {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED",
         "the function failed to launch on the GPU"},
        {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR",
         "an internal operation failed"},
        {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED",
         "the functionality requested is not supported"},
    };
    static const status_text unknown = {CUBLAS_STATUS_INTERNAL_ERROR, "unknown status",
                                        "unknown status"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return &texts[i];
    return &unknown;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    return find_text(status)->text;
}

const char *cublasGetStatusName(cublasStatus_t status)
{
    return find_text(status)->name;
}

/* ---- products ----------------------------------------------------------------------------------
 */

/* C (m, n) = alpha op(A) op(B) + beta C, op(A) being (m, k). */
typedef struct gemm_call {
    const char *name;
    cublasOperation_t transpose_a, transpose_b;
    int m, n, k, lda, ldb, ldc;
    float alpha, beta;
    cudasim_numbers in, out;
    cudasim_operand a, b, c, workspace;
} gemm_call;

/* From the first to the last element of a matrix of `rows` x `cols`. */
static size_t span(int rows, int cols, int ld)
{
    return rows && cols ? (size_t)ld * (size_t)(cols - 1) + (size_t)rows : 0;
}

static int a_rows(const gemm_call *gemm)
{
    return gemm->transpose_a == CUBLAS_OP_N ? gemm->m : gemm->k;
}

static int b_rows(const gemm_call *gemm)
{
    return gemm->transpose_b == CUBLAS_OP_N ? gemm->k : gemm->n;
}

/* Where the rows are images, one at a time: the sums of dnnl_sgemm depend on a row's place among
 * the others (seen with AVX2), those of cuBLAS do not. */
static void multiply_rows(const cudasim_product *product)
{
    if (product->a_transposed) {
        cudasim_multiply(product);
        return;
    }
    for (size_t row = 0; row < product->rows; row++) {
        cudasim_product one = *product;
        one.rows = 1;
        one.a += row * product->lda;
        one.c += row * product->ldc;
        cudasim_multiply(&one);
    }
}

/* product = op(A) op(B) as (m, n) without gaps. Column-major matrices are the transposed row-major
 * ones, so that the factors change places. */
static void multiply(const gemm_call *gemm, const void *a, const void *b, float *product)
{
    size_t a_count = gemm->a.nbytes / cudasim_number_nbytes(gemm->in);
    size_t b_count = gemm->b.nbytes / cudasim_number_nbytes(gemm->in);
    float *a_buffer = gemm->in == CUDASIM_FLOAT ? NULL : cudasim_floats(a_count);
    float *b_buffer = gemm->in == CUDASIM_FLOAT ? NULL : cudasim_floats(b_count);
    cudasim_product turned = {.rows = (size_t)gemm->n,
                              .cols = (size_t)gemm->m,
                              .depth = (size_t)gemm->k,
                              .a = cudasim_as_floats(gemm->in, b, b_count, b_buffer),
                              .lda = (size_t)gemm->ldb,
                              .a_transposed = gemm->transpose_b != CUBLAS_OP_N,
                              .b = cudasim_as_floats(gemm->in, a, a_count, a_buffer),
                              .ldb = (size_t)gemm->lda,
                              .b_transposed = gemm->transpose_a != CUBLAS_OP_N,
                              .c = product,
                              .ldc = (size_t)gemm->m};
    multiply_rows(&turned);
    free(b_buffer);
    free(a_buffer);
}

static void write_column(const gemm_call *gemm, void *c, float *column)
{
    size_t m = (size_t)gemm->m;
    for (size_t i = 0; i < m; i++)
        column[i] *= gemm->alpha;
    if (gemm->beta != 0.0f) {
        float *buffer = cudasim_floats(m);
        const float *prior = cudasim_as_addends(gemm->out, c, m, buffer);
        for (size_t i = 0; i < m; i++)
            column[i] += gemm->beta * prior[i];
        free(buffer);
    }
    cudasim_store(gemm->out, c, column, m);
}

static void run(void *context)
{
    const gemm_call *gemm = context;
    size_t m = (size_t)gemm->m, n = (size_t)gemm->n, number = cudasim_number_nbytes(gemm->out);
    const void *a = cudasim_operand_memory(gemm->name, &gemm->a);
    const void *b = cudasim_operand_memory(gemm->name, &gemm->b);
    char *c = cudasim_operand_memory(gemm->name, &gemm->c);
    float *product = cudasim_floats(m * n);
    cudasim_poison_scratch(cudasim_operand_memory(gemm->name, &gemm->workspace),
                           gemm->workspace.nbytes);
    for (size_t j = 0; gemm->beta == 0.0f && j < n; j++)
        cudasim_poison(c + j * (size_t)gemm->ldc * number, m * number);
    if (gemm->k > 0)
        multiply(gemm, a, b, product);
    else
        memset(product, 0, m * n * sizeof(float));
    for (size_t j = 0; j < n; j++)
        write_column(gemm, c + j * (size_t)gemm->ldc * number, product + j * m);
    free(product);
}

/* What cuBLAS checks itself; NULL: nothing is wrong. */
static const char *what_is_wrong(const gemm_call *gemm)
{
    if ((gemm->transpose_a != CUBLAS_OP_N && gemm->transpose_a != CUBLAS_OP_T) ||
        (gemm->transpose_b != CUBLAS_OP_N && gemm->transpose_b != CUBLAS_OP_T))
        return "an operation is neither N nor T";
    if (gemm->m < 0 || gemm->n < 0 || gemm->k < 0)
        return "m, n or k is negative";
    if (gemm->lda < 1 || gemm->lda < a_rows(gemm))
        return "lda is too small";
    if (gemm->ldb < 1 || gemm->ldb < b_rows(gemm))
        return "ldb is too small";
    if (gemm->ldc < 1 || gemm->ldc < gemm->m)
        return "ldc is too small";
    return NULL;
}

static void set_operands(cublasHandle_t handle, gemm_call *gemm)
{
    bool a_plain = gemm->transpose_a == CUBLAS_OP_N, b_plain = gemm->transpose_b == CUBLAS_OP_N;
    size_t in = cudasim_number_nbytes(gemm->in), out = cudasim_number_nbytes(gemm->out);
    gemm->a.nbytes = span(a_rows(gemm), a_plain ? gemm->k : gemm->m, gemm->lda) * in;
    gemm->b.nbytes = span(b_rows(gemm), b_plain ? gemm->n : gemm->k, gemm->ldb) * in;
    gemm->c.nbytes = span(gemm->m, gemm->n, gemm->ldc) * out;
    gemm->a.alignment = gemm->b.alignment = gemm->in == CUDASIM_BF16 ? BF16_ALIGNMENT : in;
    gemm->c.alignment = gemm->out == CUDASIM_BF16 ? BF16_ALIGNMENT : out;
    gemm->c.written = true;
    gemm->workspace = handle->workspace;
}

/* Captured, the library would allocate its workspace inside the graph. */
static void check_capture(cublasHandle_t handle, const gemm_call *gemm)
{
    if (handle->stream && handle->workspace.nbytes == 0 && cudasim_is_capturing(handle->stream))
        cudasim_fail("%s inside a capture without a workspace of one's own: cublasSetStream takes "
                     "it away, call cublasSetWorkspace after it",
                     gemm->name);
    const int kind[] = {
        gemm->m,       gemm->n,       gemm->k, (int)gemm->transpose_a, (int)gemm->transpose_b,
        (int)gemm->in, (int)gemm->out};
    cudasim_check_first_use(gemm->name, handle->stream, kind, sizeof(kind));
}

/* A long sum of bf16 products may be split, and the parts be added in bf16 (CUBLAS_DEFAULT_MATH).
 */
static bool may_reduce(cublasHandle_t handle, const gemm_call *gemm)
{
    return gemm->out == CUDASIM_BF16 &&
           !((unsigned)handle->math & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
}

static cublasStatus_t enqueue(cublasHandle_t handle, gemm_call *gemm)
{
    const char *wrong = what_is_wrong(gemm);
    if (wrong) {
        fprintf(stderr, "cudasim: %s: %s (m %d, n %d, k %d, lda %d, ldb %d, ldc %d)\n", gemm->name,
                wrong, gemm->m, gemm->n, gemm->k, gemm->lda, gemm->ldb, gemm->ldc);
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (gemm->m == 0 || gemm->n == 0)
        return CUBLAS_STATUS_SUCCESS;
    set_operands(handle, gemm);
    const cudasim_operand operands[] = {gemm->a, gemm->b, gemm->c, gemm->workspace};
    cudasim_check_operands(gemm->name, handle->device, operands,
                           sizeof(operands) / sizeof(operands[0]));
    check_capture(handle, gemm);
    cudasim_count_library_call(handle->stream);
    cudasim_count_product(handle->stream, gemm->in, may_reduce(handle, gemm));
    cudasim_enqueue(handle->stream, gemm->name, run, gemm, sizeof(*gemm));
    return CUBLAS_STATUS_SUCCESS;
}

/* The low bits are the mode, the others flags. Products are in true float32 unless TF32 is allowed,
 * the opposite of cuDNN. */
static bool allows_tf32(cublasHandle_t handle)
{
    return ((unsigned)handle->math & 0xfu) == CUBLAS_TF32_TENSOR_OP_MATH &&
           !cudasim_tf32_forbidden();
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transpose_a,
                              cublasOperation_t transpose_b, int m, int n, int k,
                              const float *alpha, const float *a, int lda, const float *b, int ldb,
                              const float *beta, float *c, int ldc)
{
    cublasStatus_t status = check_handle(handle, "cublasSgemm");
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (!alpha || !beta)
        return CUBLAS_STATUS_INVALID_VALUE;
    gemm_call gemm = {.name = "cublasSgemm",
                      .transpose_a = transpose_a,
                      .transpose_b = transpose_b,
                      .m = m,
                      .n = n,
                      .k = k,
                      .lda = lda,
                      .ldb = ldb,
                      .ldc = ldc,
                      .alpha = *alpha,
                      .beta = *beta,
                      .in = allows_tf32(handle) ? CUDASIM_TF32 : CUDASIM_FLOAT,
                      .a = {.name = "A", .address = a},
                      .b = {.name = "B", .address = b},
                      .c = {.name = "C", .address = c}};
    return enqueue(handle, &gemm);
}

/* The combinations of types that cuBLAS documents for these compute types; else NOT_SUPPORTED. */
static cublasStatus_t choose_numbers(cublasHandle_t handle, cudaDataType a, cudaDataType b,
                                     cudaDataType c, cublasComputeType_t compute, gemm_call *gemm)
{
    bool fast = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC && !fast)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    bool tf32 = (fast && !cudasim_tf32_forbidden()) ||
                (compute == CUBLAS_COMPUTE_32F && allows_tf32(handle));
    if (a == CUDA_R_32F && b == CUDA_R_32F && c == CUDA_R_32F) {
        gemm->in = tf32 ? CUDASIM_TF32 : CUDASIM_FLOAT;
        return CUBLAS_STATUS_SUCCESS;
    }
    if (a != CUDA_R_16BF || b != CUDA_R_16BF || (c != CUDA_R_16BF && c != CUDA_R_32F) || fast)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    gemm->in = CUDASIM_BF16;
    gemm->out = c == CUDA_R_16BF ? CUDASIM_BF16 : CUDASIM_FLOAT;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transpose_a,
                            cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta, void *c,
                            cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algo)
{
    (void)algo; /* ignored on Ampere and newer */
    cublasStatus_t status = check_handle(handle, __func__);
    if (status != CUBLAS_STATUS_SUCCESS)
        return status;
    if (!alpha || !beta)
        return CUBLAS_STATUS_INVALID_VALUE;
    gemm_call gemm = {.name = __func__,
                      .transpose_a = transpose_a,
                      .transpose_b = transpose_b,
                      .m = m,
                      .n = n,
                      .k = k,
                      .lda = lda,
                      .ldb = ldb,
                      .ldc = ldc,
                      .alpha = *(const float *)alpha,
                      .beta = *(const float *)beta,
                      .a = {.name = "A", .address = a},
                      .b = {.name = "B", .address = b},
                      .c = {.name = "C", .address = c}};
    status = choose_numbers(handle, a_type, b_type, c_type, compute, &gemm);
    return status == CUBLAS_STATUS_SUCCESS ? enqueue(handle, &gemm) : status;
}
