/* Which of cuDNN's algorithms computes a pass of a convolution.
 *
 * Devices that must be deterministic take the first of a fixed list that cuDNN has for the shape,
 * so that the choice is the same in every run. Others measure, with buffers of their own, when the
 * plan is made. Whatever was chosen must pass the query of its workspace: lists and measurements
 * name algorithms that a shape does not have. */
#include "conv2d.h"

typedef struct algorithm {
    conv2d_pass pass;
    int number;
    const char *name;
    bool deterministic;
} algorithm;

/* In the order in which they are tried. The first of each pass is what PyTorch takes when it must
 * be deterministic. For NHWC cuDNN documents the implicit GEMMs, ALGO_0 and ALGO_1 only. Winograd
 * is less exact and needs the most memory. */
static const algorithm algorithms[] = {
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, "PRECOMP_GEMM", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, "IMPLICIT_GEMM", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_GEMM, "GEMM", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING, "FFT_TILING", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_FFT, "FFT", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, "WINOGRAD", true},
    {CONV2D_FORWARD, CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, "ALGO_1", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING, "FFT_TILING", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT, "FFT", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD, "WINOGRAD", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
    {CONV2D_DATA, CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, "ALGO_0", false},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, "ALGO_1", true},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING, "FFT_TILING", true},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT, "FFT", true},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, "WINOGRAD_NONFUSED", true},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, "ALGO_0", false},
    {CONV2D_FILTER, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3, "ALGO_3", false},
};
#define ALGORITHM_COUNT (sizeof algorithms / sizeof *algorithms)

static const char *const pass_names[CONV2D_PASS_COUNT] = {
    [CONV2D_FORWARD] = "forward",
    [CONV2D_DATA] = "backward data",
    [CONV2D_FILTER] = "backward filter",
};

/* cuDNN reports terabytes of workspace for algorithms that are of no use; PyTorch discards them
 * too. */
#define ABSURD_NBYTES (16ULL << 30)

/* The workspace that a measured algorithm may use. */
#define MEASURED_WORKSPACE_NBYTES (1ULL << 30)

static cudnnStatus_t ask_workspace(const cuda_device *device, const conv2d_library *library,
                                   const algorithm *asked, size_t *nbytes)
{
    cudnnConvolutionDescriptor_t convolution = library->choices[asked->pass].convolution;
    *nbytes = 0;
    switch (asked->pass) {
    case CONV2D_FORWARD:
        return cudnnGetConvolutionForwardWorkspaceSize(
            device->cudnn, library->x, library->kernel, convolution, library->y,
            (cudnnConvolutionFwdAlgo_t)asked->number, nbytes);
    case CONV2D_DATA:
        return cudnnGetConvolutionBackwardDataWorkspaceSize(
            device->cudnn, library->kernel, library->y, convolution, library->x,
            (cudnnConvolutionBwdDataAlgo_t)asked->number, nbytes);
    default:
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(
            device->cudnn, library->x, library->y, convolution, library->kernel,
            (cudnnConvolutionBwdFilterAlgo_t)asked->number, nbytes);
    }
}

/* The workspace of an algorithm, if cuDNN has it for the shape; any other status than "not
 * supported" is an error. */
static hpac_status query_workspace(const cuda_device *device, const conv2d_library *library,
                                   const algorithm *candidate, size_t *nbytes, bool *supported)
{
    cudnnStatus_t status = ask_workspace(device, library, candidate, nbytes);
    *supported = status == CUDNN_STATUS_SUCCESS && *nbytes <= ABSURD_NBYTES;
    if (status == CUDNN_STATUS_SUCCESS ||
        CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED)
        return HPAC_OK;
    return hpac_fail_within(hpac_cuda_fail_cudnn(status, "cudnnGetConvolution...WorkspaceSize"),
                            "%s by %s", pass_names[candidate->pass], candidate->name);
}

/* Takes an algorithm if cuDNN has it for the shape. */
static hpac_status take_if_supported(const cuda_device *device, conv2d_library *library,
                                     const algorithm *candidate, bool *taken)
{
    conv2d_choice *choice = &library->choices[candidate->pass];
    size_t nbytes = 0;
    HPAC_TRY(query_workspace(device, library, candidate, &nbytes, taken));
    if (*taken) {
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
    for (size_t i = 0; i < ALGORITHM_COUNT && !taken; i++)
        if (algorithms[i].pass == pass && (algorithms[i].deterministic || !device->deterministic))
            HPAC_TRY(take_if_supported(device, library, &algorithms[i], &taken));
    library->lacks_pass = !taken;
    if (taken)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE, "cuDNN has no%s algorithm for the %s pass%s",
                     device->deterministic ? " deterministic" : "", pass_names[pass],
                     device->deterministic ? "; device.deterministic: false allows others" : "");
}

/* All algorithms of a pass, and a few that only cuDNN knows. */
#define MAX_RESULTS 16

/* What cuDNN measured, the fastest first: the types of the three passes differ in that of `algo`
 * alone. */
typedef union measurements {
    cudnnConvolutionFwdAlgoPerf_t forward[MAX_RESULTS];
    cudnnConvolutionBwdDataAlgoPerf_t data[MAX_RESULTS];
    cudnnConvolutionBwdFilterAlgoPerf_t filter[MAX_RESULTS];
} measurements;
_Static_assert(sizeof(cudnnConvolutionFwdAlgoPerf_t) == sizeof(cudnnConvolutionBwdDataAlgoPerf_t) &&
                   sizeof(cudnnConvolutionFwdAlgoPerf_t) ==
                       sizeof(cudnnConvolutionBwdFilterAlgoPerf_t),
               "results of a pass are read as those of another");

typedef struct buffers {
    void *x, *y, *kernel, *workspace;
    size_t workspace_nbytes;
} buffers;

static hpac_status find(const cuda_device *device, const conv2d_library *library, conv2d_pass pass,
                        const buffers *on, measurements *measured, int *count)
{
    cudnnConvolutionDescriptor_t convolution = library->choices[pass].convolution;
    switch (pass) {
    case CONV2D_FORWARD:
        CUDA_TRY(cudnnFindConvolutionForwardAlgorithmEx(
            device->cudnn, library->x, on->x, library->kernel, on->kernel, convolution, library->y,
            on->y, MAX_RESULTS, count, measured->forward, on->workspace, on->workspace_nbytes));
        return HPAC_OK;
    case CONV2D_DATA:
        CUDA_TRY(cudnnFindConvolutionBackwardDataAlgorithmEx(
            device->cudnn, library->kernel, on->kernel, library->y, on->y, convolution, library->x,
            on->x, MAX_RESULTS, count, measured->data, on->workspace, on->workspace_nbytes));
        return HPAC_OK;
    default:
        CUDA_TRY(cudnnFindConvolutionBackwardFilterAlgorithmEx(
            device->cudnn, library->x, on->x, library->y, on->y, convolution, library->kernel,
            on->kernel, MAX_RESULTS, count, measured->filter, on->workspace, on->workspace_nbytes));
        return HPAC_OK;
    }
}

/* As much as the algorithms ask for that are not beyond the bound. */
static hpac_status find_largest_workspace(const cuda_device *device, const conv2d_library *library,
                                          conv2d_pass pass, size_t *largest)
{
    *largest = 0;
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        bool supported = false;
        size_t nbytes = 0;
        if (algorithms[i].pass != pass)
            continue;
        HPAC_TRY(query_workspace(device, library, &algorithms[i], &nbytes, &supported));
        if (supported && nbytes <= MEASURED_WORKSPACE_NBYTES && nbytes > *largest)
            *largest = nbytes;
    }
    return HPAC_OK;
}

static hpac_status measure(cuda_device *device, const conv2d_library *library, conv2d_pass pass,
                           measurements *measured, int *count)
{
    size_t nbytes = 0, workspace_nbytes;
    void *block;
    HPAC_TRY(find_largest_workspace(device, library, pass, &workspace_nbytes));
    const size_t x = hpac_plan_reserve(&nbytes, library->x_nbytes);
    const size_t y = hpac_plan_reserve(&nbytes, library->y_nbytes);
    const size_t kernel = hpac_plan_reserve(&nbytes, library->kernel_nbytes);
    const size_t workspace = hpac_plan_reserve(&nbytes, workspace_nbytes);
    HPAC_TRY(hpac_cuda_alloc(&device->base, HPAC_MEMORY_DEVICE, nbytes, &block));
    const buffers on = {hpac_cuda_at(block, x), hpac_cuda_at(block, y), hpac_cuda_at(block, kernel),
                        hpac_cuda_at(block, workspace), workspace_nbytes};
    hpac_status status = find(device, library, pass, &on, measured, count);
    hpac_cuda_free(&device->base, HPAC_MEMORY_DEVICE, block);
    return status;
}

static const algorithm *find_algorithm(conv2d_pass pass, int number)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++)
        if (algorithms[i].pass == pass && algorithms[i].number == number)
            return &algorithms[i];
    return NULL;
}

static hpac_status set_math(const conv2d_library *library, conv2d_pass pass, cudnnMathType_t math)
{
    CUDA_TRY(cudnnSetConvolutionMathType(library->choices[pass].convolution, math));
    return HPAC_OK;
}

/* cuDNN measures in CUDNN_DEFAULT_MATH too, which allows TF32: not for fp32. Otherwise the math
 * type an algorithm was measured with is part of the choice. */
static hpac_status choose_fastest(cuda_device *device, conv2d_library *library, conv2d_pass pass)
{
    measurements measured;
    int count = 0;
    bool taken = false;
    HPAC_TRY(hpac_fail_within(measure(device, library, pass, &measured, &count),
                              "measuring the %s pass (device.deterministic: false)",
                              pass_names[pass]));
    for (int i = 0; i < count && !taken; i++) {
        const cudnnConvolutionFwdAlgoPerf_t *result = &measured.forward[i];
        const algorithm *candidate = find_algorithm(pass, (int)result->algo);
        if (result->status != CUDNN_STATUS_SUCCESS || !candidate ||
            (library->math == CUDNN_FMA_MATH && result->mathType != CUDNN_FMA_MATH))
            continue;
        HPAC_TRY(set_math(library, pass, result->mathType));
        HPAC_TRY(take_if_supported(device, library, candidate, &taken));
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
