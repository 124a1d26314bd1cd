/*
 * What the files that paint share; private to them.
 *
 * Lengths are in units: 512 to a side, whatever the image's size, so that the same scene comes out
 * at every size. A plane is (size, size) floats; light adds up in it, 1 being a well-stained cell.
 */
#ifndef HPAC_SYNTH_SYNTH_PAINT_H
#define HPAC_SYNTH_SYNTH_PAINT_H

#include "synth.h"

#include "base/random.h"

#define SYNTH_SIDE 512.0f
#define SYNTH_PI 3.14159265f

/* ---- synth_draw.c: light on a plane ---- */

typedef struct synth_canvas {
    int size;
    float scale; /* pixels a unit */
    float *values;
} synth_canvas;

/* A round soft spot of this standard deviation; its middle gets `amplitude`. */
void synth_draw_spot(const synth_canvas *canvas, float x, float y, float sigma, float amplitude);
/* A soft-edged disc. */
void synth_draw_disc(const synth_canvas *canvas, float x, float y, float radius, float amplitude);

/* A pen draws lines of Gaussian cross-section as a row of overlapping marks. */
#define SYNTH_PEN_PLACES 16
#define SYNTH_PEN_REACH 48
typedef struct synth_pen {
    int reach;  /* pixels a mark reaches from its middle */
    float step; /* units between marks */
    float gain; /* amplitude of a mark for a line of amplitude 1 */
    float weights[SYNTH_PEN_PLACES][2 * SYNTH_PEN_REACH + 1]; /* by place within a pixel */
} synth_pen;

void synth_pen_init(synth_pen *pen, const synth_canvas *canvas, float sigma);
void synth_pen_mark(const synth_pen *pen, const synth_canvas *canvas, float x, float y,
                    float amplitude);
void synth_pen_line(const synth_pen *pen, const synth_canvas *canvas, float x0, float y0, float x1,
                    float y1, float amplitude);
void synth_pen_ring(const synth_pen *pen, const synth_canvas *canvas, float x, float y,
                    float radius, float amplitude);

/* Smooth noise of mean 0 and variance 1 that repeats every half side. */
typedef struct synth_noise {
    int side, stride;
    float *values;
} synth_noise;

void synth_noise_fill(synth_noise *noise, float pitch, float scale, hpac_random *random);
/* The row for image row `row`, valid for every column; `shift` picks another piece of the noise. */
const float *synth_noise_row(const synth_noise *noise, int row, int shift);

/* 0 below `low`, 1 above `high`, smooth between. */
static inline float synth_ramp(float value, float low, float high)
{
    float t = (value - low) / (high - low);
    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    return t * t * (3.0f - 2.0f * t);
}

/* 1 at 0, falling smoothly to 0 at +-width. */
static inline float synth_bump(float value, float width)
{
    float t = value / width;
    float rest = 1.0f - t * t;
    return rest > 0.0f ? rest * rest : 0.0f;
}

/* Draw once in an expression: in which order a compiler calls functions is its own affair. */
float synth_between(hpac_random *random, float low, float high);
/* About normal with this deviation, but never further than 2.5 of them: a sum of two uniforms. */
float synth_jitter(hpac_random *random, float deviation);
/* exp(jitter): around 1, as far above as below by ratio. */
float synth_spread(hpac_random *random, float deviation);

/* Classes that the scene depends on. */
enum { SYNTH_BRIDGE = 16, SYNTH_SPINDLE = 17, SYNTH_JUNCTIONS = 22 };

/* ---- synth_cell.c: where the cells are ---- */

#define SYNTH_ANGLES 64
#define SYNTH_MAX_CELLS 240
#define SYNTH_MAX_NUCLEOLI 6
#define SYNTH_FAR 99.0f /* units: further than any stain reaches */

typedef enum synth_phase {
    SYNTH_INTERPHASE,
    SYNTH_METAPHASE, /* round, no nucleus, chromosomes in a plate across the spindle */
    SYNTH_DAUGHTER,  /* one of two that still hang together */
} synth_phase;

typedef struct synth_cell {
    synth_phase phase;
    int pair;     /* SYNTH_DAUGHTER: the same number as her twin's */
    float axis;   /* direction of elongation, of the spindle, or towards the partner */
    float x, y;   /* middle */
    float radius; /* mean */
    float outline[SYNTH_ANGLES]; /* radius by direction, from the middle */
    float nucleus_x, nucleus_y, nucleus_radius;
    float nucleus_outline[SYNTH_ANGLES];
    float centre_x, centre_y; /* the centrosome */
    int nucleolus_count;
    struct {
        float x, y, radius;
    } nucleoli[SYNTH_MAX_NUCLEOLI];
    float dna, stain, protein; /* brightness in blue; in red and yellow; in green */
} synth_cell;

/* What the cells of one image have in common, as one cell line under one microscope. */
typedef struct synth_culture {
    float nucleus_radius, cell_ratio, elongation, align, spikes, ragged;
    float coverage;   /* sum of the cells' areas by the image's */
    float clumping;   /* share of cells that settle beside another */
    float waviness;   /* of microtubules */
    float filaments;  /* density of microtubules */
    float reticulum;  /* units over which the endoplasmic reticulum thins out from the nucleus */
    float taper;      /* units over which cells thin out towards the rim */
    float chromatin;  /* contrast within the nucleus */
    float nuclear_er; /* what of red and yellow is seen over the nucleus */
    float spread;     /* of the protein from cell to cell */
} synth_culture;

typedef enum synth_grain {
    SYNTH_FINE,   /* grains of protein */
    SYNTH_MEDIUM, /* meshes of the endoplasmic reticulum */
    SYNTH_COARSE, /* patches of cytoplasm */
    SYNTH_BROAD,  /* bends of outlines */
    SYNTH_GRAINS,
} synth_grain;

/* A scene: the cells and, for each pixel, where in them it lies. */
typedef struct synth_scene {
    int size;
    float scale; /* pixels a unit */
    synth_culture culture;
    int cell_count;
    synth_cell cells[SYNTH_MAX_CELLS];
    uint8_t *owner; /* (size, size) 1 + index of the cell, 0 outside */
    float *depth;   /* (size, size) units inside the cell's rim; negative outside */
    float *gap;     /* (size, size) units to the nearest neighbour that touches, or SYNTH_FAR */
    float *nucleus; /* (size, size) units inside the nucleus; negative outside; -SYNTH_FAR: none */
    float *nucleolus; /* (size, size) 0 .. 1 */
    synth_noise noise[SYNTH_GRAINS];
    struct synth_patch *patch; /* scratch of synth_map.c */
} synth_scene;

/* Random numbers of image `number`, one stream a part, so that no part disturbs another. */
typedef enum synth_part {
    SYNTH_PART_ID,
    SYNTH_PART_LABELS,
    SYNTH_PART_CULTURE,
    SYNTH_PART_CELLS,
    SYNTH_PART_NOISE,                                             /* + grain */
    SYNTH_PART_STAIN = SYNTH_PART_NOISE + SYNTH_GRAINS,           /* + channel */
    SYNTH_PART_CAMERA = SYNTH_PART_STAIN + HPAC_SYNTH_CHANNELS,   /* + channel */
    SYNTH_PART_PROTEIN = SYNTH_PART_CAMERA + HPAC_SYNTH_CHANNELS, /* + class */
} synth_part;

hpac_status synth_scene_init(synth_scene *scene, int size);
void synth_scene_fini(synth_scene *scene);
/* Settles the cells of an image and fills the maps. */
void synth_scene_build(synth_scene *scene, uint64_t seed, uint32_t number, uint32_t labels);
/* synth_map.c: the maps from the cells. */
void synth_scene_map(synth_scene *scene);

/* The pixel a place lies in, or -1 outside of the image. */
static inline long synth_pixel(const synth_scene *scene, float x, float y)
{
    if (!(x >= 0.0f && y >= 0.0f))
        return -1;
    long col = (long)(x * scene->scale), row = (long)(y * scene->scale);
    return col < scene->size && row < scene->size ? row * scene->size + col : -1;
}

/* The radius of an outline in a direction. */
float synth_outline_at(const float outline[SYNTH_ANGLES], float angle);

#define SYNTH_ANY 1e4f /* no bound of a range */

/* Where in the cytoplasm to look for a place. */
typedef struct synth_range {
    float depth_min, depth_max;     /* units from the rim */
    float nucleus_min, nucleus_max; /* units from the nucleus, outwards */
} synth_range;

/* A random place of a cell within the ranges; false if a few tries found none in the image. */
bool synth_pick(const synth_scene *scene, int cell, const synth_range *range, hpac_random *random,
                float *x, float *y);
/* A random place in the nucleus, outside of nucleoli, at least `margin` units deep. */
bool synth_pick_nucleus(const synth_scene *scene, int cell, float margin, hpac_random *random,
                        float *x, float *y);

/* ---- synth_thread.c: filaments that feel their way through a cell ---- */

typedef struct synth_thread {
    float x, y, direction;
    float length;  /* units */
    float bend;    /* radians a step of 3 units, random */
    float turn;    /* radians a step when something is in the way; its sign is the side */
    float rim;     /* units kept from the rim */
    float nucleus; /* what of the light is left over the nucleus; below 0 it is walked around */
    float amplitude;
} synth_thread;

/* Draws a thread; x, y and direction are then those of its end. */
void synth_draw_thread(const synth_scene *scene, int cell, const synth_canvas *canvas,
                       const synth_pen *pen, synth_thread *thread, hpac_random *random);
/* The microtubules of all cells: `density` 1 is usual. With `ends` only their outer ends are drawn.
 */
void synth_draw_microtubules(const synth_scene *scene, const synth_canvas *canvas, float density,
                             bool ends, hpac_random *random);
/* The spindle of a cell in metaphase. */
void synth_draw_spindle(const synth_scene *scene, int cell, const synth_canvas *canvas,
                        float amplitude, hpac_random *random);
/* What still ties daughters together. */
void synth_draw_bridges(const synth_scene *scene, const synth_canvas *canvas, float amplitude);

/* ---- synth_stain.c: the three channels of reference ---- */

void synth_stain_blue(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random);
void synth_stain_red(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random);
void synth_stain_yellow(const synth_scene *scene, const synth_canvas *canvas, hpac_random *random);
/* The endoplasmic reticulum alone, times each cell's `protein` or, without `green`, `stain`. */
void synth_draw_reticulum(const synth_scene *scene, const synth_canvas *canvas, bool green);

/* ---- synth_protein.c: green ---- */

/* Adds the protein of all classes in `labels`; `layer` is scratch. */
void synth_stain_green(const synth_scene *scene, const synth_canvas *canvas,
                       const synth_canvas *layer, uint32_t labels, uint64_t seed, uint32_t number);

typedef struct synth_brush {
    const synth_scene *scene;
    const synth_canvas *canvas;
    hpac_random *random;
    hpac_random red; /* as the red channel was painted with */
} synth_brush;

typedef void synth_painting(const synth_brush *brush);

/* synth_nucleus.c, synth_cytoplasm.c, synth_skeleton.c: one painter a class. */
synth_painting synth_paint_nucleoplasm, synth_paint_nuclear_membrane, synth_paint_nucleoli,
    synth_paint_fibrillar_center, synth_paint_nuclear_speckles, synth_paint_nuclear_bodies;
synth_painting synth_paint_reticulum, synth_paint_golgi, synth_paint_peroxisomes,
    synth_paint_endosomes, synth_paint_lysosomes, synth_paint_lipid_droplets,
    synth_paint_mitochondria, synth_paint_aggresome, synth_paint_cytosol,
    synth_paint_cytoplasmic_bodies, synth_paint_rods_and_rings;
synth_painting synth_paint_intermediate_filaments, synth_paint_actin, synth_paint_focal_adhesions,
    synth_paint_microtubules, synth_paint_microtubule_ends, synth_paint_bridge, synth_paint_spindle,
    synth_paint_organizing_center, synth_paint_centrosome, synth_paint_plasma_membrane,
    synth_paint_junctions;

/* ---- synth_camera.c: from light to bytes ---- */

typedef struct synth_camera {
    float *quantiles; /* of the normal distribution */
    struct {
        float shape, width; /* of the noise at this much light */
    } * noise;
} synth_camera;

hpac_status synth_camera_init(synth_camera *camera);
void synth_camera_fini(synth_camera *camera);
/* Exposes one channel as the real ones are: brightness, shot noise, clipping. */
void synth_camera_expose(synth_camera *camera, const synth_canvas *light, int channel,
                         hpac_random *random, uint8_t *pixels);

#endif
