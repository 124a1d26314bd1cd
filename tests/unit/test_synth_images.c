/* Synthetic images: deterministic, at any size, and the protein where its class says. */
#include <hpac/labels.h>

#include "synth/synth.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALL_CLASSES ((1u << HPAC_CLASS_COUNT) - 1)

typedef struct picture {
    int size;
    uint8_t *planes[HPAC_SYNTH_CHANNELS]; /* green, blue, red, yellow */
} picture;

static picture render(int size, uint64_t seed, uint32_t number, uint32_t labels)
{
    picture made = {.size = size};
    size_t count = (size_t)size * (size_t)size;
    uint8_t *planes = malloc(HPAC_SYNTH_CHANNELS * count);
    cr_assert_eq(hpac_synth_render(size, seed, number, labels, planes), HPAC_OK, "%s",
                 hpac_error_message());
    for (size_t channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++)
        made.planes[channel] = planes + channel * count;
    return made;
}

static void discard(picture *made)
{
    free(made->planes[0]);
}

/* Whether two pictures are the same in a channel. */
static bool same(const picture *a, const picture *b, int channel)
{
    return memcmp(a->planes[channel], b->planes[channel], (size_t)a->size * (size_t)a->size) == 0;
}

Test(synth_images, pictures_are_a_function_of_seed_number_and_labels)
{
    picture first = render(128, 1, 7, ALL_CLASSES);
    picture other_number = render(128, 1, 8, ALL_CLASSES);
    picture other_seed = render(128, 2, 7, ALL_CLASSES);
    picture again = render(128, 1, 7, ALL_CLASSES);
    for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
        cr_assert(same(&first, &again, channel), "channel %d: not the same again", channel);
        cr_assert_not(same(&first, &other_number, channel), "channel %d: number", channel);
        cr_assert_not(same(&first, &other_seed, channel), "channel %d: seed", channel);
    }
    discard(&first);
    discard(&other_number);
    discard(&other_seed);
    discard(&again);
}

Test(synth_images, the_cells_do_not_depend_on_common_labels)
{
    picture nucleoplasm = render(128, 1, 3, 1u << 0);
    picture mitochondria = render(128, 1, 3, 1u << 23);
    cr_assert_not(same(&nucleoplasm, &mitochondria, 0));
    for (int channel = 1; channel < HPAC_SYNTH_CHANNELS; channel++)
        cr_assert(same(&nucleoplasm, &mitochondria, channel));
    discard(&nucleoplasm);
    discard(&mitochondria);
}

Test(synth_images, every_size_is_rendered)
{
    static const int sizes[] = {64, 65, 99, 257, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (uint32_t number = 0; number < 6; number++) {
            picture made = render(sizes[i], 4, number, ALL_CLASSES);
            for (int channel = 0; channel < HPAC_SYNTH_CHANNELS; channel++) {
                int bright = 0, dark = 0;
                for (int p = 0; p < sizes[i] * sizes[i]; p++) {
                    bright += made.planes[channel][p] > 30;
                    dark += made.planes[channel][p] < 30;
                }
                cr_assert(bright > 0 && dark > 0, "size %d number %d channel %d: empty", sizes[i],
                          (int)number, channel);
            }
            discard(&made);
        }
    }
}

/* Whether a pixel lies in a nucleus by the blue channel: the mean of its neighbors is bright. */
static bool in_nucleus(const picture *made, int x, int y)
{
    int sum = 0;
    for (int dy = -2; dy <= 2; dy++)
        for (int dx = -2; dx <= 2; dx++)
            sum += made->planes[1][(y + dy) * made->size + x + dx];
    return sum > 25 * 20;
}

/* The level of green that the brightest `wanted` pixels have. */
static int bright_level(const picture *made, int wanted)
{
    int counts[256] = {0}, level = 255, seen = 0;
    for (int p = 0; p < made->size * made->size; p++)
        counts[made->planes[0][p]]++;
    while (level > 1 && (seen += counts[level]) < wanted)
        level--;
    return level;
}

/* The share of the brightest `wanted` pixels of green that lie in nuclei. */
static double share_in_nuclei(const picture *made, int wanted)
{
    int level = bright_level(made, wanted), inside = 0, all = 0;
    for (int y = 2; y < made->size - 2; y++) {
        for (int x = 2; x < made->size - 2; x++) {
            if (made->planes[0][y * made->size + x] >= level) {
                all++;
                inside += in_nucleus(made, x, y);
            }
        }
    }
    return all > 0 ? (double)inside / all : 0.0;
}

/* Classes whose brightest light must lie in nuclei, and those whose must not. A membrane lies on
 * the border, a centrosome beside it, fibres of actin cross it: those are in neither list. */
Test(synth_images, proteins_are_where_their_class_says)
{
    static const int inside[] = {0, 2, 3, 4, 5};
    static const int outside[] = {6, 7, 8, 9, 10, 11, 13, 15, 16, 20, 21, 22, 23, 24, 25, 26, 27};
    double shares[HPAC_CLASS_COUNT] = {0};
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        for (uint32_t number = 0; number < 6; number++) {
            picture made = render(256, 9, number, 1u << c);
            shares[c] += share_in_nuclei(&made, 130) / 6.0;
            discard(&made);
        }
    }
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        cr_assert(shares[inside[i]] > 0.85, "%s: %.2f in nuclei", hpac_class_names[inside[i]],
                  shares[inside[i]]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        cr_assert(shares[outside[i]] < 0.25, "%s: %.2f in nuclei", hpac_class_names[outside[i]],
                  shares[outside[i]]);
}

/* Bridges and spindles need dividing cells, junctions cells that touch: no image is without its
 * protein. */
Test(synth_images, cells_of_the_class_are_in_every_image)
{
    static const int classes[] = {16, 17, 22};
    for (uint32_t number = 0; number < 12; number++) {
        picture none = render(256, 9, number, 0);
        for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
            picture made = render(256, 9, number, 1u << classes[i]);
            cr_assert(bright_level(&made, 100) > 1.2 * bright_level(&none, 100),
                      "%s, number %d: %d, without it %d", hpac_class_names[classes[i]], (int)number,
                      bright_level(&made, 100), bright_level(&none, 100));
            discard(&made);
        }
        discard(&none);
    }
}

/* Pearson's correlation of green and red. */
static double correlation_with_red(const picture *made)
{
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0, n = made->size * made->size;
    for (int p = 0; p < made->size * made->size; p++) {
        double green = made->planes[0][p], red = made->planes[2][p];
        x += green;
        y += red;
        xx += green * green;
        yy += red * red;
        xy += green * red;
    }
    return (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y));
}

Test(synth_images, microtubules_are_those_of_the_red_channel)
{
    for (int c = 0; c < HPAC_CLASS_COUNT; c++) {
        double correlation = 0;
        for (uint32_t number = 0; number < 6; number++) {
            picture made = render(256, 9, number, 1u << c);
            correlation += correlation_with_red(&made) / 6;
            discard(&made);
        }
        cr_assert_eq(correlation > 0.6, c == 14, "%s: %.2f", hpac_class_names[c], correlation);
    }
}

/* The reference notebooks' network sees 128 x 128: the most frequent classes must differ there.
 * Nucleoplasm fills nuclei, cytosol what is around them. */
Test(synth_images, nucleoplasm_and_cytosol_differ_at_128)
{
    double mean[2][2] = {{0}}; /* [class][in a nucleus] */
    for (int which = 0; which < 2; which++) {
        double sum[2] = {0}, count[2] = {0};
        for (uint32_t number = 0; number < 10; number++) {
            picture made = render(128, 21, number, which ? 1u << 25 : 1u << 0);
            for (int y = 2; y < 126; y++) {
                for (int x = 2; x < 126; x++) {
                    bool nucleus = in_nucleus(&made, x, y);
                    if (!nucleus && made.planes[3][y * 128 + x] < 20) /* no cell there */
                        continue;
                    sum[nucleus] += made.planes[0][y * 128 + x];
                    count[nucleus]++;
                }
            }
            discard(&made);
        }
        for (int nucleus = 0; nucleus < 2; nucleus++)
            mean[which][nucleus] = sum[nucleus] / count[nucleus];
    }
    cr_assert(mean[0][1] > 3.0 * mean[0][0], "nucleoplasm: %.1f in nuclei, %.1f around", mean[0][1],
              mean[0][0]);
    cr_assert(mean[1][0] > 1.3 * mean[1][1], "cytosol: %.1f in nuclei, %.1f around", mean[1][1],
              mean[1][0]);
}
