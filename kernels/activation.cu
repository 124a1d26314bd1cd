/* Launchers of activation.cuh. */
#include "activation.cuh"

#include "launch.h"

template <typename T>
static cudaError_t launch(const kernel_tensor *tensor, hpac_op_kind kind, T *y, const T *x,
                          cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    const unsigned blocks = blocks_for(divide_up(count, 4));
    const bool aligned = is_aligned(y, 4) && is_aligned(x, 4);
    if (count == 0)
        return cudaSuccess;
    if (kind == HPAC_OP_SIGMOID)
        activate<T, true><<<blocks, KERNEL_THREADS, 0, stream>>>(y, x, count, aligned);
    else
        activate<T, false><<<blocks, KERNEL_THREADS, 0, stream>>>(y, x, count, aligned);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_activate(const kernel_tensor *tensor, hpac_op_kind kind, void *y,
                                 const void *x, cudaStream_t stream)
{
    return tensor->bf16 ? launch(tensor, kind, (bfloat *)y, (const bfloat *)x, stream)
                        : launch(tensor, kind, (float *)y, (const float *)x, stream);
}

template <typename T>
static cudaError_t launch_backward(const kernel_tensor *tensor, hpac_op_kind kind, T *dx,
                                   const T *y, const T *dy, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    const unsigned blocks = blocks_for(divide_up(count, 4));
    const bool aligned = is_aligned(dx, 4) && is_aligned(y, 4) && is_aligned(dy, 4);
    if (count == 0)
        return cudaSuccess;
    if (kind == HPAC_OP_SIGMOID)
        activate_backward<T, true>
            <<<blocks, KERNEL_THREADS, 0, stream>>>(dx, y, dy, count, aligned);
    else
        activate_backward<T, false>
            <<<blocks, KERNEL_THREADS, 0, stream>>>(dx, y, dy, count, aligned);
    return cudaGetLastError();
}

cudaError_t hpac_kernel_activate_backward(const kernel_tensor *tensor, hpac_op_kind kind, void *dx,
                                          const void *y, const void *dy, cudaStream_t stream)
{
    if (tensor->bf16)
        return launch_backward(tensor, kind, (bfloat *)dx, (const bfloat *)y, (const bfloat *)dy,
                               stream);
    return launch_backward(tensor, kind, (float *)dx, (const float *)y, (const float *)dy, stream);
}
