/*
 * Coarse work on several threads: checking files, generating images, preprocessing a directory.
 * (Kernels of the CPU device use OpenMP, as oneDNN does; the loader has threads of its own.)
 */
#ifndef HPAC_BASE_PARALLEL_H
#define HPAC_BASE_PARALLEL_H

#include <hpac/status.h>

/* Calls body(user, index, thread) for every index in 0 .. count - 1 on `threads` threads (0: one
 * per core; the caller's is one of them), thread in 0 .. threads - 1. Indices are started in order.
 * After a failure no further index is started; of several failures the one with the lowest index is
 * returned, with its message in the caller's error record. */
hpac_status hpac_parallel_for(int threads, size_t count,
                              hpac_status (*body)(void *user, size_t index, int thread),
                              void *user);

#endif
