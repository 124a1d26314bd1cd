#include "recorded_steps.h"

#include <string.h>
#include <sys/param.h>

hpac_step recorded_steps[RECORDED_STEPS_MAX];
size_t recorded_step_count;
hpac_update recorded_update;
hpac_optimizer recorded_optimizer;
hpac_update_range recorded_ranges[RECORDED_RANGES_MAX];

static const hpac_device_ops *wrapped;
static hpac_device_ops recording;

static hpac_status record_step(hpac_device *device, const hpac_step *step)
{
    if (recorded_step_count < RECORDED_STEPS_MAX)
        recorded_steps[recorded_step_count] = *step;
    recorded_step_count++;
    return wrapped->set_step(device, step);
}

static hpac_status record_update(hpac_device *device, const hpac_update *update)
{
    size_t count = MIN(update->range_count, RECORDED_RANGES_MAX);
    void *pinned;
    if (recorded_update.ranges)
        return wrapped->update(device, update);
    recorded_update = *update;
    recorded_optimizer = *update->optimizer;
    HPAC_TRY(wrapped->alloc(device, HPAC_MEMORY_PINNED, sizeof recorded_ranges, &pinned));
    hpac_status status = wrapped->download(device, HPAC_QUEUE_COMPUTE, pinned, update->ranges,
                                           count * sizeof *recorded_ranges);
    if (status == HPAC_OK)
        status = wrapped->synchronize(device);
    memcpy(recorded_ranges, pinned, count * sizeof *recorded_ranges);
    wrapped->free(device, HPAC_MEMORY_PINNED, pinned);
    return status == HPAC_OK ? wrapped->update(device, update) : status;
}

void recorded_steps_start(hpac_device *device)
{
    recorded_step_count = 0;
    recorded_update = (hpac_update){0};
    wrapped = device->ops;
    recording = *wrapped;
    recording.set_step = record_step;
    recording.update = record_update;
    device->ops = &recording;
}

void recorded_steps_stop(hpac_device *device)
{
    device->ops = wrapped;
}
