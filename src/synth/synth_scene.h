/*
 * The cells of a synthetic image, and where in them each pixel lies; private to src/synth.
 *
 * Lengths are in units: 512 per side at every image size, so that the same scene results at every
 * size. Light is a plane of (size, size) floats, 1 being a well-stained cell.
 */
#ifndef HPAC_SYNTH_SYNTH_SCENE_H
#define HPAC_SYNTH_SYNTH_SCENE_H

#include "synth.h"

#include "base/random.h"

#include <math.h>

#define SYNTH_SIDE 512.0f
#define SYNTH_PI 3.14159265f
#define SYNTH_FAR 99.0f  /* units: farther than any stain reaches */
#define SYNTH_POLE 0.72f /* radii from the middle of a dividing cell to its spindle's poles */
enum { SYNTH_MAX_CELLS = 200, SYNTH_MAX_NUCLEOLI = 5, SYNTH_WAVES = 4 };

/* Compiled for AVX2 as well, chosen at load time; the same results, as nothing is contracted. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define SYNTH_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define SYNTH_VECTORS
#endif

/* Random streams of an image, so that no part changes another. */
enum {
    SYNTH_STREAM_ID,
    SYNTH_STREAM_LABELS,
    SYNTH_STREAM_CELLS,
    SYNTH_STREAM_NOISE,
    SYNTH_STREAM_CAMERA,                                           /* + channel */
    SYNTH_STREAM_STAIN = SYNTH_STREAM_CAMERA + HPAC_SYNTH_CHANNELS /* + row of the stains */
};

/* Classes on which the cells depend. */
enum { SYNTH_BRIDGE = 16, SYNTH_SPINDLE = 17, SYNTH_JUNCTIONS = 22 };

typedef enum synth_phase {
    SYNTH_INTERPHASE,
    SYNTH_METAPHASE, /* round, no nucleus, chromosomes in a plate across the spindle */
    SYNTH_DAUGHTER,  /* one of two that are still connected */
} synth_phase;

/* An ellipse around (x, y) with a few waves around it. */
typedef struct synth_outline {
    float x, y, radius;                        /* the mean radius */
    float long_x, long_y, short_x, short_y;    /* its axes, by 1 / their radii of an area of pi */
    float even[SYNTH_WAVES], odd[SYNTH_WAVES]; /* amplitudes of cos and sin of 2, 3, ... angles */
} synth_outline;

/* The brightness of a cell in blue; in red and yellow; in green. */
typedef enum synth_dye { SYNTH_DNA, SYNTH_REFERENCE, SYNTH_PROTEIN, SYNTH_DYES } synth_dye;

typedef struct synth_cell {
    synth_phase phase;
    float axis;  /* direction of elongation, of the spindle, or to the other daughter */
    float apart; /* SYNTH_DAUGHTER: units to the middle between both */
    synth_outline body, nucleus;
    float center_x, center_y; /* the centrosome */
    int nucleolus_count;
    struct {
        float x, y, radius;
    } nucleoli[SYNTH_MAX_NUCLEOLI];
    float dyes[SYNTH_DYES];
} synth_cell;

typedef struct synth_pixel {
    int owner;       /* 1 + index of the cell, 0: none */
    float depth;     /* units inside the cell's rim; negative outside */
    float gap;       /* units to the nearest cell that touches, or SYNTH_FAR */
    float inside;    /* units inside the nucleus; negative outside; -SYNTH_FAR: none */
    float nucleolus; /* 0 .. 1 */
} synth_pixel;

/* Smooth noise of mean 0 and variance 1, of three pitches. */
enum { SYNTH_FINE, SYNTH_MEDIUM, SYNTH_COARSE, SYNTH_GRAINS };

typedef struct synth_scene {
    int size;
    float scale; /* pixels per unit */
    uint64_t seed;
    uint32_t number, labels;    /* of the image */
    synth_pixel *pixels;        /* (size, size) */
    float *noise[SYNTH_GRAINS]; /* (size / 2, size): rows repeat */
    float taper, thinning; /* 1 / units over which cells thin out to the rim, from the nucleus */
    int cell_count;
    synth_cell cells[SYNTH_MAX_CELLS];
} synth_scene;

/* Fills pixels, noise and what follows it of a scene. */
void synth_scene_build(synth_scene *scene);

/* Adds the light of the labels' proteins (channel 0), of the nuclei, the microtubules or the
 * endoplasmic reticulum (1 to 3) to a plane. */
void synth_stain(const synth_scene *scene, int channel, float *light);

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
    float t = synth_min(synth_max((value - low) / (high - low), 0.0f), 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

/* The radius of an outline in the direction (x, y), a unit vector. */
static inline float synth_outline_at(const synth_outline *outline, float x, float y)
{
    float along = x * outline->long_x + y * outline->long_y;
    float across = x * outline->short_x + y * outline->short_y;
    float even = x * x - y * y, odd = 2.0f * x * y, waves = 1.0f;
    for (int wave = 0; wave < SYNTH_WAVES; wave++) {
        float next = even * x - odd * y;
        waves += outline->even[wave] * even + outline->odd[wave] * odd;
        odd = even * y + odd * x;
        even = next;
    }
    /* Squared, high waves become processes of the cell. */
    return outline->radius * waves * waves / sqrtf(along * along + across * across);
}

/* Random numbers. Draw one per expression: C does not define the order of calls within one. */
static inline hpac_random synth_random(const synth_scene *scene, int stream)
{
    hpac_random random;
    hpac_random_init(&random, scene->seed, HPAC_PURPOSE_SYNTH, (uint32_t)stream, scene->number);
    return random;
}

static inline float synth_between(hpac_random *random, float low, float high)
{
    return low + (high - low) * hpac_random_uniform(random);
}

/* Triangular with this standard deviation. */
static inline float synth_jitter(hpac_random *random, float deviation)
{
    float sum = hpac_random_uniform(random);
    sum += hpac_random_uniform(random);
    return (sum - 1.0f) * 2.4495f * deviation; /* the variance of a uniform is 1/12 */
}

/* exp(jitter). */
static inline float synth_spread(hpac_random *random, float deviation)
{
    return expf(synth_jitter(random, deviation));
}

static inline bool synth_chance(hpac_random *random, float probability)
{
    return hpac_random_uniform(random) < probability;
}

static inline int synth_count(hpac_random *random, int min, int max)
{
    return min + (int)hpac_random_below(random, (uint32_t)(max - min + 1));
}

#endif
