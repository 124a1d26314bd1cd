/* What the self-check measures beside passing: the worst error of a case, and the device's time. */
#include "selfcheck_internal.h"

hpac_status hpac_selfcheck_gauge_init(selfcheck_gauge *gauge, hpac_device *device)
{
    *gauge = (selfcheck_gauge){.device = device, .ratio = -1};
    HPAC_TRY(device->ops->timer_create(device, &gauge->begin));
    return device->ops->timer_create(device, &gauge->end);
}

void hpac_selfcheck_gauge_fini(selfcheck_gauge *gauge)
{
    if (gauge->begin)
        gauge->device->ops->event_destroy(gauge->device, gauge->begin);
    if (gauge->end)
        gauge->device->ops->event_destroy(gauge->device, gauge->end);
}

bool hpac_selfcheck_allows(selfcheck_gauge *gauge, double difference, double allowed)
{
    double ratio = difference / allowed;
    if (!(ratio <= gauge->ratio)) { /* a NaN is the worst */
        gauge->ratio = ratio;
        gauge->reading.error = difference;
        gauge->reading.tolerance = allowed;
    }
    return !!(difference <= allowed);
}

hpac_status hpac_selfcheck_gauge_finish(selfcheck_gauge *gauge)
{
    const hpac_device_ops *call = gauge->device->ops;
    double ms = 0;
    if (!gauge->pending)
        return HPAC_OK;
    gauge->pending = false;
    HPAC_TRY(call->event_synchronize(gauge->device, gauge->end));
    HPAC_TRY(call->elapsed_ms(gauge->device, gauge->begin, gauge->end, &ms));
    gauge->reading.elapsed_ms += ms;
    return HPAC_OK;
}

hpac_status hpac_selfcheck_begin(selfcheck_gauge *gauge)
{
    HPAC_TRY(hpac_selfcheck_gauge_finish(gauge));
    return gauge->device->ops->event_record(gauge->device, gauge->begin, HPAC_QUEUE_COMPUTE);
}

hpac_status hpac_selfcheck_end(selfcheck_gauge *gauge)
{
    gauge->pending = true;
    return gauge->device->ops->event_record(gauge->device, gauge->end, HPAC_QUEUE_COMPUTE);
}
