/* Resizing against scikit-image (tests/golden/resize.txt). */
#include "image/resize_internal.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The picture of tools/reference/make_resize_golden.py. */
static uint8_t *make_picture(size_t pixels)
{
    uint8_t *picture = malloc(pixels);
    cr_assert_not_null(picture);
    for (size_t i = 0; i < pixels; i++) {
        uint32_t x = (uint32_t)i * 2654435761u;
        x = (x ^ (x >> 15)) * 0x2C1B3C6Du;
        x = (x ^ (x >> 12)) * 0x297A2D39u;
        picture[i] = (uint8_t)(x >> 24);
    }
    return picture;
}

static hpac_resizer *make_resizer(size_t in_rows, size_t in_cols, size_t rows, size_t cols)
{
    hpac_resizer *resizer = NULL;
    cr_assert_eq(hpac_resizer_create(in_rows, in_cols, rows, cols, &resizer), HPAC_OK);
    return resizer;
}

static void compare_points(FILE *golden, const float *out, size_t cols, int points,
                           const char *name)
{
    for (int p = 0; p < points; p++) {
        size_t r, c;
        double wanted;
        cr_assert_eq(fscanf(golden, "%zu %zu %lf ", &r, &c, &wanted), 3);
        double got = (double)out[r * cols + c];
        cr_assert(!(fabs(got - wanted) > 1e-5) && !isnan(got), "%s: (%zu, %zu) is %.8f, not %.8f",
                  name, r, c, got, wanted);
    }
}

/* Every output counts here, those without a line of their own too. */
static void compare_means(const float *out, size_t count, double mean, double mean_square,
                          const char *name)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)out[i];
        squares += (double)out[i] * (double)out[i];
    }
    cr_assert(fabs(sum / (double)count - mean) <= 1e-6, "%s: mean %.9f, not %.9f", name,
              sum / (double)count, mean);
    cr_assert(fabs(squares / (double)count - mean_square) <= 1e-6, "%s: mean square %.9f, not %.9f",
              name, squares / (double)count, mean_square);
}

static bool compare_case(FILE *golden)
{
    size_t in_rows, in_cols, rows, cols;
    int points;
    double mean, mean_square;
    int found = fscanf(golden, "case %zu %zu %zu %zu %lf %lf %d ", &in_rows, &in_cols, &rows, &cols,
                       &mean, &mean_square, &points);
    if (found == EOF)
        return false;
    cr_assert_eq(found, 7);
    char name[64];
    snprintf(name, sizeof name, "%zu x %zu to %zu x %zu", in_rows, in_cols, rows, cols);

    uint8_t *picture = make_picture(in_rows * in_cols);
    float *out = malloc(rows * cols * sizeof *out);
    hpac_resizer *resizer = make_resizer(in_rows, in_cols, rows, cols);
    hpac_resize_f32(resizer, picture, out, 1);
    compare_points(golden, out, cols, points, name);
    compare_means(out, rows * cols, mean, mean_square, name);
    hpac_resizer_destroy(resizer);
    free(out);
    free(picture);
    return true;
}

Test(resize, equals_scikit_image)
{
    FILE *golden = fopen("tests/golden/resize.txt", "r");
    cr_assert_not_null(golden, "run the tests from the root of the project");
    int cases = 0;
    while (compare_case(golden))
        cases++;
    fclose(golden);
    cr_assert_eq(cases, 23);
}

Test(resize, bytes_are_rounded_floats)
{
    enum { IN = 50, ROWS = 19, COLS = 70 };
    uint8_t *picture = make_picture((size_t)IN * IN), bytes[ROWS * COLS];
    float floats[ROWS * COLS];
    hpac_resizer *resizer = make_resizer(IN, IN, ROWS, COLS);
    hpac_resize_f32(resizer, picture, floats, 1);
    hpac_resize_u8(resizer, picture, bytes, 1);
    for (int i = 0; i < ROWS * COLS; i++)
        cr_assert_leq(fabsf((float)bytes[i] - floats[i] * 255), 0.5001f);
    hpac_resizer_destroy(resizer);
    free(picture);
}

/* Sizes with blocks, strips and chunks that are full, begun, and several. */
Test(resize, every_instruction_set_gives_the_same_bits)
{
    static const size_t sizes[][4] = {
        {300, 200, 40, 70}, {16, 64, 16, 64}, {1000, 65, 3, 17}, {31, 129, 60, 128}, {2, 3, 5, 4}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t *size = sizes[s], count = size[2] * size[3];
        uint8_t *picture = make_picture(size[0] * size[1]);
        float *plain = malloc(count * sizeof *plain), *other = malloc(count * sizeof *other);
        uint8_t *plain_u8 = malloc(count), *other_u8 = malloc(count);
        for (unsigned path = 0; path <= (unsigned)hpac_cpu_path_best(); path++) {
            hpac_resizer *resizer;
            setenv("HPAC_CPU", hpac_cpu_path_name((hpac_cpu_path)path), 1);
            cr_assert_eq(hpac_resizer_create(size[0], size[1], size[2], size[3], &resizer),
                         HPAC_OK);
            hpac_resize_f32(resizer, picture, path ? other : plain, 1);
            hpac_resize_u8(resizer, picture, path ? other_u8 : plain_u8, 1);
            hpac_resizer_destroy(resizer);
            if (path > 0) {
                cr_assert_arr_eq(other, plain, count * sizeof *plain, "path %u", path);
                cr_assert_arr_eq(other_u8, plain_u8, count, "path %u", path);
            }
        }
        free(picture);
        free(plain);
        free(other);
        free(plain_u8);
        free(other_u8);
    }
}

Test(resize, channels_interleave_and_nothing_else_is_written)
{
    enum { IN = 33, OUT = 18, CHANNELS = 3 };
    uint8_t *picture = make_picture((size_t)IN * IN);
    uint8_t alone[OUT * OUT], mixed[OUT * OUT * CHANNELS];
    float alone_f32[OUT * OUT], mixed_f32[OUT * OUT * CHANNELS];
    memset(mixed, 77, sizeof mixed);
    for (int i = 0; i < OUT * OUT * CHANNELS; i++)
        mixed_f32[i] = -7;
    hpac_resizer *resizer = make_resizer(IN, IN, OUT, OUT);
    hpac_resize_u8(resizer, picture, alone, 1);
    hpac_resize_f32(resizer, picture, alone_f32, 1);
    hpac_resize_u8(resizer, picture, mixed + 1, CHANNELS);
    hpac_resize_f32(resizer, picture, mixed_f32 + 1, CHANNELS);
    for (int i = 0; i < OUT * OUT; i++) {
        cr_assert_eq(mixed[i * CHANNELS], 77);
        cr_assert_eq(mixed[i * CHANNELS + 1], alone[i]);
        cr_assert_eq(mixed[i * CHANNELS + 2], 77);
        cr_assert(mixed_f32[i * CHANNELS] == -7 && mixed_f32[i * CHANNELS + 2] == -7);
        cr_assert(mixed_f32[i * CHANNELS + 1] == alone_f32[i]);
    }
    hpac_resizer_destroy(resizer);
    free(picture);
}

Test(resize, same_size_is_the_same_picture)
{
    enum { ROWS = 21, COLS = 43 };
    uint8_t *picture = make_picture((size_t)ROWS * COLS), out[ROWS * COLS];
    hpac_resizer *resizer = make_resizer(ROWS, COLS, ROWS, COLS);
    hpac_resize_u8(resizer, picture, out, 1);
    cr_assert_arr_eq(out, picture, sizeof out);
    hpac_resizer_destroy(resizer);
    free(picture);
}

/* Weights that sum to a hair more than one must not wrap 255 around, nor leave 0..1. */
Test(resize, white_stays_white_and_black_black)
{
    static const size_t sizes[][2] = {{512, 128}, {96, 33}, {96, 100}, {50, 1}, {1, 9}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t in = sizes[s][0], out = sizes[s][1];
        uint8_t *picture = malloc(in * in), *bytes = malloc(out * out);
        float *floats = malloc(out * out * sizeof *floats);
        hpac_resizer *resizer = make_resizer(in, in, out, out);
        for (int white = 0; white <= 1; white++) {
            memset(picture, white * 255, in * in);
            hpac_resize_u8(resizer, picture, bytes, 1);
            hpac_resize_f32(resizer, picture, floats, 1);
            for (size_t i = 0; i < out * out; i++) {
                cr_assert_eq(bytes[i], white * 255);
                cr_assert(floats[i] <= 1 && fabsf(floats[i] - (float)white) <= 1e-6f);
            }
        }
        hpac_resizer_destroy(resizer);
        free(floats);
        free(bytes);
        free(picture);
    }
}
