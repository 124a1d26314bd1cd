/* The CUDA device: opening it, and why it does not open. */
#include "cuda.h"

#include "base/memory.h"

#include <stdio.h>

/* The oldest drivers that run programs of this major version of CUDA (CUDA's release notes). */
#define OLDEST_DRIVER (CUDART_VERSION >= 13000 ? "580" : "525")

/* TF32 and bfloat16 came with Ampere. */
#define AMPERE 8

/* What cublasSetWorkspace recommends. */
#define CUBLAS_WORKSPACE_NBYTES (4 << 20)
#define CUBLAS_WORKSPACE_NBYTES_HOPPER (32 << 20)
#define HOPPER 9

/* The runtime reports no driver and one too old alike. */
static hpac_status fail_driver(cudaError_t error)
{
    int driver = 0;
    hpac_status status = hpac_cuda_fail(error, "cudaGetDeviceCount");
    if (error == cudaErrorNoDevice)
        return hpac_fail_within(status, "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES may "
                                        "hide it)");
    if (error != cudaErrorInsufficientDriver)
        return status;
    if (cudaDriverGetVersion(&driver) != cudaSuccess)
        (void)cudaGetLastError();
    if (driver == 0)
        return hpac_fail_within(status,
                                "no NVIDIA driver: libcuda.so.1 does not load; install the driver, "
                                "version %s or newer (in a container: pass the GPUs through, such "
                                "as docker --gpus all)",
                                OLDEST_DRIVER);
    return hpac_fail_within(
        status,
        "the NVIDIA driver is too old: it supports CUDA %d.%d, libhpac_cuda.so is "
        "built with CUDA %d.%d; install version %s or newer",
        driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10,
        OLDEST_DRIVER);
}

static hpac_status check_index(int index)
{
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess)
        return fail_driver(error);
    if (index < count)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE, "no GPU %d: %d found, numbered from 0", index, count);
}

/* libcudnn.so.9 has one name for all versions of CUDA. */
static hpac_status check_cudnn(void)
{
    size_t version = cudnnGetVersion(), cudart = cudnnGetCudartVersion();
    if (cudart / 1000 != CUDART_VERSION / 1000)
        return hpac_fail(
            HPAC_ERR_DEVICE,
            "cuDNN %zu.%zu.%zu (libcudnn.so.%d) is built for CUDA %zu, libhpac_cuda.so "
            "for CUDA %d: install the cuDNN for CUDA %d, or put its directory first in "
            "LD_LIBRARY_PATH",
            version / 10000, version % 10000 / 100, version % 100, CUDNN_MAJOR, cudart / 1000,
            CUDART_VERSION / 1000, CUDART_VERSION / 1000);
    if (version / 10000 != CUDNN_MAJOR || version % 10000 / 100 < CUDNN_MINOR)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "found cuDNN %zu.%zu.%zu, libhpac_cuda.so is built with %d.%d: install "
                         "that or a newer %d.x",
                         version / 10000, version % 10000 / 100, version % 100, CUDNN_MAJOR,
                         CUDNN_MINOR, CUDNN_MAJOR);
    return HPAC_OK;
}

static hpac_status check_precision(const cuda_device *device, const struct cudaDeviceProp *gpu)
{
    if (device->precision == HPAC_PRECISION_FP32 || gpu->major >= AMPERE)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_DEVICE,
                     "device.precision: %s needs compute capability %d.0, and GPU %d (%s) has "
                     "%d.%d; fp32 works",
                     device->precision == HPAC_PRECISION_TF32 ? "tf32" : "bf16", AMPERE,
                     device->index, gpu->name, gpu->major, gpu->minor);
}

static hpac_status open_streams(cuda_device *device)
{
    for (int i = 0; i < CUDA_QUEUE_COUNT; i++)
        CUDA_TRY(cudaStreamCreateWithFlags(&device->streams[i], cudaStreamNonBlocking));
    return HPAC_OK;
}

/* The first kernel: it runs only if one was compiled for this GPU. */
static hpac_status try_kernel(cuda_device *device, const struct cudaDeviceProp *gpu)
{
    HPAC_TRY(hpac_cuda_alloc(&device->base, HPAC_MEMORY_DEVICE, sizeof(hpac_step), &device->step));
    const hpac_step none = {0};
    cudaError_t error = hpac_kernel_set_step(device->step, &none, hpac_cuda_compute(device));
    if (error == cudaSuccess)
        error = cudaStreamSynchronize(hpac_cuda_compute(device));
    if (error == cudaSuccess)
        return HPAC_OK;
    hpac_status status = hpac_cuda_fail(error, "hpac_kernel_set_step");
    if (error != cudaErrorNoKernelImageForDevice && error != cudaErrorUnsupportedPtxVersion)
        return status;
    return hpac_fail_within(status,
                            "GPU %d (%s) has compute capability %d.%d, and the kernels are built "
                            "for " HPAC_CUDA_ARCHS ": build with CUDA_ARCHS=%d%d",
                            device->index, gpu->name, gpu->major, gpu->minor, gpu->major,
                            gpu->minor);
}

/* A workspace of its own, so that cuBLAS never allocates; setting the stream takes it away again,
 * so the stream comes first. Sums of bf16 products stay in float32. */
static hpac_status open_cublas(cuda_device *device, const struct cudaDeviceProp *gpu)
{
    size_t nbytes = gpu->major >= HOPPER ? CUBLAS_WORKSPACE_NBYTES_HOPPER : CUBLAS_WORKSPACE_NBYTES;
    CUDA_TRY(cublasCreate(&device->cublas));
    CUDA_TRY(cublasSetStream(device->cublas, hpac_cuda_compute(device)));
    HPAC_TRY(hpac_cuda_alloc(&device->base, HPAC_MEMORY_DEVICE, nbytes, &device->cublas_workspace));
    CUDA_TRY(cublasSetWorkspace(device->cublas, device->cublas_workspace, nbytes));
    CUDA_TRY(cublasSetMathMode(device->cublas, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION));
    return HPAC_OK;
}

static hpac_status open_device(cuda_device *device)
{
    struct cudaDeviceProp gpu;
    HPAC_TRY(check_index(device->index));
    HPAC_TRY(check_cudnn());
    CUDA_TRY(cudaGetDeviceProperties(&gpu, device->index));
    HPAC_TRY(check_precision(device, &gpu));
    HPAC_TRY(hpac_cuda_use(&device->base));
    HPAC_TRY(open_streams(device));
    HPAC_TRY(try_kernel(device, &gpu));
    CUDA_TRY(cudnnCreate(&device->cudnn));
    CUDA_TRY(cudnnSetStream(device->cudnn, hpac_cuda_compute(device)));
    return open_cublas(device, &gpu);
}

/* Errors are dropped: what was enqueued has been waited for. */
void hpac_cuda_close(hpac_device *base)
{
    cuda_device *device = (cuda_device *)base;
    if (device->streams[0])
        (void)hpac_cuda_use(base); /* another device may have been used last */
    if (device->cublas)
        (void)cublasDestroy(device->cublas);
    if (device->cudnn)
        (void)cudnnDestroy(device->cudnn);
    hpac_cuda_free(base, HPAC_MEMORY_DEVICE, device->cublas_workspace);
    hpac_cuda_free(base, HPAC_MEMORY_DEVICE, device->step);
    for (int i = 0; i < CUDA_QUEUE_COUNT; i++)
        if (device->streams[i])
            (void)cudaStreamDestroy(device->streams[i]);
    (void)cudaGetLastError(); /* the next device's first launch would report it */
    free(device);
}

hpac_status hpac_cuda_describe(hpac_device *base, hpac_device_info *info)
{
    const cuda_device *device = (const cuda_device *)base;
    struct cudaDeviceProp gpu;
    int driver = 0, runtime = 0, cublas = 0;
    size_t cudnn = cudnnGetVersion();
    *info = (hpac_device_info){
        .image_layout = device->image_layout,
        .vector_layout = device->vector_layout,
        .precision = device->precision,
    };
    HPAC_TRY(hpac_cuda_use(base));
    CUDA_TRY(cudaGetDeviceProperties(&gpu, device->index));
    CUDA_TRY(cudaMemGetInfo(&info->free_nbytes, &info->total_nbytes));
    CUDA_TRY(cudaDriverGetVersion(&driver));
    CUDA_TRY(cudaRuntimeGetVersion(&runtime));
    CUDA_TRY(cublasGetVersion(device->cublas, &cublas));
    snprintf(info->name, sizeof info->name, "cuda:%d: %.64s, compute capability %d.%d, %d SMs",
             device->index, gpu.name, gpu.major, gpu.minor, gpu.multiProcessorCount);
    snprintf(info->libraries, sizeof info->libraries,
             "CUDA %d.%d (driver for %d.%d), cuDNN %zu.%zu.%zu, cuBLAS %d.%d.%d", runtime / 1000,
             runtime % 1000 / 10, driver / 1000, driver % 1000 / 10, cudnn / 10000,
             cudnn % 10000 / 100, cudnn % 100, cublas / 10000, cublas % 10000 / 100, cublas % 100);
    return HPAC_OK;
}

/* NCHW for float32 tensors, for which cuDNN has more algorithms than in NHWC, and NHWC for bf16,
 * which tensor cores read without a conversion. Which is faster in TF32 was not measured. */
static hpac_layout choose_image_layout(const hpac_device_options *options)
{
    bool bf16 = options->precision == HPAC_PRECISION_BF16;
    bool nchw = options->image_layout == HPAC_IMAGE_LAYOUT_NCHW ||
                (options->image_layout == HPAC_IMAGE_LAYOUT_AUTO && !bf16);
    return (nchw ? CUDA_LAYOUT_NCHW : 0) | (bf16 ? CUDA_LAYOUT_BF16 : 0);
}

/* The one symbol that the library exports. */
__attribute__((visibility("default"))) hpac_cuda_open_function hpac_cuda_open;

hpac_status hpac_cuda_open(uint32_t abi, const hpac_device_options *options, int index,
                           hpac_device **result)
{
    *result = NULL;
    if (abi != HPAC_DEVICE_ABI)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "libhpac_cuda.so has device interface %d, this program has %u: build "
                         "both from the same sources",
                         HPAC_DEVICE_ABI, abi);
    cuda_device *device;
    HPAC_TRY_NEW(device, 1);
    device->base.ops = &hpac_cuda_operations;
    device->index = index;
    device->precision = options->precision;
    device->deterministic = options->deterministic;
    device->image_layout = choose_image_layout(options);
    device->vector_layout = device->image_layout & CUDA_LAYOUT_BF16;
    hpac_status status = open_device(device);
    if (status == HPAC_OK)
        *result = &device->base;
    else
        hpac_cuda_close(&device->base);
    return status;
}
