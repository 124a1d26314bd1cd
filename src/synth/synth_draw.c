/* Light on a plane: spots, lines, noise; and random numbers. */
#include "synth_scene.h"

#include <math.h>

/* Narrower light (pixels) would fall between the pixels; it is drawn this wide but dimmer. */
#define MIN_WIDTH 0.45f

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

float synth_angle(hpac_random *random)
{
    return synth_between(random, 0.0f, 2.0f * SYNTH_PI);
}

bool synth_chance(hpac_random *random, float probability)
{
    return hpac_random_uniform(random) < probability;
}

int synth_count(hpac_random *random, int min, int max)
{
    return min + (int)hpac_random_below(random, (uint32_t)(max - min + 1));
}

typedef struct box {
    int left, right, top, bottom; /* inclusive */
} box;

/* The pixels around a middle, within the plane. */
static box box_around(const synth_plane *plane, float cx, float cy, float reach)
{
    float limit = (float)(plane->size - 1);
    return (box){(int)synth_max(cx - reach, 0.0f), (int)synth_min(cx + reach, limit),
                 (int)synth_max(cy - reach, 0.0f), (int)synth_min(cy + reach, limit)};
}

void synth_draw_spot(const synth_plane *plane, float x, float y, float sigma, float amplitude)
{
    float cx = x * plane->scale - 0.5f, cy = y * plane->scale - 0.5f, width = sigma * plane->scale;
    if (width < MIN_WIDTH) {
        amplitude *= width * width / (MIN_WIDTH * MIN_WIDTH);
        width = MIN_WIDTH;
    }
    const box at = box_around(plane, cx, cy, 2.8f * width + 1.0f);
    float rate = -0.5f / (width * width), weights[512];
    if (cx + 2.8f * width + 1.0f < 0.0f || cy + 2.8f * width + 1.0f < 0.0f)
        return;
    for (int col = at.left; col <= at.right && col < at.left + 512; col++)
        weights[col - at.left] = expf(rate * ((float)col - cx) * ((float)col - cx));
    for (int row = at.top; row <= at.bottom; row++) {
        float weight = amplitude * expf(rate * ((float)row - cy) * ((float)row - cy));
        float *values = plane->values + (size_t)row * (size_t)plane->size;
        for (int col = at.left; col <= at.right && col < at.left + 512; col++)
            values[col] += weight * weights[col - at.left];
    }
}

void synth_pen_init(synth_pen *pen, const synth_plane *plane, float sigma)
{
    float width = synth_max(sigma * plane->scale, MIN_WIDTH);
    float step = 0.9f * width + 0.3f; /* pixels */
    pen->plane = plane;
    pen->reach = (int)synth_min(2.0f * width + 0.6f, SYNTH_PEN_REACH);
    pen->step = step / plane->scale;
    /* sqrt(2 pi): marks add up to the line. */
    pen->gain = sigma * plane->scale / width * step / (width * 2.50663f);
    for (int phase = 0; phase < SYNTH_PEN_PHASES; phase++)
        for (int i = 0; i <= 2 * pen->reach; i++) {
            float middle = ((float)phase + 0.5f) / SYNTH_PEN_PHASES - 0.5f;
            float away = ((float)(i - pen->reach) - middle) / width;
            pen->weights[phase][i] = expf(-0.5f * away * away);
        }
}

void synth_pen_mark(const synth_pen *pen, float x, float y, float amplitude)
{
    const synth_plane *plane = pen->plane;
    float px = x * plane->scale, py = y * plane->scale;
    int reach = pen->reach, size = plane->size;
    if (!(px >= 0.0f && py >= 0.0f && px < (float)size && py < (float)size))
        return;
    int col = (int)px, row = (int)py;
    const float *across = pen->weights[(int)((px - (float)col) * SYNTH_PEN_PHASES)];
    const float *down = pen->weights[(int)((py - (float)row) * SYNTH_PEN_PHASES)];
    int left = col < reach ? 0 : col - reach, top = row < reach ? 0 : row - reach;
    int right = col + reach >= size ? size - 1 : col + reach;
    int bottom = row + reach >= size ? size - 1 : row + reach;
    for (int r = top; r <= bottom; r++) {
        float weight = amplitude * pen->gain * down[r - row + reach];
        float *values = plane->values + (size_t)r * (size_t)size;
        for (int c = left; c <= right; c++)
            values[c] += weight * across[c - col + reach];
    }
}

void synth_pen_line(const synth_pen *pen, float x0, float y0, float x1, float y1, float amplitude)
{
    float length = sqrtf((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0));
    int marks = 1 + (int)(length / pen->step);
    for (int i = 0; i < marks; i++) {
        float t = ((float)i + 0.5f) / (float)marks;
        synth_pen_mark(pen, x0 + t * (x1 - x0), y0 + t * (y1 - y0), amplitude);
    }
}

void synth_pen_dash(const synth_pen *pen, float x, float y, float angle, float half,
                    float amplitude)
{
    float dx = half * cosf(angle), dy = half * sinf(angle);
    synth_pen_line(pen, x - dx, y - dy, x + dx, y + dy, amplitude);
}

void synth_pen_ring(const synth_pen *pen, float x, float y, float radius, float amplitude)
{
    int marks = 6 + (int)(2.0f * SYNTH_PI * radius / pen->step);
    float share = 2.0f * SYNTH_PI * radius / ((float)marks * pen->step);
    for (int i = 0; i < marks; i++) {
        float angle = 2.0f * SYNTH_PI * (float)i / (float)marks;
        synth_pen_mark(pen, x + radius * cosf(angle), y + radius * sinf(angle), amplitude * share);
    }
}

/* The index of the first of three nodes around a pixel, and the weights of a quadratic B-spline. */
static int spline_weights(int pixel, int count, int side, float weights[3])
{
    float place = (float)pixel * (float)count / (float)side;
    int node = (int)place;
    float t = place - (float)node;
    weights[0] = 0.5f * (1.0f - t) * (1.0f - t);
    weights[2] = 0.5f * t * t;
    weights[1] = 1.0f - weights[0] - weights[2];
    return node;
}

enum { MAX_NODES = 128 }; /* per side: 256 units at the finest pitch of 2 */

void synth_noise_fill(synth_noise *noise, float pitch, float scale, hpac_random *random)
{
    static const float deviation = 0.55f; /* of a quadratic B-spline's sum, in two dimensions */
    int count = (int)(SYNTH_SIDE / 2.0f / pitch), side = noise->side;
    float nodes[MAX_NODES][MAX_NODES] = {{0}}, blend[MAX_NODES + 2] = {0}, weights[3];
    float fade = synth_min(pitch * scale, 1.0f); /* finer than pixels: averaged away */
    for (int y = 0; y < count; y++)
        for (int x = 0; x < count; x++)
            nodes[y][x] = synth_jitter(random, fade / deviation);
    for (int y = 0; y < side; y++) {
        int node = spline_weights(y, count, side, weights);
        for (int x = 0; x < count; x++)
            blend[x] = weights[0] * nodes[node][x] + weights[1] * nodes[(node + 1) % count][x] +
                       weights[2] * nodes[(node + 2) % count][x];
        blend[count] = blend[0];
        blend[count + 1] = blend[1];
        for (int x = 0; x < side; x++) {
            node = spline_weights(x, count, side, weights);
            noise->values[(size_t)y * (size_t)side + (size_t)x] = weights[0] * blend[node] +
                                                                  weights[1] * blend[node + 1] +
                                                                  weights[2] * blend[node + 2];
        }
    }
}
