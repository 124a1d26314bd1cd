/*
 * The kernels of the fused stem (stem.h). Included by kernels_body.h where the file that includes
 * that defines MAX, how many windows one pass of the multiplication takes (WINDOWS: 2 x WINDOWS
 * accumulators must fit into the registers) and NAME.
 */

typedef uint8_t bvec __attribute__((vector_size(LANES)));

enum {
    COLUMNS = 6,         /* of the first convolution at a time */
    FILTERS = 2 * LANES, /* of the second convolution at a time */
    TAPS = 9,
    POINTS = 16, /* of a Winograd tile */
};

/* a where the mask is set, else b */
/* ---- scratch per thread ---- */

typedef struct scratch {
    float *inner;      /* (inner_rows, inner_cols, filters1): the first convolution */
    float *tiles;      /* (POINTS, WINDOWS, filters1): transformed input tiles */
    float *products;   /* (POINTS, WINDOWS, FILTERS) */
    float *carry[2];   /* (inner_cols, filters1): gradient of the two rows below those finished */
    float *current[2]; /* likewise: of the two rows being finished */
    float *values;     /* (pooled_cols): a filter's gradients of a row that pass, packed */
    int32_t *offsets;  /* the same: offsets of their argmax in `inner` */
    float *row;        /* (pooled_cols, filters2): gradients of a row */
} scratch;

/* The next `count` floats of the scratch; NULL where only its length is asked for. */
static float *take(float *base, size_t *used, size_t count)
{
    float *taken = base ? base + *used : NULL;
    *used += (count + LANES - 1) / LANES * LANES;
    return taken;
}

/* Lays the scratch out from `base` on and returns its length. */
static size_t lay_out(const stem_shape *shape, float *base, scratch *parts)
{
    size_t used = 0;
    size_t inner_row = shape->inner_cols * shape->filters1;
    size_t pooled_row = shape->pooled_cols * shape->filters2;
    parts->inner = take(base, &used, shape->inner_rows * inner_row);
    parts->tiles = take(base, &used, (size_t)POINTS * WINDOWS * shape->filters1);
    parts->products = take(base, &used, (size_t)POINTS * WINDOWS * FILTERS);
    for (size_t i = 0; i < 2; i++) {
        parts->carry[i] = take(base, &used, inner_row);
        parts->current[i] = take(base, &used, inner_row);
    }
    parts->values = take(base, &used, shape->pooled_cols);
    parts->offsets = (int32_t *)take(base, &used, shape->pooled_cols);
    parts->row = take(base, &used, pooled_row);
    return used;
}

static size_t scratch_count(const stem_shape *shape)
{
    scratch parts;
    return lay_out(shape, NULL, &parts);
}

/* ---- the first convolution ---- */

/* COLUMNS pixels of one row, LANES filters, with ReLU. x: the window's first pixel of the first of
 * them. */
INLINE void convolve_pixels(const stem_shape *shape, const float *kernel, vec bias, const float *x,
                            float *to)
{
    vec sums[COLUMNS];
    size_t channels = shape->channels, filters = shape->filters1;
    size_t x_row = shape->cols * channels;
#pragma GCC unroll 6
    for (size_t i = 0; i < COLUMNS; i++)
        sums[i] = bias;
    for (size_t row = 0; row < 3; row++)
        for (size_t tap = 0; tap < 3 * channels; tap++) { /* column and channel */
            vec weight = load(kernel);
            kernel += filters;
#pragma GCC unroll 6
            for (size_t i = 0; i < COLUMNS; i++)
                sums[i] += weight * x[row * x_row + i * channels + tap];
        }
#pragma GCC unroll 6
    for (size_t i = 0; i < COLUMNS; i++)
        store(to + i * filters, MAX(sums[i], (vec){0}));
}

static void convolve_row(const stem_shape *shape, const stem_weights *weights, const float *x,
                         size_t row, float *inner)
{
    const float *x_row = x + row * shape->cols * shape->channels;
    size_t filters = shape->filters1;
    float *to = inner + row * shape->inner_cols * filters;
    size_t last = shape->inner_cols - COLUMNS;
    for (size_t filter = 0; filter < filters; filter += LANES) {
        vec bias = load(weights->bias1 + filter);
        for (size_t col = 0; col < shape->inner_cols; col += COLUMNS) {
            size_t first = col < last ? col : last; /* some once more rather than a remainder */
            convolve_pixels(shape, weights->kernel1 + filter, bias, x_row + first * shape->channels,
                            to + first * filters + filter);
        }
    }
}

/* ---- forward ---- */

/* B' d B of WINDOWS neighboring tiles; `inner`: the first pixel of the first tile. */
static void transform_tiles(const stem_shape *shape, const float *inner, float *tiles)
{
    size_t filters = shape->filters1, row = shape->inner_cols * filters;
    size_t point = WINDOWS * filters;
    for (size_t window = 0; window < WINDOWS; window++)
        for (size_t filter = 0; filter < filters; filter += LANES) {
            const float *from = inner + 2 * window * filters + filter;
            float *to = tiles + window * filters + filter;
            vec d[4][4], t[4][4];
#pragma GCC unroll 4
            for (size_t r = 0; r < 4; r++)
#pragma GCC unroll 4
                for (size_t c = 0; c < 4; c++)
                    d[r][c] = load(from + r * row + c * filters);
#pragma GCC unroll 4
            for (size_t c = 0; c < 4; c++) {
                t[0][c] = d[0][c] - d[2][c];
                t[1][c] = d[1][c] + d[2][c];
                t[2][c] = d[2][c] - d[1][c];
                t[3][c] = d[1][c] - d[3][c];
            }
#pragma GCC unroll 4
            for (size_t r = 0; r < 4; r++) {
                store(to + (4 * r + 0) * point, t[r][0] - t[r][2]);
                store(to + (4 * r + 1) * point, t[r][1] + t[r][2]);
                store(to + (4 * r + 2) * point, t[r][2] - t[r][1]);
                store(to + (4 * r + 3) * point, t[r][1] - t[r][3]);
            }
        }
}

/* For every point: (WINDOWS, filters1) x (filters1, FILTERS). Inlined, it would share the caller's
 * registers, and the innermost loop would read its offsets from the stack. */
static __attribute__((noinline)) void multiply_tiles(const stem_shape *shape, const float *tiles,
                                                     const float *winograd, float *products)
{
    size_t filters1 = shape->filters1, filters2 = shape->filters2;
    for (size_t point = 0; point < POINTS; point++) {
        const float *weights = winograd + point * filters1 * filters2;
        const float *values = tiles + point * WINDOWS * filters1;
        vec sums[WINDOWS][2];
#pragma GCC unroll 16
        for (size_t i = 0; i < WINDOWS; i++)
            sums[i][0] = sums[i][1] = (vec){0};
        for (size_t m = 0; m < filters1; m++, weights += filters2) {
            vec low = load(weights), high = load(weights + LANES);
#pragma GCC unroll 16
            for (size_t i = 0; i < WINDOWS; i++) {
                vec value = splat(values[i * filters1 + m]);
                sums[i][0] += value * low;
                sums[i][1] += value * high;
            }
        }
        float *to = products + point * WINDOWS * FILTERS;
#pragma GCC unroll 16
        for (size_t i = 0; i < WINDOWS; i++) {
            store(to + i * FILTERS, sums[i][0]);
            store(to + i * FILTERS + LANES, sums[i][1]);
        }
    }
}

/* A' m A: the four outputs of a window, without the bias. */
INLINE void transform_back(const float *products, vec out[4])
{
    const size_t point = (size_t)WINDOWS * FILTERS;
    vec s[2][4];
#pragma GCC unroll 4
    for (size_t c = 0; c < 4; c++) {
        vec m0 = load(products + c * point), m1 = load(products + (4 + c) * point);
        vec m2 = load(products + (8 + c) * point), m3 = load(products + (12 + c) * point);
        s[0][c] = m0 + m1 + m2;
        s[1][c] = m1 - m2 - m3;
    }
#pragma GCC unroll 2
    for (size_t r = 0; r < 2; r++) {
        out[2 * r] = s[r][0] + s[r][1] + s[r][2];
        out[2 * r + 1] = s[r][1] - s[r][2] - s[r][3];
    }
}

/* The maximum of a window, ReLU, dropout; writes LANES outputs and their codes. */
INLINE void pool_window(const stem_forward *job, const vec out[4], vec bias, size_t index)
{
    ivec right_above = out[1] > out[0], right_below = out[3] > out[2];
    vec above = choose(right_above, out[1], out[0]), below = choose(right_below, out[3], out[2]);
    ivec is_below = below > above;
    vec maximum = MAX(choose(is_below, below, above) + bias, (vec){0});
    ivec retained = (ivec){0} - 1;
    if (job->mask)
        retained = (make_lane_bits() & (int32_t)(job->mask[index / 32] >> index % 32)) != 0;
    if (job->codes) {
        ivec right = (is_below & right_below) | (~is_below & right_above);
        ivec code = (right & 1) | (is_below & 2) | ((maximum > 0) & retained & STEM_ALIVE);
        bvec bytes = __builtin_convertvector(code, bvec);
        memcpy(job->codes + index, &bytes, sizeof bytes);
    }
    store(job->y + index, (vec)((ivec)(maximum * job->scale) & retained));
}

static void forward_windows(const stem_forward *job, const scratch *parts, size_t row, size_t col)
{
    const stem_shape *shape = job->shape;
    size_t filters1 = shape->filters1, filters2 = shape->filters2;
    transform_tiles(shape, parts->inner + (2 * row * shape->inner_cols + 2 * col) * filters1,
                    parts->tiles);
    size_t first = (row * shape->pooled_cols + col) * filters2;
    for (size_t filter = 0; filter < filters2; filter += FILTERS) {
        multiply_tiles(shape, parts->tiles, job->weights->winograd + filter, parts->products);
        for (size_t half = 0; half < FILTERS; half += LANES) {
            vec bias = load(job->weights->bias2 + filter + half);
            for (size_t window = 0; window < WINDOWS; window++) {
                vec out[4];
                transform_back(parts->products + window * FILTERS + half, out);
                pool_window(job, out, bias, first + window * filters2 + filter + half);
            }
        }
    }
}

static void stem_forward_image(const stem_forward *job)
{
    const stem_shape *shape = job->shape;
    scratch parts;
    lay_out(shape, job->scratch, &parts);
    size_t convolved = 0, last = shape->pooled_cols - WINDOWS;
    for (size_t row = 0; row < shape->pooled_rows; row++) {
        for (; convolved < 2 * row + 4; convolved++)
            convolve_row(shape, job->weights, job->x, convolved, parts.inner);
        for (size_t col = 0; col < shape->pooled_cols; col += WINDOWS)
            forward_windows(job, &parts, row, col < last ? col : last);
    }
}

/* ---- backward ---- */

/* The row's gradients where they pass, else 0, into `row`; adds them to the bias's gradient. */
static void gate_row(const stem_backward *job, size_t first, float *row)
{
    size_t filters = job->shape->filters2;
    for (size_t filter = 0; filter < filters; filter += LANES) {
        vec sum = load(job->gradients->bias2 + filter);
        for (size_t col = 0; col < job->shape->pooled_cols; col++) {
            size_t index = col * filters + filter;
            bvec bytes;
            memcpy(&bytes, job->codes + first + index, sizeof bytes);
            ivec alive = (__builtin_convertvector(bytes, ivec) & STEM_ALIVE) != 0;
            vec value = (vec)((ivec)(load(job->dy + first + index) * job->scale) & alive);
            store(row + index, value);
            sum += value;
        }
        store(job->gradients->bias2 + filter, sum);
    }
}

/* Packs a filter's gradients of the row that pass, with the offsets of their argmax in `inner` from
 * the row's first pixel on; returns how many. */
static size_t pack_filter(const stem_backward *job, const uint8_t *codes, const float *row,
                          size_t filter, float *values, int32_t *offsets)
{
    const stem_shape *shape = job->shape;
    size_t filters2 = shape->filters2;
    int32_t right = (int32_t)shape->filters1, below = (int32_t)shape->inner_cols * right;
    const int32_t argmax_offset[4] = {0, right, below, below + right};
    size_t count = 0;
    for (size_t col = 0; col < shape->pooled_cols; col++) {
        uint8_t code = codes[col * filters2 + filter];
        values[count] = row[col * filters2 + filter];
        offsets[count] = 2 * (int32_t)col * right + argmax_offset[code & STEM_ARGMAX];
        count += code / STEM_ALIVE;
    }
    return count;
}

/* Gradient of the second kernel: each gradient that passes times the 3x3 window under its argmax.
 */
static void add_kernel2(const stem_backward *job, const float *inner_row, size_t filter,
                        const float *values, const int32_t *offsets, size_t count)
{
    size_t filters1 = job->shape->filters1;
    size_t row = job->shape->inner_cols * filters1;
    for (size_t m = 0; m < filters1; m += LANES) {
        float *to = job->gradients->kernel2 + filter * TAPS * filters1 + m;
        vec sums[TAPS];
#pragma GCC unroll 9
        for (size_t tap = 0; tap < TAPS; tap++)
            sums[tap] = load(to + tap * filters1);
        for (size_t i = 0; i < count; i++) {
            vec value = splat(values[i]);
            const float *window = inner_row + offsets[i] + m;
#pragma GCC unroll 9
            for (size_t tap = 0; tap < TAPS; tap++)
                sums[tap] += value * load(window + tap / 3 * row + tap % 3 * filters1);
        }
#pragma GCC unroll 9
        for (size_t tap = 0; tap < TAPS; tap++)
            store(to + tap * filters1, sums[tap]);
    }
}

/* Adds the second kernel, times each gradient whose argmax is (R, C) of its window, to the window's
 * 4x4 patch. */
INLINE void add_filters(uint32_t filters, const float *row, const float *by_filter, size_t filters1,
                        vec patch[16], const size_t r, const size_t c)
{
    while (filters) {
        size_t filter = (size_t)__builtin_ctz(filters);
        filters &= filters - 1;
        vec value = splat(row[filter]);
        const float *weights = by_filter + filter * TAPS * filters1;
#pragma GCC unroll 9
        for (size_t tap = 0; tap < TAPS; tap++)
            patch[(r + tap / 3) * 4 + c + tap % 3] += value * load(weights + tap * filters1);
    }
}

/* Which of 32 filters have their argmax where: one bit per filter for each of the four outputs. */
INLINE void sort_by_argmax(const uint8_t *codes, uint32_t filters[4])
{
    for (size_t argmax = 0; argmax < 4; argmax++) {
        uint32_t bits = 0;
        for (size_t i = 0; i < 32; i++)
            bits |= (uint32_t)(codes[i] == (STEM_ALIVE | argmax)) << i;
        filters[argmax] = bits;
    }
}

/* The two left columns of a patch: the upper rows to `current`, the lower ones to `carry`. */
INLINE void store_columns(const vec patch[16], float *const current[2], float *const carry[2],
                          size_t left, size_t filters1)
{
#pragma GCC unroll 2
    for (size_t r = 0; r < 2; r++)
#pragma GCC unroll 2
        for (size_t c = 0; c < 2; c++) {
            store(current[r] + left + c * filters1, patch[4 * r + c]);
            store(carry[r] + left + c * filters1, patch[8 + 4 * r + c]);
        }
}

/* Gradient of the first convolution's output: the two rows that this row of windows finishes go to
 * `current`, the two below them to `carry`. */
static void scatter_row(const stem_backward *job, const uint8_t *codes, const scratch *parts,
                        size_t m)
{
    const stem_shape *shape = job->shape;
    size_t filters1 = shape->filters1, filters2 = shape->filters2;
    float *carry[2] = {parts->carry[0] + m, parts->carry[1] + m};
    float *current[2] = {parts->current[0] + m, parts->current[1] + m};
    vec patch[16];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        patch[8 + i] = patch[12 + i] = (vec){0};
        patch[i % 2 + 4 * (i / 2)] = load(carry[i / 2] + i % 2 * filters1);
    }
    for (size_t col = 0; col < shape->pooled_cols; col++) {
        size_t left = 2 * col * filters1;
        patch[10] = patch[11] = patch[14] = patch[15] = (vec){0};
#pragma GCC unroll 2
        for (size_t r = 0; r < 2; r++) {
            patch[4 * r + 2] = load(carry[r] + left + 2 * filters1);
            patch[4 * r + 3] = load(carry[r] + left + 3 * filters1);
        }
        for (size_t filter = 0; filter < filters2; filter += 32) {
            uint32_t argmax[4];
            const float *row = parts->row + col * filters2 + filter;
            const float *weights = job->weights->by_filter + filter * TAPS * filters1 + m;
            sort_by_argmax(codes + col * filters2 + filter, argmax);
            add_filters(argmax[0], row, weights, filters1, patch, 0, 0);
            add_filters(argmax[1], row, weights, filters1, patch, 0, 1);
            add_filters(argmax[2], row, weights, filters1, patch, 1, 0);
            add_filters(argmax[3], row, weights, filters1, patch, 1, 1);
        }
        store_columns(patch, current, carry, left, filters1);
#pragma GCC unroll 4
        for (size_t r = 0; r < 4; r++) {
            patch[4 * r] = patch[4 * r + 2];
            patch[4 * r + 1] = patch[4 * r + 3];
        }
    }
    size_t left = 2 * shape->pooled_cols * filters1; /* the two columns right of all windows */
    store_columns(patch, current, carry, left, filters1);
}

/* Gradients of the first kernel and bias from one finished row. */
static void add_kernel1(const stem_backward *job, const float *inner_row, const float *dinner,
                        size_t row)
{
    const stem_shape *shape = job->shape;
    size_t filters = shape->filters1, channels = shape->channels;
    size_t x_row = shape->cols * channels;
    size_t used_cols = 2 * shape->pooled_cols + 2; /* further ones have no gradient */
    const float *x = job->x + row * x_row;
    for (size_t filter = 0; filter < filters; filter += LANES) {
        vec bias = load(job->gradients->bias1 + filter);
        for (size_t channel = 0; channel < channels; channel++) {
            float *to = job->gradients->kernel1 + channel * filters + filter;
            vec sums[TAPS];
#pragma GCC unroll 9
            for (size_t tap = 0; tap < TAPS; tap++)
                sums[tap] = load(to + tap * channels * filters);
            for (size_t col = 0; col < used_cols; col++) {
                ivec positive = load(inner_row + col * filters + filter) > 0;
                vec value = (vec)((ivec)load(dinner + col * filters + filter) & positive);
                if (channel == 0)
                    bias += value;
#pragma GCC unroll 9
                for (size_t tap = 0; tap < TAPS; tap++)
                    sums[tap] += value * x[tap / 3 * x_row + (col + tap % 3) * channels + channel];
            }
#pragma GCC unroll 9
            for (size_t tap = 0; tap < TAPS; tap++)
                store(to + tap * channels * filters, sums[tap]);
        }
        store(job->gradients->bias1 + filter, bias);
    }
}

static void stem_backward_image(const stem_backward *job)
{
    const stem_shape *shape = job->shape;
    size_t filters1 = shape->filters1, filters2 = shape->filters2;
    size_t inner_row = shape->inner_cols * filters1;
    scratch parts;
    lay_out(shape, job->scratch, &parts);
    memset(parts.carry[0], 0, inner_row * sizeof(float));
    memset(parts.carry[1], 0, inner_row * sizeof(float));
    size_t convolved = 0;
    for (size_t row = 0; row < shape->pooled_rows; row++) {
        for (; convolved < 2 * row + 4; convolved++)
            convolve_row(shape, job->weights, job->x, convolved, parts.inner);
        size_t first = row * shape->pooled_cols * filters2;
        const float *inner = parts.inner + 2 * row * inner_row;
        gate_row(job, first, parts.row);
        for (size_t filter = 0; filter < filters2; filter++) {
            size_t count = pack_filter(job, job->codes + first, parts.row, filter, parts.values,
                                       parts.offsets);
            add_kernel2(job, inner, filter, parts.values, parts.offsets, count);
        }
        for (size_t m = 0; m < filters1; m += LANES)
            scatter_row(job, job->codes + first, &parts, m);
        add_kernel1(job, inner, parts.current[0], 2 * row);
        add_kernel1(job, inner + inner_row, parts.current[1], 2 * row + 1);
    }
    size_t last = 2 * shape->pooled_rows;
    for (size_t i = 0; i < 2; i++)
        add_kernel1(job, parts.inner + (last + i) * inner_row, parts.carry[i], last + i);
}

static const stem_kernels stem = {
    .name = NAME,
    .min_pooled_cols = WINDOWS,
    .scratch_count = scratch_count,
    .forward = stem_forward_image,
    .backward = stem_backward_image,
};
