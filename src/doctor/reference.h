/*
 * The operations as plainly as they can be written, in double, for devices to be compared with. All
 * arrays are in Keras's layout.
 */
#ifndef HPAC_DOCTOR_REFERENCE_H
#define HPAC_DOCTOR_REFERENCE_H

#include <hpac/device.h>

/* The source of dropout's random numbers. */
typedef struct reference_draw {
    uint64_t seed;
    uint32_t step;
    bool training;
} reference_draw;

/* One operation on a batch. `kernel` and `bias` are NULL where there are none. */
typedef struct reference_call {
    const hpac_op *op;
    size_t batch;
    reference_draw draw;
    const double *x, *kernel, *bias;
    double *y;                                    /* forward writes it, backward reads it */
    const double *dy;                             /* the rest: backward */
    double *dx, *kernel_gradient, *bias_gradient; /* overwritten */
} reference_call;

size_t hpac_reference_kernel_count(const hpac_op *op);
size_t hpac_reference_bias_count(const hpac_op *op);
void hpac_reference_forward(const reference_call *call);
void hpac_reference_backward(const reference_call *call);

/* One step of a weight `w` and its averages `a` and `u` (device.h). */
void hpac_reference_adadelta(const hpac_adadelta *adadelta, double gradient, double *w, double *a,
                             double *u);

#endif
