/* Dropout: one bit per value in plain (image, row, col, channel) order, retained for backward, so
 * that the mask does not depend on the layout. */
#include "cpu.h"

#include "base/random.h"

#include <string.h>

typedef struct dropout_plan {
    cpu_plan base;
    uint32_t stream, threshold;
    float scale;
} dropout_plan;

typedef struct mask_job {
    const cpu_kernels *kernels;
    mask_draw draw;
    uint8_t *bits;
} mask_job;

static void draw_piece(const void *context, size_t begin, size_t end)
{
    const mask_job *job = context;
    job->kernels->draw_mask(&job->draw, begin, end - begin, job->bits + begin * MASK_GROUP_NBYTES);
}

static size_t group_count(size_t value_count)
{
    return (value_count + MASK_GROUP_BITS - 1) / MASK_GROUP_BITS;
}

size_t hpac_cpu_mask_nbytes(size_t count)
{
    return group_count(count) * MASK_GROUP_NBYTES + sizeof(uint32_t);
}

void hpac_cpu_draw_mask(const cpu_device *device, uint32_t stream, uint32_t threshold, size_t count,
                        uint8_t *bits)
{
    mask_job job = {
        .kernels = device->kernels,
        .draw = {.seed = {(uint32_t)device->seed, (uint32_t)(device->seed >> 32)},
                 .place = {device->step, (uint32_t)HPAC_PURPOSE_DROPOUT << 24 | stream},
                 .threshold = threshold},
        .bits = bits,
    };
    hpac_cpu_for_pieces(group_count(count), 16, draw_piece, &job);
}

typedef struct apply_job {
    const cpu_kernels *kernels;
    const cpu_tensor *tensor;
    const uint8_t *bits;
    float scale;
    const float *from;
    float *to;
} apply_job;

static void apply_plain(const void *context, size_t begin, size_t end)
{
    const apply_job *job = context;
    job->kernels->apply_mask(job->bits, begin, job->scale, job->from + begin, job->to + begin,
                             end - begin);
}

/* Blocks of 16 channels: the bits of a pixel's block are adjacent, a pixel's every
 * `channels`. What a last, padded block finds in bits of the next pixel falls on zeros. */
static void apply_images_16(const void *context, size_t begin, size_t end)
{
    const apply_job *job = context;
    const hpac_shape *shape = &job->tensor->shape;
    size_t pixels = shape->rows * shape->cols, channels = shape->channels;
    size_t blocks = (channels + 15) / 16;
    for (size_t i = begin; i < end; i++) { /* images times blocks */
        size_t image = i / blocks, block = i % blocks;
        job->kernels->apply_mask_blocks(job->bits, image * pixels * channels + block * 16, channels,
                                        job->scale, job->from + i * pixels * 16,
                                        job->to + i * pixels * 16, pixels);
    }
}

/* Any layout, one value at a time. */
static void apply_images(const void *context, size_t begin, size_t end)
{
    const apply_job *job = context;
    const hpac_shape *shape = &job->tensor->shape;
    size_t stored = hpac_cpu_image_count(job->tensor);
    size_t bit = begin * hpac_shape_count(*shape);
    for (size_t image = begin; image < end; image++) {
        memset(job->to + image * stored, 0, job->from == job->to ? 0 : stored * sizeof(float));
        for (size_t row = 0; row < shape->rows; row++)
            for (size_t col = 0; col < shape->cols; col++)
                for (size_t channel = 0; channel < shape->channels; channel++, bit++) {
                    size_t at =
                        image * stored + hpac_cpu_image_index(job->tensor, row, col, channel);
                    job->to[at] =
                        job->bits[bit / 8] >> bit % 8 & 1 ? job->from[at] * job->scale : 0.0F;
                }
    }
}

static void apply_mask(const dropout_plan *plan, const uint8_t *bits, const float *from, float *to)
{
    const cpu_tensor *tensor = &plan->base.output;
    apply_job job = {
        .kernels = ((const cpu_device *)plan->base.base.device)->kernels,
        .tensor = tensor,
        .bits = bits,
        .scale = plan->scale,
        .from = from,
        .to = to,
    };
    size_t batch = tensor->batch;
    if (tensor->layout == CPU_LAYOUT_NHWC)
        hpac_cpu_for_pieces(hpac_cpu_tensor_count(tensor), 1024, apply_plain, &job);
    else if (tensor->layout == CPU_LAYOUT_NCHW16C)
        hpac_cpu_for_pieces(batch * ((tensor->shape.channels + 15) / 16), 1, apply_images_16, &job);
    else
        hpac_cpu_for_pieces(batch, 1, apply_images, &job);
}

static hpac_status dropout_forward(cpu_plan *base, const hpac_exec_args *args)
{
    dropout_plan *plan = (dropout_plan *)base;
    if (!args->training) {
        hpac_cpu_copy(args->y, args->x, hpac_cpu_tensor_count(&base->output));
        return HPAC_OK;
    }
    hpac_cpu_draw_mask((const cpu_device *)base->base.device, plan->stream, plan->threshold,
                       base->output.batch * hpac_shape_count(base->output.shape), args->state);
    apply_mask(plan, args->state, args->x, args->y);
    return HPAC_OK;
}

static hpac_status dropout_backward(cpu_plan *base, const hpac_exec_args *args)
{
    if (args->dx)
        apply_mask((dropout_plan *)base, args->state, args->dy, args->dx);
    return HPAC_OK;
}

hpac_status hpac_cpu_try_dropout(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **result)
{
    if (!hpac_plan_is_single(request, HPAC_OP_DROPOUT))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(dropout_plan), result));
    dropout_plan *plan = (dropout_plan *)*result;
    const hpac_op *op = &request->ops[0];
    plan->base.forward = dropout_forward;
    plan->base.backward = dropout_backward;
    plan->stream = op->stream;
    plan->threshold = hpac_dropout_threshold(op->rate);
    plan->scale = 1.0F / (1.0F - op->rate);
    size_t count = request->batch * hpac_shape_count(op->out);
    plan->base.base.state_nbytes = hpac_cpu_mask_nbytes(count);
    return HPAC_OK;
}
