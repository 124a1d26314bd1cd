/*
 * Sixteen rows of a PNG unfiltered at once.
 *
 * Average and Paeth need the pixel to the left, so that a row alone is one long chain. But row r +
 * 1 can follow row r one pixel behind: lane i of a vector holds row i, and at step t works at
 * column t - i. What is above a lane's pixel is then what the lane before it made one step ago,
 * what is above to the left the same two steps ago.
 *
 *     step t:   row 0   . . . . a x          x: made now   a: one step ago
 *               row 1   . . . a x
 *               row 2   . . a x
 *
 * Each lane has its own row's filter, by masks. Blocks of sixteen columns are turned on their side
 * on the way in and out; the slant costs nothing, being in the addresses.
 */
#include "png_internal.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

typedef struct masks {
    __m128i sub, up, average, paeth; /* 0xff in the lanes whose row has this filter */
} masks;

static masks read_filters(const uint8_t *raw, size_t stride)
{
    uint8_t filters[16];
    for (size_t i = 0; i < 16; i++)
        filters[i] = raw[i * stride];
    __m128i kinds = _mm_loadu_si128((const __m128i *)filters);
    return (masks){.sub = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(1)),
                   .up = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(2)),
                   .average = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(3)),
                   .paeth = _mm_cmpeq_epi8(kinds, _mm_set1_epi8(4))};
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
static inline __m128i predict_paeth(__m128i a, __m128i b, __m128i c)
{
    __m128i b_over = _mm_subs_epu8(b, c), b_under = _mm_subs_epu8(c, b);
    __m128i a_over = _mm_subs_epu8(a, c), a_under = _mm_subs_epu8(c, a);
    __m128i over = _mm_adds_epu8(a_over, b_over), under = _mm_adds_epu8(a_under, b_under);
    __m128i to_a = _mm_or_si128(b_over, b_under);
    __m128i to_b = _mm_or_si128(a_over, a_under);
    __m128i to_c = _mm_or_si128(_mm_subs_epu8(over, under), _mm_subs_epu8(under, over));
    __m128i least = _mm_min_epu8(_mm_min_epu8(to_a, to_b), to_c);
    __m128i b_or_c = choose(_mm_cmpeq_epi8(to_b, least), b, c);
    return choose(_mm_cmpeq_epi8(to_a, least), a, b_or_c);
}

static inline __m128i predict(const masks *filters, __m128i a, __m128i b, __m128i c)
{
    __m128i odd = _mm_and_si128(_mm_xor_si128(a, b), _mm_set1_epi8(1));
    __m128i average = _mm_sub_epi8(_mm_avg_epu8(a, b), odd); /* avg rounds up */
    __m128i simple = _mm_or_si128(_mm_and_si128(filters->sub, a), _mm_and_si128(filters->up, b));
    __m128i chained = _mm_or_si128(_mm_and_si128(filters->average, average),
                                   _mm_and_si128(filters->paeth, predict_paeth(a, b, c)));
    return _mm_or_si128(simple, chained);
}

/* Columns first .. first + 15 of a row, 0 where it has none. */
static __m128i load_clipped(const uint8_t *row, ptrdiff_t first, ptrdiff_t cols)
{
    uint8_t bytes[16] = {0};
    for (ptrdiff_t k = 0; k < 16; k++)
        if (first + k >= 0 && first + k < cols)
            bytes[k] = row[first + k];
    return _mm_loadu_si128((const __m128i *)bytes);
}

static void store_clipped(__m128i v, uint8_t *row, ptrdiff_t first, ptrdiff_t cols)
{
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, v);
    for (ptrdiff_t k = 0; k < 16; k++)
        if (first + k >= 0 && first + k < cols)
            row[first + k] = bytes[k];
}

bool png_unfilter_wave(const uint8_t *raw, const uint8_t *above, size_t cols, uint8_t *pixels)
{
    const masks filters = read_filters(raw, 1 + cols);
    const __m128i first_lane = _mm_setr_epi8(-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const ptrdiff_t width = (ptrdiff_t)cols;
    __m128i left = _mm_setzero_si128(), above_left = _mm_setzero_si128();
    for (ptrdiff_t t = 0; t < width + 15; t += 16) {
        bool whole = t >= 16 && t + 16 <= width; /* of every row */
        __m128i block[16];
        for (ptrdiff_t i = 0; i < 16; i++) {
            const uint8_t *row = raw + i * (1 + width) + 1;
            block[i] = whole ? _mm_loadu_si128((const __m128i *)(row + t - i))
                             : load_clipped(row, t - i, width);
        }
        transpose(block);
        __m128i ceiling =
            whole ? _mm_loadu_si128((const __m128i *)(above + t)) : load_clipped(above, t, width);
        for (int s = 0; s < 16; s++) {
            __m128i up = _mm_or_si128(_mm_slli_si128(left, 1), _mm_and_si128(ceiling, first_lane));
            ceiling = _mm_srli_si128(ceiling, 1);
            left = _mm_add_epi8(block[s], predict(&filters, left, up, above_left));
            above_left = up;
            block[s] = left;
        }
        transpose(block);
        for (ptrdiff_t i = 0; i < 16; i++) {
            uint8_t *row = pixels + i * width;
            if (whole)
                _mm_storeu_si128((__m128i *)(row + t - i), block[i]);
            else
                store_clipped(block[i], row, t - i, width);
        }
    }
    return true;
}

#else

bool png_unfilter_wave(const uint8_t *raw, const uint8_t *above, size_t cols, uint8_t *pixels)
{
    (void)raw, (void)above, (void)cols, (void)pixels;
    return false;
}

#endif
