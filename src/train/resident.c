/* A data set in the device's memory: whether it fits, and which image lies where. */
#include "train_internal.h"

#include <hpac/log.h>

#include <stdlib.h>

/* What stays free beside it: libraries load more code on the way, and others use the GPU too. */
#define SPARE_SHARE 0.1

/* Whether a data set fits beside the network, which has its memory already. */
static hpac_status fits(const train_job *training, bool *fits)
{
    hpac_device_info info;
    hpac_status status = training->device->ops->describe(training->device, &info);
    if (status != HPAC_OK)
        return status;
    double nbytes = (double)hpac_network_retained_nbytes(training->network, training->labels.count);
    double spare = SPARE_SHARE * (double)info.total_nbytes;
    *fits = nbytes + spare <= (double)info.free_nbytes;
    const char *what = *fits ? "stay in the device's memory" : "do not fit the device's memory";
    hpac_log_info("data: %zu images %s (%.1f MiB, %.1f MiB free)", training->labels.count, what,
                  nbytes * 0x1p-20, (double)info.free_nbytes * 0x1p-20);
    return HPAC_OK;
}

static hpac_status allocate(train_job *training)
{
    train_resident *resident = &training->resident;
    size_t count = training->labels.count;
    resident->kept = calloc(count, sizeof *resident->kept);
    resident->places = calloc(count, sizeof *resident->places);
    if (!resident->kept || !resident->places)
        return hpac_fail_memory(count * sizeof *resident->places);
    return hpac_network_retain_images(training->network, count);
}

hpac_status train_resident_open(train_job *training)
{
    hpac_switch wanted = training->config->device.resident;
    const hpac_device_ops *ops = training->device->ops;
    bool pays = training->config->train.epochs > 1 && ops->gather;
    if (wanted == HPAC_SWITCH_OFF || (wanted == HPAC_SWITCH_AUTO && !pays))
        return HPAC_OK;
    bool fit = true;
    hpac_status status = ops->gather ? fits(training, &fit) : HPAC_OK;
    if (status != HPAC_OK || (!fit && wanted == HPAC_SWITCH_AUTO))
        return status;
    status = allocate(training);
    if (status == HPAC_OK || wanted == HPAC_SWITCH_ON)
        return hpac_fail_within(status, "device.resident");
    /* Somebody was faster than we. */
    hpac_log_warning("data: the images are uploaded for each batch: %s", hpac_error_message());
    train_resident_close(training);
    return HPAC_OK;
}

void train_resident_place(train_job *training, const hpac_batch *batch, uint32_t *places)
{
    train_resident *resident = &training->resident;
    for (size_t i = 0; i < batch->count; i++) {
        size_t row = batch->rows[i];
        bool fetched = !batch->data;
        if (!fetched && resident->kept[row]) {
            places[i] = HPAC_NETWORK_NOT_RETAINED; /* it is there already */
            continue;
        }
        if (!fetched) {
            resident->kept[row] = true;
            resident->places[row] = resident->count++;
        }
        places[i] = resident->places[row];
    }
}

void train_resident_close(train_job *training)
{
    free(training->resident.kept);
    free(training->resident.places);
    training->resident = (train_resident){0};
}
