/* Proteins of the cytoskeleton, of dividing cells and of the cell's rim. */
#include "synth_paint.h"

#include <math.h>

/* Wavy bundles that run around the nucleus. */
void synth_paint_intermediate_filaments(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 1.25f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        for (int n = 0; n < 22; n++) {
            float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
            float away = synth_between(random, 1.5f, 0.35f * cell->radius);
            float span = synth_between(random, 0.7f, 2.6f), drift = synth_jitter(random, 5.0f);
            float wave = synth_between(random, 0.8f, 2.4f);
            float rate = synth_between(random, 3.0f, 7.0f), phase = synth_between(random, 0, 6.28f);
            float light = cell->protein * synth_between(random, 0.35f, 0.8f), x0 = 0, y0 = 0;
            for (int k = 0; k <= 24; k++) {
                float t = (float)k / 24.0f, a = angle + span * t;
                float r = synth_outline_at(cell->nucleus_outline, a) + away + drift * t +
                          wave * sinf(rate * a + phase);
                float x = cell->nucleus_x + r * cosf(a), y = cell->nucleus_y + r * sinf(a);
                long p = synth_pixel(scene, x, y);
                bool inside = p >= 0 && scene->owner[p] == i + 1;
                if (k > 0 && inside)
                    synth_pen_line(&pen, brush->canvas, x0, y0, x, y, light);
                x0 = x;
                y0 = y;
            }
        }
    }
}

/* Straight parallel stress fibres from rim to rim, and a thin cortex. */
void synth_paint_actin(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 0.8f);
    static const synth_range anywhere = {3.0f, SYNTH_ANY, -SYNTH_ANY, SYNTH_ANY};
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        int count = cell->phase == SYNTH_INTERPHASE ? (int)(0.6f * cell->radius) : 0;
        for (int n = 0; n < count; n++) {
            float x, y, axis = cell->axis + synth_jitter(random, 0.12f);
            if (!synth_pick(scene, i, &anywhere, random, &x, &y))
                continue;
            float amplitude = cell->protein * synth_between(random, 0.3f, 1.2f);
            for (int way = 0; way < 2; way++) {
                synth_thread fibre = {.x = x, .y = y, .rim = 1.0f, .bend = 0.01f, .nucleus = 0.8f};
                fibre.direction = axis + (way ? SYNTH_PI : 0.0f);
                fibre.length = cell->radius * synth_between(random, 0.5f, 1.3f);
                fibre.amplitude = amplitude;
                synth_draw_thread(scene, i, brush->canvas, &pen, &fibre, random);
            }
        }
    }
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    for (size_t p = 0; p < pixels; p++)
        if (scene->depth[p] > 0.0f && scene->depth[p] < 3.0f)
            brush->canvas->values[p] += 0.35f * synth_bump(scene->depth[p] - 1.5f, 1.5f) *
                                        scene->cells[scene->owner[p] - 1].protein;
}

/* Short dashes that point at the rim from just inside of it. */
void synth_paint_focal_adhesions(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 1.25f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        synth_range rim = {1.5f, 0.16f * cell->radius, 3.0f, SYNTH_ANY};
        int count = cell->phase == SYNTH_INTERPHASE ? 22 + (int)hpac_random_below(random, 20) : 0;
        for (int n = 0; n < count; n++) {
            float x, y;
            if (!synth_pick(scene, i, &rim, random, &x, &y))
                continue;
            float angle = atan2f(y - cell->y, x - cell->x) + synth_jitter(random, 0.3f);
            float half = synth_between(random, 2.0f, 4.5f);
            synth_pen_line(&pen, brush->canvas, x - half * cosf(angle), y - half * sinf(angle),
                           x + half * cosf(angle), y + half * sinf(angle),
                           cell->protein * synth_between(random, 0.9f, 1.7f));
        }
    }
}

void synth_paint_microtubules(const synth_brush *brush)
{
    /* The very filaments of the red channel, as two antibodies against tubulin show them. */
    hpac_random red = brush->red;
    synth_draw_microtubules(brush->scene, brush->canvas, 1.0f, false, &red);
}

void synth_paint_microtubule_ends(const synth_brush *brush)
{
    synth_draw_microtubules(brush->scene, brush->canvas, 0.9f, true, brush->random);
}

void synth_paint_bridge(const synth_brush *brush)
{
    synth_draw_bridges(brush->scene, brush->canvas, 2.0f);
}

void synth_paint_spindle(const synth_brush *brush)
{
    for (int i = 0; i < brush->scene->cell_count; i++)
        if (brush->scene->cells[i].phase == SYNTH_METAPHASE)
            synth_draw_spindle(brush->scene, i, brush->canvas,
                               2.0f * brush->scene->cells[i].protein, brush->random);
}

/* The material around the centrosome, with the beginnings of its microtubules. */
void synth_paint_organizing_center(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    synth_pen pen;
    synth_pen_init(&pen, brush->canvas, 0.8f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase != SYNTH_INTERPHASE)
            continue;
        synth_draw_spot(brush->canvas, cell->centre_x, cell->centre_y, 2.8f, 1.7f * cell->protein);
        for (int n = 0; n < 14; n++) {
            float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
            float length = synth_between(random, 6.0f, 14.0f);
            synth_pen_line(&pen, brush->canvas, cell->centre_x, cell->centre_y,
                           cell->centre_x + length * cosf(angle),
                           cell->centre_y + length * sinf(angle), 0.3f * cell->protein);
        }
    }
}

/* One or two sharp dots; two once the centrosome has doubled, at the poles of a spindle. */
void synth_paint_centrosome(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
        float away = synth_between(random, 1.6f, 2.6f), x = cell->centre_x, y = cell->centre_y;
        bool doubled = hpac_random_uniform(random) < 0.6f;
        if (cell->phase == SYNTH_METAPHASE) {
            angle = cell->axis;
            away = 0.72f * cell->radius;
            x = cell->x;
            y = cell->y;
            doubled = true;
        }
        synth_draw_spot(brush->canvas, x + away * cosf(angle), y + away * sinf(angle), 1.15f,
                        2.4f * cell->protein);
        if (doubled)
            synth_draw_spot(brush->canvas, x - away * cosf(angle), y - away * sinf(angle), 1.15f,
                            2.4f * cell->protein);
    }
}

void synth_paint_plasma_membrane(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    float inner = synth_between(brush->random, 0.06f, 0.2f);
    for (int row = 0; row < scene->size; row++) {
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 41);
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 43);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            float depth = scene->depth[p];
            if (!(depth > 0.0f))
                continue;
            float light = 1.3f * synth_bump(depth - 1.2f, 2.6f) * (1.0f + 0.35f * coarse[col]);
            light += inner * (1.0f + 0.4f * fine[col]) * (scene->nucleus[p] > 0.0f ? 0.5f : 1.0f);
            if (light > 0.0f)
                brush->canvas->values[p] += light * scene->cells[scene->owner[p] - 1].protein;
        }
    }
}

/* Only where two cells touch; the same light on both sides of the border. */
void synth_paint_junctions(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    for (int row = 0; row < scene->size; row++) {
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 47);
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 53);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            if (!(scene->depth[p] > 0.0f))
                continue;
            float light = synth_bump(scene->gap[p], 2.2f) * (1.2f + 0.45f * medium[col]);
            light += 0.04f * (1.0f + 0.4f * fine[col]);
            brush->canvas->values[p] += 1.2f * (light > 0.0f ? light : 0.0f);
        }
    }
}
