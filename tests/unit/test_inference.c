/* Models at work: probabilities beside a formula in double, thresholds in model files. */
#include <hpac/inference.h>

#include "base/file.h"

#include "linear_model.h"
#include "model_file.h"
#include "scratch.h"
#include "tested_device.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Three batches: two full ones and one that is not. */
enum { COUNT = 150, TARGETS = LINEAR_MODEL_TARGETS };

static const int *const targets = linear_model_targets;
static const hpac_classifier_hints no_hints = {0};

static double expected_loss(uint32_t seed, size_t row)
{
    double sum = 0;
    for (size_t t = 0; t < TARGETS; t++) {
        double p = linear_model_probability(seed, row, t);
        sum -= log(picture_mask(row) >> targets[t] & 1 ? p : 1 - p);
    }
    return sum;
}

static hpac_classifier load(const char *path)
{
    hpac_classifier classifier;
    cr_assert_eq(hpac_classifier_load(path, &no_hints, &classifier), HPAC_OK, "%s",
                 hpac_error_message());
    return classifier;
}

/* ---- runs ---- */

typedef struct seen_rows {
    size_t rows[COUNT];
    float probabilities[COUNT][TARGETS];
    size_t count, batches;
    volatile sig_atomic_t stop; /* raised after the first batch, when asked to */
    bool raise;
} seen_rows;

static hpac_status on_batch(void *user, const size_t *rows, size_t count,
                            const float *probabilities)
{
    seen_rows *seen = user;
    cr_assert_leq(seen->count + count, COUNT);
    memcpy(seen->rows + seen->count, rows, count * sizeof *rows);
    memcpy(seen->probabilities[seen->count], probabilities,
           count * TARGETS * sizeof *probabilities);
    seen->count += count;
    if (++seen->batches == 1 && seen->raise)
        seen->stop = 1;
    return HPAC_OK;
}

typedef struct fixture {
    picture_directory pictures;
    hpac_device *device;
    hpac_classifier classifiers[3];
    hpac_inference_options options;
    seen_rows seen;
    double loss_sum;
    size_t skipped;
} fixture;

static void open_fixture(fixture *fix, size_t classifier_count, bool skip)
{
    static const char *const names[] = {"a.h5", "b.h5", "c.h5"};
    memset(fix, 0, sizeof *fix);
    picture_directory_create(&fix->pictures, COUNT);
    fix->device = open_tested_device((hpac_device_options){.threads = 1, .deterministic = true});
    for (size_t i = 0; i < classifier_count; i++)
        fix->classifiers[i] = load(linear_model_save(names[i], (uint32_t)i, targets));
    fix->options = (hpac_inference_options){.device = fix->device,
                                            .classifiers = fix->classifiers,
                                            .classifier_count = classifier_count,
                                            .workers = 2,
                                            .skip_bad_images = skip,
                                            .stop = &fix->seen.stop};
}

static void close_fixture(fixture *fix)
{
    for (size_t i = 0; i < fix->options.classifier_count; i++)
        hpac_classifier_fini(&fix->classifiers[i]);
    fix->device->ops->close(fix->device);
    picture_directory_remove(&fix->pictures);
}

static hpac_status run_pass(fixture *fix, hpac_inference *inference, const size_t *rows,
                            size_t row_count)
{
    hpac_inference_pass pass = {
        .rows = rows, .row_count = row_count, .on_batch = on_batch, .user = &fix->seen};
    hpac_status status = hpac_inference_run(inference, &pass);
    fix->loss_sum = pass.loss_sum;
    fix->skipped = pass.skipped;
    return status;
}

static hpac_status run(fixture *fix, const hpac_labels *labels, const size_t *rows,
                       size_t row_count)
{
    const hpac_inference_set set = {
        .images = fix->pictures.path, .labels = labels, .rows = rows, .row_count = row_count};
    hpac_inference *inference;
    fix->seen.count = fix->seen.batches = 0;
    hpac_status status = hpac_inference_create(&fix->options, &set, &inference);
    if (status == HPAC_OK)
        status = run_pass(fix, inference, NULL, 0);
    hpac_inference_destroy(inference);
    return status;
}

static void assert_close(double a, double b, double tolerance)
{
    cr_assert(fabs(a - b) <= tolerance, "%.9g, expected %.9g", a, b);
}

/* Probabilities are the mean over the first `count` seeds. */
static void assert_right(const fixture *fix)
{
    int count = (int)fix->options.classifier_count;
    for (size_t i = 0; i < fix->seen.count; i++)
        for (size_t t = 0; t < TARGETS; t++) {
            double p = 0;
            for (int seed = 0; seed < count; seed++)
                p += linear_model_probability((uint32_t)seed, fix->seen.rows[i], t) / count;
            assert_close((double)fix->seen.probabilities[i][t], p, 2e-6);
        }
}

Test(inference, all_rows_in_order)
{
    fixture fix;
    double loss = 0;
    open_fixture(&fix, 1, false);
    cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(fix.seen.count, COUNT);
    cr_assert_eq(fix.seen.batches, 3);
    for (size_t row = 0; row < COUNT; row++) {
        cr_assert_eq(fix.seen.rows[row], row);
        loss += expected_loss(0, row);
    }
    assert_right(&fix);
    assert_close(fix.loss_sum, loss, 1e-3);
    cr_assert_eq(fix.skipped, 0);
    close_fixture(&fix);
}

static void expect_rows(fixture *fix, hpac_inference *inference, const size_t *rows, size_t count)
{
    double loss = 0;
    fix->seen.count = fix->seen.batches = 0;
    assert_ok(run_pass(fix, inference, rows, count));
    cr_assert_eq(fix->seen.count, count);
    cr_assert_arr_eq(fix->seen.rows, rows, count * sizeof *rows);
    for (size_t i = 0; i < count; i++)
        loss += expected_loss(0, rows[i]);
    assert_close(fix->loss_sum, loss, 1e-5);
    assert_right(fix);
}

/* The same networks again and again; the files of the set alone are checked. */
Test(inference, passes_over_chosen_rows)
{
    static const size_t some[] = {20, 3, 4, 11, 0, 7};
    fixture fix;
    hpac_inference *inference;
    open_fixture(&fix, 1, false);
    unlink(picture_path(&fix.pictures, 13, 0));
    const hpac_inference_set set = {
        .images = fix.pictures.path, .labels = &fix.pictures.labels, .rows = some, .row_count = 6};
    assert_ok(hpac_inference_create(&fix.options, &set, &inference));
    for (int time = 0; time < 2; time++) {
        expect_rows(&fix, inference, some, 5);
        expect_rows(&fix, inference, some + 5, 1);
    }
    hpac_inference_destroy(inference);
    close_fixture(&fix);
}

/* Ids without labels: the same images must come out of the slots. */
Test(inference, ids_alone_give_the_same)
{
    fixture fix;
    open_fixture(&fix, 1, false);
    hpac_labels ids = fix.pictures.labels;
    ids.masks = NULL;
    cr_assert_eq(run(&fix, &ids, NULL, 0), HPAC_OK);
    cr_assert_eq(fix.seen.count, COUNT);
    assert_right(&fix);
    cr_assert(isnan(fix.loss_sum));
    close_fixture(&fix);
}

Test(inference, several_classifiers_are_averaged)
{
    fixture fix;
    open_fixture(&fix, 3, false);
    for (int time = 0; time < 2; time++) {
        cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_OK);
        cr_assert_eq(fix.seen.count, COUNT);
        assert_right(&fix);
        cr_assert(isnan(fix.loss_sum));
    }
    close_fixture(&fix);
}

Test(inference, bad_images_are_skipped_or_told_of)
{
    fixture fix;
    open_fixture(&fix, 2, true);
    unlink(picture_path(&fix.pictures, 0, 1));
    unlink(picture_path(&fix.pictures, 13, 0));
    cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(fix.seen.count, COUNT - 2);
    cr_assert_eq(fix.skipped, 2);
    for (size_t i = 0; i < fix.seen.count; i++)
        cr_assert_eq(fix.seen.rows[i], (size_t)(i < 12 ? i + 1 : i + 2));
    assert_right(&fix);
    static const size_t bad[] = {0, 13};
    cr_assert_eq(run(&fix, &fix.pictures.labels, bad, 2), HPAC_ERR_DATA);
    close_fixture(&fix);

    open_fixture(&fix, 1, false);
    unlink(picture_path(&fix.pictures, 0, 1));
    unlink(picture_path(&fix.pictures, 13, 0));
    cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "id0_blue.png"));
    cr_assert_not_null(strstr(hpac_error_message(), "id13_green.png"));
    cr_assert_eq(fix.seen.count, 0);
    close_fixture(&fix);
}

Test(inference, a_stop_ends_it_and_leaves_it_usable)
{
    fixture fix;
    open_fixture(&fix, 3, false);
    fix.seen.raise = true;
    cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_INTERRUPTED);
    cr_assert_lt(fix.seen.count, COUNT);
    fix.seen.stop = 0;
    fix.seen.raise = false;
    cr_assert_eq(run(&fix, &fix.pictures.labels, NULL, 0), HPAC_OK);
    cr_assert_eq(fix.seen.count, COUNT);
    assert_right(&fix);
    close_fixture(&fix);
}

/* ---- model files ---- */

Test(inference, what_a_file_does_not_tell_must_be_given)
{
    const char *path = linear_model_save("a.h5", 0, NULL);
    hpac_classifier classifier;
    cr_assert_eq(hpac_classifier_load(path, &no_hints, &classifier), HPAC_ERR_CONFIG);
    cr_assert_not_null(strstr(hpac_error_message(), path));
    cr_assert_null(classifier.path);
    hpac_classifier_hints hints = {.targets = {5, 6}, .target_count = 2};
    cr_assert_eq(hpac_classifier_load(path, &hints, &classifier), HPAC_ERR_CONFIG);
    hints = (hpac_classifier_hints){.targets = {5, 6, 1},
                                    .target_count = 3,
                                    .pixels_given = true,
                                    .pixels = HPAC_PIXELS_FLOAT32};
    cr_assert_eq(hpac_classifier_load(path, &hints, &classifier), HPAC_OK);
    cr_assert_eq(classifier.model.target_count, 3);
    cr_assert_eq(classifier.model.targets[2], 1);
    cr_assert_eq(classifier.pixels, HPAC_PIXELS_FLOAT32);
    hpac_classifier_fini(&classifier);
    /* Its own metadata cannot be overridden. */
    path = linear_model_save("b.h5", 0, targets);
    cr_assert_eq(hpac_classifier_load(path, &hints, &classifier), HPAC_ERR_CONFIG);
}

Test(inference, a_configuration_of_another_model_is_refused)
{
    hpac_classifier own = load(linear_model_save("a.h5", 0, targets));
    char yaml[] = "data: {labels: x.csv, images: x, targets: [7, 0, 3], channels: 2,\n"
                  "  image: {rows: 9, cols: 9}, scale: {rows: 1, cols: 1}}\n"
                  "model: [{type: flatten}, {type: dense, units: classes, activation: sigmoid}]\n";
    own.model.config_yaml = yaml;
    cr_assert_eq(hpac_model_save(&own.model, scratch_path("b.h5")), HPAC_OK);
    hpac_classifier classifier;
    cr_assert_eq(hpac_classifier_load(scratch_path("b.h5"), &no_hints, &classifier), HPAC_ERR_DATA);
    cr_assert_not_null(strstr(hpac_error_message(), "another model"));
    char broken[] = "data: [";
    own.model.config_yaml = broken;
    cr_assert_eq(hpac_model_save(&own.model, scratch_path("b.h5")), HPAC_OK);
    cr_assert_eq(hpac_classifier_load(scratch_path("b.h5"), &no_hints, &classifier), HPAC_ERR_DATA);
    own.model.config_yaml = NULL;
    hpac_classifier_fini(&own);
}

static const int positives[] = {7, 0, 1234567};

static void assert_thresholds(const char *path, const float *expected)
{
    hpac_model model;
    cr_assert_eq(hpac_model_load(path, &model), HPAC_OK, "%s", hpac_error_message());
    cr_assert_eq(model.has_thresholds, expected != NULL);
    if (expected)
        cr_assert_arr_eq(model.thresholds, expected, TARGETS * sizeof *expected);
    if (expected)
        cr_assert_arr_eq(model.positives, positives, sizeof positives);
    hpac_model_fini(&model);
}

Test(inference, thresholds_travel_with_the_file)
{
    static const float first[] = {0.25F, 0.1F, 1}, second[] = {0, 0.7F, 0.3333F};
    const char *path = linear_model_save("a.h5", 0, targets);
    assert_thresholds(path, NULL);
    hpac_classifier before = load(path);
    cr_assert_eq(hpac_thresholds_save(path, first, positives, TARGETS), HPAC_OK, "%s",
                 hpac_error_message());
    assert_thresholds(path, first);
    cr_assert_eq(hpac_thresholds_save(path, second, positives, TARGETS), HPAC_OK);
    assert_thresholds(path, second);
    cr_assert_eq(count_entries(scratch_directory()), 1);
    hpac_classifier after = load(path);
    cr_assert(after.model.has_thresholds && !before.model.has_thresholds);
    cr_assert_arr_eq(after.model.thresholds, second, sizeof second);
    cr_assert_arr_eq(after.model.weights[1].tensors[HPAC_KERNEL].values,
                     before.model.weights[1].tensors[HPAC_KERNEL].values,
                     before.model.weights[1].tensors[HPAC_KERNEL].count * sizeof(float));
    cr_assert_arr_eq(after.model.targets, before.model.targets, sizeof linear_model_targets);
    hpac_classifier_fini(&before);
    hpac_classifier_fini(&after);
}

/* A file that could not be loaded again is not written. */
Test(inference, wrong_thresholds_are_refused)
{
    static const float good[] = {0.25F, 0.5F, 1}, too_large[] = {0.5F, 1.5F, 0};
    static const float not_a_number[] = {NAN, 0, 0};
    static const int negative[] = {7, -2, 0};
    const char *path = linear_model_save("a.h5", 0, targets);
    assert_ok(hpac_thresholds_save(path, good, positives, TARGETS));
    static const size_t counts[] = {0, 2, 4, SIZE_MAX / 4};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cr_expect_eq(hpac_thresholds_save(path, good, positives, counts[i]), HPAC_ERR_CONFIG);
    expect_message("thresholds for 3 outputs");
    cr_expect_eq(hpac_thresholds_save(path, too_large, positives, 3), HPAC_ERR_CONFIG);
    expect_message("a.h5: threshold 1.5 of 0 labels");
    cr_expect_eq(hpac_thresholds_save(path, not_a_number, positives, 3), HPAC_ERR_CONFIG);
    cr_expect_eq(hpac_thresholds_save(path, good, negative, 3), HPAC_ERR_CONFIG);
    assert_thresholds(path, good);
    cr_expect_eq(hpac_thresholds_save(scratch_path("none.h5"), good, positives, 3), HPAC_ERR_DATA);
}

/* Those of a file that another program wrote. */
Test(inference, a_file_with_wrong_thresholds_is_refused)
{
    static const float values[] = {0.5F, 1.5F, NAN};
    const char *path = linear_model_save("a.h5", 0, targets);
    for (hsize_t count = 2; count <= 3; count++) {
        hid_t file = open_copy(path);
        hid_t group = H5Gopen(file, "hpac", H5P_DEFAULT), space = H5Screate_simple(1, &count, NULL);
        hid_t attribute =
            H5Acreate(group, "thresholds", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT);
        cr_assert_geq(H5Awrite(attribute, H5T_NATIVE_FLOAT, values), 0);
        H5Aclose(attribute);
        H5Sclose(space);
        H5Gclose(group);
        assert_refused(close_copy(file),
                       count == 2 ? "hpac/thresholds: 2 floats" : "thresholds: 1.5");
    }
}

/* Keras's files stay as Keras wrote them. */
Test(inference, a_file_of_keras_gets_no_thresholds)
{
    static const float half[] = {0.5F, 0.5F, 0.5F};
    unsigned char *before, *after;
    size_t before_nbytes, after_nbytes;
    cr_assert_eq(
        hpac_file_read("tests/golden/keras3_sequential.h5", 1 << 24, &before, &before_nbytes),
        HPAC_OK);
    const char *path = scratch_write("keras.h5", before, before_nbytes);
    cr_assert_eq(hpac_thresholds_save(path, half, positives, TARGETS), HPAC_ERR_CONFIG);
    cr_assert_eq(hpac_file_read(path, 1 << 24, &after, &after_nbytes), HPAC_OK);
    cr_assert_eq(after_nbytes, before_nbytes);
    cr_assert_arr_eq(after, before, after_nbytes);
    free(before);
    free(after);
}

/* A byte changed anywhere is an error or does no harm. */
Test(inference, damaged_files_crash_nobody)
{
    static const float thresholds[] = {0.25F, 0.5F, 0.75F};
    const char *path = linear_model_save("a.h5", 0, targets);
    cr_assert_eq(hpac_thresholds_save(path, thresholds, positives, TARGETS), HPAC_OK);
    unsigned char *bytes;
    size_t nbytes;
    cr_assert_eq(hpac_file_read(path, 1 << 24, &bytes, &nbytes), HPAC_OK);
    int refused = 0;
    for (size_t at = 0; at < nbytes; at += nbytes / 150 + 1) {
        bytes[at] ^= 0xFF;
        path = scratch_write("damaged.h5", bytes, nbytes);
        hpac_classifier classifier;
        hpac_status status = hpac_classifier_load(path, &no_hints, &classifier);
        cr_assert(status == HPAC_OK || status == HPAC_ERR_DATA || status == HPAC_ERR_CONFIG);
        refused += status != HPAC_OK;
        hpac_classifier_fini(&classifier);
        bytes[at] ^= 0xFF;
    }
    cr_assert_gt(refused, 0);
    free(bytes);
}
