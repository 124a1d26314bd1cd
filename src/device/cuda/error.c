/* Errors of the CUDA runtime, cuDNN and cuBLAS as messages. The shape comes from plan.c. */
#include "cuda.h"

#include <string.h>

/* What to do about errors after which every further call of the process fails, too. */
static const char *advice(cudaError_t error)
{
    static const cudaError_t sticky[] = {
        cudaErrorECCUncorrectable,
        cudaErrorIllegalAddress,
        cudaErrorLaunchTimeout,
        cudaErrorAssert,
        cudaErrorHardwareStackError,
        cudaErrorIllegalInstruction,
        cudaErrorMisalignedAddress,
        cudaErrorInvalidAddressSpace,
        cudaErrorInvalidPc,
        cudaErrorLaunchFailure,
        cudaErrorUnknown,
    };
    for (size_t i = 0; i < sizeof sticky / sizeof *sticky; i++)
        if (error == sticky[i])
            return ": the CUDA context is unusable after this error; start the run again (--resume "
                   "continues from the last checkpoint)";
    return "";
}

/* The function's name, without the arguments. */
static int name_length(const char *call)
{
    return (int)strcspn(call, "(");
}

hpac_status hpac_cuda_fail(cudaError_t error, const char *call)
{
    (void)cudaGetLastError(); /* so that the next launch does not report it again */
    return hpac_fail(HPAC_ERR_DEVICE, "%.*s: %s, %s%s", name_length(call), call,
                     cudaGetErrorName(error), cudaGetErrorString(error), advice(error));
}

/* cuDNN and cuBLAS return EXECUTION_FAILED where the runtime has a more precise error. */
static hpac_status add_cause(hpac_status status)
{
    cudaError_t cause = cudaGetLastError();
    if (cause == cudaSuccess)
        return status;
    return hpac_fail_within(status, "%s, %s%s", cudaGetErrorName(cause), cudaGetErrorString(cause),
                            advice(cause));
}

hpac_status hpac_cuda_fail_cudnn(cudnnStatus_t error, const char *call)
{
    char detail[512] = "";
    cudnnGetLastErrorString(detail, sizeof detail);
    return add_cause(hpac_fail(HPAC_ERR_DEVICE, "%.*s: %s%s%s", name_length(call), call,
                               cudnnGetErrorString(error), *detail ? ": " : "", detail));
}

hpac_status hpac_cuda_fail_cublas(cublasStatus_t error, const char *call)
{
    return add_cause(hpac_fail(HPAC_ERR_DEVICE, "%.*s: %s, %s", name_length(call), call,
                               cublasGetStatusName(error), cublasGetStatusString(error)));
}
