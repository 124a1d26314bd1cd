/*
 * Any valid PNG to 8-bit gray, by libpng.
 *
 * libpng is asked for plain 8-bit samples without alpha, gray or RGB; colour is weighed here,
 * because libpng's own conversion goes through linear light when a file carries a gamma. Interlaced
 * files are read pass by pass and scattered, so that one row is all the memory this takes. Chunks
 * that do not bear on the samples are never parsed.
 *
 * libpng reports errors by longjmp: run() holds the only setjmp, and everything that lives across
 * it is in the job, outside the jumping functions' frames.
 */
#include "png_error.h"
#include "png_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct job {
    const png_source *source;
    hpac_image *image;
    png_structp png;
    png_infop info;
    uint8_t *row; /* one row of samples */
    size_t at;    /* read so far */
    png_complaint complaint;
} job;

static void on_read(png_structp png, png_bytep bytes, size_t nbytes)
{
    job *work = png_get_io_ptr(png);
    if (nbytes > work->source->nbytes - work->at)
        png_error(png, "truncated, the file ends too early");
    memcpy(bytes, work->source->bytes + work->at, nbytes);
    work->at += nbytes;
}

/* Weights of ITU-R BT.601 in 16-bit fixed point, rounded to nearest: 0.299, 0.587, 0.114. */
static uint8_t gray_of(const uint8_t rgb[3])
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

/* Reads the rows of one pass and puts its pixels where they belong. A file that is not interlaced
 * has one pass with every pixel. */
static void read_pass(job *work, size_t channels, size_t row_start, size_t row_step,
                      size_t col_start, size_t col_step)
{
    size_t rows = (size_t)work->image->rows, cols = (size_t)work->image->cols;
    if (col_start >= cols)
        return; /* an empty pass has no rows in the file either */
    for (size_t row = row_start; row < rows; row += row_step) {
        png_read_row(work->png, work->row, NULL);
        const uint8_t *sample = work->row;
        uint8_t *pixels = work->image->pixels + row * cols;
        for (size_t col = col_start; col < cols; col += col_step, sample += channels)
            pixels[col] = channels == 3 ? gray_of(sample) : sample[0];
    }
}

static void read_passes(job *work, size_t channels)
{
    if (!work->source->header.interlaced) {
        read_pass(work, channels, 0, 1, 0, 1);
        return;
    }
    for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++)
        read_pass(work, channels, (size_t)PNG_PASS_START_ROW(pass),
                  (size_t)PNG_PASS_ROW_OFFSET(pass), (size_t)PNG_PASS_START_COL(pass),
                  (size_t)PNG_PASS_COL_OFFSET(pass));
}

static void ask_for_plain_samples(png_structp png)
{
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_palette_to_rgb(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
}

/* Jumps out on errors. */
static void read_picture(job *work)
{
    png_structp png = work->png;
    png_set_user_limits(png, HPAC_IMAGE_MAX_SIDE, HPAC_IMAGE_MAX_SIDE);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_fn(png, work, on_read);
    png_read_info(png, work->info);
    ask_for_plain_samples(png);
    png_read_update_info(png, work->info);
    size_t channels = png_get_channels(png, work->info);
    if ((channels != 1 && channels != 3) || png_get_bit_depth(png, work->info) != 8)
        png_error(png, "libpng left samples that are not 8-bit gray or RGB");
    work->row = png_malloc(png, png_get_rowbytes(png, work->info));
    /* A wrong checksum of the pixels, or bytes after their end, would be mere warnings. */
    png_set_benign_errors(png, 0);
    read_passes(work, channels);
    png_set_benign_errors(png, 1);
    png_read_end(png, NULL);
}

static hpac_status run(job *work)
{
    if (setjmp(png_jmpbuf(work->png)))
        return hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: %s", work->source->name,
                         work->complaint.reason);
    read_picture(work);
    return HPAC_OK;
}

hpac_status png_decode_libpng(const png_source *source, hpac_image *image)
{
    job work = {.source = source, .image = image};
    hpac_status status;
    work.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &work.complaint, on_png_error,
                                      on_png_warning);
    work.info = work.png ? png_create_info_struct(work.png) : NULL;
    if (work.info)
        status = run(&work);
    else
        status = hpac_fail(HPAC_ERR_INTERNAL, "%s: libpng does not start (out of memory?)",
                           source->name);
    if (work.png)
        png_free(work.png, work.row);
    png_destroy_read_struct(&work.png, &work.info, NULL);
    return status;
}
