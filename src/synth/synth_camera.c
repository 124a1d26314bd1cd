/*
 * From light to bytes, as the competition's images are: each channel exposed so that its bright
 * parts are bright or not, shot noise, and a dark level that clips most of the background to 0.
 *
 * Shot noise is drawn from the gamma distribution whose mean is the light and whose variance is
 * gain x light (as photons multiplied by a detector), by the formula of Wilson and Hilferty:
 * light (1 - 1/(9k) + z / (3 sqrt k))^3 with k = light / gain and z standard normal.
 */
#include "synth_paint.h"

#include <math.h>
#include <stdlib.h>

#define QUANTILES 4096
#define LEVELS 2048     /* of light, four to a gray value */
#define BINS 2048       /* of the histogram that finds the bright parts */
#define BRIGHTEST 20.0f /* the histogram's end */
#define FAINTEST 0.7f   /* less light is not taken for a bright part */

/* What the channels look like in the competition's images: gray value of the bright parts (median,
 * spread of its logarithm, limits), variance of the noise by gray value (median and spread), as
 * measured in smooth regions, dark level in gray values. */
typedef struct film {
    float share; /* of the pixels that are darker than the bright parts */
    float bright, bright_spread, bright_least, bright_most;
    float gain, gain_spread;
    float dark_most;
    float fog; /* share of images whose dark level is far off */
} film;

static const film films[HPAC_SYNTH_CHANNELS] = {
    {0.9985f, 125.0f, 0.65f, 22.0f, 330.0f, 8.0f, 0.45f, 7.0f, 0.003f}, /* green */
    {0.995f, 185.0f, 0.30f, 50.0f, 300.0f, 2.6f, 0.25f, 3.0f, 0.0f},    /* blue */
    {0.995f, 185.0f, 0.40f, 50.0f, 340.0f, 5.0f, 0.35f, 5.0f, 0.01f},   /* red */
    {0.995f, 165.0f, 0.42f, 50.0f, 330.0f, 5.0f, 0.40f, 5.0f, 0.01f},   /* yellow */
};

/* z with Phi(z) = p for p >= 0.5, by Newton from below, where Phi is concave. */
static double normal_quantile(double p, double start)
{
    double z = start;
    for (int i = 0; i < 12; i++)
        z -= (0.5 * erfc(-z * 0.70710678118654752) - p) / (0.3989422804014327 * exp(-0.5 * z * z));
    return z;
}

hpac_status synth_camera_init(synth_camera *camera)
{
    *camera = (synth_camera){0};
    camera->quantiles = malloc(QUANTILES * sizeof *camera->quantiles);
    camera->noise = malloc(LEVELS * sizeof *camera->noise);
    if (!camera->quantiles || !camera->noise) {
        synth_camera_fini(camera);
        return hpac_fail_memory(QUANTILES * sizeof(float));
    }
    double z = 0.0;
    for (int i = QUANTILES / 2; i < QUANTILES; i++) {
        z = normal_quantile(((double)i + 0.5) / QUANTILES, z);
        camera->quantiles[i] = (float)z;
        camera->quantiles[QUANTILES - 1 - i] = (float)-z;
    }
    return HPAC_OK;
}

void synth_camera_fini(synth_camera *camera)
{
    free(camera->quantiles);
    free(camera->noise);
    *camera = (synth_camera){0};
}

/* The light that a share of the pixels stays below; every third pixel is asked. */
static float bright_light(const synth_canvas *light, float share)
{
    size_t asked = (size_t)light->size * (size_t)light->size / 3, counts[BINS] = {0}, seen = 0;
    for (size_t i = 0; i < asked; i++) {
        int bin = (int)(light->values[3 * i] * (BINS / BRIGHTEST));
        bin = bin > 0 ? bin : 0; /* noise may have taken a little more light than there was */
        counts[bin < BINS ? bin : BINS - 1]++;
    }
    int bin = BINS - 1;
    for (size_t above = (size_t)((1.0f - share) * (float)asked); bin > 0; bin--)
        if ((seen += counts[bin]) > above)
            break;
    float bright = ((float)bin + 1.0f) * (BRIGHTEST / BINS);
    return bright > FAINTEST ? bright : FAINTEST;
}

static void fill_noise(synth_camera *camera, float gain)
{
    for (int level = 0; level < LEVELS; level++) {
        float k = ((float)level + 0.5f) / (4.0f * gain);
        camera->noise[level].shape = 1.0f - 1.0f / (9.0f * k);
        camera->noise[level].width = 1.0f / (3.0f * sqrtf(k));
    }
}

/* Clamps whole numbers, not floats: compilers do that without branches, which matters here. */
static inline uint8_t expose_pixel(const synth_camera *camera, float mean, float dark,
                                   uint32_t draw)
{
    int level = (int)(4.0f * mean);
    level = level > 0 ? level : 0;
    level = level < LEVELS ? level : LEVELS - 1;
    float t = camera->noise[level].shape + camera->noise[level].width * camera->quantiles[draw];
    int gray = (int)(mean * t * t * t - dark + 0.5f);
    gray = gray > 0 ? gray : 0;
    return (uint8_t)(gray < 255 ? gray : 255);
}

/* Where there is no light, nearly all pixels are 0, and it is enough to draw how many of them there
 * are before the next that is not. */
typedef struct darkness {
    int bright; /* draws of QUANTILES that are not 0; all of them the last ones */
    float rate; /* 1 / log of the share that is 0; 0: draw every pixel */
    int left;   /* pixels of 0 before the next draw */
} darkness;

static darkness open_darkness(const synth_camera *camera, float haze, float dark)
{
    darkness made = {0};
    while (made.bright < QUANTILES &&
           expose_pixel(camera, haze, dark, (uint32_t)(QUANTILES - 1 - made.bright)) > 0)
        made.bright++;
    if (made.bright < QUANTILES / 4)
        made.rate = 1.0f / logf(1.0f - ((float)made.bright + 0.5f) / QUANTILES);
    return made;
}

/* How many pixels of 0 follow: geometrically distributed. */
static int dark_run(const darkness *made, hpac_random *random)
{
    float run = logf(1.0f - hpac_random_uniform(random)) * made->rate;
    return run < 1e6f ? (int)run : 1000000;
}

void synth_camera_expose(synth_camera *camera, const synth_canvas *light, int channel,
                         hpac_random *random, uint8_t *pixels)
{
    const film *roll = &films[channel];
    float bright = roll->bright * synth_spread(random, roll->bright_spread);
    bright = bright < roll->bright_least ? roll->bright_least : bright;
    bright = bright > roll->bright_most ? roll->bright_most : bright;
    fill_noise(camera, roll->gain * synth_spread(random, roll->gain_spread));
    float dark = synth_between(random, 0.0f, roll->dark_most);
    float haze = synth_between(random, 0.0f, 0.4f);
    if (hpac_random_uniform(random) < roll->fog) /* now and then the dark level is off */
        haze += synth_between(random, 10.0f, 60.0f);
    float exposure = (bright + dark) / bright_light(light, roll->share);
    darkness none = open_darkness(camera, haze, dark);
    size_t count = (size_t)light->size * (size_t)light->size;
    uint32_t word = 0, halves = 0;
    for (size_t p = 0; p < count; p++) {
        float here = light->values[p];
        if (here == 0.0f && none.rate != 0.0f) {
            pixels[p] = 0;
            if (none.left-- > 0)
                continue;
            none.left = dark_run(&none, random);
            if (none.bright > 0)
                pixels[p] =
                    expose_pixel(camera, haze, dark,
                                 QUANTILES - 1 - hpac_random_below(random, (uint32_t)none.bright));
        } else {
            word = halves++ % 2 ? word >> 16 : hpac_random_next(random); /* serves two pixels */
            pixels[p] = expose_pixel(camera, here * exposure + haze, dark, word % QUANTILES);
        }
    }
}
