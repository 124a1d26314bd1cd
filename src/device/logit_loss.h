/* The loss of one logit, for the CPU and for what is computed beside a training. */
#ifndef HPAC_DEVICE_LOGIT_LOSS_H
#define HPAC_DEVICE_LOGIT_LOSS_H

#include <hpac/device.h>

typedef struct logit_loss {
    double loss, probability, gradient;
} logit_loss;

/* hpac_loss_formula (device.h) of a logit whose label is 1 if `positive`; `weight`: of its class.
 * Finite for every finite logit; a NaN gives a loss and a gradient of NaN. */
logit_loss hpac_logit_loss(const hpac_loss_formula *formula, double z, bool positive,
                           double weight);

#endif
