/* The simulated cuDNN's convolution with bias and activation in one, against the same in double. */
#include "conv_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

typedef struct conv_fused {
    cudnnTensorDescriptor_t bias;
    cudnnActivationDescriptor_t activation;
    float *bias_values;
    void *bias_on;
} conv_fused;

static conv_fused make_fused(const sim_fixture *fixture, const conv_problem *problem,
                             cudnnActivationMode_t mode)
{
    conv_fused made = {.bias_values = new_floats((size_t)problem->shape.k)};
    bool bf16 = problem->format == BF16;
    fill_floats(made.bias_values, (size_t)problem->shape.k, 99);
    DONE(cudnnCreateTensorDescriptor(&made.bias));
    DONE(cudnnSetTensor4dDescriptor(
        made.bias, problem->nhwc ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW,
        bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 1, problem->shape.k, 1, 1));
    DONE(cudnnCreateActivationDescriptor(&made.activation));
    DONE(cudnnSetActivationDescriptor(made.activation, mode, CUDNN_NOT_PROPAGATE_NAN, 0));
    made.bias_on = put_floats(fixture, made.bias_values, (size_t)problem->shape.k, bf16);
    return made;
}

static void free_fused(conv_fused *fused)
{
    DONE(cudnnDestroyTensorDescriptor(fused->bias));
    DONE(cudnnDestroyActivationDescriptor(fused->activation));
    DONE(cudaFree(fused->bias_on));
    free(fused->bias_values);
}

static cudnnStatus_t call_fused(const sim_fixture *fixture, const conv_problem *p,
                                const conv_fused *fused, void *const on[3], float z_scale)
{
    const float one = 1;
    size_t nbytes = 0;
    void *workspace = NULL;
    cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    DONE(conv_ask_workspace(fixture, p, FORWARD, (int)algo, &nbytes));
    DONE(cudaMalloc(&workspace, nbytes));
    cudnnStatus_t status = cudnnConvolutionBiasActivationForward(
        fixture->cudnn, &one, p->x, on[1], p->w, on[2], p->conv, algo, workspace, nbytes, &z_scale,
        p->y, on[0], fused->bias, fused->bias_on, fused->activation, p->y, on[0]);
    DONE(cudaStreamSynchronize(fixture->stream));
    DONE(cudaFree(workspace));
    return status;
}

static void add_epilogue(const conv_problem *problem, conv_values *numbers, const float *bias,
                         float z_scale, bool relu)
{
    size_t pixels = (size_t)(problem->p * problem->q);
    for (size_t e = 0; e < problem->y_count; e++) {
        double b = (double)bias[e / pixels % (size_t)problem->shape.k];
        double z = (double)z_scale * (double)numbers->values[0][e];
        numbers->wide[0][e] += b + z;
        numbers->size[e] += fabs(b) + fabs(z);
        if (relu && numbers->wide[0][e] < 0)
            numbers->wide[0][e] = 0;
    }
}

static void check_fused(const sim_fixture *fixture, const conv_shape *shape, bool nhwc,
                        conv_format format, bool relu)
{
    for (int with_z = 0; with_z < 2; with_z++) {
        conv_problem problem = conv_problem_make(shape, nhwc, format);
        conv_fused fused =
            make_fused(fixture, &problem, relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY);
        conv_values numbers = conv_values_make(fixture, &problem, FORWARD, fill_floats);
        float z_scale = with_z ? 0.5f : 0.0f;
        DONE(call_fused(fixture, &problem, &fused, numbers.on, z_scale));
        conv_get(fixture, &problem, 0, numbers.on[0], numbers.result);
        add_epilogue(&problem, &numbers, fused.bias_values, z_scale, relu);
        conv_compare(&problem, FORWARD, &numbers, 1, 1.0f, 0.0f, 1e-6);
        conv_values_free(&numbers);
        free_fused(&fused);
        conv_problem_free(&problem);
    }
}

Test(fused, bias_and_activation_come_after_it)
{
    sim_fixture fixture = fixture_open();
    for (int i = 0; i < SHAPES; i++)
        for (int nhwc = 0; nhwc < 2; nhwc++)
            for (int relu = 0; relu < 2; relu++) {
                check_fused(&fixture, &conv_shapes[i], nhwc, FP32, relu);
                check_fused(&fixture, &conv_shapes[i], nhwc, BF16, relu);
            }
    fixture_close(&fixture);
}

/* As in cuDNN, whose activation here must not propagate NaN: a loss of it, not of NaN, is seen. */
Test(fused, the_fused_relu_turns_nan_into_0)
{
    sim_fixture fixture = fixture_open();
    conv_problem problem = conv_problem_make(&conv_shapes[1], true, FP32);
    conv_fused fused = make_fused(&fixture, &problem, CUDNN_ACTIVATION_RELU);
    conv_values numbers = conv_values_make(&fixture, &problem, FORWARD, fill_floats);
    for (size_t e = 0; e < problem.x_count; e++)
        numbers.values[1][e] = NAN;
    DONE(cudaFree(numbers.on[1]));
    numbers.on[1] = conv_put(&fixture, &problem, 1, numbers.values[1]);
    DONE(call_fused(&fixture, &problem, &fused, numbers.on, 0.0f));
    conv_get(&fixture, &problem, 0, numbers.on[0], numbers.result);
    for (size_t e = 0; e < problem.y_count; e++)
        cr_assert(numbers.result[e] == 0.0f);
    conv_compute(&fixture, &problem, FORWARD, 1, numbers.on, 1.0f, 0.0f);
    conv_get(&fixture, &problem, 0, numbers.on[0], numbers.result);
    for (size_t e = 0; e < problem.y_count; e++)
        cr_assert(isnan(numbers.result[e]), "the convolution alone keeps NaN");
    conv_values_free(&numbers);
    free_fused(&fused);
    conv_problem_free(&problem);
    fixture_close(&fixture);
}
