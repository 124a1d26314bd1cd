/* The host twins of the fault tests' kernels; not_listed has none. */
#include "kernels.cuh"

TWIN(fill);
TWIN(add);
TWIN(write_at);
TWIN(turn<float>);
TWIN(sum_rounds);
TWIN(barriers);
TWIN(warp_sums);
TWIN(shared_index);
TWIN(dynamic_index);
TWIN(load_four);
TWIN(after_block);
TWIN(after_thread);
