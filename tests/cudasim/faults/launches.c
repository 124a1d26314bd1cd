/* Launches that a GPU refuses, kernels that the simulator does not know, and errors that stay. */
#include "faults.h"

static int configured(const fixture *with, unsigned blocks, unsigned threads, size_t shared_nbytes)
{
    TRY(fault_configured(with->device, blocks, threads, shared_nbytes, with->compute));
    int failed = fault_download(with, with->device, FAULT_THREADS);
    return failed != 0 ? failed : fault_compare(with, 1.0f, 0.0f, FAULT_THREADS);
}

static int too_many_threads(const fixture *with, bool planted)
{
    return configured(with, 1, 1024 + planted, 0);
}

static int no_blocks(const fixture *with, bool planted)
{
    return configured(with, planted ? 0 : 1, FAULT_THREADS, 0);
}

static int no_threads(const fixture *with, bool planted)
{
    return configured(with, 1, planted ? 0 : FAULT_THREADS, 0);
}

static int too_much_shared(const fixture *with, bool planted)
{
    return configured(with, 1, FAULT_THREADS, 48 * 1024 + planted);
}

static int missing_host_build(const fixture *with, bool planted)
{
    if (planted)
        TRY(fault_not_listed(with->device, with->compute));
    else
        TRY(fault_write_at(with->device, 0, with->compute));
    return 0;
}

/* With CUDASIM_FAIL_KERNEL=2. What is enqueued before the error shows is accepted; from then on
 * every call returns it, and nothing was computed after it. */
static int sticky_error(const fixture *with, bool planted)
{
    (void)planted;
    for (int i = 0; i < 3; i++)
        TRY(fault_fill(with->device, 1.0f, FAULT_COUNT, with->compute));
    cudaError_t error = cudaStreamSynchronize(with->compute);
    if (error != cudaSuccess)
        for (int i = 0; i < 2; i++)
            if (cudaGetLastError() != error || cudaDeviceSynchronize() != error ||
                cudaEventRecord(with->event, with->compute) != error)
                return FAULT_WRONG;
    TRY(error);
    return 0;
}

const fault_case launch_cases[] = {
    {"too_many_threads", too_many_threads},
    {"no_blocks", no_blocks},
    {"no_threads", no_threads},
    {"too_much_shared", too_much_shared},
    {"missing_host_build", missing_host_build},
    {"sticky_error", sticky_error},
    {NULL, NULL},
};
