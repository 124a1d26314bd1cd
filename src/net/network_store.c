/* Images kept in the device's memory: after its first pass a data set that fits is uploaded no
 * more. */
#include "network_internal.h"

#include <string.h>

static size_t targets_nbytes(const hpac_network *network)
{
    return network->options.format.target_count;
}

size_t hpac_network_retained_nbytes(const hpac_network *network, size_t image_count)
{
    return image_count *
           (targets_nbytes(network) + hpac_batch_image_nbytes(&network->options.format));
}

static hpac_status allocate_places(hpac_network *network, network_lane *lane)
{
    hpac_device *device = network->options.device;
    size_t nbytes = network->options.format.batch_size * sizeof(uint32_t);
    TRY(device->ops->alloc(device, HPAC_MEMORY_PINNED, nbytes, &lane->host_places));
    return device->ops->alloc(device, HPAC_MEMORY_DEVICE, nbytes, &lane->places);
}

void network_store_fini(hpac_network *network)
{
    hpac_device *device = network->options.device;
    device->ops->free(device, HPAC_MEMORY_DEVICE, network->store.targets);
    device->ops->free(device, HPAC_MEMORY_DEVICE, network->store.pixels);
    network->store = (network_store){0};
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        network_lane *lane = &network->lanes[i];
        device->ops->free(device, HPAC_MEMORY_PINNED, lane->host_places);
        device->ops->free(device, HPAC_MEMORY_DEVICE, lane->places);
        lane->host_places = lane->places = NULL;
    }
}

static hpac_status allocate_store(hpac_network *network, size_t image_count)
{
    hpac_device *device = network->options.device;
    network_store *store = &network->store;
    TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE, image_count * targets_nbytes(network),
                           &store->targets));
    TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE,
                           image_count * hpac_batch_image_nbytes(&network->options.format),
                           &store->pixels));
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++)
        TRY(allocate_places(network, &network->lanes[i]));
    store->image_count = image_count;
    return HPAC_OK;
}

hpac_status hpac_network_retain_images(hpac_network *network, size_t image_count)
{
    hpac_device *device = network->options.device;
    network_store *store = &network->store;
    if (!device->ops->gather || !device->ops->copy)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "device %s has no memory of its own to keep images in; they are kept by "
                         "data.cache_mib",
                         device->ops->name);
    if (!network->allocated || store->image_count > 0 || image_count >= HPAC_NETWORK_NOT_RETAINED)
        return hpac_fail(HPAC_ERR_INTERNAL, "room for %zu images is asked for %s", image_count,
                         network->allocated ? "twice, or it is too many" : "before the memory");
    hpac_status status = allocate_store(network, image_count);
    if (status != HPAC_OK)
        network_store_fini(network);
    return status;
}

/* Copies `count` images of the lane's batch from `first` on to `place` and the places after it. */
static hpac_status keep_run(hpac_network *network, const network_lane *lane, size_t first,
                            size_t count, uint32_t place)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t targets = targets_nbytes(network), image = hpac_batch_image_nbytes(format);
    TRY(device->ops->copy(device, network_at(network->store.targets, place * targets),
                          network_at(lane->staging, first * targets), count * targets));
    return device->ops->copy(
        device, network_at(network->store.pixels, place * image),
        network_at(lane->staging, hpac_batch_pixels_offset_nbytes(format) + first * image),
        count * image);
}

static hpac_status check_places(const hpac_network *network, const hpac_network_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t place = batch->resident_rows[i];
        if (place >= network->store.image_count &&
            (!batch->slot || place != HPAC_NETWORK_NOT_RETAINED))
            return hpac_fail(HPAC_ERR_INTERNAL, "place %u for image %zu, of %zu", place, i,
                             network->store.image_count);
    }
    return HPAC_OK;
}

hpac_status network_keep_batch(hpac_network *network, const network_lane *lane,
                               const hpac_network_batch *batch)
{
    TRY(check_places(network, batch));
    TRY(network_profile_begin(network, lane, HPAC_QUEUE_COMPUTE));
    for (size_t first = 0, end; first < batch->count; first = end) {
        uint32_t place = batch->resident_rows[first];
        end = first + 1;
        if (place == HPAC_NETWORK_NOT_RETAINED)
            continue;
        while (end < batch->count && batch->resident_rows[end] == place + (uint32_t)(end - first))
            end++;
        TRY(keep_run(network, lane, first, end - first, place));
    }
    return network_profile_end(network, lane, HPAC_QUEUE_COMPUTE, NETWORK_KEEP, 0);
}

static hpac_status gather(hpac_network *network, const network_lane *lane, size_t count, void *to,
                          const void *from, size_t row_nbytes)
{
    hpac_device *device = network->options.device;
    const hpac_gather request = {
        .to = to, .from = from, .rows = lane->places, .count = count, .row_nbytes = row_nbytes};
    return device->ops->gather(device, &request);
}

hpac_status network_gather_batch(hpac_network *network, const network_lane *lane,
                                 const hpac_network_batch *batch)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t nbytes = batch->count * sizeof *batch->resident_rows;
    TRY(check_places(network, batch));
    /* The lane's last step was collected: nothing reads its pinned places any more. */
    memcpy(lane->host_places, batch->resident_rows, nbytes);
    TRY(device->ops->upload(device, HPAC_QUEUE_COPY, lane->places, lane->host_places, nbytes));
    TRY(network_await_upload(network, lane));
    TRY(network_profile_begin(network, lane, HPAC_QUEUE_COMPUTE));
    TRY(gather(network, lane, batch->count, lane->staging, network->store.targets,
               targets_nbytes(network)));
    TRY(gather(network, lane, batch->count,
               network_at(lane->staging, hpac_batch_pixels_offset_nbytes(format)),
               network->store.pixels, hpac_batch_image_nbytes(format)));
    return network_profile_end(network, lane, HPAC_QUEUE_COMPUTE, NETWORK_GATHER, 0);
}
