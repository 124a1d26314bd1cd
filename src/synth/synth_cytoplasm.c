/* Proteins of the cytoplasm and its organelles. */
#include "synth_paint.h"

#include <math.h>

void synth_paint_reticulum(const synth_brush *brush)
{
    synth_draw_reticulum(brush->scene, brush->canvas, true);
}

/* A few stacks of short, bent ribbons on one side of the nucleus. */
void synth_paint_golgi(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    float width = synth_between(random, 0.4f, 0.8f); /* radians to either side */
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 1.1f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        float side = atan2f(cell->centre_y - cell->nucleus_y, cell->centre_x - cell->nucleus_x);
        int count = 9 + (int)hpac_random_below(random, 9);
        for (int n = 0; n < count; n++) {
            float angle = side + synth_jitter(random, width);
            float away = synth_outline_at(cell->nucleus_outline, angle) +
                         synth_between(random, 1.5f, 0.45f * cell->nucleus_radius);
            synth_thread ribbon = {.x = cell->nucleus_x + away * cosf(angle),
                                   .y = cell->nucleus_y + away * sinf(angle),
                                   .rim = 0.5f,
                                   .bend = 0.5f,
                                   .turn = 0.6f,
                                   .nucleus = 0.5f};
            ribbon.direction = angle + SYNTH_PI / 2.0f + synth_jitter(random, 0.5f);
            ribbon.length = synth_between(random, 4.0f, 13.0f);
            ribbon.amplitude = cell->protein * synth_between(random, 0.8f, 1.5f);
            synth_draw_thread(scene, i, brush->canvas, &pen, &ribbon, random);
        }
    }
}

/* Spots that are strewn over the cytoplasm. */
typedef struct strewing {
    synth_range range;
    float per_cell, sigma_least, sigma_most, amplitude;
} strewing;

static void strew(const synth_brush *brush, const strewing *what)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    for (int i = 0; i < scene->cell_count; i++) {
        int count = (int)(what->per_cell * synth_spread(random, 0.35f) + 0.5f);
        for (int spot = 0; spot < count; spot++) {
            float x, y, sigma = synth_between(random, what->sigma_least, what->sigma_most);
            float amplitude = what->amplitude * synth_between(random, 0.5f, 1.2f);
            if (synth_pick(scene, i, &what->range, random, &x, &y))
                synth_draw_spot(brush->canvas, x, y, sigma, amplitude * scene->cells[i].protein);
        }
    }
}

/* Fills cells and, by the share `nucleus`, nuclei. */
static void fill_cells(const synth_brush *brush, float amount, float nucleus, float grain)
{
    const synth_scene *scene = brush->scene;
    float taper = scene->culture.taper;
    for (int row = 0; row < scene->size; row++) {
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 31);
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 37);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            float depth = scene->depth[p], inside = scene->nucleus[p];
            if (!(depth > 0.0f))
                continue;
            float light = 1.0f + grain * (fine[col] + 0.8f * coarse[col]);
            light *= depth < taper ? 0.25f + 0.75f * depth / taper : 1.0f;
            light *= 1.0f + 0.35f * synth_bump(inside < 0.0f ? inside : SYNTH_FAR, 25.0f);
            light *= nucleus + (1.0f - nucleus) * synth_ramp(-inside, -1.5f, 1.0f);
            if (light > 0.0f)
                brush->canvas->values[p] +=
                    amount * light * scene->cells[scene->owner[p] - 1].protein;
        }
    }
}

void synth_paint_peroxisomes(const synth_brush *brush)
{
    strewing dots = {{3.0f, SYNTH_ANY, 2.0f, SYNTH_ANY}, 90.0f, 0.75f, 1.05f, 1.5f};
    strew(brush, &dots);
}

void synth_paint_endosomes(const synth_brush *brush)
{
    strewing vesicles = {{3.0f, SYNTH_ANY, 2.0f, 45.0f}, 26.0f, 1.3f, 2.2f, 1.2f};
    strew(brush, &vesicles);
}

void synth_paint_lysosomes(const synth_brush *brush)
{
    strewing vesicles = {{3.0f, SYNTH_ANY, 1.0f, 24.0f}, 20.0f, 1.8f, 3.0f, 1.1f};
    strew(brush, &vesicles);
}

void synth_paint_cytoplasmic_bodies(const synth_brush *brush)
{
    strewing bodies = {{4.0f, SYNTH_ANY, 3.0f, SYNTH_ANY}, 5.0f, 1.5f, 2.1f, 2.2f};
    fill_cells(brush, synth_between(brush->random, 0.03f, 0.12f), 0.5f, 0.3f);
    strew(brush, &bodies);
}

void synth_paint_cytosol(const synth_brush *brush)
{
    float nucleus = synth_between(brush->random, 0.1f, 0.4f);
    fill_cells(brush, 0.7f, nucleus, synth_between(brush->random, 0.15f, 0.35f));
}

/* The shell of a droplet is stained, its fat is not. */
void synth_paint_lipid_droplets(const synth_brush *brush)
{
    static const synth_range around = {4.0f, SYNTH_ANY, 5.0f, SYNTH_ANY};
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 0.8f);
    for (int i = 0; i < scene->cell_count; i++) {
        int count = 8 + (int)hpac_random_below(random, 18);
        for (int n = 0; n < count; n++) {
            float x, y, radius = synth_between(random, 2.0f, 4.6f);
            if (synth_pick(scene, i, &around, random, &x, &y))
                synth_pen_ring(&pen, brush->canvas, x, y, radius,
                               scene->cells[i].protein * synth_between(random, 0.9f, 1.5f));
        }
    }
    fill_cells(brush, 0.06f, 0.4f, 0.3f);
}

/* Winding threads, most of them near the nucleus. */
void synth_paint_mitochondria(const synth_brush *brush)
{
    static const synth_range anywhere = {3.0f, SYNTH_ANY, 1.5f, SYNTH_ANY};
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    float length = synth_between(random, 6.0f, 24.0f);
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, synth_between(random, 0.95f, 1.3f));
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        synth_range near = {3.0f, SYNTH_ANY, 1.5f, 0.75f * cell->radius};
        int count = (int)(1.6f * cell->radius * 12.0f / (length + 4.0f));
        for (int n = 0; n < count; n++) {
            synth_thread thread = {.rim = 2.5f, .bend = 0.35f, .turn = 0.7f, .nucleus = -1.0f};
            if (!synth_pick(scene, i, n % 3 ? &near : &anywhere, random, &thread.x, &thread.y))
                continue;
            thread.direction = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
            thread.length = length * synth_between(random, 0.5f, 1.5f);
            thread.amplitude = cell->protein * synth_between(random, 0.5f, 1.2f);
            synth_draw_thread(scene, i, brush->canvas, &pen, &thread, random);
        }
    }
}

/* One heap of misfolded protein beside the nucleus. */
void synth_paint_aggresome(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    fill_cells(brush, synth_between(random, 0.04f, 0.14f), 0.6f, 0.3f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        float radius = cell->nucleus_radius * synth_between(random, 0.22f, 0.38f);
        float dx = cell->centre_x - cell->nucleus_x, dy = cell->centre_y - cell->nucleus_y;
        float away = sqrtf(dx * dx + dy * dy), beyond = (away + 0.7f * radius) / away;
        float x = cell->nucleus_x + beyond * dx, y = cell->nucleus_y + beyond * dy;
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        synth_draw_disc(brush->canvas, x, y, radius, 1.4f * cell->protein);
        for (int n = 0; n < 5; n++) {
            float lump_x = x + synth_jitter(random, 0.6f * radius);
            float lump_y = y + synth_jitter(random, 0.6f * radius);
            synth_draw_spot(brush->canvas, lump_x, lump_y, 0.4f * radius, 0.5f * cell->protein);
        }
    }
}

/* Short straight rods and small rings, a few a cell. */
void synth_paint_rods_and_rings(const synth_brush *brush)
{
    static const synth_range anywhere = {5.0f, SYNTH_ANY, 2.0f, SYNTH_ANY};
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 1.0f);
    fill_cells(brush, 0.05f, 0.6f, 0.3f);
    for (int i = 0; i < scene->cell_count; i++) {
        int count = 1 + (int)hpac_random_below(random, 4);
        for (int n = 0; n < count; n++) {
            float x, y, light = 2.0f * scene->cells[i].protein;
            float angle = synth_between(random, 0.0f, SYNTH_PI);
            float half = synth_between(random, 5.0f, 9.0f);
            bool rod = hpac_random_uniform(random) < 0.6f;
            if (!synth_pick(scene, i, &anywhere, random, &x, &y))
                continue;
            if (rod)
                synth_pen_line(&pen, brush->canvas, x - half * cosf(angle), y - half * sinf(angle),
                               x + half * cosf(angle), y + half * sinf(angle), light);
            else
                synth_pen_ring(&pen, brush->canvas, x, y, 0.55f * half, light);
        }
    }
}
