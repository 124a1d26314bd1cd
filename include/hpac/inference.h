/*
 * Inference: model files with their metadata, and probabilities of images.
 *
 * Images in memory, or single files (examples/predict.c is a program that does this):
 *
 *     HPAC_TRY(hpac_classifier_load("runs/improved/model.h5", NULL, &classifier));
 *     hpac_image_pixels image = {.channels = {green}, .rows = 512, .cols = 512};
 *     HPAC_TRY(hpac_classifier_predict(&classifier, &image, 1, probabilities));
 *     hpac_classifier_fini(&classifier);
 *
 * A set of any size in a directory, batch by batch:
 *
 *     hpac_inference_options options = {
 *         .device = device, .classifiers = &classifier, .classifier_count = 1};
 *     hpac_inference_set set = {.images = "data/test", .labels = &ids};
 *     HPAC_TRY(hpac_inference_create(&options, &set, &inference));
 *     HPAC_TRY(hpac_inference_run(inference, &(hpac_inference_pass){.on_batch = print_batch}));
 *     hpac_inference_destroy(inference);
 *
 * Only the batches in flight are in memory, whatever the number of images. With several classifiers
 * each image is read once and probabilities are averaged.
 */
#ifndef HPAC_INFERENCE_H
#define HPAC_INFERENCE_H

#include <hpac/config.h>
#include <hpac/metrics.h>
#include <hpac/model.h>
#include <hpac/progress.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Metadata for files without it (those saved by Keras). If a file has metadata, both must agree. */
typedef struct hpac_classifier_hints {
    int targets[HPAC_CLASS_COUNT]; /* class numbers in the order of the outputs */
    size_t target_count;           /* 0: not given */
    bool pixels_given;             /* false: uint8, for files without metadata */
    hpac_pixels pixels;
} hpac_classifier_hints;

typedef struct hpac_predictor hpac_predictor;

/* A model with everything needed to run it: layers, weights, input size, targets. After a change of
 * a member call hpac_classifier_use_device, which makes the network again. */
typedef struct hpac_classifier {
    char *path;
    hpac_model model;
    hpac_pixels pixels;
    int channel_order[HPAC_MAX_CHANNELS]; /* (model.input.channels) as hpac_dataset_options */
    bool has_config;                      /* the file has the configuration of its training */
    hpac_config config;
    hpac_predictor *predictor; /* of hpac_classifier_predict; owned */
} hpac_classifier;

/* Reads a model file; to be released by hpac_classifier_fini. hints NULL: none. On error the
 * classifier is zeroed. Not thread-safe (model.h). Errors: DATA for the file (model.h) and
 * contradictions in it; CONFIG when hints contradict it, needed ones are missing, or
 * targets are out of range or repeated. */
hpac_status hpac_classifier_load(const char *path, const hpac_classifier_hints *hints,
                                 hpac_classifier *classifier);
/* Frees what loading and predicting allocated and zeroes the struct. NULL is fine. */
void hpac_classifier_fini(hpac_classifier *classifier);

/* An image in memory: for each channel the classifier takes, by its number (hpac_channel), 8-bit
 * gray of any size, (rows, cols), packed, as in the competition's files. The other channels may be
 * NULL.
 */
typedef struct hpac_image_pixels {
    const uint8_t *channels[HPAC_MAX_CHANNELS];
    size_t rows, cols;
} hpac_image_pixels;

/* An image in PNG files: their paths, likewise. */
typedef struct hpac_image_files {
    const char *channels[HPAC_MAX_CHANNELS];
} hpac_image_files;

/*
 * Predicts `count` images: probabilities (count, classifier->model.target_count), the probability
 * of class classifier->model.targets[t] in column t. They have the bits that "hpac predict" writes,
 * whatever images are predicted together. `images` are borrowed during the call; they and
 * probabilities may be NULL when count is 0.
 *
 * The first call opens the device "auto", unless hpac_classifier_use_device chose one, and makes
 * the network there: later calls are faster. Files and resizing use one thread per core. Threads
 * may share a classifier: their calls take turns.
 *
 * After an error the probabilities are undefined and the classifier is usable. Errors: DATA,
 * listing the images with missing channels or files and with sizes out of range; DEVICE; NUMERIC;
 * INTERNAL for a classifier that is not loaded, or in a callback that a call with the same
 * classifier makes.
 */
hpac_status hpac_classifier_predict(const hpac_classifier *classifier,
                                    const hpac_image_pixels *images, size_t count,
                                    float *probabilities);
/* The same for images in files. */
hpac_status hpac_classifier_predict_files(const hpac_classifier *classifier,
                                          const hpac_image_files *images, size_t count,
                                          float *probabilities);

/* Makes the network of the calls above on a device of the caller's, which must outlive its use:
 * until the next call of this function, or hpac_classifier_fini. Classifiers that share a device
 * must not predict at the same time; on a GPU other than the first all calls must come from the
 * thread that opened it. NULL: "auto" again, opened now. Errors: DEVICE; the next prediction then
 * tries again. */
hpac_status hpac_classifier_use_device(const hpac_classifier *classifier, hpac_device *device);

/* Checks that two classifiers can be averaged: same targets, image size, channels and pixel type.
 * Errors: CONFIG, with both files and the difference. */
hpac_status hpac_classifier_check_alike(const hpac_classifier *a, const hpac_classifier *b);

typedef struct hpac_classifiers {
    hpac_classifier *items; /* (count) owned; of a cross-validation in the order of its folds */
    size_t count, capacity;
} hpac_classifiers;

/* Loads the models of a MODEL argument, and checks that they can be averaged: a file; the model.h5
 * of a run directory; the model.h5 of all folds of a cross-validation (hpac_train_folds). hints
 * NULL: none. To be released whatever the status. Errors: those of hpac_classifier_load and
 * ..._check_alike; DATA when there is no such model; all missing folds are listed. */
hpac_status hpac_classifiers_load(const char *name, const hpac_classifier_hints *hints,
                                  hpac_classifiers *classifiers);
void hpac_classifiers_fini(hpac_classifiers *classifiers); /* a zeroed one or NULL is fine */

typedef struct hpac_inference_options {
    hpac_device *device;                /* not owned */
    const hpac_classifier *classifiers; /* (classifier_count) not owned; they differ only in
                                           weights and thresholds */
    size_t classifier_count;
    int workers; /* threads that read images, up to 256; 0: one per core */
    bool skip_bad_images;
    /* As in trainer.h; both may be NULL. The phase is PREDICT. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, const hpac_progress *progress);
    void *user;
} hpac_inference_options;

/* The images to compute. */
typedef struct hpac_inference_set {
    const char *images;        /* directory */
    const hpac_labels *labels; /* masks NULL: Ids only */
    const size_t *rows;        /* (row_count) of labels; NULL: all of them */
    size_t row_count;
} hpac_inference_set;

typedef struct hpac_inference hpac_inference;

/* Creates the networks on the device and checks all image files of the set (with skip_bad_images
 * only the directory). What options and set point to is borrowed. To be destroyed whatever the
 * status. Errors: INTERNAL (no classifiers, rows that the labels do not have); CONFIG (classifiers
 * that differ); DEVICE (memory); DATA, with all missing images
 * listed. */
hpac_status hpac_inference_create(const hpac_inference_options *options,
                                  const hpac_inference_set *set, hpac_inference **inference);
void hpac_inference_destroy(hpac_inference *inference); /* NULL is fine */

/* One pass over the set, or over some of its rows. Nothing is owned. */
typedef struct hpac_inference_pass {
    const size_t *rows; /* (row_count) of the set's; NULL: all of them */
    size_t row_count;
    /* Called for every batch, in order. rows: (count), of labels; probabilities: (count, targets).
     * With skip_bad_images, rows may be missing. A failure, of which it sets the message
     * (hpac_fail), ends the pass. It must neither run nor destroy the inference. */
    hpac_status (*on_batch)(void *user, const size_t *rows, size_t count,
                            const float *probabilities);
    void *user;
    /* Set at the end. */
    double loss_sum; /* over images and targets; NaN with several classifiers or without labels */
    size_t skipped;  /* bad images */
} hpac_inference_pass;

/* Errors: DATA, NUMERIC, HPAC_INTERRUPTED, DEVICE; those of the callback. */
hpac_status hpac_inference_run(hpac_inference *inference, hpac_inference_pass *pass);

#ifdef __cplusplus
}
#endif

#endif
