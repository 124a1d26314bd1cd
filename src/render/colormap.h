/*
 * Colours for gray values, as in matplotlib's maps of the same names.
 *
 *     hpac_colour colours[256];
 *     hpac_colormap_fill(HPAC_GREENS, colours);
 *     rgb = colours[pixel];
 *
 * Each is light at 0 and dark at 255: nine colours of ColorBrewer's sequential schemes,
 * interpolated linearly at 256 positions, truncated to integers.
 */
#ifndef HPAC_RENDER_COLORMAP_H
#define HPAC_RENDER_COLORMAP_H

#include <stdint.h>

typedef enum hpac_colormap {
    HPAC_GREENS,
    HPAC_REDS,
    HPAC_BLUES,
    HPAC_ORANGES,
} hpac_colormap;

typedef struct hpac_colour {
    uint8_t red, green, blue;
} hpac_colour;

/* The colours of the values 0..255, from the map's first to its last. */
void hpac_colormap_fill(hpac_colormap colormap, hpac_colour colours[256]);

#endif
