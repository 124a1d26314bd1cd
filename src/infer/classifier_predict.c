/* Predictions of images in memory or of single files: a network that stays on its device. */
#include "classifier.h"

#include "base/machine.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/preparer.h"
#include "image/image.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

struct hpac_predictor {
    pthread_mutex_t mutex; /* for all below */
    hpac_device *device;   /* NULL: not open yet */
    bool owns_device;
    hpac_network *network; /* NULL: not made yet, like the rest */
    hpac_batch_format format;
    uint8_t *slot;             /* pinned, one batch */
    hpac_preparer **preparers; /* (preparer_count) one per thread */
    size_t preparer_count;
    atomic_uint remarks;
};

/* The images of a call, of one of the two kinds, and where it is. */
typedef struct prediction {
    const hpac_classifier *classifier;
    const hpac_image_pixels *pixels;
    const hpac_image_files *files;
    size_t first, count; /* of the batch */
} prediction;

hpac_status hpac_predictor_create(hpac_predictor **predictor)
{
    HPAC_TRY_NEW(*predictor, 1);
    pthread_mutexattr_t checked; /* all of these return 0 on Linux */
    pthread_mutexattr_init(&checked);
    pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&(*predictor)->mutex, &checked);
    pthread_mutexattr_destroy(&checked);
    return HPAC_OK;
}

static void release_network(hpac_predictor *predictor)
{
    hpac_network_destroy(predictor->network);
    predictor->network = NULL;
    if (predictor->slot)
        predictor->device->ops->free(predictor->device, HPAC_MEMORY_PINNED, predictor->slot);
    predictor->slot = NULL;
    for (size_t i = 0; predictor->preparers && i < predictor->preparer_count; i++)
        hpac_preparer_destroy(predictor->preparers[i]);
    free(predictor->preparers);
    predictor->preparers = NULL;
}

static void release_device(hpac_predictor *predictor)
{
    release_network(predictor);
    if (predictor->owns_device)
        hpac_device_close(predictor->device);
    predictor->device = NULL;
    predictor->owns_device = false;
}

void hpac_predictor_destroy(hpac_predictor *predictor)
{
    if (!predictor)
        return;
    release_device(predictor);
    pthread_mutex_destroy(&predictor->mutex);
    free(predictor);
}

static hpac_status create_preparers(hpac_predictor *predictor)
{
    const hpac_preparer_options options = {
        .rows = predictor->format.rows,
        .cols = predictor->format.cols,
        .channels = predictor->format.channels,
        .pixels = predictor->format.pixels,
        .remarks = &predictor->remarks,
    };
    predictor->preparer_count = (size_t)hpac_core_count();
    HPAC_TRY_NEW(predictor->preparers, predictor->preparer_count);
    for (size_t i = 0; i < predictor->preparer_count; i++)
        HPAC_TRY(hpac_preparer_create(&options, &predictor->preparers[i]));
    return HPAC_OK;
}

static hpac_status create_network(const hpac_classifier *classifier)
{
    hpac_predictor *predictor = classifier->predictor;
    void *slot;
    predictor->format = classifier_batch_format(classifier);
    HPAC_TRY(classifier_create_network(classifier, predictor->device, &predictor->network));
    HPAC_TRY(predictor->device->ops->alloc(predictor->device, HPAC_MEMORY_PINNED,
                                           hpac_batch_nbytes(&predictor->format), &slot));
    predictor->slot = slot;
    return create_preparers(predictor);
}

/* Makes what is missing. After a failure the next call tries again. */
static hpac_status prepare(const hpac_classifier *classifier)
{
    hpac_predictor *predictor = classifier->predictor;
    if (predictor->network)
        return HPAC_OK;
    if (!predictor->device) {
        HPAC_TRY(hpac_device_open(NULL, &predictor->device));
        predictor->owns_device = true;
    }
    hpac_status status = create_network(classifier);
    if (status != HPAC_OK)
        release_network(predictor);
    return status;
}

/* What is wrong with a channel of an image, if anything. */
static void check_channel(const prediction *call, size_t i, int shown, hpac_problems *problems)
{
    const hpac_image_pixels *pixels = call->pixels ? &call->pixels[i] : NULL;
    const char *path = pixels ? NULL : call->files[i].channels[shown];
    size_t rows, cols;
    if (pixels ? !pixels->channels[shown] : !path)
        hpac_problems_add(problems, "  image %zu: the channel %s is missing", i,
                          hpac_channel_names[shown]);
    else if (path && hpac_png_probe(path, &rows, &cols) != HPAC_OK)
        hpac_problems_add(problems, "  image %zu: %s", i, hpac_error_message());
}

static void check_size(const hpac_image_pixels *image, size_t i, hpac_problems *problems)
{
    if (image->rows < 1 || image->cols < 1 || image->rows > HPAC_IMAGE_MAX_SIDE ||
        image->cols > HPAC_IMAGE_MAX_SIDE || image->rows * image->cols > HPAC_IMAGE_MAX_PIXELS)
        hpac_problems_add(problems,
                          "  image %zu: %zu x %zu pixels, expected sides of 1 to %d and "
                          "%zu pixels at most",
                          i, image->rows, image->cols, HPAC_IMAGE_MAX_SIDE, HPAC_IMAGE_MAX_PIXELS);
}

static hpac_status check_images(const prediction *call, size_t count)
{
    hpac_problems problems = {0};
    for (size_t i = 0; i < count; i++) {
        if (call->pixels)
            check_size(&call->pixels[i], i, &problems);
        for (size_t c = 0; c < call->classifier->model.input.channels; c++)
            check_channel(call, i, call->classifier->channel_order[c], &problems);
    }
    return hpac_problems_finish(&problems, HPAC_ERR_DATA, "%s: images that cannot be predicted",
                                call->classifier->path);
}

/* Prepares image `index` of the batch in the slot. */
static hpac_status prepare_image(void *user, size_t index, int thread)
{
    const prediction *call = user;
    const hpac_predictor *predictor = call->classifier->predictor;
    hpac_preparer *preparer = predictor->preparers[thread];
    size_t i = call->first + index;
    uint8_t *prepared = predictor->slot + hpac_batch_pixels_offset_nbytes(&predictor->format) +
                        index * hpac_batch_image_nbytes(&predictor->format);
    for (size_t c = 0; c < predictor->format.channels; c++) {
        int shown = call->classifier->channel_order[c];
        const hpac_image_pixels *pixels = call->pixels ? &call->pixels[i] : NULL;
        HPAC_TRY(pixels ? hpac_preparer_resize(preparer, pixels->channels[shown], pixels->rows,
                                               pixels->cols, c, prepared)
                        : hpac_preparer_read(preparer, call->files[i].channels[shown], shown, c,
                                             prepared));
    }
    return HPAC_OK;
}

static hpac_status predict_batch(const prediction *call, float *probabilities)
{
    const hpac_predictor *predictor = call->classifier->predictor;
    const hpac_network_batch batch = {.slot = predictor->slot, .count = call->count};
    hpac_outcome outcome;
    HPAC_TRY(hpac_parallel_for((int)predictor->preparer_count, call->count, prepare_image,
                               (void *)call));
    HPAC_TRY(hpac_network_evaluate(predictor->network, &batch));
    HPAC_TRY(hpac_network_collect(predictor->network, &outcome));
    if (!isfinite(outcome.result.loss_sum) || outcome.result.nonfinite != 0)
        return hpac_fail(HPAC_ERR_NUMERIC,
                         "%s: the predictions of images %zu to %zu are not finite; check the "
                         "model's weights",
                         call->classifier->path, call->first, call->first + call->count - 1);
    memcpy(probabilities, outcome.probabilities,
           call->count * predictor->format.target_count * sizeof *probabilities);
    return HPAC_OK;
}

static hpac_status predict_all(prediction *call, size_t count, float *probabilities)
{
    HPAC_TRY(check_images(call, count));
    HPAC_TRY(prepare(call->classifier));
    const hpac_batch_format *format = &call->classifier->predictor->format;
    for (call->first = 0; call->first < count; call->first += call->count) {
        size_t left = count - call->first;
        call->count = left < format->batch_size ? left : format->batch_size;
        HPAC_TRY(predict_batch(call, probabilities + call->first * format->target_count));
    }
    return HPAC_OK;
}

/* A callback of the log may be called while the mutex is held. */
static hpac_status lock(hpac_predictor *predictor)
{
    if (pthread_mutex_lock(&predictor->mutex) == 0)
        return HPAC_OK;
    return hpac_fail(HPAC_ERR_INTERNAL, "the classifier is in use by a call of this thread");
}

/* Calls take turns. After a failure of the device its network is made again. */
static hpac_status predict(prediction *call, size_t count, float *probabilities)
{
    HPAC_TRY(classifier_check(call->classifier));
    hpac_predictor *predictor = call->classifier->predictor;
    HPAC_TRY(lock(predictor));
    hpac_status status = predict_all(call, count, probabilities);
    if (status == HPAC_ERR_DEVICE)
        release_network(predictor);
    pthread_mutex_unlock(&predictor->mutex);
    return status;
}

hpac_status hpac_classifier_predict(const hpac_classifier *classifier,
                                    const hpac_image_pixels *images, size_t count,
                                    float *probabilities)
{
    HPAC_TRY_GIVEN(classifier);
    if (count == 0)
        return HPAC_OK;
    HPAC_TRY_GIVEN(images);
    HPAC_TRY_GIVEN(probabilities);
    return predict(&(prediction){.classifier = classifier, .pixels = images}, count, probabilities);
}

hpac_status hpac_classifier_predict_files(const hpac_classifier *classifier,
                                          const hpac_image_files *images, size_t count,
                                          float *probabilities)
{
    HPAC_TRY_GIVEN(classifier);
    if (count == 0)
        return HPAC_OK;
    HPAC_TRY_GIVEN(images);
    HPAC_TRY_GIVEN(probabilities);
    return predict(&(prediction){.classifier = classifier, .files = images}, count, probabilities);
}

hpac_status hpac_classifier_use_device(const hpac_classifier *classifier, hpac_device *device)
{
    HPAC_TRY_GIVEN(classifier);
    HPAC_TRY(classifier_check(classifier));
    hpac_predictor *predictor = classifier->predictor;
    HPAC_TRY(lock(predictor));
    release_device(predictor);
    predictor->device = device;
    hpac_status status = prepare(classifier);
    pthread_mutex_unlock(&predictor->mutex);
    return status;
}
