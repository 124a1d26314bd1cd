#include "wide_image.h"

#include "tested_device.h"

#include <criterion/criterion.h>
#include <string.h>

hpac_view choose_view(size_t channels, bool odd)
{
    return odd ? (hpac_view){.channels = channels + 3, .first = 1}
               : (hpac_view){.channels = channels + 12, .first = 8};
}

static size_t pixels_of(const wide_image *image)
{
    return image->shape.rows * image->shape.cols;
}

static size_t channels_of(const wide_image *image)
{
    return image->view.channels ? image->view.channels : image->shape.channels;
}

size_t wide_image_nbytes(const wide_image *image)
{
    return image->batch * pixels_of(image) * channels_of(image) * (image->bf16 ? 2 : 4);
}

static void *pinned_of(hpac_device *device, size_t nbytes)
{
    void *pinned = NULL;
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_PINNED, nbytes, &pinned));
    return pinned;
}

void *wide_image_create(hpac_device *device, const wide_image *image)
{
    size_t nbytes = wide_image_nbytes(image);
    void *address = NULL, *pinned = pinned_of(device, nbytes);
    memset(pinned, 0xff, nbytes);
    assert_ok(device->ops->alloc(device, HPAC_MEMORY_DEVICE, nbytes, &address));
    assert_ok(device->ops->upload(device, HPAC_QUEUE_COMPUTE, address, pinned, nbytes));
    assert_ok(device->ops->synchronize(device));
    device->ops->free(device, HPAC_MEMORY_PINNED, pinned);
    return address;
}

/* The channel of a value, by its number in memory order. */
static size_t channel_of(const wide_image *image, size_t number)
{
    size_t channels = channels_of(image);
    return (image->nchw ? number / pixels_of(image) : number) % channels;
}

void wide_image_expect_untouched(hpac_device *device, const wide_image *image, const void *address,
                                 const char *what)
{
    size_t nbytes = wide_image_nbytes(image), width = image->bf16 ? 2 : 4;
    unsigned char *bytes = pinned_of(device, nbytes);
    assert_ok(device->ops->download(device, HPAC_QUEUE_COMPUTE, bytes, address, nbytes));
    assert_ok(device->ops->synchronize(device));
    for (size_t i = 0; i < nbytes / width && image->view.channels; i++) {
        size_t channel = channel_of(image, i);
        bool own = channel - image->view.first < image->shape.channels;
        cr_assert(own || memcmp(bytes + i * width, "\xff\xff\xff\xff", width) == 0,
                  "%s: value %zu, of channel %zu, is not one of channels %zu to %zu", what, i,
                  channel, image->view.first, image->view.first + image->shape.channels - 1);
    }
    device->ops->free(device, HPAC_MEMORY_PINNED, bytes);
}
