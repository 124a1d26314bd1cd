/* Files that are no good: each is refused by name, on both paths alike. */
#include "image/image.h"
#include "image/png_internal.h"

#include "guarded.h"
#include "png_builder.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 12, COLS = 30 };

static hpac_png_decoder *decoder;
static hpac_image image;
static uint8_t pixels[ROWS * COLS];
static bytes good_raw; /* filtered rows */

static void set_up(void)
{
    static const int kinds[] = {1, 4, 2, 3, 0};
    cr_assert_eq(hpac_png_decoder_create(&decoder), HPAC_OK);
    fill_pixels(pixels, ROWS, COLS, 1);
    good_raw = png_filter(pixels, ROWS, COLS, kinds, 5);
}

static void tear_down(void)
{
    hpac_png_decoder_destroy(decoder);
    hpac_image_fini(&image);
    free(good_raw.data);
}

TestSuite(png_bad, .init = set_up, .fini = tear_down);

/* Decodes from memory that ends before a guard page, so that reading past it ends the test. */
static hpac_status decode(const uint8_t *data, size_t nbytes)
{
    guarded exact = guarded_create(nbytes, false);
    if (nbytes > 0)
        memcpy(exact.bytes, data, nbytes);
    hpac_status status = hpac_png_decode(decoder, "picture.png", exact.bytes, nbytes, &image);
    guarded_destroy(&exact);
    return status;
}

/* Frees `png`. */
static void assert_refused(bytes png, const char *reason)
{
    cr_assert_eq(decode(png.data, png.nbytes), HPAC_ERR_DATA, "accepted, expected: %s", reason);
    const char *message = hpac_error_message();
    cr_assert(strncmp(message, "picture.png: ", 13) == 0, "no name in: %s", message);
    cr_assert_not_null(strstr(message, reason), "expected \"%s\" in: %s", reason, message);
    free(png.data);
}

static void assert_accepted(bytes png)
{
    cr_assert_eq(decode(png.data, png.nbytes), HPAC_OK, "%s", hpac_error_message());
    cr_assert_arr_eq(image.pixels, pixels, sizeof pixels);
    free(png.data);
}

static bytes good_png(void)
{
    return png_wrap(good_raw, ROWS, COLS, 6, 100);
}

/* Header, this data as one IDAT, end. */
static bytes png_of(const void *idat, size_t nbytes)
{
    bytes png = {0};
    png_append_header(&png, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&png, "IDAT", idat, nbytes);
    png_append_chunk(&png, "IEND", NULL, 0);
    return png;
}

/* The same for rows that may be too many, too few or wrong. */
static bytes png_of_raw(const uint8_t *raw, size_t nbytes)
{
    bytes zlib = zlib_compress((bytes){(uint8_t *)raw, nbytes}, 6);
    bytes png = png_of(zlib.data, zlib.nbytes);
    free(zlib.data);
    return png;
}

Test(png_bad, every_truncation_is_refused)
{
    bytes png = good_png();
    for (size_t n = 0; n < png.nbytes; n++)
        cr_assert_eq(decode(png.data, n), HPAC_ERR_DATA, "accepted the first %zu of %zu bytes", n,
                     png.nbytes);
    assert_accepted(png);
}

/* But for the CRC of IEND, which guards nothing: libpng does not read it from 1.6.48 on. */
Test(png_bad, every_changed_byte_is_refused)
{
    bytes png = good_png();
    for (size_t i = 0; i < png.nbytes - 4; i++)
        for (int bit = 0; bit < 8; bit++) {
            png.data[i] ^= (uint8_t)(1 << bit);
            cr_assert_eq(decode(png.data, png.nbytes), HPAC_ERR_DATA, "accepted bit %d of byte %zu",
                         bit, i);
            png.data[i] ^= (uint8_t)(1 << bit);
        }
    assert_accepted(png);
}

/* Lengths around what is left of the file, of every chunk, for the fast path and for libpng. */
Test(png_bad, chunk_lengths_beyond_the_file_are_refused)
{
    static const char *const types[] = {"IDAT", "tEXt", "IEND", "PLTE"};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int bit_depth = 8; bit_depth <= 16; bit_depth += 8)
            for (size_t tail = 0; tail < 20; tail++)
                for (int64_t excess = -16; excess <= 16; excess++) {
                    int64_t length = (int64_t)tail + excess;
                    if (length < 0 && excess != -16)
                        continue;
                    bytes png = {0};
                    png_append_header(&png, ROWS, COLS, bit_depth, 0, 0);
                    uint32_t stored = length < 0 ? UINT32_MAX : (uint32_t)length;
                    const uint8_t field[4] = {(uint8_t)(stored >> 24), (uint8_t)(stored >> 16),
                                              (uint8_t)(stored >> 8), (uint8_t)stored};
                    bytes_append(&png, field, 4);
                    bytes_append(&png, types[t], 4);
                    bytes_append(&png, "twenty bytes of data", tail);
                    cr_assert_eq(decode(png.data, png.nbytes), HPAC_ERR_DATA);
                    free(png.data);
                }
}

/* Every size below and above what the vector code takes at once, at both ends of guarded memory. */
Test(png_bad, unfiltering_stays_inside_its_buffers)
{
    static const int kinds[] = {4, 3, 1, 4, 2};
    for (int cols = 1; cols <= 70; cols++)
        for (int rows = 15; rows <= 33; rows += 9)
            for (int at_start = 0; at_start <= 1; at_start++) {
                size_t count = (size_t)rows * (size_t)cols;
                uint8_t *wanted = malloc(count);
                fill_pixels(wanted, rows, cols, (uint32_t)(rows * 100 + cols));
                bytes filtered = png_filter(wanted, rows, cols, kinds, 5);
                guarded raw = guarded_create(filtered.nbytes, at_start);
                guarded zeros = guarded_create((size_t)cols, at_start);
                guarded out = guarded_create(count, at_start);
                memcpy(raw.bytes, filtered.data, filtered.nbytes);
                cr_assert(
                    png_unfilter(raw.bytes, zeros.bytes, (size_t)rows, (size_t)cols, out.bytes));
                cr_assert_arr_eq(out.bytes, wanted, count, "%d x %d", rows, cols);
                guarded_destroy(&raw);
                guarded_destroy(&zeros);
                guarded_destroy(&out);
                free(filtered.data);
                free(wanted);
            }
}

Test(png_bad, the_message_says_what_is_in_place_of_a_png)
{
    static const struct {
        const char *start, *kind;
        size_t nbytes;
    } files[] = {
        {"\xFF\xD8\xFF\xE0\0\x10JFIF", "but a JPEG image", 10},
        {"II*\0\x08\0\0\0", "but a TIFF image", 8},
        {"MM\0*\0\0\0\x08", "but a TIFF image", 8},
        {"GIF89a", "but a GIF image", 6},
        {"RIFF\x24\0\0\0WEBPVP8 ", "but a WebP image", 16},
        {"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0", "but a BMP image", 14},
        {"\x1F\x8B\x08\0", "but gzip-compressed data", 4},
        {"PK\x03\x04", "but a ZIP archive", 4},
        {"\xEF\xBB\xBF\r\n <!DOCTYPE HTML PUBLIC", "but an HTML page", 28},
        {"<html><head>", "but an HTML page", 12},
        {"<?xml version=\"1.0\"?><Error>", "but an XML document", 28},
        {"version https://git-lfs.github.com/spec/v1\n", "but a Git LFS pointer", 42},
        {"\0\0\0\0\0\0\0\0\0\0", "but filled with zeros", 10},
        {"\0\x05\x16\x07\0\x02\0\0", "but an AppleDouble file", 8},
        {"\x89PNG\n\x1A\n", "but a PNG changed by a transfer as text", 7},
        {"BMI,Target\n1,2\n", "but text", 15},
        {"\x01\x02\x03\x04", "(no PNG signature)", 4},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bytes file = {0};
        bytes_append(&file, files[i].start, files[i].nbytes);
        assert_refused(file, files[i].kind);
    }
}

Test(png_bad, not_a_png)
{
    bytes text = {0};
    assert_refused(text, "empty file");
    bytes_append(&text, "Id,Target\n", 10);
    assert_refused(text, "not a PNG file");
}

Test(png_bad, bombs_are_refused_by_their_header)
{
    static const struct {
        uint32_t rows, cols;
        const char *reason;
    } cases[] = {
        {2147483647, 2147483647, "too large: 2147483647 x 2147483647"},
        {4294967295, 1, "too large"},
        {1, 1000001, "too large"},
        {20000, 20000, "too large"},
        {16384, 16384, "cannot hold 16384 x 16384"},
        {0, 5, "5 x 0 pixels"},
        {5, 0, "0 x 5 pixels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes png = {0};
        png_append_header(&png, cases[i].rows, cases[i].cols, 8, 0, 0);
        png_append_chunk(&png, "IDAT", "\x78\x9c", 2);
        png_append_chunk(&png, "IEND", NULL, 0);
        assert_refused(png, cases[i].reason);
        cr_assert_leq(image.capacity_nbytes, sizeof pixels, "memory was taken for a bomb");
    }
}

Test(png_bad, unknown_formats_are_refused)
{
    static const int formats[][3] = {{3, 0, 0},  {16, 3, 0}, {4, 2, 0},  {8, 1, 0},
                                     {8, 5, 0},  {8, 7, 0},  {8, 0, 2},  {0, 0, 0},
                                     {32, 0, 0}, {33, 0, 0}, {255, 0, 0}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        bytes png = {0};
        png_append_header(&png, ROWS, COLS, formats[i][0], formats[i][1], formats[i][2]);
        png_append_idat(&png, good_raw.data, good_raw.nbytes, 50);
        assert_refused(png, "unknown format");
    }
}

Test(png_bad, missing_end_is_refused)
{
    bytes png = good_png();
    png.nbytes -= 12;
    assert_refused(png, "truncated");
}

Test(png_bad, too_few_rows_are_refused)
{
    assert_refused(png_of_raw(good_raw.data, good_raw.nbytes - 1), "bad PNG");
    assert_refused(png_of_raw(good_raw.data, 0), "bad PNG");
}

Test(png_bad, too_many_rows_are_refused)
{
    bytes raw = {0};
    bytes_append(&raw, good_raw.data, good_raw.nbytes);
    bytes_append(&raw, good_raw.data, COLS + 1);
    assert_refused(png_of_raw(raw.data, raw.nbytes), "bad PNG");
    assert_refused(png_of_raw(raw.data, good_raw.nbytes + 1), "bad PNG");
    free(raw.data);
}

Test(png_bad, unknown_filters_are_refused)
{
    for (int row = 0; row < ROWS; row++)
        for (int kind = 5; kind < 256; kind += 50) {
            uint8_t *filter = good_raw.data + row * (COLS + 1), kept = *filter;
            *filter = (uint8_t)kind;
            assert_refused(png_of_raw(good_raw.data, good_raw.nbytes), "bad PNG");
            *filter = kept;
        }
}

Test(png_bad, a_wrong_or_missing_checksum_of_the_pixels_is_refused)
{
    bytes zlib = zlib_compress(good_raw, 6);
    assert_accepted(png_of(zlib.data, zlib.nbytes));
    zlib.data[zlib.nbytes - 1] ^= 1;
    assert_refused(png_of(zlib.data, zlib.nbytes), "bad PNG");
    zlib.data[zlib.nbytes - 1] ^= 1;
    assert_refused(png_of(zlib.data, zlib.nbytes - 4), "bad PNG");
    free(zlib.data);
}

Test(png_bad, chunks_between_and_after_the_pixels)
{
    bytes zlib = zlib_compress(good_raw, 6);
    size_t half = zlib.nbytes / 2;

    bytes interrupted = {0};
    png_append_header(&interrupted, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&interrupted, "IDAT", zlib.data, half);
    png_append_chunk(&interrupted, "tEXt", "a\0b", 3);
    png_append_chunk(&interrupted, "IDAT", zlib.data + half, zlib.nbytes - half);
    png_append_chunk(&interrupted, "IEND", NULL, 0);
    assert_refused(interrupted, "bad PNG");

    bytes critical = {0};
    png_append_header(&critical, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&critical, "ABCD", "x", 1);
    png_append_chunk(&critical, "IDAT", zlib.data, zlib.nbytes);
    png_append_chunk(&critical, "IEND", NULL, 0);
    assert_refused(critical, "bad PNG");

    bytes pixelless = {0};
    png_append_header(&pixelless, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&pixelless, "IEND", NULL, 0);
    assert_refused(pixelless, "bad PNG");

    /* What does not bear on the pixels may be there, and may even be broken. */
    bytes harmless = {0};
    png_append_header(&harmless, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&harmless, "tEXt", "a\0b", 3);
    png_append_chunk(&harmless, "gAMA", "too long for a gamma", 20);
    harmless.data[harmless.nbytes - 1] ^= 1;
    png_append_chunk(&harmless, "IDAT", NULL, 0);
    png_append_chunk(&harmless, "IDAT", zlib.data, half);
    png_append_chunk(&harmless, "IDAT", NULL, 0);
    png_append_chunk(&harmless, "IDAT", zlib.data + half, zlib.nbytes - half);
    png_append_chunk(&harmless, "zzZz", "private", 7);
    png_append_chunk(&harmless, "IEND", NULL, 0);
    bytes_append(&harmless, "after the end", 13);
    assert_accepted(harmless);
    free(zlib.data);
}

Test(png_bad, a_palette_picture_without_palette_is_refused)
{
    bytes png = {0}, zlib = zlib_compress(good_raw, 6);
    png_append_header(&png, ROWS, COLS, 8, 3, 0);
    png_append_idat(&png, zlib.data, zlib.nbytes, 100);
    png_append_chunk(&png, "IEND", NULL, 0);
    assert_refused(png, "PLTE");
    free(zlib.data);
}

Test(png_bad, a_decoder_works_on_after_errors)
{
    bytes png = good_png();
    png.data[60] ^= 1;
    assert_refused(png, "bad PNG");
    assert_accepted(good_png());
}

static void assert_path_refused(const char *path, const char *reason)
{
    size_t rows, cols;
    cr_assert_eq(hpac_png_read(decoder, path, &image), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
    cr_assert_eq(hpac_png_probe(path, &rows, &cols), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
}

Test(png_bad, paths_that_are_no_files)
{
    assert_path_refused(scratch_path("missing.png"), "No such file");
    assert_path_refused(scratch_directory(), "expected a regular file, not a directory");
    const char *fifo = scratch_path("fifo.png");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    assert_path_refused(fifo, "expected a regular file, not a device or pipe");
    assert_path_refused("/dev/zero", "expected a regular file, not a device or pipe");
    assert_path_refused(scratch_write("empty.png", "", 0), "empty file");
    assert_path_refused(scratch_write_text("text.png", "not a picture"), "not a PNG");
    const char *huge = scratch_write_text("huge.png", "");
    cr_assert_eq(truncate(huge, ((off_t)1 << 32) + 1), 0); /* sparse */
    assert_path_refused(huge, "too large: 4294967297 bytes, expected at most 4294967296");
}
