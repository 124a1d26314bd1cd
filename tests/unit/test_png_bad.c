/* Files that are no good: each is refused by name, on both paths alike. */
#include "image/image.h"
#include "image/png_internal.h"

#include "png_builder.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* Decodes from an allocation of just this size, so that reading past it is seen by ASan. */
static hpac_status decode(const uint8_t *data, size_t nbytes)
{
    uint8_t *exact = malloc(nbytes ? nbytes : 1);
    if (nbytes > 0)
        memcpy(exact, data, nbytes);
    hpac_status status = hpac_png_decode(decoder, "picture.png", exact, nbytes, &image);
    free(exact);
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

Test(png_bad, every_changed_byte_is_refused)
{
    bytes png = good_png();
    for (size_t i = 0; i < png.nbytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            png.data[i] ^= (uint8_t)(1 << bit);
            cr_assert_eq(decode(png.data, png.nbytes), HPAC_ERR_DATA, "accepted bit %d of byte %zu",
                         bit, i);
            png.data[i] ^= (uint8_t)(1 << bit);
        }
    assert_accepted(png);
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

Test(png_bad, wrong_sum_of_the_pixels_is_refused)
{
    bytes zlib = zlib_compress(good_raw, 6);
    assert_accepted(png_of(zlib.data, zlib.nbytes));
    zlib.data[zlib.nbytes - 1] ^= 1;
    assert_refused(png_of(zlib.data, zlib.nbytes), "bad PNG");
    zlib.data[zlib.nbytes - 1] ^= 1;
    assert_refused(png_of(zlib.data, zlib.nbytes - 4), "bad PNG");
    bytes_append(&zlib, "junk", 4);
    assert_refused(png_of(zlib.data, zlib.nbytes), "bad PNG");
    free(zlib.data);
}

Test(png_bad, distances_beyond_the_declared_window_are_judged_as_libpng_does)
{
    /* 17 x 31 bytes that repeat after 300: matches reach farther than a window of 256. */
    uint8_t raw[ROWS * (COLS + 1)];
    memset(raw, 0, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        if (i % (COLS + 1) != 0)
            raw[i] = (uint8_t)((i % 310) * 97 ^ (i % 310) >> 3);
    bytes zlib = zlib_compress((bytes){raw, sizeof raw}, 9);
    zlib.data[0] = 0x08; /* deflate, window 256 */
    zlib.data[1] = 0x1d; /* 0x081d is a multiple of 31 */
    bytes png = png_of(zlib.data, zlib.nbytes);
    png_source source = {.name = "picture.png", .bytes = png.data, .nbytes = png.nbytes};
    source.header = (png_header){.rows = ROWS, .cols = COLS, .bit_depth = 8};
    uint8_t out[ROWS * COLS];
    hpac_image slow = {.rows = ROWS, .cols = COLS, .pixels = out};
    hpac_status wanted = png_decode_libpng(&source, &slow);
    cr_assert_eq(decode(png.data, png.nbytes), wanted);
    free(zlib.data);
    free(png.data);
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
    int rows, cols;
    cr_assert_eq(hpac_png_read(decoder, path, &image), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
    cr_assert_not_null(strstr(hpac_error_message(), path), "%s", hpac_error_message());
    cr_assert_eq(hpac_png_probe(path, &rows, &cols), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), reason), "%s", hpac_error_message());
}

Test(png_bad, paths_that_are_no_files)
{
    assert_path_refused(scratch_path("missing.png"), "No such file");
    assert_path_refused(scratch_folder(), "a folder");
    const char *fifo = scratch_path("fifo.png");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    assert_path_refused(fifo, "not a regular file");
    assert_path_refused("/dev/zero", "not a regular file");
    assert_path_refused(scratch_write("empty.png", "", 0), "empty file");
    assert_path_refused(scratch_write_text("text.png", "not a picture"), "not a PNG");
}
