/*
 * Coarse work on several threads: checking files, painting images, preprocessing a folder.
 * (Kernels of the CPU device use OpenMP, as oneDNN does; the loader keeps threads of its own.)
 */
#ifndef HPAC_BASE_PARALLEL_H
#define HPAC_BASE_PARALLEL_H

#include <hpac/status.h>

/* Logical cores this process may run on; at least 1. */
int hpac_core_count(void);

/* Calls body(user, index, thread) for every index of 0 .. count - 1 on `threads` threads (0: one a
 * core; the caller's is one of them), thread in 0 .. threads - 1. Indices are handed out in order.
 * The first failure stops the handing out; of several, the one with the lowest index is returned,
 * with its message in the caller's error record. */
hpac_status hpac_parallel_for(int threads, size_t count,
                              hpac_status (*body)(void *user, size_t index, int thread),
                              void *user);

#endif
