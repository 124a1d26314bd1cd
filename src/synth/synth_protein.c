/* Green: the protein, in every compartment that its labels name. */
#include "synth_paint.h"

#include <hpac/labels.h>

#include <math.h>
#include <string.h>

/* Painters by class number. */
static synth_painting *const paintings[HPAC_CLASS_COUNT] = {
    synth_paint_nucleoplasm,
    synth_paint_nuclear_membrane,
    synth_paint_nucleoli,
    synth_paint_fibrillar_center,
    synth_paint_nuclear_speckles,
    synth_paint_nuclear_bodies,
    synth_paint_reticulum,
    synth_paint_golgi,
    synth_paint_peroxisomes,
    synth_paint_endosomes,
    synth_paint_lysosomes,
    synth_paint_intermediate_filaments,
    synth_paint_actin,
    synth_paint_focal_adhesions,
    synth_paint_microtubules,
    synth_paint_microtubule_ends,
    synth_paint_bridge,
    synth_paint_spindle,
    synth_paint_organizing_center,
    synth_paint_centrosome,
    synth_paint_lipid_droplets,
    synth_paint_plasma_membrane,
    synth_paint_junctions,
    synth_paint_mitochondria,
    synth_paint_aggresome,
    synth_paint_cytosol,
    synth_paint_cytoplasmic_bodies,
    synth_paint_rods_and_rings,
};

/* What antibodies bind that they should not: a faint haze in the cells and stray grains. */
static void draw_background(const synth_scene *scene, const synth_canvas *canvas,
                            hpac_random *random)
{
    float haze = 0.06f * synth_spread(random, 0.5f);
    int size = scene->size;
    for (int row = 0; row < size; row++) {
        const float *fine = synth_noise_row(&scene->noise[SYNTH_FINE], row, 11);
        const float *coarse = synth_noise_row(&scene->noise[SYNTH_COARSE], row, 13);
        size_t offset = (size_t)row * (size_t)size;
        for (int col = 0; col < size; col++) {
            size_t p = offset + (size_t)col;
            if (scene->depth[p] > 0.0f) {
                float light = 1.0f + 0.5f * fine[col] + 0.4f * coarse[col];
                canvas->values[p] += light > 0.0f ? haze * light : 0.0f;
            }
        }
    }
    int grains = (int)synth_between(random, 0.0f, 40.0f);
    for (int i = 0; i < grains; i++) {
        float x = synth_between(random, 0.0f, SYNTH_SIDE);
        float y = synth_between(random, 0.0f, SYNTH_SIDE);
        synth_draw_spot(canvas, x, y, 0.7f, synth_between(random, 0.1f, 0.4f));
    }
}

void synth_stain_green(const synth_scene *scene, const synth_canvas *canvas,
                       const synth_canvas *layer, uint32_t labels, uint64_t seed, uint32_t number)
{
    size_t pixels = (size_t)scene->size * (size_t)scene->size;
    hpac_random random;
    hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, SYNTH_PART_STAIN, number);
    draw_background(scene, canvas, &random);
    for (int label = 0; label < HPAC_CLASS_COUNT; label++) {
        if (!(labels >> label & 1))
            continue;
        hpac_random_init(&random, seed, HPAC_PURPOSE_SYNTH, (uint32_t)(SYNTH_PART_PROTEIN + label),
                         number);
        float amount = synth_between(&random, 0.65f, 1.0f);
        synth_brush brush = {.scene = scene, .canvas = layer, .random = &random};
        hpac_random_init(&brush.red, seed, HPAC_PURPOSE_SYNTH, SYNTH_PART_STAIN + 2, number);
        memset(layer->values, 0, pixels * sizeof *layer->values);
        paintings[label](&brush);
        for (size_t p = 0; p < pixels; p++)
            canvas->values[p] += amount * layer->values[p];
    }
}
