/*
 * Which convolution algorithm can do what, after the support tables of cuDNN's documentation (7.x
 * and 8.x developer guides, cudnnConvolutionForward and its two backward sisters). Where those
 * disagree, for NHWC, what one of them names is in the table.
 *
 * Workspaces have odd sizes that depend on algorithm, shape and math type: a caller that guesses
 * them, or takes one for another, gets an error. Their real sizes are not known without a GPU.
 */
#include "cudnn_sim.h"

#include <stdlib.h>
#include <string.h>

enum {
    NCHW = 1,
    NHWC = 2,
    BF16 = 4,         /* the PSEUDO_BFLOAT16 configuration too, not only float */
    UNIT = 8,         /* only strides and dilations of 1 */
    ONLY_3X3 = 16,    /* kernels of 3 x 3 */
    ONLY_3_OR_5 = 32, /* kernels of 3 x 3 or 5 x 5 */
    SMALL = 64,       /* padded images of at most 256 x 256, kernels of at most 32 x 32 */
    UNSTEADY = 128,   /* sums in an order that changes from call to call */
    IDENTITY = 256,   /* may be used with a bias and no activation */
};

enum { NOTHING, INDICES, COLUMNS, KERNELS, PARTIAL_SUMS, TRANSFORMS };

#define FWD(algo) CUDNN_SIM_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_##algo
#define BWD_DATA(algo) CUDNN_SIM_BACKWARD_DATA, CUDNN_CONVOLUTION_BWD_DATA_##algo
#define BWD_FILTER(algo) CUDNN_SIM_BACKWARD_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_##algo

/* DIRECT and BWD_FILTER_ALGO_WINOGRAD are not implemented in cuDNN. */
static const cudnn_sim_algorithm algorithms[] = {
    {FWD(WINOGRAD), NCHW | UNIT | ONLY_3X3, TRANSFORMS, "fwd6"},
    {FWD(WINOGRAD_NONFUSED), NCHW | UNIT | ONLY_3_OR_5, TRANSFORMS, "fwd7"},
    {FWD(IMPLICIT_PRECOMP_GEMM), NCHW | NHWC | BF16 | IDENTITY, INDICES, "fwd1"},
    {FWD(FFT_TILING), NCHW | UNIT | SMALL, TRANSFORMS, "fwd5"},
    {FWD(FFT), NCHW | UNIT | SMALL, TRANSFORMS, "fwd4"},
    {FWD(GEMM), NCHW, COLUMNS, "fwd2"},
    {FWD(IMPLICIT_GEMM), NCHW | NHWC, NOTHING, "fwd0"},
    {FWD(DIRECT), 0, NOTHING, "fwd3"},
    {BWD_DATA(ALGO_0), NCHW | NHWC | UNSTEADY, NOTHING, "bwddata0"},
    {BWD_DATA(ALGO_WINOGRAD), NCHW | UNIT | ONLY_3X3, TRANSFORMS, "bwddata4"},
    {BWD_DATA(ALGO_WINOGRAD_NONFUSED), NCHW | UNIT | ONLY_3_OR_5, TRANSFORMS, "bwddata5"},
    {BWD_DATA(ALGO_1), NCHW | NHWC | BF16, KERNELS, "bwddata1"},
    {BWD_DATA(ALGO_FFT_TILING), NCHW | UNIT | SMALL, TRANSFORMS, "bwddata3"},
    {BWD_DATA(ALGO_FFT), NCHW | UNIT | SMALL, TRANSFORMS, "bwddata2"},
    {BWD_FILTER(ALGO_0), NCHW | NHWC | UNSTEADY, NOTHING, "bwdfilter0"},
    {BWD_FILTER(ALGO_3), NCHW | UNSTEADY, PARTIAL_SUMS, "bwdfilter3"},
    {BWD_FILTER(ALGO_WINOGRAD_NONFUSED), NCHW | UNIT | ONLY_3_OR_5, TRANSFORMS, "bwdfilter5"},
    {BWD_FILTER(ALGO_1), NCHW | NHWC | BF16, PARTIAL_SUMS, "bwdfilter1"},
    {BWD_FILTER(ALGO_FFT_TILING), NCHW | UNIT | SMALL, TRANSFORMS, "bwdfilter6"},
    {BWD_FILTER(ALGO_FFT), NCHW | UNIT | SMALL, TRANSFORMS, "bwdfilter2"},
    {BWD_FILTER(ALGO_WINOGRAD), 0, NOTHING, "bwdfilter4"},
};
enum { ALGORITHM_COUNT = sizeof(algorithms) / sizeof(algorithms[0]) };

size_t cudnn_sim_algorithms(cudnn_sim_pass pass, const cudnn_sim_algorithm **list)
{
    size_t first = 0, count = 0;
    while (algorithms[first].pass != pass)
        first++;
    while (first + count < ALGORITHM_COUNT && algorithms[first + count].pass == pass)
        count++;
    *list = &algorithms[first];
    return count;
}

bool cudnn_sim_is_deterministic(const cudnn_sim_algorithm *algorithm)
{
    return !(algorithm->abilities & UNSTEADY);
}

bool cudnn_sim_can_do_identity(const cudnn_sim_algorithm *algorithm)
{
    return algorithm->abilities & IDENTITY;
}

/* Whether an environment variable, a list with commas, has a name. */
static bool is_listed(const char *variable, const char *name)
{
    const char *list = getenv(variable);
    size_t length = strlen(name);
    while (list && *list) {
        size_t word = strcspn(list, ",");
        if (word == length && memcmp(list, name, word) == 0)
            return true;
        list += word + (list[word] == ',');
    }
    return false;
}

bool cudnn_sim_is_refused(const char *name)
{
    return is_listed("CUDASIM_CUDNN_REFUSE", name);
}

/* What an algorithm lacks for a problem; NULL: nothing. */
static const char *what_lacks(const cudnn_sim_algorithm *algorithm,
                              const cudnn_sim_problem *problem)
{
    const cudasim_convolution *conv = &problem->conv;
    unsigned can = algorithm->abilities;
    int rows = conv->kernel_rows, cols = conv->kernel_cols;
    bool unit = conv->stride_rows == 1 && conv->stride_cols == 1 && conv->dilation_rows == 1 &&
                conv->dilation_cols == 1;
    if (cudnn_sim_is_refused(algorithm->name))
        return "CUDASIM_CUDNN_REFUSE names it";
    if (!(can & (conv->nhwc ? NHWC : NCHW)))
        return conv->nhwc ? "it does not know NHWC" : "it is not implemented";
    if (conv->numbers == CUDASIM_BF16 && !(can & BF16))
        return "it does not know bfloat16";
    if ((can & UNIT) && !unit)
        return "it wants strides and dilations of 1";
    if ((can & ONLY_3X3) && (rows != 3 || cols != 3))
        return "it wants kernels of 3 x 3";
    if ((can & ONLY_3_OR_5) && (rows != cols || (rows != 3 && rows != 5)))
        return "it wants kernels of 3 x 3 or 5 x 5";
    if ((can & SMALL) && (conv->rows + 2 * conv->pad_rows > 256 ||
                          conv->cols + 2 * conv->pad_cols > 256 || rows > 32 || cols > 32))
        return "the image or the kernel is too large";
    return NULL;
}

static size_t workspace_nbytes_of(const cudnn_sim_algorithm *algorithm,
                                  const cudnn_sim_problem *problem)
{
    const cudasim_convolution *conv = &problem->conv;
    size_t depth = problem->w_nbytes / (size_t)conv->filters;
    size_t math = problem->fma ? 0 : 1040; /* with tensor cores something is rearranged */
    if (is_listed("CUDASIM_CUDNN_ABSURD", algorithm->name))
        return (size_t)2 << 40;
    if (is_listed("CUDASIM_CUDNN_LARGE", algorithm->name))
        return (size_t)2 << 30;
    switch (algorithm->workspace) {
    case INDICES:
        return 2 * depth + 4 * (size_t)conv->out_rows + 20 + math;
    case COLUMNS:
        return depth * (size_t)conv->out_rows * (size_t)conv->out_cols + math;
    case KERNELS:
        return problem->w_nbytes + 52 + math;
    case PARTIAL_SUMS:
        return 8 * problem->w_nbytes + 12 + math;
    case TRANSFORMS:
        return 3 * problem->w_nbytes + problem->x_nbytes / (size_t)conv->batch + 36 + math;
    default:
        return 0;
    }
}

cudnnStatus_t cudnn_sim_find_algorithm(const char *call, cudnn_sim_pass pass, int algo,
                                       const cudnn_sim_problem *problem,
                                       const cudnn_sim_algorithm **algorithm,
                                       size_t *workspace_nbytes)
{
    const cudnn_sim_algorithm *list;
    size_t count = cudnn_sim_algorithms(pass, &list);
    for (size_t i = 0; i < count; i++) {
        if (list[i].algo != algo)
            continue;
        const char *lacks = what_lacks(&list[i], problem);
        if (lacks)
            return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED, call, "algorithm %d: %s", algo,
                                    lacks);
        *algorithm = &list[i];
        *workspace_nbytes = workspace_nbytes_of(&list[i], problem);
        return CUDNN_STATUS_SUCCESS;
    }
    return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM, call, "there is no algorithm %d", algo);
}
