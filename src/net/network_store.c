/* Resident images: after its first pass a data set that fits into the device's memory is not
 * uploaded again. */
#include "network_internal.h"

#include <string.h>

size_t hpac_network_retained_nbytes(const hpac_network *network, size_t image_count)
{
    const hpac_batch_format *format = &network->options.format;
    return image_count * (format->target_count + hpac_batch_image_nbytes(format));
}

void network_store_fini(hpac_network *network)
{
    hpac_device *device = network->options.device;
    device->ops->free(device, HPAC_MEMORY_DEVICE, network->store.targets);
    device->ops->free(device, HPAC_MEMORY_DEVICE, network->store.pixels);
    network->store = (network_store){0};
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        network_flight *flight = &network->flights[i];
        device->ops->free(device, HPAC_MEMORY_PINNED, flight->host_rows);
        device->ops->free(device, HPAC_MEMORY_DEVICE, flight->rows);
        flight->host_rows = flight->rows = NULL;
    }
}

static hpac_status allocate_store(hpac_network *network, size_t image_count)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    network_store *store = &network->store;
    size_t rows_nbytes = format->batch_size * sizeof(uint32_t);
    HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE, image_count * format->target_count,
                                &store->targets));
    HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE,
                                image_count * hpac_batch_image_nbytes(format), &store->pixels));
    for (size_t i = 0; i < HPAC_NETWORK_IN_FLIGHT; i++) {
        network_flight *flight = &network->flights[i];
        HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_PINNED, rows_nbytes, &flight->host_rows));
        HPAC_TRY(device->ops->alloc(device, HPAC_MEMORY_DEVICE, rows_nbytes, &flight->rows));
    }
    store->image_count = image_count;
    return HPAC_OK;
}

hpac_status hpac_network_retain_images(hpac_network *network, size_t image_count)
{
    hpac_device *device = network->options.device;
    network_store *store = &network->store;
    if (!device->ops->gather || !device->ops->copy)
        return hpac_fail(HPAC_ERR_DEVICE,
                         "device %s has no memory of its own for resident images; data.cache_mib "
                         "caches them",
                         device->ops->name);
    if (!network->allocated || store->image_count > 0 || image_count >= HPAC_NETWORK_NOT_RETAINED)
        return hpac_fail(HPAC_ERR_INTERNAL, "cannot retain %zu images: %s", image_count,
                         network->allocated ? "requested twice, or too many"
                                            : "the network is not allocated");
    hpac_status status = allocate_store(network, image_count);
    if (status != HPAC_OK)
        network_store_fini(network);
    return status;
}

/* Copies `count` images of the flight's batch from `first` on to consecutive rows from `row` on. */
static hpac_status retain_images(hpac_network *network, network_flight *flight, size_t first,
                                 size_t count, uint32_t row)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t targets = format->target_count, image = hpac_batch_image_nbytes(format);
    HPAC_TRY(device->ops->copy(device, network_at(network->store.targets, row * targets),
                               network_at(flight->staging, first * targets), count * targets));
    return device->ops->copy(
        device, network_at(network->store.pixels, row * image),
        network_at(flight->staging, hpac_batch_pixels_offset_nbytes(format) + first * image),
        count * image);
}

static hpac_status check_resident_rows(const hpac_network *network, const hpac_network_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t row = batch->resident_rows[i];
        if (row >= network->store.image_count && (!batch->slot || row != HPAC_NETWORK_NOT_RETAINED))
            return hpac_fail(HPAC_ERR_INTERNAL, "row %u for image %zu, of %zu", row, i,
                             network->store.image_count);
    }
    return HPAC_OK;
}

hpac_status network_retain_batch(hpac_network *network, network_flight *flight,
                                 const hpac_network_batch *batch)
{
    HPAC_TRY(check_resident_rows(network, batch));
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_START, 0));
    for (size_t first = 0, end; first < batch->count; first = end) {
        uint32_t row = batch->resident_rows[first];
        end = first + 1;
        if (row == HPAC_NETWORK_NOT_RETAINED)
            continue;
        while (end < batch->count && batch->resident_rows[end] == row + (uint32_t)(end - first))
            end++;
        HPAC_TRY(retain_images(network, flight, first, end - first, row));
    }
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_RETAIN, 0);
}

static hpac_status gather(hpac_network *network, network_flight *flight, size_t count, void *to,
                          const void *from, size_t row_nbytes)
{
    hpac_device *device = network->options.device;
    const hpac_gather request = {
        .to = to, .from = from, .rows = flight->rows, .count = count, .row_nbytes = row_nbytes};
    return device->ops->gather(device, &request);
}

hpac_status network_gather_batch(hpac_network *network, network_flight *flight,
                                 const hpac_network_batch *batch)
{
    hpac_device *device = network->options.device;
    const hpac_batch_format *format = &network->options.format;
    size_t nbytes = batch->count * sizeof *batch->resident_rows;
    HPAC_TRY(check_resident_rows(network, batch));
    /* The flight's last step was collected: nothing reads its pinned rows any more. */
    memcpy(flight->host_rows, batch->resident_rows, nbytes);
    HPAC_TRY(device->ops->upload(device, HPAC_QUEUE_COPY, flight->rows, flight->host_rows, nbytes));
    HPAC_TRY(network_await_upload(network, flight));
    HPAC_TRY(network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_START, 0));
    HPAC_TRY(gather(network, flight, batch->count, flight->staging, network->store.targets,
                    format->target_count));
    HPAC_TRY(gather(network, flight, batch->count,
                    network_at(flight->staging, hpac_batch_pixels_offset_nbytes(format)),
                    network->store.pixels, hpac_batch_image_nbytes(format)));
    return network_profile_mark(network, flight, HPAC_QUEUE_COMPUTE, NETWORK_GATHER, 0);
}
