/* The host builds of the fault tests' kernels; not_listed has none. */
#include "kernels.cuh"

HOST_KERNEL(fill);
HOST_KERNEL(add);
HOST_KERNEL(write_at);
HOST_KERNEL(turn<float>);
HOST_KERNEL(sum_rounds);
HOST_KERNEL(barriers);
HOST_KERNEL(warp_sums);
HOST_KERNEL(shared_index);
HOST_KERNEL(dynamic_index);
HOST_KERNEL(load_four);
HOST_KERNEL(after_block);
HOST_KERNEL(after_thread);
