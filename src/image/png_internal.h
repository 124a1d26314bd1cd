/* Shared by png.c, png_unfilter.c and png_libpng.c. */
#ifndef HPAC_IMAGE_PNG_INTERNAL_H
#define HPAC_IMAGE_PNG_INTERNAL_H

#include "image.h"

#include <stdbool.h>

/* Signature (8), then IHDR: length (4), type (4), data (13), CRC (4). */
enum { PNG_HEAD_NBYTES = 8 + 4 + 4 + 13 + 4 };

typedef struct png_header {
    size_t rows, cols;
    int bit_depth, color_type; /* a pair the standard allows */
    bool interlaced;
} png_header;

/* A buffer that only grows. */
typedef struct png_buffer {
    uint8_t *bytes;
    size_t capacity_nbytes;
} png_buffer;

struct hpac_png_decoder {
    struct libdeflate_decompressor *inflater;
    png_buffer file; /* the file as it is */
    png_buffer idat; /* its IDAT chunks, joined when there are several */
    png_buffer raw;  /* filtered rows: a filter byte and `cols` bytes each */
};

typedef struct png_source {
    const char *name; /* for messages */
    const uint8_t *bytes;
    size_t nbytes;
    png_header header;
} png_source;

/* Parses the first bytes (at most PNG_HEAD_NBYTES are read) of a file of `file_nbytes`. Errors:
 * DATA. */
hpac_status png_parse_header(const char *name, const uint8_t *head, size_t file_nbytes,
                             png_header *header);

/* Decodes by libpng, into an image that has its size and buffer. Errors: DATA. */
hpac_status png_decode_libpng(const png_source *source, hpac_image *image);

/* Decodes 8-bit gray files that are not interlaced, into an image that has its size and buffer.
 * False: not such a file, or something about it is unusual; then libpng must decide. What is
 * accepted here libpng accepts too, with the same pixels. */
bool png_decode_fast(hpac_png_decoder *decoder, const png_source *source, hpac_image *image);

/* Reverses the filters of an 8-bit gray image: `raw` is (rows, 1 + cols), the first byte of a row
 * being its filter, `zeros` (cols) bytes of 0. False: a filter that does not exist. */
bool png_unfilter(const uint8_t *raw, const uint8_t *zeros, size_t rows, size_t cols,
                  uint8_t *pixels);

#endif
