/* PNG files: the picture has the size it says, and every pixel of it is written. */
#include "input.h"

#include <hpac/image.h>

#include <libdeflate.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t nbytes, size_t max_nbytes);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max_nbytes, unsigned seed);

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A changed chunk has a wrong checksum, and no decoder looks further: nine times in ten the
 * checksums are put right. (A chunk: length, type, data, CRC of type and data.) */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t nbytes, size_t max_nbytes, unsigned seed)
{
    nbytes = LLVMFuzzerMutate(bytes, nbytes, max_nbytes);
    size_t at = 8;
    while (seed % 10 != 0 && nbytes >= at + 12 && read_u32(bytes + at) <= nbytes - at - 12) {
        size_t covered = 4 + (size_t)read_u32(bytes + at);
        uint32_t crc = libdeflate_crc32(0, bytes + at + 4, covered);
        for (int i = 0; i < 4; i++)
            bytes[at + 4 + covered + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += covered + 8;
    }
    return nbytes;
}

/* Every pixel that a decoder leaves alone keeps this; decoding onto two grounds shows them. */
static void paint(hpac_image *image, int ground)
{
    if (image->pixels)
        memset(image->pixels, ground, image->capacity_nbytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    static hpac_png_decoder *decoder;
    static hpac_image first, second;
    if (!decoder && hpac_png_decoder_create(&decoder) != HPAC_OK)
        abort();
    paint(&first, 0x00);
    if (hpac_png_decode(decoder, "input", bytes, nbytes, &first) != HPAC_OK)
        return 0;
    hpac_png_decode(decoder, "input", bytes, nbytes, &second);
    paint(&first, 0x00);
    paint(&second, 0xff);
    if (hpac_png_decode(decoder, "input", bytes, nbytes, &first) != HPAC_OK ||
        hpac_png_decode(decoder, "input", bytes, nbytes, &second) != HPAC_OK)
        abort();
    if (first.rows < 1 || first.cols < 1 || first.rows != second.rows || first.cols != second.cols)
        abort();
    if (memcmp(first.pixels, second.pixels, (size_t)first.rows * (size_t)first.cols) != 0)
        abort();
    return 0;
}
