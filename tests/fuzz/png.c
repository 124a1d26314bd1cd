/*
 * PNG files: what is accepted has the size it says and every pixel written, and libpng gives the
 * same result for every file, pixel by pixel.
 */
#include "image/png_internal.h"

#include "input.h"

#include <libdeflate.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t nbytes, size_t max_nbytes);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max_nbytes, unsigned seed);

/* ---- mutation ---------------------------------------------------------------------------------
 */

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A chunk: length, type, data, CRC of type and data. */
static size_t append_chunk(uint8_t *bytes, size_t at, const char *type, const uint8_t *data,
                           size_t nbytes)
{
    write_u32(bytes + at, (uint32_t)nbytes);
    memcpy(bytes + at + 4, type, 4);
    if (nbytes > 0)
        memcpy(bytes + at + 8, data, nbytes);
    write_u32(bytes + at + 8 + nbytes, libdeflate_crc32(0, bytes + at + 4, nbytes + 4));
    return at + 12 + nbytes;
}

static size_t right_checksums(uint8_t *bytes, size_t nbytes)
{
    for (size_t at = 8; nbytes >= at + 12 && read_u32(bytes + at) <= nbytes - at - 12;) {
        size_t covered = 4 + (size_t)read_u32(bytes + at);
        write_u32(bytes + at + 4 + covered, libdeflate_crc32(0, bytes + at + 4, covered));
        at += covered + 8;
    }
    return nbytes;
}

enum { RAW_MAX = 1 << 14 };

/* The data of all IDAT chunks, inflated; 0 if there is nothing to be had. */
static size_t inflate_idat(const uint8_t *bytes, size_t nbytes, uint8_t raw[RAW_MAX])
{
    static struct libdeflate_decompressor *inflater;
    static uint8_t zlib[1 << 20];
    size_t gathered = 0, inflated = 0;
    for (size_t at = 8; nbytes >= at + 12 && read_u32(bytes + at) <= nbytes - at - 12;) {
        size_t length = read_u32(bytes + at);
        if (memcmp(bytes + at + 4, "IDAT", 4) == 0 && gathered + length <= sizeof zlib) {
            memcpy(zlib + gathered, bytes + at + 8, length);
            gathered += length;
        }
        at += length + 12;
    }
    if (!inflater)
        inflater = libdeflate_alloc_decompressor();
    if (libdeflate_zlib_decompress(inflater, zlib, gathered, raw, RAW_MAX, &inflated) !=
        LIBDEFLATE_SUCCESS)
        return 0;
    return inflated;
}

/* Changes the filtered rows and compresses them again, in two chunks: a changed stream of zlib's
 * would only have a wrong checksum. 0: not possible. */
static size_t mutate_rows(uint8_t *bytes, size_t nbytes, size_t max_nbytes, unsigned seed)
{
    static uint8_t raw[RAW_MAX], zlib[2 * RAW_MAX];
    size_t raw_nbytes = nbytes > PNG_HEAD_NBYTES ? inflate_idat(bytes, nbytes, raw) : 0;
    if (raw_nbytes == 0)
        return 0;
    /* Most often the length stays what it was, and with it the file good. */
    raw_nbytes = LLVMFuzzerMutate(raw, raw_nbytes, seed % 8 ? raw_nbytes : RAW_MAX);
    if (seed % 8 && raw_nbytes > 0)
        raw[seed / 8 % raw_nbytes] %= 6; /* filters are 0 .. 4 */
    struct libdeflate_compressor *deflater = libdeflate_alloc_compressor((int)(seed % 13));
    size_t packed = libdeflate_zlib_compress(deflater, raw, raw_nbytes, zlib, sizeof zlib);
    libdeflate_free_compressor(deflater);
    if (packed == 0 || PNG_HEAD_NBYTES + packed + 36 > max_nbytes)
        return 0;
    size_t half = packed / 2, at = PNG_HEAD_NBYTES;
    at = append_chunk(bytes, at, "IDAT", zlib, half);
    at = append_chunk(bytes, at, "IDAT", zlib + half, packed - half);
    return append_chunk(bytes, at, "IEND", NULL, 0);
}

/* Nine times in ten the checksums of chunks are put right: no decoder looks further otherwise. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max_nbytes, unsigned seed)
{
    if (seed % 2) {
        size_t mutated = mutate_rows(bytes, nbytes, max_nbytes, seed / 2);
        if (mutated > 0)
            return mutated;
    }
    nbytes = LLVMFuzzerMutate(bytes, nbytes, max_nbytes);
    return seed / 2 % 10 ? right_checksums(bytes, nbytes) : nbytes;
}

/* ---- the test ---------------------------------------------------------------------------------
 */

/* libdeflate takes some malformed Huffman tables that zlib does not: the one difference there may
 * be. These are zlib's words for them. */
static int is_about_huffman_tables(const char *message)
{
    return strstr(message, "too many length or distance symbols") || strstr(message, " set") ||
           strstr(message, "invalid bit length repeat") ||
           strstr(message, "missing end-of-block") ||
           strstr(message, "invalid literal/length code") ||
           strstr(message, "invalid distance code");
}

/* Grows the buffer and fills it: pixels that a decoder does not write keep this value. */
static void prepare(hpac_image *image, const png_header *header, int ground)
{
    size_t nbytes = header->rows * header->cols;
    if (nbytes > image->capacity_nbytes) {
        free(image->pixels);
        image->pixels = malloc(nbytes);
        image->capacity_nbytes = nbytes;
        if (!image->pixels)
            abort();
    }
    image->rows = header->rows;
    image->cols = header->cols;
    memset(image->pixels, ground, nbytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    static hpac_png_decoder *decoder;
    static hpac_image image, reference;
    if (!decoder && hpac_png_decoder_create(&decoder) != HPAC_OK)
        abort();
    png_source source = {.name = "input", .bytes = bytes, .nbytes = nbytes};
    if (png_parse_header("input", bytes, nbytes, &source.header) != HPAC_OK) {
        if (hpac_png_decode(decoder, "input", bytes, nbytes, &image) != HPAC_ERR_DATA)
            abort();
        return 0;
    }
    if (source.header.rows * source.header.cols > 1 << 22)
        return 0; /* slow, and nothing new */

    prepare(&image, &source.header, 0x00);
    prepare(&reference, &source.header, 0xff);
    hpac_status status = hpac_png_decode(decoder, "input", bytes, nbytes, &image);
    hpac_status wanted = png_decode_libpng(&source, &reference);
    if (status == HPAC_OK && wanted != HPAC_OK && is_about_huffman_tables(hpac_error_message()))
        return 0;
    if (status != wanted || image.rows != source.header.rows || image.cols != source.header.cols)
        abort();
    if (status == HPAC_OK && memcmp(image.pixels, reference.pixels, image.rows * image.cols) != 0)
        abort();
    return 0;
}
