/* Launchers of pointwise.cuh. */
#include "pointwise.cuh"

#include "pieces.h"

/* launch(the kind as a type with a constant) */
template <typename LAUNCH> static cudaError_t with_kind(hpac_op_kind kind, LAUNCH launch)
{
    switch (kind) {
    case HPAC_OP_RELU:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_RELU>());
    case HPAC_OP_SIGMOID:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_SIGMOID>());
    case HPAC_OP_RELU6:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_RELU6>());
    case HPAC_OP_SILU:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_SILU>());
    case HPAC_OP_GELU:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_GELU>());
    case HPAC_OP_SOFTPLUS:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_SOFTPLUS>());
    case HPAC_OP_TANH:
        return launch(std::integral_constant<hpac_op_kind, HPAC_OP_TANH>());
    default:
        return cudaErrorInvalidValue;
    }
}

cudaError_t hpac_kernel_activate(const kernel_tensor *tensor, hpac_op_kind kind, void *y,
                                 const void *x, cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    return with_kind(kind, [=](auto constant) {
        return with_type(tensor->bf16, [=](auto number) {
            using T = decltype(number);
            activate<T, constant><<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
                (T *)y, (const T *)x, count, fours_aligned<T>(y, x));
            return cudaGetLastError();
        });
    });
}

cudaError_t hpac_kernel_activate_backward(const kernel_tensor *tensor, hpac_op_kind kind, void *dx,
                                          const void *from, const void *dy, bool add,
                                          cudaStream_t stream)
{
    const uint64_t count = tensor_count(tensor);
    if (count == 0)
        return cudaSuccess;
    return with_kind(kind, [=](auto constant) {
        return with_type(tensor->bf16, [=](auto number) {
            using T = decltype(number);
            activate_backward<T, constant>
                <<<blocks_for(divide_up(count, 4)), KERNEL_THREADS, 0, stream>>>(
                    (T *)dx, (const T *)from, (const T *)dy, count, fours_aligned<T>(dx, from, dy),
                    add);
            return cudaGetLastError();
        });
    });
}

cudaError_t hpac_kernel_rescale(const kernel_tensor *tensor, const float factor[4],
                                const float offset[4], void *y, bool add, const void *x,
                                cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    rescale_work work = {};
    work.factor0 = factor[0];
    work.factor1 = factor[1];
    work.factor2 = factor[2];
    work.factor3 = factor[3];
    work.offset0 = offset ? offset[0] : 0;
    work.offset1 = offset ? offset[1] : 0;
    work.offset2 = offset ? offset[2] : 0;
    work.offset3 = offset ? offset[3] : 0;
    work.add = add;
    const auto launch = [=](auto number, auto count, auto planes) mutable {
        using T = decltype(number);
        work.shape = describe_pieces(tensor, count);
        rescale<T, count, planes><<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>(
            (T *)y, (const T *)x, work);
        return cudaGetLastError();
    };
    return with_pieces(tensor, launch, y, x);
}

cudaError_t hpac_kernel_drop_channels(const kernel_tensor *tensor, const kernel_dropout *dropout,
                                      bool whole_images, void *y, bool add, const void *x,
                                      cudaStream_t stream)
{
    if (tensor_count(tensor) == 0)
        return cudaSuccess;
    channels_work work = {};
    work.dropout = *dropout;
    work.whole_images = whole_images;
    work.add = add;
    const auto launch = [=](auto number, auto count, auto planes) mutable {
        using T = decltype(number);
        work.shape = describe_pieces(tensor, count);
        drop_channels<T, count, planes>
            <<<blocks_for(work.shape.pieces), KERNEL_THREADS, 0, stream>>>((T *)y, (const T *)x,
                                                                           work);
        return cudaGetLastError();
    };
    return with_pieces(tensor, launch, y, x);
}
