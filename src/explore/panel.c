/* One image as a row of cells, one per channel, in that channel's colours. */
#include "explore_internal.h"

#include "base/file.h"
#include "data/dataset.h"
#include "image/resize.h"

#include <stdlib.h>
#include <string.h>

/* By channel, in the order of hpac_channel_names: green, blue, red, yellow. */
static const hpac_colormap colormaps[PANEL_CHANNELS] = {HPAC_GREENS, HPAC_BLUES, HPAC_REDS,
                                                        HPAC_ORANGES};

void panel_columns(const hpac_explore_options *options, panel_column columns[PANEL_CHANNELS])
{
    static const char *const stained[PANEL_CHANNELS] = {"protein", "nucleus", "microtubules",
                                                        "endoplasmic reticulum"};
    bool first = options->channels > 2; /* two have the same order either way */
    for (int i = 0; i < options->channels; i++)
        first = first && options->channel_order[i] == i;
    for (int i = 0; i < options->channels; i++) {
        int channel = options->channel_order[first && (i == 1 || i == 2) ? 3 - i : i];
        columns[i] = (panel_column){channel, stained[channel]};
    }
}

void panel_planes_fini(panel_planes *image)
{
    for (int i = 0; i < PANEL_CHANNELS; i++)
        hpac_image_fini(&image->planes[i]);
}

static void find_limits(panel_planes *image, int column)
{
    const hpac_image *plane = &image->planes[column];
    uint8_t low = UINT8_MAX, high = 0;
    for (size_t i = 0; i < plane->rows * plane->cols; i++) {
        low = plane->pixels[i] < low ? plane->pixels[i] : low;
        high = plane->pixels[i] > high ? plane->pixels[i] : high;
    }
    image->low[column] = low;
    image->high[column] = high;
}

static hpac_status read_plane(hpac_png_decoder *decoder, const hpac_explore_options *options,
                              const char *id, int column, panel_planes *image)
{
    char *path = hpac_path_join(options->images, "%s_%s.png", id,
                                hpac_channel_names[image->columns[column].channel]);
    image->planes[column].stain = hpac_channel_stains[image->columns[column].channel];
    hpac_status status = path ? hpac_png_read(decoder, path, &image->planes[column])
                              : hpac_fail_memory(strlen(options->images));
    free(path);
    HPAC_TRY(status);
    find_limits(image, column);
    return HPAC_OK;
}

hpac_status panel_planes_read(hpac_png_decoder *decoder, const hpac_explore_options *options,
                              const char *id, panel_planes *image)
{
    *image = (panel_planes){.count = options->channels};
    panel_columns(options, image->columns);
    hpac_status status = HPAC_OK;
    for (int i = 0; i < image->count && status == HPAC_OK; i++)
        status = read_plane(decoder, options, id, i, image);
    if (status != HPAC_OK)
        panel_planes_fini(image);
    return status;
}

/* out: (rows, cols), allocated here; to be freed on errors, too. */
static hpac_status resize_plane(const hpac_image *in, size_t rows, size_t cols, hpac_image *out)
{
    size_t nbytes = rows * cols;
    *out = (hpac_image){.rows = rows, .cols = cols, .capacity_nbytes = nbytes};
    out->pixels = malloc(nbytes);
    if (!out->pixels)
        return hpac_fail_memory(nbytes);
    hpac_resizer *resizer;
    HPAC_TRY(hpac_resizer_create(in->rows, in->cols, rows, cols, &resizer));
    hpac_resize_u8(resizer, in->pixels, out->pixels, 1);
    hpac_resizer_destroy(resizer);
    return HPAC_OK;
}

hpac_status panel_planes_prepare(const panel_planes *image, int rows, int cols,
                                 panel_planes *prepared)
{
    *prepared = *image;
    memset(prepared->planes, 0, sizeof prepared->planes);
    hpac_status status = HPAC_OK;
    for (int i = 0; i < image->count && status == HPAC_OK; i++)
        status = resize_plane(&image->planes[i], (size_t)rows, (size_t)cols, &prepared->planes[i]);
    if (status != HPAC_OK)
        panel_planes_fini(prepared);
    return status;
}

/* ---- drawing ---- */

typedef struct canvas {
    hpac_colour *pixels; /* (rows, cols) */
    size_t rows, cols;
} canvas;

/* The colours of the values 0..255: matplotlib's norm and lookup, the int of 256 (v - low) / (high
 * - low). A constant image is shown lightest. */
static void fill_colours(hpac_colormap colormap, uint8_t low, uint8_t high,
                         hpac_colour colours[256])
{
    hpac_colour map[256];
    hpac_colormap_fill(colormap, map);
    for (int value = 0; value < 256; value++) {
        int above = value > low ? value - low : 0;
        int index = high > low ? 256 * above / (high - low) : 0;
        colours[value] = map[index < 255 ? index : 255];
    }
}

/* One side of a picture that fits into a cell without losing its proportions; at least 1. */
static size_t fitted(size_t side, size_t longest, size_t cell)
{
    size_t size = (2 * side * cell + longest) / (2 * longest);
    return size > 0 ? size : 1;
}

/* Draws the plane into the cell at (0, left), repeating pixels to the size of the cell. */
static void draw_plane(canvas *picture, size_t left, size_t cell, const hpac_image *plane,
                       const hpac_colour colours[256])
{
    size_t longest = plane->rows > plane->cols ? plane->rows : plane->cols;
    size_t rows = fitted(plane->rows, longest, cell), cols = fitted(plane->cols, longest, cell);
    size_t top = (cell - rows) / 2;
    left += (cell - cols) / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            size_t row = r * plane->rows / rows, col = c * plane->cols / cols;
            size_t at = (top + r) * picture->cols + left + c;
            picture->pixels[at] = colours[plane->pixels[row * plane->cols + col]];
        }
}

static hpac_status draw_cell(canvas *picture, size_t left, size_t cell, const panel_planes *image,
                             int column)
{
    const hpac_image *plane = &image->planes[column];
    hpac_colour colours[256];
    fill_colours(colormaps[image->columns[column].channel], image->low[column], image->high[column],
                 colours);
    size_t longest = plane->rows > plane->cols ? plane->rows : plane->cols;
    if (longest <= cell) {
        draw_plane(picture, left, cell, plane, colours);
        return HPAC_OK;
    }
    hpac_image shrunk;
    hpac_status status = resize_plane(plane, fitted(plane->rows, longest, cell),
                                      fitted(plane->cols, longest, cell), &shrunk);
    if (status == HPAC_OK)
        draw_plane(picture, left, cell, &shrunk, colours);
    hpac_image_fini(&shrunk);
    return status;
}

hpac_status panel_write(const char *path, const panel_planes *image, int cell)
{
    size_t count = (size_t)image->count, side = (size_t)cell;
    canvas picture = {.rows = side, .cols = count * side + (count - 1) * PANEL_GAP};
    size_t nbytes = picture.rows * picture.cols * sizeof *picture.pixels;
    picture.pixels = malloc(nbytes);
    if (!picture.pixels)
        return hpac_fail_memory(nbytes);
    memset(picture.pixels, UINT8_MAX, nbytes);
    hpac_status status = HPAC_OK;
    for (int i = 0; i < image->count && status == HPAC_OK; i++)
        status = draw_cell(&picture, (size_t)i * (side + PANEL_GAP), side, image, i);
    if (status == HPAC_OK) /* a colour is three bytes, red, green, blue */
        status = hpac_png_write(path, &picture.pixels->red, picture.rows, picture.cols, 3);
    free(picture.pixels);
    return status;
}
