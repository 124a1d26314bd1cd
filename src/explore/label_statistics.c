/* Label counts and correlations. */
#include "explore.h"

#include <math.h>
#include <string.h>

static void count_pairs(uint32_t mask, size_t together[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT])
{
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            together[a][b] += mask >> a & mask >> b & 1;
}

/* All numbers are integers below 2^53, so that a constant column is detected exactly. */
static double correlate(double n, double both, double of_a, double of_b)
{
    double spread = of_a * (n - of_a) * (of_b * (n - of_b));
    return spread > 0 ? (n * both - of_a * of_b) / sqrt(spread) : NAN;
}

void hpac_label_statistics_compute(const hpac_labels *labels, hpac_label_statistics *statistics)
{
    size_t multi[HPAC_CLASS_COUNT][HPAC_CLASS_COUNT] = {0};
    *statistics = (hpac_label_statistics){.images = labels->count};
    for (size_t row = 0; row < labels->count; row++) {
        uint32_t mask = labels->masks[row];
        int count = __builtin_popcount(mask);
        statistics->labels += (size_t)count;
        statistics->images_by_labels[count]++;
        statistics->multi_images += count > 1;
        count_pairs(mask, statistics->together);
        if (count > 1)
            count_pairs(mask, multi);
    }
    for (int a = 0; a < HPAC_CLASS_COUNT; a++)
        for (int b = 0; b < HPAC_CLASS_COUNT; b++)
            statistics->correlation[a][b] =
                correlate((double)statistics->multi_images, (double)multi[a][b],
                          (double)multi[a][a], (double)multi[b][b]);
    for (int c = 0; c < HPAC_CLASS_COUNT; c++)
        statistics->uncorrelated += isnan(statistics->correlation[c][c]) != 0;
}
