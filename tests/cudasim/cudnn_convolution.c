/* The convolutions of the simulated cuDNN: checked when called, computed when their stream runs. */
#include "cudnn_sim.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
    POINTER_ALIGNMENT = 16, /* what cuDNN's vectorized kernels want of NHWC and of tensor cores */
    X = 0,
    W,
    Y,
    WORKSPACE,
    BIAS,
    Z,
    OPERANDS
};

/* One call, and what its operation needs when it runs. */
typedef struct conv_call {
    const char *name;
    cudnn_sim_pass pass;
    cudasim_convolution conv;
    cudasim_operand operands[OPERANDS]; /* those of no bytes are not there */
    bool fused, relu, unsteady;
    float z_scale;
} conv_call;

/* What a caller passes beside the descriptors. */
typedef struct conv_arguments {
    cudnn_sim_descriptors descriptors;
    int algo;
    const void *alpha, *beta;
    const void *x, *w, *y; /* x or dx, w or dw, y or dy */
    const void *workspace;
    size_t workspace_nbytes;
} conv_arguments;

/* ---- running -----------------------------------------------------------------------------------
 */

/* Another one every time, from one run of the program to the next too. */
static unsigned next_order(void)
{
    static atomic_uint counter;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (unsigned)now.tv_nsec / 1000 + 7 * atomic_fetch_add(&counter, 1) + 1;
}

static const cudasim_operand *result_of(const conv_call *call)
{
    return &call->operands[call->pass == CUDNN_SIM_FORWARD         ? Y
                           : call->pass == CUDNN_SIM_BACKWARD_DATA ? X
                                                                   : W];
}

static void run_forward(const conv_call *call, void *const memory[OPERANDS])
{
    cudasim_epilogue epilogue = {
        .bias = memory[BIAS], .z = memory[Z], .z_scale = call->z_scale, .relu = call->relu};
    cudasim_convolve(&call->conv, call->fused ? &epilogue : NULL, memory[X], memory[W], memory[Y]);
}

static void run(void *context)
{
    conv_call *call = context;
    void *memory[OPERANDS];
    for (int i = 0; i < OPERANDS; i++)
        memory[i] = cudasim_operand_memory(call->name, &call->operands[i]);
    call->conv.order = call->unsteady ? next_order() : 0;
    cudasim_poison_scratch(memory[WORKSPACE], call->operands[WORKSPACE].nbytes);
    bool reads_result = call->conv.beta != 0.0f || call->z_scale != 0.0f;
    if (!reads_result) {
        const cudasim_operand *result = result_of(call);
        cudasim_poison_operand(cudasim_operand_memory(call->name, result), result);
    }
    if (call->pass == CUDNN_SIM_FORWARD)
        run_forward(call, memory);
    else if (call->pass == CUDNN_SIM_BACKWARD_DATA)
        cudasim_convolve_backward_data(&call->conv, memory[W], memory[Y], memory[X]);
    else
        cudasim_convolve_backward_filter(&call->conv, memory[X], memory[Y], memory[W]);
}

/* ---- checking ----------------------------------------------------------------------------------
 */

static cudnnStatus_t check_pointers(const char *name, const conv_arguments *arguments,
                                    size_t needed)
{
    if (!arguments->x || !arguments->w || !arguments->y || !arguments->alpha || !arguments->beta)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, name,
                                "x, w, y, alpha or beta is NULL");
    if (arguments->workspace_nbytes < needed)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, name,
                                "a workspace of %zu bytes, %zu are needed",
                                arguments->workspace_nbytes, needed);
    if (needed && !arguments->workspace)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, name,
                                "no workspace, %zu bytes are needed", needed);
    return CUDNN_STATUS_SUCCESS;
}

static void set_pieces(cudasim_operand *operand, int images, size_t image_nbytes, size_t step)
{
    operand->pieces = (size_t)images;
    operand->piece_nbytes = image_nbytes;
    operand->step_nbytes = step;
}

static void set_operands(conv_call *call, const cudnn_sim_problem *problem,
                         const conv_arguments *arguments)
{
    size_t scratch = arguments->workspace ? arguments->workspace_nbytes : 0;
    const cudasim_convolution *conv = &problem->conv;
    size_t number = cudasim_number_nbytes(conv->numbers);
    call->operands[X] = (cudasim_operand){"x", arguments->x, problem->x_nbytes, .alias = NULL};
    call->operands[W] = (cudasim_operand){"w", arguments->w, problem->w_nbytes, .alias = NULL};
    call->operands[Y] = (cudasim_operand){"y", arguments->y, problem->y_nbytes, .alias = NULL};
    set_pieces(&call->operands[X], conv->batch, problem->x_image_nbytes, conv->x_step * number);
    set_pieces(&call->operands[Y], conv->batch, problem->y_image_nbytes, conv->y_step * number);
    call->operands[WORKSPACE] =
        (cudasim_operand){"workspace", arguments->workspace, scratch, .written = true};
    for (int i = 0; i < OPERANDS; i++)
        call->operands[i].alignment = POINTER_ALIGNMENT;
    ((cudasim_operand *)result_of(call))->written = true;
}

/* Fills in a call, all but its epilogue. */
static cudnnStatus_t prepare(conv_call *call, cudnnHandle_t handle, const conv_arguments *arguments,
                             const cudnn_sim_algorithm **algorithm)
{
    cudnn_sim_problem problem;
    size_t needed = 0;
    cudnnStatus_t status = cudnn_sim_check_handle(handle, call->name);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_problem(call->name, &arguments->descriptors, &problem);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_find_algorithm(call->name, call->pass, arguments->algo, &problem,
                                          algorithm, &needed);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_pointers(call->name, arguments, needed);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    call->conv = problem.conv;
    memcpy(&call->conv.alpha, arguments->alpha, sizeof(float));
    memcpy(&call->conv.beta, arguments->beta, sizeof(float));
    call->unsteady = !cudnn_sim_is_deterministic(*algorithm);
    set_operands(call, &problem, arguments);
    return status;
}

/* A plan of the real library is made for these. */
static void check_first_use(const conv_call *call, cudaStream_t stream, int algo)
{
    const cudasim_convolution *c = &call->conv;
    const int kind[] = {
        algo,           c->batch,         c->channels,      c->rows,     c->cols,
        c->filters,     c->kernel_rows,   c->kernel_cols,   c->out_rows, c->out_cols,
        c->nhwc,        (int)c->numbers,  c->pad_rows,      c->pad_cols, c->stride_rows,
        c->stride_cols, c->dilation_rows, c->dilation_cols, c->groups,   c->beta != 0.0f,
        (int)c->x_step, (int)c->y_step};
    cudasim_check_first_use(call->name, stream, kind, sizeof(kind));
}

static cudnnStatus_t enqueue(const conv_call *call, cudnnHandle_t handle, int algo)
{
    cudasim_check_operands(call->name, handle->device, call->operands, OPERANDS);
    check_first_use(call, handle->stream, algo);
    cudasim_count_library_call(handle->stream);
    cudasim_count_product(handle->stream, call->conv.numbers, false);
    cudasim_enqueue(handle->stream, call->name, run, call, sizeof(*call));
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t convolve(cudnnHandle_t handle, cudnn_sim_pass pass, const char *name,
                              const conv_arguments *arguments)
{
    conv_call call = {.name = name, .pass = pass};
    const cudnn_sim_algorithm *algorithm;
    cudnnStatus_t status = prepare(&call, handle, arguments, &algorithm);
    return status == CUDNN_STATUS_SUCCESS ? enqueue(&call, handle, arguments->algo) : status;
}

/* ---- the library's functions -------------------------------------------------------------------
 */

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha,
                                      cudnnTensorDescriptor_t x_desc, const void *x,
                                      cudnnFilterDescriptor_t w_desc, const void *w,
                                      cudnnConvolutionDescriptor_t conv_desc,
                                      cudnnConvolutionFwdAlgo_t algo, void *workspace,
                                      size_t workspace_nbytes, const void *beta,
                                      cudnnTensorDescriptor_t y_desc, void *y)
{
    conv_arguments arguments = {.descriptors = {x_desc, w_desc, conv_desc, y_desc},
                                .algo = (int)algo,
                                .alpha = alpha,
                                .beta = beta,
                                .x = x,
                                .w = w,
                                .y = y,
                                .workspace = workspace,
                                .workspace_nbytes = workspace_nbytes};
    return convolve(handle, CUDNN_SIM_FORWARD, __func__, &arguments);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void *alpha,
                                           cudnnFilterDescriptor_t w_desc, const void *w,
                                           cudnnTensorDescriptor_t dy_desc, const void *dy,
                                           cudnnConvolutionDescriptor_t conv_desc,
                                           cudnnConvolutionBwdDataAlgo_t algo, void *workspace,
                                           size_t workspace_nbytes, const void *beta,
                                           cudnnTensorDescriptor_t dx_desc, void *dx)
{
    conv_arguments arguments = {.descriptors = {dx_desc, w_desc, conv_desc, dy_desc},
                                .algo = (int)algo,
                                .alpha = alpha,
                                .beta = beta,
                                .x = dx,
                                .w = w,
                                .y = dy,
                                .workspace = workspace,
                                .workspace_nbytes = workspace_nbytes};
    return convolve(handle, CUDNN_SIM_BACKWARD_DATA, __func__, &arguments);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void *alpha,
                                             cudnnTensorDescriptor_t x_desc, const void *x,
                                             cudnnTensorDescriptor_t dy_desc, const void *dy,
                                             cudnnConvolutionDescriptor_t conv_desc,
                                             cudnnConvolutionBwdFilterAlgo_t algo, void *workspace,
                                             size_t workspace_nbytes, const void *beta,
                                             cudnnFilterDescriptor_t dw_desc, void *dw)
{
    conv_arguments arguments = {.descriptors = {x_desc, dw_desc, conv_desc, dy_desc},
                                .algo = (int)algo,
                                .alpha = alpha,
                                .beta = beta,
                                .x = x,
                                .w = dw,
                                .y = dy,
                                .workspace = workspace,
                                .workspace_nbytes = workspace_nbytes};
    return convolve(handle, CUDNN_SIM_BACKWARD_FILTER, __func__, &arguments);
}

/* ---- convolution, bias and activation in one ---------------------------------------------------
 */

static cudnnStatus_t check_bias(const char *name, const cudasim_convolution *conv,
                                cudnnTensorDescriptor_t descriptor, cudnnDataType_t type)
{
    cudnn_sim_tensor bias = {0};
    cudnnStatus_t status = cudnn_sim_read_tensor(name, "bias", descriptor, &bias);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (bias.n != 1 || bias.c != conv->filters || bias.h != 1 || bias.w != 1)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, name,
                                "the bias is (%d, %d, %d, %d), not (1, %d, 1, 1)", bias.n, bias.c,
                                bias.h, bias.w, conv->filters);
    if (bias.type != type)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM, name, "the bias is not of y's data type");
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_z(const char *name, cudnnTensorDescriptor_t z_desc,
                             cudnnTensorDescriptor_t y_desc, cudnnDataType_t *type)
{
    cudnn_sim_tensor z = {0}, y = {0};
    cudnnStatus_t status = cudnn_sim_read_tensor(name, "z", z_desc, &z);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_tensor(name, "y", y_desc, &y);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    if (z.type != y.type || z.n != y.n || z.c != y.c || z.h != y.h || z.w != y.w ||
        z.nhwc != y.nhwc || z.n_stride != y.n_stride)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM, name,
                                "the descriptors of z and y do not match");
    *type = y.type;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_activation(const char *name, cudnnActivationDescriptor_t descriptor,
                                      const cudnn_sim_algorithm *algorithm, bool *relu)
{
    cudnnActivationMode_t mode = CUDNN_ACTIVATION_RELU;
    cudnnNanPropagation_t nan = CUDNN_NOT_PROPAGATE_NAN;
    double coefficient = 0;
    if (!descriptor)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, name, "no activation");
    cudnnStatus_t status = cudnnGetActivationDescriptor(descriptor, &mode, &nan, &coefficient);
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    *relu = mode == CUDNN_ACTIVATION_RELU;
    if (!*relu && mode != CUDNN_ACTIVATION_IDENTITY)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED, name,
                                "the activation is neither RELU nor IDENTITY");
    if (nan != CUDNN_NOT_PROPAGATE_NAN)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM, name,
                                "the activation must not propagate NaN");
    if (!*relu && !cudnn_sim_can_do_identity(algorithm))
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED, name,
                                "IDENTITY wants IMPLICIT_PRECOMP_GEMM");
    return CUDNN_STATUS_SUCCESS;
}

/* The epilogue's operands; y and z may be the same memory. */
static void set_epilogue(conv_call *call, const void *bias, const void *z)
{
    size_t number = cudasim_number_nbytes(call->conv.numbers);
    call->fused = true;
    call->operands[BIAS] = (cudasim_operand){"bias", bias, (size_t)call->conv.filters * number,
                                             POINTER_ALIGNMENT, .alias = NULL};
    call->operands[Z] = call->operands[Y];
    call->operands[Z].name = "z";
    call->operands[Z].address = z;
    call->operands[Z].written = false;
    call->operands[Z].alias = call->operands[Y].address;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(
    cudnnHandle_t handle, const void *alpha1, cudnnTensorDescriptor_t x_desc, const void *x,
    cudnnFilterDescriptor_t w_desc, const void *w, cudnnConvolutionDescriptor_t conv_desc,
    cudnnConvolutionFwdAlgo_t algo, void *workspace, size_t workspace_nbytes, const void *alpha2,
    cudnnTensorDescriptor_t z_desc, const void *z, cudnnTensorDescriptor_t bias_desc,
    const void *bias, cudnnActivationDescriptor_t activation_desc, cudnnTensorDescriptor_t y_desc,
    void *y)
{
    const float no_blend = 0.0f;
    conv_call call = {.name = __func__, .pass = CUDNN_SIM_FORWARD};
    const cudnn_sim_algorithm *algorithm;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    conv_arguments arguments = {.descriptors = {x_desc, w_desc, conv_desc, y_desc},
                                .algo = (int)algo,
                                .alpha = alpha1,
                                .beta = &no_blend,
                                .x = x,
                                .w = w,
                                .y = y,
                                .workspace = workspace,
                                .workspace_nbytes = workspace_nbytes};
    if (cudnn_sim_is_refused("biasact"))
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED, __func__,
                                "CUDASIM_CUDNN_REFUSE names it");
    cudnnStatus_t status = prepare(&call, handle, &arguments, &algorithm);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_z(call.name, z_desc, y_desc, &type);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_bias(call.name, &call.conv, bias_desc, type);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_activation(call.name, activation_desc, algorithm, &call.relu);
    if (status == CUDNN_STATUS_SUCCESS && (!z || !bias || !alpha2))
        status = cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, call.name,
                                  "z, bias or alpha2 is NULL");
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    memcpy(&call.z_scale, alpha2, sizeof(float));
    set_epilogue(&call, bias, z);
    return enqueue(&call, handle, arguments.algo);
}
