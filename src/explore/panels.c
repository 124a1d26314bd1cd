/* Images as rows of cells, one per channel, in that channel's colors: which are shown, and drawing
 * them. */
#include "explore_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/preparer.h"
#include "image/image.h"
#include "image/resize.h"

#include <string.h>

/* In pixels: a cell of a panel, of before.png and after.png, the gap between two cells. */
#define CELL 200
#define LARGE_CELL 284
#define GAP 8

/* By channel, in the order of hpac_channel_names: green, blue, red, yellow. */
static const panel_colormap colormaps[HPAC_MAX_CHANNELS] = {PANEL_GREENS, PANEL_BLUES, PANEL_REDS,
                                                            PANEL_ORANGES};
const char *const panel_stained[HPAC_MAX_CHANNELS] = {"protein", "nucleus", "microtubules",
                                                      "endoplasmic reticulum"};

void panel_columns(const hpac_explore_options *options, int channels[HPAC_MAX_CHANNELS])
{
    size_t count = options->channels;
    bool first = count > 2; /* two have the same order either way */
    for (size_t i = 0; i < count; i++)
        first = first && options->channel_order[i] == (int)i;
    for (size_t i = 0; i < count; i++)
        channels[i] = options->channel_order[first && (i == 1 || i == 2) ? 3 - i : i];
}

/* Keeps the first `limit` rows whose files are present. */
static hpac_status keep_present(const hpac_dataset *dataset, size_t limit, panel_rows *chosen)
{
    chosen->count = 0;
    for (size_t i = 0; i < chosen->matching && chosen->count < limit; i++) {
        size_t row = chosen->rows[i];
        hpac_status status = hpac_dataset_check(dataset, &row, 1, 1);
        if (status == HPAC_OK)
            chosen->rows[chosen->count++] = row;
        else if (status == HPAC_ERR_DATA)
            chosen->left_out++;
        else
            return status;
    }
    return HPAC_OK;
}

hpac_status panel_rows_choose(const hpac_explore_options *options, panel_rows *chosen)
{
    const hpac_labels *labels = options->labels;
    HPAC_TRY_NEW(chosen->rows, labels->count + 1);
    uint32_t wanted = explore_wanted(options);
    for (size_t row = 0; row < labels->count; row++)
        if ((labels->masks[row] & wanted) == wanted)
            chosen->rows[chosen->matching++] = row;

    size_t limit = options->pages > 0 ? options->pages * options->page_rows : SIZE_MAX;
    chosen->count = chosen->matching < limit ? chosen->matching : limit;
    if (chosen->count == 0)
        return HPAC_OK; /* no rows would be all rows for hpac_dataset_check */
    const hpac_dataset_options files = {.images = options->images,
                                        .labels = labels,
                                        .channels = options->channels,
                                        .channel_order = options->channel_order,
                                        .rows = options->rows,
                                        .cols = options->cols,
                                        .pixels = HPAC_PIXELS_UINT8};
    hpac_dataset *dataset;
    HPAC_TRY(hpac_dataset_create(&files, &dataset));
    hpac_status status = options->skip_missing
                             ? keep_present(dataset, limit, chosen)
                             : hpac_dataset_check(dataset, chosen->rows, chosen->count, 0);
    hpac_dataset_destroy(dataset);
    return status;
}

/* The channels of one image, one plane per column. */
typedef struct panel_planes {
    size_t count;
    int channels[HPAC_MAX_CHANNELS];
    hpac_image planes[HPAC_MAX_CHANNELS];
    uint8_t low[HPAC_MAX_CHANNELS], high[HPAC_MAX_CHANNELS]; /* shown as lightest and darkest */
} panel_planes;

static void planes_fini(panel_planes *image)
{
    for (size_t i = 0; i < HPAC_MAX_CHANNELS; i++)
        hpac_image_fini(&image->planes[i]);
}

/* Reads the chosen channels of an image; low and high become their min and max, as in matplotlib's
 * imshow. `image` is zeroed before. */
static hpac_status read_planes(hpac_png_decoder *decoder, const hpac_explore_options *options,
                               const char *id, panel_planes *image)
{
    image->count = options->channels;
    panel_columns(options, image->channels);
    for (size_t i = 0; i < image->count; i++) {
        int channel = image->channels[i];
        hpac_image *plane = &image->planes[i];
        HPAC_AUTO_FREE char *path =
            hpac_path_join(options->images, "%s_%s.png", id, hpac_channel_names[channel]);
        HPAC_TRY_MEMORY(path, strlen(options->images));
        plane->stain = hpac_channel_stains[channel];
        HPAC_TRY(hpac_png_read(decoder, path, plane));
        uint8_t low = UINT8_MAX, high = 0;
        for (size_t k = 0; k < plane->rows * plane->cols; k++) {
            low = plane->pixels[k] < low ? plane->pixels[k] : low;
            high = plane->pixels[k] > high ? plane->pixels[k] : high;
        }
        image->low[i] = low;
        image->high[i] = high;
    }
    return HPAC_OK;
}

/* out: (rows, cols), allocated here; to be freed on errors, too. */
static hpac_status resize_plane(const hpac_image *in, size_t rows, size_t cols, hpac_image *out)
{
    *out = (hpac_image){.rows = rows, .cols = cols, .capacity_nbytes = rows * cols};
    HPAC_TRY_NEW(out->pixels, rows * cols);
    hpac_resizer *resizer;
    HPAC_TRY(hpac_resizer_create(in->rows, in->cols, rows, cols, &resizer));
    hpac_resize_u8(resizer, in->pixels, out->pixels, 1);
    hpac_resizer_destroy(resizer);
    return HPAC_OK;
}

#define ANCHORS 9

/* ColorBrewer's schemes of nine colors, 0xRRGGBB. */
static const uint32_t anchors[][ANCHORS] = {
    [PANEL_GREENS] = {0xF7FCF5, 0xE5F5E0, 0xC7E9C0, 0xA1D99B, 0x74C476, 0x41AB5D, 0x238B45,
                      0x006D2C, 0x00441B},
    [PANEL_REDS] = {0xFFF5F0, 0xFEE0D2, 0xFCBBA1, 0xFC9272, 0xFB6A4A, 0xEF3B2C, 0xCB181D, 0xA50F15,
                    0x67000D},
    [PANEL_BLUES] = {0xF7FBFF, 0xDEEBF7, 0xC6DBEF, 0x9ECAE1, 0x6BAED6, 0x4292C6, 0x2171B5, 0x08519C,
                     0x08306B},
    [PANEL_ORANGES] = {0xFFF5EB, 0xFEE6CE, 0xFDD0A2, 0xFDAE6B, 0xFD8D3C, 0xF16913, 0xD94801,
                       0xA63603, 0x7F2704},
};

/* Between two anchors at position / 255 of the way from one to the next; shift picks the byte. */
static uint8_t mix(uint32_t from, uint32_t to, int shift, int position)
{
    int a = (int)(from >> shift & 0xFF), b = (int)(to >> shift & 0xFF);
    return (uint8_t)((a * (255 - position) + b * position) / 255);
}

void panel_colormap_fill(panel_colormap colormap, panel_color colors[256])
{
    for (int i = 0; i < 256; i++) {
        int way = i * (ANCHORS - 1); /* in 255ths of the distance of two anchors */
        int from = way / 255, position = way % 255;
        int to = from + (position > 0);
        uint32_t a = anchors[colormap][from], b = anchors[colormap][to];
        colors[i] =
            (panel_color){mix(a, b, 16, position), mix(a, b, 8, position), mix(a, b, 0, position)};
    }
}

typedef struct canvas {
    panel_color *pixels; /* (rows, cols) */
    size_t rows, cols;
} canvas;

/* The colors of the values 0..255: matplotlib's norm and lookup, the int of 256 (v - low) / (high
 * - low). A constant image is shown lightest. */
static void fill_colors(panel_colormap colormap, uint8_t low, uint8_t high, panel_color colors[256])
{
    panel_color map[256];
    panel_colormap_fill(colormap, map);
    for (int value = 0; value < 256; value++) {
        int above = value > low ? value - low : 0;
        int index = high > low ? 256 * above / (high - low) : 0;
        colors[value] = map[index < 255 ? index : 255];
    }
}

/* One side of a picture that fits into a cell without losing its proportions; at least 1. */
static size_t fitted(size_t side, size_t longest, size_t cell)
{
    size_t size = longest > 0 ? (2 * side * cell + longest) / (2 * longest) : 0;
    return size > 0 ? size : 1;
}

/* Draws a plane in the middle of the cell at (0, left): a larger one is shrunk, of a smaller one
 * each pixel is repeated. */
static hpac_status draw_plane(canvas *picture, size_t left, size_t cell, const hpac_image *plane,
                              const panel_color colors[256])
{
    size_t longest = plane->rows > plane->cols ? plane->rows : plane->cols;
    size_t rows = fitted(plane->rows, longest, cell), cols = fitted(plane->cols, longest, cell);
    HPAC_AUTO(hpac_image_fini) hpac_image shrunk = {0};
    if (longest > cell) {
        HPAC_TRY(resize_plane(plane, rows, cols, &shrunk));
        plane = &shrunk;
    }
    panel_color *corner =
        picture->pixels + (cell - rows) / 2 * picture->cols + left + (cell - cols) / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++) {
            size_t row = r * plane->rows / rows, col = c * plane->cols / cols;
            corner[r * picture->cols + c] = colors[plane->pixels[row * plane->cols + col]];
        }
    return HPAC_OK;
}

/* Writes a PNG with one cell per column, each of cell x cell pixels, GAP apart, white where the
 * image is not square. */
static hpac_status write_panel(const char *directory, const char *name, const panel_planes *image,
                               size_t cell)
{
    canvas picture = {.rows = cell, .cols = image->count * (cell + GAP) - GAP};
    HPAC_AUTO_FREE char *path = hpac_path_join(directory, "%s", name);
    HPAC_AUTO_FREE panel_color *pixels = NULL;
    HPAC_TRY_NEW(pixels, picture.rows * picture.cols);
    HPAC_TRY_MEMORY(path, strlen(directory));
    picture.pixels = memset(pixels, UINT8_MAX, picture.rows * picture.cols * sizeof *pixels);
    for (size_t i = 0; i < image->count; i++) {
        panel_color colors[256];
        fill_colors(colormaps[image->channels[i]], image->low[i], image->high[i], colors);
        HPAC_TRY(draw_plane(&picture, i * (cell + GAP), cell, &image->planes[i], colors));
    }
    /* A color is three bytes, red, green, blue. */
    return hpac_png_write(path, &pixels->red, picture.rows, picture.cols, 3);
}

/* The image as stored and as the network sees it, (rows, cols), with the same low and high, so that
 * the pictures show what preprocessing changes, not their scaling. */
static hpac_status write_before_and_after(const hpac_explore_options *options,
                                          const char *directory, const panel_planes *image)
{
    HPAC_TRY(write_panel(directory, "before.png", image, LARGE_CELL));
    HPAC_AUTO(planes_fini) panel_planes prepared = *image;
    memset(prepared.planes, 0, sizeof prepared.planes);
    for (size_t i = 0; i < image->count; i++)
        HPAC_TRY(
            resize_plane(&image->planes[i], options->rows, options->cols, &prepared.planes[i]));
    return write_panel(directory, "after.png", &prepared, LARGE_CELL);
}

static void release_decoder(hpac_png_decoder **decoder)
{
    hpac_png_decoder_destroy(*decoder);
}

hpac_status panels_draw(const hpac_explore_options *options, const char *directory,
                        panel_rows *chosen)
{
    HPAC_AUTO(release_decoder) hpac_png_decoder *decoder = NULL;
    HPAC_TRY(hpac_png_decoder_create(&decoder));
    size_t drawn = 0;
    for (size_t i = 0; i < chosen->count; i++) {
        size_t row = chosen->rows[i];
        HPAC_AUTO(planes_fini) panel_planes image = {0};
        hpac_status status = read_planes(decoder, options, options->labels->ids[row], &image);
        if (status == HPAC_OK) {
            char name[64];
            chosen->rows[drawn++] = row;
            snprintf(name, sizeof name, "image_%03zu.png", drawn);
            HPAC_TRY(write_panel(directory, name, &image, CELL));
            if (drawn == 1)
                HPAC_TRY(write_before_and_after(options, directory, &image));
        } else if (status == HPAC_ERR_DATA && options->skip_missing) {
            hpac_log_warning("left out: %s", hpac_error_message());
            chosen->left_out++;
        } else {
            return status;
        }
        if (options->progress)
            options->progress(options->user, i + 1, chosen->count);
    }
    chosen->count = drawn;
    return HPAC_OK;
}
