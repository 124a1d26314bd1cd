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
#define STEM &stem
#else
#define STEM NULL
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

/* ---- adadelta ---- */

/* One vector of it. Lanes of the result are -1 where the weight or one of the averages is not
 * finite afterwards; a gradient that is not makes the average of its square so. */
INLINE ivec update_vector(const hpac_adadelta *adadelta, vec g, float *w, float *a, float *u)
{
    const float rest = 1.0F - adadelta->rho;
    vec square = adadelta->rho * load(a) + rest * (g * g);
    vec change = load(u);
    vec delta = g * SQRT((change + adadelta->epsilon) / (square + adadelta->epsilon));
    vec weight = load(w) - adadelta->learning_rate * delta;
    change = adadelta->rho * change + rest * (delta * delta);
    store(a, square);
    store(u, change);
    store(w, weight);
    vec zero = 0 * square + 0 * change + 0 * weight; /* NaN where one is not finite */
    return zero != zero; /* NOLINT(misc-redundant-expression): true for NaN */
}

INLINE uint32_t any_lane(ivec lanes)
{
    int32_t any = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        any |= lanes[lane];
    return any != 0;
}

/* The remainder behind full vectors, in vectors of zeros. */
static ivec update_rest(const adadelta_job *job, size_t begin, size_t count)
{
    float w[LANES] = {0}, g[LANES] = {0}, a[LANES] = {0}, u[LANES] = {0};
    size_t nbytes = (count - begin) * sizeof(float);
    memcpy(w, job->w + begin, nbytes);
    memcpy(g, job->g + begin, nbytes);
    memcpy(a, job->a + begin, nbytes);
    memcpy(u, job->u + begin, nbytes);
    ivec bad = update_vector(job->adadelta, load(g), w, a, u);
    memcpy(job->w + begin, w, nbytes);
    memcpy(job->a + begin, a, nbytes);
    memcpy(job->u + begin, u, nbytes);
    return bad;
}

static uint32_t adadelta(const adadelta_job *job, size_t count)
{
    ivec bad = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        bad |= update_vector(job->adadelta, load(job->g + i), job->w + i, job->a + i, job->u + i);
    if (i < count)
        bad |= update_rest(job, i, count);
    return any_lane(bad);
}

/* ---- the dense kernel's gradient and its update ---- */

/* `rows` rows by `vectors` vectors of outputs, from (row, output) on: the sums stay in registers
 * from the first image to the update. */
INLINE ivec update_tile(const dense_update_job *job, size_t row, size_t output, size_t rows,
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
    ivec bad = {0};
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < vectors; j++) {
            size_t index = (row + i) * job->outputs + output + j * LANES;
            bad |= update_vector(job->adadelta, sums[i][j], job->w + index, job->a + index,
                                 job->u + index);
        }
    return bad;
}

INLINE ivec update_rows(const dense_update_job *job, size_t row, size_t rows)
{
    ivec bad = {0};
    size_t output = 0;
    for (; output + DENSE_VECTORS * LANES <= job->outputs; output += DENSE_VECTORS * LANES)
        bad |= update_tile(job, row, output, rows, DENSE_VECTORS);
    for (; output < job->outputs; output += LANES)
        bad |= update_tile(job, row, output, rows, 1);
    return bad;
}

static uint32_t dense_update(const dense_update_job *job)
{
    ivec bad = {0};
    size_t row = 0;
    for (; row + DENSE_ROWS <= job->row_count; row += DENSE_ROWS)
        bad |= update_rows(job, row, DENSE_ROWS);
    for (; row < job->row_count; row++)
        bad |= update_rows(job, row, 1);
    return any_lane(bad);
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

const cpu_kernels TABLE = {
    .divide_bytes = divide_bytes,
    .relu = relu,
    .relu_backward = relu_backward,
    .draw_mask = draw_mask,
    .apply_mask = apply_mask,
    .apply_mask_blocks = apply_mask_blocks,
    .adadelta = adadelta,
    .dense_update = dense_update,
    .dense_forward = dense_forward,
    .stem = STEM,
};
