/* Max pooling, window = stride. When training, by our own kernel, which stores each window's argmax
 * for backward and takes the first of equals, as Keras does; cuDNN documents no rule for these, and
 * its deterministic backward is the slower one. Otherwise by cuDNN. */
#include "cuda.h"

#include <stdio.h>

/* ---- without argmax: evaluation, here and in runs that end with a pooling (conv2d.c) ---- */

static hpac_status check_output(const cuda_pool *pool, const kernel_tensor *after)
{
    int batch = 0, channels = 0, rows = 0, cols = 0;
    CUDA_TRY(cudnnGetPooling2dForwardOutputDim(pool->window, pool->before, &batch, &channels, &rows,
                                               &cols));
    if (rows != after->rows || cols != after->cols)
        return hpac_fail(HPAC_ERR_INTERNAL,
                         "cudnnGetPooling2dForwardOutputDim: %d x %d, expected %d x %d", rows, cols,
                         after->rows, after->cols);
    return HPAC_OK;
}

hpac_status hpac_cuda_pool_init(cuda_pool *pool, const hpac_op *op, const kernel_tensor *before,
                                const kernel_tensor *after)
{
    pool->own = (kernel_pool){.before = *before,
                              .window_rows = (int)op->kernel_rows,
                              .window_cols = (int)op->kernel_cols};
    pool->by_cudnn = !before->bf16;
    if (!pool->by_cudnn)
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_tensor_describe(before, &pool->before));
    HPAC_TRY(hpac_cuda_tensor_describe(after, &pool->after));
    CUDA_TRY(cudnnCreatePoolingDescriptor(&pool->window));
    CUDA_TRY(cudnnSetPooling2dDescriptor(pool->window, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN,
                                         (int)op->kernel_rows, (int)op->kernel_cols, 0, 0,
                                         (int)op->kernel_rows, (int)op->kernel_cols));
    return check_output(pool, after);
}

void hpac_cuda_pool_fini(cuda_pool *pool)
{
    if (pool->window)
        cudnnDestroyPoolingDescriptor(pool->window);
    if (pool->before)
        cudnnDestroyTensorDescriptor(pool->before);
    if (pool->after)
        cudnnDestroyTensorDescriptor(pool->after);
    *pool = (cuda_pool){0};
}

hpac_status hpac_cuda_pool_forward(const cuda_device *device, const cuda_pool *pool, void *y,
                                   const void *x)
{
    const float one = 1.0F, zero = 0.0F;
    if (pool->by_cudnn)
        CUDA_TRY(cudnnPoolingForward(device->cudnn, pool->window, &one, pool->before, x, &zero,
                                     pool->after, y));
    else
        CUDA_TRY(hpac_kernel_maxpool(&pool->own, y, NULL, x, hpac_cuda_compute(device)));
    return HPAC_OK;
}

/* ---- the operation ---- */

typedef struct maxpool_plan {
    cuda_plan base;
    cuda_pool evaluation;
} maxpool_plan;

static hpac_status maxpool_forward(cuda_plan *base, const hpac_exec_args *args)
{
    const maxpool_plan *plan = (const maxpool_plan *)base;
    const cuda_device *device = hpac_cuda_device_of(base);
    if (!args->training)
        return hpac_cuda_pool_forward(device, &plan->evaluation, args->y, args->x);
    CUDA_TRY(hpac_kernel_maxpool(&plan->evaluation.own, args->y, args->state, args->x,
                                 hpac_cuda_compute(device)));
    return HPAC_OK;
}

static hpac_status maxpool_backward(cuda_plan *base, const hpac_exec_args *args)
{
    const maxpool_plan *plan = (const maxpool_plan *)base;
    if (args->dx)
        CUDA_TRY(hpac_kernel_maxpool_backward(&plan->evaluation.own, args->dx, args->state,
                                              args->dy, NULL, NULL, hpac_cuda_stream(base)));
    return HPAC_OK;
}

static void maxpool_fini(cuda_plan *base)
{
    hpac_cuda_pool_fini(&((maxpool_plan *)base)->evaluation);
}

hpac_status hpac_cuda_try_maxpool(cuda_device *device, const hpac_plan_request *request,
                                  cuda_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_MAXPOOL))
        return HPAC_OK;
    HPAC_TRY(hpac_cuda_plan_alloc(device, request, sizeof(maxpool_plan), maxpool_forward,
                                  maxpool_backward, result));
    maxpool_plan *plan = (maxpool_plan *)*result;
    plan->base.fini = maxpool_fini;
    HPAC_TRY(hpac_cuda_pool_init(&plan->evaluation, &request->ops[0], &plan->base.input,
                                 &plan->base.output));
    plan->base.base.state_nbytes = hpac_kernel_argmax_nbytes(&plan->evaluation.own);
    snprintf(plan->base.base.algorithm, sizeof plan->base.base.algorithm,
             "own kernel with argmax, evaluation by %s",
             plan->evaluation.by_cudnn ? "cuDNN" : "it without");
    return HPAC_OK;
}
