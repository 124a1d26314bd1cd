/*
 * Gaussian low-pass and linear interpolation along both axes, as one banded matrix an axis.
 *
 * Output rows are made in strips of LANES. First the rows: each input row is turned into floats
 * once a strip and added, weighted, to the output rows it bears on (vectors lie along the columns).
 * The strip is then turned on its side, so that in the second step, the columns, vectors lie along
 * its LANES rows whatever the factor is.
 *
 * What it costs, 512 x 512 to 128 x 128 (14 taps): 128 * 14 * 512 multiply-adds for the rows and
 * 128 * 14 * 128 for the columns, 2.3 MFLOP in all; 256 KiB read, 16 KiB written. With 16 lanes and
 * two vector instructions a cycle that is 72,000 cycles, a few percent of what inflating such a
 * picture takes.
 *
 * Sums run in one fixed order without contraction, so that every clone gives the same bits.
 */
#include <hpac/resize.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The function that chooses a clone runs before the thread sanitizer is ready for it. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

enum {
    LANES = 16,  /* floats in the widest vector there is */
    BLOCK = 256, /* columns at a time: a strip of them stays in the first cache */
};

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* One axis: output o is the sum over t of weights[o][t] * input[starts[o] + t]. */
typedef struct axis {
    int in, out, taps;
    int *starts;    /* (out) never decreasing; starts[o] + taps <= in */
    float *weights; /* (out, taps) */
} axis;

struct hpac_resizer {
    axis rows, cols;
    float *columns; /* (cols.in rounded up to LANES, LANES) a strip after the first step */
    float *strip;   /* (cols.out, LANES) a strip after the second */
};

/* The pixel that stands at place `i` of a line of `n` when its ends are mirrors. */
static int mirror(int i, int n)
{
    if (n == 1)
        return 0;
    int period = 2 * (n - 1);
    i = abs(i) % period;
    return i < n ? i : period - i;
}

/* scipy.ndimage.gaussian_filter1d's weights: (2 * radius + 1), sum 1; malloc'ed. */
static double *make_gaussian(double sigma, int radius)
{
    double *gaussian = calloc((size_t)radius * 2 + 1, sizeof *gaussian);
    if (!gaussian)
        return NULL;
    double sum = 0;
    for (int k = -radius; k <= radius; k++) {
        gaussian[radius + k] = radius ? exp(-0.5 * k * k / (sigma * sigma)) : 1;
        sum += gaussian[radius + k];
    }
    for (int k = 0; k <= 2 * radius; k++)
        gaussian[k] /= sum;
    return gaussian;
}

/* One row of the matrix. `row` is (taps) scratch. */
static void make_output(axis *line, int o, const double *gaussian, int radius, double *row)
{
    double at = (o + 0.5) * line->in / line->out - 0.5;
    if (at < 0)
        at = -at;
    if (at > line->in - 1)
        at = 2.0 * (line->in - 1) - at;
    if (line->in == 1)
        at = 0;
    int base = (int)at;
    double fraction = at - base;

    int start = base - radius;
    if (start > line->in - line->taps)
        start = line->in - line->taps;
    if (start < 0)
        start = 0;
    memset(row, 0, (size_t)line->taps * sizeof *row);
    for (int k = -radius; k <= radius; k++) {
        row[mirror(base + k, line->in) - start] += (1 - fraction) * gaussian[radius + k];
        row[mirror(base + 1 + k, line->in) - start] += fraction * gaussian[radius + k];
    }
    line->starts[o] = start;
    for (int t = 0; t < line->taps; t++)
        line->weights[(size_t)o * (size_t)line->taps + (size_t)t] = (float)row[t];
}

static hpac_status init_axis(axis *line, int in, int out)
{
    double sigma = fmax(0, ((double)in / out - 1) / 2);
    int radius = (int)(4 * sigma + 0.5);
    int taps = 2 * radius + 2 < in ? 2 * radius + 2 : in;
    *line = (axis){.in = in, .out = out, .taps = taps};
    size_t weights_nbytes = (size_t)out * (size_t)taps * sizeof *line->weights;
    line->starts = malloc((size_t)out * sizeof *line->starts);
    line->weights = malloc(weights_nbytes);
    double *row = malloc((size_t)taps * sizeof *row);
    double *gaussian = make_gaussian(sigma, radius);
    hpac_status status = HPAC_OK;
    if (!line->starts || !line->weights || !row || !gaussian)
        status = hpac_fail_memory(weights_nbytes);
    else
        for (int o = 0; o < out; o++)
            make_output(line, o, gaussian, radius, row);
    free(gaussian);
    free(row);
    return status; /* what `line` holds is freed with the resizer */
}

hpac_status hpac_resizer_create(int in_rows, int in_cols, int out_rows, int out_cols,
                                hpac_resizer **resizer)
{
    hpac_resizer *made = calloc(1, sizeof *made);
    if (!made)
        return hpac_fail_memory(sizeof *made);
    hpac_status status = init_axis(&made->rows, in_rows, out_rows);
    if (status == HPAC_OK)
        status = init_axis(&made->cols, in_cols, out_cols);
    if (status == HPAC_OK) {
        size_t padded = ((size_t)in_cols + LANES - 1) / LANES * LANES;
        size_t strip_floats = (size_t)out_cols * LANES;
        made->columns = calloc(padded * LANES, sizeof *made->columns);
        made->strip = calloc(strip_floats, sizeof *made->strip);
        if (!made->columns || !made->strip)
            status = hpac_fail_memory((padded * LANES + strip_floats) * sizeof(float));
    }
    if (status != HPAC_OK) {
        hpac_resizer_destroy(made);
        made = NULL;
    }
    *resizer = made;
    return status;
}

void hpac_resizer_destroy(hpac_resizer *resizer)
{
    if (!resizer)
        return;
    free(resizer->rows.starts);
    free(resizer->rows.weights);
    free(resizer->cols.starts);
    free(resizer->cols.weights);
    free(resizer->columns);
    free(resizer->strip);
    free(resizer);
}

/* Output rows first .. first + count - 1 (count <= LANES) into `columns`, (in_cols, LANES). */
CLONES static void filter_rows(const axis *line, int first, int count, const uint8_t *in,
                               size_t in_cols, float *columns)
{
    float block[LANES][BLOCK], row[BLOCK];
    const int *starts = line->starts;
    int end = starts[first + count - 1] + line->taps;
    memset(row, 0, sizeof row);
    for (size_t at = 0; at < in_cols; at += BLOCK) {
        size_t n = in_cols - at < BLOCK ? in_cols - at : BLOCK;
        int oldest = first; /* of the output rows that are not complete yet */
        memset(block, 0, sizeof block);
        for (int i = starts[first]; i < end; i++) {
            const uint8_t *bytes = in + (size_t)i * in_cols + at;
            for (size_t c = 0; c < n; c++)
                row[c] = bytes[c];
            while (starts[oldest] + line->taps <= i)
                oldest++;
            for (int o = oldest; o < first + count && starts[o] <= i; o++) {
                float weight =
                    line->weights[(size_t)o * (size_t)line->taps + (size_t)(i - starts[o])];
                float *sums = block[o - first];
                for (size_t c = 0; c < n; c += LANES)
                    *(lanes *)(sums + c) += weight * *(lanes *)(row + c);
            }
        }
        for (size_t c = 0; c < n; c++)
            for (int k = 0; k < LANES; k++)
                columns[(at + c) * LANES + (size_t)k] = block[k][c];
    }
}

/* A strip's second step, and onto the scale of bytes: (in_cols, LANES) to (out_cols, LANES). */
CLONES static void filter_cols(const axis *line, const float *columns, float *strip)
{
    size_t taps = (size_t)line->taps;
    for (size_t o = 0; o < (size_t)line->out; o++) {
        const float *weights = line->weights + o * taps;
        const float *from = columns + (size_t)line->starts[o] * LANES;
        lanes sum = {0};
        for (size_t t = 0; t < taps; t++)
            sum += weights[t] * *(const lanes *)(from + t * LANES);
        *(lanes *)(strip + o * LANES) = sum;
    }
}

/* Makes the strip of output rows from `first` on in resizer->strip; returns how many they are. */
static int make_strip(hpac_resizer *resizer, const uint8_t *in, int first)
{
    int left = resizer->rows.out - first, count = left < LANES ? left : LANES;
    filter_rows(&resizer->rows, first, count, in, (size_t)resizer->cols.in, resizer->columns);
    filter_cols(&resizer->cols, resizer->columns, resizer->strip);
    return count;
}

/* Rounding errors of the weights must not lead out of the bytes' range. */
static inline float limit(float value)
{
    return value < 255 ? value : 255;
}

void hpac_resize_f32(hpac_resizer *resizer, const uint8_t *in, float *out, int out_stride)
{
    size_t cols = (size_t)resizer->cols.out, stride = (size_t)out_stride;
    for (int first = 0; first < resizer->rows.out; first += LANES) {
        int count = make_strip(resizer, in, first);
        for (int k = 0; k < count; k++) {
            float *row = out + (size_t)(first + k) * cols * stride;
            for (size_t c = 0; c < cols; c++)
                row[c * stride] = limit(resizer->strip[c * LANES + (size_t)k]) / 255;
        }
    }
}

void hpac_resize_u8(hpac_resizer *resizer, const uint8_t *in, uint8_t *out, int out_stride)
{
    size_t cols = (size_t)resizer->cols.out, stride = (size_t)out_stride;
    for (int first = 0; first < resizer->rows.out; first += LANES) {
        int count = make_strip(resizer, in, first);
        for (int k = 0; k < count; k++) {
            uint8_t *row = out + (size_t)(first + k) * cols * stride;
            for (size_t c = 0; c < cols; c++)
                row[c * stride] = (uint8_t)(limit(resizer->strip[c * LANES + (size_t)k]) + 0.5f);
        }
    }
}
