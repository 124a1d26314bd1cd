/*
 * The real libcudnn behind the simulated one. It needs no driver for descriptors, and refuses the
 * bad ones by its own rules. CUDNN_SIM_REAL, its path, comes from tools/find-cuda.
 *
 * It has the SONAME of the simulated one: opened by its full path, with its symbols kept to itself
 * (RTLD_LOCAL) and its own preferred over ours of the same names (RTLD_DEEPBIND). The address
 * sanitizer does not allow that, nor is it needed in hpac, where ours are no global symbols.
 */
#include "cudnn_sim.h"

#include <dlfcn.h>
#include <pthread.h>

static void *library;

static void open_library(void)
{
    int binding = dlsym(RTLD_DEFAULT, "__asan_init") ? 0 : RTLD_DEEPBIND;
    library = dlopen(CUDNN_SIM_REAL, RTLD_NOW | RTLD_LOCAL | binding);
    if (!library)
        cudasim_fail("the real cuDNN: %s", dlerror());
}

void *cudnn_sim_real(const char *name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    void *function = dlsym(library, name);
    if (!function)
        cudasim_fail("the real cuDNN: %s", dlerror());
    return function;
}

/* Defines a function that asks the real one. Those that only the simulator itself calls (QUIETLY)
 * do not count as calls of the program. */
#define FORWARD_QUIETLY(name, parameters, arguments)                                               \
    cudnnStatus_t name parameters                                                                  \
    {                                                                                              \
        static cudnnStatus_t(*real) parameters;                                                    \
        if (!real)                                                                                 \
            *(void **)&real = cudnn_sim_real(#name);                                               \
        return real arguments;                                                                     \
    }
#define FORWARD(name, parameters, arguments)                                                       \
    cudnnStatus_t name parameters                                                                  \
    {                                                                                              \
        static cudnnStatus_t(*real) parameters;                                                    \
        if (!real)                                                                                 \
            *(void **)&real = cudnn_sim_real(#name);                                               \
        return cudasim_call_fails(#name) ? cudnn_sim_fail(#name) : real arguments;                 \
    }

/* The same for what creates and destroys descriptors: they are counted, and destroyed also by a
 * call that CUDASIM_FAIL names. */
#define FORWARD_COUNTED(name, kind, change, parameters, arguments)                                 \
    cudnnStatus_t name parameters                                                                  \
    {                                                                                              \
        static cudnnStatus_t(*real) parameters;                                                    \
        if (!real)                                                                                 \
            *(void **)&real = cudnn_sim_real(#name);                                               \
        cudnnStatus_t failure =                                                                    \
            cudasim_call_fails(#name) ? cudnn_sim_fail(#name) : CUDNN_STATUS_SUCCESS;              \
        if (failure != CUDNN_STATUS_SUCCESS && (change) > 0)                                       \
            return failure;                                                                        \
        cudnnStatus_t status = real arguments;                                                     \
        if (status == CUDNN_STATUS_SUCCESS)                                                        \
            cudasim_live_add(kind, change);                                                        \
        return failure != CUDNN_STATUS_SUCCESS ? failure : status;                                 \
    }

#define DESCRIPTOR(kind, type, plural_)                                                            \
    static cudasim_kind kind##_live = {.plural = plural_};                                         \
    FORWARD_COUNTED(cudnnCreate##kind##Descriptor, &kind##_live, 1, (type * descriptor),           \
                    (descriptor))                                                                  \
    FORWARD_COUNTED(cudnnDestroy##kind##Descriptor, &kind##_live, -1, (type descriptor),           \
                    (descriptor))

DESCRIPTOR(Tensor, cudnnTensorDescriptor_t, "cuDNN tensor descriptors")
FORWARD(cudnnSetTensor4dDescriptor,
        (cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format, cudnnDataType_t type,
         int n, int c, int h, int w),
        (descriptor, format, type, n, c, h, w))
FORWARD(cudnnSetTensor4dDescriptorEx,
        (cudnnTensorDescriptor_t descriptor, cudnnDataType_t type, int n, int c, int h, int w,
         int n_stride, int c_stride, int h_stride, int w_stride),
        (descriptor, type, n, c, h, w, n_stride, c_stride, h_stride, w_stride))
FORWARD_QUIETLY(cudnnGetTensor4dDescriptor,
                (cudnnTensorDescriptor_t descriptor, cudnnDataType_t *type, int *n, int *c, int *h,
                 int *w, int *n_stride, int *c_stride, int *h_stride, int *w_stride),
                (descriptor, type, n, c, h, w, n_stride, c_stride, h_stride, w_stride))
FORWARD(cudnnGetTensorSizeInBytes, (cudnnTensorDescriptor_t descriptor, size_t *nbytes),
        (descriptor, nbytes))

DESCRIPTOR(Filter, cudnnFilterDescriptor_t, "cuDNN filter descriptors")
FORWARD(cudnnSetFilter4dDescriptor,
        (cudnnFilterDescriptor_t descriptor, cudnnDataType_t type, cudnnTensorFormat_t format,
         int k, int c, int h, int w),
        (descriptor, type, format, k, c, h, w))
FORWARD_QUIETLY(cudnnGetFilter4dDescriptor,
                (cudnnFilterDescriptor_t descriptor, cudnnDataType_t *type,
                 cudnnTensorFormat_t *format, int *k, int *c, int *h, int *w),
                (descriptor, type, format, k, c, h, w))

DESCRIPTOR(Convolution, cudnnConvolutionDescriptor_t, "cuDNN convolution descriptors")
FORWARD(cudnnSetConvolution2dDescriptor,
        (cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w, int stride_h, int stride_w,
         int dilation_h, int dilation_w, cudnnConvolutionMode_t mode, cudnnDataType_t type),
        (descriptor, pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, mode, type))
FORWARD_QUIETLY(cudnnGetConvolution2dDescriptor,
                (cudnnConvolutionDescriptor_t descriptor, int *pad_h, int *pad_w, int *stride_h,
                 int *stride_w, int *dilation_h, int *dilation_w, cudnnConvolutionMode_t *mode,
                 cudnnDataType_t *type),
                (descriptor, pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, mode, type))
FORWARD(cudnnSetConvolutionMathType,
        (cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t type), (descriptor, type))
FORWARD_QUIETLY(cudnnGetConvolutionMathType,
                (cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t *type),
                (descriptor, type))
FORWARD(cudnnSetConvolutionGroupCount, (cudnnConvolutionDescriptor_t descriptor, int count),
        (descriptor, count))
FORWARD_QUIETLY(cudnnGetConvolutionGroupCount,
                (cudnnConvolutionDescriptor_t descriptor, int *count), (descriptor, count))
FORWARD_QUIETLY(cudnnGetConvolution2dForwardOutputDim,
                (cudnnConvolutionDescriptor_t descriptor, cudnnTensorDescriptor_t x,
                 cudnnFilterDescriptor_t filter, int *n, int *c, int *h, int *w),
                (descriptor, x, filter, n, c, h, w))

DESCRIPTOR(Activation, cudnnActivationDescriptor_t, "cuDNN activation descriptors")
FORWARD(cudnnSetActivationDescriptor,
        (cudnnActivationDescriptor_t descriptor, cudnnActivationMode_t mode,
         cudnnNanPropagation_t nan, double coefficient),
        (descriptor, mode, nan, coefficient))
FORWARD_QUIETLY(cudnnGetActivationDescriptor,
                (cudnnActivationDescriptor_t descriptor, cudnnActivationMode_t *mode,
                 cudnnNanPropagation_t *nan, double *coefficient),
                (descriptor, mode, nan, coefficient))
