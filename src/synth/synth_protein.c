/* Green: the protein, in every compartment that the labels name. Most compartments are a fill and
 * some spots, which a table describes; the others have a function. */
#include "synth_scene.h"

#include <hpac/labels.h>

#include <math.h>
#include <string.h>

typedef struct brush {
    const synth_scene *scene;
    const synth_plane *plane;
    hpac_random *random;
    hpac_random red; /* as the red channel was drawn with */
} brush;

/* ---- fills ---- */

typedef struct fill {
    enum { NO_FILL, FILL_NUCLEI, FILL_CELLS } where;
    float amount_min, amount_max;
    float share_min, share_max; /* nuclei: of the light in nucleoli; cells: in nuclei */
    float grain_min, grain_max; /* contrast */
} fill;

typedef struct filling {
    float amount, share, grain;
} filling;

static float shade_nucleus(const synth_site *site, const void *parameters)
{
    const filling *how = parameters;
    float grain = 1.0f + how->grain * (0.5f * site->fine + site->medium);
    return how->amount * synth_max(grain, 0.0f) * synth_ramp(site->pixel->inside, -1.0f, 1.8f) *
           (1.0f - (1.0f - how->share) * site->pixel->nucleolus) * site->cell->protein;
}

static float shade_cell(const synth_site *site, const void *parameters)
{
    const filling *how = parameters;
    float inside = site->pixel->inside;
    float light = 1.0f + how->grain * (site->fine + 0.8f * site->coarse);
    light *= 0.25f + 0.75f * synth_min(site->pixel->depth / site->scene->culture.taper, 1.0f);
    light *= 1.0f + (inside < 0.0f ? 0.35f * synth_bump(inside, 25.0f) : 0.0f);
    light *= how->share + (1.0f - how->share) * synth_ramp(-inside, -1.5f, 1.0f);
    return how->amount * light * site->cell->protein;
}

static void draw_fill(const brush *own, const fill *what, int shift)
{
    filling how;
    how.amount = synth_between(own->random, what->amount_min, what->amount_max);
    how.share = synth_between(own->random, what->share_min, what->share_max);
    how.grain = synth_between(own->random, what->grain_min, what->grain_max);
    if (what->where == FILL_NUCLEI)
        synth_shade(own->scene, own->plane, shift, shade_nucleus, &how);
    else if (what->where == FILL_CELLS)
        synth_shade(own->scene, own->plane, shift, shade_cell, &how);
}

/* ---- spots ---- */

typedef struct spots {
    int count_min, count_max; /* per cell */
    synth_range range;
    float sigma_min, sigma_max, amplitude;
    int drops; /* 1 to as many spots run into each other */
} spots;

static void draw_spots(const brush *own, const spots *what)
{
    hpac_random *random = own->random;
    for (int i = 0; i < own->scene->cell_count && what->count_max > 0; i++) {
        int count = synth_count(random, what->count_min, what->count_max);
        for (int n = 0; n < count; n++) {
            float x, y, light = own->scene->cells[i].protein * what->amplitude;
            light *= synth_between(random, 0.7f, 1.1f);
            if (!synth_pick(own->scene, i, &what->range, random, &x, &y))
                continue;
            for (int drop = synth_count(random, 1, what->drops); drop > 0; drop--) {
                float sigma = synth_between(random, what->sigma_min, what->sigma_max);
                synth_draw_spot(own->plane, x, y, sigma, light);
                x += synth_jitter(random, 1.5f * sigma);
                y += synth_jitter(random, 1.5f * sigma);
            }
        }
    }
}

/* ---- shades ---- */

static float shade_nuclear_membrane(const synth_site *site, const void *parameters)
{
    (void)parameters;
    float inside = site->pixel->inside;
    float light = synth_bump(inside - 0.4f, 2.6f) * (1.0f + 0.25f * site->medium);
    return 1.3f * (light + (inside > 0.0f ? 0.16f : 0.0f)) * site->cell->protein;
}

static float shade_nucleoli(const synth_site *site, const void *parameters)
{
    (void)parameters;
    return 2.0f * site->pixel->nucleolus * (1.0f + 0.15f * site->medium) * site->cell->protein;
}

/* The cortex of actin. */
static float shade_cortex(const synth_site *site, const void *parameters)
{
    (void)parameters;
    return 0.35f * synth_bump(site->pixel->depth - 1.5f, 1.5f) * site->cell->protein;
}

static float shade_plasma_membrane(const synth_site *site, const void *parameters)
{
    const float *inner = parameters;
    float light = *inner * (1.0f + 0.4f * site->fine) * (site->pixel->inside > 0.0f ? 0.5f : 1.0f);
    light += 1.3f * synth_bump(site->pixel->depth - 1.2f, 2.6f) * (1.0f + 0.35f * site->coarse);
    return light * site->cell->protein;
}

/* Only where two cells touch; the same light on both sides of the border. */
static float shade_junctions(const synth_site *site, const void *parameters)
{
    (void)parameters;
    return 1.2f * synth_bump(site->pixel->gap, 2.2f) * (1.2f + 0.45f * site->medium) +
           0.05f * (1.0f + 0.4f * site->fine);
}

/* What antibodies bind that they should not. */
static float shade_background(const synth_site *site, const void *parameters)
{
    const float *haze = parameters;
    return *haze * (1.0f + 0.5f * site->fine + 0.4f * site->coarse);
}

/* ---- compartments with a function ---- */

static void draw_fibrillar_center(const brush *own)
{
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        for (int n = 0; n < cell->nucleolus_count; n++) {
            float radius = cell->nucleoli[n].radius;
            int count = 1 + (int)(radius * synth_between(own->random, 0.5f, 1.0f));
            for (int spot = 0; spot < count; spot++) {
                float x = cell->nucleoli[n].x + synth_jitter(own->random, 0.4f * radius);
                float y = cell->nucleoli[n].y + synth_jitter(own->random, 0.4f * radius);
                synth_draw_spot(own->plane, x, y, synth_between(own->random, 0.8f, 1.3f),
                                1.9f * cell->protein);
            }
        }
    }
}

/* A few stacks of short, bent ribbons on one side of the nucleus. */
static void draw_golgi(const brush *own)
{
    hpac_random *random = own->random;
    float width = synth_between(random, 0.4f, 0.8f); /* radians to either side */
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 1.1f);
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        float side = atan2f(cell->centre_y - cell->nucleus_y, cell->centre_x - cell->nucleus_x);
        int count = cell->phase == SYNTH_INTERPHASE ? synth_count(random, 9, 17) : 0;
        for (int n = 0; n < count; n++) {
            float angle = side + synth_jitter(random, width);
            float away = synth_outline_at(cell->nucleus_outline, angle) +
                         synth_between(random, 1.5f, 0.45f * cell->nucleus_radius);
            synth_thread ribbon = {.rim = 0.5f, .bend = 0.5f, .turn = 0.6f, .nucleus = 0.5f};
            ribbon.x = cell->nucleus_x + away * cosf(angle);
            ribbon.y = cell->nucleus_y + away * sinf(angle);
            ribbon.direction = angle + SYNTH_PI / 2.0f + synth_jitter(random, 0.5f);
            ribbon.length = synth_between(random, 4.0f, 13.0f);
            ribbon.amplitude = cell->protein * synth_between(random, 0.8f, 1.5f);
            synth_draw_thread(own->scene, i, &pen, &ribbon, random);
        }
    }
}

/* Wavy bundles around the nucleus. */
static void draw_intermediate_filaments(const brush *own)
{
    hpac_random *random = own->random;
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 1.25f);
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        for (int n = 0; n < 22 && cell->phase == SYNTH_INTERPHASE; n++) {
            float angle = synth_angle(random), span = synth_between(random, 0.7f, 2.6f);
            float away = synth_between(random, 1.5f, 0.35f * cell->radius);
            float drift = synth_jitter(random, 5.0f), wave = synth_between(random, 0.8f, 2.4f);
            float rate = synth_between(random, 3.0f, 7.0f), phase = synth_angle(random);
            float light = cell->protein * synth_between(random, 0.35f, 0.8f), x0 = 0, y0 = 0;
            for (int k = 0; k <= 24; k++) {
                float t = (float)k / 24.0f, a = angle + span * t;
                float r = synth_outline_at(cell->nucleus_outline, a) + away + drift * t +
                          wave * sinf(rate * a + phase);
                float x = cell->nucleus_x + r * cosf(a), y = cell->nucleus_y + r * sinf(a);
                const synth_pixel *pixel = synth_pixel_at(own->scene, x, y);
                if (k > 0 && pixel && pixel->owner == i + 1)
                    synth_pen_line(&pen, x0, y0, x, y, light);
                x0 = x;
                y0 = y;
            }
        }
    }
}

/* Straight parallel stress fibres from rim to rim, and a thin cortex. */
static void draw_actin(const brush *own)
{
    static const synth_range anywhere = {3.0f, -SYNTH_ANY, SYNTH_ANY, SYNTH_ANY};
    hpac_random *random = own->random;
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 0.8f);
    synth_shade(own->scene, own->plane, 31, shade_cortex, NULL);
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        int count = cell->phase == SYNTH_INTERPHASE ? (int)(0.6f * cell->radius) : 0;
        for (int n = 0; n < count; n++) {
            float x, y, axis = cell->axis + synth_jitter(random, 0.12f);
            float amplitude = cell->protein * synth_between(random, 0.3f, 1.2f);
            if (!synth_pick(own->scene, i, &anywhere, random, &x, &y))
                continue;
            for (int way = 0; way < 2; way++) {
                synth_thread fibre = {.x = x, .y = y, .rim = 1.0f, .bend = 0.01f, .nucleus = 0.8f};
                fibre.direction = axis + (way ? SYNTH_PI : 0.0f);
                fibre.length = cell->radius * synth_between(random, 0.5f, 1.3f);
                fibre.amplitude = amplitude;
                synth_draw_thread(own->scene, i, &pen, &fibre, random);
            }
        }
    }
}

/* Short dashes that point at the rim from just inside of it. */
static void draw_focal_adhesions(const brush *own)
{
    hpac_random *random = own->random;
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 1.25f);
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        const synth_range rim = {1.5f, 3.0f, SYNTH_ANY, 0.16f * cell->radius};
        int count = cell->phase == SYNTH_INTERPHASE ? synth_count(random, 22, 41) : 0;
        for (int n = 0; n < count; n++) {
            float x, y, tilt = synth_jitter(random, 0.3f), half = synth_between(random, 2.0f, 4.5f);
            float light = cell->protein * synth_between(random, 0.9f, 1.7f);
            if (synth_pick(own->scene, i, &rim, random, &x, &y))
                synth_pen_dash(&pen, x, y, atan2f(y - cell->y, x - cell->x) + tilt, half, light);
        }
    }
}

/* The very filaments of the red channel, as two antibodies against tubulin show them. */
static void draw_microtubules(const brush *own)
{
    hpac_random red = own->red;
    synth_draw_microtubules(own->scene, own->plane, false, &red);
}

/* The material around the centrosome, with the beginnings of its microtubules. */
static void draw_organizing_center(const brush *own)
{
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 0.8f);
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        float x = cell->centre_x, y = cell->centre_y;
        synth_draw_spot(own->plane, x, y, 2.8f, 1.7f * cell->protein);
        for (int n = 0; n < 14; n++) {
            float angle = synth_angle(own->random), length = synth_between(own->random, 6, 14);
            synth_pen_line(&pen, x, y, x + length * cosf(angle), y + length * sinf(angle),
                           0.3f * cell->protein);
        }
    }
}

/* One or two sharp dots; at the poles of a spindle once the cell divides. */
static void draw_centrosome(const brush *own)
{
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        bool divides = cell->phase == SYNTH_METAPHASE;
        float angle = synth_angle(own->random), away = synth_between(own->random, 1.6f, 2.6f);
        bool doubled = synth_chance(own->random, 0.6f) || divides;
        float x = divides ? cell->x : cell->centre_x, y = divides ? cell->y : cell->centre_y;
        float dx = divides ? 0.72f * cell->radius * cosf(cell->axis) : away * cosf(angle);
        float dy = divides ? 0.72f * cell->radius * sinf(cell->axis) : away * sinf(angle);
        synth_draw_spot(own->plane, x + dx, y + dy, 1.15f, 2.4f * cell->protein);
        if (doubled)
            synth_draw_spot(own->plane, x - dx, y - dy, 1.15f, 2.4f * cell->protein);
    }
}

/* Droplets of stained shells, or a few short straight rods and small rings per cell. */
static void draw_rings(const brush *own, float rods, int count_max, float radius_min,
                       float radius_max, float light)
{
    static const synth_range anywhere = {4.5f, 3.0f, SYNTH_ANY, SYNTH_ANY};
    hpac_random *random = own->random;
    synth_pen pen;
    synth_pen_init(&pen, own->plane, 0.9f);
    for (int i = 0; i < own->scene->cell_count; i++) {
        int count = synth_count(random, count_max / 4, count_max);
        for (int n = 0; n < count; n++) {
            float x, y, radius = synth_between(random, radius_min, radius_max);
            float angle = synth_between(random, 0.0f, SYNTH_PI);
            bool rod = synth_chance(random, rods);
            if (!synth_pick(own->scene, i, &anywhere, random, &x, &y))
                continue;
            if (rod)
                synth_pen_dash(&pen, x, y, angle, 1.8f * radius,
                               light * own->scene->cells[i].protein);
            else
                synth_pen_ring(&pen, x, y, radius, light * own->scene->cells[i].protein);
        }
    }
}

static void draw_plasma_membrane(const brush *own)
{
    const float inner = synth_between(own->random, 0.06f, 0.2f);
    synth_shade(own->scene, own->plane, 41, shade_plasma_membrane, &inner);
}

/* Winding threads, most of them near the nucleus. */
static void draw_mitochondria(const brush *own)
{
    static const synth_range anywhere = {3.0f, 1.5f, SYNTH_ANY, SYNTH_ANY};
    hpac_random *random = own->random;
    float length = synth_between(random, 6.0f, 24.0f);
    synth_pen pen;
    synth_pen_init(&pen, own->plane, synth_between(random, 0.95f, 1.3f));
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        const synth_range near = {3.0f, 1.5f, 0.75f * cell->radius, SYNTH_ANY};
        int count = (int)(1.6f * cell->radius * 12.0f / (length + 4.0f));
        for (int n = 0; n < count; n++) {
            synth_thread thread = {.rim = 2.5f, .bend = 0.35f, .turn = 0.7f, .nucleus = -1.0f};
            if (!synth_pick(own->scene, i, n % 3 ? &near : &anywhere, random, &thread.x, &thread.y))
                continue;
            thread.direction = synth_angle(random);
            thread.length = length * synth_between(random, 0.5f, 1.5f);
            thread.amplitude = cell->protein * synth_between(random, 0.5f, 1.2f);
            synth_draw_thread(own->scene, i, &pen, &thread, random);
        }
    }
}

/* One heap of misfolded protein beside the nucleus. */
static void draw_aggresome(const brush *own)
{
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        float radius = cell->nucleus_radius * synth_between(own->random, 0.22f, 0.38f);
        float angle = atan2f(cell->centre_y - cell->nucleus_y, cell->centre_x - cell->nucleus_x);
        float x = cell->centre_x + 0.7f * radius * cosf(angle);
        float y = cell->centre_y + 0.7f * radius * sinf(angle);
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        synth_draw_spot(own->plane, x, y, 0.75f * radius, 1.6f * cell->protein);
        for (int n = 0; n < 5; n++) {
            float lump_x = x + synth_jitter(own->random, 0.6f * radius);
            float lump_y = y + synth_jitter(own->random, 0.6f * radius);
            synth_draw_spot(own->plane, lump_x, lump_y, 0.4f * radius, 0.5f * cell->protein);
        }
    }
}

/* ---- all compartments ---- */

#define DRAW(name, call)                                                                           \
    static void draw_##name(const brush *own)                                                      \
    {                                                                                              \
        call;                                                                                      \
    }
DRAW(nuclear_membrane, synth_shade(own->scene, own->plane, 23, shade_nuclear_membrane, NULL))
DRAW(nucleoli, synth_shade(own->scene, own->plane, 29, shade_nucleoli, NULL))
DRAW(junctions, synth_shade(own->scene, own->plane, 47, shade_junctions, NULL))
DRAW(reticulum, synth_draw_reticulum(own->scene, own->plane, true))
DRAW(microtubule_ends, synth_draw_microtubules(own->scene, own->plane, true, own->random))
DRAW(bridge, synth_draw_bridges(own->scene, own->plane, 2.0f))
DRAW(spindle, synth_draw_spindles(own->scene, own->plane, 2.0f, own->random))
DRAW(lipid_droplets, draw_rings(own, 0.0f, 25, 2.0f, 4.6f, 1.2f))
DRAW(rods_and_rings, draw_rings(own, 0.6f, 4, 2.7f, 5.0f, 2.0f))

#define ANY SYNTH_ANY
#define NUCLEI(amount_min, amount_max, share, grain_min, grain_max)                                \
    .fill = {FILL_NUCLEI, amount_min, amount_max, share, share, grain_min, grain_max}
#define CELLS(amount_min, amount_max, share_min, share_max, grain_min, grain_max)                  \
    .fill = {FILL_CELLS, amount_min, amount_max, share_min, share_max, grain_min, grain_max}

/* By class number: a fill, spots, a function. */
static const struct {
    fill fill;
    spots spots;
    void (*draw)(const brush *own);
} compartments[HPAC_CLASS_COUNT] = {
    {NUCLEI(0.9f, 0.9f, 0.15f, 0.1f, 0.35f)}, /* nucleoplasm */
    {.draw = draw_nuclear_membrane},
    {NUCLEI(0.12f, 0.12f, 1.0f, 0.3f, 0.3f), .draw = draw_nucleoli},
    {NUCLEI(0.1f, 0.1f, 1.0f, 0.3f, 0.3f), .draw = draw_fibrillar_center},
    {NUCLEI(0.15f, 0.35f, 0.2f, 0.3f, 0.3f), /* nuclear speckles */
     .spots = {20, 30, {-ANY, -ANY, -2.0f, ANY}, 0.9f, 1.6f, 0.95f, 3}},
    {NUCLEI(0.04f, 0.16f, 0.4f, 0.3f, 0.3f), /* nuclear bodies */
     .spots = {1, 5, {-ANY, -ANY, -3.0f, ANY}, 1.3f, 2.0f, 2.6f, 1}},
    {.draw = draw_reticulum},
    {.draw = draw_golgi},
    {.spots = {60, 120, {3.0f, 2.0f, ANY, ANY}, 0.75f, 1.05f, 1.5f, 1}}, /* peroxisomes */
    {.spots = {16, 36, {3.0f, 2.0f, 45.0f, ANY}, 1.3f, 2.2f, 1.2f, 1}},  /* endosomes */
    {.spots = {12, 28, {3.0f, 1.0f, 24.0f, ANY}, 1.8f, 3.0f, 1.1f, 1}},  /* lysosomes */
    {.draw = draw_intermediate_filaments},
    {.draw = draw_actin},
    {.draw = draw_focal_adhesions},
    {.draw = draw_microtubules},
    {.draw = draw_microtubule_ends},
    {.draw = draw_bridge},
    {.draw = draw_spindle},
    {.draw = draw_organizing_center},
    {.draw = draw_centrosome},
    {CELLS(0.06f, 0.06f, 0.4f, 0.4f, 0.3f, 0.3f), .draw = draw_lipid_droplets},
    {.draw = draw_plasma_membrane},
    {.draw = draw_junctions},
    {.draw = draw_mitochondria},
    {CELLS(0.04f, 0.14f, 0.6f, 0.6f, 0.3f, 0.3f), .draw = draw_aggresome},
    {CELLS(0.7f, 0.7f, 0.1f, 0.4f, 0.15f, 0.35f)}, /* cytosol */
    {CELLS(0.03f, 0.12f, 0.5f, 0.5f, 0.3f, 0.3f),  /* cytoplasmic bodies */
     .spots = {3, 8, {4.0f, 3.0f, ANY, ANY}, 1.5f, 2.1f, 2.2f, 1}},
    {CELLS(0.05f, 0.05f, 0.6f, 0.6f, 0.3f, 0.3f), .draw = draw_rods_and_rings},
};

static void draw_background(const synth_scene *scene, const synth_plane *plane, hpac_random *random)
{
    const float haze = 0.06f * synth_spread(random, 0.5f);
    synth_shade(scene, plane, 11, shade_background, &haze);
    for (int grains = synth_count(random, 0, 40); grains > 0; grains--) {
        float x = synth_between(random, 0.0f, SYNTH_SIDE), y = synth_between(random, 0, SYNTH_SIDE);
        synth_draw_spot(plane, x, y, 0.7f, synth_between(random, 0.1f, 0.4f));
    }
}

void synth_draw_protein(const synth_scene *scene, const synth_plane *plane,
                        const synth_plane *layer, uint32_t labels, uint64_t seed, uint32_t number)
{
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_STAIN, number);
    draw_background(scene, plane, &random);
    for (int label = 0; label < HPAC_CLASS_COUNT; label++) {
        if (!(labels >> label & 1))
            continue;
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH,
                         (uint32_t)(SYNTH_STREAM_PROTEIN + label), number);
        brush own = {.scene = scene, .plane = layer, .random = &random};
        hpac_random_init(&own.red, seed, HPAC_PURPOSE_SYNTH, SYNTH_STREAM_STAIN + 2, number);
        memset(layer->values, 0, pixels * sizeof *layer->values);
        float amount = synth_between(&random, 0.65f, 1.0f);
        draw_fill(&own, &compartments[label].fill, label);
        draw_spots(&own, &compartments[label].spots);
        if (compartments[label].draw)
            compartments[label].draw(&own);
        for (size_t p = 0; p < pixels; p++)
            plane->values[p] += amount * layer->values[p];
    }
}
