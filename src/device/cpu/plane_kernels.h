/*
 * Sums, maxima and copies over the pixels of an image; included by kernels_body.h. Pixels without
 * gaps between them are taken PLANE_LANES floats at a time, so that few lanes fill vectors, too:
 * lane i of such a span belongs to channel i % lanes.
 */

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
