/* Which of cuDNN's algorithms computes a pass of a convolution.
 *
 * Devices that must be deterministic take the first of a fixed list that cuDNN has for the shape,
 * so that the choice is the same in every run. Others measure, with buffers of their own, when the
 * plan is made. Whatever was chosen must pass the query of its workspace: lists and measurements
 * name algorithms that a shape does not have. */
#include "conv2d.h"

#include <string.h>

typedef struct algorithm {
    int number;
    const char *name;
    bool deterministic;
} algorithm;

/* In the order in which they are tried. The first of each is what PyTorch takes when it must be
 * deterministic. For NHWC cuDNN documents the implicit GEMMs, ALGO_0 and ALGO_1 only. Winograd is
 * less exact and needs the most memory. */
static const algorithm forward_algorithms[] = {
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, "PRECOMP_GEMM", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, "IMPLICIT_GEMM", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_GEMM, "GEMM", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, "FFT_TILING", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_FFT, "FFT", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, "WINOGRAD", true},
    {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
};
static const algorithm data_algorithms[] = {
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, "ALGO_1", true},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING, "FFT_TILING", true},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, "FFT", true},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, "WINOGRAD", true},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
    {CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, "ALGO_0", false},
};
static const algorithm filter_algorithms[] = {
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, "ALGO_1", true},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING, "FFT_TILING", true},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, "FFT", true},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, "ALGO_0", false},
    {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, "ALGO_3", false},
};

static const struct {
    const algorithm *algorithms;
    size_t count;
    const char *name;
} passes[CONV2D_PASS_COUNT] = {
    [CONV2D_FORWARD] = {forward_algorithms, sizeof forward_algorithms / sizeof(algorithm),
                        "forward"},
    [CONV2D_DATA] = {data_algorithms, sizeof data_algorithms / sizeof(algorithm), "backward data"},
    [CONV2D_FILTER] = {filter_algorithms, sizeof filter_algorithms / sizeof(algorithm),
                       "backward filter"},
};

/* cuDNN reports terabytes of workspace for algorithms that are of no use; PyTorch discards them
 * too. */
#define ABSURD_NBYTES ((size_t)16 << 30)

/* The workspace that a measured algorithm may use. */
#define MEASURED_WORKSPACE_NBYTES ((size_t)1 << 30)

/* All algorithms of a pass, and a few that only cuDNN knows. */
#define MAX_RESULTS 16

static cudnnStatus_t ask_workspace(const cuda_device *device, const conv2d_library *library,
                                   conv2d_pass pass, int number, size_t *nbytes)
{
    cudnnConvolutionDescriptor_t convolution = library->choices[pass].convolution;
    *nbytes = 0;
    switch (pass) {
    case CONV2D_FORWARD:
        return cudnnGetConvolutionForwardWorkspaceSize(device->cudnn, library->x, library->kernel,
                                                       convolution, library->y,
                                                       (cudnnConvolutionFwdAlgo_t)number, nbytes);
    case CONV2D_DATA:
        return cudnnGetConvolutionBackwardDataWorkspaceSize(
            device->cudnn, library->kernel, library->y, convolution, library->x,
            (cudnnConvolutionBwdDataAlgo_t)number, nbytes);
    default:
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(
            device->cudnn, library->x, library->y, convolution, library->kernel,
            (cudnnConvolutionBwdFilterAlgo_t)number, nbytes);
    }
}

/* The workspace of an algorithm, if cuDNN has it for the shape; any other status than "not
 * supported" is an error. */
static hpac_status query_workspace(const cuda_device *device, const conv2d_library *library,
                                   conv2d_pass pass, const algorithm *candidate, size_t *nbytes,
                                   bool *supported)
{
    cudnnStatus_t status = ask_workspace(device, library, pass, candidate->number, nbytes);
    *supported = status == CUDNN_STATUS_SUCCESS && *nbytes <= ABSURD_NBYTES;
    if (status == CUDNN_STATUS_SUCCESS ||
        CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED)
        return HPAC_OK;
    return hpac_fail_within(hpac_cuda_fail_cudnn(status, "cudnnGetConvolution...WorkspaceSize"),
                            "%s by %s", passes[pass].name, candidate->name);
}

/* Takes an algorithm if cuDNN has it for the shape. */
static hpac_status take_if_supported(const cuda_device *device, conv2d_library *library,
                                     conv2d_pass pass, const algorithm *candidate, bool *taken)
{
    size_t nbytes = 0;
    HPAC_TRY(query_workspace(device, library, pass, candidate, &nbytes, taken));
    if (*taken) {
        conv2d_choice *choice = &library->choices[pass];
        choice->algorithm = candidate->number;
        choice->workspace_nbytes = nbytes;
        choice->name = candidate->name;
    }
    return HPAC_OK;
}

static hpac_status choose_first(const cuda_device *device, conv2d_library *library,
                                conv2d_pass pass)
{
    bool taken = false;
    for (size_t i = 0; i < passes[pass].count; i++) {
        const algorithm *candidate = &passes[pass].algorithms[i];
        if (device->deterministic && !candidate->deterministic)
            continue;
        HPAC_TRY(take_if_supported(device, library, pass, candidate, &taken));
        if (taken)
            return HPAC_OK;
    }
    library->lacks_pass = true;
    return hpac_fail(HPAC_ERR_DEVICE, "cuDNN has no%s algorithm for the %s pass%s",
                     device->deterministic ? " deterministic" : "", passes[pass].name,
                     device->deterministic ? "; device.deterministic: false allows others" : "");
}

/* ---- measuring ---- */

/* What cuDNN measured: the three passes have a type of the same content each. */
typedef struct measurement {
    int number;
    cudnnStatus_t status;
    cudnnMathType_t math;
} measurement;

typedef struct ranking {
    measurement results[MAX_RESULTS];
    int count;
} ranking;

typedef struct buffers {
    void *x, *y, *kernel, *workspace;
    size_t workspace_nbytes;
} buffers;

#define KEEP_RESULTS(perf, count_, to)                                                             \
    do {                                                                                           \
        (to)->count = (count_);                                                                    \
        for (int i = 0; i < (count_); i++)                                                         \
            (to)->results[i] =                                                                     \
                (measurement){(int)(perf)[i].algo, (perf)[i].status, (perf)[i].mathType};          \
    } while (0)

static hpac_status measure_forward(const cuda_device *device, const conv2d_library *library,
                                   const buffers *on, ranking *ranked)
{
    cudnnConvolutionFwdAlgoPerf_t perf[MAX_RESULTS];
    int count = 0;
    CUDA_TRY(cudnnFindConvolutionForwardAlgorithmEx(
        device->cudnn, library->x, on->x, library->kernel, on->kernel,
        library->choices[CONV2D_FORWARD].convolution, library->y, on->y, MAX_RESULTS, &count, perf,
        on->workspace, on->workspace_nbytes));
    KEEP_RESULTS(perf, count, ranked);
    return HPAC_OK;
}

static hpac_status measure_data(const cuda_device *device, const conv2d_library *library,
                                const buffers *on, ranking *ranked)
{
    cudnnConvolutionBwdDataAlgoPerf_t perf[MAX_RESULTS];
    int count = 0;
    CUDA_TRY(cudnnFindConvolutionBackwardDataAlgorithmEx(
        device->cudnn, library->kernel, on->kernel, library->y, on->y,
        library->choices[CONV2D_DATA].convolution, library->x, on->x, MAX_RESULTS, &count, perf,
        on->workspace, on->workspace_nbytes));
    KEEP_RESULTS(perf, count, ranked);
    return HPAC_OK;
}

static hpac_status measure_filter(const cuda_device *device, const conv2d_library *library,
                                  const buffers *on, ranking *ranked)
{
    cudnnConvolutionBwdFilterAlgoPerf_t perf[MAX_RESULTS];
    int count = 0;
    CUDA_TRY(cudnnFindConvolutionBackwardFilterAlgorithmEx(
        device->cudnn, library->x, on->x, library->y, on->y,
        library->choices[CONV2D_FILTER].convolution, library->kernel, on->kernel, MAX_RESULTS,
        &count, perf, on->workspace, on->workspace_nbytes));
    KEEP_RESULTS(perf, count, ranked);
    return HPAC_OK;
}

/* As much as the algorithms ask for that are not beyond the bound. */
static hpac_status find_largest_workspace(const cuda_device *device, const conv2d_library *library,
                                          conv2d_pass pass, size_t *largest)
{
    *largest = 0;
    for (size_t i = 0; i < passes[pass].count; i++) {
        bool supported = false;
        size_t nbytes = 0;
        HPAC_TRY(query_workspace(device, library, pass, &passes[pass].algorithms[i], &nbytes,
                                 &supported));
        if (supported && nbytes <= MEASURED_WORKSPACE_NBYTES && nbytes > *largest)
            *largest = nbytes;
    }
    return HPAC_OK;
}

static hpac_status alloc_buffers(cuda_device *device, const conv2d_library *library, buffers *on)
{
    hpac_device *base = &device->base;
    HPAC_TRY(hpac_cuda_alloc(base, HPAC_MEMORY_DEVICE, library->x_nbytes, &on->x));
    HPAC_TRY(hpac_cuda_alloc(base, HPAC_MEMORY_DEVICE, library->y_nbytes, &on->y));
    HPAC_TRY(hpac_cuda_alloc(base, HPAC_MEMORY_DEVICE, library->kernel_nbytes, &on->kernel));
    return hpac_cuda_alloc(base, HPAC_MEMORY_DEVICE, on->workspace_nbytes, &on->workspace);
}

static void free_buffers(cuda_device *device, const buffers *on)
{
    void *const blocks[] = {on->x, on->y, on->kernel, on->workspace};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        hpac_cuda_free(&device->base, HPAC_MEMORY_DEVICE, blocks[i]);
}

static hpac_status measure(cuda_device *device, const conv2d_library *library, conv2d_pass pass,
                           ranking *ranked)
{
    static hpac_status (*const measures[])(const cuda_device *, const conv2d_library *,
                                           const buffers *, ranking *) = {
        [CONV2D_FORWARD] = measure_forward,
        [CONV2D_DATA] = measure_data,
        [CONV2D_FILTER] = measure_filter,
    };
    buffers on = {0};
    HPAC_TRY(find_largest_workspace(device, library, pass, &on.workspace_nbytes));
    hpac_status status = alloc_buffers(device, library, &on);
    if (status == HPAC_OK)
        status = measures[pass](device, library, &on, ranked);
    free_buffers(device, &on);
    return hpac_fail_within(status, "measuring the %s pass (device.deterministic: false)",
                            passes[pass].name);
}

static const algorithm *find_named(conv2d_pass pass, int number)
{
    for (size_t i = 0; i < passes[pass].count; i++)
        if (passes[pass].algorithms[i].number == number)
            return &passes[pass].algorithms[i];
    return NULL;
}

static hpac_status set_math(const conv2d_library *library, conv2d_pass pass, cudnnMathType_t math)
{
    CUDA_TRY(cudnnSetConvolutionMathType(library->choices[pass].convolution, math));
    return HPAC_OK;
}

/* The fastest comes first. cuDNN measures in CUDNN_DEFAULT_MATH too, which allows TF32: not for
 * fp32. Otherwise the math type an algorithm was measured with is part of the choice. */
static hpac_status choose_fastest(cuda_device *device, conv2d_library *library, conv2d_pass pass)
{
    ranking ranked = {.count = 0};
    bool taken = false;
    HPAC_TRY(measure(device, library, pass, &ranked));
    for (int i = 0; i < ranked.count && !taken; i++) {
        const measurement *result = &ranked.results[i];
        const algorithm *candidate = find_named(pass, result->number);
        if (result->status != CUDNN_STATUS_SUCCESS || !candidate ||
            (library->math == CUDNN_FMA_MATH && result->math != CUDNN_FMA_MATH))
            continue;
        HPAC_TRY(set_math(library, pass, result->math));
        HPAC_TRY(take_if_supported(device, library, pass, candidate, &taken));
    }
    if (taken)
        return HPAC_OK;
    HPAC_TRY(set_math(library, pass, library->math));
    return choose_first(device, library, pass);
}

hpac_status hpac_cuda_conv2d_choose(cuda_device *device, conv2d_library *library, conv2d_pass pass)
{
    HPAC_TRY(set_math(library, pass, library->math));
    return device->deterministic ? choose_first(device, library, pass)
                                 : choose_fastest(device, library, pass);
}
