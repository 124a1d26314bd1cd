/*
 * What the simulated cuBLAS and cuDNN share: the checks that the real libraries leave to their
 * caller. Where those would corrupt memory or silently compute garbage, the program ends with
 * a report (cudasim_fail).
 */
#ifndef CUDASIM_LIBRARY_H
#define CUDASIM_LIBRARY_H

#include "cudasim.h"
#include "numbers.h"

/* One array of a call, or equal pieces of one that are equally far apart. */
typedef struct cudasim_operand {
    const char *name;
    const void *address;
    size_t nbytes; /* from the first piece to the end of the last */
    size_t alignment;
    bool written;
    const void *alias; /* the one other operand it may be, in whole; NULL: none */
    size_t pieces, piece_nbytes, step_nbytes; /* 0: one piece */
} cudasim_operand;

/* Checks when a call is made that all operands lie in live device memory and are aligned, that it
 * is the GPU's on which the call computes, and that what is written overlaps nothing else. */
void cudasim_check_operands(const char *call, int device, const cudasim_operand *operands,
                            size_t count);

/* The same memory once the operation runs. */
void *cudasim_operand_memory(const char *call, const cudasim_operand *operand);

/* Writes garbage (NaN in each format) where a result will be, or over scratch memory: all of it, or
 * when it is larger than a MB its ends and a line in every page. */
void cudasim_poison(void *memory, size_t nbytes);
/* Over the pieces of an operand, whose memory begins there. */
void cudasim_poison_operand(void *memory, const cudasim_operand *operand);
void cudasim_poison_scratch(void *memory, size_t nbytes);

/* The first use of a kernel loads code and makes plans, which a capture does not allow: every kind
 * of call must have been enqueued outside one before. `kind`: what distinguishes calls. */
void cudasim_check_first_use(const char *call, cudaStream_t stream, const void *kind,
                             size_t kind_nbytes);

/* Whether NVIDIA_TF32_OVERRIDE=0 forbids TF32, as in the real libraries. */
bool cudasim_tf32_forbidden(void);

#endif
