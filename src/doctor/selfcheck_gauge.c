/* What the self-check measures, compares and allocates with. */
#include "selfcheck_internal.h"

#include <math.h>

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

bool hpac_selfcheck_allows(selfcheck_gauge *gauge, double difference, double allowed)
{
    double ratio = difference / allowed;
    if (!(ratio <= gauge->ratio)) { /* a NaN is the worst */
        gauge->ratio = ratio;
        gauge->reading.error = difference;
        gauge->reading.tolerance = allowed;
    }
    return difference <= allowed;
}

/* What float32 cannot distinguish from 0 in a product. */
#define SMALLEST 2e-38

hpac_status hpac_selfcheck_compare(selfcheck_gauge *gauge, const char *what, const float *got,
                                   const double *expected, size_t count, double rtol, double scale)
{
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!hpac_selfcheck_allows(gauge, fabs((double)got[i] - expected[i]),
                                   SMALLEST + rtol * (scale + fabs(expected[i]))))
            return hpac_fail(HPAC_ERR_NUMERIC, "%s: value %zu of %zu is %.9g, expected %.9g", what,
                             i, count, (double)got[i], expected[i]);
    return HPAC_OK;
}

hpac_status hpac_selfcheck_alloc(selfcheck_memory *memory, hpac_memory kind, size_t nbytes,
                                 void **address)
{
    if (memory->count == SELFCHECK_MAX_BLOCKS)
        return hpac_fail(HPAC_ERR_INTERNAL, "selfcheck: more than %d blocks", SELFCHECK_MAX_BLOCKS);
    HPAC_TRY(memory->device->ops->alloc(memory->device, kind, nbytes, address));
    memory->blocks[memory->count].kind = kind;
    memory->blocks[memory->count++].address = *address;
    return HPAC_OK;
}

void hpac_selfcheck_free(selfcheck_memory *memory)
{
    for (size_t i = memory->count; i-- > 0;)
        memory->device->ops->free(memory->device, memory->blocks[i].kind,
                                  memory->blocks[i].address);
}
