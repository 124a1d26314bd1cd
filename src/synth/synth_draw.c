/* Light on a plane: spots, lines, noise; and the random numbers that painters like. */
#include "synth_paint.h"

#include <math.h>
#include <string.h>

/* Narrower than this (pixels) light falls between the pixels; it is drawn this wide but dimmer. */
#define NARROWEST 0.45f

float synth_between(hpac_random *random, float low, float high)
{
    return low + (high - low) * hpac_random_uniform(random);
}

float synth_jitter(hpac_random *random, float deviation)
{
    float sum = hpac_random_uniform(random);
    sum += hpac_random_uniform(random);
    return (sum - 1.0f) * 2.4495f * deviation; /* the variance of a uniform is 1/12 */
}

float synth_spread(hpac_random *random, float deviation)
{
    return expf(synth_jitter(random, deviation));
}

/* First and last pixel of [from, to] within 0 .. size - 1; empty when last < first. */
static void clip(float from, float to, int size, int *first, int *last)
{
    float limit = (float)size;
    *first = from <= 0.0f ? 0 : from >= limit ? size : (int)from;
    *last = to < 0.0f ? -1 : to >= limit ? size - 1 : (int)to;
}

void synth_draw_spot(const synth_canvas *canvas, float x, float y, float sigma, float amplitude)
{
    float cx = x * canvas->scale - 0.5f, cy = y * canvas->scale - 0.5f;
    float width = sigma * canvas->scale;
    if (width < NARROWEST) {
        amplitude *= width * width / (NARROWEST * NARROWEST);
        width = NARROWEST;
    }
    float reach = 2.8f * width + 1.0f, rate = -0.5f / (width * width);
    int left, right, top, bottom;
    clip(cx - reach, cx + reach, canvas->size, &left, &right);
    clip(cy - reach, cy + reach, canvas->size, &top, &bottom);
    if (right < left || bottom < top)
        return;
    float weights[512] = {0};
    if (right - left >= 512)
        right = left + 511; /* no stain has spots of 1/8 of a side */
    for (int col = left; col <= right; col++)
        weights[col - left] = expf(rate * ((float)col - cx) * ((float)col - cx));
    for (int row = top; row <= bottom; row++) {
        float weight = amplitude * expf(rate * ((float)row - cy) * ((float)row - cy));
        float *values = canvas->values + (size_t)row * (size_t)canvas->size;
        for (int col = left; col <= right; col++)
            values[col] += weight * weights[col - left];
    }
}

void synth_draw_disc(const synth_canvas *canvas, float x, float y, float radius, float amplitude)
{
    float cx = x * canvas->scale - 0.5f, cy = y * canvas->scale - 0.5f;
    float r = radius * canvas->scale, soft = 0.35f * r + 0.5f, reach = r + soft;
    int left, right, top, bottom;
    clip(cx - reach, cx + reach, canvas->size, &left, &right);
    clip(cy - reach, cy + reach, canvas->size, &top, &bottom);
    for (int row = top; row <= bottom; row++) {
        float *values = canvas->values + (size_t)row * (size_t)canvas->size;
        float dy = (float)row - cy;
        for (int col = left; col <= right; col++) {
            float dx = (float)col - cx;
            values[col] += amplitude * synth_ramp(reach - sqrtf(dx * dx + dy * dy), 0.0f, 2 * soft);
        }
    }
}

void synth_pen_init(synth_pen *pen, const synth_canvas *canvas, float sigma)
{
    float width = sigma * canvas->scale, dim = 1.0f;
    if (width < NARROWEST) {
        dim = width / NARROWEST;
        width = NARROWEST;
    }
    pen->reach = (int)(2.0f * width + 0.6f);
    if (pen->reach > SYNTH_PEN_REACH)
        pen->reach = SYNTH_PEN_REACH;
    float step = 0.9f * width + 0.3f; /* pixels */
    pen->step = step / canvas->scale;
    pen->gain = dim * step / (width * 2.50663f); /* sqrt(2 pi): marks add up to the line */
    for (int place = 0; place < SYNTH_PEN_PLACES; place++) {
        float middle = ((float)place + 0.5f) / SYNTH_PEN_PLACES - 0.5f;
        for (int i = 0; i <= 2 * pen->reach; i++) {
            float away = ((float)(i - pen->reach) - middle) / width;
            pen->weights[place][i] = expf(-0.5f * away * away);
        }
    }
}

void synth_pen_mark(const synth_pen *pen, const synth_canvas *canvas, float x, float y,
                    float amplitude)
{
    float px = x * canvas->scale, py = y * canvas->scale, edge = (float)canvas->size;
    int reach = pen->reach, size = canvas->size;
    if (!(px >= 0.0f && py >= 0.0f && px < edge && py < edge))
        return;
    int col = (int)px, row = (int)py;
    const float *across = pen->weights[(int)((px - (float)col) * SYNTH_PEN_PLACES)];
    const float *down = pen->weights[(int)((py - (float)row) * SYNTH_PEN_PLACES)];
    int left = col - reach < 0 ? 0 : col - reach;
    int right = col + reach >= size ? size - 1 : col + reach;
    int top = row - reach < 0 ? 0 : row - reach;
    int bottom = row + reach >= size ? size - 1 : row + reach;
    for (int r = top; r <= bottom; r++) {
        float weight = amplitude * pen->gain * down[r - row + reach];
        float *values = canvas->values + (size_t)r * (size_t)size;
        for (int c = left; c <= right; c++)
            values[c] += weight * across[c - col + reach];
    }
}

void synth_pen_line(const synth_pen *pen, const synth_canvas *canvas, float x0, float y0, float x1,
                    float y1, float amplitude)
{
    float length = sqrtf((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
    int marks = 1 + (int)(length / pen->step);
    for (int i = 0; i < marks; i++) {
        float t = ((float)i + 0.5f) / (float)marks;
        synth_pen_mark(pen, canvas, x0 + t * (x1 - x0), y0 + t * (y1 - y0), amplitude);
    }
}

void synth_pen_ring(const synth_pen *pen, const synth_canvas *canvas, float x, float y,
                    float radius, float amplitude)
{
    int marks = 6 + (int)(2.0f * SYNTH_PI * radius / pen->step);
    float share = 2.0f * SYNTH_PI * radius / ((float)marks * pen->step);
    for (int i = 0; i < marks; i++) {
        float angle = 2.0f * SYNTH_PI * (float)i / (float)marks;
        synth_pen_mark(pen, canvas, x + radius * cosf(angle), y + radius * sinf(angle),
                       amplitude * share);
    }
}

/* The three weights of a quadratic B-spline at t in 0 .. 1 of its middle piece. */
static void spline_weights(float t, float weights[3])
{
    weights[0] = 0.5f * (1.0f - t) * (1.0f - t);
    weights[2] = 0.5f * t * t;
    weights[1] = 1.0f - weights[0] - weights[2];
}

#define MAX_NODES 128 /* a side: 256 units at the finest pitch of 2 */

/* One row of the noise from three rows of normal numbers, blended to `nodes` numbers. */
static void stretch_row(const float *nodes, int count, float *row, int side)
{
    for (int i = 0; i < side; i++) {
        float place = (float)i * (float)count / (float)side, weights[3];
        int node = (int)place;
        spline_weights(place - (float)node, weights);
        row[i] = weights[0] * nodes[node] + weights[1] * nodes[(node + 1) % count] +
                 weights[2] * nodes[(node + 2) % count];
    }
}

void synth_noise_fill(synth_noise *noise, float pitch, float scale, hpac_random *random)
{
    static const float deviation = 0.55f; /* of a quadratic B-spline's sum, in two dimensions */
    int count = (int)(SYNTH_SIDE / 2.0f / pitch), side = noise->side;
    float nodes[MAX_NODES][MAX_NODES], blend[MAX_NODES];
    float fade = pitch * scale < 1.0f ? pitch * scale : 1.0f; /* finer than pixels: averaged away */
    for (int y = 0; y < count; y++)
        for (int x = 0; x < count; x++)
            nodes[y][x] = synth_jitter(random, fade / deviation);
    for (int y = 0; y < side; y++) {
        float place = (float)y * (float)count / (float)side, weights[3];
        int node = (int)place;
        spline_weights(place - (float)node, weights);
        const float *above = nodes[node];
        const float *middle = nodes[(node + 1) % count];
        const float *below = nodes[(node + 2) % count];
        for (int i = 0; i < count; i++)
            blend[i] = weights[0] * above[i] + weights[1] * middle[i] + weights[2] * below[i];
        float *row = noise->values + (size_t)y * (size_t)noise->stride;
        stretch_row(blend, count, row, side);
        for (int i = side; i < noise->stride; i++)
            row[i] = row[i - side];
    }
}

const float *synth_noise_row(const synth_noise *noise, int row, int shift)
{
    int y = (row + shift * 37) % noise->side, x = shift * 61 % noise->side;
    return noise->values + (size_t)y * (size_t)noise->stride + x;
}
