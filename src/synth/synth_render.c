/*
 * Rendering one image. From light to bytes, as the competition's images are: each channel exposed
 * so that its bright parts are bright or not, shot noise, and a dark level that clips most of the
 * background to 0.
 *
 * Shot noise follows the gamma distribution whose mean is the light and whose variance is gain x
 * light (photons multiplied by a detector), by the formula of Wilson and Hilferty:
 * light (1 - 1/(9k) + z / (3 sqrt k))^3 with k = light / gain and z standard normal.
 */
#include "synth_scene.h"

#include "base/memory.h"

#include <string.h>

#define BINS 2048       /* of the histogram that finds the bright parts */
#define MAX_LIGHT 20.0f /* its end */
#define MIN_BRIGHT 0.7f /* less light is not taken for a bright part */

/* The channels of the competition's images: gray value of the bright parts (median, spread of its
 * logarithm, limits), variance of the noise per gray value (median and spread), as measured in
 * smooth regions; dark level in gray values; share of images whose dark level is far off. */
static const struct {
    float share; /* of the pixels that are darker than the bright parts */
    float bright, bright_spread, bright_min, bright_max, gain, gain_spread, dark_max, fog;
} films[HPAC_SYNTH_CHANNELS] = {
    {0.9985f, 125.0f, 0.65f, 22.0f, 330.0f, 8.0f, 0.45f, 7.0f, 0.003f}, /* green */
    {0.995f, 185.0f, 0.30f, 50.0f, 300.0f, 2.6f, 0.25f, 3.0f, 0.0f},    /* blue */
    {0.995f, 185.0f, 0.40f, 50.0f, 340.0f, 5.0f, 0.35f, 5.0f, 0.01f},   /* red */
    {0.995f, 165.0f, 0.42f, 50.0f, 330.0f, 5.0f, 0.40f, 5.0f, 0.01f},   /* yellow */
};

/* The light that a share of the pixels stays below, by every third pixel. */
static float find_bright(const float *light, int size, float share)
{
    int count = size * size / 3, counts[BINS] = {0}, seen = 0, bin = BINS - 1;
    for (int i = 0; i < count; i++)
        counts[(int)synth_min(light[3 * i] * (BINS / MAX_LIGHT), BINS - 1)]++;
    for (int above = (int)((1.0f - share) * (float)count); bin > 0; bin--)
        if ((seen += counts[bin]) > above)
            break;
    return synth_max(((float)bin + 1.0f) * (MAX_LIGHT / BINS), MIN_BRIGHT);
}

/* About standard normal: the sum of four bytes. */
static float normal(uint32_t word)
{
    int sum =
        (int)(word & 255) + (int)(word >> 8 & 255) + (int)(word >> 16 & 255) + (int)(word >> 24);
    return (float)(sum - 510) * (1.0f / 147.8f); /* variance 4 (256^2 - 1) / 12 */
}

static SYNTH_VECTORS void expose(const float *light, int size, int channel, hpac_random *random,
                                 uint8_t *pixels)
{
    float bright = films[channel].bright * synth_spread(random, films[channel].bright_spread);
    bright = synth_min(synth_max(bright, films[channel].bright_min), films[channel].bright_max);
    float gain = films[channel].gain * synth_spread(random, films[channel].gain_spread);
    float dark = synth_between(random, 0.0f, films[channel].dark_max);
    float haze = synth_between(random, 0.05f, 0.4f);
    if (synth_chance(random, films[channel].fog))
        haze += synth_between(random, 10.0f, 60.0f);
    float exposure = (bright + dark) / find_bright(light, size, films[channel].share);
    for (int row = 0; row < size; row++, light += size, pixels += size) {
        uint32_t words[HPAC_SYNTH_MAX_SIZE];
        for (int col = 0; col < size; col++)
            words[col] = hpac_random_next(random);
        for (int col = 0; col < size; col++) { /* no calls: vectorized */
            float mean = light[col] * exposure + haze, k = mean / gain;
            float t = 1.0f - 1.0f / (9.0f * k) + normal(words[col]) / (3.0f * sqrtf(k));
            float gray = mean * t * t * t - dark + 0.5f; /* negative where t is */
            pixels[col] = (uint8_t)synth_min(synth_max(gray, 0.0f), 255.0f);
        }
    }
}

hpac_status hpac_synth_render(int size, uint64_t seed, uint32_t number, uint32_t labels,
                              uint8_t *planes)
{
    size_t count = (size_t)size * (size_t)size;
    HPAC_AUTO_FREE synth_pixel *pixels = NULL;
    HPAC_AUTO_FREE float *noise = NULL, *light = NULL;
    HPAC_TRY_MEMORY(pixels = malloc(count * sizeof *pixels), count * sizeof *pixels);
    HPAC_TRY_MEMORY(noise = malloc(SYNTH_GRAINS * count / 2 * sizeof *noise),
                    count * sizeof *noise);
    HPAC_TRY_MEMORY(light = malloc(count * sizeof *light), count * sizeof *light);
    synth_scene scene = {.size = size,
                         .scale = (float)size / SYNTH_SIDE,
                         .seed = seed,
                         .number = number,
                         .labels = labels,
                         .pixels = pixels};
    for (size_t grain = 0; grain < SYNTH_GRAINS; grain++)
        scene.noise[grain] = noise + grain * (count / 2);
    synth_scene_build(&scene);
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++, planes += count) {
        hpac_random random = synth_random(&scene, SYNTH_STREAM_CAMERA + channel);
        memset(light, 0, count * sizeof *light);
        synth_stain(&scene, channel, light);
        expose(light, size, channel, &random, planes);
    }
    return HPAC_OK;
}
