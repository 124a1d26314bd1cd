/* Shared by the sources of the exploration. */
#ifndef HPAC_EXPLORE_EXPLORE_INTERNAL_H
#define HPAC_EXPLORE_EXPLORE_INTERNAL_H

#include "explore.h"

#include "image/image.h"
#include "render/colormap.h"
#include "render/plot.h"

/* In pixels: a cell of a panel, of before.png and after.png, the gap between two cells. */
#define PANEL_CELL 200
#define PANEL_LARGE_CELL 284
#define PANEL_GAP 8

#define PANEL_CHANNELS 4

/* ---- panel.c: one image as a row of cells, one per channel, in that channel's colours ---- */

/* A column: the index in hpac_channel_names, and what is stained. */
typedef struct panel_column {
    int channel;
    const char *stained; /* "protein" */
} panel_column;

/* The columns of the chosen channels in their order; the first ones of green, blue, red, yellow in
 * that of the reference notebooks: green, red, blue, yellow. */
void panel_columns(const hpac_explore_options *options, panel_column columns[PANEL_CHANNELS]);

/* The channels of one image, one plane per column. */
typedef struct panel_planes {
    int count;
    panel_column columns[PANEL_CHANNELS];
    hpac_image planes[PANEL_CHANNELS];
    uint8_t low[PANEL_CHANNELS], high[PANEL_CHANNELS]; /* shown as lightest and darkest */
} panel_planes;

void panel_planes_fini(panel_planes *image);

/* Reads the chosen channels of an image; low and high become their min and max, as in matplotlib's
 * imshow. On error nothing is left. Errors: DATA. */
hpac_status panel_planes_read(hpac_png_decoder *decoder, const hpac_explore_options *options,
                              const char *id, panel_planes *image);

/* The same image as the network sees it, (rows, cols), with the low and high of the original, so
 * that the pictures show what preprocessing changes, not their scaling. On error nothing is left.
 */
hpac_status panel_planes_prepare(const panel_planes *image, int rows, int cols,
                                 panel_planes *prepared);

/* Writes a PNG with one cell per column, each of cell x cell pixels, PANEL_GAP apart, white where
 * the image is not square: larger images are shrunk, of smaller ones each pixel is repeated. */
hpac_status panel_write(const char *path, const panel_planes *image, int cell);

/* ---- panels.c: which images are shown ---- */

typedef struct panel_rows {
    size_t *rows; /* (count) of the labels; owned */
    size_t count;
    size_t matching; /* with all chosen classes */
    size_t left_out; /* of those checked, because files are missing; 0 without skip_missing */
} panel_rows;

/* Chooses them and checks their files. On error nothing is left. Errors: DATA, listing all bad
 * files of the images to be shown. */
hpac_status panel_rows_choose(const hpac_explore_options *options, panel_rows *chosen);

/* Draws image_<n>.png of each into `folder`, n from 1, and before.png and after.png of the first.
 * With skip_missing, images that turn out to be corrupt leave `chosen`. */
hpac_status panels_draw(const hpac_explore_options *options, const char *folder,
                        panel_rows *chosen);

/* ---- explore.c ---- */

/* One row per plot: plots/<table>.png, drawn of <table>.csv. */
typedef struct explore_picture {
    const char *table;            /* the table's name, or how it begins: "company_" */
    const char *script;           /* tools/plots/<script>.gp */
    const char *axis, *axis_text; /* a variable of it */
    const char *caption;
} explore_picture;

/* The plot of a table, which may be NULL; NULL when it has none or nothing in it. */
const explore_picture *explore_picture_find(const hpac_exploration *found, const hpac_table *table);

/* The mask of the chosen classes. */
uint32_t explore_wanted(const hpac_explore_options *options);

/* "plots/class_counts.png" and the like, in options->folder; malloc'ed. */
char *explore_path(const hpac_explore_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- explore_page.c ---- */

/* Writes explore.html from the files in the directory. chosen: NULL without images. */
hpac_status explore_page_write(const hpac_explore_options *options, const hpac_exploration *found,
                               const panel_rows *chosen);

#endif
