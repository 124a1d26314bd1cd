/* Images of the CUDA device that are views of wider ones, in the memory of those, whose other
 * channels have all bits set: what no plan may change. */
#ifndef WIDE_IMAGE_H
#define WIDE_IMAGE_H

#include <hpac/device.h>

typedef struct wide_image {
    size_t batch;
    hpac_shape shape;
    hpac_view view; /* of no channels: the image lies alone */
    bool nchw, bf16;
} wide_image;

/* Some channels before and behind `channels`, in numbers that are multiples of four, or `odd`. */
hpac_view choose_view(size_t channels, bool odd);
size_t wide_image_nbytes(const wide_image *image);
/* Device memory for all channels of all images. */
void *wide_image_create(hpac_device *device, const wide_image *image);
void wide_image_expect_untouched(hpac_device *device, const wide_image *image, const void *address,
                                 const char *what);

#endif
