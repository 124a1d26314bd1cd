/* Addresses: touched by the host, out of bounds, freed, of the wrong kind, never written. */
#include "faults.h"

#include <stdlib.h>

#define NBYTES (FAULT_COUNT * sizeof(float))

static int host_reads(const fixture *with, bool planted)
{
    const volatile float *device = with->device;
    if (planted)
        with->pinned[0] = device[3];
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 0.0f, 0.0f, FAULT_COUNT);
}

static int host_writes(const fixture *with, bool planted)
{
    volatile float *values = planted ? with->device : with->pinned;
    values[3] = 3.0f;
    return fault_compare(with, 0.0f, 1.0f, FAULT_COUNT);
}

static int past_end(const fixture *with, bool planted)
{
    TRY(fault_fill(with->device, 1.0f, FAULT_COUNT + planted, with->compute));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, FAULT_COUNT);
}

static int reads_past_end(const fixture *with, bool planted)
{
    TRY(fault_add(with->device, with->second, planted, FAULT_COUNT, with->compute));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 0.0f, 0.0f, FAULT_COUNT);
}

static int before_start(const fixture *with, bool planted)
{
    TRY(fault_write_at(with->device, planted ? -1 : 0, with->compute));
    int failed = fault_download(with, with->device, 1);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, 1);
}

static int far_past_end(const fixture *with, bool planted)
{
    TRY(fault_write_at(with->device, planted ? 2 * FAULT_COUNT : 0, with->compute));
    int failed = fault_download(with, with->device, 1);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, 1);
}

/* A size that fills no page, nor 256 bytes: the bytes around it are no guard page. */
static int beside_odd_block(const fixture *with, long index)
{
    float *odd;
    TRY(cudaMalloc((void **)&odd, 100 * sizeof *odd));
    TRY(fault_write_at(odd, index, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    TRY(cudaFree(odd));
    return 0;
}

static int past_odd_end(const fixture *with, bool planted)
{
    return beside_odd_block(with, planted ? 100 : 99);
}

static int before_odd_start(const fixture *with, bool planted)
{
    return beside_odd_block(with, planted ? -1 : 0);
}

static int after_free(const fixture *with, bool planted)
{
    float *values;
    TRY(cudaMalloc((void **)&values, NBYTES));
    if (planted)
        TRY(cudaFree(values));
    TRY(fault_fill(values, 1.0f, FAULT_COUNT, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    TRY(cudaFree(values));
    return 0;
}

static int pinned_after_free(const fixture *with, bool planted)
{
    float *values;
    (void)with;
    TRY(cudaHostAlloc((void **)&values, NBYTES, cudaHostAllocDefault));
    *(volatile float *)values = 1.0f;
    TRY(cudaFreeHost(values));
    if (planted)
        *(volatile float *)values = 2.0f;
    return 0;
}

static int pinned_past_end(const fixture *with, bool planted)
{
    volatile float *values = with->pinned;
    values[FAULT_COUNT - !planted] = FAULT_COUNT - 1;
    return fault_compare(with, 0.0f, 1.0f, FAULT_COUNT);
}

static int double_free(const fixture *with, bool planted)
{
    void *values;
    (void)with;
    TRY(cudaMalloc(&values, NBYTES));
    TRY(cudaFree(values));
    TRY(cudaFree(planted ? values : NULL));
    return 0;
}

static int double_free_pinned(const fixture *with, bool planted)
{
    void *values;
    (void)with;
    TRY(cudaMallocHost(&values, NBYTES));
    TRY(cudaFreeHost(values));
    TRY(cudaFreeHost(planted ? values : NULL));
    return 0;
}

static int free_inside(const fixture *with, bool planted)
{
    float *values;
    (void)with;
    TRY(cudaMalloc((void **)&values, NBYTES));
    TRY(cudaFree(planted ? values + 64 : values));
    return 0;
}

static int free_of_wrong_kind(const fixture *with, bool planted)
{
    void *values;
    (void)with;
    TRY(cudaMallocHost(&values, NBYTES));
    TRY(planted ? cudaFree(values) : cudaFreeHost(values));
    return 0;
}

static int host_address(const fixture *with, bool planted)
{
    static float values[FAULT_COUNT];
    TRY(fault_add(with->device, planted ? values : with->second, 0, FAULT_COUNT, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

/* The address lies in a struct. */
static int host_in_struct(const fixture *with, bool planted)
{
    static float values[FAULT_COUNT];
    TRY(fault_fill(planted ? values : with->device, 1.0f, FAULT_COUNT, with->compute));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, FAULT_COUNT);
}

static int pinned_address(const fixture *with, bool planted)
{
    TRY(fault_add(planted ? with->pinned : with->device, with->second, 0, FAULT_COUNT,
                  with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

static int copy_past_end(const fixture *with, bool planted)
{
    TRY(cudaMemcpyAsync(with->device + 1, with->pinned, NBYTES - (planted ? 0 : sizeof(float)),
                        cudaMemcpyHostToDevice, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

static int copy_past_pinned_end(const fixture *with, bool planted)
{
    TRY(cudaMemcpyAsync(with->device, with->pinned + 1, NBYTES - (planted ? 0 : sizeof(float)),
                        cudaMemcpyHostToDevice, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

static int memset_past_end(const fixture *with, bool planted)
{
    TRY(cudaMemsetAsync(with->device, 0, NBYTES + planted, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

static int copy_direction(const fixture *with, bool planted)
{
    enum cudaMemcpyKind kind = planted ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice;
    TRY(cudaMemcpyAsync(with->device, with->pinned, NBYTES, kind, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

static int pageable_copy(const fixture *with, bool planted)
{
    static float values[FAULT_COUNT];
    TRY(cudaMemcpyAsync(with->device, planted ? values : with->pinned, NBYTES,
                        cudaMemcpyHostToDevice, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    TRY(cudaMemcpy(values, with->device, NBYTES, cudaMemcpyDeviceToHost));
    return 0;
}

static int uninitialized(const fixture *with, bool planted)
{
    float *values;
    TRY(cudaMalloc((void **)&values, NBYTES));
    if (!planted)
        TRY(cudaMemsetAsync(values, 0, NBYTES, with->compute));
    TRY(fault_add(with->device, values, 0, FAULT_COUNT, with->compute));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    TRY(cudaFree(values));
    return failed != 0 ? failed : fault_compare(with, 0.0f, 0.0f, FAULT_COUNT);
}

/* With CUDASIM_MEMORY_MIB=1. */
static int memory_limit(const fixture *with, bool planted)
{
    size_t free_nbytes, total_nbytes;
    void *values;
    (void)with;
    TRY(cudaMemGetInfo(&free_nbytes, &total_nbytes));
    TRY(cudaMalloc(&values, free_nbytes + planted));
    TRY(cudaFree(values));
    return 0;
}

const fault_case memory_cases[] = {
    {"host_reads", host_reads},
    {"host_writes", host_writes},
    {"past_end", past_end},
    {"reads_past_end", reads_past_end},
    {"before_start", before_start},
    {"far_past_end", far_past_end},
    {"past_odd_end", past_odd_end},
    {"before_odd_start", before_odd_start},
    {"after_free", after_free},
    {"pinned_after_free", pinned_after_free},
    {"pinned_past_end", pinned_past_end},
    {"double_free", double_free},
    {"double_free_pinned", double_free_pinned},
    {"free_inside", free_inside},
    {"free_of_wrong_kind", free_of_wrong_kind},
    {"host_address", host_address},
    {"host_in_struct", host_in_struct},
    {"pinned_address", pinned_address},
    {"copy_past_end", copy_past_end},
    {"copy_past_pinned_end", copy_past_pinned_end},
    {"memset_past_end", memset_past_end},
    {"copy_direction", copy_direction},
    {"pageable_copy", pageable_copy},
    {"uninitialized", uninitialized},
    {"memory_limit", memory_limit},
    {NULL, NULL},
};
