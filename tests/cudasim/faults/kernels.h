/* The launchers of the fault tests' kernels, as kernels/kernels.h has those of the real ones. */
#ifndef FAULT_KERNELS_H
#define FAULT_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAULT_THREADS 64 /* of the kernels that work in one block */

typedef enum fault_barrier {
    BARRIER_RIGHT,
    BARRIER_AFTER_RETURN,
    BARRIER_IN_BRANCH,
    BARRIER_IN_TWO_LINES,
} fault_barrier;

typedef enum fault_warp {
    WARP_RIGHT,
    WARP_LANE_RETURNS,
    WARP_HALF_COMES,
    WARP_NOT_IN_MASK,
    WARP_SOURCE_NOT_IN_MASK,
    WARP_BARRIER_INSIDE,
} fault_warp;

cudaError_t fault_fill(float *values, float value, int count, cudaStream_t stream);
cudaError_t fault_add(float *to, const float *from, int shift, int count, cudaStream_t stream);
cudaError_t fault_write_at(float *values, long index, cudaStream_t stream);
cudaError_t fault_not_listed(float *values, cudaStream_t stream);
cudaError_t fault_turn(float *values, bool wait, cudaStream_t stream);
cudaError_t fault_sum_rounds(float *values, bool wait, cudaStream_t stream);
cudaError_t fault_barriers(float *values, fault_barrier fault, cudaStream_t stream);
cudaError_t fault_warp_sums(float *values, fault_warp fault, int threads, cudaStream_t stream);
cudaError_t fault_shared_index(float *values, unsigned index, cudaStream_t stream);
cudaError_t fault_dynamic_index(float *values, unsigned index, size_t shared_nbytes,
                                cudaStream_t stream);
cudaError_t fault_load_four(float *to, const float *from, cudaStream_t stream);
cudaError_t fault_after_block(float *values, bool own, cudaStream_t stream);
cudaError_t fault_after_thread(float *values, bool own, cudaStream_t stream);
/* fill with any configuration. */
cudaError_t fault_configured(float *values, unsigned blocks, unsigned threads, size_t shared_nbytes,
                             cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
