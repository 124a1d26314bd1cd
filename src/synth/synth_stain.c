/* What each stain lights up, by tables: fills, spots, threads, and the parts of dividing cells. */
#include "synth_scene.h"

/* The proteins of the classes, unspecific binding of antibodies, the reference channels. */
/* clang-format off */
typedef enum stain {
    NUCLEOPLASM, NUCLEAR_MEMBRANE, NUCLEOLI, FIBRILLAR_CENTER, NUCLEAR_SPECKLES, NUCLEAR_BODIES,
    RETICULUM, GOLGI, PEROXISOMES, ENDOSOMES, LYSOSOMES, FILAMENTS, ACTIN, FOCAL_ADHESIONS,
    MICROTUBULES, MICROTUBULE_ENDS, BRIDGE, SPINDLE, ORGANIZER, CENTROSOME, LIPID_DROPLETS,
    PLASMA_MEMBRANE, JUNCTIONS, MITOCHONDRIA, AGGRESOME, CYTOSOL, CYTOPLASMIC_BODIES,
    RODS_AND_RINGS, BACKGROUND, BLUE, RED, YELLOW
} stain;
/* clang-format on */

typedef struct canvas {
    const synth_scene *scene;
    float *light; /* (size, size) */
    synth_dye dye;
    float gain;
    hpac_random random;
} canvas;

/* Narrower light (pixels) would fall between the pixels; it is drawn this wide but dimmer. */
#define MIN_WIDTH 0.45f

/* A Gaussian spot with `light` in its middle, by the approximation (1 - d^2 / 6 sigma^2)^3. */
static void draw_spot(const canvas *own, float x, float y, float sigma, float light)
{
    float scale = own->scene->scale, cx = x * scale - 0.5f, cy = y * scale - 0.5f;
    float width = sigma * scale, limit = (float)(own->scene->size - 1), across[512];
    if (width < MIN_WIDTH) {
        light *= width * width / (MIN_WIDTH * MIN_WIDTH);
        width = MIN_WIDTH;
    }
    float reach = 2.4495f * width, rate = 1.0f / (reach * reach);
    int left = (int)synth_max(cx - reach, 0.0f), right = (int)synth_min(cx + reach, limit);
    int top = (int)synth_max(cy - reach, 0.0f), bottom = (int)synth_min(cy + reach, limit);
    for (int col = left; col <= right; col++) {
        float t = synth_max(1.0f - rate * ((float)col - cx) * ((float)col - cx), 0.0f);
        across[col - left] = t * t * t;
    }
    for (int row = top; row <= bottom; row++) {
        float t = synth_max(1.0f - rate * ((float)row - cy) * ((float)row - cy), 0.0f);
        float weight = own->gain * light * t * t * t;
        float *values = own->light + row * own->scene->size;
        for (int col = left; col <= right; col++) {
            /* cppcheck-suppress uninitvar */
            values[col] += weight * across[col - left]; /* set above, for the same columns */
        }
    }
}

/* A straight line of Gaussian cross-section from (x, y), which become its end. */
static void draw_stroke(const canvas *own, float *x, float *y, float direction, float length,
                        float sigma, float light)
{
    float width = synth_max(sigma, MIN_WIDTH / own->scene->scale);
    int count = 1 + (int)(length / (1.6f * width)); /* even to 0.1 % */
    float step = length / (float)count, dx = step * cosf(direction), dy = step * sinf(direction);
    light *= sigma / width * step / (width * 2.50663f); /* sqrt(2 pi): spots add up to the line */
    for (int i = 0; i < count; i++) {
        draw_spot(own, *x + 0.5f * dx, *y + 0.5f * dy, width, light);
        *x += dx;
        *y += dy;
    }
}

static void draw_ring(const canvas *own, float x, float y, float radius, float sigma, float light)
{
    int count = 6 + (int)(2.0f * SYNTH_PI * radius / sigma);
    for (int i = 0; i < count; i++) {
        float angle = 2.0f * SYNTH_PI * (float)i / (float)count;
        draw_spot(own, x + radius * cosf(angle), y + radius * sinf(angle), sigma, 0.4f * light);
    }
}

/* ---- fills: light by pixel ---- */

typedef struct fill {
    stain stain;
    enum { IN_NUCLEI, ON_NUCLEI, IN_NUCLEOLI, IN_CELLS, NET, ON_CELLS, BETWEEN_CELLS } where;
    float amount;
    float share; /* of the light in nucleoli (IN_NUCLEI) or in nuclei */
    float grain; /* contrast of the noise */
} fill;

/* clang-format off */
static const fill fills[] = {
    /*                   where          amount  share  grain */
    {NUCLEOPLASM,        IN_NUCLEI,     0.90f,  0.15f, 0.20f},
    {NUCLEAR_MEMBRANE,   ON_NUCLEI,     1.30f,  0.16f, 0.20f},
    {NUCLEOLI,           IN_NUCLEI,     0.12f,  1.00f, 0.30f},
    {NUCLEOLI,           IN_NUCLEOLI,   2.00f,  0.00f, 0.15f},
    {FIBRILLAR_CENTER,   IN_NUCLEI,     0.10f,  1.00f, 0.30f},
    {NUCLEAR_SPECKLES,   IN_NUCLEI,     0.25f,  0.20f, 0.30f},
    {NUCLEAR_BODIES,     IN_NUCLEI,     0.10f,  0.40f, 0.30f},
    {RETICULUM,          NET,           1.00f,  0.06f, 0.20f},
    {ACTIN,              ON_CELLS,      0.30f,  0.00f, 0.20f},
    {LIPID_DROPLETS,     IN_CELLS,      0.024f, 0.40f, 0.30f},
    {PLASMA_MEMBRANE,    IN_CELLS,      0.05f,  0.50f, 0.30f},
    {PLASMA_MEMBRANE,    ON_CELLS,      1.30f,  0.00f, 0.30f},
    {JUNCTIONS,          IN_CELLS,      0.02f,  1.00f, 0.30f},
    {JUNCTIONS,          BETWEEN_CELLS, 1.40f,  0.00f, 0.35f},
    {AGGRESOME,          IN_CELLS,      0.036f, 0.60f, 0.30f},
    {CYTOSOL,            IN_CELLS,      0.30f,  0.25f, 0.20f},
    {CYTOPLASMIC_BODIES, IN_CELLS,      0.03f,  0.50f, 0.30f},
    {RODS_AND_RINGS,     IN_CELLS,      0.02f,  0.60f, 0.30f},
    {BACKGROUND,         IN_CELLS,      0.025f, 1.00f, 0.40f},
    {BLUE,               IN_NUCLEI,     1.00f,  0.45f, 0.20f},
    {RED,                IN_CELLS,      0.06f,  0.20f, 0.20f},
    {YELLOW,             NET,           1.00f,  0.06f, 0.20f},
};
/* clang-format on */

/* 1 at 0, falling smoothly to 0 at +-width. */
static float bump(float value, float width)
{
    float rest = synth_max(1.0f - value * value / (width * width), 0.0f);
    return rest * rest;
}

/* Cells are thin at the rim, thick around the nucleus, and have a share of the light over it. */
static float body(const synth_scene *scene, const synth_pixel *pixel, float even, float share)
{
    float out = synth_max(-pixel->inside, 0.0f) * scene->thinning;
    float rim = 0.1f + 0.9f * synth_min(pixel->depth * scene->taper, 1.0f);
    float nuclear = share + (1.0f - share) * synth_ramp(-pixel->inside, 0.0f, 2.0f);
    return rim * (even + 1.0f / (1.0f + out * out)) * nuclear;
}

static float shade(const synth_scene *scene, const fill *what, const synth_pixel *pixel,
                   float noise)
{
    float inside = pixel->inside;
    switch (what->where) {
    case IN_NUCLEI:
        return synth_ramp(inside, -1.0f, 1.0f) * (1.0f - (1.0f - what->share) * pixel->nucleolus);
    case ON_NUCLEI:
        return bump(inside - 0.4f, 2.6f) + (inside > 0.0f ? what->share : 0.0f);
    case IN_NUCLEOLI:
        return pixel->nucleolus;
    case IN_CELLS:
        return body(scene, pixel, 1.8f, what->share);
    case NET: /* tubules where the noise crosses zero */
        return body(scene, pixel, 0.22f, what->share) *
               (0.45f + 0.7f * synth_max(1.0f - 1.6f * fabsf(noise), 0.0f));
    case ON_CELLS:
        return bump(pixel->depth - 1.2f, 2.6f);
    case BETWEEN_CELLS: /* the same light on both sides */
        return bump(pixel->gap, 2.2f);
    }
    return 0.0f;
}

/* Each stain has another piece of the noise. */
static void draw_fill(canvas *own, const fill *what)
{
    const synth_scene *scene = own->scene;
    int size = scene->size;
    float amount = own->gain * what->amount * synth_between(&own->random, 0.6f, 1.4f);
    float grain = what->grain * synth_between(&own->random, 0.5f, 1.5f);
    for (int row = 0; row < size; row++) {
        const synth_pixel *pixels = &scene->pixels[row * size];
        int start = (row + 37 * (int)what->stain) % (size / 2) * size;
        const float *fine = scene->noise[SYNTH_FINE] + start;
        const float *medium = scene->noise[SYNTH_MEDIUM] + start;
        const float *coarse = scene->noise[SYNTH_COARSE] + start;
        for (int col = 0; col < size; col++) {
            float light =
                pixels[col].owner > 0 ? shade(scene, what, &pixels[col], medium[col]) : 0.0f;
            if (light <= 0.0f)
                continue;
            float noise = 0.6f * fine[col] + 0.8f * medium[col] + 0.5f * coarse[col];
            own->light[row * size + col] += amount * light * synth_max(1.0f + grain * noise, 0.0f) *
                                            scene->cells[pixels[col].owner - 1].dyes[own->dye];
        }
    }
}

typedef enum compartment { CELL, NUCLEUS, CYTOPLASM, RIM, CENTER, NUCLEOLUS } compartment;

/* The pixel at a point; NULL outside of the image. */
static const synth_pixel *pixel_at(const synth_scene *scene, float x, float y)
{
    int col = (int)floorf(x * scene->scale), row = (int)floorf(y * scene->scale);
    bool inside = col >= 0 && row >= 0 && col < scene->size && row < scene->size;
    return inside ? &scene->pixels[row * scene->size + col] : NULL;
}

static bool is_in(const synth_pixel *pixel, compartment where)
{
    float inside = pixel->inside;
    if (where == NUCLEUS)
        return inside > 2.0f && pixel->nucleolus < 0.3f;
    return pixel->depth > (where == RIM ? 1.5f : 3.0f) && (where == CELL || inside < -1.5f);
}

/* A random point of a cell; false if none was found in the image. `reach`: units from the nucleus
 * (CYTOPLASM; 0: any) or from the centrosome, share of the radius from the rim. */
static bool pick(canvas *own, int index, compartment where, float reach, float *x, float *y)
{
    const synth_cell *cell = &own->scene->cells[index];
    hpac_random *random = &own->random;
    if (where == CENTER) {
        bool divides = cell->phase == SYNTH_METAPHASE;
        float pole = SYNTH_POLE * cell->body.radius * (synth_chance(random, 0.5f) ? 1.0f : -1.0f);
        *x = divides ? cell->body.x + pole * cosf(cell->axis) : cell->center_x;
        *y = divides ? cell->body.y + pole * sinf(cell->axis) : cell->center_y;
        *x += synth_jitter(random, reach);
        *y += synth_jitter(random, reach);
        return true;
    }
    if (where == NUCLEOLUS) {
        int n = cell->nucleolus_count > 0 ? synth_count(random, 0, cell->nucleolus_count - 1) : 0;
        *x = cell->nucleoli[n].x + synth_jitter(random, 0.4f * cell->nucleoli[n].radius);
        *y = cell->nucleoli[n].y + synth_jitter(random, 0.4f * cell->nucleoli[n].radius);
        return cell->nucleolus_count > 0;
    }
    bool near = where == NUCLEUS || (where == CYTOPLASM && reach > 0.0f);
    const synth_outline *around = near ? &cell->nucleus : &cell->body;
    for (int tries = 0; tries < 16; tries++) {
        float angle = synth_between(random, 0.0f, 2.0f * SYNTH_PI), u = hpac_random_uniform(random);
        float away = synth_outline_at(around, cosf(angle), sinf(angle));
        if (where == CYTOPLASM && near)
            away += 1.5f + u * reach;
        else
            away *= where == RIM ? 1.0f - u * reach : sqrtf(u);
        *x = around->x + away * cosf(angle);
        *y = around->y + away * sinf(angle);
        const synth_pixel *pixel = pixel_at(own->scene, *x, *y);
        if (pixel && pixel->owner == index + 1 && is_in(pixel, where))
            return true;
    }
    return false;
}

typedef struct spots {
    stain stain;
    float mean; /* per cell */
    compartment where;
    float reach, sigma, light;
    int drops;    /* 1 to as many spots run into each other */
    float radius; /* of rings; 0: spots */
} spots;

/* clang-format off */
static const spots all_spots[] = {
    /*                  mean   where      reach  sigma  light  drops radius */
    {FIBRILLAR_CENTER,   9.0f,  NUCLEOLUS, 0.0f,  1.05f, 1.9f,  1,    0.0f},
    {NUCLEAR_SPECKLES,   25.0f, NUCLEUS,   0.0f,  1.25f, 0.95f, 3,    0.0f},
    {NUCLEAR_BODIES,     3.0f,  NUCLEUS,   0.0f,  1.65f, 2.6f,  1,    0.0f},
    {PEROXISOMES,        90.0f, CYTOPLASM, 0.0f,  0.9f,  1.5f,  1,    0.0f},
    {ENDOSOMES,          26.0f, CYTOPLASM, 45.0f, 1.75f, 1.2f,  1,    0.0f},
    {LYSOSOMES,          20.0f, CYTOPLASM, 24.0f, 2.4f,  1.1f,  1,    0.0f},
    {ORGANIZER,          1.0f,  CENTER,    0.0f,  2.75f, 1.8f,  1,    0.0f},
    {CENTROSOME,         1.6f,  CENTER,    1.5f,  1.15f, 2.6f,  1,    0.0f},
    {LIPID_DROPLETS,     16.0f, CYTOPLASM, 0.0f,  0.9f,  1.2f,  1,    3.3f},
    {AGGRESOME,          1.0f,  CYTOPLASM, 30.0f, 3.8f,  1.0f,  5,    0.0f},
    {CYTOPLASMIC_BODIES, 5.5f,  CYTOPLASM, 0.0f,  1.8f,  2.2f,  1,    0.0f},
    {RODS_AND_RINGS,     1.2f,  CYTOPLASM, 0.0f,  0.9f,  2.0f,  1,    3.8f},
    {BACKGROUND,         0.4f,  CELL,      0.0f,  0.7f,  0.3f,  1,    0.0f},
    {BLUE,               0.04f, CELL,      0.0f,  1.5f,  0.7f,  1,    0.0f}, /* micronuclei */
};
/* clang-format on */

static void draw_spots(canvas *own, const spots *what)
{
    hpac_random *random = &own->random;
    for (int i = 0; i < own->scene->cell_count; i++) {
        float wanted = what->mean * synth_between(random, 0.5f, 1.5f);
        for (int left = (int)(wanted + hpac_random_uniform(random)); left > 0; left--) {
            float x, y, light = what->light * own->scene->cells[i].dyes[own->dye];
            light *= synth_between(random, 0.7f, 1.1f);
            if (!pick(own, i, what->where, what->reach, &x, &y))
                continue;
            for (int drop = synth_count(random, 1, what->drops); drop > 0; drop--) {
                float sigma = what->sigma * synth_between(random, 0.75f, 1.25f);
                float radius = what->radius * synth_between(random, 0.6f, 1.4f);
                if (radius > 0.0f)
                    draw_ring(own, x, y, radius, sigma, light);
                else
                    draw_spot(own, x, y, sigma, light);
                x += synth_jitter(random, 1.5f * sigma);
                y += synth_jitter(random, 1.5f * sigma);
            }
        }
    }
}

/* ---- threads: filaments that find their way through a cell ---- */

#define STRIDE 3.0f /* units between changes of direction */

typedef struct threads {
    stain stain;
    float count; /* threads per unit of the cell's radius */
    compartment where;
    float reach;
    enum { ANY_WAY, ALONG, OUTWARDS, ASIDE, AROUND } way; /* the cell's axis; the nucleus */
    float length;                                         /* in radii of the cell */
    float bend;                                           /* radians per stride, random */
    float turn; /* radians per stride at the rim; 0: ends there */
    float over; /* share of the light over the nucleus; 0: avoids it */
    float sigma, light;
} threads;

/* clang-format off */
static const threads all_threads[] = {
    /*                count  where      reach  way       length bend   turn   over   sigma  light */
    {GOLGI,            0.28f, CENTER,    9.0f,  ANY_WAY,  0.19f, 0.5f,  0.6f,  0.0f,  1.1f,  1.1f},
    {FILAMENTS,        0.6f,  CYTOPLASM, 15.0f, AROUND,   0.8f,  0.18f, 0.4f,  0.0f,  1.25f, 0.6f},
    {ACTIN,            1.1f,  CELL,      0.0f,  ALONG,    1.0f,  0.01f, 0.0f,  0.8f,  0.8f,  0.75f},
    {FOCAL_ADHESIONS,  0.7f,  RIM,       0.16f, OUTWARDS, 0.13f, 0.0f,  0.0f,  0.0f,  1.25f, 1.3f},
    {MICROTUBULE_ENDS, 1.2f,  RIM,       0.45f, OUTWARDS, 0.08f, 0.2f,  0.0f,  0.0f,  1.3f,  0.8f},
    {ORGANIZER,        0.3f,  CENTER,    0.0f,  ANY_WAY,  0.2f,  0.1f,  0.0f,  0.6f,  0.8f,  0.3f},
    {MITOCHONDRIA,     0.7f,  CYTOPLASM, 30.0f, ANY_WAY,  0.3f,  0.35f, 0.7f,  0.0f,  1.1f,  0.85f},
    {MITOCHONDRIA,     0.3f,  CYTOPLASM, 0.0f,  ANY_WAY,  0.3f,  0.35f, 0.7f,  0.0f,  1.1f,  0.85f},
    {RODS_AND_RINGS,   0.04f, CYTOPLASM, 0.0f,  ANY_WAY,  0.27f, 0.0f,  0.0f,  0.0f,  0.9f,  2.0f},
    {RED,              0.4f,  CENTER,    1.5f,  ANY_WAY,  0.95f, 0.18f, 0.35f, 0.35f, 0.65f, 0.38f},
    {RED,              1.9f,  CELL,      0.0f,  ASIDE,    0.95f, 0.18f, 0.35f, 0.0f,  0.65f, 0.38f},
};
/* clang-format on */

/* Cells continue outside of the image. */
static bool is_rim(const synth_pixel *pixel, int index)
{
    return pixel && (pixel->owner != index + 1 || pixel->depth < 1.0f);
}

static void draw_thread(canvas *own, int index, const threads *what, float bend, float x, float y)
{
    const synth_cell *cell = &own->scene->cells[index];
    hpac_random *random = &own->random;
    float length = cell->body.radius * what->length * synth_between(random, 0.5f, 1.5f);
    float light = cell->dyes[own->dye] * what->light * synth_between(random, 0.5f, 1.5f);
    float side = synth_chance(random, 0.5f) ? 1.0f : -1.0f, turn = side * what->turn, turned = 0.0f;
    float dx = x - cell->nucleus.x, dy = y - cell->nucleus.y, out = atan2f(dy, dx);
    float curl = what->way == AROUND ? side * STRIDE / hypotf(dx, dy) : 0.0f;
    float direction = what->way == ALONG      ? cell->axis + (side > 0.0f ? SYNTH_PI : 0.0f)
                      : what->way == OUTWARDS ? out
                                              : out + 1.4f * side;
    direction += synth_jitter(random, what->way == ALONG ? 0.12f : 0.35f);
    if (what->way == ANY_WAY)
        direction = synth_between(random, 0.0f, 2.0f * SYNTH_PI);
    const synth_pixel *here = pixel_at(own->scene, x, y), *next = here;
    while (length > 0.0f && fabsf(turned) < 4.0f) { /* beyond: in circles */
        const synth_pixel *ahead = pixel_at(own->scene, x + 2.0f * STRIDE * cosf(direction),
                                            y + 2.0f * STRIDE * sinf(direction));
        if (is_rim(here, index))
            return;
        if (is_rim(ahead, index) || (ahead && what->over == 0.0f && ahead->inside > 0.0f)) {
            direction += turn;
            turned += turn;
        }
        direction += curl + synth_jitter(random, bend);
        float share = here && here->inside > 0.0f ? what->over : 1.0f;
        draw_stroke(own, &x, &y, direction, synth_min(length, STRIDE), what->sigma, share * light);
        length -= STRIDE;
        here = next; /* two strides ahead is one ahead now */
        next = ahead;
    }
}

static void draw_threads(canvas *own, const threads *what)
{
    hpac_random *random = &own->random;
    float bend = what->bend * synth_between(random, 0.4f, 1.6f);
    float density = what->count * synth_between(random, 0.6f, 1.3f), x, y;
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        int count = cell->phase == SYNTH_METAPHASE ? 0 : (int)(density * cell->body.radius + 0.5f);
        for (; count > 0; count--)
            if (pick(own, i, what->where, what->reach, &x, &y))
                draw_thread(own, i, what, bend, x, y);
    }
}

/* Arcs from pole to pole. */
static void draw_spindle(canvas *own, const synth_cell *cell, float light)
{
    float chord = 2.0f * SYNTH_POLE * cell->body.radius;
    for (int n = 0; n < 22; n++) {
        float bulge = synth_between(&own->random, -1.0f, 1.0f);
        float x = cell->body.x - 0.5f * chord * cosf(cell->axis);
        float y = cell->body.y - 0.5f * chord * sinf(cell->axis);
        float length = chord * (1.0f + bulge * bulge / 6.0f); /* x / sin x */
        for (int step = -7; step < 8; step += 2)
            draw_stroke(own, &x, &y, cell->axis - bulge * (float)step / 8.0f, length / 8.0f, 0.9f,
                        0.25f * light);
    }
}

typedef struct mitosis {
    stain stain;
    float spindle, plate, bridge; /* light */
} mitosis;

static const mitosis mitoses[] = {
    {BRIDGE, 0.0f, 0.0f, 2.0f}, {SPINDLE, 2.0f, 0.0f, 0.0f}, {BLUE, 0.0f, 0.6f, 0.0f},
    {RED, 1.6f, 0.0f, 0.8f},    {YELLOW, 0.3f, 0.0f, 0.0f},
};

static void draw_mitosis(canvas *own, const mitosis *what)
{
    for (int i = 0; i < own->scene->cell_count; i++) {
        const synth_cell *cell = &own->scene->cells[i];
        float x = cell->body.x, y = cell->body.y, light = cell->dyes[own->dye];
        float dx = cosf(cell->axis), dy = sinf(cell->axis), radius = cell->body.radius;
        if (cell->phase == SYNTH_DAUGHTER && what->bridge > 0.0f) { /* half of it */
            x += 0.6f * radius * dx;
            y += 0.6f * radius * dy;
            draw_stroke(own, &x, &y, cell->axis, cell->apart - 0.6f * radius, 2.0f,
                        what->bridge * light);
            draw_spot(own, x, y, 2.4f, 0.6f * what->bridge * light);
        }
        if (cell->phase != SYNTH_METAPHASE)
            continue;
        if (what->spindle > 0.0f)
            draw_spindle(own, cell, what->spindle * light);
        for (int n = 0; n < 14 && what->plate > 0.0f; n++) { /* chromosomes across the spindle */
            float across = synth_between(&own->random, -0.55f, 0.55f) * radius;
            float along = synth_jitter(&own->random, 1.2f);
            draw_spot(own, x + along * dx - across * dy, y + along * dy + across * dx, 2.4f,
                      what->plate * light);
        }
    }
}

#define DRAW_ROWS(rows, draw)                                                                      \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                     \
        if ((rows)[i].stain == shown)                                                              \
            draw(&own, &(rows)[i]);

void synth_stain(const synth_scene *scene, int channel, float *light)
{
    static const synth_dye dyes[] = {SYNTH_PROTEIN, SYNTH_DNA, SYNTH_REFERENCE, SYNTH_REFERENCE};
    uint32_t wanted = channel > 0 ? 1u << (BACKGROUND + channel) : scene->labels | 1u << BACKGROUND;
    for (stain which = 0; which <= YELLOW; which++) {
        if (!(wanted >> which & 1))
            continue;
        /* Two antibodies against tubulin show the very same filaments. */
        stain shown = which == MICROTUBULES ? RED : which;
        canvas own = {.scene = scene,
                      .light = light,
                      .dye = dyes[channel],
                      .random = synth_random(scene, SYNTH_STREAM_STAIN + (int)shown)};
        own.gain = synth_between(&own.random, 0.65f, 1.0f);
        DRAW_ROWS(all_threads, draw_threads)
        DRAW_ROWS(all_spots, draw_spots)
        DRAW_ROWS(fills, draw_fill)
        DRAW_ROWS(mitoses, draw_mitosis)
    }
}
