/*
 * Maxima of windows, with overlap and padding; included by kernels_body.h. Of POOL_VECTORS vectors
 * of channels at a time the maxima and their taps stay in registers.
 */

typedef uint8_t bvec __attribute__((vector_size(LANES)));

enum { POOL_VECTORS = 4 };

INLINE ivec load_taps(const uint8_t *from)
{
#ifdef WIDEN_BYTES /* of __builtin_convertvector GCC 12 makes scalar code */
    return WIDEN_BYTES(from);
#else
    bvec bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, ivec);
#endif
}

INLINE void store_taps(uint8_t *to, ivec taps)
{
    bvec bytes = __builtin_convertvector(taps, bvec);
    memcpy(to, &bytes, sizeof bytes);
}

/* Of a window that starts at `start`: its taps inside of the image. */
typedef struct pool_span {
    size_t first, end;
} pool_span;

INLINE pool_span taps_inside(ptrdiff_t start, size_t window, size_t length)
{
    ptrdiff_t end = (ptrdiff_t)length - start;
    return (pool_span){.first = start < 0 ? (size_t)-start : 0,
                       .end = end < (ptrdiff_t)window ? (size_t)end : window};
}

/* The maxima of one window, of `vectors` vectors from channel vector `v` on. */
INLINE void max_window(const pool_job *job, ptrdiff_t top, ptrdiff_t left, size_t v, size_t vectors,
                       float *y, uint8_t *argmax)
{
    const sliding_window *window = job->window;
    const pool_span rows = taps_inside(top, window->rows, window->in_rows);
    const pool_span cols = taps_inside(left, window->cols, window->in_cols);
    vec best[POOL_VECTORS];
    ivec taps[POOL_VECTORS], zero = {0};
    const vec infinity = splat(__builtin_inff());
    for (size_t i = 0; i < vectors; i++) {
        best[i] = splat(-__builtin_inff());
        taps[i] = zero + (int32_t)(rows.first * window->cols + cols.first);
    }
    for (size_t row = rows.first; row < rows.end; row++)
        for (size_t col = cols.first; col < cols.end; col++) {
            size_t pixel =
                (size_t)(top + (ptrdiff_t)row) * window->in_cols + (size_t)(left + (ptrdiff_t)col);
            const float *x = job->x + pixel * job->x_pixel_step + v * job->x_vector_step;
            ivec tap = zero + (int32_t)(row * window->cols + col);
            for (size_t i = 0; i < vectors; i++) {
                vec value = load(x + i * job->x_vector_step);
                ivec first_nan = ~(ivec)(value <= infinity) & (ivec)(best[i] <= infinity);
                ivec more = (ivec)(value > best[i]) | first_nan;
                best[i] = choose(more, value, best[i]);
                taps[i] = (more & tap) | (~more & taps[i]);
            }
        }
    for (size_t i = 0; i < vectors; i++) {
        store(y + (v + i) * job->y_vector_step, best[i]);
        if (argmax)
            store_taps(argmax + (v + i) * LANES, taps[i]);
    }
}

static void max_windows(const pool_job *job, size_t row)
{
    const sliding_window *window = job->window;
    ptrdiff_t top = (ptrdiff_t)(row * window->row_stride) - (ptrdiff_t)window->pad_top;
    for (size_t col = 0; col < window->out_cols; col++) {
        ptrdiff_t left = (ptrdiff_t)(col * window->col_stride) - (ptrdiff_t)window->pad_left;
        size_t pixel = row * window->out_cols + col, v = 0;
        float *y = job->y + pixel * job->y_pixel_step;
        uint8_t *argmax = job->argmax ? job->argmax + pixel * job->vectors * LANES : NULL;
        for (; v + POOL_VECTORS <= job->vectors; v += POOL_VECTORS)
            max_window(job, top, left, v, POOL_VECTORS, y, argmax);
        for (; v < job->vectors; v++)
            max_window(job, top, left, v, 1, y, argmax);
    }
}

/* The windows that have row (or column) `at` of the image with its padding, of `count` windows:
 * from those that have the one before, or from none. */
INLINE pool_span next_windows(pool_span before, size_t at, size_t window, size_t stride,
                              size_t count)
{
    while (before.first * stride + window <= at)
        before.first++;
    while (before.end < count && before.end * stride <= at)
        before.end++;
    return before;
}

/* The gradient of a pixel: what the windows that have their maximum here pass on, in row order. */
INLINE void gather_gradient(const pool_job *job, size_t in_row, size_t in_col, pool_span rows,
                            pool_span cols, size_t v, size_t vectors)
{
    const sliding_window *window = job->window;
    size_t at = in_row * window->in_cols + in_col;
    vec sums[POOL_VECTORS] = {{0}};
    for (size_t row = rows.first; row < rows.end; row++)
        for (size_t col = cols.first; col < cols.end; col++) {
            size_t pixel = row * window->out_cols + col;
            ivec tap = (ivec){0} + (int32_t)((in_row + window->pad_top - row * window->row_stride) *
                                                 window->cols +
                                             in_col + window->pad_left - col * window->col_stride);
            const float *dy = job->dy + pixel * job->y_pixel_step + v * job->y_vector_step;
            const uint8_t *argmax = job->argmax + (pixel * job->vectors + v) * LANES;
            for (size_t i = 0; i < vectors; i++) {
                ivec here = load_taps(argmax + i * LANES) == tap;
                sums[i] += (vec)((ivec)load(dy + i * job->y_vector_step) & here);
            }
        }
    for (size_t i = 0; i < vectors; i++)
        store(job->dx + at * job->x_pixel_step + (v + i) * job->x_vector_step, sums[i]);
}

static void max_windows_backward(const pool_job *job, size_t row)
{
    const sliding_window *window = job->window;
    const pool_span rows = next_windows((pool_span){0}, row + window->pad_top, window->rows,
                                        window->row_stride, window->out_rows);
    pool_span cols = {0};
    for (size_t col = 0; col < window->in_cols; col++) {
        size_t v = 0;
        cols = next_windows(cols, col + window->pad_left, window->cols, window->col_stride,
                            window->out_cols);
        for (; v + POOL_VECTORS <= job->vectors; v += POOL_VECTORS)
            gather_gradient(job, row, col, rows, cols, v, POOL_VECTORS);
        for (; v < job->vectors; v++)
            gather_gradient(job, row, col, rows, cols, v, 1);
    }
}
