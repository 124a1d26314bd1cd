/*
 * PNG's row filters in reverse, for one byte per pixel (standard, section 9):
 *
 *     x = filtered + predictor(a, b, c)      c b    a: left, b: above, c: above left; 0 outside
 *                                            a x
 */
#include "png_internal.h"

#include <string.h>

enum { NONE, SUB, UP, AVERAGE, PAETH, FILTER_COUNT };

enum { WAVE = 16 }; /* rows that are unfiltered at once */

#if defined(__SSE2__)
#include <emmintrin.h>

static __m128i load(const uint8_t *bytes)
{
    return _mm_loadu_si128((const __m128i *)bytes);
}

static void store(uint8_t *bytes, __m128i v)
{
    _mm_storeu_si128((__m128i *)bytes, v);
}

/* Byte 15 in all bytes. */
static inline __m128i broadcast_last(__m128i v)
{
    __m128i high = _mm_shufflehi_epi16(_mm_unpackhi_epi8(v, v), 0xff);
    return _mm_shuffle_epi32(high, 0xff);
}

/* A running sum: inside 16 bytes by doubling shifts, then the sum so far onto all. Returns how many
 * columns are done. */
static size_t unfilter_sub_blocks(const uint8_t *in, size_t cols, uint8_t *out)
{
    __m128i carry = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 16 <= cols; i += 16) {
        __m128i x = load(in + i);
        x = _mm_add_epi8(x, _mm_slli_si128(x, 1));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 2));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 4));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 8));
        store(out + i, _mm_add_epi8(x, carry));
        carry = _mm_add_epi8(carry, broadcast_last(x));
    }
    return i;
}

/*
 * Sixteen rows at once. Average and Paeth need the pixel to the left, so that a row alone is one
 * long chain. But row r + 1 can follow row r one pixel behind: lane i of a vector holds row i, and
 * at step t works at column t - i. What is above a lane's pixel is then what the lane before it
 * made one step ago, what is above to the left the same two steps ago.
 *
 *     step t:   row 0   . . . . a x          x: made now   a: one step ago
 *               row 1   . . . a x
 *               row 2   . . a x
 *
 * Each lane has its own row's filter, by masks. Blocks of sixteen columns are transposed on the way
 * in and out; the slant costs nothing, being in the addresses.
 */
typedef struct masks {
    __m128i sub, up, average, paeth; /* 0xff in the lanes whose row has this filter */
} masks;

static masks read_filters(const uint8_t *raw, size_t stride)
{
    uint8_t filters[WAVE];
    for (size_t i = 0; i < WAVE; i++)
        filters[i] = raw[i * stride];
    __m128i kinds = load(filters);
    return (masks){.sub = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(SUB)),
                   .up = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(UP)),
                   .average = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(AVERAGE)),
                   .paeth = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(PAETH))};
}

/* Four rounds of riffling the upper half of the vectors into the lower. */
static inline void transpose(__m128i v[16])
{
    for (int round = 0; round < 4; round++) {
        __m128i t[16];
        for (size_t i = 0; i < 8; i++) {
            t[2 * i] = _mm_unpacklo_epi8(v[i], v[i + 8]);
            t[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + 8]);
        }
        memcpy(v, t, sizeof t);
    }
}

static inline __m128i choose(__m128i mask, __m128i yes, __m128i no)
{
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/* Distances of p = a + b - c: to a it is |b - c|, to b |a - c|, to c |(b - c) + (a - c)|, here from
 * the positive and negative parts of the two differences. Saturation does no harm: only distances
 * that lose are cut. */
static inline __m128i predict_paeth_wave(__m128i a, __m128i b, __m128i c)
{
    __m128i b_over = _mm_subs_epu8(b, c), b_under = _mm_subs_epu8(c, b);
    __m128i a_over = _mm_subs_epu8(a, c), a_under = _mm_subs_epu8(c, a);
    __m128i over = _mm_adds_epu8(a_over, b_over), under = _mm_adds_epu8(a_under, b_under);
    __m128i to_a = _mm_or_si128(b_over, b_under);
    __m128i to_b = _mm_or_si128(a_over, a_under);
    __m128i to_c = _mm_or_si128(_mm_subs_epu8(over, under), _mm_subs_epu8(under, over));
    __m128i min = _mm_min_epu8(_mm_min_epu8(to_a, to_b), to_c);
    __m128i b_or_c = choose(_mm_cmpeq_epi8(to_b, min), b, c);
    return choose(_mm_cmpeq_epi8(to_a, min), a, b_or_c);
}

static inline __m128i predict(const masks *filters, __m128i a, __m128i b, __m128i c)
{
    __m128i odd = _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1));
    __m128i average = _mm_sub_epi8(_mm_avg_epu8(a, b), odd); /* avg rounds up */
    __m128i simple = _mm_or_si128(_mm_and_si128(filters->sub, a), _mm_and_si128(filters->up, b));
    __m128i chained = _mm_or_si128(_mm_and_si128(filters->average, average),
                                   _mm_and_si128(filters->paeth, predict_paeth_wave(a, b, c)));
    return _mm_or_si128(simple, chained);
}

/* Columns first .. first + 15 of a row, 0 where it has none. */
static __m128i load_clipped(const uint8_t *row, ptrdiff_t first, ptrdiff_t cols)
{
    uint8_t bytes[16] = {0};
    for (ptrdiff_t k = 0; k < 16; k++)
        if (first + k >= 0 && first + k < cols)
            bytes[k] = row[first + k];
    return load(bytes);
}

static void store_clipped(__m128i v, uint8_t *row, ptrdiff_t first, ptrdiff_t cols)
{
    uint8_t bytes[16];
    store(bytes, v);
    for (ptrdiff_t k = 0; k < 16; k++)
        if (first + k >= 0 && first + k < cols)
            row[first + k] = bytes[k];
}

/* Whether the wave pays for these WAVE rows. It takes as long as little more than one row of
 * Average or Paeth alone; the other filters are quick row by row. */
static bool wants_wave(const uint8_t *raw, size_t stride)
{
    int chained = 0;
    for (size_t row = 0; row < WAVE; row++) {
        if (raw[row * stride] >= FILTER_COUNT)
            return false;
        chained += raw[row * stride] >= AVERAGE;
    }
    return chained >= 2;
}

/* WAVE rows, the row `above` them given. False: nothing was done. */
static bool unfilter_wave(const uint8_t *raw, const uint8_t *above, ptrdiff_t cols, uint8_t *pixels)
{
    if (!wants_wave(raw, 1 + (size_t)cols))
        return false;
    const masks filters = read_filters(raw, 1 + (size_t)cols);
    const __m128i first_lane = _mm_setr_epi8(-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    __m128i left = _mm_setzero_si128(), above_left = _mm_setzero_si128();
    for (ptrdiff_t t = 0; t < cols + 15; t += 16) {
        bool whole = t >= 16 && t + 16 <= cols; /* of every row */
        __m128i block[16];
        for (ptrdiff_t i = 0; i < 16; i++) {
            const uint8_t *row = raw + i * (1 + cols) + 1;
            block[i] = whole ? load(row + t - i) : load_clipped(row, t - i, cols);
        }
        transpose(block);
        __m128i ceiling = whole ? load(above + t) : load_clipped(above, t, cols);
        for (int s = 0; s < 16; s++) {
            __m128i up = _mm_or_si128(_mm_slli_si128(left, 1), _mm_and_si128(ceiling, first_lane));
            ceiling = _mm_srli_si128(ceiling, 1);
            left = _mm_add_epi8(block[s], predict(&filters, left, up, above_left));
            above_left = up;
            block[s] = left;
        }
        transpose(block);
        for (ptrdiff_t i = 0; i < 16; i++) {
            uint8_t *row = pixels + i * cols;
            if (whole)
                store(row + t - i, block[i]);
            else
                store_clipped(block[i], row, t - i, cols);
        }
    }
    return true;
}

#else

static size_t unfilter_sub_blocks(const uint8_t *in, size_t cols, uint8_t *out)
{
    (void)in, (void)cols, (void)out;
    return 0;
}

static bool unfilter_wave(const uint8_t *raw, const uint8_t *above, ptrdiff_t cols, uint8_t *pixels)
{
    (void)raw, (void)above, (void)cols, (void)pixels;
    return false;
}

#endif

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

static bool unfilter_row(const uint8_t *raw, const uint8_t *above, size_t cols, uint8_t *out)
{
    const uint8_t *in = raw + 1;
    uint8_t left = 0, above_left = 0;
    switch (raw[0]) {
    case NONE:
        memcpy(out, in, cols);
        return true;
    case SUB:
        for (size_t i = unfilter_sub_blocks(in, cols, out); i < cols; i++)
            out[i] = (uint8_t)(in[i] + (i > 0 ? out[i - 1] : 0));
        return true;
    case UP:
        for (size_t i = 0; i < cols; i++)
            out[i] = (uint8_t)(in[i] + above[i]);
        return true;
    case AVERAGE:
        for (size_t i = 0; i < cols; i++)
            out[i] = left = (uint8_t)(in[i] + ((left + above[i]) >> 1));
        return true;
    case PAETH:
        for (size_t i = 0; i < cols; i++) {
            out[i] = left = (uint8_t)(in[i] + predict_paeth(left, above[i], above_left));
            above_left = above[i];
        }
        return true;
    default:
        return false;
    }
}

bool png_unfilter(const uint8_t *raw, const uint8_t *zeros, size_t rows, size_t cols,
                  uint8_t *pixels)
{
    const uint8_t *above = zeros;
    for (size_t left = rows, done = 1; left > 0; left -= done) {
        done = left >= WAVE && unfilter_wave(raw, above, (ptrdiff_t)cols, pixels) ? WAVE : 1;
        if (done == 1 && !unfilter_row(raw, above, cols, pixels))
            return false;
        raw += done * (1 + cols);
        pixels += done * cols;
        above = pixels - cols;
    }
    return true;
}
