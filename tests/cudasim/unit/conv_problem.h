/*
 * One convolution for the tests: its descriptors, values in device memory, and what seven nested
 * loops in double make of them. Values are counted as (n, c, h, w) and (k, c, r, s) on the host,
 * whatever the layout on the device. Which of them: 0 is y, 1 is x, 2 is w, as the passes that
 * compute them.
 */
#ifndef CUDASIM_TEST_CONV_PROBLEM_H
#define CUDASIM_TEST_CONV_PROBLEM_H

#include "fixture.h"

#include <stdbool.h>

typedef struct conv_shape {
    int n, c, h, w, k, r, s, pad, stride, dilation;
    bool flipped;
    int groups;
} conv_shape;

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

/* Values of one problem, and what a pass makes of them. */
typedef struct conv_values {
    float *values[3], *result;
    double *wide[3], *size;
    void *on[3];
} conv_values;

/* Odd and even sizes, padding, strides, dilations, turned kernels, groups. */
enum { SHAPES = 12 };
extern const conv_shape conv_shapes[SHAPES];

conv_problem conv_problem_make(const conv_shape *shape, bool nhwc, conv_format format);
void conv_problem_free(conv_problem *problem);
/* Values to and from device memory, in the problem's layout and format. The caller frees. */
void *conv_put(const sim_fixture *fixture, const conv_problem *problem, int which,
               const float *values);
void conv_get(const sim_fixture *fixture, const conv_problem *problem, int which,
              const void *address, float *values);

/* The pass by an algorithm; `on` is the memory of y, x and w. Waits. */
cudnnStatus_t conv_ask_workspace(const sim_fixture *fixture, const conv_problem *p, conv_pass pass,
                                 int algo, size_t *nbytes);
void conv_compute(const sim_fixture *fixture, const conv_problem *p, conv_pass pass, int algo,
                  void *const on[3], float alpha, float beta);

/* Filled values on host and device, and in `wide` what the pass makes of them. */
conv_values conv_values_make(const sim_fixture *fixture, const conv_problem *problem,
                             conv_pass pass, void (*fill)(float *, size_t, uint32_t));
void conv_values_free(conv_values *numbers);
/* Asserts that the result is alpha x the reference + beta x what was there. The tolerance is for
 * the sum of the sizes of all terms. */
void conv_compare(const conv_problem *problem, conv_pass pass, const conv_values *numbers, int algo,
                  float alpha, float beta, double tolerance);
size_t conv_count_of(const conv_problem *problem, int which);

#endif
