/* Runs the host build of a kernel: all blocks one after another, on this thread (executor.c,
 * fiber.c). */
#ifndef CUDASIM_EXECUTOR_H
#define CUDASIM_EXECUTOR_H

#include "host_kernel.h"

void executor_run(const cudasim_host_kernel *host_kernel, dim3 grid, dim3 block,
                  size_t shared_nbytes, void **arguments);

/* A stack that runs threads of a block, one after another until one has to wait. */
typedef struct fiber fiber;

/* The function every fiber begins with; it never returns. */
typedef void fiber_function(void);

fiber *fiber_take(fiber_function *function); /* one that is idle, or a new one */
void fiber_resume(fiber *fiber);             /* from the scheduler, until it pauses */
fiber *fiber_current(void);
void fiber_pause(void); /* from a fiber, back to the scheduler */
void fiber_idle(void);  /* the same, and others may take it */

#endif
