/*
 * Speed of reading and resizing PNGs on one core: microseconds per image for reading and decoding,
 * for resizing, and for libdeflate's inflating alone, which is the floor.
 *
 *     build/bench/data_path ROWS COLS FILE.png...
 *
 * Prints one line "decode resize inflate", means of processor time over the files after a warm-up
 * round.
 * tools/bench/data_path.py compares it with other tools.
 */
#include "image/image.h"
#include "image/png_internal.h"
#include "image/resize.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec * 1e-3;
}

typedef struct bench {
    size_t rows, cols; /* asked for */
    hpac_png_decoder *decoder;
    hpac_resizer *resizer;
    hpac_image image;
    size_t in_rows, in_cols; /* the resizer's */
    uint8_t *out;
    double decode_us, resize_us, inflate_us; /* sums */
} bench;

/* The zlib stream of the last file, which the fast path left in the decoder if it has several
 * chunks; files of one chunk have it in place. */
static void inflate_again(bench *work)
{
    const uint8_t *chunk = work->decoder->file.bytes + PNG_HEAD_NBYTES;
    size_t nbytes = 0;
    const uint8_t *first = NULL;
    int chunks = 0;
    for (;;) {
        size_t length =
            (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
        if (memcmp(chunk + 4, "IEND", 4) == 0)
            break;
        if (memcmp(chunk + 4, "IDAT", 4) == 0) {
            first = first ? first : chunk + 8;
            nbytes += length;
            chunks++;
        }
        chunk += 12 + length;
    }
    size_t raw_nbytes = work->image.rows * (work->image.cols + 1);
    double start = now_us();
    enum libdeflate_result result = libdeflate_zlib_decompress(
        work->decoder->inflater, chunks > 1 ? work->decoder->idat.bytes : first, nbytes,
        work->decoder->raw.bytes, raw_nbytes, NULL);
    work->inflate_us += now_us() - start;
    if (result != LIBDEFLATE_SUCCESS) {
        fprintf(stderr, "data_path: not a file of the fast path\n");
        exit(3);
    }
}

static hpac_status measure(bench *work, const char *path)
{
    double start = now_us();
    hpac_status status = hpac_png_read(work->decoder, path, &work->image);
    if (status != HPAC_OK)
        return status;
    work->decode_us += now_us() - start;
    if (!work->resizer || work->in_rows != work->image.rows || work->in_cols != work->image.cols) {
        hpac_resizer_destroy(work->resizer);
        work->in_rows = work->image.rows;
        work->in_cols = work->image.cols;
        status = hpac_resizer_create(work->in_rows, work->in_cols, work->rows, work->cols,
                                     &work->resizer);
        if (status != HPAC_OK)
            return status;
    }
    start = now_us();
    hpac_resize_u8(work->resizer, work->image.pixels, work->out, 1);
    work->resize_us += now_us() - start;
    inflate_again(work);
    return HPAC_OK;
}

int main(int argc, char **argv)
{
    bench work = {.rows = argc > 3 ? strtoul(argv[1], NULL, 10) : 0,
                  .cols = argc > 3 ? strtoul(argv[2], NULL, 10) : 0};
    if (work.rows < 1 || work.cols < 1) {
        fprintf(stderr, "usage: data_path ROWS COLS FILE.png...\n");
        return 2;
    }
    work.out = malloc(work.rows * work.cols);
    hpac_status status = hpac_png_decoder_create(&work.decoder);
    for (int round = 0; round < 2 && status == HPAC_OK; round++) {
        work.decode_us = work.resize_us = work.inflate_us = 0;
        for (int i = 3; i < argc && status == HPAC_OK; i++)
            status = measure(&work, argv[i]);
    }
    int files = argc - 3;
    if (status == HPAC_OK)
        printf("%.1f %.1f %.1f\n", work.decode_us / files, work.resize_us / files,
               work.inflate_us / files);
    else
        fprintf(stderr, "data_path: %s\n", hpac_error_message());
    hpac_resizer_destroy(work.resizer);
    hpac_png_decoder_destroy(work.decoder);
    hpac_image_fini(&work.image);
    free(work.out);
    return (int)status;
}
