/*
 * Depthwise convolutions, and their gradients, of as many channels as a vector has lanes; included
 * by kernels_body.h. Inner outputs are computed a few at a time, with all taps; outer ones alone,
 * with the taps that are inside of the image.
 */

enum { DEPTHWISE_BLOCK = 6 };

/* The taps of a row of outputs that are inside: their rows of x and of the kernel. */
typedef struct depthwise_lines {
    size_t count;
    const float *x[DEPTHWISE_TAPS];
    const vec *kernel[DEPTHWISE_TAPS];
} depthwise_lines;

INLINE bool is_inside(const depthwise_axis *axis, size_t output, size_t tap, size_t *input)
{
    *input = output * axis->in_step + (size_t)axis->offset[tap]; /* before 0: a large number */
    return *input < axis->in_count;
}

INLINE void put_output(const depthwise_job *job, float *line, size_t col, vec y, size_t n)
{
    float *to = line + (job->cols->out_first + col * job->cols->out_step) * job->y_stride;
    if (job->adds)
        y += load_part(to, n);
    store_part(to, job->relu ? choose(less(y, splat(0.0F)), splat(0.0F), y) : y, n);
}

INLINE void outer_output(const depthwise_job *job, const depthwise_lines *lines, vec bias,
                         float *to, size_t col, size_t n)
{
    const depthwise_axis *cols = job->cols;
    vec sum = bias;
    for (size_t line = 0; line < lines->count; line++)
        for (size_t tap = 0, input; tap < cols->tap_count; tap++)
            if (is_inside(cols, col, tap, &input))
                sum += load_part(lines->x[line] + input * job->x_stride, n) *
                       lines->kernel[line][cols->kernel[tap]];
    put_output(job, to, col, sum, n);
}

INLINE void inner_outputs(const depthwise_job *job, const depthwise_lines *lines, vec bias,
                          float *to, size_t col, size_t count, size_t n)
{
    const depthwise_axis *cols = job->cols;
    size_t step = cols->in_step * job->x_stride;
    vec sums[DEPTHWISE_BLOCK];
    for (size_t i = 0; i < count; i++)
        sums[i] = bias;
    for (size_t line = 0; line < lines->count; line++)
        for (size_t tap = 0, input; tap < cols->tap_count; tap++) {
            (void)is_inside(cols, col, tap, &input);
            const float *x = lines->x[line] + input * job->x_stride;
            vec factor = lines->kernel[line][cols->kernel[tap]];
            for (size_t i = 0; i < count; i++)
                sums[i] += load_part(x + i * step, n) * factor;
        }
    for (size_t i = 0; i < count; i++)
        put_output(job, to, col + i, sums[i], n);
}

INLINE void depthwise_row(const depthwise_job *job, const vec *kernel, vec bias, size_t row,
                          size_t n)
{
    const depthwise_axis *rows = job->rows, *cols = job->cols;
    float *to = job->y + (rows->out_first + row * rows->out_step) * job->y_cols * job->y_stride;
    depthwise_lines lines = {.count = 0};
    for (size_t tap = 0, input; tap < rows->tap_count; tap++)
        if (is_inside(rows, row, tap, &input)) {
            lines.x[lines.count] = job->x + input * cols->in_count * job->x_stride;
            lines.kernel[lines.count++] = kernel + rows->kernel[tap] * job->kernel_cols;
        }
    size_t col = 0;
    for (; col < cols->inner_first; col++)
        outer_output(job, &lines, bias, to, col, n);
    for (; col + DEPTHWISE_BLOCK <= cols->inner_end; col += DEPTHWISE_BLOCK)
        inner_outputs(job, &lines, bias, to, col, DEPTHWISE_BLOCK, n);
    for (; col < cols->inner_end; col++)
        inner_outputs(job, &lines, bias, to, col, 1, n);
    for (; col < cols->count; col++)
        outer_output(job, &lines, bias, to, col, n);
}

INLINE void depthwise_plane(const depthwise_job *job, size_t n)
{
    vec kernel[DEPTHWISE_TAPS * DEPTHWISE_TAPS], bias = {0};
    for (size_t row = 0; row < job->rows->tap_count; row++)
        for (size_t col = 0; col < job->cols->tap_count; col++) {
            size_t at = job->rows->kernel[row] * job->kernel_cols + job->cols->kernel[col];
            kernel[at] = load_part(job->kernel + at * job->kernel_stride, job->channels);
        }
    if (job->bias)
        bias = load_part(job->bias, job->channels);
    for (size_t row = 0; row < job->rows->count; row++)
        depthwise_row(job, kernel, bias, row, n);
}

static void depthwise(const depthwise_job *shared)
{
    const depthwise_job job = *shared; /* which no store can change */
    if (job.lanes == LANES)
        depthwise_plane(&job, LANES);
    else
        depthwise_plane(&job, job.lanes);
}

/* ---- the gradients of the kernel and of the bias ---- */

/* Adds to `sums` those of `taps` taps from `first` on: over a row of outputs in registers. */
INLINE void add_row(const depthwise_job *job, const float *x, const float *dy, size_t first,
                    size_t taps, vec *sums, size_t n)
{
    const depthwise_axis *cols = job->cols;
    vec row[DEPTHWISE_TAPS];
    for (size_t tap = 0; tap < taps; tap++)
        row[tap] = splat(0.0F);
    for (size_t col = 0; col < cols->count; col++) {
        bool inner = col >= cols->inner_first && col < cols->inner_end;
        vec slope = load_part(dy + col * job->y_stride, n);
        for (size_t tap = 0, input; tap < taps; tap++)
            if (is_inside(cols, col, first + tap, &input) || inner)
                row[tap] += load_part(x + input * job->x_stride, n) * slope;
    }
    for (size_t tap = 0; tap < taps; tap++)
        sums[tap] += row[tap];
}

INLINE void sum_taps(const depthwise_job *job, size_t row_tap, size_t first, size_t taps, size_t n)
{
    const depthwise_axis *rows = job->rows, *cols = job->cols;
    vec sums[DEPTHWISE_TAPS];
    for (size_t tap = 0; tap < taps; tap++)
        sums[tap] = splat(0.0F);
    for (size_t row = 0, input; row < rows->count; row++)
        if (is_inside(rows, row, row_tap, &input))
            add_row(job, job->x + input * cols->in_count * job->x_stride,
                    job->dy + row * job->y_cols * job->y_stride, first, taps, sums, n);
    for (size_t tap = 0; tap < taps; tap++)
        store_part(job->sums + (row_tap * job->kernel_cols + first + tap) * job->kernel_stride,
                   sums[tap], n);
}

INLINE void sum_dy(const depthwise_job *job, size_t n)
{
    vec sum = splat(0.0F);
    for (size_t row = 0; row < job->rows->count; row++) {
        vec of_row = splat(0.0F);
        for (size_t col = 0; col < job->cols->count; col++)
            of_row += load_part(job->dy + (row * job->y_cols + col) * job->y_stride, n);
        sum += of_row;
    }
    store_part(job->sums + job->rows->tap_count * job->kernel_cols * job->kernel_stride, sum, n);
}

INLINE void gradients_of_plane(const depthwise_job *job, size_t n)
{
    size_t taps = job->cols->tap_count;
    for (size_t row_tap = 0; row_tap < job->rows->tap_count; row_tap++) {
        if (taps == 3)
            sum_taps(job, row_tap, 0, 3, n);
        else if (taps == 5)
            sum_taps(job, row_tap, 0, 5, n);
        else if (taps == 7)
            sum_taps(job, row_tap, 0, 7, n);
        else
            for (size_t tap = 0; tap < taps; tap++)
                sum_taps(job, row_tap, tap, 1, n);
    }
    sum_dy(job, n);
}

static void depthwise_gradients(const depthwise_job *shared)
{
    const depthwise_job job = *shared;
    if (job.lanes == LANES)
        gradients_of_plane(&job, LANES);
    else
        gradients_of_plane(&job, job.lanes);
}
