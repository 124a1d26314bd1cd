/* Dropout by itself, forward and backward alike: launcher of elements.cuh. */
#include "elements.h"

cudaError_t hpac_kernel_dropout(const kernel_tensor *tensor, const kernel_dropout *dropout, void *y,
                                const void *x, cudaStream_t stream)
{
    const element_work work = describe_elements(tensor, dropout);
    if (tensor->bf16)
        return launch_elements<false>(tensor, work, (bfloat *)y, (const bfloat *)x, stream);
    return launch_elements<false>(tensor, work, (float *)y, (const float *)x, stream);
}
