/* Signatures of the files that are found in place of PNGs and CSV files. */
#include "file_kind.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

typedef struct signature {
    const char *kind, *bytes;
    size_t nbytes, offset;
} signature;

#define SIGNATURE(kind, bytes, offset)                                                             \
    {                                                                                              \
        kind, bytes, sizeof(bytes) - 1, offset                                                     \
    }

static const signature signatures[] = {
    SIGNATURE("a PNG image", "\x89PNG\r\n\x1A\n", 0),
    SIGNATURE("a JPEG image", "\xFF\xD8\xFF", 0),
    SIGNATURE("a TIFF image", "II*\0", 0),
    SIGNATURE("a TIFF image", "MM\0*", 0),
    SIGNATURE("a BigTIFF image", "II+\0", 0),
    SIGNATURE("a BigTIFF image", "MM\0+", 0),
    SIGNATURE("a GIF image", "GIF8", 0),
    SIGNATURE("a WebP image", "WEBP", 8),
    SIGNATURE("an AVIF image", "ftypavif", 4),
    SIGNATURE("a HEIF image", "ftyphei", 4),
    SIGNATURE("a HEIF image", "ftypmif1", 4),
    SIGNATURE("a JPEG 2000 image", "\0\0\0\x0CjP  ", 0),
    SIGNATURE("a JPEG XL image", "\0\0\0\x0CJXL ", 0),
    SIGNATURE("a JPEG XL image", "\xFF\x0A", 0),
    SIGNATURE("a PNM image", "P5\n", 0),
    SIGNATURE("a PNM image", "P6\n", 0),
    SIGNATURE("gzip-compressed data", "\x1F\x8B", 0),
    SIGNATURE("bzip2-compressed data", "BZh", 0),
    SIGNATURE("xz-compressed data",
              "\xFD"
              "7zXZ",
              0),
    SIGNATURE("zstd-compressed data", "\x28\xB5\x2F\xFD", 0),
    SIGNATURE("a ZIP archive", "PK\x03\x04", 0),
    SIGNATURE("a 7z archive", "7z\xBC\xAF\x27\x1C", 0),
    SIGNATURE("a PDF document", "%PDF", 0),
    SIGNATURE("an HDF5 file", "\x89HDF", 0),
    SIGNATURE("a NumPy array", "\x93NUMPY", 0),
    SIGNATURE("an AppleDouble file (of a Mac's file system)", "\0\x05\x16\x07", 0),
    SIGNATURE("a Git LFS pointer (its content was not downloaded)", "version https://git-lfs", 0),
    SIGNATURE("a PNG changed by a transfer as text", "\x89PNG", 0),
    SIGNATURE("a PNG changed by a transfer as text", "\xC2\x89PNG", 0),
    SIGNATURE("a PNG changed by a transfer as text", "\x09PNG", 0),
    SIGNATURE("a PNG changed by a transfer as text", "\xEF\xBF\xBDPNG", 0),
};

/* Documents that are text, whatever white space precedes them and in any case. */
static const struct {
    const char *kind, *start;
} texts[] = {
    {"an HTML page", "<!doctype html"},
    {"an HTML page", "<html"},
    {"an HTML page", "<head"},
    {"an SVG image", "<svg"},
    {"an XML document", "<?xml"},
    {"JSON text", "{"},
    {"JSON text", "["},
};

static const char *text_kind(const uint8_t *head, size_t nbytes)
{
    size_t start = nbytes >= 3 && memcmp(head, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (start < nbytes && isspace(head[start]))
        start++;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen(texts[i].start) <= nbytes - start &&
            strncasecmp((const char *)head + start, texts[i].start, strlen(texts[i].start)) == 0)
            return texts[i].kind;
    for (size_t i = start; i < nbytes; i++)
        if (!isprint(head[i]) && !isspace(head[i]))
            return NULL;
    return "text";
}

static bool is_zero(const uint8_t *bytes, size_t nbytes)
{
    for (size_t i = 0; i < nbytes; i++)
        if (bytes[i])
            return false;
    return true;
}

const char *hpac_file_kind(const void *head, size_t nbytes)
{
    const uint8_t *bytes = head;
    nbytes = nbytes < 32 ? nbytes : 32;
    if (nbytes > 0 && is_zero(bytes, nbytes))
        return "filled with zeros (an unfinished download or copy?)";
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *known = &signatures[i];
        if (known->offset + known->nbytes <= nbytes &&
            memcmp(bytes + known->offset, known->bytes, known->nbytes) == 0)
            return known->kind;
    }
    /* Two letters alone would be too little. */
    if (nbytes >= 10 && memcmp(bytes, "BM", 2) == 0 && is_zero(bytes + 6, 4))
        return "a BMP image";
    return text_kind(bytes, nbytes);
}
