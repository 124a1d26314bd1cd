/*
 * Kernels of a first convolution of some channels as those of others.
 *
 *     hpac_channel_mix mix = hpac_channel_mix_make(rgb, 3, channel_order, 4);
 *     kernel of channel 2 = sum over i of mix.shares[2][i] * kernel i of the file
 *
 * A channel gets the kernel of its color; yellow, if the file does not have it, the mean of red's
 * and green's; another color that the file does not have, the mean of all. Then each kernel of the
 * file is scaled, so that its shares add up to 1; one that has none gets equal ones. The kernels of
 * a filter have therefore the sum that they had: a gray image, all of whose channels are equal, has
 * the response that it had, whatever the kernels are. (One factor for a filter, sum / sum, would be
 * infinite where the kernels add up to 0.)
 *
 * Of a file's red R, green G and blue B:
 *
 *     red 2/3 R, green 2/3 G, blue B, yellow 1/3 R + 1/3 G
 *     green G + 1/2 R, blue B + 1/2 R
 *     green R + G + B
 */
#ifndef HPAC_MODEL_CHANNEL_MIX_H
#define HPAC_MODEL_CHANNEL_MIX_H

#include <hpac/labels.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct hpac_channel_mix {
    size_t from_count, to_count;
    double shares[HPAC_MAX_CHANNELS][HPAC_MAX_CHANNELS]; /* [to][from], in [0, 1] */
} hpac_channel_mix;

/* Channels are different indices into hpac_channel_names, at least one and at most
 * HPAC_MAX_CHANNELS of them. */
hpac_channel_mix hpac_channel_mix_make(const int *from, size_t from_count, const int *to,
                                       size_t to_count);

/* Whether all kernels stay where and as they are. */
bool hpac_channel_mix_is_identity(const hpac_channel_mix *mix);
/* Whether they stay as they are, in whatever order. */
bool hpac_channel_mix_is_order(const hpac_channel_mix *mix);

#endif
