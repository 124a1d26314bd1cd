/*
 * The operations as plainly as they can be written, in double, for devices to be compared with. All
 * arrays are in Keras's layout.
 *
 *     reference_call call = {.op = &op, .batch = 2, .x = x, .y = y, .dy = dy, .dx = dx};
 *     call.values[HPAC_KERNEL] = kernel;
 *     hpac_reference_forward(&call);
 */
#ifndef HPAC_DOCTOR_REFERENCE_H
#define HPAC_DOCTOR_REFERENCE_H

#include <hpac/device.h>

/* The source of dropout's random numbers. */
typedef struct reference_draw {
    uint64_t seed;
    uint32_t step;
    bool training; /* also: batch_norm uses the statistics of the batch */
} reference_draw;

/* One operation on a batch. Arrays that an operation does not have are NULL. */
typedef struct reference_call {
    const hpac_op *op;
    size_t batch;
    reference_draw draw;
    bool frozen_statistics; /* batch_norm uses the moving averages in training, too */
    const double *x, *sides[HPAC_OP_MAX_SIDES];
    double *values[HPAC_ROLE_COUNT]; /* forward updates the moving averages in training */
    double *y;                       /* forward writes it, backward reads it */
    const double *dy;                /* the rest: backward */
    double *dx, *dsides[HPAC_OP_MAX_SIDES], *gradients[HPAC_ROLE_COUNT]; /* overwritten */
} reference_call;

/* Elements of the tensor of that role; 0: there is none. */
size_t hpac_reference_count(const hpac_op *op, hpac_role role);
void hpac_reference_forward(const reference_call *call);
void hpac_reference_backward(const reference_call *call);

/* How far x is from where the operation decides otherwise, after forward: from the kinks of an
 * activation, and how far apart the two largest values of a window are that differ. INFINITY for
 * what decides nothing. */
double hpac_reference_margin(const reference_call *call);

/* What batch_norm does with a channel, after forward. */
typedef struct reference_norm {
    double mean, variance, inverse; /* 1 / sqrt(variance + epsilon) */
} reference_norm;

reference_norm hpac_reference_norm(const reference_call *call, size_t channel);

/* One update of a weight and of the optimizer's states (device.h), by the learning rate and the
 * correction of the step; states that the optimizer does not have are not changed. */
void hpac_reference_update(const hpac_optimizer *optimizer, const hpac_step *step, double gradient,
                           double *w, double *state, double *state_2);

#endif
