/*
 * The arithmetic of the cuDNN stand-in's convolutions against seven nested loops in double, for all
 * algorithms in both layouts and all number formats.
 */
#include "room.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct conv_shape {
    int n, c, h, w, k, r, s, pad, stride, dilation;
    bool flipped;
} conv_shape;

static const conv_shape shapes[] = {
    {3, 1, 12, 12, 16, 3, 3, 0, 1, 1, false}, /* the network's first, its second, small */
    {2, 16, 10, 10, 32, 3, 3, 0, 1, 1, false},
    {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, false},
    {10, 3, 9, 7, 5, 2, 3, 0, 1, 1, false},
    {2, 4, 11, 8, 6, 5, 3, 2, 1, 1, false}, /* padding */
    {2, 4, 11, 13, 6, 3, 3, 1, 2, 1, false},
    {2, 3, 12, 13, 4, 3, 3, 1, 1, 2, true}, /* turned kernels, dilation */
    {1, 2, 9, 300, 3, 3, 5, 0, 3, 1, true},
};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]) };

typedef enum { FORWARD, DATA, FILTER } conv_pass;
typedef enum { FP32, TF32, BF16 } conv_format;

/* One convolution: descriptors, and values on the host as (n, c, h, w) and (k, c, r, s). */
typedef struct conv_problem {
    conv_shape shape;
    bool nhwc;
    conv_format format;
    int p, q;
    size_t x_count, w_count, y_count;
    cudnnTensorDescriptor_t x, y;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
} conv_problem;

static conv_problem make_problem(const conv_shape *shape, bool nhwc, conv_format format)
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
    DONE(cudnnSetFilter4dDescriptor(made.w, type, order, shape->k, shape->c, shape->r, shape->s));
    DONE(cudnnSetConvolution2dDescriptor(
        made.conv, shape->pad, shape->pad, shape->stride, shape->stride, shape->dilation,
        shape->dilation, shape->flipped ? CUDNN_CONVOLUTION : CUDNN_CROSS_CORRELATION,
        CUDNN_DATA_FLOAT));
    DONE(cudnnSetConvolutionMathType(made.conv,
                                     format == FP32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH));
    DONE(
        cudnnGetConvolution2dForwardOutputDim(made.conv, made.x, made.w, &n, &k, &made.p, &made.q));
    DONE(cudnnSetTensor4dDescriptor(made.y, order, type, n, k, made.p, made.q));
    made.x_count = (size_t)(shape->n * shape->c * shape->h * shape->w);
    made.w_count = (size_t)(shape->k * shape->c * shape->r * shape->s);
    made.y_count = (size_t)(n * k * made.p * made.q);
    return made;
}

static void free_problem(conv_problem *problem)
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
    for (int n = 0; n < s->n; n++)
        for (int k = 0; k < s->k; k++)
            for (int p = 0; p < problem->p; p++)
                for (int q = 0; q < problem->q; q++)
                    for (int c = 0; c < s->c; c++)
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
                                             ((k * s->c + c) * s->r + r) * s->s + t};
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
                           {s->k, s->c, s->r * s->s}};
    for (int i = 0; i < 3; i++)
        sizes[i] = (size_t)all[which][i];
}

static void *put(const test_room *room, const conv_problem *problem, int which, const float *values)
{
    size_t sizes[3];
    sizes_of(problem, which, sizes);
    size_t count = sizes[0] * sizes[1] * sizes[2];
    float *ordered = room_floats(count);
    if (problem->nhwc)
        transpose(ordered, values, sizes[0], sizes[1], sizes[2], false);
    else
        memcpy(ordered, values, count * sizeof(float));
    void *address = room_put(room, ordered, count, problem->format == BF16);
    free(ordered);
    return address;
}

static void get(const test_room *room, const conv_problem *problem, int which, const void *address,
                float *values)
{
    size_t sizes[3];
    sizes_of(problem, which, sizes);
    size_t count = sizes[0] * sizes[1] * sizes[2];
    float *ordered = room_floats(count);
    room_get(room, address, ordered, count, problem->format == BF16);
    if (problem->nhwc)
        transpose(values, ordered, sizes[0], sizes[1], sizes[2], true);
    else
        memcpy(values, ordered, count * sizeof(float));
    free(ordered);
}

/* ---- the calls ---------------------------------------------------------------------------------
 */

static cudnnStatus_t ask_workspace(const test_room *room, const conv_problem *p, conv_pass pass,
                                   int algo, size_t *nbytes)
{
    if (pass == FORWARD)
        return cudnnGetConvolutionForwardWorkspaceSize(room->cudnn, p->x, p->w, p->conv, p->y,
                                                       (cudnnConvolutionFwdAlgo_t)algo, nbytes);
    if (pass == DATA)
        return cudnnGetConvolutionBackwardDataWorkspaceSize(
            room->cudnn, p->w, p->y, p->conv, p->x, (cudnnConvolutionBwdDataAlgo_t)algo, nbytes);
    return cudnnGetConvolutionBackwardFilterWorkspaceSize(
        room->cudnn, p->x, p->y, p->conv, p->w, (cudnnConvolutionBwdFilterAlgo_t)algo, nbytes);
}

/* Memory of y, x, w, as the reference counts them. */
static void compute(const test_room *room, const conv_problem *p, conv_pass pass, int algo,
                    void *const on[3], float alpha, float beta)
{
    size_t nbytes = 0;
    void *workspace = NULL;
    DONE(ask_workspace(room, p, pass, algo, &nbytes));
    if (nbytes)
        DONE(cudaMalloc(&workspace, nbytes));
    if (pass == FORWARD)
        DONE(cudnnConvolutionForward(room->cudnn, &alpha, p->x, on[1], p->w, on[2], p->conv,
                                     (cudnnConvolutionFwdAlgo_t)algo, workspace, nbytes, &beta,
                                     p->y, on[0]));
    else if (pass == DATA)
        DONE(cudnnConvolutionBackwardData(room->cudnn, &alpha, p->w, on[2], p->y, on[0], p->conv,
                                          (cudnnConvolutionBwdDataAlgo_t)algo, workspace, nbytes,
                                          &beta, p->x, on[1]));
    else
        DONE(cudnnConvolutionBackwardFilter(room->cudnn, &alpha, p->x, on[1], p->y, on[0], p->conv,
                                            (cudnnConvolutionBwdFilterAlgo_t)algo, workspace,
                                            nbytes, &beta, p->w, on[2]));
    DONE(cudaStreamSynchronize(room->stream));
    DONE(cudaFree(workspace));
}

static const int algorithm_counts[3] = {CUDNN_CONVOLUTION_FWD_ALGO_COUNT,
                                        CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT,
                                        CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT};

/* Values of one problem, and what a pass makes of them. */
typedef struct conv_values {
    float *values[3], *result;
    double *wide[3], *size;
    void *on[3];
} conv_values;

static size_t count_of(const conv_problem *problem, int which)
{
    return which == 0 ? problem->y_count : which == 1 ? problem->x_count : problem->w_count;
}

static conv_values make_numbers(const test_room *room, const conv_problem *problem, conv_pass pass,
                                void (*fill)(float *, size_t, uint32_t))
{
    conv_values made = {.result = room_floats(count_of(problem, (int)pass)),
                        .size = calloc(count_of(problem, (int)pass), sizeof(double))};
    for (int i = 0; i < 3; i++) {
        size_t count = count_of(problem, i);
        made.values[i] = room_floats(count);
        made.wide[i] = calloc(count, sizeof(double));
        fill(made.values[i], count, (uint32_t)(i + 1));
        for (size_t e = 0; i != (int)pass && e < count; e++)
            made.wide[i][e] = (double)made.values[i][e];
        made.on[i] = put(room, problem, i, made.values[i]);
    }
    add_products(problem, pass, made.wide, made.size);
    return made;
}

static void free_numbers(conv_values *numbers)
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
static void compare(const conv_problem *problem, conv_pass pass, const conv_values *numbers,
                    int algo, float alpha, float beta, double tolerance)
{
    for (size_t e = 0; e < count_of(problem, (int)pass); e++) {
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

static int check_all_algorithms(const test_room *room, const conv_problem *problem, conv_pass pass,
                                void (*fill)(float *, size_t, uint32_t), double tolerance)
{
    int supported = 0;
    for (int algo = 0; algo < algorithm_counts[pass]; algo++) {
        size_t nbytes;
        if (ask_workspace(room, problem, pass, algo, &nbytes) != CUDNN_STATUS_SUCCESS)
            continue;
        supported++;
        for (int blend = 0; blend < 2; blend++) {
            float alpha = blend ? 2.0f : 1.0f, beta = blend ? -3.0f : 0.0f;
            conv_values numbers = make_numbers(room, problem, pass, fill);
            compute(room, problem, pass, algo, numbers.on, alpha, beta);
            get(room, problem, (int)pass, numbers.on[pass], numbers.result);
            compare(problem, pass, &numbers, algo, alpha, beta, tolerance);
            free_numbers(&numbers);
        }
    }
    return supported;
}

static void check_format(conv_format format, void (*fill)(float *, size_t, uint32_t),
                         double tolerance)
{
    test_room room = room_open();
    for (int i = 0; i < SHAPES; i++)
        for (int nhwc = 0; nhwc < 2; nhwc++)
            for (int each = 0; each < 3; each++) {
                conv_problem problem = make_problem(&shapes[i], nhwc, format);
                cr_assert_gt(
                    check_all_algorithms(&room, &problem, (conv_pass)each, fill, tolerance), 0);
                free_problem(&problem);
            }
    room_close(&room);
}

Test(convolution, float32_is_the_double_reference)
{
    check_format(FP32, room_fill, 3e-7);
}

Test(convolution, tf32_of_short_numbers_is_the_double_reference)
{
    check_format(TF32, room_fill, 3e-7);
}

Test(convolution, bf16_is_the_double_reference_rounded)
{
    check_format(BF16, room_fill, 1e-6);
}

Test(convolution, small_whole_numbers_are_exact)
{
    check_format(FP32, room_fill_whole, 0.0);
}

/* ---- bias and activation -----------------------------------------------------------------------
 */

typedef struct conv_fused {
    cudnnTensorDescriptor_t bias;
    cudnnActivationDescriptor_t activation;
    float *bias_values;
    void *bias_on;
} conv_fused;

static conv_fused make_fused(const test_room *room, const conv_problem *problem,
                             cudnnActivationMode_t mode)
{
    conv_fused made = {.bias_values = room_floats((size_t)problem->shape.k)};
    bool bf16 = problem->format == BF16;
    room_fill(made.bias_values, (size_t)problem->shape.k, 99);
    DONE(cudnnCreateTensorDescriptor(&made.bias));
    DONE(cudnnSetTensor4dDescriptor(
        made.bias, problem->nhwc ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW,
        bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 1, problem->shape.k, 1, 1));
    DONE(cudnnCreateActivationDescriptor(&made.activation));
    DONE(cudnnSetActivationDescriptor(made.activation, mode, CUDNN_NOT_PROPAGATE_NAN, 0));
    made.bias_on = room_put(room, made.bias_values, (size_t)problem->shape.k, bf16);
    return made;
}

static void free_fused(conv_fused *fused)
{
    DONE(cudnnDestroyTensorDescriptor(fused->bias));
    DONE(cudnnDestroyActivationDescriptor(fused->activation));
    DONE(cudaFree(fused->bias_on));
    free(fused->bias_values);
}

static cudnnStatus_t call_fused(const test_room *room, const conv_problem *p,
                                const conv_fused *fused, void *const on[3], float z_scale)
{
    const float one = 1;
    size_t nbytes = 0;
    void *workspace = NULL;
    cudnnConvolutionFwdAlgo_t algo = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    DONE(ask_workspace(room, p, FORWARD, (int)algo, &nbytes));
    DONE(cudaMalloc(&workspace, nbytes));
    cudnnStatus_t status = cudnnConvolutionBiasActivationForward(
        room->cudnn, &one, p->x, on[1], p->w, on[2], p->conv, algo, workspace, nbytes, &z_scale,
        p->y, on[0], fused->bias, fused->bias_on, fused->activation, p->y, on[0]);
    DONE(cudaStreamSynchronize(room->stream));
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

static void check_fused(const test_room *room, const conv_shape *shape, bool nhwc,
                        conv_format format, bool relu)
{
    for (int with_z = 0; with_z < 2; with_z++) {
        conv_problem problem = make_problem(shape, nhwc, format);
        conv_fused fused =
            make_fused(room, &problem, relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY);
        conv_values numbers = make_numbers(room, &problem, FORWARD, room_fill);
        float z_scale = with_z ? 0.5f : 0.0f;
        DONE(call_fused(room, &problem, &fused, numbers.on, z_scale));
        get(room, &problem, 0, numbers.on[0], numbers.result);
        add_epilogue(&problem, &numbers, fused.bias_values, z_scale, relu);
        compare(&problem, FORWARD, &numbers, 1, 1.0f, 0.0f, 1e-6);
        free_numbers(&numbers);
        free_fused(&fused);
        free_problem(&problem);
    }
}

Test(convolution, bias_and_activation_come_after_it)
{
    test_room room = room_open();
    for (int i = 0; i < SHAPES; i++)
        for (int nhwc = 0; nhwc < 2; nhwc++)
            for (int relu = 0; relu < 2; relu++) {
                check_fused(&room, &shapes[i], nhwc, FP32, relu);
                check_fused(&room, &shapes[i], nhwc, BF16, relu);
            }
    room_close(&room);
}

/* As in cuDNN, whose activation here must not propagate NaN: a loss of it, not of NaN, is seen. */
Test(convolution, the_fused_relu_turns_nan_into_0)
{
    test_room room = room_open();
    conv_problem problem = make_problem(&shapes[1], true, FP32);
    conv_fused fused = make_fused(&room, &problem, CUDNN_ACTIVATION_RELU);
    conv_values numbers = make_numbers(&room, &problem, FORWARD, room_fill);
    for (size_t e = 0; e < problem.x_count; e++)
        numbers.values[1][e] = NAN;
    DONE(cudaFree(numbers.on[1]));
    numbers.on[1] = put(&room, &problem, 1, numbers.values[1]);
    DONE(call_fused(&room, &problem, &fused, numbers.on, 0.0f));
    get(&room, &problem, 0, numbers.on[0], numbers.result);
    for (size_t e = 0; e < problem.y_count; e++)
        cr_assert(numbers.result[e] == 0.0f);
    compute(&room, &problem, FORWARD, 1, numbers.on, 1.0f, 0.0f);
    get(&room, &problem, 0, numbers.on[0], numbers.result);
    for (size_t e = 0; e < problem.y_count; e++)
        cr_assert(isnan(numbers.result[e]), "the convolution alone keeps NaN");
    free_numbers(&numbers);
    free_fused(&fused);
    free_problem(&problem);
    room_close(&room);
}

/* ---- what cuDNN says of its results ------------------------------------------------------------
 */

static void fill_thirds(float *values, size_t count, uint32_t seed)
{
    room_fill(values, count, seed);
    for (size_t i = 0; i < count; i++)
        values[i] /= 3.0f;
}

/* Computes twice; whether all bits were the same. */
static bool repeats(const test_room *room, const conv_problem *problem, conv_pass pass, int algo)
{
    conv_values numbers = make_numbers(room, problem, pass, fill_thirds);
    size_t count = count_of(problem, (int)pass);
    float *again = room_floats(count);
    bool same = true;
    get(room, problem, (int)pass, numbers.on[pass], again);
    for (int i = 0; i < 4; i++) {
        compute(room, problem, pass, algo, numbers.on, 1.0f, 0.0f);
        get(room, problem, (int)pass, numbers.on[pass], numbers.result);
        same = same && (i == 0 || memcmp(again, numbers.result, count * sizeof(float)) == 0);
        memcpy(again, numbers.result, count * sizeof(float));
    }
    free(again);
    free_numbers(&numbers);
    return same;
}

static void check_repeats(const test_room *room, const conv_problem *problem)
{
    for (int each = 0; each < 3; each++)
        for (int algo = 0; algo < algorithm_counts[each]; algo++) {
            size_t nbytes;
            if (ask_workspace(room, problem, (conv_pass)each, algo, &nbytes) !=
                CUDNN_STATUS_SUCCESS)
                continue;
            bool changes = (each == DATA && algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0) ||
                           (each == FILTER && (algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0 ||
                                               algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3));
            cr_assert_eq(repeats(room, problem, (conv_pass)each, algo), !changes,
                         "pass %d algorithm %d", each, algo);
        }
}

Test(convolution, only_the_deterministic_algorithms_repeat_their_bits)
{
    const conv_shape shape = {9, 8, 20, 20, 16, 3, 3, 0, 1, 1, false};
    test_room room = room_open();
    for (int nhwc = 0; nhwc < 2; nhwc++) {
        conv_problem problem = make_problem(&shape, nhwc, FP32);
        check_repeats(&room, &problem);
        free_problem(&problem);
    }
    room_close(&room);
}

/* TF32 keeps 10 bits of mantissa: products are off by up to 2^-10, and by more than float32 is. */
Test(convolution, without_fma_math_numbers_are_rounded_to_tf32)
{
    const conv_shape shape = {1, 1, 1, 1, 1, 1, 1, 0, 1, 1, false};
    test_room room = room_open();
    for (int each = FP32; each <= TF32; each++) {
        conv_problem problem = make_problem(&shape, true, (conv_format)each);
        conv_values numbers = make_numbers(&room, &problem, FORWARD, fill_thirds);
        compute(&room, &problem, FORWARD, 1, numbers.on, 1.0f, 0.0f);
        get(&room, &problem, 0, numbers.on[0], numbers.result);
        double error = fabs((double)numbers.result[0] / numbers.wide[0][0] - 1);
        cr_assert(each == FP32 ? error < 1e-7 : error > 1e-6 && error < 1.0 / 1024, "%g", error);
        free_numbers(&numbers);
        free_problem(&problem);
    }
    room_close(&room);
}
