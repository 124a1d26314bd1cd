/* Images as the network sees them: decoded, resized, interleaved. */
#include "preparer.h"

#include <hpac/log.h>

#include "base/memory.h"
#include "image/resize.h"

const hpac_stain hpac_channel_stains[HPAC_MAX_CHANNELS] = {HPAC_STAIN_GREEN, HPAC_STAIN_BLUE,
                                                           HPAC_STAIN_RED, HPAC_STAIN_YELLOW};

/* What is used of a file of mixed colors, by hpac_stain. */
static const char *const stain_samples[] = {"luma", "red", "green", "blue",
                                            "mean of red and green"};

/* Sizes for which a preparer caches a resizer; the oldest is replaced. The competition's images
 * have one size, its large edition a handful. */
enum { RESIZER_COUNT = 8 };

typedef struct sized_resizer {
    size_t rows, cols; /* of the image that is resized */
    hpac_resizer *resizer;
} sized_resizer;

struct hpac_preparer {
    hpac_preparer_options options;
    hpac_png_decoder *decoder;
    hpac_image image;
    sized_resizer resizers[RESIZER_COUNT];
    size_t oldest;
};

hpac_status hpac_preparer_create(const hpac_preparer_options *options, hpac_preparer **preparer)
{
    HPAC_TRY_NEW(*preparer, 1);
    (*preparer)->options = *options;
    hpac_status status = hpac_png_decoder_create(&(*preparer)->decoder);
    if (status != HPAC_OK) {
        hpac_preparer_destroy(*preparer);
        *preparer = NULL;
    }
    return status;
}

void hpac_preparer_destroy(hpac_preparer *preparer)
{
    if (!preparer)
        return;
    for (size_t i = 0; i < RESIZER_COUNT; i++)
        hpac_resizer_destroy(preparer->resizers[i].resizer);
    hpac_image_fini(&preparer->image);
    hpac_png_decoder_destroy(preparer->decoder);
    free(preparer);
}

/* The resizer for images of this size. Errors: those of hpac_resizer_create. */
static hpac_status find_resizer(hpac_preparer *preparer, size_t rows, size_t cols,
                                hpac_resizer **resizer)
{
    for (size_t i = 0; i < RESIZER_COUNT; i++) {
        const sized_resizer *cached = &preparer->resizers[i];
        if (cached->resizer && cached->rows == rows && cached->cols == cols) {
            *resizer = cached->resizer;
            return HPAC_OK;
        }
    }
    const hpac_preparer_options *options = &preparer->options;
    HPAC_TRY(hpac_resizer_create(rows, cols, options->rows, options->cols, resizer));
    sized_resizer *replaced = &preparer->resizers[preparer->oldest];
    preparer->oldest = (preparer->oldest + 1) % RESIZER_COUNT;
    hpac_resizer_destroy(replaced->resizer);
    *replaced = (sized_resizer){.rows = rows, .cols = cols, .resizer = *resizer};
    return HPAC_OK;
}

/* Logs what may surprise about a file, for the first file of each kind. */
static void log_remarks(atomic_uint *logged, const char *path, const hpac_image *image)
{
    unsigned fresh = image->remarks & ~atomic_fetch_or(logged, image->remarks);
    const char *others = "; other such files are not listed";
    if (fresh & HPAC_REMARK_MIXED_COLORS)
        hpac_log_warning("%s: RGB file with mixed colors, expected gray; using its %s%s", path,
                         stain_samples[image->stain], others);
    if (fresh & HPAC_REMARK_DIM)
        hpac_log_warning("%s: a 16-bit file that is nearly black: its largest sample is %u of "
                         "65535. If these are 12-bit samples, scale them or add an sBIT chunk%s",
                         path, image->max_sample, others);
    if (fresh & HPAC_REMARK_SCALED)
        hpac_log_warning("%s: a 16-bit file of fewer significant bits (largest sample %u): "
                         "brightened as its sBIT chunk declares%s",
                         path, image->max_sample, others);
}

hpac_status hpac_preparer_read(hpac_preparer *preparer, const char *path, int shown, size_t index,
                               void *prepared)
{
    hpac_image *image = &preparer->image;
    image->stain = hpac_channel_stains[shown];
    HPAC_TRY(hpac_png_read(preparer->decoder, path, image));
    if (image->remarks)
        log_remarks(preparer->options.remarks, path, image);
    return hpac_preparer_resize(preparer, image->pixels, image->rows, image->cols, index, prepared);
}

hpac_status hpac_preparer_resize(hpac_preparer *preparer, const uint8_t *gray, size_t rows,
                                 size_t cols, size_t index, void *prepared)
{
    const hpac_preparer_options *options = &preparer->options;
    hpac_resizer *resizer;
    HPAC_TRY(find_resizer(preparer, rows, cols, &resizer));
    if (options->pixels == HPAC_PIXELS_UINT8)
        hpac_resize_u8(resizer, gray, (uint8_t *)prepared + index, options->channels);
    else
        hpac_resize_f32(resizer, gray, (float *)prepared + index, options->channels);
    return HPAC_OK;
}
