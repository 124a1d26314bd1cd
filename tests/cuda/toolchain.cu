// Shows that the CUDA toolchain is whole: a kernel compiles, the runtime, cuBLAS and cuDNN link and
// load, and each library is of the release its header is of. It needs no GPU: nothing is launched.
#include <cstdio>

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

__global__ void scale(float *values, float factor, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        values[i] *= factor;
}

static bool agree(const char *library, long header, long loaded)
{
    bool same = header == loaded;
    std::printf("%-8s header %ld, library %ld%s\n", library, header, loaded,
                same ? "" : ": they are of different releases");
    return same;
}

int main()
{
    int runtime = 0, cublas_major = 0;
    bool whole = cudaRuntimeGetVersion(&runtime) == cudaSuccess &&
                 cublasGetProperty(MAJOR_VERSION, &cublas_major) == CUBLAS_STATUS_SUCCESS;
    if (!whole)
        std::printf("the CUDA runtime or cuBLAS does not report its version\n");
    whole &= agree("cudart", CUDART_VERSION / 1000, runtime / 1000);
    whole &= agree("cublas", CUBLAS_VER_MAJOR, cublas_major);
    whole &= agree("cudnn", CUDNN_VERSION, static_cast<long>(cudnnGetVersion()));

    // Names the kernel, so that its code is kept and found in this program.
    cudaFuncAttributes attributes;
    cudaError_t error = cudaFuncGetAttributes(&attributes, scale);
    std::printf("kernel   %s\n", cudaGetErrorName(error));
    whole &= error != cudaErrorInvalidDeviceFunction && error != cudaErrorSymbolNotFound;
    return whole ? 0 : 1;
}
