/* Learning rates: see schedule.h for where the formulas come from. */
#include "schedule.h"

#include <math.h>

train_schedule train_schedule_make(const hpac_config_train *train, size_t batches_per_epoch)
{
    double batches = (double)batches_per_epoch, accumulate = (double)train->accumulate;
    return (train_schedule){
        .options = train->schedule,
        .learning_rate = (double)train->optimizer.learning_rate,
        .updates_per_epoch = batches / accumulate,
        .updates = floor(batches * (double)train->epochs / accumulate),
    };
}

/* From `from` to `to` along half a cosine; `share` in [0, 1]. */
static double along_cosine(double from, double to, double share)
{
    return to + (from - to) * (1 + cos(acos(-1) * share)) / 2;
}

static double one_cycle(const train_schedule *schedule, double update)
{
    const hpac_schedule *options = &schedule->options;
    double start = (double)options->start_factor, final = (double)options->final_factor;
    double top = (double)options->rise * schedule->updates - 1, last = schedule->updates - 1;
    if (update <= top && top > 0)
        return along_cosine(start, 1, update / top);
    return last > top
               ? along_cosine(1, final, fmin(1, (update - fmax(0, top)) / (last - fmax(0, top))))
               : 1;
}

/* Of an update after the warm-up, which took `warm_up` updates. */
static double factor_after(const train_schedule *schedule, double update, double warm_up)
{
    const hpac_schedule *options = &schedule->options;
    double passed = (update - warm_up) / (schedule->updates_per_epoch * (double)options->every);
    double rest = schedule->updates - warm_up;
    switch (options->kind) {
    case HPAC_SCHEDULE_STEP:
        /* An epoch ends where rounding says that it almost does. */
        return pow((double)options->factor, floor(passed + 1e-9));
    case HPAC_SCHEDULE_EXPONENTIAL:
        return pow((double)options->factor, passed);
    case HPAC_SCHEDULE_COSINE:
        return along_cosine(1, (double)options->final_factor,
                            rest > 0 ? fmin(1, (update - warm_up) / rest) : 1);
    default:
        return 1;
    }
}

double train_schedule_at(const void *of, uint32_t update)
{
    const train_schedule *schedule = of;
    double number = (double)update;
    double warm_up = round((double)schedule->options.warm_up * schedule->updates_per_epoch);
    if (schedule->options.kind == HPAC_SCHEDULE_ONE_CYCLE)
        return schedule->learning_rate * one_cycle(schedule, number);
    if (number < warm_up)
        return schedule->learning_rate * number / warm_up;
    return schedule->learning_rate * factor_after(schedule, number, warm_up);
}
