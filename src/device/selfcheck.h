/* What the files of the self-check share. */
#ifndef HPAC_DEVICE_SELFCHECK_H
#define HPAC_DEVICE_SELFCHECK_H

#include <hpac/selfcheck.h>

#define SELFCHECK_MAX_OPS 12

/* A stack of operations, or a check of its own. */
typedef struct selfcheck_case {
    const char *name;
    int batch, op_count;
    hpac_shape input;
    hpac_op ops[SELFCHECK_MAX_OPS]; /* shapes are worked out; out.channels of conv2d, dense given */
    hpac_status (*run)(hpac_device *device, uint64_t seed);
} selfcheck_case;

extern const selfcheck_case hpac_selfcheck_cases[];
extern const int hpac_selfcheck_case_count;

hpac_status hpac_selfcheck_stack(hpac_device *device, const selfcheck_case *one, uint64_t seed);
hpac_status hpac_selfcheck_loss(hpac_device *device, uint64_t seed);
hpac_status hpac_selfcheck_adadelta(hpac_device *device, uint64_t seed);

/* NUMERIC unless all of got lie within rtol of expected, or rtol times the largest of them. */
hpac_status hpac_selfcheck_compare(const char *what, const float *got, const double *expected,
                                   size_t count, double rtol);

/* The blocks of memory of one check, freed together. Host blocks are pinned. */
#define SELFCHECK_MAX_BLOCKS 512

typedef struct selfcheck_memory {
    hpac_device *device;
    int count;
    struct {
        hpac_memory kind;
        void *address;
    } blocks[SELFCHECK_MAX_BLOCKS];
} selfcheck_memory;

hpac_status hpac_selfcheck_alloc(selfcheck_memory *memory, hpac_memory kind, size_t nbytes,
                                 void **address);
void hpac_selfcheck_free(selfcheck_memory *memory);

#define SELFCHECK_TRY(call)                                                                        \
    do {                                                                                           \
        hpac_status try_status = (call);                                                           \
        if (try_status != HPAC_OK)                                                                 \
            return try_status;                                                                     \
    } while (0)

#endif
