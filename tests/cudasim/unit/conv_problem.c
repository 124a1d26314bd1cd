/* The tests' convolutions, their reference and their calls. */
#include "conv_problem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const conv_shape conv_shapes[SHAPES] = {
    {3, 1, 12, 12, 16, 3, 3, 0, 1, 1, false, 1}, /* the network's first, its second, small */
    {2, 16, 10, 10, 32, 3, 3, 0, 1, 1, false, 1},
    {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, false, 1},
    {10, 3, 9, 7, 5, 2, 3, 0, 1, 1, false, 1},
    {2, 4, 11, 8, 6, 5, 3, 2, 1, 1, false, 1}, /* padding */
    {2, 4, 11, 13, 6, 3, 3, 1, 2, 1, false, 1},
    {2, 3, 12, 13, 4, 3, 3, 1, 1, 2, true, 1}, /* turned kernels, dilation */
    {1, 2, 9, 300, 3, 3, 5, 0, 3, 1, true, 1},
    {2, 6, 9, 8, 4, 3, 3, 1, 2, 1, false, 2}, /* groups, then depthwise */
    {2, 5, 8, 7, 5, 3, 3, 1, 1, 1, false, 5},
    {1, 4, 9, 9, 8, 3, 2, 2, 2, 2, false, 4},
    {2, 3, 7, 9, 6, 3, 3, 1, 1, 1, true, 3},
};

/* Of a group. */
static int channels_of(const conv_shape *shape)
{
    return shape->c / shape->groups;
}

conv_problem conv_problem_make(const conv_shape *shape, bool nhwc, conv_format format)
{
    conv_problem made = {.shape = *shape, .nhwc = nhwc, .format = format};
    cudnnDataType_t type = format == BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    cudnnTensorFormat_t order = nhwc ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW;
    int n, k;
    DONE(cudnnCreateTensorDescriptor(&made.x));
    DONE(cudnnCreateTensorDescriptor(&made.y));
    DONE(cudnnCreateFilterDescriptor(&made.w));
    DONE(cudnnCreateConvolutionDescriptor(&made.conv));
    DONE(cudnnSetTensor4dDescriptor(made.x, order, type, shape->n, shape->c, shape->h, shape->w));
    DONE(cudnnSetFilter4dDescriptor(made.w, type, order, shape->k, channels_of(shape), shape->r,
                                    shape->s));
    DONE(cudnnSetConvolution2dDescriptor(
        made.conv, shape->pad, shape->pad, shape->stride, shape->stride, shape->dilation,
        shape->dilation, shape->flipped ? CUDNN_CONVOLUTION : CUDNN_CROSS_CORRELATION,
        CUDNN_DATA_FLOAT));
    DONE(cudnnSetConvolutionGroupCount(made.conv, shape->groups));
    DONE(cudnnSetConvolutionMathType(made.conv,
                                     format == FP32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH));
    DONE(
        cudnnGetConvolution2dForwardOutputDim(made.conv, made.x, made.w, &n, &k, &made.p, &made.q));
    DONE(cudnnSetTensor4dDescriptor(made.y, order, type, n, k, made.p, made.q));
    made.x_count = (size_t)(shape->n * shape->c * shape->h * shape->w);
    made.w_count = (size_t)(shape->k * channels_of(shape) * shape->r * shape->s);
    made.y_count = (size_t)(n * k * made.p * made.q);
    return made;
}

void conv_problem_free(conv_problem *problem)
{
    DONE(cudnnDestroyTensorDescriptor(problem->x));
    DONE(cudnnDestroyTensorDescriptor(problem->y));
    DONE(cudnnDestroyFilterDescriptor(problem->w));
    DONE(cudnnDestroyConvolutionDescriptor(problem->conv));
}

/* ---- the reference -----------------------------------------------------------------------------
 */

/* Adds every product of the sum to what it belongs to, and its size to `size`. */
static void add_products(const conv_problem *problem, conv_pass pass, double *const values[3],
                         double *size)
{
    const conv_shape *s = &problem->shape;
    int in = channels_of(s), out = s->k / (s->c / in);
    for (int n = 0; n < s->n; n++)
        for (int k = 0; k < s->k; k++)
            for (int p = 0; p < problem->p; p++)
                for (int q = 0; q < problem->q; q++)
                    for (int c = k / out * in; c < (k / out + 1) * in; c++)
                        for (int i = 0; i < s->r; i++)
                            for (int j = 0; j < s->s; j++) {
                                int row = p * s->stride - s->pad + i * s->dilation;
                                int col = q * s->stride - s->pad + j * s->dilation;
                                if (row < 0 || col < 0 || row >= s->h || col >= s->w)
                                    continue;
                                int r = s->flipped ? s->r - 1 - i : i;
                                int t = s->flipped ? s->s - 1 - j : j;
                                int at[3] = {((n * s->k + k) * problem->p + p) * problem->q + q,
                                             ((n * s->c + c) * s->h + row) * s->w + col,
                                             ((k * in + c % in) * s->r + r) * s->s + t};
                                /* y, x, w: the one that is computed and the two it is made of */
                                int one = ((int)pass + 1) % 3, other = ((int)pass + 2) % 3;
                                double product = values[one][at[one]] * values[other][at[other]];
                                values[pass][at[pass]] += product;
                                size[at[pass]] += fabs(product);
                            }
}

/* ---- layouts -----------------------------------------------------------------------------------
 */

/* (n, c, hw) to (n, hw, c), or back. */
static void transpose(float *to, const float *from, size_t n, size_t c, size_t hw, bool back)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < c; j++)
            for (size_t l = 0; l < hw; l++) {
                size_t plain = (i * c + j) * hw + l, last = (i * hw + l) * c + j;
                to[back ? plain : last] = from[back ? last : plain];
            }
}

/* Sizes of y, x, w as (outer, channels, places). */
static void sizes_of(const conv_problem *problem, int which, size_t sizes[3])
{
    const conv_shape *s = &problem->shape;
    const int all[3][3] = {{s->n, s->k, problem->p * problem->q},
                           {s->n, s->c, s->h * s->w},
                           {s->k, channels_of(s), s->r * s->s}};
    for (int i = 0; i < 3; i++)
        sizes[i] = (size_t)all[which][i];
}

void *conv_put(const sim_fixture *fixture, const conv_problem *problem, int which,
               const float *values)
{
    size_t sizes[3];
    sizes_of(problem, which, sizes);
    size_t count = sizes[0] * sizes[1] * sizes[2];
    float *ordered = new_floats(count);
    if (problem->nhwc)
        transpose(ordered, values, sizes[0], sizes[1], sizes[2], false);
    else
        memcpy(ordered, values, count * sizeof(float));
    void *address = put_floats(fixture, ordered, count, problem->format == BF16);
    free(ordered);
    return address;
}

void conv_get(const sim_fixture *fixture, const conv_problem *problem, int which,
              const void *address, float *values)
{
    size_t sizes[3];
    sizes_of(problem, which, sizes);
    size_t count = sizes[0] * sizes[1] * sizes[2];
    float *ordered = new_floats(count);
    get_floats(fixture, address, ordered, count, problem->format == BF16);
    if (problem->nhwc)
        transpose(values, ordered, sizes[0], sizes[1], sizes[2], true);
    else
        memcpy(values, ordered, count * sizeof(float));
    free(ordered);
}

/* ---- the calls ---------------------------------------------------------------------------------
 */

cudnnStatus_t conv_ask_workspace(const sim_fixture *fixture, const conv_problem *p, conv_pass pass,
                                 int algo, size_t *nbytes)
{
    if (pass == FORWARD)
        return cudnnGetConvolutionForwardWorkspaceSize(fixture->cudnn, p->x, p->w, p->conv, p->y,
                                                       (cudnnConvolutionFwdAlgo_t)algo, nbytes);
    if (pass == DATA)
        return cudnnGetConvolutionBackwardDataWorkspaceSize(
            fixture->cudnn, p->w, p->y, p->conv, p->x, (cudnnConvolutionBwdDataAlgo_t)algo, nbytes);
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(
        fixture->cudnn, p->x, p->y, p->conv, p->w, (cudnnConvolutionBwdFilterAlgo_t)algo, nbytes);
}

/* Memory of y, x, w, as the reference counts them. */
void conv_compute(const sim_fixture *fixture, const conv_problem *p, conv_pass pass, int algo,
                  void *const on[3], float alpha, float beta)
{
    size_t nbytes = 0;
    void *workspace = NULL;
    DONE(conv_ask_workspace(fixture, p, pass, algo, &nbytes));
    if (nbytes)
        DONE(cudaMalloc(&workspace, nbytes));
    if (pass == FORWARD)
        DONE(cudnnConvolutionForward(fixture->cudnn, &alpha, p->x, on[1], p->w, on[2], p->conv,
                                     (cudnnConvolutionFwdAlgo_t)algo, workspace, nbytes, &beta,
                                     p->y, on[0]));
    else if (pass == DATA)
        DONE(cudnnConvolutionBackwardData(fixture->cudnn, &alpha, p->w, on[2], p->y, on[0], p->conv,
                                          (cudnnConvolutionBwdDataAlgo_t)algo, workspace, nbytes,
                                          &beta, p->x, on[1]));
    else
        DONE(cudnnConvolutionBackwardFilter(fixture->cudnn, &alpha, p->x, on[1], p->y, on[0],
                                            p->conv, (cudnnConvolutionBwdFilterAlgo_t)algo,
                                            workspace, nbytes, &beta, p->w, on[2]));
    DONE(cudaStreamSynchronize(fixture->stream));
    DONE(cudaFree(workspace));
}

size_t conv_count_of(const conv_problem *problem, int which)
{
    return which == 0 ? problem->y_count : which == 1 ? problem->x_count : problem->w_count;
}

conv_values conv_values_make(const sim_fixture *fixture, const conv_problem *problem,
                             conv_pass pass, void (*fill)(float *, size_t, uint32_t))
{
    conv_values made = {.result = new_floats(conv_count_of(problem, (int)pass)),
                        .size = calloc(conv_count_of(problem, (int)pass), sizeof(double))};
    for (int i = 0; i < 3; i++) {
        size_t count = conv_count_of(problem, i);
        made.values[i] = new_floats(count);
        made.wide[i] = calloc(count, sizeof(double));
        fill(made.values[i], count, (uint32_t)(i + 1));
        for (size_t e = 0; i != (int)pass && e < count; e++)
            made.wide[i][e] = (double)made.values[i][e];
        made.on[i] = conv_put(fixture, problem, i, made.values[i]);
    }
    add_products(problem, pass, made.wide, made.size);
    return made;
}

void conv_values_free(conv_values *numbers)
{
    for (int i = 0; i < 3; i++) {
        free(numbers->values[i]);
        free(numbers->wide[i]);
        DONE(cudaFree(numbers->on[i]));
    }
    free(numbers->result);
    free(numbers->size);
}

/* Compares with alpha x the reference + beta x what was there. Half a unit of the last place of
 * bf16 is 2^-9. */
void conv_compare(const conv_problem *problem, conv_pass pass, const conv_values *numbers, int algo,
                  float alpha, float beta, double tolerance)
{
    for (size_t e = 0; e < conv_count_of(problem, (int)pass); e++) {
        double prior = (double)numbers->values[pass][e];
        double wanted = (double)alpha * numbers->wide[pass][e] + (double)beta * prior;
        double got = (double)numbers->result[e];
        double allowed = tolerance * (numbers->size[e] + fabs((double)beta * prior)) +
                         (problem->format == BF16 ? fabs(wanted) / 256 : 0.0);
        cr_assert(!(!(fabs(got - wanted) <= allowed)),
                  "%s pass %d algorithm %d, element %zu: %.9g instead of %.9g",
                  problem->nhwc ? "NHWC" : "NCHW", (int)pass, algo, e, got, wanted);
    }
}
