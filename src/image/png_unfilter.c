/*
 * PNG's row filters in reverse, for one byte per pixel (standard, section 9):
 *
 *     x = filtered + predictor(a, b, c)      c b    a: left, b: above, c: above left; 0 outside
 *                                            a x
 */
#include "png_internal.h"

#include <string.h>

static void unfilter_up(const uint8_t *in, const uint8_t *above, size_t cols, uint8_t *out)
{
    for (size_t i = 0; i < cols; i++)
        out[i] = (uint8_t)(in[i] + above[i]);
}

/* 16 bytes; arithmetic wraps, as filters want it. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static void unfilter_sub(const uint8_t *in, size_t cols, uint8_t *out)
{
    /* A running sum: inside 16 bytes by doubling shifts, then the last byte so far onto all. */
    const bytes16 zero = {0};
    bytes16 carry = zero;
    size_t i = 0;
    for (; i + 16 <= cols; i += 16) {
        bytes16 x;
        memcpy(&x, in + i, 16);
        x += __builtin_shufflevector(zero, x, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                                     29, 30);
        x += __builtin_shufflevector(zero, x, 0, 1, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                                     28, 29);
        x += __builtin_shufflevector(zero, x, 0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                                     26, 27);
        x += __builtin_shufflevector(zero, x, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22,
                                     23);
        x += carry;
        memcpy(out + i, &x, 16);
        carry = __builtin_shufflevector(x, x, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
                                        15, 15, 15);
    }
    uint8_t left = carry[0];
    for (; i < cols; i++)
        out[i] = left = (uint8_t)(in[i] + left);
}

static void unfilter_average(const uint8_t *in, const uint8_t *above, size_t cols, uint8_t *out)
{
    uint8_t left = 0;
    for (size_t i = 0; i < cols; i++)
        out[i] = left = (uint8_t)(in[i] + ((left + above[i]) >> 1));
}

/* Paeth's predictor, the one of a, b, c nearest to a + b - c, ties in that order, without branches:
 * a + b - c is nearest to the smaller of a and b when c is beyond the larger by enough, and the
 * other way round; in between, to c. */
static inline int predict_paeth(int a, int b, int c)
{
    int threshold = 3 * c - (a + b);
    int low = a < b ? a : b, high = a < b ? b : a;
    int best = high <= threshold ? low : c;
    return threshold <= low ? high : best;
}

static void unfilter_paeth(const uint8_t *in, const uint8_t *above, size_t cols, uint8_t *out)
{
    int left = 0, above_left = 0;
    for (size_t i = 0; i < cols; i++) {
        left = (in[i] + predict_paeth(left, above[i], above_left)) & 0xff;
        above_left = above[i];
        out[i] = (uint8_t)left;
    }
}

static bool unfilter_row(const uint8_t *raw, const uint8_t *above, size_t cols, uint8_t *pixels)
{
    switch (raw[0]) {
    case 0:
        memcpy(pixels, raw + 1, cols);
        return true;
    case 1:
        unfilter_sub(raw + 1, cols, pixels);
        return true;
    case 2:
        unfilter_up(raw + 1, above, cols, pixels);
        return true;
    case 3:
        unfilter_average(raw + 1, above, cols, pixels);
        return true;
    case 4:
        unfilter_paeth(raw + 1, above, cols, pixels);
        return true;
    default:
        return false;
    }
}

/* Whether the wave pays for these PNG_WAVE rows. It takes as long as little more than one row of
 * Average or Paeth alone; the other filters are quick row by row. */
static bool wants_wave(const uint8_t *raw, size_t stride)
{
    int chained = 0;
    for (size_t row = 0; row < PNG_WAVE; row++) {
        if (raw[row * stride] > 4)
            return false;
        chained += raw[row * stride] >= 3;
    }
    return chained >= 2;
}

bool png_unfilter(const uint8_t *raw, const uint8_t *zeros, int rows, int cols, uint8_t *pixels)
{
    size_t n = (size_t)cols, done = 1;
    const uint8_t *above = zeros;
    for (size_t left = (size_t)rows; left > 0; left -= done) {
        done = 1;
        if (left >= PNG_WAVE && wants_wave(raw, 1 + n) && png_unfilter_wave(raw, above, n, pixels))
            done = PNG_WAVE;
        else if (!unfilter_row(raw, above, n, pixels))
            return false;
        raw += done * (1 + n);
        pixels += done * n;
        above = pixels - n;
    }
    return true;
}
