/* Which images are shown, and drawing all of them. */
#include "explore_internal.h"

#include <hpac/log.h>

#include "base/file.h"
#include "data/dataset.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- choosing ---- */

static size_t row_limit(const hpac_explore_options *options)
{
    return options->pages > 0 ? (size_t)options->pages * (size_t)options->page_rows : SIZE_MAX;
}

/* All rows with the chosen classes; with none chosen, all rows. */
static void find_matching(const hpac_explore_options *options, panel_rows *chosen)
{
    uint32_t wanted = explore_wanted(options);
    for (size_t row = 0; row < options->labels->count; row++)
        if ((options->labels->masks[row] & wanted) == wanted)
            chosen->rows[chosen->matching++] = row;
    chosen->count = chosen->matching;
}

/* Keeps the rows whose files are present, until there are enough. */
static hpac_status keep_present(const hpac_explore_options *options, const hpac_dataset *dataset,
                                panel_rows *chosen)
{
    size_t kept = 0;
    for (size_t i = 0; i < chosen->matching && kept < row_limit(options); i++) {
        size_t row = chosen->rows[i];
        hpac_status status = hpac_dataset_check(dataset, &row, 1, 1);
        if (status != HPAC_OK && status != HPAC_ERR_DATA)
            return status;
        if (status == HPAC_OK)
            chosen->rows[kept++] = row;
        else
            chosen->left_out++;
    }
    chosen->count = kept;
    return HPAC_OK;
}

static hpac_status check_rows(const hpac_explore_options *options, panel_rows *chosen)
{
    const hpac_dataset_options wanted = {.images = options->images,
                                         .labels = options->labels,
                                         .channels = (size_t)options->channels,
                                         .channel_order = options->channel_order,
                                         .rows = (size_t)options->rows,
                                         .cols = (size_t)options->cols,
                                         .pixels = HPAC_PIXELS_UINT8};
    hpac_dataset *dataset;
    HPAC_TRY(hpac_dataset_create(&wanted, &dataset));
    hpac_status status = HPAC_OK;
    if (options->skip_missing) {
        status = keep_present(options, dataset, chosen);
    } else {
        if (chosen->count > row_limit(options))
            chosen->count = row_limit(options);
        if (chosen->count > 0) /* no rows would mean all rows */
            status = hpac_dataset_check(dataset, chosen->rows, chosen->count, 0);
    }
    hpac_dataset_destroy(dataset);
    return status;
}

hpac_status panel_rows_choose(const hpac_explore_options *options, panel_rows *chosen)
{
    *chosen = (panel_rows){0};
    chosen->rows = calloc(options->labels->count + 1, sizeof *chosen->rows);
    if (!chosen->rows)
        return hpac_fail_memory((options->labels->count + 1) * sizeof *chosen->rows);
    find_matching(options, chosen);
    hpac_status status = check_rows(options, chosen);
    if (status != HPAC_OK) {
        free(chosen->rows);
        *chosen = (panel_rows){0};
    }
    return status;
}

/* ---- drawing ---- */

static hpac_status write_one(const char *folder, const char *name, const panel_planes *image,
                             int cell)
{
    char *path = hpac_path_join(folder, "%s", name);
    hpac_status status = path ? panel_write(path, image, cell) : hpac_fail_memory(strlen(folder));
    free(path);
    return status;
}

static hpac_status write_before_and_after(const hpac_explore_options *options, const char *folder,
                                          const panel_planes *image)
{
    panel_planes prepared;
    HPAC_TRY(write_one(folder, "before.png", image, PANEL_LARGE_CELL));
    HPAC_TRY(panel_planes_prepare(image, options->rows, options->cols, &prepared));
    hpac_status status = write_one(folder, "after.png", &prepared, PANEL_LARGE_CELL);
    panel_planes_fini(&prepared);
    return status;
}

/* number: of the picture, from 1. */
static hpac_status draw_row(const hpac_explore_options *options, const char *folder,
                            const panel_planes *image, size_t number)
{
    char name[64];
    snprintf(name, sizeof name, "image_%03zu.png", number);
    HPAC_TRY(write_one(folder, name, image, PANEL_CELL));
    return number == 1 ? write_before_and_after(options, folder, image) : HPAC_OK;
}

hpac_status panels_draw(const hpac_explore_options *options, const char *folder, panel_rows *chosen)
{
    hpac_png_decoder *decoder = NULL;
    hpac_status status = hpac_png_decoder_create(&decoder);
    size_t drawn = 0;
    for (size_t i = 0; i < chosen->count && status == HPAC_OK; i++) {
        panel_planes image;
        const char *id = options->labels->ids[chosen->rows[i]];
        status = panel_planes_read(decoder, options, id, &image);
        if (status == HPAC_OK) {
            status = draw_row(options, folder, &image, drawn + 1);
            panel_planes_fini(&image);
            chosen->rows[drawn++] = chosen->rows[i];
        } else if (status == HPAC_ERR_DATA && options->skip_missing) {
            hpac_log_warning("left out: %s", hpac_error_message());
            chosen->left_out++;
            status = HPAC_OK;
        }
        if (status == HPAC_OK && options->progress)
            options->progress(options->user, i + 1, chosen->count);
    }
    chosen->count = drawn;
    hpac_png_decoder_destroy(decoder);
    return status;
}
