/* Shared by the sources of the exploration. */
#ifndef HPAC_EXPLORE_EXPLORE_INTERNAL_H
#define HPAC_EXPLORE_EXPLORE_INTERNAL_H

#include "explore.h"

/* ---- explore_tables.c ---- */

/* The mask of the chosen classes. */
uint32_t explore_wanted(const hpac_explore_options *options);
const hpac_table *explore_table(const hpac_exploration *found, const char *name);
/* Whether some exploration has a table of this name. */
bool explore_is_table_name(const char *name);

/* ---- panels.c: images as rows of cells, one per channel, in that channel's colors ---- */

/* What a channel shows, in the order of hpac_channel_names: "protein". */
extern const char *const panel_stained[HPAC_MAX_CHANNELS];

/* The chosen channels in their order; the first ones of green, blue, red, yellow in that of the
 * reference notebooks: green, red, blue, yellow. */
void panel_columns(const hpac_explore_options *options, int channels[HPAC_MAX_CHANNELS]);

typedef enum panel_colormap { PANEL_GREENS, PANEL_REDS, PANEL_BLUES, PANEL_ORANGES } panel_colormap;

typedef struct panel_color {
    uint8_t red, green, blue;
} panel_color;

/* The colors of the values 0..255 in matplotlib's maps of these names, from light to dark: nine
 * colors of ColorBrewer's sequential schemes, interpolated linearly, truncated to integers. */
void panel_colormap_fill(panel_colormap colormap, panel_color colors[256]);

typedef struct panel_rows {
    size_t *rows; /* (count) of the labels; owned */
    size_t count;
    size_t matching; /* with all chosen classes */
    size_t left_out; /* of those checked, because files are missing; 0 without skip_missing */
} panel_rows;

/* Chooses the images to be shown and checks their files; `chosen` is zeroed before. Errors: DATA,
 * listing all bad files of these images. */
hpac_status panel_rows_choose(const hpac_explore_options *options, panel_rows *chosen);

/* Draws image_<n>.png of each into `directory`, n from 1, and before.png and after.png of the
 * first. With skip_missing, images that turn out to be corrupt leave `chosen`. */
hpac_status panels_draw(const hpac_explore_options *options, const char *directory,
                        panel_rows *chosen);

#endif
