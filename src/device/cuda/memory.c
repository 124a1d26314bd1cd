/* Memory of the GPU and pinned memory of the host. */
#include "cuda.h"

#include <string.h>

static hpac_status fail_pinned(cudaError_t error, size_t nbytes)
{
    hpac_status status = hpac_cuda_fail(error, "cudaMallocHost");
    return hpac_fail_within(status,
                            "%.1f MiB of pinned host memory (lower train.batch_size, or free "
                            "memory of the machine)",
                            (double)nbytes / 0x1p20);
}

static hpac_status fail_device(cudaError_t error, size_t nbytes)
{
    size_t free_nbytes = 0, total_nbytes = 0;
    hpac_status status = hpac_cuda_fail(error, "cudaMalloc");
    if (error != cudaErrorMemoryAllocation)
        return status;
    if (cudaMemGetInfo(&free_nbytes, &total_nbytes) != cudaSuccess)
        (void)cudaGetLastError();
    return hpac_fail_within(
        status,
        "cannot allocate %.1f MiB of GPU memory, %.1f MiB of %.1f MiB are free; "
        "lower train.batch_size, or end other programs on the GPU",
        (double)nbytes / 0x1p20, (double)free_nbytes / 0x1p20, (double)total_nbytes / 0x1p20);
}

/* Waits for the memset: the next write may come on another queue. */
static hpac_status alloc_device(const cuda_device *device, size_t nbytes, void **address)
{
    cudaError_t error = cudaMalloc(address, nbytes);
    if (error != cudaSuccess) {
        *address = NULL;
        return fail_device(error, nbytes);
    }
    CUDA_TRY(cudaMemsetAsync(*address, 0, nbytes, hpac_cuda_compute(device)));
    CUDA_TRY(cudaStreamSynchronize(hpac_cuda_compute(device)));
    return HPAC_OK;
}

static hpac_status alloc_pinned(size_t nbytes, void **address)
{
    cudaError_t error = cudaMallocHost(address, nbytes);
    if (error != cudaSuccess) {
        *address = NULL;
        return fail_pinned(error, nbytes);
    }
    memset(*address, 0, nbytes);
    return HPAC_OK;
}

hpac_status hpac_cuda_alloc(hpac_device *base, hpac_memory memory, size_t nbytes, void **address)
{
    const cuda_device *device = (const cuda_device *)base;
    *address = NULL;
    HPAC_TRY(hpac_cuda_use(device));
    if (nbytes == 0)
        nbytes = 1; /* an address of its own, as malloc would give */
    hpac_status status = memory == HPAC_MEMORY_DEVICE ? alloc_device(device, nbytes, address)
                                                      : alloc_pinned(nbytes, address);
    if (status != HPAC_OK && *address) {
        hpac_cuda_free(base, memory, *address);
        *address = NULL;
    }
    return status;
}

void hpac_cuda_free(hpac_device *base, hpac_memory memory, void *address)
{
    if (!address || hpac_cuda_use((const cuda_device *)base) != HPAC_OK)
        return;
    cudaError_t error = memory == HPAC_MEMORY_DEVICE ? cudaFree(address) : cudaFreeHost(address);
    if (error != cudaSuccess) /* of an earlier operation: the next wait reports it */
        (void)cudaGetLastError();
}
