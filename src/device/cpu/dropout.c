/* Dropout: one bit per value in plain (image, row, col, channel) order, retained for backward, so
 * that the mask does not depend on the layout. */
#include "cpu.h"

#include "base/random.h"

#include <string.h>
#include <sys/param.h>

enum {
    GRAIN = 1024,       /* values that a thread takes at a time */
    GROUP_GRAIN = 16,   /* as many, in groups of the mask */
    BLOCK_CHANNELS = 16 /* of CPU_LAYOUT_NCHW16C */
};

typedef struct dropout_plan {
    cpu_plan base;
    uint32_t stream, threshold;
    float scale;
} dropout_plan;

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
    const mask_draw draw = {
        .seed = {(uint32_t)device->step.seed, (uint32_t)(device->step.seed >> 32)},
        .counter = {device->step.step, (uint32_t)HPAC_PURPOSE_DROPOUT << 24 | stream},
        .threshold = threshold,
    };
    size_t groups = group_count(count);
#pragma omp parallel for if (groups > GROUP_GRAIN)
    for (size_t i = 0; i < groups; i += GROUP_GRAIN)
        device->kernels->draw_mask(&draw, i, MIN(GROUP_GRAIN, groups - i),
                                   bits + i * MASK_GROUP_NBYTES);
}

/* Any layout, one value at a time. */
static void apply_to_image(const cpu_tensor *tensor, size_t image, const uint8_t *bits, float scale,
                           const float *from, float *to)
{
    const hpac_shape *shape = &tensor->shape;
    size_t stored = hpac_cpu_image_count(tensor), bit = image * hpac_shape_count(*shape);
    from += image * stored;
    to += image * stored;
    if (from != to)
        memset(to, 0, stored * sizeof *to);
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t col = 0; col < shape->cols; col++)
            for (size_t channel = 0; channel < shape->channels; channel++, bit++) {
                size_t i = hpac_cpu_image_index(tensor, row, col, channel);
                to[i] = bits[bit / 8] >> bit % 8 & 1 ? from[i] * scale : 0.0F;
            }
}

static void apply_mask(const dropout_plan *plan, const uint8_t *bits, const float *from, float *to)
{
    const cpu_kernels *kernels = cpu_device_of(&plan->base)->kernels;
    const cpu_tensor *tensor = &plan->base.output;
    size_t pixels = tensor->shape.rows * tensor->shape.cols, channels = tensor->shape.channels;
    size_t blocks = (channels + BLOCK_CHANNELS - 1) / BLOCK_CHANNELS;
    size_t count = hpac_cpu_tensor_count(tensor);
    if (tensor->layout == CPU_LAYOUT_NHWC) {
#pragma omp parallel for if (count > GRAIN)
        for (size_t i = 0; i < count; i += GRAIN)
            kernels->apply_mask(bits, i, plan->scale, from + i, to + i, MIN(GRAIN, count - i));
    } else if (tensor->layout == CPU_LAYOUT_NCHW16C) {
        /* The bits of a pixel's block are adjacent, a pixel's every `channels`. What a last, padded
         * block finds in bits of the next pixel falls on zeros. */
#pragma omp parallel for
        for (size_t i = 0; i < tensor->batch * blocks; i++)
            kernels->apply_mask_blocks(bits,
                                       i / blocks * pixels * channels + i % blocks * BLOCK_CHANNELS,
                                       channels, plan->scale, from + i * pixels * BLOCK_CHANNELS,
                                       to + i * pixels * BLOCK_CHANNELS, pixels);
    } else {
#pragma omp parallel for
        for (size_t image = 0; image < tensor->batch; image++)
            apply_to_image(tensor, image, bits, plan->scale, from, to);
    }
}

static hpac_status dropout_forward(cpu_plan *base, const hpac_exec_args *args)
{
    const dropout_plan *plan = (const dropout_plan *)base;
    if (!args->training) {
        hpac_cpu_copy(args->y, args->x, hpac_cpu_tensor_count(&base->output));
        return HPAC_OK;
    }
    hpac_cpu_draw_mask(cpu_device_of(base), plan->stream, plan->threshold,
                       base->output.batch * hpac_shape_count(base->output.shape), args->state);
    apply_mask(plan, args->state, args->x, args->y);
    return HPAC_OK;
}

static hpac_status dropout_backward(cpu_plan *base, const hpac_exec_args *args)
{
    if (args->dx)
        apply_mask((const dropout_plan *)base, args->state, args->dy, args->dx);
    return HPAC_OK;
}

hpac_status hpac_cpu_try_dropout(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **result)
{
    const hpac_op *op = &request->ops[0];
    if (!hpac_plan_is_single(request, HPAC_OP_DROPOUT))
        return HPAC_OK;
    HPAC_TRY(hpac_cpu_plan_alloc(device, request, sizeof(dropout_plan), dropout_forward,
                                 dropout_backward, result));
    dropout_plan *plan = (dropout_plan *)*result;
    plan->stream = op->stream;
    plan->threshold = hpac_dropout_threshold(op->rate);
    plan->scale = 1.0F / (1.0F - op->rate);
    plan->base.base.ignores_x = plan->base.base.ignores_y = true;
    plan->base.base.y_over_x = plan->base.base.dx_over_dy = true;
    plan->base.base.state_nbytes = hpac_cpu_mask_nbytes(request->batch * hpac_shape_count(op->out));
    return HPAC_OK;
}
