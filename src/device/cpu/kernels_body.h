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

/* ---- the update ---- */

/* Each takes one vector, and returns NaN in the lanes where a new value is not finite. */

INLINE vec update_adadelta(const update_job *job, vec g, float *w, float *a, float *u)
{
    const float rest = 1.0F - job->rho;
    vec square = job->rho * load(a) + rest * (g * g);
    vec change = load(u);
    vec delta = g * SQRT((change + job->epsilon) / (square + job->epsilon));
    vec weight = load(w) - job->learning_rate * delta;
    change = job->rho * change + rest * (delta * delta);
    store(a, square);
    store(u, change);
    store(w, weight);
    return 0 * square + 0 * change + 0 * weight;
}

INLINE vec update_sgd(const update_job *job, vec g, float *w, float *m)
{
    vec change = -job->learning_rate * g, weight = load(w);
    if (!m) {
        weight += change;
        store(w, weight);
        return 0 * weight;
    }
    vec moved = job->momentum * load(m) + change;
    weight += job->nesterov ? job->momentum * moved + change : moved;
    store(m, moved);
    store(w, weight);
    return 0 * moved + 0 * weight;
}

INLINE vec update_adam(const update_job *job, vec g, float *w, float *m, float *v)
{
    vec mean = load(m), square = load(v), weight = load(w);
    if (job->kind == HPAC_OPTIMIZER_ADAMW)
        weight -= job->decay * weight;
    mean += (1.0F - job->beta_1) * (g - mean);
    square += (1.0F - job->beta_2) * (g * g - square);
    weight -= job->learning_rate * mean / (SQRT(square) + job->epsilon);
    store(m, mean);
    store(v, square);
    store(w, weight);
    return 0 * mean + 0 * square + 0 * weight;
}

/* What is not finite anywhere in a vector of NaN and zeros. */
INLINE uint32_t any_nan(vec zero)
{
    ivec lanes = zero != zero; /* NOLINT(misc-redundant-expression): true for NaN */
    int32_t any = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        any |= lanes[lane];
    return any != 0;
}

INLINE vec gradient_at(const update_job *job, size_t i)
{
    vec g = load(job->g + i);
    if (job->accumulated)
        g = (load(job->accumulated + i) + g) * job->mean;
    return job->l2 != 0.0F ? g + job->l2 * load(job->w + i) : g;
}

/* `plain`: nothing before the optimizer's own formula, and nothing after it. */
INLINE vec update_at(const update_job *job, hpac_optimizer_kind kind, bool plain, size_t i)
{
    float *w = job->w + i, *const *state = job->state;
    vec g = plain ? load(job->g + i) : gradient_at(job, i) * job->scale, zero;
    if (kind == HPAC_OPTIMIZER_ADADELTA)
        zero = update_adadelta(job, g, w, state[0] + i, state[1] + i);
    else if (kind == HPAC_OPTIMIZER_SGD)
        zero = update_sgd(job, g, w, state[0] ? state[0] + i : NULL);
    else
        zero = update_adam(job, g, w, state[0] + i, state[1] + i);
    if (plain)
        return zero;
    if (job->accumulated)
        store(job->accumulated + i, (vec){0});
    if (job->average) {
        vec average = job->average_momentum * load(job->average + i) +
                      (1.0F - job->average_momentum) * load(w);
        store(job->average + i, average);
    }
    /* An SGD without momentum has no state that would show it. */
    return kind == HPAC_OPTIMIZER_SGD ? zero + 0 * g : zero;
}

INLINE vec update_all(const update_job *job, hpac_optimizer_kind kind, bool plain, size_t count)
{
    vec zero = {0};
    for (size_t i = 0; i < count; i += LANES)
        zero += update_at(job, kind, plain, i);
    return zero;
}

/* Whole vectors. */
static uint32_t update_vectors(const update_job *job, size_t count)
{
    bool plain = !job->accumulated && !job->average && job->l2 == 0.0F && job->scale == 1.0F;
    switch (job->kind) {
    case HPAC_OPTIMIZER_ADADELTA:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_ADADELTA, true, count)
                             : update_all(job, HPAC_OPTIMIZER_ADADELTA, false, count));
    case HPAC_OPTIMIZER_SGD:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_SGD, true, count)
                             : update_all(job, HPAC_OPTIMIZER_SGD, false, count));
    default:
        return any_nan(plain ? update_all(job, HPAC_OPTIMIZER_ADAM, true, count)
                             : update_all(job, HPAC_OPTIMIZER_ADAM, false, count));
    }
}

/* The arrays of a job; some may be missing. */
enum { UPDATE_ARRAYS = 5 };

static void list_arrays(const update_job *job, float *arrays[UPDATE_ARRAYS])
{
    float *const all[] = {job->w, job->state[0], job->state[1], job->accumulated, job->average};
    memcpy(arrays, all, sizeof all);
}

/* A job on the `count` < LANES values from `first` on, in vectors filled up with zeros. */
typedef struct update_rest {
    update_job job;
    float g[LANES], values[UPDATE_ARRAYS][LANES];
} update_rest;

static void copy_rest(update_rest *rest, const update_job *job, size_t first, size_t count)
{
    float *arrays[UPDATE_ARRAYS];
    list_arrays(job, arrays);
    *rest = (update_rest){.job = *job};
    memcpy(rest->g, job->g + first, count * sizeof(float));
    for (size_t i = 0; i < UPDATE_ARRAYS; i++)
        if (arrays[i])
            memcpy(rest->values[i], arrays[i] + first, count * sizeof(float));
    rest->job.g = rest->g;
    rest->job.w = rest->values[0];
    rest->job.state[0] = job->state[0] ? rest->values[1] : NULL;
    rest->job.state[1] = job->state[1] ? rest->values[2] : NULL;
    rest->job.accumulated = job->accumulated ? rest->values[3] : NULL;
    rest->job.average = job->average ? rest->values[4] : NULL;
}

static uint32_t update(const update_job *job, size_t count)
{
    size_t whole = count / LANES * LANES, left = count - whole;
    uint32_t bad = update_vectors(job, whole);
    if (left > 0) {
        update_rest rest;
        float *arrays[UPDATE_ARRAYS];
        list_arrays(job, arrays);
        copy_rest(&rest, job, whole, left);
        bad |= update_vectors(&rest.job, LANES);
        for (size_t i = 0; i < UPDATE_ARRAYS; i++)
            if (arrays[i])
                memcpy(arrays[i] + whole, rest.values[i], left * sizeof(float));
    }
    return bad;
}

static uint32_t accumulate(const update_job *job, size_t count)
{
    float zero = 0;
    for (size_t i = 0; i < count; i++) {
        job->accumulated[i] += job->g[i];
        zero += 0.0F * job->accumulated[i];
    }
    return zero != zero; /* NOLINT(misc-redundant-expression): true for NaN */
}

typedef double dvec __attribute__((vector_size(8 * LANES)));

static double square_sum(const update_job *job, size_t count)
{
    size_t whole = count / LANES * LANES;
    dvec sums = {0};
    for (size_t i = 0; i < whole; i += LANES) {
        dvec g = __builtin_convertvector(gradient_at(job, i), dvec);
        sums += g * g;
    }
    if (whole < count) {
        update_rest rest;
        copy_rest(&rest, job, whole, count - whole);
        dvec g = __builtin_convertvector(gradient_at(&rest.job, 0), dvec);
        sums += g * g;
    }
    double sum = 0;
    for (size_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

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

/* ---- whole images ----
 *
 * Pixels without gaps between them are taken PLANE_LANES floats at a time, so that few lanes fill
 * vectors, too: lane i of such a span belongs to channel i % lanes. */

/* Pixels that fill a span; 1 where there are gaps. */
INLINE size_t pixels_per_span(const pixel_run *run)
{
    return run->stride == run->lanes && PLANE_LANES % run->lanes == 0 ? PLANE_LANES / run->lanes
                                                                      : 1;
}

INLINE void add_spans(const float *x, size_t count, size_t stride, size_t lanes, float *totals)
{
    enum { SPANS = 64 }; /* summed apart: rounding errors stay small */
    for (size_t begin = 0; begin < count; begin += SPANS) {
        size_t end = begin + SPANS < count ? begin + SPANS : count;
        float sums[PLANE_LANES] = {0};
        for (size_t i = begin; i < end; i++)
            for (size_t lane = 0; lane < lanes; lane++)
                sums[lane] += x[i * stride + lane];
        for (size_t lane = 0; lane < lanes; lane++)
            totals[lane] += sums[lane];
    }
}

static void sum_pixels(const float *x, const pixel_run *run, float *sums)
{
    size_t step = pixels_per_span(run), spans = run->count / step, lanes = step * run->lanes;
    float totals[PLANE_LANES] = {0};
    if (lanes == PLANE_LANES)
        add_spans(x, spans, step * run->stride, PLANE_LANES, totals);
    else
        add_spans(x, spans, step * run->stride, lanes, totals);
    for (size_t lane = run->lanes; lane < lanes; lane++)
        totals[lane % run->lanes] += totals[lane];
    add_spans(x + spans * step * run->stride, run->count % step, run->stride, run->lanes, totals);
    memcpy(sums, totals, run->lanes * sizeof *sums);
}

INLINE void compare_spans(const float *x, size_t count, size_t stride, size_t lanes, float *maxima,
                          uint32_t *argmax, uint32_t first)
{
    for (size_t i = 0; i < count; i++)
        for (size_t lane = 0; lane < lanes; lane++) {
            float value = x[i * stride + lane];
            bool larger = value > maxima[lane];
            maxima[lane] = larger ? value : maxima[lane];
            argmax[lane] = larger ? first + (uint32_t)i : argmax[lane];
        }
}

static void max_pixels(const float *x, const pixel_run *run, float *maxima, uint32_t *argmax)
{
    size_t step = pixels_per_span(run), spans = run->count / step, lanes = step * run->lanes;
    float best[PLANE_LANES];
    uint32_t where[PLANE_LANES] = {0}; /* spans */
    if (spans == 0) {
        step = 1;
        spans = run->count;
        lanes = run->lanes;
    }
    memcpy(best, x, lanes * sizeof *best);
    if (lanes == PLANE_LANES)
        compare_spans(x, spans, step * run->stride, PLANE_LANES, best, where, 0);
    else
        compare_spans(x, spans, step * run->stride, lanes, best, where, 0);
    for (size_t lane = 0; lane < lanes; lane++) {
        size_t channel = lane % run->lanes;
        uint32_t pixel = where[lane] * (uint32_t)step + (uint32_t)(lane / run->lanes);
        if (lane < run->lanes || best[lane] > maxima[channel] ||
            (best[lane] == maxima[channel] && pixel < argmax[channel])) {
            maxima[channel] = best[lane];
            argmax[channel] = pixel;
        }
    }
    compare_spans(x + spans * step * run->stride, run->count - spans * step, run->stride,
                  run->lanes, maxima, argmax, (uint32_t)(spans * step));
}

INLINE void fill_spans(const float *values, bool adds, size_t count, size_t stride, size_t lanes,
                       float *x)
{
    for (size_t i = 0; i < count; i++)
        for (size_t lane = 0; lane < lanes; lane++)
            x[i * stride + lane] = values[lane] + (adds ? x[i * stride + lane] : 0.0F);
}

static void spread_to_pixels(const float *values, bool adds, const pixel_run *run, float *x)
{
    size_t step = pixels_per_span(run), spans = run->count / step, lanes = step * run->lanes;
    float span[PLANE_LANES] = {0};
    for (size_t lane = 0; lane < lanes; lane++)
        span[lane] = values[lane % run->lanes];
    if (lanes == PLANE_LANES)
        fill_spans(span, adds, spans, step * run->stride, PLANE_LANES, x);
    else
        fill_spans(span, adds, spans, step * run->stride, lanes, x);
    fill_spans(span, adds, run->count % step, run->stride, run->lanes,
               x + spans * step * run->stride);
}

#include "pool_kernels.h"

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
