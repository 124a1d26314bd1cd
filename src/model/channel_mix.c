#include "channel_mix.h"

/* Indices into hpac_channel_names. */
enum { GREEN, BLUE, RED, YELLOW };

/* Where a channel is in a list; `count`: nowhere. */
static size_t find_channel(const int *channels, size_t count, int channel)
{
    size_t i = 0;
    while (i < count && channels[i] != channel)
        i++;
    return i;
}

/* The kernel of one channel, before they are scaled. */
static void take_color(const int *from, size_t count, int channel, double *shares)
{
    size_t own = find_channel(from, count, channel);
    size_t red = find_channel(from, count, RED), green = find_channel(from, count, GREEN);
    if (own < count) {
        shares[own] = 1;
    } else if (channel == YELLOW && red < count && green < count) {
        shares[red] = shares[green] = 0.5;
    } else {
        for (size_t i = 0; i < count; i++)
            shares[i] = 1 / (double)count;
    }
}

static void scale_shares(hpac_channel_mix *mix, size_t from)
{
    double sum = 0;
    for (size_t to = 0; to < mix->to_count; to++)
        sum += mix->shares[to][from];
    for (size_t to = 0; to < mix->to_count; to++) {
        double *share = &mix->shares[to][from];
        *share = sum > 0 ? *share / sum : 1 / (double)mix->to_count;
    }
}

hpac_channel_mix hpac_channel_mix_make(const int *from, size_t from_count, const int *to,
                                       size_t to_count)
{
    hpac_channel_mix mix = {.from_count = from_count, .to_count = to_count};
    for (size_t i = 0; i < to_count; i++)
        take_color(from, from_count, to[i], mix.shares[i]);
    for (size_t i = 0; i < from_count; i++)
        scale_shares(&mix, i);
    return mix;
}

bool hpac_channel_mix_is_identity(const hpac_channel_mix *mix)
{
    bool same = mix->from_count == mix->to_count;
    for (size_t i = 0; same && i < mix->to_count; i++)
        same = mix->shares[i][i] == 1;
    return same;
}

bool hpac_channel_mix_is_order(const hpac_channel_mix *mix)
{
    size_t ones = 0;
    for (size_t to = 0; to < mix->to_count; to++)
        for (size_t from = 0; from < mix->from_count; from++)
            ones += mix->shares[to][from] == 1;
    return mix->from_count == mix->to_count && ones == mix->to_count;
}
