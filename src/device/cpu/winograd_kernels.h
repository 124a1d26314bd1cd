/*
 * The kernels of Winograd convolutions (winograd.h). Included by kernels_body.h where the file that
 * includes that defines how many rows of a matrix product are summed at once (PRODUCT_ROWS, a
 * multiple of 3: 2 x PRODUCT_ROWS accumulators must fit into the registers) and NAME.
 */

enum {
    SIDE = 6, /* of a tile of points or inputs */
    TILE = WINOGRAD_TILE,
    PANEL = 2 * LANES, /* columns of a matrix product at a time */
    ROW_STEP = PRODUCT_ROWS / 3,
    /* Between the arrays of two points: steps of a power of two would share a few cache sets. */
    POINT_GAP = 16,
};

static size_t round_rows(size_t rows)
{
    return (rows + ROW_STEP - 1) / ROW_STEP * ROW_STEP;
}

/* ---- steps in arrays of points ---- */

static size_t tile_point_step(const winograd_shape *shape, size_t channels)
{
    return round_rows(shape->group) * channels + POINT_GAP;
}

static size_t kernel_point_step(const winograd_shape *shape)
{
    return shape->x.channels * shape->y.channels + POINT_GAP;
}

static size_t winograd_points_count(const winograd_shape *shape)
{
    return WINOGRAD_POINTS * kernel_point_step(shape);
}

/* The points of tiles of x, (point, tile, channel), and behind them those of y. */
static size_t winograd_scratch_count(const winograd_shape *shape)
{
    return WINOGRAD_POINTS *
           (tile_point_step(shape, shape->x.channels) + tile_point_step(shape, shape->y.channels));
}

/* ---- the transforms, of a column or row of values `step` apart ----
 *
 * Of the points at which the polynomials are evaluated, 0, +-NEAR, +-FAR and infinity, with NEAR^2
 * = 1/2 and FAR^2 = 2: errors are a third of those with Lavin and Gray's 0, +-1, +-2. */

#define NEAR 0.70710678F
#define FAR 1.41421356F

/* B' d, 6 inputs to 6 points. */
INLINE void transform_input(const vec *d, size_t step, vec *to, size_t to_step)
{
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step];
    vec d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    vec near_even = d4 - 2 * d2, near_odd = NEAR * (d3 - 2 * d1);
    vec far_even = d4 - 0.5F * d2, far_odd = FAR * (d3 - 0.5F * d1);
    to[0] = d0 - 2.5F * d2 + d4;
    to[to_step] = near_even + near_odd;
    to[2 * to_step] = near_even - near_odd;
    to[3 * to_step] = far_even + far_odd;
    to[4 * to_step] = far_even - far_odd;
    to[5 * to_step] = d1 - 2.5F * d3 + d5;
}

/* G g, 3 weights to 6 points. */
INLINE void transform_weights(const vec *g, size_t step, vec *to, size_t to_step)
{
    vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
    vec near_even = (g0 + 0.5F * g2) * (-2.0F / 3), near_odd = g1 * (-2 * NEAR / 3);
    vec far_even = (g0 + 2 * g2) * (1.0F / 6), far_odd = g1 * (FAR / 6);
    to[0] = g0;
    to[to_step] = near_even + near_odd;
    to[2 * to_step] = near_even - near_odd;
    to[3 * to_step] = far_even + far_odd;
    to[4 * to_step] = far_even - far_odd;
    to[5 * to_step] = g2;
}

/* A' m, 6 points to 4 outputs. */
INLINE void transform_output(const vec *m, size_t step, vec *to, size_t to_step)
{
    vec near_even = m[step] + m[2 * step], near_odd = NEAR * (m[step] - m[2 * step]);
    vec far_even = m[3 * step] + m[4 * step], far_odd = FAR * (m[3 * step] - m[4 * step]);
    to[0] = m[0] + near_even + far_even;
    to[to_step] = near_odd + far_odd;
    to[2 * to_step] = 0.5F * near_even + 2 * far_even;
    to[3 * to_step] = 0.5F * near_odd + 2 * far_odd + m[5 * step];
}

/* A y, the transpose of that: 4 gradients of outputs to 6 points. */
INLINE void transform_output_gradient(const vec *y, size_t step, vec *to, size_t to_step)
{
    vec y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
    vec near_even = y0 + 0.5F * y2, near_odd = NEAR * (y1 + 0.5F * y3);
    vec far_even = y0 + 2 * y2, far_odd = FAR * (y1 + 2 * y3);
    to[0] = y0;
    to[to_step] = near_even + near_odd;
    to[2 * to_step] = near_even - near_odd;
    to[3 * to_step] = far_even + far_odd;
    to[4 * to_step] = far_even - far_odd;
    to[5 * to_step] = y3;
}

/* G' u, the transpose of that of weights: gradients of 6 points to those of 3 weights. */
INLINE void transform_points_gradient(const vec *u, size_t step, vec *to, size_t to_step)
{
    vec near_even = (u[step] + u[2 * step]) * (-2.0F / 3), near_odd = u[step] - u[2 * step];
    vec far_even = (u[3 * step] + u[4 * step]) * (1.0F / 6), far_odd = u[3 * step] - u[4 * step];
    to[0] = u[0] + near_even + far_even;
    to[to_step] = near_odd * (-2 * NEAR / 3) + far_odd * (FAR / 6);
    to[2 * to_step] = 0.5F * near_even + 2 * far_even + u[5 * step];
}

/* ---- tiles ---- */

/* The first pixel of a tile, which may be outside of its image, and the image's first float. */
typedef struct tile_position {
    ptrdiff_t row, col;
    size_t offset;
} tile_position;

static tile_position position_of(const winograd_shape *shape, const winograd_images *images,
                                 size_t tile, size_t pad_top, size_t pad_left)
{
    size_t image = tile / (shape->tile_rows * shape->tile_cols);
    size_t in_image = tile % (shape->tile_rows * shape->tile_cols);
    return (tile_position){
        .row = (ptrdiff_t)(TILE * (in_image / shape->tile_cols)) - (ptrdiff_t)pad_top,
        .col = (ptrdiff_t)(TILE * (in_image % shape->tile_cols)) - (ptrdiff_t)pad_left,
        .offset = image * images->image_step,
    };
}

/* The pixels of a block, `size` in each direction; 0 outside of the image. */
INLINE void load_tile(const winograd_images *images, const tile_position *position,
                      const float *block, const size_t size, vec *to)
{
    ptrdiff_t rows = (ptrdiff_t)images->rows, cols = (ptrdiff_t)images->cols;
    ptrdiff_t pixel = (ptrdiff_t)images->pixel_step, end = (ptrdiff_t)size;
    const float *from = block + (ptrdiff_t)position->offset;
    if (position->row >= 0 && position->col >= 0 && position->row + end <= rows &&
        position->col + end <= cols) {
        from += (position->row * cols + position->col) * pixel;
        for (ptrdiff_t r = 0; r < end; r++)
#pragma GCC unroll 6
            for (ptrdiff_t c = 0; c < end; c++)
                to[r * end + c] = load(from + (r * cols + c) * pixel);
        return;
    }
    for (ptrdiff_t r = 0; r < end; r++)
        for (ptrdiff_t c = 0; c < end; c++) {
            ptrdiff_t row = position->row + r, col = position->col + c;
            bool inside = row >= 0 && row < rows && col >= 0 && col < cols;
            to[r * end + c] = inside ? load(from + (row * cols + col) * pixel) : (vec){0};
        }
}

/* A row of points of a block of channels. */
INLINE void store_points(const vec line[SIDE], float *to, size_t point_step)
{
#pragma GCC unroll 6
    for (size_t col = 0; col < SIDE; col++)
        store(to + col * point_step, line[col]);
}

/* The points of all channels of a tile of x. */
static void transform_input_tile(const winograd_shape *shape, size_t tile, const float *x,
                                 float *points, size_t point_step)
{
    tile_position position = position_of(shape, &shape->x, tile, shape->pad_top, shape->pad_left);
    for (size_t channel = 0; channel < shape->x.channels; channel += LANES) {
        vec d[WINOGRAD_POINTS], t[WINOGRAD_POINTS];
        load_tile(&shape->x, &position, x + channel / LANES * shape->x.block_step, SIDE, d);
#pragma GCC unroll 6
        for (size_t col = 0; col < SIDE; col++)
            transform_input(d + col, SIDE, t + col, SIDE);
#pragma GCC unroll 6
        for (size_t row = 0; row < SIDE; row++) {
            vec line[SIDE];
            transform_input(t + row * SIDE, 1, line, 1);
            store_points(line, points + row * SIDE * point_step + channel, point_step);
        }
    }
}

/* The points of all channels of a tile of dy; adds its pixels to dbias. */
static void transform_gradient_tile(const winograd_shape *shape, size_t tile, const float *dy,
                                    float *points, size_t point_step, float *dbias)
{
    tile_position position = position_of(shape, &shape->y, tile, 0, 0);
    for (size_t channel = 0; channel < shape->y.channels; channel += LANES) {
        vec d[TILE * TILE], t[SIDE * TILE];
        load_tile(&shape->y, &position, dy + channel / LANES * shape->y.block_step, TILE, d);
        if (dbias) {
            vec sum = load(dbias + channel);
#pragma GCC unroll 16
            for (size_t i = 0; i < (size_t)TILE * TILE; i++)
                sum += d[i];
            store(dbias + channel, sum);
        }
#pragma GCC unroll 4
        for (size_t col = 0; col < TILE; col++)
            transform_output_gradient(d + col, TILE, t + col, TILE);
#pragma GCC unroll 6
        for (size_t row = 0; row < SIDE; row++) {
            vec line[SIDE];
            transform_output_gradient(t + row * TILE, 1, line, 1);
            store_points(line, points + row * SIDE * point_step + channel, point_step);
        }
    }
}

/* The outputs of all channels of a tile, those inside of the image. */
static void transform_output_tile(const winograd_convolution *job, size_t tile, const float *points,
                                  size_t point_step)
{
    const winograd_images *images = &job->shape->y;
    tile_position position = position_of(job->shape, images, tile, 0, 0);
    size_t first_row = (size_t)position.row, first_col = (size_t)position.col;
    size_t rows = images->rows - first_row < TILE ? images->rows - first_row : TILE;
    size_t cols = images->cols - first_col < TILE ? images->cols - first_col : TILE;
    for (size_t channel = 0; channel < images->channels; channel += LANES) {
        vec m[WINOGRAD_POINTS], t[TILE * SIDE], out[TILE * TILE];
        vec bias = job->bias ? load(job->bias + channel) : (vec){0};
#pragma GCC unroll 36
        for (size_t point = 0; point < WINOGRAD_POINTS; point++)
            m[point] = load(points + point * point_step + channel);
#pragma GCC unroll 6
        for (size_t col = 0; col < SIDE; col++)
            transform_output(m + col, SIDE, t + col, SIDE);
#pragma GCC unroll 4
        for (size_t row = 0; row < TILE; row++)
            transform_output(t + row * SIDE, 1, out + row * TILE, 1);
        size_t offset = position.offset + channel / LANES * images->block_step +
                        (first_row * images->cols + first_col) * images->pixel_step;
        for (size_t row = 0; row < rows; row++)
            for (size_t col = 0; col < cols; col++) {
                size_t at = offset + (row * images->cols + col) * images->pixel_step;
                vec value = out[row * TILE + col] + bias;
                if (job->side)
                    value += load(job->side + at);
                if (job->relu)
                    value = choose(value < 0, (vec){0}, value);
                if (job->adds)
                    value += load(job->y + at);
                store(job->y + at, value);
            }
    }
}

/* ---- matrix products ---- */

/* to[row][column] = the sum over the terms of a[row][term] b[term][column]; steps in floats. */
typedef struct product {
    const float *a, *b;
    size_t a_row, a_term, b_term, terms;
    float *to;
    size_t to_row;
    bool adds;
} product;

INLINE void multiply_block(const product *job, size_t first, const size_t rows,
                           const size_t vectors)
{
    vec sums[PRODUCT_ROWS][2];
    const float *a = job->a + first * job->a_row, *b = job->b;
    float *to = job->to + first * job->to_row;
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            sums[i][j] = job->adds ? load(to + i * job->to_row + j * LANES) : (vec){0};
    for (size_t term = 0; term < job->terms; term++, a += job->a_term, b += job->b_term) {
        vec columns[2];
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            columns[j] = load(b + j * LANES);
#pragma GCC unroll 16
        for (size_t i = 0; i < rows; i++) {
            vec value = splat(a[i * job->a_row]);
#pragma GCC unroll 2
            for (size_t j = 0; j < vectors; j++)
                sums[i][j] += value * columns[j];
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t j = 0; j < vectors; j++)
            store(to + i * job->to_row + j * LANES, sums[i][j]);
}

/* `rows` is a multiple of ROW_STEP. */
INLINE void multiply_rows(const product *job, size_t rows, const size_t vectors)
{
    size_t row = 0;
    for (; row + PRODUCT_ROWS <= rows; row += PRODUCT_ROWS)
        multiply_block(job, row, PRODUCT_ROWS, vectors);
    if (rows - row == 2 * ROW_STEP)
        multiply_block(job, row, 2 * ROW_STEP, vectors);
    else if (rows > row)
        multiply_block(job, row, ROW_STEP, vectors);
}

static __attribute__((noinline)) void multiply_panel(const product *job, size_t rows)
{
    multiply_rows(job, rows, 2);
}

static __attribute__((noinline)) void multiply_half_panel(const product *job, size_t rows)
{
    multiply_rows(job, rows, 1);
}

/* ---- the passes ---- */

/* The points of kernels are (point, panel of y channels, x channel, channel of the panel). */
static void winograd_transform_kernel(const winograd_shape *shape, const float *kernel,
                                      size_t first, size_t end, float *points)
{
    size_t terms = shape->x.channels, columns = shape->y.channels;
    size_t point_step = kernel_point_step(shape);
    for (size_t term = first; term < end; term++)
        for (size_t column = 0; column < columns; column += LANES) {
            size_t panel = column / PANEL * PANEL;
            size_t width = columns - panel < PANEL ? LANES : PANEL;
            float *to = points + panel * terms + term * width + column - panel;
            vec g[WINOGRAD_TAPS], t[SIDE * 3];
#pragma GCC unroll 9
            for (size_t tap = 0; tap < WINOGRAD_TAPS; tap++)
                g[tap] = load(kernel + (tap * terms + term) * columns + column);
#pragma GCC unroll 3
            for (size_t col = 0; col < 3; col++)
                transform_weights(g + col, 3, t + col, 3);
#pragma GCC unroll 6
            for (size_t row = 0; row < SIDE; row++) {
                vec line[SIDE];
                transform_weights(t + row * 3, 1, line, 1);
#pragma GCC unroll 6
                for (size_t col = 0; col < SIDE; col++)
                    store(to + (row * SIDE + col) * point_step, line[col]);
            }
        }
}

/* Rows up to a multiple of ROW_STEP are multiplied with the others, and not read. */
static void multiply_points(const winograd_shape *shape, size_t tiles, const float *from,
                            const float *kernel, float *to)
{
    size_t terms = shape->x.channels, columns = shape->y.channels;
    product job = {.a_row = terms, .a_term = 1, .terms = terms, .to_row = columns};
    for (size_t point = 0; point < WINOGRAD_POINTS; point++)
        for (size_t column = 0; column < columns; column += PANEL) {
            bool whole = columns - column >= PANEL;
            job.a = from + point * tile_point_step(shape, terms);
            job.b = kernel + point * kernel_point_step(shape) + column * terms;
            job.b_term = whole ? PANEL : LANES;
            job.to = to + point * tile_point_step(shape, columns) + column;
            (whole ? multiply_panel : multiply_half_panel)(&job, round_rows(tiles));
        }
}

static void winograd_convolve(const winograd_convolution *job, const winograd_range *range)
{
    const winograd_shape *shape = job->shape;
    size_t x_step = tile_point_step(shape, shape->x.channels);
    size_t y_step = tile_point_step(shape, shape->y.channels);
    float *from = range->scratch, *to = from + WINOGRAD_POINTS * x_step;
    for (size_t first = range->first; first < range->end; first += shape->group) {
        size_t left = range->end - first, tiles = left < shape->group ? left : shape->group;
        for (size_t i = 0; i < tiles; i++)
            transform_input_tile(shape, first + i, job->x, from + i * shape->x.channels, x_step);
        multiply_points(shape, tiles, from, job->points, to);
        for (size_t i = 0; i < tiles; i++)
            transform_output_tile(job, first + i, to + i * shape->y.channels, y_step);
    }
}

/* Here the points are (point, x channel, y channel). */
static void add_products(const winograd_shape *shape, size_t tiles, const float *from,
                         const float *gradients, float *points)
{
    size_t rows = shape->x.channels, columns = shape->y.channels;
    product job = {
        .a_row = 1,
        .a_term = rows,
        .b_term = columns,
        .terms = tiles,
        .to_row = columns,
        .adds = true,
    };
    for (size_t point = 0; point < WINOGRAD_POINTS; point++)
        for (size_t column = 0; column < columns; column += PANEL) {
            job.a = from + point * tile_point_step(shape, rows);
            job.b = gradients + point * tile_point_step(shape, columns) + column;
            job.to = points + point * kernel_point_step(shape) + column;
            (columns - column >= PANEL ? multiply_panel : multiply_half_panel)(&job, rows);
        }
}

static void winograd_add_gradients(const winograd_shape *shape, const winograd_range *range,
                                   const float *x, const float *dy, float *points, float *dbias)
{
    size_t x_step = tile_point_step(shape, shape->x.channels);
    size_t y_step = tile_point_step(shape, shape->y.channels);
    float *from = range->scratch, *gradients = from + WINOGRAD_POINTS * x_step;
    for (size_t first = range->first; first < range->end; first += shape->group) {
        size_t left = range->end - first, tiles = left < shape->group ? left : shape->group;
        for (size_t i = 0; i < tiles; i++) {
            transform_input_tile(shape, first + i, x, from + i * shape->x.channels, x_step);
            transform_gradient_tile(shape, first + i, dy, gradients + i * shape->y.channels, y_step,
                                    dbias);
        }
        add_products(shape, tiles, from, gradients, points);
    }
}

static void winograd_transform_gradient(const winograd_shape *shape, const float *points,
                                        size_t count, size_t step, size_t first, size_t end,
                                        float *gradient)
{
    size_t rows = shape->x.channels, columns = shape->y.channels;
    for (size_t row = first; row < end; row++)
        for (size_t column = 0; column < columns; column += LANES) {
            vec u[WINOGRAD_POINTS], t[3 * SIDE];
            const float *from = points + row * columns + column;
            for (size_t point = 0; point < WINOGRAD_POINTS; point++) {
                u[point] = load(from + point * kernel_point_step(shape));
                for (size_t i = 1; i < count; i++)
                    u[point] += load(from + i * step + point * kernel_point_step(shape));
            }
#pragma GCC unroll 6
            for (size_t col = 0; col < SIDE; col++)
                transform_points_gradient(u + col, SIDE, t + col, SIDE);
#pragma GCC unroll 3
            for (size_t r = 0; r < 3; r++) {
                vec line[3];
                transform_points_gradient(t + r * SIDE, 1, line, 1);
#pragma GCC unroll 3
                for (size_t c = 0; c < 3; c++)
                    store(gradient + ((3 * r + c) * rows + row) * columns + column, line[c]);
            }
        }
}

static const winograd_kernels winograd = {
    .name = NAME,
    .lanes = LANES,
    .scratch_count = winograd_scratch_count,
    .points_count = winograd_points_count,
    .transform_kernel = winograd_transform_kernel,
    .convolve = winograd_convolve,
    .add_gradients = winograd_add_gradients,
    .transform_gradient = winograd_transform_gradient,
};
