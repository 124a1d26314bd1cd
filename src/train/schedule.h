/* The learning rate of each update. */
#ifndef HPAC_TRAIN_SCHEDULE_H
#define HPAC_TRAIN_SCHEDULE_H

#include <hpac/config.h>

typedef struct train_schedule {
    hpac_schedule options;
    double learning_rate;     /* the optimizer's, which the schedule scales */
    double updates_per_epoch; /* not necessarily an integer */
    double updates;           /* of the whole training */
} train_schedule;

train_schedule train_schedule_make(const hpac_config_train *train, size_t batches_per_epoch);

/* Of update 0, 1, ...: a function of its number alone. `schedule`: a train_schedule.
 *
 * Warm-up, cosine and exponential are those of Keras's CosineDecay and ExponentialDecay, step is
 * PyTorch's StepLR (Keras's ExponentialDecay with staircase), one_cycle PyTorch's OneCycleLR with
 * anneal_strategy "cos". Past the end the last learning rate stays. */
double train_schedule_at(const void *schedule, uint32_t update);

#endif
