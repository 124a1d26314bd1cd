/*
 * A scratch directory of small pictures with labels, for the tests of the data set and the loader.
 *
 *     picture_directory pictures;
 *     picture_directory_create(&pictures, 23);
 *     ... hpac_dataset_create with .images = pictures.path, .labels = &pictures.labels ...
 *     picture_directory_remove(&pictures);
 *
 * Row r has the Id "id<r>" and, in four channels, pictures of PICTURE_ROWS x PICTURE_COLS bytes
 * picture_byte(r, channel, y, x), written by libpng itself. A data set of this size leaves the
 * bytes as they are.
 */
#ifndef PICTURE_DIRECTORY_H
#define PICTURE_DIRECTORY_H

#include "data/dataset.h"

enum { PICTURE_ROWS = 5, PICTURE_COLS = 4, PICTURE_PIXELS = PICTURE_ROWS * PICTURE_COLS };

typedef struct picture_directory {
    char path[4096];
    hpac_labels labels;
} picture_directory;

void picture_directory_create(picture_directory *pictures, size_t count);
void picture_directory_remove(picture_directory *pictures); /* missing files are fine */

/* The path of a picture, in a static buffer. */
const char *picture_path(const picture_directory *pictures, size_t row, int channel);

uint8_t picture_byte(size_t row, int channel, int y, int x);
/* The classes of a row, every class in some row. */
uint32_t picture_mask(size_t row);

/* Whether these bytes are the pictures of a row, interleaved. */
bool picture_matches(const uint8_t *pixels, size_t row, int channels);

/* An 8-bit gray PNG, by libpng. */
void write_png(const char *path, const uint8_t *pixels, int rows, int cols);
/* Writes `nbytes` bytes as they are. */
void write_bytes(const char *path, const void *bytes, size_t nbytes);
/* Leaves the first `nbytes` bytes of a file. */
void truncate_file(const char *path, size_t nbytes);

#endif
