/*
 * PNG files: opening, the header, and the fast path.
 *
 * The fast path takes 8-bit gray files that are not interlaced, as all files of the competition
 * are. The whole zlib stream is inflated at once by libdeflate, in less than half of zlib's time.
 * It accepts only files without an oddity that matters and leaves the rest to libpng, so that it
 * needs no messages of its own and cannot be more lenient. (One exception: libdeflate accepts a few
 * kinds of malformed Huffman tables that zlib refuses. Both checksums still vouch for the pixels.)
 */
#include "png_internal.h"

#include "base/file.h"
#include "base/file_kind.h"
#include "base/memory.h"

#include <errno.h>
#include <libdeflate.h>
#include <string.h>
#include <unistd.h>

/* No valid file of HPAC_IMAGE_MAX_PIXELS pixels needs more: 8 bytes per pixel (16-bit RGBA), and
 * the same again for a bad encoder and for text chunks. */
static const size_t max_file_nbytes = HPAC_IMAGE_MAX_PIXELS * 16;

/* Deflate's best case: two bits (a length of 258, a distance), 258 bytes. */
static const size_t max_inflate_ratio = 258 * 8 / 2;

/* Samples per pixel of each color type, and the sum of the bit depths that the standard allows. */
static const struct {
    uint8_t samples, depths;
} formats[7] = {
    [0] = {1, 1 + 2 + 4 + 8 + 16},
    [2] = {3, 8 + 16},
    [3] = {1, 1 + 2 + 4 + 8},
    [4] = {2, 8 + 16},
    [6] = {4, 8 + 16},
};

void hpac_image_fini(hpac_image *image)
{
    free(image->pixels);
    *image = (hpac_image){0};
}

/* Grows a buffer to `nbytes`; its content is lost. */
static hpac_status reserve(uint8_t **bytes, size_t *capacity_nbytes, size_t nbytes)
{
    if (nbytes <= *capacity_nbytes)
        return HPAC_OK;
    free(*bytes);
    *capacity_nbytes = 0;
    HPAC_TRY_MEMORY(*bytes = malloc(nbytes), nbytes);
    *capacity_nbytes = nbytes;
    return HPAC_OK;
}

static hpac_status buffer_reserve(png_buffer *buffer, size_t nbytes)
{
    return reserve(&buffer->bytes, &buffer->capacity_nbytes, nbytes);
}

hpac_status hpac_png_decoder_create(hpac_png_decoder **decoder)
{
    HPAC_TRY_NEW(*decoder, 1);
    (*decoder)->inflater = libdeflate_alloc_decompressor();
    if ((*decoder)->inflater)
        return HPAC_OK;
    free(*decoder);
    *decoder = NULL;
    return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for a decompressor");
}

void hpac_png_decoder_destroy(hpac_png_decoder *decoder)
{
    if (!decoder)
        return;
    libdeflate_free_decompressor(decoder->inflater);
    free(decoder->file.bytes);
    free(decoder->idat.bytes);
    free(decoder->raw.bytes);
    free(decoder);
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Samples per pixel of a color type at a bit depth; 0 for pairs the standard does not allow. */
static size_t samples_per_pixel(unsigned color_type, unsigned bit_depth)
{
    bool is_power = (bit_depth & (bit_depth - 1)) == 0;
    bool is_allowed = color_type <= 6 && is_power && (formats[color_type].depths & bit_depth);
    return is_allowed ? formats[color_type].samples : 0;
}

hpac_status png_parse_header(const char *name, const uint8_t *head, size_t file_nbytes,
                             png_header *header)
{
    static const uint8_t signature[8] = {137, 'P', 'N', 'G', '\r', '\n', 26, '\n'};
    if (file_nbytes == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: empty file, expected a PNG", name);
    if (memcmp(head, signature, file_nbytes < 8 ? file_nbytes : 8) != 0) {
        const char *kind = hpac_file_kind(head, file_nbytes);
        return hpac_fail(HPAC_ERR_DATA, "%s: not a PNG file%s%s", name,
                         kind ? ", but " : " (no PNG signature)", kind ? kind : "");
    }
    if (file_nbytes < PNG_HEAD_NBYTES)
        return hpac_fail(HPAC_ERR_DATA, "%s: truncated PNG: ends after %zu bytes, in its header",
                         name, file_nbytes);
    const uint8_t *ihdr = head + 12; /* type, then data */
    if (read_u32(head + 8) != 13 || memcmp(ihdr, "IHDR", 4) != 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: the first chunk is not IHDR", name);
    if (libdeflate_crc32(0, ihdr, 17) != read_u32(ihdr + 17))
        return hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: wrong checksum of IHDR", name);

    size_t cols = read_u32(ihdr + 4), rows = read_u32(ihdr + 8);
    if (rows == 0 || cols == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: %zu x %zu pixels", name, cols, rows);
    if (rows > HPAC_IMAGE_MAX_SIDE || cols > HPAC_IMAGE_MAX_SIDE ||
        rows * cols > HPAC_IMAGE_MAX_PIXELS)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: too large: %zu x %zu pixels, expected at most %zu, and %d per side",
                         name, cols, rows, HPAC_IMAGE_MAX_PIXELS, HPAC_IMAGE_MAX_SIDE);
    size_t samples = samples_per_pixel(ihdr[13], ihdr[12]);
    if (samples == 0 || ihdr[14] != 0 || ihdr[15] != 0 || ihdr[16] > 1)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: bad PNG: unknown format (bit depth %d, color type %d, compression "
                         "%d, filter %d, interlace %d)",
                         name, ihdr[12], ihdr[13], ihdr[14], ihdr[15], ihdr[16]);
    size_t row_nbytes = (cols * samples * ihdr[12] + 7) / 8;
    if (row_nbytes * rows / max_inflate_ratio > file_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: truncated PNG: %zu bytes cannot hold %zu x %zu pixels",
                         name, file_nbytes, cols, rows);
    *header = (png_header){.rows = rows,
                           .cols = cols,
                           .bit_depth = ihdr[12],
                           .color_type = ihdr[13],
                           .interlaced = ihdr[16] == 1};
    return HPAC_OK;
}

/* A chunk that can be passed over: four letters, the first small ("ancillary"), the third capital
 * ("reserved", which libpng does not check; other values are from the future). */
static bool is_ancillary(const uint8_t type[4])
{
    for (int i = 0; i < 4; i++) {
        uint8_t letter = type[i] & 0xdf;
        if (letter < 'A' || letter > 'Z')
            return false;
    }
    return (type[0] & 0x20) != 0 && (type[2] & 0x20) == 0;
}

typedef struct idat_span {
    const uint8_t *bytes;
    size_t nbytes;
} idat_span;

/* Appends a chunk's data. The first stays where it is in the file; from the second on they are
 * joined in the decoder's buffer, which is as large as the whole file. */
static bool join_idat(hpac_png_decoder *decoder, const png_source *source, const uint8_t *data,
                      uint32_t length, idat_span *span)
{
    if (!span->bytes) {
        *span = (idat_span){data, length};
        return true;
    }
    if (span->bytes != decoder->idat.bytes) {
        if (buffer_reserve(&decoder->idat, source->nbytes) != HPAC_OK)
            return false;
        memcpy(decoder->idat.bytes, span->bytes, span->nbytes);
        span->bytes = decoder->idat.bytes;
    }
    memcpy(decoder->idat.bytes + span->nbytes, data, length);
    span->nbytes += length;
    return true;
}

/* Walks the chunks after the header to IEND and gathers the IDAT data. Checksums of all chunks that
 * matter are verified. */
static bool gather_idat(hpac_png_decoder *decoder, const png_source *source, idat_span *span)
{
    bool idat_ended = false;
    size_t at = PNG_HEAD_NBYTES;
    while (source->nbytes - at >= 12) {
        const uint8_t *type = source->bytes + at + 4;
        uint32_t length = read_u32(source->bytes + at);
        if (length > source->nbytes - at - 12)
            return false;
        if (is_ancillary(type)) {
            idat_ended = span->bytes != NULL;
        } else {
            if (libdeflate_crc32(0, type, 4 + length) != read_u32(type + 4 + length))
                return false;
            if (memcmp(type, "IEND", 4) == 0)
                return length == 0 && span->bytes;
            if (memcmp(type, "IDAT", 4) != 0 || idat_ended ||
                !join_idat(decoder, source, type + 4, length, span))
                return false;
        }
        at += 12 + (size_t)length;
    }
    return false;
}

bool png_decode_fast(hpac_png_decoder *decoder, const png_source *source, hpac_image *image)
{
    const png_header *header = &source->header;
    if (header->bit_depth != 8 || header->color_type != 0 || header->interlaced)
        return false;
    idat_span zlib = {0};
    if (!gather_idat(decoder, source, &zlib) || zlib.nbytes == 0)
        return false;
    size_t raw_nbytes = header->rows * (1 + header->cols);
    if (buffer_reserve(&decoder->raw, raw_nbytes + header->cols) != HPAC_OK)
        return false;
    /* Bytes after the stream's end are ignored, as is the window that it declares: both checksums
     * vouch for the pixels, and decoders that refuse such files are the exception. */
    size_t used_nbytes;
    enum libdeflate_result result =
        libdeflate_zlib_decompress_ex(decoder->inflater, zlib.bytes, zlib.nbytes,
                                      decoder->raw.bytes, raw_nbytes, &used_nbytes, NULL);
    if (result != LIBDEFLATE_SUCCESS)
        return false;
    uint8_t *zeros = decoder->raw.bytes + raw_nbytes; /* the row above the first */
    memset(zeros, 0, header->cols);
    return png_unfilter(decoder->raw.bytes, zeros, header->rows, header->cols, image->pixels);
}

hpac_status hpac_png_decode(hpac_png_decoder *decoder, const char *name, const uint8_t *bytes,
                            size_t nbytes, hpac_image *image)
{
    png_source source = {.name = name, .bytes = bytes, .nbytes = nbytes};
    const png_header *header = &source.header;
    HPAC_TRY(png_parse_header(name, bytes, nbytes, &source.header));
    HPAC_TRY(reserve(&image->pixels, &image->capacity_nbytes, header->rows * header->cols));
    image->rows = header->rows;
    image->cols = header->cols;
    image->remarks = 0;
    if (png_decode_fast(decoder, &source, image))
        return HPAC_OK;
    return png_decode_libpng(&source, image);
}

static hpac_status open_file(const char *path, int *descriptor, size_t *nbytes)
{
    HPAC_TRY(hpac_file_open(path, descriptor, nbytes));
    if (*nbytes > max_file_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: too large: %zu bytes, expected at most %zu", path,
                         *nbytes, max_file_nbytes);
    return HPAC_OK;
}

/* Reads exactly `nbytes`. */
static hpac_status read_fully(const char *path, int descriptor, uint8_t *bytes, size_t nbytes)
{
    for (size_t done = 0; done < nbytes;) {
        ssize_t got = read(descriptor, bytes + done, nbytes - done);
        if (got < 0)
            return hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return hpac_fail(HPAC_ERR_DATA, "%s: truncated while being read", path);
        done += (size_t)got;
    }
    return HPAC_OK;
}

hpac_status hpac_png_probe(const char *path, size_t *rows, size_t *cols)
{
    HPAC_AUTO(hpac_descriptor_close) int descriptor = -1;
    uint8_t head[PNG_HEAD_NBYTES];
    size_t nbytes;
    png_header header;
    *rows = *cols = 0;
    HPAC_TRY(open_file(path, &descriptor, &nbytes));
    HPAC_TRY(read_fully(path, descriptor, head, nbytes < sizeof head ? nbytes : sizeof head));
    HPAC_TRY(png_parse_header(path, head, nbytes, &header));
    *rows = header.rows;
    *cols = header.cols;
    return HPAC_OK;
}

hpac_status hpac_png_read(hpac_png_decoder *decoder, const char *path, hpac_image *image)
{
    HPAC_AUTO(hpac_descriptor_close) int descriptor = -1;
    size_t nbytes;
    HPAC_TRY(open_file(path, &descriptor, &nbytes));
    HPAC_TRY(buffer_reserve(&decoder->file, nbytes));
    HPAC_TRY(read_fully(path, descriptor, decoder->file.bytes, nbytes));
    return hpac_png_decode(decoder, path, decoder->file.bytes, nbytes, image);
}
