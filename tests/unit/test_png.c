/*
 * PNGs that are valid: against Pillow (tests/golden/png), against libpng, against the pixels they
 * were made from.
 */
#include "image/image.h"
#include "image/png_internal.h"

#include "png_builder.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hpac_png_decoder *make_decoder(void)
{
    hpac_png_decoder *decoder = NULL;
    cr_assert_eq(hpac_png_decoder_create(&decoder), HPAC_OK);
    return decoder;
}

/* Both paths on an 8-bit gray file that is not interlaced: the same, and `pixels` when given. */
static void compare_paths(hpac_png_decoder *decoder, png_source source, const uint8_t *pixels)
{
    size_t count = source.header.rows * source.header.cols;
    hpac_image fast = {.rows = source.header.rows, .cols = source.header.cols};
    hpac_image slow = fast;
    fast.pixels = malloc(count);
    slow.pixels = malloc(count);
    cr_assert(png_decode_fast(decoder, &source, &fast), "%s: refused by the fast path",
              source.name);
    cr_assert_eq(png_decode_libpng(&source, &slow), HPAC_OK, "%s", hpac_error_message());
    cr_assert_arr_eq(fast.pixels, slow.pixels, count, "%s: the paths differ", source.name);
    if (pixels)
        cr_assert_arr_eq(fast.pixels, pixels, count, "%s: wrong pixels", source.name);
    hpac_image_fini(&fast);
    hpac_image_fini(&slow);
}

static void compare_size(hpac_png_decoder *decoder, int rows, int cols)
{
    static const int kinds[][5] = {{0}, {1}, {2}, {3}, {4}, {4, 2, 0, 1, 3}};
    static const int kind_counts[] = {1, 1, 1, 1, 1, 5};
    uint8_t *pixels = malloc((size_t)rows * (size_t)cols);
    for (int k = 0; k < 6; k++) {
        fill_pixels(pixels, rows, cols, (uint32_t)(rows * 1000 + cols * 10 + k));
        bytes raw = png_filter(pixels, rows, cols, kinds[k], kind_counts[k]);
        size_t pieces[] = {1 << 30, 50, 1};
        for (int p = 0; p < 3; p++) {
            if (pieces[p] == 1 && raw.nbytes > 300)
                continue;
            bytes png = png_wrap(raw, rows, cols, 3 * p, pieces[p]);
            char name[64];
            snprintf(name, sizeof name, "%d x %d, filter %d, pieces %d", rows, cols, k, p);
            png_source source = {.name = name, .bytes = png.data, .nbytes = png.nbytes};
            source.header =
                (png_header){.rows = (size_t)rows, .cols = (size_t)cols, .bit_depth = 8};
            compare_paths(decoder, source, pixels);
            free(png.data);
        }
        free(raw.data);
    }
    free(pixels);
}

Test(png, fast_path_equals_libpng_for_every_filter_and_size)
{
    hpac_png_decoder *decoder = make_decoder();
    for (int cols = 1; cols <= 50; cols++)
        for (int rows = 1; rows <= 37; rows += rows < 5 ? 1 : 8)
            compare_size(decoder, rows, cols);
    compare_size(decoder, 300, 1);
    compare_size(decoder, 1, 3000);
    compare_size(decoder, 129, 511);
    hpac_png_decoder_destroy(decoder);
}

Test(png, fast_path_equals_libpng_on_real_images)
{
    const char *directory = getenv("HPAC_REAL_DATA");
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/t*/*.png",
             directory ? directory : "../shared/data/hpa2018");
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        cr_skip("no competition images at %s (HPAC_REAL_DATA)", pattern);
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {0};
    for (size_t i = 0; i < found.gl_pathc; i++) {
        cr_assert_eq(hpac_png_read(decoder, found.gl_pathv[i], &image), HPAC_OK);
        png_source source = {.name = found.gl_pathv[i], .bytes = decoder->file.bytes};
        FILE *file = fopen(found.gl_pathv[i], "rb");
        fseek(file, 0, SEEK_END);
        source.nbytes = (size_t)ftell(file);
        fclose(file);
        source.header = (png_header){.rows = image.rows, .cols = image.cols, .bit_depth = 8};
        compare_paths(decoder, source, image.pixels);
    }
    hpac_image_fini(&image);
    hpac_png_decoder_destroy(decoder);
    globfree(&found);
}

static void compare_golden(hpac_png_decoder *decoder, hpac_image *image, const char *line)
{
    char name[64], path[128];
    size_t rows, cols;
    int tolerance, at;
    cr_assert_eq(sscanf(line, "%63s %zu %zu %d %n", name, &rows, &cols, &tolerance, &at), 4);
    snprintf(path, sizeof path, "tests/golden/png/%s.png", name);
    cr_assert_eq(hpac_png_read(decoder, path, image), HPAC_OK, "%s", hpac_error_message());
    cr_assert(image->rows == rows && image->cols == cols, "%s: wrong size", name);
    for (size_t i = 0; i < rows * cols; i++) {
        unsigned wanted;
        cr_assert_eq(sscanf(line + at + 2 * i, "%2x", &wanted), 1);
        cr_assert(abs(image->pixels[i] - (int)wanted) <= tolerance, "%s: pixel %zu is %d, not %d",
                  name, i, image->pixels[i], wanted);
    }
}

Test(png, every_format_becomes_the_gray_that_pillow_sees)
{
    FILE *golden = fopen("tests/golden/png/gray.txt", "r");
    cr_assert_not_null(golden, "run the tests from the root of the project");
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {0};
    char line[4096];
    int files = 0;
    for (; fgets(line, sizeof line, golden); files++)
        compare_golden(decoder, &image, line);
    cr_assert_eq(files, 50);
    hpac_image_fini(&image);
    hpac_png_decoder_destroy(decoder);
    fclose(golden);
}

/* libpng's limit of 8,000,000 bytes is for chunks that it keeps. */
Test(png, a_large_text_chunk_is_ignored)
{
    enum { ROWS = 3, COLS = 5, TEXT_NBYTES = 8000001 };
    static const int kinds[] = {1};
    uint8_t pixels[ROWS * COLS];
    char *text = calloc(TEXT_NBYTES, 1);
    hpac_png_decoder *decoder = make_decoder();
    fill_pixels(pixels, ROWS, COLS, 3);
    bytes raw = png_filter(pixels, ROWS, COLS, kinds, 1), zlib = zlib_compress(raw, 6), png = {0};
    png_append_header(&png, ROWS, COLS, 8, 0, 0);
    png_append_chunk(&png, "tEXt", text, TEXT_NBYTES);
    png_append_chunk(&png, "IDAT", zlib.data, zlib.nbytes);
    png_append_chunk(&png, "IEND", NULL, 0);
    png_source source = {.name = "text", .bytes = png.data, .nbytes = png.nbytes};
    source.header = (png_header){.rows = ROWS, .cols = COLS, .bit_depth = 8};
    compare_paths(decoder, source, pixels);
    free(text);
    free(raw.data);
    free(zlib.data);
    free(png.data);
    hpac_png_decoder_destroy(decoder);
}

Test(png, sixteen_bits_are_scaled_and_not_cut)
{
    /* 0x00ff / 257 is 0.99, 0x7fff / 257 is 127.498, 0xff7e / 257 is 254.498. */
    static const uint8_t raw[] = {0, 0x00, 0xff, 0x7f, 0xff, 0xff, 0x7e, 0xff, 0xff};
    static const uint8_t wanted[] = {1, 127, 254, 255};
    bytes png = {0}, zlib = zlib_compress((bytes){(uint8_t *)raw, sizeof raw}, 1);
    png_append_header(&png, 1, 4, 16, 0, 0);
    png_append_idat(&png, zlib.data, zlib.nbytes, 100);
    png_append_chunk(&png, "IEND", NULL, 0);
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {0};
    cr_assert_eq(hpac_png_decode(decoder, "made", png.data, png.nbytes, &image), HPAC_OK);
    cr_assert_arr_eq(image.pixels, wanted, 4);
    hpac_image_fini(&image);
    hpac_png_decoder_destroy(decoder);
    free(zlib.data);
    free(png.data);
}

/* Encoders in the wild write bytes behind the zlib stream, in its last IDAT or in one more. */
Test(png, bytes_behind_the_zlib_stream_are_ignored)
{
    enum { ROWS = 20, COLS = 9 };
    static const int kinds[] = {1, 4, 2, 3, 0};
    static const size_t junk_nbytes[] = {1, 2, 5, 300};
    uint8_t pixels[ROWS * COLS];
    char junk[300] = "junk";
    hpac_png_decoder *decoder = make_decoder();
    fill_pixels(pixels, ROWS, COLS, 3);
    bytes raw = png_filter(pixels, ROWS, COLS, kinds, 5);
    for (int i = 0; i < 8; i++) {
        bytes png = {0}, zlib = zlib_compress(raw, 6);
        if (i % 2 == 0)
            bytes_append(&zlib, junk, junk_nbytes[i / 2]);
        png_append_header(&png, ROWS, COLS, 8, 0, 0);
        png_append_chunk(&png, "IDAT", zlib.data, zlib.nbytes);
        if (i % 2 == 1)
            png_append_chunk(&png, "IDAT", junk, junk_nbytes[i / 2]);
        png_append_chunk(&png, "IEND", NULL, 0);
        png_source source = {.name = "junk", .bytes = png.data, .nbytes = png.nbytes};
        source.header = (png_header){.rows = ROWS, .cols = COLS, .bit_depth = 8};
        compare_paths(decoder, source, pixels);
        free(zlib.data);
        free(png.data);
    }
    free(raw.data);
    hpac_png_decoder_destroy(decoder);
}

/* Distances reach beyond the window that the first byte declares; both checksums are right. */
Test(png, a_zlib_window_declared_too_small_is_ignored)
{
    enum { ROWS = 17, COLS = 400 };
    uint8_t raw[ROWS * (COLS + 1)] = {0}, pixels[ROWS * COLS];
    for (int row = 0; row < ROWS; row++)
        for (int col = 0; col < COLS; col++) {
            int i = row * (COLS + 1) + 1 + col;
            raw[i] = pixels[row * COLS + col] = (uint8_t)((i % 4010) * 97 ^ (i % 4010) >> 3);
        }
    hpac_png_decoder *decoder = make_decoder();
    for (unsigned window = 0; window <= 7; window++) {
        bytes png = {0}, zlib = zlib_compress((bytes){raw, sizeof raw}, 9);
        zlib.data[0] = (uint8_t)(window << 4 | 8);
        zlib.data[1] = (uint8_t)(31 - zlib.data[0] * 256 % 31);
        png_append_header(&png, ROWS, COLS, 8, 0, 0);
        png_append_idat(&png, zlib.data, zlib.nbytes, 1000);
        png_append_chunk(&png, "IEND", NULL, 0);
        png_source source = {.name = "window", .bytes = png.data, .nbytes = png.nbytes};
        source.header = (png_header){.rows = ROWS, .cols = COLS, .bit_depth = 8};
        compare_paths(decoder, source, pixels);
        free(zlib.data);
        free(png.data);
    }
    hpac_png_decoder_destroy(decoder);
}

/* One row of `cols` pixels; `sbit` (samples) may be NULL. */
static hpac_image decode_row(const uint8_t *samples, size_t nbytes, int cols, int bit_depth,
                             int color_type, const char *sbit, hpac_stain stain)
{
    bytes png = {0}, raw = {0};
    bytes_append(&raw, "", 1); /* no filter */
    bytes_append(&raw, samples, nbytes);
    bytes zlib = zlib_compress(raw, 6);
    png_append_header(&png, 1, (uint32_t)cols, bit_depth, color_type, 0);
    if (sbit)
        png_append_chunk(&png, "sBIT", sbit, strlen(sbit));
    png_append_idat(&png, zlib.data, zlib.nbytes, 100);
    png_append_chunk(&png, "IEND", NULL, 0);
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {.stain = stain};
    cr_assert_eq(hpac_png_decode(decoder, "row", png.data, png.nbytes, &image), HPAC_OK, "%s",
                 hpac_error_message());
    hpac_png_decoder_destroy(decoder);
    free(png.data);
    free(raw.data);
    free(zlib.data);
    return image;
}

/* Two RGB pixels; what a stain's file has in them is its intensity, never its luma. */
Test(png, a_stain_in_one_color_keeps_its_intensity)
{
    static const struct {
        uint8_t rgb[6];
        hpac_stain stain;
        uint8_t wanted[2];
        unsigned remarks;
    } files[] = {
        {{200, 0, 0, 7, 0, 0}, HPAC_STAIN_RED, {200, 7}, 0},
        {{0, 200, 0, 0, 7, 0}, HPAC_STAIN_GREEN, {200, 7}, 0},
        {{0, 0, 200, 0, 0, 7}, HPAC_STAIN_BLUE, {200, 7}, 0},
        {{200, 200, 0, 7, 7, 0}, HPAC_STAIN_YELLOW, {200, 7}, 0},
        {{200, 200, 0, 7, 7, 0}, HPAC_STAIN_BLUE, {200, 7}, 0},
        {{0, 0, 200, 0, 0, 7}, HPAC_STAIN_GREEN, {200, 7}, 0}, /* in a color of another stain */
        {{0, 200, 200, 0, 7, 7}, HPAC_STAIN_NONE, {200, 7}, 0},
        {{90, 90, 90, 7, 7, 7}, HPAC_STAIN_RED, {90, 7}, 0},
        {{0, 0, 0, 0, 0, 0}, HPAC_STAIN_RED, {0, 0}, 0},
        {{10, 200, 30, 1, 7, 2}, HPAC_STAIN_GREEN, {200, 7}, HPAC_REMARK_MIXED_COLORS},
        {{10, 200, 30, 1, 7, 2}, HPAC_STAIN_RED, {10, 1}, HPAC_REMARK_MIXED_COLORS},
        {{10, 200, 30, 1, 7, 2}, HPAC_STAIN_BLUE, {30, 2}, HPAC_REMARK_MIXED_COLORS},
        {{10, 200, 30, 1, 7, 2}, HPAC_STAIN_YELLOW, {105, 4}, HPAC_REMARK_MIXED_COLORS},
        {{200, 200, 0, 7, 6, 0}, HPAC_STAIN_YELLOW, {200, 7}, HPAC_REMARK_MIXED_COLORS},
        {{200, 0, 0, 0, 7, 0}, HPAC_STAIN_RED, {200, 0}, HPAC_REMARK_MIXED_COLORS},
        /* 0.299 x 100 + 0.587 x 200 + 0.114 x 50 = 153.0 */
        {{100, 200, 50, 0, 0, 0}, HPAC_STAIN_NONE, {153, 0}, HPAC_REMARK_MIXED_COLORS},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        hpac_image image = decode_row(files[i].rgb, 6, 2, 8, 2, NULL, files[i].stain);
        cr_expect_arr_eq(image.pixels, files[i].wanted, 2, "file %zu: %d %d", i, image.pixels[0],
                         image.pixels[1]);
        cr_expect_eq(image.remarks, files[i].remarks, "file %zu: %u", i, image.remarks);
        hpac_image_fini(&image);
    }
}

/* 4095 is white where sBIT says 12 bits: 2048 x 255 / 4095 is 127.53, 100 x 255 / 4095 is 6.2. */
Test(png, twelve_bits_in_sixteen_are_scaled_or_remarked)
{
    static const uint8_t low[] = {0x0f, 0xff, 0x08, 0x00, 0x00, 0x64};
    static const uint8_t full[] = {0xff, 0xff, 0x80, 0x08, 0x06, 0x46}; /* scaled to 16 bits */
    static const struct {
        const uint8_t *samples;
        const char *sbit;
        uint8_t wanted[3];
        unsigned remarks;
    } files[] = {
        {low, "\x0c", {255, 128, 6}, HPAC_REMARK_SCALED},
        {low, "\x0d", {127, 64, 3}, HPAC_REMARK_SCALED}, /* of 8191 */
        {low, "\x0a", {16, 8, 0}, HPAC_REMARK_DIM},      /* untrue: there are larger samples */
        {low, "\x10", {16, 8, 0}, HPAC_REMARK_DIM},
        {low, NULL, {16, 8, 0}, HPAC_REMARK_DIM},
        {full, "\x0c", {255, 128, 6}, 0},
        {full, NULL, {255, 128, 6}, 0},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        hpac_image image = decode_row(files[i].samples, 6, 3, 16, 0, files[i].sbit, 0);
        cr_expect_arr_eq(image.pixels, files[i].wanted, 3, "file %zu: %d %d %d", i, image.pixels[0],
                         image.pixels[1], image.pixels[2]);
        cr_expect_eq(image.remarks, files[i].remarks, "file %zu: %u", i, image.remarks);
        hpac_image_fini(&image);
    }
    static const uint8_t black[6] = {0};
    hpac_image image = decode_row(black, 6, 3, 16, 0, NULL, 0);
    cr_expect_eq(image.remarks, 0, "a black channel is not dim");
    hpac_image_fini(&image);
}

Test(png, what_is_written_is_read_back)
{
    static const int sizes[][2] = {{1, 1}, {1, 9}, {7, 1}, {128, 128}, {33, 300}};
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {0};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t rows = (size_t)sizes[s][0], cols = (size_t)sizes[s][1], seen_rows, seen_cols;
        uint8_t *pixels = malloc(rows * cols);
        fill_pixels(pixels, sizes[s][0], sizes[s][1], 5);
        const char *path = scratch_path("out.png");
        cr_assert_eq(hpac_png_write(path, pixels, rows, cols, 1), HPAC_OK);
        cr_assert_eq(hpac_png_probe(path, &seen_rows, &seen_cols), HPAC_OK);
        cr_assert(seen_rows == rows && seen_cols == cols);
        cr_assert_eq(hpac_png_read(decoder, path, &image), HPAC_OK);
        cr_assert_arr_eq(image.pixels, pixels, rows * cols);
        free(pixels);
    }
    cr_assert_eq(count_entries(scratch_directory()), 1);
    hpac_image_fini(&image);
    hpac_png_decoder_destroy(decoder);
}

/* The channels of a file of mixed colors, by the stain that selects each. */
Test(png, what_is_written_in_color_has_its_channels_in_order)
{
    static const uint8_t rgb[2 * 3 * 3] = {1,  2,  30, 4,  50, 6,  70, 8,  9,
                                           10, 11, 12, 13, 14, 15, 16, 17, 18};
    static const hpac_stain stains[3] = {HPAC_STAIN_RED, HPAC_STAIN_GREEN, HPAC_STAIN_BLUE};
    const char *path = scratch_path("color.png");
    cr_assert_eq(hpac_png_write(path, rgb, 2, 3, 3), HPAC_OK);
    hpac_png_decoder *decoder = make_decoder();
    for (size_t channel = 0; channel < 3; channel++) {
        hpac_image image = {.stain = stains[channel]};
        cr_assert_eq(hpac_png_read(decoder, path, &image), HPAC_OK);
        cr_assert(image.rows == 2 && image.cols == 3);
        for (size_t i = 0; i < 6; i++)
            cr_expect_eq(image.pixels[i], rgb[3 * i + channel], "channel %zu, pixel %zu", channel,
                         i);
        hpac_image_fini(&image);
    }
    hpac_png_decoder_destroy(decoder);
}

Test(png, writing_into_a_missing_directory_fails_by_name)
{
    uint8_t pixel = 1;
    const char *path = scratch_path("missing/out.png");
    cr_assert_eq(hpac_png_write(path, &pixel, 1, 1, 1), HPAC_ERR_CONFIG);
    cr_assert_not_null(strstr(hpac_error_message(), "missing/out.png"));
}
