/*
 * The maps of a scene: to which cell each pixel belongs and where in it the pixel lies.
 *
 * Each cell measures its surroundings (distance from the middle as a share of its outline's radius,
 * which is below 1 inside) on a coarse grid, straight lines between; a pixel goes to the cell to
 * which it is nearest. So cells that stand alone keep their shape, and those that touch share a
 * border.
 */
#include "synth_paint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PITCH 4.0f     /* units between nodes */
#define MAX_NODES 132  /* a side: the image's and one beyond each border */
#define OUTER 1.12f    /* shares of the radius beyond which a cell is not asked */
#define TOUCHING 1.06f /* a neighbour whose share is below touches */
#define NOWHERE 9.0f   /* a share no cell reaches */

/* A cell's measures at the nodes of a grid that covers it, as far as it lies in the image. */
struct synth_patch {
    int left, top, cols, rows; /* nodes; left and top may be -1 */
    float share[MAX_NODES][MAX_NODES];
    float nucleus[MAX_NODES][MAX_NODES];
};

hpac_status synth_scene_init(synth_scene *scene, int size)
{
    *scene = (synth_scene){.size = size, .scale = (float)size / SYNTH_SIDE};
    size_t pixels = (size_t)size * (size_t)size;
    float **maps[] = {&scene->depth, &scene->gap, &scene->nucleus, &scene->nucleolus};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        *maps[i] = malloc(pixels * sizeof **maps[i]);
        if (!*maps[i])
            goto fail;
    }
    scene->owner = malloc(pixels);
    scene->patch = malloc(sizeof *scene->patch);
    if (!scene->owner || !scene->patch)
        goto fail;
    for (int grain = 0; grain < SYNTH_GRAINS; grain++) {
        synth_noise *noise = &scene->noise[grain];
        noise->side = size / 2;
        noise->stride = 3 * noise->side + 1;
        noise->values = malloc((size_t)noise->side * (size_t)noise->stride * sizeof(float));
        if (!noise->values)
            goto fail;
    }
    return HPAC_OK;
fail:
    synth_scene_fini(scene);
    return hpac_fail_memory(pixels * sizeof(float));
}

void synth_scene_fini(synth_scene *scene)
{
    free(scene->depth);
    free(scene->gap);
    free(scene->nucleus);
    free(scene->nucleolus);
    free(scene->owner);
    free(scene->patch);
    for (int grain = 0; grain < SYNTH_GRAINS; grain++)
        free(scene->noise[grain].values);
    *scene = (synth_scene){0};
}

/* The broad noise at a node, to bend outlines; the same for all cells, so that borders agree. */
static float bend_at(const synth_scene *scene, int col, int row)
{
    const synth_noise *coarse = &scene->noise[SYNTH_COARSE], *broad = &scene->noise[SYNTH_BROAD];
    float pixel = PITCH * scene->scale;
    int period = coarse->side;
    int x = (((int)((float)col * pixel) % period) + period) % period;
    int y = (((int)((float)row * pixel) % period) + period) % period;
    return 0.6f * synth_noise_row(coarse, y, 0)[x] + synth_noise_row(broad, y, 0)[x];
}

/* The nodes around `middle` as far as `reach`, but not beyond the image. */
static void cover(float middle, float reach, int *first, int *count)
{
    float low = floorf((middle - reach) / PITCH), high = ceilf((middle + reach) / PITCH);
    float beyond = SYNTH_SIDE / PITCH + 1.0f;
    low = low < -1.0f ? -1.0f : low;
    high = high > beyond ? beyond : high;
    *first = (int)low;
    *count = high > low ? (int)(high - low) + 1 : 0;
}

static void measure(const synth_scene *scene, const synth_cell *cell, struct synth_patch *patch)
{
    float longest = 0.0f, ragged = scene->culture.ragged;
    for (int i = 0; i < SYNTH_ANGLES; i++)
        longest = cell->outline[i] > longest ? cell->outline[i] : longest;
    longest *= OUTER;
    cover(cell->x, longest, &patch->left, &patch->cols);
    cover(cell->y, longest, &patch->top, &patch->rows);
    for (int row = 0; row < patch->rows; row++) {
        for (int col = 0; col < patch->cols; col++) {
            float x = PITCH * (float)(patch->left + col), y = PITCH * (float)(patch->top + row);
            float dx = x - cell->x, dy = y - cell->y, away = sqrtf(dx * dx + dy * dy);
            patch->share[row][col] = NOWHERE;
            patch->nucleus[row][col] = -SYNTH_FAR;
            if (away > longest)
                continue;
            float angle = atan2f(dy, dx), share = away / synth_outline_at(cell->outline, angle);
            if (cell->phase == SYNTH_INTERPHASE)
                share += share * ragged * bend_at(scene, patch->left + col, patch->top + row);
            dx = x - cell->nucleus_x;
            dy = y - cell->nucleus_y;
            away = sqrtf(dx * dx + dy * dy);
            if (away < 2.0f * cell->nucleus_radius) /* further off the angles are much the same */
                angle = atan2f(dy, dx);
            float inside = synth_outline_at(cell->nucleus_outline, angle) - away;
            /* The surroundings of a nucleus belong to its cell, whoever else is near. */
            share *= 0.45f + 0.55f * synth_ramp(-inside, 0.0f, 10.0f);
            patch->share[row][col] = share;
            patch->nucleus[row][col] = inside;
        }
    }
}

/* Pixels from .. to - 1 of a row, which lie between two nodes. */
typedef struct segment {
    int cell, row, from, to;
} segment;

/* share and inside: at the node before and the node after; node: the place of the former. */
static void claim_between(synth_scene *scene, const segment *where, const float share[2],
                          const float inside[2], float node)
{
    float nodes = 1.0f / (scene->scale * PITCH);
    bool has_nucleus = scene->cells[where->cell].phase != SYNTH_METAPHASE;
    size_t offset = (size_t)where->row * (size_t)scene->size;
    for (int x = where->from; x < where->to; x++) {
        float t = ((float)x + 0.5f) * nodes - node, mine = share[0] + t * (share[1] - share[0]);
        size_t p = offset + (size_t)x;
        if (mine < scene->depth[p]) {
            scene->gap[p] = scene->depth[p];
            scene->depth[p] = mine;
            scene->owner[p] = (uint8_t)(where->cell + 1);
            scene->nucleus[p] = has_nucleus ? inside[0] + t * (inside[1] - inside[0]) : -SYNTH_FAR;
        } else if (mine < scene->gap[p]) {
            scene->gap[p] = mine;
        }
    }
}

/* Lets a cell claim the pixels of its patch to which it is nearer than the cells before it. `depth`
 * holds the nearest cell's share so far, `gap` the second nearest's. */
static void claim(synth_scene *scene, const struct synth_patch *patch, int index)
{
    float unit = 1.0f / scene->scale, nodes = unit / PITCH;
    int size = scene->size;
    float shares[MAX_NODES], insides[MAX_NODES];
    int left = (int)ceilf((float)patch->left * PITCH * scene->scale);
    int right = (int)((float)(patch->left + patch->cols - 1) * PITCH * scene->scale) - 1;
    int top = (int)ceilf((float)patch->top * PITCH * scene->scale);
    int bottom = (int)((float)(patch->top + patch->rows - 1) * PITCH * scene->scale) - 1;
    left = left < 0 ? 0 : left;
    top = top < 0 ? 0 : top;
    right = right >= size ? size - 1 : right;
    bottom = bottom >= size ? size - 1 : bottom;
    for (int y = top; y <= bottom; y++) {
        float place = ((float)y + 0.5f) * nodes - (float)patch->top;
        int node = (int)place;
        float rest = place - (float)node;
        const float *share = patch->share[node], *share_below = patch->share[node + 1];
        const float *inside = patch->nucleus[node], *inside_below = patch->nucleus[node + 1];
        for (int i = 0; i < patch->cols; i++) {
            shares[i] = share[i] + rest * (share_below[i] - share[i]);
            insides[i] = inside[i] + rest * (inside_below[i] - inside[i]);
        }
        for (int x = left, stop; x <= right; x = stop) {
            /* The pixels between two nodes at a time: where both are outside, nothing is claimed.
             */
            int i = (int)(((float)x + 0.5f) * nodes - (float)patch->left);
            stop = (int)ceilf((float)(patch->left + i + 1) * PITCH * scene->scale - 0.5f);
            stop = stop <= x ? x + 1 : stop > right ? right + 1 : stop;
            if (shares[i] < TOUCHING || shares[i + 1] < TOUCHING)
                claim_between(scene, &(segment){index, y, x, stop}, &shares[i], &insides[i],
                              (float)(patch->left + i));
        }
    }
}

/* Turns shares into lengths. */
static void finish(synth_scene *scene)
{
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    for (size_t p = 0; p < pixels; p++) {
        float first = scene->depth[p], second = scene->gap[p];
        if (scene->owner[p] == 0) {
            scene->depth[p] = -SYNTH_FAR;
            scene->gap[p] = SYNTH_FAR;
            continue;
        }
        float radius = 0.9f * scene->cells[scene->owner[p] - 1].radius;
        float gap = 0.5f * (second - first) * radius;
        scene->gap[p] = second < TOUCHING && first < 1.03f ? gap : SYNTH_FAR;
        float depth = (1.0f - first) * radius;
        scene->depth[p] = depth < gap ? depth : gap;
        if (first >= 1.0f) {
            scene->depth[p] = (1.0f - first) * radius;
            scene->owner[p] = 0;
            scene->nucleus[p] = -SYNTH_FAR;
        }
    }
}

static void map_nucleoli(synth_scene *scene)
{
    synth_canvas canvas = {.size = scene->size, .scale = scene->scale, .values = scene->nucleolus};
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    memset(scene->nucleolus, 0, pixels * sizeof *scene->nucleolus);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        for (int n = 0; n < cell->nucleolus_count; n++)
            synth_draw_disc(&canvas, cell->nucleoli[n].x, cell->nucleoli[n].y,
                            cell->nucleoli[n].radius, 1.0f);
    }
    for (size_t p = 0; p < pixels; p++)
        scene->nucleolus[p] = scene->nucleolus[p] > 1.0f ? 1.0f : scene->nucleolus[p];
}

void synth_scene_map(synth_scene *scene)
{
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    memset(scene->owner, 0, pixels);
    for (size_t p = 0; p < pixels; p++) {
        scene->depth[p] = scene->gap[p] = NOWHERE;
        scene->nucleus[p] = -SYNTH_FAR;
    }
    for (int i = 0; i < scene->cell_count; i++) {
        measure(scene, &scene->cells[i], scene->patch);
        claim(scene, scene->patch, i);
    }
    finish(scene);
    map_nucleoli(scene);
}

bool synth_pick(const synth_scene *scene, int cell, const synth_range *range, hpac_random *random,
                float *x, float *y)
{
    const synth_cell *c = &scene->cells[cell];
    bool near = range->nucleus_max < SYNTH_ANY; /* look around the nucleus rather than everywhere */
    for (int tries = 0; tries < 16; tries++) {
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float u = hpac_random_uniform(random), away;
        if (near)
            away = synth_outline_at(c->nucleus_outline, angle) + range->nucleus_min +
                   u * (range->nucleus_max - range->nucleus_min);
        else
            away = sqrtf(u) * synth_outline_at(c->outline, angle);
        *x = (near ? c->nucleus_x : c->x) + away * cosf(angle);
        *y = (near ? c->nucleus_y : c->y) + away * sinf(angle);
        long p = synth_pixel(scene, *x, *y);
        if (p >= 0 && scene->owner[p] == cell + 1 && scene->depth[p] >= range->depth_min &&
            scene->depth[p] <= range->depth_max && -scene->nucleus[p] >= range->nucleus_min &&
            -scene->nucleus[p] <= range->nucleus_max)
            return true;
    }
    return false;
}

bool synth_pick_nucleus(const synth_scene *scene, int cell, float margin, hpac_random *random,
                        float *x, float *y)
{
    const synth_cell *c = &scene->cells[cell];
    for (int tries = 0; tries < 16; tries++) {
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float away =
            sqrtf(hpac_random_uniform(random)) * synth_outline_at(c->nucleus_outline, angle);
        *x = c->nucleus_x + away * cosf(angle);
        *y = c->nucleus_y + away * sinf(angle);
        long p = synth_pixel(scene, *x, *y);
        if (p >= 0 && scene->owner[p] == cell + 1 && scene->nucleus[p] >= margin &&
            scene->nucleolus[p] < 0.3f)
            return true;
    }
    return false;
}
