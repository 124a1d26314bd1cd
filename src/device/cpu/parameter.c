/* Parameters and activations between host memory, as Keras writes them, and the device. */
#include "cpu.h"

#include <stdlib.h>
#include <string.h>

static hpac_status reorder_now(cpu_device *device, const dnnl_memory_desc_t *from_desc,
                               const void *from, const dnnl_memory_desc_t *to_desc, void *to)
{
    cpu_primitive reorder = {0};
    void *scratch = NULL;
    hpac_status status = hpac_cpu_reorder_create(device, from_desc, to_desc, &reorder);
    if (status == HPAC_OK && reorder.scratch_nbytes > 0) {
        scratch = malloc(reorder.scratch_nbytes);
        if (!scratch)
            status = hpac_fail_memory(reorder.scratch_nbytes);
    }
    if (status == HPAC_OK)
        status = CPU_RUN(device, &reorder, scratch, {DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to});
    free(scratch);
    hpac_cpu_primitive_destroy(&reorder);
    return status;
}

/* Rows of a dense kernel: Keras has them in (row, col, channel) order, the device in the order in
 * which the activation before lies in memory, its padding included (rows of zeros). */
static void move_rows(const cpu_tensor *order, size_t row_count, float *keras, float *stored,
                      bool write)
{
    size_t row_nbytes = row_count * sizeof(float);
    if (write)
        memset(stored, 0, hpac_cpu_image_count(order) * row_nbytes);
    for (size_t row = 0; row < order->shape.rows; row++)
        for (size_t col = 0; col < order->shape.cols; col++)
            for (size_t channel = 0; channel < order->shape.channels; channel++) {
                float *row_of_kernel =
                    stored + hpac_cpu_image_index(order, row, col, channel) * row_count;
                if (write)
                    memcpy(row_of_kernel, keras, row_nbytes);
                else
                    memcpy(keras, row_of_kernel, row_nbytes);
                keras += row_count;
            }
}

static hpac_status move_parameter(cpu_plan *plan, size_t index, void *slice, float *values,
                                  bool write)
{
    cpu_device *device = (cpu_device *)plan->base.device;
    const cpu_parameter *parameter = &plan->parameters[index];
    void *stored = (char *)slice + plan->base.parameters[index].offset_nbytes;
    float *keras = values;
    hpac_status status = HPAC_OK;
    size_t columns = (size_t)parameter->keras.dims[0];
    if (parameter->rows) {
        size_t nbytes = dnnl_memory_desc_get_size(&parameter->keras);
        keras = malloc(nbytes);
        if (!keras)
            return hpac_fail_memory(nbytes);
        if (write)
            move_rows(parameter->rows, columns, values, keras, true);
    }
    if (write)
        status = reorder_now(device, &parameter->keras, keras, &parameter->stored, stored);
    else
        status = reorder_now(device, &parameter->stored, stored, &parameter->keras, keras);
    if (parameter->rows) {
        if (!write && status == HPAC_OK)
            move_rows(parameter->rows, columns, values, keras, false);
        free(keras);
    }
    return status;
}

hpac_status hpac_cpu_parameter_write(hpac_plan *plan, size_t parameter, void *slice,
                                     const float *values)
{
    return move_parameter((cpu_plan *)plan, parameter, slice, (float *)values, true);
}

hpac_status hpac_cpu_parameter_read(hpac_plan *plan, size_t parameter, const void *slice,
                                    float *values)
{
    return move_parameter((cpu_plan *)plan, parameter, (void *)slice, values, false);
}

/* The batch of a PIXELS operation of bytes is the one activation that is not of floats. */
static bool is_bytes(const cpu_plan *plan, bool input)
{
    return input && plan->base.input_nbytes < hpac_cpu_tensor_nbytes(&plan->input);
}

hpac_status hpac_cpu_activation_write(hpac_plan *base, bool input, void *address,
                                      const float *values)
{
    cpu_plan *plan = (cpu_plan *)base;
    const cpu_tensor *tensor = input ? &plan->input : &plan->output;
    if (is_bytes(plan, input))
        for (size_t i = 0; i < hpac_cpu_tensor_count(tensor); i++)
            ((uint8_t *)address)[i] = (uint8_t)values[i];
    else
        hpac_cpu_tensor_write(tensor, address, values);
    return HPAC_OK;
}

hpac_status hpac_cpu_activation_read(hpac_plan *base, bool input, const void *address,
                                     float *values)
{
    cpu_plan *plan = (cpu_plan *)base;
    const cpu_tensor *tensor = input ? &plan->input : &plan->output;
    if (is_bytes(plan, input))
        for (size_t i = 0; i < hpac_cpu_tensor_count(tensor); i++)
            values[i] = ((const uint8_t *)address)[i];
    else
        hpac_cpu_tensor_read(tensor, address, values);
    return HPAC_OK;
}
