/* Pooling forward of the simulated cuDNN. */
#include "cudnn_sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One call, and what its operation needs when it runs. */
typedef struct pool_call {
    cudnn_sim_tensor x, y;
    cudasim_numbers numbers;
    cudnnPoolingMode_t mode;
    bool propagate_nan;
    int rows, cols, pad_rows, pad_cols, stride_rows, stride_cols;
    float alpha, beta;
    cudasim_operand x_operand, y_operand;
} pool_call;

static size_t count_of(const cudnn_sim_tensor *tensor)
{
    return (size_t)tensor->n * (size_t)tensor->c * (size_t)tensor->h * (size_t)tensor->w;
}

/* Where an element of one image lies. */
static size_t place(const cudnn_sim_tensor *tensor, int c, int row, int col)
{
    size_t pixel = (size_t)row * (size_t)tensor->w + (size_t)col;
    return !tensor->nchw ? pixel * (size_t)tensor->c + (size_t)c
                         : (size_t)c * (size_t)tensor->h * (size_t)tensor->w + pixel;
}

/* The larger; a NaN wins, or never does. */
static float larger(const pool_call *pooling, float best, float value)
{
    if (isnan(value) || isnan(best)) {
        bool take = isnan(value) == pooling->propagate_nan;
        return take ? value : best;
    }
    return value > best ? value : best;
}

/* The window of one output pixel and channel. */
static float pool_window(const pool_call *pooling, const float *image, int c, int row, int col)
{
    bool averages = pooling->mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ||
                    pooling->mode == CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
    int top = row * pooling->stride_rows - pooling->pad_rows;
    int left = col * pooling->stride_cols - pooling->pad_cols;
    float best = -INFINITY, sum = 0.0f;
    int count = 0;
    for (int i = top; i < top + pooling->rows; i++)
        for (int j = left; j < left + pooling->cols; j++) {
            if (i < 0 || j < 0 || i >= pooling->x.h || j >= pooling->x.w)
                continue;
            float value = image[place(&pooling->x, c, i, j)];
            best = larger(pooling, best, value);
            sum += value;
            count++;
        }
    if (!averages)
        return best;
    bool all = pooling->mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING;
    return sum / (float)(all ? pooling->rows * pooling->cols : count);
}

static void pool_image(const pool_call *pooling, const float *image, float *pooled)
{
    for (int c = 0; c < pooling->y.c; c++)
        for (int i = 0; i < pooling->y.h; i++)
            for (int j = 0; j < pooling->y.w; j++) {
                float *to = &pooled[place(&pooling->y, c, i, j)];
                float before = pooling->beta != 0.0f ? pooling->beta * *to : 0.0f;
                *to = pooling->alpha * pool_window(pooling, image, c, i, j) + before;
            }
}

static void run(void *context)
{
    const pool_call *pooling = context;
    const char *x = cudasim_operand_memory("cudnnPoolingForward", &pooling->x_operand);
    char *y = cudasim_operand_memory("cudnnPoolingForward", &pooling->y_operand);
    size_t x_image = count_of(&pooling->x) / (size_t)pooling->x.n;
    size_t y_image = count_of(&pooling->y) / (size_t)pooling->y.n;
    size_t number = cudasim_number_nbytes(pooling->numbers);
    if (pooling->beta == 0.0f)
        cudasim_poison(y, pooling->y_operand.nbytes);
#pragma omp parallel for schedule(static)
    for (int n = 0; n < pooling->x.n; n++) {
        float *x_buffer = cudasim_floats(x_image), *y_buffer = cudasim_floats(y_image);
        char *to = y + (size_t)n * y_image * number;
        const float *image = cudasim_as_addends(pooling->numbers, x + (size_t)n * x_image * number,
                                                x_image, x_buffer);
        memmove(y_buffer, cudasim_as_addends(pooling->numbers, to, y_image, y_buffer),
                y_image * sizeof(float));
        pool_image(pooling, image, y_buffer);
        cudasim_store(pooling->numbers, to, y_buffer, y_image);
        free(y_buffer);
        free(x_buffer);
    }
}

/* cuDNN does not notice an output of another size: it writes where it should not. */
static cudnnStatus_t check_shapes(const pool_call *pooling, cudnnPoolingDescriptor_t window,
                                  cudnnTensorDescriptor_t x_desc)
{
    int n = 0, c = 0, h = 0, w = 0;
    const cudnn_sim_tensor *y = &pooling->y;
    cudnnStatus_t (*output_dim)(cudnnPoolingDescriptor_t, cudnnTensorDescriptor_t, int *, int *,
                                int *, int *);
    *(void **)&output_dim = cudnn_sim_real("cudnnGetPooling2dForwardOutputDim");
    cudnnStatus_t status = output_dim(window, x_desc, &n, &c, &h, &w);
    if (status != CUDNN_STATUS_SUCCESS)
        return cudnn_sim_refuse(status, "cudnnPoolingForward", "x and window do not fit");
    if (n != y->n || c != y->c || h != y->h || w != y->w)
        cudasim_fail("cudnnPoolingForward: y is (%d, %d, %d, %d), pooling gives (%d, %d, %d, %d); "
                     "cuDNN would not notice",
                     y->n, y->c, y->h, y->w, n, c, h, w);
    if (y->type != pooling->x.type)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM, "cudnnPoolingForward",
                                "data types are mixed");
    if (!(y->nhwc && pooling->x.nhwc) && !(y->nchw && pooling->x.nchw))
        return cudnn_sim_refuse(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT, "cudnnPoolingForward",
                                "layouts are mixed");
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t read_descriptors(pool_call *pooling, cudnnPoolingDescriptor_t window,
                                      cudnnTensorDescriptor_t x_desc,
                                      cudnnTensorDescriptor_t y_desc)
{
    cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
    if (!window)
        return cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "cudnnPoolingForward",
                                "no descriptor of the window");
    cudnnStatus_t status = cudnnGetPooling2dDescriptor(
        window, &pooling->mode, &nan, &pooling->rows, &pooling->cols, &pooling->pad_rows,
        &pooling->pad_cols, &pooling->stride_rows, &pooling->stride_cols);
    pooling->propagate_nan = nan == CUDNN_PROPAGATE_NAN;
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_tensor("cudnnPoolingForward", "x", x_desc, &pooling->x);
    if (status == CUDNN_STATUS_SUCCESS)
        status = cudnn_sim_read_tensor("cudnnPoolingForward", "y", y_desc, &pooling->y);
    if (status == CUDNN_STATUS_SUCCESS)
        status = check_shapes(pooling, window, x_desc);
    return status;
}

static void set_operands(pool_call *pooling, const void *x, const void *y)
{
    pooling->numbers = pooling->x.type == CUDNN_DATA_BFLOAT16 ? CUDASIM_BF16 : CUDASIM_FLOAT;
    size_t number = cudasim_number_nbytes(pooling->numbers);
    pooling->x_operand =
        (cudasim_operand){"x", x, count_of(&pooling->x) * number, number, .alias = NULL};
    pooling->y_operand =
        (cudasim_operand){"y", y, count_of(&pooling->y) * number, number, .written = true};
}

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, cudnnPoolingDescriptor_t window,
                                  const void *alpha, cudnnTensorDescriptor_t x_desc, const void *x,
                                  const void *beta, cudnnTensorDescriptor_t y_desc, void *y)
{
    pool_call pooling = {.alpha = 1.0f};
    cudnnStatus_t status = cudnn_sim_check_handle(handle, __func__);
    if (status == CUDNN_STATUS_SUCCESS)
        status = read_descriptors(&pooling, window, x_desc, y_desc);
    if (status == CUDNN_STATUS_SUCCESS && (!alpha || !beta || !x || !y))
        status = cudnn_sim_refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, __func__,
                                  "x, y, alpha or beta is NULL");
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    memcpy(&pooling.alpha, alpha, sizeof(float));
    memcpy(&pooling.beta, beta, sizeof(float));
    set_operands(&pooling, x, y);
    const cudasim_operand operands[] = {pooling.x_operand, pooling.y_operand};
    cudasim_check_operands(__func__, handle->device, operands, 2);
    const int kind[] = {(int)pooling.mode, pooling.x.n,    pooling.x.c,
                        pooling.x.h,       pooling.x.w,    pooling.rows,
                        pooling.cols,      pooling.x.nhwc, (int)pooling.x.type};
    cudasim_check_first_use(__func__, handle->stream, kind, sizeof(kind));
    cudasim_count_library_call(handle->stream);
    cudasim_enqueue(handle->stream, __func__, run, &pooling, sizeof(pooling));
    return CUDNN_STATUS_SUCCESS;
}
