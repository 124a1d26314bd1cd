/* Layouts of activations: codes, oneDNN's descriptors, and plain host values. */
#include "cpu.h"

#include <string.h>

static const size_t layout_blocks[CPU_LAYOUT_COUNT] = {
    [CPU_LAYOUT_NHWC] = 1,
    [CPU_LAYOUT_NCHW] = 1,
    [CPU_LAYOUT_NCHW8C] = 8,
    [CPU_LAYOUT_NCHW16C] = 16,
};

static const dnnl_format_tag_t layout_tags[CPU_LAYOUT_COUNT] = {
    [CPU_LAYOUT_NHWC] = dnnl_nhwc,
    [CPU_LAYOUT_NCHW] = dnnl_nchw,
    [CPU_LAYOUT_NCHW8C] = dnnl_nChw8c,
    [CPU_LAYOUT_NCHW16C] = dnnl_nChw16c,
};

hpac_status hpac_cpu_memory_describe(dnnl_memory_desc_t *desc, dnnl_format_tag_t tag, size_t ndims,
                                     const size_t *dims)
{
    dnnl_dims_t counts = {0};
    for (size_t i = 0; i < ndims; i++)
        counts[i] = (dnnl_dim_t)dims[i];
    CPU_TRY_DNNL(dnnl_memory_desc_init_by_tag(desc, (int)ndims, counts, dnnl_f32, tag));
    return HPAC_OK;
}

static size_t channel_block_count(const cpu_tensor *tensor)
{
    size_t block = layout_blocks[tensor->layout];
    return (tensor->shape.channels + block - 1) / block;
}

size_t hpac_cpu_image_count(const cpu_tensor *tensor)
{
    return tensor->shape.rows * tensor->shape.cols * channel_block_count(tensor) *
           layout_blocks[tensor->layout];
}

size_t hpac_cpu_tensor_count(const cpu_tensor *tensor)
{
    return tensor->batch * hpac_cpu_image_count(tensor);
}

size_t hpac_cpu_tensor_nbytes(const cpu_tensor *tensor)
{
    return hpac_cpu_tensor_count(tensor) * sizeof(float);
}

size_t hpac_cpu_image_index(const cpu_tensor *tensor, size_t row, size_t col, size_t channel)
{
    size_t rows = tensor->shape.rows, cols = tensor->shape.cols;
    size_t pixel = row * cols + col;
    if (tensor->layout == CPU_LAYOUT_NHWC)
        return pixel * tensor->shape.channels + channel;
    size_t block = layout_blocks[tensor->layout];
    return (channel / block * rows * cols + pixel) * block + channel % block;
}

static hpac_status describe_as(const cpu_tensor *tensor, dnnl_format_tag_t tag,
                               dnnl_memory_desc_t *desc)
{
    const hpac_shape *shape = &tensor->shape;
    if (shape->rank == 1)
        return CPU_DESCRIBE(desc, dnnl_ab, tensor->batch, shape->channels);
    return CPU_DESCRIBE(desc, tag, tensor->batch, shape->channels, shape->rows, shape->cols);
}

/* One channel is rows of pixels, as NHWC and as NCHW; oneDNN has more convolutions of the latter.
 */
hpac_status hpac_cpu_tensor_describe(const cpu_tensor *tensor, dnnl_memory_desc_t *desc)
{
    bool rows = tensor->layout == CPU_LAYOUT_NHWC && tensor->shape.channels == 1;
    return describe_as(tensor, rows ? dnnl_nchw : layout_tags[tensor->layout], desc);
}

bool hpac_cpu_tensor_recognize(cpu_tensor *tensor, const dnnl_memory_desc_t *desc)
{
    for (int layout = 0; layout < CPU_LAYOUT_COUNT; layout++) {
        dnnl_memory_desc_t known;
        if (describe_as(tensor, layout_tags[layout], &known) != HPAC_OK ||
            !dnnl_memory_desc_equal(&known, desc))
            continue;
        /* Plain is what everyone takes. */
        bool rows = layout == CPU_LAYOUT_NCHW && tensor->shape.channels == 1;
        tensor->layout = rows ? CPU_LAYOUT_NHWC : layout;
        return true;
    }
    return false;
}

typedef struct conversion {
    const cpu_tensor *tensor;
    float *device;
    float *host;
    bool write;
} conversion;

static void convert_images(const void *context, size_t begin, size_t end)
{
    const conversion *job = context;
    const hpac_shape *shape = &job->tensor->shape;
    size_t stored = hpac_cpu_image_count(job->tensor), plain = hpac_shape_count(*shape);
    for (size_t image = begin; image < end; image++) {
        float *device = job->device + image * stored;
        float *host = job->host + image * plain;
        if (job->write)
            memset(device, 0, stored * sizeof *device);
        for (size_t row = 0; row < shape->rows; row++)
            for (size_t col = 0; col < shape->cols; col++)
                for (size_t channel = 0; channel < shape->channels; channel++, host++) {
                    float *element = device + hpac_cpu_image_index(job->tensor, row, col, channel);
                    if (job->write)
                        *element = *host;
                    else
                        *host = *element;
                }
    }
}

void hpac_cpu_tensor_write(const cpu_tensor *tensor, float *to, const float *values)
{
    conversion job = {.tensor = tensor, .device = to, .host = (float *)values, .write = true};
    hpac_cpu_for_pieces(tensor->batch, 1, convert_images, &job);
}

void hpac_cpu_tensor_read(const cpu_tensor *tensor, const float *from, float *values)
{
    conversion job = {.tensor = tensor, .device = (float *)from, .host = values};
    hpac_cpu_for_pieces(tensor->batch, 1, convert_images, &job);
}
