/*
 * The scene of a synthetic image, and what draws light into it; private to src/synth.
 *
 * Lengths are in units: 512 per side at every image size, so that the same scene results at every
 * size. A plane is (size, size) floats to which light is added, 1 being a well-stained cell.
 */
#ifndef HPAC_SYNTH_SCENE_H
#define HPAC_SYNTH_SCENE_H

#include "synth.h"

#include "base/random.h"

#define SYNTH_SIDE 512.0f
#define SYNTH_PI 3.14159265f
#define SYNTH_FAR 99.0f /* units: farther than any stain reaches */
#define SYNTH_ANGLES 64
#define SYNTH_MAX_CELLS 240
#define SYNTH_MAX_NUCLEOLI 6

/* ---- synth_draw.c: light on a plane ---- */

typedef struct synth_plane {
    int size;
    float scale; /* pixels per unit */
    float *values;
} synth_plane;

/* A Gaussian spot with `amplitude` in its middle. */
void synth_draw_spot(const synth_plane *plane, float x, float y, float sigma, float amplitude);

/* Lines of Gaussian cross-section are rows of overlapping marks of a pen. */
enum { SYNTH_PEN_PHASES = 16, SYNTH_PEN_REACH = 48 };
typedef struct synth_pen {
    const synth_plane *plane;
    int reach;  /* pixels from a mark's middle to its edge */
    float step; /* units between marks */
    float gain; /* amplitude of a mark for a line of amplitude 1 */
    float weights[SYNTH_PEN_PHASES][2 * SYNTH_PEN_REACH + 1]; /* by position within a pixel */
} synth_pen;

void synth_pen_init(synth_pen *pen, const synth_plane *plane, float sigma);
void synth_pen_mark(const synth_pen *pen, float x, float y, float amplitude);
void synth_pen_line(const synth_pen *pen, float x0, float y0, float x1, float y1, float amplitude);
/* A straight dash around (x, y) in a direction. */
void synth_pen_dash(const synth_pen *pen, float x, float y, float angle, float half,
                    float amplitude);
void synth_pen_ring(const synth_pen *pen, float x, float y, float radius, float amplitude);

/* Compiled for AVX2 as well, chosen at load time; the same results, as nothing is contracted. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define SYNTH_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define SYNTH_VECTORS
#endif

/* Compiled to one instruction each, unlike fminf and fmaxf. */
static inline float synth_min(float a, float b)
{
    return a < b ? a : b;
}

static inline float synth_max(float a, float b)
{
    return a > b ? a : b;
}

/* 0 below `low`, 1 above `high`, smooth in between. */
static inline float synth_ramp(float value, float low, float high)
{
    float t = (value - low) / (high - low);
    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    return t * t * (3.0f - 2.0f * t);
}

/* 1 at 0, falling smoothly to 0 at +-width. */
static inline float synth_bump(float value, float width)
{
    float rest = 1.0f - value * value / (width * width);
    return rest > 0.0f ? rest * rest : 0.0f;
}

/* Random numbers. Draw one per expression: C does not define the order of calls within one. */
float synth_between(hpac_random *random, float low, float high);
/* Triangular with this standard deviation. */
float synth_jitter(hpac_random *random, float deviation);
/* exp(jitter). */
float synth_spread(hpac_random *random, float deviation);
float synth_angle(hpac_random *random);
bool synth_chance(hpac_random *random, float probability);
int synth_count(hpac_random *random, int min, int max);

/* Smooth noise of mean 0 and variance 1, periodic in half a side. */
typedef struct synth_noise {
    int side;
    float *values; /* (side, side) */
} synth_noise;

void synth_noise_fill(synth_noise *noise, float pitch, float scale, hpac_random *random);

/* ---- synth_scene.c: the cells, and where in them each pixel lies ---- */

typedef enum synth_phase {
    SYNTH_INTERPHASE,
    SYNTH_METAPHASE, /* round, no nucleus, chromosomes in a plate across the spindle */
    SYNTH_DAUGHTER,  /* one of two that are still connected */
} synth_phase;

typedef struct synth_cell {
    synth_phase phase;
    int pair;   /* SYNTH_DAUGHTER: the same number for both */
    float axis; /* direction of elongation, of the spindle, or to the partner */
    float x, y, radius;
    float outline[SYNTH_ANGLES]; /* radius by direction */
    float nucleus_x, nucleus_y, nucleus_radius;
    float nucleus_outline[SYNTH_ANGLES];
    float centre_x, centre_y; /* the centrosome */
    int nucleolus_count;
    struct {
        float x, y, radius;
    } nucleoli[SYNTH_MAX_NUCLEOLI];
    float dna, stain, protein; /* brightness in blue; in red and yellow; in green */
} synth_cell;

/* What the cells of an image have in common, as one cell line under one microscope. */
typedef struct synth_culture {
    float nucleus_radius, cell_ratio, elongation, align, spikes, ragged;
    float coverage;            /* sum of the cells' areas by the image's */
    float clumping;            /* share of cells beside another */
    float waviness, filaments; /* of microtubules: bends, density */
    float reticulum;  /* units over which the endoplasmic reticulum thins out from the nucleus */
    float taper;      /* units over which cells thin out towards the rim */
    float chromatin;  /* contrast within the nucleus */
    float nuclear_er; /* share of red and yellow over the nucleus */
    float spread;     /* of the protein from cell to cell */
} synth_culture;

typedef struct synth_pixel {
    int owner;       /* 1 + index of the cell, 0: none */
    float depth;     /* units inside the cell's rim; negative outside */
    float gap;       /* units to the nearest cell that touches, or SYNTH_FAR */
    float inside;    /* units inside the nucleus; negative outside; -SYNTH_FAR: none */
    float nucleolus; /* 0 .. 1 */
} synth_pixel;

enum { SYNTH_FINE, SYNTH_MEDIUM, SYNTH_COARSE, SYNTH_BROAD, SYNTH_GRAINS };

typedef struct synth_scene {
    int size;
    float scale; /* pixels per unit */
    synth_culture culture;
    int cell_count;
    synth_cell cells[SYNTH_MAX_CELLS];
    synth_pixel *pixels; /* (size, size) */
    synth_noise noise[SYNTH_GRAINS];
} synth_scene;

/* Random streams of an image, so that no part changes another. */
enum {
    SYNTH_STREAM_ID,
    SYNTH_STREAM_LABELS,
    SYNTH_STREAM_CELLS,
    SYNTH_STREAM_NOISE,
    SYNTH_STREAM_STAIN,                                               /* + channel */
    SYNTH_STREAM_CAMERA = SYNTH_STREAM_STAIN + HPAC_SYNTH_CHANNELS,   /* + channel */
    SYNTH_STREAM_PROTEIN = SYNTH_STREAM_CAMERA + HPAC_SYNTH_CHANNELS, /* + class */
};

/* Classes on which the cells depend. */
enum { SYNTH_BRIDGE = 16, SYNTH_SPINDLE = 17, SYNTH_JUNCTIONS = 22 };

hpac_status synth_scene_init(synth_scene *scene, int size);
void synth_scene_fini(synth_scene *scene);
void synth_scene_build(synth_scene *scene, uint64_t seed, uint32_t number, uint32_t labels);

/* The pixel at a point; NULL outside of the image. */
const synth_pixel *synth_pixel_at(const synth_scene *scene, float x, float y);
/* The radius of an outline in a direction. */
float synth_outline_at(const float outline[SYNTH_ANGLES], float angle);

#define SYNTH_ANY 1e4f

/* Points of a cell: units from the rim, units outwards from the nucleus (negative: in it). */
typedef struct synth_range {
    float depth_min, nucleus_min, nucleus_max, depth_max;
} synth_range;

/* A random point of a cell; false if none was found in the image. */
bool synth_pick(const synth_scene *scene, int cell, const synth_range *range, hpac_random *random,
                float *x, float *y);

/* A pixel of a cell, for shading. */
typedef struct synth_site {
    const synth_scene *scene;
    const synth_pixel *pixel;
    const synth_cell *cell;
    float fine, medium, coarse; /* noise */
} synth_site;

/* Adds what `shade` returns, if positive, at every pixel of a cell. `shift` selects another piece
 * of the noise. Inline, so that `shade` is, too: a call per pixel takes longer than most shading.
 */
static inline void synth_shade(const synth_scene *scene, const synth_plane *plane, int shift,
                               float (*shade)(const synth_site *site, const void *parameters),
                               const void *parameters)
{
    int side = scene->noise[0].side;
    for (int row = 0; row < scene->size; row++) {
        const synth_pixel *pixels = &scene->pixels[(size_t)row * (size_t)scene->size];
        float *values = &plane->values[(size_t)row * (size_t)scene->size];
        int first = (row + shift * 37) % side * side, at = shift * 61 % side;
        for (int col = 0; col < scene->size; col++, at = at + 1 < side ? at + 1 : 0) {
            if (pixels[col].owner == 0)
                continue;
            const synth_site site = {.scene = scene,
                                     .pixel = &pixels[col],
                                     .cell = &scene->cells[pixels[col].owner - 1],
                                     .fine = scene->noise[SYNTH_FINE].values[first + at],
                                     .medium = scene->noise[SYNTH_MEDIUM].values[first + at],
                                     .coarse = scene->noise[SYNTH_COARSE].values[first + at]};
            values[col] += synth_max(shade(&site, parameters), 0.0f);
        }
    }
}

/* ---- synth_stain.c: filaments and the reference channels ---- */

typedef struct synth_thread {
    float x, y, direction, length;
    float bend;    /* radians per step of 3 units, random */
    float turn;    /* radians per step at an obstacle; its sign is the side */
    float rim;     /* units kept from the rim */
    float nucleus; /* share of the light over the nucleus; negative: avoided */
    float amplitude;
} synth_thread;

/* Draws a thread; x, y and direction become those of its end. */
void synth_draw_thread(const synth_scene *scene, int cell, const synth_pen *pen,
                       synth_thread *thread, hpac_random *random);
/* The microtubules of all cells, or only their growing ends. */
void synth_draw_microtubules(const synth_scene *scene, const synth_plane *plane, bool ends,
                             hpac_random *random);
void synth_draw_spindles(const synth_scene *scene, const synth_plane *plane, float amplitude,
                         hpac_random *random);
void synth_draw_bridges(const synth_scene *scene, const synth_plane *plane, float amplitude);
/* The endoplasmic reticulum, times each cell's `protein` or, without `green`, `stain`. */
void synth_draw_reticulum(const synth_scene *scene, const synth_plane *plane, bool green);

/* Blue, red or yellow (channels 1 to 3). */
void synth_draw_reference(const synth_scene *scene, const synth_plane *plane, int channel,
                          hpac_random *random);

/* ---- synth_protein.c: green ---- */

/* Adds the proteins of all classes in `labels`; `layer` is scratch. */
void synth_draw_protein(const synth_scene *scene, const synth_plane *plane,
                        const synth_plane *layer, uint32_t labels, uint64_t seed, uint32_t number);

/* ---- synth_camera.c: from light to bytes ---- */

void synth_expose(const synth_plane *light, int channel, hpac_random *random, uint8_t *pixels);

#endif
