/*
 * Gray images and the PNG files they come from.
 *
 * Any valid PNG becomes 8-bit gray: 16 bits are scaled down as libpng's png_set_scale_16 does,
 * palettes expanded, colour turned to gray with the weights of ITU-R BT.601 (0.299, 0.587, 0.114),
 * alpha dropped. 8-bit gray files that are not interlaced (all of the competition's) take a fast
 * path through libdeflate; every other file goes through libpng, whose result the fast path must
 * equal.
 */
#ifndef HPAC_IMAGE_IMAGE_H
#define HPAC_IMAGE_IMAGE_H

#include <hpac/status.h>

#include <stdint.h>

/* Larger pictures (a "PNG bomb") are refused before anything is allocated. The longest side is
 * libpng's own default. */
#define HPAC_IMAGE_MAX_PIXELS ((size_t)1 << 28)
#define HPAC_IMAGE_MAX_SIDE 1000000

typedef struct hpac_image {
    int rows, cols;
    uint8_t *pixels; /* (rows, cols) owned; room for capacity_nbytes */
    size_t capacity_nbytes;
} hpac_image;

/* Frees the pixels and zeroes the struct. */
void hpac_image_fini(hpac_image *image);

/* What decoding needs between files: buffers that grow and are used again, libdeflate's tables. Not
 * safe to use by several threads at once. */
typedef struct hpac_png_decoder hpac_png_decoder;
/* Errors: INTERNAL (memory). */
hpac_status hpac_png_decoder_create(hpac_png_decoder **decoder);
void hpac_png_decoder_destroy(hpac_png_decoder *decoder); /* NULL is fine */

/* Reads a file into `image`, growing its buffer when needed. On error the pixels are undefined and
 * the image must not be used. Errors: DATA, naming the file and what is wrong with it. */
hpac_status hpac_png_read(hpac_png_decoder *decoder, const char *path, hpac_image *image);

/* The same from memory; `name` stands in messages. */
hpac_status hpac_png_decode(hpac_png_decoder *decoder, const char *name, const uint8_t *bytes,
                            size_t nbytes, hpac_image *image);

/* Looks at the first bytes alone: is it there, is it a PNG, how large is its picture? Errors as
 * above. */
hpac_status hpac_png_probe(const char *path, int *rows, int *cols);

/* Writes an 8-bit gray PNG, atomically. Errors: those of file.h. */
hpac_status hpac_png_write(const char *path, const uint8_t *pixels, int rows, int cols);
/* The same in colour, pixels: (rows, cols, 3), red, green, blue. */
hpac_status hpac_png_write_rgb(const char *path, const uint8_t *pixels, int rows, int cols);

#endif
