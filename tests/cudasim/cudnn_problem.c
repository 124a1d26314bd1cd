/* What the descriptors of a tensor and of a convolution say: read back from the real library, and
 * checked against one another. */
#include "cudnn_sim.h"

cudnnStatus_t cudnn_sim_read_tensor(const char *call, const char *name,
                                    cudnnTensorDescriptor_t descriptor, cudnn_sim_tensor *tensor)
{
    int strides[4] = {0};
    if (!descriptor)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, call, "no descriptor of %s",
                                name);
    cudnnStatus_t status =
        cudnnGetTensor4dDescriptor(descriptor, &tensor->type, &tensor->n, &tensor->c, &tensor->h,
                                   &tensor->w, &strides[0], &strides[1], &strides[2], &strides[3]);
    if (status != CUDNN_STATUS_SUCCESS)
        return cudnn_sim_refuse(status, call, "%s is no 4-dimensional tensor", name);
    int c = tensor->c, h = tensor->h, w = tensor->w;
    bool planes = strides[1] == h * w && strides[2] == w && strides[3] == 1;
    tensor->n_stride = strides[0];
    tensor->nchw = planes && (strides[0] == c * h * w ||
                              (strides[0] > c * h * w && !cudnn_sim_is_refused("strided")));
    tensor->nhwc =
        strides[0] == h * w * c && strides[1] == 1 && strides[2] == w * c && strides[3] == c;
    if (!tensor->nchw && !tensor->nhwc)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, call,
                                "%s is neither NCHW with packed images nor packed NHWC", name);
    if (tensor->type != CUDNN_DATA_FLOAT && tensor->type != CUDNN_DATA_BFLOAT16)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, call,
                                "%s is neither float nor bfloat16", name);
    return CUDNN_STATUS_SUCCESS;
}

typedef struct filter_shape {
    cudnnDataType_t type;
    cudnnTensorFormat_t format;
    int k, c, h, w;
} filter_shape;

static cudnnStatus_t read_filter(const char *call, cudnnFilterDescriptor_t descriptor,
                                 filter_shape *filter)
{
    if (!descriptor)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, call,
                                "no descriptor of the filter");
    cudnnStatus_t status = cudnnGetFilter4dDescriptor(
        descriptor, &filter->type, &filter->format, &filter->k, &filter->c, &filter->h, &filter->w);
    return status == CUDNN_STATUS_SUCCESS
               ? status
               : cudnn_sim_refuse(status, call, "the filter has no 4 dimensions");
}

static cudnnStatus_t read_convolution(const char *call, cudnnConvolutionDescriptor_t descriptor,
                                      cudnn_sim_problem *problem)
{
    cudasim_convolution *conv = &problem->conv;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnMathType_t math = CUDNN_DEFAULT_MATH;
    int groups = 1;
    if (!descriptor)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, call,
                                "no descriptor of the convolution");
    cudnnStatus_t status = cudnnGetConvolution2dDescriptor(
        descriptor, &conv->pad_rows, &conv->pad_cols, &conv->stride_rows, &conv->stride_cols,
        &conv->dilation_rows, &conv->dilation_cols, &mode, &type);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnGetConvolutionMathType(descriptor, &math);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnnGetConvolutionGroupCount(descriptor, &groups);
    if (status != CUDNN_STATUS_SUCCESS)
        return cudnn_sim_refuse(status, call, "the convolution has no 2 dimensions");
    if (type != CUDNN_DATA_FLOAT)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, call,
                                "the compute type is not CUDNN_DATA_FLOAT");
    conv->groups = groups;
    conv->flipped = mode == CUDNN_CONVOLUTION;
    problem->fma = math == CUDNN_FMA_MATH;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_formats(const char *call, const cudnn_sim_tensor *x,
                                   const filter_shape *w, const cudnn_sim_tensor *y)
{
    bool w_nhwc = w->format == CUDNN_TENSOR_NHWC;
    if (w->format != CUDNN_TENSOR_NCHW && !w_nhwc)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, call, "the filter's format");
    if (!(w_nhwc ? x->nhwc && y->nhwc : x->nchw && y->nchw))
        return cudnn_sim_refuse(
            CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, call, "layouts are mixed: x %s, filter %s, y %s",
            x->nhwc ? "NHWC" : "NCHW", w_nhwc ? "NHWC" : "NCHW", y->nhwc ? "NHWC" : "NCHW");
    if (x->type != w->type || x->type != y->type)
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, call, "data types are mixed");
    return CUDNN_STATUS_SUCCESS;
}

/* The output must have the size that the real library gives it. */
static cudnnStatus_t check_output(const char *call, const cudnn_sim_descriptors *descriptors,
                                  const cudnn_sim_tensor *y)
{
    int n = 0, c = 0, h = 0, w = 0;
    cudnnStatus_t status = cudnnGetConvolution2dForwardOutputDim(descriptors->conv, descriptors->x,
                                                                 descriptors->w, &n, &c, &h, &w);
    if (status != CUDNN_STATUS_SUCCESS)
        return cudnn_sim_refuse(status, call, "x, filter and convolution do not fit");
    if (n != y->n || c != y->c || h != y->h || w != y->w)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, call,
                                "y is (%d, %d, %d, %d), the convolution gives (%d, %d, %d, %d)",
                                y->n, y->c, y->h, y->w, n, c, h, w);
    return CUDNN_STATUS_SUCCESS;
}

/* The filter has the channels of one group. */
static cudnnStatus_t check_groups(const char *call, const cudnn_sim_tensor *x,
                                  const filter_shape *w, int groups)
{
    if (x->c == groups * w->c && w->k % groups == 0)
        return CUDNN_STATUS_SUCCESS;
    return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, call,
                            "%d groups of %d channels with %d filters do not fit %d channels",
                            groups, w->c, w->k, x->c);
}

static void fill_in(cudnn_sim_problem *problem, const cudnn_sim_tensor *x, const filter_shape *w,
                    const cudnn_sim_tensor *y)
{
    cudasim_convolution *conv = &problem->conv;
    conv->batch = x->n;
    conv->channels = x->c;
    conv->rows = x->h;
    conv->cols = x->w;
    conv->filters = w->k;
    conv->kernel_rows = w->h;
    conv->kernel_cols = w->w;
    conv->out_rows = y->h;
    conv->out_cols = y->w;
    conv->x_step = (size_t)x->n_stride;
    conv->y_step = (size_t)y->n_stride;
    conv->nhwc = w->format == CUDNN_TENSOR_NHWC;
    conv->numbers = x->type == CUDNN_DATA_BFLOAT16             ? CUDASIM_BF16
                    : problem->fma || cudasim_tf32_forbidden() ? CUDASIM_FLOAT
                                                               : CUDASIM_TF32;
    size_t number = cudasim_number_nbytes(conv->numbers);
    problem->x_image_nbytes = cudasim_convolution_x_count(conv) / (size_t)conv->batch * number;
    problem->y_image_nbytes = cudasim_convolution_y_count(conv) / (size_t)conv->batch * number;
    problem->x_nbytes = (size_t)(conv->batch - 1) * conv->x_step * number + problem->x_image_nbytes;
    problem->w_nbytes = cudasim_convolution_w_count(conv) * number;
    problem->y_nbytes = (size_t)(conv->batch - 1) * conv->y_step * number + problem->y_image_nbytes;
}

cudnnStatus_t cudnn_sim_read_problem(const char *call, const cudnn_sim_descriptors *descriptors,
                                     cudnn_sim_problem *problem)
{
    cudnn_sim_tensor x = {0}, y = {0};
    filter_shape w = {0};
    *problem = (cudnn_sim_problem){0};
    cudnnStatus_t status = cudnn_sim_read_tensor(call, "x", descriptors->x, &x);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_tensor(call, "y", descriptors->y, &y);
    if (status == CUDNN_STATUS_SUCCESS)
        status = read_filter(call, descriptors->w, &w);
    if (status == CUDNN_STATUS_SUCCESS)
        status = read_convolution(call, descriptors->conv, problem);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_formats(call, &x, &w, &y);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_output(call, descriptors, &y);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_groups(call, &x, &w, problem->conv.groups);
    if (status == CUDNN_STATUS_SUCCESS)
        fill_in(problem, &x, &w, &y);
    return status;
}
