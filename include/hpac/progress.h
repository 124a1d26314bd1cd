/* Progress of a training, an evaluation or a prediction, reported after every batch. */
#ifndef HPAC_PROGRESS_H
#define HPAC_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hpac_phase {
    HPAC_PHASE_PREPARE, /* images of a pool, before the clock of the first epoch starts */
    HPAC_PHASE_TRAIN,
    HPAC_PHASE_VALIDATE,
    HPAC_PHASE_PREDICT, /* without an epoch: evaluation and prediction */
} hpac_phase;

typedef struct hpac_progress {
    hpac_phase phase;
    uint32_t epoch, epochs; /* of TRAIN and VALIDATE: the current epoch, from 1 */
    size_t batch, batches;  /* finished; of PREPARE: images, and nothing below is set */
    double loss, f1_mean;   /* so far in the phase; NaN without labels */
    double images_per_s;    /* in the phase */
    double waiting;         /* share of the phase's time spent waiting for data, 0..1 */
    double remaining_s;     /* of the phase */
} hpac_progress;

#ifdef __cplusplus
}
#endif

#endif
