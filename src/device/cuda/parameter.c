/* Parameters and activations between host memory, as Keras writes them, and the device. The order
 * is changed on the host, in temporary pinned memory, and the copies wait: this is for start-up,
 * checkpoints and tests. */
#include "cuda.h"

#include <string.h>

/* The upper half of a float, rounded to the nearest, of equally near ones to the even. */
static uint16_t narrow(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN whose lower half alone is set stays one */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float widen(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* An element of float32 (4 bytes), bf16 (2) or bytes (1). */
static void store(void *stored, size_t index, size_t nbytes, float value)
{
    if (nbytes == 4)
        ((float *)stored)[index] = value;
    else if (nbytes == 2)
        ((uint16_t *)stored)[index] = narrow(value);
    else
        ((uint8_t *)stored)[index] = (uint8_t)value;
}

static float load(const void *stored, size_t index, size_t nbytes)
{
    if (nbytes == 4)
        return ((const float *)stored)[index];
    return nbytes == 2 ? widen(((const uint16_t *)stored)[index])
                       : (float)((const uint8_t *)stored)[index];
}

/* The values of `order`, one by one, from `values` to `stored` or back. */
static void permute(const cuda_order *order, size_t element_nbytes, void *stored, float *values,
                    bool write)
{
    const size_t *length = order->lengths, *stride = order->strides;
    for (size_t i = 0; i < length[0]; i++)
        for (size_t j = 0; j < length[1]; j++)
            for (size_t k = 0; k < length[2]; k++) {
                size_t row = i * stride[0] + j * stride[1] + k * stride[2];
                for (size_t m = 0; m < length[3]; m++, values++)
                    if (write)
                        store(stored, row + m * stride[3], element_nbytes, *values);
                    else
                        *values = load(stored, row + m * stride[3], element_nbytes);
            }
}

/* Where values lie in a block of device memory: all of it, or with a view a part. */
typedef struct stored_values {
    cuda_order order;
    size_t element_nbytes, nbytes, offset; /* of the block; of the first value in it, in bytes */
    void *address;
} stored_values;

static bool has_others(const stored_values *stored)
{
    const size_t *length = stored->order.lengths;
    return length[0] * length[1] * length[2] * length[3] * stored->element_nbytes < stored->nbytes;
}

static hpac_status fetch(const cuda_plan *plan, const stored_values *stored, void *pinned)
{
    hpac_device *device = plan->base.device;
    HPAC_TRY(
        device->ops->download(device, HPAC_QUEUE_COMPUTE, pinned, stored->address, stored->nbytes));
    return device->ops->synchronize(device);
}

/* From `values` to where they are stored or back, by way of `pinned`. */
static hpac_status transfer(const cuda_plan *plan, const stored_values *stored, void *pinned,
                            float *values, bool write)
{
    hpac_device *device = plan->base.device;
    void *first = (char *)pinned + stored->offset;
    if (!write || has_others(stored))
        HPAC_TRY(fetch(plan, stored, pinned));
    permute(&stored->order, stored->element_nbytes, first, values, write);
    if (!write)
        return HPAC_OK;
    HPAC_TRY(
        device->ops->upload(device, HPAC_QUEUE_COMPUTE, stored->address, pinned, stored->nbytes));
    return device->ops->synchronize(device);
}

static hpac_status move(const cuda_plan *plan, const stored_values *stored, float *values,
                        bool write)
{
    void *pinned;
    HPAC_TRY(hpac_cuda_alloc(plan->base.device, HPAC_MEMORY_PINNED, stored->nbytes, &pinned));
    hpac_status status = transfer(plan, stored, pinned, values, write);
    hpac_cuda_free(plan->base.device, HPAC_MEMORY_PINNED, pinned);
    return hpac_fail_within(status, "%s", plan->name);
}

static hpac_status move_parameter(const cuda_plan *plan, size_t index, void *slice, float *values,
                                  bool write)
{
    const stored_values stored = {
        .order = plan->parameters[index],
        .element_nbytes = sizeof(float),
        .nbytes = plan->base.parameters[index].count * sizeof(float),
        .address = hpac_cuda_parameter(plan, slice, index),
    };
    return move(plan, &stored, values, write);
}

hpac_status hpac_cuda_parameter_write(hpac_plan *plan, size_t parameter, void *slice,
                                      const float *values)
{
    return move_parameter((const cuda_plan *)plan, parameter, slice, (float *)values, true);
}

hpac_status hpac_cuda_parameter_read(hpac_plan *plan, size_t parameter, const void *slice,
                                     float *values)
{
    return move_parameter((const cuda_plan *)plan, parameter, (void *)slice, values, false);
}

static hpac_status move_activation(const cuda_plan *plan, bool input, void *address, float *values,
                                   bool write)
{
    const kernel_tensor *tensor = input ? &plan->input : &plan->output;
    size_t element_nbytes = input && plan->reads_bytes ? 1 : tensor->bf16 ? 2 : sizeof(float);
    const stored_values stored = {
        .order = hpac_cuda_order_of(tensor),
        .element_nbytes = element_nbytes,
        .nbytes = hpac_cuda_tensor_count(tensor) * element_nbytes,
        .offset = input ? plan->x_offset : plan->y_offset,
        .address = address,
    };
    return move(plan, &stored, values, write);
}

hpac_status hpac_cuda_activation_write(hpac_plan *plan, bool input, void *address,
                                       const float *values)
{
    return move_activation((const cuda_plan *)plan, input, address, (float *)values, true);
}

hpac_status hpac_cuda_activation_read(hpac_plan *plan, bool input, const void *address,
                                      float *values)
{
    return move_activation((const cuda_plan *)plan, input, (void *)address, values, false);
}
