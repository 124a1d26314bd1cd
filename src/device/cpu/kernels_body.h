/*
 * The bodies of the kernels (kernels.h), for vectors of LANES floats. Included once by each of
 * kernels_avx512.c, kernels_avx2.c and kernels_any.c, which say how wide vectors are, how to take a
 * square root (SQRT), how to multiply the lower halves of 64-bit lanes (MULTIPLY_LOW; `b` has no
 * upper half), how many sums fit into the registers (DENSE_ROWS x DENSE_VECTORS) and what the table
 * is called (TABLE). The first two are compiled with contraction, so that a * b + c is one FMA.
 */
#include "kernels.h"

#include <string.h>

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void store(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

INLINE vec splat(float value)
{
    return value - (vec){0};
}

/* The first `count` lanes; the others are 0 and stay out of memory. */
INLINE vec load_part(const float *from, size_t count)
{
    vec value = {0};
    memcpy(&value, from, count * sizeof *from);
    return value;
}

INLINE void store_part(float *to, vec value, size_t count)
{
    memcpy(to, &value, count * sizeof *to);
}

INLINE vec choose(ivec mask, vec a, vec b)
{
    return (vec)(((ivec)a & mask) | ((ivec)b & ~mask));
}

/* Bit i in lane i. */
INLINE ivec make_lane_bits(void)
{
    ivec lane_bits = {0};
    for (size_t lane = 0; lane < LANES; lane++)
        lane_bits[lane] = 1 << lane;
    return lane_bits;
}

#ifdef WINDOWS
#include "stem_kernels.h"
#include "winograd_kernels.h"
#define STEM &stem
#define WINOGRAD &winograd
#else
#define STEM NULL
#define WINOGRAD NULL
#endif

typedef uint64_t lvec __attribute__((vector_size(4 * LANES)));

enum { LONG_LANES = LANES / 2 };

/* ---- element by element ---- */

static void divide_bytes(const uint8_t *restrict bytes, float *restrict y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = (float)bytes[i] / 255.0F;
}

static void relu(const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] < 0.0F ? 0.0F : x[i];
}

static void relu_backward(const float *y, const float *dy, float *dx, size_t count)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

static void add(const float *restrict from, float *restrict to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

INLINE void sum_vector(const float *const *inputs, size_t input_count, bool relu_after, float *y,
                       size_t i, size_t n)
{
    vec sum = load_part(inputs[0] + i, n), zero = {0};
    for (size_t k = 1; k < input_count; k++)
        sum += load_part(inputs[k] + i, n);
    store_part(y + i, relu_after ? (vec)((ivec)sum & ~(sum < zero)) : sum, n);
}

static void sum(const float *const *inputs, size_t input_count, bool relu_after, float *y,
                size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        sum_vector(inputs, input_count, relu_after, y, i, LANES);
    if (i < count)
        sum_vector(inputs, input_count, relu_after, y, i, count - i);
}

static void multiply(const float *a, const float *b, bool adds, float *to, size_t count)
{
    if (adds)
        for (size_t i = 0; i < count; i++)
            to[i] += a[i] * b[i];
    else
        for (size_t i = 0; i < count; i++)
            to[i] = a[i] * b[i];
}

INLINE void move_pixels(const move_job *job, size_t width)
{
    const float *from = job->from;
    float *to = job->to;
    for (size_t i = 0; i < job->pixels; i++, from += job->from_stride, to += job->to_stride)
        for (size_t j = 0; j < width; j++)
            to[j] = job->adds ? to[j] + from[j] : from[j];
}

static void move(const move_job *job)
{
    bool whole = job->width == job->from_stride && job->width == job->to_stride;
    if (whole && job->adds)
        add(job->from, job->to, job->pixels * job->width);
    else if (whole)
        memcpy(job->to, job->from, job->pixels * job->width * sizeof(float));
    else if (job->width == 16)
        move_pixels(job, 16);
    else if (job->width == 8)
        move_pixels(job, 8);
    else if (job->width == 1)
        move_pixels(job, 1);
    else
        move_pixels(job, job->width);
}

#include "activation_kernels.h"
#include "channel_kernels.h"
#include "depthwise_kernels.h"

/* ---- dropout ---- */

/* Philox's ten rounds on LONG_LANES counters. Only the lower halves of the lanes mean something;
 * what the multiplications leave in the upper ones is never looked at. */
INLINE void philox_rounds(lvec words[4], const uint32_t seed[2])
{
    uint32_t key[2] = {seed[0], seed[1]};
    const lvec first = (lvec){0} + 0xD2511F53U, second = (lvec){0} + 0xCD9E8D57U;
    for (size_t round = 0; round < 10; round++) {
        lvec even = MULTIPLY_LOW(words[0], first);
        lvec odd = MULTIPLY_LOW(words[2], second);
        words[0] = (odd >> 32) ^ words[1] ^ (uint64_t)key[0];
        words[2] = (even >> 32) ^ words[3] ^ (uint64_t)key[1];
        words[1] = odd;
        words[3] = even;
        key[0] += 0x9E3779B9U;
        key[1] += 0xBB67AE85U;
    }
}

/* Four bits per lane, those of its block's four numbers. */
INLINE lvec retained_bits(const lvec words[4], uint64_t threshold)
{
    lvec bits = {0};
    for (size_t word = 0; word < 4; word++) {
        lvec retained = (lvec)((words[word] & 0xffffffffU) >= threshold);
        bits |= retained & ((uint64_t)1 << word);
    }
    return bits;
}

INLINE uint64_t draw_group(const mask_draw *draw, uint64_t group, lvec lane_numbers)
{
    lvec all = {0};
    for (uint64_t first = 0; first < 16; first += LONG_LANES) {
        uint64_t block = group * 16 + first; /* blocks of a group differ in the low word only */
        lvec words[4] = {
            lane_numbers + (block & 0xffffffffU),
            (lvec){0} + (block >> 32),
            (lvec){0} + (uint64_t)draw->counter[0],
            (lvec){0} + (uint64_t)draw->counter[1],
        };
        philox_rounds(words, draw->seed);
        all |= retained_bits(words, draw->threshold) << (4 * (lane_numbers + first));
    }
    uint64_t bits = 0;
    for (size_t lane = 0; lane < LONG_LANES; lane++)
        bits |= all[lane];
    return bits;
}

static void draw_mask(const mask_draw *draw, uint64_t first_group, size_t group_count,
                      uint8_t *bits)
{
    lvec lane_numbers = {0};
    for (size_t lane = 0; lane < LONG_LANES; lane++)
        lane_numbers[lane] = (uint64_t)lane;
    for (size_t group = 0; group < group_count; group++) {
        uint64_t drawn = draw_group(draw, first_group + group, lane_numbers);
        for (size_t byte = 0; byte < MASK_GROUP_NBYTES; byte++)
            *bits++ = (uint8_t)(drawn >> 8 * byte);
    }
}

/* 16 or more mask bits from bit `first` on. */
INLINE uint32_t mask_bits(const uint8_t *bits, size_t first)
{
    uint32_t word = (uint32_t)bits[first / 8] | (uint32_t)bits[first / 8 + 1] << 8 |
                    (uint32_t)bits[first / 8 + 2] << 16;
    return word >> first % 8;
}

INLINE void apply_16(uint32_t retained, ivec lane_bits, vec scale, const float *from, float *to)
{
    for (size_t part = 0; part < 16; part += LANES) {
        ivec mask = (((int32_t)(retained >> part) & lane_bits) != 0);
        store(to + part, (vec)((ivec)(load(from + part) * scale) & mask));
    }
}

static void apply_mask_blocks(const uint8_t *bits, size_t first, size_t step, float scale,
                              const float *from, float *to, size_t block_count)
{
    const ivec lane_bits = make_lane_bits();
    for (size_t block = 0; block < block_count; block++)
        apply_16(mask_bits(bits, first + block * step), lane_bits, splat(scale), from + 16 * block,
                 to + 16 * block);
}

static void apply_mask(const uint8_t *bits, size_t first, float scale, const float *from, float *to,
                       size_t count)
{
    size_t blocks = count / 16;
    apply_mask_blocks(bits, first, 16, scale, from, to, blocks);
    for (size_t i = blocks * 16; i < count; i++) {
        size_t bit = first + i;
        to[i] = bits[bit / 8] >> bit % 8 & 1 ? from[i] * scale : 0.0F;
    }
}

#include "update_kernels.h"

/* ---- the dense kernel's gradient and its update ---- */

/* `rows` rows by `vectors` vectors of outputs, from (row, output) on: the sums stay in registers
 * from the first image to the update. */
INLINE vec update_tile(const dense_update_job *job, size_t row, size_t output, size_t rows,
                       size_t vectors)
{
    vec sums[DENSE_ROWS][DENSE_VECTORS] = {{{0}}};
    const float *x = job->x + row, *dy = job->dy + output;
    for (size_t n = 0; n < job->batch; n++, x += job->x_stride, dy += job->outputs) {
        vec gradient[DENSE_VECTORS];
        for (size_t j = 0; j < vectors; j++)
            gradient[j] = load(dy + j * LANES);
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < vectors; j++)
                sums[i][j] += x[i] * gradient[j];
    }
    vec zero = {0};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < vectors; j++) {
            size_t index = (row + i) * job->outputs + output + j * LANES;
            zero += update_adadelta(&job->update, sums[i][j], job->update.w + index,
                                    job->update.state[0] + index, job->update.state[1] + index);
        }
    return zero;
}

INLINE vec update_rows(const dense_update_job *job, size_t row, size_t rows)
{
    vec zero = {0};
    size_t output = 0;
    for (; output + DENSE_VECTORS * LANES <= job->outputs; output += DENSE_VECTORS * LANES)
        zero += update_tile(job, row, output, rows, DENSE_VECTORS);
    for (; output < job->outputs; output += LANES)
        zero += update_tile(job, row, output, rows, 1);
    return zero;
}

static uint32_t dense_update(const dense_update_job *job)
{
    vec zero = {0};
    size_t row = 0;
    for (; row + DENSE_ROWS <= job->row_count; row += DENSE_ROWS)
        zero += update_rows(job, row, DENSE_ROWS);
    for (; row < job->row_count; row++)
        zero += update_rows(job, row, 1);
    return any_nan(zero);
}

/* ---- the dense layer's sums ---- */

/* The sums stay in registers from the first row to the last. */
INLINE void forward_tile(const dense_forward_job *job, size_t image, size_t output, size_t images,
                         size_t vectors)
{
    vec sums[DENSE_ROWS][DENSE_VECTORS] = {{{0}}};
    const float *x = job->x + image * job->x_stride, *w = job->w + output;
    for (size_t k = 0; k < job->rows; k++, w += job->width) {
        vec kernel[DENSE_VECTORS];
        for (size_t j = 0; j < vectors; j++)
            kernel[j] = load(w + j * LANES);
        for (size_t i = 0; i < images; i++)
            for (size_t j = 0; j < vectors; j++)
                sums[i][j] += x[i * job->x_stride + k] * kernel[j];
    }
    for (size_t i = 0; i < images; i++)
        for (size_t j = 0; j < vectors; j++) {
            float *sum = job->sums + (image + i) * job->width + output + j * LANES;
            store(sum, load(sum) + sums[i][j]);
        }
}

INLINE void forward_images(const dense_forward_job *job, size_t image, size_t images)
{
    size_t output = 0;
    for (; output + DENSE_VECTORS * LANES <= job->outputs; output += DENSE_VECTORS * LANES)
        forward_tile(job, image, output, images, DENSE_VECTORS);
    for (; output < job->outputs; output += LANES)
        forward_tile(job, image, output, images, 1);
}

static void dense_forward(const dense_forward_job *job)
{
    size_t image = 0;
    for (; image + DENSE_ROWS <= job->images; image += DENSE_ROWS)
        forward_images(job, image, DENSE_ROWS);
    for (; image < job->images; image++)
        forward_images(job, image, 1);
}

#include "plane_kernels.h"

const cpu_kernels TABLE = {
    .lanes = LANES,
    .divide_bytes = divide_bytes,
    .relu = relu,
    .relu_backward = relu_backward,
    .add = add,
    .sum_pixels = sum_pixels,
    .max_pixels = max_pixels,
    .max_windows = max_windows,
    .max_windows_backward = max_windows_backward,
    .spread_to_pixels = spread_to_pixels,
    .sum = sum,
    .multiply = multiply,
    .move = move,
    .depthwise = depthwise,
    .depthwise_gradients = depthwise_gradients,
    .activation = activation,
    .activation_backward = activation_backward,
    .channel_apply = channel_apply,
    .channel_sums = channel_sums,
    .channel_dside = channel_dside,
    .channel_dx = channel_dx,
    .draw_mask = draw_mask,
    .apply_mask = apply_mask,
    .apply_mask_blocks = apply_mask_blocks,
    .update = update,
    .accumulate = accumulate,
    .square_sum = square_sum,
    .dense_update = dense_update,
    .dense_forward = dense_forward,
    .stem = STEM,
    .winograd = WINOGRAD,
};
