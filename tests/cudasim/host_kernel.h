/*
 * What the executor (executor.c) and the host builds of the kernels share. A host build is a kernel
 * that g++ compiled through cuda_on_host.h; it registers itself when its library is loaded.
 */
#ifndef CUDASIM_HOST_KERNEL_H
#define CUDASIM_HOST_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vector_types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUDASIM_MAX_ARGUMENTS 32
#define CUDASIM_MAX_POINTERS 16  /* in one of them */
#define CUDASIM_MAX_THREADS 1024 /* of a block, on every GPU so far */
#define CUDASIM_WARP 32
#define CUDASIM_DYNAMIC_NBYTES ((size_t)1 << 18) /* of shared memory: more than any GPU has */

/* An argument, and where in it addresses are. */
typedef struct cudasim_argument {
    size_t nbytes;
    int pointer_count;
    size_t pointers[CUDASIM_MAX_POINTERS];
} cudasim_argument;

typedef struct cudasim_host_kernel {
    const char *name; /* as it is written; the symbol is looked up by the function */
    const void *function;
    void (*run_threads)(void **arguments); /* takes threads of the block until there are no more */
    void *(*touch_shared)(void);           /* makes this thread's __shared__ memory exist */
    int argument_count;
    const cudasim_argument *arguments;
    const char *symbol;               /* set when it is registered, like what follows */
    struct cudasim_host_kernel *next; /* of all */
} cudasim_host_kernel;

void cudasim_add_host_kernel(cudasim_host_kernel *host_kernel);

/* One thread's place: threadIdx, and its number in the block. */
typedef struct cudasim_thread {
    uint3 index;
    unsigned linear;
} cudasim_thread;

typedef enum cudasim_thread_state {
    CUDASIM_NEW,
    CUDASIM_RUNNABLE,
    CUDASIM_AT_BARRIER,
    CUDASIM_AT_WARP,
    CUDASIM_ENDED,
} cudasim_thread_state;

/* The block that runs. Threads begin in the order of `order`. */
typedef struct cudasim_block_state {
    uint3 thread;    /* threadIdx of the thread that runs */
    unsigned linear; /* and its number */
    uint3 block;     /* blockIdx */
    dim3 block_dim, grid_dim;
    unsigned next, stop; /* places in `order`: the next to begin, and where beginning pauses */
    unsigned ended, waiting;
    const cudasim_host_kernel *host_kernel; /* NULL: no kernel runs */
    void *dynamic_shared;
    unsigned char *shared_end; /* of dynamic shared memory; as much after it is nobody's */
    size_t shared_nbytes;
    cudasim_thread order[CUDASIM_MAX_THREADS];
    unsigned char states[CUDASIM_MAX_THREADS]; /* by number */
} cudasim_block_state;

extern cudasim_block_state cudasim_block;

/* Takes the next thread, if there is one to begin. */
static inline bool cudasim_begin_thread(void)
{
    if (cudasim_block.next >= cudasim_block.stop)
        return false;
    const cudasim_thread *thread = &cudasim_block.order[cudasim_block.next++];
    cudasim_block.thread = thread->index;
    cudasim_block.linear = thread->linear;
    cudasim_block.states[thread->linear] = CUDASIM_RUNNABLE;
    return true;
}

void cudasim_fail_early_end(void) __attribute__((noreturn));

static inline void cudasim_end_thread(void)
{
    cudasim_block.states[cudasim_block.linear] = CUDASIM_ENDED;
    cudasim_block.ended++;
    if (cudasim_block.waiting > 0)
        cudasim_fail_early_end();
}

/* __syncthreads() of the source line. */
void cudasim_sync_block(int line);

/* What the lanes of `mask` do together: each brings a value and gets that of its source lane, or
 * with source -1 the lowest bits of all values. Lanes that meet must come from the same line. */
uint64_t cudasim_exchange(unsigned mask, uint64_t value, int source, int line);

/* Reports and ends; by the rules of printf. */
void cudasim_fail(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
