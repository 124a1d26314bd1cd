/*
 * The fast path: 8-bit gray, not interlaced, as all files of the competition are. The whole zlib
 * stream is inflated at once by libdeflate, which takes less than half of zlib's time.
 *
 * It accepts only files without an oddity that matters and leaves the rest to libpng, so that it
 * needs no messages of its own and cannot be more lenient. (One thing it cannot see: libdeflate
 * takes a few kinds of malformed Huffman tables that zlib refuses. Their pixels are vouched for by
 * both checksums all the same.)
 */
#include "png_internal.h"

#include <libdeflate.h>
#include <string.h>

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* libpng refuses ancillary chunks larger than 8,000,000 bytes; no sane file comes near. */
static const uint32_t max_ancillary_nbytes = 1 << 20;

/* A chunk that can be passed over: four letters, the first small ("ancillary"), the third capital
 * ("reserved", which libpng does not look at; other values are from the future). */
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
        if (png_buffer_reserve(&decoder->idat, source->nbytes) != HPAC_OK)
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
            if (length > max_ancillary_nbytes)
                return false;
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

    size_t rows = (size_t)header->rows, cols = (size_t)header->cols;
    size_t raw_nbytes = rows * (1 + cols);
    if (png_buffer_reserve(&decoder->raw, raw_nbytes + cols) != HPAC_OK)
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
    memset(zeros, 0, cols);
    return png_unfilter(decoder->raw.bytes, zeros, header->rows, header->cols, image->pixels);
}
