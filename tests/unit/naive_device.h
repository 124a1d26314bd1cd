/*
 * A device that computes by the double reference, plainly laid out: the self-check passes on it,
 * and fails with each planted fault. It takes every op chain as one plan.
 */
#ifndef TESTS_NAIVE_DEVICE_H
#define TESTS_NAIVE_DEVICE_H

#include <hpac/device.h>

typedef enum naive_fault {
    NAIVE_NONE,
    NAIVE_STATISTICS_AXIS,       /* batch_norm: the statistics of each image, not of the batch */
    NAIVE_NO_MOVING_UPDATE,      /* batch_norm: the moving variance stays */
    NAIVE_MOVES_FROZEN,          /* batch_norm: frozen statistics are updated */
    NAIVE_BATCH_STATISTICS,      /* batch_norm: those of the batch without training */
    NAIVE_SIDE_GRADIENT_DROPPED, /* add: zeros */
    NAIVE_CONCAT_OFFSET,         /* one channel too far */
    NAIVE_PADDING_SIDE,          /* top and left are bottom and right */
    NAIVE_AVERAGE_OF_PADDING,    /* avgpool: divides by the size of the window */
    NAIVE_ADDED_IS_WRITTEN,      /* dx is written, not added */
    NAIVE_SIDE_IS_WRITTEN,       /* likewise the gradients of sides */
    NAIVE_READS_IGNORED,         /* backward reads x, and the plan says it does not */
    NAIVE_UNWRITTEN,             /* the last gamma gradient is not written */
    NAIVE_DILATION_IGNORED,      /* convolution */
    NAIVE_SPATIAL_BY_CHANNEL,    /* spatial dropout: one number for all images */
    NAIVE_UNBIASED_VARIANCE,     /* batch_norm: the moving variance is that of a sample */
    NAIVE_EPSILON_OUTSIDE,       /* batch_norm: sqrt(variance) + epsilon */
    NAIVE_MEAN_OF_SQUARES,       /* batch_norm: the variance is E[x^2] - E[x]^2 in float32 */
    NAIVE_FIXED_STATISTICS,      /* batch_norm: no gradient through mean and variance */
    NAIVE_TANH_GELU,             /* the approximation */
    NAIVE_VIEW_OFFSET,           /* views begin one channel off */
    NAIVE_VIEW_SPILLS,           /* a channel beside a view is written */
    NAIVE_CONCAT_MOVES,          /* a concat in place writes zeros */
    NAIVE_FAULT_COUNT,
} naive_fault;

/* To be closed by its close(). */
hpac_device *open_naive_device(naive_fault fault);

#endif
