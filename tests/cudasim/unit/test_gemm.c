/* The simulated cuBLAS's products against three nested loops in double: all transposes, leading
 * dimensions with gaps, number formats. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct gemm_case {
    int m, n, k;
    bool a_turned, b_turned;
    int gap; /* rows more than needed, from column to column */
    cudaDataType_t in, out;
    float alpha, beta;
} gemm_case;

/* A column-major matrix with gaps, on the host and on the device. */
typedef struct test_matrix {
    int rows, cols, ld;
    bool bf16;
    size_t count;
    float *values;
    void *on;
} test_matrix;

static test_matrix make_matrix(const sim_fixture *fixture, int rows, int cols, int gap,
                               cudaDataType_t type, uint32_t seed)
{
    test_matrix made = {.rows = rows, .cols = cols, .ld = rows + gap, .bf16 = type == CUDA_R_16BF};
    made.count = (size_t)made.ld * (size_t)cols;
    made.values = new_floats(made.count);
    fill_floats(made.values, made.count, seed);
    made.on = put_floats(fixture, made.values, made.count, made.bf16);
    return made;
}

static void free_matrix(test_matrix *matrix)
{
    DONE(cudaFree(matrix->on));
    free(matrix->values);
}

static double at(const test_matrix *matrix, bool turned, int row, int col)
{
    return (double)matrix->values[turned ? col + row * matrix->ld : row + col * matrix->ld];
}

static cublasStatus_t call(const sim_fixture *fixture, const gemm_case *test, const test_matrix *a,
                           const test_matrix *b, const test_matrix *c, cublasComputeType_t compute)
{
    return cublasGemmEx(fixture->cublas, test->a_turned ? CUBLAS_OP_T : CUBLAS_OP_N,
                        test->b_turned ? CUBLAS_OP_T : CUBLAS_OP_N, test->m, test->n, test->k,
                        &test->alpha, a->on, test->in, a->ld, b->on, test->in, b->ld, &test->beta,
                        c->on, test->out, c->ld, compute, CUBLAS_GEMM_DEFAULT);
}

/* What lies in the gaps stays. */
static void compare(const gemm_case *test, const test_matrix *a, const test_matrix *b,
                    const test_matrix *c, const float *result)
{
    for (int j = 0; j < test->n; j++)
        for (int i = 0; i < c->ld; i++) {
            double prior = (double)c->values[i + j * c->ld], wanted = prior, size = 0, sum = 0;
            for (int l = 0; i < test->m && l < test->k; l++) {
                double product = at(a, test->a_turned, i, l) * at(b, test->b_turned, l, j);
                sum += product;
                size += fabs(product);
            }
            if (i < test->m)
                wanted = (double)test->alpha * sum + (double)test->beta * prior;
            double allowed = 1e-6 * (size + fabs(prior)) + (c->bf16 ? fabs(wanted) / 256 : 0);
            double got = (double)result[i + j * c->ld];
            cr_assert(!(!(fabs(got - wanted) <= allowed)), "(%d, %d): %.9g instead of %.9g", i, j,
                      got, wanted);
        }
}

static void check(const sim_fixture *fixture, const gemm_case *test, cublasComputeType_t compute)
{
    bool a_turned = test->a_turned, b_turned = test->b_turned;
    test_matrix a = make_matrix(fixture, a_turned ? test->k : test->m, a_turned ? test->m : test->k,
                                test->gap, test->in, 1);
    test_matrix b = make_matrix(fixture, b_turned ? test->n : test->k, b_turned ? test->k : test->n,
                                2 * test->gap, test->in, 2);
    test_matrix c = make_matrix(fixture, test->m, test->n, 3 * test->gap, test->out, 3);
    float *result = new_floats(c.count);
    DONE(call(fixture, test, &a, &b, &c, compute));
    get_floats(fixture, c.on, result, c.count, c.bf16);
    compare(test, &a, &b, &c, result);
    free(result);
    free_matrix(&a);
    free_matrix(&b);
    free_matrix(&c);
}

Test(gemm, all_transposes_gaps_and_formats_are_the_double_reference)
{
    static const int sizes[][3] = {{1, 1, 1}, {3, 64, 5}, {64, 3, 700}, {17, 9, 33}};
    static const cudaDataType_t formats[][2] = {
        {CUDA_R_32F, CUDA_R_32F}, {CUDA_R_16BF, CUDA_R_32F}, {CUDA_R_16BF, CUDA_R_16BF}};
    sim_fixture fixture = fixture_open();
    for (int s = 0; s < 4; s++)
        for (int f = 0; f < 3; f++)
            for (int turns = 0; turns < 4; turns++)
                for (int gap = 0; gap < 2; gap++) {
                    gemm_case test = {.m = sizes[s][0],
                                      .n = sizes[s][1],
                                      .k = sizes[s][2],
                                      .a_turned = turns & 1,
                                      .b_turned = turns & 2,
                                      .gap = gap * 5,
                                      .in = formats[f][0],
                                      .out = formats[f][1],
                                      .alpha = gap ? 0.5f : 1.0f,
                                      .beta = gap ? 2.0f : 0.0f};
                    check(&fixture, &test, CUBLAS_COMPUTE_32F);
                }
    fixture_close(&fixture);
}

static double error_of(const sim_fixture *fixture, cublasComputeType_t compute)
{
    const float third = 1.0f / 3.0f, one = 1.0f, zero = 0.0f;
    float result;
    void *on = put_floats(fixture, &third, 1, 0), *c = put_floats(fixture, &one, 1, 0);
    DONE(cublasGemmEx(fixture->cublas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, on, CUDA_R_32F, 1,
                      on, CUDA_R_32F, 1, &zero, c, CUDA_R_32F, 1, compute, CUBLAS_GEMM_DEFAULT));
    get_floats(fixture, c, &result, 1, 0);
    DONE(cudaFree(on));
    DONE(cudaFree(c));
    return fabs((double)result / ((double)third * (double)third) - 1);
}

/* The opposite of cuDNN: float32 unless TF32 is asked for. */
Test(gemm, numbers_are_rounded_to_tf32_only_when_asked_for)
{
    sim_fixture fixture = fixture_open();
    cr_assert_lt(error_of(&fixture, CUBLAS_COMPUTE_32F), 1e-7);
    cr_assert_gt(error_of(&fixture, CUBLAS_COMPUTE_32F_FAST_TF32), 1e-5);
    DONE(cublasSetMathMode(fixture.cublas, CUBLAS_TF32_TENSOR_OP_MATH));
    cr_assert_gt(error_of(&fixture, CUBLAS_COMPUTE_32F), 1e-5);
    cr_assert_lt(error_of(&fixture, CUBLAS_COMPUTE_32F_PEDANTIC), 1e-7);
    cr_assert_eq(setenv("NVIDIA_TF32_OVERRIDE", "0", 1), 0);
    cr_assert_lt(error_of(&fixture, CUBLAS_COMPUTE_32F), 1e-7);
    fixture_close(&fixture);
}

Test(gemm, sgemm_is_the_same_product)
{
    const float a[4] = {1, 2, 3, 4}, b[4] = {5, 6, 7, 8}, c[4] = {1, 1, 1, 1}, one = 1;
    const float wanted[4] = {24, 35, 32, 47}; /* column-major: [1 3; 2 4] [5 7; 6 8] + 1 */
    float result[4];
    sim_fixture fixture = fixture_open();
    void *a_on = put_floats(&fixture, a, 4, 0), *b_on = put_floats(&fixture, b, 4, 0);
    void *c_on = put_floats(&fixture, c, 4, 0);
    DONE(cublasSgemm(fixture.cublas, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, &one, a_on, 2, b_on, 2,
                     &one, c_on, 2));
    get_floats(&fixture, c_on, result, 4, 0);
    cr_assert_eq(memcmp(result, wanted, sizeof(wanted)), 0);
    DONE(cudaFree(a_on));
    DONE(cudaFree(b_on));
    DONE(cudaFree(c_on));
    fixture_close(&fixture);
}
