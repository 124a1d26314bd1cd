/* How activations lie in memory. */
#include "cuda.h"

kernel_tensor hpac_cuda_tensor(hpac_shape shape, size_t batch, hpac_layout layout)
{
    return (kernel_tensor){
        .batch = (int)batch,
        .rows = (int)shape.rows,
        .cols = (int)shape.cols,
        .channels = (int)shape.channels,
        .nchw = shape.rank == 3 && layout & CUDA_LAYOUT_NCHW,
        .bf16 = layout & CUDA_LAYOUT_BF16,
    };
}

size_t hpac_cuda_tensor_count(const kernel_tensor *tensor)
{
    return (size_t)tensor->batch * (size_t)tensor->rows * (size_t)tensor->cols *
           (size_t)tensor->channels;
}

size_t hpac_cuda_tensor_nbytes(const kernel_tensor *tensor)
{
    return hpac_cuda_tensor_count(tensor) * (tensor->bf16 ? 2 : sizeof(float));
}

/* The format's setter makes strides that cuDNN recognises even where a length is 1. */
hpac_status hpac_cuda_tensor_describe(const kernel_tensor *tensor, cudnnTensorDescriptor_t *desc)
{
    CUDA_TRY(cudnnCreateTensorDescriptor(desc));
    CUDA_TRY(cudnnSetTensor4dDescriptor(*desc, tensor->nchw ? CUDNN_TENSOR_NCHW : CUDNN_TENSOR_NHWC,
                                        tensor->bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT,
                                        tensor->batch, tensor->channels, tensor->rows,
                                        tensor->cols));
    return HPAC_OK;
}
