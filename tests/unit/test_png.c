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
    size_t count = (size_t)source.header.rows * (size_t)source.header.cols;
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
                (png_header){.rows = rows, .cols = cols, .bit_depth = 8, .color_type = 0};
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
    const char *folder = getenv("HPAC_REAL_DATA");
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/t*/*.png", folder ? folder : "../shared/data/hpa2018");
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
    int rows, cols, tolerance, at;
    cr_assert_eq(sscanf(line, "%63s %d %d %d %n", name, &rows, &cols, &tolerance, &at), 4);
    snprintf(path, sizeof path, "tests/golden/png/%s.png", name);
    cr_assert_eq(hpac_png_read(decoder, path, image), HPAC_OK, "%s", hpac_error_message());
    cr_assert(image->rows == rows && image->cols == cols, "%s: wrong size", name);
    for (int i = 0; i < rows * cols; i++) {
        unsigned wanted;
        cr_assert_eq(sscanf(line + at + 2 * i, "%2x", &wanted), 1);
        cr_assert(abs(image->pixels[i] - (int)wanted) <= tolerance, "%s: pixel %d is %d, not %d",
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

Test(png, what_is_written_is_read_back)
{
    static const int sizes[][2] = {{1, 1}, {1, 9}, {7, 1}, {128, 128}, {33, 300}};
    hpac_png_decoder *decoder = make_decoder();
    hpac_image image = {0};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int rows = sizes[s][0], cols = sizes[s][1];
        uint8_t *pixels = malloc((size_t)rows * (size_t)cols);
        fill_pixels(pixels, rows, cols, 5);
        const char *path = scratch_path("out.png");
        cr_assert_eq(hpac_png_write(path, pixels, rows, cols), HPAC_OK);
        int seen_rows, seen_cols;
        cr_assert_eq(hpac_png_probe(path, &seen_rows, &seen_cols), HPAC_OK);
        cr_assert(seen_rows == rows && seen_cols == cols);
        cr_assert_eq(hpac_png_read(decoder, path, &image), HPAC_OK);
        cr_assert_arr_eq(image.pixels, pixels, (size_t)rows * (size_t)cols);
        free(pixels);
    }
    cr_assert_eq(count_entries(scratch_folder()), 1);
    hpac_image_fini(&image);
    hpac_png_decoder_destroy(decoder);
}

Test(png, writing_into_a_missing_folder_fails_by_name)
{
    uint8_t pixel = 1;
    const char *path = scratch_path("missing/out.png");
    cr_assert_eq(hpac_png_write(path, &pixel, 1, 1), HPAC_ERR_CONFIG);
    cr_assert_not_null(strstr(hpac_error_message(), "missing/out.png"));
}
