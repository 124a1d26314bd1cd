/* A temporary directory of small pictures with labels. */
#include "picture_directory.h"

#include "scratch.h"

#include <criterion/criterion.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint8_t picture_byte(size_t row, int channel, int y, int x)
{
    return (uint8_t)(row * 53 + (size_t)channel * 101 + (size_t)y * 17 + (size_t)x * 5);
}

uint32_t picture_mask(size_t row)
{
    return 1u << row % HPAC_CLASS_COUNT | 1u << (row * 11 + 3) % HPAC_CLASS_COUNT;
}

const char *picture_path(const picture_directory *pictures, size_t row, int channel)
{
    static char path[sizeof pictures->path + 64];
    snprintf(path, sizeof path, "%s/id%zu_%s.png", pictures->path, row,
             hpac_channel_names[channel]);
    return path;
}

void write_png(const char *path, const uint8_t *pixels, int rows, int cols)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)cols,
                       .height = (png_uint_32)rows,
                       .format = PNG_FORMAT_GRAY};
    cr_assert(png_image_write_to_file(&image, path, 0, pixels, 0, NULL), "%s: %s", path,
              image.message);
}

void write_bytes(const char *path, const void *bytes, size_t nbytes)
{
    FILE *stream = fopen(path, "wb");
    cr_assert_not_null(stream);
    cr_assert_eq(fwrite(bytes, 1, nbytes, stream), nbytes);
    cr_assert_eq(fclose(stream), 0);
}

void truncate_file(const char *path, size_t nbytes)
{
    cr_assert_eq(truncate(path, (off_t)nbytes), 0);
}

bool picture_matches(const uint8_t *pixels, size_t row, int channels)
{
    for (int y = 0; y < PICTURE_ROWS; y++)
        for (int x = 0; x < PICTURE_COLS; x++)
            for (int channel = 0; channel < channels; channel++)
                if (*pixels++ != picture_byte(row, channel, y, x))
                    return false;
    return true;
}

static void write_picture(const picture_directory *pictures, size_t row, int channel)
{
    uint8_t pixels[PICTURE_PIXELS];
    for (int y = 0; y < PICTURE_ROWS; y++)
        for (int x = 0; x < PICTURE_COLS; x++)
            pixels[y * PICTURE_COLS + x] = picture_byte(row, channel, y, x);
    write_png(picture_path(pictures, row, channel), pixels, PICTURE_ROWS, PICTURE_COLS);
}

void picture_directory_create(picture_directory *pictures, size_t count)
{
    snprintf(pictures->path, sizeof pictures->path, "%s/pictures-XXXXXX", scratch_directory());
    cr_assert_not_null(mkdtemp(pictures->path));
    pictures->labels = (hpac_labels){.count = count};
    pictures->labels.ids = calloc(count, sizeof *pictures->labels.ids);
    pictures->labels.masks = calloc(count, sizeof *pictures->labels.masks);
    for (size_t row = 0; row < count; row++) {
        cr_assert_geq(asprintf(&pictures->labels.ids[row], "id%zu", row), 0);
        pictures->labels.masks[row] = picture_mask(row);
        for (int channel = 0; channel < HPAC_MAX_CHANNELS; channel++)
            write_picture(pictures, row, channel);
    }
}

void picture_directory_remove(picture_directory *pictures)
{
    for (size_t row = 0; row < pictures->labels.count; row++) {
        for (int channel = 0; channel < HPAC_MAX_CHANNELS; channel++)
            unlink(picture_path(pictures, row, channel));
        free(pictures->labels.ids[row]);
    }
    free(pictures->labels.ids);
    free(pictures->labels.masks);
    rmdir(pictures->path);
}
