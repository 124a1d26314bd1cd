/* The launchers of the fault tests' kernels. */
#include "kernels.cuh"

static unsigned blocks_of(int count)
{
    return (unsigned)(count + 255) / 256;
}

cudaError_t fault_fill(float *values, float value, int count, cudaStream_t stream)
{
    fill<<<blocks_of(count), 256, 0, stream>>>({count, value, values});
    return cudaGetLastError();
}

cudaError_t fault_add(float *to, const float *from, int shift, int count, cudaStream_t stream)
{
    add<<<blocks_of(count), 256, 0, stream>>>(to, from, shift, count);
    return cudaGetLastError();
}

cudaError_t fault_write_at(float *values, long index, cudaStream_t stream)
{
    write_at<<<1, 1, 0, stream>>>(values, index);
    return cudaGetLastError();
}

cudaError_t fault_not_listed(float *values, cudaStream_t stream)
{
    not_listed<<<1, 1, 0, stream>>>(values);
    return cudaGetLastError();
}

cudaError_t fault_turn(float *values, bool wait, cudaStream_t stream)
{
    turn<float><<<1, FAULT_THREADS, 0, stream>>>(values, wait);
    return cudaGetLastError();
}

cudaError_t fault_sum_rounds(float *values, bool wait, cudaStream_t stream)
{
    sum_rounds<<<1, FAULT_THREADS, 0, stream>>>(values, wait);
    return cudaGetLastError();
}

cudaError_t fault_barriers(float *values, fault_barrier fault, cudaStream_t stream)
{
    barriers<<<1, FAULT_THREADS, 0, stream>>>(values, fault);
    return cudaGetLastError();
}

cudaError_t fault_warp_sums(float *values, fault_warp fault, int threads, cudaStream_t stream)
{
    warp_sums<<<1, (unsigned)threads, 0, stream>>>(values, fault);
    return cudaGetLastError();
}

cudaError_t fault_shared_index(float *values, unsigned index, cudaStream_t stream)
{
    shared_index<<<1, 1, 0, stream>>>(values, index);
    return cudaGetLastError();
}

cudaError_t fault_dynamic_index(float *values, unsigned index, size_t shared_nbytes,
                                cudaStream_t stream)
{
    dynamic_index<<<1, 1, shared_nbytes, stream>>>(values, index);
    return cudaGetLastError();
}

cudaError_t fault_load_four(float *to, const float *from, cudaStream_t stream)
{
    load_four<<<1, 1, 0, stream>>>(to, from);
    return cudaGetLastError();
}

cudaError_t fault_after_block(float *values, bool own, cudaStream_t stream)
{
    after_block<<<FAULT_THREADS, 1, 0, stream>>>(values, own);
    return cudaGetLastError();
}

cudaError_t fault_after_thread(float *values, bool own, cudaStream_t stream)
{
    after_thread<<<1, FAULT_THREADS, 0, stream>>>(values, own);
    return cudaGetLastError();
}

cudaError_t fault_configured(float *values, unsigned blocks, unsigned threads, size_t shared_nbytes,
                             cudaStream_t stream)
{
    fill<<<blocks, threads, shared_nbytes, stream>>>({FAULT_THREADS, 1.0f, values});
    return cudaGetLastError();
}
