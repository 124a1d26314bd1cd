#include "recorded_steps.h"

hpac_step recorded_steps[RECORDED_STEPS_MAX];
size_t recorded_step_count;

static const hpac_device_ops *wrapped;
static hpac_device_ops recording;

static hpac_status record_step(hpac_device *device, const hpac_step *step)
{
    if (recorded_step_count < RECORDED_STEPS_MAX)
        recorded_steps[recorded_step_count] = *step;
    recorded_step_count++;
    return wrapped->set_step(device, step);
}

void recorded_steps_start(hpac_device *device)
{
    recorded_step_count = 0;
    wrapped = device->ops;
    recording = *wrapped;
    recording.set_step = record_step;
    device->ops = &recording;
}

void recorded_steps_stop(hpac_device *device)
{
    device->ops = wrapped;
}
