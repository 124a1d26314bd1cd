/* Dropout: a bit a value in plain (image, row, col, channel) order, kept for backward, so that the
 * mask does not depend on the layout. */
#include "cpu.h"

#include <hpac/random.h>

#include <string.h>

typedef struct dropout_plan {
    cpu_plan base;
    uint32_t stream, threshold;
    float scale;
} dropout_plan;

enum {
    LANES = 16,             /* Philox blocks drawn side by side */
    GROUP_BITS = 4 * LANES, /* values a group of blocks decides */
    GROUP_NBYTES = GROUP_BITS / 8,
};

/* Ten rounds of Philox4x32 (random.h) on LANES counters that follow one another. Returns a bit a
 * number, set where it is at least `threshold`. */
CPU_CLONES static void draw_groups(const uint32_t seed[2], const uint32_t place[2],
                                   uint64_t first_group, size_t group_count, uint32_t threshold,
                                   uint8_t *bits)
{
    for (size_t group = 0; group < group_count; group++, bits += GROUP_NBYTES) {
        uint32_t words[4][LANES], kept[LANES];
        uint32_t key[2] = {seed[0], seed[1]};
        uint64_t block = (first_group + group) * LANES;
        for (int i = 0; i < LANES; i++) {
            words[0][i] = (uint32_t)(block + (uint64_t)i);
            words[1][i] = (uint32_t)(block >> 32); /* LANES divides 2^32: no carry */
            words[2][i] = place[0];
            words[3][i] = place[1];
        }
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < LANES; i++) {
                uint64_t even = (uint64_t)words[0][i] * 0xD2511F53U;
                uint64_t odd = (uint64_t)words[2][i] * 0xCD9E8D57U;
                words[0][i] = (uint32_t)(odd >> 32) ^ words[1][i] ^ key[0];
                words[2][i] = (uint32_t)(even >> 32) ^ words[3][i] ^ key[1];
                words[1][i] = (uint32_t)odd;
                words[3][i] = (uint32_t)even;
            }
            key[0] += 0x9E3779B9U;
            key[1] += 0xBB67AE85U;
        }
        for (int i = 0; i < LANES; i++)
            kept[i] = (uint32_t)(words[0][i] >= threshold) |
                      (uint32_t)(words[1][i] >= threshold) << 1 |
                      (uint32_t)(words[2][i] >= threshold) << 2 |
                      (uint32_t)(words[3][i] >= threshold) << 3;
        for (int i = 0; i < GROUP_NBYTES; i++)
            bits[i] = (uint8_t)(kept[2 * i] | kept[2 * i + 1] << 4);
    }
}

typedef struct mask_job {
    uint32_t seed[2], place[2], threshold;
    uint8_t *bits;
} mask_job;

static void draw_piece(const void *context, size_t begin, size_t end)
{
    const mask_job *job = context;
    draw_groups(job->seed, job->place, begin, end - begin, job->threshold,
                job->bits + begin * GROUP_NBYTES);
}

static size_t group_count(size_t value_count)
{
    return (value_count + GROUP_BITS - 1) / GROUP_BITS;
}

size_t hpac_cpu_mask_nbytes(size_t count)
{
    return group_count(count) * GROUP_NBYTES + sizeof(uint32_t);
}

void hpac_cpu_draw_mask(const cpu_device *device, uint32_t stream, uint32_t threshold, size_t count,
                        uint8_t *bits)
{
    mask_job job = {
        .seed = {(uint32_t)device->seed, (uint32_t)(device->seed >> 32)},
        .place = {device->step, (uint32_t)HPAC_PURPOSE_DROPOUT << 24 | stream},
        .threshold = threshold,
        .bits = bits,
    };
    hpac_cpu_for_pieces(group_count(count), 16, draw_piece, &job);
}

/* 16 mask bits from bit `first` on; the mask has spare bytes behind it. */
static inline uint32_t mask_bits(const uint8_t *bits, size_t first)
{
    uint32_t word;
    memcpy(&word, bits + first / 8, sizeof word);
    return word >> first % 8;
}

CPU_CLONES static void apply_16(const uint8_t *restrict bits, size_t first, float scale,
                                const float *from, float *to, size_t count)
{
    for (size_t i = 0; i < count; i += 16) {
        uint32_t kept = mask_bits(bits, first + i);
        for (int j = 0; j < 16; j++)
            to[i + (size_t)j] = kept >> j & 1 ? from[i + (size_t)j] * scale : 0.0F;
    }
}

/* Blocks of 16 channels: the bits of a pixel's block stand side by side, a pixel's every
 * `channels`. What a last, padded block finds in bits of the next pixel falls on zeros. */
CPU_CLONES static void apply_blocks_16(const uint8_t *restrict bits, size_t first, size_t channels,
                                       float scale, const float *from, float *to, size_t pixels)
{
    for (size_t pixel = 0; pixel < pixels; pixel++, from += 16, to += 16) {
        uint32_t kept = mask_bits(bits, first + pixel * channels);
        for (int j = 0; j < 16; j++)
            to[j] = kept >> j & 1 ? from[j] * scale : 0.0F;
    }
}

typedef struct apply_job {
    const cpu_tensor *tensor;
    const uint8_t *bits;
    float scale;
    const float *from;
    float *to;
} apply_job;

static inline float apply_one(const apply_job *job, size_t bit, float value)
{
    return job->bits[bit / 8] >> bit % 8 & 1 ? value * job->scale : 0.0F;
}

static void apply_plain(const void *context, size_t begin, size_t end)
{
    const apply_job *job = context;
    size_t whole = (end - begin) / 16 * 16;
    apply_16(job->bits, begin, job->scale, job->from + begin, job->to + begin, whole);
    for (size_t i = begin + whole; i < end; i++)
        job->to[i] = apply_one(job, i, job->from[i]);
}

static void apply_images_16(const void *context, size_t begin, size_t end)
{
    const apply_job *job = context;
    const hpac_shape *shape = &job->tensor->shape;
    size_t pixels = (size_t)shape->rows * (size_t)shape->cols, channels = (size_t)shape->channels;
    size_t blocks = (channels + 15) / 16;
    for (size_t i = begin; i < end; i++) { /* images times blocks */
        size_t image = i / blocks, block = i % blocks;
        apply_blocks_16(job->bits, image * pixels * channels + block * 16, channels, job->scale,
                        job->from + i * pixels * 16, job->to + i * pixels * 16, pixels);
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
        for (int row = 0; row < shape->rows; row++)
            for (int col = 0; col < shape->cols; col++)
                for (int channel = 0; channel < shape->channels; channel++, bit++) {
                    size_t place =
                        image * stored + hpac_cpu_image_index(job->tensor, row, col, channel);
                    job->to[place] = apply_one(job, bit, job->from[place]);
                }
    }
}

static void apply_mask(const dropout_plan *plan, const uint8_t *bits, const float *from, float *to)
{
    const cpu_tensor *tensor = &plan->base.output;
    apply_job job = {.tensor = tensor, .bits = bits, .scale = plan->scale, .from = from, .to = to};
    size_t batch = (size_t)tensor->batch;
    if (tensor->layout == CPU_LAYOUT_NHWC)
        hpac_cpu_for_pieces(hpac_cpu_tensor_count(tensor), 1024, apply_plain, &job);
    else if (tensor->layout == CPU_LAYOUT_NCHW16C)
        hpac_cpu_for_pieces(batch * (((size_t)tensor->shape.channels + 15) / 16), 1,
                            apply_images_16, &job);
    else
        hpac_cpu_for_pieces(batch, 1, apply_images, &job);
}

static hpac_status dropout_forward(cpu_plan *base, const hpac_run *run)
{
    dropout_plan *plan = (dropout_plan *)base;
    if (!run->training) {
        hpac_cpu_copy(run->y, run->x, hpac_cpu_tensor_count(&base->output));
        return HPAC_OK;
    }
    hpac_cpu_draw_mask((const cpu_device *)base->base.device, plan->stream, plan->threshold,
                       (size_t)base->output.batch * hpac_shape_count(base->output.shape),
                       run->state);
    apply_mask(plan, run->state, run->x, run->y);
    return HPAC_OK;
}

static hpac_status dropout_backward(cpu_plan *base, const hpac_run *run)
{
    if (run->dx)
        apply_mask((dropout_plan *)base, run->state, run->dy, run->dx);
    return HPAC_OK;
}

hpac_status hpac_cpu_try_dropout(cpu_device *device, const hpac_plan_request *request,
                                 cpu_plan **result)
{
    if (!hpac_cpu_is_run(request, 1, (hpac_op_kind[]){HPAC_OP_DROPOUT}))
        return HPAC_OK;
    CPU_TRY(hpac_cpu_plan_alloc(device, request, sizeof(dropout_plan), result));
    dropout_plan *plan = (dropout_plan *)*result;
    const hpac_op *op = &request->ops[0];
    plan->base.forward = dropout_forward;
    plan->base.backward = dropout_backward;
    plan->stream = op->stream;
    plan->threshold = hpac_dropout_threshold(op->rate);
    plan->scale = 1.0F / (1.0F - op->rate);
    size_t count = (size_t)request->batch * hpac_shape_count(op->out);
    plan->base.base.state_nbytes = hpac_cpu_mask_nbytes(count);
    return HPAC_OK;
}
