/*
 * PNGs by libpng: any valid file to 8-bit gray, and writing.
 *
 * libpng is asked for plain 8 or 16-bit samples, gray or RGB; they are turned to gray here, because
 * libpng's own conversion goes through linear light when a file carries a gamma, and mixes the
 * colors of a stain's file. Which conversion a file needs is known after its last sample only: it
 * is decoded by the likely one, and once more if that was not right (image.h has the rules).
 * Interlaced files are read pass by pass and scattered, so that one row is all the memory this
 * takes. Chunks that do not bear on the samples are never parsed.
 *
 * libpng reports errors by longjmp: decode() and write_stream() have the only setjmp, and what
 * lives across it is in the job, outside the jumping functions' frames.
 */
#include "png_internal.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <png.h>
#include <string.h>
#include <zlib.h>

/* The error pointer of libpng's structs: the first error's text. Warnings are dropped, unless
 * `strict` makes errors of them. */
typedef struct png_complaint {
    char reason[128];
    bool strict;
} png_complaint;

static void on_error(png_structp png, png_const_charp message)
{
    png_complaint *complaint = png_get_error_ptr(png);
    snprintf(complaint->reason, sizeof complaint->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    const png_complaint *complaint = png_get_error_ptr(png);
    if (complaint->strict && !strstr(message, "Extra compressed data"))
        on_error(png, message);
}

enum { LUMA = -1, BRIGHTEST = HPAC_STAIN_NONE }; /* other sources are an hpac_stain */

typedef struct read_job {
    const png_source *source;
    hpac_image *image;
    png_structp png;
    png_infop info;
    uint8_t *row; /* one row of samples */
    size_t at;    /* read so far */
    png_complaint complaint;

    /* The conversion. */
    int color_source;
    unsigned white; /* the sample that becomes 255 */
    /* What the samples are like. */
    unsigned max_sample;
    unsigned used_colors;      /* bit c: color c is not 0 everywhere */
    unsigned unequal_pairs;    /* bit 0: red and green differ somewhere, 1: green and blue, 2: blue
                                  and red */
    unsigned significant_bits; /* by sBIT; 0: not declared */
} read_job;

/* 16 bits to 8: v * 255 / white, rounded; with white 65535 libpng's png_set_scale_16. */
static uint8_t read_sample(read_job *work, const uint8_t *sample, size_t sample_nbytes)
{
    if (sample_nbytes == 1)
        return sample[0];
    unsigned value = (unsigned)sample[0] << 8 | sample[1];
    if (value > work->max_sample)
        work->max_sample = value;
    unsigned scaled = (value * 255 + work->white / 2) / work->white;
    return (uint8_t)(scaled < 255 ? scaled : 255);
}

static uint8_t gray_of(read_job *work, unsigned red, unsigned green, unsigned blue)
{
    unsigned brightest = red > green ? red : green;
    brightest = brightest > blue ? brightest : blue;
    work->used_colors |= (red ? 1u : 0) | (green ? 2u : 0) | (blue ? 4u : 0);
    work->unequal_pairs |=
        (red != green ? 1u : 0) | (green != blue ? 2u : 0) | (blue != red ? 4u : 0);
    switch (work->color_source) {
    case HPAC_STAIN_RED:
        return (uint8_t)red;
    case HPAC_STAIN_GREEN:
        return (uint8_t)green;
    case HPAC_STAIN_BLUE:
        return (uint8_t)blue;
    case HPAC_STAIN_YELLOW:
        return (uint8_t)((red + green + 1) / 2);
    case LUMA: /* BT.601 in 16-bit fixed point, rounded to nearest: 0.299, 0.587, 0.114 */
        return (uint8_t)((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
    default:
        return (uint8_t)brightest;
    }
}

/* Whether every pixel is a shade of one and the same color. */
static bool has_one_color(const read_job *work)
{
    static const unsigned pairs[3] = {1 | 2, 2 | 4, 4 | 1}; /* of used_colors */
    for (int i = 0; i < 3; i++)
        if ((work->unequal_pairs >> i & 1) && (work->used_colors & pairs[i]) == pairs[i])
            return false;
    return true;
}

/* Sets conversion and remarks by what the first pass saw. True: the file must be decoded again. */
static bool revise(read_job *work)
{
    hpac_image *image = work->image;
    unsigned bits = work->significant_bits;
    /* By the standard, samples of fewer bits are scaled to 16; microscopes leave them unscaled. */
    bool is_unscaled = bits > 0 && bits < 16 && work->max_sample >> bits == 0;
    if (work->max_sample > 0 && work->max_sample >> 14 == 0)
        image->remarks |= is_unscaled ? HPAC_REMARK_SCALED : HPAC_REMARK_DIM;
    image->max_sample = work->max_sample;
    if (is_unscaled)
        work->white = (1u << bits) - 1;
    if (has_one_color(work))
        return is_unscaled;
    image->remarks |= HPAC_REMARK_MIXED_COLORS;
    work->color_source = image->stain == HPAC_STAIN_NONE ? LUMA : (int)image->stain;
    return true;
}

static void on_read(png_structp png, png_bytep bytes, size_t nbytes)
{
    read_job *work = png_get_io_ptr(png);
    if (nbytes > work->source->nbytes - work->at)
        png_error(png, "truncated, the file ends too early");
    memcpy(bytes, work->source->bytes + work->at, nbytes);
    work->at += nbytes;
}

/* Reads the rows of one pass and puts its pixels where they belong. A file that is not interlaced
 * has one pass with every pixel. */
static void read_pass(read_job *work, size_t channels, size_t row_start, size_t row_step,
                      size_t col_start, size_t col_step)
{
    size_t rows = work->image->rows, cols = work->image->cols;
    size_t sample_nbytes = work->source->header.bit_depth == 16 ? 2 : 1;
    if (col_start >= cols)
        return; /* an empty pass has no rows in the file either */
    for (size_t row = row_start; row < rows; row += row_step) {
        png_read_row(work->png, work->row, NULL);
        const uint8_t *pixel = work->row;
        uint8_t *pixels = work->image->pixels + row * cols;
        for (size_t col = col_start; col < cols; col += col_step) {
            uint8_t samples[3] = {0};
            for (size_t c = 0; c < channels; c++, pixel += sample_nbytes)
                samples[c] = read_sample(work, pixel, sample_nbytes);
            pixels[col] =
                channels == 3 ? gray_of(work, samples[0], samples[1], samples[2]) : samples[0];
        }
    }
}

static void read_passes(read_job *work, size_t channels)
{
    if (!work->source->header.interlaced)
        read_pass(work, channels, 0, 1, 0, 1);
    for (int i = 0; work->source->header.interlaced && i < PNG_INTERLACE_ADAM7_PASSES; i++)
        read_pass(work, channels, PNG_PASS_START_ROW(i), 1 << PNG_PASS_ROW_SHIFT(i),
                  PNG_PASS_START_COL(i), 1 << PNG_PASS_COL_SHIFT(i));
}

/* Jumps out on errors. */
static void read_image(read_job *work)
{
    png_structp png = work->png;
    int bit_depth = work->source->header.bit_depth == 16 ? 16 : 8;
    png_set_user_limits(png, HPAC_IMAGE_MAX_SIDE, HPAC_IMAGE_MAX_SIDE);
    png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_chunk_malloc_max(png, 0); /* libpng 1.6.37 has a limit for skipped chunks, too */
    if (bit_depth == 16)
        png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "sBIT", 1);
    png_set_benign_errors(png, 1);
    png_set_read_fn(png, work, on_read);
    png_read_info(png, work->info);
    png_color_8p bits;
    if (png_get_sBIT(png, work->info, &bits))
        work->significant_bits =
            png_get_color_type(png, work->info) & PNG_COLOR_MASK_COLOR ? bits->green : bits->gray;
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_palette_to_rgb(png);
    png_set_strip_alpha(png);
    png_read_update_info(png, work->info);
    size_t channels = png_get_channels(png, work->info);
    if ((channels != 1 && channels != 3) || png_get_bit_depth(png, work->info) != bit_depth)
        png_error(png, "libpng left samples that are not gray or RGB of 8 or 16 bits");
    work->row = png_malloc(png, png_get_rowbytes(png, work->info));
    /* A wrong checksum of the pixels, or too many of them, would be mere warnings. */
    work->complaint.strict = true;
    read_passes(work, channels);
    work->complaint.strict = false;
    png_read_end(png, NULL);
}

static hpac_status decode(read_job *work)
{
    work->at = 0;
    work->row = NULL;
    work->complaint = (png_complaint){.strict = false};
    work->png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &work->complaint, on_error, on_warning);
    work->info = work->png ? png_create_info_struct(work->png) : NULL;
    hpac_status status = HPAC_OK;
    if (!work->info)
        status = hpac_fail(HPAC_ERR_INTERNAL, "%s: cannot start libpng", work->source->name);
    else if (setjmp(png_jmpbuf(work->png)) == 0)
        read_image(work);
    else
        status =
            hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: %s", work->source->name, work->complaint.reason);
    if (work->png)
        png_free(work->png, work->row);
    png_destroy_read_struct(&work->png, &work->info, NULL);
    return status;
}

hpac_status png_decode_libpng(const png_source *source, hpac_image *image)
{
    read_job work = {
        .source = source, .image = image, .color_source = BRIGHTEST, .white = UINT16_MAX};
    HPAC_TRY(decode(&work));
    return revise(&work) ? decode(&work) : HPAC_OK;
}

typedef struct write_job {
    const hpac_file *file;
    const uint8_t *pixels;
    size_t rows, cols, channels;
    png_complaint complaint;
} write_job;

static void on_write(png_structp png, png_bytep bytes, size_t nbytes)
{
    FILE *stream = png_get_io_ptr(png);
    if (fwrite(bytes, 1, nbytes, stream) != nbytes)
        png_error(png, strerror(errno));
}

/* Jumps out on errors. */
static void write_image(write_job *work, png_structp png, png_infop info)
{
    png_set_user_limits(png, HPAC_IMAGE_MAX_SIDE, HPAC_IMAGE_MAX_SIDE);
    png_set_write_fn(png, work->file->stream, on_write, NULL);
    /* Noise has runs but no repetitions: differences and run lengths alone give smaller files than
     * searching at zlib's level 1 does, in half the time; level 9 gains 8 % for ten times of it. */
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_compression_strategy(png, Z_RLE);
    png_set_IHDR(png, info, (png_uint_32)work->cols, (png_uint_32)work->rows, 8,
                 work->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t row = 0; row < work->rows; row++)
        png_write_row(png, work->pixels + row * work->cols * work->channels);
    png_write_end(png, info);
}

static hpac_status write_stream(write_job *work)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &work->complaint, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    hpac_status status = HPAC_OK;
    if (!info)
        status = hpac_fail(HPAC_ERR_INTERNAL, "%s: cannot start libpng", work->file->path);
    else if (setjmp(png_jmpbuf(png)) == 0)
        write_image(work, png, info);
    else
        status = hpac_fail(HPAC_ERR_DATA, "%s: cannot write: %s", work->file->path,
                           work->complaint.reason);
    png_destroy_write_struct(&png, &info);
    return status;
}

hpac_status hpac_png_write(const char *path, const uint8_t *pixels, size_t rows, size_t cols,
                           size_t channels)
{
    HPAC_AUTO(hpac_file_discard) hpac_file file = {0};
    HPAC_TRY(hpac_file_create(&file, path));
    write_job work = {
        .file = &file, .pixels = pixels, .rows = rows, .cols = cols, .channels = channels};
    HPAC_TRY(write_stream(&work));
    return hpac_file_commit(&file);
}
