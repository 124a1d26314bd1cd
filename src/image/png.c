/* PNG files: opening, the header, and the choice of the decoder. */
#include "png_internal.h"

#include "base/file_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No valid file of HPAC_IMAGE_MAX_PIXELS pixels needs more: 8 bytes per pixel (16-bit RGBA), and
 * the same again for a bad encoder and for text chunks. */
static const size_t max_file_nbytes = HPAC_IMAGE_MAX_PIXELS * 16;

/* Deflate's best case: two bits (a length of 258, a distance), 258 bytes. */
static const size_t max_inflate_ratio = 258 * 8 / 2;

void hpac_image_fini(hpac_image *image)
{
    free(image->pixels);
    *image = (hpac_image){0};
}

static hpac_status reserve_image(hpac_image *image, const png_header *header)
{
    size_t nbytes = (size_t)header->rows * (size_t)header->cols;
    if (nbytes > image->capacity_nbytes) {
        free(image->pixels);
        image->pixels = malloc(nbytes);
        image->capacity_nbytes = image->pixels ? nbytes : 0;
        if (!image->pixels)
            return hpac_fail_memory(nbytes);
    }
    image->rows = header->rows;
    image->cols = header->cols;
    return HPAC_OK;
}

hpac_status png_buffer_reserve(png_buffer *buffer, size_t nbytes)
{
    if (nbytes <= buffer->capacity_nbytes)
        return HPAC_OK;
    free(buffer->bytes);
    *buffer = (png_buffer){0};
    buffer->bytes = malloc(nbytes);
    if (!buffer->bytes)
        return hpac_fail_memory(nbytes);
    buffer->capacity_nbytes = nbytes;
    return HPAC_OK;
}

hpac_status hpac_png_decoder_create(hpac_png_decoder **decoder)
{
    *decoder = calloc(1, sizeof **decoder);
    if (!*decoder)
        return hpac_fail_memory(sizeof **decoder);
    (*decoder)->inflater = libdeflate_alloc_decompressor();
    if (!(*decoder)->inflater) {
        free(*decoder);
        *decoder = NULL;
        return hpac_fail(HPAC_ERR_INTERNAL, "out of memory for a decompressor");
    }
    return HPAC_OK;
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

/* Samples per pixel of a colour type at a bit depth; 0 for pairs the standard does not allow. */
static size_t samples_per_pixel(int color_type, int bit_depth)
{
    static const uint8_t samples[7] = {1, 0, 3, 1, 2, 0, 4};
    static const uint32_t depths[7] = {1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 16,
                                       0,
                                       1 << 8 | 1 << 16,
                                       1 << 1 | 1 << 2 | 1 << 4 | 1 << 8,
                                       1 << 8 | 1 << 16,
                                       0,
                                       1 << 8 | 1 << 16};
    if (color_type > 6 || bit_depth > 16 || !(depths[color_type] >> bit_depth & 1))
        return 0;
    return samples[color_type];
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

    uint32_t cols = read_u32(ihdr + 4), rows = read_u32(ihdr + 8);
    if (rows == 0 || cols == 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: bad PNG: %u x %u pixels", name, cols, rows);
    if (rows > HPAC_IMAGE_MAX_SIDE || cols > HPAC_IMAGE_MAX_SIDE ||
        (size_t)rows * cols > HPAC_IMAGE_MAX_PIXELS)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: too large: %u x %u pixels, expected at most %zu, and %d per side",
                         name, cols, rows, HPAC_IMAGE_MAX_PIXELS, HPAC_IMAGE_MAX_SIDE);
    size_t samples = samples_per_pixel(ihdr[13], ihdr[12]);
    if (samples == 0 || ihdr[14] != 0 || ihdr[15] != 0 || ihdr[16] > 1)
        return hpac_fail(HPAC_ERR_DATA,
                         "%s: bad PNG: unknown format (bit depth %d, colour type %d, compression "
                         "%d, filter %d, interlace %d)",
                         name, ihdr[12], ihdr[13], ihdr[14], ihdr[15], ihdr[16]);
    size_t row_nbytes = (cols * samples * ihdr[12] + 7) / 8;
    if (row_nbytes * rows / max_inflate_ratio > file_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: truncated PNG: %zu bytes cannot hold %u x %u pixels",
                         name, file_nbytes, cols, rows);
    *header = (png_header){.rows = (int)rows,
                           .cols = (int)cols,
                           .bit_depth = ihdr[12],
                           .color_type = ihdr[13],
                           .interlaced = ihdr[16] == 1};
    return HPAC_OK;
}

hpac_status hpac_png_decode(hpac_png_decoder *decoder, const char *name, const uint8_t *bytes,
                            size_t nbytes, hpac_image *image)
{
    png_source source = {.name = name, .bytes = bytes, .nbytes = nbytes};
    HPAC_TRY(png_parse_header(name, bytes, nbytes, &source.header));
    HPAC_TRY(reserve_image(image, &source.header));
    image->remarks = 0;
    if (png_decode_fast(decoder, &source, image))
        return HPAC_OK;
    return png_decode_libpng(&source, image);
}

/* An open file whose head has been read. */
typedef struct png_file {
    int descriptor; /* -1: none */
    size_t nbytes;
    uint8_t head[PNG_HEAD_NBYTES];
    png_header header;
} png_file;

/* Opens a regular file. A FIFO must not make us wait, hence O_NONBLOCK. */
static hpac_status open_regular(const char *path, png_file *file)
{
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot open: %s", path, strerror(errno));
    struct stat about;
    if (fstat(file->descriptor, &about) != 0)
        return hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return hpac_fail(HPAC_ERR_DATA, "%s: is a directory, expected a PNG file", path);
    if (!S_ISREG(about.st_mode))
        return hpac_fail(HPAC_ERR_DATA, "%s: not a regular file, expected a PNG", path);
    file->nbytes = (size_t)about.st_size;
    return HPAC_OK;
}

/* Reads exactly `nbytes`. */
static hpac_status read_fully(const char *path, int descriptor, uint8_t *bytes, size_t nbytes)
{
    for (size_t done = 0; done < nbytes;) {
        ssize_t got = read(descriptor, bytes + done, nbytes - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hpac_fail(HPAC_ERR_DATA, "%s: cannot read: %s", path, strerror(errno));
        if (got == 0)
            return hpac_fail(HPAC_ERR_DATA, "%s: truncated while being read", path);
        done += (size_t)got;
    }
    return HPAC_OK;
}

/* Opens the file, reads and parses its head. The caller calls close_png, after an error too. */
static hpac_status open_png(const char *path, png_file *file)
{
    HPAC_TRY(open_regular(path, file));
    size_t head_nbytes = file->nbytes < PNG_HEAD_NBYTES ? file->nbytes : PNG_HEAD_NBYTES;
    HPAC_TRY(read_fully(path, file->descriptor, file->head, head_nbytes));
    HPAC_TRY(png_parse_header(path, file->head, file->nbytes, &file->header));
    if (file->nbytes > max_file_nbytes)
        return hpac_fail(HPAC_ERR_DATA, "%s: too large: %zu bytes, expected at most %zu", path,
                         file->nbytes, max_file_nbytes);
    return HPAC_OK;
}

static void close_png(png_file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
}

hpac_status hpac_png_probe(const char *path, int *rows, int *cols)
{
    png_file file = {.descriptor = -1};
    hpac_status status = open_png(path, &file);
    close_png(&file);
    *rows = file.header.rows;
    *cols = file.header.cols;
    return status;
}

static hpac_status load(png_buffer *buffer, const char *path, const png_file *file)
{
    HPAC_TRY(png_buffer_reserve(buffer, file->nbytes));
    memcpy(buffer->bytes, file->head, PNG_HEAD_NBYTES);
    return read_fully(path, file->descriptor, buffer->bytes + PNG_HEAD_NBYTES,
                      file->nbytes - PNG_HEAD_NBYTES);
}

hpac_status hpac_png_read(hpac_png_decoder *decoder, const char *path, hpac_image *image)
{
    png_file file = {.descriptor = -1};
    hpac_status status = open_png(path, &file);
    if (status == HPAC_OK)
        status = load(&decoder->file, path, &file);
    close_png(&file);
    HPAC_TRY(status);
    return hpac_png_decode(decoder, path, decoder->file.bytes, file.nbytes, image);
}
