/* Convolution by cuDNN, alone or followed by ReLU, max pooling and dropout.
 *
 * cuDNN pads both ends alike. A window begins where the padding at the top and on the left says;
 * that at the other ends only decides how many windows there are. So the padding of the top and
 * left is cuDNN's wherever it gives the same number of outputs. Else (stride 2 with `same`, mostly)
 * the convolution reads a copy in the workspace with the padding inside, which backward makes
 * again: it costs the bytes of the input twice, where a kernel with a row and column of zeros more
 * would cost 16/9 of the products of a 3 x 3.
 *
 * In NCHW what it reads and writes may be views: strided tensors, with planes of pixels side by
 * side. Of NHWC cuDNN documents packed ones alone.
 *
 * Bias and ReLU are fused into cuDNN's forward call where it supports that. The gradient of the
 * bias is summed by our own kernel, in the pass that takes the gradient back through ReLU or
 * pooling. The output of a convolution in front of a pooling is in the workspace: backward needs
 * only the argmax of the windows. */
#include "conv2d.h"

#include <hpac/log.h>

#include "base/memory.h"

#include <stdio.h>

typedef struct conv2d_plan {
    cuda_plan base;
    conv2d_library library;
    bool has_bias, relu;
    bool fused;           /* bias, and ReLU if there is one, by cuDNN */
    kernel_tensor inner;  /* what the convolution writes, before a pooling */
    kernel_tensor kernel; /* what it reads as the kernel: a batch of filters */
    hpac_op op;
    bool copies; /* it reads `padded`, which has the padding inside, instead of the input */
    kernel_tensor padded; /* else the input */
    size_t padded_offset; /* in the workspace: x, in backward then its gradient */
    bool pools;
    kernel_pool pool;
    kernel_dropout dropout;
    size_t argmax_offset;   /* in the state; those that follow in the workspace */
    size_t inner_offset;    /* before a pooling: activation, then its gradient */
    size_t scratch_offset;  /* cuDNN's */
    size_t float_offset;    /* bf16, if not fused: the sums, to add the bias to */
    size_t gradient_offset; /* bf16: the gradient of the kernel */
    size_t partials_offset;
} conv2d_plan;

static const float one = 1, zero = 0;

static void *scratch_of(const conv2d_plan *plan, const hpac_exec_args *args)
{
    return hpac_cuda_at(args->workspace, plan->scratch_offset);
}

static void describe_algorithm(conv2d_plan *plan)
{
    static const char *const names[CONV2D_PASS_COUNT] = {
        [CONV2D_FORWARD] = "fwd", [CONV2D_DATA] = "bwd data", [CONV2D_FILTER] = "bwd filter"};
    hpac_plan *public = &plan->base.base;
    const char *fused = !plan->fused ? "" : plan->relu ? " + bias + relu" : " + bias";
    FILE *text = fmemopen(public->algorithm, sizeof public->algorithm - 1, "w");
    if (!text)
        return;
    fputs(plan->base.input.nchw ? "nchw" : "nhwc", text);
    for (int i = 0; i < CONV2D_PASS_COUNT; i++)
        if (plan->library.choices[i].name)
            fprintf(text, "%s %s %s%s", i > 0 ? " /" : "", names[i], plan->library.choices[i].name,
                    i == CONV2D_FORWARD ? fused : "");
    fprintf(text, "%s, %s", plan->copies ? ", padded copy" : "",
            plan->base.input.bf16                  ? "bf16"
            : plan->library.math == CUDNN_FMA_MATH ? "fp32"
                                                   : "tf32");
    fclose(text);
}

static cudnnStatus_t call_fused(const conv2d_plan *plan, const hpac_exec_args *args, const void *x,
                                void *y)
{
    const conv2d_library *library = &plan->library;
    const conv2d_choice *choice = &library->choices[CONV2D_FORWARD];
    return cudnnConvolutionBiasActivationForward(
        hpac_cuda_device_of(&plan->base)->cudnn, &one, library->x, x, library->kernel,
        hpac_cuda_weights(&plan->base, args, KERNEL), choice->convolution,
        (cudnnConvolutionFwdAlgo_t)choice->algorithm, scratch_of(plan, args),
        choice->workspace_nbytes, &zero, library->y, y, library->bias,
        hpac_cuda_weights(&plan->base, args, BIAS), library->activation, library->y, y);
}

/* What the convolution reads: x, or its copy, which is made. */
static hpac_status read_input(const conv2d_plan *plan, const hpac_exec_args *args, const void **x)
{
    *x = args->x;
    if (!plan->copies)
        return HPAC_OK;
    void *padded = hpac_cuda_at(args->workspace, plan->padded_offset);
    *x = padded;
    CUDA_TRY(hpac_kernel_shift(&plan->padded, padded, &plan->base.input, args->x,
                               -(int)plan->op.pad_top, -(int)plan->op.pad_left, false,
                               hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

/* Our own kernel for bias and ReLU, which reads float32; ReLU alone is computed in any format,
 * unless y is a view. */
static hpac_status finish_unfused(const conv2d_plan *plan, const hpac_exec_args *args, void *y)
{
    cudaStream_t stream = hpac_cuda_stream(&plan->base);
    const float *bias =
        plan->has_bias ? hpac_cuda_parameter(&plan->base, args->parameters, BIAS) : NULL;
    void *sums = y;
    if (!bias && !plan->relu)
        return HPAC_OK;
    if (!bias && !plan->inner.wide_channels) {
        CUDA_TRY(hpac_kernel_activate(&plan->inner, HPAC_OP_RELU, y, y, stream));
        return HPAC_OK;
    }
    if (plan->inner.bf16) {
        sums = hpac_cuda_at(args->workspace, plan->float_offset);
        HPAC_TRY(hpac_cuda_cast(&plan->base, sums, &plan->inner, y));
    }
    CUDA_TRY(hpac_kernel_bias(&plan->inner, bias, plan->relu, NULL, y, sums, stream));
    return HPAC_OK;
}

static hpac_status convolve_unfused(const conv2d_plan *plan, const hpac_exec_args *args,
                                    const void *x, void *y)
{
    const conv2d_library *library = &plan->library;
    const conv2d_choice *choice = &library->choices[CONV2D_FORWARD];
    CUDA_TRY(cudnnConvolutionForward(
        hpac_cuda_device_of(&plan->base)->cudnn, &one, library->x, x, library->kernel,
        hpac_cuda_weights(&plan->base, args, KERNEL), choice->convolution,
        (cudnnConvolutionFwdAlgo_t)choice->algorithm, scratch_of(plan, args),
        choice->workspace_nbytes, &zero, library->y, y));
    return finish_unfused(plan, args, y);
}

/* There is no query for whether cuDNN fuses bias and ReLU into the convolution: the first call
 * shows it. If not, they are computed separately from then on, with a warning. */
static hpac_status convolve(conv2d_plan *plan, const hpac_exec_args *args, void *y)
{
    const void *x = NULL;
    HPAC_TRY(read_input(plan, args, &x));
    if (!plan->fused)
        return convolve_unfused(plan, args, x, y);
    cudnnStatus_t status = call_fused(plan, args, x, y);
    if (status == CUDNN_STATUS_SUCCESS)
        return HPAC_OK;
    hpac_status failed = hpac_cuda_fail_cudnn(status, "cudnnConvolutionBiasActivationForward");
    if (CUDNN_STATUS_CATEGORY(status) != CUDNN_STATUS_NOT_SUPPORTED)
        return failed;
    plan->fused = false;
    describe_algorithm(plan);
    hpac_log_warning("%s: bias and ReLU are not fused (%s): %s", plan->base.name,
                     hpac_error_message(), plan->base.base.algorithm);
    return convolve_unfused(plan, args, x, y);
}

static hpac_status pool(const conv2d_plan *plan, const hpac_exec_args *args, const void *inner)
{
    kernel_pool pooling = plan->pool;
    if (!args->training)
        pooling.dropout = NULL;
    CUDA_TRY(hpac_kernel_maxpool(
        &pooling, args->y, args->training ? hpac_cuda_at(args->state, plan->argmax_offset) : NULL,
        inner, hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

static hpac_status conv2d_forward(cuda_plan *base, const hpac_exec_args *args)
{
    conv2d_plan *plan = (conv2d_plan *)base;
    void *inner = plan->pools ? hpac_cuda_at(args->workspace, plan->inner_offset) : args->y;
    HPAC_TRY(hpac_cuda_cast_parameters(base, args));
    HPAC_TRY(convolve(plan, args, inner));
    return plan->pools ? pool(plan, args, inner) : HPAC_OK;
}

/* The gradient of what the convolution wrote, and that of the bias if it is wanted. */
static hpac_status backward_to_convolution(const conv2d_plan *plan, const hpac_exec_args *args,
                                           void **dz)
{
    cudaStream_t stream = hpac_cuda_stream(&plan->base);
    float *bias_gradient = plan->has_bias && !plan->base.frozen
                               ? hpac_cuda_parameter(&plan->base, args->gradients, BIAS)
                               : NULL;
    void *partials = hpac_cuda_at(args->workspace, plan->partials_offset);
    if (plan->pools) {
        *dz = hpac_cuda_at(args->workspace, plan->inner_offset);
        CUDA_TRY(hpac_kernel_maxpool_backward(&plan->pool, *dz,
                                              hpac_cuda_at(args->state, plan->argmax_offset),
                                              args->dy, bias_gradient, partials, stream));
        return HPAC_OK;
    }
    *dz = args->dy;
    if (bias_gradient || (plan->relu && plan->inner.wide_channels))
        CUDA_TRY(hpac_kernel_bias_backward(&plan->inner, plan->relu, NULL, plan->relu ? *dz : NULL,
                                           args->y, args->dy, bias_gradient, partials, stream));
    else if (plan->relu)
        CUDA_TRY(hpac_kernel_activate_backward(&plan->inner, HPAC_OP_RELU, *dz, args->y, args->dy,
                                               false, stream));
    return HPAC_OK;
}

static hpac_status compute_kernel_gradient(const conv2d_plan *plan, const hpac_exec_args *args,
                                           const void *dz)
{
    const cuda_device *device = hpac_cuda_device_of(&plan->base);
    const conv2d_library *library = &plan->library;
    const conv2d_choice *choice = &library->choices[CONV2D_FILTER];
    bool narrow = plan->base.input.bf16;
    void *gradient = hpac_cuda_parameter(&plan->base, args->gradients, KERNEL);
    void *written = narrow ? hpac_cuda_at(args->workspace, plan->gradient_offset) : gradient;
    const void *x = NULL;
    HPAC_TRY(read_input(plan, args, &x));
    CUDA_TRY(cudnnConvolutionBackwardFilter(
        device->cudnn, &one, library->x, x, library->y, dz, choice->convolution,
        (cudnnConvolutionBwdFilterAlgo_t)choice->algorithm, scratch_of(plan, args),
        choice->workspace_nbytes, &zero, library->kernel, written));
    if (!narrow)
        return HPAC_OK;
    return hpac_cuda_cast(&plan->base, gradient, &plan->kernel, written);
}

static hpac_status compute_input_gradient(const conv2d_plan *plan, const hpac_exec_args *args,
                                          const void *dz)
{
    const conv2d_library *library = &plan->library;
    const conv2d_choice *choice = &library->choices[CONV2D_DATA];
    bool copies = plan->copies, adds = plan->base.adds_dx;
    void *dx = copies ? hpac_cuda_at(args->workspace, plan->padded_offset) : args->dx;
    CUDA_TRY(cudnnConvolutionBackwardData(
        hpac_cuda_device_of(&plan->base)->cudnn, &one, library->kernel,
        hpac_cuda_weights(&plan->base, args, KERNEL), library->y, dz, choice->convolution,
        (cudnnConvolutionBwdDataAlgo_t)choice->algorithm, scratch_of(plan, args),
        choice->workspace_nbytes, adds && !copies ? &one : &zero, library->x, dx));
    if (copies)
        CUDA_TRY(hpac_kernel_shift(&plan->base.input, args->dx, &plan->padded, dx,
                                   (int)plan->op.pad_top, (int)plan->op.pad_left, adds,
                                   hpac_cuda_stream(&plan->base)));
    return HPAC_OK;
}

static hpac_status conv2d_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const conv2d_plan *plan = (const conv2d_plan *)base;
    void *dz = NULL;
    if (base->frozen && !args->dx)
        return HPAC_OK;
    HPAC_TRY(backward_to_convolution(plan, args, &dz));
    if (!base->frozen)
        HPAC_TRY(compute_kernel_gradient(plan, args, dz));
    return args->dx ? compute_input_gradient(plan, args, dz) : HPAC_OK;
}

static void conv2d_fini(cuda_plan *base)
{
    conv2d_plan *plan = (conv2d_plan *)base;
    conv2d_library *library = &plan->library;
    const cudnnTensorDescriptor_t tensors[] = {library->x, library->y, library->bias};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        if (tensors[i])
            (void)cudnnDestroyTensorDescriptor(tensors[i]);
    if (library->kernel)
        (void)cudnnDestroyFilterDescriptor(library->kernel);
    if (library->activation)
        (void)cudnnDestroyActivationDescriptor(library->activation);
    for (int i = 0; i < CONV2D_PASS_COUNT; i++)
        if (library->choices[i].convolution)
            (void)cudnnDestroyConvolutionDescriptor(library->choices[i].convolution);
}

static cudnnTensorFormat_t format_of(const kernel_tensor *tensor)
{
    return tensor->nchw ? CUDNN_TENSOR_NCHW : CUDNN_TENSOR_NHWC;
}

static cudnnDataType_t type_of(const kernel_tensor *tensor)
{
    return tensor->bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/* Of planes. */
static hpac_status describe_view(const kernel_tensor *tensor, cudnnTensorDescriptor_t desc)
{
    int plane = tensor->rows * tensor->cols;
    CUDA_TRY(cudnnSetTensor4dDescriptorEx(desc, type_of(tensor), tensor->batch, tensor->channels,
                                          tensor->rows, tensor->cols, tensor->wide_channels * plane,
                                          plane, tensor->cols, 1));
    return HPAC_OK;
}

/* The format's setter makes strides that cuDNN recognizes even where a length is 1. */
static hpac_status describe(const kernel_tensor *tensor, cudnnTensorDescriptor_t *desc)
{
    CUDA_TRY(cudnnCreateTensorDescriptor(desc));
    if (tensor->wide_channels)
        return describe_view(tensor, *desc);
    CUDA_TRY(cudnnSetTensor4dDescriptor(*desc, format_of(tensor), type_of(tensor), tensor->batch,
                                        tensor->channels, tensor->rows, tensor->cols));
    return HPAC_OK;
}

static hpac_status describe_tensors(conv2d_plan *plan)
{
    conv2d_library *library = &plan->library;
    const kernel_tensor *kernel = &plan->kernel;
    kernel_tensor bias = plan->inner;
    bias.batch = bias.rows = bias.cols = 1;
    bias.wide_channels = 0;
    HPAC_TRY(describe(&plan->padded, &library->x));
    HPAC_TRY(describe(&plan->inner, &library->y));
    HPAC_TRY(describe(&bias, &library->bias));
    CUDA_TRY(cudnnCreateFilterDescriptor(&library->kernel));
    CUDA_TRY(cudnnSetFilter4dDescriptor(library->kernel, type_of(kernel), format_of(kernel),
                                        kernel->batch, kernel->channels, kernel->rows,
                                        kernel->cols));
    CUDA_TRY(cudnnCreateActivationDescriptor(&library->activation));
    CUDA_TRY(cudnnSetActivationDescriptor(
        library->activation, plan->relu ? CUDNN_ACTIVATION_RELU : CUDNN_ACTIVATION_IDENTITY,
        CUDNN_NOT_PROPAGATE_NAN, 0));
    library->x_nbytes = hpac_cuda_tensor_nbytes(&plan->padded);
    library->y_nbytes = hpac_cuda_tensor_nbytes(&plan->inner);
    library->kernel_nbytes = hpac_cuda_tensor_nbytes(kernel);
    return HPAC_OK;
}

/* Cross-correlation, which Keras calls convolution; sums in float32. */
static hpac_status create_pass(cuda_device *device, conv2d_plan *plan, conv2d_pass pass)
{
    conv2d_library *library = &plan->library;
    const hpac_op *op = &plan->op;
    conv2d_choice *choice = &library->choices[pass];
    CUDA_TRY(cudnnCreateConvolutionDescriptor(&choice->convolution));
    CUDA_TRY(cudnnSetConvolution2dDescriptor(
        choice->convolution, plan->copies ? 0 : (int)op->pad_top,
        plan->copies ? 0 : (int)op->pad_left, (int)op->stride_rows, (int)op->stride_cols,
        (int)op->dilation_rows, (int)op->dilation_cols, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
    CUDA_TRY(cudnnSetConvolutionGroupCount(choice->convolution, (int)op->groups));
    return hpac_cuda_conv2d_choose(device, library, pass);
}

static hpac_status choose_passes(cuda_device *device, const hpac_plan_request *request,
                                 conv2d_plan *plan)
{
    conv2d_library *library = &plan->library;
    if (plan->base.input.bf16 || device->precision != HPAC_PRECISION_FP32)
        library->math = CUDNN_TENSOR_OP_MATH;
    else
        library->math = CUDNN_FMA_MATH; /* cuDNN's own default would be TF32 */
    HPAC_TRY(create_pass(device, plan, CONV2D_FORWARD));
    if (!request->training)
        return HPAC_OK;
    if (!request->frozen)
        HPAC_TRY(create_pass(device, plan, CONV2D_FILTER));
    return request->input_gradient ? create_pass(device, plan, CONV2D_DATA) : HPAC_OK;
}

/* Without ReLU, cuDNN adds the bias for one algorithm only. That is worth it in bf16, where the
 * sums would be rounded before the bias and again after it. */
static bool is_fusible(const conv2d_plan *plan)
{
    if (!plan->has_bias)
        return false;
    return plan->relu ||
           (plan->base.input.bf16 && plan->library.choices[CONV2D_FORWARD].algorithm ==
                                         CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM);
}

/* Keras's HWIO in cuDNN's order: OHWI with NHWC images, OIHW with NCHW. */
static void add_parameters(conv2d_plan *plan)
{
    const cuda_order filters = hpac_cuda_order_of(&plan->kernel);
    const size_t *length = filters.lengths, *stride = filters.strides;
    const cuda_order kernel = {.lengths = {length[1], length[2], length[3], length[0]},
                               .strides = {stride[1], stride[2], stride[3], stride[0]}};
    hpac_cuda_plan_add_kernel(&plan->base, 0, &kernel, plan->has_bias);
}

static void plan_memory(conv2d_plan *plan)
{
    hpac_plan *public = &plan->base.base;
    size_t *workspace = &public->workspace_nbytes, scratch_nbytes = 0;
    for (int i = 0; i < CONV2D_PASS_COUNT; i++)
        if (plan->library.choices[i].workspace_nbytes > scratch_nbytes)
            scratch_nbytes = plan->library.choices[i].workspace_nbytes;
    plan->scratch_offset = hpac_plan_reserve(workspace, scratch_nbytes);
    plan->partials_offset = hpac_plan_reserve(workspace, hpac_kernel_partials_nbytes(&plan->inner));
    if (plan->copies)
        plan->padded_offset = hpac_plan_reserve(workspace, plan->library.x_nbytes);
    if (plan->pools) {
        plan->inner_offset = hpac_plan_reserve(workspace, plan->library.y_nbytes);
        plan->argmax_offset =
            hpac_plan_reserve(&public->state_nbytes, hpac_kernel_argmax_nbytes(&plan->pool));
    }
    if (!plan->base.input.bf16)
        return;
    plan->gradient_offset = hpac_plan_reserve(workspace, plan->library.kernel_nbytes);
    plan->float_offset = hpac_plan_reserve(workspace, 2 * plan->library.y_nbytes);
}

/* conv2d [relu [maxpool [dropout]]]; the pool's kernel drops single values */
static bool is_conv2d_chain(const hpac_plan_request *request)
{
    const hpac_op_kind kinds[] = {HPAC_OP_CONV2D, HPAC_OP_RELU, HPAC_OP_MAXPOOL, HPAC_OP_DROPOUT};
    return request->op_count <= sizeof kinds / sizeof *kinds &&
           hpac_plan_is_chain(request, request->op_count, kinds) &&
           (request->op_count < 3 || hpac_cuda_is_plain_pool(&request->ops[2])) &&
           (request->op_count < 4 || !request->ops[3].whole_channels);
}

/* Whether as many windows fit into the image with `pad` at both ends. */
static bool is_symmetric(size_t length, size_t pad, size_t covered, size_t stride, size_t outputs)
{
    return length + 2 * pad >= covered && (length + 2 * pad - covered) / stride + 1 == outputs;
}

/* Chooses who pads. The copy has the pixels that the windows cover, and no others. */
static void choose_padding(conv2d_plan *plan)
{
    const hpac_op *op = &plan->op;
    size_t rows = (op->kernel_rows - 1) * op->dilation_rows + 1;
    size_t cols = (op->kernel_cols - 1) * op->dilation_cols + 1;
    plan->padded = plan->base.input;
    plan->copies = !is_symmetric(op->in.rows, op->pad_top, rows, op->stride_rows, op->out.rows) ||
                   !is_symmetric(op->in.cols, op->pad_left, cols, op->stride_cols, op->out.cols);
    if (!plan->copies)
        return;
    plan->padded.wide_channels = 0;
    plan->padded.rows = (int)((op->out.rows - 1) * op->stride_rows + rows);
    plan->padded.cols = (int)((op->out.cols - 1) * op->stride_cols + cols);
}

static void read_request(cuda_device *device, const hpac_plan_request *request, conv2d_plan *plan)
{
    const hpac_op *op = &request->ops[0];
    plan->op = *op;
    plan->has_bias = !op->no_bias;
    plan->relu = request->op_count > 1;
    choose_padding(plan);
    plan->inner = plan->kernel = plan->base.input;
    plan->kernel.wide_channels = 0;
    plan->inner.wide_channels = plan->base.output.wide_channels;
    plan->inner.rows = (int)op->out.rows;
    plan->inner.cols = (int)op->out.cols;
    plan->inner.channels = plan->kernel.batch = (int)op->out.channels;
    plan->kernel.rows = (int)op->kernel_rows;
    plan->kernel.cols = (int)op->kernel_cols;
    plan->kernel.channels = (int)(op->in.channels / op->groups);
    plan->pools = request->op_count > 2;
    plan->base.base.ignores_x = request->frozen;
    plan->base.base.ignores_y = plan->pools || !plan->relu;
    if (!plan->pools)
        return;
    plan->pool = (kernel_pool){
        .before = plan->inner,
        .window_rows = (int)request->ops[2].kernel_rows,
        .window_cols = (int)request->ops[2].kernel_cols,
        .relu = true,
    };
    if (request->op_count > 3) {
        plan->dropout = hpac_cuda_dropout(device, &request->ops[3]);
        plan->pool.dropout = &plan->dropout;
    }
}

/* What cuDNN wants of the addresses of vectors of numbers. */
#define VIEW_ALIGNMENT_NBYTES 16

/* Whether the plan takes the views of its request. Our own kernels for padded copies and pools do
 * not, nor what casts from and to bf16 around bias and ReLU. */
static bool takes_views(const conv2d_plan *plan)
{
    const cuda_plan *base = &plan->base;
    bool reads = base->input.wide_channels, writes = base->output.wide_channels;
    if (!reads && !writes)
        return true;
    return base->input.nchw && base->x_offset % VIEW_ALIGNMENT_NBYTES == 0 &&
           base->y_offset % VIEW_ALIGNMENT_NBYTES == 0 && !(reads && plan->copies) &&
           !(writes && (plan->pools || plan->inner.rows * plan->inner.cols == 1)) &&
           !(writes && base->input.bf16 && (plan->relu || plan->has_bias));
}

static hpac_status create_conv2d(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(conv2d_plan), conv2d_forward,
                                  conv2d_backward, result));
    conv2d_plan *plan = (conv2d_plan *)*result;
    plan->base.fini = conv2d_fini;
    read_request(device, request, plan);
    if (!takes_views(plan)) {
        hpac_cuda_plan_release(result);
        return HPAC_OK;
    }
    HPAC_TRY(describe_tensors(plan));
    HPAC_TRY(choose_passes(device, request, plan));
    plan->fused = is_fusible(plan);
    add_parameters(plan);
    plan_memory(plan);
    describe_algorithm(plan);
    return HPAC_OK;
}

/* What cuDNN does not have in bf16 is computed in float32, between casts; with views, which casts
 * do not take, it is declined, and so is what cuDNN does not have of views. */
hpac_status hpac_cuda_try_conv2d(cuda_device *device, const hpac_plan_request *request,
                                 cuda_plan **result)
{
    if (!is_conv2d_chain(request))
        return HPAC_OK;
    hpac_status status = create_conv2d(device, request, result);
    const conv2d_plan *plan = (const conv2d_plan *)*result;
    bool views = hpac_plan_has_views(request);
    if (status == HPAC_OK || !plan || !plan->library.lacks_pass ||
        (!plan->base.input.bf16 && !views))
        return status;
    hpac_cuda_plan_release(result);
    if (views)
        return HPAC_OK;
    hpac_plan_request wide = *request;
    wide.input_layout &= ~CUDA_LAYOUT_BF16;
    HPAC_AUTO(hpac_cuda_plan_release) cuda_plan *inner = NULL;
    HPAC_TRY(create_conv2d(device, &wide, &inner));
    return hpac_cuda_wrap(device, request, &inner, result);
}
