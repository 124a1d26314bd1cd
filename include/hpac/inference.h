/*
 * Trained models at work: a model file and what it tells of itself, and probabilities for images in
 * batches.
 *
 *     hpac_classifier classifier;
 *     hpac_status status = hpac_classifier_load("runs/improved/model.h5", &hints, &classifier);
 *     hpac_inference_options options = {.device = device, .classifiers = &classifier,
 *                                       .classifier_count = 1, .batch_size = 64};
 *     status = hpac_inference_create(&options, &inference);
 *     status = hpac_inference_run(inference, &(hpac_inference_set){...});
 *     hpac_inference_destroy(inference);
 *     hpac_classifier_fini(&classifier);
 *
 * Of the images only the batches under way are in memory, whatever their number. With several
 * classifiers an image is read once and a probability is the mean of theirs.
 */
#ifndef HPAC_INFERENCE_H
#define HPAC_INFERENCE_H

#include <hpac/config.h>
#include <hpac/metrics.h>
#include <hpac/model.h>
#include <hpac/progress.h>

#include <signal.h>

/* ---- model files ---- */

/* What is said for files that do not tell (Keras's). What a file tells and is given here too must
 * agree. */
typedef struct hpac_classifier_hints {
    int targets[HPAC_CLASS_COUNT]; /* class numbers in the order of the outputs */
    size_t target_count;           /* 0: not given */
    bool pixels_given;             /* else bytes, for such files */
    hpac_pixels pixels;
} hpac_classifier_hints;

/* A model that can be fed: layers, weights, input size, targets (all known here). */
typedef struct hpac_classifier {
    char *path;
    hpac_model model;
    hpac_pixels pixels;
    int channel_order[HPAC_MAX_CHANNELS]; /* (model.input.channels) as hpac_dataset_options */
    bool has_config;                      /* whether the file tells what it was trained with */
    hpac_config config;
    bool has_thresholds; /* whether thresholds were tuned for it */
    float thresholds[HPAC_CLASS_COUNT];
} hpac_classifier;

/* Reads a model file. On error the classifier is left zeroed. Errors: DATA for the file (model.h),
 * and one whose parts contradict each other; CONFIG when the hints contradict it, or when it needs
 * hints and there are none. */
hpac_status hpac_classifier_load(const char *path, const hpac_classifier_hints *hints,
                                 hpac_classifier *classifier);
/* Frees what loading allocated and zeroes the struct. */
void hpac_classifier_fini(hpac_classifier *classifier);

/* Whether a mean of the two is of any sense: same targets, image size, channels and pixels. Errors:
 * CONFIG, naming both files and the difference. */
hpac_status hpac_classifier_check_alike(const hpac_classifier *a, const hpac_classifier *b);

/* Paths of model files. */
typedef struct hpac_model_paths {
    char **paths; /* (count) owned */
    int count;
    bool folds; /* of a cross-validation, in the order of its folds */
} hpac_model_paths;

/* What a name on the command line stands for: a file, itself; a run folder, its model.h5; the
 * folder of a cross-validation (hpac_train_folds), the model.h5 of all its folds. On error `paths`
 * is left zeroed. Errors: DATA when there is no such model; all folds that are missing are listed.
 */
hpac_status hpac_model_paths_find(const char *name, hpac_model_paths *paths);
/* Frees the paths and zeroes the struct. */
void hpac_model_paths_fini(hpac_model_paths *paths);

/* All of them, alike: an array of paths->count, and the caller's; NULL on error. */
hpac_status hpac_classifiers_load(const hpac_model_paths *paths, const hpac_classifier_hints *hints,
                                  hpac_classifier **classifiers);
void hpac_classifiers_free(hpac_classifier *classifiers, int count); /* NULL is fine */

/* ---- probabilities ---- */

typedef struct hpac_inference_options {
    hpac_device *device;                /* borrowed */
    const hpac_classifier *classifiers; /* (classifier_count) borrowed; alike in everything but
                                           their weights and thresholds */
    int classifier_count;
    int workers; /* threads that read images; 0: one per core */
    bool skip_bad_images;
    /* As in trainer.h; both may be NULL. The phase is PREDICT. */
    const volatile sig_atomic_t *stop;
    void (*progress)(void *user, const hpac_progress *progress);
    void *user;
} hpac_inference_options;

typedef struct hpac_inference hpac_inference;

/* Networks on the device with their weights. Errors: CONFIG (classifiers that differ; channels that
 * images do not have), DEVICE (memory), INTERNAL. */
hpac_status hpac_inference_create(const hpac_inference_options *options,
                                  hpac_inference **inference);
void hpac_inference_destroy(hpac_inference *inference); /* NULL is fine */

/* The images of one run. All borrowed. */
typedef struct hpac_inference_set {
    const char *images;        /* folder */
    const hpac_labels *labels; /* masks NULL: Ids alone */
    const size_t *rows;        /* (row_count) of labels; NULL: all of them */
    size_t row_count;
    /* Called once, when all files were found good and before the first batch; may be NULL. */
    hpac_status (*on_start)(void *user);
    /* Called for every batch, in order. rows: (count), of labels; probabilities: (count, targets).
     * With skip_bad_images, rows may be missing. */
    hpac_status (*on_batch)(void *user, const size_t *rows, size_t count,
                            const float *probabilities);
    void *user;
    /* Set at the end: the loss, summed over images and targets, against the labels; NaN with
     * several classifiers or without labels. May be NULL. */
    double *loss_sum;
    size_t *skipped; /* set at the end: bad images; may be NULL */
} hpac_inference_set;

/* Checks all image files (when skip_bad_images, the folder only), then computes. Errors: DATA for
 * images, all missing ones listed; NUMERIC; HPAC_INTERRUPTED; those of the callbacks. */
hpac_status hpac_inference_run(hpac_inference *inference, const hpac_inference_set *set);

#endif
