/* Predictions of images in memory and of files: right, and with the bits of an inference. */
#include <hpac/inference.h>
#include <hpac/log.h>

#include "linear_model.h"
#include "scratch.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three batches: two full ones and one that is not. */
enum { COUNT = 150, CHANNELS = LINEAR_MODEL_CHANNELS, TARGETS = LINEAR_MODEL_TARGETS };

typedef struct fixture {
    picture_directory pictures;
    hpac_device *device;
    hpac_classifier classifier;
    uint8_t gray[COUNT][CHANNELS][PICTURE_PIXELS];
    hpac_image_pixels images[COUNT];
    hpac_image_files files[COUNT];
    float probabilities[COUNT][TARGETS];
} fixture;

static void add_image(fixture *fix, size_t row, int channel)
{
    for (int i = 0; i < PICTURE_PIXELS; i++)
        fix->gray[row][channel][i] = picture_byte(row, channel, i / PICTURE_COLS, i % PICTURE_COLS);
    fix->images[row].channels[channel] = fix->gray[row][channel];
    fix->files[row].channels[channel] = strdup(picture_path(&fix->pictures, row, channel));
}

static fixture *open_fixture(void)
{
    fixture *fix = calloc(1, sizeof *fix);
    cr_assert_not_null(fix);
    picture_directory_create(&fix->pictures, COUNT);
    for (size_t row = 0; row < COUNT; row++) {
        fix->images[row].rows = PICTURE_ROWS;
        fix->images[row].cols = PICTURE_COLS;
        for (int channel = 0; channel < CHANNELS; channel++)
            add_image(fix, row, channel);
    }
    fix->device = open_tested_device((hpac_device_options){.threads = 2, .deterministic = true});
    const char *path = linear_model_save("model.h5", 0, linear_model_targets);
    assert_ok(hpac_classifier_load(path, NULL, &fix->classifier));
    assert_ok(hpac_classifier_use_device(&fix->classifier, fix->device));
    return fix;
}

static void close_fixture(fixture *fix)
{
    hpac_classifier_fini(&fix->classifier);
    hpac_device_close(fix->device);
    for (size_t i = 0; i < COUNT; i++)
        for (int channel = 0; channel < CHANNELS; channel++)
            free((char *)fix->files[i].channels[channel]);
    picture_directory_remove(&fix->pictures);
    free(fix);
}

static void assert_right(float (*probabilities)[TARGETS], size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t t = 0; t < TARGETS; t++)
            cr_assert_float_eq((double)probabilities[i][t],
                               linear_model_probability(0, first + i, t), 2e-6, "image %zu",
                               first + i);
}

static hpac_status copy_batch(void *user, const size_t *rows, size_t count,
                              const float *probabilities)
{
    float(*all)[TARGETS] = user;
    memcpy(all[rows[0]], probabilities, count * sizeof *all);
    return HPAC_OK;
}

/* The same images, as "hpac predict" computes them. */
static void infer(fixture *fix, float (*all)[TARGETS])
{
    hpac_inference *inference;
    const hpac_inference_options options = {
        .device = fix->device, .classifiers = &fix->classifier, .classifier_count = 1};
    const hpac_inference_set set = {.images = fix->pictures.path, .labels = &fix->pictures.labels};
    hpac_inference_pass pass = {.on_batch = copy_batch, .user = all};
    assert_ok(hpac_inference_create(&options, &set, &inference));
    assert_ok(hpac_inference_run(inference, &pass));
    hpac_inference_destroy(inference);
}

Test(classifier_predict, pixels_and_files_have_the_bits_of_an_inference)
{
    static const hpac_pixels pixels[] = {HPAC_PIXELS_UINT8, HPAC_PIXELS_FLOAT32};
    static float expected[COUNT][TARGETS], files[COUNT][TARGETS];
    for (int p = 0; p < 2; p++) {
        fixture *fix = open_fixture();
        fix->classifier.pixels = pixels[p];
        assert_ok(hpac_classifier_use_device(&fix->classifier, fix->device));
        infer(fix, expected);
        assert_ok(
            hpac_classifier_predict(&fix->classifier, fix->images, COUNT, fix->probabilities[0]));
        assert_ok(hpac_classifier_predict_files(&fix->classifier, fix->files, COUNT, files[0]));
        assert_right(fix->probabilities, 0, COUNT);
        cr_assert_arr_eq(fix->probabilities, expected, sizeof expected);
        cr_assert_arr_eq(files, expected, sizeof expected);
        /* One at a time: whatever is predicted together. */
        for (size_t i = 0; i < COUNT; i += 17) {
            float one[TARGETS];
            assert_ok(hpac_classifier_predict(&fix->classifier, &fix->images[i], 1, one));
            cr_assert_arr_eq(one, expected[i], sizeof one);
        }
        close_fixture(fix);
    }
}

/* Images of other sizes are resized, each by its own size. */
Test(classifier_predict, sizes_may_differ)
{
    fixture *fix = open_fixture();
    enum { SIDE = 40 };
    static uint8_t large[SIDE * SIDE];
    float gray[3][TARGETS];
    memset(large, 100, sizeof large);
    memset(fix->gray[1], 100, sizeof fix->gray[1]);
    const hpac_image_pixels images[] = {
        {.channels = {large, large}, .rows = SIDE, .cols = SIDE},
        fix->images[1],
        {.channels = {large, large}, .rows = 7, .cols = SIDE},
    };
    assert_ok(hpac_classifier_predict(&fix->classifier, images, 3, gray[0]));
    cr_assert_arr_eq(gray[0], gray[1], sizeof *gray);
    cr_assert_arr_eq(gray[2], gray[1], sizeof *gray);
    close_fixture(fix);
}

/* Channels are found by their number, whatever order the model takes them in. */
Test(classifier_predict, channels_are_those_of_the_model)
{
    fixture *fix = open_fixture();
    hpac_image_pixels image = {.rows = PICTURE_ROWS, .cols = PICTURE_COLS};
    image.channels[HPAC_CHANNEL_YELLOW] = fix->gray[5][0];
    image.channels[HPAC_CHANNEL_BLUE] = fix->gray[5][1];
    fix->classifier.channel_order[0] = HPAC_CHANNEL_YELLOW;
    fix->classifier.channel_order[1] = HPAC_CHANNEL_BLUE;
    assert_ok(hpac_classifier_predict(&fix->classifier, &image, 1, fix->probabilities[0]));
    assert_right(fix->probabilities, 5, 1);
    close_fixture(fix);
}

Test(classifier_predict, all_bad_images_are_listed_and_it_stays_usable)
{
    fixture *fix = open_fixture();
    fix->images[3].channels[HPAC_CHANNEL_BLUE] = NULL;
    fix->images[7].rows = 0;
    cr_assert_eq(
        hpac_classifier_predict(&fix->classifier, fix->images, COUNT, fix->probabilities[0]),
        HPAC_ERR_DATA);
    expect_message("model.h5: images that cannot be predicted: 2 problems\n"
                   "  image 3: the channel blue is missing\n  image 7: 0 x 4 pixels");
    fix->images[7].rows = HPAC_IMAGE_MAX_SIDE + 1;
    cr_assert_eq(hpac_classifier_predict(&fix->classifier, &fix->images[7], 1, *fix->probabilities),
                 HPAC_ERR_DATA);
    char *present = (char *)fix->files[9].channels[0];
    fix->files[9].channels[0] = NULL;
    unlink(picture_path(&fix->pictures, 2, 1));
    truncate_file(picture_path(&fix->pictures, 4, 0), 3);
    cr_assert_eq(
        hpac_classifier_predict_files(&fix->classifier, fix->files, COUNT, fix->probabilities[0]),
        HPAC_ERR_DATA);
    expect_message(": 3 problems\n  image 2: ");
    expect_message("id2_blue.png");
    expect_message("\n  image 4: ");
    expect_message("\n  image 9: the channel green is missing");
    /* A header alone passes that check. */
    truncate_file(picture_path(&fix->pictures, 6, 0), 40);
    cr_assert_eq(
        hpac_classifier_predict_files(&fix->classifier, &fix->files[6], 1, *fix->probabilities),
        HPAC_ERR_DATA);
    expect_message("id6_green.png");
    assert_ok(hpac_classifier_predict(&fix->classifier, &fix->images[8], 2, *fix->probabilities));
    assert_right(fix->probabilities, 8, 2);
    fix->files[9].channels[0] = present;
    close_fixture(fix);
}

Test(classifier_predict, predictions_that_are_not_finite_are_an_error)
{
    fixture *fix = open_fixture();
    fix->classifier.model.weights[1].tensors[HPAC_BIAS].values[1] = NAN;
    assert_ok(hpac_classifier_use_device(&fix->classifier, fix->device));
    cr_assert_eq(hpac_classifier_predict(&fix->classifier, fix->images, 2, *fix->probabilities),
                 HPAC_ERR_NUMERIC);
    expect_message("model.h5: the predictions of images 0 to 1 are not finite");
    fix->classifier.model.weights[1].tensors[HPAC_BIAS].values[1] = 0;
    assert_ok(hpac_classifier_use_device(&fix->classifier, fix->device));
    assert_ok(hpac_classifier_predict(&fix->classifier, fix->images, 2, *fix->probabilities));
    assert_right(fix->probabilities, 0, 2);
    close_fixture(fix);
}

Test(classifier_predict, without_a_device_it_opens_one)
{
    fixture *fix = open_fixture();
    assert_ok(hpac_classifier_use_device(&fix->classifier, NULL));
    hpac_device_close(fix->device); /* no longer used */
    fix->device = NULL;
    for (int time = 0; time < 2; time++) {
        assert_ok(hpac_classifier_predict(&fix->classifier, fix->images, 3, *fix->probabilities));
        assert_right(fix->probabilities, 0, 3);
    }
    hpac_classifier_fini(&fix->classifier);
    assert_ok(hpac_classifier_load(scratch_path("model.h5"), NULL, &fix->classifier));
    assert_ok(hpac_classifier_predict_files(&fix->classifier, fix->files, 3, *fix->probabilities));
    assert_right(fix->probabilities, 0, 3);
    close_fixture(fix);
}

Test(classifier_predict, nothing_to_do_is_fine_and_no_classifier_is_not)
{
    fixture *fix = open_fixture();
    assert_ok(hpac_classifier_predict(&fix->classifier, NULL, 0, NULL));
    assert_ok(hpac_classifier_predict_files(&fix->classifier, NULL, 0, NULL));
    const hpac_classifier zeroed = {0};
    cr_assert_eq(hpac_classifier_predict(&zeroed, fix->images, 1, *fix->probabilities),
                 HPAC_ERR_INTERNAL);
    expect_message("not loaded");
    cr_assert_eq(hpac_classifier_use_device(&zeroed, fix->device), HPAC_ERR_INTERNAL);
    close_fixture(fix);
}

static hpac_status status_within = HPAC_OK;

static void predict_within(void *user, hpac_log_level level, const char *line)
{
    float probabilities[TARGETS];
    (void)level, (void)line;
    fixture *fix = user;
    status_within = hpac_classifier_predict(&fix->classifier, fix->images, 1, probabilities);
    expect_message("in use by a call of this thread");
}

/* Where there is no GPU, opening the device "auto" logs a line. */
Test(classifier_predict, a_callback_of_the_log_cannot_use_it)
{
    fixture *fix = open_fixture();
    hpac_log_set_callback(predict_within, fix);
    assert_ok(hpac_classifier_use_device(&fix->classifier, NULL));
    hpac_log_set_callback(NULL, NULL);
    cr_assert(status_within == HPAC_ERR_INTERNAL || status_within == HPAC_OK);
    assert_ok(hpac_classifier_predict(&fix->classifier, fix->images, 1, *fix->probabilities));
    close_fixture(fix);
}

/* ---- several threads ---- */

enum { THREADS = 4, TURNS = 5 };

typedef struct caller {
    fixture *fix;
    size_t first;
    float probabilities[COUNT][TARGETS];
    hpac_status status;
    pthread_t id;
} caller;

static void *call(void *argument)
{
    caller *self = argument;
    size_t count = COUNT - self->first;
    for (int turn = 0; turn < TURNS && self->status == HPAC_OK; turn++)
        self->status = turn % 2 ? hpac_classifier_predict_files(&self->fix->classifier,
                                                                self->fix->files + self->first,
                                                                count, self->probabilities[0])
                                : hpac_classifier_predict(&self->fix->classifier,
                                                          self->fix->images + self->first, count,
                                                          self->probabilities[0]);
    return NULL;
}

Test(classifier_predict, threads_take_turns)
{
    static caller callers[THREADS];
    fixture *fix = open_fixture();
    for (size_t i = 0; i < THREADS; i++) {
        callers[i] = (caller){.fix = fix, .first = 30 * i};
        cr_assert_eq(pthread_create(&callers[i].id, NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(callers[i].id, NULL);
        cr_assert_eq(callers[i].status, HPAC_OK);
        assert_right(callers[i].probabilities, callers[i].first, COUNT - callers[i].first);
    }
    close_fixture(fix);
}
