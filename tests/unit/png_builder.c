#include "png_builder.h"

#include <criterion/criterion.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

void bytes_append(bytes *target, const void *data, size_t nbytes)
{
    target->data = realloc(target->data, target->nbytes + nbytes + 1);
    cr_assert_not_null(target->data);
    if (nbytes > 0)
        memcpy(target->data + target->nbytes, data, nbytes);
    target->nbytes += nbytes;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

void png_append_chunk(bytes *png, const char *type, const void *data, size_t nbytes)
{
    uint8_t number[4];
    put_u32(number, (uint32_t)nbytes);
    bytes_append(png, number, 4);
    bytes_append(png, type, 4);
    bytes_append(png, data, nbytes);
    put_u32(number, libdeflate_crc32(0, png->data + png->nbytes - nbytes - 4, nbytes + 4));
    bytes_append(png, number, 4);
}

void png_append_header(bytes *png, uint32_t rows, uint32_t cols, int bit_depth, int color_type,
                       int interlace)
{
    uint8_t header[13] = {0};
    put_u32(header, cols);
    put_u32(header + 4, rows);
    header[8] = (uint8_t)bit_depth;
    header[9] = (uint8_t)color_type;
    header[12] = (uint8_t)interlace;
    bytes_append(png, "\x89PNG\r\n\x1a\n", 8);
    png_append_chunk(png, "IHDR", header, sizeof header);
}

void png_append_idat(bytes *png, const void *data, size_t nbytes, size_t piece_nbytes)
{
    for (size_t at = 0; at < nbytes; at += piece_nbytes) {
        size_t left = nbytes - at;
        png_append_chunk(png, "IDAT", (const uint8_t *)data + at,
                         left < piece_nbytes ? left : piece_nbytes);
    }
}

/* To the letter of the standard. */
static int predict(int kind, int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    switch (kind) {
    case 1:
        return a;
    case 2:
        return b;
    case 3:
        return (a + b) / 2;
    case 4:
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    default:
        return 0;
    }
}

bytes png_filter(const uint8_t *pixels, int rows, int cols, const int *kinds, int kind_count)
{
    bytes raw = {0};
    for (int r = 0; r < rows; r++) {
        uint8_t kind = (uint8_t)kinds[r % kind_count];
        bytes_append(&raw, &kind, 1);
        const uint8_t *row = pixels + r * cols;
        for (int i = 0; i < cols; i++) {
            int a = i ? row[i - 1] : 0;
            int b = r ? row[i - cols] : 0;
            int c = r && i ? row[i - cols - 1] : 0;
            uint8_t filtered = (uint8_t)(row[i] - predict(kind, a, b, c));
            bytes_append(&raw, &filtered, 1);
        }
    }
    return raw;
}

bytes zlib_compress(bytes raw, int level)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
    cr_assert_not_null(compressor);
    size_t bound = libdeflate_zlib_compress_bound(compressor, raw.nbytes);
    bytes out = {.data = malloc(bound)};
    cr_assert_not_null(out.data);
    out.nbytes = libdeflate_zlib_compress(compressor, raw.data, raw.nbytes, out.data, bound);
    libdeflate_free_compressor(compressor);
    return out;
}

bytes png_wrap(bytes raw, int rows, int cols, int level, size_t piece_nbytes)
{
    bytes png = {0}, zlib = zlib_compress(raw, level);
    png_append_header(&png, (uint32_t)rows, (uint32_t)cols, 8, 0, 0);
    png_append_idat(&png, zlib.data, zlib.nbytes, piece_nbytes);
    png_append_chunk(&png, "IEND", NULL, 0);
    free(zlib.data);
    return png;
}

void fill_pixels(uint8_t *pixels, int rows, int cols, uint32_t seed)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t noise = seed >> 24;
            /* Noise of all ranges in turn: flat parts, gentle ones, wild ones. */
            *pixels++ = (uint8_t)((uint32_t)(r * c / 8) + (noise >> ((r + c / 16) % 9)));
        }
}
