/*
 * The bodies of resize_kernels.c, included once for each instruction set, with
 *
 *     LOOPS(name)  the function's name for this set
 *     TARGET       its target attribute
 *     WIDTH        floats in one of its vectors
 *
 * which it undefines.
 * (Not target_clones: gcc breaks vectors wider than the baseline's into pieces before it clones.)
 */
typedef float LOOPS(wide) __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

/* sums[row][column] += weights * input rows, for the rows of a strip and a block of columns. The
 * input rows i0 .. i0 + row_count - 1 are there as floats. Taps are added in their order. */
TARGET static void LOOPS(add_rows)(const resize_axis *axis, size_t first, size_t count,
                                   float (*rows)[RESIZE_BLOCK], size_t i0, size_t row_count,
                                   float (*sums)[RESIZE_BLOCK])
{
    enum { PARTS = RESIZE_BLOCK / WIDTH };
    for (size_t k = 0; k < count; k++) {
        size_t start = axis->starts[first + k], end = start + axis->taps;
        size_t from = start > i0 ? start : i0, to = end < i0 + row_count ? end : i0 + row_count;
        const float *weights = axis->weights + (first + k) * axis->taps;
        LOOPS(wide) sum[PARTS];
        for (size_t j = 0; j < PARTS; j++)
            sum[j] = *(LOOPS(wide) *)(sums[k] + WIDTH * j);
        for (size_t i = from; i < to; i++)
            for (size_t j = 0; j < PARTS; j++)
                sum[j] += weights[i - start] * *(LOOPS(wide) *)(rows[i - i0] + WIDTH * j);
        for (size_t j = 0; j < PARTS; j++)
            *(LOOPS(wide) *)(sums[k] + WIDTH * j) = sum[j];
    }
}

/* out[c * RESIZE_STRIP + r] = in[r][c], 4 x 4. */
TARGET static void LOOPS(transpose4)(float (*in)[RESIZE_BLOCK], size_t at, float *out)
{
    floats4 a = *(floats4 *)(in[0] + at), b = *(floats4 *)(in[1] + at);
    floats4 c = *(floats4 *)(in[2] + at), d = *(floats4 *)(in[3] + at);
    floats4 ac_low = SHUFFLE(a, c, 0, 4, 1, 5);
    floats4 ac_high = SHUFFLE(a, c, 2, 6, 3, 7);
    floats4 bd_low = SHUFFLE(b, d, 0, 4, 1, 5);
    floats4 bd_high = SHUFFLE(b, d, 2, 6, 3, 7);
    *(floats4 *)out = SHUFFLE(ac_low, bd_low, 0, 4, 1, 5);
    *(floats4 *)(out + RESIZE_STRIP) = SHUFFLE(ac_low, bd_low, 2, 6, 3, 7);
    *(floats4 *)(out + 2 * RESIZE_STRIP) = SHUFFLE(ac_high, bd_high, 0, 4, 1, 5);
    *(floats4 *)(out + 3 * RESIZE_STRIP) = SHUFFLE(ac_high, bd_high, 2, 6, 3, 7);
}

TARGET static void LOOPS(filter_rows)(const resize_axis *axis, size_t first, size_t count,
                                      const uint8_t *in, size_t in_cols, float *columns)
{
    float rows[ROW_CHUNK][RESIZE_BLOCK], sums[RESIZE_STRIP][RESIZE_BLOCK];
    size_t end = axis->starts[first + count - 1] + axis->taps;
    memset(rows, 0, sizeof rows); /* what a narrow last block does not fill must be numbers */
    for (size_t at = 0; at < in_cols; at += RESIZE_BLOCK) {
        size_t width = in_cols - at < RESIZE_BLOCK ? in_cols - at : RESIZE_BLOCK;
        memset(sums, 0, sizeof sums);
        for (size_t i0 = axis->starts[first]; i0 < end; i0 += ROW_CHUNK) {
            size_t row_count = end - i0 < ROW_CHUNK ? end - i0 : ROW_CHUNK;
            for (size_t i = 0; i < row_count; i++) {
                const uint8_t *bytes = in + (i0 + i) * in_cols + at;
                for (size_t c = 0; c < width; c++)
                    rows[i][c] = bytes[c];
            }
            LOOPS(add_rows)(axis, first, count, rows, i0, row_count, sums);
        }
        for (size_t c = 0; c < RESIZE_BLOCK; c += 4)
            for (size_t r = 0; r < RESIZE_STRIP; r += 4)
                LOOPS(transpose4)(sums + r, c, columns + (at + c) * RESIZE_STRIP + r);
    }
}

TARGET static void LOOPS(filter_cols)(const resize_axis *axis, const float *columns, float *strip)
{
    enum { PARTS = RESIZE_STRIP / WIDTH };
    for (size_t o = 0; o < axis->out; o++) {
        const float *weights = axis->weights + o * axis->taps;
        const float *from = columns + axis->starts[o] * RESIZE_STRIP;
        LOOPS(wide) sum[PARTS] = {0};
        for (size_t t = 0; t < axis->taps; t++, from += RESIZE_STRIP)
            for (size_t j = 0; j < PARTS; j++)
                sum[j] += weights[t] * *(const LOOPS(wide) *)(from + WIDTH * j);
        for (size_t j = 0; j < PARTS; j++)
            *(LOOPS(wide) *)(strip + o * RESIZE_STRIP + WIDTH * j) = sum[j];
    }
}

/* Rounding errors of the weights must not lead out of the range. */
TARGET static void LOOPS(to_u8)(const float *values, size_t count, uint8_t *bytes)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(int)((values[i] < 255 ? values[i] : 255) + 0.5f);
}

TARGET static void LOOPS(to_unit)(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (values[i] < 255 ? values[i] : 255) / 255;
}

#undef LOOPS
#undef TARGET
#undef WIDTH
