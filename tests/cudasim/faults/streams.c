/* The order of work: what is not waited for has not happened. */
#include "faults.h"

#define NBYTES (FAULT_COUNT * sizeof(float))

static int upload(const fixture *with, cudaStream_t stream)
{
    TRY(cudaMemcpyAsync(with->second, with->pinned, NBYTES, cudaMemcpyHostToDevice, stream));
    return 0;
}

/* Adds what was uploaded; the result is 0, 1, 2, ... */
static int add_and_compare(const fixture *with)
{
    TRY(fault_add(with->device, with->second, 0, FAULT_COUNT, with->compute));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 0.0f, 1.0f, FAULT_COUNT);
}

static int missing_wait(const fixture *with, bool planted)
{
    if (upload(with, with->copy) != 0)
        return FAULT_REFUSED;
    TRY(cudaEventRecord(with->event, with->copy));
    if (!planted)
        TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    return add_and_compare(with);
}

static int recorded_too_early(const fixture *with, bool planted)
{
    if (planted)
        TRY(cudaEventRecord(with->event, with->copy));
    if (upload(with, with->copy) != 0)
        return FAULT_REFUSED;
    if (!planted)
        TRY(cudaEventRecord(with->event, with->copy));
    TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    return add_and_compare(with);
}

static int missing_synchronize(const fixture *with, bool planted)
{
    TRY(fault_fill(with->device, 5.0f, FAULT_COUNT, with->compute));
    TRY(cudaMemcpyAsync(with->pinned, with->device, NBYTES, cudaMemcpyDeviceToHost, with->compute));
    TRY(cudaEventRecord(with->event, with->compute));
    if (!planted)
        TRY(cudaEventSynchronize(with->event));
    return fault_compare(with, 5.0f, 0.0f, FAULT_COUNT);
}

/* The host writes the next batch into memory that is still to be copied. */
static int reused_too_early(const fixture *with, bool planted)
{
    if (upload(with, with->copy) != 0)
        return FAULT_REFUSED;
    TRY(cudaEventRecord(with->event, with->copy));
    TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    if (!planted)
        TRY(cudaEventSynchronize(with->event));
    for (int i = 0; i < FAULT_COUNT; i++)
        with->pinned[i] = -1.0f;
    return add_and_compare(with);
}

/* The copy stream writes the next batch into device memory that is still to be read. */
static int overwritten_too_early(const fixture *with, bool planted)
{
    if (upload(with, with->compute) != 0)
        return FAULT_REFUSED;
    TRY(cudaStreamSynchronize(with->compute));
    TRY(fault_add(with->device, with->second, 0, FAULT_COUNT, with->compute));
    TRY(cudaEventRecord(with->event, with->compute));
    if (!planted)
        TRY(cudaStreamWaitEvent(with->copy, with->event, 0));
    TRY(cudaMemsetAsync(with->second, 0, NBYTES, with->copy));
    TRY(cudaStreamSynchronize(with->copy));
    int failed = fault_download(with, with->device, FAULT_COUNT);
    return failed != 0 ? failed : fault_compare(with, 0.0f, 1.0f, FAULT_COUNT);
}

/* A blocking copy waits for no stream that was made with cudaStreamNonBlocking. */
static int blocking_copy(const fixture *with, bool planted)
{
    TRY(fault_fill(with->device, 5.0f, FAULT_COUNT, with->compute));
    if (!planted)
        TRY(cudaStreamSynchronize(with->compute));
    TRY(cudaMemcpy(with->pinned, with->device, NBYTES, cudaMemcpyDeviceToHost));
    return fault_compare(with, 5.0f, 0.0f, FAULT_COUNT);
}

static int null_stream_kernel(const fixture *with, bool planted)
{
    TRY(fault_fill(with->device, 1.0f, FAULT_COUNT, planted ? NULL : with->compute));
    return 0;
}

static int null_stream_copy(const fixture *with, bool planted)
{
    return upload(with, planted ? NULL : with->compute);
}

static int null_stream_memset(const fixture *with, bool planted)
{
    TRY(cudaMemsetAsync(with->device, 0, NBYTES, planted ? NULL : with->compute));
    return 0;
}

static int destroyed_stream(const fixture *with, bool planted)
{
    cudaStream_t stream;
    TRY(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    TRY(cudaStreamDestroy(stream));
    return upload(with, planted ? stream : with->compute);
}

static int destroyed_event(const fixture *with, bool planted)
{
    cudaEvent_t event;
    TRY(cudaEventCreateWithFlags(&event, cudaEventDefault));
    TRY(cudaEventDestroy(event));
    TRY(cudaEventRecord(planted ? event : with->event, with->compute));
    return 0;
}

/* No fault by itself: it counts as passed. CUDASIM_STRICT makes it one. */
static int never_recorded(const fixture *with, bool planted)
{
    if (!planted)
        TRY(cudaEventRecord(with->event, with->copy));
    TRY(cudaStreamWaitEvent(with->compute, with->event, 0));
    TRY(cudaEventSynchronize(with->event));
    return 0;
}

static int untimed_event(const fixture *with, bool planted)
{
    cudaEvent_t from, to;
    float ms = -1.0f;
    TRY(cudaEventCreateWithFlags(&from, cudaEventDefault));
    TRY(cudaEventCreateWithFlags(&to, cudaEventDefault));
    TRY(cudaEventRecord(from, with->compute));
    TRY(cudaEventRecord(to, with->compute));
    TRY(cudaEventRecord(with->event, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    cudaError_t error = cudaEventElapsedTime(&ms, from, planted ? with->event : to);
    TRY(cudaEventDestroy(from));
    TRY(cudaEventDestroy(to));
    TRY(error);
    return ms >= 0.0f ? 0 : FAULT_WRONG;
}

static int time_too_early(const fixture *with, bool planted)
{
    cudaEvent_t from, to;
    float ms = -1.0f;
    TRY(cudaEventCreateWithFlags(&from, cudaEventDefault));
    TRY(cudaEventCreateWithFlags(&to, cudaEventDefault));
    TRY(cudaEventRecord(from, with->compute));
    TRY(fault_fill(with->device, 1.0f, FAULT_COUNT, with->compute));
    TRY(cudaEventRecord(to, with->compute));
    if (!planted)
        TRY(cudaEventSynchronize(to));
    cudaError_t error = cudaEventElapsedTime(&ms, from, to);
    TRY(cudaEventDestroy(from));
    TRY(cudaEventDestroy(to));
    TRY(error);
    return ms > 0.0f ? 0 : FAULT_WRONG;
}

const fault_case stream_cases[] = {
    {"missing_wait", missing_wait},
    {"recorded_too_early", recorded_too_early},
    {"missing_synchronize", missing_synchronize},
    {"reused_too_early", reused_too_early},
    {"overwritten_too_early", overwritten_too_early},
    {"blocking_copy", blocking_copy},
    {"null_stream_kernel", null_stream_kernel},
    {"null_stream_copy", null_stream_copy},
    {"null_stream_memset", null_stream_memset},
    {"destroyed_stream", destroyed_stream},
    {"destroyed_event", destroyed_event},
    {"never_recorded", never_recorded},
    {"untimed_event", untimed_event},
    {"time_too_early", time_too_early},
    {NULL, NULL},
};
