/* Makes PNG files for tests, chunk by chunk, good ones and bad ones, independent of libpng. */
#ifndef TESTS_PNG_BUILDER_H
#define TESTS_PNG_BUILDER_H

#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    uint8_t *data; /* owned: free() */
    size_t nbytes;
} bytes;

void bytes_append(bytes *target, const void *data, size_t nbytes);

/* Appends signature and header / a chunk with a right checksum. */
void png_append_header(bytes *png, uint32_t rows, uint32_t cols, int bit_depth, int color_type,
                       int interlace);
void png_append_chunk(bytes *png, const char *type, const void *data, size_t nbytes);
/* `data` in IDAT chunks of `piece_nbytes`. */
void png_append_idat(bytes *png, const void *data, size_t nbytes, size_t piece_nbytes);

/* 8-bit gray pixels to (rows, 1 + cols) filtered rows. Row r takes filter kinds[r % kind_count]. */
bytes png_filter(const uint8_t *pixels, int rows, int cols, const int *kinds, int kind_count);
/* A zlib stream of `level` (libdeflate's 0..12). */
bytes zlib_compress(bytes raw, int level);
/* A whole 8-bit gray file of this filtered picture. */
bytes png_wrap(bytes raw, int rows, int cols, int level, size_t piece_nbytes);

/* Gray pixels that a filter can do something with: waves and noise. */
void fill_pixels(uint8_t *pixels, int rows, int cols, uint32_t seed);

#endif
