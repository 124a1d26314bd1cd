/*
 * Columns: the input of some output rows of one image, a tile, unrolled. For every output pixel
 * there are the `depth` = channels x kernel rows x kernel cols numbers it is made of, 0 for the
 * padding. NHWC has a pixel a row, (pixels, depth), depth as (R, S, C); NCHW has (depth, pixels),
 * depth as (C, R, S). A tile stays in the cache.
 */
#ifndef CUDASIM_COLUMNS_H
#define CUDASIM_COLUMNS_H

#include "convolution.h"

typedef struct cudasim_tile {
    int first_row, row_count; /* of the output */
    size_t first_pixel, pixels;
    float *columns;
} cudasim_tile;

size_t cudasim_columns_depth(const cudasim_convolution *conv);
/* Output rows of a tile; other numbers for other orders. */
int cudasim_tile_rows(const cudasim_convolution *conv);
/* Memory for the columns of one tile; the caller frees. */
float *cudasim_columns_create(const cudasim_convolution *conv);
/* Makes it the tile that begins at an output row; its columns stay where they are. */
void cudasim_tile_set(const cudasim_convolution *conv, cudasim_tile *tile, int first_row, int rows);
/* Fills the columns from an image, or adds them to one. */
void cudasim_columns_read(const cudasim_convolution *conv, const float *image,
                          const cudasim_tile *tile);
void cudasim_columns_add(const cudasim_convolution *conv, float *image, const cudasim_tile *tile);

#endif
