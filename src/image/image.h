/*
 * Gray images and the PNG files they come from.
 *
 * Any valid PNG becomes 8-bit gray. Palettes are expanded, alpha is dropped. 16-bit samples are
 * scaled as libpng's png_set_scale_16 does; if an sBIT chunk declares n < 16 significant bits and
 * no sample is larger than that, by 255 / (2^n - 1). Color files:
 *   - one color only (red, yellow, gray, ... on black): the brightest of the three samples, which
 *     is the stain's intensity;
 *   - mixed colors: the samples of image->stain, the mean of red and green for yellow; without a
 *     stain the luma of ITU-R BT.601 (0.299, 0.587, 0.114).
 * What may surprise is noted in image->remarks. 8-bit gray files that are not interlaced (all of
 * the competition's) take a fast path through libdeflate; every other file goes through libpng,
 * whose result the fast path must equal.
 */
#ifndef HPAC_IMAGE_IMAGE_H
#define HPAC_IMAGE_IMAGE_H

#include <hpac/status.h>

#include <stdint.h>

/* Larger images (a "PNG bomb") are refused before anything is allocated. The longest side is
 * libpng's default. */
#define HPAC_IMAGE_MAX_PIXELS ((size_t)1 << 28)
#define HPAC_IMAGE_MAX_SIDE 1000000

typedef enum hpac_stain {
    HPAC_STAIN_NONE,
    HPAC_STAIN_RED,
    HPAC_STAIN_GREEN,
    HPAC_STAIN_BLUE,
    HPAC_STAIN_YELLOW,
} hpac_stain;

enum {
    HPAC_REMARK_MIXED_COLORS = 1 << 0, /* one color of several was taken, or luma */
    HPAC_REMARK_DIM = 1 << 1,          /* a 16-bit file whose samples all have fewer than 15 bits */
    HPAC_REMARK_SCALED = 1 << 2,       /* such a file, scaled by the bits that sBIT declares */
};

typedef struct hpac_image {
    size_t rows, cols;
    uint8_t *pixels; /* (rows, cols) owned; room for capacity_nbytes */
    size_t capacity_nbytes;
    hpac_stain stain;    /* set by the caller: what a file of mixed colors shows */
    unsigned remarks;    /* HPAC_REMARK_... about the file read last */
    unsigned max_sample; /* of a 16-bit file */
} hpac_image;

/* Frees the pixels and zeroes the struct. */
void hpac_image_fini(hpac_image *image);

/* Buffers and libdeflate's tables, reused from file to file. For one thread at a time. */
typedef struct hpac_png_decoder hpac_png_decoder;
/* Errors: INTERNAL (memory). */
hpac_status hpac_png_decoder_create(hpac_png_decoder **decoder);
void hpac_png_decoder_destroy(hpac_png_decoder *decoder); /* NULL is fine */

/* Reads a file into `image`, growing its buffer when needed. On error the pixels are undefined and
 * the image must not be used. Errors: DATA, naming the file and what is wrong with it. */
hpac_status hpac_png_read(hpac_png_decoder *decoder, const char *path, hpac_image *image);

/* The same from memory; messages call it `name`. */
hpac_status hpac_png_decode(hpac_png_decoder *decoder, const char *name, const uint8_t *bytes,
                            size_t nbytes, hpac_image *image);

/* Reads the header alone: whether the file exists and is a PNG, and its size. Errors as above, with
 * a size of 0 x 0. */
hpac_status hpac_png_probe(const char *path, size_t *rows, size_t *cols);

/* Writes an 8-bit PNG, atomically; pixels: (rows, cols, channels), 1 channel for gray, 3 for red,
 * green, blue. Errors: those of file.h. */
hpac_status hpac_png_write(const char *path, const uint8_t *pixels, size_t rows, size_t cols,
                           size_t channels);

#endif
