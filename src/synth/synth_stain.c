/* The three channels of reference: nuclei, microtubules, endoplasmic reticulum. */
#include "synth_paint.h"

#include <math.h>

/* Chromosomes in a plate across the spindle. */
static void draw_plate(const synth_cell *cell, const synth_canvas *canvas, hpac_random *random)
{
    synth_pen pen;
    synth_pen_init(&pen, canvas, 2.2f);
    float half = 0.55f * cell->radius;
    for (int i = 0; i < 14; i++) {
        float place = synth_between(random, -half, half), thick = synth_jitter(random, 1.2f);
        float x = cell->x - place * sinf(cell->axis), y = cell->y + place * cosf(cell->axis);
        synth_pen_line(&pen, canvas, x + (thick - 2.0f) * cosf(cell->axis),
                       y + (thick - 2.0f) * sinf(cell->axis), x + (thick + 2.0f) * cosf(cell->axis),
                       y + (thick + 2.0f) * sinf(cell->axis), 0.5f * cell->dna);
    }
}

void synth_stain_blue(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random)
{
    const synth_culture *culture = &scene->culture;
    int size = scene->size;
    for (int row = 0; row < size; row++) {
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 3);
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 5);
        size_t offset = (size_t)row * (size_t)size;
        for (int col = 0; col < size; col++) {
            size_t p = offset + (size_t)col;
            float inside = scene->nucleus[p];
            if (!(inside > -1.5f))
                continue;
            const synth_cell *cell = &scene->cells[scene->owner[p] - 1];
            float grain = 1.0f + culture->chromatin * medium[col] + 0.12f * coarse[col];
            float hole = 1.0f - 0.55f * scene->nucleolus[p];
            float rim = 1.0f + 0.12f * synth_bump(inside - 2.0f, 3.0f);
            float light = cell->dna * synth_ramp(inside, -1.2f, 1.6f) * grain * hole * rim;
            canvas->values[p] += light > 0.0f ? light : 0.0f;
        }
    }
    for (int i = 0; i < scene->cell_count; i++) {
        const synth_cell *cell = &scene->cells[i];
        if (cell->phase == SYNTH_METAPHASE)
            draw_plate(cell, canvas, random);
        if (hpac_random_uniform(random) < 0.04f) { /* a micronucleus or debris */
            float x = cell->x + synth_jitter(random, 20.0f);
            float y = cell->y + synth_jitter(random, 20.0f);
            synth_draw_spot(canvas, x, y, synth_between(random, 0.8f, 2.2f), 0.7f);
        }
    }
}

/* Cells are flat at the rim and thicker around the nucleus; the nucleus itself holds little. */
static void draw_haze(const synth_scene *scene, const synth_canvas *canvas, float amount)
{
    float over = scene->culture.nuclear_er, width = scene->culture.reticulum,
          taper = scene->culture.taper;
    int size = scene->size;
    for (int row = 0; row < size; row++) {
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 1);
        size_t offset = (size_t)row * (size_t)size;
        for (int col = 0; col < size; col++) {
            size_t p = offset + (size_t)col;
            float depth = scene->depth[p];
            if (!(depth > 0.0f))
                continue;
            float inside = scene->nucleus[p], away = inside < 0.0f ? -inside / width : 0.0f;
            float light = depth < taper ? 0.1f + 0.9f * depth / taper : 1.0f;
            light *= (1.0f + 0.25f * coarse[col]) * (0.25f + 1.0f / (1.0f + away * away));
            if (inside > 0.0f)
                light *= over * 1.5f;
            canvas->values[p] += amount * light * scene->cells[scene->owner[p] - 1].stain;
        }
    }
}

void synth_stain_red(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random)
{
    draw_haze(scene, canvas, 0.22f);
    synth_draw_microtubules(scene, canvas, 1.0f, false, random);
    for (int i = 0; i < scene->cell_count; i++)
        if (scene->cells[i].phase == SYNTH_METAPHASE)
            synth_draw_spindle(scene, i, canvas, 1.6f * scene->cells[i].stain, random);
    synth_draw_bridges(scene, canvas, 0.8f);
}

void synth_draw_reticulum(const synth_scene *scene, const synth_canvas *canvas, bool green)
{
    float width = scene->culture.reticulum, over = scene->culture.nuclear_er,
          taper = scene->culture.taper;
    int size = scene->size;
    for (int row = 0; row < size; row++) {
        const float *medium = synth_noise_row(&scene->noise[SYNTH_MEDIUM], row, 9);
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 2);
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 1);
        size_t offset = (size_t)row * (size_t)size;
        for (int col = 0; col < size; col++) {
            size_t p = offset + (size_t)col;
            float depth = scene->depth[p];
            if (!(depth > 0.0f))
                continue;
            const synth_cell *cell = &scene->cells[scene->owner[p] - 1];
            float inside = scene->nucleus[p], away = inside < 0.0f ? -inside / width : 0.0f;
            /* A net of tubules: light where the noise crosses zero. */
            float ridge = 1.0f - 1.6f * fabsf(medium[col]);
            float net = 0.45f + (ridge > 0.0f ? 0.7f * ridge : 0.0f) + 0.2f * fine[col];
            float light = (net > 0.0f ? net : 0.0f) * (1.0f + 0.25f * coarse[col]);
            light *= 0.22f + 1.0f / (1.0f + away * away);
            light *= depth < taper ? 0.1f + 0.9f * depth / taper : 1.0f;
            light *= over + (1.0f - over) * synth_ramp(-inside, -1.5f, 1.0f);
            light += 0.3f * synth_bump(inside, 2.0f); /* goes on as the nuclear membrane */
            canvas->values[p] += light * (green ? cell->protein : cell->stain);
        }
    }
}

void synth_stain_yellow(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random)
{
    synth_draw_reticulum(scene, canvas, false);
    /* The stains bleed into each other: some of the microtubules show. */
    hpac_random again = *random;
    for (int i = 0; i < scene->cell_count; i++)
        if (scene->cells[i].phase == SYNTH_METAPHASE)
            synth_draw_spindle(scene, i, canvas, 0.3f, &again);
}
