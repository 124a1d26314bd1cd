/* The simulated cuDNN's pooling against what the definition says. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, C = 3, H = 7, W = 6, P = 3, Q = 3 }; /* windows of 2 x 2: a row is left over */

/* Where (n, c, row, col) of an image of h x w lies. */
static int place(bool nhwc, int n, int c, int row, int col, int h, int w)
{
    return nhwc ? ((n * h + row) * w + col) * C + c : ((n * C + c) * h + row) * w + col;
}

/* Pools and gives the result; all tensors in one layout and format. */
static void pool(const float *x, float *y, bool nhwc, bool bf16, cudnnPoolingMode_t mode,
                 cudnnNanPropagation_t nan)
{
    const float one = 1, zero = 0;
    cudnnTensorFormat_t order = nhwc ? CUDNN_TENSOR_NHWC : CUDNN_TENSOR_NCHW;
    cudnnDataType_t type = bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    cudnnTensorDescriptor_t before, after;
    cudnnPoolingDescriptor_t window;
    sim_fixture fixture = fixture_open();
    DONE(cudnnCreateTensorDescriptor(&before));
    DONE(cudnnCreateTensorDescriptor(&after));
    DONE(cudnnCreatePoolingDescriptor(&window));
    DONE(cudnnSetTensor4dDescriptor(before, order, type, N, C, H, W));
    DONE(cudnnSetTensor4dDescriptor(after, order, type, N, C, P, Q));
    DONE(cudnnSetPooling2dDescriptor(window, mode, nan, 2, 2, 0, 0, 2, 2));
    void *x_on = put_floats(&fixture, x, N * C * H * W, bf16);
    void *y_on = put_floats(&fixture, x, N * C * P * Q, bf16);
    DONE(cudnnPoolingForward(fixture.cudnn, window, &one, before, x_on, &zero, after, y_on));
    get_floats(&fixture, y_on, y, N * C * P * Q, bf16);
    DONE(cudaFree(x_on));
    DONE(cudaFree(y_on));
    DONE(cudnnDestroyTensorDescriptor(before));
    DONE(cudnnDestroyTensorDescriptor(after));
    DONE(cudnnDestroyPoolingDescriptor(window));
    fixture_close(&fixture);
}

/* The four values of a window. */
static void window_of(const float *x, bool nhwc, const int at[4], float values[4])
{
    for (int i = 0; i < 4; i++)
        values[i] = x[place(nhwc, at[0], at[1], 2 * at[2] + i / 2, 2 * at[3] + i % 2, H, W)];
}

typedef float pooled(const float values[4]);

static void check(const float *x, bool nhwc, bool bf16, cudnnPoolingMode_t mode,
                  cudnnNanPropagation_t nan, pooled *wanted)
{
    float y[N * C * P * Q];
    pool(x, y, nhwc, bf16, mode, nan);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++)
            for (int p = 0; p < P; p++)
                for (int q = 0; q < Q; q++) {
                    float values[4], got = y[place(nhwc, n, c, p, q, P, Q)];
                    window_of(x, nhwc, (const int[4]){n, c, p, q}, values);
                    float want = wanted(values);
                    cr_assert(isnan(want) ? isnan(got) : got == want, "%g instead of %g",
                              (double)got, (double)want);
                }
}

/* fmaxf passes NaN over. */
static float largest(const float values[4])
{
    return fmaxf(fmaxf(values[0], values[1]), fmaxf(values[2], values[3]));
}

static float largest_or_nan(const float values[4])
{
    for (int i = 0; i < 4; i++)
        if (isnan(values[i]))
            return NAN;
    return largest(values);
}

static float mean(const float values[4])
{
    return (values[0] + values[1] + values[2] + values[3]) / 4;
}

Test(pooling, the_largest_or_the_mean_of_each_window)
{
    float x[N * C * H * W];
    fill_integers(x, N * C * H * W, 7);
    for (int i = 0; i < 4; i++) {
        bool nhwc = i & 1, bf16 = i & 2;
        check(x, nhwc, bf16, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, largest);
        check(x, nhwc, bf16, CUDNN_POOLING_MAX_DETERMINISTIC, CUDNN_PROPAGATE_NAN, largest);
        check(x, nhwc, bf16, CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING, CUDNN_PROPAGATE_NAN,
              mean);
    }
}

Test(pooling, nan_wins_or_is_passed_over_as_set)
{
    float x[N * C * H * W];
    fill_floats(x, N * C * H * W, 7);
    for (int e = 0; e < N * C * H * W; e += 5)
        x[e] = NAN;
    for (int nhwc = 0; nhwc < 2; nhwc++) {
        check(x, nhwc, false, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, largest_or_nan);
        check(x, nhwc, false, CUDNN_POOLING_MAX, CUDNN_NOT_PROPAGATE_NAN, largest);
    }
}
