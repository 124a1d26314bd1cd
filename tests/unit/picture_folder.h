/*
 * A scratch folder of small pictures with labels, for the tests of the data set and the loader.
 *
 *     picture_folder folder;
 *     picture_folder_create(&folder, 23);
 *     ... hpac_dataset_create with .images = folder.path, .labels = &folder.labels ...
 *     picture_folder_remove(&folder);
 *
 * Row r has the Id "id<r>" and, in four channels, pictures of PICTURE_ROWS x PICTURE_COLS bytes
 * picture_byte(r, channel, y, x), written by libpng itself. A data set of this size leaves the
 * bytes as they are.
 */
#ifndef PICTURE_FOLDER_H
#define PICTURE_FOLDER_H

#include "data/dataset.h"

enum { PICTURE_ROWS = 5, PICTURE_COLS = 4, PICTURE_PIXELS = PICTURE_ROWS * PICTURE_COLS };

typedef struct picture_folder {
    char path[4096];
    hpac_labels labels;
} picture_folder;

void picture_folder_create(picture_folder *folder, size_t count);
void picture_folder_remove(picture_folder *folder); /* missing files are fine */

/* The path of a picture, in a static buffer. */
const char *picture_path(const picture_folder *folder, size_t row, int channel);

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
