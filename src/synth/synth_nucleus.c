/* Proteins of the nucleus. */
#include "synth_paint.h"

#include <math.h>

/* Fills nuclei: `base` everywhere, `sparing` of it gone in nucleoli, grains of contrast `grain`. */
static void fill_nuclei(const synth_brush *brush, float base, float sparing, float grain)
{
    const synth_scene *scene = brush->scene;
    for (int row = 0; row < scene->size; row++) {
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 17);
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 19);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            float inside = scene->nucleus[p];
            if (!(inside > -1.0f))
                continue;
            float light = 1.0f + grain * (0.5f * fine[col] + medium[col]);
            light *= synth_ramp(inside, -1.0f, 1.8f) * (1.0f - sparing * scene->nucleolus[p]);
            if (light > 0.0f)
                brush->canvas->values[p] +=
                    base * light * scene->cells[scene->owner[p] - 1].protein;
        }
    }
}

void synth_paint_nucleoplasm(const synth_brush *brush)
{
    fill_nuclei(brush, 0.9f, 0.85f, synth_between(brush->random, 0.1f, 0.35f));
}

void synth_paint_nuclear_membrane(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    for (int row = 0; row < scene->size; row++) {
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 23);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            float inside = scene->nucleus[p];
            if (!(inside > -3.0f))
                continue;
            float light = synth_bump(inside - 0.4f, 2.6f) * (1.0f + 0.25f * medium[col]);
            light += inside > 0.0f ? 0.16f : 0.0f;
            brush->canvas->values[p] += 1.3f * light * scene->cells[scene->owner[p] - 1].protein;
        }
    }
}

void synth_paint_nucleoli(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    fill_nuclei(brush, 0.12f, 0.0f, 0.3f);
    for (int row = 0; row < scene->size; row++) {
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 29);
        size_t offset = (size_t)row * (size_t)scene->size;
        for (int col = 0; col < scene->size; col++) {
            size_t p = offset + (size_t)col;
            float light = scene->nucleolus[p];
            if (light > 0.0f && scene->owner[p])
                brush->canvas->values[p] += 2.0f * light * (1.0f + 0.15f * medium[col]) *
                                            scene->cells[scene->owner[p] - 1].protein;
        }
    }
}

void synth_paint_fibrillar_center(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    fill_nuclei(brush, 0.1f, 0.0f, 0.3f);
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        for (int n = 0; n < cell->nucleolus_count; n++) {
            float radius = cell->nucleoli[n].radius;
            int count = 1 + (int)(radius * synth_between(brush->random, 0.5f, 1.0f));
            for (int spot = 0; spot < count; spot++) {
                float x = cell->nucleoli[n].x + synth_jitter(brush->random, 0.4f * radius);
                float y = cell->nucleoli[n].y + synth_jitter(brush->random, 0.4f * radius);
                synth_draw_spot(brush->canvas, x, y, synth_between(brush->random, 0.8f, 1.3f),
                                1.9f * cell->protein);
            }
        }
    }
}

void synth_paint_nuclear_speckles(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    fill_nuclei(brush, synth_between(random, 0.15f, 0.35f), 0.8f, 0.3f);
    for (int i = 0; i < scene->cell_count; i++) {
        int count = 20 + (int)hpac_random_below(random, 11);
        for (int spot = 0; spot < count; spot++) {
            float x, y, size = scene->cells[i].nucleus_radius / 22.0f;
            if (!synth_pick_nucleus(scene, i, 2.0f, random, &x, &y))
                break;
            /* Two or three drops run into each other. */
            for (int drop = 1 + (int)hpac_random_below(random, 3); drop > 0; drop--) {
                float sigma = size * synth_between(random, 0.8f, 1.5f);
                synth_draw_spot(brush->canvas, x, y, sigma, 0.85f * scene->cells[i].protein);
                x += synth_jitter(random, 1.5f * sigma);
                y += synth_jitter(random, 1.5f * sigma);
            }
        }
    }
}

void synth_paint_nuclear_bodies(const synth_brush *brush)
{
    const synth_scene *scene = brush->scene;
    hpac_random *random = brush->random;
    fill_nuclei(brush, synth_between(random, 0.04f, 0.16f), 0.6f, 0.3f);
    int most = 2 + (int)hpac_random_below(random, 4);
    for (int i = 0; i < scene->cell_count; i++) {
        int count = 1 + (int)hpac_random_below(random, (uint32_t)most);
        for (int spot = 0; spot < count; spot++) {
            float x, y;
            if (synth_pick_nucleus(scene, i, 3.0f, random, &x, &y))
                synth_draw_spot(brush->canvas, x, y, synth_between(random, 1.3f, 2.0f),
                                2.6f * scene->cells[i].protein);
        }
    }
}
