/* Layouts of activations and parameters: codes, oneDNN's descriptors, and plain host values. */
#include "cpu.h"

#include "base/memory.h"

#include <string.h>

static const struct {
    size_t block; /* channels side by side */
    dnnl_format_tag_t tag;
} layouts[CPU_LAYOUT_COUNT] = {
    [CPU_LAYOUT_NHWC] = {1, dnnl_nhwc},
    [CPU_LAYOUT_NCHW] = {1, dnnl_nchw},
    [CPU_LAYOUT_NCHW8C] = {8, dnnl_nChw8c},
    [CPU_LAYOUT_NCHW16C] = {16, dnnl_nChw16c},
};

void hpac_cpu_desc_fini(cpu_desc *desc)
{
    if (*desc)
        dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
}

hpac_status hpac_cpu_memory_describe(cpu_desc *desc, dnnl_format_tag_t tag, size_t ndims,
                                     const size_t *dims)
{
    dnnl_dims_t counts = {0};
    for (size_t i = 0; i < ndims; i++)
        counts[i] = (dnnl_dim_t)dims[i];
    CPU_TRY_DNNL(dnnl_memory_desc_create_with_tag(desc, (int)ndims, counts, dnnl_f32, tag));
    return HPAC_OK;
}

size_t hpac_cpu_image_count(const cpu_tensor *tensor)
{
    size_t block = layouts[tensor->layout].block;
    size_t blocks = (tensor->shape.channels + block - 1) / block;
    return tensor->shape.rows * tensor->shape.cols * blocks * block;
}

size_t hpac_cpu_tensor_count(const cpu_tensor *tensor)
{
    return tensor->batch * hpac_cpu_image_count(tensor);
}

cpu_tensor hpac_cpu_alone(const cpu_tensor *tensor)
{
    cpu_tensor alone = *tensor;
    alone.view = (hpac_view){0};
    return alone;
}

cpu_tensor hpac_cpu_wider(const cpu_tensor *tensor)
{
    cpu_tensor wider = hpac_cpu_alone(tensor);
    if (tensor->view.channels > 0)
        wider.shape.channels = tensor->view.channels;
    return wider;
}

bool hpac_cpu_has_whole_blocks(const cpu_tensor *tensor)
{
    size_t block = layouts[tensor->layout].block;
    return tensor->layout != CPU_LAYOUT_NHWC && tensor->view.channels % block == 0 &&
           tensor->view.first % block == 0 && tensor->shape.channels % block == 0;
}

size_t hpac_cpu_view_offset(const cpu_tensor *tensor)
{
    return tensor->view.first * tensor->shape.rows * tensor->shape.cols;
}

size_t hpac_cpu_image_step(const cpu_tensor *tensor)
{
    const cpu_tensor wider = hpac_cpu_wider(tensor);
    return hpac_cpu_image_count(&wider);
}

cpu_planes hpac_cpu_planes_of(const cpu_tensor *tensor)
{
    size_t block = layouts[tensor->layout].block, channels = tensor->shape.channels;
    if (tensor->layout == CPU_LAYOUT_NHWC)
        return (cpu_planes){.count = 1, .lanes = channels};
    return (cpu_planes){.count = (channels + block - 1) / block, .lanes = block};
}

size_t hpac_cpu_image_index(const cpu_tensor *tensor, size_t row, size_t col, size_t channel)
{
    size_t block = layouts[tensor->layout].block;
    size_t pixels = tensor->shape.rows * tensor->shape.cols;
    size_t pixel = row * tensor->shape.cols + col;
    if (tensor->layout == CPU_LAYOUT_NHWC)
        return pixel * tensor->shape.channels + channel;
    return (channel / block * pixels + pixel) * block + channel % block;
}

hpac_status hpac_cpu_tensor_describe_as(const cpu_tensor *tensor, dnnl_format_tag_t tag,
                                        cpu_desc *desc)
{
    const hpac_shape *shape = &tensor->shape;
    if (shape->rank == 1)
        return CPU_DESCRIBE(desc, dnnl_ab, tensor->batch, shape->channels);
    return CPU_DESCRIBE(desc, tag, tensor->batch, shape->channels, shape->rows, shape->cols);
}

/* One channel is rows of pixels, as NHWC and as NCHW; oneDNN has more convolutions of the latter.
 */
hpac_status hpac_cpu_tensor_describe(const cpu_tensor *tensor, cpu_desc *desc)
{
    bool rows = tensor->layout == CPU_LAYOUT_NHWC && tensor->shape.channels == 1;
    return hpac_cpu_tensor_describe_as(tensor, rows ? dnnl_nchw : layouts[tensor->layout].tag,
                                       desc);
}

bool hpac_cpu_tensor_recognize(cpu_tensor *tensor, const_cpu_desc desc)
{
    cpu_tensor known = *tensor;
    for (known.layout = 0; known.layout < CPU_LAYOUT_COUNT; known.layout++) {
        HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc known_desc = NULL;
        if (hpac_cpu_tensor_describe(&known, &known_desc) != HPAC_OK ||
            !dnnl_memory_desc_equal(known_desc, desc))
            continue;
        tensor->layout = known.layout;
        return true;
    }
    return false;
}

/* ---- parameters and activations between host memory, as Keras writes them, and the device ---- */

static hpac_status reorder(const cpu_plan *plan, const_cpu_desc from_desc, const void *from,
                           const_cpu_desc to_desc, void *to)
{
    HPAC_AUTO(hpac_cpu_primitive_fini) cpu_primitive primitive = {0};
    HPAC_TRY(hpac_cpu_reorder_create(cpu_device_of(plan), NULL, from_desc, to_desc, &primitive));
    return hpac_cpu_run(plan, &primitive, &(hpac_exec_args){.x = from, .y = to}, NULL);
}

/* Rows of a dense kernel: Keras has them in (row, col, channel) order, the device in the order in
 * which the activation before lies in memory, its padding included (rows of zeros). */
static void move_rows(const cpu_tensor *order, size_t row_count, float *keras, float *stored,
                      bool write)
{
    size_t row_nbytes = row_count * sizeof(float);
    for (size_t row = 0; row < order->shape.rows; row++)
        for (size_t col = 0; col < order->shape.cols; col++)
            for (size_t channel = 0; channel < order->shape.channels; channel++) {
                float *kernel_row =
                    stored + hpac_cpu_image_index(order, row, col, channel) * row_count;
                memcpy(write ? kernel_row : keras, write ? keras : kernel_row, row_nbytes);
                keras += row_count;
            }
}

static hpac_status move_parameter(cpu_plan *plan, size_t index, void *slice, float *values,
                                  bool write)
{
    const cpu_parameter *parameter = &plan->parameters[index];
    const_cpu_desc keras = parameter->keras, stored = parameter->stored;
    void *address = cpu_parameter_at(plan, slice, index);
    HPAC_AUTO_FREE float *ordered = NULL;
    float *from = values;
    size_t row_count = 0;
    if (parameter->rows) {
        size_t count = dnnl_memory_desc_get_size(keras) / sizeof *ordered;
        HPAC_TRY_NEW(ordered, count);
        row_count = count / hpac_cpu_image_count(parameter->rows);
        from = ordered;
    }
    if (ordered && write)
        move_rows(parameter->rows, row_count, values, ordered, true);
    HPAC_TRY(write ? reorder(plan, keras, from, stored, address)
                   : reorder(plan, stored, address, keras, from));
    if (ordered && !write)
        move_rows(parameter->rows, row_count, values, ordered, false);
    return HPAC_OK;
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

static void move_view(const cpu_plan *plan, const cpu_tensor *tensor, void *address, float *values,
                      bool write)
{
    const cpu_tensor wider = hpac_cpu_wider(tensor);
    const cpu_tensor plain = {.shape = tensor->shape, .batch = tensor->batch};
    const cpu_slice host = {&plain, 0, values}, device = {&wider, tensor->view.first, address};
    hpac_cpu_move(cpu_device_of(plan), write ? host : device, write ? device : host,
                  tensor->shape.channels, false);
}

static hpac_status move_activation(const cpu_plan *plan, bool input, void *address, float *values,
                                   bool write)
{
    const cpu_tensor *output = plan->copy.output.batch > 0 ? &plan->copy.output : &plan->output;
    const cpu_tensor *tensor = input ? &plan->input : output;
    size_t count = hpac_cpu_tensor_count(tensor);
    HPAC_AUTO(hpac_cpu_desc_fini) cpu_desc plain = NULL, stored = NULL;
    uint8_t *bytes = address;
    if (tensor->view.channels > 0) {
        move_view(plan, tensor, address, values, write);
        return HPAC_OK;
    }
    if (input && plan->base.input_nbytes == count) { /* PIXELS of bytes */
        for (size_t i = 0; i < count && write; i++)
            bytes[i] = (uint8_t)values[i];
        for (size_t i = 0; i < count && !write; i++)
            values[i] = bytes[i];
        return HPAC_OK;
    }
    HPAC_TRY(hpac_cpu_tensor_describe_as(tensor, dnnl_nhwc, &plain));
    HPAC_TRY(hpac_cpu_tensor_describe(tensor, &stored));
    return write ? reorder(plan, plain, values, stored, address)
                 : reorder(plan, stored, address, plain, values);
}

hpac_status hpac_cpu_activation_write(hpac_plan *plan, bool input, void *address,
                                      const float *values)
{
    return move_activation((const cpu_plan *)plan, input, address, (float *)values, true);
}

hpac_status hpac_cpu_activation_read(hpac_plan *plan, bool input, const void *address,
                                     float *values)
{
    return move_activation((const cpu_plan *)plan, input, (void *)address, values, false);
}
