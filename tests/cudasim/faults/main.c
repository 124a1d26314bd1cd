/* `faults NAME` runs a case as it is right, `faults NAME planted` with its bug, `faults` lists
 * them. */
#include "faults.h"

#include <stdio.h>
#include <string.h>

int fault_report(cudaError_t error, const char *call)
{
    if (error == cudaSuccess)
        return 0;
    fprintf(stderr, "%s: %s\n", cudaGetErrorName(error), call);
    return FAULT_REFUSED;
}

int fault_download(const fixture *with, const float *from, int count)
{
    size_t nbytes = (size_t)count * sizeof *from;
    TRY(cudaMemcpyAsync(with->pinned, from, nbytes, cudaMemcpyDeviceToHost, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    return 0;
}

int fault_compare(const fixture *with, float expected, float slope, int count)
{
    for (int i = 0; i < count; i++) {
        float value = with->pinned[i], wanted = expected + slope * (float)i;
        if (!(value >= wanted && value <= wanted)) {
            fprintf(stderr, "wrong result: value %d is %g, not %g\n", i, (double)value,
                    (double)wanted);
            return FAULT_WRONG;
        }
    }
    return 0;
}

static int open_fixture(fixture *with)
{
    size_t nbytes = FAULT_COUNT * sizeof(float);
    TRY(cudaStreamCreateWithFlags(&with->compute, cudaStreamNonBlocking));
    TRY(cudaStreamCreateWithFlags(&with->copy, cudaStreamNonBlocking));
    TRY(cudaEventCreateWithFlags(&with->event, cudaEventDisableTiming));
    TRY(cudaMalloc((void **)&with->device, nbytes));
    TRY(cudaMalloc((void **)&with->second, nbytes));
    TRY(cudaMallocHost((void **)&with->pinned, nbytes));
    TRY(cudaMemsetAsync(with->device, 0, nbytes, with->compute));
    TRY(cudaMemsetAsync(with->second, 0, nbytes, with->compute));
    TRY(cudaStreamSynchronize(with->compute));
    for (int i = 0; i < FAULT_COUNT; i++)
        with->pinned[i] = (float)i;
    return 0;
}

/* Results do not matter: after a sticky error each of these fails, and gives back all the same. */
static void close_fixture(const fixture *with)
{
    cudaFreeHost(with->pinned);
    cudaFree(with->second);
    cudaFree(with->device);
    cudaEventDestroy(with->event);
    cudaStreamDestroy(with->copy);
    cudaStreamDestroy(with->compute);
}

static const fault_case *const groups[] = {memory_cases, leak_cases,    stream_cases,
                                           block_cases,  capture_cases, launch_cases};

static const fault_case *find(const char *name)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        for (const fault_case *one = groups[i]; one->name != NULL; one++) {
            if (name == NULL)
                puts(one->name);
            else if (strcmp(one->name, name) == 0)
                return one;
        }
    return NULL;
}

int main(int count, char **arguments)
{
    const fault_case *one = find(count > 1 ? arguments[1] : NULL);
    if (one == NULL) {
        if (count > 1)
            fprintf(stderr, "faults: there is no case %s\n", arguments[1]);
        return count > 1 ? 2 : 0;
    }
    fixture with = {0};
    int result = open_fixture(&with);
    if (result == 0)
        result = one->run(&with, count > 2 && strcmp(arguments[2], "planted") == 0);
    close_fixture(&with);
    return result;
}
